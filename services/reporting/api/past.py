"""A past picture of the nation, out of the cells: as of the end of a month, as known at the end of a day."""

from calendar import monthrange
from collections import Counter
from datetime import date
from typing import Final

from services.reporting import store
from services.reporting.api import targets
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.nation import NATION_SCOPE, Nation, Past, TakenIn, nation
from services.reporting.domain.persons import PERSONS
from services.reporting.domain.selecting import as_of, of_lanes, of_nation
from services.reporting.domain.targets import Book
from shared.contracts.envelope import shanghai_day
from shared.plumbing.store import Db

_BY_CELLS_ONLY: Final = ("arrived", "taken_in", "skilled_others")
_OF_LANES: Final = tuple(code for code in MEASURES if code not in _BY_CELLS_ONLY)
"""All that the live picture shows, too."""
_OF_NATION: Final = tuple(code for code in MEASURES if code in PERSONS)
"""Persons are counted for the nation by themselves: it is not the sum of its lanes."""


async def picture(db: Db, book: Book, month: str | None, known_on: date | None, *, simulated: bool) -> Nation:
    """What had happened by the end of `month`, as was known at the end of `known_on`; nothing of what is just now."""
    book = (await targets.targets_in_force(db, book, known_on)).book
    asked = [of_lanes(code) for code in _OF_LANES] + [of_nation(code) for code in _OF_NATION]
    rows = await store.selected(db, [as_of(one, month) for one in asked], known_on, whole=True)
    sums: Counter[tuple[str, str, str]] = Counter()
    for place, lane, _, total in rows:
        national = place > len(_OF_LANES)
        code = _OF_NATION[place - 1 - len(_OF_LANES)] if national else _OF_LANES[place - 1]
        sums[NATION_SCOPE if national else "lane", lane, code] += total
    taken = TakenIn(*await store.taken_in(db))
    newest = shanghai_day(taken.recorded_at or taken.now)
    past = Past(month, known_on, min(newest, known_on or newest, _last_day(month) if month else newest))
    return nation(
        [(*key, total) for key, total in sums.items()], [], [], taken, book, simulated=simulated, past=past
    )


def shown() -> tuple[str, ...]:
    """The measures that a picture shows of each lane."""
    return _OF_LANES


def _last_day(month: str) -> date:
    year, number = map(int, month.split("-"))
    return date(year, number, monthrange(year, number)[1])
