"""The way of a batch: take, decode, lock, drop, decide, log and move on in one transaction; publish after it."""

import asyncio
import hashlib
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

import structlog
from aiokafka import ConsumerRecord
from asyncpg import Pool, Record

from shared.contracts.topics import Stream
from shared.plumbing import outgoing, postgres, store
from shared.plumbing.decoding import Bad, Decode, Taken, place_of, traceparent_of
from shared.plumbing.metrics import Metrics
from shared.plumbing.outgoing import FactPlace, Outgoing
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.store import Cursor, Db, LaneRow, LogRow
from shared.plumbing.telemetry import Telemetry
from shared.plumbing.writing import Writes

LOG_READ_MAX_ROWS: Final = 1000
"""At most this many log rows of a lane are queued again in one batch."""
LOG_READ_MAX_BYTES: Final = 32 * 1024 * 1024
"""At most this much of the log is read in one batch, over all its lanes."""
LOG_ROW_MAX_FACTS: Final = 4000
"""More are stamped in several rows: each must be sent within `publisher.SEND_TIMEOUT_S`."""
DRAIN_MAX_FACTS: Final = 4000
"""At most this many handed-over facts are stamped in one batch on all the lanes that drain."""
CONFLICT_TRIES_MAX: Final = 5
"""Serialization failures and deadlocks: the whole transaction again, with jitter."""
CONFLICT_JITTER_S: Final = 0.05

log = structlog.get_logger()


@dataclass(slots=True)
class Batch:
    """What a handler gets: events to decide, in each lane's order, and where to put what it decides."""

    recorded_at: datetime
    """The database's time after the locks: `recordedtime` of all that this batch publishes, in each lane monotone."""
    lanes: Sequence[str]
    """Lanes that this batch holds; on a tick all lanes of the process."""
    taken: list[Taken]
    """New records, those behind the cursor dropped; a bad one has no event."""
    handed: list[tuple[str, bytes]]
    """Parked work that another lane's transaction has released: (lane, payload), to be judged before `taken`."""
    heads: Mapping[str, bytes]
    """Hash at the head of each lane's log on the first stream that the service writes."""
    writes: Writes
    """Statements that need not be waited for; once there is one, the handler itself reads no more."""
    take_left: Callable[[], Awaitable[list[Record]]]
    """Takes the decided facts that other lanes left for ours."""
    noticed: list[Taken] | None
    """Put here what is worth a span though its trace is not sampled; none where nothing is traced."""
    left: list[Record] | None = None
    """These facts, once they are taken: (lane, payload)."""
    facts: dict[tuple[str, str], list[Outgoing]] = field(default_factory=lambda: defaultdict(list))
    openings: dict[tuple[str, str], list[Outgoing]] = field(default_factory=lambda: defaultdict(list))
    handovers: list[tuple[str, str, bytes]] = field(default_factory=list)
    quarantined: list[tuple[Taken, str]] = field(default_factory=list)
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    """Done once this batch is committed, so never twice: what is counted in metrics."""
    unfinished: set[str] = field(default_factory=set)
    """Lanes on which the handler has more to do than one batch takes: they are ticked again at once."""
    postponed: list[Taken] = field(default_factory=list)
    """Facts that this batch does not take after all."""

    async def all_is_read(self) -> None:
        """All that is decided from is locked and read: what others left before that is stamped before our own.

        A handler that writes behind says so before its first write; for any other it is done when it has ended.
        """
        if self.left is None:
            self.left = await self.take_left()

    def publish(self, stream: Stream, lane: str, fact: Outgoing) -> None:
        """Publish a decided fact on `lane`; where this batch does not hold that lane, its owner will stamp it."""
        if lane in self.lanes:
            self.facts[stream.pattern, lane].append(fact)
        else:
            payload = stream.pattern.encode() + b"\n" + outgoing.to_bytes(fact)
            self.handovers.append((lane, "fact", payload))

    def publish_first(self, stream: Stream, lane: str, fact: Outgoing) -> None:
        """Publish on a lane that this batch holds, before all else that it stamps there: a day begins."""
        self.openings[stream.pattern, lane].append(fact)

    def hand_over(self, lane: str, payload: bytes) -> None:
        """Leave parked work for the owner of `lane` to judge again."""
        self.handovers.append((lane, "parked", payload))

    def postpone(self, taken: Taken) -> None:
        """Do not take a fact, nor those after it on its lane: they come again once the lane has ended what it began."""
        self.postponed.append(taken)

    def quarantine(self, taken: Taken, code: str) -> None:
        """Keep the bytes of a record that nobody can read, sealed."""
        self.quarantined.append((taken, code))


