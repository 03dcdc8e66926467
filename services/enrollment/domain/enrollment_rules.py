"""Rules about enrollments: made, taken through their steps, and the money that is paid for them."""

from collections.abc import Callable
from typing import Any, Final

from services.enrollment.domain.lifecycle import (
    Early,
    Impossible,
    Moved,
    Step,
    StepKind,
    follow,
    recorded_before,
    take_step,
)
from services.enrollment.domain.outcomes import (
    Accepted,
    Outcome,
    Waits,
    already,
    bring,
    claim,
    missing_of,
    refused_claim,
)
from services.enrollment.domain.overlaps import overlapping
from services.enrollment.domain.person import known_of
from services.enrollment.domain.register import Enrollment, Missing, Register
from shared.contracts import enrollment as facts_of
from shared.contracts import provinces
from shared.contracts.submission import Refusal, Submission

STEPS_MAX: Final = 200
"""More steps of one enrollment are refused: all of them are looked at with each."""
OTHERS_MAX: Final = 50
"""So many of a worker's other enrollments are looked at for overlaps."""


def enroll_worker(register: Register, submission: Submission) -> Outcome:
    """A registered worker enrolls once under a number, and once in the same course."""
    event = submission.event
    assert event is not None
    worker = register.worker(event.subject or "")
    if not worker.registered_by:
        return Waits(("worker", worker.ref))
    missing = missing_of(register, submission)
    if missing is not None:
        return missing
    enrollment = register.enrollments[event.data.enrollment_no]
    if enrollment.event_id is not None:
        return already(enrollment.event_id)
    belonged_to = enrollment.facts.get("funding_province", event.data.funding_province)
    if belonged_to != event.data.funding_province:
        return Refusal("other_funder", "data.funding_province", belonged_to)
    first = claim(register, submission)
    if first is not None:
        return already(first)
    known = known_of(worker.statements, register.today, ("categories", "origin_province"))
    enrollment.worker_ref = worker.ref
    enrollment.event_id = enrollment.state_event_id = event.id
    enrollment.changed = True
    stand(enrollment)
    enrollment.facts = _facts(submission.data, known["categories"])
    added = {"reported_by": submission.lane, "worker": known}
    said = _say_overlaps(register, enrollment)
    register.studies[worker.ref].append(enrollment)
    return Accepted(enrollment.home_lane, added, ("enrollment", enrollment.number), said)


def stand(enrollment: Enrollment) -> None:
    """Put an enrollment where its steps lead; where they lead nowhere, the one that is missing follows at once."""
    found = follow(enrollment.steps)
    if isinstance(found, Moved):
        enrollment.state, enrollment.state_event_id = found.state, found.last.event_id
    elif found is None:
        enrollment.state, enrollment.state_event_id = "enrolled", enrollment.event_id


def _say_overlaps(register: Register, enrollment: Enrollment) -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """Say it on both home lanes where the worker studies for the same level in another province, too."""
    others = register.studies[enrollment.worker_ref or ""][-OTHERS_MAX:]
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


def confirm(register: Register, submission: Submission) -> Outcome:
    """Only the province that funds says that the worker studies."""
    return of_the_funder(register, submission, lambda found: _step(register, found, submission))


def step_on(register: Register, submission: Submission) -> Outcome:
    """Anyone who knows may report a step; its fact stands on the home lane."""
    found = enrollment_of(register, submission)
    return _step(register, found, submission) if isinstance(found, Enrollment) else found


STEPS: Final[dict[str, tuple[StepKind, str]]] = {
    provinces.ENROLLMENT_CONFIRMED: ("confirmed", "confirmed_on"),
    provinces.ENROLLMENT_SUSPENDED: ("suspended", "suspended_on"),
    provinces.ENROLLMENT_RESUMED: ("resumed", "resumed_on"),
    provinces.ENROLLMENT_WITHDRAWN: ("withdrawn", "withdrawn_on"),
    provinces.DEGREE_COMPLETED: ("completed", "completed_on"),
}
"""Which step of `lifecycle.ENROLLMENT` a type is, and the field with its day."""


