"""What contradicts itself within one event: an end before its beginning, a year carried into the past."""

from collections.abc import Mapping
from typing import Any, Final

from shared.contracts import provinces
from shared.contracts.submission import Refusal, Submission

_IN_ORDER: Final[Mapping[str, tuple[str, str]]] = {
    provinces.WORKER_REGISTERED: ("categories_since", "categories_until"),
    provinces.WORKER_CHANGED: ("since", "until"),
    provinces.ENROLLMENT_SUSPENDED: ("suspended_on", "expected_return"),
    provinces.TRAINING_COMPLETED: ("start", "completed_on"),
    provinces.TUTORS_PAIRED: ("since", "until"),
    provinces.ALLIANCE_REPORTED: ("since", "until"),
    provinces.CONTROL_TOTALS_DECLARED: ("since", "until"),
    provinces.SCHEME_ACTIVATED: ("valid_from", "valid_until"),
    provinces.TARGET_SET: ("since", "until"),
}
"""Two days of which the second must not lie before the first, where both are given."""


def contradiction(submission: Submission) -> Refusal | None:
    """The first contradiction in an event, with its field."""
    assert submission.event is not None
    data: Any = submission.event.data
    days = _IN_ORDER.get(submission.type or "")
    if days is not None:
        found = _out_of_order(data, "data", *days)
        return found or (_of_parts(data) if submission.type == provinces.SCHEME_ACTIVATED else None)
    if submission.type == provinces.BUDGET_CARRIED_OVER and data.to_fiscal_year <= data.from_fiscal_year:
        return _refused("data.to_fiscal_year", "data.from_fiscal_year", "必须晚于", "must be after")
    if submission.type == provinces.ALLIANCE_FORMED:
        unlike = (
            _out_of_order(outcome, f"data.outcomes.{place}", "since", "until")
            for place, outcome in enumerate(data.outcomes)
        )
        return next((one for one in unlike if one is not None), None)
    return None


def _of_parts(data: provinces.SchemeActivated) -> Refusal | None:
    """What no reader of a scheme could make sense of: refused here, since it would stop every lane."""
    for place, part in enumerate(data.parts):
        if (found := provinces.unlike_a_part(part)) is not None:
            return Refusal("invalid", f"data.parts.{place}.{found.field}", f"{found.zh} / {found.en}")
    if (found := provinces.unlike_parts(data.parts, data.fund_source)) is not None:
        return Refusal("invalid", f"data.{found.field}", f"{found.zh} / {found.en}")
    return None


def _out_of_order(data: Any, above: str, first: str, last: str) -> Refusal | None:
    begins, ends = getattr(data, first), getattr(data, last)
    if begins is None or ends is None or begins <= ends:
        return None
    return _refused(f"{above}.{last}", f"{above}.{first}", "不得早于", "must not be before")


def _refused(field: str, other: str, zh: str, en: str) -> Refusal:
    return Refusal("invalid", field, f"{zh} {other} / {en} {other}")
