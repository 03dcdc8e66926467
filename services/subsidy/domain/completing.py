"""A course is completed: the parts of its award that were due then are granted."""

from collections.abc import Mapping
from typing import Any, Final

from services.subsidy.domain.awarding import grant
from services.subsidy.domain.book import Book
from services.subsidy.domain.expiring import come_back, renew
from services.subsidy.domain.noting import cause_of
from services.subsidy.domain.schemes import Rules
from shared.contracts import provinces
from shared.contracts.envelope import Fact

COMPLETIONS: Final = (
    provinces.DEGREE_COMPLETED,
    provinces.TRAINING_COMPLETED,
    provinces.CERTIFICATE_EARNED,
)
"""Facts by which a course may be completed."""
_BY_TRACK: Final[Mapping[provinces.Track, frozenset[str]]] = {
    "academic": frozenset({provinces.DEGREE_COMPLETED}),
    "combined": frozenset({provinces.DEGREE_COMPLETED}),
    "skills": frozenset(COMPLETIONS),
}
"""A course that leads to a degree is completed by that alone: a training or a certificate may be a part of it."""


def completes(kind: str, track: provinces.Track) -> bool:
    """Whether a fact of this type about an enrollment completes its course."""
    return kind in _BY_TRACK[track]


def complete(rules: Rules, book: Book, fact: Fact[Any]) -> None:
    """Grant what was due at completion; what had expired before is sought again at its old rank."""
    parts, cause = book.parts(fact.data.enrollment_no or ""), cause_of(fact)
    if not parts or not completes(fact.type, parts[0].track):
        return  # history, or no step of an enrollment
    for award in parts:
        award.completions += 1
        award.changed = True
    for award in parts:
        if not award.completion_days:
            continue
        if award.state == "expired" and not award.withdrawn:
            if renew(rules, book, award, fact.data.enrollment.start):
                come_back(rules, book, award, cause, "completed_late")
        elif award.state == "reserved":
            grant(book, book.budgets[award.budget_key], award, cause)
