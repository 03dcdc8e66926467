"""Decides one fact after another in a lane's order: what is reserved, granted, released, booked, queued."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from services.subsidy.domain import (
    activating,
    adjusting,
    alerting,
    clawing_back,
    completing,
    entitling,
    expiring,
    flows,
    in_parts,
    passing_on,
    settling,
    voiding,
)
from services.subsidy.domain.awarding import (
    begin_reservation,
    grant,
    hand_down,
    hold_back,
    let_in,
    move_queue,
    refuse,
    release_all,
    reserve,
    stand_in_queue,
)
from services.subsidy.domain.book import (
    STANDING,
    WAITING,
    Again,
    Award,
    Book,
    Budget,
    BudgetKey,
    Cause,
    LaneBook,
    move,
)
from services.subsidy.domain.fiscal_year import fiscal_year
from services.subsidy.domain.judging import (
    EnrollmentInputs,
    Outcome,
    ScholarshipInputs,
    judge_enrollment,
    judge_scholarship,
)
from services.subsidy.domain.noting import cause_of, note_budget, write_down
from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.sentences import EXCEEDS
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.envelope import Fact

READ: Final[Mapping[str, type[BaseModel]]] = {
    kind: enrollment.FACT_MODELS[kind]
    for kind in (
        provinces.WORKER_ENROLLED,
        provinces.ENROLLMENT_CONFIRMED,
        provinces.ENROLLMENT_WITHDRAWN,
        *completing.COMPLETIONS,
        provinces.SCHOLARSHIP_AWARDED,
        provinces.PAYMENT_SETTLED,
        provinces.PAYMENT_RETURNED,
        provinces.DEBT_WRITTEN_OFF,
        provinces.BUDGET_ALLOCATED,
        provinces.BUDGET_ADJUSTED,
        provinces.BUDGET_CARRIED_OVER,
        provinces.EVENT_VOIDED,
        provinces.SCHEME_ACTIVATED,
        enrollment.DAY_BEGAN,
    )
}
"""Facts that move money, the rules by which it moves, and the day. A plan is an intention: it is not read here."""

TO_PROVINCE: Final = frozenset(
    {
        subsidy.SUBSIDY_RESERVED,
        subsidy.SUBSIDY_GRANTED,
        subsidy.SUBSIDY_WAITLISTED,
        subsidy.SUBSIDY_ADMITTED,
        subsidy.SUBSIDY_RELEASED,
        subsidy.SUBSIDY_FORGONE,
        subsidy.SUBSIDY_COMMITTED,
        subsidy.SUBSIDY_COMMITMENT_ENDED,
        subsidy.SUBSIDY_REFUSED,
        subsidy.SUBSIDY_VOIDED,
        subsidy.SUBSIDY_GRANT_REVERSED,
        subsidy.SCHOLARSHIP_REVERSED,
        subsidy.SCHOLARSHIP_BOOKED,
        subsidy.SCHOLARSHIP_EXCEEDS_BUDGET,
        subsidy.SCHOLARSHIP_EXCEEDS_TUITION,
        subsidy.SUBSIDY_DISBURSED,
        subsidy.SUBSIDY_RETURNED,
        subsidy.SUBSIDY_CLAWED_BACK,
        subsidy.CLAWBACK_REPAID,
        subsidy.CLAWBACK_WRITTEN_OFF,
        subsidy.PAYMENT_UNMATCHED,
        subsidy.BUDGET_INCREASED,
        subsidy.BUDGET_REDUCED,
        subsidy.BUDGET_CHANGE_REFUSED,
        subsidy.CARRYOVER_BOOKED,
        subsidy.SCHEME_ADOPTED,
        subsidy.SCHEME_REFUSED,
    }
)
"""Decisions about what the province has asked for: they go back to it too."""


def decide(rules: Rules, book: Book, lane: str, fact: Fact[Any]) -> None:
    """Decide one fact: the book moves on, and what was decided stands at the end of `book.entries`."""
    rules = activating.rules_of(rules, book, lane)
    since, cause = len(book.entries), cause_of(fact)
    _DECIDE[fact.type](rules, book, lane, fact)
    passing_on.pass_on(rules, book, lane, cause)
    _end(book, lane, cause, since)


def _end(book: Book, lane: str, cause: Cause, since: int) -> None:
    """What follows from the entries from number `since` on, once all of one cause is decided."""
    hand_down(book, cause)
    flows.count(book)
    alerting.watch(book, lane, cause, since)


def goes_on(book: Book, lane: str) -> bool:
    """Whether what a fact has begun on the lane was too much for one batch: nothing more is decided before its end.

    So how records come in batches decides nothing. What is to be loaded under other rules comes in the next one, too.
    """
    return book.lane(lane).rules_changed or book.goes_on(lane)


def go_on(book: Book, budget: Budget) -> None:
    """Hand money down a queue that was too long for one batch."""
    if budget.drain is not None:
        since, cause = len(book.entries), budget.drain
        move_queue(book, budget, cause)
        _end(book, budget.lane, cause, since)


def look_again(rules: Rules, book: Book, again: Again) -> None:
    """Look at an enrollment to which another lane has left the person's entitlement."""
    rules = activating.rules_of(rules, book, again.lane)
    since = len(book.entries)
    passing_on.look_again(rules, book, again)
    passing_on.pass_on(rules, book, again.lane, again.cause)
    _end(book, again.lane, again.cause, since)


