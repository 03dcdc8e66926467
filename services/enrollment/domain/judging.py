"""Judge one event after another: accepted with its facts, refused with a code, or parked for what is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from services.enrollment.domain.contradictions import contradiction
from services.enrollment.domain.lifecycle import Early, Impossible, Step, StepKind, recorded_before, take_step
from services.enrollment.domain.naming import brought, named
from services.enrollment.domain.natural_keys import natural_key
from services.enrollment.domain.overlaps import overlapping
from services.enrollment.domain.person import ATTRIBUTES, statements_of, what_counts
from services.enrollment.domain.register import (
    PARKED_MAX_PER_LANE,
    Enrollment,
    Missing,
    Natural,
    Register,
    Worker,
)
from services.enrollment.domain.submission import Refusal, Submission
from shared.contracts import enrollment as facts_of
from shared.contracts import provinces


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is true from now on: its fact stands on `lane`, with what the register adds to the data as sent."""

    lane: str
    added: dict[str, Any]
    brings: Missing | None = None
    """What this event brings that others may wait for."""
    said: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    """What the register itself has to say besides: (lane, type, data)."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The event builds on something that has not come yet; on an enrollment itself, or on an earlier step of it."""

    missing: Missing
    earlier_step: bool = False


Outcome = Accepted | Refusal | Waits


@dataclass(slots=True)
class Keys:
    """What a batch touches, by kind: the store locks and loads it."""

    workers: set[str] = field(default_factory=set)
    enrollments: set[str] = field(default_factory=set)
    naturals: set[Natural] = field(default_factory=set)
    referents: set[Missing] = field(default_factory=set)
    students: set[str] = field(default_factory=set)
    """Workers who enroll: their other enrollments are looked at."""

    def add(self, submission: Submission) -> None:
        """Add what judging `submission` will look at."""
        if submission.event is None:
            return
        data = submission.event.data
        number = getattr(data, "enrollment_no", None)
        if number is not None:
            self.enrollments.add(number)
        if _looks_at_worker(submission, number):
            self.workers.add(submission.event.subject or "")
        if submission.type == provinces.WORKER_ENROLLED:
            self.students.add(submission.event.subject or "")
        self.referents.update(named(submission))
        brings = brought(submission)
        if brings is not None:
            self.referents.add(brings)
        submission.natural = natural_key(submission)
        if submission.natural is not None:
            self.naturals.add(submission.natural)


def judge(register: Register, submission: Submission) -> Outcome:
    """The outcome of a submission whose id is free; changes `register` where it is accepted."""
    if submission.refusal is not None:
        return submission.refusal
    assert submission.event is not None and submission.type is not None
    outcome = contradiction(submission) or RULES[submission.type](register, submission)
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
    _state(register, worker, submission)
    added = {"reported_by": submission.lane, "first": new}
    return Accepted(submission.lane, added, ("worker", worker.ref))


def _change_worker(register: Register, submission: Submission) -> Outcome:
    event = submission.event
    assert event is not None
    worker = register.worker(event.subject or "")
    if not worker.registered_by:
        return Waits(("worker", worker.ref))
    if not any(getattr(event.data, name) is not None for name in ATTRIBUTES):
        return Refusal("invalid", "data", "至少填写一项变更 / at least one attribute must be given")
    first = _claim(register, submission)
    if first is not None:
        return _already(first)
    _state(register, worker, submission)
    return Accepted(submission.lane, _with_worker(register, worker, submission))


def _state(register: Register, worker: Worker, submission: Submission) -> None:
    """Keep what the province says; the worker's row says what counts of all that was said."""
    event = submission.event
    assert event is not None
    for statement in statements_of(submission.lane, event.id, event.time, submission.data):
        register.state(worker, statement)
    counting = what_counts(worker.statements, register.today)
    worker.categories = list(counting.get("categories", ()))
    worker.origin_province = counting.get("origin_province")
    worker.changed = True


def _worker_facts(register: Register, worker: Worker, names: tuple[str, ...] = ATTRIBUTES) -> dict[str, Any]:
    counting = what_counts(worker.statements, register.today)
    return {"categories": [], **{name: counting[name] for name in names if name in counting}}


def _with_worker(register: Register, worker: Worker, submission: Submission) -> dict[str, Any]:
    return {"reported_by": submission.lane, "worker": _worker_facts(register, worker)}


def _enroll_worker(register: Register, submission: Submission) -> Outcome:
    event = submission.event
    assert event is not None
    worker = register.worker(event.subject or "")
    if not worker.registered_by:
        return Waits(("worker", worker.ref))
    missing = _missing(register, submission)
    if missing is not None:
        return missing
    enrollment = register.enrollments[event.data.enrollment_no]
    if enrollment.event_id is not None:
        return _already(enrollment.event_id)
    first = _claim(register, submission)
    if first is not None:
        return _already(first)
    known = _worker_facts(register, worker, ("categories", "origin_province"))
    enrollment.worker_ref = worker.ref
    enrollment.event_id = enrollment.state_event_id = event.id
    enrollment.state, enrollment.changed = "enrolled", True
    enrollment.facts = _facts(submission.data, known["categories"])
    added = {"reported_by": submission.lane, "worker": known}
    said = _say_overlaps(register, enrollment)
    register.studies[worker.ref].append(enrollment)
    return Accepted(enrollment.home_lane, added, ("enrollment", enrollment.number), said)


