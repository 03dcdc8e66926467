"""What becomes of one award and of the queue for its money, and how each decision is written down."""

from collections.abc import Mapping
from typing import Any

from services.subsidy.domain.book import Award, Book, Budget, Cause, Entry, Posting, State, move
from services.subsidy.domain.judging import EnrollmentInputs, Outcome
from services.subsidy.domain.sentences import REFUSED
from shared.contracts import subsidy
from shared.contracts.envelope import Fact


def refuse(book: Book, award: Award, outcome: Outcome, inputs: EnrollmentInputs, cause: Cause) -> None:
    """Say that no scheme gives the enrollment anything."""
    code = outcome.code or "no_scheme"
    zh, en = REFUSED[code]
    said = {"enrollment_no": award.enrollment_no, "code": code, "message_zh": zh, "message_en": en}
    write_down(book, award, cause, subsidy.SUBSIDY_REFUSED, inputs, outcome.steps, said)


def stand_in_queue(
    book: Book,
    budget: Budget,
    award: Award,
    cause: Cause,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
) -> None:
    """Put an award into its queue, at its rank."""
    place = book.queue(budget).add(award)
    smallest_fen = budget.smallest_waiting_fen
    budget.smallest_waiting_fen = min(smallest_fen, award.amount_fen) if smallest_fen else award.amount_fen
    budget.waiting += 1
    budget.changed = True
    position = {"position": place if place is not None else budget.waiting}
    note(book, award, cause, subsidy.SUBSIDY_WAITLISTED, inputs, steps, position)
    _say_exhausted(book, budget, cause)


def grant(book: Book, budget: Budget, award: Award, cause: Cause) -> None:
    """The institution has confirmed: what is reserved is granted."""
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "confirmed": True}
    postings = move(budget, "reserved", "granted", award.amount_fen)
    award.state, award.changed = "granted", True
    steps = [{"step": "confirmed", "amount_fen": award.amount_fen}]
    note(book, award, cause, subsidy.SUBSIDY_GRANTED, inputs, steps, {}, postings)


def release(book: Book, award: Award, cause: Cause, why: str) -> None:
    """Free what the award holds, or take it out of its queue; then the queue moves."""
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "why": why}
    said = {"was": award.state, "why": why}
    steps = [{"step": why, "amount_fen": award.held_fen}]
    postings = let_go(book, award, "released")
    note(book, award, cause, subsidy.SUBSIDY_RELEASED, inputs, steps, said, postings)
    move_queue(book, book.budgets[award.budget_key], cause)


def let_go(book: Book, award: Award, state: State) -> tuple[Posting, ...]:
    """Put an award into a state in which it holds and waits for nothing; the money that this moves."""
    postings: tuple[Posting, ...] = ()
    if award.state == "waitlisted":
        _leave_queue(book.budgets[award.budget_key])
    elif award.state in ("reserved", "granted"):
        postings = move(book.budgets[award.budget_key], award.state, "available", award.amount_fen)
    award.state, award.changed = state, True
    return postings


def _leave_queue(budget: Budget) -> None:
    """One award waits no more."""
    budget.waiting -= 1
    budget.changed = True
    if budget.waiting == 0:
        budget.smallest_waiting_fen = 0
        budget.exhausted = False


def move_queue(book: Book, budget: Budget, cause: Cause) -> None:
    """Give free money to those who wait, strictly in rank order: nobody is passed over, however small."""
    queue = book.queue(budget)
    while queue.awards:
        award = queue.awards[0]
        if award.state == "waitlisted":
            if award.amount_fen > budget.free_fen:
                break
            _take_turn(book, budget, award, cause)
        queue.awards.popleft()
    drain = cause if budget.waiting and not queue.awards and not queue.complete else None
    budget.changed = budget.changed or drain != budget.drain
    budget.drain = drain
    if budget.waiting:
        _say_exhausted(book, budget, cause)


def _take_turn(book: Book, budget: Budget, award: Award, cause: Cause) -> None:
    inputs = {
        "state": "waitlisted",
        "rank": award.rank,
        "amount_fen": award.amount_fen,
        "free_fen": budget.free_fen,
        "confirmed": award.confirmed,
    }
    _leave_queue(budget)
    postings = move(budget, "available", "reserved", award.amount_fen)
    award.state, award.changed = "reserved", True
    steps = [{"step": "turn", "rank": award.rank, "amount_fen": award.amount_fen}]
    said = {"was_waitlisted": True}
    note(book, award, cause, subsidy.SUBSIDY_RESERVED, inputs, steps, said, postings)
    if award.confirmed:
        grant(book, budget, award, cause)


def _say_exhausted(book: Book, budget: Budget, cause: Cause) -> None:
    if budget.exhausted or budget.drain is not None:
        return
    budget.exhausted = budget.changed = True
    said = {
        "fiscal_year": budget.fiscal_year,
        "fund_source": budget.fund_source,
        "allocated_fen": budget.allocated_fen,
        "free_fen": budget.free_fen,
    }
    note_budget(book, budget, cause, subsidy.BUDGET_EXHAUSTED, {"waiting": budget.waiting}, said)


def cause_of(fact: Fact[Any]) -> Cause:
    """A fact as the cause of what is decided about it."""
    return Cause(fact.id, fact.time, fact.correlationid)


def note(
    book: Book,
    award: Award,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    more: Mapping[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    """Write down a decision about an award, in the words of its contract."""
    said = {
        "award_id": f"award-{award.enrollment_no}",
        "enrollment_no": award.enrollment_no,
        "fiscal_year": award.fiscal_year,
        "fund_source": award.fund_source,
        "amount_fen": award.amount_fen,
        "scheme": award.scheme,
        "scheme_version": award.scheme_version,
        "categories": award.categories,
        "track": award.track,
        **more,
    }
    write_down(book, award, cause, kind, inputs, steps, said, postings)


def write_down(
    book: Book,
    award: Award,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    said: dict[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    """Write down a decision, in the words that its contract asks for."""
    book.entries.append(
        Entry(
            award.lane,
            book.next_entry(award.lane),
            kind,
            award.enrollment_no,
            award.enrollment_no,
            award.worker_ref,
            cause,
            award.scheme or None,
            award.scheme_version or None,
            inputs,
            steps,
            said,
            postings,
        )
    )


def note_budget(
    book: Book,
    budget: Budget,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    said: dict[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    """Write down what becomes of a budget."""
    about = f"{budget.fiscal_year}/{budget.fund_source}"
    no = book.next_entry(budget.lane)
    book.entries.append(
        Entry(budget.lane, no, kind, about, None, None, cause, None, None, inputs, [], said, postings)
    )
