"""A process that was frozen and wakes up changes nothing any more, and holds nobody up meanwhile."""

import signal

import pytest

from shared.plumbing import postgres
from tests.plumbing.processes import Nursery
from tests.plumbing.world import World, until


async def test_an_owner_frozen_beyond_its_session_is_succeeded_and_its_batch_is_dropped_when_it_wakes(
    world: World, nursery: Nursery
) -> None:
    (lane,) = world.some_lanes(1)
    zombie = await nursery.start(world, "zombie", freezes="before the transaction")
    await until(zombie.ready)
    await world.notes(lane, 1, 2)
    await zombie.until_frozen()
    async with world.relay(group="subsidy-zombie") as heir:
        assert lane in heir.consumer.lanes, "taken over"
        await world.until_relayed(lane, 1, 2)
        await world.notes(lane, 3)
        await world.until_relayed(lane, 1, 2, 3)
        zombie.send(signal.SIGCONT)

        async def dropped_its_batch() -> bool:
            return await zombie.metric("dreams_dropped_total") >= 1

        await until(dropped_its_batch)
        await world.notes(lane, 4)
        await world.until_relayed(lane, 1, 2, 3, 4)
        assert await world.pool.fetchval("SELECT count(*) FROM note WHERE lane = $1", lane) == 4


@pytest.mark.parametrize(
    "point", ["in the middle of COPY", pytest.param("after the locks", marks=pytest.mark.campaign)]
)
async def test_whoever_is_frozen_while_it_holds_a_cursor_is_ended_by_the_one_who_waits_for_it(
    world: World, nursery: Nursery, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setattr(postgres, "CURSOR_WAIT_S", 1.0)
    lane, other = world.some_lanes(2)
    group = "holder-" + point.rpartition(" ")[2].lower()
    holder = await nursery.start(world, group, freezes=point)
    await until(holder.ready)
    await world.notes(lane, 1, 2)
    await holder.until_frozen()
    assert holder.reached == point
    async with world.relay(group=f"subsidy-{group}") as waiter:
        await world.until_relayed(lane, 1, 2)
        assert await waiter.metric("dreams_ended_backends_total") == 1
        assert await waiter.alive()
        holder.send(signal.SIGCONT)
        await world.notes(lane, 3)
        await world.notes(other, 1)
        await world.until_relayed(lane, 1, 2, 3)
        await world.until_relayed(other, 1)
        await until(holder.ready)
        assert await world.pool.fetchval("SELECT count(*) FROM note WHERE lane = $1", lane) == 3
