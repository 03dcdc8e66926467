"""Journeys and registers: what was published about a worker is found, told by the day, shown to whom it concerns."""

import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import asyncpg
import httpx
import orjson
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from console.stack.infrastructure import Infrastructure
from console.stack.tokens import plain_token
from services.enrollment import store
from services.enrollment.api import journeys, registers
from services.enrollment.domain.journey import Journey, journey, may_see
from shared.contracts.envelope import SHANGHAI, shanghai_day
from shared.contracts.topics import ENROLLMENT_EVENTS
from shared.plumbing import look_ups
from shared.plumbing.outgoing import FactPlace
from shared.plumbing.postgres import utc_now
from shared.plumbing.store import LogRow, append_log
from shared.plumbing.tokens import Tokens
from tests.enrollment.desk import Desk, open_desk
from tests.enrollment.events import (
    allied,
    certified,
    changed,
    completed,
    confirmed,
    enrolled,
    established,
    joined,
    promoted,
    registered,
    resumed,
    scholarship,
    settled,
    suspended,
    titled,
    trained,
    voided,
    worker_ref,
)
from tests.enrollment.memory import Books
from tests.plumbing.world import World, make_world

LANES: Final = ("32", "34")
ME, OTHER, GONE, NOBODY = worker_ref("J"), worker_ref("K"), worker_ref("G"), worker_ref("Z")
Event = dict[str, Any]

LIFE: Final[list[tuple[str, Event]]] = [
    ("34", registered(ME, lane="34", id="j-registered", time="2026-03-01T23:30:00Z")),
    ("32", registered(ME, id="j-again", time="2026-08-01T08:00:00+08:00")),
    ("32", enrolled(ME, "32-j-1", funding="34", id="j-enrolled")),
    ("34", confirmed(ME, "32-j-1", lane="34", id="j-confirmed")),
    ("34", enrolled(ME, "34-j-2", lane="34", id="j-overlaps")),
    ("32", suspended(ME, "32-j-1", id="j-suspended")),
    ("34", resumed(ME, "32-j-1", lane="34", id="j-resumed")),
    ("32", changed(ME, "2026-10-01", lane="32", categories=["front_line"]) | {"id": "j-changed"}),
    ("34", settled(ME, "32-j-1", 1, lane="34") | {"id": "j-settled"}),
    ("32", scholarship(ME, "32-j-1", "s-j", id="j-scholarship")),
    ("32", trained(ME, "t-j") | {"id": "j-trained"}),
    ("32", certified(ME, "c-j") | {"id": "j-certified"}),
    ("34", titled(ME, "ti-j", lane="34") | {"id": "j-titled"}),
    ("34", promoted(ME, "站长", lane="34") | {"id": "j-promoted"}),
    ("32", completed(ME, "32-j-1", id="j-completed")),
]
IN_ORDER: Final = [
    "j-registered", "j-again", "j-titled", "j-promoted", "j-trained", "j-enrolled", "j-overlaps", "j-confirmed",
    "j-scholarship", "j-certified", "j-changed", "j-settled", "j-suspended", "j-resumed", "j-completed",
]  # fmt: skip
"""By the days that the provinces said: on 30 August the title stands before the post that it leads to."""


# ---------------------------------------------------------------- the path, without a database


def facts_of(told: list[tuple[str, Event]]) -> list[dict[str, Any]]:
    """What enrollment would publish, each event recorded a day after the one before, from 1 September 2026 on."""
    books, facts = Books(), list[dict[str, Any]]()
    for n, (lane, event) in enumerate(told):
        before = len(books.results.facts)
        assert books.ask(event, lane=lane)[0] == "accepted", event
        recorded = datetime(2026, 9, 1, 12, tzinfo=SHANGHAI) + timedelta(days=n)
        for fact in books.results.facts[before:]:
            facts.append(
                {
                    "id": fact.id,
                    "type": fact.type or fact.cause.type,
                    "subject": fact.cause.subject,
                    "lane": fact.lane,
                    "time": event["time"],
                    "recordedtime": recorded.isoformat(),
                    "causationid": fact.cause.id,
                    "data": fact.data,
                }
            )
    return facts


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    """What was published about one worker."""
    return facts_of(LIFE)


def as_known(facts: list[dict[str, Any]], events: int | None = None, lane: str | None = None) -> Journey:
    """The path once so many events were recorded."""
    before = None
    if events is not None:
        before = datetime(2026, 9, 1, tzinfo=SHANGHAI) + timedelta(days=events)
    return journey(facts, date(2026, 10, 2), before, lane)


