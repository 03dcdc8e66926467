"""What becomes of budgets that are increased, cut or carried over: never a fen of what is committed is taken."""

from dataclasses import replace
from typing import Any

import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, read, short
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
THIS_YEAR, NEXT_YEAR = ("32", 2026, POT), ("32", 2027, POT)


def shelf_of(province: Province, rules: Rules = RULES) -> Shelf:
    """All facts of a province in one batch."""
    shelf = Shelf(rules)
    shelf.take([read(fact) for fact in province.facts])
    return shelf


def last(shelf: Shelf) -> dict[str, Any]:
    """The data of what was decided last."""
    return shelf.decided()[-1].data


def committed(*, allocated_fen: int = 3 * YUAN_1000_FEN, reserved: int = 2) -> Province:
    """A budget of which some is reserved."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(allocated_fen)
    for n in range(reserved):
        js.enrolled(n)
    return js


def test_an_increase_goes_to_those_who_wait_in_the_order_of_their_rank() -> None:
    js = committed(allocated_fen=YUAN_1000_FEN, reserved=4)
    js.adjusted(2 * YUAN_1000_FEN)
    shelf = shelf_of(js)
    assert [award.state for award in shelf.awards.values()] == [
        "reserved",
        "reserved",
        "reserved",
        "waitlisted",
    ]
    (increased,) = [entry.data for entry in shelf.entries if entry.type == said_by.BUDGET_INCREASED]
    assert (increased["amount_fen"], increased["allocated_fen"]) == (2 * YUAN_1000_FEN, 3 * YUAN_1000_FEN)
    exhausted = [entry for entry in shelf.entries if entry.type == said_by.BUDGET_EXHAUSTED]
    assert len(exhausted) == 2  # said again: money was there in between


@pytest.mark.parametrize(
    ("asked_fen", "taken_fen", "refused_fen"),
    [(60_000, 60_000, 0), (YUAN_1000_FEN, YUAN_1000_FEN, 0), (YUAN_1000_FEN + 1, YUAN_1000_FEN, 1)],
)
def test_a_cut_takes_what_is_free_and_says_what_it_does_not_take(
    asked_fen: int, taken_fen: int, refused_fen: int
) -> None:
    js = committed()
    js.adjusted(-asked_fen)
    shelf = shelf_of(js)
    cut = last(shelf)
    assert (cut["asked_fen"], cut["amount_fen"], cut["refused_fen"]) == (asked_fen, taken_fen, refused_fen)
    assert ("message_zh" in cut, "message_en" in cut) == (refused_fen > 0, refused_fen > 0)
    budget = shelf.budgets[THIS_YEAR]
    assert (budget.allocated_fen, budget.reserved_fen) == (3 * YUAN_1000_FEN - taken_fen, 2 * YUAN_1000_FEN)


@pytest.mark.parametrize(("asked_fen", "allocated_fen"), [(100_000, 200_000), (100_001, 300_000)])
def test_where_the_policy_is_to_refuse_a_cut_is_made_whole_or_not_at_all(
    asked_fen: int, allocated_fen: int
) -> None:
    js = committed()
    js.adjusted(-asked_fen)
    shelf = shelf_of(js, replace(RULES, cuts="refuse"))
    assert shelf.budgets[THIS_YEAR].allocated_fen == allocated_fen
    assert last(shelf).get("code") == ("committed" if allocated_fen == 300_000 else None)


def test_a_cut_of_a_budget_that_is_all_committed_changes_nothing_and_says_so() -> None:
    js = committed(reserved=3)
    js.adjusted(-1)
    shelf = shelf_of(js)
    assert (shelf.decided()[-1].type, last(shelf)["code"]) == (said_by.BUDGET_CHANGE_REFUSED, "committed")
    assert shelf.decided()[-1].postings == ()


@pytest.mark.parametrize("change", ["increase", "decrease", "carry_over"])
def test_a_budget_that_was_never_opened_is_not_changed_and_no_row_is_made_for_it(change: str) -> None:
    js = Province()
    if change == "carry_over":
        js.carried_over(5)
    else:
        js.adjusted(5 if change == "increase" else -5)
    shelf = shelf_of(js)
    assert (last(shelf)["code"], last(shelf)["change"]) == ("not_open", change)
    assert shelf.budgets == {}


def test_what_awards_wait_for_is_not_opened_by_an_adjustment() -> None:
    js = Province()
    js.enrolled(1)
    js.adjusted(YUAN_1000_FEN)
    shelf = shelf_of(js)
    assert last(shelf)["code"] == "not_open"
    assert shelf.awards["32-00001"].state == "waitlisted"


def test_free_money_is_carried_into_the_next_year_and_moves_its_queue() -> None:
    js = committed()
    js.day("2027-02-01")
    js.enrolled(7, start="2027-02-01")
    js.carried_over(2 * YUAN_1000_FEN)
    shelf = shelf_of(js)
    (carried,) = [entry for entry in shelf.entries if entry.type == said_by.CARRYOVER_BOOKED]
    assert (carried.data["amount_fen"], carried.data["refused_fen"]) == (YUAN_1000_FEN, YUAN_1000_FEN)
    assert carried.data["message_zh"]
    assert sum(posting.amount_fen for posting in carried.postings) == 0
    assert [shelf.budgets[key].allocated_fen for key in (THIS_YEAR, NEXT_YEAR)] == [200_000, 100_000]
    assert shelf.budgets[NEXT_YEAR].funder_level == "provincial"
    assert shelf.awards["32-00007"].state == "reserved"


def test_a_budget_is_exhausted_again_after_a_carry_over_that_does_not_carry_all_who_wait() -> None:
    js = committed(reserved=0)
    js.day("2027-02-01")
    for n in (7, 8):
        js.enrolled(n, start="2027-02-01")
    js.carried_over(YUAN_1000_FEN)
    shelf = shelf_of(js)
    assert [award.state for award in shelf.awards.values()] == ["reserved", "waitlisted"]
    assert [entry.type for entry in shelf.entries].count(said_by.BUDGET_EXHAUSTED) == 2


def test_a_cut_takes_nothing_from_those_whose_turn_is_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    js, shelf = Province(), Shelf(RULES)
    for n in range(5):
        js.enrolled(n)
    shelf.take([read(fact) for fact in js.facts])
    shelf.take([read(js.allocated(5 * YUAN_1000_FEN)), read(js.adjusted(-5 * YUAN_1000_FEN))])
    for _ in range(2):
        shelf.take([])
    assert [award.state for award in shelf.awards.values()] == ["reserved"] * 5


def test_a_cut_derives_again_from_its_stored_inputs() -> None:
    js = committed()
    js.adjusted(-10 * YUAN_1000_FEN)
    inputs = shelf_of(js).decided()[-1].inputs
    assert (inputs["free_fen"], inputs["amount_fen"], inputs["policy"]) == (100_000, 1_000_000, "clamp")


async def test_changes_of_budgets_are_booked_in_the_real_ledger_and_told_to_the_province(
    subsidy: Service,
) -> None:
    js = committed()
    js.adjusted(50_000)
    js.adjusted(-100_000)
    js.carried_over(YUAN_1000_FEN)
    js.adjusted(-1)
    await subsidy.take(*js.facts)

    told = [short(fact) for fact in await subsidy.published("provinces.{lane}.decisions")]
    assert told[-4:] == [
        "budget.increased 2026",
        "budget.reduced 2026",
        "carryover.booked 2027",
        "budget.change_refused 2026",
    ]
    assert dict(await subsidy.budget())["allocated_fen"] == 200_000
    assert dict(await subsidy.budget(year=2027))["allocated_fen"] == 50_000
    assert await subsidy.faults() == {}
