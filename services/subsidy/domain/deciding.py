"""Decides one fact after another in a lane's order: what is reserved, granted, released, booked, queued."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from services.subsidy.domain.book import Award, Book, Budget, Cause, Entry, Posting, move
from services.subsidy.domain.fiscal_year import fiscal_year
from services.subsidy.domain.judging import (
    EnrollmentInputs,
    Outcome,
    ScholarshipInputs,
    judge_enrollment,
    judge_scholarship,
)
from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.sentences import EXCEEDS, REFUSED
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.envelope import Fact

READ: Final[Mapping[str, type[BaseModel]]] = {
    kind: enrollment.FACT_MODELS[kind]
    for kind in (
        provinces.WORKER_ENROLLED,
        provinces.ENROLLMENT_CONFIRMED,
        provinces.ENROLLMENT_WITHDRAWN,
        provinces.SCHOLARSHIP_AWARDED,
        provinces.BUDGET_ALLOCATED,
        enrollment.DAY_BEGAN,
    )
}
"""Facts that move money, and the day. A plan is an intention: it is not read here."""

TO_PROVINCE: Final = frozenset(
    {
        subsidy.SUBSIDY_RESERVED,
        subsidy.SUBSIDY_GRANTED,
        subsidy.SUBSIDY_WAITLISTED,
        subsidy.SUBSIDY_RELEASED,
        subsidy.SUBSIDY_REFUSED,
        subsidy.SCHOLARSHIP_BOOKED,
        subsidy.SCHOLARSHIP_EXCEEDS_BUDGET,
        subsidy.SCHOLARSHIP_EXCEEDS_TUITION,
    }
)
"""Decisions about awards and scholarships: they go back to the province too."""


def decide(rules: Rules, book: Book, lane: str, fact: Fact[Any]) -> None:
    """Decide one fact: the book moves on, and what was decided stands at the end of `book.entries`."""
    _DECIDE[fact.type](rules, book, lane, fact)


def go_on(book: Book, budget: Budget) -> None:
    """Hand money down a queue that was too long for one batch."""
    if budget.drain is not None:
        _move_queue(book, budget, budget.drain)


def _begin_day(_rules: Rules, book: Book, lane: str, fact: Fact[enrollment.DayBegan]) -> None:
    page = book.lane(lane)
    page.day, page.changed = fact.data.day, True


def _allocate(_rules: Rules, book: Book, lane: str, fact: Fact[provinces.BudgetAllocated]) -> None:
    data, cause = fact.data, _cause(fact)
    budget = book.budget((lane, data.fiscal_year, data.fund_source))
    inputs = {
        "document_no": data.document_no,
        "amount_fen": data.amount_fen,
        "before_fen": budget.allocated_fen,
    }
    if not budget.funder_level:
        budget.funder_level = data.funder.level
    postings = move(budget, "allocated", "available", data.amount_fen)
    budget.exhausted = False
    said = {
        "fiscal_year": data.fiscal_year,
        "fund_source": data.fund_source,
        "funder_level": data.funder.level,
        "amount_fen": data.amount_fen,
        "allocated_fen": budget.allocated_fen,
    }
    _note_budget(book, budget, cause, subsidy.BUDGET_OPENED, inputs, said, postings)
    _move_queue(book, budget, cause)


def _enroll(rules: Rules, book: Book, lane: str, fact: Fact[enrollment.WorkerEnrolledFact]) -> None:
    data = fact.data
    if data.history:
        return
    if data.enrollment_no in book.awards:
        raise ValueError("an enrollment came twice: its number should be unique nationwide")
    today = book.lane(lane).day
    year = fiscal_year(data.start, today, rules.year_closing)
    scheme = rules.scheme_for(lane, data.start, data.track)
    budget = book.budget((lane, year, scheme.fund_source)) if scheme else None
    inputs = EnrollmentInputs(
        lane=lane,
        start=data.start.isoformat(),
        today=today.isoformat() if today else None,
        track=data.track,
        categories=data.worker.categories,
        tuition_fen=data.tuition_fen,
        rank=fact.seq,
        free_fen=budget.free_fen if budget else 0,
        waiting=budget.waiting if budget else 0,
    )
    outcome = judge_enrollment(rules, inputs)
    award = Award(
        data.enrollment_no,
        lane,
        fact.subject or "",
        outcome.state,
        year,
        budget.fund_source if budget and outcome.state != "refused" else "",
        outcome.amount_fen,
        data.tuition_fen,
        0,
        fact.seq,
        confirmed=False,
        scheme=scheme.name if scheme else "",
        scheme_version=scheme.version if scheme else 0,
        categories=data.worker.categories,
        track=data.track,
        new=True,
    )
    book.awards[award.enrollment_no] = award
    if budget is None or outcome.code is not None:
        _refuse(book, award, outcome, inputs, _cause(fact))
    elif outcome.state == "reserved":
        postings = move(budget, "available", "reserved", award.amount_fen)
        _note(book, award, _cause(fact), subsidy.SUBSIDY_RESERVED, inputs, outcome.steps, {}, postings)
    else:
        _put_in_queue(book, budget, award, outcome, inputs, _cause(fact))


def _refuse(book: Book, award: Award, outcome: Outcome, inputs: EnrollmentInputs, cause: Cause) -> None:
    code = outcome.code or "no_scheme"
    zh, en = REFUSED[code]
    said = {"enrollment_no": award.enrollment_no, "code": code, "message_zh": zh, "message_en": en}
    _append(book, award, cause, subsidy.SUBSIDY_REFUSED, inputs, outcome.steps, said)


def _put_in_queue(
    book: Book, budget: Budget, award: Award, outcome: Outcome, inputs: EnrollmentInputs, cause: Cause
) -> None:
    queue = book.queue(budget)
    if queue.complete:
        queue.awards.append(award)
    smallest_fen = budget.smallest_waiting_fen
    budget.smallest_waiting_fen = min(smallest_fen, award.amount_fen) if smallest_fen else award.amount_fen
    budget.waiting += 1
    budget.changed = True
    position = {"position": budget.waiting}
    _note(book, award, cause, subsidy.SUBSIDY_WAITLISTED, inputs, outcome.steps, position)
    _say_exhausted(book, budget, cause)


def _confirm(_rules: Rules, book: Book, _lane: str, fact: Fact[enrollment.EnrollmentConfirmedFact]) -> None:
    award = book.awards.get(fact.data.enrollment_no)
    if award is None or award.confirmed or award.state not in ("reserved", "waitlisted"):
        return  # history, refused, or withdrawn before: there is nothing to grant
    award.confirmed = award.changed = True
    if award.state == "reserved":
        _grant(book, book.budgets[award.budget_key], award, _cause(fact))


def _grant(book: Book, budget: Budget, award: Award, cause: Cause) -> None:
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "confirmed": True}
    postings = move(budget, "reserved", "granted", award.amount_fen)
    award.state, award.changed = "granted", True
    steps = [{"step": "confirmed", "amount_fen": award.amount_fen}]
    _note(book, award, cause, subsidy.SUBSIDY_GRANTED, inputs, steps, {}, postings)


def _withdraw(_rules: Rules, book: Book, _lane: str, fact: Fact[enrollment.EnrollmentWithdrawnFact]) -> None:
    award = book.awards.get(fact.data.enrollment_no)
    if award is None or award.state in ("released", "refused"):
        return
    _release(book, award, _cause(fact), "withdrawn")


def _release(book: Book, award: Award, cause: Cause, why: str) -> None:
    """Free what the award holds, or take it out of its queue; then the queue moves."""
    budget = book.budgets[award.budget_key]
    inputs = {"state": award.state, "amount_fen": award.amount_fen, "why": why}
    said = {"was": award.state, "why": why}
    steps = [{"step": why, "amount_fen": award.held_fen}]
    postings: tuple[Posting, ...] = ()
    if award.state == "waitlisted":
        _leave_queue(budget)
    elif award.state in ("reserved", "granted"):
        postings = move(budget, award.state, "available", award.amount_fen)
    award.state, award.changed = "released", True
    _note(book, award, cause, subsidy.SUBSIDY_RELEASED, inputs, steps, said, postings)
    _move_queue(book, budget, cause)


def _leave_queue(budget: Budget) -> None:
    budget.waiting -= 1
    budget.changed = True
    if budget.waiting == 0:
        budget.smallest_waiting_fen = 0
        budget.exhausted = False


def _move_queue(book: Book, budget: Budget, cause: Cause) -> None:
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
    _note(book, award, cause, subsidy.SUBSIDY_RESERVED, inputs, steps, said, postings)
    if award.confirmed:
        _grant(book, budget, award, cause)


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
    _note_budget(book, budget, cause, subsidy.BUDGET_EXHAUSTED, {"waiting": budget.waiting}, said)


def _book_scholarship(
    rules: Rules, book: Book, lane: str, fact: Fact[enrollment.ScholarshipAwardedFact]
) -> None:
    data, facts = fact.data, fact.data.enrollment
    if facts.history:
        return
    award = book.awards.get(data.enrollment_no) or _stub(book, lane, fact)
    today = book.lane(lane).day
    year = fiscal_year(data.awarded_on, today, rules.year_closing)
    budget = book.budget((lane, year, data.fund_source))
    inputs = ScholarshipInputs(
        awarded_fen=data.amount_fen,
        awarded_on=data.awarded_on.isoformat(),
        today=today.isoformat() if today else None,
        tuition_fen=award.tuition_fen,
        held_fen=award.held_fen,
        scholarship_fen=award.scholarship_fen,
        free_fen=budget.free_fen,
    )
    split = judge_scholarship(inputs)
    said = {
        "scholarship_no": data.scholarship_no,
        "enrollment_no": data.enrollment_no,
        "fiscal_year": budget.fiscal_year,
        "fund_source": data.fund_source,
        "awarded_fen": data.amount_fen,
    }
    cause = _cause(fact)
    if split.booked_fen:
        postings = move(budget, "available", "scholarship", split.booked_fen)
        award.scholarship_fen += split.booked_fen
        award.changed = True
        booked = {
            **said,
            "funder_level": data.funder.level,
            "amount_fen": split.booked_fen,
            "categories": facts.categories,
            "track": facts.track,
        }
        _append(book, award, cause, subsidy.SCHOLARSHIP_BOOKED, inputs, split.steps, booked, postings)
    for kind, over_fen in (
        (subsidy.SCHOLARSHIP_EXCEEDS_BUDGET, split.over_budget_fen),
        (subsidy.SCHOLARSHIP_EXCEEDS_TUITION, split.over_tuition_fen),
    ):
        if over_fen:
            zh, en = EXCEEDS[kind]
            returned = {**said, "exceeding_fen": over_fen, "message_zh": zh, "message_en": en}
            _append(book, award, cause, kind, inputs, split.steps, returned)
    _shrink_waiting(book, award, cause)


def _stub(book: Book, lane: str, fact: Fact[enrollment.ScholarshipAwardedFact]) -> Award:
    """An enrollment that holds no award: only its tuition and scholarships are kept."""
    facts = fact.data.enrollment
    award = Award(
        fact.data.enrollment_no,
        lane,
        fact.subject or "",
        "refused",
        facts.start.year,
        "",
        0,
        facts.tuition_fen,
        0,
        fact.seq,
        confirmed=False,
        scheme="",
        scheme_version=0,
        categories=facts.categories,
        track=facts.track,
        new=True,
    )
    book.awards[award.enrollment_no] = award
    return award


def _shrink_waiting(book: Book, award: Award, cause: Cause) -> None:
    """A scholarship leaves less tuition for an award that waits; it may now fit, or have nothing left."""
    room_fen = award.tuition_fen - award.scholarship_fen
    if award.state != "waitlisted" or award.amount_fen <= room_fen:
        return
    if room_fen == 0:
        _release(book, award, cause, "tuition_covered")
        return
    budget = book.budgets[award.budget_key]
    award.amount_fen, award.changed = room_fen, True
    budget.smallest_waiting_fen, budget.changed = min(budget.smallest_waiting_fen, room_fen), True
    _move_queue(book, budget, cause)


def _cause(fact: Fact[Any]) -> Cause:
    return Cause(fact.id, fact.time, fact.correlationid)


def _note(
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
    _append(book, award, cause, kind, inputs, steps, said, postings)


def _append(
    book: Book,
    award: Award,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    said: dict[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
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


def _note_budget(
    book: Book,
    budget: Budget,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    said: dict[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    about = f"{budget.fiscal_year}/{budget.fund_source}"
    no = book.next_entry(budget.lane)
    book.entries.append(
        Entry(budget.lane, no, kind, about, None, None, cause, None, None, inputs, [], said, postings)
    )


_DECIDE: Final[Mapping[str, Callable[[Rules, Book, str, Fact[Any]], None]]] = {
    provinces.WORKER_ENROLLED: _enroll,
    provinces.ENROLLMENT_CONFIRMED: _confirm,
    provinces.ENROLLMENT_WITHDRAWN: _withdraw,
    provinces.SCHOLARSHIP_AWARDED: _book_scholarship,
    provinces.BUDGET_ALLOCATED: _allocate,
    enrollment.DAY_BEGAN: _begin_day,
}
