"""Promises of the HTTP interface: what a clerk and an auditor can ask, and who may."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from services.subsidy import api, main
from services.subsidy.config import Settings
from shared.plumbing.seal import Seal
from shared.plumbing.service import Parts, asyncapi
from shared.plumbing.telemetry import Telemetry
from shared.plumbing.tokens import Tokens
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service

WITHIN_S = 10.0


@pytest.fixture
async def client(subsidy: Service, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API over a service in which one award is granted and one waits."""
    js = Province()
    js.allocated(YUAN_1000_FEN)
    js.allocated(50_000, pot="wuxi-merit", year=2027, level="city")
    js.enrolled(1)
    js.confirmed(1)
    js.enrolled(2)
    await subsidy.take(*js.facts)
    app = FastAPI()
    app.include_router(api.router)
    app.state.pool, app.state.tokens = subsidy.pool, Tokens.from_file(settings.tokens_file)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://subsidy") as made:
        made.headers["Authorization"] = "Bearer auditor"
        yield made


async def _ask(client: httpx.AsyncClient, path: str) -> Any:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def test_budgets_can_be_asked_by_lane_and_year(client: httpx.AsyncClient) -> None:
    everything = await _ask(client, "/v1/budgets")
    assert [(b["fiscal_year"], b["fund_source"]) for b in everything] == [(2026, POT), (2027, "wuxi-merit")]
    (mine,) = await _ask(client, "/v1/budgets?lane=32&year=2026")
    assert (mine["granted_fen"], mine["free_fen"], mine["waiting"]) == (YUAN_1000_FEN, 0, 1)
    assert await _ask(client, "/v1/budgets?lane=33") == []
    assert (await client.get("/v1/budgets?lane=99")).status_code == 422


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


async def test_an_unknown_enrollment_is_said_in_both_languages(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/awards/32-99999")
    assert response.status_code == 404
    assert "check the number" in response.json()["detail"]
    assert "请核对" in response.json()["detail"]


async def test_the_ledger_check_says_what_it_checked(client: httpx.AsyncClient, subsidy: Service) -> None:
    found = await _ask(client, "/v1/ledger/check")
    assert found["ok"] is True
    assert found["checked"] == {"budgets": 2, "entries": 9, "postings": 8}
    await subsidy.pool.execute("UPDATE award SET amount_fen = 1 WHERE state = 'granted'")
    found = await _ask(client, "/v1/ledger/check")
    assert (found["ok"], found["budgets_unlike_awards"]) == (False, 1)


async def test_totals_are_those_of_all_lanes(client: httpx.AsyncClient) -> None:
    assert await _ask(client, "/v1/totals") == {
        "allocated_fen": YUAN_1000_FEN + 50_000,
        "reserved_fen": 0,
        "granted_fen": YUAN_1000_FEN,
        "disbursed_fen": 0,
        "receivable_fen": 0,
        "scholarship_fen": 0,
        "waitlisted": 1,
    }


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("", "/v1/totals", 401),
        ("official", "/v1/totals", 200),
        ("official", "/v1/awards/32-00001", 403),
        ("operator", "/v1/awards/32-00001", 200),
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
    watching = asyncio.create_task(api.watch_ledger(parts, FastAPI()))
    sample = subsidy.metrics.registry.get_sample_value
    try:
        async with asyncio.timeout(WITHIN_S):
            while sample("dreams_waitlisted_awards") != 1:  # noqa: ASYNC110 - metrics give no sign
                await asyncio.sleep(0.01)
    finally:
        watching.cancel()
    granted = sample("dreams_ledger_fen", {"account": "granted", "funder_level": "provincial"})
    assert granted == YUAN_1000_FEN


def test_the_service_describes_what_it_reads(settings: Settings) -> None:
    document = orjson.loads(asyncapi(main.definition(settings), settings, "Budgets and awards"))
    assert "ScholarshipAwardedFact" in str(document["components"])
