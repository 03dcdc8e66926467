"""A service put together: its database, its lane groups on FastStream, its HTTP API, started and stopped in order."""

import asyncio
import gc
import logging
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import structlog
import uvicorn
from asyncpg import Pool
from fastapi import APIRouter, FastAPI
from faststream import FastStream
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from shared.contracts.topics import Stream
from shared.plumbing import health, kafka, log_api, operators, postgres, store
from shared.plumbing.batch import Carrier, LaneGroup
from shared.plumbing.lane_consumer import LaneConsumer
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.settings import ServiceSettings
from shared.plumbing.simulated import Simulated
from shared.plumbing.telemetry import Telemetry
from shared.plumbing.tokens import Tokens

DRAIN_S: Final = 5.0
GRACEFUL_HTTP_S: Final = 2
CANCEL_AGAIN_S: Final = 1.0
LISTEN_AGAIN_S: Final = 2.0
COLLECT_AFTER: Final = (100_000, 20, 50)
"""Objects that a young collection waits for, young ones before an older, and older ones before a whole one."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the parts of a service are given when it starts."""

    settings: ServiceSettings
    pool: Pool
    seal: Seal
    metrics: Metrics
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class Definition:
    """What makes one service differ from another.

    `groups` makes its lane groups; `routers` its own HTTP; `background` runs beside them until the service stops;
    `payloads` name the types in the AsyncAPI document, by group; `at_the_door` decides sampling.
    """

    name: str
    groups: Callable[[Metrics], Sequence[LaneGroup]]
    payloads: dict[str, Any]
    routers: Sequence[APIRouter] = ()
    background: Sequence[Callable[[Parts, FastAPI], Awaitable[None]]] = ()
    at_the_door: bool = False


@dataclass(slots=True)
class _Running:
    consumers: list[LaneConsumer] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


