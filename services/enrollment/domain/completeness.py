"""What provinces say that they have sent, kept so that it can be compared with what was accepted."""

from services.enrollment.domain.outcomes import Accepted, Outcome, record_once
from services.enrollment.domain.register import ControlTotal, Register
from shared.contracts.submission import Submission


def declare_totals(register: Register, submission: Submission) -> Outcome:
    """Each period and list of types is declared once; it is compared when the next day begins."""
    outcome = record_once(register, submission)
    if isinstance(outcome, Accepted):
        register.declared.append(total_of(submission))
    return outcome


def total_of(submission: Submission) -> ControlTotal:
    """What a declaration says."""
    assert submission.event is not None and submission.id is not None
    data = submission.event.data
    types = tuple(sorted(set(data.event_types)))
    return ControlTotal(submission.lane, data.since, data.until, types, data.events, submission.id)