def _say_overlaps(register: Register, enrollment: Enrollment) -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """Say it on both home lanes where the worker studies for the same level in another province, too."""
    others = register.studies[enrollment.worker_ref or ""]
    current = [register.enrollments.get(other.number, other) for other in others]
    return tuple(
        (one.home_lane, facts_of.ENROLLMENT_OVERLAPPED, _overlap(one, other))
        for found in overlapping(enrollment, current)
        for one, other in ((enrollment, found), (found, enrollment))
    )


def _overlap(one: Enrollment, other: Enrollment) -> dict[str, Any]:
    return {
        "enrollment_no": one.number,
        "other_enrollment_no": other.number,
        "other_funding_province": other.home_lane,
        "level_after": one.facts["level_after"],
    }


_CARRIED_ON: Final = (
    "funding_province",
    "work_province",
    "work_city",
    "employer",
    "track",
    "mode",
    "level_before",
    "level_after",
    "skill_before",
    "skill_after",
    "cohort",
    "project_no",
    "start",
    "planned_end",
    "tuition_fen",
    "history",
)


def _facts(data: dict[str, Any], categories: list[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {name: data[name] for name in _CARRIED_ON if name in data}
    return {"categories": categories, "institution_code": data["institution"]["code"], **facts}


def _confirm(register: Register, submission: Submission) -> Outcome:
    return _of_the_funder(register, submission, lambda found: _step(register, found, submission))


def _step_on(register: Register, submission: Submission) -> Outcome:
    found = _enrollment(register, submission)
    return _step(register, found, submission) if isinstance(found, Enrollment) else found


def _award_scholarship(register: Register, submission: Submission) -> Outcome:
    found = _enrollment(register, submission)
    if not isinstance(found, Enrollment):
        return found
    first = _claim(register, submission)
    if first is not None:
        return _already(first)
    return Accepted(found.home_lane, {"reported_by": submission.lane, "enrollment": found.facts})


def _settle(register: Register, submission: Submission) -> Outcome:
    def settle(found: Enrollment) -> Outcome:
        brought_by = _bring(register, submission)
        if not isinstance(brought_by, Accepted):
            return brought_by
        return _about(found, submission, brought_by.brings)

    return _of_the_funder(register, submission, settle)


def _return(register: Register, submission: Submission) -> Outcome:
    def give_back(found: Enrollment) -> Outcome:
        refused = _missing(register, submission) or _refused_claim(register, submission)
        return refused or _about(found, submission)

    return _of_the_funder(register, submission, give_back)


def _of_the_funder(
    register: Register, submission: Submission, decide: Callable[[Enrollment], Outcome]
) -> Outcome:
    """Decide about the enrollment where the province that funds it has sent the event."""
    found = _enrollment(register, submission)
    if not isinstance(found, Enrollment):
        return found
    if submission.lane != found.home_lane:
        return Refusal("not_the_funder", "data.enrollment_no", found.home_lane)
    return decide(found)


def _record_of_worker(register: Register, submission: Submission) -> Outcome:
    """What a worker has achieved: with an enrollment on its home lane, without one where it was reported."""
    event = submission.event
    assert event is not None
    if getattr(event.data, "enrollment_no", None) is not None:
        found = _enrollment(register, submission)
        if not isinstance(found, Enrollment):
            return found
        return _refused_claim(register, submission) or _about(found, submission)
    worker = register.worker(event.subject or "")
    if not worker.registered_by:
        return Waits(("worker", worker.ref))
    refused = _refused_claim(register, submission)
    return refused or Accepted(submission.lane, _with_worker(register, worker, submission))


def _pair_tutors(register: Register, submission: Submission) -> Outcome:
    refused = _missing(register, submission) or _refused_claim(register, submission)
    return refused or Accepted(submission.lane, {"reported_by": submission.lane})


def _record_what_is_named(register: Register, submission: Submission) -> Outcome:
    """Once, and only when what it names is there."""
    return _missing(register, submission) or _record_once(register, submission)


def _bring(register: Register, submission: Submission) -> Outcome:
    """Once, and others may name it from now on."""
    missing = brought(submission)
    assert missing is not None and submission.id is not None
    first = register.bring(missing, submission.id)
    return Accepted(submission.lane, {}, missing) if first is None else _already(first)


def _missing(register: Register, submission: Submission) -> Waits | None:
    """The first that the event names and that is not there yet."""
    absent = (one for one in named(submission) if register.referents[one] is None)
    return next((Waits(one) for one in absent), None)


def _refused_claim(register: Register, submission: Submission) -> Refusal | None:
    first = _claim(register, submission)
    return None if first is None else _already(first)


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


_STEPS: Final[dict[str, tuple[StepKind, str]]] = {
    provinces.ENROLLMENT_CONFIRMED: ("confirmed", "confirmed_on"),
    provinces.ENROLLMENT_SUSPENDED: ("suspended", "suspended_on"),
    provinces.ENROLLMENT_RESUMED: ("resumed", "resumed_on"),
    provinces.ENROLLMENT_WITHDRAWN: ("withdrawn", "withdrawn_on"),
    provinces.DEGREE_COMPLETED: ("completed", "completed_on"),
}
"""Which step of `lifecycle.ENROLLMENT` a type is, and the field with its day."""


def _step(register: Register, enrollment: Enrollment, submission: Submission) -> Outcome:
    event = submission.event
    assert event is not None and submission.type is not None
    kind, day = _STEPS[submission.type]
    new = Step(kind, getattr(event.data, day), event.id)
    before = recorded_before(enrollment.steps, new)
    if before is not None:
        return _already(before.event_id)
    found = take_step(enrollment.steps, new)
    if isinstance(found, Early):
        return Waits(("enrollment", enrollment.number), earlier_step=True)
    if isinstance(found, Impossible):
        return Refusal("wrong_state", "data.enrollment_no", enrollment.state)
    register.step(enrollment, new)
    enrollment.state, enrollment.state_event_id = found.state, found.last.event_id
    enrollment.changed = True
    return _about(enrollment, submission, ("enrollment", enrollment.number))


def _about(enrollment: Enrollment, submission: Submission, brings: Missing | None = None) -> Accepted:
    """Accepted on the home lane, with what the register knows of the enrollment."""
    added = {"reported_by": submission.lane, "enrollment": enrollment.facts}
    return Accepted(enrollment.home_lane, added, brings)


def _claim(register: Register, submission: Submission) -> str | None:
    natural = submission.natural or natural_key(submission)
    assert natural is not None and submission.id is not None
    return register.claim(natural, submission.id)


def _already(first_event_id: str) -> Refusal:
    return Refusal("already_recorded", None, first_event_id, first_event_id)


RULES: Final[dict[str, Callable[[Register, Submission], Outcome]]] = {
    provinces.WORKER_REGISTERED: _register_worker,
    provinces.WORKER_CHANGED: _change_worker,
    provinces.WORKER_ENROLLED: _enroll_worker,
    provinces.ENROLLMENT_CONFIRMED: _confirm,
    provinces.ENROLLMENT_SUSPENDED: _step_on,
    provinces.ENROLLMENT_RESUMED: _step_on,
    provinces.ENROLLMENT_WITHDRAWN: _step_on,
    provinces.DEGREE_COMPLETED: _step_on,
    provinces.TRAINING_COMPLETED: _record_of_worker,
    provinces.CERTIFICATE_EARNED: _record_of_worker,
    provinces.TITLE_AWARDED: _record_of_worker,
    provinces.PROMOTION_RECORDED: _record_of_worker,
    provinces.TUTORS_PAIRED: _pair_tutors,
    provinces.SCHOLARSHIP_AWARDED: _award_scholarship,
    provinces.PLAN_DECLARED: _record_once,
    provinces.BUDGET_ALLOCATED: _record_once,
    provinces.BUDGET_ADJUSTED: _record_once,
    provinces.BUDGET_CARRIED_OVER: _record_once,
    provinces.PAYMENT_SETTLED: _settle,
    provinces.PAYMENT_RETURNED: _return,
    provinces.BALANCE_OPENED: _record_once,
    provinces.PROJECT_ESTABLISHED: _bring,
    provinces.INSTITUTION_JOINED: _bring,
    provinces.ALLIANCE_FORMED: _bring,
    provinces.ALLIANCE_REPORTED: _record_what_is_named,
    provinces.CONTROL_TOTALS_DECLARED: _record_once,
}

_LOOKS_AT_WORKER: Final = frozenset(
    {
        provinces.WORKER_REGISTERED,
        provinces.WORKER_CHANGED,
        provinces.WORKER_ENROLLED,
        provinces.TITLE_AWARDED,
        provinces.PROMOTION_RECORDED,
    }
)
"""Types whose rule looks at the worker's row."""
_LOOKS_AT_WORKER_WITHOUT_ENROLLMENT: Final = frozenset(
    {provinces.TRAINING_COMPLETED, provinces.CERTIFICATE_EARNED}
)
"""With an enrollment its own facts are enough: what waits for one is loaded when workers are locked already."""


def _looks_at_worker(submission: Submission, enrollment_no: str | None) -> bool:
    if submission.type in _LOOKS_AT_WORKER:
        return True
    return enrollment_no is None and submission.type in _LOOKS_AT_WORKER_WITHOUT_ENROLLMENT
