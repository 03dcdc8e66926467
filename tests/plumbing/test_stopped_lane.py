"""A lane that stands (poison, an operator's order, a foreign log) stands alone, and goes on from its cursor."""

import asyncio
import dataclasses
from collections.abc import Collection

import pytest
from aiokafka import TopicPartition
from asyncpg import Record

from shared.plumbing import lane_consumer, store
from shared.plumbing.batch import Batch
from shared.plumbing.service import Definition
from shared.plumbing.store import Db
from tests.plumbing import relay
from tests.plumbing.relay import INPUT, Relay
from tests.plumbing.world import Running, World, fact, until


async def test_poison_stops_its_lane_before_itself_while_the_others_go_on(world: World) -> None:
    sick, well = world.some_lanes(2)
    handle = Relay(poison={3})
    async with world.relay(handle) as running:
        offset = await world.notes(sick, 1, 2, 3, 4) - 1
        await world.notes(well, 1, 2)
        cursor = await stands(world, sick)
        assert cursor["stopped"].startswith("poison: RuntimeError at relay.py:")
        assert cursor["stopped_offset"] == cursor["next_offset"] == offset
        await world.until_relayed(well, 1, 2)
        assert await world.relayed(sick) == [1, 2]
        await world.notes(well, 4)
        await world.until_relayed(well, 1, 2, 4)
        assert await running.alive()
        assert await running.ready()
        assert "our own code fails on this note" not in cursor["stopped"], "a message may quote the event"


async def test_a_value_that_the_database_cannot_hold_stops_its_lane_while_the_others_go_on(
    world: World,
) -> None:
    sick, well = world.some_lanes(2)
    async with world.relay(Asking()):
        await world.notes(sick, 1, 2**70)
        await world.notes(well, 1)
        assert (await stands(world, sick))["stopped"].startswith("poison: DataError at ")
        await world.until_relayed(sick, 1)
        await world.until_relayed(well, 1)


async def test_a_repaired_lane_goes_on_from_its_cursor_when_it_is_resumed(world: World) -> None:
    (lane,) = world.some_lanes(1)
    handle = Relay(poison={2})
    async with world.relay(handle) as running:
        await world.notes(lane, 1, 2, 3)
        await stands(world, lane)
        handle.poison.clear()
        await world.notes(lane, 4)
        await running.order("resume", lane)
        await world.until_relayed(lane, 1, 2, 3, 4)
        assert (await world.cursor(lane))["stopped"] is None


async def test_a_stopped_lane_still_stands_after_a_rebalance_and_is_no_reason_to_be_unhealthy(
    world: World,
) -> None:
    lane, other = world.some_lanes(2)
    group = "subsidy-stopped"
    async with world.relay(group=group) as first:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        await first.order("stop", lane)
        async with world.relay(group=group) as second:

            async def both_own_some() -> bool:
                return bool(first.consumer.lanes) and bool(second.consumer.lanes)

            await until(both_own_some)
            await world.notes(lane, 2)
            await world.notes(other, 1)
            await world.until_relayed(other, 1)
            for running in (first, second):
                assert await running.alive()
                assert await running.ready()
            assert await world.relayed(lane) == [1]
            await counts_as_stopped(first, second)
            other_process = first if lane in second.consumer.lanes else second
            await other_process.order("resume", lane)
            await world.until_relayed(lane, 1, 2)


