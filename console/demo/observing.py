"""Asks the running system what the demonstration shows and reconciles: the services' APIs, the receipts."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import TopicPartition as TopicPlace
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # its stub does not re-export it

from console.api_client import Api
from console.demo.numbers import Receipt, Snapshot
from console.lane_states import lane_states
from console.stack.failures import StackError
from console.stack.kafka_access import REQUEST_LIMIT_S, KafkaAccess
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import PROVINCE_EVENTS, PROVINCE_RECEIPTS

FETCH_MS: Final = 1_000
READ_LIMIT_S: Final = 120.0
LED_LIMIT_S: Final = 60.0
POLL_S: Final = 0.1
OPERATOR: Final = "operator"


async def observe(api: Api) -> Snapshot:
    """Ask all services, those upstream first: what one says is not older than what its upstream said."""
    answers = {}
    for service in api.services:
        answers[service] = await api.get(service, "/v1/lanes")
    verdicts = await api.get("enrollment", "/v1/totals")
    money = await api.get("subsidy", "/v1/totals")
    nation = await api.get("reporting", "/v1/nation")
    return Snapshot(
        time.monotonic(),
        lane_states(answers),
        {name: answer["handover"] for name, answer in answers.items()},
        verdicts,
        money,
        nation["measures"],
        nation["facts"],
    )


async def until_led(access: KafkaAccess) -> None:
    """Wait until every partition has its leader: on a busy machine a broker names topics before it serves them."""
    deadline = time.monotonic() + LED_LIMIT_S
    while not await asyncio.to_thread(_all_led, access):
        if time.monotonic() > deadline:
            raise StackError(f"Kafka made its topics but does not serve them all after {LED_LIMIT_S:.0f} s.")
        await asyncio.sleep(POLL_S)


async def read_receipts(
    bootstrap: str, namespace: str, credentials: Callable[[str], tuple[str, str]]
) -> tuple[int, list[Receipt]]:
    """All receipts on all lanes as the operator reads them, and how many records they are for."""
    user, password = credentials(OPERATOR)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=OPERATOR,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user,
        sasl_plain_password=password,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        events = [TopicPartition(topic, 0) for topic in PROVINCE_EVENTS.topics(namespace)]
        on_topics = sum((await consumer.end_offsets(events)).values())
        return on_topics, await _read_all(consumer, namespace)
    finally:
        await consumer.stop()


def _all_led(access: KafkaAccess) -> bool:
    found = access.client.list_topics(timeout=REQUEST_LIMIT_S).topics
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # nor annotate it
    wanted = {TopicPlace(name, partition): latest for name in found for partition in found[name].partitions}
    asked = access.client.list_offsets(wanted, request_timeout=REQUEST_LIMIT_S).values()
    return all(one.exception(REQUEST_LIMIT_S) is None for one in asked)


async def _read_all(consumer: Any, namespace: str) -> list[Receipt]:
    lanes = {TopicPartition(PROVINCE_RECEIPTS.topic(namespace, lane), 0): lane for lane in LANE_CODES}
    consumer.assign(list(lanes))
    ends = await consumer.end_offsets(list(lanes))
    receipts: list[Receipt] = []
    last_seqs = dict.fromkeys(lanes, 0)
    deadline = time.monotonic() + READ_LIMIT_S
    while any([await consumer.position(tp) < end for tp, end in ends.items()]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the receipts could not be read within {READ_LIMIT_S:.0f} s")
        for tp, records in (await consumer.getmany(timeout_ms=FETCH_MS)).items():
            for record in records:
                event = orjson.loads(record.value)
                if event["seq"] > last_seqs[tp]:  # after a take-over some come twice, under the same number
                    last_seqs[tp] = event["seq"]
                    receipts.append(_receipt(lanes[tp], event["data"]))
    return receipts


def _receipt(lane: str, data: dict[str, Any]) -> Receipt:
    named = data["event_id"] is not None and data["event_source"] is not None
    return Receipt(lane, data["offset"], data["status"], data["event_type"], named)
