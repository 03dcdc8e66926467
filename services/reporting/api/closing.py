"""Close a period or restate it: what is looked at, what would change, and the signed edition that comes of it."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from services.reporting import edition_store, store
from services.reporting.api import past
from services.reporting.domain import closing, editions, public_tables
from services.reporting.domain.closing import Check
from services.reporting.domain.cubes import CUBES
from services.reporting.domain.disclosure import RULE, Shown, revealed
from services.reporting.domain.drilling import BEHIND
from services.reporting.domain.editions import Content, LaterFact, Name
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.nation import Nation
from services.reporting.domain.selecting import of_lanes
from services.reporting.domain.targets import Book
from services.reporting.edition_store import Kept
from shared.contracts import enrollment
from shared.contracts.envelope import shanghai_day
from shared.plumbing import look_ups
from shared.plumbing import store as plumbing_store
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.signing import Signer
from shared.plumbing.store import Db
from shared.plumbing.tokens import Caller, allow

SALT_BYTES: Final = 32
Operator = Annotated[Caller, Depends(allow("operator"))]
Official = Annotated[Caller, Depends(allow("official", "auditor", "operator"))]
Period = Annotated[str, Path(pattern=f"^{editions.PERIOD}$", examples=["2026-06"])]
Positions = Mapping[str, Mapping[str, int]]
_LOOKED_AT: Final = tuple(dict.fromkeys((*closing.WATCHED, *closing.BALANCED, closing.ACTIVE)))
_PERSONS: Final = tuple(code for code, measure in MEASURES.items() if measure.cube == "persons")


class Order(BaseModel):
    """An operator's order to close a period, or to restate a closed one."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    period: Annotated[str, Field(pattern=f"^{editions.PERIOD}$", examples=["2026-06"])]
    """A month, or a year whose months are closed."""
    reason: Annotated[str | None, Field(min_length=3, max_length=500)] = None
    """Why it is closed although a check fails, or why it is restated. It is published: name nobody."""
    restate: bool = False
    """Make the next edition of a closed period."""


class CheckShown(BaseModel):
    """One check of a close."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    outcome: closing.Outcome
    """`failed` refuses a close without a reason; `noted` is worth a look."""
    zh: str
    en: str


class Checked(BaseModel):
    """What a close would look at."""

    period: str
    closed: str | None
    checks: list[CheckShown]


class Closed(BaseModel):
    """An edition that was made."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    edition: str
    """Its name: period and number."""
    sha256: str
    """Of its document."""
    checks: list[CheckShown]
    changed: int
    """Cells and totals that differ from the edition before."""


class CellChanged(BaseModel):
    """One cell that differs."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    cube: str
    dimensions: dict[str, str]
    measure: str
    before: int
    after: int
    events: int | None
    """How many events were recorded later that moved it; none where the measure is not kept event by event."""


class EventLater(BaseModel):
    """One event that was recorded after an edition and is about its period: never the worker."""

    lane: str
    stream: str
    seq: int
    event_id: str
    type: str
    voided_type: str | None
    effective_day: date
    recorded_at: datetime
    reported_by: str | None


class Changes(BaseModel):
    """What differs from an edition, cell by cell and event by event."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    edition: str
    """The edition that is compared with."""
    known_on: date
    simulated: bool
    totals: list[dict[str, Any]]
    """Totals of nation and lanes that differ, those of persons as of the period's end."""
    cells: list[CellChanged]
    events: list[EventLater]
    whole: bool
    """False where there are more events than are told one by one."""


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


def router(book: Book, signer: Signer | None) -> APIRouter:
    """Orders to close, and what they would do."""
    routes = APIRouter(prefix="/v1", tags=["editions"], route_class=ProblemRoute)

    @routes.post("/editions", status_code=201, responses=documented(401, 403, 409, 422, 503))
    async def close(request: Request, caller: Operator, order: Annotated[Order, Body()]) -> Closed:
        """Close a period, or restate it: refused while a check fails, unless a reason is given; it is kept."""
        if signer is None:
            raise _no_key()
        simulated = request.app.state.settings.simulated
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            seen = await gather(db, book, order.period, simulated=simulated)
        _refuse(seen, order)
        made = await asyncio.to_thread(make, seen, order, signer, caller.name, simulated=simulated)
        async with request.app.state.pool.acquire() as db, db.transaction():
            if not await edition_store.keep(db, made):
                raise _closed(made.name)
            act = "restate" if order.restate else "close"
            await plumbing_store.note_act(db, caller.name, act, "00", f"{made.name}: {order.reason or '-'}")
        return Closed(
            edition=str(made.name),
            sha256=made.sha256,
            checks=_checks(seen),
            changed=len(editions.read(made.document).changed),
        )

    @routes.get("/editions/{period}/checks", responses=documented(401, 403, 409, 422, 503))
    async def checked(request: Request, _: Official, period: Period) -> Checked:
        """What a close of the period would find; nothing is written."""
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            seen = await gather(db, book, period, simulated=request.app.state.settings.simulated)
        return Checked(period=period, closed=str(seen.last.name) if seen.last else None, checks=_checks(seen))

    @routes.get("/editions/{period}/pending", responses=documented(401, 403, 404, 409, 422, 503))
    async def pending(request: Request, caller: Official, period: Period) -> Changes:
        """What a restatement would change now, cell by cell, and the events behind it; written down as a look-up."""
        simulated = request.app.state.settings.simulated
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            seen = await gather(db, book, period, simulated=simulated)
        if seen.last is None:
            raise not_closed(Name(period, None))
        totals = editions.read(seen.last.document)
        found = Changes(
            edition=str(seen.last.name),
            known_on=seen.known_on,
            simulated=simulated,
            totals=_totals_changed(totals, _content(seen), seen.later),
            **told(seen.last.cells, seen.cells, seen.later),
        )
        return await shown_to(request, caller, period, found)

    return routes


