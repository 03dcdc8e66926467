"""Reads a province's topics whole, as the broker's administrator."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from console.stack.stack import Stack
from shared.contracts.enrollment import ReceiptIssued
from shared.contracts.envelope import Fact
from shared.contracts.topics import PROVINCE_EVENTS, PROVINCE_RECEIPTS
from tests.chain.topics import admin


async def records_of(stack: Stack, lane: str) -> list[Any]:
    """All records on the lane's topic of events, up to its present end."""
    return await _all(stack, PROVINCE_EVENTS.topic(stack.namespace, lane))


async def receipts_of(stack: Stack, lane: str) -> list[ReceiptIssued]:
    """All receipts of the lane, up to the present end."""
    records = await _all(stack, PROVINCE_RECEIPTS.topic(stack.namespace, lane))
    return [Fact[ReceiptIssued].model_validate_json(record.value, strict=False).data for record in records]


async def _all(stack: Stack, topic: str) -> list[Any]:
    place, records = TopicPartition(topic, 0), list[Any]()
    async with AIOKafkaConsumer(**admin(stack)) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end = (await consumer.end_offsets([place]))[place]
        while await consumer.position(place) < end:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records += batch
    return records
