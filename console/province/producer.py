"""Sends records on each province's topics as that province's own user, in order, each in a trace."""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from types import TracebackType
from typing import Any, Final, Protocol

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Tracer

from console.province.said_error import SaidError
from console.province.simulator import TopicKind
from shared.contracts.access import province_principal
from shared.contracts.envelope import EVENT_MAX_BYTES
from shared.contracts.topics import PROVINCE_CONTACTS, PROVINCE_EVENTS
from shared.plumbing.telemetry import to_traceparent

CONNECT_LIMIT_S: Final = 20.0
ACKNOWLEDGE_LIMIT_S: Final = 60.0
"""With idempotence aiokafka retries for ever: after this long the sender gives up."""
CLOSE_LIMIT_S: Final = 10.0
BATCH_BYTES: Final = 256 * 1024
REQUEST_MAX_BYTES: Final = 4 * EVENT_MAX_BYTES
QUEUED_CHUNKS_MAX: Final = 8
CHUNK_RECORDS: Final = 1_000
PACE_S: Final = 0.01
"""At a steady rate records leave in portions this far apart."""
EXPORT_TIMEOUT_S: Final = 3
EXPORT_QUEUE_MAX: Final = 65_536

_STREAMS: Final = {"events": PROVINCE_EVENTS, "contacts": PROVINCE_CONTACTS}
_TOPIC_KINDS: Final[tuple[TopicKind, ...]] = ("events", "contacts")

Credentials = Callable[[str], tuple[str, str]]
"""User name and password of a broker's user such as `province-32`."""


class SendError(SaidError):
    """Kafka does not take what is sent."""


class Sendable(Protocol):
    """What the sender needs of a record."""

    @property
    def lane(self) -> str: ...  # noqa: D102  # as the records of the simulator say
    @property
    def topic_kind(self) -> TopicKind: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]: ...  # noqa: D102


@dataclass(frozen=True)
class Broker:
    """Where Kafka is, under which namespace, and who may log in."""

    bootstrap: str
    namespace: str
    credentials: Credentials
    tls: ssl.SSLContext | None = None
    """None on a laptop only: passwords travel hashed, events in the clear."""

    def settings(self, lane: str) -> dict[str, Any]:
        """Settings of aiokafka to connect as the user of `lane`."""
        user, password = self.credentials(province_principal(lane))
        return {
            "bootstrap_servers": self.bootstrap,
            "client_id": user,
            "security_protocol": "SASL_SSL" if self.tls else "SASL_PLAINTEXT",
            "ssl_context": self.tls,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": password,
        }


@dataclass
class ProvinceSender:
    """An open connection for each of some provinces; use it with `async with`.

    Of the events' trace contexts `sample_ratio` carry the sampled flag; with an `otlp_endpoint` the sending
    of each of these is a span of its own, the root of the event's trace.
    """

    broker: Broker
    lanes: Sequence[str]
    sample_ratio: float = 1.0
    otlp_endpoint: str = ""
    placed: Callable[[Sequence[Sendable], int], None] = lambda _records, _offset: None
    """Hears of records that the broker has: they stand one after another from this offset on (-1: it does not say)."""
    acknowledged: int = 0
    """Records that the broker has, contacts included."""
    _lines: dict[str, "_Line"] = field(default_factory=dict)

    async def __aenter__(self) -> "ProvinceSender":
        contexts = _contexts(self.sample_ratio, self.otlp_endpoint)
        self._lines = {lane: _Line(self.broker, lane, contexts, self._count) for lane in self.lanes}
        self._contexts = contexts
        try:
            await asyncio.gather(*(line.start() for line in self._lines.values()))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.drain()
        finally:
            await self._close()

    async def send(self, records: Iterable[Sendable]) -> None:
        """Hand records over, in order for each province; waits while too much is open. Raises SendError."""
        by_lane: defaultdict[str, list[Sendable]] = defaultdict(list)
        for record in records:
            by_lane[record.lane].append(record)
        for lane, chunk in by_lane.items():
            await self._lines[lane].put(chunk)

    async def drain(self) -> None:
        """Wait until the broker has everything. Raises SendError."""
        await asyncio.gather(*(line.drain() for line in self._lines.values()))

    def _count(self, records: Sequence[Sendable], offset: int) -> None:
        self.acknowledged += len(records)
        self.placed(records, offset)

    async def _close(self) -> None:
        await asyncio.gather(*(line.stop() for line in self._lines.values()))
        self._contexts.close()


async def send_all(
    sender: ProvinceSender,
    records: Iterator[Sendable],
    rate_per_s: float | None = None,
    sent: Callable[[Sequence[Sendable]], None] = lambda _: None,
) -> None:
    """Send `records` as fast as the broker takes them, or at a steady rate; `sent` hears of each portion."""
    began = time.monotonic()
    count = 0
    while True:
        wanted = CHUNK_RECORDS if rate_per_s is None else int((time.monotonic() - began) * rate_per_s) - count
        portion = list(islice(records, max(0, min(wanted, CHUNK_RECORDS))))
        if wanted > 0 and not portion:
            break
        await sender.send(portion)
        sent(portion)
        count += len(portion)
        await asyncio.sleep(0 if rate_per_s is None else PACE_S)
    await sender.drain()


