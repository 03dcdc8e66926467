"""Judgements: from stored inputs alone to an outcome with its steps, to be derived again to the byte."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NotRequired, TypedDict

from services.subsidy.domain import lifetime, outside
from services.subsidy.domain.outside import OutsideInputs
from services.subsidy.domain.schemes import Rules, Scheme
from services.subsidy.domain.stacking import PartOutcome, PotInputs, stack, stack_freely
from shared.contracts.provinces import Category, Track

RefusalCode = Literal["no_scheme", "not_eligible", "nothing_to_pay", "lifetime_limit"]


class EnrollmentInputs(OutsideInputs):
    """All that decides about an enrollment's award, apart from the schemes."""

    lane: str
    start: str
    """First day of study, ISO 8601."""
    today: str | None
    """The day that began last on the lane."""
    track: Track
    categories: Sequence[Category]
    """The worker's flags as of the enrollment's recorded date."""
    tuition_fen: int
    rank: int
    free_fen: int
    """What the budget has free, and what was paid from it for this enrollment before it was corrected."""
    waiting: int
    """Awards that wait for the same budget already."""
    whole_tuition_fen: NotRequired[int]
    """Tuition before scholarships, where the scheme has parts."""
    pots: NotRequired[list[PotInputs]]
    """The budget of each part, where the scheme has parts."""
    part: NotRequired[int]
    """Which part the decision is about, where the scheme has parts."""
    level: NotRequired[str]
    """Level at which the scheme limits awards; only where it does."""
    held_by: NotRequired[Sequence[str]]
    """Lanes and numbers of the person's enrollments that hold awards at this level."""


class CalledInputs(TypedDict):
    """All that decides about an enrollment in parts that has waited for its person's award elsewhere to be let go."""

    rank: int
    tuition_fen: int
    """What scholarships leave of it."""
    whole_tuition_fen: int
    pots: list[PotInputs]
    limit: int
    level: str
    held_by: Sequence[str]
    part: NotRequired[int]


class ReturnInputs(OutsideInputs):
    """All that decides about an award that comes back, at the rank that it had."""

    state: str
    """State of the award before."""
    amount_fen: int
    lacking_fen: int
    """What it needs of free money: what was paid for it before need not be paid again."""
    free_fen: int
    rank: int
    ahead: int
    """Awards that wait before it."""
    limit: NotRequired[int]
    """How many awards the person may have at the level; only where there is a limit."""
    level: NotRequired[str]
    held_by: NotRequired[Sequence[str]]


class ScholarshipInputs(TypedDict):
    """All that decides how much of a scholarship is booked."""

    awarded_fen: int
    awarded_on: str
    today: str | None
    tuition_fen: int
    held_fen: int
    """What the award holds."""
    scholarship_fen: int
    """Scholarships booked before."""
    free_fen: int
    """What the budget has free."""


@dataclass(slots=True)
class Outcome:
    """What is to become of an enrollment's award, and how that was found."""

    state: Literal["reserved", "waitlisted", "held_back", "refused"]
    amount_fen: int
    scheme: Scheme | None
    code: RefusalCode | None
    steps: list[dict[str, Any]]
    parts: Sequence[PartOutcome] = ()
    """What is to become of each part, where the scheme has parts; then state and steps are theirs."""

    @property
    def seeks_money(self) -> bool:
        """Whether it has money or waits for it: for its turn, or until the person's award elsewhere is let go."""
        return self.state != "refused" or self.code == "lifetime_limit"


@dataclass(slots=True)
class Split:
    """How a scholarship divides: the parts sum to what was awarded."""

    booked_fen: int
    over_budget_fen: int
    over_tuition_fen: int
    steps: list[dict[str, Any]]


