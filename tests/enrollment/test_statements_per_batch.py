"""A batch takes the same number of statements however many events it holds: PostgreSQL is asked by the batch."""

import os
import secrets
import string
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka import ConsumerRecord
from asyncpg.connection import LoggedQuery

from console.stack.infrastructure import Infrastructure
from services.enrollment.consumers import door
from shared.contracts.topics import PROVINCE_EVENTS
from shared.plumbing import kafka, store
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.telemetry import Telemetry
from tests.enrollment.events import allocated, changed, enrolled, established, registered, suspended
from tests.plumbing.world import World, make_world

LANES = ("32", "34")
EACH_KIND = 9
"""Of each nine records one is of each kind that is written another way."""


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A namespace for the door of two provinces."""
    async with make_world(infrastructure, "enrollment", LANES) as made:
        yield made


class Desk:
    """A door that is given its records by hand and counts the statements of each batch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._offsets = dict.fromkeys(LANES, 0)
        self._statements = 0

    def count(self, logged: LoggedQuery) -> None:
        """Count what asyncpg has sent; one statement sent for many rows counts for each of them."""
        self._statements += len(logged.args) if isinstance(logged.args, list) else 1

    async def carry(self, carrier: Carrier, lane_values: list[tuple[str, bytes]]) -> int:
        """Carry records through one batch; its number of statements."""
        before = self._statements
        taken = carrier.decode([self._record(lane, value) for lane, value in lane_values])
        await carrier.carry(taken, lanes_of(taken))
        return self._statements - before

    def _record(self, lane: str, value: bytes) -> ConsumerRecord:
        topic, offset = PROVINCE_EVENTS.topic(self._world.namespace, lane), self._offsets[lane]
        self._offsets[lane] += 1
        return ConsumerRecord(topic, 0, offset, 0, 0, None, value, None, 0, len(value), ())


def worker(n: int) -> str:
    """The n-th worker's pseudonym."""
    return f"k1.{string.ascii_uppercase[n // 26]}{string.ascii_uppercase[n % 26]}{'A' * 50}"


def batches(records: int, lanes: tuple[str, ...], first_worker: int) -> list[list[tuple[str, bytes]]]:
    """What a batch of `records` builds on, and that batch: released, accepted, judged afresh, unreadable, parked.

    Then a change, a step, a project that frees an enrollment, and one that waits for a project.
    """
    before, batch = [], []
    for n in range(records // EACH_KIND):
        lane = lanes[n % len(lanes)]
        who, name = worker(first_worker + n), f"{lane}-{first_worker}-{n}"
        again = allocated(f"again-{name}", lane=lane)
        other = worker(first_worker + 50 + n)
        before += [
            (lane, orjson.dumps(enrolled(who, name, lane=lane))),
            (lane, orjson.dumps(allocated("-", amount_fen=0, lane=lane, id=again["id"]))),
            (lane, orjson.dumps(registered(other, lane=lane))),
            (lane, orjson.dumps(enrolled(other, f"{name}-o", lane=lane))),
            (lane, orjson.dumps(in_project(other, f"{name}-p", f"new-{name}", lane))),
        ]
        batch += [
            (lane, orjson.dumps(registered(who, lane=lane))),
            (lane, orjson.dumps(allocated(f"new-{name}", lane=lane))),
            (lane, orjson.dumps(again)),
            (lane, b"{"),
            (lane, orjson.dumps(enrolled(worker(first_worker + 100 + n), f"{name}-waits", lane=lane))),
            (lane, orjson.dumps(changed(other, "2026-10-01", lane=lane))),
            (lane, orjson.dumps(suspended(other, f"{name}-o", lane=lane))),
            (lane, orjson.dumps(established(f"new-{name}", lane=lane))),
            (lane, orjson.dumps(in_project(other, f"{name}-q", f"never-{name}", lane))),
        ]
    return [before, batch]


def in_project(who: str, number: str, project_no: str, lane: str) -> dict[str, Any]:
    """An enrollment in a project."""
    event = enrolled(who, number, lane=lane)
    return event | {"data": event["data"] | {"project_no": project_no}}


async def test_a_batch_of_hundreds_takes_as_many_statements_as_one_of_a_few(world: World) -> None:
    desk = Desk(world)

    async def counted(db: asyncpg.Connection) -> None:
        db.add_query_logger(desk.count)

    group, settings = door(0, Metrics()), world.settings()
    publisher = Publisher(group.writes, world.namespace, lambda: kafka.make_producer(settings))
    await publisher.start()
    try:
        async with asyncpg.create_pool(world.runtime_dsn, min_size=1, max_size=1, init=counted) as pool:
            telemetry = Telemetry("enrollment", None, 0.0, at_the_door=True)
            source = f"//enrollment/{secrets.token_hex(6)}"
            seal = Seal(os.urandom(32))
            carrier = Carrier(group, world.namespace, pool, publisher, source, seal, telemetry, Metrics())
            async with pool.acquire() as db:
                await store.open_lanes(
                    db, [PROVINCE_EVENTS.pattern], [stream.pattern for stream in group.writes], LANES
                )
            before_few, few = batches(2 * EACH_KIND, LANES[:1], 0)
            before_many, many = batches(40 * EACH_KIND, LANES, 300)
            await desk.carry(carrier, before_few + before_many)
            statements = [await desk.carry(carrier, few), await desk.carry(carrier, many)]
            handed = await pool.fetchval("SELECT count(*) FROM handover WHERE kind = 'parked'")
            rows = await pool.fetch("SELECT status, count(*) FROM inbox GROUP BY status")
            verdicts = {row[0]: row[1] for row in rows}
            sealed = await pool.fetchval("SELECT count(*) FROM quarantine")
    finally:
        await publisher.stop(5)
    taken_up = 2  # what the first batch has freed is handed over, and judged in the second
    assert verdicts == {"accepted": 9 * 42 + taken_up, "parked": 3 * 42 - taken_up}
    assert (sealed, handed) == (42, 42 - taken_up)
    assert statements[0] == statements[1]
