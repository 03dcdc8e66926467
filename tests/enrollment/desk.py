"""A door that is given its records by hand: what one batch does, without a poll loop."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from aiokafka import ConsumerRecord
from asyncpg import Pool
from asyncpg.connection import LoggedQuery

from services.enrollment.consumers import door
from services.enrollment.handlers import TakeIn
from shared.contracts.topics import PROVINCE_EVENTS
from shared.plumbing import store
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.metrics import Metrics
from tests.plumbing.world import World


class Desk:
    """Carries one batch after another and counts their statements."""

    def __init__(
        self, namespace: str, lanes: Sequence[str], take_in: TakeIn, carrier: Carrier, pool: Pool
    ) -> None:
        self.lanes = lanes
        self.carrier = carrier
        self.pool = pool
        self._namespace = namespace
        self._take_in = take_in
        self._offsets: dict[str, int] = {}
        self._statements = 0

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

    def count(self, logged: LoggedQuery) -> None:
        """Count what a connection sends."""
        # One statement that is sent for many rows counts for each of them.
        self._statements += len(logged.args) if isinstance(logged.args, list) else 1

    def _record(self, lane: str, value: bytes) -> ConsumerRecord:
        topic, offset = PROVINCE_EVENTS.topic(self._namespace, lane), self._offsets.get(lane, 0)
        self._offsets[lane] = offset + 1
        return ConsumerRecord(topic, 0, offset, 0, 0, None, value, None, 0, len(value), ())


@contextlib.asynccontextmanager
async def open_desk(world: World, lanes: Sequence[str]) -> AsyncIterator[Desk]:
    """A desk for lanes of a namespace in which no service runs."""
    group = door(0, Metrics())
    assert isinstance(group.handle, TakeIn)
    async with world.carrying("enrollment", group) as (carrier, _, pool):
        desk = Desk(world.namespace, lanes, group.handle, carrier, pool)
        async with pool.acquire() as one, pool.acquire() as other:  # all that there are
            await store.open_lanes(
                one, [PROVINCE_EVENTS.pattern], [stream.pattern for stream in group.writes], lanes
            )
            one.add_query_logger(desk.count)
            other.add_query_logger(desk.count)
        yield desk
