"""How the judging of an event may end, and what most rules ask: is it there, is it recorded already."""

from dataclasses import dataclass
from typing import Any, Final

from services.enrollment.domain.naming import HAVE_A_REGISTER, brought, named
from services.enrollment.domain.natural_keys import natural_key
from services.enrollment.domain.register import Brought, Missing, Parked, Register
from shared.contracts.lanes import NATION
from shared.contracts.submission import Refusal, Submission

Said = tuple[str, str, dict[str, Any]]
"""What the register itself has to say: (lane, type, data)."""
ADDED_BY_THE_REGISTER: Final = frozenset({"reported_by", "first", "worker", "enrollment"})
"""What a fact says besides what the province sent."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is true from now on: its fact stands on `lane`, with what the register adds to the data as sent."""

    lane: str
    added: dict[str, Any]
    brings: Missing | None = None
    """What this event brings that others may wait for."""
    said: tuple[Said, ...] = ()
    """What the register itself has to say after it."""
    before: tuple[Said, ...] = ()
    """What it has to say first: that what this one corrects counts no more."""
    ends: Parked | None = None
    """What waits no more, because this event voids it."""
    everywhere: bool = False
    """Its fact stands on every lane: what the nation decides holds for all."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The event builds on something that has not come yet; on an enrollment itself, or on an earlier step of it."""

    missing: Missing
    earlier_step: bool = False


Outcome = Accepted | Refusal | Waits


def record_once(register: Register, submission: Submission) -> Outcome:
    """What nobody builds on: its natural key says that it is recorded once."""
    first = claim(register, submission)
    return Accepted(submission.lane, {}) if first is None else already(first)


def record_for_the_nation(register: Register, submission: Submission) -> Outcome:
    """Once, by lane 00 only, and on every lane."""
    if submission.lane != NATION:
        return Refusal("nation_only", "type")
    first = claim(register, submission)
    return Accepted(NATION, {}, everywhere=True) if first is None else already(first)


def record_what_is_named(register: Register, submission: Submission) -> Outcome:
    """Once, and only when what it names is there."""
    return missing_of(register, submission) or record_once(register, submission)


def bring(register: Register, submission: Submission) -> Outcome:
    """Once, and others may name it from now on."""
    missing = brought(submission)
    assert missing is not None and submission.id is not None
    data = submission.data if missing[0] in HAVE_A_REGISTER else None
    first = register.bring(missing, Brought(submission.id, submission.lane, data))
    return Accepted(submission.lane, {}, missing) if first is None else already(first)


def missing_of(register: Register, submission: Submission) -> Waits | None:
    """The first that the event names and that is not there yet."""
    for one in named(submission):
        if register.referents[one] is None:
            return Waits(one)
    return None


def refused_claim(register: Register, submission: Submission) -> Refusal | None:
    """The refusal where the natural key is taken; claims it otherwise."""
    first = claim(register, submission)
    return None if first is None else already(first)


def claim(register: Register, submission: Submission) -> str | None:
    """The event that has the natural key already; claims it and says None otherwise."""
    natural = submission.natural or natural_key(submission)
    assert natural is not None and submission.id is not None
    return register.claim(natural, submission.id)


def already(first_event_id: str) -> Refusal:
    """The refusal that names the first."""
    return Refusal("already_recorded", None, first_event_id, first_event_id)
