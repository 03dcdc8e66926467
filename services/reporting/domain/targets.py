"""The national targets to 2030, and the figures of June 2024 beside them, as data; how far we have come."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from pydantic import BaseModel

Comparator = Literal["at_least", "more_than", "stated"]


@dataclass(frozen=True, slots=True)
class Target:
    """One target: what is measured, how it is compared, and when it counts."""

    code: str
    measure: str
    comparator: Comparator
    value: int
    since: date
    until: date
    within: str | None
    """The target that this one is part of."""
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """One figure of June 2024: shown beside the targets, never added to them."""

    code: str
    comparator: Comparator
    value: int
    unit: Literal["institutions", "fen", "persons"]
    as_of: str
    zh: str
    en: str


COUNTED_SINCE: Final = date(2025, 1, 1)
"""The national targets count from here: fiscal year of an award, day of a project."""
_UNTIL: Final = date(2030, 12, 31)
PACE_DAYS_MIN: Final = 30
"""A pace of fewer days says nothing about years."""
PROJECTED_DAYS_MAX: Final = 50 * 365
"""What lies further ahead is not worth a date."""

TARGETS: Final = (
    Target(
        "funded", "funded", "at_least", 3_000_000, COUNTED_SINCE, _UNTIL, None, "资助工人", "Workers funded"
    ),
    Target(
        "funded_migrant",
        "funded_migrant",
        "more_than",
        2_000_000,
        COUNTED_SINCE,
        _UNTIL,
        "funded",
        "其中农民工",
        "of them migrant workers",
    ),
    Target(
        "projects", "projects_since_2025", "at_least", 300, COUNTED_SINCE, _UNTIL, None, "项目", "Projects"
    ),
)

BASELINES: Final = (
    Baseline(
        "universities",
        "more_than",
        500,
        "institutions",
        "2024-06",
        "参与院校",
        "universities took part",
    ),
    Baseline(
        "union_money",
        "more_than",
        110_000_000_000,
        "fen",
        "2024-06",
        "各级工会投入",
        "from unions at all levels",
    ),
    Baseline(
        "migrant_workers",
        "more_than",
        2_400_000,
        "persons",
        "2024-06",
        "受助农民工",
        "migrant workers helped",
    ),
)


class Progress(BaseModel):
    """How far a target has come."""

    code: str
    measure: str
    comparator: Comparator
    target: int
    until: date
    within: str | None
    value: int
    reached: bool
    steady: int | None
    """Where a steady pace from the first day to the last would stand today; unknown before the first fact."""
    needed_per_month: int | None
    """What must be added each month from now on, rounded up; none when reached or over."""
    projected: date | None
    """The day on which the pace so far reaches the target; none when reached, far off, or known for too few days."""


def progress(target: Target, value: int, today: date | None, began: date | None) -> Progress:
    """Compare `value` with the target as of `today`, the day of the newest fact; `began` is that of the first."""
    needed = target.value + (1 if target.comparator == "more_than" else 0)
    reached = value >= needed
    return Progress(
        code=target.code,
        measure=target.measure,
        comparator=target.comparator,
        target=target.value,
        until=target.until,
        within=target.within,
        value=value,
        reached=reached,
        steady=_steady(target, today) if today else None,
        needed_per_month=_per_month(needed - value, today, target.until) if today and not reached else None,
        projected=_projected(value, needed, began, today) if began and today and not reached else None,
    )


def _steady(target: Target, today: date) -> int:
    passed = (today - target.since).days + 1
    whole = (target.until - target.since).days + 1
    return target.value * min(max(passed, 0), whole) // whole


def _projected(value: int, needed: int, began: date, today: date) -> date | None:
    days = (today - began).days + 1
    if days < PACE_DAYS_MIN or value <= 0:
        return None
    ahead_days = math.ceil((needed - value) * days / value)
    return today + timedelta(days=ahead_days) if ahead_days <= PROJECTED_DAYS_MAX else None


def _per_month(missing: int, today: date, until: date) -> int | None:
    months = (until.year - today.year) * 12 + until.month - today.month + 1
    return math.ceil(missing / months) if months > 0 else None
