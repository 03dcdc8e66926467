"""At the edges of time and money: midnight in Shanghai, the closing day, nothing, one fen, and all that is exact."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from services.subsidy.api import awards, lists, money
from services.subsidy.config import SCHEMES, Settings, load_schemes
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from shared.contracts.envelope import MAX_AMOUNT_FEN, shanghai_day
from shared.plumbing.tokens import Tokens
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, read
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
NEW_YEAR = datetime(2026, 12, 31, 16, tzinfo=UTC)
CLOSING = datetime(2027, 1, 31, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def begun(instant: datetime) -> Province:
    """A lane on which the days up to an instant have begun, with money for both years."""
    js = Province()
    js.day("2026-12-01")
    for year in (2026, 2027):
        js.allocated(10 * YUAN_1000_FEN, year=year)
        js.allocated(10 * YUAN_1000_FEN, year=year, pot="wuxi-merit")
    js.day(shanghai_day(instant).isoformat())
    return js


def years_of(js: Province) -> list[int]:
    """The fiscal years of what was decided last about enrollments 1, 2 and 3."""
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in js.facts])
    return [entry.data["fiscal_year"] for entry in shelf.decided() if entry.enrollment_no]


@pytest.mark.parametrize(
    ("instant", "long_ago", "last_year", "this_year"),
    [
        (NEW_YEAR - SECOND, 2026, 2026, 2027),
        (NEW_YEAR, 2027, 2026, 2027),
        (CLOSING - SECOND, 2027, 2026, 2027),
        (CLOSING, 2027, 2027, 2027),
    ],
    ids=["15:59:59Z", "16:00:00Z", "a second before the closing day", "the closing day"],
)
def test_the_year_turns_at_midnight_in_shanghai_and_closes_on_its_day(
    instant: datetime, long_ago: int, last_year: int, this_year: int
) -> None:
    js = begun(instant)
    for n, start in enumerate(("2020-09-01", "2026-12-31", "2027-01-01"), 1):
        js.enrolled(n, start=start)
    assert years_of(js) == [long_ago, last_year, this_year]


@pytest.mark.parametrize(("instant", "year"), [(CLOSING - SECOND, 2026), (CLOSING, 2027)])
def test_a_scholarship_of_last_year_is_booked_in_it_until_it_closes(instant: datetime, year: int) -> None:
    js = begun(instant)
    js.enrolled(1, start="2027-01-01")
    js.scholarship(1, 1_000, awarded_on="2026-12-31")
    assert years_of(js)[1] == year


@pytest.mark.parametrize(("instant", "state"), [(NEW_YEAR - SECOND, "reserved"), (NEW_YEAR, "expired")])
def test_a_reservation_ends_at_midnight_in_shanghai(instant: datetime, state: str) -> None:
    js = Province()
    js.day("2026-01-01")
    js.allocated(YUAN_1000_FEN)
    js.enrolled(1)
    js.day(shanghai_day(instant).isoformat())
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in js.facts])
    assert shelf.awards["32-00001"].state == state


async def test_amounts_from_one_fen_to_all_that_is_exact_come_out_of_the_ledger_as_they_went_in(
    subsidy: Service, settings: Settings, rules: Rules
) -> None:
    js = Province()
    js.allocated(MAX_AMOUNT_FEN - 1)
    js.allocated(1)
    js.allocated(MAX_AMOUNT_FEN, pot="wuxi-merit")
    for n, tuition_fen in enumerate((0, 1, MAX_AMOUNT_FEN, MAX_AMOUNT_FEN)):
        js.enrolled(n, tuition_fen=tuition_fen)
    js.scholarship(3, MAX_AMOUNT_FEN, tuition_fen=MAX_AMOUNT_FEN)
    await subsidy.take(*js.facts)
    app = FastAPI()
    for router in (money.router, lists.router, awards.router(rules)):
        app.include_router(router)
    app.state.pool, app.state.settings = subsidy.pool, settings
    app.state.tokens = Tokens(settings.tokens_file)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://subsidy") as client:
        client.headers["Authorization"] = "Bearer auditor"
        budgets = (await client.get("/v1/budgets?lane=32")).json()["budgets"]
        given = (await client.get("/v1/awards?lane=32")).json()["awards"]
    whole = MAX_AMOUNT_FEN
    assert {
        b["fund_source"]: (b["allocated_fen"], b["reserved_fen"], b["scholarship_fen"]) for b in budgets
    } == {
        POT: (whole, 1 + 2 * YUAN_1000_FEN, 0),
        "wuxi-merit": (whole, 0, whole - YUAN_1000_FEN),
    }
    assert [(one["state"], one["amount_fen"], one["tuition_fen"]) for one in given] == [
        ("refused", 0, 0),
        ("reserved", 1, 1),
        ("reserved", YUAN_1000_FEN, whole),
        ("reserved", YUAN_1000_FEN, whole),
    ]
    over = [f for f in await subsidy.published() if f["type"] == said_by.SCHOLARSHIP_EXCEEDS_TUITION]
    assert [fact["data"]["exceeding_fen"] for fact in over] == [YUAN_1000_FEN]
    assert await subsidy.faults() == {}


async def test_what_a_budget_could_not_hold_exactly_is_refused_and_the_lane_goes_on(subsidy: Service) -> None:
    js = Province()
    js.allocated(MAX_AMOUNT_FEN)
    js.allocated(1)
    js.adjusted(1)
    js.allocated(1, year=2027)
    js.carried_over(MAX_AMOUNT_FEN)
    js.enrolled(1)
    await subsidy.take(*js.facts)
    said = [
        fact["data"] for fact in await subsidy.published() if fact["type"] == said_by.BUDGET_CHANGE_REFUSED
    ]
    assert [(one["change"], one["code"]) for one in said] == [
        ("allocation", "too_large"),
        ("increase", "too_large"),
        ("carry_over", "too_large"),
    ]
    assert all(one["message_zh"] for one in said)
    assert (await subsidy.said())[-1] == "subsidy.reserved 32-00001"
    assert (await subsidy.budget())["allocated_fen"] == MAX_AMOUNT_FEN
    assert subsidy.carrier.stopped == set()
