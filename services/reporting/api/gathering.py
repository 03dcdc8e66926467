"""Read at one moment all that an edition of a period is made of, and what is checked before it is closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from services.reporting import edition_store, store
from services.reporting.api import past
from services.reporting.domain import closing, editions, public_tables
from services.reporting.domain.closing import Check
from services.reporting.domain.drilling import BEHIND
from services.reporting.domain.editions import LaterFact, Name
from services.reporting.domain.nation import Nation
from services.reporting.domain.selecting import of_lanes
from services.reporting.domain.targets import Book
from services.reporting.edition_store import Kept
from shared.contracts import enrollment
from shared.contracts.envelope import shanghai_day
from shared.plumbing.problem import ProblemError
from shared.plumbing.store import Db

Positions = Mapping[str, Mapping[str, int]]
_LOOKED_AT: Final = tuple(dict.fromkeys((*closing.WATCHED, *closing.BALANCED, closing.ACTIVE)))


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that an edition is made of, read at one moment."""

    period: str
    at: datetime
    known_on: date
    facts: int
    positions: Positions
    cells: public_tables.CellsOf
    checks: Sequence[Check]
    picture: Nation
    earlier: Sequence[bytes]
    """Documents of the period's editions so far."""
    last: Kept | None
    later: Sequence[LaterFact]
    """Facts about the period that were recorded after the last edition."""
    months: Sequence[Kept] = ()
    """Of a year: its months' last editions."""

    @property
    def name(self) -> Name:
        """The next edition's name."""
        return Name(self.period, len(self.earlier) + 1)


async def gather(db: Db, book: Book, period: str, *, simulated: bool) -> Gathered:
    """Read all that an edition of the period would be made of. Raises ProblemError for a year with open months."""
    taken = await store.taken_in(db)
    first, last = editions.days(period)
    cubes, until = _cubes(period)
    cells = await edition_store.cells(db, cubes, period, until)
    positions = await edition_store.positions(db)
    kept = await edition_store.kept(db, Name(period, None), with_cells=True)
    months = await _months(db, period) if editions.is_year(period) else []
    still = [(lane, stopped) for lane, stopped, _ in await store.standing_still(db)]
    if months:
        checks = closing.checks_of_year(still, await _pending_months(db, period, months))
    else:
        checks = closing.checks(await _seen(db, first, last, cells, still))
    known_on = shanghai_day(taken["recorded_at"] or taken["now"])
    return Gathered(
        period=period,
        at=taken["now"],
        known_on=known_on,
        facts=taken["facts"],
        positions=positions,
        cells=cells,
        checks=[_over(known_on, last), *checks],
        picture=await past.picture(db, book, last.isoformat()[:7], None, simulated=simulated),
        earlier=await edition_store.documents(db, period),
        last=kept,
        later=await later_facts(db, period, editions.read(kept.document).head["positions"], positions)
        if kept
        else [],
        months=months,
    )


async def later_facts(db: Db, period: str, since: Positions, until: Positions) -> list[LaterFact]:
    """Facts about the period that were recorded between two positions."""
    first, last = editions.days(period)
    year = int(period) if editions.is_year(period) else None
    rows = [dict(row) for row in await edition_store.later_facts(db, since, until, first, last, year)]
    own = LaterFact.__dataclass_fields__.keys() - {"facets"}
    return [LaterFact(**{name: row.pop(name) for name in own}, facets=row) for row in rows]


def _cubes(period: str) -> tuple[Sequence[str], str]:
    """Cubes of an edition, and the last of their periods."""
    if editions.is_year(period):
        return editions.OF_A_YEAR, period
    return editions.OF_A_MONTH, period + editions.WITHIN


async def _seen(
    db: Db, first: date, last: date, cells: public_tables.CellsOf, still: Sequence[tuple[str, bool]]
) -> closing.Seen:
    rows = await store.selected(db, [of_lanes(code) for code in _LOOKED_AT], None)
    history: dict[tuple[str, str], dict[str, int]] = {}
    for place, lane, period, total in rows:
        months = history.setdefault((_LOOKED_AT[place - 1], lane), {})
        months[period[:7]] = months.get(period[:7], 0) + total
    types = sorted({type_ for measure in closing.RECOUNTED for type_ in BEHIND[measure].types})
    return closing.Seen(
        first=first,
        last=last,
        cells=cells,
        declared=[
            closing.Declared(*row)
            for row in await edition_store.declared(db, enrollment.COMPLETENESS_MEASURED, first, last)
        ],
        recounted=[closing.Recounted(*row) for row in await edition_store.recounted(db, types, first, last)],
        history=history,
        still=still,
    )


async def _months(db: Db, year: str) -> list[Kept]:
    kept = [
        await edition_store.kept(db, Name(month, None), with_cells=True) for month in editions.months_of(year)
    ]
    found = [month for month in kept if month is not None]
    if len(found) < len(kept):
        closed = {month.name.period for month in found}
        missing = ", ".join(month for month in editions.months_of(year) if month not in closed)
        raise ProblemError(
            409,
            "months_open",
            f"年度结账前须先逐月结账，尚缺：{missing}。",
            f"A year is closed once its months are; still open: {missing}.",
        )
    return found


async def _pending_months(db: Db, year: str, months: Sequence[Kept]) -> list[str]:
    """Months of which cells have changed since they were closed."""
    now = await edition_store.cells(db, editions.OF_A_MONTH, year, f"{year}{editions.WITHIN}")
    found: dict[str, dict[editions.Key, int]] = {month.name.period: {} for month in months}
    for key, total in now.items():
        if key[2][:7] in found:
            found[key[2][:7]][key] = total
    return [
        month.name.period for month in months if editions.cells_from(month.cells) != found[month.name.period]
    ]


def _over(known_on: date, last: date) -> Check:
    if known_on > last:
        return Check("over", "passed", "本期已结束。", "The period is over.")
    return Check(
        "over",
        "failed",
        f"本期到 {last} 才结束，最新事实记录于 {known_on}，不能结账。",
        f"The period ends on {last} and the newest fact was recorded on {known_on}: it cannot be closed yet.",
    )
