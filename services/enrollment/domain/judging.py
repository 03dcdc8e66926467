"""Judge one event after another: accepted with its facts, refused with a code, or parked for what is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from services.enrollment.domain.natural_keys import natural_key
from services.enrollment.domain.register import (
    PARKED_MAX_PER_LANE,
    Enrollment,
    Missing,
    Natural,
    Register,
    State,
)
from shared.contracts import provinces
from shared.contracts.submission import Refusal, Submission


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is true from now on: its fact stands on `lane`, with what the register adds to the data as sent."""

    lane: str
    added: dict[str, Any]
    brings: Missing | None = None
    """What this event brings that others may wait for."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The event builds on something that has not come yet."""

    missing: Missing


Outcome = Accepted | Refusal | Waits


@dataclass(slots=True)
class Keys:
    """What a batch touches, by kind: the store locks and loads it."""

    workers: set[str] = field(default_factory=set)
    enrollments: set[str] = field(default_factory=set)
    naturals: set[Natural] = field(default_factory=set)

    def add(self, submission: Submission) -> None:
        """Add what judging `submission` will look at."""
        if submission.event is None:
            return
        data = submission.event.data
        if submission.type in _LOOKS_AT_WORKER:
            self.workers.add(submission.event.subject or "")
        number = getattr(data, "enrollment_no", None)
        if number is not None:
            self.enrollments.add(number)
        submission.natural = natural_key(submission)
        if submission.natural is not None:
            self.naturals.add(submission.natural)


def judge(register: Register, submission: Submission) -> Outcome:
    """The outcome of a submission whose id is free; changes `register` where it is accepted."""
    if submission.refusal is not None:
        return submission.refusal
    assert submission.event is not None and submission.type is not None
    outcome = RULES[submission.type](register, submission)
    if isinstance(outcome, Waits) and register.lanes[submission.lane].parked >= PARKED_MAX_PER_LANE:
        return Refusal("too_many_waiting")
    return outcome


def _register_worker(register: Register, submission: Submission) -> Outcome:
    event = submission.event
    assert event is not None
    worker = register.worker(event.subject or "")
    first = worker.registered_by.get(submission.lane)
    if first is not None:
        return _already(first)
    new = not worker.registered_by
    worker.registered_by = {**worker.registered_by, submission.lane: event.id}
    worker.categories = list(event.data.categories)
    worker.origin_province = event.data.origin_province
    worker.changed = True
    added = {"reported_by": submission.lane, "first": new}
    return Accepted(submission.lane, added, ("worker", worker.ref))


def _enroll_worker(register: Register, submission: Submission) -> Outcome:
    event = submission.event
    assert event is not None
    worker = register.worker(event.subject or "")
    if not worker.registered_by:
        return Waits(("worker", worker.ref))
    enrollment = register.enrollments[event.data.enrollment_no]
    if enrollment.event_id is not None:
        return _already(enrollment.event_id)
    first = _claim(register, submission)
    if first is not None:
        return _already(first)
    enrollment.worker_ref = worker.ref
    enrollment.event_id = event.id
    enrollment.facts = _facts(submission.data, worker.categories)
    _move(enrollment, "enrolled", event.id)
    added = {
        "reported_by": submission.lane,
        "worker": {"categories": worker.categories, "origin_province": worker.origin_province},
    }
    return Accepted(enrollment.home_lane, added, ("enrollment", enrollment.number))


_CARRIED_ON: Final = (
    "funding_province",
    "work_province",
    "work_city",
    "employer",
    "track",
    "mode",
    "level_before",
    "level_after",
    "start",
    "tuition_fen",
    "history",
)


def _facts(data: dict[str, Any], categories: list[str]) -> dict[str, Any]:
    return {"categories": categories, **{name: data[name] for name in _CARRIED_ON if name in data}}


def _confirm(register: Register, submission: Submission) -> Outcome:
    found = _enrollment(register, submission)
    if not isinstance(found, Enrollment):
        return found
    if submission.lane != found.home_lane:
        return Refusal("not_the_funder", "data.enrollment_no", found.home_lane)
    return _step(found, submission, "confirmed", frozenset({"enrolled"}))


def _withdraw(register: Register, submission: Submission) -> Outcome:
    found = _enrollment(register, submission)
    if not isinstance(found, Enrollment):
        return found
    return _step(found, submission, "withdrawn", frozenset({"enrolled", "confirmed"}))


def _complete(register: Register, submission: Submission) -> Outcome:
    found = _enrollment(register, submission)
    if not isinstance(found, Enrollment):
        return found
    return _step(found, submission, "completed", frozenset({"enrolled", "confirmed"}))


def _award_scholarship(register: Register, submission: Submission) -> Outcome:
    found = _enrollment(register, submission)
    if not isinstance(found, Enrollment):
        return found
    first = _claim(register, submission)
    if first is not None:
        return _already(first)
    return Accepted(found.home_lane, {"reported_by": submission.lane, "enrollment": found.facts})


def _record_once(register: Register, submission: Submission) -> Outcome:
    first = _claim(register, submission)
    return Accepted(submission.lane, {}) if first is None else _already(first)


def _enrollment(register: Register, submission: Submission) -> Enrollment | Outcome:
    """The enrollment that the event names, if it is there and belongs to the event's subject."""
    event = submission.event
    assert event is not None
    enrollment = register.enrollments[event.data.enrollment_no]
    if enrollment.state is None:
        return Waits(("enrollment", enrollment.number))
    if event.subject != enrollment.worker_ref:
        return Refusal("subject_mismatch", "subject")
    return enrollment


def _step(enrollment: Enrollment, submission: Submission, to: State, allowed: frozenset[str]) -> Outcome:
    assert submission.event is not None
    if enrollment.state == to:
        return _already(enrollment.state_event_id or "")
    if enrollment.state not in allowed:
        return Refusal("wrong_state", "data.enrollment_no", enrollment.state)
    _move(enrollment, to, submission.event.id)
    return Accepted(enrollment.home_lane, {"reported_by": submission.lane, "enrollment": enrollment.facts})


def _move(enrollment: Enrollment, state: State, event_id: str) -> None:
    enrollment.state, enrollment.state_event_id, enrollment.changed = state, event_id, True


def _claim(register: Register, submission: Submission) -> str | None:
    natural = submission.natural or natural_key(submission)
    assert natural is not None and submission.id is not None
    return register.claim(natural, submission.id)


def _already(first_event_id: str) -> Refusal:
    return Refusal("already_recorded", None, first_event_id, first_event_id)


RULES: Final[dict[str, Callable[[Register, Submission], Outcome]]] = {
    provinces.WORKER_REGISTERED: _register_worker,
    provinces.WORKER_ENROLLED: _enroll_worker,
    provinces.ENROLLMENT_CONFIRMED: _confirm,
    provinces.ENROLLMENT_WITHDRAWN: _withdraw,
    provinces.DEGREE_COMPLETED: _complete,
    provinces.SCHOLARSHIP_AWARDED: _award_scholarship,
    provinces.PLAN_DECLARED: _record_once,
    provinces.BUDGET_ALLOCATED: _record_once,
    provinces.PROJECT_ESTABLISHED: _record_once,
}

_LOOKS_AT_WORKER: Final = frozenset({provinces.WORKER_REGISTERED, provinces.WORKER_ENROLLED})
"""Types whose rule looks at the worker's row."""
