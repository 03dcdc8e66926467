"""What a province says that it has sent is compared with what was accepted, and days without anything are shown."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from console.stack.infrastructure import Infrastructure
from console.stack.tokens import plain_token
from services.enrollment.api import completeness
from shared.contracts.enrollment import COMPLETENESS_MEASURED, DAY_BEGAN
from shared.contracts.envelope import SHANGHAI, shanghai_day
from shared.contracts.provinces import BUDGET_ALLOCATED, CONTROL_TOTALS_DECLARED
from shared.contracts.topics import ENROLLMENT_EVENTS
from shared.plumbing.tokens import Tokens
from tests.enrollment.desk import Desk, open_desk
from tests.enrollment.events import allocated, control_totals, event
from tests.enrollment.memory import Books
from tests.plumbing.world import World, make_world

LANES = ("32", "34")
ONE_DAY = timedelta(days=1)
NOON = datetime.now(SHANGHAI).replace(hour=12, minute=0, second=0, microsecond=0)
"""No midnight falls into a test that begins at this hour."""
TODAY = shanghai_day(NOON)


def happened(day: date, document_no: str, **attributes: Any) -> dict[str, Any]:
    """An allocation in the first hour of a day in Shanghai: in UTC it is still the day before."""
    return allocated(document_no, time=f"{day}T00:30:00+08:00", **attributes)


def declared(since: date, until: date, events: int) -> dict[str, Any]:
    """So many allocations, the province says, were sent."""
    data = {"since": str(since), "until": str(until), "event_types": [BUDGET_ALLOCATED], "events": events}
    return event("control_totals.declared", data)


def test_what_is_accepted_counts_on_the_shanghai_day_on_which_it_happened() -> None:
    books, day = Books(), date(2026, 3, 1)
    books.ask_all(happened(day, "a"), happened(day, "b"), happened(day + ONE_DAY, "c"))
    again = happened(day, "d")
    books.ask_all(again)
    assert books.ask(again) == ("duplicate", "duplicate")
    assert books.ask(happened(day, "e", amount_fen=0))[0] == "rejected"
    assert books.register.received == {
        ("32", day, BUDGET_ALLOCATED): 3,
        ("32", day + ONE_DAY, BUDGET_ALLOCATED): 1,
    }


def test_a_period_is_declared_once() -> None:
    books = Books()
    books.ask_all(control_totals("2026-03"))
    assert books.ask(control_totals("2026-03", events=1)) == ("rejected", "already_recorded")
    assert [(one.since.isoformat(), one.events) for one in books.register.declared] == [("2026-03-01", 4_812)]


@pytest.fixture
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A namespace for the door of two provinces."""
    async with make_world(infrastructure, "enrollment", LANES) as made:
        yield made


async def measured(desk: Desk) -> list[dict[str, Any]]:
    """All that was said of completeness on lane 32; it stands between the day that begins and all else."""
    rows = await desk.pool.fetch(
        "SELECT events FROM log WHERE stream = $1 AND lane = '32' ORDER BY first_seq",
        ENROLLMENT_EVENTS.pattern,
    )
    facts = [orjson.loads(line) for row in rows for line in row[0].split(b"\n")]
    before = [facts[n - 1]["type"] for n, fact in enumerate(facts) if fact["type"] == COMPLETENESS_MEASURED]
    assert set(before) <= {DAY_BEGAN}
    return [fact["data"] for fact in facts if fact["type"] == COMPLETENESS_MEASURED]


def records(*events: dict[str, Any]) -> list[tuple[str, bytes]]:
    """Events as records of lane 32."""
    return [("32", orjson.dumps(one)) for one in events]


async def test_a_declaration_is_measured_when_the_next_day_begins_and_again_when_more_has_come(
    world: World,
) -> None:
    since, silent, until = TODAY - 3 * ONE_DAY, TODAY - 2 * ONE_DAY, TODAY - ONE_DAY
    async with open_desk(world, LANES) as desk:
        live_on(desk, 0)
        await desk.carry(
            records(
                happened(since - ONE_DAY, "before"),
                happened(since, "a"),
                happened(since, "b"),
                happened(until, "c"),
                happened(TODAY, "after"),
                happened(silent, "refused", amount_fen=0),
                declared(since, until, 4),
            )
        )
        assert await measured(desk) == []
        live_on(desk, 1)
        await desk.tick()
        [first] = await measured(desk)
        assert (first["declared"], first["received"], first["difference"]) == (4, 3, -1)
        assert (first["silent_days"], first["silent_on"]) == (1, [str(silent)])
        live_on(desk, 2)
        await desk.carry(records(happened(silent, "late")))
        assert len(await measured(desk)) == 1
        live_on(desk, 3)
        await desk.tick()
        [_, second] = await measured(desk)
        assert (second["received"], second["difference"], second["silent_on"]) == (4, 0, [])
    await assert_shown_by_http(world, since, until)


def live_on(desk: Desk, days: int) -> None:
    """Let the door take it for noon, so many days from today."""
    desk.set_clock(NOON + timedelta(days=days) - datetime.now(UTC))


async def assert_shown_by_http(world: World, since: date, until: date) -> None:
    """The province sees its own month, and no other's."""
    own, another = client(world, "province-32"), client(world, "province-34")
    month = f"{until:%Y-%m}"
    async with own, another:
        shown = (await own.get("/v1/provinces/32/completeness", params={"month": month})).json()
        assert shown["declarations"] == [
            {
                "since": str(since),
                "until": str(until),
                "event_types": [BUDGET_ALLOCATED],
                "declared": 4,
                "received": 4,
                "difference": 0,
                "event_id": shown["declarations"][0]["event_id"],
            }
        ]
        days = {since - ONE_DAY: 1, since: 2, since + ONE_DAY: 1, until: 1, TODAY: 1}
        sent = sum(n for day, n in days.items() if f"{day:%Y-%m}" == month)
        assert shown["received"][BUDGET_ALLOCATED] == sent
        assert CONTROL_TOTALS_DECLARED not in shown["received"] or month == "2026-09"
        silent = {date.fromisoformat(day) for day in shown["silent_days"]}
        assert silent.isdisjoint(days)
        over = {until.replace(day=1) + n * ONE_DAY for n in range(until.day)}
        assert silent >= over - days.keys() - {date(2026, 9, 1)}
        refused = await another.get("/v1/provinces/32/completeness", params={"month": month})
        assert refused.status_code == 403
        assert (
            await own.get("/v1/provinces/32/completeness", params={"month": "2026-13"})
        ).status_code == 422


def client(world: World, who: str) -> httpx.AsyncClient:
    """A client with the token of `who`."""
    app, secrets = FastAPI(), world.infrastructure.data / "secrets"
    app.include_router(completeness.router)
    app.state.pool, app.state.tokens = world.pool, Tokens(secrets / "tokens.json")
    app.state.settings = SimpleNamespace(simulated=False)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://door",
        headers={"Authorization": f"Bearer {plain_token(secrets, who)}"},
    )
