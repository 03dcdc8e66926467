"""Publish the log: one FIFO per lane, in order, from memory only what is known to be committed.

The rule (checked by exhaustive search in the tests): in every batch and tick the owner compares the lane's `seq`, read
under the lane's lock, with the last one that it queued itself. If they differ it queues the log from
`published_seq + 1` before anything new. After any doubt (a lost COMMIT answer, a failed send) it forgets what it
queued and begins again. An operator's wish to publish again is a doubt that begins at the wish; it stays in the row.
`published_seq` and the wish move only over records that the broker has acknowledged.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer

from shared.contracts.topics import Stream
from shared.plumbing.store import LaneRow, LogRow

SEND_TIMEOUT_S: Final = 15.0
"""With idempotence aiokafka retries for ever: after this long the lane falls back on its log."""
PENDING_BYTES_MAX: Final = 32 * 1024 * 1024
"""Back-pressure: with more than this unacknowledged, no further batch is taken."""
LANE_PENDING_BYTES_MAX: Final = 8 * 1024 * 1024
"""One lane's share of that: with more than this unacknowledged, no more of its log is read."""
_PRODUCER_START_S: Final = 8.0
"""All lanes wait for it, perhaps after they have waited for room: together less than `health.STUCK_AFTER_S`."""
_PRODUCER_CLOSE_S: Final = 5.0
"""For each of the three steps in which a producer is closed."""

Prepared = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers of a record."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Place:
    """One lane of one stream as its owner remembers it."""

    topic: str
    partition: int
    queued_seq: int | None = None
    acknowledged_seq: int = 0
    """Of what was queued since it last began; no hole before it but what the row says."""
    republish_from: int | None = None
    """The wish that it has begun with, as far as it was acknowledged when last looked at."""
    runs: deque[LogRow] = field(default_factory=deque)
    pending_bytes: int = 0
    sender: asyncio.Task[None] | None = None


