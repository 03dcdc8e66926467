"""Kafka through FastStream: explicit settings, cursors instead of committed offsets, one owner per lane."""

import asyncio
import logging
import random
import ssl
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import structlog
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from asyncpg import Pool
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.message import StreamMessage
from faststream.security import SASLScram512
from pydantic import SkipValidation

from shared.contracts.topics import Stream
from shared.plumbing import kafka_reading, postgres, restores, store
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.decoding import Taken
from shared.plumbing.holds import Holds
from shared.plumbing.metrics import Metrics
from shared.plumbing.parsing import UnparsableError, mend_parsing
from shared.plumbing.publisher import Publisher
from shared.plumbing.settings import ServiceSettings
from shared.plumbing.topic_ids import topic_ids

TICK_S: Final = 1.0
SIDE_BY_SIDE: Final = 4
"""Parts, each of other lanes, that are carried at the same time: while one waits for PostgreSQL, another decides."""
OVERLAP_FROM_RECORDS: Final = 500
"""A smaller part is waited for: what comes meanwhile makes the next one fuller."""
OFFSET_COMMIT_S: Final = 5.0
"""Offsets are committed for lag displays only: the cursor decides."""
FORGET_EACH_S: Final = 3600.0
"""How often what has lain in quarantine for too long is looked for."""
JUMP_TIMEOUT_S: Final = 3.0
"""Asking Kafka what a topic still holds keeps batches and ticks waiting."""
TAKE_OVER_TIMEOUT_S: Final = 10.0
"""Looking at the ends of what we publish keeps the lanes waiting; if it fails it is done again beside them."""
OFFSET_COMMIT_TIMEOUT_S: Final = 3.0
"""Without a broker aiokafka would wait for ever, and the ticks with it."""
BACKOFF_MAX_S: Final = 5.0
REVOKE_WAIT_S: Final = 5.0
POLL_INTERVAL_MAX_MS: Final = 300_000
"""Who asks for no records this long leaves its group; backing off stays far below."""
REBALANCE_TIMEOUT_MS: Final = 30_000
POLL_TIMEOUT_MS: Final = 200
POLL_AGAIN_MS: Final = 10
"""While lanes are held: theirs may be there as soon as they are released."""
FAIR_SHARE_RECORDS: Final = 500
"""So many records of one lane's topic before any lane gives more; a second share is all that a batch takes of one."""
FAR_BEHIND_RECORDS: Final = 5_000
"""A lane that has so much more to take gives way to live ones."""
LIVE_WITHIN_S: Final = 1.0
"""So long after live lanes had records."""
BULK_REST: Final = 1.0
"""A lane far behind rests beside live ones so many times as long as its last part took (tried: 0, 0.5 and 1)."""
BULK_REST_MAX_S: Final = 1.0
DECODE_STRETCH_RECORDS: Final = 100
"""Then what else the process carries has its turn."""
GATHER_BYTES: Final = 256 * 1024
"""Kafka waits no longer for more where so much has come: it is a batch."""
FETCH_MAX_BYTES: Final = 4 * 1024 * 1024
PRODUCER_BATCH_BYTES: Final = 256 * 1024
REQUEST_TIMEOUT_MS: Final = 10_000

log = structlog.get_logger()


def security(settings: ServiceSettings) -> SASLScram512:
    """Credentials from the file that the settings name; TLS where asked for."""
    context = ssl.create_default_context(cafile=settings.kafka_ca_file) if settings.kafka_tls else None
    return SASLScram512(
        username=settings.kafka_username,
        password=_secret(settings.kafka_password_file),
        use_ssl=settings.kafka_tls,
        ssl_context=context,
    )


def _secret(path: Path) -> str:
    return path.read_text().strip()


def make_broker(settings: ServiceSettings) -> KafkaBroker:
    """The FastStream broker of a service; it never creates topics."""
    mend_parsing()
    return KafkaBroker(
        settings.kafka_bootstrap,
        security=security(settings),
        client_id=f"{settings.kafka_username}-{settings.instance}",
        allow_auto_create_topics=False,
        logger=logging.getLogger("dreams.faststream"),
    )


