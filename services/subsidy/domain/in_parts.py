"""An enrollment whose scheme gives in parts: each is decided against a budget of its own, all in one judgement."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.subsidy.domain.awarding import (
    commit,
    forgo,
    hold_back,
    refuse,
    refuse_beyond_limit,
    reserve,
    stand_in_queue,
)
from services.subsidy.domain.book import Award, Book, Cause
from services.subsidy.domain.fiscal_year import begins, fiscal_year
from services.subsidy.domain.judging import CalledInputs, EnrollmentInputs, Outcome, judge_called
from services.subsidy.domain.lifetime import Entitlement
from services.subsidy.domain.schemes import Part, Rules, Scheme
from services.subsidy.domain.settling import give_up_early
from services.subsidy.domain.stacking import PartOutcome, PotInputs, stack_freely
from shared.contracts import enrollment
from shared.contracts.envelope import Fact


def add_inputs(
    rules: Rules,
    book: Book,
    scheme: Scheme,
    fact: Fact[enrollment.WorkerEnrolledFact],
    inputs: EnrollmentInputs,
) -> None:
    """What decides beside the rest where a scheme has parts: the whole tuition, and the budget of each part."""
    data, today = fact.data, book.lane(inputs["lane"]).day
    asker = _Asker(data.enrollment_no, inputs["lane"], inputs["rank"], limited="outside_cap_fen" in inputs)
    inputs["whole_tuition_fen"] = data.tuition_fen
    inputs["pots"] = []
    for part in scheme.parts:
        year = fiscal_year(begins(data.start, part.year_of_study), today, rules.year_closing)
        later = part.year_of_study > 1 and year > (today or data.start).year
        inputs["pots"].append(_pot(book, asker, part, year, later=later))


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks the budgets."""

    enrollment_no: str
    lane: str
    rank: int
    limited: bool
    """Whether the cap on enrollments from outside counts for it."""


def _pot(book: Book, asker: _Asker, part: Part, year: int, *, later: bool) -> PotInputs:
    if later:
        return PotInputs(fiscal_year=year, fund_source=part.fund_source, free_fen=0, waiting=0, later=True)
    budget = book.budget((asker.lane, year, part.fund_source))
    claim = book.claims.get((asker.enrollment_no, year, part.fund_source))
    found = PotInputs(
        fiscal_year=year,
        fund_source=part.fund_source,
        free_fen=budget.free_fen + (claim.open_fen if claim else 0),
        waiting=book.queue(budget).ahead_of(asker.rank, budget.waiting),
        later=False,
    )
    if asker.limited:
        found |= book.asked_from_outside(budget, asker.rank)  # type: ignore[typeddict-item]
    return found


def set_aside(
    book: Book, whole: Award, inputs: EnrollmentInputs, outcome: Outcome, cause: Cause
) -> Sequence[Award]:
    """Refuse all parts while another enrollment holds the person's award; they are kept, to be judged when called."""
    assert outcome.scheme is not None, "a limit is a scheme's"
    could_be = stack_freely(
        outcome.scheme, inputs["whole_tuition_fen"], inputs["tuition_fen"], inputs["pots"]
    )
    placed = zip(outcome.scheme.parts, could_be, inputs["pots"], strict=True)
    awards = [_part(whole, outcome.scheme, *one) for one in placed]
    for award in awards:
        award.state = "refused" if award.amount_fen else "forgone"
    book.put_in_place(awards)
    refuse(book, awards[0], outcome, inputs, cause)
    return awards


def has_had_no_turn(rules: Rules, parts: Sequence[Award]) -> bool:
    """Whether all parts of an enrollment were refused for the person's limit before any was asked of its budget."""
    scheme = rules.scheme_of(parts[0].scheme, parts[0].scheme_version)
    if scheme is None or len(parts) != len(scheme.parts):
        return False
    return all(award.state in ("refused", "forgone") for award in parts)


def take_turn(
    rules: Rules, book: Book, before: Sequence[Award], entitlement: Entitlement, limit: int, cause: Cause
) -> None:
    """An enrollment that had no turn is called: all parts are judged anew, at the rank and in the years that they had.

    In the current year where that of a part is closed.
    """
    first = before[0]
    scheme = rules.scheme_of(first.scheme, first.scheme_version)
    assert scheme is not None, "asked before"
    today = book.lane(first.lane).day
    asker = _Asker(first.enrollment_no, first.lane, first.rank, limited=first.outside and not first.confirmed)
    pots = []
    for award, part in zip(before, scheme.parts, strict=True):
        year = fiscal_year(date(award.fiscal_year, 1, 1), today, rules.year_closing)
        later = part.year_of_study > 1 and today is not None and year > today.year
        pots.append(_pot(book, asker, part, year, later=later))
    inputs = CalledInputs(
        rank=first.rank,
        tuition_fen=max(0, first.tuition_fen - first.scholarship_fen),
        whole_tuition_fen=first.tuition_fen,
        pots=pots,
        limit=limit,
        level=entitlement.level,
        held_by=entitlement.held_by(first.enrollment_no),
    )
    outcome = judge_called(scheme, inputs)
    if outcome.code is not None:
        entitlement.put(first.lane, first.enrollment_no, limit, holds=False)
        refuse_beyond_limit(book, first, cause, inputs, outcome.steps)
        return
    awards = stand(book, replace(first, new=True, replaces=True), inputs, outcome, cause)
    give_up_early(book, awards[0], cause)


def stand(
    book: Book, whole: Award, inputs: EnrollmentInputs | CalledInputs, outcome: Outcome, cause: Cause
) -> Sequence[Award]:
    """Put each part where it was judged to stand; `whole` is what all of them share."""
    assert outcome.scheme is not None, "parts are those of a scheme"
    placed = list(zip(outcome.scheme.parts, outcome.parts, inputs["pots"], strict=True))
    awards = [_part(whole, outcome.scheme, *one) for one in placed]
    book.put_in_place(awards)
    for award, judged in zip(awards, outcome.parts, strict=True):
        if whole.withdrawn:  # corrected after the worker had left: kept in case that is voided
            award.state = "forgone" if judged.state == "forgone" else "released"
        else:
            _stand(book, award, inputs, judged, cause)
    book.leave(awards[0])  # where nothing comes of any part
    return awards


def _part(whole: Award, scheme: Scheme, part: Part, judged: PartOutcome, pot: PotInputs) -> Award:
    return replace(
        whole,
        state=judged.state,
        fiscal_year=pot["fiscal_year"],
        fund_source=part.fund_source,
        amount_fen=judged.amount_fen,
        part=judged.part,
        parts=len(scheme.parts),
        asked_fen=judged.asked_fen,
        completion_days=scheme.completion_days if part.due == "completion" else 0,
        year_of_study=part.year_of_study,
    )


def _stand(
    book: Book,
    award: Award,
    whole_inputs: EnrollmentInputs | CalledInputs,
    judged: PartOutcome,
    cause: Cause,
) -> None:
    inputs = {**whole_inputs, "part": judged.part}
    match judged.state:
        case "reserved":
            budget = book.budget(award.budget_key)
            reserve(book, budget, award, cause, inputs, judged.steps, lacking_fen=judged.lacking_fen)
        case "waitlisted":
            stand_in_queue(book, book.budget(award.budget_key), award, cause, inputs, judged.steps)
        case "held_back":
            hold_back(book, book.budget(award.budget_key), award, cause, inputs, judged.steps)
        case "committed":
            commit(book, award, cause, inputs, judged.steps)
        case "forgone":
            forgo(book, award, cause, inputs, judged.steps, judged.lacking_fen)
