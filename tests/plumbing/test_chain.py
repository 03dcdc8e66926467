"""The chain of a log is checked row by row: what was changed, taken out or rewritten is named by its number."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from console.log_verification import REWRITTEN, UNANNOUNCED, compare
from shared.plumbing.chain import FAULTS, GENESIS, check
from shared.plumbing.store import LogRow

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def log(*sizes: int, days: tuple[int, ...] = (0,)) -> list[LogRow]:
    """Rows of so many facts each; those in `days` announce a day first."""
    rows: list[LogRow] = []
    seq, head = 0, GENESIS
    for place, size in enumerate(sizes):
        facts: list[dict[str, Any]] = [{"seq": seq + n, "data": {"n": seq + n}} for n in range(1, size + 1)]
        if place in days:
            facts[0]["data"] = {"day": f"2026-03-{place + 1:02d}", "log_head": head.hex()}
        events = b"\n".join(map(orjson.dumps, facts))
        after = hashlib.sha256(head + events).digest()
        rows.append(LogRow("s", "32", seq + 1, seq + size, NOW, head, after, events, None))
        seq, head = seq + size, after
    return rows


def linked(rows: list[LogRow]) -> list[LogRow]:
    """The same facts with links made anew: what somebody who rewrites a log would do."""
    head, made = GENESIS, []
    for row in rows:
        after = hashlib.sha256(head + row.events).digest()
        made.append(replace(row, prev_hash=head, hash=after))
        head = after
    return made


def test_a_whole_chain_holds_in_one_piece_and_in_parts() -> None:
    rows = log(2, 1, 3, days=(0, 2))
    whole = check(rows, 0, GENESIS)
    assert (whole.rows, whole.facts, whole.read_to, whole.head, whole.broken) == (
        3,
        6,
        6,
        rows[-1].hash,
        None,
    )
    assert [(head.seq, head.day) for head in whole.announced] == [(1, "2026-03-01"), (4, "2026-03-03")]
    first = check(rows[:1], 0, GENESIS)
    assert check(rows[1:], first.read_to, first.head).head == whole.head
    assert check([], 6, whole.head).broken is None


def changed(row: LogRow) -> LogRow:
    return replace(row, events=row.events.replace(b'"n":3', b'"n":9'))


@pytest.mark.parametrize(
    ("damage", "seq", "fault"),
    [
        (lambda rows: [rows[0], changed(rows[1]), *rows[2:]], 3, "content"),
        (lambda rows: [rows[0], replace(rows[1], hash=b"x" * 32), *rows[2:]], 3, "content"),
        (lambda rows: [rows[0], *rows[2:]], 3, "missing"),
        (lambda rows: [rows[0], rows[2], rows[1]], 3, "missing"),
        (lambda rows: rows[1:], 1, "missing"),
        (lambda rows: [rows[0], replace(rows[1], prev_hash=b"x" * 32), *rows[2:]], 3, "link"),
        (lambda rows: linked([rows[0], changed(rows[1]), *rows[2:]]), 4, "announced"),
        (
            lambda rows: linked([rows[0], replace(rows[1], events=rows[1].events + b"\n{}"), rows[2]]),
            3,
            "count",
        ),
    ],
)
def test_the_first_row_that_does_not_hold_is_named_by_its_number(damage: Any, seq: int, fault: str) -> None:
    found = check(damage(log(2, 1, 3, days=(0, 2))), 0, GENESIS)
    assert found.broken is not None
    assert (found.broken.seq, found.broken.fault) == (seq, fault)
    assert all(FAULTS[found.broken.fault])


def heads(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"seq": seq, "day": "d", "head": head} for seq, head in pairs]


def test_a_log_that_was_rewritten_as_a_whole_differs_from_what_was_published() -> None:
    own = heads((1, "a"), (10, "b"), (20, "c"))
    assert compare(own, own, 30) == (3, None)
    assert compare(own, heads((10, "b"), (20, "c")), 30) == (2, None)  # Kafka keeps the first no more
    assert compare(own, heads((1, "a"), (10, "x"), (20, "y")), 30) == (1, (10, *REWRITTEN))
    assert compare(own, heads((1, "a"), (15, "z")), 30) == (1, (15, *UNANNOUNCED))
    assert compare(own, heads((1, "a"), (40, "later")), 30) == (1, None)
    assert compare(own, heads((1, "a"), (1, "other")), 30) == (1, (1, *REWRITTEN))