def make_producer(settings: ServiceSettings, batch_max_bytes: int = PRODUCER_BATCH_BYTES) -> AIOKafkaProducer:
    """A producer for prepared batches: idempotent, all replicas, compression off."""
    return AIOKafkaProducer(
        **_connection(settings, "publisher"),
        acks="all",
        enable_idempotence=True,
        max_batch_size=batch_max_bytes,
        max_request_size=FETCH_MAX_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def make_reader(settings: ServiceSettings) -> AIOKafkaConsumer:
    """A consumer outside of any group, to look at single places: it commits nothing, and is told where to read."""
    mend_parsing()
    return AIOKafkaConsumer(
        **_connection(settings, "reader"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # it asks for a position before it can be told one
        max_partition_fetch_bytes=FETCH_MAX_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def _connection(settings: ServiceSettings, part: str) -> dict[str, Any]:
    credentials = security(settings)
    return {
        "bootstrap_servers": settings.kafka_bootstrap,
        "client_id": f"{settings.kafka_username}-{settings.instance}-{part}",
        "security_protocol": "SASL_SSL" if settings.kafka_tls else "SASL_PLAINTEXT",
        "ssl_context": credentials.ssl_context,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": _secret(settings.kafka_password_file),
    }


class Position(NamedTuple):
    """Where a lane of a stream stands, by its cursor row."""

    next_offset: int
    stopped: str | None
    topic_id: str | None


class LaneConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """The subscriber of one lane group: takes batches, ticks idle lanes, owns what Kafka assigns."""

    def __init__(
        self,
        broker: KafkaBroker,
        carrier: Carrier,
        publisher: Publisher,
        pool: Pool,
        settings: ServiceSettings,
        metrics: Metrics,
        payload: Any,
    ) -> None:
        self.carrier = carrier
        self._publisher = publisher
        self._pool = pool
        self._namespace = settings.namespace
        self._metrics = metrics
        self.holds = Holds()
        self._parts: set[asyncio.Task[None]] = set()
        self._owned: dict[TopicPartition, tuple[str, str]] = {}
        self.joined = False
        """Whether the group has given this process an assignment, be it an empty one."""
        self.broken = False
        """Whether lanes were assigned that could not be taken over."""
        self._paused: set[str] = set()
        self._stood: set[str] = set()
        """Lanes seen standing since the last tick: once they go on, they are read from their cursor again."""
        self._carried_at: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._woken: set[str] = set()
        self._make_reader = partial(make_reader, settings)
        self._ends_due: set[str] = set()
        """Lanes taken over whose topics' ends were not yet compared with the log."""
        self._live_at = -LIVE_WITHIN_S
        self._caught_up: set[tuple[str, int]] = set()
        """Topics and partitions that were taken in to their end when last polled."""
        self._far_behind: set[str] = set()
        self._failures = 0
        self._committed_at = 0.0
        self._forgot_at = -FORGET_EACH_S
        self._beat_at = time.monotonic()
        group = carrier.group
        topics = [topic for stream in group.reads for topic in stream.topics(settings.namespace)]
        one_partition_each = all(stream.per_lane for stream in group.reads)
        self.subscriber = broker.subscriber(
            *topics,
            group_id=f"{settings.namespace}{group.name}",
            batch=True,
            batch_timeout_ms=POLL_TIMEOUT_MS,
            max_records=settings.batch_max_records,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="none" if group.gate == "door" else "earliest",
            no_reply=True,
            # Round robin would split a lane's upstreams over processes; Range would give one member all topics of
            # one partition (tried: 33 of 33 lanes, either way round).
            partition_assignment_strategy=[
                RoundRobinPartitionAssignor if one_partition_each else RangePartitionAssignor
            ],
            listener=self,
            parser=_take_raw,
            decoder=_raw,
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.session_timeout_s * 1000 / 4),
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=POLL_INTERVAL_MAX_MS,
            max_partition_fetch_bytes=FETCH_MAX_BYTES,
            fetch_min_bytes=GATHER_BYTES,
            fetch_max_wait_ms=group.gather_ms,
            title=group.name,
        )

        async def take(records: Any) -> None:
            await self._take(records)

        # The type stands in the AsyncAPI document only: records are decoded by us, each by itself.
        take.__annotations__["records"] = Annotated[payload, SkipValidation]
        self.subscriber(take)
        self._part_max_records = settings.batch_max_records
        self._fair_share = min(FAIR_SHARE_RECORDS, settings.batch_max_records)
        self.subscriber.get_msg = self._poll_past_unparsable  # type: ignore[method-assign]

    @property
    def lanes(self) -> list[str]:
        """The lanes that this process owns, in lane order."""
        return sorted({lane for _, lane in self._owned.values()})

    @property
    def beat_at(self) -> float:
        """When it last went on: no part or tick has been under way, and silent, since before that."""
        return min([self._beat_at, *self.holds.held.values()])

    @property
    def consumer(self) -> Any:
        """The consumer of aiokafka; None before the start."""
        return self.subscriber.consumer

    def wake(self, lane: str) -> None:
        """Something was handed over to `lane`: tick it now."""
        self._woken.add(lane)
        self._wake.set()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Own the lanes; where that fails the process is of no use, and says so: aiokafka would only log it."""
        try:
            await self._own(assigned)
        except Exception:
            self.broken = True
            raise

    async def _own(self, assigned: Sequence[TopicPartition]) -> None:
        """Make the lanes' rows, seek to their cursors, hold those that are stopped."""
        owned = {tp: place for tp in assigned if (place := self._place(tp))}
        for tp in set(assigned) - owned.keys():
            # A lane appended to the list by a later build: its owner comes with that build, the others go on here.
            log.warning("lane_unknown", topic=tp.topic, partition=tp.partition)
            self.consumer.pause(tp)
        lanes = sorted({lane for _, lane in owned.values()})
        await self._positions(lanes)  # makes the rows
        self._ends_due = set(lanes)
        try:
            async with asyncio.timeout(TAKE_OVER_TIMEOUT_S):
                await self._look_at_ends()
        except postgres.PASSING as error:
            log.warning("ends_not_seen", group=self.carrier.group.name, error=type(error).__name__)
        rows = await self._positions(lanes)
        for tp, key in owned.items():
            self.consumer.seek(tp, self._first_to_read(rows[key]))
            if rows[key].stopped:
                self.consumer.pause(tp)
                self._paused.add(key[1])
        self._owned = owned
        self.joined = True
        self._metrics.took_over(self.carrier.group.name, len(lanes))
        log.info("lanes_assigned", group=self.carrier.group.name, lanes=len(lanes))

    def _first_to_read(self, position: Position) -> int:
        """At the door the last record consumed is read once more: it must be what it was."""
        return max(0, position.next_offset - (self.carrier.group.gate == "door"))

    async def _look_at_ends(self) -> None:
        """Stop the lanes on which Kafka holds what our log does not: our database went back in time, or is another.

        Kafka first, the rows after it: what an owner before us publishes meanwhile it has committed before.
        """
        writes, due = self.carrier.group.writes, set(self._ends_due)
        there = await topic_ids(self.consumer._client, self._topics_of(writes))  # noqa: SLF001 - no other way
        places = {
            TopicPartition(stream.topic(self._namespace, lane), stream.partition(lane)): (
                stream.pattern,
                lane,
            )
            for stream in writes
            for lane in due
            if stream.topic(self._namespace, lane) in there
        }
        last = await kafka_reading.last_records(self._make_reader, places)
        async with self._pool.acquire() as db:
            found = await restores.differences(db, {places[tp]: record for tp, record in last.items()})
        for lane, why in found.items():
            await self.carrier.stop(lane, why, above_all=True)
        self._ends_due -= due

    def _topics_of(self, streams: Sequence[Stream]) -> list[str]:
        return [topic for stream in streams for topic in stream.topics(self._namespace)]

    async def _positions(self, lanes: list[str]) -> dict[tuple[str, str], Position]:
        group = self.carrier.group
        reads = [stream.pattern for stream in group.reads]
        while True:
            try:
                async with self._pool.acquire() as db:
                    await store.open_lanes(db, reads, [stream.pattern for stream in group.writes], lanes)
                    rows = await store.positions(db, reads, lanes)
                return {(row["stream"], row["lane"]): Position(*row[2:]) for row in rows}
            except postgres.PASSING as error:
                log.warning("cursors_not_reachable", group=group.name, error=type(error).__name__)
                await asyncio.sleep(TICK_S)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002 - all are
        """Give the lanes up: wait for what is under way, then forget what is queued."""
        try:
            # In this very task: nothing can begin between the last release and the giving up below.
            async with asyncio.timeout(REVOKE_WAIT_S):
                await self.holds.none()
        except TimeoutError:
            log.warning("revoked_in_the_middle_of_a_batch", group=self.carrier.group.name)
        self._publisher.forget(self.lanes)
        self._metrics.forget_lag(self.carrier.group.name, self.lanes)
        self._owned, self._paused, self._ends_due = {}, set(), set()
        self._carried_at.clear()
        self._caught_up.clear()

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        """Have what was polled carried; returns while it is, where another part may be carried beside it."""
        # Those of a lane that stands were dropped before: what follows them waits for the tick that reads the lane
        # from its cursor again. Noted before waiting too, since that tick may be the one that holds the lane.
        held_back = self._stood | self.carrier.stopped
        if not self._owned:
            return  # fetched while lanes are being opened: these records come again, from the cursor
        live, bulk = self._apart(records)
        if bulk:
            await self._begin(bulk, held_back)
        if live:
            await self._begin(live, held_back)

    def _apart(
        self, records: Sequence[ConsumerRecord]
    ) -> tuple[Sequence[ConsumerRecord], Sequence[ConsumerRecord]]:
        """What has come of live lanes, where these would have to wait for others in bulk, and the rest.

        A lane is live while it has little to take and had been taken in to its end before.
        """
        places: dict[tuple[str, int], list[ConsumerRecord]] = defaultdict(list)
        for one in records:
            places[one.topic, one.partition].append(one)
        lane_at = {tp: self.carrier.lane_of(some[-1]) for tp, some in places.items()}
        # Records in hand may be of lanes that were given up meanwhile: the client knows nothing of these any more.
        left = {
            tp: (self.consumer.highwater(TopicPartition(*tp)) or 0) - some[-1].offset - 1
            for tp, some in places.items()
            if tp in self._owned
        }
        much = {tp for tp, some in places.items() if max(len(some), left.get(tp, 0)) >= self._fair_share}
        behind = {lane for tp, lane in lane_at.items() if tp in much or tp not in self._caught_up}
        self._caught_up = (self._caught_up - much) | {tp for tp in left.keys() - much if left[tp] <= 0}
        self._far_behind = {lane_at[tp] for tp in much if left.get(tp, 0) >= FAR_BEHIND_RECORDS}
        live = [one for tp, some in places.items() if lane_at[tp] not in behind for one in some]
        if not live or len(live) >= OVERLAP_FROM_RECORDS:
            return (), records
        self._live_at = time.monotonic()
        if not much:
            return (), records
        return live, [one for tp, some in places.items() if lane_at[tp] in behind for one in some]

    async def _begin(self, records: Sequence[ConsumerRecord], held_back: set[str]) -> None:
        lanes = {self.carrier.lane_of(one) for one in records}
        await self.holds.take(lanes)
        part = asyncio.create_task(self._carry_part(records, lanes, held_back))
        self._parts.add(part)
        part.add_done_callback(self._parts.discard)
        if len(records) < OVERLAP_FROM_RECORDS:
            await asyncio.wait([part])
        elif len(self._parts) >= SIDE_BY_SIDE:
            await asyncio.wait(self._parts, return_when=asyncio.FIRST_COMPLETED)

    async def _carry_part(
        self, records: Sequence[ConsumerRecord], lanes: set[str], held_back: set[str]
    ) -> None:
        """One part: carried, or put back whole. Its lanes are held until then."""
        began_at, rests = time.monotonic(), lanes <= self._far_behind
        try:
            await self._carry(records, held_back)
            if rests:
                await self._rest(time.monotonic() - began_at)
        except Exception as error:  # noqa: BLE001 - nothing may end the poll loop; its text may quote a row
            if not isinstance(error, (postgres.PassingError, *postgres.PASSING)):
                log.error("take_failed", error=type(error).__name__, at=postgres.where(error))
            self._put_back(records)
            self.holds.touch(lanes)
            await self._back_off(error)
        except BaseException:
            self._put_back(records)
            raise
        finally:
            self.holds.release(lanes)
            if not self._woken.isdisjoint(lanes):
                self._wake.set()

    async def _rest(self, took_s: float) -> None:
        """Leave some of the machine to live lanes, in this service and in those behind it."""
        if self._owned and time.monotonic() - self._live_at < LIVE_WITHIN_S:
            await asyncio.sleep(min(took_s * BULK_REST, BULK_REST_MAX_S))

    async def _carry(self, records: Sequence[ConsumerRecord], held_back: set[str]) -> None:
        if not self._owned:
            return  # given up meanwhile
        self._stood |= self.carrier.stopped
        held_back = held_back | self._stood
        if held_back:
            records = [one for one in records if self.carrier.lane_of(one) not in held_back]
        if not records:
            return
        taken: list[Taken] = []
        for at in range(0, len(records), DECODE_STRETCH_RECORDS):
            taken += self.carrier.decode(records[at : at + DECODE_STRETCH_RECORDS])
            await asyncio.sleep(0)
        lanes = lanes_of(taken)
        await self.carrier.carry(taken, lanes)
        if self.carrier.jumped:
            async with asyncio.timeout(JUMP_TIMEOUT_S):
                await self._look_at_jumps()
        draining = self.carrier.draining
        self._put_back([one for one in records if self.carrier.lane_of(one) in draining])
        self._failures = 0
        self._note(lanes)
        self._tick_unfinished()

    async def finish(self, within_s: float) -> None:
        """Wait for what is under way, for at most `within_s`; the rest is rolled back and comes again."""
        if self._parts:
            _, late = await asyncio.wait(self._parts, timeout=within_s)
            for part in late:
                part.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _poll_past_unparsable(self, consumer: Any) -> tuple[ConsumerRecord, ...]:
        """Poll; a record that nobody can parse stops its lane: it would end the poll loop, and with it all lanes."""
        try:
            return await self._poll_fairly(consumer)
        except NoOffsetForPartitionError:  # asked before its lanes were opened: it is told then
            await asyncio.sleep(POLL_TIMEOUT_MS / 1000)
            return ()
        except OffsetOutOfRangeError as error:
            self.carrier.jumped |= {self._owned[tp][1] for tp in error.args[0] if tp in self._owned}
            try:
                async with asyncio.timeout(JUMP_TIMEOUT_S):
                    await self._look_at_jumps()
            except postgres.PASSING as passing:  # it is met again
                await self._back_off(passing)
            return ()
        except UnparsableError as error:
            log.error(
                "record_cannot_be_parsed", topic=error.place.topic, offset=error.offset, error=error.why
            )
            await self._stop_unparsable(error)
            return ()

    async def _poll_fairly(self, consumer: Any) -> tuple[ConsumerRecord, ...]:
        """Poll lanes that are not being carried; where much has come, each gives a share before any gives a second.

        By itself the client hands out all that it has of one lane after another.
        """
        free = [tp for tp, (_, lane) in self._owned.items() if lane not in self.holds.held]
        if self._owned and not free:
            await self.holds.change()
            return ()
        timeout_ms = POLL_AGAIN_MS if self.holds.held else POLL_TIMEOUT_MS
        fair_share = self._fair_share
        polled = await consumer.getmany(*free, timeout_ms=timeout_ms, max_records=fair_share)
        records = [record for some in polled.values() for record in some]
        if len(records) < fair_share:
            return tuple(records)
        try:
            others = [tp for tp in free if tp not in polled]
            random.shuffle(others)
            for tp in (*others, *polled):
                room = self._part_max_records - len(records)
                if room <= 0:
                    break
                more = await consumer.getmany(tp, timeout_ms=0, max_records=min(room, fair_share))
                records += more.get(tp, ())
        except Exception:
            self._put_back(records)
            raise
        return tuple(records)

    async def _stop_unparsable(self, error: UnparsableError) -> None:
        """Stop the lane that cannot be read; read all others of that poll, already moved on, from their cursors."""
        rows = await self._positions(self.lanes)
        for tp, key in self._owned.items():
            if key in rows:
                self.consumer.seek(tp, self._first_to_read(rows[key]))
        if error.place not in self._owned:
            return
        stream, lane = self._owned[error.place]
        try:
            await self.carrier.stop(
                lane, f"unparsable: {error.why} at {error.offset}", (stream, error.offset)
            )
            self.consumer.pause(error.place)
        except postgres.PASSING as passing:  # it is met again
            await self._back_off(passing)

    def _tick_unfinished(self) -> None:
        """Lanes with more handed-over work than one batch takes go on at once."""
        unfinished, self.carrier.unfinished = self.carrier.unfinished, set()
        for lane in unfinished:
            self.wake(lane)

    def _put_back(self, records: Sequence[ConsumerRecord]) -> None:
        """Seek every lane of the batch to its first record: nothing was moved on, the cursor drops what was."""
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for tp, offset in first.items():
            if tp in self._owned:
                self.consumer.seek(tp, offset)

    async def _back_off(self, error: Exception) -> None:
        """Wait a little; the poll loop goes on, so the group keeps us however long the outage lasts."""
        self._failures += 1
        self._beat_at = time.monotonic()
        self._metrics.retried(self.carrier.group.name)
        delay_s = min(0.1 * 2 ** min(self._failures, 10), BACKOFF_MAX_S)
        # Only our own error's text is logged: another's may quote a row.
        why = str(error) if isinstance(error, postgres.PassingError) else type(error).__name__
        log.warning("batch_put_back", group=self.carrier.group.name, error=why, again_in_s=delay_s)
        await asyncio.sleep(delay_s)

    def _note(self, lanes: Sequence[str]) -> None:
        now = self._beat_at = time.monotonic()
        for lane in lanes:
            self._carried_at[lane] = now

    async def run_ticks(self) -> None:
        """Each second, and when woken: go through the lanes that had no batch. Never ends by itself."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._tick()
            except (postgres.PassingError, *postgres.PASSING) as error:
                await self._back_off(error)
            except Exception as error:  # noqa: BLE001 - ticks never end by themselves
                log.error("tick_failed", error=type(error).__name__, at=postgres.where(error))
                await asyncio.sleep(TICK_S)

    async def _tick(self) -> None:
        since = time.monotonic() - TICK_S
        free = [lane for lane in self.lanes if lane not in self.holds.held]
        due = [lane for lane in free if lane in self._woken or self._carried_at.get(lane, 0.0) <= since]
        self._stood |= self.carrier.stopped
        held = {*due, *(self._stood | self._paused).intersection(free)}
        self._woken.difference_update(due)
        await self.holds.take(held)
        try:
            if due:
                await self.carrier.carry([], due)
            self._note(due)
            self._tick_unfinished()
            await self._hold_stopped(held)
        finally:
            self.holds.release(held)
        if time.monotonic() - self._committed_at > OFFSET_COMMIT_S:
            self._committed_at = time.monotonic()
            async with asyncio.timeout(OFFSET_COMMIT_TIMEOUT_S):
                await self._commit_and_measure()

    async def _hold_stopped(self, lanes: Collection[str]) -> None:
        """Of `lanes`, which are held: pause those that were stopped; let resumed ones read on from their cursor."""
        stopped = self.carrier.stopped.intersection(lanes)
        resumed = (self._stood | self._paused).intersection(lanes) - stopped
        for tp, (_, lane) in self._owned.items():
            if lane in stopped and lane not in self._paused:
                self.consumer.pause(tp)
        if resumed:
            rows = await self._positions(sorted(resumed))
            for tp, key in self._owned.items():
                if key[1] in resumed:
                    self.consumer.seek(tp, self._first_to_read(rows[key]))
                    self.consumer.resume(tp)
        self._paused = (self._paused - resumed) | stopped
        self._stood = (self._stood - resumed) | stopped

    async def _look_at_jumps(self) -> None:
        """Records beyond a door's cursor: read again from the cursor, or stop where Kafka has them no more."""
        jumped, self.carrier.jumped = self.carrier.jumped, set()
        rows = await self._positions(sorted(jumped))
        wanted = {tp: rows[key].next_offset for tp, key in self._owned.items() if key[1] in jumped}
        missing = await self._stop_where_deleted(wanted)
        for tp in wanted.keys() - missing:
            self.consumer.seek(tp, wanted[tp])

    async def _stop_where_deleted(self, wanted: dict[TopicPartition, int]) -> set[TopicPartition]:
        """Stop the lanes whose next record Kafka has no more, or has not yet: a reset would lose silently.

        One request for all: it waits behind a long poll on the same connection.
        """
        beginnings = await self.consumer.beginning_offsets(list(wanted))
        ends = await self.consumer.end_offsets(list(wanted))
        missing = {tp for tp, offset in wanted.items() if not beginnings[tp] <= offset <= ends[tp]}
        for tp in missing & self._owned.keys():
            why = f"records missing: the cursor wants {wanted[tp]}, the topic holds {beginnings[tp]} to {ends[tp]}"
            stream, lane = self._owned[tp]
            await self.carrier.stop(lane, why, (stream, wanted[tp]))
        return missing

    async def _commit_and_measure(self) -> None:
        """Commit where we stand for lag displays, and look whether the door's records are still there."""
        consumer, group, owned = self.consumer, self.carrier.group, dict(self._owned)
        rows = await self._positions(self.lanes)
        offsets = {tp: rows[key].next_offset for tp, key in owned.items()}
        if group.gate == "door" and owned:
            going = {tp: offset for tp, offset in offsets.items() if not rows[owned[tp]].stopped}
            await self._stop_where_deleted(going)
        if group.gate != "seq" and owned:
            await self._compare_topic_ids(rows)
        await self._forget_quarantined()
        ends = await consumer.end_offsets(list(owned))  # those of paused lanes too
        lags: Counter[str] = Counter()
        for tp in owned.keys() & self._owned.keys():
            lags[owned[tp][1]] += max(0, ends[tp] - offsets[tp])
        for lane, lag in lags.items():
            self._metrics.lag.labels(group.name, lane).set(lag)
        if offsets:
            await consumer.commit(offsets)
        self._metrics.stopped.labels(group.name).set(len(self.carrier.stopped & set(self.lanes)))
        self._metrics.waiting.labels(group.name).set(
            sum(lane in self.lanes for _, lane in self.carrier.waiting)
        )
        if self._ends_due:
            await self._look_at_ends()

    async def _forget_quarantined(self) -> None:
        now = time.monotonic()
        if now - self._forgot_at < FORGET_EACH_S:
            return
        async with self._pool.acquire() as db:
            await store.forget_quarantined(db, store.QUARANTINE_KEPT_DAYS)
        self._forgot_at = now

    async def _compare_topic_ids(self, rows: dict[tuple[str, str], Position]) -> None:
        """Offsets say nothing about a topic that was made anew: one with another id than was seen first stops."""
        ids = await topic_ids(self.consumer._client, self._topics_of(self.carrier.group.reads))  # noqa: SLF001 - no other way
        unknown = []
        for tp, (stream, lane) in self._owned.items():
            position, seen = rows.get((stream, lane)), ids.get(tp.topic)
            if position is None or seen is None:
                continue
            if position.topic_id is None:
                unknown.append((stream, lane, seen))
            elif position.topic_id != seen and not position.stopped:
                await self.carrier.stop(lane, f"recreated topic: its id was {position.topic_id}, now {seen}")
        if unknown:
            async with self._pool.acquire() as db:
                await store.know_topics(db, unknown)

    def _place(self, tp: TopicPartition) -> tuple[str, str] | None:
        """Stream and lane; None where this build knows no such lane."""
        for stream in self.carrier.group.reads:
            if tp.topic in stream.topics(self._namespace):
                with suppress(LookupError):
                    return stream.pattern, stream.lane_of(self._namespace, tp.topic, tp.partition)
        return None


async def _take_raw(records: tuple[ConsumerRecord, ...]) -> StreamMessage[tuple[ConsumerRecord, ...]]:
    """A parser that cannot raise: FastStream's own skips a record with an odd header silently."""
    return StreamMessage(raw_message=records, body=b"")


async def _raw(message: StreamMessage[tuple[ConsumerRecord, ...]]) -> tuple[ConsumerRecord, ...]:
    return message.raw_message
