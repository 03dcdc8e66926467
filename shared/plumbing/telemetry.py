"""Tracing: one span a batch and, for each sampled event, one span that is the child of the event's own context."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags

from shared.contracts import enrollment, provinces, subsidy
from shared.plumbing.decoding import Taken

EXPORT_TIMEOUT_S: Final = 3
QUEUE_MAX_SPANS: Final = 32_768
MAX_LINKS: Final = 4_096
_TRACE_ID_BITS: Final = 64
_TYPES: Final = frozenset({*provinces.DATA_MODELS, *enrollment.FACT_MODELS, *subsidy.FACT_MODELS})


class Telemetry:
    """Spans of one service; without an endpoint none is made.

    What is sampled is decided at the door, in the flag of the context that goes on from there: the services behind
    it obey that flag, which a province could set on all that it sends.
    """

    def __init__(self, service: str, endpoint: str | None, ratio: float, *, at_the_door: bool) -> None:
        self._ratio = ratio
        self._at_the_door = at_the_door
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer | None = None
        if endpoint:
            self._provider = TracerProvider(
                resource=Resource.create({"service.name": service}),
                span_limits=SpanLimits(max_links=MAX_LINKS),
            )
            exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S)
            self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX_SPANS))
            self._tracer = self._provider.get_tracer("dreams")

    def close(self) -> None:
        """Send what is left, for a bounded time."""
        if self._provider:
            self._provider.shutdown()

    @contextmanager
    def batch(self, group: str, taken: Sequence[Taken]) -> Iterator[None]:
        """Spans around one batch; each sampled event's `traceparent` becomes that of its own span.

        What the event causes carries it on.
        """
        if self._at_the_door:
            for one in taken:
                one.traceparent = self._decided(one.traceparent)
        if self._tracer is None or not taken:
            yield
            return
        with self._tracer.start_as_current_span(
            f"{group} batch",
            context=Context(),
            kind=trace.SpanKind.CONSUMER,
            attributes={"batch.records": len(taken)},
        ) as batch_span:
            link = Link(batch_span.get_span_context())
            spans = [span for one in taken if (span := self._start(group, one, link))]
            try:
                yield
            finally:
                for span in spans:
                    span.end()

    def _start(self, group: str, one: Taken, link: Link) -> trace.Span | None:
        context = from_traceparent(one.traceparent)
        event = one.event
        if context is None or not context.trace_flags.sampled:
            return None
        if self._tracer is None or event is None:  # types that are not read leave no span
            return None
        name = getattr(event, "type", None)
        attributes: dict[str, str | int] = {
            "lane": one.lane,
            "offset": one.offset,
            "event_id": getattr(event, "id", None) or "",
            "event_type": name if name in _TYPES else "record",  # an unknown one holds whatever was sent
        }
        attributes["correlation_id"] = getattr(event, "correlationid", None) or attributes["event_id"]
        span = self._tracer.start_span(
            f"{group} {attributes['event_type']}",
            context=trace.set_span_in_context(NonRecordingSpan(context), Context()),
            kind=trace.SpanKind.CONSUMER,
            links=[link],
            attributes=attributes,
        )
        one.traceparent = to_traceparent(span.get_span_context())
        return span

    def _decided(self, traceparent: str | None) -> str | None:
        """The same context with the flag that we give it; the same trace gets the same one everywhere."""
        context = from_traceparent(traceparent)
        if context is None:
            return None
        mask = (1 << _TRACE_ID_BITS) - 1
        sampled = self._tracer is not None and (context.trace_id & mask) < self._ratio * (1 << _TRACE_ID_BITS)
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return to_traceparent(SpanContext(context.trace_id, context.span_id, True, flags))


def from_traceparent(value: str | None) -> SpanContext | None:
    """The context in a W3C `traceparent`; None where it is absent or malformed."""
    if value is None:
        return None
    try:
        _, trace_id, span_id, flags = value.split("-")
        context = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    except ValueError:
        return None
    return context if context.is_valid else None


def to_traceparent(context: SpanContext) -> str:
    """The W3C `traceparent` of a context."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
