"""The door on the real enrollment: no record is jumped over, swallowed or lost between two lanes."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiokafka
import orjson
import pytest
from aiokafka.errors import KafkaTimeoutError
from confluent_kafka import TopicPartition
from cryptography.exceptions import InvalidTag

from console.stack.infrastructure import Infrastructure
from services.enrollment import store
from services.enrollment.config import Settings
from services.enrollment.main import definition
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import PROVINCE_EVENTS, PROVINCE_RECEIPTS
from shared.plumbing.seal import Seal
from tests.enrollment.events import enrolled, registered, worker_ref
from tests.plumbing.world import Running, World, make_world, until


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """Enrollment's namespace, with every province's topics."""
    async with make_world(infrastructure, "enrollment", lanes=None) as made:
        yield made


@contextlib.asynccontextmanager
async def enrollment(world: World) -> AsyncIterator[Running]:
    """Enrollment, run in this process."""
    settings = world.settings_of(
        Settings, door_password_file=world.infrastructure.data / "secrets" / "kafka" / "http-door"
    )
    async with world.run(definition(settings), settings) as running:
        yield running


@pytest.mark.parametrize("processes", [2, 3])
async def test_the_provinces_topics_are_spread_over_all_processes_one_owner_each(
    world: World, processes: int
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        running = [await stack.enter_async_context(enrollment(world)) for _ in range(processes)]

        async def shared_out() -> bool:
            return Counter(lane for one in running for lane in one.consumer.lanes) == Counter(LANE_CODES)

        await until(shared_out)
        counts = [len(one.consumer.lanes) for one in running]
        assert max(counts) - min(counts) <= 1


async def test_two_events_in_one_record_move_nobodys_event(world: World) -> None:
    swallowing, victim = world.some_lanes(2)
    a, b = (orjson.dumps(registered(worker_ref(letter), lane=swallowing)) for letter in "AB")
    whole = [orjson.dumps(registered(worker_ref(letter), lane=victim)) for letter in "CD"]
    half, rest = whole[1][:100], whole[1][100:]
    await world.write(PROVINCE_EVENTS, swallowing, a + b"," + b)
    await world.write(PROVINCE_EVENTS, victim, whole[0], half, rest)
    await world.write(PROVINCE_EVENTS, swallowing, a)
    async with enrollment(world):  # all are there before it starts: one batch holds them
        theirs = await receipts(world, victim, 3)
        assert [theirs[offset]["status"] for offset in range(3)] == ["accepted", "rejected", "rejected"]
        assert theirs[0]["event_id"] == orjson.loads(whole[0])["id"]
        ours = await receipts(world, swallowing, 2)
        assert [ours[0]["code"], ours[1]["status"]] == ["unreadable", "accepted"]


async def test_an_enrollment_parked_while_its_worker_is_registered_on_another_lane_is_never_left_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = asyncio.Barrier(2)
    lock_workers, pending = store._lock_workers, set[str]()

    async def at_once(db: Any, refs: Any) -> Any:
        if pending.intersection(refs):
            async with asyncio.timeout(20):
                await both.wait()
            pending.difference_update(refs)
        return await lock_workers(db, refs)

    monkeypatch.setattr(store, "_lock_workers", at_once)
    async with enrollment(world) as first, enrollment(world) as second:

        async def shared_out() -> bool:
            return bool(first.consumer.lanes) and bool(second.consumer.lanes)

        await until(shared_out)
        (here,) = world.some_lanes(1, first.consumer.lanes)
        (there,) = world.some_lanes(1, second.consumer.lanes)
        for number, letter in enumerate("EFGHIJ"):
            worker = worker_ref(letter)
            pending.add(worker)
            registration = orjson.dumps(registered(worker, lane=there))
            enrollment_ = orjson.dumps(enrolled(worker, f"{here}-{number}", lane=here))
            await asyncio.gather(
                world.write(PROVINCE_EVENTS, here, enrollment_),
                world.write(PROVINCE_EVENTS, there, registration),
            )
            final = await receipts(world, here, number + 1)
            assert final[number]["status"] == "accepted"
        assert await world.pool.fetchval("SELECT count(*) FROM parked") == 0


async def test_records_deleted_before_they_were_read_stop_their_lane_with_a_reason_and_no_other(
    world: World,
) -> None:
    robbed, well = world.some_lanes(2)
    async with enrollment(world):
        await world.write(PROVINCE_EVENTS, robbed, orjson.dumps(registered(worker_ref("K"), lane=robbed)))
        await receipts(world, robbed, 1)
    lost = [orjson.dumps(registered(worker_ref(letter), lane=robbed)) for letter in "LMN"]
    await world.write(PROVINCE_EVENTS, robbed, *lost)
    await delete_before(world, robbed, 3)
    async with enrollment(world) as running:

        async def stands() -> str | None:
            reason: str | None = (await world.cursor(robbed, PROVINCE_EVENTS))["stopped"]
            return reason

        why = await until(stands)
        assert why == "records missing: the cursor wants 1, the topic holds 3 to 4"
        await world.write(PROVINCE_EVENTS, well, orjson.dumps(registered(worker_ref("O"), lane=well)))
        assert (await receipts(world, well, 1))[0]["status"] == "accepted"
        assert len(await world.published(robbed, PROVINCE_RECEIPTS)) == 1, "nothing behind the hole was taken"
        assert await running.alive()


async def test_a_lane_whose_place_could_not_be_asked_for_is_still_read_again(world: World) -> None:
    (lane,) = world.some_lanes(1)
    sent = [orjson.dumps(registered(worker_ref(letter), lane=lane)) for letter in "PQR"]
    place = aiokafka.TopicPartition(PROVINCE_EVENTS.topic(world.namespace, lane), 0)
    async with enrollment(world) as running:
        await world.write(PROVINCE_EVENTS, lane, sent[0])
        await receipts(world, lane, 1)
        client, failed = running.consumer.consumer, 0
        ask = client.beginning_offsets

        async def fail_twice(places: Any) -> Any:
            nonlocal failed
            if running.consumer.holds.held and failed < 2:  # not the tick's, which looks without it
                failed += 1
                raise KafkaTimeoutError
            return await ask(places)

        client.beginning_offsets = fail_twice
        client.pause(place)
        await world.write(PROVINCE_EVENTS, lane, *sent[1:])
        client.seek(place, 2)
        client.resume(place)
        assert [one["status"] for one in (await receipts(world, lane, 3)).values()] == ["accepted"] * 3
        assert failed == 2


async def test_what_is_measured_moves_and_leaves_with_the_lane(world: World) -> None:
    (lane,) = world.some_lanes(1)
    event = orjson.dumps(registered(worker_ref("S"), lane=lane))
    async with enrollment(world) as first:
        await world.write(PROVINCE_EVENTS, lane, event, event, b"{")
        await receipts(world, lane, 3)
        for status in ("accepted", "duplicate", "rejected"):
            assert await first.metric("dreams_receipts_total", status=status) == 1
        assert await first.metric("dreams_batch_records_sum") >= 3
        assert await first.metric("dreams_batch_seconds_count") >= 1
        assert await first.metric("dreams_quarantine_records") >= 1
        await first.order("stop", lane)
        await world.write(PROVINCE_EVENTS, lane, event, event)

        async def lags() -> bool:
            return await first.metric("dreams_lag_records", lane=lane) == 2

        await until(lags)
        async with enrollment(world) as second:

            async def each_its_own() -> bool:
                both = (first, second)
                return bool(second.consumer.lanes) and [await measured(one) for one in both] == [
                    set(one.consumer.lanes) for one in both
                ]

            await until(each_its_own)


async def measured(running: Running) -> set[str]:
    """The lanes whose lag a process shows."""
    text = (await running.http.get("/metrics")).text
    return set(re.findall(r'^dreams_lag_records\{.*lane="(..)"', text, re.MULTILINE))


async def test_quarantined_bytes_are_sealed_and_open_again_to_the_same_bytes(world: World) -> None:
    (lane,) = world.some_lanes(1)
    secret = b'{"name": "\xe5\xbc\xa0\xe4\xbc\x9f", 999999199001011234'
    async with enrollment(world):
        offset = await world.write(PROVINCE_EVENTS, lane, secret)
        await receipts(world, lane, 1)
        rows = await world.pool.fetch("SELECT * FROM quarantine WHERE lane = $1", lane)
    assert [(row["record_offset"], row["code"]) for row in rows] == [(offset, "unreadable")]
    assert b"999999199001011234" not in rows[0]["sealed"]
    key_file = world.settings().seal_key_file
    assert Seal.from_file(key_file).open(rows[0]["sealed"]) == secret
    with pytest.raises(InvalidTag):
        Seal(bytes(32)).open(rows[0]["sealed"])


async def receipts(world: World, lane: str, count: int) -> dict[int, dict[str, Any]]:
    """The final receipts of a lane by their records' offset, once there are so many."""

    async def enough() -> dict[int, dict[str, Any]]:
        facts = await world.published(lane, PROVINCE_RECEIPTS)
        final = {fact["data"]["offset"]: fact["data"] for fact in facts if fact["data"]["status"] != "parked"}
        return final if len(final) >= count else {}

    return await until(enough)


async def delete_before(world: World, lane: str, offset: int) -> None:
    """Delete the records of a lane that lie before `offset`."""
    place = TopicPartition(PROVINCE_EVENTS.topic(world.namespace, lane), 0, offset)
    deleted = world.infrastructure.kafka.access.client.delete_records([place])
    await asyncio.to_thread(lambda: [one.result(10) for one in deleted.values()])
