"""Rules about persons: registered, changed, and what they achieve."""

from typing import Any, Final

from services.enrollment.domain.enrollment_rules import about, enrollment_of
from services.enrollment.domain.outcomes import (
    Accepted,
    Outcome,
    Waits,
    already,
    claim,
    missing_of,
    refused_claim,
)
from services.enrollment.domain.person import ATTRIBUTES, known_of, statements_of
from services.enrollment.domain.register import Enrollment, Register, Worker
from shared.contracts.submission import Refusal, Submission

STATEMENTS_MAX: Final = 500
"""More changes of one worker are refused: all of them are looked at whenever the worker is."""


def register_worker(register: Register, submission: Submission) -> Outcome:
    """Each province registers a worker once; all share the one record."""
    event = submission.event
    assert event is not None
    worker = register.worker(event.subject or "")
    first = worker.registered_by.get(submission.lane)
    if first is not None:
        return already(first)
    new = not worker.registered_by
    worker.registered_by = {**worker.registered_by, submission.lane: event.id}
    worker.changed = True
    _state(register, worker, submission)
    added = {"reported_by": submission.lane, "first": new}
    return Accepted(submission.lane, added, ("worker", worker.ref))


def change_worker(register: Register, submission: Submission) -> Outcome:
    """Something is different from a day on, for a worker whom any province has registered."""
    event = submission.event
    assert event is not None
    worker = register.worker(event.subject or "")
    if not worker.registered_by:
        return Waits(("worker", worker.ref))
    if len(worker.statements) >= STATEMENTS_MAX:
        return Refusal(
            "invalid", "subject", f"该工人的变更已达上限 {STATEMENTS_MAX} / too many changes of one worker"
        )
    if not any(getattr(event.data, name) is not None for name in ATTRIBUTES):
        return Refusal("invalid", "data", "至少填写一项变更 / at least one attribute must be given")
    first = claim(register, submission)
    if first is not None:
        return already(first)
    _state(register, worker, submission)
    return Accepted(submission.lane, _with_worker(register, worker, submission))


def record_of_worker(register: Register, submission: Submission) -> Outcome:
    """What a worker has achieved: with an enrollment on its home lane, without one where it was reported."""
    event = submission.event
    assert event is not None
    if getattr(event.data, "enrollment_no", None) is not None:
        found = enrollment_of(register, submission)
        if not isinstance(found, Enrollment):
            return found
        return refused_claim(register, submission) or about(found, submission)
    worker = register.worker(event.subject or "")
    if not worker.registered_by:
        return Waits(("worker", worker.ref))
    refused = refused_claim(register, submission)
    return refused or Accepted(submission.lane, _with_worker(register, worker, submission))


def pair_tutors(register: Register, submission: Submission) -> Outcome:
    """A tutor need not be a registered worker: craftsmen teach who never studied in the programme."""
    refused = missing_of(register, submission) or refused_claim(register, submission)
    return refused or Accepted(submission.lane, {"reported_by": submission.lane})


def _state(register: Register, worker: Worker, submission: Submission) -> None:
    """Keep what the province says; what counts of all that was said is asked when it is needed."""
    event = submission.event
    assert event is not None
    for statement in statements_of(submission.lane, event.id, event.time, submission.data):
        register.state(worker, statement)


def _with_worker(register: Register, worker: Worker, submission: Submission) -> dict[str, Any]:
    return {"reported_by": submission.lane, "worker": known_of(worker.statements, register.today)}
