"""Reservations that no institution has confirmed in time expire with the day that ends them, never by a clock."""

from datetime import date
from typing import Any

from services.subsidy.domain import entitling
from services.subsidy.domain.awarding import refuse_beyond_limit, release, reserve, stand_in_queue
from services.subsidy.domain.book import Award, Book, Cause
from services.subsidy.domain.fiscal_year import fiscal_year
from services.subsidy.domain.judging import ReturnInputs, judge_return
from services.subsidy.domain.lifetime import step_of
from services.subsidy.domain.schemes import Rules


def expire(book: Book, lane: str, cause: Cause) -> None:
    """Release what is due on the lane's day, in the order of days and ranks; what is too much for one batch goes on."""
    page = book.lane(lane)
    while page.day is not None and (award := book.next_due(lane, page.day)) is not None:
        release(book, award, cause, "expired")
    page.expiring = cause if lane in book.cut_off else None
    page.changed = True


def confirm_late(rules: Rules, book: Book, award: Award, start: date, cause: Cause) -> None:
    """Confirmed after the expiry: money if it is free and nobody waits ahead, otherwise the old place in the queue.

    The budget is the one of its fiscal year while that is open, otherwise of the current one, as for a new enrollment.
    """
    amount_fen = sought_fen(rules, award)
    if amount_fen <= 0:
        return  # scholarships have paid the tuition meanwhile
    award.fiscal_year = fiscal_year(start, book.lane(award.lane).day, rules.year_closing)
    award.amount_fen, award.changed = amount_fen, True
    come_back(rules, book, award, cause, "confirmed_late")


def may_come_back(award: Award) -> bool:
    """Whether nothing keeps an award from standing but scholarships that pay its tuition, or the person's limit."""
    let_go = award.state == "released" or (award.state == "expired" and award.confirmed)
    let_go = let_go or (award.state == "refused" and award.level != "")
    return let_go and not award.withdrawn


def sought_fen(rules: Rules, award: Award) -> int:
    """What an award's scheme gives towards the tuition that scholarships leave; not above 0 where they leave none."""
    scheme = rules.scheme_of(award.scheme, award.scheme_version)
    most_fen = scheme.amount_base_fen if scheme else award.amount_fen
    return min(most_fen, award.tuition_fen - award.scholarship_fen)


def uncover(rules: Rules, book: Book, award: Award, cause: Cause) -> None:
    """A scholarship counts no more: who waits needs more again, and who was covered by it stands again at the old rank.

    What an award holds already stays as it is.
    """
    amount_fen = sought_fen(rules, award)
    if award.state == "waitlisted" and amount_fen > award.amount_fen:
        award.amount_fen, award.changed = amount_fen, True
    elif amount_fen > 0 and may_come_back(award):
        award.amount_fen, award.changed = amount_fen, True
        come_back(rules, book, award, cause, "scholarship_voided")


def come_back(rules: Rules, book: Book, award: Award, cause: Cause, step: str) -> None:
    """Let an award stand again at the rank that it had: with money where nobody waits ahead, otherwise in the queue.

    Where another enrollment holds the person's award it is refused; one that waits to be called goes on waiting.
    """
    budget = book.budget(award.budget_key)
    ahead = book.queue(budget).ahead_of(award.rank, budget.waiting)
    inputs = ReturnInputs(
        state=award.state,
        amount_fen=award.amount_fen,
        lacking_fen=book.lacking_fen(award),
        free_fen=budget.free_fen,
        rank=award.rank,
        ahead=ahead,
    )
    inputs |= entitling.asked_again(rules, book, award)  # type: ignore[typeddict-item]
    outcome = judge_return(inputs)
    if outcome == "refused" and entitling.is_waiting(book, award):
        return
    steps: list[dict[str, Any]] = [{"step": step, "amount_fen": award.amount_fen}]
    award.state, award.changed = outcome, True
    entitling.keep(rules, book, award, None)
    if outcome == "refused":
        steps.append(step_of(inputs["limit"], inputs["held_by"]))
        refuse_beyond_limit(book, award, cause, inputs, steps)
    elif outcome == "reserved":
        reserve(book, budget, award, cause, inputs, steps)
    else:
        stand_in_queue(book, budget, award, cause, inputs, steps)