async def test_a_lane_stops_when_another_log_id_names_itself(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.relay() as running:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        await world.write(INPUT, lane, fact(lane, 2, {"n": 2}, log_id="restored0000"))
        cursor = await stands(world, lane)
        assert cursor["stopped"] == "foreign log: restored0000"
        assert cursor["last_seq"] == 1
        await world.notes(other, 1)
        await world.until_relayed(other, 1)
        assert await running.alive()


async def test_a_batch_in_which_another_log_id_appears_is_carried_up_to_it(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.a_process() as owner:
        await owner.open(lane)
        own = owner.records(lane, 1, 2)
        foreign = owner.records(lane, 3, log_id="restored0000")
        await owner.carry([*own, *foreign, *owner.records(lane, 4)])
        cursor = await world.cursor(lane)
        assert (cursor["last_seq"], cursor["stopped"]) == (2, "foreign log: restored0000")
        await world.until_relayed(lane, 1, 2)
        assert await world.pool.fetchval("SELECT count(*) FROM handover WHERE to_lane = $1", lane) == 0


async def test_a_stopped_lane_neither_ticks_nor_takes_handed_work(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.relay() as running:
        await running.order("stop", lane)
        await world.notes(other, 1, to=lane)
        await world.notes(other, 2, to=lane, park=True)
        await world.notes(other, 3)
        await world.until_relayed(other, 3)
        assert await world.pool.fetchval("SELECT count(*) FROM handover WHERE to_lane = $1", lane) == 2
        assert await world.relayed(lane) == []
        await running.order("resume", lane)
        await world.until_relayed(lane, 1, 2)


async def test_records_already_in_hand_when_their_lane_is_stopped_are_not_taken(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.a_process() as owner:
        await owner.open(lane, other)
        async with owner.pool.acquire() as db:
            await store.stop_lane(db, [INPUT.pattern], lane, "operator: a test")
        await owner.carry(owner.records(lane, 1, 2) + owner.records(other, 1))
        await world.until_relayed(other, 1)
        assert (await world.cursor(lane))["last_seq"] == 0
        async with owner.pool.acquire() as db:
            await store.resume_lane(db, lane)
        await owner.take(lane, 1, 2)
        await world.until_relayed(lane, 1, 2)


async def test_what_a_stopped_lane_let_pass_is_read_again_before_what_follows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "TICK_S", 600.0)  # ticks come when they are woken
    (lane,) = world.some_lanes(1)
    async with world.run(by_offset(), world.settings()) as running:
        consumer = running.consumer
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        await running.order("stop", lane)
        await polled(running, lane, await world.notes(lane, 2, 3))

        async def seen() -> bool:
            return lane in consumer.carrier.stopped and lane not in consumer.holds.held

        await until(seen)
        await running.order("resume", lane)
        await polled(running, lane, await world.notes(lane, 4))
        consumer.wake(lane)
        await world.until_relayed(lane, 1, 2, 3, 4)


async def test_records_in_hand_while_a_tick_reads_their_lane_again_do_not_overtake_what_it_reads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "TICK_S", 600.0)  # ticks come when they are woken
    (lane,) = world.some_lanes(1)
    place = TopicPartition(INPUT.topic(world.namespace, lane), INPUT.partition(lane))
    async with world.run(by_offset(), world.settings()) as running:
        consumer = running.consumer
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        await running.order("stop", lane)
        await polled(running, lane, await world.notes(lane, 2))

        async def dropped() -> bool:
            return lane in consumer.carrier.stopped and lane not in consumer.holds.held

        await until(dropped)
        consumer.consumer.pause(place)
        await world.notes(lane, 3)
        in_hand = (await world.records(lane, INPUT))[-1:]
        hold_stopped, parts = consumer._hold_stopped, list[asyncio.Task[None]]()

        async def meanwhile(lanes: Collection[str]) -> None:
            parts.append(asyncio.create_task(consumer._take(in_hand)))
            await asyncio.sleep(0)  # it begins, and waits for the tick
            await hold_stopped(lanes)
            consumer.consumer.pause(place)  # what is in hand comes first

        await running.order("resume", lane)
        monkeypatch.setattr(consumer, "_hold_stopped", meanwhile)
        consumer.wake(lane)

        async def begun() -> bool:
            return bool(parts)

        await until(begun)
        await asyncio.wait_for(parts[0], 20)
        monkeypatch.undo()
        consumer.consumer.resume(place)
        await world.until_relayed(lane, 1, 2, 3)


class Asking(Relay):
    """A handler that gives each number to PostgreSQL in a query."""

    async def __call__(self, batch: Batch, db: Db) -> None:
        for taken in batch.taken:
            await db.fetchval("SELECT $1::int8", taken.event.data.n)
        await super().__call__(batch, db)


def by_offset() -> Definition:
    """The relay with the gate of a compacted topic: only the offset says what was taken in before."""
    group = f"{relay.USER}-by-offset"
    lanes = dataclasses.replace(relay.lane_group(Relay(), group), gate="offset")
    return Definition(name="relay", groups=lambda _: [lanes], payloads={group: list[relay.Note]})


async def polled(running: Running, lane: str, offset: int) -> None:
    """Wait until the record at `offset` has come out of the client."""
    place = TopicPartition(INPUT.topic(running.app.state.settings.namespace, lane), INPUT.partition(lane))

    async def beyond() -> bool:
        return bool(await running.consumer.consumer.position(place) > offset)

    await until(beyond)


async def stands(world: World, lane: str) -> Record:
    """The lane's cursor row once it stands."""

    async def stopped() -> Record | None:
        row = await world.cursor(lane)
        return row if row["stopped"] else None

    return await until(stopped)


async def counts_as_stopped(*processes: Running) -> None:
    """The metric of whoever owns it counts one stopped lane."""

    async def one() -> bool:
        return any([await one.metric("dreams_stopped_lanes") for one in processes])

    await until(one)
