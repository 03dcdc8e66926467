"""A gap in `seq` is seen, waited for and repaired; a duplicate has no effect."""

import asyncio
from typing import Any

import orjson
import pytest
from confluent_kafka import TopicPartition

from shared.plumbing import batch, publisher, store
from shared.plumbing.publisher import Publisher
from tests.plumbing.relay import INPUT, OUTPUT
from tests.plumbing.world import Owner, World, fact, until


async def test_a_fact_delivered_twice_has_one_effect(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (1, 1, 2, 1, 2, 3)))
        await world.until_relayed(lane, 1, 2, 3)
        assert await running.metric("dreams_dropped_total") == 3


async def test_a_gap_is_an_alarm_and_closes_when_the_missing_fact_comes_by(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.relay() as running:
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (1, 2, 4, 5)))

        async def waits() -> bool:
            return (await world.cursor(lane))["waiting_since"] is not None

        await until(waits)
        assert await running.metric("dreams_gaps_total", lane=lane) == 1
        await world.notes(other, 1)
        await world.until_relayed(other, 1)
        assert await world.relayed(lane) == [1, 2]
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (3, 4, 5)))
        await world.until_relayed(lane, 1, 2, 3, 4, 5)
        assert not await waits()
        assert await running.alive()


async def test_an_open_gap_outlives_the_process_that_met_it(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay():
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (1, 3)))

        async def waits() -> bool:
            return (await world.cursor(lane))["waiting_since"] is not None

        await until(waits)
    async with world.relay():
        await world.write(INPUT, lane, fact(lane, 2, {"n": 2}), fact(lane, 3, {"n": 3}))
        await world.until_relayed(lane, 1, 2, 3)
        assert not await waits()


async def test_republish_closes_a_gap_that_deleted_records_have_left_behind(world: World) -> None:
    (lane,) = world.some_lanes(1)
    seen: dict[str, list[int]] = {}
    async with world.relay() as relay:
        for n in range(1, 6):  # a batch each
            await world.notes(lane, n)
            await world.until_relayed(lane, *range(1, n + 1))
        await delete_before(world, lane, 3)
        async with world.reader(seen) as reader:

            async def waits() -> bool:
                return (await world.cursor(lane, OUTPUT))["waiting_since"] is not None

            await until(waits)
            assert lane not in seen
            await relay.order("republish", lane, stream=OUTPUT.pattern, from_seq=1)

            async def whole() -> bool:
                return seen.get(lane) == [1, 2, 3, 4, 5]

            await until(whole)
            await world.notes(lane, 6)

            async def goes_on() -> bool:
                return seen[lane] == [1, 2, 3, 4, 5, 6]

            await until(goes_on)
            assert not await waits()
            assert await reader.alive()


async def test_a_wish_to_publish_again_outlives_a_failed_send_and_a_new_owner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lane,) = world.some_lanes(1)
    async with world.a_process() as owner:
        await owner.open(lane)
        for n in range(1, 7):  # a log row each
            await owner.take(lane, n)
        await world.until_relayed(lane, *range(1, 7))
        await until_acknowledged(world, owner, lane, 6)
        monkeypatch.setattr(batch, "LOG_READ_MAX_ROWS", 2)
        fail_once(monkeypatch, 4)
        await ask_again(world, lane, 1)

        async def half_way() -> bool:
            await owner.tick(lane)
            return owner.publisher.failures > 0

        await until(half_way)
        assert (await world.outbound(lane))["republish_from"] in range(1, 5)
    async with world.a_process() as heir:

        async def met() -> bool:
            await heir.tick(lane)
            return (await world.outbound(lane))["republish_from"] is None

        await until(met)
        seqs = [orjson.loads(record.value)["seq"] for record in await world.records(lane)]
        assert {seq: seqs.count(seq) >= 2 for seq in range(1, 7)} == dict.fromkeys(range(1, 7), True)
        assert (await world.outbound(lane))["published_seq"] == 6


async def test_a_later_wish_never_replaces_an_earlier_one_that_is_still_open(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.a_process() as owner:
        await owner.open(lane)
        await owner.take(lane, 1, 2, 3)
        for from_seq, stands in ((2, 2), (3, 2), (1, 1)):
            await ask_again(world, lane, from_seq)
            assert (await world.outbound(lane))["republish_from"] == stands


async def test_a_batch_reads_no_more_of_the_log_than_fits_in_memory_and_goes_on_in_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = world.some_lanes(3)
    async with world.a_process() as owner:
        await owner.open(*some)
        for lane in some:
            for n in range(1, 7):
                await owner.take(lane, n)
            await world.until_relayed(lane, *range(1, 7))
    row_bytes = await world.pool.fetchval("SELECT max(length(events)) FROM log WHERE lane = ANY($1)", some)
    await world.owner.execute("UPDATE outbound SET published_seq = 0 WHERE lane = ANY($1)", some)
    monkeypatch.setattr(publisher, "LANE_PENDING_BYTES_MAX", 2 * row_bytes - 1)
    monkeypatch.setattr(batch, "LOG_READ_MAX_BYTES", 3 * row_bytes)
    read_log, read, shares = store.read_log, [0], [0]

    async def counted(*arguments: Any) -> list[store.LogRow]:
        rows = await read_log(*arguments)
        shares.append(len(rows))
        read[-1] += sum(len(row.events) for row in rows)
        return rows

    monkeypatch.setattr(store, "read_log", counted)
    async with world.a_process() as heir:

        async def all_published() -> bool:
            read.append(0)
            await heir.tick(*some)
            rows = [await world.outbound(lane) for lane in some]
            return all(row["published_seq"] == row["seq"] == 6 for row in rows)

        await until(all_published)
    assert max(shares) == 2, "a lane's share, and the row that goes over it"
    assert 0 < max(read) <= 3 * row_bytes


async def test_republish_of_what_was_never_published_is_refused(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as relay:
        with pytest.raises(AssertionError, match="Nothing was published"):
            await relay.order("republish", lane, stream=OUTPUT.pattern, from_seq=1)


async def delete_before(world: World, lane: str, offset: int) -> None:
    """Delete the records of a lane that lie before `offset`."""
    place = TopicPartition(OUTPUT.topic(world.namespace, lane), OUTPUT.partition(lane), offset)
    deleted = world.infrastructure.kafka.access.client.delete_records([place])
    await asyncio.to_thread(lambda: [one.result(10) for one in deleted.values()])


async def ask_again(world: World, lane: str, from_seq: int) -> None:
    """An operator's wish, written down for whoever owns the lane."""
    async with world.pool.acquire() as db:
        assert await store.ask_republish(db, OUTPUT.pattern, lane, from_seq)


async def until_acknowledged(world: World, owner: Owner, lane: str, seq: int) -> None:
    """Tick until the lane row says that all up to `seq` is acknowledged."""

    async def written_down() -> bool:
        await owner.tick(lane)
        return bool((await world.outbound(lane))["published_seq"] == seq)

    await until(written_down)


def fail_once(monkeypatch: pytest.MonkeyPatch, seq: int) -> None:
    """The next send of the log row that begins with `seq` is given up before it reaches the broker."""
    send_row = Publisher._send_row
    failed: list[int] = []

    async def fails(self: Publisher, producer: Any, place: Any, row: store.LogRow) -> None:
        if row.first_seq == seq and not failed:
            failed.append(seq)
            raise TimeoutError
        await send_row(self, producer, place, row)

    monkeypatch.setattr(Publisher, "_send_row", fails)
