"""An enrollment whose scheme gives in parts: each is decided against a budget of its own, all in one judgement."""

from collections.abc import Sequence
from dataclasses import replace

from services.subsidy.domain.awarding import commit, forgo, hold_back, reserve, stand_in_queue
from services.subsidy.domain.book import Award, Book, Cause
from services.subsidy.domain.fiscal_year import begins, fiscal_year
from services.subsidy.domain.judging import EnrollmentInputs, Outcome
from services.subsidy.domain.schemes import Part, Rules, Scheme
from services.subsidy.domain.stacking import PartOutcome, PotInputs
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
    inputs["whole_tuition_fen"] = fact.data.tuition_fen
    inputs["pots"] = [_pot(rules, book, part, fact, inputs) for part in scheme.parts]


def _pot(
    rules: Rules, book: Book, part: Part, fact: Fact[enrollment.WorkerEnrolledFact], inputs: EnrollmentInputs
) -> PotInputs:
    lane, today = inputs["lane"], book.lane(inputs["lane"]).day
    year = fiscal_year(begins(fact.data.start, part.year_of_study), today, rules.year_closing)
    if part.year_of_study > 1 and year > (today or fact.data.start).year:
        return PotInputs(fiscal_year=year, fund_source=part.fund_source, free_fen=0, waiting=0, later=True)
    budget = book.budget((lane, year, part.fund_source))
    claim = book.claims.get((fact.data.enrollment_no, year, part.fund_source))
    found = PotInputs(
        fiscal_year=year,
        fund_source=part.fund_source,
        free_fen=budget.free_fen + (claim.open_fen if claim else 0),
        waiting=book.queue(budget).ahead_of(inputs["rank"], budget.waiting),
        later=False,
    )
    if "outside_cap_fen" in inputs:
        found |= book.asked_from_outside(budget, inputs["rank"])  # type: ignore[typeddict-item]
    return found


def stand(
    book: Book, whole: Award, inputs: EnrollmentInputs, outcome: Outcome, cause: Cause
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
            _stand(book, award, {**inputs, "part": judged.part}, judged, cause)
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


def _stand(book: Book, award: Award, inputs: EnrollmentInputs, judged: PartOutcome, cause: Cause) -> None:
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
