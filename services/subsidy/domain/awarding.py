"""What becomes of one award and of the queue for its money."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from services.subsidy.domain import projecting
from services.subsidy.domain.book import HELD, Award, Book, Budget, Cause, Posting, State, move
from services.subsidy.domain.clawing_back import claw_back, net, restore
from services.subsidy.domain.judging import (
    CalledInputs,
    EnrollmentInputs,
    Outcome,
    ReturnInputs,
    judge_return,
)
from services.subsidy.domain.lifetime import holder_of
from services.subsidy.domain.noting import note, write_down
from services.subsidy.domain.sentences import FORGONE, HELD_BACK, REFUSED
from services.subsidy.domain.settling import book_early, give_up_early
from shared.contracts import subsidy


def refuse(book: Book, award: Award, outcome: Outcome, inputs: EnrollmentInputs, cause: Cause) -> None:
    """Say that no scheme gives the enrollment anything."""
    if outcome.code == "lifetime_limit":
        refuse_beyond_limit(book, award, cause, inputs, outcome.steps)
        return
    code = outcome.code or "no_scheme"
    zh, en = REFUSED[code]
    said = {"enrollment_no": award.enrollment_no, "code": code, "message_zh": zh, "message_en": en}
    write_down(book, award, cause, subsidy.SUBSIDY_REFUSED, inputs, outcome.steps, said)


def refuse_beyond_limit(
    book: Book,
    award: Award,
    cause: Cause,
    inputs: EnrollmentInputs | ReturnInputs | CalledInputs,
    steps: list[dict[str, Any]],
) -> None:
    """Say that another enrollment holds the person's award, and which one: the last step names it."""
    lane, enrollment_no = holder_of(steps[-1])
    holder = {"lane": lane, "enrollment_no": enrollment_no, "limit": steps[-1]["limit"]}
    zh, en = (sentence.format_map(holder) for sentence in REFUSED["lifetime_limit"])
    said = {
        "enrollment_no": award.enrollment_no,
        "code": "lifetime_limit",
        "held_by_lane": lane,
        "held_by_enrollment_no": enrollment_no,
        "message_zh": zh,
        "message_en": en,
    }
    write_down(book, award, cause, subsidy.SUBSIDY_REFUSED, inputs, steps, said)


def stand_in_queue(
    book: Book,
    budget: Budget,
    award: Award,
    cause: Cause,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
) -> None:
    """Put an award into its queue, at its rank."""
    was_held_back = award.state == "held_back"
    award.state, award.changed = "waitlisted", True
    queue = book.queue(budget)
    position = {"position": queue.ahead_of(award.rank, budget.waiting, award.part) + 1}
    queue.add(award)
    smallest_fen = budget.smallest_waiting_fen
    budget.smallest_waiting_fen = min(smallest_fen, award.amount_fen) if smallest_fen else award.amount_fen
    budget.waiting += 1
    budget.changed = True
    book.count_outside(award)
    kind = subsidy.SUBSIDY_ADMITTED if was_held_back else subsidy.SUBSIDY_WAITLISTED
    note(book, award, cause, kind, inputs, steps, position)
    _say_exhausted(book, budget, cause)


def hold_back(
    book: Book,
    budget: Budget,
    award: Award,
    cause: Cause,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
) -> None:
    """Let an award that another province has caused wait until it is confirmed, or the cap has room for it."""
    award.state, award.changed = "held_back", True
    queue = book.held_back_of(budget)
    position = queue.ahead_of(award.rank, budget.held_back, award.part) + 1
    queue.add(award)
    smallest_fen = budget.smallest_held_back_fen
    budget.smallest_held_back_fen = min(smallest_fen, award.amount_fen) if smallest_fen else award.amount_fen
    budget.held_back += 1
    budget.changed = True
    zh, en = HELD_BACK
    said = {
        "position": position,
        "waits_for": "confirmation",
        "message_zh": zh,
        "message_en": en,
    }
    note(book, award, cause, subsidy.SUBSIDY_WAITLISTED, inputs, steps, said)


def let_in(book: Book, award: Award, cause: Cause, step: Literal["let_in_confirmed", "let_in_cap"]) -> None:
    """An award was held back and is not any more: money at once where nobody waits ahead, otherwise its place."""
    budget, inputs = book.budget(award.budget_key), return_inputs(book, award)
    if not award.confirmed:
        inputs |= book.asked_from_outside(budget, *award.place)  # type: ignore[typeddict-item]
    steps = [{"step": step, "amount_fen": award.amount_fen}]
    _leave_held_back(book, budget, award)
    if award.confirmed and budget.held_back:
        book.freed.add(budget.key)  # who comes behind it may fit, though it did not
    if judge_return(inputs) == "reserved":
        reserve(book, budget, award, cause, inputs, steps, was_waitlisted=True)
    else:
        stand_in_queue(book, budget, award, cause, inputs, steps)


