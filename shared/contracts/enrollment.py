"""What enrollment publishes: accepted facts with all that a decider needs, the day, tallies and receipts."""

from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel

from shared.contracts import provinces
from shared.contracts.envelope import Value, event_type
from shared.contracts.provinces import Category, EducationLevel, Employer, Mode, SkillLevel, Track


class WorkerFacts(Value):
    """What the register knows of the worker on the day on which the fact was recorded, by its rule."""

    categories: tuple[Category, ...]
    """The flags that count for the award."""
    origin_province: str
    """Where the worker is from."""
    education_level: EducationLevel | None = None
    """Highest level of education; an enrollment's fact says it as `level_before`."""
    work_province: str | None = None
    """Where the worker works; an enrollment's fact says it itself."""
    work_city: str | None = None
    """City of work, first four digits of GB/T 2260."""
    employer: Employer | None = None
    """Employer, with sector."""


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
    skill_before: SkillLevel | None = None
    """Grade of skill before."""
    skill_after: SkillLevel | None = None
    """Grade of skill that completion gives."""
    institution_code: str | None = None
    """Who teaches."""
    cohort: str | None = None
    """Class that learns together."""
    project_no: str | None = None
    """Project it belongs to."""
    start: date
    """First day; the award belongs to its fiscal year."""
    planned_end: date | None = None
    """Planned last day."""
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


class WorkerChangedFact(provinces.WorkerChanged):
    """An accepted change, with the worker as the register's rule now has it."""

    reported_by: str
    """Lane whose province sent it."""
    worker: WorkerFacts
    """What the register knows of the worker."""


class EnrollmentSuspendedFact(provinces.EnrollmentSuspended):
    """An accepted interruption."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class EnrollmentResumedFact(provinces.EnrollmentResumed):
    """An accepted resumption."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class TrainingCompletedFact(provinces.TrainingCompleted):
    """An accepted training."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts | None = None
    """What the register knows of the enrollment, where the event names one: then on its home lane."""
    worker: WorkerFacts | None = None
    """What the register knows of the worker, where no enrollment is named."""


class CertificateEarnedFact(provinces.CertificateEarned):
    """An accepted certificate."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts | None = None
    """What the register knows of the enrollment, where the event names one: then on its home lane."""
    worker: WorkerFacts | None = None
    """What the register knows of the worker, where no enrollment is named."""


class TitleAwardedFact(provinces.TitleAwarded):
    """An accepted professional title."""

    reported_by: str
    """Lane whose province sent it."""
    worker: WorkerFacts
    """What the register knows of the worker."""


class PromotionRecordedFact(provinces.PromotionRecorded):
    """An accepted promotion."""

    reported_by: str
    """Lane whose province sent it."""
    worker: WorkerFacts
    """What the register knows of the worker."""


class TutorsPairedFact(provinces.TutorsPaired):
    """An accepted pair of tutors."""

    reported_by: str
    """Lane whose province sent it."""


class PaymentSettledFact(provinces.PaymentSettled):
    """An accepted payment, on the enrollment's home lane."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class PaymentReturnedFact(provinces.PaymentReturned):
    """An accepted return of a payment, on the enrollment's home lane."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class DebtWrittenOffFact(provinces.DebtWrittenOff):
    """An accepted write-off, on the enrollment's home lane."""

    reported_by: str
    """Lane whose province sent it."""
    enrollment: EnrollmentFacts
    """What the register knows of the enrollment."""


class EventVoidedFact(provinces.EventVoided):
    """An accepted void, or the first half of an accepted correction: on the lane of the fact that counts no more.

    It carries that fact, so that whoever counted it can take it away again without looking anything up.
    """

    reported_by: str
    """Lane whose province sent it."""
    voided_type: str
    """Type of the event that counts no more."""
    voided_fact_id: str | None = None
    """Id of the fact that was published of it; none for one that still waited, so that nothing was published."""
    voided_time: datetime | None = None
    """Its `time`."""
    voided: dict[str, Any] | None = None
    """Its data as they were published: what was believed before."""
    superseded_by: str | None = None
    """Id of the event that takes its place, whose fact follows at once; none where nothing does."""


class RegistrationBecameFirst(Value):
    """The first registration of a worker was voided, and this one is the first now: on the lane that reported it."""

    event_id: str
    """The registration's event."""
    reported_by: str
    """Lane whose province sent it."""
    registered_on: date
    """The Shanghai day on which it happened."""
    categories: tuple[Category, ...]
    """The flags that it gave."""


