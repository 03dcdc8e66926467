"""Which kept sums, and which cells themselves, add up to a selection of cells: few rows, however many facts there are.

Of each measure sums are kept by lane and period and by lane and whole year: as known by now, and of what was recorded
in each month. Summed over are the facets that nothing but `/v1/cells` asks by. So "as of March, as known on the 12th"
is the years before, the months of this year, what was recorded up to the month before, and of this month's cells those
of twelve days. Or, where that is less to read, what is known by now without what was recorded since.

The newest day of recording is open: no sum has it yet, and its cells are read beside them.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from services.reporting.domain.targets import Selection

BY_FIRST: Final = ("study", "providers")
"""Cubes of which the second facet is summed over."""
BY_LANE_ONLY: Final = ("flows", "records")
"""Cubes of which both facets are summed over."""
PERSONS: Final = ("persons", "persons_nation")
"""Cubes of which none is: windows overlap. Of all other cubes no sums are kept."""
_STARTS: Final = ("-00", "-01", "-01-01")
_ENDS: Final = ("-12", "-12-31", "-12-99", "-99")
"""How the first and the last period of a whole year end."""
_NOW: Final = ""
_BEFORE_ALL: Final = "0"
_AFTER_ALL: Final = "9999-99"
_MIDDLE: Final = 15
"""After this day of a month the days that follow in it are fewer than those before."""


class Recorded(NamedTuple):
    """What was recorded up to a day: whole months of recording, and days of one month, each added or taken away."""

    months: tuple[tuple[str, str, int], ...]
    """(first, last, 1 or -1); the name of all months is empty."""
    days: tuple[date, date, int]
    """(first, last, 1 or -1): none, where the first lies behind the last."""


class Kept(NamedTuple):
    """Sums that are kept: of one measure, whole years or single periods of `since` to `until`."""

    place: int
    """Place of the selection, from 1."""
    cube: str
    measure: str
    lane: str | None
    facet_1: str
    facet_2: str
    span: str
    since: str
    until: str
    known_since: str
    known_until: str
    sign: int


class Rows(NamedTuple):
    """Cells themselves, of those recorded from `from_day` to `to_day`; what is not summed up yet is read beside."""

    place: int
    cube: str
    measure: str
    lane: str | None
    facet_1: str | None
    facet_2: str | None
    since: str
    until: str
    from_day: date
    to_day: date
    sign: int
    beside_sums: bool
    """Whether sums of the same selection are read, too: they lack the open day, of which all cells are read then."""


def kept(selections: Sequence[Selection], recorded: Recorded, *, whole: bool) -> list[Kept]:
    """The sums that add up to each selection; with `whole` periods do not matter, so that years are summed up."""
    return [
        Kept(
            place,
            one.cube,
            one.measure,
            None if one.cube == "persons_nation" else one.lane,
            one.facet_1 or "",
            one.facet_2 or "",
            *spanned,
            *months,
        )
        for place, one in enumerate(selections, 1)
        if _has_sums(one)
        for spanned in _spans(one, whole=whole)
        for months in recorded.months
    ]


def rows(selections: Sequence[Selection], recorded: Recorded, known_on: date | None) -> list[Rows]:
    """The cells beside them: those of some days; all of them up to `known_on` where no sums are kept."""
    every = date.min, known_on or date.max, 1
    return [
        Rows(place, *one, *(recorded.days if (summed := _has_sums(one)) else every), summed)
        for place, one in enumerate(selections, 1)
    ]


def key(selections: Sequence[Selection]) -> tuple[str, str, str, str] | None:
    """By which the sums of one of the selections are found; None where none has any."""
    return next(
        ((*one[:2], one.facet_1 or "", one.facet_2 or "") for one in selections if _has_sums(one)), None
    )


def recorded(known_on: date | None, began: str | None = None, newest: str | None = None) -> Recorded:
    """What adds up to all that was recorded up to `known_on`; from month `began` to `newest` something was recorded.

    Both only say which way reads less. Of the month itself its first days are added to what was known before it, or
    its last days taken away from what is known after it. And what was known after a month is the months up to it, or
    what is known by now without the months behind it.
    """
    if known_on is None:
        return Recorded(((_NOW, _NOW, 1),), (date.max, date.min, 1))
    first = known_on.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    if known_on.day > _MIDDLE:
        days, behind = (known_on + timedelta(days=1), following - timedelta(days=1), -1), following
    else:
        days, behind = (first, known_on, 1), first
    up_to = (behind - timedelta(days=1)).isoformat()[:7]
    month = behind.isoformat()[:7]
    if _months(month, newest or month) < _months(began or month, month):
        return Recorded(((_NOW, _NOW, 1), (month, _AFTER_ALL, -1)), days)
    return Recorded(((_BEFORE_ALL, up_to, 1),), days)


def _months(first: str, last: str) -> int:
    return (int(last[:4]) - int(first[:4])) * 12 + int(last[5:]) - int(first[5:])


def _has_sums(one: Selection) -> bool:
    if one.cube in PERSONS:
        return one.facet_1 is not None and one.facet_2 is not None
    if one.cube in BY_LANE_ONLY:
        return one.facet_1 is None and one.facet_2 is None
    return one.cube in BY_FIRST and one.facet_1 is not None and one.facet_2 is None


def _spans(one: Selection, *, whole: bool) -> Iterable[tuple[str, str, str]]:
    """(span, first, last): whole years and the periods before and after them."""
    return list(_years(one.since, one.until)) if whole else [("period", one.since, one.until)]


def _years(since: str, until: str) -> Iterator[tuple[str, str, str]]:
    starts, ends = since[4:] in _STARTS, until[4:] in _ENDS
    first = since[:4] if starts else f"{int(since[:4]) + 1:04d}"
    last = until[:4] if ends else f"{int(until[:4]) - 1:04d}"
    if first > last:
        yield "period", since, until
        return
    yield "year", first, last
    if not starts:
        yield "period", since, f"{since[:4]}-99"
    if not ends:
        yield "period", until[:4], until
