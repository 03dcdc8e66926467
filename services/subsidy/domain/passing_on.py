"""Passes a person's entitlement on: who has asked earliest has it, on its own lane, with the rank that it had there."""

from collections.abc import Sequence
from datetime import date

from services.subsidy.domain import in_parts
from services.subsidy.domain.awarding import let_go, move_queue, said_state
from services.subsidy.domain.book import HELD, WAITING, Again, Award, Book, Cause
from services.subsidy.domain.expiring import come_back, may_come_back, sought_fen
from services.subsidy.domain.fiscal_year import fiscal_year
from services.subsidy.domain.lifetime import Asker, Entitlement, holder_of, inputs_of, step_of
from services.subsidy.domain.noting import note
from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.settling import give_up_early
from shared.contracts import subsidy


def pass_on(rules: Rules, book: Book, lane: str, cause: Cause) -> None:
    """Call who comes next where somebody has left: at once on this lane, on another one by its owner.

    It holds the entitlement from now on, so nobody overtakes it meanwhile.
    """
    while book.unsettled:
        entitlement = book.entitlement(min(book.unsettled))
        book.unsettled.discard(entitlement.key)
        for asker in (*entitlement.call_next(), *entitlement.crowded()):
            again = Again(asker.lane, asker.enrollment_no, entitlement.key, cause)
            if asker.lane == lane:
                look_again(rules, book, again)
            else:
                book.again.append(again)


def look_again(rules: Rules, book: Book, again: Again) -> None:
    """Look at an enrollment that was called, or that history may have left without its entitlement."""
    entitlement = book.entitlement(again.entitlement)
    asker, parts = entitlement.asker(again.enrollment_no), book.parts(again.enrollment_no)
    if asker is None or not parts or not asker.holds:
        return  # it was withdrawn or voided meanwhile
    if any(award.state in (*HELD, "committed") for award in parts):
        return  # what has money, or was promised a later year's, keeps it
    if waiting := [award for award in parts if award.state in WAITING]:
        if len(entitlement.held_by(asker.enrollment_no)) >= asker.limit:
            _step_back(book, waiting, entitlement, asker, again.cause)
    elif in_parts.has_had_no_turn(rules, parts):
        in_parts.take_turn(rules, book, parts, entitlement, asker.limit, again.cause)
    else:
        _take_up(rules, book, parts, again.cause)


def _take_up(rules: Rules, book: Book, parts: Sequence[Award], cause: Cause) -> None:
    """Its fiscal year is the one that it had while that is open, otherwise the current one."""
    sought = False
    for award in parts:
        amount_fen = sought_fen(book, award)
        if amount_fen <= 0 or not may_come_back(award):
            continue
        first_day = date(award.fiscal_year, 1, 1)
        award.fiscal_year = fiscal_year(first_day, book.lane(award.lane).day, rules.year_closing)
        award.amount_fen, award.changed, sought = amount_fen, True, True
        come_back(rules, book, award, cause, "entitled")
    if not sought:
        book.leave(parts[0])  # scholarships have paid the tuition meanwhile


def _step_back(
    book: Book, waiting: Sequence[Award], entitlement: Entitlement, asker: Asker, cause: Cause
) -> None:
    """History has used up the limit while an award waited for money: it leaves its queue, and waits to be called."""
    entitlement.put(asker.lane, asker.enrollment_no, asker.limit, holds=False)
    for award in waiting:
        _leave_queue(book, award, entitlement, asker, cause)
    for key in sorted({award.budget_key for award in waiting}):
        move_queue(book, book.budget(key), cause)


def _leave_queue(book: Book, award: Award, entitlement: Entitlement, asker: Asker, cause: Cause) -> None:
    why, was = "lifetime_limit", award.state
    inputs = {
        "state": was,
        "amount_fen": award.amount_fen,
        "disbursed_fen": award.disbursed_fen,
        "why": why,
        "limit": asker.limit,
        **inputs_of(entitlement, award.enrollment_no),
    }
    steps = [
        step_of(asker.limit, inputs["held_by"]),
        {"step": "lifetime_limit", "amount_fen": award.amount_fen},
    ]
    lane, enrollment_no = holder_of(steps[0])
    said = {"was": said_state(was), "why": why, "held_by_lane": lane, "held_by_enrollment_no": enrollment_no}
    let_go(book, award, "released")
    note(book, award, cause, subsidy.SUBSIDY_RELEASED, inputs, steps, said)
    give_up_early(book, award, cause)