def test_stages_stand_in_the_order_of_their_days_whatever_the_log_says_first(facts: list[Any]) -> None:
    for seed in range(20):
        mixed = random.Random(seed).sample(facts, len(facts))
        assert [stage.event_id for stage in as_known(mixed).stages] == IN_ORDER


def test_the_day_of_a_registration_is_that_of_shanghai(facts: list[Any]) -> None:
    first = as_known(facts).stages[0]
    assert (first.day, first.reported_by) == (date(2026, 3, 2), "34")


def test_as_known_on_a_day_nothing_is_told_that_was_recorded_later(facts: list[Any]) -> None:
    for events in range(len(LIFE) + 1):
        told = {event["id"] for _, event in LIFE[:events]}
        assert {stage.event_id for stage in as_known(facts, events).stages} == told
    states = {
        events: [(study.enrollment_no, study.state) for study in as_known(facts, events).studies]
        for events in (2, 3, 4, 6, 7, 15)
    }
    assert states[2] == []
    assert states[3] == [("32-j-1", "enrolled")]
    assert states[4] == [("32-j-1", "confirmed")]
    assert states[6] == [("32-j-1", "suspended"), ("34-j-2", "enrolled")]
    assert states[7][0] == ("32-j-1", "confirmed")
    assert states[15][0] == ("32-j-1", "completed")


def test_what_counts_is_what_was_known_then(facts: list[Any]) -> None:
    assert as_known(facts, 0).counts == {}
    assert as_known(facts, 7).counts["categories"] == ["industrial", "migrant"]
    assert as_known(facts, 8).counts["categories"] == ["front_line"]
    early = journey(facts, date(2026, 9, 30), None, None)
    assert early.counts["categories"] == ["industrial", "migrant"]


def test_an_overlap_is_told_once_though_it_is_said_of_both_enrollments(facts: list[Any]) -> None:
    (overlap,) = as_known(facts).overlaps
    assert (overlap.enrollment_no, overlap.other_enrollment_no) == ("32-j-1", "34-j-2")
    assert overlap.event_id == "j-overlaps"
    assert as_known(facts, 4).overlaps == []


def test_a_province_sees_what_it_reported_or_funds_and_of_the_rest_only_that_it_was(facts: list[Any]) -> None:
    def said(lane: str | None) -> set[str]:
        return {stage.event_id for stage in as_known(facts, lane=lane).stages if stage.said is not None}

    everything = set(IN_ORDER)
    assert said(None) == everything
    assert everything - said("34") == {"j-again", "j-changed", "j-trained", "j-certified"}
    assert everything - said("32") == {
        "j-registered", "j-confirmed", "j-overlaps", "j-resumed", "j-settled", "j-titled", "j-promoted",
    }  # fmt: skip
    assert [stage.event_id for stage in as_known(facts, lane="32").stages] == IN_ORDER


def test_only_provinces_that_have_to_do_with_the_worker_may_see(facts: list[Any]) -> None:
    assert [may_see(facts, lane) for lane in ("32", "34", "33", "00")] == [True, True, False, False]
    funded = facts_of([LIFE[1], ("32", enrolled(ME, "32-j-9", funding="34"))])
    assert [may_see(funded, lane) for lane in LANES] == [True, True]
    assert [may_see(funded[:1], lane) for lane in LANES] == [True, False]


def test_what_the_register_added_is_not_told_as_said_by_the_province(facts: list[Any]) -> None:
    sent = {event["id"]: event["data"] for _, event in LIFE}
    for stage in as_known(facts).stages:
        assert stage.said == sent[stage.event_id]


# ---------------------------------------------------------------- out of the log, by HTTP


