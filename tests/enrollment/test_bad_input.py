"""Bad input gets its receipt with code, field and a sentence in both languages; no lane stops, nothing is lost."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import (
    DOOR_BATCH_MAX_BYTES,
    ENROLLMENT_EVENTS,
    PROVINCE_EVENTS,
    PROVINCE_RECEIPTS,
)
from tests.chain.drained import database
from tests.chain.topics import admin
from tests.enrollment.conftest import WITHIN_S, Door, Headers, RawRecord
from tests.enrollment.events import allocated, enrolled, event, registered, worker_ref

pytestmark = pytest.mark.usefixtures("measured_processes")

W = worker_ref("A")
GOOD = orjson.dumps(registered(W, id="never-taken"))
BOMB_BYTES = 2 * 1024 * 1024
BATCH_HEAD_MAX_BYTES = 128
"""What a record batch of one record takes up besides its value, at most."""
PROJECT = {"project_no": "1", "name": "x", "lead": "x", "established_on": "2026-01-01"}


def changed(**attributes: Any) -> dict[str, Any]:
    """A registration with other attributes."""
    return registered(W, **attributes)


BAD: dict[str, tuple[dict[str, Any] | bytes | None, str, str | None]] = {
    "not JSON": (b"{broken", "unreadable", None),
    "not UTF-8": (b'{"id":"\xff\xfe"}', "unreadable", None),
    "null value": (None, "empty", None),
    "empty value": (b"", "unreadable", None),
    "an array": (b"[]", "unreadable", None),
    "NaN": (GOOD.replace(b'"data":{', b'"data":{"x":NaN,'), "unreadable", None),
    "a number beyond all numbers": (GOOD.replace(b'"data":{', b'"data":{"x":1e400,'), "unreadable", None),
    "a duplicate key": (GOOD.replace(b'"data":{', b'"data":{"work_province":"32",'), "unreadable", None),
    "a duplicate key behind an escape": (
        GOOD.replace(b'"data":{', b'"data":{"a\\"":1,"work_province":"32",'),
        "unreadable",
        None,
    ),
    "two events in one record": (GOOD + b"," + GOOD, "unreadable", None),
    "two events on two lines": (GOOD + b"\n" + GOOD, "unreadable", None),
    "nested too deep": (
        b'{"id":"x","source":"s","data":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        "unreadable",
        None,
    ),
    "nested deeper than can be written again": (
        orjson.dumps(registered(W)).replace(b'"data":{', b'"data":{"x":' + b"[" * 300 + b"]" * 300 + b","),
        "unreadable",
        None,
    ),
    "nested at the edge": (
        orjson.dumps(registered(W)).replace(b'"data":{', b'"data":{"x":' + b"[" * 252 + b"]" * 252 + b","),
        "invalid",
        "data",
    ),
    "a NUL character": (changed(id="nul\x00"), "unreadable", None),
    "no id": (changed(id=None), "unreadable", None),
    "an id that is a number": (changed(id=7), "unreadable", None),
    "an id without end": (changed(id="x" * 129), "unreadable", None),
    "no source": (changed(source=None), "unreadable", None),
    "one byte over 1 MiB": (b" " * (1024 * 1024 + 1 - len(GOOD)) + GOOD, "too_large", None),
    "unknown type": (event("worker.promoted_to_heaven", {}), "unknown_type", "type"),
    "no type": (changed(type=None), "missing_field", "type"),
    "unknown major version": (changed(type="dreams.worker.registered.v2"), "unknown_version", "type"),
    "foreign province": (changed(source="//provinces/33/hr"), "foreign_province", "source"),
    "a source of no province": (changed(source="//somebody"), "invalid", "source"),
    "a foreign enrollment number": (enrolled(W, "33-1"), "foreign_province", "data.enrollment_no"),
    "another CloudEvents version": (changed(specversion="0.3"), "invalid", "specversion"),
    "time without offset": (changed(time="2026-09-01T08:00:00"), "invalid", "time"),
    "a date of 1899": (changed(time="1899-12-31T00:00:00Z"), "invalid", "time"),
    "a date of 2999": (changed(time="2999-01-01T00:00:00Z"), "invalid", "time"),
    "a date of 1899 in the data": (
        event("project.established", PROJECT | {"established_on": "1899-12-31"}),
        "invalid",
        "data.established_on",
    ),
    "a date of 2999 in the data": (
        event("project.established", PROJECT | {"established_on": "2999-01-01"}),
        "invalid",
        "data.established_on",
    ),
    "no subject": (changed(subject=None), "missing_field", "subject"),
    "a raw identity number": (changed(subject="999999199001011234"), "invalid", "subject"),
    "negative amount": (allocated("a-1", amount_fen=-1), "invalid", "data.amount_fen"),
    "nothing allocated": (allocated("a-2", amount_fen=0), "invalid", "data.amount_fen"),
    "an amount with a fraction": (allocated("a-3", amount_fen=1.5), "invalid", "data.amount_fen"),
    "an amount in words": (allocated("a-4", amount_fen="100"), "invalid", "data.amount_fen"),
    "an amount beyond what is exact": (allocated("a-5", amount_fen=2**53), "invalid", "data.amount_fen"),
    "the largest amount of 64 bits": (allocated("a-7", amount_fen=2**63 - 1), "invalid", "data.amount_fen"),
    "an amount beyond 64 bits": (
        orjson.dumps(allocated("a-6")).replace(b"10000000", str(2**70).encode()),
        "invalid",
        "data.amount_fen",
    ),
    "unknown field": (
        event("worker.registered", {"colour": "red"}, subject=W),
        "missing_field",
        "data.categories",
    ),
    "unknown attribute": (changed(colour="red"), "unknown_field", "colour"),
    "an attribute's name without end": (changed(**{"x" * 700_000: 1}), "unknown_field", "x" * 120),
    "a field's name without end": (
        orjson.dumps(registered(W)).replace(b'"data":{', b'"data":{"' + b"x" * 700_000 + b'":1,'),
        "unknown_field",
        "data." + "x" * 115,
    ),
    "a type without end": (changed(type="x" * 700_000), "unknown_type", "type"),
    "no data": ({k: v for k, v in changed().items() if k != "data"}, "missing_field", "data"),
    "a type of boolean for text": (
        event("project.established", PROJECT | {"name": True}),
        "invalid",
        "data.name",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_answered_and_the_lane_goes_on(door: Door, name: str) -> None:
    value, code, field = BAD[name]
    receipt = await door.ask(value)
    assert (receipt["status"], receipt["code"]) == ("rejected", code), receipt
    assert receipt["field"] == field
    assert "\u4e00" <= receipt["message_zh"][0] <= "\u9fff"
    assert receipt["message_en"][0].isascii()
    good = await door.ask(registered(worker_ref("B"), source=f"//provinces/32/{abs(hash(name))}"))
    assert good["status"] in {"accepted", "rejected"}
    assert good["code"] in {None, "already_recorded"}


HEADERS: dict[str, Headers] = {
    "null": [("x", None)],
    "not UTF-8": [("x", b"\xff\xfe"), ("correlation_id", b"\xc3\x28")],
    "reply_to": [("reply_to", b"door.enrollment.events")],
    "a broken traceparent": [("traceparent", b"\xff" * 55)],
    "a NUL in a traceparent": [("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 15 + b"\x00-01")],
    "a line's end in a traceparent": [("traceparent", b"00-" + b"a" * 32 + b"\n" + b"b" * 16 + b"-01")],
    "twice the same": [("traceparent", b"1"), ("traceparent", b"2")],
    "an empty name": [("", b"x")],
}


@pytest.mark.parametrize("name", HEADERS)
async def test_odd_headers_change_nothing(door: Door, name: str) -> None:
    letter = "CDEFGHIJMNOP"[list(HEADERS).index(name)]
    receipt = await door.ask(registered(worker_ref(letter)), headers=HEADERS[name])
    assert receipt["status"] == "accepted"
    assert len(door.receipts["32", receipt["offset"]]) == 1


async def test_a_header_name_that_is_not_utf8_holds_up_neither_its_record_nor_others(door: Door) -> None:
    sent = [(registered(worker_ref(letter)), name) for letter, name in zip("WXYZ", ODD_NAMES, strict=True)]
    records: list[RawRecord] = [(orjson.dumps(one), None, [(name, b"x")]) for one, name in sent]
    [offset] = await door.send_batches([("32", records)])
    for place, (one, _) in enumerate(sent):
        receipt = await door.answer(offset + place)
        assert (receipt["status"], receipt["event_id"]) == ("accepted", one["id"])


ODD_NAMES = (b"x", "地址".encode("gbk"), b"\xff", b"x")


async def test_binary_mode_is_accepted_too(door: Door) -> None:
    sent = registered(worker_ref("K"))
    data = orjson.dumps(sent.pop("data"))
    headers: Headers = [(f"ce_{name}", value.encode()) for name, value in sent.items()]
    receipt = await door.ask(data, headers=[*headers, ("content-type", b"application/json")])
    assert receipt["status"] == "accepted"
    assert receipt["event_id"] == sent["id"]


async def test_binary_mode_with_a_header_that_is_not_utf8_is_unreadable(door: Door) -> None:
    headers: Headers = [("ce_specversion", b"1.0"), ("ce_id", b"\xff"), ("ce_source", b"//provinces/32/hr")]
    receipt = await door.ask(b"{}", headers=headers)
    assert (receipt["status"], receipt["code"]) == ("rejected", "unreadable")


async def test_batched_mode_over_kafka_is_refused_whole_and_says_why(door: Door) -> None:
    events = [registered(worker_ref(letter)) for letter in "ST"]
    kind: Headers = [("content-type", b"application/cloudevents-batch+json")]
    receipt = await door.ask(orjson.dumps(events), headers=kind)
    assert (receipt["status"], receipt["code"], receipt["event_id"]) == ("rejected", "unreadable", None)
    assert "one Kafka record holds one event" in receipt["message_en"]
    for one in events:  # none of them was taken
        assert (await door.ask(one))["status"] == "accepted"


async def test_the_largest_event_is_still_read(door: Door) -> None:
    raw = orjson.dumps(registered(worker_ref("L")))
    receipt = await door.ask(b" " * (1024 * 1024 - len(raw)) + raw)
    assert receipt["status"] == "accepted"


async def test_no_topic_that_a_record_names_gets_a_reply(door: Door) -> None:
    """Enrollment may write its own topics: what lies there is what its log holds, and nothing else."""
    for letter, stream in (("Q", ENROLLMENT_EVENTS), ("R", PROVINCE_RECEIPTS)):
        topic = stream.topic(door.stack.namespace, "32").encode()
        receipt = await door.ask(registered(worker_ref(letter)), headers=[("reply_to", topic)])
        assert receipt["status"] == "accepted"
    assert (await door.ask(registered(worker_ref("O"))))["status"] == "accepted"  # the replies would be out
    deadline = time.monotonic() + WITHIN_S
    async with database(door.stack, "enrollment") as db:
        while (counts := await _logged_and_published(door, db))[0] != counts[1]:
            assert time.monotonic() < deadline, f"logged and published: {counts}"
            await asyncio.sleep(0.1)


async def _logged_and_published(door: Door, db: Any) -> tuple[dict[str, int], dict[str, int]]:
    """How many facts stand in the log, and how many records on the topics, by stream."""
    rows = await db.fetch("SELECT stream, sum(seq)::bigint AS seq FROM outbound GROUP BY stream")
    published = {}
    async with AIOKafkaConsumer(**admin(door.stack)) as consumer:
        for stream in (ENROLLMENT_EVENTS, PROVINCE_RECEIPTS):
            places = [
                TopicPartition(stream.topic(door.stack.namespace, lane), stream.partition(lane))
                for lane in LANE_CODES
            ]
            published[stream.pattern] = sum((await consumer.end_offsets(places)).values())
    return {row["stream"]: row["seq"] for row in rows}, published


async def test_what_comes_compressed_lies_unpacked_at_the_door_and_is_refused_by_its_size(
    door: Door,
) -> None:
    """The broker itself unpacks it, for the door's topics are uncompressed: no reader ever does."""
    topic = PROVINCE_EVENTS.topic(door.stack.namespace, "32")
    folder = door.stack.infrastructure.data / "kafka" / "data" / f"{topic}-0"
    before = _stored_bytes(folder)
    async with roomy_producer(door, compression_type="gzip") as producer:
        sent = await producer.send_and_wait(topic, b" " * BOMB_BYTES, key=b"-", partition=0)
    receipt = await door.answer(sent.offset)
    assert (receipt["status"], receipt["code"]) == ("rejected", "too_large")
    assert _stored_bytes(folder) - before > BOMB_BYTES


