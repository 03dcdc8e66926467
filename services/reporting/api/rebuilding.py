"""Rebuild all tables from the facts, beside those that are read, and let them take their place once they are level."""

import asyncio
from collections.abc import Callable, Collection
from typing import Annotated, Any, Final, Literal

import structlog
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from services.reporting import store, sums_store
from services.reporting.api.rereading import CannotRereadError, Replayed, Rereading
from shared.contracts.envelope import derived_id
from shared.contracts.lanes import LANE_CODES
from shared.contracts.reporting import STATISTICS_REBUILT
from shared.contracts.topics import REPORTING_CHANGES
from shared.plumbing import kafka, postgres
from shared.plumbing import store as plumbing_store
from shared.plumbing.batch import Carrier, LaneGroup
from shared.plumbing.metrics import Metrics
from shared.plumbing.operators import Code, Operator, Reader, Reason
from shared.plumbing.outgoing import Outgoing, to_bytes
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.publisher import Publisher
from shared.plumbing.replay import ReplayName
from shared.plumbing.service import Parts

CONNECTIONS: Final = 2
SUM_EVERY_FACTS: Final = 200_000
SUMMED_AT_ONCE: Final = 1_000_000
"""Nobody reads the tables of a rebuild, so much may wait: and the more is summed at once the fewer rows are written."""
AGAIN_S: Final = 1.0
GIVEN_UP: Final = "An operator has given it up. / 操作员已中止重建。"
StreamName = Literal["enrollment.events", "subsidy.events"]
State = Literal["none", "reading", "switched", "failed"]

log = structlog.get_logger()


class Rebuilt(BaseModel):
    """How far a rebuild has come."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    state: State
    """`none` since this process started, `reading`, `switched`: the rebuilt tables are read now, or `failed`."""
    replay: str | None
    """The replay of the publishers' logs that it reads; none: it reads the topics."""
    facts: int
    """Taken in anew, by their numbers."""
    of: int
    """Taken in by the tables that are read."""
    why: str | None
    """Why it failed, and what to do now."""
    differences: int | None
    """Sums that differed from those that were read before, once it has switched: none, if nothing was wrong."""