def go_on_expiring(rules: Rules, book: Book, page: LaneBook) -> None:
    """Expire reservations that were too many for one batch."""
    if page.expiring is not None:
        rules = activating.rules_of(rules, book, page.lane)
        since, cause = len(book.entries), page.expiring
        expiring.expire(rules, book, page.lane, cause)
        passing_on.pass_on(rules, book, page.lane, cause)
        _end(book, page.lane, cause, since)


def _begin_day(rules: Rules, book: Book, lane: str, fact: Fact[enrollment.DayBegan]) -> None:
    book.lane(lane).day = fact.data.day
    expiring.expire(rules, book, lane, cause_of(fact))


def _allocate(_rules: Rules, book: Book, lane: str, fact: Fact[provinces.BudgetAllocated]) -> None:
    data, cause = fact.data, cause_of(fact)
    budget = book.budget((lane, data.fiscal_year, data.fund_source))
    inputs = {
        "document_no": data.document_no,
        "amount_fen": data.amount_fen,
        "before_fen": budget.allocated_fen,
    }
    if adjusting.too_large(budget, data.amount_fen):
        adjusting.refuse(book, budget, cause, data, "allocation", inputs, "too_large")
        return
    if not budget.opened:
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
    note_budget(book, budget, cause, subsidy.BUDGET_OPENED, inputs, said, postings)
    move_queue(book, budget, cause)


def _enroll(rules: Rules, book: Book, lane: str, fact: Fact[enrollment.WorkerEnrolledFact]) -> None:
    data, cause = fact.data, cause_of(fact)
    were = book.parts(data.enrollment_no)
    before = were[0] if were else None
    if before is not None and before.state != "voided":
        raise ValueError("an enrollment came twice: its number should be unique nationwide")
    if data.history:
        for award in were:
            book.leave(award)
        _move_queues(book, cause, *were)
        return
    year = fiscal_year(data.start, book.lane(lane).day, rules.year_closing)
    scheme = rules.scheme_for(lane, data.start, data.track)
    budget = book.budget((lane, year, scheme.fund_source)) if scheme else None
    inputs = _enrollment_inputs(book, lane, fact, before, budget)
    inputs |= entitling.asked_by(book, scheme, fact)  # type: ignore[typeddict-item]
    if scheme is not None and scheme.parts:
        in_parts.add_inputs(rules, book, scheme, fact, inputs)
    outcome = judge_enrollment(rules, inputs)
    award = _new_award(fact, lane, year, budget, inputs, outcome, before)
    entitling.keep(rules, book, award, before)
    if outcome.parts or (scheme is not None and scheme.parts and outcome.code == "lifetime_limit"):
        place = in_parts.stand if outcome.parts else in_parts.set_aside
        parts = place(book, award, inputs, outcome, cause)
        settling.give_up_early(book, award, cause)
        if were:
            _move_queues(book, cause, *were, *parts)
        return
    book.put_in_place([award])
    _stand(book, budget, award, outcome, inputs, cause)
    settling.give_up_early(book, award, cause)
    if were:
        _move_queues(book, cause, *were, award)


