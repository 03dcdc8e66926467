"""What events name by its number alone, and which events bring it: who names what is not there yet waits for it.

An event that carries the name and the kind of a body explains itself and waits for nothing: so an enrollment's
institution need not have joined (the national list of codes is open), while the institution whose course it takes,
named by its code alone, must have.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.enrollment.domain.register import Missing
from shared.contracts import provinces
from shared.contracts.submission import Submission

_PART: Final = "\x1f"
HAVE_A_REGISTER: Final = frozenset({"project", "institution", "alliance"})
"""Kinds that can be looked up with what their event says; payments are many, and are looked up by their enrollment."""


def brought(submission: Submission) -> Missing | None:
    """What others may name once this event is accepted; also its natural key: it is brought once."""
    make = _BRINGS.get(submission.type or "")
    return make(submission.lane, submission.event) if make and submission.event else None


def named(submission: Submission) -> list[Missing]:
    """What this event names by its number alone."""
    make = _NAMES.get(submission.type or "")
    return make(submission.lane, submission.event) if make and submission.event else []


def institution_of(lane: str, code: str) -> str:
    """A code of the national list (digits) is one institution for all; any other is the province's own."""
    return code if code.isdecimal() else f"{lane}{_PART}{code}"


def _project(lane: str, number: str) -> Missing:
    return "project", f"{lane}{_PART}{number}"


def _institution(lane: str, code: str) -> Missing:
    return "institution", institution_of(lane, code)


def _alliance(data: Any) -> Missing:
    return "alliance", f"{data.lead}{_PART}{data.alliance_no}"


def _payment(lane: str, data: Any) -> Missing:
    return "payment", f"{lane}{_PART}{data.batch_no}{_PART}{data.line_no}"


def _of_enrollment(lane: str, event: Any) -> list[Missing]:
    data = event.data
    found: list[Missing] = []
    if data.project_no is not None:
        found.append(_project(data.project_province or lane, data.project_no))
    if data.course_of is not None:
        found.append(_institution(lane, data.course_of))
    return found


_BRINGS: Final[Mapping[str, Callable[[str, Any], Missing]]] = {
    provinces.PROJECT_ESTABLISHED: lambda lane, e: _project(lane, e.data.project_no),
    provinces.INSTITUTION_JOINED: lambda lane, e: _institution(lane, e.data.institution.code),
    provinces.ALLIANCE_FORMED: lambda _, e: _alliance(e.data),
    provinces.PAYMENT_SETTLED: lambda lane, e: _payment(lane, e.data),
}
_NAMES: Final[Mapping[str, Callable[[str, Any], list[Missing]]]] = {
    provinces.WORKER_ENROLLED: _of_enrollment,
    provinces.TUTORS_PAIRED: lambda lane, e: [_institution(lane, e.data.institution_code)],
    provinces.PAYMENT_RETURNED: lambda lane, e: [_payment(lane, e.data)],
    provinces.ALLIANCE_REPORTED: lambda _, e: [_alliance(e.data)],
}
