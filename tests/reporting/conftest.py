"""Reporting as a running service on the real Kafka and PostgreSQL, fed with facts by the publishers' own users."""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
import uvicorn
from aiokafka import AIOKafkaProducer

from console.stack.infrastructure import Infrastructure
from console.stack.private_files import kept_key, write_private
from console.stack.tokens import FILE, make_tokens, plain_token
from services.reporting import consumers, main, store
from services.reporting.config import Settings
from shared.contracts.lanes import partition_of
from shared.plumbing import postgres
from shared.plumbing import store as plumbing_store
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.decoding import Taken
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.service import api
from shared.plumbing.telemetry import Telemetry
from tests.reporting.facts import E, Programme, S

DEADLINE_S = 30.0


@dataclass
class Running:
    """A reporting service of its own namespace: where it answers, who may ask what, and how to feed it."""

    url: str
    client: httpx.AsyncClient
    db: "asyncpg.Connection[asyncpg.Record]"
    """As the runtime role."""
    secrets: Path
    producers: dict[str, AIOKafkaProducer]
    namespace: str
    server: "Server"

    async def feed(self, published: Sequence[tuple[str, bytes]]) -> None:
        """Write (stream, bytes) as their publishers would, in order."""
        acks = [
            await self.producers[stream].send(
                f"{self.namespace}{stream}", raw, partition=partition_of(orjson.loads(raw)["lane"])
            )
            for stream, raw in published
        ]
        await asyncio.gather(*acks)

    async def until(self, facts: int) -> None:
        """Wait until so many facts were counted."""
        changed = asyncio.Event()
        await self.db.add_listener(store.CHANGED_CHANNEL, lambda *_: changed.set())
        async with asyncio.timeout(DEADLINE_S):
            while await self.db.fetchval("SELECT count(*) FROM fact") < facts:
                changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), 1)
        await self.db.reset()

    def token(self, name: str) -> dict[str, str]:
        """The header of an office's or a province's token."""
        return {"Authorization": f"Bearer {plain_token(self.secrets, name)}"}

    def official_of(self, lane: str) -> dict[str, str]:
        """The header of an official who works for one province: its token is made here."""
        token = f"official-of-{lane}"
        path = self.secrets / FILE
        entries = json.loads(path.read_text())
        digest = hashlib.sha256(token.encode()).hexdigest()
        entries.append({"name": token, "role": "official", "province": lane, "sha256": digest})
        write_private(path, json.dumps(entries))
        return {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, office: str | None = None, **query: Any) -> httpx.Response:
        """Ask the service."""
        return await self.client.get(path, params=query or None, headers=self.token(office) if office else {})


class Server(uvicorn.Server):
    """A server inside the test run, which keeps its own signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@asynccontextmanager
async def running(
    infrastructure: Infrastructure, namespace: str, folder: Path, **settings: Any
) -> AsyncIterator[Running]:
    """Reporting on a free port, with databases and topics of its own."""
    await infrastructure.create_topics(namespace, lanes=())
    database = (await infrastructure.create_databases(namespace, ("reporting",), template=True))["reporting"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    dsn, seal, password = folder / "dsn", folder / "seal", folder / "password"
    dsn.write_text(database.runtime_dsn)
    seal.write_text(base64.b64encode(bytes(32)).decode())
    signing = kept_key(folder / "signing")
    user, secret = infrastructure.kafka.credentials("reporting")
    password.write_text(secret)
    made = Settings(
        namespace=namespace,
        kafka_bootstrap=infrastructure.kafka.bootstrap,
        kafka_username=user,
        kafka_password_file=password,
        database_dsn_file=dsn,
        http_port=port,
        tokens_file=make_tokens(folder),
        seal_key_file=seal,
        signing_key_file=signing,
        simulated=True,
        **settings,
    )
    config = uvicorn.Config(
        api(main.definition(made), made), port=port, log_config=None, timeout_graceful_shutdown=1
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    producers = {E: _producer(infrastructure, "enrollment"), S: _producer(infrastructure, "subsidy")}
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as both:
            both.create_task(until_ready(serving, server))
            for producer in producers.values():
                both.create_task(producer.start())
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            db = await asyncpg.connect(database.runtime_dsn)
            yield Running(url, client, db, folder, producers, namespace, server)
            await db.close()
    finally:
        for producer in producers.values():
            await producer.stop()
        server.should_exit = True
        await serving


async def until_ready(serving: "asyncio.Task[None]", server: uvicorn.Server) -> None:
    """Wait until a server answers, or raise what it has ended with."""
    while not server.started:
        if serving.done():
            serving.result()
            raise AssertionError("the service ended while it started")
        await asyncio.sleep(0.05)


def _producer(infrastructure: Infrastructure, principal: str) -> AIOKafkaProducer:
    user, password = infrastructure.kafka.credentials(principal)
    return AIOKafkaProducer(
        bootstrap_servers=infrastructure.kafka.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user,
        sasl_plain_password=password,
        linger_ms=2,
    )


class Counter:
    """Carries taken facts into a database of its own, as the service would, without Kafka."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.pool = pool
        self.metrics = Metrics()
        self.group = consumers.facts(self.metrics)
        self.carrier = Carrier(
            self.group,
            "",
            pool,
            Publisher((), "", _no_producer),
            "//reporting/1",
            Seal(bytes(32)),
            Telemetry("reporting", None, 0, at_the_door=False),
            self.metrics,
        )

    async def carry(self, taken: list[Taken]) -> None:
        """Carry one batch."""
        lanes = lanes_of(taken)
        async with self.pool.acquire() as db:
            await plumbing_store.open_lanes(db, [stream.pattern for stream in self.group.reads], [], lanes)
        await self.carrier.carry(taken, lanes)

    async def dump(self) -> str:
        """All tables in canonical order."""
        async with self.pool.acquire() as db:
            return await store.canonical_dump(db)


@asynccontextmanager
async def counting(infrastructure: Infrastructure, namespace: str) -> AsyncIterator[Counter]:
    """A counter over an empty database in `namespace`."""
    made = await infrastructure.create_databases(namespace, ("reporting",), template=True)
    pool = await postgres.open_pool(made["reporting"].runtime_dsn, "test", 4)
    try:
        yield Counter(pool)
    finally:
        await pool.close()


def _no_producer() -> AIOKafkaProducer:
    raise AssertionError("reporting publishes nothing")


@pytest.fixture
async def counter(infrastructure: Infrastructure, namespace: str) -> AsyncIterator[Counter]:
    """A counter over an empty database."""
    async with counting(infrastructure, namespace) as made:
        yield made


@pytest.fixture
async def reporting(infrastructure: Infrastructure, namespace: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A running reporting service that has seen nothing yet."""
    async with running(infrastructure, namespace, tmp_path) as service:
        yield service


HISTORY = Programme(21, ("32", "33", "50")).play(400)


@pytest.fixture(scope="module")
async def told(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A service that has counted a plausible history of three provinces: for tests that only ask."""
    namespace = f"t{secrets.token_hex(3)}."
    async with running(infrastructure, namespace, tmp_path_factory.mktemp("told")) as service:
        await service.feed(HISTORY.published)
        await service.until(len(HISTORY.published))
        yield service
    await infrastructure.drop_namespace(namespace)
