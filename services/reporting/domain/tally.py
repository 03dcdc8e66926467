"""Where facts are added up: a row for each, deltas in the named cubes, sums over all time, what persons hold."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from services.reporting.domain.cubes import ANY, OUTCOMES
from shared.contracts import enrollment
from shared.contracts.envelope import Fact, shanghai_day
from shared.contracts.provinces import Employer

NONE: Final = "none"
"""Where a fact has no such dimension."""
_BY_BODY: Final = frozenset(OUTCOMES)
_DAYS_CACHED: Final = 65_536


class Head(NamedTuple):
    """What every fact has: the first columns of table `fact`, in its order."""

    lane: str
    stream: str
    seq: int
    event_id: str
    type: str
    causation_id: str | None
    correlation_id: str | None
    effective_at: datetime
    recorded_at: datetime
    recorded_day: date
    worker_ref: str | None


class Columns(NamedTuple):
    """What a fact has by its type: the further columns of table `fact`, in its order."""

    effective_day: date
    """The day that it is counted on: its own where it names one."""
    enrollment_no: str | None = None
    reported_by: str | None = None
    funding_province: str | None = None
    work_province: str | None = None
    work_city: str | None = None
    origin_province: str | None = None
    employer_code: str | None = None
    employer_sector: str | None = None
    institution_code: str | None = None
    institution_kind: str | None = None
    programme: str | None = None
    cohort: str | None = None
    project_no: str | None = None
    track: str | None = None
    mode: str | None = None
    level_before: str | None = None
    level_after: str | None = None
    categories: tuple[str, ...] | None = None
    document_no: str | None = None
    fiscal_year: int | None = None
    fund_source: str | None = None
    funder_level: str | None = None
    amount_fen: int | None = None
    tuition_fen: int | None = None
    heads: int | None = None
    scheme: str | None = None
    state_before: str | None = None
    history: bool = False
    details: str | None = None


FACT_COLUMNS: Final = (*Head._fields, *Columns._fields)
CellKey = tuple[str, str, str, str, str, str, date]
"""cube, lane, period, two facets, measure, recorded day."""
Sums = dict[tuple[str, str], int]
"""(lane, measure) → change."""


class Study(NamedTuple):
    """What the steps of one enrollment are counted by."""

    categories: tuple[str, ...]
    track: str
    work_city: str | None
    employer: Employer | None
    institution_code: str | None
    project_no: str | None
    start: date


def _sums() -> Sums:
    return defaultdict(int)


@dataclass(slots=True)
class Counted:
    """What a batch of facts comes to."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    cells: dict[CellKey, int] = field(default_factory=lambda: defaultdict(int))
    standing: Sums = field(default_factory=lambda: defaultdict(int))
    """(lane, measure) → change of the sum over all time."""
    nation: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Measure → change of the nation's sum, for persons: they are counted once in the whole country."""
    tempo: dict[datetime, Sums] = field(default_factory=lambda: defaultdict(_sums))
    """Minute recorded → (lane, measure) → change."""
    persons: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """worker_ref → what the person gains or loses, as entries of `domain.persons`."""


