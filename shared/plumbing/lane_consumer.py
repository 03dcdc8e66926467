"""The subscriber of a lane group: owns what Kafka assigns, takes batches of it, ticks idle lanes."""

import asyncio
import random
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Final

import structlog
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from asyncpg import Pool
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.message import StreamMessage
from pydantic import SkipValidation

from shared.plumbing import pace, postgres
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.decoding import Taken
from shared.plumbing.gathering import GATHER_BYTES, Gathering
from shared.plumbing.holds import Holds
from shared.plumbing.kafka import FETCH_MAX_BYTES, make_reader
from shared.plumbing.lane_watch import LaneWatch
from shared.plumbing.metrics import Metrics
from shared.plumbing.ownership import Ownership
from shared.plumbing.pace import Pace
from shared.plumbing.parsing import UnparsableError
from shared.plumbing.publisher import Publisher
from shared.plumbing.settings import ServiceSettings

TICK_S: Final = 1.0
SIDE_BY_SIDE: Final = 4
"""Parts, each of other lanes, that are carried at the same time: while one waits for PostgreSQL, another decides."""
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
DECODE_STRETCH_RECORDS: Final = 100
"""Then what else the process carries has its turn."""

log = structlog.get_logger()


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
        self._metrics = metrics
        self.holds = Holds()
        self.owned = Ownership(carrier.group, settings.namespace, pool)
        self._watch = LaneWatch(carrier, self.owned, pool, metrics, partial(make_reader, settings))
        self._part_max_records = settings.batch_max_records
        self._fair_share = min(FAIR_SHARE_RECORDS, settings.batch_max_records)
        self._pace = Pace(self.owned, carrier.lane_of, self._fair_share)
        self._gathering = Gathering(carrier.group.gather_ms)
        self._parts: set[asyncio.Task[None]] = set()
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
        self._failures = 0
        self._beat_at = time.monotonic()
        self.subscriber = self._subscribe(broker, settings, payload)

    def _subscribe(self, broker: KafkaBroker, settings: ServiceSettings, payload: Any) -> Any:
        """Subscribe as FastStream does, with nothing left to its defaults, and poll in our own order."""
        group = self.carrier.group
        one_partition_each = all(stream.per_lane for stream in group.reads)
        subscriber = broker.subscriber(
            *self.owned.topics_of(group.reads),
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
        subscriber(take)
        subscriber.get_msg = self._poll  # type: ignore[method-assign]
        return subscriber

    @property
    def lanes(self) -> list[str]:
        """The lanes that this process owns, in lane order."""
        return self.owned.lanes

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
        places = self.owned.known(assigned)
        for tp in set(assigned) - places.keys():
            # A lane appended to the list by a later build: its owner comes with that build, the others go on here.
            log.warning("lane_unknown", topic=tp.topic, partition=tp.partition)
            self.consumer.pause(tp)
        lanes = sorted({lane for _, lane in places.values()})
        await self.owned.positions(lanes)  # makes the rows
        await self._watch.take_over(self.consumer, lanes)
        rows = await self.owned.positions(lanes)
        for tp, key in places.items():
            self.consumer.seek(tp, self.owned.first_to_read(rows[key]))
            if rows[key].stopped:
                self.consumer.pause(tp)
                self._paused.add(key[1])
        self.owned.places = places
        self.joined = True
        self._metrics.took_over(self.carrier.group.name, len(lanes))
        log.info("lanes_assigned", group=self.carrier.group.name, lanes=len(lanes))

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
        self.owned.places, self._paused = {}, set()
        self._watch.give_up()
        self._carried_at.clear()
        self._pace.forget()

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        """Have what was polled carried; returns while it is, where another part may be carried beside it."""
        # Those of a lane that stands were dropped before: what follows them waits for the tick that reads the lane
        # from its cursor again. Noted before waiting too, since that tick may be the one that holds the lane.
        held_back = self._stood | self.carrier.stopped
        if not self.owned.places:
            return  # fetched while lanes are being opened: these records come again, from the cursor
        live, bulk = self._pace.apart(records, self.consumer)
        if bulk:
            await self._begin(bulk, held_back)
        if live:
            await self._begin(live, held_back)

    async def _begin(self, records: Sequence[ConsumerRecord], held_back: set[str]) -> None:
        lanes = {self.carrier.lane_of(one) for one in records}
        await self.holds.take(lanes)
        part = asyncio.create_task(self._carry_part(records, lanes, held_back))
        self._parts.add(part)
        part.add_done_callback(self._parts.discard)
        if len(records) < pace.OVERLAP_FROM_RECORDS:
            await asyncio.wait([part])
        elif len(self._parts) >= SIDE_BY_SIDE:
            await asyncio.wait(self._parts, return_when=asyncio.FIRST_COMPLETED)

    async def _carry_part(
        self, records: Sequence[ConsumerRecord], lanes: set[str], held_back: set[str]
    ) -> None:
        """One part: carried, or put back whole. Its lanes are held until then."""
        began_at, rests = time.monotonic(), self._pace.are_far_behind(lanes)
        try:
            await self._carry(records, held_back)
            if rests:
                await self._pace.rest(time.monotonic() - began_at)
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

    async def _carry(self, records: Sequence[ConsumerRecord], held_back: set[str]) -> None:
        if not self.owned.places:
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
            await self._watch.look_at_jumps(self.consumer)
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

    async def _poll(self, consumer: Any) -> tuple[ConsumerRecord, ...]:
        records = await self._poll_past_unparsable(consumer)
        self._gathering.noted(consumer, len(records))
        return records

    async def _poll_past_unparsable(self, consumer: Any) -> tuple[ConsumerRecord, ...]:
        """Poll; a record that nobody can parse stops its lane: it would end the poll loop, and with it all lanes."""
        try:
            return await self._poll_fairly(consumer)
        except NoOffsetForPartitionError:  # asked before its lanes were opened: it is told then
            await asyncio.sleep(POLL_TIMEOUT_MS / 1000)
            return ()
        except OffsetOutOfRangeError as error:
            self.carrier.jumped |= {
                self.owned.places[tp][1] for tp in error.args[0] if tp in self.owned.places
            }
            try:
                await self._watch.look_at_jumps(consumer)
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
        free = [tp for tp, (_, lane) in self.owned.places.items() if lane not in self.holds.held]
        if self.owned.places and not free:
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
        rows = await self.owned.positions(self.lanes)
        for tp, key in self.owned.places.items():
            if key in rows:
                self.consumer.seek(tp, self.owned.first_to_read(rows[key]))
        if error.place not in self.owned.places:
            return
        stream, lane = self.owned.places[error.place]
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
            if tp in self.owned.places:
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
        await self._watch.look(self.consumer)

    async def _hold_stopped(self, lanes: Collection[str]) -> None:
        """Of `lanes`, which are held: pause those that were stopped; let resumed ones read on from their cursor."""
        stopped = self.carrier.stopped.intersection(lanes)
        resumed = (self._stood | self._paused).intersection(lanes) - stopped
        for tp, (_, lane) in self.owned.places.items():
            if lane in stopped and lane not in self._paused:
                self.consumer.pause(tp)
        if resumed:
            rows = await self.owned.positions(sorted(resumed))
            for tp, key in self.owned.places.items():
                if key[1] in resumed:
                    self.consumer.seek(tp, self.owned.first_to_read(rows[key]))
                    self.consumer.resume(tp)
        self._paused = (self._paused - resumed) | stopped
        self._stood = (self._stood - resumed) | stopped


async def _take_raw(records: tuple[ConsumerRecord, ...]) -> StreamMessage[tuple[ConsumerRecord, ...]]:
    """A parser that cannot raise: FastStream's own skips a record with an odd header silently."""
    return StreamMessage(raw_message=records, body=b"")


async def _raw(message: StreamMessage[tuple[ConsumerRecord, ...]]) -> tuple[ConsumerRecord, ...]:
    return message.raw_message
