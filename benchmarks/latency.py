"""From publish to statistic: how long until a province's event is in reporting's committed numbers."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from statistics import quantiles
from types import MappingProxyType
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.load import admin, producer
from benchmarks.parts import database, until_drained
from console.province.simulator import SimulatedRecord
from console.stack.stack import Stack
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_EVENTS

WATCH_S = 0.01


class Wait(NamedTuple):
    """How long one fact took: the province's event, the fact's lane, when it was sent and when it was counted."""

    event_id: str
    lane: str
    sent_s: float
    seen_s: float


async def measure(stack: Stack, records: list[SimulatedRecord], rate_per_s: int) -> dict[str, float]:
    """Send `records` at a steady rate through running services; p50 and p99 in ms of accepted events."""
    return percentiles(await waits(stack, records, rate_per_s))


def percentiles(some: Iterable[Wait]) -> dict[str, float]:
    """p50 and p99 in ms, and of how many."""
    waits_ms = [(one.seen_s - one.sent_s) * 1000 for one in some]
    found = quantiles(waits_ms, n=100)
    return {"events": len(waits_ms), "p50_ms": round(found[49], 1), "p99_ms": round(found[98], 1)}


async def waits(
    stack: Stack,
    records: list[SimulatedRecord],
    rate_per_s: int,
    others: Mapping[str, float] = MappingProxyType({}),
    already: int = 0,
) -> list[Wait]:
    """Send `records` at a steady rate until all is drained: the wait of each fact.

    `others` are sent by somebody else meanwhile, each at the time given; `already` records were taken in before.
    """
    seen: dict[tuple[str, int], float] = {}
    watching = asyncio.create_task(_watch(stack, seen))
    sent = {**others, **await _send(stack, records, rate_per_s)}
    await until_drained(stack, already + len(sent))
    found = [
        Wait(cause, lane, sent[cause], seen[lane, seq])
        for cause, lane, seq in await _facts(stack)
        if cause in sent
    ]
    watching.cancel()
    return found


async def _send(stack: Stack, records: list[SimulatedRecord], rate_per_s: int) -> dict[str, float]:
    sent: dict[str, float] = {}
    plain = [(r, _id(r)) for r in records if r.topic_kind == "events" and r.kind == "plain"]
    async with producer(stack) as sender:
        began = time.perf_counter()
        for place, (record, event_id) in enumerate(plain):
            due = began + place / rate_per_s
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            sent[event_id] = time.perf_counter()
            topic = PROVINCE_EVENTS.topic(stack.namespace, record.lane)
            await sender.send(topic, record.value, headers=list(record.headers), partition=0)
    return sent


def _id(record: SimulatedRecord) -> str:
    for name, value in record.headers:
        if name == "ce_id":
            return value.decode()
    return str(orjson.loads(record.value or b"{}").get("id"))


async def _watch(stack: Stack, seen: dict[tuple[str, int], float]) -> None:
    """Note when each fact's number is behind reporting's committed cursor."""
    last = dict.fromkeys(LANE_CODES, 0)
    async with database(stack, "reporting") as db:
        query = await db.prepare("SELECT lane, last_seq FROM cursor WHERE stream = 'enrollment.events'")
        while True:
            rows = await query.fetch()
            now = time.perf_counter()
            for lane, last_seq in rows:
                for seq in range(last[lane] + 1, last_seq + 1):
                    seen[lane, seq] = now
                last[lane] = last_seq
            await asyncio.sleep(WATCH_S)


async def _facts(stack: Stack) -> list[tuple[str | None, str, int]]:
    """(id of the province's event, lane, seq) of every fact."""
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **admin(stack))
    facts = []
    async with consumer:
        topic = ENROLLMENT_EVENTS.topic(stack.namespace, LANE_CODES[0])
        partitions = [TopicPartition(topic, ENROLLMENT_EVENTS.partition(lane)) for lane in LANE_CODES]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        left = sum(ends.values())
        while left > 0:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                left -= len(records)
                for record in records:
                    fact = orjson.loads(record.value)
                    facts.append((fact.get("correlationid"), fact["lane"], fact["seq"]))
    return facts