class _Line:
    """One province's connection: its records leave one batch after another."""

    def __init__(
        self,
        broker: Broker,
        lane: str,
        contexts: "_Contexts",
        placed: Callable[[Sequence[Sendable], int], None],
    ) -> None:
        settings = broker.settings(lane)
        self._user = settings["sasl_plain_username"]
        self._topics = {kind: _STREAMS[kind].topic(broker.namespace, lane) for kind in _TOPIC_KINDS}
        self._bootstrap = broker.bootstrap
        self._contexts = contexts
        self._placed = placed
        self._queue: asyncio.Queue[list[Sendable]] = asyncio.Queue(QUEUED_CHUNKS_MAX)
        self._failure: SendError | None = None
        self._task: asyncio.Task[None] | None = None
        self._producer = AIOKafkaProducer(
            **settings,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_MAX_BYTES,
        )

    async def start(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await self._producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise SendError(
                f"无法以用户 {self._user} 连接 Kafka（{self._bootstrap}）。请检查地址、用户名和密码文件。",
                f"Kafka at {self._bootstrap} does not let {self._user} in ({type(error).__name__}). "
                "Check the address, the user's name and the password file.",
            ) from error
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._producer.stop()
        except (KafkaError, TimeoutError):
            # What was acknowledged is safe and counted; only the connection did not end politely.
            self._failure = self._failure or SendError(
                f"与 Kafka 的连接未能正常关闭（{self._user}）。",
                f"{self._user}'s connection did not end well.",
            )

    async def put(self, chunk: list[Sendable]) -> None:
        if self._failure is not None:
            raise self._failure
        await self._queue.put(chunk)

    async def drain(self) -> None:
        await self._queue.join()
        if self._failure is not None:
            raise self._failure

    async def _run(self) -> None:
        while True:
            chunk = await self._queue.get()
            taken = 1
            while not self._queue.empty():
                chunk += self._queue.get_nowait()
                taken += 1
            try:
                if self._failure is None:
                    # Not wait_for: before Python 3.12 it swallows a cancellation that meets the last acknowledgement.
                    async with asyncio.timeout(ACKNOWLEDGE_LIMIT_S):
                        await self._send(chunk)
            except (KafkaError, TimeoutError) as error:
                self._failure = SendError(
                    f"Kafka 未接收 {self._user} 发送的记录（{type(error).__name__}）。"
                    "请确认集群可用后重新发送，重复发送不会重复计入。",
                    f"Kafka did not take what {self._user} sent ({type(error).__name__}). Send it again once "
                    "the cluster is well: nothing counts twice.",
                )
            finally:
                for _ in range(taken):
                    self._queue.task_done()

    async def _send(self, chunk: Sequence[Sendable]) -> None:
        for kind in _TOPIC_KINDS:
            await self._send_on(self._topics[kind], [record for record in chunk if record.topic_kind == kind])

    async def _send_on(self, topic: str, records: Sequence[Sendable]) -> None:
        if not records:
            return
        batches: list[tuple[list[Sendable], Any]] = []
        spans: list[Span] = []
        batch, held = self._producer.create_batch(), list[Sendable]()
        for record in records:
            headers = [*record.headers, ("traceparent", self._contexts.next(record, spans))]
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
                batches.append((held, await self._producer.send_batch(batch, topic, partition=0)))
                batch, held = self._producer.create_batch(), []
                batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
            held.append(record)
        batches.append((held, await self._producer.send_batch(batch, topic, partition=0)))
        for held, acknowledgement in batches:
            self._placed(held, (await acknowledgement).offset)
        for span in spans:
            span.end()


class _Contexts:
    """Makes a W3C trace context for each record: random, sampled by ratio of the trace id's low half."""

    def __init__(self, ratio: float) -> None:
        self._bits = Random().getrandbits
        self._bound = int(ratio * (1 << 64))

    def next(self, record: Sendable, spans: list[Span]) -> bytes:  # noqa: ARG002  # its subclass needs them
        trace_id, span_id = self._bits(128) | 1 << 127, self._bits(64) | 1
        sampled = trace_id & 0xFFFFFFFFFFFFFFFF < self._bound
        return b"00-%032x-%016x-%02x" % (trace_id, span_id, sampled)

    def close(self) -> None:
        """Nothing is kept."""


class _Spans(_Contexts):
    """The same, where the sampled ones are spans that are exported."""

    def __init__(self, ratio: float, endpoint: str) -> None:
        # Here, since few provinces trace and it is slow to load: an HTTP client and Protocol Buffers of its own.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        super().__init__(ratio)
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(ratio), resource=Resource.create({"service.name": "province"})
        )
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=EXPORT_QUEUE_MAX))
        self._tracer: Tracer = self._provider.get_tracer("dreams")

    def next(self, record: Sendable, spans: list[Span]) -> bytes:
        if record.topic_kind == "contacts":
            return super().next(record, spans)
        span = self._tracer.start_span("province publish", Context(), SpanKind.PRODUCER)
        if span.is_recording():
            span.set_attributes({"lane": record.lane, **_named(record)})
            spans.append(span)
        return to_traceparent(span.get_span_context()).encode()

    def close(self) -> None:
        self._provider.shutdown()


def _contexts(ratio: float, endpoint: str) -> _Contexts:
    return _Spans(ratio, endpoint) if endpoint else _Contexts(ratio)


def _named(record: Sendable) -> dict[str, str]:
    """Id and type of the event, where they can be read: an operator finds the trace by them."""
    attributes: Any = {name[3:]: value.decode() for name, value in record.headers if name.startswith("ce_")}
    if not attributes:
        try:
            attributes = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            return {}
    if not isinstance(attributes, dict):
        return {}
    found = {"event_id": attributes.get("id"), "event_type": attributes.get("type")}
    return {name: value for name, value in found.items() if isinstance(value, str)}
