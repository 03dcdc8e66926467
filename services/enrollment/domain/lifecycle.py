"""The life of an enrollment and of a credential as one table each: every transition that there is, and what waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple, get_args

State = Literal["enrolled", "confirmed", "suspended_unconfirmed", "suspended", "withdrawn", "completed"]
StepKind = Literal["confirmed", "suspended", "resumed", "withdrawn", "completed"]
"""Steps after the enrollment itself; on one day they happen in this order."""

WAITS: Final = "waits"
"""Not allowed here, but an event that has not come yet may lie before it and allow it."""

ENROLLMENT: Final[Mapping[tuple[State, StepKind], State | Literal["waits"]]] = {
    ("enrolled", "confirmed"): "confirmed",
    ("enrolled", "suspended"): "suspended_unconfirmed",
    ("enrolled", "resumed"): WAITS,
    ("enrolled", "withdrawn"): "withdrawn",
    ("enrolled", "completed"): "completed",
    ("confirmed", "suspended"): "suspended",
    ("confirmed", "resumed"): WAITS,
    ("confirmed", "withdrawn"): "withdrawn",
    ("confirmed", "completed"): "completed",
    ("suspended_unconfirmed", "confirmed"): "suspended",
    ("suspended_unconfirmed", "suspended"): "suspended_unconfirmed",
    ("suspended_unconfirmed", "resumed"): "enrolled",
    ("suspended_unconfirmed", "withdrawn"): "withdrawn",
    ("suspended_unconfirmed", "completed"): "completed",
    ("suspended", "suspended"): "suspended",
    ("suspended", "resumed"): "confirmed",
    ("suspended", "withdrawn"): "withdrawn",
    ("suspended", "completed"): "completed",
}
"""(state, step) → next state; what is not here is refused. Suspended twice is suspended: the interruption goes on.

Completion out of a suspension is allowed: the resumption may still be under way on another lane, and lies before it.
"""

CredentialState = Literal["held"]
CredentialStep = Literal["earned"]
CREDENTIAL: Final[Mapping[tuple[None, CredentialStep], CredentialState]] = {(None, "earned"): "held"}
"""A certificate, title or degree is held from the day it is earned; a void of its event takes it away."""

_ON_ONE_DAY: Final[Mapping[StepKind, int]] = {kind: place for place, kind in enumerate(get_args(StepKind))}
_MORE_THAN_ONCE: Final = frozenset({"suspended", "resumed"})


class Step(NamedTuple):
    """A step of an enrollment as it was recorded."""

    kind: StepKind
    day: date
    """When it happened, by the province's word: the order of steps is that of their days, never of their arrival."""
    event_id: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The steps so far are a way through the table."""

    state: State
    last: Step


@dataclass(frozen=True, slots=True)
class Early:
    """An earlier step may still come by which this one is allowed."""


@dataclass(frozen=True, slots=True)
class Impossible:
    """No step that may still come makes room for this one."""


def recorded_before(steps: Sequence[Step], new: Step) -> Step | None:
    """The step that says the same already: each kind once, an interruption or resumption once a day."""
    for step in steps:
        if step.kind == new.kind and (step.kind not in _MORE_THAN_ONCE or step.day == new.day):
            return step
    return None


def take_step(steps: Sequence[Step], new: Step) -> Moved | Early | Impossible:
    """Where the enrollment stands with one more step, put in its place by its day.

    So lanes that overtake each other end in the same state: a confirmation that comes after the completion but lies
    before it is taken, one that lies after it is not.
    """
    found = follow((*steps, new))
    assert found is not None
    return found


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Steps in the order in which they happened."""
    return sorted(steps, key=lambda step: (step.day, _ON_ONE_DAY[step.kind]))


def follow(steps: Iterable[Step]) -> Moved | Early | Impossible | None:
    """Where these steps lead, whatever the order in which they are given; None where there are none."""
    way = in_order(steps)
    if not way:
        return None
    state: State = "enrolled"
    for step in way:
        to = ENROLLMENT.get((state, step.kind))
        if to is None:
            return Impossible()
        if to == WAITS:
            return Early()
        state = to
    return Moved(state, way[-1])
