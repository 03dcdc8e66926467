"""A publisher whose database goes back in time stops, and goes on without a fork: no number is given twice."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest

from console.stack.infrastructure import Infrastructure
from console.stack.postgres import database_name
from services.enrollment.config import Settings
from services.enrollment.main import definition
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_EVENTS, PROVINCE_RECEIPTS
from shared.plumbing import store
from tests.enrollment.events import registered, worker_ref
from tests.plumbing import relay
from tests.plumbing.test_stopped_lane import stands
from tests.plumbing.world import Running, World, make_world, until


@pytest.fixture
async def relayed(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A world of the relay whose database may be restored."""
    async with make_world(infrastructure, relay.USER, lanes=("32",)) as made:
        async with made.owner.acquire() as owner:
            await relay.make_table(owner)
        yield made


@pytest.fixture
async def door(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A world of enrollment whose database may be restored."""
    async with make_world(infrastructure, "enrollment", lanes=None) as made:
        yield made


async def test_a_publisher_restored_to_an_older_copy_stops_and_reads_its_log_back_from_kafka(
    relayed: World,
) -> None:
    lane, untouched = relayed.some_lanes(2)
    async with relayed.relay():
        await relayed.notes(lane, 1, 2)
        await relayed.notes(untouched, 1)
        await relayed.until_relayed(lane, 1, 2)
        await relayed.until_relayed(untouched, 1)
    async with old_copy(relayed) as restore:
        async with relayed.relay():
            for n in (3, 4, 5):
                await relayed.notes(lane, n)
                await relayed.until_relayed(lane, *range(1, n + 1))
        chain = await hashes(relayed, lane)
        await restore()
        async with relayed.relay() as running:
            cursor = await stands(relayed, lane)
            assert (
                cursor["stopped"]
                == "database went back: 5 was published on subsidy.events, the log ends at 2"
            )
            await relayed.notes(untouched, 2)
            await relayed.until_relayed(untouched, 1, 2)
            await relayed.notes(lane, 6)
            said = (await running.order("resync", lane))["said"]
            assert "3 facts of subsidy.events were read back, its log ends at 5 again." in said
            await relayed.until_relayed(lane, 1, 2, 3, 4, 5, 6)
            assert (await hashes(relayed, lane))[: len(chain)] == chain, "the same rows, the same chain"
            assert await relayed.pool.fetchval("SELECT count(*) FROM note WHERE lane = $1", lane) == 6
            assert await relayed.pool.fetchval("SELECT count(*) FROM published_before") == 0


async def test_enrollment_restored_to_an_older_copy_reads_on_and_answers_nobody_twice(door: World) -> None:
    async with enrollment(door):
        await send(door, "ABC")
        await until_answered(door, 3)
    async with old_copy(door) as restore:
        async with enrollment(door):
            await send(door, "DEA")
            await until_answered(door, 6)
        await restore()
        async with enrollment(door) as running:
            assert (await stands_at_door(door)).startswith("database went back: ")
            await running.order("resync", "32")
            await send(door, "F")
            final = await until_answered(door, 7)
        assert [final[offset]["status"] for offset in range(7)] == ["accepted"] * 5 + [
            "duplicate",
            "accepted",
        ]
        facts = [
            fact
            for fact in await door.published("32", ENROLLMENT_EVENTS)
            if "worker.registered" in fact["type"]
        ]
        assert len(facts) == len({fact["id"] for fact in facts}) == 6
        assert (await door.cursor("32", PROVINCE_EVENTS))["next_offset"] == 7
        assert await door.pool.fetchval("SELECT count(*) FROM inbox") == 6
        places = await door.pool.fetch("SELECT seq FROM fact_place WHERE lane = '32' ORDER BY seq")
        assert [row["seq"] for row in places] == [fact["seq"] for fact in facts], (
            "journeys find all of them again"
        )


async def test_a_database_that_goes_back_under_a_running_process_stops_its_lane(relayed: World) -> None:
    (lane,) = relayed.some_lanes(1)
    async with relayed.a_process() as owner:
        await owner.open(lane)
        await owner.take(lane, 1, 2)
        await relayed.until_relayed(lane, 1, 2)
        await relayed.owner.execute("DELETE FROM log WHERE lane = $1", lane)
        await relayed.owner.execute("DELETE FROM note WHERE lane = $1", lane)
        await relayed.owner.execute(
            "UPDATE outbound SET seq = 0, published_seq = 0, head = decode(repeat('00', 32), 'hex') WHERE lane = $1",
            lane,
        )
        await relayed.owner.execute("UPDATE cursor SET last_seq = 0, next_offset = 0 WHERE lane = $1", lane)
        await owner.take(lane, 1, 2)
        cursor = await relayed.cursor(lane)
        assert cursor["stopped"] == "database went back: 2 was published on subsidy.events, the log ends at 0"
        assert await relayed.stamped(lane) == 0


async def test_a_log_that_has_forked_already_is_not_read_back(relayed: World) -> None:
    (lane,) = relayed.some_lanes(1)
    async with relayed.relay():
        await relayed.notes(lane, 1, 2)
        await relayed.until_relayed(lane, 1, 2)
    await relayed.owner.execute(
        "UPDATE log SET events = convert_to(replace(convert_from(events, 'utf8'), '\"n\":2', '\"n\":9'), 'utf8')"
    )
    async with relayed.relay():
        cursor = await stands(relayed, lane)
        assert cursor["stopped"] == "forked log: number 2 on subsidy.events is not the one in the log"


async def test_a_lane_that_stands_already_stands_for_its_database_too_and_is_not_just_resumed(
    relayed: World,
) -> None:
    (lane,) = relayed.some_lanes(1)
    async with relayed.relay() as running:
        await relayed.notes(lane, 1)
        await relayed.until_relayed(lane, 1)
        await running.order("stop", lane)
    await relayed.owner.execute("UPDATE log SET events = 'another' WHERE lane = $1", lane)
    async with relayed.relay():
        assert (await stands(relayed, lane))["stopped"].startswith("forked log: number 1 on subsidy.events")


async def test_ends_that_could_not_be_seen_at_take_over_are_looked_at_afterwards(
    relayed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lane,) = relayed.some_lanes(1)
    async with relayed.relay():
        await relayed.notes(lane, 1, 2)
        await relayed.until_relayed(lane, 1, 2)
    await relayed.owner.execute("UPDATE log SET events = 'another' WHERE lane = $1", lane)
    compare_log, failed = store.compare_log, list[str]()

    async def fails_once(*arguments: Any) -> Any:
        if not failed:
            failed.append("once")
            raise TimeoutError
        return await compare_log(*arguments)

    monkeypatch.setattr(store, "compare_log", fails_once)
    async with relayed.relay():
        assert "forked log" in (await stands(relayed, lane))["stopped"]
    assert failed


@contextlib.asynccontextmanager
async def old_copy(world: World) -> AsyncIterator[Any]:
    """Copies the database as it is now; what is yielded puts the copy in its place."""
    database = database_name(world.user, world.namespace)
    admin = await asyncpg.connect(world.infrastructure.postgres.admin_dsn)
    runtime, owner = world.runtime_dsn, world.infrastructure.database(world.user, world.namespace).owner_dsn

    async def disconnect() -> None:
        await world.pool.close()
        await world.owner.close()

    async def connect() -> None:
        world.pool = await asyncpg.create_pool(runtime, min_size=1, max_size=3)
        world.owner = await asyncpg.create_pool(owner, min_size=1, max_size=2)

    async def restore() -> None:
        await disconnect()
        await admin.execute(f'DROP DATABASE "{database}" WITH (FORCE)')
        await admin.execute(f'ALTER DATABASE "{database}_old" RENAME TO "{database}"')
        await connect()

    await disconnect()
    await admin.execute(f'CREATE DATABASE "{database}_old" TEMPLATE "{database}"')
    await connect()
    try:
        yield restore
    finally:
        await disconnect()
        await admin.close()


async def hashes(world: World, lane: str) -> list[bytes]:
    """The chain of a lane's log."""
    return [
        row["hash"]
        for row in await world.pool.fetch("SELECT hash FROM log WHERE lane = $1 ORDER BY first_seq", lane)
    ]


@contextlib.asynccontextmanager
async def enrollment(world: World) -> AsyncIterator[Running]:
    """Enrollment, run in this process."""
    http_door = world.infrastructure.data / "secrets" / "kafka" / "http-door"
    settings = world.settings_of(Settings, door_password_file=http_door)
    async with world.run(definition(settings), settings) as running:
        yield running


async def send(world: World, letters: str) -> None:
    """Register a worker for each letter; the same letter is the same event."""
    events = [registered(worker_ref(letter), lane="32") | {"id": f"event-{letter}"} for letter in letters]
    await world.write(PROVINCE_EVENTS, "32", *(orjson.dumps(event) for event in events))


async def until_answered(world: World, count: int) -> dict[int, dict[str, Any]]:
    """The receipts by their records' offset, once so many are there; no record has two."""

    async def enough() -> dict[int, dict[str, Any]]:
        facts = await world.published("32", PROVINCE_RECEIPTS)
        by_offset = {fact["data"]["offset"]: fact["data"] for fact in facts}
        assert len(by_offset) == len(facts), "a record was answered twice"
        return by_offset if len(facts) >= count else {}

    return await until(enough)


async def stands_at_door(world: World) -> str:
    """Why the door's lane stands, once it does."""

    async def stopped() -> str | None:
        reason: str | None = (await world.cursor("32", PROVINCE_EVENTS))["stopped"]
        return reason

    return await until(stopped)
