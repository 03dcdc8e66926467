"""What a batch must load: the awards, budgets and heads of queues that its facts may touch."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from services.subsidy.domain import voiding
from services.subsidy.domain.book import Book, BudgetKey
from services.subsidy.domain.fiscal_year import possible_years
from services.subsidy.domain.schemes import Rules
from shared.contracts import enrollment, provinces
from shared.contracts.envelope import Fact

MOVE_MAX: Final = 2_000
"""At most this many awards of one queue move in one batch; the rest goes on in the next ones."""

Facts = Sequence[tuple[str, Fact[Any]]]
"""Facts with their lanes, in each lane's order."""

_FREEING: Final = frozenset(
    {provinces.ENROLLMENT_WITHDRAWN, provinces.SCHOLARSHIP_AWARDED, provinces.EVENT_VOIDED}
)
_ABOUT_AWARDS: Final = frozenset(
    {
        provinces.ENROLLMENT_WITHDRAWN,
        provinces.SCHOLARSHIP_AWARDED,
        provinces.WORKER_ENROLLED,
        provinces.ENROLLMENT_CONFIRMED,
    }
)


def award_nos(facts: Facts) -> list[str]:
    """The enrollments whose awards the facts touch."""
    return sorted({number for _, fact in facts if (number := _enrollment_no(fact)) is not None})


def reversed_causes(facts: Facts) -> list[str]:
    """The facts of scholarships that are taken back."""
    return [
        fact.data.voided_fact_id
        for _, fact in facts
        if fact.type == provinces.EVENT_VOIDED and voiding.reverses(fact)
    ]


def _enrollment_no(fact: Fact[Any]) -> str | None:
    if fact.type == provinces.EVENT_VOIDED:
        return voiding.enrollment_no(fact)
    return fact.data.enrollment_no if fact.type in _ABOUT_AWARDS else None


def budget_keys(rules: Rules, book: Book, facts: Facts) -> set[BudgetKey]:
    """The budgets that the facts may touch; lanes and awards are loaded before."""
    days: dict[str, set[date]] = {lane: {page.day} for lane, page in book.lanes.items() if page.day}
    for lane, fact in facts:
        if fact.type == enrollment.DAY_BEGAN:
            days.setdefault(lane, set()).add(fact.data.day)
    keys = {award.budget_key for award in book.awards.values() if award.fund_source}
    keys |= {key for booked in book.booked.values() for key, _ in booked}
    for lane, fact in facts:
        data = fact.data
        if fact.type in (provinces.BUDGET_ALLOCATED, provinces.BUDGET_ADJUSTED):
            keys.add((lane, data.fiscal_year, data.fund_source))
        elif fact.type == provinces.BUDGET_CARRIED_OVER:
            keys.update(
                (lane, year, data.fund_source) for year in (data.from_fiscal_year, data.to_fiscal_year)
            )
        elif fact.type == provinces.WORKER_ENROLLED:
            scheme = rules.scheme_for(lane, data.start, data.track)
            if scheme is not None:
                years = possible_years(data.start, days.get(lane, ()))
                keys.update((lane, year, scheme.fund_source) for year in years)
        elif fact.type == provinces.SCHOLARSHIP_AWARDED:
            years = possible_years(data.awarded_on, days.get(lane, ()))
            keys.update((lane, year, data.fund_source) for year in years)
    return keys


def queue_lengths(book: Book, facts: Facts) -> dict[BudgetKey, int]:
    """How much of which queue to load: as many awards as all money that the facts may free could carry.

    An award that leaves its queue, or shrinks in it, counts as money too: those behind it come into reach.
    """
    money_fen: dict[BudgetKey, int] = defaultdict(int)
    for lane, fact in facts:
        data = fact.data
        if fact.type in (provinces.BUDGET_ALLOCATED, provinces.BUDGET_ADJUSTED):
            money_fen[lane, data.fiscal_year, data.fund_source] += data.amount_fen
        elif fact.type == provinces.BUDGET_CARRIED_OVER:
            money_fen[lane, data.to_fiscal_year, data.fund_source] += data.amount_fen
        elif fact.type in _FREEING and (award := book.awards.get(_enrollment_no(fact) or "")):
            money_fen[award.budget_key] += award.amount_fen
    for booked in book.booked.values():
        for key, booked_fen in booked:
            money_fen[key] += booked_fen
    lengths = {}
    for budget in book.budgets.values():
        if budget.waiting:
            carried = 0
            if budget.drain or budget.key in money_fen:
                carried = (budget.free_fen + money_fen[budget.key]) // budget.smallest_waiting_fen
            # One more than can move: a head that stays tells a queue at rest from one that was cut off.
            lengths[budget.key] = min(carried + 1, MOVE_MAX)
    return lengths
