"""A ledger that is restored to an older copy stands still and says so, and after a resync forgets nothing announced."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import orjson

from console.stack.infrastructure import Infrastructure
from services.subsidy import store
from services.subsidy.config import Settings
from services.subsidy.main import definition
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_DECISIONS
from tests.plumbing.test_restores import old_copy
from tests.plumbing.test_stopped_lane import stands
from tests.plumbing.world import Running, World, make_world, until
from tests.subsidy.conftest import LANES
from tests.subsidy.facts import Province, Service, kept
from tests.subsidy.histories import busy


@contextlib.asynccontextmanager
async def running(world: World) -> AsyncIterator[Running]:
    """Subsidy, run in this process."""
    settings = world.settings_of(Settings)
    async with world.run(definition(settings), settings) as made:
        yield made


async def tell(world: World, histories: list[Province], first: int, last: int | None) -> None:
    """A part of each lane's history."""
    for province in histories:
        facts = [orjson.dumps(fact) for fact in province.facts[first:last]]
        await world.write(ENROLLMENT_EVENTS, province.lane, *facts)


async def until_decided(world: World, histories: list[Province], last: int | None) -> None:
    """Wait until a part of each lane's history is decided and all that came of it published."""
    wanted = {province.lane: len(province.facts[:last]) for province in histories}

    async def decided() -> bool:
        taken = await world.owner.fetch("SELECT lane, last_seq FROM cursor WHERE lane = ANY($1)", list(LANES))
        left = await world.owner.fetchval("SELECT sum(seq - published_seq) FROM outbound")
        return {row["lane"]: row["last_seq"] for row in taken} == wanted and not left

    await until(decided)


async def test_what_was_announced_before_a_restore_is_decided_the_same_again_and_announced_once(
    infrastructure: Infrastructure, subsidy: Service
) -> None:
    histories = [busy(2), busy(3, "33")]
    await subsidy.take(*(fact for province in histories for fact in province.facts))
    async with make_world(infrastructure, "subsidy", lanes=LANES) as world:
        async with running(world):
            await tell(world, histories, 0, 40)
            await until_decided(world, histories, 40)
        async with old_copy(world) as restore:
            async with running(world):
                await tell(world, histories, 40, 80)
                await until_decided(world, histories, 80)
            announced = {lane: await world.published(lane) for lane in LANES}
            await restore()
            async with running(world) as restored:
                await tell(world, histories, 80, None)
                for lane in LANES:
                    why = (await stands(world, lane))["stopped"]
                    assert why.startswith("database went back: ")
                    assert (await world.cursor(lane))["last_seq"] == 40, "nothing is decided meanwhile"
                for lane in LANES:
                    await restored.order("resync", lane)
                await until_decided(world, histories, None)
            for lane in LANES:
                on_topic = await world.published(lane)
                assert on_topic[: len(announced[lane])] == announced[lane]
                for facts in (on_topic, await world.published(lane, PROVINCE_DECISIONS)):
                    assert set(Counter(fact["id"] for fact in facts).values()) == {1}
            assert await kept(world.owner) == await subsidy.tables()
            async with world.owner.acquire() as db:
                checked = await store.check(db)
            assert not any(
                value for name, value in checked.items() if name not in ("budgets", "entries", "postings")
            )