async def gather(db: Db, book: Book, period: str, *, simulated: bool) -> Gathered:
    """Read all that an edition of the period would be made of. Raises ProblemError for a year with open months."""
    taken = await store.taken_in(db)
    first, last = editions.days(period)
    cubes, until = _cubes(period)
    cells = await edition_store.cells(db, cubes, period, until)
    positions = await edition_store.positions(db)
    kept = await edition_store.kept(db, Name(period, None))
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


def make(seen: Gathered, order: Order, signer: Signer, operator: str, *, simulated: bool) -> Kept:
    """The edition, signed: a function of what was gathered, the order, and a salt for its cells."""
    content = _content(seen)
    cells = editions.cells_text(secrets.token_bytes(SALT_BYTES), seen.name, seen.cells)
    changed: list[dict[str, Any]] = []
    if seen.last is not None:
        before = editions.read(seen.last.document)
        changed = _totals_changed(before, content, seen.later)
        changed += editions.tables_changed(before.tables, content.tables)
    head = {
        "period": seen.period,
        "number": seen.name.number,
        "known_on": seen.known_on,
        "closed_at": seen.at,
        "simulated": simulated,
        "facts": seen.facts,
        "positions": seen.positions,
        "checks": [asdict(check) for check in seen.checks],
        "overridden": bool(closing.failing(seen.checks)),
        "reason": order.reason,
        "restates": {"edition": str(seen.last.name), "sha256": seen.last.sha256} if seen.last else None,
        "months": [{"edition": str(month.name), "sha256": month.sha256} for month in seen.months],
        "cells": {"lines": len(seen.cells), "sha256": editions.sha256(cells)},
        "rule": RULE._asdict(),
    }
    document = editions.document(
        head, Content(content.totals, content.as_of, content.targets, content.tables, changed)
    )
    return Kept(
        name=seen.name,
        closed_at=seen.at,
        closed_by=operator,
        reason=order.reason,
        document=document,
        sha256=editions.sha256(document),
        signature=signer.sign(document),
        public_key=signer.public_key,
        cells=cells,
    )


async def later_facts(db: Db, period: str, since: Positions, until: Positions) -> list[LaterFact]:
    """Facts about the period that were recorded between two positions."""
    first, last = editions.days(period)
    year = int(period) if editions.is_year(period) else None
    rows = [dict(row) for row in await edition_store.later_facts(db, since, until, first, last, year)]
    own = LaterFact.__dataclass_fields__.keys() - {"facets"}
    return [LaterFact(**{name: row.pop(name) for name in own}, facets=row) for row in rows]


def told(before: bytes, after: public_tables.CellsOf, later: Sequence[LaterFact]) -> dict[str, Any]:
    """Cells that differ, each with the number of events behind it, and the events."""
    cells = []
    for key, earlier, value in editions.changes(editions.cells_from(before), after):
        behind = editions.events_behind(key, later)
        cells.append(
            CellChanged(
                cube=key[0],
                dimensions=dict(zip(CUBES[key[0]].dimensions, key[1:5], strict=False)),
                measure=key[5],
                before=earlier,
                after=value,
                events=None if behind is None else len(behind),
            )
        )
    events = [EventLater(**{name: getattr(fact, name) for name in EventLater.model_fields}) for fact in later]
    return {"cells": cells, "events": events, "whole": len(events) < edition_store.LATER_MAX}


async def shown_to(request: Request, caller: Caller, period: str, found: Changes) -> Changes:
    """What of it this caller may see, after it was written down that he or she looked."""
    own = caller.province
    if own is not None:
        found = found.model_copy(
            update={
                "totals": [one for one in found.totals if one["lane"] == own],
                "cells": [one for one in found.cells if one.dimensions.get("lane") == own],
                "events": [one for one in found.events if one.lane == own],
            }
        )
    await look_ups.note(
        request, "events_behind_a_restatement", caller, own, period=period, events=len(found.events)
    )
    return found


