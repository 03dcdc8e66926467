"""Receipts of a day are found, paged and written as a table without reading the history before it."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from console.stack.infrastructure import Infrastructure
from console.stack.tokens import plain_token
from services.enrollment import store
from services.enrollment.api import receipts
from shared.contracts.envelope import SHANGHAI
from shared.contracts.receipt_codes import CODES, sentences
from shared.contracts.topics import PROVINCE_RECEIPTS
from shared.plumbing.store import LogRow, append_log
from shared.plumbing.tokens import Tokens
from tests.plumbing.world import World, make_world

FIRST = datetime(2026, 9, 1, 0, 0, tzinfo=SHANGHAI)
DAYS, ROWS_A_DAY, IN_A_ROW = 5, 40, 7
PATH = "/v1/provinces/32/receipts"
FORMULA = '=HYPERLINK("http://x","y")'


def receipt(seq: int, at: datetime) -> dict[str, Any]:
    """A receipt as the log holds it: each fifth one refuses, some under an id that a spreadsheet would run."""
    refused = seq % 5 == 0
    zh, en = sentences("missing_field", field="data.level") if refused else (None, None)
    return {
        "seq": seq,
        "recordedtime": at.isoformat(),
        "data": {
            "status": "rejected" if refused else "accepted",
            "event_id": FORMULA if seq % 35 == 0 else f"e-{seq}",
            "event_source": "//provinces/32/hr",
            "event_type": "dreams.worker.registered.v1",
            "offset": seq - 1,
            "code": "missing_field" if refused else None,
            "field": "data.level" if refused else None,
            "message_zh": zh,
            "message_en": en,
            "first_event_id": None,
        },
    }


def rows() -> list[LogRow]:
    """Some days of a lane's log, each from its first second to its last."""
    found, seq = [], 1
    for day in range(DAYS):
        begin = FIRST + timedelta(days=day)
        for row in range(ROWS_A_DAY):
            at = begin + timedelta(seconds=row * 86_399 / (ROWS_A_DAY - 1))
            lines = b"\n".join(orjson.dumps(receipt(n, at)) for n in range(seq, seq + IN_A_ROW))
            found.append(
                LogRow(PROVINCE_RECEIPTS.pattern, "32", seq, seq + IN_A_ROW - 1, at, b"", b"", lines, None)
            )
            seq += IN_A_ROW
    return found


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A log of five days on one lane."""
    async with make_world(infrastructure, "enrollment", ("32",)) as made:
        async with made.pool.acquire() as db, db.transaction():
            await append_log(db, rows())
            await db.execute(
                "INSERT INTO outbound (stream, lane, seq) VALUES ($1, '32', $2)",
                PROVINCE_RECEIPTS.pattern,
                DAYS * ROWS_A_DAY * IN_A_ROW,
            )
        yield made


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """An operator's client."""
    app, secrets = FastAPI(), world.infrastructure.data / "secrets"
    app.include_router(receipts.router)
    app.state.pool, app.state.tokens = world.pool, Tokens(secrets / "tokens.json")
    app.state.settings = SimpleNamespace(simulated=False)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://door",
        headers={"Authorization": f"Bearer {plain_token(secrets, 'operator')}"},
    ) as client:
        yield client


async def test_a_day_is_listed_whole_page_by_page(http: httpx.AsyncClient) -> None:
    for day in range(DAYS):
        found: list[int] = []
        query: dict[str, Any] = {"day": f"2026-09-0{day + 1}", "limit": 100}
        while True:
            page = (await http.get(PATH, params=query)).json()
            found += [one["offset"] + 1 for one in page["receipts"]]
            assert len(page["receipts"]) <= 100
            if not page["more"]:
                break
            query["after"] = page["next"]
        a_day = ROWS_A_DAY * IN_A_ROW
        assert found == list(range(day * a_day + 1, (day + 1) * a_day + 1))


async def test_days_without_receipts_are_empty(http: httpx.AsyncClient) -> None:
    queries: list[dict[str, Any]] = [{"day": "2026-08-31"}, {"day": "2026-09-06"}, {}, {"after": 10**9}]
    for query in queries:
        page = (await http.get(PATH, params=query)).json()
        assert (page["receipts"], page["more"]) == ([], False)
    page = (await http.get("/v1/provinces/33/receipts", params={"day": "2026-09-01"})).json()
    assert (page["receipts"], page["next"]) == ([], 0)


