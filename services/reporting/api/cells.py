"""Cells of the cubes for those with a token, with the events behind them; totals as of any day for everybody."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.reporting import store
from services.reporting.api import asking, from_editions
from services.reporting.api.asking import Question
from services.reporting.api.from_editions import NamedEdition
from services.reporting.domain import drilling
from services.reporting.domain.cubes import CUBES, Cube
from services.reporting.domain.editions import NATION
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.selecting import as_of, of_lanes, of_nation
from shared.contracts.envelope import Day, LaneCode
from shared.plumbing import look_ups
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow

MEASURES_MAX: Final = 12
EVENTS_MAX: Final = 500
SEQ_DIGITS_MAX: Final = 18
Official = Annotated[Caller, Depends(allow("official", "auditor", "operator"))]
router = APIRouter(prefix="/v1", route_class=ProblemRoute)
_SAME: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing has changed since that ETag."}}


class CubeShown(BaseModel):
    """A cube: what it answers, by which dimensions, and which measures it keeps."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    dimensions: list[str]
    """By name, in the order in which cells are sorted."""
    period: str
    """Which of them is the period, that `since` and `as_of` are about."""
    measures: list[str]
    """See /v1/definitions for what they mean."""
    by_lane: bool
    """Whether it is kept by lane."""
    running: bool
    """Counts each person once: only totals up to a period have a meaning."""
    question_zh: str
    question_en: str


class Page(Question):
    """A question, a page at a time."""

    after: Annotated[str | None, Field(max_length=asking.KEY_CHARS_MAX)] = None
    """What the page before gave as `next`."""
    limit: Annotated[int, Field(ge=1, le=store.PAGE_MAX)] = 200
    """At most so many cells."""
    edition: NamedEdition = None
    """Out of this closed edition: the signed cells of its period. A period means its last edition."""


class Cells(BaseModel):
    """A page of cells, in the order of their key."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    cube: str
    dimensions: list[str]
    """Those that are kept."""
    as_of: str | None
    known_on: date | None
    edition: str | None
    """The closed edition that answers, by period and number; none: the live cells."""
    simulated: bool
    """Numbers come from a simulation."""
    cells: list[dict[str, Any]]
    """Each with its dimensions by name, `measure` and `total`; cells that are zero are left out."""
    next: str | None
    """Send it back as `after` for the next page; none on the last."""


class Totals(BaseModel):
    """Sums of the nation and of each lane, as of a period, as known on a day."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    as_of: str | None
    known_on: date | None
    edition: str | None
    """The closed edition that answers, by period and number: then the sums are what happened in its period, and of
    persons how many by its end."""
    simulated: bool
    """Numbers come from a simulation."""
    nation: dict[str, int]
    """By measure. Persons are counted once in the whole country: it is not the sum of the lanes."""
    lanes: dict[str, dict[str, int]]
    """By lane and measure; what is not named is zero."""


class Behind(BaseModel):
    """Which events: those behind one measure of one lane and one month."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    measure: Annotated[str, Field(max_length=40, examples=["enrolled"])]
    """Which measure of the cube `study` or `money`."""
    lane: LaneCode
    """Which lane."""
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-03"])]
    """Effective month."""
    category: Annotated[str | None, Field(max_length=24)] = None
    """Only of workers with this flag."""
    known_on: Day | None = None
    """Only what was recorded by the end of this day."""
    after: Annotated[str | None, Field(max_length=80)] = None
    """What the page before gave as `next`."""
    limit: Annotated[int, Field(ge=1, le=EVENTS_MAX)] = 100
    """At most so many."""


class EventShown(BaseModel):
    """One event behind a cell: numbers and codes, never the worker."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    lane: str
    stream: str
    seq: int
    event_id: str
    type: str
    counts: int
    """1 where it was added, -1 where a void takes it away."""
    effective_day: date
    recorded_at: datetime
    reported_by: str | None
    track: str | None
    level_before: str | None
    level_after: str | None
    fiscal_year: int | None
    fund_source: str | None
    amount_fen: int | None


class Events(BaseModel):
    """A page of events, in the order in which they were recorded on their stream."""

    events: list[EventShown]
    next: str | None


@router.get("/cubes", tags=["numbers"])
async def cubes() -> list[CubeShown]:
    """Which question each cube answers; anything else is answered from the facts, slower, by a person with rights."""
    return [_shown(cube) for cube in CUBES.values()]


