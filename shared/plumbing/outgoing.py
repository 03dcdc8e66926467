"""Facts on their way out: decided but not yet stamped, and the bytes they become."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from shared.contracts.topics import INNER_BATCH_MAX_BYTES
from shared.plumbing.store import LaneRow, LogRow

FACT_MAX_BYTES = INNER_BATCH_MAX_BYTES // 2
"""A larger fact fails inside the transaction, never in the publisher."""


@dataclass(slots=True, eq=False)
class Outgoing:
    """A fact that a handler has decided: what the lane's owner stamps and publishes.

    `data` is plain JSON or a Pydantic model; `time` is when it happened; `id` derives from its cause (`derived_id`).
    """

    id: str
    type: str
    subject: str | None
    time: datetime | str
    data: Any
    causationid: str | None
    correlationid: str | None
    traceparent: str | None


class FactPlace(NamedTuple):
    """Where in the log a fact stands, and what it is found by: its subject, or without one the event that caused it."""

    stream: str
    lane: str
    seq: int
    about: str


def places(row: LaneRow, facts: Sequence[Outgoing]) -> list[FactPlace]:
    """Where those of `facts` that are about something stand, which were the last ones stamped on the lane of `row`."""
    first = row.seq - len(facts) + 1
    return [
        FactPlace(row.stream, row.lane, seq, about)
        for seq, fact in enumerate(facts, first)
        if (about := fact.subject or fact.causationid) is not None
    ]


def _plain(value: Any) -> Any:
    return value.model_dump()


def to_bytes(fact: Outgoing) -> bytes:
    """An unstamped fact for handover."""
    parts = (
        fact.id,
        fact.type,
        fact.subject,
        fact.time,
        fact.data,
        fact.causationid,
        fact.correlationid,
        fact.traceparent,
    )
    return orjson.dumps(parts, default=_plain)


def from_bytes(raw: bytes) -> Outgoing:
    """The unstamped fact that `to_bytes` wrote."""
    return Outgoing(*orjson.loads(raw))


def stamp(row: LaneRow, facts: list[Outgoing], source: str, now: datetime) -> LogRow:
    """Stamp `facts` with the lane's next numbers and chain them to its log; `row` moves on.

    `recordedtime` never lies before the lane's last. ValueError for a fact that is too large to publish.
    """
    recorded = max(now, row.recorded_at) if row.recorded_at else now
    recordedtime = recorded.isoformat()
    first = row.seq + 1
    common = {"specversion": "1.0", "source": source, "recordedtime": recordedtime, "lane": row.lane}
    lines = [_line(common, fact, seq) for seq, fact in enumerate(facts, first)]
    if max(map(len, lines)) > FACT_MAX_BYTES:
        raise ValueError(f"a fact on lane {row.lane} is larger than {FACT_MAX_BYTES} bytes")
    return _chained(row, recorded, lines, [fact.traceparent for fact in facts])


def stamped(row: LaneRow, lines: Sequence[tuple[str, bytes, str | None]]) -> LogRow:
    """The same for facts that were stamped before, each as (recordedtime, line, traceparent), all recorded at once."""
    recorded = datetime.fromisoformat(lines[0][0])
    return _chained(row, recorded, [line for _, line, _ in lines], [trace for _, _, trace in lines])


def _chained(row: LaneRow, recorded: datetime, lines: list[bytes], traces: list[str | None]) -> LogRow:
    first = row.seq + 1
    events = b"\n".join(lines)
    prev_hash, row.head = row.head, linked(row.head, events)
    row.seq += len(lines)
    row.recorded_at = recorded
    traceparents = "\n".join(trace or "" for trace in traces) if any(traces) else None
    return LogRow(row.stream, row.lane, first, row.seq, recorded, prev_hash, row.head, events, traceparents)


def linked(head: bytes, events: bytes) -> bytes:
    """The hash of a row whose `events` follow where the chain's hash was `head`."""
    return hashlib.sha256(head + events).digest()


def _line(common: dict[str, str], fact: Outgoing, seq: int) -> bytes:
    """One event on the wire; attributes that are not set are left out (CloudEvents 1.0, section 3)."""
    event = {**common, "seq": seq, "id": fact.id, "type": fact.type, "time": fact.time}
    if fact.subject is not None:
        event["subject"] = fact.subject
    if fact.causationid is not None:
        event["causationid"] = fact.causationid
    if fact.correlationid is not None:
        event["correlationid"] = fact.correlationid
    event["datacontenttype"] = "application/json"
    event["data"] = fact.data
    return orjson.dumps(event, default=_plain)