def _step(register: Register, enrollment: Enrollment, submission: Submission) -> Outcome:
    new = step_of(submission)
    before = recorded_before(enrollment.steps, new)
    if before is not None:
        return already(before.event_id)
    if len(enrollment.steps) >= STEPS_MAX:
        return Refusal(
            "invalid",
            "data.enrollment_no",
            f"该注册的步骤已达上限 {STEPS_MAX} / too many steps of one enrollment",
        )
    found = take_step(enrollment.steps, new)
    if isinstance(found, Early):
        return Waits(("enrollment", enrollment.number), earlier_step=True)
    if isinstance(found, Impossible):
        return Refusal("wrong_state", "data.enrollment_no", _standing(enrollment))
    register.step(enrollment, new)
    enrollment.state, enrollment.state_event_id = found.state, found.last.event_id
    enrollment.changed = True
    return about(enrollment, submission, ("enrollment", enrollment.number))


def step_of(submission: Submission) -> Step:
    """The step that an event says."""
    assert submission.event is not None and submission.type is not None
    kind, day = STEPS[submission.type]
    return Step(kind, getattr(submission.event.data, day), submission.event.id)


def _standing(enrollment: Enrollment) -> str:
    """Its state and since when: a step refused for its day is seen to be."""
    last = max((step.day for step in enrollment.steps), default=None)
    return (
        f"{enrollment.state}（{last}起） / {enrollment.state} (since {last})"
        if last
        else str(enrollment.state)
    )


def award_scholarship(register: Register, submission: Submission) -> Outcome:
    """Once by its funder's number, on the home lane of its enrollment."""
    found = enrollment_of(register, submission)
    if not isinstance(found, Enrollment):
        return found
    first = claim(register, submission)
    if first is not None:
        return already(first)
    return Accepted(found.home_lane, {"reported_by": submission.lane, "enrollment": found.facts})


def settle(register: Register, submission: Submission) -> Outcome:
    """A line of a settlement is paid once, by the province that funds."""

    def settle(found: Enrollment) -> Outcome:
        brought_by = bring(register, submission)
        if not isinstance(brought_by, Accepted):
            return brought_by
        return about(found, submission, brought_by.brings)

    return of_the_funder(register, submission, settle)


def return_payment(register: Register, submission: Submission) -> Outcome:
    """A line that was paid comes back once."""

    def give_back(found: Enrollment) -> Outcome:
        refused = missing_of(register, submission) or refused_claim(register, submission)
        return refused or about(found, submission)

    return of_the_funder(register, submission, give_back)


def write_off(register: Register, submission: Submission) -> Outcome:
    """What is owed for an enrollment is written off once by each document, by the province that funds."""
    return of_the_funder(
        register, submission, lambda found: refused_claim(register, submission) or about(found, submission)
    )


def of_the_funder(
    register: Register, submission: Submission, decide: Callable[[Enrollment], Outcome]
) -> Outcome:
    """Decide about the enrollment where the province that funds it has sent the event."""
    found = enrollment_of(register, submission)
    if not isinstance(found, Enrollment):
        return found
    if submission.lane != found.home_lane:
        return Refusal("not_the_funder", "data.enrollment_no", found.home_lane)
    return decide(found)


def enrollment_of(register: Register, submission: Submission) -> Enrollment | Outcome:
    """The enrollment that the event names, if it is there and belongs to the event's subject."""
    event = submission.event
    assert event is not None
    enrollment = register.enrollments[event.data.enrollment_no]
    if enrollment.state is None:
        return Waits(("enrollment", enrollment.number))
    if event.subject != enrollment.worker_ref:
        return Refusal("subject_mismatch", "subject")
    return enrollment


def about(enrollment: Enrollment, submission: Submission, brings: Missing | None = None) -> Accepted:
    """Accepted on the home lane, with what the register knows of the enrollment."""
    added = {"reported_by": submission.lane, "enrollment": enrollment.facts}
    return Accepted(enrollment.home_lane, added, brings)
