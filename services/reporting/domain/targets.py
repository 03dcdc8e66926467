"""Targets as data: what is measured, how it is compared, when it counts; how far we have come, and where it leads."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean, stdev
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.envelope import LaneCode
from shared.contracts.provinces import Comparator, TargetSet
from shared.contracts.provinces.terms import TargetAlliance, TargetCategory, TargetMeasure

COUNTED_SINCE: Final = date(2025, 1, 1)
"""The national targets count from here: fiscal year of an award, day of a project."""
SINCE_2025: Final = "since-2025"
"""Window of the national targets: fiscal year, or year of the day, 2025 or later."""
SINCE_JULY_2024: Final = "since-2024-07"
"""Window of the series “since 2016”: what follows the opening balance of June 2024."""
OPENING_ENDS: Final = "2024-06"
PACE_DAYS_MIN: Final = 30
"""A pace of fewer days says nothing about years."""
PROJECTED_DAYS_MAX: Final = 50 * 365
"""What lies further ahead is not worth a date."""
PACE_MONTHS: Final = 12
"""The band is drawn from so many whole months at most."""
PACE_MONTHS_MIN: Final = 3
BAND_DEVIATIONS: Final = 1.2816
"""Four of five outcomes lie within, were months independent and alike."""
PERSONS_MEASURES: Final = ("learners", "returning", "funded", "educated", "skilled", "skilled_others")
"""Measures of distinct persons, by their windows."""


@dataclass(frozen=True, slots=True)
class Alliance:
    """Provinces that count together, once each person: a scope of the cubes, so a change needs a rebuild."""

    code: str
    lanes: frozenset[str]
    since: str
    until: str
    """First and last effective month that count."""


ALLIANCES: Final = (Alliance("sichuan-chongqing", frozenset({"50", "51"}), "2025-09", "2028-08"),)
"""Who studies through an alliance is not known: all of its provinces are counted; what it declares stands beside."""
_ALLIANCES: Final = {alliance.code: alliance for alliance in ALLIANCES}


class Entry(BaseModel):
    """An entry of the file: nothing may stand in it that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Filter(Entry):
    """Of whom; nothing stands for the whole nation."""

    lane: LaneCode | None = None
    category: TargetCategory | None = None
    alliance: TargetAlliance | None = None


class Unfit(NamedTuple):
    """Why an entry is no target: a code, and a sentence in both languages."""

    code: Literal[
        "lane_and_alliance",
        "alliance_months",
        "no_window",
        "within_unknown",
        "within_unlike",
        "within_circle",
    ]
    zh: str
    en: str


class Target(Entry):
    """One target."""

    code: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    measure: TargetMeasure
    filter: Filter = Filter()
    comparator: Comparator
    value: Annotated[int, Field(gt=0)]
    since: date
    until: date
    baseline: int = 0
    """Where counting begins; figures of before are never added here."""
    basis: Literal["planned", "actual"]
    within: str | None = None
    """The target that this one is part of."""
    zh: str
    en: str
    source: str

    @model_validator(mode="after")
    def _can_be_counted(self) -> "Target":
        if self.until < self.since:
            raise ValueError("it ends before it begins")
        if (unfit := cannot_be_counted(self.measure, self.filter, self.since, self.until)) is not None:
            raise ValueError(unfit.en)
        return self


def cannot_be_counted(measure: str, about: Filter, since: date, until: date) -> Unfit | None:
    """Why nothing that is kept adds up to such a target, if so."""
    if about.alliance and about.lane:
        en = "an alliance counts all of its provinces together: name no province beside it"
        return Unfit("lane_and_alliance", "联盟统计其全部省份，不能同时限定省份", en)
    alliance = _ALLIANCES.get(about.alliance or "")
    if alliance and (since.isoformat()[:7], until.isoformat()[:7]) != (alliance.since, alliance.until):
        en = "an alliance's target counts in the alliance's own months"
        return Unfit("alliance_months", "联盟目标只能按联盟自己的起止月份统计", en)
    if measure in PERSONS_MEASURES and not alliance and _window(since, until) is None:
        en = "persons are counted once in one year, or from 2025 on: no other window is kept"
        return Unfit("no_window", "人数只按一个自然年或自 2025 年起统计，没有其他区间", en)
    return None