def _stand(
    book: Book, budget: Budget | None, award: Award, outcome: Outcome, inputs: EnrollmentInputs, cause: Cause
) -> None:
    """Put an award of one part where it was judged to stand."""
    if budget is None or outcome.code is not None:
        refuse(book, award, outcome, inputs, cause)
        covered = outcome.code == "nothing_to_pay" and award.scholarship_fen
        if covered and budget is not None and outcome.scheme is not None and not outcome.scheme.parts:
            # Nothing is left of its tuition but what scholarships pay: it stands again where they count no more.
            award.state, award.fund_source = "released", budget.fund_source
            award.level = inputs.get("level", "")  # then it asks for the person's entitlement
    elif award.withdrawn:
        award.state = "released"  # corrected after the worker had left: kept in case that is voided
    elif outcome.state == "reserved":
        reserve(book, budget, award, cause, inputs, outcome.steps)
    elif outcome.state == "held_back":
        hold_back(book, budget, award, cause, inputs, outcome.steps)
    else:
        stand_in_queue(book, budget, award, cause, inputs, outcome.steps)


def _enrollment_inputs(
    book: Book,
    lane: str,
    fact: Fact[enrollment.WorkerEnrolledFact],
    before: Award | None,
    budget: Budget | None,
) -> EnrollmentInputs:
    """What decides about an award; one that comes again, corrected, has its old rank and what was booked for it."""
    data, today = fact.data, book.lane(lane).day
    claim = book.claims.get((data.enrollment_no, budget.fiscal_year, budget.fund_source)) if budget else None
    rank = before.rank if before is not None and before.rank else fact.seq
    booked_fen = before.scholarship_fen if before is not None else 0
    inputs = EnrollmentInputs(
        lane=lane,
        start=data.start.isoformat(),
        today=today.isoformat() if today else None,
        track=data.track,
        categories=data.worker.categories,
        tuition_fen=max(0, data.tuition_fen - booked_fen),
        rank=rank,
        free_fen=(budget.free_fen if budget else 0) + (claim.open_fen if claim else 0),
        waiting=book.queue(budget).ahead_of(rank, budget.waiting) if budget else 0,
    )
    if budget is not None and waits_for_confirmation(lane, fact, before):
        inputs |= book.asked_from_outside(budget, rank)  # type: ignore[typeddict-item]
    return inputs


def waits_for_confirmation(
    lane: str, fact: Fact[enrollment.WorkerEnrolledFact], before: Award | None
) -> bool:
    """Whether another province has reported an enrollment that the funding one has not confirmed."""
    return fact.data.reported_by != lane and (before is None or not before.confirmed)