def judge_enrollment(rules: Rules, inputs: EnrollmentInputs) -> Outcome:
    """Who gets how much: scheme, flags, base amount cut to tuition, then the budget in recorded order."""
    scheme = rules.scheme_for(inputs["lane"], date.fromisoformat(inputs["start"]), inputs["track"])
    if scheme is None:
        return Outcome("refused", 0, None, "no_scheme", [{"step": "scheme", "found": None}])
    steps: list[dict[str, Any]] = [
        {"step": "scheme", "found": scheme.name, "version": scheme.version},
        {"step": "eligible", "by": [c for c in inputs["categories"] if c in scheme.eligible_categories]},
    ]
    if not steps[1]["by"]:
        return Outcome("refused", 0, scheme, "not_eligible", steps)
    if scheme.parts and inputs["tuition_fen"]:
        return _judge_parts(scheme, inputs, steps)
    amount_fen = min(scheme.amount_base_fen, inputs["tuition_fen"])
    steps.append({"step": "base", "amount_fen": scheme.amount_base_fen})
    steps.append({"step": "tuition", "amount_fen": amount_fen})
    if amount_fen == 0:
        return Outcome("refused", 0, scheme, "nothing_to_pay", steps)
    if not _is_within_limit(scheme.lifetime_awards_per_level, inputs, steps):
        return Outcome("refused", amount_fen, scheme, "lifetime_limit", steps)
    steps += outside.steps_of(inputs, amount_fen)
    if not outside.is_within_cap(inputs, amount_fen):
        return Outcome("held_back", amount_fen, scheme, None, steps)
    carried = inputs["waiting"] == 0 and amount_fen <= inputs["free_fen"]
    steps.append({"step": "budget", "carries": carried})
    return Outcome("reserved" if carried else "waitlisted", amount_fen, scheme, None, steps)


def judge_called(scheme: Scheme, inputs: CalledInputs) -> Outcome:
    """What an enrollment in parts gets that has not had its turn: as if it came now, at the rank that it had."""
    could_be = stack_freely(scheme, inputs["whole_tuition_fen"], inputs["tuition_fen"], inputs["pots"])
    sought_fen = sum(one.amount_fen for one in could_be)
    return _judge_parts(scheme, inputs, [{"step": "entitled", "amount_fen": sought_fen}], inputs["limit"])


def _judge_parts(
    scheme: Scheme,
    inputs: EnrollmentInputs | CalledInputs,
    steps: list[dict[str, Any]],
    limit: int | None = None,
) -> Outcome:
    """The person's limit for all parts together, then each part by its own budget."""
    if not _is_within_limit(limit or scheme.lifetime_awards_per_level, inputs, steps):
        return Outcome("refused", 0, scheme, "lifetime_limit", steps)
    parts = stack(scheme, inputs["whole_tuition_fen"], inputs["tuition_fen"], inputs["pots"], steps)
    return Outcome("reserved", sum(one.amount_fen for one in parts), scheme, None, steps, parts)


def _is_within_limit(limit: int | None, inputs: Mapping[str, Any], steps: list[dict[str, Any]]) -> bool:
    """Whether the person may have one more at the level; the step says who holds what there is."""
    if limit is None:
        return True
    step = lifetime.step_of(limit, inputs.get("held_by", ()))
    steps.append(step)
    held: int = step["held"]
    return held < limit


def judge_return(inputs: ReturnInputs) -> Literal["reserved", "waitlisted", "held_back", "refused"]:
    """Whether an award that comes back has money at once, its old place in the queue, or is held elsewhere."""
    if "limit" in inputs and len(inputs.get("held_by", ())) >= inputs["limit"]:
        return "refused"
    if not outside.is_within_cap(inputs, inputs["amount_fen"]):
        return "held_back"
    carried = not inputs["ahead"] and inputs["lacking_fen"] <= inputs["free_fen"]
    return "reserved" if carried else "waitlisted"


def judge_scholarship(inputs: ScholarshipInputs) -> Split:
    """Tuition cuts first, then the budget; what is cut goes back."""
    awarded_fen = inputs["awarded_fen"]
    room_fen = max(0, inputs["tuition_fen"] - inputs["held_fen"] - inputs["scholarship_fen"])
    within_fen = min(awarded_fen, room_fen)
    booked_fen = min(within_fen, inputs["free_fen"])
    steps: list[dict[str, Any]] = [
        {"step": "awarded", "amount_fen": awarded_fen},
        {"step": "tuition", "amount_fen": within_fen},
        {"step": "budget", "amount_fen": booked_fen},
    ]
    return Split(booked_fen, within_fen - booked_fen, awarded_fen - within_fen, steps)
