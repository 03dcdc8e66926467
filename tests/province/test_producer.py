"""Sending as a province: in order, by its own user, only on its own topics, each event in a trace."""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from console.province import producer
from console.province.producer import Broker, ProvinceSender, SendError, send_all
from console.province.simulator import Rates, SimulatedRecord, generate
from console.stack.infrastructure import Infrastructure
from shared.contracts.topics import PROVINCE_CONTACTS, PROVINCE_EVENTS

LANES = ("32", "34", "44")
TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


@pytest.fixture
async def broker(infrastructure: Infrastructure, namespace: str) -> Broker:
    await infrastructure.create_topics(namespace, LANES)
    return Broker(infrastructure.kafka.bootstrap, namespace, infrastructure.kafka.access.credentials)


async def _read(infrastructure: Infrastructure, topics: list[str], number: int) -> dict[str, list[Any]]:
    user, password = infrastructure.kafka.access.credentials("admin")
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=infrastructure.kafka.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user,
        sasl_plain_password=password,
        auto_offset_reset="earliest",
    )
    found: defaultdict[str, list[Any]] = defaultdict(list)
    async with consumer:
        while sum(map(len, found.values())) < number:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    found[record.topic].append(record)
    return found


async def test_a_stop_at_the_moment_of_the_last_acknowledgement_ends(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending, acknowledged = asyncio.Event(), asyncio.Event()

    async def send(_line: producer._Line, _chunk: Sequence[producer.Sendable]) -> None:
        sending.set()
        await acknowledged.wait()

    monkeypatch.setattr(producer._Line, "_send", send)
    record = next(generate(1, 1, today=date(2026, 11, 24), lanes=LANES))

    async def begin_and_give_up() -> None:
        async with ProvinceSender(broker, LANES) as sender:
            await sender.send([record])
            await sending.wait()
            acknowledged.set()
            raise RuntimeError("given up")

    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="given up"):
            await begin_and_give_up()


async def test_every_record_arrives_once_in_its_provinces_order(
    infrastructure: Infrastructure, broker: Broker
) -> None:
    records = list(generate(1, 3_000, Rates(broken=0.1), today=date(2026, 11, 24), lanes=LANES))
    async with ProvinceSender(broker, LANES, sample_ratio=0.5) as sender:
        await send_all(sender, iter(records))
        assert sender.acknowledged == len(records)
    topics = [s.topic(broker.namespace, lane) for s in (PROVINCE_EVENTS, PROVINCE_CONTACTS) for lane in LANES]
    found = await _read(infrastructure, topics, len(records))
    wanted: defaultdict[str, list[SimulatedRecord]] = defaultdict(list)
    for record in records:
        stream = PROVINCE_EVENTS if record.topic_kind == "events" else PROVINCE_CONTACTS
        wanted[stream.topic(broker.namespace, record.lane)].append(record)
    for topic, sent in wanted.items():
        assert [(r.key, r.value, r.headers[:-1]) for r in found[topic]] == [
            (r.key, r.value, r.headers) for r in sent
        ]
        assert all(TRACEPARENT.fullmatch(dict(r.headers)["traceparent"]) for r in found[topic])
    flags = [dict(r.headers)["traceparent"][-1:] for rs in found.values() for r in rs]
    assert 0.4 < flags.count(b"1") / len(flags) < 0.6


async def test_a_steady_rate_is_not_exceeded(broker: Broker) -> None:
    records = generate(1, 300, today=date(2026, 11, 24), lanes=LANES)
    portions: list[int] = []
    async with ProvinceSender(broker, LANES) as sender:
        began = time.monotonic()
        await send_all(sender, records, rate_per_s=400, sent=lambda portion: portions.append(len(portion)))
    assert sum(portions) >= 300
    assert sum(portions) / (time.monotonic() - began) < 450


async def test_a_wrong_password_is_said_in_both_languages(broker: Broker) -> None:
    wrong = replace(broker, credentials=lambda user: (user, "wrong"))
    with pytest.raises(SendError, match=r"密码文件.*password file"):
        async with ProvinceSender(wrong, ("32",)):
            pass


async def test_a_province_cannot_send_on_anothers_topic(broker: Broker) -> None:
    as_anhui = replace(broker, credentials=lambda _: broker.credentials("province-34"))
    record = next(generate(1, 10, today=date(2026, 11, 24), lanes=("32",)))
    with pytest.raises(SendError, match="did not take"):
        async with ProvinceSender(as_anhui, ("32",)) as sender:
            await sender.send([record])
