"""Natural keys: what may be recorded once only; a province that restores its system resends under new ids."""

from collections.abc import Callable
from typing import Any, Final

from services.enrollment.domain.naming import institution_of
from services.enrollment.domain.person import ATTRIBUTES
from services.enrollment.domain.register import Natural
from shared.contracts import provinces
from shared.contracts.submission import Submission


def natural_key(submission: Submission) -> Natural | None:
    """What the event may record once only; None where the worker's, the enrollment's or a referent's row says so."""
    key = _PARTS.get(submission.type or "")
    if key is None:
        return None
    kind = (submission.type or "").removeprefix("dreams.").rpartition(".v")[0]
    return kind, "\x1f".join(map(str, key(submission.lane, submission.event)))


_PARTS: Final[dict[str, Callable[[str, Any], tuple[Any, ...]]]] = {
    provinces.WORKER_ENROLLED: lambda _, e: (
        e.subject,
        e.data.institution.code,
        e.data.programme,
        e.data.start,
    ),
    provinces.SCHOLARSHIP_AWARDED: lambda _, e: (e.data.funder.name, e.data.scholarship_no),
    provinces.PLAN_DECLARED: lambda lane, e: (lane, e.data.fiscal_year, e.data.fund_source, e.data.plan_no),
    provinces.BUDGET_ALLOCATED: lambda lane, e: (
        lane,
        e.data.fiscal_year,
        e.data.fund_source,
        e.data.document_no,
    ),
    provinces.WORKER_CHANGED: lambda lane, e: (
        lane,
        e.subject,
        e.data.since,
        *(name for name in ATTRIBUTES if getattr(e.data, name) is not None),
    ),
    provinces.TRAINING_COMPLETED: lambda lane, e: (
        institution_of(lane, e.data.institution.code),
        e.data.training_no,
    ),
    provinces.CERTIFICATE_EARNED: lambda _, e: (e.data.issuer, e.data.certificate_no),
    provinces.TITLE_AWARDED: lambda _, e: (e.data.issuer, e.data.title_no),
    provinces.PROMOTION_RECORDED: lambda _, e: (e.subject, e.data.promoted_on, e.data.to_role),
    provinces.TUTORS_PAIRED: lambda lane, e: (
        e.subject,
        e.data.teacher_ref,
        institution_of(lane, e.data.institution_code),
        e.data.course,
        e.data.since,
    ),
    provinces.BUDGET_ADJUSTED: lambda lane, e: (
        lane,
        e.data.fiscal_year,
        e.data.fund_source,
        e.data.document_no,
    ),
    provinces.BUDGET_CARRIED_OVER: lambda lane, e: (
        lane,
        e.data.from_fiscal_year,
        e.data.fund_source,
        e.data.document_no,
    ),
    provinces.PAYMENT_RETURNED: lambda lane, e: (lane, e.data.batch_no, e.data.line_no),
    provinces.DEBT_WRITTEN_OFF: lambda lane, e: (
        lane,
        e.data.document_no,
        e.data.enrollment_no,
        e.data.fiscal_year,
        e.data.fund_source,
    ),
    provinces.BALANCE_OPENED: lambda lane, e: (lane, e.data.measure, e.data.as_of),
    provinces.ALLIANCE_REPORTED: lambda _, e: (e.data.lead, e.data.alliance_no, e.data.report_no),
    provinces.CONTROL_TOTALS_DECLARED: lambda lane, e: (
        lane,
        e.data.since,
        e.data.until,
        *sorted(set(e.data.event_types)),
    ),
    provinces.SCHEME_ACTIVATED: lambda _, e: (e.data.scheme, e.data.scheme_version),
    provinces.TARGET_SET: lambda _, e: (e.data.target, e.data.document_no),
}
