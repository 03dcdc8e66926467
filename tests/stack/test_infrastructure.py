"""Promises of the local Kafka and PostgreSQL that all other tests stand on."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import KafkaError, KafkaException, Producer

from console.stack.infrastructure import Infrastructure
from shared.contracts.access import province_principal
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import PROVINCE_EVENTS

T = TypeVar("T")
BOMB_BYTES = 300 * 1024 * 1024  # 300 kB in gzip


async def test_a_province_writes_its_own_topic_and_enrollment_reads_it(
    infrastructure: Infrastructure, namespace: str
) -> None:
    began_s = time.monotonic()
    await infrastructure.create_topics(namespace, lanes=("32",))
    assert time.monotonic() - began_s < 10
    topic = f"{namespace}provinces.32.events"
    async with AIOKafkaProducer(**_client(infrastructure, "province-32")) as producer:
        await producer.send_and_wait(topic, b"hello", partition=0)
    consumer = AIOKafkaConsumer(
        topic,
        group_id=f"{namespace}enrollment",
        auto_offset_reset="earliest",
        **_client(infrastructure, "enrollment"),
    )
    async with consumer:
        record = await consumer.getone()
    assert record.value == b"hello"


@pytest.fixture(scope="module")
async def all_lanes(infrastructure: Infrastructure) -> AsyncIterator[str]:
    """A namespace with the topics, users and rights of a whole deployment."""
    namespace = f"t{secrets.token_hex(3)}."
    await infrastructure.create_topics(namespace)
    yield namespace
    await infrastructure.drop_namespace(namespace)


async def test_each_province_sees_its_own_four_topics_and_no_other(
    infrastructure: Infrastructure, all_lanes: str
) -> None:
    def seen(lane: str) -> set[str]:
        client = infrastructure.kafka.access.client_of(province_principal(lane))
        return {name for name in client.list_topics(timeout=20).topics if name.startswith(all_lanes)}

    for lane, topics in zip(LANE_CODES, await _at_once(seen), strict=True):
        assert topics == {
            f"{all_lanes}provinces.{lane}.{kind}" for kind in ("events", "contacts", "receipts", "decisions")
        }


async def test_each_province_writes_its_own_events_and_is_refused_at_the_next_ones(
    infrastructure: Infrastructure, all_lanes: str
) -> None:
    """A ring through all provinces; that no topic of another is even seen is said above."""

    def write(lane: str) -> list[KafkaError | None]:
        next_one = LANE_CODES[(LANE_CODES.index(lane) + 1) % len(LANE_CODES)]
        settings = infrastructure.kafka.access.settings_of(province_principal(lane))
        producer = Producer({**settings, "message.timeout.ms": 20_000})
        return [_written(producer, PROVINCE_EVENTS.topic(all_lanes, at)) for at in (lane, next_one)]

    for lane, outcome in zip(LANE_CODES, await _at_once(write), strict=True):
        own, foreign = outcome
        assert own is None, f"{lane}: {own}"
        assert foreign is not None, lane
        assert foreign.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, f"{lane}: {foreign}"


async def test_a_province_writes_neither_its_receipts_nor_its_decisions(
    infrastructure: Infrastructure, all_lanes: str
) -> None:
    """Topics that it sees, so that the write itself is refused."""
    settings = infrastructure.kafka.access.settings_of("province-32")
    producer = Producer({**settings, "message.timeout.ms": 20_000})
    for kind in ("receipts", "decisions"):
        error = await asyncio.to_thread(_written, producer, f"{all_lanes}provinces.32.{kind}")
        assert error is not None, kind
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, f"{kind}: {error}"


def _written(producer: Producer, topic: str) -> KafkaError | None:
    """What the broker said to one record; `produce` itself raises a refusal that is known already."""
    outcome: list[KafkaError | None] = []
    try:
        producer.produce(topic, b"x", on_delivery=lambda error, _: outcome.append(error))
    except KafkaException as refused:
        return cast("KafkaError", refused.args[0])
    producer.flush(30)
    [error] = outcome
    return error


async def _at_once(ask: Callable[[str], T]) -> list[T]:
    """What is found as each province; a login and a refusal take their time, so all at once."""
    with ThreadPoolExecutor(len(LANE_CODES)) as pool:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(pool, ask, lane) for lane in LANE_CODES))


async def test_a_compressed_bomb_at_the_door_is_refused_and_the_broker_goes_on(
    infrastructure: Infrastructure, namespace: str
) -> None:
    await infrastructure.create_topics(namespace, lanes=("32",))
    roomy = {"message.max.bytes": 10**9, "queue.buffering.max.kbytes": 10**6, "message.timeout.ms": 30_000}
    settings = infrastructure.kafka.access.settings_of("province-32")
    outcome: list[object] = []
    for value, more in ((bytes(BOMB_BYTES), {"retries": 0}), (b"an ordinary event", {})):
        producer = Producer({**settings, **roomy, "compression.type": "gzip", **more})
        producer.produce(
            f"{namespace}provinces.32.events", value, on_delivery=lambda error, _: outcome.append(error)
        )
        producer.flush(40)
    bomb, ordinary = outcome
    assert bomb is not None
    assert ordinary is None
    assert infrastructure.kafka.process.running


async def test_a_service_reads_and_writes_rows_but_owns_nothing(
    infrastructure: Infrastructure, namespace: str
) -> None:
    database = await infrastructure.postgres.create_service_database("enrollment", namespace)
    owner = await asyncpg.connect(database[0])
    await owner.execute("CREATE TABLE note (id bigint GENERATED ALWAYS AS IDENTITY, text text)")
    await owner.close()
    runtime = await asyncpg.connect(database[1])
    await runtime.execute("INSERT INTO note (text) VALUES ('x')")
    assert await runtime.fetchval("SELECT count(*) FROM note") == 1
    for forbidden in (
        "CREATE TABLE mine (x int)",
        "TRUNCATE note",
        "DROP TABLE note",
        "ALTER TABLE note ADD x int",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute(forbidden)
    await runtime.close()


def _client(infrastructure: Infrastructure, principal: str) -> dict[str, object]:
    user, password = infrastructure.kafka.credentials(principal)
    return {
        "bootstrap_servers": infrastructure.kafka.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }
