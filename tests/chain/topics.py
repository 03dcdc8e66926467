"""Read whole topics of a namespace, as the administrator may."""

import time
from collections import defaultdict
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from console.stack.stack import Stack
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import Stream

READ_LIMIT_S = 60.0


def admin(stack: Stack) -> dict[str, Any]:
    """How the administrator connects."""
    return as_user(stack, "admin")


def as_user(stack: Stack, name: str) -> dict[str, Any]:
    """How a user of the broker connects."""
    user, password = stack.kafka.credentials(name)
    return {
        "bootstrap_servers": stack.kafka.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


def administrators_producer(stack: Stack) -> AIOKafkaProducer:
    """A producer that may write everywhere."""
    return AIOKafkaProducer(acks="all", enable_idempotence=True, **admin(stack))


async def events_by_lane(stack: Stack, stream: Stream) -> dict[str, list[dict[str, Any]]]:
    """All events of a stream as they lie in the topics, those published twice too, lane by lane in order."""
    places = {
        TopicPartition(stream.topic(stack.namespace, lane), stream.partition(lane)): lane
        for lane in LANE_CODES
    }
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **admin(stack))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    deadline = time.monotonic() + READ_LIMIT_S
    async with consumer:
        consumer.assign(list(places))
        # Up to the ends as they are now: what a late publisher still repeats behind them is not waited for.
        ends = await consumer.end_offsets(list(places))
        while behind := [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
            assert time.monotonic() < deadline, f"not read within {READ_LIMIT_S:.0f} s: {behind}"
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                found[places[tp]].extend(orjson.loads(record.value) for record in records)
    return found


def once(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A lane's events without those published twice; fails when a number is missing or comes too early."""
    last, kept = 0, []
    for event in events:
        assert event["seq"] <= last + 1, f"gap on lane {event['lane']}: {event['seq']} after {last}"
        if event["seq"] == last + 1:
            kept.append(event)
            last += 1
    return kept
