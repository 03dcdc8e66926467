"""Promises of the local Kafka and PostgreSQL that all other tests stand on."""

import time

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Producer

from console.stack.infrastructure import Infrastructure

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


async def test_a_province_cannot_write_another_provinces_topic(
    infrastructure: Infrastructure, namespace: str
) -> None:
    await infrastructure.create_topics(namespace, lanes=("32", "33"))
    producer = Producer(
        {**infrastructure.kafka.access.settings_of("province-33"), "message.timeout.ms": 5000}
    )
    outcome: list[object] = []
    producer.produce(
        f"{namespace}provinces.32.events", b"x", on_delivery=lambda error, _: outcome.append(error)
    )
    producer.flush(10)
    assert "TOPIC_AUTHORIZATION_FAILED" in str(outcome) or "authorization" in str(outcome).lower()


async def test_a_compressed_bomb_at_the_door_is_refused_and_the_broker_goes_on(
    infrastructure: Infrastructure, namespace: str
) -> None:
    await infrastructure.create_topics(namespace, lanes=("32",))
    roomy = {"message.max.bytes": 10**9, "queue.buffering.max.kbytes": 10**6, "message.timeout.ms": 30_000}
    settings = infrastructure.kafka.access.settings_of("province-32")
    producer = Producer({**settings, **roomy, "compression.type": "gzip"})
    outcome: list[object] = []
    for value in (bytes(BOMB_BYTES), b"an ordinary event"):
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
