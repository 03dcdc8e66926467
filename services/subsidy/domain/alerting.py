"""How full a budget is, said when it gets there and when it is past: each threshold once, until it was cleared."""

from collections.abc import Mapping
from typing import Any, Final

from services.subsidy.domain.book import Book, Budget, Cause
from services.subsidy.domain.noting import note_budget
from shared.contracts import subsidy

THRESHOLDS: Final = (80, 95, 100)
"""Percent of a budget that is held, paid, owed or booked."""
CLEARED_BELOW: Final[Mapping[int, int]] = {80: 75, 95: 90, 100: 95}
"""Percent below which a threshold is past: a margin, so that one award that goes and one that comes say nothing."""


def watch(book: Book, cause: Cause, since: int, *also: Budget) -> None:
    """Say what the entries from number `since` on have changed, and of the budgets in `also`."""
    for key in sorted(book.eased):
        budget = book.budgets[key]
        if not budget.waiting:
            note_budget(book, budget, cause, subsidy.BUDGET_RECOVERED, {"waiting": 0}, _left(budget))
    book.eased.clear()
    touched = {
        id(posting.budget): posting.budget for entry in book.entries[since:] for posting in entry.postings
    }
    touched |= {id(budget): budget for budget in also}
    budgets = list(touched.values())
    if len(budgets) > 1:
        budgets.sort(key=lambda budget: budget.key)
    for budget in budgets:
        if budget.drain is None:  # while its queue moves, nobody knows yet where it will end
            _compare(book, budget, cause)


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
    note_budget(book, budget, cause, kind, inputs, said)


def _left(budget: Budget) -> dict[str, Any]:
    return {
        "fiscal_year": budget.fiscal_year,
        "fund_source": budget.fund_source,
        "allocated_fen": budget.allocated_fen,
        "free_fen": budget.free_fen,
    }