Handle = Callable[[Batch, Db], Awaitable[None]]
KeepPlaces = Callable[[Db, Sequence[FactPlace]], Awaitable[None]]
Gate = Literal["door", "offset", "seq"]


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """One consumer group of a service: what it reads and writes lane by lane, and how a batch is handled.

    `gate` says what decides that a record was taken in before: its offset (from provinces; `door` also refuses to
    jump over offsets, which a compacted topic does) or its `seq` (from us).
    `ticks` says whether the handler wants to be called on idle lanes too.
    """

    name: str
    reads: tuple[Stream, ...]
    writes: tuple[Stream, ...]
    gate: Gate
    decode: Decode
    handle: Handle
    ticks: bool = False
    gather_ms: int = 50
    """So long Kafka gathers records before it hands out less than a batch is worth: what a hop may wait, and the
    fewer requests and batches the longer it is. An idle group waits longer (`gathering.py`)."""
    leave_out: Callable[[Taken], Any] | None = None
    """At the door: what the handler gets instead of an event that was set aside, to answer it; elsewhere nothing."""
    keep_places: KeepPlaces | None = None
    """Writes down, in the same transaction, where in the log the facts of the first stream stand; one statement."""


@dataclass(frozen=True, slots=True)
class _FromLog:
    """What of its log a lane still has to publish, from `from_seq` on, and what was queued when that was read."""

    row: LaneRow
    from_seq: int
    rows: list[LogRow]
    queued_before: int | None


@dataclass(slots=True)
class _Held:
    """What a transaction holds: rows under lock, and what is to be queued once it has committed."""

    cursors: dict[tuple[str, str], Cursor]
    now: datetime
    lane_rows: list[LaneRow]
    going: list[str]
    """Lanes that take records and are ticked in this batch, as they stood when it began."""
    draining: list[str]
    log_bytes: int
    """How much of the log may still be read."""
    from_log: list[_FromLog] = field(default_factory=list)
    new: list[LogRow] = field(default_factory=list)
    after_commit: list[Callable[[], None]] = field(default_factory=list)


