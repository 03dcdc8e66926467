"""What a day brings, never a clock: what nobody has confirmed expires, what was committed for its year is asked."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.subsidy.domain import entitling, outside
from services.subsidy.domain.awarding import (
    commit,
    end,
    hold_back,
    refuse_beyond_limit,
    release,
    reserve,
    return_inputs,
    stand_in_queue,
)
from services.subsidy.domain.book import STANDING, WAITING, Award, Book, Cause
from services.subsidy.domain.fiscal_year import begins, fiscal_year
from services.subsidy.domain.judging import ReturnInputs, judge_return
from services.subsidy.domain.lifetime import step_of
from services.subsidy.domain.schemes import Rules


def expire(rules: Rules, book: Book, lane: str, cause: Cause) -> None:
    """Release what is due on the lane's day, in the order of days and ranks, then ask for its year's commitments.

    What is too much for one batch goes on.
    """
    page = book.lane(lane)
    page.changed, page.expiring = True, None
    if page.day is None:
        return
    while not book.drains(lane) and (award := book.next_due(lane, page.day)) is not None:
        if not book.may_let_go(award):  # reserved in this batch, out of a queue
            page.expiring = cause
            return
        release(book, award, cause, "expired")
    last_due = book.cut_off.get(lane)
    if book.drains(lane) or (last_due is not None and last_due[0] <= page.day):
        page.expiring = cause
        return
    while (award := book.next_commitment(lane, page.day.year)) is not None:
        _ask(rules, book, award, cause)
    last = book.more_commitments.get(lane)
    page.expiring = cause if last is not None and last[0] <= page.day.year else None


def _ask(rules: Rules, book: Book, award: Award, cause: Cause) -> None:
    """The fiscal year of a commitment has begun: money, or its rank in the queue, while the worker studies.

    Who has left, and what is void, was let go when that was told.
    """
    if award.completions:
        end(book, award, cause, "completed")
    else:
        come_back(rules, book, award, cause, "year_begun")


def renew(rules: Rules, book: Book, award: Award, start: date) -> bool:
    """Confirmed or completed after the expiry: let an award be sought anew, unless scholarships pay the tuition now.

    The budget is the one of its fiscal year while that is open, otherwise of the current one, as for a new enrollment.
    """
    amount_fen = sought_fen(book, award)
    if amount_fen <= 0:
        return False
    effective = begins(start, award.year_of_study)
    award.fiscal_year = fiscal_year(effective, book.lane(award.lane).day, rules.year_closing)
    award.amount_fen, award.changed = amount_fen, True
    return True


def may_come_back(award: Award) -> bool:
    """Whether nothing keeps an award from standing but scholarships that pay its tuition, or the person's limit."""
    let_go = award.state == "released" or (award.state == "expired" and award.earned)
    let_go = let_go or (award.state == "refused" and award.level != "")
    not_needed = award.year_of_study > 1 and award.completions > 0
    return let_go and not award.withdrawn and not not_needed


def sought_fen(book: Book, award: Award) -> int:
    """What an award comes to within the tuition that scholarships and its other parts leave: 0 or less if none."""
    others_fen = sum(
        one.amount_fen
        for one in (book.parts(award.enrollment_no) if award.parts > 1 else ())
        if one is not award and one.state in STANDING
    )
    return min(award.asked_fen, award.tuition_fen - award.scholarship_fen - others_fen)


def uncover(rules: Rules, book: Book, parts: Sequence[Award], cause: Cause) -> None:
    """A scholarship counts no more: who waits needs more again, and who was covered by it stands again at the old rank.

    What an award holds already stays as it is.
    """
    for award in parts:
        amount_fen = sought_fen(book, award)
        if award.state in (*WAITING, "committed") and amount_fen > award.amount_fen:
            award.amount_fen, award.changed = amount_fen, True
            book.count_outside(award)
        elif amount_fen > 0 and may_come_back(award):
            award.amount_fen, award.changed = amount_fen, True
            come_back(rules, book, award, cause, "scholarship_voided")


def come_back(rules: Rules, book: Book, award: Award, cause: Cause, step: str) -> None:
    """Let an award stand again at the rank that it had: with money where nobody waits ahead, otherwise in the queue.

    Where another enrollment holds the person's award it is refused; one that waits to be called goes on waiting.
    """
    steps: list[dict[str, Any]] = [{"step": step, "amount_fen": award.amount_fen}]
    budget, inputs = book.budget(award.budget_key), _return_inputs(rules, book, award)
    outcome, waits = judge_return(inputs), entitling.is_waiting(book, award)
    holds_already = not award.level or book.stands(award.enrollment_no)
    award.state, award.changed = outcome, True
    if outcome == "refused" and waits:
        return
    if not holds_already:
        entitling.keep(rules, book, award, None)
    if outcome == "refused":
        steps.append(step_of(inputs["limit"], inputs["held_by"]))
        refuse_beyond_limit(book, award, cause, inputs, steps)
    elif is_later(book, award):
        asked = ("state", "amount_fen", "rank", "limit", "level", "held_by")
        later = {name: value for name, value in inputs.items() if name in asked}
        commit(book, award, cause, later, steps)
    elif outcome == "reserved":
        reserve(book, budget, award, cause, inputs, steps)
    elif outcome == "held_back":
        steps += outside.steps_of(inputs, award.amount_fen)
        hold_back(book, budget, award, cause, inputs, steps)
    else:
        stand_in_queue(book, budget, award, cause, inputs, steps)


def _return_inputs(rules: Rules, book: Book, award: Award) -> ReturnInputs:
    """What decides about an award that comes back; where there is a limit, who holds the person's awards."""
    inputs = return_inputs(book, award)
    inputs |= entitling.asked_again(rules, book, award)  # type: ignore[typeddict-item]
    if award.outside and not award.confirmed:
        inputs |= book.asked_from_outside(book.budget(award.budget_key), *award.place)  # type: ignore[typeddict-item]
    return inputs


def is_later(book: Book, award: Award) -> bool:
    """Whether the fiscal year of a part of a later year of study has not begun: nothing is asked of its budget yet."""
    today = book.lane(award.lane).day
    return award.year_of_study > 1 and today is not None and award.fiscal_year > today.year
