"""Thresholds of a budget's use are said once each when they are reached, and again only after they were cleared."""

import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import YUAN_1000_FEN, Province, Service, read
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
WORDS = {
    said_by.BUDGET_THRESHOLD_REACHED: "reached",
    said_by.BUDGET_THRESHOLD_CLEARED: "cleared",
    said_by.BUDGET_RECOVERED: "recovered",
    said_by.BUDGET_EXHAUSTED: "exhausted",
}


def alerts(province: Province) -> list[str]:
    """What is said of the budget, all facts taken in one batch: `reached 80`."""
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in province.facts])
    said = [(WORDS[e.type], e.data.get("percent", "")) for e in shelf.entries if e.type in WORDS]
    return [f"{word} {percent}".strip() for word, percent in said]


def filled(awards: int, of: int = 20) -> Province:
    """A budget for so many awards, and some enrollments."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(of * YUAN_1000_FEN)
    for n in range(awards):
        js.enrolled(n)
    return js


@pytest.mark.parametrize(
    ("awards", "said"),
    [
        (15, []),
        (16, ["reached 80"]),
        (18, ["reached 80"]),
        (19, ["reached 80", "reached 95"]),
        (20, ["reached 80", "reached 95", "reached 100"]),
        (22, ["reached 80", "reached 95", "reached 100", "exhausted"]),
    ],
)
def test_each_threshold_is_said_once_when_it_is_reached(awards: int, said: list[str]) -> None:
    assert alerts(filled(awards)) == said


def test_one_step_over_several_thresholds_says_each() -> None:
    assert alerts(filled(1, of=1)) == ["reached 80", "reached 95", "reached 100"]


def test_one_award_that_goes_and_one_that_comes_say_nothing_again() -> None:
    js = filled(16)
    for n in range(16, 20):
        js.withdrawn(n - 1)
        js.enrolled(n)
    assert alerts(js) == ["reached 80"]


def test_a_threshold_is_cleared_well_below_it_and_then_said_again() -> None:
    js = filled(16)
    js.withdrawn(0)
    assert alerts(js) == ["reached 80"]
    js.withdrawn(1)
    assert alerts(js) == ["reached 80", "cleared 80"]
    js.enrolled(20)
    js.enrolled(21)
    assert alerts(js) == ["reached 80", "cleared 80", "reached 80"]


def test_more_money_clears_and_a_cut_reaches() -> None:
    js = filled(16)
    js.adjusted(20 * YUAN_1000_FEN)
    js.adjusted(-24 * YUAN_1000_FEN)
    assert alerts(js) == ["reached 80", "cleared 80", "reached 80", "reached 95", "reached 100"]


def test_what_is_paid_owed_or_booked_is_used_as_well() -> None:
    js = filled(16)
    js.confirmed(0)
    js.paid(0, YUAN_1000_FEN)
    js.withdrawn(0)
    js.scholarship(1, 2 * YUAN_1000_FEN, pot="provincial-federation")
    assert alerts(js) == ["reached 80"]


def test_an_exhausted_budget_recovers_when_nobody_waits_any_more() -> None:
    js = filled(21)
    js.withdrawn(0)
    full = ["reached 80", "reached 95", "reached 100"]
    assert alerts(js) == [*full, "exhausted", "recovered"]
    js.enrolled(30)
    js.withdrawn(30)
    assert alerts(js) == [*full, "exhausted", "recovered", "exhausted", "recovered"]


def test_while_a_long_queue_moves_nothing_is_said_until_it_is_known_where_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    shelf, js = Shelf(RULES), Province()
    for n in range(6):
        js.enrolled(n)
    shelf.take([read(fact) for fact in js.facts])
    before = len(shelf.entries)
    shelf.take([read(js.allocated(5 * YUAN_1000_FEN))])
    for _ in range(3):
        shelf.take([])
    said = [WORDS[e.type] for e in shelf.entries[before:] if e.type in WORDS]
    assert said == ["exhausted", "reached", "reached", "reached"]


async def test_thresholds_are_kept_in_the_real_ledger_and_go_to_no_province(subsidy: Service) -> None:
    js = filled(4, of=5)
    await subsidy.take(*js.facts)
    await subsidy.take(js.withdrawn(0), js.enrolled(8), js.withdrawn(1), js.withdrawn(2))
    said = [fact["type"] for fact in await subsidy.published(alerts=True) if fact["type"] in WORDS]
    assert [WORDS[one] for one in said] == ["reached", "cleared"] * 2
    told = {fact["type"] for fact in await subsidy.published("provinces.{lane}.decisions", alerts=True)}
    assert not told & set(WORDS)
    assert await subsidy.faults() == {}