class Carrier:
    """Carries batches of one lane group through PostgreSQL, one at a time."""

    def __init__(
        self,
        group: LaneGroup,
        namespace: str,
        pool: Pool,
        publisher: Publisher,
        source: str,
        seal: Seal,
        telemetry: Telemetry,
        metrics: Metrics,
    ) -> None:
        self.group = group
        self._namespace = namespace
        self._pool = pool
        self._publisher = publisher
        self._source = source
        self._seal = seal
        self._telemetry = telemetry
        self._metrics = metrics
        self._reads = [stream.pattern for stream in group.reads]
        self._writes = [stream.pattern for stream in group.writes]
        self._lane_of: dict[tuple[str, int], str] = {}
        self._streams_of = {topic: stream for stream in group.reads for topic in stream.topics(namespace)}
        self.stopped: set[str] = set()
        """Lanes that stand, as last seen under their locks."""
        self.waiting: set[tuple[str, str]] = set()
        """(stream, lane) with an open gap."""
        self.jumped: set[str] = set()
        """Lanes of the door whose records lie beyond the cursor: records between were not seen."""
        self.unfinished: set[str] = set()
        """Lanes with more handed-over work than one batch takes: to be ticked again at once."""
        self.draining: set[str] = set()
        """Lanes that took no records in their last batch: these are to be read again."""

    def lane_of(self, record: ConsumerRecord) -> str:
        """The lane that a record lies on."""
        key = (record.topic, record.partition)
        lane = self._lane_of.get(key)
        if lane is None:
            lane = self._lane_of[key] = self._streams_of[record.topic].lane_of(self._namespace, *key)
        return lane

    def take_also(self, stream: Stream, other: Stream) -> None:
        """Take what lies on the topics of `other` as if it lay on `stream`, lane by lane."""
        self._streams_of |= dict.fromkeys(other.topics(self._namespace), stream)

    def decode(self, records: Iterable[ConsumerRecord]) -> list[Taken]:
        """Decode each record by itself: bytes of two records never meet."""
        taken = []
        for record in records:
            stream, lane = self._streams_of[record.topic], self.lane_of(record)
            failure = None
            try:
                event, bad, seq, log_id = self.group.decode(record)
            except Exception as error:  # noqa: BLE001 - poison: its own lane stops for it, when it is carried
                event, bad, failure = None, None, error
                seq, log_id = place_of(record) if self.group.gate == "seq" else (0, None)
            trace = traceparent_of(record.headers) if record.headers else None
            taken.append(
                Taken(lane, stream.pattern, record.offset, event, bad, seq, log_id, trace, record, failure)
            )
        return taken

    async def carry(self, taken: list[Taken], lanes: Sequence[str]) -> None:
        """Carry a batch through one transaction and queue what it published.

        Serialization failures are tried again here. A failure that may pass raises `postgres.PassingError`; one of
        our own code stops the lane that it lies on, and the others go on.
        """
        await self._publisher.room()
        error = await self._try(taken, lanes)
        if error is not None:  # poison; its text may quote a row, so it is not logged
            failed = {"error": type(error).__name__, "at": postgres.where(error)}
            log.error("batch_failed", group=self.group.name, records=len(taken), **failed)
            await self._isolate(taken, lanes)

    async def _carry_again(self, taken: list[Taken], lanes: Sequence[str]) -> None:
        for attempt in range(1, CONFLICT_TRIES_MAX + 1):
            try:
                await self._carry_once(taken, lanes)
            except postgres.CONFLICTS as error:
                log.info("transaction_again", group=self.group.name, error=type(error).__name__)
                if attempt == CONFLICT_TRIES_MAX:
                    raise
                await asyncio.sleep(random.uniform(0, CONFLICT_JITTER_S * attempt))
            else:
                return

    async def _isolate(self, taken: list[Taken], lanes: Sequence[str]) -> None:
        """A batch failed: its lanes one by one, a failing lane record by record; it stops before the one to blame."""
        by_lane: dict[str, list[Taken]] = {lane: [] for lane in lanes}
        for one in taken:
            by_lane[one.lane].append(one)
        for lane, records in by_lane.items():
            error = await self._try(records, [lane])
            if error is None:
                continue
            if not records:
                await self.stop(lane, _poison(error))
            for one in records:
                error = await self._try([one], [lane])
                if error is not None:
                    await self.stop(lane, _poison(error), (one.stream, one.offset))
                if error is not None or lane in self.draining:
                    break

    async def _try(self, taken: list[Taken], lanes: Sequence[str]) -> Exception | None:
        try:
            await self._publisher.mend()
            await self._carry_again(taken, lanes)
        except postgres.PASSING as error:
            raise postgres.PassingError(type(error).__name__) from error
        except Exception as error:  # noqa: BLE001 - whatever our own code raises is poison and stops the lane
            return error
        return None

    async def stop(
        self, lane: str, why: str, blamed: tuple[str, int] | None = None, *, above_all: bool = False
    ) -> None:
        """Stop a lane of this group, before the record (stream, offset) that is to blame, if one is; others go on.

        `above_all` replaces the reason of a lane that stands for another already: resuming it must not pass over this.
        """
        log.error("lane_stopped", group=self.group.name, lane=lane, offset=blamed and blamed[1], why=why)
        async with self._pool.acquire() as db:
            await store.stop_lane(db, self._reads, lane, why, blamed, above_all=above_all)
        self.stopped.add(lane)

    async def _carry_once(self, taken: list[Taken], lanes: Sequence[str]) -> None:
        started_s = time.perf_counter()
        async with self._pool.acquire() as db:
            transaction = db.transaction()
            await transaction.start()
            try:
                held = await self._hold(db, lanes)
                passed = self._gate(taken, held)
                with self._telemetry.batch(self.group.name, passed) as noticed:
                    await self._decide(db, held, passed, noticed)
            except BaseException:
                await postgres.roll_back(db, transaction)
                raise
            try:
                await transaction.commit()
            except BaseException:
                # Whether it committed is unknown: nothing is published from memory, the next batch reads the log.
                self._publisher.doubt(held.lane_rows)
                raise
        self._queue(held)
        for act in held.after_commit:
            act()
        self._metrics.batch(self.group.name, len(taken), time.perf_counter() - started_s)

    async def _hold(self, db: Db, lanes: Sequence[str]) -> _Held:
        """Lock cursor rows, then lane rows, in lane order; compare each lane's `seq` with what was queued."""
        cursors, now = await postgres.insist(
            self._pool, db, store.lock_cursors(db, self._reads, lanes), self._metrics
        )
        rows: list[LaneRow] = []
        if self._writes:
            rows = await store.lock_lane_rows(db, self._writes, lanes)
        self._stop_what_went_back(cursors, rows)
        stopped = {c.lane for c in cursors if c.stopped}
        draining = sorted({row.lane for row in rows if row.drains} - stopped)
        for cursor in cursors:
            cursor.draining = cursor.lane in draining
        self.unfinished.update(draining)
        going = [lane for lane in lanes if lane not in stopped and lane not in draining]
        held = _Held({(c.stream, c.lane): c for c in cursors}, now, rows, going, draining, LOG_READ_MAX_BYTES)
        self.stopped = (self.stopped - set(lanes)) | stopped
        self.draining = (self.draining - set(lanes)) | set(draining)
        elsewhere = {place for place in self.waiting if place[1] not in lanes}
        self.waiting = elsewhere | {(c.stream, c.lane) for c in cursors if c.waiting_since}
        for row in rows:
            await self._catch_up(db, row, held)
        return held

    def _stop_what_went_back(self, cursors: Sequence[Cursor], rows: Sequence[LaneRow]) -> None:
        """We have published more of a lane than its row knows: the database under us is an older one."""
        for row in rows:
            sent = self._publisher.sent(row)
            if sent > row.seq:
                why = f"database went back: {sent} was published on {row.stream}, the log ends at {row.seq}"
                self._stop_all(why, [c for c in cursors if c.lane == row.lane])

    def _stop_all(self, why: str, cursors: Sequence[Cursor], offset: int | None = None) -> None:
        """Have cursors that are held stand from now on; written down with the batch."""
        for cursor in cursors:
            if cursor.stopped is None:
                log.error("lane_stopped", group=self.group.name, lane=cursor.lane, offset=offset, why=why)
                cursor.stopped, cursor.stopped_offset = why, offset
                self.stopped.add(cursor.lane)

    async def _catch_up(self, db: Db, row: LaneRow, held: _Held) -> None:
        self._publisher.settle(row)
        queued = self._publisher.queued(row)
        if queued == row.seq:
            return
        # What was queued without a doubt since is on its way in order: only what follows it is missing.
        from_seq = (row.published_seq if queued is None else queued) + 1
        if queued is None and row.republish_from is not None:
            # A wish never skips what is missing: acknowledgements would move over the hole.
            from_seq = min(from_seq, row.republish_from)
        bytes_max = min(self._publisher.room_for_log(row), held.log_bytes)
        if bytes_max <= 0:
            return
        rows = await store.read_log(db, row.stream, row.lane, from_seq, LOG_READ_MAX_ROWS, bytes_max)
        held.log_bytes -= sum(len(some.events) for some in rows)
        held.from_log.append(_FromLog(row, from_seq, rows, queued))

    def _gate(self, taken: list[Taken], held: _Held) -> list[Taken]:
        """Drop what lies behind the cursors and what stands on stopped lanes; note gaps; move the cursors."""
        passed = []
        consumed: dict[tuple[str, str], ConsumerRecord] = {}
        for one in taken:
            cursor = held.cursors[one.stream, one.lane]
            if cursor.stopped or cursor.draining:
                continue
            set_aside = one.offset == cursor.set_aside_offset
            if one.failure is not None and not set_aside and not self._is_behind(cursor, one):
                raise one.failure
            if set_aside and one.log_id is None and self.group.gate == "seq":
                # Not even its number can be read: where it was the next one, a gap says so.
                self._leave_out(cursor, one)
                cursor.next_offset = one.offset + 1
                continue
            before = consumed.get((one.stream, one.lane))
            if not (
                self._follows(cursor, one) if self.group.gate == "seq" else self._is_next(cursor, one, before)
            ):
                continue
            if set_aside:
                self._leave_out(cursor, one)
            cursor.next_offset = one.offset + 1
            if one.record is not None:
                consumed[one.stream, one.lane] = one.record
            passed.append(one)
        if self.group.gate == "door":
            for place, record in consumed.items():
                held.cursors[place].fingerprint = fingerprint(record)
        return passed

    def _is_behind(self, cursor: Cursor, one: Taken) -> bool:
        if self.group.gate == "seq":
            return one.log_id == cursor.log_id and 0 < one.seq <= cursor.last_seq
        return one.offset < cursor.next_offset

    def _is_next(self, cursor: Cursor, one: Taken, before: ConsumerRecord | None) -> bool:
        """Whether a record is the next one by its offset; the last one consumed, now or before, must be what it was."""
        if one.offset < cursor.next_offset:
            last = fingerprint(before) if before is not None else cursor.fingerprint
            if one.offset == cursor.next_offset - 1 and _is_another(last, one):
                self._stop_all(
                    f"recreated topic: offset {one.offset} holds another record than the one consumed",
                    [cursor],
                )
            elif self.group.gate != "door" or one.offset != cursor.next_offset - 1:
                self._metrics.dropped(self.group.name)
            return False
        if one.offset > cursor.next_offset and self.group.gate == "door":
            self.jumped.add(one.lane)
            return False
        return True

    def _follows(self, cursor: Cursor, one: Taken) -> bool:
        """Whether a fact is the next one of its log, by its `seq`; moves on to it."""
        if cursor.log_id is None:
            cursor.log_id = one.log_id
        elif cursor.log_id != one.log_id:
            self._stop_all(f"foreign log: {one.log_id}", [cursor], one.offset)
            return False
        if one.seq == cursor.last_seq + 1:
            cursor.waiting_since, cursor.last_seq = None, one.seq
            return True
        if one.seq > cursor.last_seq + 1:
            self._alarm_gap(cursor, one)
            return False
        self._metrics.dropped(self.group.name)
        if cursor.waiting_since is None:
            cursor.next_offset = one.offset + 1
        return False

    def _leave_out(self, cursor: Cursor, one: Taken) -> None:
        """An operator has set this record aside: its bytes lie in quarantine, it is answered and passed over."""
        cursor.set_aside_offset = None
        one.event = self.group.leave_out(one) if self.group.leave_out else None
        one.bad, one.failure = Bad("set_aside"), None
        self._metrics.set_aside(self.group.name)
        log.warning("record_set_aside", group=self.group.name, lane=one.lane, offset=one.offset)

    def _alarm_gap(self, cursor: Cursor, one: Taken) -> None:
        """Read on, dropping, until `last_seq + 1` comes by: a paused lane would never see the repair."""
        if cursor.waiting_since is not None:
            return
        cursor.waiting_since = postgres.utc_now()
        self._metrics.gap(self.group.name, cursor.lane)
        log.error("gap", stream=cursor.stream, lane=cursor.lane, expected=cursor.last_seq + 1, seen=one.seq)

    async def _decide(self, db: Db, held: _Held, passed: list[Taken], noticed: list[Taken] | None) -> None:
        parked = await self._parked(db, held)
        heads = {row.lane: row.head for row in reversed(held.lane_rows) if row.stream in self._writes[:1]}
        async with Writes() as writes:
            take_left = partial(self._left_facts, db, held)
            batch = Batch(held.now, held.going, passed, parked, heads, writes, take_left, noticed)
            if passed or parked or self.group.ticks:
                await self.group.handle(batch, db)
                held.after_commit = batch.after_commit
                self.unfinished |= batch.unfinished
                self._postpone(held, batch.postponed)
            facts = await self._facts(db, held, batch)
            held.new = await self._stamp(held, facts)
            writes.behind(partial(self._write, db, held, batch, facts))

    def _postpone(self, held: _Held, postponed: Sequence[Taken]) -> None:
        """Move cursors back before what the handler did not take; the lane drains until it does."""
        for one in postponed:
            cursor = held.cursors[one.stream, one.lane]
            if one.seq <= cursor.last_seq:
                cursor.next_offset, cursor.last_seq = one.offset, one.seq - 1
            self.draining.add(one.lane)
            self.unfinished.add(one.lane)

    async def _parked(self, db: Db, held: _Held) -> list[tuple[str, bytes]]:
        """Parked events that were left for lanes of this batch, to be judged before its own."""
        lanes = sorted({row.lane for row in held.lane_rows if row.parked_left}.intersection(held.going))
        parked = await store.take_handover(db, lanes, "parked") if lanes else []
        if len(parked) == store.HANDOVER_TAKE_MAX:
            self.unfinished.update(lane for lane, _ in parked)
        return [(lane, payload) for lane, payload in parked]

    async def _facts(self, db: Db, held: _Held, batch: Batch) -> Mapping[tuple[str, str], list[Outgoing]]:
        """What is to be stamped on each lane, in order: what others decided for it before the batch's own."""
        facts = batch.openings
        if self._writes:
            if batch.left is None:
                await batch.writes.done()
                await batch.all_is_read()
            for lane, payload in batch.left or ():
                stream, _, fact = payload.partition(b"\n")
                facts[stream.decode(), lane].append(outgoing.from_bytes(fact))
        for key, own in batch.facts.items():
            facts[key].extend(own)
        restored = {(row.stream, row.lane) for row in held.lane_rows if row.read_back}.intersection(facts)
        if restored:
            await batch.writes.done()
            await self._drop_published_before(db, restored, facts)
        return facts

    async def _stamp(self, held: _Held, facts: Mapping[tuple[str, str], list[Outgoing]]) -> list[LogRow]:
        """Stamp lane by lane, while the writes behind go on."""
        rows = {(row.stream, row.lane): row for row in held.lane_rows}
        stamped = []
        for key, some in facts.items():
            for at in range(0, len(some), LOG_ROW_MAX_FACTS):
                few = some[at : at + LOG_ROW_MAX_FACTS]
                stamped.append(outgoing.stamp(rows[key], few, self._source, held.now))
                await asyncio.sleep(0)
        return stamped

    async def _write(
        self, db: Db, held: _Held, batch: Batch, facts: Mapping[tuple[str, str], list[Outgoing]]
    ) -> None:
        """Append to the log, keep where facts about a subject stand, leave work for others, move on."""
        if held.new:
            await store.append_log(db, held.new)
        if self.group.keep_places is not None and held.new:
            rows = {(row.stream, row.lane): row for row in held.lane_rows}
            first = [key for key in facts if key[0] == self._writes[0]]
            if places := [at for key in first for at in outgoing.places(rows[key], facts[key])]:
                await self.group.keep_places(db, places)
        if batch.handovers:
            await store.hand_over(db, batch.handovers)
        if batch.quarantined:
            kept = await store.keep_sealed(db, [self._sealed(*entry) for entry in batch.quarantined])
            self._metrics.not_kept(self.group.name, len(batch.quarantined) - kept)
        await store.move_on(db, list(held.cursors.values()), held.lane_rows)

    async def _drop_published_before(
        self, db: Db, restored: Collection[tuple[str, str]], facts: dict[tuple[str, str], list[Outgoing]]
    ) -> None:
        """After a restore: what Kafka has of us already, and the log again, is not stamped a second time."""
        known = await store.published_before(db, [(*key, fact.id) for key in restored for fact in facts[key]])
        for key in restored:
            facts[key] = [fact for fact in facts[key] if (*key, fact.id) not in known]

    async def _left_facts(self, db: Db, held: _Held) -> list[Record]:
        """Decided facts that were handed over: a part of them where a lane drains, elsewhere all.

        Elsewhere few waited when the batch began, and what has come since is taken however much it is: a fact of our
        own must not overtake one that it may build on.
        """
        facts = await store.take_handover(db, held.draining, "fact", DRAIN_MAX_FACTS) if held.draining else []
        while some := await store.take_handover(db, held.going, "fact"):
            facts += some
            if len(some) < store.HANDOVER_TAKE_MAX:
                break
        return facts

    def _sealed(self, taken: Taken, code: str) -> tuple[str, str, int, str, bytes, None]:
        raw = (taken.record.value if taken.record else None) or b""
        return taken.stream, taken.lane, taken.offset, code, self._seal.close(raw), None

    def _queue(self, held: _Held) -> None:
        for some in held.from_log:
            self._publisher.queue_log(some.row, some.from_seq, some.rows, some.queued_before)
        for new in held.new:
            self._publisher.queue_new(new)


def _poison(error: Exception) -> str:
    return f"poison: {type(error).__name__} at {postgres.where(error)}"


def _is_another(last: bytes | None, one: Taken) -> bool:
    return last is not None and one.record is not None and fingerprint(one.record) != last


def fingerprint(record: ConsumerRecord) -> bytes:
    """What tells a record from another one at the same offset of a topic that was made anew."""
    content = hashlib.sha256(record.timestamp.to_bytes(8, "big", signed=True))
    content.update(record.value or b"")
    return content.digest()


def lanes_of(taken: Iterable[Taken]) -> list[str]:
    """The lanes that records lie on, each once, in lane order."""
    return sorted({one.lane for one in taken})
