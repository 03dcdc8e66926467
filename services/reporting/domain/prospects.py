"""How each target stands on a day and where it leads: progress, pace, band, and what each province is short of."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from services.reporting.domain.targets import (
    Band,
    Baseline,
    Book,
    Progress,
    Selection,
    Target,
    band,
    fair_shares,
    months_between,
    progress,
    selection,
    selection_by_province,
    steady_pace,
    streamed,
)
from shared.contracts.lanes import PROVINCES
from shared.contracts.provinces import Comparator

WORKERS: Final = Selection("study", "registered", None, "any", None, "0000-00", "9999-99")
"""A nation's target is shared out among provinces by workers registered there: ours, the programme shares nothing."""
_NOTHING: Final = WORKERS._replace(until=WORKERS.since)
"""In the place of provinces' cells where a target has none."""

Sums = Mapping[tuple[str, str], int]
"""(lane, month) → what was added."""


class Short(BaseModel):
    """One province beside its share of a national target."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    lane: str
    value: int
    share: int
    """Its share of the target, by workers registered there (ours: the programme shares nothing out)."""
    steady: int
    """Where a steady pace towards that share would stand."""
    short: int
    """Steady less value; below zero it is ahead."""
    last_year: int | None
    """Where it stood on the same day last year, as in the target itself."""


class Prospect(BaseModel):
    """A target as it stands, and where it leads."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    zh: str
    en: str
    source: str
    basis: str
    """`planned` or `actual`: what kind of figure the target itself is."""
    since: date
    filter: dict[str, str]
    """Of whom it counts; empty for the whole nation."""
    progress: Progress
    band: Band | None
    """None while fewer than three whole months are known, or once it has ended."""
    short: list[Short]
    """Furthest behind first; only of the whole nation's targets."""
    last_year: int | None
    """Where it stood on the same day last year; none before it began to count.

    Cells are kept by month: of that day's month it holds the part that its days make: exact on the last.
    """
    consistent: bool
    """False where a part is larger than what it is part of: then one of the two is wrong."""


class SincePart(BaseModel):
    """One month that was added to an opening balance."""

    month: str
    added: int


class Since2016(BaseModel):
    """A series of two parts that are drawn apart: an opening balance as stated, and facts after June 2024."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    zh: str
    en: str
    source: str
    unit: str
    opening: int
    opening_comparator: Comparator
    """How the opening is meant: `more_than` says that the sum is a lower bound."""
    opening_as_of: date
    streamed: int
    """Counted here since; history that happened before is not added again, whenever it was loaded."""
    months: list[SincePart]


class Moment(NamedTuple):
    """What time a question is about."""

    today: date
    """The last day that counts."""
    began: date | None
    """The day of the first fact."""


def asked_for(book: Book) -> list[Selection]:
    """All cells that are needed: workers, each target for the nation and by province, what follows openings."""
    found = [WORKERS]
    for target in book.targets:
        found += [selection(target), selection_by_province(target) or _NOTHING]
    return found + [streamed(baseline) for baseline in book.baselines]


def prospects(book: Book, sums: list[Sums], when: Moment) -> list[Prospect]:
    """Each target, out of the sums of what `asked_for` has named."""
    workers = {lane: total for lane, total in _by_lane(sums[0]).items() if lane in PROVINCES}
    values = {target.code: _value(target, sums[1 + 2 * n]) for n, target in enumerate(book.targets)}
    return [
        Prospect(
            code=target.code,
            zh=target.zh,
            en=target.en,
            source=target.source,
            basis=target.basis,
            since=target.since,
            filter=target.filter.model_dump(exclude_none=True),
            progress=progress(target, values[target.code], when.today, when.began),
            band=band(
                values[target.code], _last_months(target, sums[1 + 2 * n], when), when.today, target.until
            ),
            short=_short(target, sums[2 + 2 * n], workers, when.today),
            last_year=_last_year(target, sums[1 + 2 * n], when.today),
            consistent=target.within is None or values[target.code] <= values[target.within],
        )
        for n, target in enumerate(book.targets)
    ]


def since_2016(book: Book, sums: list[Sums]) -> list[Since2016]:
    """Each opening balance with what has followed it."""
    after = sums[1 + 2 * len(book.targets) :]
    return [_two_parts(baseline, some) for baseline, some in zip(book.baselines, after, strict=True)]


def _two_parts(baseline: Baseline, sums: Sums) -> Since2016:
    months = _by_month(sums)
    return Since2016(
        **baseline.model_dump(include={"code", "zh", "en", "source", "unit"}),
        opening=baseline.value,
        opening_comparator=baseline.comparator,
        opening_as_of=baseline.as_of,
        streamed=sum(months.values()),
        months=[SincePart(month=month, added=added) for month, added in sorted(months.items())],
    )


def _value(target: Target, sums: Sums) -> int:
    return target.baseline + sum(sums.values())


def _last_months(target: Target, sums: Sums, when: Moment) -> list[int]:
    """What the last whole months have added, oldest first, from the month of the first fact on."""
    if when.began is None:
        return []
    added = _by_month(sums)
    first = max(target.since, when.began).isoformat()[:7]
    whole = months_between(first, when.today.isoformat()[:7])[:-1]
    return [added.get(month, 0) for month in whole]


def _last_year(target: Target, sums: Sums, today: date) -> int | None:
    days = monthrange(today.year - 1, today.month)[1]
    then = date(today.year - 1, today.month, min(today.day, days))
    if then < target.since:
        return None
    month = then.isoformat()[:7]
    earlier = sum(added for (_, period), added in sums.items() if period < month)
    within = sum(added for (_, period), added in sums.items() if period == month)
    return target.baseline + earlier + within * then.day // days


def _short(target: Target, sums: Sums, workers: dict[str, int], today: date) -> list[Short]:
    if selection_by_province(target) is None:
        return []
    values, found = _by_lane(sums), []
    last_year = {lane: _last_year(target, own, today) for lane, own in _apart(sums).items()}
    none_yet = _last_year(target, {}, today)
    pace = steady_pace(target, today)
    steady = fair_shares(pace, workers)
    for lane, share in fair_shares(target.value, workers).items():
        value = values.get(lane, 0)
        found.append(
            Short(
                lane=lane,
                value=value,
                share=share,
                steady=steady[lane],
                short=steady[lane] - value,
                last_year=last_year.get(lane, none_yet),
            )
        )
    return sorted(found, key=lambda one: (-one.short, one.lane))


def _apart(sums: Sums) -> dict[str, Sums]:
    """The sums of each lane by itself."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for (lane, month), added in sums.items():
        found.setdefault(lane, {})[lane, month] = added
    return dict(found)


def _by_lane(sums: Sums) -> dict[str, int]:
    found: dict[str, int] = {}
    for (lane, _), added in sums.items():
        found[lane] = found.get(lane, 0) + added
    return found


def _by_month(sums: Sums) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, month), added in sums.items():
        found[month] = found.get(month, 0) + added
    return found


def grouped(rows: Iterable[tuple[int, str, str, int]], selections: int) -> list[Sums]:
    """Rows (place, lane, month, total), `place` from 1, by selection."""
    found: list[dict[tuple[str, str], int]] = [{} for _ in range(selections)]
    for place, lane, month, total in rows:
        found[place - 1][lane, month] = total
    return list(found)
