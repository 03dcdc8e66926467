"""Put simulated records into the provinces' topics, as fast as the broker takes them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from console.province.simulator import Expected, SimulatedRecord, generate
from console.stack.stack import Stack
from shared.contracts.envelope import shanghai_day
from shared.contracts.topics import PROVINCE_CONTACTS, PROVINCE_EVENTS

BATCH_BYTES = 500_000
LINGER_MS = 10
"""How long a sender waits for company before it asks the broker; part of every latency that is measured."""


def simulate(events: int, seed: int) -> tuple[list[SimulatedRecord], Expected]:
    """`events` records of all provinces, weighted by size, and what must come back for them."""
    expected, records = Expected(), []
    for record in generate(seed, events, today=shanghai_day(datetime.now(UTC))):
        expected.count(record)
        records.append(record)
    return records, expected


def admin(stack: Stack) -> dict[str, Any]:
    """How the administrator connects, so that one connection serves all provinces."""
    user, password = stack.kafka.credentials("admin")
    return {
        "bootstrap_servers": stack.kafka.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


def producer(stack: Stack) -> AIOKafkaProducer:
    """A producer that may write to all provinces' topics."""
    return AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=4 * BATCH_BYTES,
        **admin(stack),
    )


async def load(stack: Stack, records: Iterable[SimulatedRecord]) -> None:
    """Send all records, lane by lane in their order."""
    by_topic: dict[str, list[SimulatedRecord]] = defaultdict(list)
    for record in records:
        stream = PROVINCE_CONTACTS if record.topic_kind == "contacts" else PROVINCE_EVENTS
        by_topic[stream.topic(stack.namespace, record.lane)].append(record)
    async with producer(stack) as sender:
        await asyncio.gather(*(_send(sender, topic, some) for topic, some in by_topic.items()))


async def _send(sender: AIOKafkaProducer, topic: str, records: list[SimulatedRecord]) -> None:
    acks, batch = [], sender.create_batch()
    for record in records:
        row = {"timestamp": None, "key": record.key, "value": record.value, "headers": list(record.headers)}
        if record.key is None and record.value is None:
            row["key"] = b"-"
        if batch.append(**row) is None:
            acks.append(await sender.send_batch(batch, topic, partition=0))
            batch = sender.create_batch()
            batch.append(**row)
    acks.append(await sender.send_batch(batch, topic, partition=0))
    for ack in acks:
        await ack