def _new_award(
    fact: Fact[enrollment.WorkerEnrolledFact],
    lane: str,
    year: int,
    budget: Budget | None,
    inputs: EnrollmentInputs,
    outcome: Outcome,
    before: Award | None,
) -> Award:
    data = fact.data
    booked_fen = before.scholarship_fen if before is not None else 0
    return Award(
        data.enrollment_no,
        lane,
        fact.subject or "",
        outcome.state,
        year,
        budget.fund_source if budget and outcome.seeks_money else "",
        outcome.amount_fen,
        data.tuition_fen,
        booked_fen,  # stays so until its scholarship is voided, though it may be above a corrected tuition
        inputs["rank"],
        confirmed=before is not None and before.confirmed,
        scheme=outcome.scheme.name if outcome.scheme else "",
        scheme_version=outcome.scheme.version if outcome.scheme else 0,
        categories=data.worker.categories,
        track=data.track,
        reservation_days=outcome.scheme.reservation_days if outcome.scheme else 0,
        withdrawn=before is not None and before.withdrawn,
        asked_fen=outcome.scheme.amount_base_fen if outcome.scheme else 0,
        completions=before.completions if before is not None else 0,
        level=inputs.get("level", "") if outcome.seeks_money else "",
        outside=data.reported_by != lane,
        paid_early=before is not None and before.paid_early,
        new=True,
        replaces=before is not None,
    )


def _move_queues(book: Book, cause: Cause, *awards: Award) -> None:
    """What a correction has freed goes to those who wait, once the award that it is about has had its turn."""
    for key in sorted({award.budget_key for award in awards if award.fund_source}):
        move_queue(book, book.budget(key), cause)


def _confirm(rules: Rules, book: Book, _lane: str, fact: Fact[enrollment.EnrollmentConfirmedFact]) -> None:
    parts, cause = book.parts(fact.data.enrollment_no), cause_of(fact)
    if not parts or parts[0].confirmed:
        return  # history
    for award in parts:
        # Kept where there is nothing to grant, too: what is refused may be corrected, and a withdrawal voided.
        award.confirmed = award.changed = True
        book.count_outside(award)
    for award in parts:
        if award.state == "held_back":
            let_in(book, award, cause, "let_in_confirmed")
        elif award.completion_days:
            if award.state == "reserved":
                begin_reservation(book, award)
        elif award.state == "expired" and not award.withdrawn:
            if expiring.renew(rules, book, award, fact.data.enrollment.start):
                expiring.come_back(rules, book, award, cause, "confirmed_late")
        elif award.state == "reserved":
            grant(book, book.budgets[award.budget_key], award, cause)


def _withdraw(_rules: Rules, book: Book, _lane: str, fact: Fact[enrollment.EnrollmentWithdrawnFact]) -> None:
    parts = book.parts(fact.data.enrollment_no)
    for award in parts:
        award.withdrawn = award.changed = True
    standing = [award for award in parts if award.state in STANDING]
    release_all(book, standing, cause_of(fact), "withdrawn")
    for award in parts:
        book.leave(award)  # who only waits to be called, too


def _settle(rules: Rules, book: Book, lane: str, fact: settling.Settled) -> None:
    if fact.data.enrollment.history:
        entitling.count_history(rules, book, lane, fact, fact.data.amount_fen)
    else:
        settling.settle(book, lane, fact)


def _take_back(rules: Rules, book: Book, lane: str, fact: settling.Returned) -> None:
    if fact.data.enrollment.history:
        entitling.count_history(rules, book, lane, fact, -fact.data.amount_fen)
    settling.take_back(book, lane, fact)  # it may have become history since it was paid


