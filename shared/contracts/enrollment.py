"""What enrollment publishes: accepted facts with all that a decider needs, the day, tallies and receipts."""

from datetime import date
from typing import Final, Literal

from pydantic import BaseModel

from shared.contracts import provinces
from shared.contracts.envelope import Value, event_type
from shared.contracts.provinces import Category, EducationLevel, Employer, Mode, Track


class WorkerFacts(Value):
    """What the register knows of the worker as of the enrollment's recorded date."""

    categories: tuple[Category, ...]
    """The flags that count for the award."""
    origin_province: str
    """Where the worker is from."""


class EnrollmentFacts(Value):
    """What the register knows of the enrollment that a later event names: nobody joins lanes to decide."""

    categories: tuple[Category, ...]
    """The worker's flags as of the enrollment's recorded date."""
    funding_province: str
    """The enrollment's home lane."""
    work_province: str
    """Lane where the worker works."""
    work_city: str | None = None
    """City of work, first four digits of GB/T 2260."""
    employer: Employer | None = None
    """Employer at enrollment, with sector."""
    track: Track
    """Academic, skills, or combined."""
    mode: Mode
    """Form of study."""
    level_before: EducationLevel
    """Level of education before."""
    level_after: EducationLevel
    """Level that completion gives."""
    start: date
    """First day; the award belongs to its fiscal year."""
    tuition_fen: int
    """Whole tuition in fen."""
    history: bool = False
    """Back-loaded: no money moves."""


class WorkerEnrolledFact(provinces.WorkerEnrolled):
    """An accepted enrollment, on the lane of the province that funds it."""

    reported_by: str
    """Lane whose province sent it."""
    worker: WorkerFacts
    """What the register knows of the worker."""


class WorkerRegisteredFact(provinces.WorkerRegistered):
    """An accepted registration, on the lane that reported it."""

    reported_by: str
    """Lane whose province sent it."""
    first: bool = True
    """Whether no province had registered this worker before."""


class EnrollmentConfirmedFact(provinces.EnrollmentConfirmed):
    """An accepted confirmation."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class EnrollmentWithdrawnFact(provinces.EnrollmentWithdrawn):
    """An accepted withdrawal."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class DegreeCompletedFact(provinces.DegreeCompleted):
    """An accepted completion."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class ScholarshipAwardedFact(provinces.ScholarshipAwarded):
    """An accepted scholarship, on the enrollment's home lane."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class DayBegan(Value):
    """A Shanghai day begins on the lane: time is an event. Stands before anything recorded later that day."""

    day: date
    """The day that begins, in Asia/Shanghai."""
    log_head: str
    """Hash, in hex, at the head of the lane's log before the batch that stamped this; 64 zeros for an empty log."""


class VerdictsTallied(Value):
    """How the records of one lane were judged on one day: published when the next day begins."""

    day: date
    """The day that has ended, in Asia/Shanghai."""
    accepted: int
    """Receipts `accepted`."""
    duplicate: int
    """Receipts `duplicate`: same id, same content."""
    conflict: int
    """Receipts `conflict`: same id, other content."""
    rejected: int
    """Receipts `rejected`."""
    parked: int
    """Events that began to wait on that day."""


class ReceiptIssued(Value):
    """The answer to one record on a province's topic: one final receipt for each."""

    status: Literal["accepted", "duplicate", "conflict", "rejected", "parked"]
    """`parked` comes before a final one; the others are final."""
    event_id: str | None
    """The province's id; none for an unreadable record."""
    event_source: str | None
    """The `source` that the province sent; none for an unreadable record."""
    event_type: str | None
    """The `type` that the province sent, where one could be read."""
    offset: int
    """The record's offset in the province's topic, which names unreadable ones."""
    code: str | None = None
    """Why, from the catalogue `shared.contracts.receipt_codes`; none when accepted."""
    field: str | None = None
    """Which field, as a path with dots."""
    message_zh: str | None = None
    """What happened, why and what to do now, in Chinese; none when accepted."""
    message_en: str | None = None
    """The same sentence in English."""
    first_event_id: str | None = None
    """The event that stands in the way, for `duplicate`, `conflict` and `already_recorded`."""


DAY_BEGAN: Final = event_type("day.began")
VERDICTS_TALLIED: Final = event_type("verdicts.tallied")
RECEIPT_ISSUED: Final = event_type("receipt.issued")

FACT_MODELS: Final[dict[str, type[BaseModel]]] = {
    provinces.WORKER_REGISTERED: WorkerRegisteredFact,
    provinces.WORKER_ENROLLED: WorkerEnrolledFact,
    provinces.ENROLLMENT_CONFIRMED: EnrollmentConfirmedFact,
    provinces.ENROLLMENT_WITHDRAWN: EnrollmentWithdrawnFact,
    provinces.DEGREE_COMPLETED: DegreeCompletedFact,
    provinces.SCHOLARSHIP_AWARDED: ScholarshipAwardedFact,
    provinces.PLAN_DECLARED: provinces.PlanDeclared,
    provinces.BUDGET_ALLOCATED: provinces.BudgetAllocated,
    provinces.PROJECT_ESTABLISHED: provinces.ProjectEstablished,
    DAY_BEGAN: DayBegan,
    VERDICTS_TALLIED: VerdictsTallied,
}
"""What each fact on `enrollment.events` carries."""