def api(definition: Definition, settings: ServiceSettings) -> FastAPI:
    """The service's HTTP application; its lifespan runs everything else."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await _start(app, definition, settings, stack)
            yield

    app = FastAPI(title=f"Dreams: {definition.name}", version="1", lifespan=lifespan, redoc_url=None)
    app.state.service = definition.name
    app.state.settings = settings
    for router in (health.router, operators.router, log_api.router, *definition.routers):
        app.include_router(router)
    if settings.simulated:
        app.add_middleware(Simulated)
    return app


def run(definition: Definition, settings: ServiceSettings) -> None:
    """Run the service until SIGTERM or SIGINT; lanes are given up in order."""
    configure_logging(settings.log_level, definition.name, settings.instance)
    collect_rarely()
    uvicorn.run(
        api(definition, settings),
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_HTTP_S,
    )


def collect_rarely() -> None:
    """Let the cyclic garbage collector look seldom, and never at what start-up has loaded.

    A batch makes tens of thousands of objects that are freed by their reference counts; by default the collector
    goes through all of them again and again (tried: 73 µs an event, 43 with this).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def configure_logging(level: str, service: str, instance: str) -> None:
    """JSON lines on standard output; libraries' warnings pass through without their arguments' values."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
    )
    structlog.contextvars.bind_contextvars(service=service, instance=instance)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    # asyncpg's and aiokafka's own messages name hosts and topics, never the contents of a record.


async def _start(
    app: FastAPI, definition: Definition, settings: ServiceSettings, stack: AsyncExitStack
) -> None:
    dsn = settings.database_dsn_file.read_text().strip()
    parts = await _parts(definition, settings, dsn, stack)
    async with parts.pool.acquire() as db:
        log_id = await store.log_id(db, uuid.uuid4().hex[:12])
    groups = definition.groups(parts.metrics)
    publisher = _publisher(groups, settings)
    await publisher.start()
    stack.push_async_callback(publisher.stop, DRAIN_S)
    broker = kafka.make_broker(settings)
    source = f"//{definition.name}/{log_id}"
    consumers = [_consumer(group, definition, parts, broker, publisher, source) for group in groups]
    app.state.pool, app.state.metrics, app.state.consumers = parts.pool, parts.metrics, consumers
    app.state.tokens, app.state.parts = Tokens(settings.tokens_file), parts
    await broker.start()
    for consumer in consumers:
        stack.push_async_callback(consumer.finish, DRAIN_S)
    stack.push_async_callback(broker.stop)
    tasks = [asyncio.create_task(consumer.run_ticks()) for consumer in consumers]
    tasks.append(asyncio.create_task(_listen(dsn, consumers)))
    tasks += [asyncio.create_task(_watch(work(parts, app))) for work in definition.background]
    stack.push_async_callback(_cancel, tasks)
    log.info("service_started", log_id=log_id)


async def _parts(definition: Definition, settings: ServiceSettings, dsn: str, stack: AsyncExitStack) -> Parts:
    """Open what the parts of a service share; `stack` closes it."""
    pool = await postgres.open_pool(
        dsn, f"{definition.name}-{settings.instance}", settings.database_connections_max
    )
    stack.push_async_callback(_close_pool, pool)
    metrics, seal = Metrics(), Seal.from_file(settings.seal_key_file)
    telemetry = Telemetry(
        definition.name,
        settings.otlp_endpoint or None,
        settings.trace_ratio,
        at_the_door=definition.at_the_door,
        count=metrics.spans,
    )
    stack.push_async_callback(asyncio.to_thread, telemetry.close)
    return Parts(settings, pool, seal, metrics, telemetry)


def _consumer(
    group: LaneGroup,
    definition: Definition,
    parts: Parts,
    broker: KafkaBroker,
    publisher: Publisher,
    source: str,
) -> LaneConsumer:
    pool, metrics, settings = parts.pool, parts.metrics, parts.settings
    carrier = Carrier(
        group, settings.namespace, pool, publisher, source, parts.seal, parts.telemetry, metrics
    )
    payload = definition.payloads[group.name]
    return LaneConsumer(broker, carrier, publisher, pool, settings, metrics, payload)


def _publisher(groups: Sequence[LaneGroup], settings: ServiceSettings) -> Publisher:
    writes: list[Stream] = [stream for group in groups for stream in group.writes]
    return Publisher(writes, settings.namespace, lambda: kafka.make_producer(settings))


async def _listen(dsn: str, consumers: Sequence[LaneConsumer]) -> None:
    """Wake the owner when work is handed over; where this fails, the tick finds it a second later."""

    def woken(_connection: object, _pid: int, _channel: str, lane: object) -> None:
        for consumer in consumers:
            consumer.wake(str(lane))

    while True:
        try:
            connection = await asyncpg.connect(dsn, timeout=postgres.CONNECT_TIMEOUT_S)
            await connection.add_listener(store.HANDOVER_CHANNEL, woken)
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _, closed=closed: closed.set())
            try:
                await closed.wait()
            finally:
                connection.terminate()
        except postgres.PASSING as error:
            log.info("listening_again", error=type(error).__name__)
        await asyncio.sleep(LISTEN_AGAIN_S)


async def _watch(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception as error:
        log.error("background_work_ended", error=type(error).__name__, at=postgres.where(error))
        raise


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End them; they are asked again, since a library that waits with a limit may miss it before Python 3.12."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


async def _close_pool(pool: Pool) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def asyncapi(definition: Definition, settings: ServiceSettings, description: str) -> str:
    """The service's AsyncAPI document as JSON: made from its own subscribers, without connecting anywhere."""
    broker = kafka.make_broker(settings)
    for group in definition.groups(Metrics()):
        carrier = Carrier.__new__(Carrier)
        carrier.group = group
        LaneConsumer(
            broker,
            carrier,
            Publisher((), "", lambda: kafka.make_producer(settings)),
            None,  # type: ignore[arg-type]  # nothing is started here
            settings,
            Metrics(),
            definition.payloads[group.name],
        )
    app = FastStream(
        broker,
        specification=AsyncAPI(title=f"Dreams: {definition.name}", version="1", description=description),
    )
    return app.schema.to_specification().to_json()
