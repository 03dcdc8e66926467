"""The log is outbox and archive: hash-chained, gapless whoever publishes, and only what stands there goes out."""

import asyncio
import hashlib

from shared.plumbing.kafka import PRODUCER_BATCH_BYTES
from tests.plumbing.relay import Relay
from tests.plumbing.world import World, until


async def test_the_logs_hash_chain_verifies_and_shows_tampering(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.a_process() as owner:
        await owner.open(lane)
        await owner.take(lane, 1, 2)
        await owner.take(lane, 3)
        await owner.take(lane, 4, 5)
    assert await broken_links(world, lane) == []
    await world.owner.execute(
        "UPDATE log SET events = replace(convert_from(events, 'utf8'), '\"n\":3', '\"n\":9')::bytea "
        "WHERE lane = $1 AND first_seq = 3",
        lane,
    )
    assert await broken_links(world, lane) == [3]
    await world.owner.execute(
        "UPDATE log SET hash = sha256(prev_hash || events) WHERE lane = $1 AND first_seq = 3", lane
    )
    assert await broken_links(world, lane) == [4], "a forged link no longer holds the next one"
    await world.owner.execute("DELETE FROM log WHERE lane = $1 AND first_seq = 4", lane)
    assert await broken_links(world, lane) == ["head"]


async def test_what_is_published_is_what_the_log_holds_byte_for_byte(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.a_process() as owner:
        await owner.open(lane)
        await owner.take(lane, 1, 2)
        await owner.take(lane, 3)
        await world.until_relayed(lane, 1, 2, 3)
    rows = await world.pool.fetch("SELECT events FROM log WHERE lane = $1 ORDER BY first_seq", lane)
    lines = [line for (events,) in rows for line in events.split(b"\n")]
    assert [record.value for record in await world.records(lane)] == lines


async def test_a_row_that_is_more_than_one_record_batch_is_published_whole(world: World) -> None:
    (lane,) = world.some_lanes(1)
    numbers = range(1, 2_001)
    async with world.a_process() as owner:
        await owner.open(lane)
        await owner.take(lane, *numbers)
        await world.until_relayed(lane, *numbers)
    rows = await world.pool.fetch("SELECT octet_length(events) AS size FROM log WHERE lane = $1", lane)
    assert [row["size"] > PRODUCER_BATCH_BYTES for row in rows] == [True], "it all fitted into one batch"


async def test_a_transaction_held_open_keeps_later_ones_of_its_lane_waiting_so_no_reader_loses_it(
    world: World,
) -> None:
    (lane,) = world.some_lanes(1)
    slow, quick = Relay(held=True), Relay()
    async with world.a_process(slow) as first, world.a_process(quick) as second:
        await first.open(lane)
        held = asyncio.create_task(first.take(lane, 1))
        await asyncio.wait_for(slow.entered.wait(), 10)
        late = asyncio.create_task(second.take(lane, 1, 2))

        async def waits_for_the_lock() -> bool:
            return bool(await world.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits_for_the_lock)
        assert not late.done()
        slow.gate.set()
        await asyncio.gather(held, late)
        assert quick.given == [2], "it read its cursor after it had waited"
        assert await world.stamped(lane) == 2
        await world.until_relayed(lane, 1, 2)


async def test_four_processes_that_all_publish_a_lane_leave_its_readers_without_gap_or_reversal(
    world: World,
) -> None:
    (lane,) = world.some_lanes(1)
    async with (
        world.a_process() as a,
        world.a_process() as b,
        world.a_process() as c,
        world.a_process() as d,
    ):
        await a.open(lane)
        for first in range(1, 41, 8):
            turns = [(owner, first + 2 * place) for place, owner in enumerate((a, b, c, d))]
            for owner, seq in turns:
                await owner.take(lane, seq, seq + 1)
            await asyncio.gather(*(owner.tick(lane) for owner, _ in turns))
        await world.until_relayed(lane, *range(1, 41))
        assert len(await world.records(lane)) > 40, "they did publish over each other"


async def test_what_a_zombie_commits_after_the_new_owner_has_looked_is_published_by_the_new_owner(
    world: World,
) -> None:
    (lane,) = world.some_lanes(1)
    async with world.a_process() as zombie, world.a_process() as owner:
        await zombie.open(lane)
        await zombie.take(lane, 1, 2)
        await owner.tick(lane)  # taken over: it has compared, and all is published
        await world.until_relayed(lane, 1, 2)
        zombie.publisher._places.clear()
        zombie.publisher._enqueue = lambda *_: None  # type: ignore[method-assign]  # frozen before it could send
        await zombie.take(lane, 3, 4)
        assert await world.relayed(lane) == [1, 2]
        assert await world.stamped(lane) == 4
        await owner.take(lane, 5)
        await world.until_relayed(lane, 1, 2, 3, 4, 5)


async def broken_links(world: World, lane: str) -> list[int | str]:
    """Where the chain does not hold: first `seq` of log rows, and `head` where the lane row has another end."""
    rows = await world.pool.fetch("SELECT * FROM log WHERE lane = $1 ORDER BY first_seq", lane)
    broken: list[int | str] = []
    before = bytes(32)
    for row in rows:
        if row["prev_hash"] != before or row["hash"] != hashlib.sha256(before + row["events"]).digest():
            broken.append(row["first_seq"])
        before = row["hash"]
    if before != (await world.outbound(lane))["head"]:
        broken.append("head")
    return broken
