"""What provinces publish: one frozen model per event type; titles are the Chinese column headers of their files.

The types themselves stand here; the models by subject: workers, enrollments, careers, money, bodies, corrections, and
what the nation decides.
"""

from typing import Final

from pydantic import BaseModel

from shared.contracts.envelope import event_type
from shared.contracts.provinces.bodies import (
    AllianceFormed,
    AllianceMembers,
    AllianceReported,
    ControlTotalsDeclared,
    DeclaredOutcome,
    InstitutionJoined,
    ProjectEstablished,
    ReportedOutcome,
)
from shared.contracts.provinces.careers import (
    CertificateEarned,
    PromotionRecorded,
    TitleAwarded,
    TrainingCompleted,
    TutorsPaired,
)
from shared.contracts.provinces.corrections import EventVoided
from shared.contracts.provinces.enrollments import (
    DegreeCompleted,
    EnrollmentConfirmed,
    EnrollmentResumed,
    EnrollmentSuspended,
    EnrollmentWithdrawn,
    WorkerEnrolled,
)
from shared.contracts.provinces.money import (
    BalanceOpened,
    BudgetAdjusted,
    BudgetAllocated,
    BudgetCarriedOver,
    DebtWrittenOff,
    PaymentReturned,
    PaymentSettled,
    PlanDeclared,
    ScholarshipAwarded,
)
from shared.contracts.provinces.nation import (
    SchemeActivated,
    SchemePart,
    TargetFilter,
    TargetSet,
    unlike_a_part,
    unlike_parts,
)
from shared.contracts.provinces.terms import (
    Category,
    CityCode,
    Comparator,
    EducationLevel,
    Employer,
    EnrollmentNo,
    Figure,
    FiscalYear,
    Funder,
    FunderLevel,
    Heads,
    Institution,
    InstitutionCode,
    InstitutionKind,
    Mode,
    OpeningMeasure,
    OutcomeMeasure,
    Partner,
    Sector,
    SkillLevel,
    TitleGrade,
    Track,
)
from shared.contracts.provinces.workers import (
    Contact,
    WorkerChanged,
    WorkerRegistered,
)

WORKER_REGISTERED: Final = event_type("worker.registered")
WORKER_CHANGED: Final = event_type("worker.changed")
WORKER_ENROLLED: Final = event_type("worker.enrolled")
ENROLLMENT_CONFIRMED: Final = event_type("enrollment.confirmed")
ENROLLMENT_SUSPENDED: Final = event_type("enrollment.suspended")
ENROLLMENT_RESUMED: Final = event_type("enrollment.resumed")
ENROLLMENT_WITHDRAWN: Final = event_type("enrollment.withdrawn")
DEGREE_COMPLETED: Final = event_type("degree.completed")
TRAINING_COMPLETED: Final = event_type("training.completed")
CERTIFICATE_EARNED: Final = event_type("certificate.earned")
TITLE_AWARDED: Final = event_type("title.awarded")
PROMOTION_RECORDED: Final = event_type("promotion.recorded")
TUTORS_PAIRED: Final = event_type("tutors.paired")
SCHOLARSHIP_AWARDED: Final = event_type("scholarship.awarded")
PLAN_DECLARED: Final = event_type("plan.declared")
BUDGET_ALLOCATED: Final = event_type("budget.allocated")
BUDGET_ADJUSTED: Final = event_type("budget.adjusted")
BUDGET_CARRIED_OVER: Final = event_type("budget.carried_over")
PAYMENT_SETTLED: Final = event_type("payment.settled")
PAYMENT_RETURNED: Final = event_type("payment.returned")
DEBT_WRITTEN_OFF: Final = event_type("debt.written_off")
BALANCE_OPENED: Final = event_type("balance.opened")
PROJECT_ESTABLISHED: Final = event_type("project.established")
INSTITUTION_JOINED: Final = event_type("institution.joined")
ALLIANCE_FORMED: Final = event_type("alliance.formed")
ALLIANCE_REPORTED: Final = event_type("alliance.reported")
CONTROL_TOTALS_DECLARED: Final = event_type("control_totals.declared")
EVENT_VOIDED: Final = event_type("event.voided")
SCHEME_ACTIVATED: Final = event_type("scheme.activated")
TARGET_SET: Final = event_type("target.set")

