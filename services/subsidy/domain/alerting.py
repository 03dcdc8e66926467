"""How full a budget is, said when it gets there and when it is past: each threshold once, until it was cleared."""

from collections.abc import Mapping
from typing import Any, Final

from services.subsidy.domain import projecting
from services.subsidy.domain.book import Book, Budget, BudgetKey, Cause
from services.subsidy.domain.noting import note_budget
from shared.contracts import subsidy

THRESHOLDS: Final = (80, 95, 100)
"""Percent of a budget that is held, paid, owed or booked."""
CLEARED_BELOW: Final[Mapping[int, int]] = {80: 75, 95: 90, 100: 95}
"""Percent below which a threshold is past: a margin, so that one award that goes and one that comes say nothing."""


def watch(book: Book, lane: str, cause: Cause, since: int) -> None:
    """Say what has changed by the entries from number `since` on, or since what has gone on over batches began.

    While it goes on nobody knows yet where a budget will end, and what is said of it is said once for each cause.
    """
    if book.goes_on(lane):
        return
    touched = {
        id(posting.budget): posting.budget for entry in book.entries[since:] for posting in entry.postings
    }
    eased = [book.budgets[key] for key in book.eased]
    book.eased.clear()
    if book.lane(lane).went_on:
        ours = [budget for budget in book.budgets.values() if budget.lane == lane]
        touched |= {id(budget): budget for budget in ours}
        eased, book.lane(lane).went_on = ours, False
    for budget in sorted(eased, key=_key):
        if budget.exhausted and not budget.waiting:
            budget.exhausted, budget.changed = False, True
            note_budget(book, budget, cause, subsidy.BUDGET_RECOVERED, {"waiting": 0}, _left(budget))
    for budget in sorted(touched.values(), key=_key) if len(touched) > 1 else touched.values():
        _compare(book, budget, cause)


def _key(budget: Budget) -> BudgetKey:
    return budget.key


def _compare(book: Book, budget: Budget, cause: Cause) -> None:
    used, whole = budget.used_fen * 100, budget.allocated_fen
    if not whole or (not budget.alerted_percent and used < THRESHOLDS[0] * whole):
        return
    while budget.alerted_percent and used < CLEARED_BELOW[budget.alerted_percent] * whole:
        cleared = budget.alerted_percent
        budget.alerted_percent = max((one for one in THRESHOLDS if one < cleared), default=0)
        _say(book, budget, cause, subsidy.BUDGET_THRESHOLD_CLEARED, cleared)
    for threshold in THRESHOLDS:
        if threshold > budget.alerted_percent and used >= threshold * whole:
            budget.alerted_percent = threshold
            _say(book, budget, cause, subsidy.BUDGET_THRESHOLD_REACHED, threshold)


def _say(book: Book, budget: Budget, cause: Cause, kind: str, percent: int) -> None:
    budget.changed = True
    said = {**_left(budget), "percent": percent, "used_fen": budget.used_fen}
    inputs = {"used_fen": budget.used_fen, "allocated_fen": budget.allocated_fen}
    projecting.say(book, budget, cause, kind, inputs, said)


def _left(budget: Budget) -> dict[str, Any]:
    return {
        "fiscal_year": budget.fiscal_year,
        "fund_source": budget.fund_source,
        "allocated_fen": budget.allocated_fen,
        "free_fen": budget.free_fen,
    }
