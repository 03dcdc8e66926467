"""A worker's path across provinces, put together from the facts that were published about that worker: pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from services.enrollment.domain.lifecycle import Moved, Step, StepKind, take_step
from services.enrollment.domain.outcomes import ADDED_BY_THE_REGISTER
from services.enrollment.domain.person import known_of, statements_of
from shared.contracts import provinces
from shared.contracts.enrollment import ENROLLMENT_OVERLAPPED
from shared.contracts.envelope import shanghai_day

FACTS_MAX: Final = 2_000
"""So many facts of one worker are looked at; the limits on changes and steps leave nobody near it."""

_DAY_OF: Final[Mapping[str, str | None]] = {
    provinces.WORKER_REGISTERED: None,
    provinces.WORKER_CHANGED: "since",
    provinces.WORKER_ENROLLED: "start",
    provinces.ENROLLMENT_CONFIRMED: "confirmed_on",
    provinces.ENROLLMENT_SUSPENDED: "suspended_on",
    provinces.ENROLLMENT_RESUMED: "resumed_on",
    provinces.PAYMENT_SETTLED: "paid_on",
    provinces.PAYMENT_RETURNED: "returned_on",
    provinces.ENROLLMENT_WITHDRAWN: "withdrawn_on",
    provinces.DEBT_WRITTEN_OFF: "written_off_on",
    provinces.TRAINING_COMPLETED: "completed_on",
    provinces.DEGREE_COMPLETED: "completed_on",
    provinces.CERTIFICATE_EARNED: "earned_on",
    provinces.TITLE_AWARDED: "awarded_on",
    provinces.PROMOTION_RECORDED: "promoted_on",
    provinces.TUTORS_PAIRED: "since",
    provinces.SCHOLARSHIP_AWARDED: "awarded_on",
}
"""Types that are stages of a path, and the field with their day; none: the day of `time`. So they go on one day."""
_RANK: Final = {type_: rank for rank, type_ in enumerate(_DAY_OF)}
_STEPS: Final[Mapping[str, StepKind]] = {
    provinces.ENROLLMENT_CONFIRMED: "confirmed",
    provinces.ENROLLMENT_SUSPENDED: "suspended",
    provinces.ENROLLMENT_RESUMED: "resumed",
    provinces.ENROLLMENT_WITHDRAWN: "withdrawn",
    provinces.DEGREE_COMPLETED: "completed",
}

_DESCRIBED: Final = ConfigDict(use_attribute_docstrings=True)
"""What is answered is described by these very docstrings."""

Fact = Mapping[str, Any]
"""A fact as it stands in the log, parsed."""


@dataclass(frozen=True, slots=True, config=_DESCRIBED)
class Stage:
    """One thing that happened to the worker."""

    day: date
    """When it happened or began to hold, by the province's word."""
    type: str
    """The event's type."""
    event_id: str
    """The province's event that caused it."""
    fact_id: str
    """The fact that was published of it."""
    reported_by: str
    """Lane of the province that sent it."""
    home_lane: str
    """Lane on which it stands: of the province that funds, for what is part of an enrollment."""
    happened_at: datetime
    """The event's `time`."""
    recorded_at: datetime
    """When we recorded it."""
    enrollment_no: str | None
    """The enrollment that it belongs to, where it belongs to one."""
    said: Mapping[str, Any] | None
    """What the province said, as sent; None where it is another province's."""


@dataclass(frozen=True, slots=True, config=_DESCRIBED)
class Study:
    """Where one enrollment stands."""

    enrollment_no: str
    """Its number."""
    state: str | None
    """As in the lifecycle; none where a step before is not known, which only a path of too many facts can show."""
    since: date
    """Day of the last step."""
    funding_province: str
    """Its home lane."""
    level_after: str
    """Level that completion gives."""
    start: date
    """First day."""


@dataclass(frozen=True, slots=True, config=_DESCRIBED)
class Overlap:
    """Two enrollments for the same level at the same time in two provinces: for a look, nothing is refused for it."""

    enrollment_no: str
    """One of them."""
    other_enrollment_no: str
    """The other."""
    event_id: str
    """The event that made the later one."""
    recorded_at: datetime
    """When it was noticed."""


@dataclass(frozen=True, slots=True, config=_DESCRIBED)
class Correction:
    """An event that counted once and was voided or corrected: what it said is not among the stages any more."""

    event_id: str
    """The event that counts no more."""
    type: str
    """Its type."""
    voided_by: str
    """The event that voided or corrected it."""
    superseded_by: str | None
    """The event that takes its place, where it was corrected."""
    reported_by: str
    """Lane of the province that took it back."""
    reason: str | None
    """Why, in that province's words; None where it is another province's."""
    recorded_at: datetime
    """Until then it counted: ask as known on an earlier day to see it."""


@dataclass(frozen=True, slots=True, config=_DESCRIBED)
class Journey:
    """A worker's path as it is known."""

    registered_by: Mapping[str, str]
    """Province → id of its registration."""
    counts: Mapping[str, Any]
    """What counts of all that provinces have said, by the rule of `person`."""
    stages: Sequence[Stage]
    studies: Sequence[Study]
    overlaps: Sequence[Overlap]
    corrections: Sequence[Correction]