@router.get("/cells", tags=["officials"], responses=_SAME | documented(401, 403, 404, 422, 503))
async def cells(
    request: Request, response: Response, caller: Official, query: Annotated[Page, Query()]
) -> Any:
    """Cells of one cube: sums of deltas, as of a period and as known on a day.

    `dim` says which dimensions are kept; others stand still where a value is named and are summed over where not.
    """
    asked = asking.understood(query, caller)
    key = asking.key_from(query.after)
    async with request.app.state.pool.acquire() as db, store.one_moment(db):
        kept, held = None, list[dict[str, Any]]()
        if query.edition is not None:
            kept, held = await from_editions.cells(db, query.edition, asked.cells)
        tag = asking.etag_of(request, kept.sha256, caller) if kept else await asking.etag(request, db, caller)
        if asking.is_same(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        rows: Sequence[Any] = (
            from_editions.page(held, key, query.limit)
            if kept
            else await store.cells(db, asked.cells, key, query.limit)
        )
    response.headers.update({"ETag": tag, "Cache-Control": "private, no-cache"})
    return Cells(
        cube=query.cube,
        dimensions=list(asked.kept),
        as_of=query.as_of,
        known_on=query.known_on,
        edition=str(kept.name) if kept else None,
        simulated=request.app.state.settings.simulated,
        cells=[asking.named(asked, dict(row)) for row in rows],
        next=asking.key_of(dict(rows[-1])) if len(rows) == query.limit else None,
    )


@router.get("/totals", tags=["numbers"], responses=_SAME | documented(404, 422, 503))
async def totals(
    request: Request,
    response: Response,
    measure: Annotated[list[str], Query(max_length=MEASURES_MAX, examples=[["enrolled", "funded"]])],
    as_of_: Annotated[
        str | None, Query(alias="as_of", pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$", examples=["2026-06"])
    ] = None,
    known_on: Annotated[Day | None, Query(examples=["2026-07-01"])] = None,
    edition: Annotated[NamedEdition, Query()] = None,
) -> Any:
    """Sums of the nation and of each lane: what had happened by the end of a month, as known on a day.

    With `edition`: what happened in its period, and how many persons by its end, as that edition was signed.
    """
    known = [_known(code) for code in measure]
    if edition is not None:
        if as_of_ or known_on:
            raise from_editions.one_moment("as_of" if as_of_ else "known_on")
        return await _totals_of(request, response, edition, known)
    month = as_of_[:7] if as_of_ else None
    by_lane, by_nation = [of_lanes(code) for code in known], [of_nation(code) for code in known]
    async with request.app.state.pool.acquire() as db, store.one_moment(db):
        tag = await asking.etag(request, db)
        if asking.is_same(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        asked = [as_of(one, month) for one in (*by_lane, *by_nation)]
        rows = await store.selected(db, asked, known_on, whole=True)
    lanes: dict[str, dict[str, int]] = {}
    nation = dict.fromkeys(known, 0)
    for place, lane, _, total in rows:
        at = place - 1
        if at >= len(known):
            nation[known[at - len(known)]] += total
        else:
            of_lane = lanes.setdefault(lane, {})
            of_lane[known[at]] = of_lane.get(known[at], 0) + total
    response.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
    return Totals(
        as_of=month,
        known_on=known_on,
        edition=None,
        simulated=request.app.state.settings.simulated,
        nation=nation,
        lanes=dict(sorted(lanes.items())),
    )


async def _totals_of(request: Request, response: Response, edition: str, measures: Sequence[str]) -> Any:
    found = await from_editions.answering(request, response, edition)
    if isinstance(found, Response):
        return found
    kept, said = found
    sums = from_editions.totals(kept, said, measures)
    return Totals(
        as_of=None,
        known_on=None,
        edition=str(kept.name),
        simulated=said.head["simulated"],
        nation=sums.pop(NATION),
        lanes=dict(sorted(sums.items())),
    )


@router.get("/events", tags=["officials"], responses=documented(401, 403, 422, 503))
async def events(request: Request, caller: Official, query: Annotated[Behind, Query()]) -> Events:
    """The events behind a cell, out of the facts: slower than cells, and written down as a look-up."""
    if caller.province is not None and caller.province != query.lane:
        raise asking.other_province(caller.province)
    behind = drilling.BEHIND.get(query.measure)
    if behind is None:
        raise _no_measure(query.measure)
    after = _place(query.after)
    async with request.app.state.pool.acquire() as db:
        rows = await store.events_behind(
            db, behind.types, query.lane, query.month, query.category, query.known_on, after, query.limit
        )
    found = [
        EventShown(**dict(row), counts=drilling.sign(row["type"], behind))
        for row in rows
        if behind.holds(row["level_before"], row["level_after"])
    ]
    await look_ups.note(
        request,
        "events_behind_a_cell",
        caller,
        query.lane,
        measure=query.measure,
        month=query.month,
        events=len(found),
    )
    last = rows[-1] if len(rows) == query.limit else None
    return Events(events=found, next=f"{last['stream']}|{last['seq']}" if last else None)


def _shown(cube: Cube) -> CubeShown:
    return CubeShown(
        code=cube.code,
        dimensions=[name for name in cube.dimensions if not (cube.national and name == "lane")],
        period=cube.period,
        measures=list(cube.measures),
        by_lane=not cube.national,
        running=cube.running,
        question_zh=cube.zh,
        question_en=cube.en,
    )


def _known(code: str) -> str:
    if code not in MEASURES:
        raise _no_measure(code)
    return code


def _no_measure(code: str) -> ProblemError:
    return ProblemError(
        422,
        "not_a_measure",
        f"没有指标 {code}，名称见 /v1/definitions。",
        f"There is no measure {code}: see /v1/definitions for the names.",
    )


def _place(after: str | None) -> tuple[str, int] | None:
    if after is None:
        return None
    stream, _, seq = after.partition("|")
    if not seq.isdecimal() or len(seq) > SEQ_DIGITS_MAX:
        raise asking.not_a_key()
    return stream, int(seq)