def does_not_fit(targets: Mapping[str, Target]) -> Unfit | None:
    """The first of nested targets that cannot be part of the other, if any."""
    for target in targets.values():
        if target.within is None:
            continue
        around = targets.get(target.within)
        if around is None:
            en = f"{target.code} lies within {target.within}, which is not there"
            return Unfit("within_unknown", f"{target.code} 所属的目标 {target.within} 不存在", en)
        if around.value < target.value or around.measure != target.measure:
            en = f"{target.code} cannot be part of {target.within}"
            return Unfit(
                "within_unlike", f"{target.code} 与所属目标 {target.within} 的指标不同或大于该目标", en
            )
        if _comes_back(target, targets):
            en = f"{target.code} would be part of itself"
            return Unfit("within_circle", f"{target.code} 成为自身的一部分", en)
    return None


def _comes_back(target: Target, targets: Mapping[str, Target]) -> bool:
    seen, around = {target.code}, target.within
    while around is not None and around in targets:
        if around in seen:
            return True
        seen.add(around)
        around = targets[around].within
    return False


class Adds(Entry):
    """What of the stream follows an opening balance."""

    measure: Literal["institutions", "allocated_fen", "funded"]
    category: Literal["migrant"] | None = None


class Baseline(Entry):
    """One figure of June 2024: shown beside the targets, never added to them."""

    code: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    comparator: Comparator
    value: Annotated[int, Field(gt=0)]
    unit: Literal["institutions", "fen", "persons"]
    as_of: date
    adds: Adds
    """What is added to it in the series “since 2016”, of facts after June 2024."""
    zh: str
    en: str
    source: str


class Book(Entry):
    """All targets and baselines of one file."""

    targets: tuple[Target, ...]
    baselines: tuple[Baseline, ...]

    @model_validator(mode="after")
    def _belongs_together(self) -> "Book":
        by_code = {target.code: target for target in self.targets}
        if len(by_code) < len(self.targets):
            raise ValueError("two targets have one code")
        if (unfit := does_not_fit(by_code)) is not None:
            raise ValueError(unfit.en)
        return self


class Setting(NamedTuple):
    """A target as an event of the nation sets it."""

    event_id: str
    """Id of the nation's event."""
    fact_id: str
    """Id of the fact on lane 00."""
    recorded_at: datetime
    said: TargetSet


class InForce(NamedTuple):
    """The targets that count: those of the file, and what events have set in their place or beside them."""

    book: Book
    set_by: Mapping[str, Setting]
    """Code of a target → the event that set it last."""
    not_taken: Sequence[tuple[Setting, Unfit]]
    """Events that set nothing, each with the reason: what stood before stands."""


def in_force(book: Book, settings: Iterable[Setting]) -> InForce:
    """The targets after events have set some, in their order: a later one takes the place of all before of its code.

    One that cannot be counted, or that would leave nested targets without sense, sets nothing.
    """
    targets = {target.code: target for target in book.targets}
    set_by: dict[str, Setting] = {}
    not_taken: list[tuple[Setting, Unfit]] = []
    for setting in settings:
        said = setting.said
        about = Filter(**said.filter.model_dump())
        unfit = cannot_be_counted(said.measure, about, said.since, said.until)
        tried = targets if unfit else targets | {said.target: _target_of(said, about)}
        if (unfit := unfit or does_not_fit(tried)) is not None:
            not_taken.append((setting, unfit))
        else:
            targets, set_by[said.target] = tried, setting
    return InForce(book.model_copy(update={"targets": tuple(targets.values())}), set_by, not_taken)


def _target_of(said: TargetSet, about: Filter) -> Target:
    values = said.model_dump(exclude={"target", "document_no", "name_zh", "name_en", "filter"})
    return Target(code=said.target, zh=said.name_zh, en=said.name_en, filter=about, **values)


class Selection(NamedTuple):
    """Which cells add up to a number: one cube, one measure; a facet that is None is summed over."""

    cube: str
    measure: str
    lane: str | None
    facet_1: str | None
    facet_2: str | None
    since: str
    """First period."""
    until: str
    """Last period."""


FIRST_MONTH: Final = "0000-00"
LAST_MONTH: Final = "9999-99"


def window(target: Target) -> str | None:
    """The window of persons that fits the target; None where none is kept."""
    return _window(target.since, target.until)


def _window(since: date, until: date) -> str | None:
    if (since, until) == (date(since.year, 1, 1), date(since.year, 12, 31)):
        return str(since.year)
    return SINCE_2025 if since == COUNTED_SINCE else None


def selection(target: Target) -> Selection:
    """The cells that add up to the target's value."""
    about = target.filter
    category = about.category or "any"
    if target.measure not in PERSONS_MEASURES:
        since, until = target.since.isoformat()[:7], target.until.isoformat()[:7]
        return Selection("study", target.measure, about.lane, category, None, since, until)
    if about.alliance:
        return Selection(
            "persons_nation", target.measure, None, category, about.alliance, FIRST_MONTH, LAST_MONTH
        )
    cube, until = "persons" if about.lane else "persons_nation", target.until.isoformat()[:7]
    return Selection(cube, target.measure, about.lane, category, window(target), FIRST_MONTH, until)