@dataclass
class Office:
    """A door with a life told at it, and a client for its API."""

    desk: Desk
    http: httpx.AsyncClient
    secrets: Any

    async def get(self, path: str, role: str = "auditor", **query: Any) -> httpx.Response:
        """Ask as someone."""
        headers = {"Authorization": f"Bearer {plain_token(self.secrets, role)}"}
        return await self.http.get(path, params=query, headers=headers)


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A namespace for the door of two provinces."""
    async with make_world(infrastructure, "enrollment", LANES) as made:
        yield made


@pytest.fixture(scope="module")
async def office(world: World) -> AsyncIterator[Office]:
    """The life of one worker, told in batches of two lanes, and some bodies."""
    app, secrets = FastAPI(), world.infrastructure.data / "secrets"
    app.include_router(journeys.router)
    app.include_router(registers.router)
    app.include_router(look_ups.router)
    async with open_desk(world, LANES) as desk:
        app.state.pool, app.state.tokens = desk.pool, Tokens(secrets / "tokens.json")
        app.state.settings = SimpleNamespace(simulated=False)
        await desk.carry([("34", orjson.dumps(registered(OTHER, lane="34", id="j-other")))])
        for some in (LIFE[:1], LIFE[1:5], LIFE[5:11], LIFE[11:]):
            await desk.carry([(lane, orjson.dumps(event)) for lane, event in some])
        await desk.carry([(lane, orjson.dumps(event)) for lane, event in _bodies()])
        await desk.carry([("34", b"{")])  # what was handed over is stamped
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as http:
            yield Office(desk, http, secrets)


def _bodies() -> Iterator[tuple[str, Event]]:
    for n in range(7):
        yield LANES[n % 2], established(f"p-{n}", lane=LANES[n % 2])
    yield "32", joined("10295")
    yield "34", joined("A-1", lane="34")
    yield "32", allied("al-1", lane="32")


async def test_a_journey_is_found_in_the_log_across_provinces(office: Office) -> None:
    answer = await office.get(f"/v1/workers/{ME}/journey")
    found = answer.json()
    assert answer.status_code == 200, found
    assert [stage["event_id"] for stage in found["stages"]] == IN_ORDER
    assert {stage["reported_by"] for stage in found["stages"]} == set(LANES)
    assert (found["complete"], found["as_known_on"]) == (True, None)
    assert found["registered_by"] == {"34": "j-registered", "32": "j-again"}
    assert [(one["enrollment_no"], one["state"]) for one in found["studies"]] == [
        ("32-j-1", "completed"),
        ("34-j-2", "enrolled"),
    ]
    assert len(found["overlaps"]) == 1
    today = shanghai_day(utc_now())
    known = (await office.get(f"/v1/workers/{ME}/journey", as_known_on=today.isoformat())).json()
    assert known["stages"] == found["stages"]
    before = await office.get(
        f"/v1/workers/{ME}/journey", as_known_on=(today - timedelta(days=1)).isoformat()
    )
    assert (before.status_code, before.json()["code"]) == (404, "no_journey")


async def test_of_a_worker_who_was_registered_by_mistake_the_correction_is_shown(office: Office) -> None:
    event = registered(GONE, id="j-gone")
    await office.desk.carry([("32", orjson.dumps(event)), ("32", orjson.dumps(voided(event, id="j-void")))])
    answer = await office.get(f"/v1/workers/{GONE}/journey", "province-32")
    found = answer.json()
    assert (answer.status_code, found["stages"], found["registered_by"]) == (200, [], {})
    assert [(one["event_id"], one["voided_by"]) for one in found["corrections"]] == [("j-gone", "j-void")]
    assert (await office.get(f"/v1/workers/{GONE}/journey", "province-33")).status_code == 404


async def test_whom_a_worker_does_not_concern_gets_the_answer_for_nobody(office: Office) -> None:
    nobody = await office.get(f"/v1/workers/{NOBODY}/journey")
    for ref, role in ((ME, "province-33"), (OTHER, "province-32"), (NOBODY, "province-32")):
        answer = await office.get(f"/v1/workers/{ref}/journey", role)
        assert (answer.status_code, answer.json()) == (404, nobody.json())
    assert (await office.get(f"/v1/workers/{OTHER}/journey", "province-34")).status_code == 200
    assert (await office.get(f"/v1/workers/{ME}/journey", "official")).status_code == 403
    assert (await office.get("/v1/workers/320123199001011234/journey")).status_code == 422
    own = (await office.get(f"/v1/workers/{ME}/journey", "province-32")).json()
    assert [stage["event_id"] for stage in own["stages"] if stage["said"]] != IN_ORDER
    assert [stage["event_id"] for stage in own["stages"]] == IN_ORDER


async def test_each_look_up_leaves_a_trail_without_the_worker(office: Office) -> None:
    with capture_logs() as said:
        await office.get(f"/v1/workers/{ME}/journey", "province-32")
        await office.get(f"/v1/workers/{ME}/journey", "province-33")
        await office.get("/v1/projects", "province-32", search="p-1")
    assert [one["event"] for one in said] == ["journey_looked_up", "journey_looked_up", "register_looked_up"]
    assert [(one["caller"], one["lane"]) for one in said[:2]] == [
        ("province-32", "32"),
        ("province-33", "33"),
    ]
    assert [one["stages"] for one in said[:2]] == [len(IN_ORDER), 0]
    assert ME not in json.dumps(said)
    kept = (await office.get("/v1/look-ups", "auditor", hash_of=ME)).json()
    assert [(one["what"], one["caller"]) for one in kept][-2:] == [
        ("journey_looked_up", "province-32"),
        ("journey_looked_up", "province-33"),
    ]
    assert ME not in json.dumps(kept)
    of_it = (await office.get("/v1/look-ups", "auditor", after=kept[-1]["number"])).json()
    assert [one["what"] for one in of_it] == ["register_looked_up", "look_ups_looked_up"]
    for role in ("province-32", "official"):
        assert (await office.get("/v1/look-ups", role)).status_code == 403


async def test_the_trail_cannot_be_changed_by_the_service(office: Office) -> None:
    await office.get("/v1/projects", "province-32")
    async with office.desk.pool.acquire() as db:
        for statement in ("DELETE FROM look_up", "UPDATE look_up SET caller = 'nobody'", "TRUNCATE look_up"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(statement)


async def test_registers_are_paged_by_key_and_searched(office: Office) -> None:
    found: list[tuple[str, str]] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await office.get("/v1/projects", "province-32", **query)).json()
        assert len(page["entries"]) <= 3
        found += [(one["reported_by"], one["number"]) for one in page["entries"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert found == [("32", f"p-{n}") for n in (0, 2, 4, 6)] + [("34", f"p-{n}") for n in (1, 3, 5)]
    for path, search, numbers in (
        ("projects", "P-3", ["p-3"]),
        ("projects", "安徽", []),
        ("institutions", "", ["10295", "A-1"]),
        ("institutions", "a-1", ["A-1"]),
        ("alliances", "AL-", ["al-1"]),
    ):
        page = (await office.get(f"/v1/{path}", "official", search=search)).json()
        assert ([one["number"] for one in page["entries"]], page["next"]) == (numbers, None)
    (alliance,) = page["entries"]
    assert alliance["said"] == allied("al-1", lane="32")["data"]
    assert (await office.get("/v1/projects", search="\0")).status_code == 422


async def test_what_is_named_but_has_not_come_stands_in_no_register(office: Office) -> None:
    waiting = enrolled(ME, "32-j-7")
    waiting["data"] |= {"project_no": "never", "project_province": "32"}
    await office.desk.carry([("32", orjson.dumps(waiting))])
    assert await office.desk.pool.fetchval("SELECT count(*) FROM referent WHERE key LIKE '%never'") == 1
    assert (await office.get("/v1/projects", search="never")).json()["entries"] == []


async def test_a_journey_reads_its_own_places_only(office: Office) -> None:
    """Among 200,000 facts of others: not the time is asserted but the rows that PostgreSQL says it has read."""
    (statement,) = [
        text for text in store.facts_about.__code__.co_consts if str(text).startswith("WITH place")
    ]
    rows, a_row, me = 2_000, 100, store._short_hash(worker_ref("Y"))
    async with office.desk.pool.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        try:
            await append_log(db, [_row(n * a_row + 1, a_row) for n in range(rows)])
            await db.execute(
                "INSERT INTO fact_place SELECT n, '35', n FROM generate_series(1, $1::bigint) n",
                rows * a_row,
            )
            for seq in (7, 70_001, 200_000):
                await store.keep_places(
                    db, [FactPlace(ENROLLMENT_EVENTS.pattern, "35", seq, worker_ref("Y"))]
                )
            assert await store.facts_about(db, [worker_ref("Y")], 10) == [b"7", b"70001", b"200000"]
            explained = await db.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", [me], ENROLLMENT_EVENTS.pattern, 10
            )
        finally:
            await transaction.rollback()
    read = {
        node["Relation Name"]: (node["Node Type"], node["Actual Rows"] * node["Actual Loops"])
        for node in _nodes(json.loads(explained)[0]["Plan"])
        if "Relation Name" in node
    }
    assert read["log"] == ("Index Scan", 3)
    assert read["fact_place"][0] in ("Index Scan", "Bitmap Heap Scan")
    assert read["fact_place"][1] == 3


def _row(first: int, length: int) -> LogRow:
    lines = b"\n".join(b"%d" % seq for seq in range(first, first + length))
    at = datetime(2026, 9, 1, tzinfo=SHANGHAI)
    return LogRow(ENROLLMENT_EVENTS.pattern, "35", first, first + length - 1, at, b"", b"", lines, None)


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in _nodes(part))]
