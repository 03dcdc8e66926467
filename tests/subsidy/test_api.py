"""Promises of the HTTP interface: what a clerk and an auditor can ask, and who may."""

import asyncio
import codecs
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import asyncpg
import httpx
import orjson
import pytest
from fastapi import FastAPI
from rich.console import Console

from console.explanation import page
from services.subsidy import main
from services.subsidy.api import awards, checks, lists, money, payments
from services.subsidy.config import Settings
from services.subsidy.domain.schemes import Rules
from shared.plumbing import look_ups
from shared.plumbing.seal import Seal
from shared.plumbing.service import Parts, asyncapi
from shared.plumbing.telemetry import Telemetry
from shared.plumbing.tokens import Tokens
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service
from tests.subsidy.histories import IN_PARTS

WITHIN_S = 10.0


@pytest.fixture
async def client(subsidy: Service, settings: Settings, rules: Rules) -> AsyncIterator[httpx.AsyncClient]:
    """The API over a service in which one award is granted and one waits, and another lane has one of its own."""
    js = Province()
    js.allocated(YUAN_1000_FEN)
    js.allocated(50_000, pot="wuxi-merit", year=2027, level="city")
    js.enrolled(1)
    js.confirmed(1)
    js.enrolled(2)
    zj = Province("33")
    zj.enrolled(1)
    await subsidy.take(*js.facts, *zj.facts)
    async with _asking(subsidy, settings, rules) as made:
        yield made


