"""Numbers for everybody: lanes, series over time, the newest facts and what each measure means."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict

from services.reporting import store
from services.reporting.api import from_editions
from services.reporting.api.from_editions import NamedEdition
from services.reporting.domain.editions import NATION
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.nation import NOTABLE, Happening, LaneNumbers
from shared.contracts.lanes import LANE_CODES, LANES
from shared.plumbing.problem import ProblemRoute, documented

MINUTES_SHOWN: Final = 60
LATEST_OF_A_LANE: Final = 12
MEASURES_MAX: Final = 12

Code = Literal[LANE_CODES]  # type: ignore[valid-type]
router = APIRouter(
    prefix="/v1", tags=["numbers"], route_class=ProblemRoute, responses=documented(404, 422, 503)
)


class Point(BaseModel):
    """One period of a series: what was added in it, by measure."""

    period: str
    values: dict[str, int]


class Series(BaseModel):
    """Measures over time, oldest period first; a period without anything is left out."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    by: Literal["month", "minute"]
    lane: str | None
    edition: str | None = None
    """The closed edition that answers, by period and number; none: the live numbers."""
    simulated: bool
    """Numbers come from a simulation."""
    points: list[Point]


@router.get("/provinces")
async def provinces(request: Request) -> list[LaneNumbers]:
    """The sums of each lane, in the order of the lanes; a measure that is not named is zero."""
    async with request.app.state.pool.acquire() as db:
        sums = await store.standing(db)
    found: dict[str, dict[str, int]] = {code: {} for code in LANE_CODES}
    for scope, lane, measure, total in sums:
        if scope == "lane" and total:
            found[lane][measure] = total
    return [
        LaneNumbers(code=lane.code, zh=lane.name_zh, en=lane.name_en, measures=found[lane.code])
        for lane in LANES
    ]


@router.get("/series")
async def series(
    request: Request,
    by: Literal["month", "minute"] = "month",
    lane: Code | None = None,
    measure: Annotated[list[str] | None, Query(max_length=MEASURES_MAX)] = None,
    edition: Annotated[NamedEdition, Query()] = None,
) -> Series:
    """What was added in each effective month (of study), or recorded in each of the last 60 minutes.

    With `edition`: what it says of its month, or, of a year, the editions of the months that it was closed from.
    """
    wanted = _known(measure or ["enrolled", "completed"])
    if edition is not None:
        return await _series_of(request, edition, by, lane, wanted)
    async with request.app.state.pool.acquire() as db:
        if by == "month":
            rows = await store.by_month(db, lane, wanted)
        else:
            rows = await store.by_minute(db, lane, wanted, MINUTES_SHOWN)
    simulated = request.app.state.settings.simulated
    return Series(by=by, lane=lane, simulated=simulated, points=_points(rows))


async def _series_of(
    request: Request, edition: str, by: Literal["month", "minute"], lane: str | None, measures: list[str]
) -> Series:
    if by == "minute":
        raise from_editions.one_moment("by=minute")
    async with request.app.state.pool.acquire() as db:
        kept, said = await from_editions.said_by(db, edition)
        points = await from_editions.by_month(db, kept, said, lane or NATION, measures)
    return Series(
        by=by,
        lane=lane,
        edition=str(kept.name),
        simulated=said.head["simulated"],
        points=[Point(period=period, values=values) for period, values in points],
    )


@router.get("/latest")
async def latest(request: Request, lane: Code) -> list[Happening]:
    """What was recorded last on one lane, newest first: what and where, never who."""
    async with request.app.state.pool.acquire() as db:
        rows = await store.latest(db, [lane], NOTABLE, LATEST_OF_A_LANE)
    return [Happening(**dict(row)) for row in rows][:LATEST_OF_A_LANE]


@router.get("/definitions")
async def definitions() -> list[dict[str, Any]]:
    """What each measure counts, in which unit and in which cube it is kept, in Chinese and English."""
    return [asdict(measure) for measure in MEASURES.values()]


def _known(measures: list[str]) -> list[str]:
    unknown = [code for code in measures if code not in MEASURES]
    if unknown:
        raise HTTPException(
            422,
            "There is no such measure: see /v1/definitions for the names. "
            "/ 没有这个指标，名称见 /v1/definitions。",
        )
    return measures


def _points(rows: Iterable[Any]) -> list[Point]:
    found: dict[str, dict[str, int]] = {}
    for period, measure, total in rows:
        name = period if isinstance(period, str) else period.isoformat()
        found.setdefault(name, {})[measure] = total
    return [Point(period=period, values=values) for period, values in found.items()]
