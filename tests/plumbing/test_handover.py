"""Work that one lane causes on another is done there, once, cause before effect."""

from typing import Any

from shared.plumbing.outgoing import derived_id
from tests.plumbing.relay import Relay
from tests.plumbing.world import World, until


async def test_a_fact_for_another_lane_is_published_there_by_its_owner(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.relay():
        await world.notes(lane, 1, to=other)
        await world.notes(lane, 2)
        await world.until_relayed(other, 1)
        await world.until_relayed(lane, 2)
        assert await world.pool.fetchval("SELECT count(*) FROM handover") == 0


async def test_what_another_lane_decided_is_stamped_before_the_batchs_own(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.a_process() as owner:
        await owner.open(lane, other)
        await owner.take(lane, 1, to=other)
        await owner.take(other, 1)
        facts = await until_published(world, other, 2)
        assert [fact["id"] for fact in facts] == [relayed_id(lane, 1), relayed_id(other, 1)]


async def test_parked_work_is_judged_on_its_own_lane_before_new_records(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.a_process() as owner:
        await owner.open(lane, other)
        await owner.take(lane, 1, to=other, park=True, n=71)
        await owner.take(other, 1)
        facts = await until_published(world, other, 2)
        assert [(fact["data"]["n"], fact["data"]["came"]) for fact in facts] == [(71, "handed"), (1, "read")]
        assert await world.relayed(lane) == []


async def test_handed_work_reaches_an_idle_lane_of_another_process(world: World) -> None:
    group = "subsidy-handover"
    async with world.relay(group=group) as first, world.relay(group=group) as second:

        async def shared() -> bool:
            return bool(first.consumer.lanes) and bool(second.consumer.lanes)

        await until(shared)
        (lane,) = world.some_lanes(1, first.consumer.lanes)
        (other,) = world.some_lanes(1, second.consumer.lanes)
        await world.notes(lane, 1, to=other)
        await world.notes(lane, 2, to=other, park=True)
        await world.until_relayed(other, 1, 2)


async def test_a_batch_that_fails_hands_nothing_over(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.a_process(Relay(poison={2})) as owner:
        await owner.open(lane, other)
        await owner.take(lane, 1, to=other, n=2)
        assert await world.pool.fetchval("SELECT count(*) FROM handover") == 0
        assert (await world.cursor(lane))["stopped"]


async def until_published(world: World, lane: str, count: int) -> list[dict[str, Any]]:
    """All facts of a lane once there are so many."""

    async def enough() -> list[dict[str, Any]]:
        facts = await world.published(lane)
        return facts if len(facts) >= count else []

    return await until(enough)


def relayed_id(lane: str, n: int) -> str:
    """The id of what the relay publishes for a note."""
    return derived_id("relay", lane, n)