class Tally:
    """One fact on its way into the sums."""

    __slots__ = ("_counted", "_sign", "_sums", "fact", "lane", "recorded_day")

    def __init__(
        self, counted: Counted, fact: Fact[Any], recorded_day: date, sums: Sums, sign: int = 1
    ) -> None:
        self._sign = sign
        self._counted = counted
        self._sums = sums
        self.fact = fact
        self.lane = fact.lane
        self.recorded_day = recorded_day

    def day(self) -> date:
        """The Shanghai day of the envelope's time, for facts that name no day of their own."""
        return shanghai_day(self.fact.time)

    def cell(self, cube: str, period: str, facet_1: str, facet_2: str, measure: str, change: int = 1) -> None:
        """Add to one cell of a cube, and to nothing else."""
        key = (cube, self.lane, period, facet_1, facet_2, measure, self.recorded_day)
        self._counted.cells[key] += change * self._sign

    def study(
        self, measure: str, day: date, categories: tuple[str, ...] = (), track: str = NONE, change: int = 1
    ) -> None:
        """Count one in the cube of study, or take it away: once for each flag, once for any."""
        cells, lane, period, known = self._counted.cells, self.lane, month(day), self.recorded_day
        change *= self._sign
        cells["study", lane, period, ANY, track, measure, known] += change
        for category in categories:
            cells["study", lane, period, category, track, measure, known] += change
        self._sums[lane, measure] += change

    def step(self, measure: str, day: date, study: Study) -> None:
        """Count a step of an enrollment: in study, and what is asked for by place and body there too."""
        self.study(measure, day, study.categories, study.track)
        if measure not in _BY_BODY:
            return
        cells, lane, known, sign = self._counted.cells, self.lane, self.recorded_day, self._sign
        year, employer = month(day)[:4], study.employer
        city, sector = study.work_city or NONE, employer.sector if employer else NONE
        cells["places", lane, year, city, sector, measure, known] += sign
        if employer is not None:
            cells["bodies", lane, year, "employer", employer.code, measure, known] += sign
        if study.institution_code is not None:
            cells["bodies", lane, year, "institution", study.institution_code, measure, known] += sign
        if study.project_no is not None:
            cells["bodies", lane, year, "project", study.project_no, measure, known] += sign

    def cohort(self, measure: str, day: date, study: Study) -> None:
        """Count by the month in which the enrollment began, and by the whole months since then."""
        start = study.start
        months = max(0, (day.year - start.year) * 12 + day.month - start.month)
        self.cell("cohorts", month(start), study.track, f"{months:03d}", measure)

    def money(
        self, measure: str, amount_fen: int, day: date, year: int, fund_source: str, level: str = NONE
    ) -> None:
        """Add an amount in the cubes of money: by fiscal year, and by the month in which it moved."""
        amount_fen *= self._sign
        cells, lane, known, fiscal = self._counted.cells, self.lane, self.recorded_day, str(year)
        cells["money", lane, fiscal, fund_source, level, measure, known] += amount_fen
        cells["flows", lane, month(day), fiscal, fund_source, measure, known] += amount_fen
        self._sums[lane, measure] += amount_fen

    def verdict(self, measure: str, records: int, day: date, reported_by: str | None = None) -> None:
        """Add records of a province in the cube of records: of the lane's own one where no other is named."""
        if records:
            self.cell("records", day.isoformat(), reported_by or self.lane, NONE, measure, records)
            self._counted.standing[self.lane, measure] += records * self._sign

    def total(self, measure: str, change: int) -> None:
        """Change a sum over all time that no cube keeps."""
        self._counted.standing[self.lane, measure] += change * self._sign

    def person(self, kind: str, day: date, year: int, categories: Iterable[str], change: int = 1) -> None:
        """A person gains something that makes him or her count, or loses it."""
        if self.fact.subject is None:
            return
        flags, gained = "+".join(categories), change * self._sign
        entry = f"{kind}/{self.lane}/{year}/{flags}/{month(day)}/{self.recorded_day}/{gained}"
        self._counted.persons[self.fact.subject].append(entry)

    def taking_away(self, was: Fact[Any]) -> "Tally":
        """The same for a fact that counts no more: what it has added is taken away, as of today."""
        return Tally(self._counted, was, self.recorded_day, self._sums, -1)


Count = Callable[[Tally, Any], Columns]
"""How one type of fact is counted, and what is kept of it."""
Counts = Mapping[str, Count]


@lru_cache(maxsize=_DAYS_CACHED)
def month(day: date) -> str:
    """`2026-03`."""
    return day.isoformat()[:7]


def as_json(**values: object) -> str:
    """What has no column of its own, as JSON."""
    return orjson.dumps(values).decode()


def study_of(facts: enrollment.EnrollmentFacts) -> Study:
    """What later steps of an enrollment are counted by."""
    return Study(
        facts.categories,
        facts.track,
        facts.work_city,
        facts.employer,
        facts.institution_code,
        facts.project_no,
        facts.start,
    )


def columns_of(facts: enrollment.EnrollmentFacts, reported_by: str) -> dict[str, Any]:
    """The columns that every later event of an enrollment shares."""
    employer = facts.employer
    return {
        "reported_by": reported_by,
        "funding_province": facts.funding_province,
        "work_province": facts.work_province,
        "work_city": facts.work_city,
        "employer_code": employer.code if employer else None,
        "employer_sector": employer.sector if employer else None,
        "institution_code": facts.institution_code,
        "cohort": facts.cohort,
        "project_no": facts.project_no,
        "track": facts.track,
        "mode": facts.mode,
        "level_before": facts.level_before,
        "level_after": facts.level_after,
        "categories": facts.categories,
        "tuition_fen": facts.tuition_fen,
        "history": facts.history,
    }
