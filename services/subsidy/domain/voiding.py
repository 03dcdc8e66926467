"""What becomes of awards and scholarships when the event that they rest on counts no more, or is corrected.

Where it is corrected, the event that takes its place follows at once: until then nobody else is given the money.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from services.subsidy.domain.awarding import begin_reservation, end_commitment, let_go, move_queue, said_state
from services.subsidy.domain.book import HELD, WAITING, Award, Book, Budget, BudgetKey, move
from services.subsidy.domain.clawing_back import claw_back
from services.subsidy.domain.completing import completes
from services.subsidy.domain.expiring import come_back, may_come_back, sought_fen, uncover
from services.subsidy.domain.noting import cause_of, note, write_down
from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.settling import give_up_early
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.envelope import Fact

Voided = Fact[enrollment.EventVoidedFact]
Ungranted = Literal["confirmation_voided", "completion_voided"]


def void(rules: Rules, book: Book, fact: Voided) -> None:
    """Take back what a fact has led to; history and what was refused has led to nothing."""
    undo = _UNDO.get(fact.data.voided_type)
    parts = book.parts(enrollment_no(fact) or "")
    if undo is not None and parts:
        undo(rules, book, parts, fact)


def enrollment_no(fact: Voided) -> str | None:
    """The enrollment that a voided fact was about."""
    voided = fact.data.voided
    return voided.get("enrollment_no") if voided is not None else None


def reverses(fact: Voided) -> bool:
    """Whether a booked scholarship is taken back."""
    return fact.data.voided_type == provinces.SCHOLARSHIP_AWARDED


def _void_enrollment(_rules: Rules, book: Book, parts: Sequence[Award], fact: Voided) -> None:
    """Its award is void, and comes again with the enrollment; corrected, it keeps its rank and confirmation."""
    corrected = fact.data.superseded_by is not None
    freed = {key for award in parts if (key := _let_go(book, award, fact)) is not None}
    if corrected:
        book.freed.clear()  # the room under the cap, too, is kept for what follows
        return
    for key in sorted(freed):
        move_queue(book, book.budgets[key], cause_of(fact))


def _let_go(book: Book, award: Award, fact: Voided) -> BudgetKey | None:
    """Void one part; the budget whose queue may move by that."""
    cause, corrected = cause_of(fact), fact.data.superseded_by is not None
    was, held_fen = award.state, award.held_fen
    if was == "committed":
        end_commitment(book, award, cause, "voided")
        if not corrected:  # otherwise what takes its place may be granted what was paid
            give_up_early(book, award, cause)
    postings = let_go(book, award, "voided")
    if not corrected:
        if (queue := book.queues.get(award.budget_key)) is not None:
            queue.drop(award)
        award.rank, award.confirmed, award.withdrawn, award.completions = 0, False, False, 0
        book.leave(award)
    if was not in (*HELD, *WAITING):
        return None
    inputs = {"state": was, "amount_fen": award.amount_fen, "corrected": corrected}
    steps = [{"step": "voided", "amount_fen": held_fen}]
    note(book, award, cause, subsidy.SUBSIDY_VOIDED, inputs, steps, {"was": said_state(was)}, postings)
    claw_back(book, award, cause, "corrected" if corrected else "voided")
    if not corrected:
        give_up_early(book, award, cause)
    return award.budget_key


def _void_confirmation(_rules: Rules, book: Book, parts: Sequence[Award], fact: Voided) -> None:
    """What was granted is reserved again; what was paid of it stays paid until the award is let go."""
    if fact.data.superseded_by is not None or not parts[0].confirmed:
        return
    for award in parts:
        award.confirmed, award.changed = False, True
        book.count_outside(award)
    for award in parts:
        if award.completion_days:
            if award.state == "reserved":
                begin_reservation(book, award)
        elif award.state == "granted":
            _ungrant(book, award, fact, "confirmation_voided")


def _void_completion(rules: Rules, book: Book, parts: Sequence[Award], fact: Voided) -> None:
    """A course that is not completed after all: what was granted for it is reserved again, commitments stand again."""
    if not completes(fact.data.voided_type, parts[0].track) or not parts[0].completions:
        return
    for award in parts:
        award.completions -= 1
        award.changed = True
    if fact.data.superseded_by is not None or parts[0].completions:
        return
    for award in parts:
        amount_fen = sought_fen(book, award)
        if award.completion_days and award.state == "granted":
            _ungrant(book, award, fact, "completion_voided")
        elif award.year_of_study > 1 and may_come_back(award) and amount_fen > 0:
            award.amount_fen = amount_fen
            come_back(rules, book, award, cause_of(fact), "completion_voided")


def _ungrant(book: Book, award: Award, fact: Voided, step: Ungranted) -> None:
    budget = book.budgets[award.budget_key]
    postings = move(budget, "granted", "reserved", award.unpaid_fen)
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "confirmed": award.confirmed}
    award.state = "reserved"
    said = begin_reservation(book, award)
    steps = [{"step": step, "amount_fen": award.amount_fen}]
    note(book, award, cause_of(fact), subsidy.SUBSIDY_GRANT_REVERSED, inputs, steps, said, postings)


def _void_withdrawal(rules: Rules, book: Book, parts: Sequence[Award], fact: Voided) -> None:
    """The award comes back at the rank that it had: with its money if that is free, otherwise into the queue."""
    if fact.data.superseded_by is not None:
        return
    for award in parts:
        award.withdrawn, award.changed = False, True
    for award in parts:
        amount_fen = sought_fen(book, award)
        if may_come_back(award) and amount_fen > 0:
            award.amount_fen = amount_fen
            come_back(rules, book, award, cause_of(fact), "withdrawal_voided")


def _void_scholarship(rules: Rules, book: Book, parts: Sequence[Award], fact: Voided) -> None:
    """What was booked of it goes back to its pot; an award that it had covered stands again before others have that."""
    cause, first = cause_of(fact), parts[0]
    freed: list[Budget] = []
    for key, booked_fen in book.booked_of(fact.data.voided_fact_id or ""):
        budget = book.budgets[key]
        postings = move(budget, "scholarship", "available", booked_fen)
        for award in parts:
            award.scholarship_fen -= booked_fen
            award.changed = True
        said = _reversed(first, fact, key[1:], booked_fen)
        inputs = {"booked_fen": booked_fen, "scholarship_fen": first.scholarship_fen}
        steps = [{"step": "voided", "amount_fen": booked_fen}]
        write_down(book, first, cause, subsidy.SCHOLARSHIP_REVERSED, inputs, steps, said, postings)
        freed.append(budget)
    if fact.data.superseded_by is None:
        uncover(rules, book, parts, cause)
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


_UNDO: Final[Mapping[str, Callable[[Rules, Book, Sequence[Award], Voided], None]]] = {
    provinces.WORKER_ENROLLED: _void_enrollment,
    provinces.ENROLLMENT_CONFIRMED: _void_confirmation,
    provinces.ENROLLMENT_WITHDRAWN: _void_withdrawal,
    provinces.DEGREE_COMPLETED: _void_completion,
    provinces.TRAINING_COMPLETED: _void_completion,
    provinces.CERTIFICATE_EARNED: _void_completion,
    provinces.SCHOLARSHIP_AWARDED: _void_scholarship,
}
"""Allocations and payments are not voided: accounts are changed by further entries (see the door's `not_voidable`)."""
