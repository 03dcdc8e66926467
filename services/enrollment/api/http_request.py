"""A province's HTTP request as the records that it becomes on Kafka, or why nothing of it is taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final
from urllib.parse import unquote

import orjson

from shared.contracts.envelope import EVENT_MAX_BYTES
from shared.contracts.strict_json import parse_strict
from shared.contracts.submission import Refusal, read

EVENTS_MAX: Final = 1_000
"""Events in one batch."""
REQUEST_MAX_BYTES: Final = 4 * EVENT_MAX_BYTES
"""Of one request: with its headers it still is one record batch on Kafka, written whole or not at all."""
ATTRIBUTE_MAX_CHARS: Final = 1_024
STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"
UNKNOWN_OFFSET: Final = -1


@dataclass(frozen=True, slots=True)
class Sent:
    """One event as it will stand on the province's topic; `id` and `source` could be read."""

    id: str
    source: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Why nothing of a request is taken: a code of `shared.contracts.door_codes`, and which event is to blame."""

    code: str
    detail: str = ""
    place: int | None = None
    """Its place in the batch, from 0; none where the request as a whole is to blame."""


def media_type(content_type: str, names: Sequence[str]) -> str | None:
    """Which of the three modes a request is in; None for any other. `names` are its headers' names in lower case."""
    parsed = Message()
    parsed["content-type"] = content_type
    kind, charset = parsed.get_content_type(), str(parsed.get_param("charset", "utf-8")).lower()
    if charset not in ("utf-8", "utf8"):
        return None
    if kind == BINARY and "ce-specversion" not in names:
        return None
    return kind if kind in (STRUCTURED, BATCHED, BINARY) else None


def records(body: bytes, mode: str, headers: Sequence[tuple[str, str]], lane: str) -> list[Sent] | NotTaken:
    """The records that a request becomes, in its order; read by the very code that judges them later.

    What that code could not name by an id gets no receipt, so it is refused here; all else is judged there.
    """
    if not body.strip():
        return NotTaken("empty")
    attributes = _attributes(headers) if mode == BINARY else ()
    if isinstance(attributes, NotTaken):
        return attributes
    values = _split(body) if mode == BATCHED else [body]
    if isinstance(values, NotTaken):
        return values
    trace = tuple((name, text.encode()) for name, text in headers if name == "traceparent")[:1]
    found = []
    for place, value in enumerate(values):
        one = read(value, attributes, lane, UNKNOWN_OFFSET)
        if one.id is None or one.source is None:
            return _blamed(one.refusal, place if mode == BATCHED else None)
        found.append(Sent(one.id, one.source, value, (*attributes, *trace)))
    return found


def _split(body: bytes) -> list[bytes] | NotTaken:
    """The events of a batch, each by itself; the whole is read strictly first, so that nothing is lost in between."""
    try:
        events: Any = parse_strict(body)
    except (ValueError, RecursionError):
        return NotTaken("unreadable", "不是规范的 JSON / not strict JSON")
    if not isinstance(events, list):
        return NotTaken("unreadable", "批次应为 JSON 数组 / a batch is a JSON array")
    if not events:
        return NotTaken("empty")
    if len(events) > EVENTS_MAX:
        return NotTaken("too_many_events", str(EVENTS_MAX))
    return [orjson.dumps(event) for event in events]


def _attributes(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, bytes], ...] | NotTaken:
    """The attributes of binary mode as Kafka's `ce_` headers; their values are percent-encoded over HTTP."""
    found: dict[str, bytes] = {}
    for name, text in headers:
        if not name.startswith("ce-"):
            continue
        renamed = f"ce_{name.removeprefix('ce-')}"
        if renamed in found or len(text) > ATTRIBUTE_MAX_CHARS:
            return NotTaken(
                "unreadable", f"请求头 {name} 重复或过长 / the header {name} is doubled or too long"
            )
        try:
            found[renamed] = unquote(text, errors="strict").encode()
        except UnicodeError:
            return NotTaken("unreadable", f"请求头 {name} 不是 UTF-8 / the header {name} is not UTF-8")
    return (*found.items(), ("content-type", BINARY.encode()))


def _blamed(refusal: Refusal | None, place: int | None) -> NotTaken:
    assert refusal is not None
    return NotTaken(refusal.code, refusal.detail or "", place)