class EnrollmentOverlapped(Value):
    """A worker studies for the same level twice at once, in two provinces: said on the home lane of each, for a look.

    Nothing is refused for it: whether it is a fault, a change of school or two courses is the provinces' to find out.
    """

    enrollment_no: str
    """The enrollment of this lane."""
    other_enrollment_no: str
    """The one that it overlaps: the first two digits are the province that reported it."""
    other_funding_province: str
    """Home lane of the other."""
    level_after: EducationLevel
    """Level that both lead to."""


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


class CompletenessMeasured(Value):
    """What a province says that it has sent, beside what was accepted: told when a day begins, again if it changes."""

    since: date
    """First day of the period that was declared."""
    until: date
    """Last day."""
    event_types: tuple[str, ...]
    """The types that the declaration counts together."""
    declared: int
    """Events that the province says it has sent."""
    received: int
    """Events of these types, sent by it, that happened in the period and were accepted."""
    difference: int
    """Received less declared: below zero, something has not arrived or was not accepted."""
    silent_days: int
    """Days that are over, of the period's first year, on which nothing happened that was accepted, of any type."""
    silent_on: tuple[date, ...]
    """The first 31 of them."""


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


ENROLLMENT_OVERLAPPED: Final = event_type("enrollment.overlapped")
REGISTRATION_BECAME_FIRST: Final = event_type("registration.became_first")
DAY_BEGAN: Final = event_type("day.began")
VERDICTS_TALLIED: Final = event_type("verdicts.tallied")
COMPLETENESS_MEASURED: Final = event_type("completeness.measured")
RECEIPT_ISSUED: Final = event_type("receipt.issued")

FACT_MODELS: Final[dict[str, type[BaseModel]]] = {
    provinces.WORKER_REGISTERED: WorkerRegisteredFact,
    provinces.WORKER_CHANGED: WorkerChangedFact,
    provinces.WORKER_ENROLLED: WorkerEnrolledFact,
    provinces.ENROLLMENT_CONFIRMED: EnrollmentConfirmedFact,
    provinces.ENROLLMENT_SUSPENDED: EnrollmentSuspendedFact,
    provinces.ENROLLMENT_RESUMED: EnrollmentResumedFact,
    provinces.ENROLLMENT_WITHDRAWN: EnrollmentWithdrawnFact,
    ENROLLMENT_OVERLAPPED: EnrollmentOverlapped,
    provinces.DEGREE_COMPLETED: DegreeCompletedFact,
    provinces.TRAINING_COMPLETED: TrainingCompletedFact,
    provinces.CERTIFICATE_EARNED: CertificateEarnedFact,
    provinces.TITLE_AWARDED: TitleAwardedFact,
    provinces.PROMOTION_RECORDED: PromotionRecordedFact,
    provinces.TUTORS_PAIRED: TutorsPairedFact,
    provinces.SCHOLARSHIP_AWARDED: ScholarshipAwardedFact,
    provinces.PLAN_DECLARED: provinces.PlanDeclared,
    provinces.BUDGET_ALLOCATED: provinces.BudgetAllocated,
    provinces.BUDGET_ADJUSTED: provinces.BudgetAdjusted,
    provinces.BUDGET_CARRIED_OVER: provinces.BudgetCarriedOver,
    provinces.PAYMENT_SETTLED: PaymentSettledFact,
    provinces.PAYMENT_RETURNED: PaymentReturnedFact,
    provinces.DEBT_WRITTEN_OFF: DebtWrittenOffFact,
    provinces.BALANCE_OPENED: provinces.BalanceOpened,
    provinces.PROJECT_ESTABLISHED: provinces.ProjectEstablished,
    provinces.INSTITUTION_JOINED: provinces.InstitutionJoined,
    provinces.ALLIANCE_FORMED: provinces.AllianceFormed,
    provinces.ALLIANCE_REPORTED: provinces.AllianceReported,
    provinces.CONTROL_TOTALS_DECLARED: provinces.ControlTotalsDeclared,
    provinces.EVENT_VOIDED: EventVoidedFact,
    provinces.SCHEME_ACTIVATED: provinces.SchemeActivated,
    provinces.TARGET_SET: provinces.TargetSet,
    REGISTRATION_BECAME_FIRST: RegistrationBecameFirst,
    DAY_BEGAN: DayBegan,
    VERDICTS_TALLIED: VerdictsTallied,
    COMPLETENESS_MEASURED: CompletenessMeasured,
}
"""What each fact on `enrollment.events` carries."""