def _book_scholarship(
    rules: Rules, book: Book, lane: str, fact: Fact[enrollment.ScholarshipAwardedFact]
) -> None:
    data, facts = fact.data, fact.data.enrollment
    if facts.history:
        return
    parts = book.parts(data.enrollment_no) or [_stub(book, lane, fact)]
    award = parts[0]
    today = book.lane(lane).day
    year = fiscal_year(data.awarded_on, today, rules.year_closing)
    budget = book.budget((lane, year, data.fund_source))
    inputs = ScholarshipInputs(
        awarded_fen=data.amount_fen,
        awarded_on=data.awarded_on.isoformat(),
        today=today.isoformat() if today else None,
        tuition_fen=award.tuition_fen,
        held_fen=sum(one.held_fen for one in parts),
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
    cause = cause_of(fact)
    if split.booked_fen:
        postings = move(budget, "available", "scholarship", split.booked_fen)
        for one in parts:
            one.scholarship_fen += split.booked_fen
            one.changed = True
        booked = {
            **said,
            "funder_level": data.funder.level,
            "amount_fen": split.booked_fen,
            "categories": facts.categories,
            "track": facts.track,
        }
        write_down(book, award, cause, subsidy.SCHOLARSHIP_BOOKED, inputs, split.steps, booked, postings)
    for kind, over_fen in (
        (subsidy.SCHOLARSHIP_EXCEEDS_BUDGET, split.over_budget_fen),
        (subsidy.SCHOLARSHIP_EXCEEDS_TUITION, split.over_tuition_fen),
    ):
        if over_fen:
            zh, en = EXCEEDS[kind]
            returned = {**said, "exceeding_fen": over_fen, "message_zh": zh, "message_en": en}
            write_down(book, award, cause, kind, inputs, split.steps, returned)
    _shrink_waiting(book, parts, cause)
    expiring.uncover(rules, book, parts, cause)
    move_queue(book, budget, cause)


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


def _shrink_waiting(book: Book, parts: Sequence[Award], cause: Cause) -> None:
    """A scholarship leaves less tuition for what waits or is committed; it may now fit, or have nothing left."""
    room_fen = parts[0].tuition_fen - parts[0].scholarship_fen - sum(one.held_fen for one in parts)
    covered: list[Award] = []
    moved: set[BudgetKey] = set()
    for award in parts:
        if award.state not in (*WAITING, "committed"):
            continue
        left_fen = max(0, room_fen)
        room_fen -= award.amount_fen
        if left_fen == 0:
            covered.append(award)
        elif award.amount_fen > left_fen:
            award.amount_fen, award.changed = left_fen, True
            if award.state in WAITING:
                _note_smaller(book.budgets[award.budget_key], award)
                book.count_outside(award)
                moved.add(award.budget_key)
    release_all(book, covered, cause, "tuition_covered")
    for key in sorted(moved):
        move_queue(book, book.budgets[key], cause)


def _note_smaller(budget: Budget, award: Award) -> None:
    """An award that waits has shrunk."""
    budget.changed = True
    if award.state == "waitlisted":
        budget.smallest_waiting_fen = min(budget.smallest_waiting_fen, award.amount_fen)
    else:
        budget.smallest_held_back_fen = min(budget.smallest_held_back_fen, award.amount_fen)


_DECIDE: Final[Mapping[str, Callable[[Rules, Book, str, Fact[Any]], None]]] = {
    provinces.WORKER_ENROLLED: _enroll,
    provinces.ENROLLMENT_CONFIRMED: _confirm,
    provinces.ENROLLMENT_WITHDRAWN: _withdraw,
    provinces.SCHOLARSHIP_AWARDED: _book_scholarship,
    **dict.fromkeys(
        completing.COMPLETIONS, lambda rules, book, _lane, fact: completing.complete(rules, book, fact)
    ),
    provinces.PAYMENT_SETTLED: _settle,
    provinces.PAYMENT_RETURNED: _take_back,
    provinces.DEBT_WRITTEN_OFF: lambda _rules, book, lane, fact: clawing_back.write_off(book, lane, fact),
    provinces.BUDGET_ALLOCATED: _allocate,
    provinces.BUDGET_ADJUSTED: lambda rules, book, lane, fact: adjusting.adjust(rules.cuts, book, lane, fact),
    provinces.BUDGET_CARRIED_OVER: lambda rules, book, lane, fact: adjusting.carry_over(
        rules.cuts, book, lane, fact
    ),
    provinces.EVENT_VOIDED: lambda rules, book, _lane, fact: voiding.void(rules, book, fact),
    provinces.SCHEME_ACTIVATED: activating.activate,
    enrollment.DAY_BEGAN: _begin_day,
}