def may_see(facts: Iterable[Fact], lane: str) -> bool:
    """The rule for provinces: of a worker whom it registered, of whom it reported, or whose study it funds."""
    return any(_is_of(fact, lane) for fact in facts)


def journey(facts: Iterable[Fact], day: date, before: datetime | None, lane: str | None) -> Journey:
    """The path as it was known `before` an instant (None: now), and what counted on `day`; as `lane` may see it.

    A province sees every stage, and what was said of those that it reported or funds; None sees everything.
    """
    recorded = [fact for fact in facts if before is None or _recorded_at(fact) < before]
    voids = [fact for fact in recorded if fact["type"] == provinces.EVENT_VOIDED]
    gone = {fact["data"].get("voided_fact_id") for fact in voids}
    known = [fact for fact in recorded if fact["id"] not in gone]
    stages = [_stage(fact, lane) for fact in known if fact["type"] in _DAY_OF]
    return Journey(
        {f["lane"]: f["causationid"] for f in known if f["type"] == provinces.WORKER_REGISTERED},
        _counts(known, day),
        sorted(stages, key=_in_order),
        _studies(known),
        _overlaps(known),
        [_correction(fact, lane) for fact in sorted(voids, key=_recorded_at)],
    )


def _is_of(fact: Fact, lane: str) -> bool:
    return lane in (fact["lane"], fact["data"].get("reported_by"))


def _recorded_at(fact: Fact) -> datetime:
    return datetime.fromisoformat(fact["recordedtime"])


def _stage(fact: Fact, lane: str | None) -> Stage:
    data = fact["data"]
    open_ = lane is None or _is_of(fact, lane)
    return Stage(
        _day(fact),
        fact["type"],
        fact["causationid"],
        fact["id"],
        data["reported_by"],
        fact["lane"],
        datetime.fromisoformat(fact["time"]),
        _recorded_at(fact),
        data.get("enrollment_no"),
        {name: value for name, value in data.items() if name not in ADDED_BY_THE_REGISTER} if open_ else None,
    )


def _day(fact: Fact) -> date:
    name = _DAY_OF[fact["type"]]
    if name is None:
        return shanghai_day(datetime.fromisoformat(fact["time"]))
    return date.fromisoformat(fact["data"][name])


def _in_order(stage: Stage) -> tuple[Any, ...]:
    rank = _RANK[stage.type]
    return stage.day, rank, stage.happened_at, stage.enrollment_no or "", stage.recorded_at, stage.fact_id


def _counts(facts: Iterable[Fact], day: date) -> Mapping[str, Any]:
    statements = [
        statement
        for fact in facts
        if fact["type"] in (provinces.WORKER_REGISTERED, provinces.WORKER_CHANGED)
        for statement in statements_of(
            fact["lane"], fact["causationid"], datetime.fromisoformat(fact["time"]), fact["data"]
        )
    ]
    return known_of(statements, day) if statements else {}


def _studies(facts: Sequence[Fact]) -> list[Study]:
    steps: dict[str, list[Step]] = {}
    for fact in facts:
        if fact["type"] in _STEPS:
            step = Step(_STEPS[fact["type"]], _day(fact), fact["causationid"])
            steps.setdefault(fact["data"]["enrollment_no"], []).append(step)
    enrolled = [fact for fact in facts if fact["type"] == provinces.WORKER_ENROLLED]
    studies = [_study(fact, steps.get(fact["data"]["enrollment_no"], [])) for fact in enrolled]
    return sorted(studies, key=lambda study: (study.start, study.enrollment_no))


def _study(fact: Fact, steps: Sequence[Step]) -> Study:
    data, start = fact["data"], _day(fact)
    state: str | None = "enrolled"
    if steps:
        moved = take_step(steps[:-1], steps[-1])
        state = moved.state if isinstance(moved, Moved) else None
    since = max((step.day for step in steps), default=start)
    return Study(data["enrollment_no"], state, since, data["funding_province"], data["level_after"], start)


def _correction(fact: Fact, lane: str | None) -> Correction:
    data = fact["data"]
    return Correction(
        data["event_id"],
        data["voided_type"],
        fact["causationid"],
        data.get("superseded_by"),
        data["reported_by"],
        data["reason"] if lane is None or _is_of(fact, lane) else None,
        _recorded_at(fact),
    )


def _overlaps(facts: Iterable[Fact]) -> list[Overlap]:
    """Each is said on the home lane of both, and shown once."""
    found: dict[frozenset[str], Overlap] = {}
    for fact in facts:
        if fact["type"] == ENROLLMENT_OVERLAPPED:
            one, other = sorted((fact["data"]["enrollment_no"], fact["data"]["other_enrollment_no"]))
            overlap = Overlap(one, other, fact["causationid"], _recorded_at(fact))
            found.setdefault(frozenset((one, other)), overlap)
    return sorted(found.values(), key=lambda overlap: (overlap.enrollment_no, overlap.other_enrollment_no))