class OfReplay(BaseModel):
    """A replay that enrollment and subsidy send out of their logs."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: ReplayName
    """The name that both were asked to send it under."""
    ends: dict[StreamName, dict[Code, Annotated[int, Field(ge=0, le=2**62)]]]
    """What both have answered: by stream and lane, the last number that the replay goes to."""

    def replayed(self) -> Replayed:
        """The same, as it is read."""
        return Replayed(self.name, {str(stream): ends for stream, ends in self.ends.items()})


class Order(Reason):
    """Why to rebuild, and from what."""

    replay: OfReplay | None = None
    """None: from the topics, as far as Kafka holds them."""


class Rebuild:
    """One rebuild at a time, in this process."""

    def __init__(self, make_group: Callable[[Metrics], LaneGroup], *, publishes: bool = False) -> None:
        self._make_group = make_group
        self._publishes = publishes
        self._asked = asyncio.Event()
        self._replayed: Replayed | None = None
        self._given_up = self._switching = False
        self._work: asyncio.Task[None] | None = None
        self.shown = _nothing("none", None)

    def ask(self, replayed: Replayed | None = None) -> bool:
        """Begin; False where one is under way."""
        if self.shown.state == "reading":
            return False
        self.shown = _nothing("reading", replayed)
        self._replayed, self._given_up, self._switching = replayed, False, False
        self._asked.set()
        return True

    def give_up(self) -> None:
        """End the one that is under way: what is read stays as it is. One that has begun to switch is let end."""
        self._given_up = True
        if self._work is not None and not self._switching:
            self._work.cancel()

    async def run(self, parts: Parts, _: FastAPI) -> None:
        """Rebuild whenever it is asked for, for as long as the service runs."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._work = asyncio.create_task(self._rebuild(parts))
            try:
                await self._work
            except asyncio.CancelledError:
                if not self._given_up:
                    raise
                self._show(state="failed", why=GIVEN_UP)
            except CannotRereadError as error:
                log.warning("rebuild_given_up", replay=self.shown.replay)
                self._show(state="failed", why=str(error))
            except Exception as error:  # noqa: BLE001 - whatever goes wrong, what is read stays as it is
                log.error("rebuild_failed", error=type(error).__name__, at=postgres.where(error))
                self._show(state="failed", why=type(error).__name__)
            self._work = None

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
        async with Rereading(parts.settings, carrier, pool, self._replayed) as rereading:
            await self._until_level(parts, pool, carrier, rereading)

    async def _until_level(self, parts: Parts, pool: Any, carrier: Carrier, rereading: Rereading) -> None:
        waiting = 0
        while True:
            if self._given_up:
                raise CannotRereadError(GIVEN_UP)
            taken = await rereading.some()
            waiting += taken
            async with pool.acquire() as db:
                if waiting >= SUM_EVERY_FACTS or not taken:
                    await sums_store.sum_up(db, at_once=SUMMED_AT_ONCE)
                    waiting = 0
                facts = await store.version(db)
            async with parts.pool.acquire() as db:
                of = await store.version(db)
            self._show(facts=facts, of=of)
            if carrier.stopped:
                raise CannotRereadError(_stopped(carrier.stopped))
            if facts >= of and await self._switch(parts):
                return

    async def _switch(self, parts: Parts) -> bool:
        """Under the lock of all cursors: if both hold the same facts, the rebuilt tables are read from now on."""
        self._switching = True
        try:
            async with parts.pool.acquire() as db:
                differences = await store.switch_if_level(db)
        except postgres.PASSING:
            self._switching = False
            await asyncio.sleep(AGAIN_S)  # somebody reads for long: later
            return False
        if differences is None:
            self._switching = False
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


def _nothing(state: State, replayed: Replayed | None) -> Rebuilt:
    replay = replayed.name if replayed else None
    return Rebuilt(state=state, replay=replay, facts=0, of=0, why=None, differences=None)


def _stopped(lanes: Collection[str]) -> str:
    named = ", ".join(sorted(lanes))
    return f"Lanes stopped as they were counted anew: {named}; the service's log says why. / 重建时通道停止：{named}。"


def router(rebuild: Rebuild) -> APIRouter:
    """Begin a rebuild, see how far it is, and give it up."""
    routes = APIRouter(prefix="/v1", tags=["operators"], route_class=ProblemRoute)

    @routes.post("/rebuild", status_code=202, responses=documented(401, 403, 409, 422, 503))
    async def begin(request: Request, caller: Operator, order: Order) -> Rebuilt:
        """Begin to rebuild all tables, from the topics or from a replay of the publishers' logs.

        What is read stays until the new tables are level.
        """
        replayed = order.replay.replayed() if order.replay else None
        if not rebuild.ask(replayed):
            raise ProblemError(
                409,
                "rebuilding",
                "重建正在进行，请等待其完成。",
                "A rebuild is under way: wait until it has ended.",
            )
        act = f"rebuild from replay {replayed.name}" if replayed else "rebuild"
        async with request.app.state.pool.acquire() as db:
            await plumbing_store.note_act(db, caller.name, act, "00", order.reason)
        return rebuild.shown

    @routes.get("/rebuild", responses=documented(401, 403, 503))
    async def shown(_: Reader) -> Rebuilt:
        """How far the rebuild of this process is."""
        return rebuild.shown

    @routes.delete("/rebuild", responses=documented(401, 403, 503))
    async def give_up(_: Operator) -> Rebuilt:
        """Give the rebuild up that is under way in this process: what is read stays as it is."""
        rebuild.give_up()
        return rebuild.shown

    return routes