@pytest.fixture
async def client_in_parts(subsidy_in_parts: Service, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API over a service in which two awards have five parts each, for the second of which money is short."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(60_000, pot="national-fund", level="national")
    js.allocated(60_000)
    js.enrolled(1)
    js.enrolled(2)
    js.confirmed(1)
    await subsidy_in_parts.take(*js.facts)
    async with _asking(subsidy_in_parts, settings, IN_PARTS) as made:
        yield made


@asynccontextmanager
async def _asking(subsidy: Service, settings: Settings, rules: Rules) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    listed = (money.router, lists.router, payments.router)
    for router in (*listed, awards.router(rules), checks.router(rules), look_ups.router):
        app.include_router(router)
    app.state.pool, app.state.settings = subsidy.pool, settings
    app.state.tokens = Tokens(settings.tokens_file)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://subsidy") as made:
        made.headers["Authorization"] = "Bearer auditor"
        yield made


async def _ask(client: httpx.AsyncClient, path: str) -> Any:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def test_budgets_can_be_asked_by_lane_and_year(client: httpx.AsyncClient) -> None:
    everything = (await _ask(client, "/v1/budgets"))["budgets"]
    found = [(b["lane"], b["fiscal_year"], b["fund_source"]) for b in everything]
    assert found == [("32", 2026, POT), ("32", 2027, "wuxi-merit"), ("33", 2026, POT)]
    (mine,) = (await _ask(client, "/v1/budgets?lane=32&year=2026"))["budgets"]
    assert (mine["granted_fen"], mine["free_fen"], mine["waiting"]) == (YUAN_1000_FEN, 0, 1)
    assert (await _ask(client, "/v1/budgets?lane=34"))["budgets"] == []
    for wrong in (
        "lane=99",
        "after=32",
        "after=32|x|y",
        "after=32|2026|%00",
        "nothing=1",
        "as_of=2026-03-01",
    ):
        assert (await client.get(f"/v1/budgets?{wrong}")).status_code == 422, wrong


async def test_budgets_are_paged_by_their_key(client: httpx.AsyncClient) -> None:
    whole = (await _ask(client, "/v1/budgets"))["budgets"]
    found, after = [], ""
    for _ in whole:
        answer = await _ask(client, f"/v1/budgets?limit=1{after}")
        found += answer["budgets"]
        after = f"&after={answer['next']}"
    assert (found, after) == (whole, "&after=None")


async def test_budgets_as_of_a_day_are_what_the_ledger_said_then(
    client: httpx.AsyncClient, subsidy: Service
) -> None:
    owner = await asyncpg.connect(subsidy.owner_dsn)
    try:
        await owner.execute(
            "UPDATE journal SET recorded_at = CASE WHEN entry_no < 4 THEN $1::timestamptz"
            " ELSE $1 + interval '1 day' END",
            datetime(2026, 3, 1, 15, 59, 59, 999_999, tzinfo=UTC),
        )
    finally:
        await owner.close()
    then, later = [
        (await _ask(client, f"/v1/budgets?lane=32&year=2026&as_of=2026-03-0{day}"))["budgets"][0]
        for day in (1, 2)
    ]
    assert (then["allocated_fen"], then["reserved_fen"], then["free_fen"]) == (
        YUAN_1000_FEN,
        YUAN_1000_FEN,
        0,
    )
    assert (later["reserved_fen"], later["granted_fen"]) == (0, YUAN_1000_FEN)
    assert (await _ask(client, "/v1/budgets?lane=32&as_of=2026-02-28"))["budgets"] == []
    assert [
        one["entry_no"] for one in (await _ask(client, "/v1/ledger?lane=32&as_of=2026-03-01"))["entries"]
    ] == [
        1,
        2,
        3,
    ]


async def test_a_lanes_journal_is_listed_page_by_page_and_by_budget(client: httpx.AsyncClient) -> None:
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        answer = await _ask(client, f"/v1/ledger?lane=32&limit=2&after={after}")
        found += answer["entries"]
        after = answer["next"]
    assert [one["entry_no"] for one in found] == list(range(1, len(found) + 1))
    assert all(sum(moved["amount_fen"] for moved in one["postings"]) == 0 for one in found)
    (granted,) = [one for one in found if one["event_type"] == "dreams.subsidy.granted.v1"]
    assert granted["enrollment_no"] == "32-00001"
    merit = await _ask(client, "/v1/ledger?lane=32&year=2027&fund_source=wuxi-merit")
    assert [one["entry_no"] for one in merit["entries"]] == [2]
    assert (await client.get("/v1/ledger")).status_code == 422


async def test_awards_of_a_lane_are_listed_by_state(client: httpx.AsyncClient) -> None:
    first = await _ask(client, "/v1/awards?lane=32&limit=1")
    assert [(one["enrollment_no"], one["state"]) for one in first["awards"]] == [("32-00001", "granted")]
    rest = await _ask(client, f"/v1/awards?lane=32&after={first['next']}")
    assert ([one["enrollment_no"] for one in rest["awards"]], rest["next"]) == (["32-00002"], None)
    waiting = await _ask(client, "/v1/awards?lane=32&state=waitlisted")
    assert [one["enrollment_no"] for one in waiting["awards"]] == ["32-00002"]
    assert "worker_ref" not in waiting["awards"][0]


async def test_parts_of_an_award_are_listed_together_whatever_the_page_holds(
    client_in_parts: httpx.AsyncClient,
) -> None:
    first = await _ask(client_in_parts, "/v1/awards?lane=32&limit=2")
    assert [(one["enrollment_no"], one["part"], one["state"]) for one in first["awards"]] == [
        ("32-00001", 1, "granted"),
        ("32-00001", 2, "granted"),
        ("32-00001", 3, "waitlisted"),
        ("32-00001", 4, "forgone"),
        ("32-00001", 5, "committed"),
    ]
    rest = await _ask(client_in_parts, f"/v1/awards?lane=32&limit=5&after={first['next']}")
    assert ([one["part"] for one in rest["awards"]], rest["next"]) == ([1, 2, 3, 4, 5], None)


async def test_a_queue_in_which_several_parts_of_an_award_wait_loses_none_between_pages(
    client_in_parts: httpx.AsyncClient,
) -> None:
    place = f"/v1/waitlist?lane=32&year=2026&fund_source={POT}"
    one, whole = [await _ask(client_in_parts, f"{place}&limit={limit}") for limit in (1, 3)]
    two = await _ask(client_in_parts, f"{place}&limit=1&after={one['next']}")
    assert (len(one["queue"]), one["queue"] + two["queue"], two["next"]) == (1, whole["queue"], None)
    told = [(one["position"], one["enrollment_no"], one["part"], one["needed_fen"]) for one in whole["queue"]]
    assert told == [
        (1, "32-00001", 3, 30_000),
        (2, "32-00002", 2, 120_000),
        (3, "32-00002", 3, 150_000),
    ]


async def test_an_award_in_parts_is_told_and_explained_part_by_part(
    client_in_parts: httpx.AsyncClient,
) -> None:
    told = await _ask(client_in_parts, "/v1/awards/32-00002")
    assert [(one["state"], one["position"]) for one in told["parts"]] == [
        ("reserved", None),
        ("waitlisted", 2),
        ("waitlisted", 3),
        ("forgone", None),
        ("committed", None),
    ]
    assert told["award"] == told["parts"][0]
    explained = (await _ask(client_in_parts, "/v1/awards/32-00002/explanation"))["explanation"]
    waits = [part["waits"] and part["waits"]["missing_fen"] for part in explained["parts"]]
    assert waits == [None, 110_000, 140_000, None, None]
    assert [decision["part"] for decision in explained["decisions"]] == [1, 2, 3, 4, 5]
    shown = Console(width=100, record=True, file=io.StringIO())
    shown.print(page({"explanation": explained, "simulated": False, "complete": True}, "en"))
    text = shown.export_text()
    assert "part 3  2026 provincial-federation" in text
    assert "2. Put on the waitlist · part 2" in text


async def test_each_part_that_is_granted_has_a_line_of_its_own_in_the_payment_file(
    client_in_parts: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "PAGE", 1)
    response = await client_in_parts.get("/v1/payments/due?lane=32&year=2026")
    lines = list(csv.reader(io.StringIO(response.text.removeprefix("\ufeff"))))[1:]
    assert [(line[2], line[5], line[6]) for line in lines[:-1]] == [
        ("32-00001", "national-fund", "500.00"),
        ("32-00001", POT, "500.00"),
    ]


async def test_decisions_about_parts_derive_again_by_the_check(client_in_parts: httpx.AsyncClient) -> None:
    answer = await _ask(client_in_parts, "/v1/ledger/check/decisions?lane=32")
    decisions, thresholds = 10, 5  # it is derived again, too, when a budget runs out
    assert (answer["derived"], answer["differing"]) == (decisions + thresholds, [])


async def test_a_queue_is_listed_with_positions_and_what_each_waits_for(
    client: httpx.AsyncClient, subsidy: Service
) -> None:
    zj = Province("33")
    zj.enrolled(1)  # known already
    zj.enrolled(2, tuition_fen=30_000)
    zj.enrolled(3)
    await subsidy.take(*zj.facts[1:])
    place = f"/v1/waitlist?lane=33&year=2026&fund_source={POT}"
    answer = await _ask(client, f"{place}&limit=2")
    assert (answer["waiting"], answer["free_fen"], answer["allocated_fen"]) == (3, 0, 0)
    told = [(one["position"], one["enrollment_no"], one["needed_fen"]) for one in answer["queue"]]
    assert told == [(1, "33-00001", 100_000), (2, "33-00002", 130_000)]
    rest = await _ask(client, f"{place}&after={answer['next']}")
    assert [(one["position"], one["needed_fen"]) for one in rest["queue"]] == [(3, 230_000)]
    assert rest["next"] is None
    assert (await _ask(client, "/v1/waitlist?lane=34&year=2026&fund_source=x"))["queue"] == []


async def test_places_and_budgets_have_a_date_by_the_lanes_own_past_or_a_reason(
    client: httpx.AsyncClient, subsidy: Service
) -> None:
    queue, budgets = f"/v1/waitlist?lane=33&year=2026&fund_source={POT}", "/v1/budgets?lane=33&year=2026"
    (waits,) = (await _ask(client, queue))["queue"]
    assert (waits["expected_on"], waits["not_known"]) == (None, "no_day")
    zj = Province("33")
    zj.enrolled(1)  # known already
    zj.day("2026-03-01")
    zj.allocated(310_000)  # a month of 31 days: 10,000 a day
    for n in range(2, 7):
        zj.enrolled(n)
    zj.day("2026-04-02")
    await subsidy.take(*zj.facts[1:])
    answer = await _ask(client, queue)
    assert (answer["came_fen"], answer["came_days"]) == (310_000, 31)
    told = [(one["needed_fen"], one["expected_on"], one["not_known"]) for one in answer["queue"]]
    assert told == [  # 10,000 is free
        (100_000, "2026-04-11", None),
        (200_000, "2026-04-21", None),
        (300_000, "2026-05-01", None),
    ]
    (mine,) = (await _ask(client, budgets))["budgets"]  # 300,000 of it were used in 33 days
    assert (mine["free_fen"], mine["runs_out_on"], mine["runs_out_not_known"]) == (10_000, "2026-04-03", None)
    explained = (await _ask(client, "/v1/awards/33-00005/explanation"))["explanation"]
    assert explained["waits"]["expected_on"] == "2026-04-21"
    assert "预计 2026-04-21 轮到" in explained["waits"]["zh"]


async def test_payments_that_are_not_booked_are_listed_with_what_to_do_page_by_page(
    client: httpx.AsyncClient, subsidy: Service
) -> None:
    js = Province()
    js.facts = [{"data": {}}] * 5  # what the client's lane knows
    await subsidy.take(js.paid(2, 60_000), js.paid(1, 130_000))
    path = "/v1/payments/unmatched?lane=32"
    answer = await _ask(client, path)
    told = [
        (p["line_no"], p["enrollment_no"], p["booked_fen"], p["unmatched_fen"], p["waits"])
        for p in answer["payments"]
    ]
    assert told == [(6, "32-00002", 0, 60_000, True), (7, "32-00001", 100_000, 30_000, False)]
    assert answer["next"] is None
    first = await _ask(client, f"{path}&limit=1")
    assert first["next"] == ["付32", 6]
    rest = await _ask(client, f"{path}&after_batch=付32&after_line=6")
    assert [p["line_no"] for p in rest["payments"]] == [7]
    assert [p["line_no"] for p in (await _ask(client, f"{path}&waiting=true"))["payments"]] == [6]
    client.headers["Authorization"] = "Bearer province-32"
    assert (await client.get("/v1/payments/unmatched?lane=33")).status_code == 403


async def test_an_award_is_told_with_every_decision_and_its_money(client: httpx.AsyncClient) -> None:
    told = await _ask(client, "/v1/awards/32-00001")
    assert (told["award"]["state"], told["award"]["position"]) == ("granted", None)
    reserved, granted = told["decisions"]
    assert reserved["inputs"]["categories"] == ["migrant"]
    assert [step["step"] for step in reserved["steps"]] == ["scheme", "eligible", "base", "tuition", "budget"]
    assert [(p["purpose"], p["amount_fen"]) for p in granted["postings"]] == [
        ("reserved", -YUAN_1000_FEN),
        ("granted", YUAN_1000_FEN),
    ]


async def test_a_waiting_award_says_its_place(client: httpx.AsyncClient) -> None:
    told = await _ask(client, "/v1/awards/32-00002")
    assert (told["award"]["state"], told["award"]["position"]) == ("waitlisted", 1)


async def test_a_waiting_award_is_explained_with_its_place_and_the_money_it_waits_for(
    client: httpx.AsyncClient,
) -> None:
    answer = await _ask(client, "/v1/awards/32-00002/explanation")
    told = answer["explanation"]
    assert (answer["simulated"], answer["complete"]) == (False, True)
    assert (told["waits"]["position"], told["waits"]["missing_fen"]) == (1, YUAN_1000_FEN)
    (decided,) = told["decisions"]
    assert decided["rule"]["issuers"][0] == "Ministry of Education"
    assert (decided["rule"]["valid_from"], decided["rule"]["valid_until"]) == ("2025-01-01", None)
    assert [step["step"] for step in decided["steps"]] == ["scheme", "eligible", "base", "tuition", "budget"]
    assert told["waits"]["zh"].startswith("排在第 1 位（共 1 人候补）")


async def test_a_province_sees_its_own_budgets_only(client: httpx.AsyncClient) -> None:
    for token in ("province-32", "official-32"):
        answer = await client.get("/v1/budgets", headers={"Authorization": f"Bearer {token}"})
        assert {one["lane"] for one in answer.json()["budgets"]} == {"32"}


async def test_each_look_up_of_an_award_leaves_a_trail_that_names_nobody(
    client: httpx.AsyncClient, subsidy: Service
) -> None:
    await _ask(client, "/v1/awards/32-00001")
    await client.get("/v1/awards/33-00001", headers={"Authorization": "Bearer province-32"})
    about = await _ask(client, "/v1/look-ups?hash_of=33-00001")
    assert [(one["what"], one["caller"], one["lane"]) for one in about] == [
        ("award_looked_up", "province-32", "32")
    ]
    kept = await subsidy.pool.fetch("SELECT found FROM look_up")
    assert len(kept) == 3
    assert not [row for row in kept if "-0000" in row["found"]]
    for statement in ("DELETE FROM look_up", "UPDATE look_up SET caller = 'nobody'", "TRUNCATE look_up"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await subsidy.pool.execute(statement)


async def test_an_unknown_enrollment_is_said_in_both_languages(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/awards/32-99999")
    assert response.status_code == 404
    assert "check the number" in response.json()["message_en"]
    assert "请核对" in response.json()["message_zh"]
    assert response.json()["code"] == "no_award"


async def test_the_ledger_check_says_what_it_checked(client: httpx.AsyncClient, subsidy: Service) -> None:
    found = await _ask(client, "/v1/ledger/check")
    assert found["ok"] is True
    assert found["checked"] == {"budgets": 3, "entries": 11, "postings": 8}
    await subsidy.pool.execute("UPDATE award SET amount_fen = 1 WHERE state = 'granted'")
    found = await _ask(client, "/v1/ledger/check")
    assert (found["ok"], found["budgets_unlike_awards"]) == (False, 1)


async def test_decisions_are_derived_again_page_by_page_and_what_differs_is_named(
    client: httpx.AsyncClient, subsidy: Service
) -> None:
    journal = (await _ask(client, "/v1/ledger?lane=32"))["entries"]
    kind = "dreams.subsidy.waitlisted.v1"
    (waits,) = [one["entry_no"] for one in journal if one["event_type"] == kind]
    owner = await asyncpg.connect(subsidy.owner_dsn)
    try:
        changed = (
            "UPDATE journal SET steps = replace(steps::text, 'migrant', 'nobody')::json WHERE entry_no = $1"
        )
        await owner.execute(changed, waits)
    finally:
        await owner.close()
    pages: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        pages.append(await _ask(client, f"/v1/ledger/check/decisions?lane=32&limit=3&after={after}"))
        after = pages[-1]["next"]
    assert [page["entries"] for page in pages[:-1]] == [3] * (len(pages) - 1)
    assert sum(page["entries"] for page in pages) == len(journal)
    assert sum(page["derived"] for page in pages) == 2
    assert [one for page in pages for one in page["differing"]] == [
        {"lane": "32", "entry_no": waits, "event_type": kind, "differs": ["steps"]}
    ]


@pytest.mark.parametrize("page", [1, 2, 1_000])
async def test_what_is_due_is_the_same_file_however_it_is_paged_with_each_award_once(
    client: httpx.AsyncClient, subsidy: Service, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    js = Province()
    js.facts += [{}] * 5  # known already
    js.allocated(4 * YUAN_1000_FEN)
    for number in (3, 4, 5):
        js.enrolled(number)
        js.confirmed(number)
    js.paid(4, YUAN_1000_FEN)
    js.paid(5, 30_000)
    js.allocated(YUAN_1000_FEN, year=2027)
    js.enrolled(6, start="2027-03-01")
    js.confirmed(6)
    js.enrolled(7)
    await subsidy.take(*js.facts[5:])
    monkeypatch.setattr(payments, "PAGE", page)
    answer = await client.get("/v1/payments/due?lane=32&year=2026")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(codecs.BOM_UTF8)
    _, *lines, total = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    due = [(line[1], line[2], line[6], line[8]) for line in lines]
    assert due == [
        ("1", "32-00001", "1000.00", "100000"),
        ("2", "32-00003", "1000.00", "100000"),
        ("3", "32-00005", "700.00", "70000"),
    ]
    assert (total[1], total[6], total[8]) == ("3", "2700.00", "270000")
    assert (await client.get("/v1/payments/due?lane=32&year=2026")).content == answer.content
    root = ET.fromstring((await client.get("/v1/payments/due?lane=32&year=2026&format=xml")).content)  # noqa: S314 - our own file
    assert [(one.get("line_no"), one.get("enrollment_no")) for one in root] == [one[:2] for one in due]
    assert (root.get("sha256"), root.get("lines")) == (total[2].removeprefix("sha256:"), total[1])
    assert {line[0] for line in lines} == {root.get("batch_no")}
    monkeypatch.setattr(payments, "LINES_MAX", 2)
    root = ET.fromstring((await client.get("/v1/payments/due?lane=32&year=2026&format=xml")).content)  # noqa: S314 - our own file
    assert [one.get("enrollment_no") for one in root] == [one[1] for one in due[:2]]


async def test_a_payment_file_has_another_number_once_something_changed(
    client: httpx.AsyncClient, subsidy: Service
) -> None:
    async def asked() -> tuple[str | None, int]:
        root = ET.fromstring((await client.get("/v1/payments/due?lane=32&format=xml")).content)  # noqa: S314 - our own file
        return root.get("batch_no"), len(root)

    before, lines = await asked()
    assert lines == 1
    js = Province()
    js.facts += [{}] * 5  # known already
    js.paid(1, YUAN_1000_FEN)
    await subsidy.take(*js.facts[5:])
    after, lines = await asked()
    assert (lines, after != before) == (0, True)


async def test_a_look_up_of_payments_leaves_a_trail(
    client: httpx.AsyncClient,
) -> None:
    await client.get("/v1/payments/due", headers={"Authorization": "Bearer official-32"})
    trail = [one for one in await _ask(client, "/v1/look-ups") if one["what"] == "payments_looked_up"]
    assert [(one["caller"], one["lane"], one["found"]) for one in trail] == [
        ("official-32", "32", {"format": "csv"})
    ]


async def test_totals_are_those_of_all_lanes(client: httpx.AsyncClient) -> None:
    assert await _ask(client, "/v1/totals") == {
        "allocated_fen": YUAN_1000_FEN + 50_000,
        "reserved_fen": 0,
        "granted_fen": YUAN_1000_FEN,
        "disbursed_fen": 0,
        "receivable_fen": 0,
        "written_off_fen": 0,
        "scholarship_fen": 0,
        "waitlisted": 2,
    }


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("", "/v1/totals", 401),
        ("official", "/v1/totals", 200),
        ("official", "/v1/awards/32-00001", 403),
        ("official", "/v1/awards/32-00001/explanation", 403),
        ("operator", "/v1/awards/32-00001", 200),
        ("province-32", "/v1/awards/32-00001/explanation", 200),
        ("official-32", "/v1/awards/32-00001/explanation", 200),
        ("official-32", "/v1/awards/33-00001/explanation", 404),
        ("province-32", "/v1/awards/33-00001", 404),
        ("province-32", "/v1/budgets", 200),
        ("province-32", "/v1/budgets?lane=33", 403),
        ("province-32", "/v1/totals", 403),
        ("province-32", "/v1/ledger", 200),
        ("province-32", "/v1/ledger?lane=33", 403),
        ("province-32", "/v1/awards?lane=33", 403),
        ("official-32", "/v1/awards", 200),
        ("official-32", "/v1/waitlist?lane=33&year=2026&fund_source=x", 403),
        ("official", "/v1/awards?lane=32", 403),
        ("official", "/v1/ledger?lane=32", 403),
        ("official", "/v1/budgets?lane=32&as_of=2026-03-01", 200),
        ("official", "/v1/payments/due?lane=32", 403),
        ("official-32", "/v1/payments/due", 200),
        ("province-32", "/v1/payments/due", 200),
        ("province-32", "/v1/payments/due?lane=33", 403),
        ("auditor", "/v1/payments/due?lane=33&format=xml", 200),
        ("auditor", "/v1/payments/due", 422),
        ("auditor", "/v1/payments/due?lane=32&format=xlsx", 422),
        ("", "/v1/look-ups", 401),
        ("province-32", "/v1/look-ups", 403),
        ("province-32", "/v1/ledger/check", 403),
    ],
)
async def test_who_may_ask_what(client: httpx.AsyncClient, token: str, path: str, status: int) -> None:
    response = await client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == status


async def test_the_ledgers_totals_are_metrics(
    client: httpx.AsyncClient, subsidy: Service, settings: Settings
) -> None:
    telemetry = Telemetry("subsidy", None, 0.0, at_the_door=False)
    parts = Parts(settings, subsidy.pool, Seal(b"0" * 32), subsidy.metrics, telemetry)
    watching = asyncio.create_task(money.watch_ledger(parts, FastAPI()))
    sample = subsidy.metrics.registry.get_sample_value
    try:
        async with asyncio.timeout(WITHIN_S):
            while sample("dreams_waitlisted_awards") != 2:  # noqa: ASYNC110 - metrics give no sign
                await asyncio.sleep(0.01)
    finally:
        watching.cancel()
    granted = sample("dreams_ledger_fen", {"account": "granted", "funder_level": "provincial"})
    assert granted == YUAN_1000_FEN


def test_the_service_describes_what_it_reads(settings: Settings) -> None:
    document = orjson.loads(asyncapi(main.definition(settings), settings, "Budgets and awards"))
    assert "ScholarshipAwardedFact" in str(document["components"])
