"""What tests of plumbing stand on: a namespace on the real broker and database, lanes to use up, and the relay."""

import asyncio
import base64
import contextlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from asyncpg import Pool
from fastapi import FastAPI

from console.stack.infrastructure import Infrastructure
from console.stack.tokens import make_tokens, plain_token
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import Stream
from shared.plumbing import kafka, postgres, service, store
from shared.plumbing.batch import Carrier, LaneGroup, lanes_of
from shared.plumbing.lane_consumer import LaneConsumer
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.service import Definition
from shared.plumbing.settings import ServiceSettings
from shared.plumbing.telemetry import Telemetry
from tests.plumbing import relay
from tests.plumbing.relay import INPUT, NOTE, OUTPUT, Relay

WITHIN_S: Final = 30.0
POLL_S: Final = 0.05
BATCH_MAX_BYTES: Final = 512 * 1024
CONNECTIONS: Final = 2
"""Of a carrier that is given its records by hand."""
UPSTREAM_LOG: Final = "upstream0000"
T = TypeVar("T")
S = TypeVar("S", bound=ServiceSettings)


async def until(look: Callable[[], Awaitable[T | None]], within_s: float = WITHIN_S) -> T:
    """What `look` finds as soon as that is true; an AssertionError with the last it found when time is up."""
    deadline = time.monotonic() + within_s
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s; last seen: {found!r}"
        await asyncio.sleep(POLL_S)


