"""Lives told in many orders to enrollment as it runs: the same rows and facts, whatever lane is faster."""

import asyncio
import itertools
import random
import time
from typing import Any, Final

import asyncpg

from shared.contracts.enrollment import ENROLLMENT_OVERLAPPED
from shared.contracts.topics import ENROLLMENT_EVENTS
from tests.chain.topics import events_by_lane, once
from tests.enrollment.conftest import WITHIN_S, Door
from tests.enrollment.events import (
    changed,
    completed,
    confirmed,
    enrolled,
    established,
    joined,
    paired,
    registered,
    resumed,
    returned,
    settled,
    suspended,
    withdrawn,
)

Event = dict[str, Any]
ORDERS: Final = 24
"""Of the 720 orders of six events: drawn, the same in every run."""


def saying(event: Event, **data: Any) -> Event:
    """The event with other data."""
    return event | {"data": event["data"] | data}


def worker(n: int) -> str:
    """A pseudonym that no other test of this module uses."""
    return f"k1.{'L' * 49}{chr(65 + n // 26)}{chr(65 + n % 26)}L"


def life(n: int) -> list[tuple[str, Event]]:
    """Six events of the n-th worker, split over two lanes, each building on those before it."""
    ref, number = worker(n), f"32-life-{n}"
    return [
        ("34", registered(ref, lane="34", id=f"life-{n}-0")),
        ("32", enrolled(ref, number, funding="34", id=f"life-{n}-1")),
        ("34", confirmed(ref, number, lane="34", id=f"life-{n}-2")),
        ("32", suspended(ref, number, id=f"life-{n}-3")),
        ("34", resumed(ref, number, lane="34", id=f"life-{n}-4")),
        ("32", completed(ref, number, id=f"life-{n}-5")),
    ]


async def rows(door: Door, query: str, *values: Any) -> list[Any]:
    """What enrollment's tables hold."""
    dsn_file = door.stack.secrets / "databases" / f"{door.stack.namespace}enrollment"
    db = await asyncpg.connect(dsn_file.read_text().strip())
    try:
        return list(await db.fetch(query, *values))
    finally:
        await db.close()