def selection_by_province(target: Target) -> Selection | None:
    """The same cells of each province by itself; None where the target is not the whole nation's."""
    if target.filter.lane or target.filter.alliance:
        return None
    own = selection(target)
    return own._replace(cube="persons") if own.cube == "persons_nation" else own


def streamed(baseline: Baseline) -> Selection:
    """The cells that follow an opening balance: effective after June 2024, whenever they were recorded."""
    after = "2024-07"
    match baseline.adds.measure:
        case "funded":
            category = baseline.adds.category or "any"
            return Selection(
                "persons_nation", "funded", None, category, SINCE_JULY_2024, FIRST_MONTH, LAST_MONTH
            )
        case "institutions":
            return Selection("providers", "institutions", None, "university", None, after, LAST_MONTH)
        case _:
            return Selection("flows", "allocated_fen", None, None, None, after, LAST_MONTH)


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


class Band(BaseModel):
    """Where the last months lead, were the rest like them: four of five outcomes lie between `low` and `high`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    per_month: float
    """Mean of the last whole months."""
    months: int
    """How many months that is."""
    low: int
    """At the target's end."""
    middle: int
    """At the target's end, at the mean pace."""
    high: int
    """At the target's end."""


def needed(target: Target) -> int:
    """The smallest value that reaches the target."""
    return target.value + (1 if target.comparator == "more_than" else 0)


def progress(
    target: Target, value: int, today: date | None, began: date | None, measure: str | None = None
) -> Progress:
    """Compare `value` with the target as of `today`, the day of the newest fact; `began` is that of the first."""
    missing = needed(target) - value
    reached = missing <= 0
    return Progress(
        code=target.code,
        measure=measure or target.measure,
        comparator=target.comparator,
        target=target.value,
        until=target.until,
        within=target.within,
        value=value,
        reached=reached,
        steady=steady_pace(target, today) if today else None,
        needed_per_month=_per_month(missing, today, target.until) if today and not reached else None,
        projected=_projected(value, needed(target), began, today)
        if began and today and not reached
        else None,
    )


def band(value: int, added: Sequence[int], today: date, until: date) -> Band | None:
    """Where `added`, the last whole months in order, leads from `value`; None where they are too few."""
    last = added[-PACE_MONTHS:]
    if len(last) < PACE_MONTHS_MIN or until <= today:
        return None
    ahead = (until.year - today.year) * 12 + until.month - today.month
    mean, spread = fmean(last), BAND_DEVIATIONS * stdev(last) * math.sqrt(ahead)
    middle = value + mean * ahead
    return Band(
        per_month=round(mean, 1),
        months=len(last),
        low=round(middle - spread),
        middle=round(middle),
        high=round(middle + spread),
    )


def months_between(first: str, last: str) -> list[str]:
    """All months from `first` to `last`, both included."""
    (year, month), found = map(int, first.split("-")), []
    while (code := f"{year:04d}-{month:02d}") <= last:
        found.append(code)
        year, month = year + month // 12, month % 12 + 1
    return found


def fair_shares(total: int, weights: dict[str, int]) -> dict[str, int]:
    """`total` split by weights, to the last one: largest remainders get what rounding leaves."""
    whole = sum(weights.values())
    if whole <= 0:
        return {}
    shares = {code: total * weight // whole for code, weight in weights.items()}
    rest = sorted(weights, key=lambda code: (-(total * weights[code] % whole), code))
    for code in rest[: total - sum(shares.values())]:
        shares[code] += 1
    return shares


def steady_pace(target: Target, today: date) -> int:
    """Where a steady pace from the first day to the last would stand today."""
    passed = (today - target.since).days + 1
    whole = (target.until - target.since).days + 1
    return target.value * min(max(passed, 0), whole) // whole


def _projected(value: int, reaching: int, began: date, today: date) -> date | None:
    days = (today - began).days + 1
    if days < PACE_DAYS_MIN or value <= 0:
        return None
    ahead_days = math.ceil((reaching - value) * days / value)
    return today + timedelta(days=ahead_days) if ahead_days <= PROJECTED_DAYS_MAX else None


def _per_month(missing: int, today: date, until: date) -> int | None:
    months = (until.year - today.year) * 12 + until.month - today.month + 1
    return math.ceil(missing / months) if months > 0 else None