@dataclass
class World:
    """A namespace in which one service runs, now and then; every test uses lanes of its own."""

    infrastructure: Infrastructure
    namespace: str
    user: str
    pool: Pool
    """The service's own rights on its database."""
    owner: Pool
    runtime_dsn: str
    producer: AIOKafkaProducer
    """The administrator's."""
    consumer: AIOKafkaConsumer
    unused: list[str] = field(default_factory=lambda: list(LANE_CODES))
    _sent: dict[tuple[str, str], int] = field(default_factory=dict)

    # ------------------------------------------------------------ what goes in

    def some_lanes(self, count: int, among: Collection[str] = LANE_CODES) -> list[str]:
        """Lanes that no other test uses."""
        taken = [lane for lane in self.unused if lane in among][:count]
        assert len(taken) == count, "all lanes of this world are used up"
        self.unused = [lane for lane in self.unused if lane not in taken]
        return taken

    async def write(self, stream: Stream, lane: str, *values: bytes | None, **more: Any) -> int:
        """Put records on a lane as the administrator; the offset of the last."""
        topic, partition = stream.topic(self.namespace, lane), stream.partition(lane)
        sends = [await self.producer.send(topic, value, partition=partition, **more) for value in values]
        return max([int((await send).offset) for send in sends])

    async def notes(self, lane: str, *numbers: int, **data: Any) -> int:
        """Notes for the relay, next in their lane's `seq`; the offset of the last."""
        return await self.write(INPUT, lane, *self._noted(lane, numbers, data))

    async def notes_at_once(self, lane: str, *numbers: int) -> None:
        """The same in one record batch: whoever fetches one of them has all."""
        batch = self.producer.create_batch()
        for value in self._noted(lane, numbers, {}):
            assert batch.append(key=None, value=value, timestamp=None) is not None
        topic, partition = INPUT.topic(self.namespace, lane), INPUT.partition(lane)
        await (await self.producer.send_batch(batch, topic, partition=partition))

    def _noted(self, lane: str, numbers: Iterable[int], data: dict[str, Any]) -> list[bytes]:
        values = []
        for n in numbers:
            seq = self._sent[INPUT.pattern, lane] = self._sent.get((INPUT.pattern, lane), 0) + 1
            values.append(fact(lane, seq, {"n": n, **data}))
        return values

    # ------------------------------------------------------------ what comes out

    async def records(self, lane: str, stream: Stream = OUTPUT) -> list[ConsumerRecord]:
        """All records on a lane now."""
        place = TopicPartition(stream.topic(self.namespace, lane), stream.partition(lane))
        self.consumer.assign([place])
        end = (await self.consumer.end_offsets([place]))[place]
        self.consumer.seek(place, 0)
        found: list[ConsumerRecord] = []
        while end and (not found or found[-1].offset < end - 1):
            batches = await self.consumer.getmany(place, timeout_ms=1000)
            found += batches.get(place, [])
        return found

    async def published(self, lane: str, stream: Stream = OUTPUT) -> list[dict[str, Any]]:
        """The facts on a lane as a reader takes them: by `seq`, duplicates dropped; an AssertionError for a gap."""
        facts: list[dict[str, Any]] = []
        for record in await self.records(lane, stream):
            event = orjson.loads(record.value)
            if event["seq"] <= len(facts):
                assert event == facts[event["seq"] - 1], "two different facts under one seq"
                continue
            assert event["seq"] == len(facts) + 1, f"a gap on {lane}: {event['seq']} after {len(facts)}"
            facts.append(event)
        return facts

    async def relayed(self, lane: str) -> list[int]:
        """The numbers that the relay has published on a lane, in order."""
        return [event["data"]["n"] for event in await self.published(lane)]

    async def until_relayed(self, lane: str, *numbers: int, within_s: float = WITHIN_S) -> None:
        """Wait until the relay has published exactly these numbers on a lane, in this order."""
        wanted = list(numbers)

        async def all_there() -> bool:
            return await self.stamped(lane) >= len(wanted) and await self.relayed(lane) == wanted

        try:
            await until(all_there, within_s)
        except AssertionError as error:
            raise AssertionError(f"{await self.relayed(lane)} instead of {wanted}") from error

    async def stamped(self, lane: str) -> int:
        """The last `seq` that the relay has logged on a lane."""
        last = await self.pool.fetchval("SELECT max(last_seq) FROM log WHERE lane = $1", lane)
        return int(last or 0)

    async def cursor(self, lane: str, stream: Stream = INPUT) -> asyncpg.Record:
        """The cursor row of a lane."""
        row = await self.pool.fetchrow(
            "SELECT * FROM cursor WHERE stream = $1 AND lane = $2", stream.pattern, lane
        )
        assert row is not None
        return row

    async def outbound(self, lane: str, stream: Stream = OUTPUT) -> asyncpg.Record:
        """The lane row."""
        row = await self.pool.fetchrow(
            "SELECT * FROM outbound WHERE stream = $1 AND lane = $2", stream.pattern, lane
        )
        assert row is not None
        return row

    # ------------------------------------------------------------ the service

    def settings(self, **changes: Any) -> ServiceSettings:
        """The service's settings, as the stack would give them."""
        return self.settings_of(ServiceSettings, **changes)

    def settings_of(self, kind: type[S], **changes: Any) -> S:
        """The same for a service with settings of its own."""
        return kind(**(self._files() | changes))

    def _files(self) -> dict[str, Any]:
        folder = self.infrastructure.data / "secrets"
        return {
            "namespace": self.namespace,
            "kafka_bootstrap": self.infrastructure.kafka.bootstrap,
            "kafka_username": self.user,
            "kafka_password_file": folder / "kafka" / self.user,
            "database_dsn_file": kept(folder / f"{self.namespace}{self.user}.dsn", self.runtime_dsn),
            "http_port": 1,
            "tokens_file": folder / "tokens.json",
            "seal_key_file": kept(
                folder / f"{self.namespace}seal", base64.b64encode(os.urandom(32)).decode()
            ),
            "session_timeout_s": 6.0,  # the least that the broker allows
        }

    def dsn_through(self, port: int) -> Path:
        """A file with the service's dsn by way of a proxy on `port`."""
        folder = self.infrastructure.data / "secrets"
        direct = f":{self.infrastructure.ports['postgres']}/"
        return kept(
            folder / f"{self.namespace}proxy-{port}.dsn", self.runtime_dsn.replace(direct, f":{port}/")
        )

    @contextlib.asynccontextmanager
    async def relay(self, handle: Relay | None = None, **changes: Any) -> AsyncIterator["Running"]:
        """The relay, run in this process in a group of its own, ready."""
        group = changes.pop("group", None) or f"{relay.USER}-{secrets.token_hex(3)}"
        definition = relay.definition(handle or Relay(), group)
        async with self.run(definition, self.settings(**changes)) as running:
            yield running

    @contextlib.asynccontextmanager
    async def reader(
        self, seen: dict[str, list[int]], reads: tuple[Stream, ...] = (OUTPUT,), **changes: Any
    ) -> AsyncIterator["Running"]:
        """A service that only reads, in a group of its own, ready."""
        group = changes.pop("group", None) or f"{relay.USER}-{secrets.token_hex(3)}"
        definition = relay.reader(seen, group, reads)
        async with self.run(definition, self.settings(**changes)) as running:
            yield running

    @contextlib.asynccontextmanager
    async def a_process(self, handle: Relay | None = None) -> AsyncIterator["Owner"]:
        """The inside of a relay without a consumer: whoever calls it believes that it owns every lane."""
        async with self.carrying("relay", relay.lane_group(handle or Relay())) as inside:
            yield Owner(*inside, self.namespace)

    @contextlib.asynccontextmanager
    async def carrying(
        self, service_name: str, group: LaneGroup
    ) -> AsyncIterator[tuple[Carrier, Publisher, Pool]]:
        """What carries a group's batches in a service, with records given to it by hand."""
        settings = self.settings()
        pool = await postgres.open_pool(self.runtime_dsn, "test", CONNECTIONS)
        publisher = Publisher(group.writes, self.namespace, lambda: kafka.make_producer(settings))
        await publisher.start()
        async with pool.acquire() as db:
            source = f"//{service_name}/{await store.log_id(db, secrets.token_hex(6))}"
        telemetry = Telemetry(service_name, None, 0.0, at_the_door=group.gate == "door")
        seal = Seal(os.urandom(32))
        carrier = Carrier(group, self.namespace, pool, publisher, source, seal, telemetry, Metrics())
        try:
            yield carrier, publisher, pool
        finally:
            await publisher.stop(5)
            await pool.close()

    @contextlib.asynccontextmanager
    async def run(
        self, definition: Definition, settings: ServiceSettings, *, ready: bool = True
    ) -> AsyncIterator["Running"]:
        """A whole service in this process, HTTP included."""
        app = service.api(definition, settings)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
                running = Running(app, http, self.infrastructure.data / "secrets")
                if ready:
                    await until(running.ready)
                yield running