def return_inputs(book: Book, award: Award) -> ReturnInputs:
    """What decides about an award that seeks money at the rank that it had, whatever else is asked of it."""
    budget = book.budget(award.budget_key)
    return ReturnInputs(
        state=award.state,
        amount_fen=award.amount_fen,
        lacking_fen=book.lacking_fen(award),
        free_fen=budget.free_fen,
        rank=award.rank,
        ahead=book.queue(budget).ahead_of(award.rank, budget.waiting, award.part),
    )


def _leave_held_back(book: Book, budget: Budget, award: Award) -> None:
    queue = book.held_back_of(budget)
    queue.leave(award.place)
    queue.drop(award)
    budget.held_back -= 1
    budget.changed = True
    if budget.held_back == 0:
        budget.smallest_held_back_fen = 0


def reserve(
    book: Book,
    budget: Budget,
    award: Award,
    cause: Cause,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    *,
    was_waitlisted: bool = False,
    lacking_fen: int = 0,
) -> None:
    """Hold money for an award, and grant it at once if it is earned; what was paid for it before counts again."""
    owed = book.owed(award)
    paid_fen = min(owed.open_fen, award.amount_fen) if owed else 0
    postings = move(budget, "available", "reserved", award.amount_fen - paid_fen)
    postings += move(budget, "receivable", "reserved", paid_fen)
    award.state, award.changed = "reserved", True
    book.count_outside(award)
    said: dict[str, Any] = {"was_waitlisted": True} if was_waitlisted else {}
    if lacking_fen:
        said["lacking_fen"] = lacking_fen
    earned = award.earned
    if not earned:
        said |= begin_reservation(book, award)
    note(book, award, cause, subsidy.SUBSIDY_RESERVED, inputs, steps, said, postings)
    if owed is not None:
        restore(book, budget, award, owed, paid_fen, cause)
    if earned:
        grant(book, budget, award, cause)


def commit(
    book: Book, award: Award, cause: Cause, inputs: Mapping[str, Any], steps: list[dict[str, Any]]
) -> None:
    """Promise a part of a later year of study: it holds no money until its fiscal year begins."""
    award.state, award.changed = "committed", True
    book.await_year(award)
    note(book, award, cause, subsidy.SUBSIDY_COMMITTED, inputs, steps, {})


def forgo(
    book: Book,
    award: Award,
    cause: Cause,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    lacking_fen: int,
) -> None:
    """Nothing comes of a part: its budget carries nothing of it, or nothing is left of the tuition."""
    zh, en = FORGONE["exhausted" if lacking_fen else "tuition_covered"]
    said = {"lacking_fen": lacking_fen, "message_zh": zh, "message_en": en}
    note(book, award, cause, subsidy.SUBSIDY_FORGONE, inputs, steps, said)


def end_commitment(book: Book, award: Award, cause: Cause, why: str) -> None:
    """A part of a later year of study is not asked any more."""
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "why": why}
    steps = [{"step": why, "amount_fen": award.amount_fen}]
    award.state, award.changed = "voided" if why == "voided" else "released", True
    note(book, award, cause, subsidy.SUBSIDY_COMMITMENT_ENDED, inputs, steps, {"why": why})


def begin_reservation(book: Book, award: Award) -> dict[str, Any]:
    """Let a reservation run from the lane's day on; what its fact says of that."""
    today = book.lane(award.lane).day
    days = award.completion_days if award.completion_days and award.confirmed else award.reservation_days
    if today is None or not days:
        return {}
    award.expires_on = today + timedelta(days=days)
    book.await_expiry(award)
    return {"expires_on": award.expires_on.isoformat()}


def grant(book: Book, budget: Budget, award: Award, cause: Cause) -> None:
    """It is confirmed, or completed: what is reserved is granted; what the worker owes is taken off what is paid."""
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "confirmed": award.confirmed}
    steps = [{"step": "confirmed", "amount_fen": award.amount_fen}]
    if award.completion_days:
        inputs["completed"] = True
        steps = [{"step": "course_completed", "amount_fen": award.amount_fen}]
    postings = move(budget, "reserved", "granted", award.unpaid_fen)
    award.state, award.expires_on, award.changed = "granted", None, True
    note(book, award, cause, subsidy.SUBSIDY_GRANTED, inputs, steps, {}, postings)
    net(book, budget, award, cause)
    book_early(book, award, cause)


def release(book: Book, award: Award, cause: Cause, why: str) -> None:
    """Free what the award holds and claw back what was paid, or take it out of its queue; then the queue moves."""
    release_all(book, (award,), cause, why)


def release_all(book: Book, awards: Sequence[Award], cause: Cause, why: str) -> None:
    """The same of several parts: none of them has a turn while the others are let go."""
    freed = {award.budget_key for award in awards if award.state != "committed"}
    for award in awards:
        end(book, award, cause, why)
    for key in sorted(freed):
        move_queue(book, book.budget(key), cause)


