"""Judge one event after another: accepted with its facts, refused with a code, or parked for what is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from services.enrollment.domain import completeness, corrections, enrollment_rules, outcomes, worker_rules
from services.enrollment.domain.contradictions import contradiction
from services.enrollment.domain.naming import brought, named
from services.enrollment.domain.natural_keys import natural_key
from services.enrollment.domain.outcomes import Outcome, Waits
from services.enrollment.domain.register import PARKED_MAX_PER_LANE, Id, Missing, Natural, Register
from shared.contracts import provinces
from shared.contracts.submission import Refusal, Submission


@dataclass(slots=True)
class Keys:
    """What a batch touches, by kind: the store locks and loads it."""

    workers: set[str] = field(default_factory=set)
    enrollments: set[str] = field(default_factory=set)
    naturals: set[Natural] = field(default_factory=set)
    referents: set[Missing] = field(default_factory=set)
    students: set[str] = field(default_factory=set)
    """Workers who enroll: their other enrollments are looked at."""
    corrected: set[Id] = field(default_factory=set)
    """Events that are voided or corrected: what they have left in the register is looked at, too."""
    histories: set[str] = field(default_factory=set)
    """Workers about whom something is voided or corrected: all that was published about them is looked at."""

    def add(self, submission: Submission) -> None:
        """Add what judging `submission` will look at."""
        if submission.event is None:
            return
        data = submission.event.data
        self._add_correction(submission)
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

    def _add_correction(self, submission: Submission) -> None:
        corrected = corrections.corrected(submission)
        if corrected is None:
            return
        self.corrected.add(corrected)
        if submission.subject is not None:
            self.histories.add(submission.subject)
            self.workers.add(submission.subject)


def judge(register: Register, submission: Submission) -> Outcome:
    """The outcome of a submission whose id is free; changes `register` where it is accepted."""
    if submission.refusal is not None:
        return submission.refusal
    assert submission.event is not None and submission.type is not None
    outcome = contradiction(submission) or _rule_of(submission)(register, submission)
    if isinstance(outcome, Waits) and register.lanes[submission.lane].parked >= PARKED_MAX_PER_LANE:
        return Refusal("too_many_waiting")
    return outcome


def _rule_of(submission: Submission) -> corrections.Rule:
    rule = RULES[submission.type or ""]
    if submission.supersedes is None or submission.type == provinces.EVENT_VOIDED:
        return rule
    return partial(corrections.supersede, rule=rule)


RULES: Final[dict[str, Callable[[Register, Submission], Outcome]]] = {
    provinces.WORKER_REGISTERED: worker_rules.register_worker,
    provinces.WORKER_CHANGED: worker_rules.change_worker,
    provinces.WORKER_ENROLLED: enrollment_rules.enroll_worker,
    provinces.ENROLLMENT_CONFIRMED: enrollment_rules.confirm,
    provinces.ENROLLMENT_SUSPENDED: enrollment_rules.step_on,
    provinces.ENROLLMENT_RESUMED: enrollment_rules.step_on,
    provinces.ENROLLMENT_WITHDRAWN: enrollment_rules.step_on,
    provinces.DEGREE_COMPLETED: enrollment_rules.step_on,
    provinces.TRAINING_COMPLETED: worker_rules.record_of_worker,
    provinces.CERTIFICATE_EARNED: worker_rules.record_of_worker,
    provinces.TITLE_AWARDED: worker_rules.record_of_worker,
    provinces.PROMOTION_RECORDED: worker_rules.record_of_worker,
    provinces.TUTORS_PAIRED: worker_rules.pair_tutors,
    provinces.SCHOLARSHIP_AWARDED: enrollment_rules.award_scholarship,
    provinces.PLAN_DECLARED: outcomes.record_once,
    provinces.BUDGET_ALLOCATED: outcomes.record_once,
    provinces.BUDGET_ADJUSTED: outcomes.record_once,
    provinces.BUDGET_CARRIED_OVER: outcomes.record_once,
    provinces.PAYMENT_SETTLED: enrollment_rules.settle,
    provinces.PAYMENT_RETURNED: enrollment_rules.return_payment,
    provinces.DEBT_WRITTEN_OFF: enrollment_rules.write_off,
    provinces.BALANCE_OPENED: outcomes.record_once,
    provinces.PROJECT_ESTABLISHED: outcomes.bring,
    provinces.INSTITUTION_JOINED: outcomes.bring,
    provinces.ALLIANCE_FORMED: outcomes.bring,
    provinces.ALLIANCE_REPORTED: outcomes.record_what_is_named,
    provinces.CONTROL_TOTALS_DECLARED: completeness.declare_totals,
    provinces.EVENT_VOIDED: corrections.void,
    provinces.SCHEME_ACTIVATED: outcomes.record_for_the_nation,
    provinces.TARGET_SET: outcomes.record_for_the_nation,
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
