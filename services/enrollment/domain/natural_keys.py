"""Natural keys: what may be recorded once only; a province that restores its system resends under new ids."""

from collections.abc import Callable
from typing import Any, Final

from services.enrollment.domain.register import Natural
from shared.contracts import provinces
from shared.contracts.submission import Submission


def natural_key(submission: Submission) -> Natural | None:
    """What the event may record once only; None where the worker's or the enrollment's own row says so."""
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
    provinces.PROJECT_ESTABLISHED: lambda lane, e: (lane, e.data.project_no),
}