def end(book: Book, award: Award, cause: Cause, why: str) -> None:
    """Let an award go, and say so; what it frees stays free until its queue moves."""
    if award.state == "committed":
        end_commitment(book, award, cause, why)
        give_up_early(book, award, cause)
        book.leave(award)
        return
    inputs = {
        "state": award.state,
        "amount_fen": award.amount_fen,
        "disbursed_fen": award.disbursed_fen,
        "why": why,
    }
    said = {"was": said_state(award.state), "why": why}
    steps = [{"step": why, "amount_fen": award.held_fen}]
    if why == "expired" and award.confirmed:
        steps = [{"step": "not_completed", "amount_fen": award.held_fen}]
    postings = let_go(book, award, "expired" if why == "expired" else "released")
    note(book, award, cause, subsidy.SUBSIDY_RELEASED, inputs, steps, said, postings)
    claw_back(book, award, cause, why)
    give_up_early(book, award, cause)
    book.leave(award)


def let_go(book: Book, award: Award, state: State) -> tuple[Posting, ...]:
    """Put an award into a state in which it holds and waits for nothing; the money that this frees.

    What was paid stays where it is until it is clawed back.
    """
    postings: tuple[Posting, ...] = ()
    if award.state == "waitlisted":
        _leave_queue(book, book.budgets[award.budget_key], award)
    elif award.state == "held_back":
        _leave_held_back(book, book.budgets[award.budget_key], award)
    elif award.state in HELD:
        postings = move(book.budgets[award.budget_key], award.state, "available", award.unpaid_fen)
    award.state, award.expires_on, award.changed = state, None, True
    book.count_outside(award)
    return postings


def said_state(state: State) -> State:
    """A state in the words of the contracts: who is held back waits."""
    return "waitlisted" if state == "held_back" else state


def _leave_queue(book: Book, budget: Budget, award: Award) -> None:
    """One award waits no more."""
    book.queue(budget).leave(award.place)
    budget.waiting -= 1
    budget.changed = True
    if budget.waiting == 0:
        budget.smallest_waiting_fen = 0
        budget.exhausted = True  # until it is said that nobody waits: that may be in a later batch
        book.eased.add(budget.key)


def move_queue(book: Book, budget: Budget, cause: Cause) -> None:
    """Give free money to those who wait, strictly in rank order: nobody is passed over, however small.

    Who is held back comes into the queue before it moves, as far as the cap has room, however many batches that takes.
    """
    drained = budget.drain
    budget.drain = cause  # while it moves nobody is told that it is exhausted
    more_come_in = budget.held_back > 0 and _let_in_within_cap(book, budget, cause)
    queue = book.queue(budget)
    while queue.awards and not more_come_in:
        award = queue.awards[0]
        if award.state == "waitlisted":
            if book.lacking_fen(award) > budget.free_fen:
                break
            _take_turn(book, budget, award, cause)
        queue.awards.popleft()
    cut_off = more_come_in or (budget.waiting > 0 and not queue.awards and not queue.complete)
    drain = cause if cut_off else None
    budget.changed = budget.changed or drain != drained
    budget.drain = drain
    (book.draining.add if drain else book.draining.discard)(budget.key)
    if budget.waiting:
        _say_exhausted(book, budget, cause)


def _let_in_within_cap(book: Book, budget: Budget, cause: Cause) -> bool:
    """Let in who is held back, in rank order, as far as the cap has room; whether more have to be loaded for it."""
    queue = book.held_back_of(budget)
    while queue.awards:
        award = queue.awards[0]
        if award.amount_fen > book.outside_room_fen(budget):
            return False
        let_in(book, award, cause, "let_in_cap")
    if queue.complete or not budget.held_back:
        return False
    return book.outside_room_fen(budget) >= budget.smallest_held_back_fen


def hand_down(book: Book, cause: Cause) -> None:
    """Move the queues of budgets that were owed money which has come back, or whose cap has freed, meanwhile."""
    while book.freed:
        key = min(book.freed)
        book.freed.discard(key)
        move_queue(book, book.budgets[key], cause)


def _take_turn(book: Book, budget: Budget, award: Award, cause: Cause) -> None:
    inputs = {
        "state": "waitlisted",
        "rank": award.rank,
        "amount_fen": award.amount_fen,
        "free_fen": budget.free_fen,
        "confirmed": award.confirmed,
    }
    _leave_queue(book, budget, award)
    steps = [{"step": "turn", "rank": award.rank, "amount_fen": award.amount_fen}]
    reserve(book, budget, award, cause, inputs, steps, was_waitlisted=True)


def _say_exhausted(book: Book, budget: Budget, cause: Cause) -> None:
    if budget.exhausted or budget.drain is not None:
        return
    budget.exhausted = budget.changed = True
    if (cause.id, budget.key) in book.said_exhausted:
        return
    book.said_exhausted.add((cause.id, budget.key))
    said = {
        "fiscal_year": budget.fiscal_year,
        "fund_source": budget.fund_source,
        "allocated_fen": budget.allocated_fen,
        "free_fen": budget.free_fen,
    }
    projecting.say(book, budget, cause, subsidy.BUDGET_EXHAUSTED, {"waiting": budget.waiting}, said)