async def test_one_verdict_only(http: httpx.AsyncClient) -> None:
    page = (await http.get(PATH, params={"day": "2026-09-02", "status": "rejected", "limit": 1_000})).json()
    assert len(page["receipts"]) == ROWS_A_DAY * IN_A_ROW // 5
    assert {one["code"] for one in page["receipts"]} == {"missing_field"}


async def test_new_receipts_are_followed_from_a_number(http: httpx.AsyncClient) -> None:
    last = DAYS * ROWS_A_DAY * IN_A_ROW
    page = (await http.get(PATH, params={"after": last - 3})).json()
    assert [one["offset"] + 1 for one in page["receipts"]] == [last - 2, last - 1, last]
    assert page["next"] == last


async def test_a_table_has_headers_in_both_languages_and_no_formula(http: httpx.AsyncClient) -> None:
    text, path = "", f"{PATH}?day=2026-09-01&limit=200&status=rejected"
    while path:
        answer = await http.get(path, headers={"accept": "text/csv"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.text.startswith("\ufeff")
        text += answer.text if not text else answer.text.partition("\r\n")[2]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    header, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert {"原因", "why", "现在怎么办", "what to do now"} <= set(header)
    assert len(lines) == ROWS_A_DAY * IN_A_ROW // 5
    for line in lines:
        said = dict(zip(header, line, strict=True))
        assert said["现在怎么办"] == CODES["missing_field"].do_zh
        assert said["what to do now"] == CODES["missing_field"].do_en
        assert said["why"] == "Field “data.level” is missing."
        assert said["原因"] == "缺少字段“data.level”。"
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line)
    assert any(f"'{FORMULA}" in line for line in lines)


@pytest.mark.parametrize(
    "query",
    [{"day": "yesterday"}, {"status": "lost"}, {"limit": 0}, {"limit": 10**6}, {"after": -1}, {"x": 1}],
)
async def test_what_cannot_be_listed_is_a_problem(http: httpx.AsyncClient, query: dict[str, Any]) -> None:
    answer = await http.get(PATH, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_each_look_up_leaves_a_trail_without_the_id_that_was_asked_for(http: httpx.AsyncClient) -> None:
    with capture_logs() as said:
        await http.get(PATH, params={"day": "2026-09-01", "status": "rejected"})
        await http.get(f"{PATH}/320123199001011234")
        await http.get("/v1/receipts/320123199001011234")
    assert [one["event"] for one in said] == ["receipts_looked_up"] * 3
    assert [(one["caller"], one["lane"]) for one in said] == [
        ("operator", "32"),
        ("operator", "32"),
        ("operator", None),
    ]
    assert (said[0]["day"], said[0]["status"]) == ("2026-09-01", "rejected")
    assert "320123199001011234" not in json.dumps(said)


async def test_an_id_without_a_receipt_is_told_to_ask_again(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{PATH}/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_receipt_yet")
    assert answer.headers["retry-after"] == "1"


async def test_the_last_receipt_before_an_instant_is_found_for_every_instant(world: World) -> None:
    log = rows()
    async with world.pool.acquire() as db:
        for number in range(0, len(log), 3):
            row = log[number]
            assert await store.receipts_issued_before(db, "32", row.recorded_at) == row.first_seq - 1
            later = row.recorded_at + timedelta(microseconds=1)
            assert await store.receipts_issued_before(db, "32", later) == row.last_seq


async def test_finding_a_day_reads_no_history(world: World) -> None:
    """Not the time is asserted but the rows that PostgreSQL says it has read: a few for each halving."""
    (statement,) = [
        text
        for text in (value for value in store.receipts_issued_before.__code__.co_consts if value)
        if str(text).startswith("WITH RECURSIVE")
    ]
    async with world.pool.acquire() as db:
        await db.execute("SET enable_seqscan = off")  # a table this small would be read whole
        explained = await db.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", PROVINCE_RECEIPTS.pattern, "32", FIRST
        )
        await db.execute("RESET enable_seqscan")
    nodes = list(_nodes(json.loads(explained)[0]["Plan"]))
    on_log = [node for node in nodes if node.get("Relation Name") == "log"]
    assert [node["Node Type"] for node in on_log] == ["Index Scan"]
    assert on_log[0]["Actual Rows"] <= 1
    assert on_log[0]["Actual Loops"] <= (DAYS * ROWS_A_DAY * IN_A_ROW).bit_length() + 1


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in _nodes(part))]
