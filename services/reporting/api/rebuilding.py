"""Rebuild all tables from the topics, beside those that are read, and let them take their place once they are level."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict

from services.reporting import store
from shared.contracts.envelope import derived_id
from shared.contracts.lanes import LANE_CODES
from shared.contracts.reporting import STATISTICS_REBUILT
from shared.contracts.topics import REPORTING_CHANGES
from shared.plumbing import kafka, postgres
from shared.plumbing import store as plumbing_store
from shared.plumbing.batch import Carrier, LaneGroup, lanes_of
from shared.plumbing.metrics import Metrics
from shared.plumbing.operators import Reason
from shared.plumbing.outgoing import Outgoing, to_bytes
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.publisher import Publisher
from shared.plumbing.service import Parts
from shared.plumbing.tokens import Caller, allow

BATCH_RECORDS: Final = 4_000
POLL_MS: Final = 200
CONNECTIONS: Final = 2
SUM_EVERY_BATCHES: Final = 50
AGAIN_S: Final = 1.0
Operator = Annotated[Caller, Depends(allow("operator"))]
Reader = Annotated[Caller, Depends(allow("operator", "auditor"))]
State = Literal["none", "reading", "switched", "failed"]

log = structlog.get_logger()


class Rebuilt(BaseModel):
    """How far a rebuild has come."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    state: State
    """`none` since this process started, `reading`, `switched`: the rebuilt tables are read now, or `failed`."""
    facts: int
    """Taken in anew, by their numbers."""
    of: int
    """Taken in by the tables that are read."""
    why: str | None
    """Why it failed."""
    differences: int | None
    """Sums that differed from those that were read before, once it has switched: none, if nothing was wrong."""


class Rebuild:
    """One rebuild at a time, in this process."""

    def __init__(self, make_group: Callable[[Metrics], LaneGroup], *, publishes: bool = False) -> None:
        self._make_group = make_group
        self._publishes = publishes
        self._parts: Parts | None = None
        self._asked = asyncio.Event()
        self.shown = Rebuilt(state="none", facts=0, of=0, why=None, differences=None)

    def ask(self) -> bool:
        """Begin; False where one is under way."""
        if self.shown.state == "reading":
            return False
        self.shown = Rebuilt(state="reading", facts=0, of=0, why=None, differences=None)
        self._asked.set()
        return True

    async def run(self, parts: Parts, _: FastAPI) -> None:
        """Rebuild whenever it is asked for, for as long as the service runs."""
        self._parts = parts
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._rebuild(parts)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong, what is read stays as it is
                log.error("rebuild_failed", error=type(error).__name__, at=postgres.where(error))
                self._show(state="failed", why=type(error).__name__)

    def _show(self, **changes: Any) -> None:
        self.shown = self.shown.model_copy(update=changes)

    async def _rebuild(self, parts: Parts) -> None:
        async with parts.pool.acquire() as db:
            await store.begin_rebuild(db)
        dsn = parts.settings.database_dsn_file.read_text().strip()
        pool = await postgres.open_pool(store.beside(dsn), "reporting-rebuild", CONNECTIONS)
        try:
            await self._read(parts, pool)
        finally:
            pool.terminate()

    async def _read(self, parts: Parts, pool: Any) -> None:
        metrics = Metrics()
        group = self._make_group(metrics)
        no_publisher = Publisher((), "", lambda: kafka.make_producer(parts.settings))
        carrier = Carrier(
            group,
            parts.settings.namespace,
            pool,
            no_publisher,
            "//reporting/rebuild",
            parts.seal,
            parts.telemetry,
            metrics,
        )
        async with pool.acquire() as db:
            reads = [stream.pattern for stream in group.reads]
            await plumbing_store.open_lanes(db, reads, [], LANE_CODES)
        reader = kafka.make_reader(parts.settings)
        reader.assign(_places(group, parts.settings.namespace))
        await reader.start()
        try:
            await reader.seek_to_beginning()
            await self._until_level(parts, pool, carrier, reader)
        finally:
            await reader.stop()

    async def _until_level(self, parts: Parts, pool: Any, carrier: Carrier, reader: AIOKafkaConsumer) -> None:
        batches = 0
        while True:
            got = await reader.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            if records := [record for some in got.values() for record in some]:
                taken = carrier.decode(records)
                await carrier.carry(taken, lanes_of(taken))
                batches += 1
            if batches % SUM_EVERY_BATCHES == 0 or not records:
                async with pool.acquire() as db:
                    await store.sum_up(db)
                    facts = await store.version(db)
                async with parts.pool.acquire() as db:
                    of = await store.version(db)
                self._show(facts=facts, of=of)
                if carrier.stopped:
                    self._show(state="failed", why=f"lanes stopped: {', '.join(sorted(carrier.stopped))}")
                    return
                if facts >= of and await self._switch(parts):
                    return

    async def _switch(self, parts: Parts) -> bool:
        """Under the lock of all cursors: if both hold the same facts, the rebuilt tables are read from now on."""
        try:
            async with parts.pool.acquire() as db:
                differences = await store.switch_if_level(db)
        except postgres.PASSING:
            await asyncio.sleep(AGAIN_S)  # somebody reads for long: later
            return False
        if differences is None:
            return False
        log.info("rebuild_switched", differences=differences)
        if differences and self._publishes:
            await _tell(parts, differences)
        self._show(state="switched", differences=differences, facts=self.shown.of)
        return True


async def _tell(parts: Parts, differences: int) -> None:
    """Leave word for the owner of each lane: who adds up changes must begin anew."""
    async with parts.pool.acquire() as db:
        now = await plumbing_store.clock(db)
        rows = []
        for lane in LANE_CODES:
            id_ = derived_id(STATISTICS_REBUILT, lane, now.isoformat())
            fact = Outgoing(
                id_, STATISTICS_REBUILT, None, now, {"differences": differences}, None, None, None
            )
            rows.append((lane, "fact", REPORTING_CHANGES.pattern.encode() + b"\n" + to_bytes(fact)))
        await plumbing_store.hand_over(db, rows)


def router(rebuild: Rebuild) -> APIRouter:
    """Begin a rebuild, and see how far it is."""
    routes = APIRouter(prefix="/v1", tags=["operators"], route_class=ProblemRoute)

    @routes.post("/rebuild", status_code=202, responses=documented(401, 403, 409, 422, 503))
    async def begin(request: Request, caller: Operator, reason: Reason) -> Rebuilt:
        """Begin to rebuild all tables from the topics; what is read stays until the new ones are level."""
        if not rebuild.ask():
            raise ProblemError(
                409,
                "rebuilding",
                "重建正在进行，请等待其完成。",
                "A rebuild is under way: wait until it has ended.",
            )
        async with request.app.state.pool.acquire() as db:
            await plumbing_store.note_act(db, caller.name, "rebuild", "00", reason.reason)
        return rebuild.shown

    @routes.get("/rebuild", responses=documented(401, 403, 503))
    async def shown(_: Reader) -> Rebuilt:
        """How far the rebuild of this process is."""
        return rebuild.shown

    return routes


def _places(group: LaneGroup, namespace: str) -> list[TopicPartition]:
    return [
        TopicPartition(stream.topic(namespace, lane), stream.partition(lane))
        for stream in group.reads
        for lane in LANE_CODES
    ]