def not_closed(name: Name) -> ProblemError:
    """There is no such edition."""
    return ProblemError(
        404,
        "not_closed",
        f"没有 {name} 的统计版本，已结账的期间见 /v1/editions。",
        f"There is no edition {name}: see /v1/editions for those that are closed.",
    )


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
    kept = [await edition_store.kept(db, Name(month, None)) for month in editions.months_of(year)]
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


def _content(seen: Gathered) -> Content:
    """What the document says of the period, beside its head."""
    nation = {(code, editions.NATION): seen.picture.measures.get(code, 0) for code in _PERSONS}
    lanes = {
        (code, lane.code): lane.measures[code]
        for lane in seen.picture.lanes
        for code in _PERSONS
        if lane.measures.get(code)
    }
    targets = [target.model_dump(mode="json") for target in seen.picture.targets]
    if not seen.months:
        return Content(editions.totals_of(seen.cells), nation | lanes, targets, _tables(seen))
    months = [editions.read(month.document) for month in seen.months]
    totals: dict[tuple[str, str], int] = {}
    for month in months:
        for key, total in month.totals.items():
            totals[key] = totals.get(key, 0) + total
    common = set.intersection(*(set(month.tables) for month in months))
    tables = {code: public_tables.of_year([month.tables[code] for month in months]) for code in common}
    return Content(totals, nation | lanes, targets, tables)


def _tables(seen: Gathered) -> dict[str, Shown]:
    """The public tables; one that would tell, beside an earlier edition, what neither may, is left out."""
    earlier = [editions.read(document).tables for document in seen.earlier]
    found = {}
    for code, table in public_tables.TABLES.items():
        before = [tables[code] for tables in earlier if code in tables]
        hidden = {place for shown in before for place in shown.hidden}
        made = public_tables.shown(table, seen.cells, hidden)
        known = public_tables.known_of(table)
        if table.open or not any(revealed(one, made, known) for one in before):
            found[code] = made
    return found


def _totals_changed(
    before: editions.Edition, content: Content, later: Sequence[LaterFact]
) -> list[dict[str, Any]]:
    keys = before.totals.keys() | content.totals.keys()
    events = editions.events_of_totals(keys, later)
    return editions.totals_changed(before.totals, content.totals, events) + editions.totals_changed(
        before.as_of, content.as_of, {}
    )


def _refuse(seen: Gathered, order: Order) -> None:
    """Raise ProblemError where the order cannot be carried out; which says what to do instead."""
    if seen.last is not None and not order.restate:
        raise _closed(seen.last.name)
    if seen.last is None and order.restate:
        raise not_closed(Name(order.period, None))
    if seen.last is not None and order.reason is None:
        raise ProblemError(
            409,
            "reason_needed",
            "更正须说明理由，理由将公布。",
            "A restatement needs a reason: it is published.",
        )
    if seen.last is not None and not _differs(seen, seen.last):
        raise ProblemError(
            409,
            "nothing_changed",
            f"{seen.last.name} 之后没有变化，无须更正。",
            f"Nothing has changed since {seen.last.name}: there is nothing to restate.",
        )
    failing = closing.failing(seen.checks)
    if seen.checks[0].outcome == "failed" or (failing and order.reason is None):
        raise ProblemError(
            409,
            "not_over" if seen.checks[0].outcome == "failed" else "checks_failed",
            "检查未通过：" + " ".join(check.zh for check in failing) + "处理后重试，或说明理由后结账。",
            "Checks fail: "
            + " ".join(check.en for check in failing)
            + " Mend what they name, or close with a reason, which is published.",
            checks=[asdict(check) for check in seen.checks],
        )


def _differs(seen: Gathered, last: Kept) -> bool:
    content = _content(seen)
    before = editions.read(last.document)
    return (
        editions.cells_from(last.cells) != seen.cells
        or (before.totals, before.as_of) != (content.totals, content.as_of)
        or before.tables.keys() != content.tables.keys()
    )


def _checks(seen: Gathered) -> list[CheckShown]:
    return [CheckShown.model_validate(asdict(check)) for check in seen.checks]


def _closed(name: Name) -> ProblemError:
    return ProblemError(
        409,
        "already_closed",
        f"{name.period} 已结账（版本 {name}）；之后的变化用 --restate 更正。",
        f"{name.period} is closed, as edition {name}: what has changed since is restated (`restate`).",
    )


def _no_key() -> ProblemError:
    return ProblemError(
        503,
        "no_signing_key",
        "本服务没有签名密钥，不能结账：请设置 DREAMS_SIGNING_KEY_FILE。",
        "This service has no signing key, so nothing can be closed: set DREAMS_SIGNING_KEY_FILE.",
    )