DATA_MODELS: Final[dict[str, type[BaseModel]]] = {
    WORKER_REGISTERED: WorkerRegistered,
    WORKER_CHANGED: WorkerChanged,
    WORKER_ENROLLED: WorkerEnrolled,
    ENROLLMENT_CONFIRMED: EnrollmentConfirmed,
    ENROLLMENT_SUSPENDED: EnrollmentSuspended,
    ENROLLMENT_RESUMED: EnrollmentResumed,
    ENROLLMENT_WITHDRAWN: EnrollmentWithdrawn,
    DEGREE_COMPLETED: DegreeCompleted,
    TRAINING_COMPLETED: TrainingCompleted,
    CERTIFICATE_EARNED: CertificateEarned,
    TITLE_AWARDED: TitleAwarded,
    PROMOTION_RECORDED: PromotionRecorded,
    TUTORS_PAIRED: TutorsPaired,
    SCHOLARSHIP_AWARDED: ScholarshipAwarded,
    PLAN_DECLARED: PlanDeclared,
    BUDGET_ALLOCATED: BudgetAllocated,
    BUDGET_ADJUSTED: BudgetAdjusted,
    BUDGET_CARRIED_OVER: BudgetCarriedOver,
    PAYMENT_SETTLED: PaymentSettled,
    PAYMENT_RETURNED: PaymentReturned,
    DEBT_WRITTEN_OFF: DebtWrittenOff,
    BALANCE_OPENED: BalanceOpened,
    PROJECT_ESTABLISHED: ProjectEstablished,
    INSTITUTION_JOINED: InstitutionJoined,
    ALLIANCE_FORMED: AllianceFormed,
    ALLIANCE_REPORTED: AllianceReported,
    CONTROL_TOTALS_DECLARED: ControlTotalsDeclared,
    EVENT_VOIDED: EventVoided,
    SCHEME_ACTIVATED: SchemeActivated,
    TARGET_SET: TargetSet,
}
"""What each type of event carries."""

OF_THE_NATION: Final = frozenset({SCHEME_ACTIVATED, TARGET_SET})
"""Types that only lane 00 may send; their facts stand on every lane."""

ABOUT_A_WORKER: Final = frozenset(
    {
        WORKER_REGISTERED,
        WORKER_CHANGED,
        WORKER_ENROLLED,
        ENROLLMENT_CONFIRMED,
        ENROLLMENT_SUSPENDED,
        ENROLLMENT_RESUMED,
        ENROLLMENT_WITHDRAWN,
        DEGREE_COMPLETED,
        TRAINING_COMPLETED,
        CERTIFICATE_EARNED,
        TITLE_AWARDED,
        PROMOTION_RECORDED,
        TUTORS_PAIRED,
        SCHOLARSHIP_AWARDED,
        PAYMENT_SETTLED,
        PAYMENT_RETURNED,
        DEBT_WRITTEN_OFF,
    }
)
"""Types whose subject must be a worker_ref."""
MAY_BE_ABOUT_A_WORKER: Final = ABOUT_A_WORKER | {EVENT_VOIDED}
"""Types whose subject, where there is one, must be a worker_ref."""

__all__ = [
    "ABOUT_A_WORKER",
    "ALLIANCE_FORMED",
    "ALLIANCE_REPORTED",
    "BALANCE_OPENED",
    "BUDGET_ADJUSTED",
    "BUDGET_ALLOCATED",
    "BUDGET_CARRIED_OVER",
    "CERTIFICATE_EARNED",
    "CONTROL_TOTALS_DECLARED",
    "DATA_MODELS",
    "DEBT_WRITTEN_OFF",
    "DEGREE_COMPLETED",
    "ENROLLMENT_CONFIRMED",
    "ENROLLMENT_RESUMED",
    "ENROLLMENT_SUSPENDED",
    "ENROLLMENT_WITHDRAWN",
    "EVENT_VOIDED",
    "INSTITUTION_JOINED",
    "MAY_BE_ABOUT_A_WORKER",
    "OF_THE_NATION",
    "PAYMENT_RETURNED",
    "PAYMENT_SETTLED",
    "PLAN_DECLARED",
    "PROJECT_ESTABLISHED",
    "PROMOTION_RECORDED",
    "SCHEME_ACTIVATED",
    "SCHOLARSHIP_AWARDED",
    "TARGET_SET",
    "TITLE_AWARDED",
    "TRAINING_COMPLETED",
    "TUTORS_PAIRED",
    "WORKER_CHANGED",
    "WORKER_ENROLLED",
    "WORKER_REGISTERED",
    "AllianceFormed",
    "AllianceMembers",
    "AllianceReported",
    "BalanceOpened",
    "BudgetAdjusted",
    "BudgetAllocated",
    "BudgetCarriedOver",
    "Category",
    "CertificateEarned",
    "CityCode",
    "Comparator",
    "Contact",
    "ControlTotalsDeclared",
    "DebtWrittenOff",
    "DeclaredOutcome",
    "DegreeCompleted",
    "EducationLevel",
    "Employer",
    "EnrollmentConfirmed",
    "EnrollmentNo",
    "EnrollmentResumed",
    "EnrollmentSuspended",
    "EnrollmentWithdrawn",
    "EventVoided",
    "Figure",
    "FiscalYear",
    "Funder",
    "FunderLevel",
    "Heads",
    "Institution",
    "InstitutionCode",
    "InstitutionJoined",
    "InstitutionKind",
    "Mode",
    "OpeningMeasure",
    "OutcomeMeasure",
    "Partner",
    "PaymentReturned",
    "PaymentSettled",
    "PlanDeclared",
    "ProjectEstablished",
    "PromotionRecorded",
    "ReportedOutcome",
    "SchemeActivated",
    "SchemePart",
    "ScholarshipAwarded",
    "Sector",
    "SkillLevel",
    "TargetFilter",
    "TargetSet",
    "TitleAwarded",
    "TitleGrade",
    "Track",
    "TrainingCompleted",
    "TutorsPaired",
    "WorkerChanged",
    "WorkerEnrolled",
    "WorkerRegistered",
    "unlike_a_part",
    "unlike_parts",
]
