"""What becomes of awards and scholarships when the event that they rest on counts no more, or is corrected.

Where it is corrected, the event that takes its place follows at once: until then nobody else is given the money.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.subsidy.domain.awarding import begin_reservation, let_go, move_queue
from services.subsidy.domain.book import Award, Book, Budget, move
from services.subsidy.domain.clawing_back import claw_back
from services.subsidy.domain.expiring import come_back, may_come_back, sought_fen, uncover
from services.subsidy.domain.noting import cause_of, note, write_down
from services.subsidy.domain.schemes import Rules
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.envelope import Fact

Voided = Fact[enrollment.EventVoidedFact]


def void(rules: Rules, book: Book, fact: Voided) -> None:
    """Take back what a fact has led to; history and what was refused has led to nothing."""
    undo = _UNDO.get(fact.data.voided_type)
    award = book.awards.get(enrollment_no(fact) or "")
    if undo is not None and award is not None:
        undo(rules, book, award, fact)


def enrollment_no(fact: Voided) -> str | None:
    """The enrollment that a voided fact was about."""
    voided = fact.data.voided
    return voided.get("enrollment_no") if voided is not None else None


def reverses(fact: Voided) -> bool:
    """Whether a booked scholarship is taken back."""
    return fact.data.voided_type == provinces.SCHOLARSHIP_AWARDED


def _void_enrollment(_rules: Rules, book: Book, award: Award, fact: Voided) -> None:
    """Its award is void, and comes again with the enrollment; corrected, it keeps its rank and confirmation."""
    cause, corrected = cause_of(fact), fact.data.superseded_by is not None
    was, held_fen = award.state, award.held_fen
    postings = let_go(book, award, "voided")
    if not corrected:
        if award.fund_source:
            book.queue(book.budget(award.budget_key)).drop(award)
        award.rank, award.confirmed, award.withdrawn = 0, False, False
        book.leave(award)
    if was not in ("reserved", "granted", "waitlisted"):
        return
    inputs = {"state": was, "amount_fen": award.amount_fen, "corrected": corrected}
    steps = [{"step": "voided", "amount_fen": held_fen}]
    note(book, award, cause, subsidy.SUBSIDY_VOIDED, inputs, steps, {"was": was}, postings)
    claw_back(book, award, cause, "corrected" if corrected else "voided")
    if not corrected:
        move_queue(book, book.budgets[award.budget_key], cause)


def _void_confirmation(_rules: Rules, book: Book, award: Award, fact: Voided) -> None:
    """What was granted is reserved again; what was paid of it stays paid until the award is let go."""
    if fact.data.superseded_by is not None or not award.confirmed:
        return
    award.confirmed, award.changed = False, True
    if award.state != "granted":
        return
    budget = book.budgets[award.budget_key]
    postings = move(budget, "granted", "reserved", award.unpaid_fen)
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "confirmed": False}
    award.state = "reserved"
    said = begin_reservation(book, award)
    steps = [{"step": "confirmation_voided", "amount_fen": award.amount_fen}]
    note(book, award, cause_of(fact), subsidy.SUBSIDY_GRANT_REVERSED, inputs, steps, said, postings)


def _void_withdrawal(rules: Rules, book: Book, award: Award, fact: Voided) -> None:
    """The award comes back at the rank that it had: with its money if that is free, otherwise into the queue."""
    amount_fen = sought_fen(rules, award)
    if fact.data.superseded_by is not None:
        return
    award.withdrawn, award.changed = False, True
    if not may_come_back(award) or amount_fen <= 0:
        return
    award.amount_fen, award.changed = amount_fen, True
    come_back(rules, book, award, cause_of(fact), "withdrawal_voided")


def _void_scholarship(rules: Rules, book: Book, award: Award, fact: Voided) -> None:
    """What was booked of it goes back to its pot; an award that it had covered stands again before others have that."""
    cause = cause_of(fact)
    freed: list[Budget] = []
    for key, booked_fen in book.booked_of(fact.data.voided_fact_id or ""):
        budget = book.budgets[key]
        postings = move(budget, "scholarship", "available", booked_fen)
        award.scholarship_fen -= booked_fen
        award.changed = True
        said = _reversed(award, fact, key[1:], booked_fen)
        inputs = {"booked_fen": booked_fen, "scholarship_fen": award.scholarship_fen}
        steps = [{"step": "voided", "amount_fen": booked_fen}]
        write_down(book, award, cause, subsidy.SCHOLARSHIP_REVERSED, inputs, steps, said, postings)
        freed.append(budget)
    if fact.data.superseded_by is None:
        uncover(rules, book, award, cause)
        for budget in freed:
            move_queue(book, budget, cause)


def _reversed(award: Award, fact: Voided, pot: tuple[int, str], booked_fen: int) -> dict[str, Any]:
    voided = fact.data.voided or {}
    return {
        "scholarship_no": voided["scholarship_no"],
        "enrollment_no": award.enrollment_no,
        "fiscal_year": pot[0],
        "fund_source": pot[1],
        "funder_level": voided["funder"]["level"],
        "amount_fen": booked_fen,
        "categories": voided["enrollment"]["categories"],
        "track": voided["enrollment"]["track"],
    }


_UNDO: Final[Mapping[str, Callable[[Rules, Book, Award, Voided], None]]] = {
    provinces.WORKER_ENROLLED: _void_enrollment,
    provinces.ENROLLMENT_CONFIRMED: _void_confirmation,
    provinces.ENROLLMENT_WITHDRAWN: _void_withdrawal,
    provinces.SCHOLARSHIP_AWARDED: _void_scholarship,
}
"""Allocations and payments are not voided: accounts are changed by further entries (see the door's `not_voidable`)."""
