"""Tracing: one span a batch and, for each sampled event, one span that is the child of the event's own context."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags

from shared.contracts import enrollment, provinces, subsidy
from shared.plumbing.decoding import Taken

EXPORT_TIMEOUT_S: Final = 3
QUEUE_MAX_SPANS: Final = 32_768
MAX_LINKS: Final = 4_096
_TRACE_ID_BITS: Final = 64
_TYPES: Final = frozenset({*provinces.DATA_MODELS, *enrollment.FACT_MODELS, *subsidy.FACT_MODELS})
Outcome = Literal["ended", "exported", "failed"]
"""What becomes of a span: it has ended here, it was sent, or sending failed; the queue has dropped the rest."""
CountSpans = Callable[[Outcome, int], None]


class _Ended(SpanProcessor):
    """Counts spans as they end."""

    def __init__(self, count: CountSpans) -> None:
        self._count = count

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002 - given by the SDK
        self._count("ended", 1)


class _Counted(SpanExporter):
    """Counts what another exporter has sent, and what it could not."""

    def __init__(self, exporter: SpanExporter, count: CountSpans) -> None:
        self._exporter, self._count = exporter, count

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        done = self._exporter.export(spans)
        self._count("exported" if done is SpanExportResult.SUCCESS else "failed", len(spans))
        return done

    def shutdown(self) -> None:
        self._exporter.shutdown()


class Telemetry:
    """Spans of one service; without an endpoint none is made.

    What is sampled is decided at the door, in the flag of the context that goes on from there: the services behind
    it obey that flag, which a province could set on all that it sends. What a handler notices (an event that was
    refused or waits) has a span in any case.
    """

    def __init__(
        self,
        service: str,
        endpoint: str | None,
        ratio: float,
        *,
        at_the_door: bool,
        count: CountSpans = lambda _outcome, _spans: None,
    ) -> None:
        self._ratio = ratio
        self._at_the_door = at_the_door
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer | None = None
        if endpoint:
            # Here, since few deployments trace and it is slow to load: an HTTP client and Protocol Buffers of its own.
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )

            self._provider = TracerProvider(
                resource=Resource.create({"service.name": service}),
                span_limits=SpanLimits(max_links=MAX_LINKS),
            )
            exporter = _Counted(
                OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S), count
            )
            self._provider.add_span_processor(_Ended(count))
            self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX_SPANS))
            self._tracer = self._provider.get_tracer("dreams")

    def close(self) -> None:
        """Send what is left, for a bounded time."""
        if self._provider:
            self._provider.shutdown()

    @contextmanager
    def batch(self, group: str, taken: Sequence[Taken]) -> Iterator[list[Taken] | None]:
        """Spans around one batch; each sampled event's `traceparent` becomes that of its own span.

        What the event causes carries it on. Records put into the list that is given have a span, sampled or not;
        there is none where nothing is traced.
        """
        if self._at_the_door:
            for one in taken:
                one.traceparent = self._decided(one.traceparent)
        if self._tracer is None or not taken:
            yield None
            return
        with self._tracer.start_as_current_span(
            f"{group} batch",
            context=Context(),
            kind=trace.SpanKind.CONSUMER,
            attributes={"batch.records": len(taken)},
        ) as batch_span:
            began_ns = time.time_ns()
            noticed: list[Taken] = []
            link = Link(batch_span.get_span_context())
            spans = {id(one): span for one in taken if (span := self._sampled(group, one, link))}
            try:
                yield noticed
                for one in noticed:
                    if id(one) not in spans:
                        self._start(group, one, _sampled(one.traceparent), link, began_ns).end()
            finally:
                for span in spans.values():
                    span.end()

    def _sampled(self, group: str, one: Taken, link: Link) -> trace.Span | None:
        context = from_traceparent(one.traceparent)
        if context is None or not context.trace_flags.sampled or one.event is None:
            return None  # types that are not read leave no span
        span = self._start(group, one, context, link)
        one.traceparent = to_traceparent(span.get_span_context())
        return span

    def _start(
        self, group: str, one: Taken, parent: SpanContext | None, link: Link, began_ns: int | None = None
    ) -> trace.Span:
        assert self._tracer is not None
        event = one.event
        name = getattr(event, "type", None)
        attributes: dict[str, str | int] = {
            "lane": one.lane,
            "offset": one.offset,
            "event_id": getattr(event, "id", None) or "",
            "event_type": name if name in _TYPES else "record",  # an unknown one holds whatever was sent
        }
        attributes["correlation_id"] = getattr(event, "correlationid", None) or attributes["event_id"]
        around = trace.set_span_in_context(NonRecordingSpan(parent), Context()) if parent else Context()
        return self._tracer.start_span(
            f"{group} {attributes['event_type']}",
            context=around,
            kind=trace.SpanKind.CONSUMER,
            links=[link],
            attributes=attributes,
            start_time=began_ns,
        )

    def _decided(self, traceparent: str | None) -> str | None:
        """The same context with the flag that we give it; the same trace gets the same one everywhere."""
        context = from_traceparent(traceparent)
        if context is None:
            return None
        mask = (1 << _TRACE_ID_BITS) - 1
        sampled = self._tracer is not None and (context.trace_id & mask) < self._ratio * (1 << _TRACE_ID_BITS)
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return to_traceparent(SpanContext(context.trace_id, context.span_id, True, flags))


def _sampled(traceparent: str | None) -> SpanContext | None:
    """The context in `traceparent` as that of a trace that is sampled."""
    context = from_traceparent(traceparent)
    if context is None:
        return None
    flags = TraceFlags(context.trace_flags | TraceFlags.SAMPLED)
    return SpanContext(context.trace_id, context.span_id, True, flags)


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