class Publisher:
    """Sends the log of the lanes that this process owns."""

    def __init__(
        self, streams: Sequence[Stream], namespace: str, producer: Callable[[], AIOKafkaProducer]
    ) -> None:
        self._streams = {stream.pattern: stream for stream in streams}
        self._namespace = namespace
        self._make_producer = producer
        self._producer: AIOKafkaProducer | None = None
        self._places: dict[tuple[str, str], _Place] = {}
        self._pending_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._doubt = asyncio.Event()
        self._mending = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None
        self.failures = 0

    async def start(self) -> None:
        """Connect; raises when the broker refuses."""
        if self._streams:
            self._producer = await self._started()

    async def stop(self, drain_s: float) -> None:
        """Send what is queued, for at most `drain_s`; the rest stays in the log for the next owner."""
        senders = [place.sender for place in self._places.values() if place.sender]
        if senders:
            await asyncio.wait(senders, timeout=drain_s)
        self.forget(list({lane for _, lane in self._places}))
        closing = [self._closing] if self._closing else []
        if self._producer is not None:
            closing.append(asyncio.create_task(close_producer(self._producer)))
        if closing:
            await asyncio.wait(closing)

    def forget(self, lanes: Sequence[str]) -> None:
        """Drop what is queued for lanes that this process no longer owns."""
        for key in [key for key in self._places if key[1] in lanes]:
            self._drop(self._places.pop(key))

    async def room(self) -> None:
        """Wait until there is room for a further batch."""
        await self._room.wait()

    def settle(self, row: LaneRow) -> None:
        """Move the row over what the broker has acknowledged; a wish that is not the one at work is a doubt."""
        place = self._place(row)
        if row.republish_from not in (None, place.republish_from):
            # What was acknowledged before the wish says nothing about it.
            place.queued_seq = place.republish_from = None
            return
        acknowledged = min(place.acknowledged_seq, row.seq)
        row.published_seq = max(row.published_seq, acknowledged)
        if row.republish_from is not None:
            # Only with all of the log is it met: another process may still write down what it sent before the wish.
            met = acknowledged == row.seq
            row.republish_from = None if met else max(row.republish_from, acknowledged + 1)
        place.republish_from = row.republish_from

    def doubt(self, rows: Sequence[LaneRow]) -> None:
        """Forget what was queued: the next batch reads the log. What is under way goes on until then."""
        for row in rows:
            self._place(row).queued_seq = None

    def sent(self, row: LaneRow) -> int:
        """The highest `seq` of the lane that this process has queued or seen acknowledged: committed."""
        place = self._place(row)
        return max(place.queued_seq or 0, place.acknowledged_seq)

    def queued(self, row: LaneRow) -> int | None:
        """The last `seq` of the lane that this process has queued itself without a doubt since."""
        return self._place(row).queued_seq

    def room_for_log(self, row: LaneRow) -> int:
        """How many bytes of the lane's log may be read now; what was queued before a doubt will be dropped."""
        place = self._place(row)
        return LANE_PENDING_BYTES_MAX - (0 if place.queued_seq is None else place.pending_bytes)

    def queue_log(
        self, lane_row: LaneRow, from_seq: int, rows: Sequence[LogRow], queued_before: int | None
    ) -> None:
        """Queue committed rows read from the log, unless a send has failed since they were read."""
        place = self._place(lane_row)
        if place.queued_seq != queued_before:
            place.queued_seq = None
            return
        if queued_before is None:
            self._drop(place)
            place.acknowledged_seq, place.republish_from = from_seq - 1, lane_row.republish_from
        for row in rows:
            self._enqueue(place, row)
        place.queued_seq = rows[-1].last_seq if rows else from_seq - 1

    def queue_new(self, row: LogRow) -> None:
        """Queue what this process has just committed, its answer received."""
        place = self._places.get((row.stream, row.lane))
        if place is None or place.queued_seq is None or place.queued_seq + 1 != row.first_seq:
            return
        self._enqueue(place, row)
        place.queued_seq = row.last_seq

    async def mend(self) -> None:
        """Replace a producer that has failed: after a sequence error aiokafka's stays broken (aiokafka#1017).

        The successor takes over first, so that no other lane waits; what the old one still sends is late, but harmless.
        One is closed at a time: until then its successor is not replaced.
        """
        async with self._mending:
            if not self._doubt.is_set() or (self._closing is not None and not self._closing.done()):
                return
            failed, self._producer = self._producer, await self._started()
            self._doubt.clear()
            if failed is not None:
                self._closing = asyncio.create_task(close_producer(failed))

    async def _started(self) -> AIOKafkaProducer:
        producer = self._make_producer()
        try:
            async with asyncio.timeout(_PRODUCER_START_S):
                await producer.start()
        except BaseException:
            await close_producer(producer)
            raise
        return producer

    def _place(self, row: LaneRow) -> _Place:
        key = (row.stream, row.lane)
        if key not in self._places:
            stream = self._streams[row.stream]
            self._places[key] = _Place(stream.topic(self._namespace, row.lane), stream.partition(row.lane))
        return self._places[key]

    def _enqueue(self, place: _Place, row: LogRow) -> None:
        place.runs.append(row)
        place.pending_bytes += len(row.events)
        self._pending_bytes += len(row.events)
        if self._pending_bytes > PENDING_BYTES_MAX:
            self._room.clear()
        if place.sender is None or place.sender.done():
            place.sender = asyncio.create_task(self._send(place))

    async def _send(self, place: _Place) -> None:
        """Send the lane's runs one after another; on any failure fall back on the log."""
        while place.runs:
            row, producer = place.runs[0], self._producer
            assert producer is not None
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._send_row(producer, place, row)
            except Exception as error:  # noqa: BLE001 - whatever it is, the log has it
                log.warning("publish_failed", stream=row.stream, lane=row.lane, error=type(error).__name__)
                self.failures += 1
                self._drop(place)
                if producer is self._producer:
                    self._doubt.set()
                return
            if not place.runs or place.runs[0] is not row:
                continue  # dropped meanwhile: what was begun anew comes after it
            place.runs.popleft()
            self._release(place, len(row.events))
            place.acknowledged_seq = row.last_seq

    async def _send_row(self, producer: AIOKafkaProducer, place: _Place, row: LogRow) -> None:
        traces = row.traceparents.split("\n") if row.traceparents else repeat("")
        records: Iterable[Prepared] = (
            (None, value, [("traceparent", trace.encode())] if trace else [])
            for value, trace in zip(row.events.split(b"\n"), traces, strict=False)
        )
        timestamp_ms = int(row.recorded_at.timestamp() * 1000)
        await send_prepared(producer, place.topic, place.partition, records, timestamp_ms)

    def _drop(self, place: _Place) -> None:
        self._release(place, place.pending_bytes)
        place.runs.clear()
        place.queued_seq = place.republish_from = None

    def _release(self, place: _Place, size: int) -> None:
        place.pending_bytes -= size
        self._pending_bytes -= size
        if self._pending_bytes <= PENDING_BYTES_MAX:
            self._room.set()


async def send_prepared(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    records: Iterable[Prepared],
    timestamp_ms: int | None = None,
) -> None:
    """Send records in as few prepared batches as they fit into; returns once the broker has acknowledged all."""
    acks: list[Awaitable[object]] = []
    batch = producer.create_batch()
    for key, value, headers in records:
        if batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
            acks.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
    acks.append(await producer.send_batch(batch, topic, partition=partition))
    for ack in acks:
        await ack


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Let a producer send what it has, or end it: it would go on for ever, beside its successor."""
    if await _in_time(producer.stop()):
        return
    log.warning("producer_close_timed_out", after_s=_PRODUCER_CLOSE_S)
    # Ending it may need a second try: before Python 3.12 a task that waits with a timeout can miss being cancelled.
    if producer._sender is not None:  # noqa: SLF001 - aiokafka has no stop without a flush
        await _in_time(producer._sender.close())  # noqa: SLF001
    await _in_time(producer.client.close())


async def _in_time(closing: Coroutine[object, object, object]) -> bool:
    """Whether `closing` came to its end within `_PRODUCER_CLOSE_S`."""
    try:
        async with asyncio.timeout(_PRODUCER_CLOSE_S):
            await closing
    except TimeoutError:
        return False
    return True
