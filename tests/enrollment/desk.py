"""A door that is given its records by hand: what one batch does, without a poll loop."""

import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import asyncpg
from aiokafka import ConsumerRecord
from asyncpg import Pool
from asyncpg.connection import LoggedQuery

from services.enrollment.consumers import door
from services.enrollment.handlers import TakeIn
from shared.contracts.topics import PROVINCE_EVENTS
from shared.plumbing import kafka, store
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.telemetry import Telemetry
from tests.plumbing.world import World


class Desk:
    """Carries one batch after another and counts their statements."""

    def __init__(self, namespace: str, lanes: Sequence[str], take_in: TakeIn) -> None:
        self.lanes = lanes
        self._namespace = namespace
        self._take_in = take_in
        self._offsets: dict[str, int] = {}
        self._statements = 0
        self.carrier: Carrier
        self.pool: Pool

    async def carry(self, lane_values: Sequence[tuple[str, bytes]]) -> int:
        """Carry records through one batch; its number of statements."""
        before = self._statements
        taken = self.carrier.decode([self._record(lane, value) for lane, value in lane_values])
        await self.carrier.carry(taken, lanes_of(taken))
        return self._statements - before

    async def tick(self) -> int:
        """Carry a batch without records on all lanes, as on an idle service; its number of statements."""
        before = self._statements
        await self.carrier.carry([], self.lanes)
        return self._statements - before

    def set_clock(self, offset: timedelta) -> None:
        """Shift the door's clock."""
        self._take_in.clock_offset = offset

    async def count_statements(self, db: asyncpg.Connection) -> None:
        """Count what a connection sends from now on."""
        db.add_query_logger(self._count)

    def _count(self, logged: LoggedQuery) -> None:
        # One statement that is sent for many rows counts for each of them.
        self._statements += len(logged.args) if isinstance(logged.args, list) else 1

    def _record(self, lane: str, value: bytes) -> ConsumerRecord:
        topic, offset = PROVINCE_EVENTS.topic(self._namespace, lane), self._offsets.get(lane, 0)
        self._offsets[lane] = offset + 1
        return ConsumerRecord(topic, 0, offset, 0, 0, None, value, None, 0, len(value), ())


@contextlib.asynccontextmanager
async def open_desk(world: World, lanes: Sequence[str]) -> AsyncIterator[Desk]:
    """A desk for lanes of a namespace in which no service runs."""
    group, settings = door(0, Metrics()), world.settings()
    assert isinstance(group.handle, TakeIn)
    desk = Desk(world.namespace, lanes, group.handle)
    publisher = Publisher(group.writes, world.namespace, lambda: kafka.make_producer(settings))
    await publisher.start()
    try:
        counted = desk.count_statements
        async with asyncpg.create_pool(world.runtime_dsn, min_size=1, max_size=2, init=counted) as desk.pool:
            telemetry = Telemetry("enrollment", None, 0.0, at_the_door=True)
            source, seal = f"//enrollment/{secrets.token_hex(6)}", Seal(os.urandom(32))
            desk.carrier = Carrier(
                group, world.namespace, desk.pool, publisher, source, seal, telemetry, Metrics()
            )
            async with desk.pool.acquire() as db:
                await store.open_lanes(
                    db, [PROVINCE_EVENTS.pattern], [stream.pattern for stream in group.writes], lanes
                )
            yield desk
    finally:
        await publisher.stop(5)