@dataclass
class Owner:
    """One process that believes to own lanes, without a group that would tell it otherwise."""

    carrier: Carrier
    publisher: Publisher
    pool: Pool
    namespace: str

    async def open(self, *lanes: str) -> None:
        """Make the rows of lanes, as assignment does."""
        async with self.pool.acquire() as db:
            await store.open_lanes(db, [INPUT.pattern], [OUTPUT.pattern], lanes)

    async def take(self, lane: str, *seqs: int, **data: Any) -> None:
        """Carry notes with these numbers in `seq` through one batch."""
        await self.carry(self.records(lane, *seqs, **data))

    async def carry(self, records: Sequence[ConsumerRecord]) -> None:
        """Carry records of any lanes through one batch."""
        taken = self.carrier.decode(records)
        await self.carrier.carry(taken, lanes_of(taken))

    async def tick(self, *lanes: str) -> None:
        """The owner's turn on idle lanes."""
        await self.carrier.carry([], lanes)

    def records(
        self, lane: str, *seqs: int, above: int = 0, log_id: str = UPSTREAM_LOG, **data: Any
    ) -> list[ConsumerRecord]:
        """Notes as the broker would give them; a note's number is its `seq` and what is `above` it."""
        topic, partition = INPUT.topic(self.namespace, lane), INPUT.partition(lane)
        values = [fact(lane, seq, {"n": above + seq} | data, log_id) for seq in seqs]
        return [
            ConsumerRecord(topic, partition, seq - 1, 0, 0, None, value, None, 0, len(value), ())
            for seq, value in zip(seqs, values, strict=True)
        ]


