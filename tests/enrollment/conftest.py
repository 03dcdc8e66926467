"""Enrollment running for real, and a door through which tests send records and read receipts."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack
from shared.contracts.topics import DOOR_BATCH_MAX_BYTES, PROVINCE_EVENTS, PROVINCE_RECEIPTS
from tests.chain.topics import admin

LANES = ("32", "34")
WITHIN_S = 30.0
Headers = list[tuple[str, bytes | None]]
RawRecord = tuple[bytes | None, bytes | None, list[tuple[bytes, bytes | None]]]
"""Value, key and headers."""


class _RawName(str):
    """A header's name that goes over the wire as the bytes it was made of."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return str.encode(self, "latin-1")


@dataclass
class Door:
    """Sends records to provinces' topics and knows the receipts that have come back."""

    stack: Stack
    producer: AIOKafkaProducer
    receipts: dict[tuple[str, int], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """By lane and offset of the record, in the order in which they came."""

    async def send(
        self, value: dict[str, Any] | bytes | None, *, lane: str = "32", headers: Headers | None = None
    ) -> int:
        """Send one record; its offset."""
        raw = orjson.dumps(value) if isinstance(value, dict) else value
        topic = PROVINCE_EVENTS.topic(self.stack.namespace, lane)
        sent = await self.producer.send_and_wait(topic, raw, key=b"-", headers=headers or [], partition=0)
        return int(sent.offset)

    async def send_many(self, events: list[dict[str, Any]], *, lane: str = "32") -> list[int]:
        """Send events in their order; their offsets."""
        topic = PROVINCE_EVENTS.topic(self.stack.namespace, lane)
        sending = [await self.producer.send(topic, orjson.dumps(one), partition=0) for one in events]
        return [(await one).offset for one in sending]

    async def send_batches(self, batches: Iterable[tuple[str, Sequence[RawRecord]]]) -> list[int]:
        """Send record batches (lane, records), headers' names being any bytes; the offset of the first of each."""
        firsts = []
        async with AIOKafkaProducer(
            acks="all", max_request_size=DOOR_BATCH_MAX_BYTES, **admin(self.stack)
        ) as producer:
            for lane, records in batches:
                batch = producer.create_batch()
                batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, DOOR_BATCH_MAX_BYTES)
                for value, key, headers in records:
                    odd = [(_RawName(name, "latin-1"), content) for name, content in headers]
                    assert batch.append(timestamp=None, key=key, value=value, headers=odd) is not None
                topic = PROVINCE_EVENTS.topic(self.stack.namespace, lane)
                sent = await (await producer.send_batch(batch, topic, partition=0))
                firsts.append(int(sent.offset))
        return firsts

    async def answer(self, offset: int, *, lane: str = "32", status: str | None = None) -> dict[str, Any]:
        """The first receipt for the record (with `status`, where given), as soon as it is there."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            for receipt in self.receipts[lane, offset]:
                if status is None or receipt["status"] == status:
                    return receipt
            assert time.monotonic() < deadline, (
                f"no receipt {status or ''} for offset {offset} on lane {lane}"
            )
            await asyncio.sleep(0.02)

    async def ask(
        self, value: dict[str, Any] | bytes | None, *, lane: str = "32", headers: Headers | None = None
    ) -> dict[str, Any]:
        """Send one record and wait for its first receipt."""
        return await self.answer(await self.send(value, lane=lane, headers=headers), lane=lane)

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read receipts for ever."""
        async for record in consumer:
            event = orjson.loads(record.value)
            self.receipts[event["lane"], event["data"]["offset"]].append(event["data"])


@pytest.fixture(scope="module")
async def door(infrastructure: Infrastructure) -> AsyncIterator[Door]:
    """The door of an enrollment that runs in a namespace of its own."""
    async with open_door(infrastructure, "door.") as opened:
        yield opened


@contextlib.asynccontextmanager
async def open_door(infrastructure: Infrastructure, namespace: str) -> AsyncIterator[Door]:
    """The door of an enrollment that is started for it."""
    try:
        async with await Stack.over(infrastructure, namespace, services=("enrollment",)) as stack:
            consumer = AIOKafkaConsumer(
                auto_offset_reset="earliest", enable_auto_commit=False, **admin(stack)
            )
            producer = AIOKafkaProducer(
                acks="all", enable_idempotence=True, max_request_size=8 * 1024 * 1024, **admin(stack)
            )
            async with producer, consumer:
                places = [TopicPartition(PROVINCE_RECEIPTS.topic(stack.namespace, lane), 0) for lane in LANES]
                consumer.assign(places)
                found = Door(stack, producer)
                following = asyncio.create_task(found.follow(consumer))
                yield found
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
    finally:
        await infrastructure.drop_namespace(namespace)
