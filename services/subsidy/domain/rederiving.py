"""Decides stored decisions again, from their stored inputs alone: the same bytes, or what differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from services.subsidy.domain.judging import (
    CalledInputs,
    EnrollmentInputs,
    Outcome,
    ReturnInputs,
    ScholarshipInputs,
    judge_called,
    judge_enrollment,
    judge_return,
    judge_scholarship,
)
from services.subsidy.domain.projecting import judge_end
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy

Difference = Literal["inputs", "outcome", "amount", "scheme", "steps"]

_TYPE_OF_STATE: Final = {
    "reserved": subsidy.SUBSIDY_RESERVED,
    "waitlisted": subsidy.SUBSIDY_WAITLISTED,
    "held_back": subsidy.SUBSIDY_WAITLISTED,
    "refused": subsidy.SUBSIDY_REFUSED,
    "committed": subsidy.SUBSIDY_COMMITTED,
    "forgone": subsidy.SUBSIDY_FORGONE,
}
_ENROLLMENT: Final = frozenset(EnrollmentInputs.__required_keys__)
_CALLED: Final = frozenset(CalledInputs.__required_keys__)
_RETURN: Final = frozenset(ReturnInputs.__required_keys__)
_ENDS: Final = frozenset({"today", "first_moved", "run_fen", "free_fen"})
"""Inputs of what is said of how full a budget is."""
_SCHOLARSHIP: Final = frozenset(ScholarshipInputs.__required_keys__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A journal entry as it is kept: JSON to the byte."""

    lane: str
    entry_no: int
    event_type: str
    scheme: str | None
    scheme_version: int | None
    inputs: str
    steps: str
    posted_fen: int
    """Money that it moved into `reserved` or `scholarship`."""


def rederive(rules: Rules, kept: Kept) -> tuple[Difference, ...] | None:
    """What differs when the entry is judged again; nothing if it is the same, None if no judgement led to it.

    Judged are what becomes of an enrollment or of an award that comes back, how a scholarship divides, and when a
    budget runs out. What follows from the state of an award alone (a grant, a release, a turn in the queue) is checked
    by the ledger's own sums.
    """
    inputs = orjson.loads(kept.inputs)
    try:
        if inputs.keys() >= _ENROLLMENT:
            return _enrollment(kept, inputs, judge_enrollment(rules, inputs))
        if inputs.keys() >= _CALLED:
            scheme = rules.scheme_of(kept.scheme or "", kept.scheme_version or 0)
            return _enrollment(kept, inputs, judge_called(scheme, inputs)) if scheme else ("scheme",)
        if inputs.keys() >= _RETURN:
            return _return(kept, inputs)
        if inputs.keys() >= _ENDS:
            return _unlike({"steps": orjson.dumps(judge_end(inputs)).decode() == kept.steps})
        if inputs.keys() >= _SCHOLARSHIP:
            return _scholarship(kept, inputs)
    except (IndexError, KeyError, TypeError, ValueError):
        return ("inputs",)
    return None


def _enrollment(kept: Kept, inputs: Any, outcome: Outcome) -> tuple[Difference, ...]:
    scheme = outcome.scheme
    named = (scheme.name, scheme.version) if scheme else (None, None)
    judged = outcome.parts[inputs["part"] - 1] if outcome.parts else outcome
    posted_fen = judged.amount_fen if judged.state == "reserved" else 0
    return _unlike(
        {
            "outcome": _TYPE_OF_STATE[judged.state] == kept.event_type,
            "amount": posted_fen == kept.posted_fen,
            "scheme": named == (kept.scheme, kept.scheme_version),
            "steps": orjson.dumps(judged.steps).decode() == kept.steps,
        }
    )


def _return(kept: Kept, inputs: Any) -> tuple[Difference, ...]:
    outcome = judge_return(inputs)
    posted_fen = inputs["amount_fen"] if outcome == "reserved" else 0
    was_held_back = inputs["state"] == "held_back" and outcome == "waitlisted"
    admitted = subsidy.SUBSIDY_ADMITTED if was_held_back else None
    return _unlike(
        {
            "outcome": (admitted or _TYPE_OF_STATE[outcome]) == kept.event_type,
            "amount": posted_fen == kept.posted_fen,
        }
    )


def _scholarship(kept: Kept, inputs: Any) -> tuple[Difference, ...]:
    split = judge_scholarship(inputs)
    part_fen = {
        subsidy.SCHOLARSHIP_BOOKED: split.booked_fen,
        subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: split.over_budget_fen,
        subsidy.SCHOLARSHIP_EXCEEDS_TUITION: split.over_tuition_fen,
    }
    posted_fen = split.booked_fen if kept.event_type == subsidy.SCHOLARSHIP_BOOKED else 0
    return _unlike(
        {
            "outcome": part_fen.get(kept.event_type, 0) > 0,
            "amount": posted_fen == kept.posted_fen,
            "steps": orjson.dumps(split.steps).decode() == kept.steps,
        }
    )


def _unlike(same: Mapping[Difference, bool]) -> tuple[Difference, ...]:
    return tuple(name for name, holds in same.items() if not holds)
