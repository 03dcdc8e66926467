"""Which facts stand behind a measure, for those who look into a cell."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, get_args

from services.reporting.domain.upgrades import is_skill_upgrade, is_upgrade
from shared.contracts import provinces, subsidy
from shared.contracts.provinces import EducationLevel, SkillLevel

Holds = Callable[[Any, Any], bool]


def _always(_before: object, _after: object) -> bool:
    return True


def _upgraded(before: object, after: object) -> bool:
    levels = get_args(EducationLevel)
    return before in levels and after in levels and is_upgrade(before, after)  # type: ignore[arg-type]


def _skilled(before: object, after: object) -> bool:
    levels = get_args(SkillLevel)
    return before in levels and after in levels and is_skill_upgrade(before, after)  # type: ignore[arg-type]


class Behind(NamedTuple):
    """The types of facts that a measure adds up, and which of them it counts, by their levels."""

    types: tuple[str, ...]
    holds: Holds = _always
    takes_away: tuple[str, ...] = ()
    """Those of the types that take away."""


BEHIND: Final = {
    "registered": Behind((provinces.WORKER_REGISTERED,)),
    "enrolled": Behind((provinces.WORKER_ENROLLED,)),
    "confirmed": Behind((provinces.ENROLLMENT_CONFIRMED,)),
    "suspended": Behind((provinces.ENROLLMENT_SUSPENDED,)),
    "resumed": Behind((provinces.ENROLLMENT_RESUMED,)),
    "withdrawn": Behind((provinces.ENROLLMENT_WITHDRAWN,)),
    "completed": Behind((provinces.DEGREE_COMPLETED,)),
    "education_upgrades": Behind((provinces.DEGREE_COMPLETED,), _upgraded),
    "trained": Behind((provinces.TRAINING_COMPLETED,)),
    "certified": Behind((provinces.CERTIFICATE_EARNED,)),
    "skill_upgrades": Behind((provinces.CERTIFICATE_EARNED,), _skilled),
    "titled": Behind((provinces.TITLE_AWARDED,)),
    "projects": Behind((provinces.PROJECT_ESTABLISHED,)),
    "institutions": Behind((provinces.INSTITUTION_JOINED,)),
    "alliances": Behind((provinces.ALLIANCE_FORMED,)),
    "tutor_pairs": Behind((provinces.TUTORS_PAIRED,)),
    "planned_fen": Behind((provinces.PLAN_DECLARED,)),
    "allocated_fen": Behind((provinces.BUDGET_ALLOCATED,)),
    "awards_reserved": Behind((subsidy.SUBSIDY_RESERVED,)),
    "reserved_fen": Behind((subsidy.SUBSIDY_RESERVED,)),
    "awards_granted": Behind(
        (subsidy.SUBSIDY_GRANTED, subsidy.SUBSIDY_GRANT_REVERSED), _always, (subsidy.SUBSIDY_GRANT_REVERSED,)
    ),
    "granted_fen": Behind(
        (subsidy.SUBSIDY_GRANTED, subsidy.SUBSIDY_GRANT_REVERSED), _always, (subsidy.SUBSIDY_GRANT_REVERSED,)
    ),
    "awards_waitlisted": Behind((subsidy.SUBSIDY_WAITLISTED,)),
    "awards_refused": Behind((subsidy.SUBSIDY_REFUSED,)),
    "scholarships": Behind(
        (subsidy.SCHOLARSHIP_BOOKED, subsidy.SCHOLARSHIP_REVERSED), _always, (subsidy.SCHOLARSHIP_REVERSED,)
    ),
    "scholarship_fen": Behind(
        (subsidy.SCHOLARSHIP_BOOKED, subsidy.SCHOLARSHIP_REVERSED), _always, (subsidy.SCHOLARSHIP_REVERSED,)
    ),
    "disbursed_fen": Behind(
        (subsidy.SUBSIDY_DISBURSED, subsidy.SUBSIDY_RETURNED, subsidy.SUBSIDY_CLAWED_BACK),
        _always,
        (subsidy.SUBSIDY_RETURNED, subsidy.SUBSIDY_CLAWED_BACK),
    ),
    "clawed_back_fen": Behind((subsidy.SUBSIDY_CLAWED_BACK,)),
}
"""Measure → its facts; for others the chain of one event can be asked (`/v1/facts`)."""


def sign(type_: str, behind: Behind) -> int:
    """1 where a fact of the type was added, -1 where it takes away."""
    return -1 if type_ == provinces.EVENT_VOIDED or type_ in behind.takes_away else 1
