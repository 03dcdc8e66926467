"""Sends a service's log once more, from its beginning, on a topic that is made for it and deleted afterwards.

For a reader that begins anew where Kafka no longer holds what the stream began with. Never through the live topic: all
others read that one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.topics import Stream, TopicSpec, replay_topic, replays_of
from shared.plumbing import chain, kafka, postgres, store
from shared.plumbing.operators import Operator, Reader, Reason
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.publisher import Prepared, close_producer, send_prepared
from shared.plumbing.service import Parts
from shared.plumbing.settings import ServiceSettings
from shared.plumbing.store import Db, LogRow

PART_ROWS: Final = 2_000
PART_BYTES: Final = 2 * 1024 * 1024
"""So much of the log is read, checked and acknowledged at a time; the service's own work goes on in between."""
PART_TIMEOUT_S: Final = 60.0
WANTED_FOR_S: Final = 600.0
"""A replay that nobody has asked about for so long is given up: who began it is gone."""
LOOK_EVERY_S: Final = 30.0
SWEEP_EVERY_S: Final = 300.0
"""So often topics are looked for that a process which is gone has left."""
ADMIN_TIMEOUT_S: Final = 15.0
BROKERS_DEFAULT: Final = -1
"""As many replicas as the broker gives a topic that does not say."""
ReplayName = Annotated[str, Field(pattern="^[a-z0-9]{8}$", description="A name that no other replay has.")]
State = Literal["none", "asked", "sending", "sent", "failed", "deleted"]

log = structlog.get_logger()


class Replayed(BaseModel):
    """How far a replay of the log has come."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    state: State
    """`none` since this process started; `asked`; `sending`: the topic is made; `sent`: it holds all and waits to be
    read; `failed`; `deleted`: given up or done with. In the last two the topic is gone."""
    replay: str | None
    """Its name, as who asked for it has chosen it."""
    facts: int
    """So many facts were checked and sent."""
    of: int
    """So many the log had when it was asked for."""
    ends: dict[str, int]
    """The last number of each lane, as the log stood then: so far the replay goes."""
    why: str | None
    """Why it failed."""


class Asked(Reason):
    """Which replay to send."""

    replay: ReplayName


class GivenUpError(Exception):
    """Why a replay ends before its time; a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class _Order:
    replay: str
    ends: Mapping[str, tuple[int, bytes]]


