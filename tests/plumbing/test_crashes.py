"""A process that ends between any two steps of a batch loses nothing and doubles nothing."""

import asyncio
import signal

from tests.plumbing.nursery import POINTS
from tests.plumbing.processes import Nursery
from tests.plumbing.world import World, until


async def test_a_process_killed_between_any_two_steps_loses_nothing_and_doubles_nothing(
    world: World, nursery: Nursery
) -> None:
    lane, other = world.some_lanes(2)
    wanted: list[int] = []
    for place, point in enumerate(POINTS):
        notes = [10 * place + 1, 10 * place + 2]
        await world.notes(lane, *notes)
        await world.notes(other, *notes)
        wanted += notes
        doomed = await nursery.start(world, f"kill-{place}", dies=point)
        await doomed.until_ended()
        assert doomed.reached == point
        committed = place > POINTS.index("before COMMIT")
        assert bool(await world.stamped(lane) or await world.stamped(other)) == committed
    async with world.relay() as heir:
        await world.until_relayed(lane, *wanted)
        await world.until_relayed(other, *wanted)
        assert await heir.alive()
    assert await world.pool.fetchval("SELECT count(*) FROM note") == 2 * len(wanted)


async def test_a_process_told_to_end_in_the_middle_of_a_batch_ends_in_time_and_loses_nothing(
    world: World, nursery: Nursery
) -> None:
    (lane,) = world.some_lanes(1)
    process = await nursery.start(world, "term", freezes="after the locks")
    await until(process.ready)
    await world.notes(lane, 1, 2, 3)
    await process.until_frozen()
    process.send(signal.SIGTERM)  # it hears it in the middle of its transaction
    process.send(signal.SIGCONT)
    await process.until_ended()
    assert await members(world, "subsidy-term") == 0, "it has left its group: its heirs need not wait"
    async with world.relay(group="subsidy-term"):
        await world.notes(lane, 4)
        await world.until_relayed(lane, 1, 2, 3, 4)
    assert await world.pool.fetchval("SELECT count(*) FROM note WHERE lane = $1", lane) == 4


async def members(world: World, group: str) -> int:
    """How many processes the broker counts in a group."""
    name = f"{world.namespace}{group}"
    described = world.infrastructure.kafka.access.client.describe_consumer_groups([name])[name]
    return len((await asyncio.to_thread(described.result, 10)).members)
