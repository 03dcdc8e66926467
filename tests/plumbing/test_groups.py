"""Kafka's groups hand lanes out: one owner each, whatever their number, their offsets or new lanes do."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition as KafkaPlace
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]  # its stub does not re-export it

from shared.contracts import lanes, topics
from shared.contracts.lanes import LANE_CODES
from shared.plumbing import lane_consumer, pace, store
from shared.plumbing.batch import Batch
from shared.plumbing.decoding import Taken
from shared.plumbing.store import Db
from tests.plumbing import relay
from tests.plumbing.relay import INPUT, OUTPUT, Relay
from tests.plumbing.world import Running, World, until

NEW_LANE = "67"


@pytest.mark.parametrize("processes", [2, 3])
async def test_a_lane_has_one_owner_over_all_its_upstreams(world: World, processes: int) -> None:
    group = f"subsidy-range-{processes}"
    async with contextlib.AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(world.reader({}, (INPUT, OUTPUT), group=group))
            for _ in range(processes)
        ]

        async def shared_out() -> bool:
            places = [place for one in running for place in one.consumer.owned.places.values()]
            return len(places) == 2 * len(LANE_CODES) and all(one.consumer.lanes for one in running)

        await until(shared_out)
        owners = Counter(lane for one in running for lane in one.consumer.lanes)
        assert owners == Counter(LANE_CODES), "a lane of both streams belongs to one process"
        assert spread(running) <= 1


async def test_a_group_that_is_reset_to_the_beginning_changes_nothing(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay(group="subsidy-reset"):
        await world.notes(lane, 1, 2, 3)
        await world.until_relayed(lane, 1, 2, 3)
    cursor = await world.cursor(lane)
    places = [
        TopicPartition(INPUT.topic(world.namespace, one), INPUT.partition(one), 0) for one in LANE_CODES
    ]
    reset = world.infrastructure.kafka.access.client.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(f"{world.namespace}subsidy-reset", places)]
    )
    await asyncio.to_thread(lambda: [one.result(10) for one in reset.values()])
    async with world.relay(group="subsidy-reset") as running:
        await world.notes(lane, 4)
        await world.until_relayed(lane, 1, 2, 3, 4)
        assert await running.metric("dreams_dropped_total") == 0, "it did not even read them again"
    assert (await world.cursor(lane))["next_offset"] == cursor["next_offset"] + 1


async def test_records_read_again_from_the_beginning_are_dropped(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay():
        await world.notes(lane, 1, 2, 3)
        await world.until_relayed(lane, 1, 2, 3)
    await world.pool.execute("UPDATE cursor SET next_offset = 0 WHERE lane = $1", lane)
    async with world.relay() as running:
        await world.notes(lane, 4)
        await world.until_relayed(lane, 1, 2, 3, 4)
        assert await running.metric("dreams_dropped_total") == 3


async def test_a_rebalance_in_the_middle_of_a_batch_neither_loses_nor_doubles_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        lane_consumer, "REVOKE_WAIT_S", 0.2
    )  # its lanes are taken away although the batch is under way
    (lane,) = world.some_lanes(1)
    group, handle = "subsidy-middle", Relay(held=True)
    async with world.relay(handle, group=group) as first:
        await world.notes(lane, 1, 2)
        await asyncio.wait_for(handle.entered.wait(), 20)
        async with world.relay(group=group) as second:

            async def shared_out() -> bool:
                return sorted(first.consumer.lanes + second.consumer.lanes) == sorted(LANE_CODES)

            await until(shared_out)
            handle.gate.set()
            await world.notes(lane, 3)
            await world.until_relayed(lane, 1, 2, 3)
            dropped = [await one.metric("dreams_dropped_total") for one in (first, second)]
            assert sum(dropped) >= 2, "they were read a second time"
            assert await world.pool.fetchval("SELECT count(*) FROM note WHERE lane = $1", lane) == 3


async def test_records_that_come_before_their_lane_is_opened_are_taken_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_lanes, opened = store.open_lanes, asyncio.Event()

    async def slowly(*arguments: Any) -> None:
        await opened.wait()
        await open_lanes(*arguments)

    (lane,) = world.some_lanes(1)
    await world.owner.execute("DELETE FROM cursor WHERE lane = $1", lane)
    await world.notes(lane, 1, 2)
    monkeypatch.setattr(store, "open_lanes", slowly)
    stopped: list[str] = []
    stop_lane = store.stop_lane

    async def note_stop(db: Any, streams: Any, stopped_lane: str, *more: Any) -> int:
        stopped.append(stopped_lane)
        return await stop_lane(db, streams, stopped_lane, *more)

    monkeypatch.setattr(store, "stop_lane", note_stop)
    group = relay.USER + "-early"
    async with world.run(relay.definition(Relay(), group), world.settings(), ready=False) as running:

        async def fetched() -> bool:
            consumer = running.consumer.consumer
            return any(position > 0 for position in positions(consumer, lane, world))

        await until(fetched)
        opened.set()
        await world.until_relayed(lane, 1, 2)
        assert stopped == []


async def polled_at_once(
    world: World, running: Running, monkeypatch: pytest.MonkeyPatch, counts: dict[str, int]
) -> None:
    """Send so many notes on each lane, in this order, and have them polled once all of them lie in the client."""
    consumer, polls = running.consumer, list[str]()
    poll, fetched = consumer._poll_fairly, consumer.consumer._fetcher._records

    async def note_poll(client: Any) -> Any:
        polls.append("another")
        return await poll(client)

    monkeypatch.setattr(consumer, "_poll_fairly", note_poll)
    lanes = list(consumer.lanes)
    await consumer.holds.take(lanes)  # nothing is polled before all of it lies in the client
    polls.clear()

    async def polls_again() -> bool:
        return bool(polls)

    await until(polls_again)
    for lane, count in counts.items():
        await world.notes_at_once(lane, *range(1, count + 1))
        place = KafkaPlace(INPUT.topic(world.namespace, lane), INPUT.partition(lane))

        async def is_fetched(wanted: KafkaPlace = place) -> bool:
            return wanted in fetched

        await until(is_fetched)
    consumer.holds.release(lanes)


async def test_a_lane_with_a_bulk_file_leaves_the_others_their_places_in_every_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "TICK_S", 600.0)
    monkeypatch.setattr(lane_consumer, "FAIR_SHARE_RECORDS", 50)
    bulk, *others = world.some_lanes(4)
    async with world.relay(batch_max_records=100) as running:
        consumer, batches = running.consumer, list[Counter[str]]()
        take = consumer._take

        async def note(records: Sequence[Any]) -> None:
            batches.append(Counter(consumer.carrier.lane_of(one) for one in records))
            await take(records)

        monkeypatch.setattr(consumer, "_take", note)
        await polled_at_once(world, running, monkeypatch, {bulk: 400, **dict.fromkeys(others, 5)})
        await world.until_relayed(bulk, *range(1, 401))
        for lane in others:
            await world.until_relayed(lane, *range(1, 6))
    first = batches[0]
    assert [first[lane] for lane in others] == [5, 5, 5], "the first batch has a place for each that waits"
    assert first[bulk] == 100 - 15, "and the rest of it goes to who has more"


async def until_live(world: World, lanes: Sequence[str]) -> None:
    """Have a first note of each lane taken in: there is nothing left of it."""
    for lane in lanes:
        await world.notes(lane, 0)
    for lane in lanes:
        await world.until_relayed(lane, 0)


class SlowInBulk(Relay):
    """A handler that does not come to an end with the records of one lane before it is let go on."""

    slow: str = ""
    together: frozenset[str] = frozenset()
    """The lanes of the last batch in which there was something of that lane."""

    async def _wait(self, batch: Batch) -> None:
        lanes = frozenset(taken.lane for taken in batch.taken)
        self.held = self.slow in lanes
        if self.held:
            self.together = lanes
        await super()._wait(batch)


async def test_lanes_with_a_few_records_do_not_wait_for_one_with_a_bulk_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "TICK_S", 600.0)
    monkeypatch.setattr(lane_consumer, "FAIR_SHARE_RECORDS", 50)
    monkeypatch.setattr(pace, "OVERLAP_FROM_RECORDS", 60)
    bulk, *others = world.some_lanes(4)
    handle = SlowInBulk()
    handle.slow = bulk
    async with world.relay(handle, batch_max_records=100) as running:
        await until_live(world, others)
        await polled_at_once(world, running, monkeypatch, {bulk: 400, **dict.fromkeys(others, 5)})
        for lane in others:
            await world.until_relayed(lane, 0, *range(1, 6))
        assert await world.relayed(bulk) == [], "it is not through yet"
        assert handle.together == {bulk}
        handle.gate.set()
        await world.until_relayed(bulk, *range(1, 401))


async def test_at_the_end_of_a_backlog_small_lanes_are_carried_with_the_large_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "TICK_S", 600.0)
    monkeypatch.setattr(lane_consumer, "FAIR_SHARE_RECORDS", 50)
    monkeypatch.setattr(pace, "OVERLAP_FROM_RECORDS", 60)
    bulk, *others = world.some_lanes(4)
    handle = SlowInBulk()
    handle.slow = bulk
    async with world.relay(handle, batch_max_records=100) as running:
        await polled_at_once(world, running, monkeypatch, {bulk: 400, **dict.fromkeys(others, 5)})
        await asyncio.wait_for(handle.entered.wait(), 30)
        assert handle.together == {bulk, *others}, "who was never taken in to its end is behind, not live"
        handle.gate.set()
        await world.until_relayed(bulk, *range(1, 401))


async def test_a_lane_in_bulk_rests_after_each_part_while_others_are_live(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "TICK_S", 600.0)
    monkeypatch.setattr(lane_consumer, "FAIR_SHARE_RECORDS", 50)
    monkeypatch.setattr(pace, "OVERLAP_FROM_RECORDS", 60)
    monkeypatch.setattr(pace, "FAR_BEHIND_RECORDS", 100)
    for name in ("LIVE_WITHIN_S", "BULK_REST", "BULK_REST_MAX_S"):
        monkeypatch.setattr(pace, name, 1e6)
    bulk, live = world.some_lanes(2)
    async with world.relay(batch_max_records=100) as running:
        await until_live(world, [live])
        await polled_at_once(world, running, monkeypatch, {bulk: 400, live: 5})
        await world.until_relayed(bulk, *range(1, 96))
        await world.notes(live, 6)
        await world.until_relayed(live, *range(7))
        assert await world.relayed(bulk) == [*range(1, 96)], "it goes on when it has rested"
        monkeypatch.setattr(pace, "BULK_REST_MAX_S", 0.0)
        await running.consumer.finish(0)
        await world.until_relayed(bulk, *range(1, 401))


class OneAtATime(Relay):
    """A handler that takes one note of each lane in a batch, and postpones the others."""

    async def __call__(self, batch: Batch, db: Db) -> None:
        first: dict[str, Taken] = {}
        for taken in batch.taken:
            if first.setdefault(taken.lane, taken) is not taken:
                batch.postpone(taken)
        batch.taken = list(first.values())
        await super().__call__(batch, db)


async def test_what_a_handler_postpones_comes_again_in_its_order_and_once(world: World) -> None:
    one, other = world.some_lanes(2)
    handle = OneAtATime()
    async with world.relay(handle) as running:
        await world.notes_at_once(one, *range(1, 6))
        await world.notes_at_once(other, *range(11, 14))
        await world.until_relayed(one, *range(1, 6))
        await world.until_relayed(other, *range(11, 14))
        assert running.consumer.carrier.waiting == set(), "it is no gap"
    assert sorted(handle.given) == [*range(1, 6), *range(11, 14)]


async def test_a_lane_that_is_appended_leaves_all_others_where_they_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane, other = world.some_lanes(2)
    group = "subsidy-append"
    async with world.relay(group=group) as old:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        await add_partition(world)
        await old.consumer.consumer._client.force_metadata_update()  # as it does every five minutes

        async def assigned() -> bool:
            return len(old.consumer.consumer.assignment()) == len(LANE_CODES) + 1

        await until(assigned)
        await world.notes(lane, 2)
        await world.notes(other, 1)
        await world.until_relayed(lane, 1, 2)
        await world.until_relayed(other, 1)
        assert sorted(old.consumer.lanes) == sorted(LANE_CODES)
        assert await old.alive()
        assert await old.ready()
    for module in (topics, lanes):
        monkeypatch.setattr(module, "LANE_CODES", (*LANE_CODES, NEW_LANE))
    monkeypatch.setitem(lanes._PLACES, NEW_LANE, len(LANE_CODES))
    async with world.relay(group=group) as new:
        await world.producer.client.force_metadata_update()
        await world.notes(NEW_LANE, 1)
        await world.notes(lane, 3)
        await world.until_relayed(NEW_LANE, 1)
        await world.until_relayed(lane, 1, 2, 3)
        assert sorted(new.consumer.lanes) == sorted([*LANE_CODES, NEW_LANE])


def positions(consumer: Any, lane: str, world: World) -> list[int]:
    """How far the consumer has read a lane, where it has begun."""
    assignment = consumer._subscription.subscription.assignment
    place = KafkaPlace(INPUT.topic(world.namespace, lane), INPUT.partition(lane))
    if assignment is None or place not in assignment.tps:
        return []
    state = assignment.state_value(place)
    return [state.position] if state.has_valid_position else []


def spread(running: Sequence[Running]) -> int:
    """How many lanes more the busiest process has than the idlest."""
    counts = [len(one.consumer.lanes) for one in running]
    return max(counts) - min(counts)


async def add_partition(world: World) -> None:
    """One partition more for the relay's input and output."""
    more = [
        NewPartitions(stream.topic(world.namespace, ""), len(LANE_CODES) + 1) for stream in (INPUT, OUTPUT)
    ]
    done = world.infrastructure.kafka.access.client.create_partitions(more)
    await asyncio.to_thread(lambda: [one.result(10) for one in done.values()])