class Replay:
    """Replays of one stream's log, one at a time over all processes of the service."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.shown = Replayed(state="none", replay=None, facts=0, of=0, ends={}, why=None)
        self._order: _Order | None = None
        self._asked, self._dropped, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._wanted_s = 0.0

    def ask(self, replay: str, ends: Mapping[str, tuple[int, bytes]]) -> bool:
        """Begin; False where one is under way."""
        if self._order is not None:
            return False
        last = {lane: seq for lane, (seq, _) in ends.items()}
        self.shown = Replayed(
            state="asked", replay=replay, facts=0, of=sum(last.values()), ends=last, why=None
        )
        self._order = _Order(replay, ends)
        self._dropped.clear()
        self._ended.clear()
        self._asked.set()
        self.want()
        return True

    def want(self) -> None:
        """Somebody still asks for it."""
        self._wanted_s = time.monotonic()

    async def drop(self, timeout_s: float) -> None:
        """Give it up, or be done with it; TimeoutError where its topic is not deleted by then."""
        if self._order is not None:
            self._dropped.set()
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()

    async def run(self, parts: Parts, _: FastAPI) -> None:
        """Send whenever it is asked for, and delete what was left behind, for as long as the service runs."""
        while True:
            try:
                await self._turn(parts)
            except GivenUpError as error:
                self._show(state="failed", why=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the log stands, and the service goes on
                log.warning("replay_failed", error=type(error).__name__, at=postgres.where(error))
                self._show(state="failed", why=type(error).__name__)
            self._order = None
            self._ended.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_S):
                    await self._asked.wait()
            self._asked.clear()

    def _show(self, **changes: Any) -> None:
        if self._order is not None:
            self.shown = self.shown.model_copy(update=changes)

    async def _turn(self, parts: Parts) -> None:
        async with parts.pool.acquire() as db:
            if not await store.hold(db, store.REPLAY_LOCK):
                raise GivenUpError(
                    "Another process of this service sends a replay: wait until it has ended. "
                    "/ 本服务的另一进程正在重放，请等待其结束。"
                )
            try:
                await _sweep(self.stream, parts.settings)
                if self._order is not None:
                    await self._carry_out(parts, db, self._order)
            finally:
                if not db.is_closed():
                    await store.release(db, store.REPLAY_LOCK)

    async def _carry_out(self, parts: Parts, db: Db, order: _Order) -> None:
        spec = replay_topic(self.stream, order.replay, parts.settings.namespace)
        try:
            await _make(spec, parts.settings)
            self._show(state="sending")
            await self._send_log(parts, db, order, spec)
            if not self._dropped.is_set():
                self._show(state="sent")
                log.info("replay_sent", topic=spec.name, facts=self.shown.facts)
            await self._until_dropped()
        finally:
            await _delete([spec.name], parts.settings)
        self._show(state="deleted")

    async def _send_log(self, parts: Parts, db: Db, order: _Order, spec: TopicSpec) -> None:
        producer = kafka.make_producer(parts.settings)
        try:
            await producer.start()
            for lane, end in order.ends.items():
                await self._send_lane(producer, db, spec, lane, end)
                if self._dropped.is_set():
                    return
        finally:
            await close_producer(producer)

    async def _send_lane(
        self, producer: AIOKafkaProducer, db: Db, spec: TopicSpec, lane: str, end: tuple[int, bytes]
    ) -> None:
        """Send one lane part by part, each checked against the chain of hashes before it goes out."""
        read_to, head = 0, chain.GENESIS
        while read_to < end[0] and not self._dropped.is_set():
            self._go_on()
            rows = await store.read_log(db, self.stream.pattern, lane, read_to + 1, PART_ROWS, PART_BYTES)
            following = [row for row in rows if read_to < row.last_seq <= end[0]]
            checked = await asyncio.to_thread(chain.check, following, read_to, head)
            if checked.broken is not None or not following:
                _broken(lane, checked.broken or chain.Broken(read_to + 1, "missing"))
            async with asyncio.timeout(PART_TIMEOUT_S):
                await send_prepared(producer, spec.name, self.stream.partition(lane), _records(following))
            read_to, head = checked.read_to, checked.head
            self._show(facts=self.shown.facts + checked.facts)
        if read_to == end[0] and head != end[1]:
            _broken(lane, chain.Broken(read_to + 1, "end"))

    async def _until_dropped(self) -> None:
        while not self._dropped.is_set():
            self._go_on()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._dropped.wait()

    def _go_on(self) -> None:
        if time.monotonic() - self._wanted_s > WANTED_FOR_S:
            raise GivenUpError(
                "Nobody has asked about the replay for ten minutes: its topic is deleted. Begin again. "
                "/ 已有十分钟无人询问，重放主题已删除，请重新开始。"
            )


def _records(rows: Sequence[LogRow]) -> Iterable[Prepared]:
    """Facts as they stand, without their traces: who reads them again does not take part in those."""
    return ((None, line, []) for row in rows for line in row.events.split(b"\n"))


def _broken(lane: str, broken: chain.Broken) -> None:
    zh, en = chain.FAULTS[broken.fault]
    raise GivenUpError(
        f"The log does not hold on lane {lane} at number {broken.seq}: {en}. `dreams log verify` says more. "
        f"/ 通道 {lane} 的日志在第 {broken.seq} 号处不成立：{zh}。"
    )


# ---------------------------------------------------------------- its topic


async def _make(spec: TopicSpec, settings: ServiceSettings) -> None:
    new = NewTopic(spec.name, spec.partitions, BROKERS_DEFAULT, {}, dict(spec.config))
    async with _admin(settings) as admin:
        answer = await admin.create_topics([new])
    _refused(answer.topic_errors)


async def _delete(names: Sequence[str], settings: ServiceSettings) -> None:
    async with _admin(settings) as admin:
        answer = await admin.delete_topics(list(names))
    _refused(answer.topic_error_codes, but=UnknownTopicOrPartitionError.errno)


async def _sweep(stream: Stream, settings: ServiceSettings) -> None:
    """Delete what a process that is gone has left: nobody else sends a replay now."""
    beginning = replays_of(stream, settings.namespace)
    async with _admin(settings) as admin:
        left = [name for name in await admin.list_topics() if name.startswith(beginning)]
    if left:
        log.warning("replay_topics_left_behind", topics=left)
        await _delete(left, settings)


def _refused(errors: Sequence[Sequence[Any]], but: int = 0) -> None:
    for _, code, *_ in errors:
        if code not in (0, but):
            raise for_code(code)


@asynccontextmanager
async def _admin(settings: ServiceSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = kafka.make_admin(settings)
    try:
        async with asyncio.timeout(ADMIN_TIMEOUT_S):
            await admin.start()
            yield admin
    finally:
        await admin.close()


# ---------------------------------------------------------------- asked for by an operator

DROPPED_WITHIN_S: Final = 20.0


def router(replay: Replay) -> APIRouter:
    """Begin a replay, see how far it is, and be done with it."""
    routes = APIRouter(prefix="/v1/log/replay", tags=["log"], route_class=ProblemRoute)

    @routes.post("", status_code=202, responses=documented(401, 403, 409, 422, 503))
    async def begin(request: Request, caller: Operator, asked: Asked) -> Replayed:
        """Begin to send this service's log once more, as it stands now, on a topic that is made for it."""
        async with request.app.state.pool.acquire() as db:
            ends = await store.log_ends(db, replay.stream.pattern)
            if not replay.ask(asked.replay, ends):
                raise ProblemError(
                    409,
                    "replaying",
                    "重放正在进行，请等待其完成。",
                    "A replay is under way: wait until it has ended.",
                )
            await store.note_act(db, caller.name, f"replay {asked.replay}", "00", asked.reason)
        return replay.shown

    @routes.get("", responses=documented(401, 403, 503))
    async def shown(_: Reader) -> Replayed:
        """How far the replay of this process is; as long as somebody asks, its topic is kept."""
        replay.want()
        return replay.shown

    @routes.delete("", responses=documented(401, 403, 503))
    async def drop(_: Operator) -> Replayed:
        """Give the replay up, or be done with it: its topic is deleted."""
        try:
            await replay.drop(DROPPED_WITHIN_S)
        except TimeoutError as error:
            raise ProblemError(
                503,
                "not_deleted",
                "重放主题尚未删除，服务会继续尝试。",
                "The replay's topic is not deleted yet; the service goes on trying.",
                retry_after_s=int(DROPPED_WITHIN_S),
            ) from error
        return replay.shown

    return routes
