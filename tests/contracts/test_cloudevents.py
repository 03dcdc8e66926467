"""Examples are CloudEvents 1.0 for the reference library, structured and binary, and for the door alike."""

import json
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent

from shared.contracts.catalogue import BARE, MESSAGES, Message
from shared.contracts.examples import example
from shared.contracts.submission import content_hash, read
from tests.contracts.naming import message_name

EVENTS = [message for message in MESSAGES if message.name not in BARE]
SENT = [message for message in EVENTS if message.publisher == "provinces"]
STRUCTURED = {"content-type": b"application/cloudevents+json"}


def _parsed(record: dict[str, Any]) -> BaseCloudEvent:
    # Null means unset (CloudEvents JSON format 1.0.2, section 2.2); the library reads only absent attributes as such.
    there = {name: value for name, value in record.items() if value is not None}
    message = kafka.KafkaMessage(headers=STRUCTURED, key=None, value=json.dumps(there).encode())
    return kafka.from_kafka_event(message)


@pytest.mark.parametrize("message", EVENTS, ids=message_name)
def test_the_reference_library_reads_an_example(message: Message) -> None:
    record = example(message)
    event = _parsed(record)
    assert isinstance(event, CloudEvent)
    assert (event.get_id(), event.get_source(), event.get_type()) == (
        record["id"],
        record["source"],
        message.name,
    )
    assert event.get_data() == record["data"]
    if message.open:
        assert event.get_extension("seq") == record["seq"]


def lane_of(record: dict[str, Any]) -> str:
    """The lane on which an example is sent: that of its source."""
    return str(record["source"].split("/")[3])


@pytest.mark.parametrize("message", SENT, ids=message_name)
@pytest.mark.parametrize(
    "mode", [kafka.to_structured_event, kafka.to_binary_event], ids=["structured", "binary"]
)
def test_the_door_reads_what_the_reference_library_writes(message: Message, mode: Any) -> None:
    record = example(message)
    written = mode(_parsed(record))
    headers = [(name, value) for name, value in written.headers.items()]
    submission = read(written.value, headers, lane_of(record), 7)
    assert submission.refusal is None
    assert submission.event is not None
    assert submission.event.type == message.name
    plain = read(json.dumps(record).encode(), [], lane_of(record), 8)
    assert content_hash(submission) == content_hash(plain)


@pytest.mark.parametrize("message", SENT, ids=message_name)
def test_the_door_names_an_unknown_field(message: Message) -> None:
    record = example(message)
    record["data"]["of_the_future"] = 1
    refusal = read(json.dumps(record).encode(), [], lane_of(record), 7).refusal
    assert refusal is not None
    assert (refusal.code, refusal.field) == ("unknown_field", "data.of_the_future")