@dataclass
class Running:
    """A service that runs in this process."""

    app: FastAPI
    http: httpx.AsyncClient
    secrets: Path

    @property
    def consumer(self) -> LaneConsumer:
        """Its first lane group's."""
        consumer: LaneConsumer = self.app.state.consumers[0]
        return consumer

    async def ready(self) -> bool:
        """Whether it says that it is ready."""
        return (await self.http.get("/health/ready")).status_code == httpx.codes.OK

    async def alive(self) -> bool:
        """Whether it says that it makes progress."""
        return (await self.http.get("/health/live")).status_code == httpx.codes.OK

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of one metric over all labels but those given."""
        return metric((await self.http.get("/metrics")).text, name, **labels)

    async def order(self, act: str, lane: str, **more: Any) -> dict[str, Any]:
        """An operator's order: stop, resume, republish."""
        answer = await self.http.post(
            f"/v1/lanes/{lane}/{act}",
            json={"reason": "a test", **more},
            headers={"Authorization": f"Bearer {plain_token(self.secrets, 'operator')}"},
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found


def fact(lane: str, seq: int, data: dict[str, Any], log_id: str = UPSTREAM_LOG) -> bytes:
    """A fact as the service before would publish it."""
    now = datetime.now(UTC).isoformat()
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{lane}-{seq}",
            "source": f"//enrollment/{log_id}",
            "type": NOTE,
            "time": now,
            "recordedtime": now,
            "lane": lane,
            "seq": seq,
            "data": data,
        }
    ).encode()


def metric(text: str, name: str, **labels: str) -> float:
    """The sum of one metric in Prometheus' text format over all labels but those given."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(one in line for one in wanted))


def kept(path: Path, text: str) -> Path:
    """A file with this text, made on first use."""
    if not path.exists():
        path.write_text(text)
    return path


@contextlib.asynccontextmanager
async def make_world(
    infrastructure: Infrastructure, user: str, lanes: Collection[str] | None
) -> AsyncIterator[World]:
    """A fresh namespace for the service whose rights `user` has; provinces' own topics only for `lanes`."""
    namespace = f"t{secrets.token_hex(3)}."
    folder = infrastructure.data / "secrets"
    make_tokens(folder)
    await infrastructure.create_topics(namespace, lanes)
    database = (await infrastructure.create_databases(namespace, [user], template=True))[user]
    client = client_of(infrastructure)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(infrastructure.drop_namespace, namespace)
        pool = await stack.enter_async_context(
            asyncpg.create_pool(database.runtime_dsn, min_size=1, max_size=3)
        )
        owner = await stack.enter_async_context(
            asyncpg.create_pool(database.owner_dsn, min_size=1, max_size=2)
        )
        producer = await stack.enter_async_context(
            AIOKafkaProducer(**client, linger_ms=0, max_batch_size=BATCH_MAX_BYTES)
        )
        consumer = await stack.enter_async_context(AIOKafkaConsumer(**client, auto_offset_reset="earliest"))
        yield World(infrastructure, namespace, user, pool, owner, database.runtime_dsn, producer, consumer)


def client_of(infrastructure: Infrastructure) -> dict[str, Any]:
    """aiokafka's settings to connect as the administrator."""
    user, password = infrastructure.kafka.credentials("admin")
    return {
        "bootstrap_servers": infrastructure.kafka.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }
