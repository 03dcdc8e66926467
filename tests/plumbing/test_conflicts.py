"""A conflict between transactions is tried again; only our own code's failure is poison, wherever it lies."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.plumbing.batch import Batch
from shared.plumbing.store import Db
from tests.plumbing.relay import Relay
from tests.plumbing.world import World


class Locking(Relay):
    """Locks two rows, one after the other, as soon as the other process holds its first."""

    def __init__(self, rows: Sequence[str], both: asyncio.Barrier) -> None:
        super().__init__()
        self.rows = rows
        self.both = both
        self.tries = 0

    async def __call__(self, batch: Batch, db: Db) -> None:
        self.tries += 1
        for place, lane in enumerate(self.rows):
            await db.execute("SELECT 1 FROM note WHERE lane = $1 FOR NO KEY UPDATE", lane)
            if place == 0 and self.tries == 1:
                await self.both.wait()
        await super().__call__(batch, db)


async def test_two_transactions_that_block_each_other_are_tried_again_and_stop_nothing(world: World) -> None:
    one, other = world.some_lanes(2)
    both = asyncio.Barrier(2)
    first, second = Locking((one, other), both), Locking((other, one), both)
    for lane in (one, other):
        await world.pool.execute("INSERT INTO note VALUES ($1, 0, 'before')", lane)
    async with world.a_process(first) as a, world.a_process(second) as b, asyncio.timeout(20):
        await a.open(one, other)
        await asyncio.gather(a.take(one, 1), b.take(other, 1))
        assert first.tries + second.tries == 3, "one of them was the victim of the deadlock"
        for lane in (one, other):
            assert (await world.cursor(lane))["stopped"] is None
            await world.until_relayed(lane, 1)


@pytest.mark.parametrize("poison", [1, 3, 5], ids=["first", "in the middle", "last"])
async def test_poison_costs_no_other_record_of_its_batch(world: World, poison: int) -> None:
    sick, well = world.some_lanes(2)
    async with world.a_process(Relay(poison={poison})) as owner:
        await owner.open(sick, well)
        await owner.carry(owner.records(sick, 1, 2, 3, 4, 5) + owner.records(well, 1, 2, above=100))
        cursor = await world.cursor(sick)
        assert cursor["last_seq"] == poison - 1
        assert cursor["stopped_offset"] == cursor["next_offset"] == poison - 1
        await world.until_relayed(sick, *range(1, poison))
        await world.until_relayed(well, 101, 102)