async def test_a_record_just_over_the_topics_limit_is_refused_by_the_broker(door: Door) -> None:
    topic = PROVINCE_EVENTS.topic(door.stack.namespace, "32")
    async with roomy_producer(door) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, b" " * DOOR_BATCH_MAX_BYTES, key=b"-", partition=0)
        fits = b" " * (DOOR_BATCH_MAX_BYTES - BATCH_HEAD_MAX_BYTES)
        receipt = await door.answer((await producer.send_and_wait(topic, fits, key=b"-", partition=0)).offset)
    assert (receipt["status"], receipt["code"]) == ("rejected", "too_large")


def roomy_producer(door: Door, **settings: Any) -> AIOKafkaProducer:
    """A producer that refuses nothing by its size itself."""
    return AIOKafkaProducer(
        acks="all", max_request_size=4 * DOOR_BATCH_MAX_BYTES, **settings, **admin(door.stack)
    )


def _stored_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.log"))


async def test_the_bytes_of_unreadable_records_are_kept_sealed(door: Door) -> None:
    receipt = await door.ask(b"{who is this?")
    token = door.stack.token("operator")
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:
        rows = (
            await client.get(f"{door.stack.address('enrollment')}/v1/quarantine", params={"lane": "32"})
        ).json()
    kept = {row["record_offset"]: row for row in rows}
    assert kept[receipt["offset"]]["code"] == "unreadable"
    assert kept[receipt["offset"]]["sealed_bytes"] > len(b"{who is this?")


async def test_what_a_clerk_reads_never_repeats_the_value(door: Door) -> None:
    secret = "320102199001011234"
    receipt = await door.ask(registered(secret))
    assert secret not in orjson.dumps(receipt).decode()