async def facts_about(door: Door, refs: set[str], number: int) -> list[Any]:
    """All facts about these workers, lane by lane, once there are as many: some are handed to another lane first."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        by_lane = await events_by_lane(door.stack, ENROLLMENT_EVENTS)
        found = [f for lane in ("32", "34") for f in once(by_lane[lane]) if f.get("subject") in refs]
        if len(found) >= number:
            return found
        assert time.monotonic() < deadline, f"{len(found)} of {number} facts came"
        await asyncio.sleep(0.1)


async def test_lives_told_in_many_orders_end_in_the_same_register(door: Door) -> None:
    orders = random.Random(7).sample(list(itertools.permutations(range(6))), ORDERS)
    told = [[life(n)[place] for place in order] for n, order in enumerate(orders)]
    sent = [
        (lane, await door.send(event, lane=lane)) for turn in zip(*told, strict=True) for lane, event in turn
    ]
    for lane, offset in sent:
        await door.answer(offset, lane=lane, status="accepted")
    ended = await rows(
        door,
        """SELECT e.number, e.state, e.event_id, e.state_event_id, w.registered_by,
                  (SELECT array_agg(s.kind || ' ' || s.day ORDER BY s.day) FROM enrollment_step s
                   WHERE s.number = e.number)
           FROM enrollment e JOIN worker w ON w.ref = e.worker_ref WHERE e.number LIKE '32-life-%'""",
    )
    assert len(ended) == ORDERS
    steps = ["confirmed 2026-09-02", "suspended 2026-11-01", "resumed 2027-02-01", "completed 2028-07-01"]
    for row in ended:
        n = row[0].rpartition("-")[2]
        assert row[1:] == ("completed", f"life-{n}-1", f"life-{n}-5", f'{{"34": "life-{n}-0"}}', steps)
    facts = await facts_about(door, {worker(n) for n in range(ORDERS)}, 6 * ORDERS)
    for n in range(ORDERS):
        mine = [fact["causationid"] for fact in facts if fact["subject"] == worker(n)]
        assert sorted(mine) == [f"life-{n}-{place}" for place in range(6)]
        assert {fact["lane"] for fact in facts if fact["subject"] == worker(n)} == {"34"}
        assert mine.index(f"life-{n}-0") < mine.index(f"life-{n}-1") < mine.index(f"life-{n}-2")
        assert mine.index(f"life-{n}-3") < mine.index(f"life-{n}-4")


async def test_what_is_named_by_number_frees_what_waits_on_both_lanes(door: Door) -> None:
    ref, number = worker(100), "32-named-1"
    await door.ask(registered(ref))
    enrollment = saying(
        enrolled(ref, number, funding="34"), project_no="j-9", project_province="34", course_of="10299"
    )
    waiting = [
        ("32", await door.send(enrollment)),
        ("32", await door.send(paired(ref, worker(101), institution_code="10299"))),
        ("34", await door.send(paired(worker(101), ref, institution_code="10299", lane="34"), lane="34")),
        ("34", await door.send(returned(ref, number, 1, lane="34"), lane="34")),
    ]
    for lane, offset in waiting:
        assert (await door.answer(offset, lane=lane))["status"] == "parked"
    assert (await door.ask(joined("10299", lane="34"), lane="34"))["status"] == "accepted"
    for lane, offset in waiting[1:3]:
        await door.answer(offset, lane=lane, status="accepted")
    assert [r["status"] for r in door.receipts[waiting[0]]] == ["parked"]
    assert (await door.ask(established("j-9", lane="34"), lane="34"))["status"] == "accepted"
    await door.answer(waiting[0][1], status="accepted")
    assert (await door.ask(settled(ref, number, 1, lane="34"), lane="34"))["status"] == "accepted"
    await door.answer(waiting[3][1], lane="34", status="accepted")
    again = await door.ask(established("j-9", lane="34"), lane="34")
    assert (again["status"], again["code"]) == ("rejected", "already_recorded")
    assert not await rows(
        door, "SELECT 1 FROM parked WHERE missing_kind IN ('project', 'institution', 'payment')"
    )


async def test_what_was_said_and_done_in_earlier_batches_counts_in_later_ones(door: Door) -> None:
    ref = worker(102)
    for lane, event in (
        ("34", saying(registered(ref, lane="34"), categories=["migrant"], categories_until="2026-09-30")),
        ("32", saying(registered(ref, time="2026-08-01T08:00:00+08:00"), origin_province="33")),
        ("32", changed(ref, "2026-10-01", categories=["front_line"])),
        ("32", enrolled(ref, "32-said-1")),
        ("34", enrolled(ref, "34-said-1", lane="34")),
        ("34", withdrawn(ref, "34-said-1", lane="34")),
        ("34", enrolled(ref, "34-said-2", lane="34")),
    ):
        assert (await door.ask(event, lane=lane))["status"] == "accepted"
    assert (await door.ask(confirmed(ref, "32-said-1")))["status"] == "accepted"
    assert (await door.ask(confirmed(ref, "32-said-1")))["code"] == "already_recorded"
    early = resumed(ref, "32-said-1")
    assert (await door.ask(early))["status"] == "parked"
    facts = await facts_about(door, {ref}, 12)
    first = next(fact for fact in facts if fact["data"].get("enrollment_no") == "32-said-1")
    assert first["data"]["worker"] == {"categories": ["front_line"], "origin_province": "34"}
    overlaps = [
        (fact["lane"], fact["data"]["enrollment_no"], fact["data"]["other_enrollment_no"])
        for fact in facts
        if fact["type"] == ENROLLMENT_OVERLAPPED
    ]
    assert sorted(overlaps) == [
        ("32", "32-said-1", "34-said-1"),
        ("32", "32-said-1", "34-said-2"),
        ("34", "34-said-1", "32-said-1"),
        ("34", "34-said-2", "32-said-1"),
    ]
