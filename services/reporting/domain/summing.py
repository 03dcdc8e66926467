"""Which kept sums, and which cells themselves, add up to a selection of cells: few rows, however many facts there are.

Of each measure sums are kept by lane and period and by lane and whole year: as known by now, and of what was recorded
in each month. Summed over are the facets that nothing but `/v1/cells` asks by. So "as of March, as known on the 12th"
is the years before, the months of this year, what was recorded up to the month before, and of this month's cells those
of twelve days.
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
_NOW: Final = ("", "")
_BEFORE_ALL: Final = "0"


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


class Rows(NamedTuple):
    """Cells themselves, of those recorded from `from_day` on; what is not summed up yet belongs to it, too."""

    place: int
    cube: str
    measure: str
    lane: str | None
    facet_1: str | None
    facet_2: str | None
    since: str
    until: str
    from_day: date


def kept(selections: Sequence[Selection], *, whole: bool) -> list[Kept]:
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
        )
        for place, one in enumerate(selections, 1)
        if _has_sums(one)
        for spanned in _spans(one, whole=whole)
    ]


def rows(selections: Sequence[Selection], known_on: date | None) -> list[Rows]:
    """The cells beside them: those of the month of `known_on`; all of them where no sums are kept."""
    sums_end = known_on.replace(day=1) if known_on else date.max
    return [
        Rows(place, *one, sums_end if _has_sums(one) else date.min) for place, one in enumerate(selections, 1)
    ]


def recorded(known_on: date | None) -> tuple[str, str]:
    """First and last month of recording of the sums: all at once where none is asked for, otherwise those before."""
    if known_on is None:
        return _NOW
    return _BEFORE_ALL, (known_on.replace(day=1) - timedelta(days=1)).isoformat()[:7]


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
