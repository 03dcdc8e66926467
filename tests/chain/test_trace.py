"""One event's trace is one connected tree from the province's publish to the statistic, and names nobody."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from console.province.outbox import ToSend
from console.province.producer import Broker, ProvinceSender
from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack
from shared.contracts.topics import PROVINCE_EVENTS
from tests.chain.topics import administrators_producer
from tests.enrollment.events import allocated, enrolled, event, registered, worker_ref

TRACE = "0af7651916cd43dd8448eb211c80319c"
UNSAMPLED_TRACE = "0af7651916cd43ddff48eb211c80319c"
"""The lower half says which part of all traces one belongs to: this one to the last quarter."""
REFUSED_TRACE = "0af7651916cd43ddfe48eb211c80319c"
"""Not sampled either."""
UNKNOWN_TRACE = "0af7651916cd43dd0048eb211c80319c"
ROOT_SPAN = "b7ad6b7169203331"
WORKER = worker_ref("C")
ENROLLMENT_ID = "trace-enrollment"
WITHIN_S = 40.0


@dataclass(frozen=True)
class Span:
    """What matters of a span."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]
    links: tuple[str, ...]
    """Ids of the spans that it links to."""


@dataclass
class Collector:
    """A real OTLP/HTTP endpoint on loopback that keeps what it receives."""

    endpoint: str
    spans: list[Span] = field(default_factory=list)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Receive spans until the module's tests are over."""
    found = Collector("")

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            found.spans.extend(_spans(request))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
    found.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {a.key: a.value.string_value or str(a.value.int_value) for a in span.attributes}
                yield Span(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    attributes,
                    tuple(link.span_id.hex() for link in span.links),
                )


@pytest.fixture(scope="module")
async def tree(infrastructure: Infrastructure, collector: Collector) -> AsyncIterator[list[Span]]:
    """The spans of the trace under which an enrollment was sent."""
    settings = {"DREAMS_OTLP_ENDPOINT": collector.endpoint, "DREAMS_TRACE_RATIO": "0.75"}
    try:
        async with await Stack.over(infrastructure, "trace.", settings=settings) as stack:
            await _send(stack)
            await _publish(stack, collector)
            deadline = time.monotonic() + WITHIN_S
            while not {"enrollment", "subsidy", "reporting"} <= {s.service for s in _of_trace(collector)}:
                assert time.monotonic() < deadline, f"spans so far: {_of_trace(collector)}"
                await asyncio.sleep(0.2)
        # Services send what is left when they stop.
        yield _of_trace(collector)
    finally:
        await infrastructure.drop_namespace("trace.")


def _of_trace(collector: Collector) -> list[Span]:
    return _of(TRACE, collector)


def _of(trace: str, collector: Collector) -> list[Span]:
    return [span for span in collector.spans if span.trace_id == trace]


async def _send(stack: Stack) -> None:
    events = (
        (allocated("1"), None),
        (registered(WORKER), UNSAMPLED_TRACE),
        (event("zhang_wei.registered", {}), UNKNOWN_TRACE),
        (registered(WORKER), REFUSED_TRACE),
    )
    async with administrators_producer(stack) as producer:
        for one, trace in events:
            headers = [("traceparent", f"00-{trace}-{ROOT_SPAN}-01".encode())] if trace else []
            await producer.send_and_wait(
                PROVINCE_EVENTS.topic(stack.namespace, "32"), orjson.dumps(one), headers=headers
            )


class _OneTrace(RandomIdGenerator):
    def generate_trace_id(self) -> int:
        return int(TRACE, 16)


async def _publish(stack: Stack, collector: Collector) -> None:
    """Send the enrollment as its province does: by its own publisher, whose spans are out when it is closed."""
    sent = enrolled(WORKER, "32-trace-1", id=ENROLLMENT_ID)
    broker = Broker(stack.kafka.bootstrap, stack.namespace, stack.kafka.credentials)
    async with ProvinceSender(broker, ("32",), otlp_endpoint=collector.endpoint) as sender:
        contexts: Any = sender._contexts
        contexts._tracer.id_generator = _OneTrace()
        await sender.send([ToSend(1, "32", orjson.dumps(sent))])


async def test_the_tree_is_connected_from_publish_to_statistic(tree: list[Span]) -> None:
    (root,) = (span for span in tree if not span.parent_id)
    assert (root.service, root.attributes["event_id"]) == ("province", ENROLLMENT_ID)
    assert {span.parent_id for span in tree if span is not root} <= {span.span_id for span in tree}
    by_service = {span.service: span for span in tree}
    assert by_service["enrollment"].parent_id == root.span_id
    assert {"enrollment", "subsidy", "reporting"} <= by_service.keys()


async def test_the_decision_reaches_the_statistic_under_the_same_trace(tree: list[Span]) -> None:
    decision = next(s for s in tree if s.service == "reporting" and "subsidy.reserved" in s.name)
    parent = next(span for span in tree if span.span_id == decision.parent_id)
    assert parent.service == "subsidy"
    assert parent.parent_id == next(s for s in tree if s.service == "enrollment").span_id


async def test_spans_carry_the_event_and_link_to_the_batch_that_they_were_part_of(
    tree: list[Span], collector: Collector
) -> None:
    batches = {span.span_id: span for span in collector.spans if span.name.endswith(" batch")}
    of_services = [span for span in tree if span.service != "province"]
    assert {"enrollment", "subsidy", "reporting"} <= {span.service for span in of_services}
    for span in of_services:
        assert span.attributes["correlation_id"] == ENROLLMENT_ID
        assert span.attributes["lane"] == "32"
        (link,) = span.links
        assert batches[link].service == span.service


async def test_what_the_door_does_not_sample_leaves_no_span_anywhere(
    tree: list[Span], collector: Collector
) -> None:
    assert tree, "it came behind the one that is not sampled"
    assert _of(UNSAMPLED_TRACE, collector) == []


async def test_what_the_door_refuses_leaves_a_span_though_it_is_not_sampled(
    tree: list[Span], collector: Collector
) -> None:
    assert tree
    (span,) = _of(REFUSED_TRACE, collector)
    assert (span.service, span.parent_id) == ("enrollment", ROOT_SPAN)
    assert span.name.startswith("enrollment dreams.worker.registered")


async def test_a_type_that_is_not_known_is_named_by_no_span(tree: list[Span], collector: Collector) -> None:
    assert tree
    (span,) = _of(UNKNOWN_TRACE, collector)
    assert span.name == "enrollment record"
    assert "zhang_wei" not in repr(collector.spans)


async def test_no_span_names_the_worker(tree: list[Span], collector: Collector) -> None:
    assert tree
    assert WORKER not in repr(collector.spans)
