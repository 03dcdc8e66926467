"""Funders stack on one tuition: how an award divides into parts, exact to the fen, and what each budget carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.subsidy.domain import outside
from services.subsidy.domain.outside import UNLIMITED_FEN, OutsideInputs
from services.subsidy.domain.schemes import Part, Scheme
from shared.contracts.provinces.nation import WHOLE_PERCENT, percents


class PotInputs(OutsideInputs):
    """What decides about one part: its budget, as it was before the enrollment."""

    fiscal_year: int
    fund_source: str
    free_fen: int
    """What it has free, and what was paid from it for this enrollment before it was corrected."""
    waiting: int
    """Awards that wait for it already."""
    later: bool
    """Whether its fiscal year has not begun on the lane: the part is committed only."""


@dataclass(slots=True)
class PartOutcome:
    """What is to become of one part, and how that was found."""

    part: int
    """1 is the first."""
    state: Literal["reserved", "waitlisted", "held_back", "committed", "forgone"]
    asked_fen: int
    """The most that it may come to: before tuition cuts it, after its budget has."""
    amount_fen: int
    lacking_fen: int
    """What its budget does not carry and does not wait for: asked of the next part, or forgone."""
    steps: list[dict[str, Any]]


@dataclass(slots=True)
class _Pot:
    free_fen: int
    waiting: int
    outside: dict[str, int]
    """What the cap on enrollments from outside compares, where it does."""


@dataclass(slots=True)
class _Asked:
    """What is left to give to the parts that follow."""

    room_fen: int
    """Of the tuition."""
    passed_on_fen: int = 0
    """What the part before lacks."""


def stack(
    scheme: Scheme, tuition_fen: int, room_fen: int, pots: Sequence[PotInputs], steps: list[dict[str, Any]]
) -> list[PartOutcome]:
    """The parts of an award, in order; `room_fen` is what scholarships leave of the tuition.

    `steps` led to the scheme: each part's own follow them.
    """
    budgets = {
        (pot["fiscal_year"], pot["fund_source"]): _Pot(pot["free_fen"], pot["waiting"], outside.asked_of(pot))
        for pot in pots
    }
    asked = _Asked(room_fen)
    found = []
    shares = split(scheme, tuition_fen)
    for number, (part, share_fen, pot) in enumerate(zip(scheme.parts, shares, pots, strict=True), 1):
        own = [*steps, _first_step(part, number, len(shares), share_fen)]
        budget = budgets[pot["fiscal_year"], pot["fund_source"]]
        found.append(_judge(part, number, share_fen, asked, None if pot["later"] else budget, own))
    return found


def stack_freely(
    scheme: Scheme, tuition_fen: int, room_fen: int, pots: Sequence[PotInputs]
) -> list[PartOutcome]:
    """The parts as they would be, did every budget carry them."""
    free = [
        PotInputs(
            fiscal_year=pot["fiscal_year"],
            fund_source=pot["fund_source"],
            free_fen=UNLIMITED_FEN,
            waiting=0,
            later=pot["later"],
        )
        for pot in pots
    ]
    return stack(scheme, tuition_fen, room_fen, free, [])


def split(scheme: Scheme, tuition_fen: int) -> list[int]:
    """What the scheme gives in each part before caps; the shares of one basis sum exactly.

    Fen that are left go to the largest remainders, of equal ones to the first.
    """
    amounts_fen = [part.amount_fen or 0 for part in scheme.parts]
    for basis, whole_fen in (("base", scheme.amount_base_fen), ("tuition", tuition_fen)):
        for place, share_fen in enumerate(_shares(percents(scheme.parts, basis), whole_fen)):
            amounts_fen[place] += share_fen
    return amounts_fen


def _shares(shares_percent: Sequence[int], whole_fen: int) -> list[int]:
    found = [whole_fen * percent // WHOLE_PERCENT for percent in shares_percent]
    left_fen = whole_fen * sum(shares_percent) // WHOLE_PERCENT - sum(found)
    by_remainder = sorted(
        range(len(found)), key=lambda place: -(whole_fen * shares_percent[place] % WHOLE_PERCENT)
    )
    for place in by_remainder[:left_fen]:  # sorting keeps the order of equal ones
        found[place] += 1
    return found


def _judge(
    part: Part, number: int, share_fen: int, asked: _Asked, budget: _Pot | None, steps: list[dict[str, Any]]
) -> PartOutcome:
    """One part: its cap, what the part before lacks, what is left of the tuition, then its budget."""
    cap_fen = part.at_most_fen
    own_fen = share_fen if cap_fen is None else min(share_fen, cap_fen)
    sought_fen = own_fen + asked.passed_on_fen
    most_fen = sought_fen if cap_fen is None else min(sought_fen, cap_fen)
    if asked.passed_on_fen:
        steps.append({"step": "passed_on", "amount_fen": asked.passed_on_fen})
    if most_fen < share_fen + asked.passed_on_fen:
        steps.append({"step": "cap", "amount_fen": most_fen})
    amount_fen = min(most_fen, asked.room_fen)
    steps.append({"step": "room", "amount_fen": amount_fen})
    over_fen = min(sought_fen, asked.room_fen) - amount_fen
    outcome = PartOutcome(number, "forgone", most_fen, amount_fen, over_fen, steps)
    if not amount_fen:
        outcome.asked_fen = 0
    elif budget is None:
        outcome.state = "committed"
        steps.append({"step": "committed", "amount_fen": amount_fen})
    else:
        _draw(part, budget, outcome)
    asked.room_fen -= outcome.amount_fen
    asked.passed_on_fen = outcome.lacking_fen if part.when_exhausted == "next" else 0
    if outcome.lacking_fen:
        how = "asked_of_next" if part.when_exhausted == "next" else "forgone"
        steps.append({"step": how, "amount_fen": outcome.lacking_fen})
    return outcome


def _draw(part: Part, budget: _Pot, outcome: PartOutcome) -> None:
    """What the budget carries of a part: nothing where others wait for it already.

    From outside and above the cap the whole part is held back, whatever its policy.
    """
    wanted_fen = outcome.amount_fen
    outcome.steps += outside.steps_of(budget.outside, wanted_fen)
    if not outside.is_within_cap(budget.outside, wanted_fen):
        outcome.state = "held_back"
        budget.outside["held_back"] += 1
        return
    given_fen = 0 if budget.waiting else min(wanted_fen, budget.free_fen)
    pot: dict[str, Any] = {"step": "pot", "free_fen": budget.free_fen, "waiting": budget.waiting}
    if given_fen == wanted_fen or part.when_exhausted != "waitlist":
        outcome.state = "reserved" if given_fen else "forgone"
        outcome.lacking_fen += wanted_fen - given_fen
        if given_fen < wanted_fen:
            outcome.asked_fen = given_fen
        outcome.amount_fen = given_fen
        budget.free_fen -= given_fen
    else:
        outcome.state = "waitlisted"
        budget.waiting += 1
    if budget.outside and outcome.state != "forgone":
        budget.outside["outside_fen"] += outcome.amount_fen
    outcome.steps.append(pot | {"carries": outcome.state == "reserved", "amount_fen": outcome.amount_fen})


def _first_step(part: Part, number: int, parts: int, share_fen: int) -> dict[str, Any]:
    step: dict[str, Any] = {"step": "part", "part": number, "parts": parts, "fund_source": part.fund_source}
    if part.share_percent is not None:
        step |= {"share_percent": part.share_percent, "share_of": part.share_of}
    return step | {"due": part.due, "year_of_study": part.year_of_study, "amount_fen": share_fen}
