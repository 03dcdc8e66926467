"""Checks the chain of hashes of a log: each row is linked to the one before, to its facts and to announced heads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from shared.plumbing.outgoing import linked
from shared.plumbing.store import LogRow

Fault = Literal["missing", "link", "content", "count", "announced", "end"]

FAULTS: Final[dict[Fault, tuple[str, str]]] = {
    "missing": ("此前的记录缺失", "rows before it are missing"),
    "link": ("与前一行的链接不符", "its link to the row before does not hold"),
    "content": ("内容与其哈希不符，已被改动", "its facts are not those that were hashed: they were changed"),
    "count": ("事件数目与编号不符", "it holds another number of facts than its numbers say"),
    "announced": ("与当日公布的哈希不符", "the head that day.began announced is another one"),
    "end": ("日志结尾与通道记录不符", "the log does not end where its lane row says"),
}
"""What may be wrong with a row, in both languages."""

GENESIS: Final = bytes(32)
"""What the first row of a lane is linked to."""
_ANNOUNCING: Final = b'"log_head":"'


@dataclass(frozen=True, slots=True)
class Head:
    """A head of the chain as a fact announced it."""

    seq: int
    """Of the fact."""
    day: str
    """The day that began."""
    head: str
    """Hash of all that stands before the row of that fact, in hex."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place at which a chain does not hold."""

    seq: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Checked:
    """What was checked of one lane of one stream, up to where it holds."""

    rows: int
    facts: int
    read_to: int
    """The last number that was checked."""
    head: bytes
    """The hash there: what the next row must be linked to."""
    announced: Sequence[Head]
    broken: Broken | None


def check(rows: Sequence[LogRow], after_seq: int, head: bytes) -> Checked:
    """Check rows that follow number `after_seq`, where the hash was `head`; ends at the first fault."""
    announced: list[Head] = []
    read_to, facts = after_seq, 0
    for place, row in enumerate(rows):
        heads = _announced(row)
        fault = _fault(row, read_to, head, heads)
        if fault is not None:
            seq = read_to + 1 if fault == "missing" else row.first_seq
            return Checked(place, facts, read_to, head, announced, Broken(seq, fault))
        announced += heads
        facts += row.last_seq - row.first_seq + 1
        read_to, head = row.last_seq, row.hash
    return Checked(len(rows), facts, read_to, head, announced, None)


def _fault(row: LogRow, read_to: int, head: bytes, heads: Sequence[Head]) -> Fault | None:
    if row.first_seq != read_to + 1:
        return "missing"
    if row.prev_hash != head:
        return "link"
    if linked(head, row.events) != row.hash:
        return "content"
    if row.events.count(b"\n") != row.last_seq - row.first_seq:
        return "count"
    if any(one.head != head.hex() for one in heads):
        return "announced"
    return None


def _announced(row: LogRow) -> list[Head]:
    """Days begin with a batch: what they announce is the hash before their row."""
    if _ANNOUNCING not in row.events:
        return []
    return [found for line in row.events.split(b"\n") if (found := head_of(line)) is not None]


def head_of(fact: bytes) -> Head | None:
    """The head that a fact announces, if it announces one."""
    if _ANNOUNCING not in fact:
        return None
    event = orjson.loads(fact)
    data = event["data"]
    return Head(event["seq"], str(data["day"]), str(data["log_head"])) if "log_head" in data else None
