"""Trends for everybody: any measure month by month, of the nation, of a lane or of all lanes, as known on any day."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from services.reporting import store
from services.reporting.api import asking
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.selecting import as_of, of_lanes, of_nation
from services.reporting.domain.targets import Selection, months_between
from shared.contracts.envelope import Day
from shared.contracts.lanes import LANE_CODES
from shared.plumbing.problem import ProblemError, ProblemRoute, documented

MEASURES_MAX: Final = 6
MONTHS_MAX: Final = 240
NATION: Final = "nation"
Scope = Literal[LANE_CODES]  # type: ignore[valid-type]
_SAME: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing has changed since that ETag."}}
router = APIRouter(prefix="/v1", tags=["numbers"], route_class=ProblemRoute)


class Trend(BaseModel):
    """One measure month by month, without gaps."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    measure: str
    persons: bool
    """Counts each person once: then a month by itself has no meaning, and only sums up to a month are to be shown."""
    months: list[str]
    """Effective months, oldest first."""
    before: dict[str, int]
    """What had been added before the first of these months, by scope: `nation` or a lane."""
    added: dict[str, list[int]]
    """What was added in each month, by scope."""


class Trends(BaseModel):
    """Measures month by month."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    as_of: str | None
    known_on: date | None
    simulated: bool
    """Numbers come from a simulation."""
    trends: list[Trend]


class Wanted(BaseModel):
    """Which trends."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    measure: Annotated[list[str], Query(min_length=1, max_length=MEASURES_MAX, examples=[["enrolled"]])]
    """Which measures: `/v1/definitions` names them."""
    lane: Scope | None = None
    """Of this lane."""
    by_lane: bool = False
    """Of every lane beside the nation; otherwise of the nation alone, or of `lane`."""
    months: Annotated[int, Query(ge=1, le=MONTHS_MAX)] = 24
    """The last so many months; all earlier ones are summed up in `before`."""
    as_of: Annotated[str | None, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-06"])] = None
    """Only what had happened by the end of this month."""
    known_on: Day | None = None
    """Only what was recorded by the end of this day."""


@router.get("/trends", responses=_SAME | documented(422, 503))
async def trends(request: Request, response: Response, wanted: Annotated[Wanted, Query()]) -> Any:
    """What was added in each month, of the nation, of a lane, or of every lane."""
    asked = [one for code in wanted.measure for one in _selections(code, wanted)]
    async with request.app.state.pool.acquire() as db, store.one_moment(db):
        tag = await asking.etag(request, db)
        if asking.is_same(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        upto = [as_of(one, wanted.as_of) for _, one in asked]
        rows = await store.selected(db, upto, wanted.known_on)
    response.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
    found: dict[str, dict[str, dict[str, int]]] = {code: {} for code in wanted.measure}
    names = [(code, own) for code in wanted.measure for own, _ in _selections(code, wanted)]
    for place, lane, period, total in rows:
        code, own = names[place - 1]
        months = found[code].setdefault(own or lane, {})
        months[period[:7]] = months.get(period[:7], 0) + total
    return Trends(
        as_of=wanted.as_of,
        known_on=wanted.known_on,
        simulated=request.app.state.settings.simulated,
        trends=[_trend(code, scopes, wanted.months) for code, scopes in found.items()],
    )


def _selections(code: str, wanted: Wanted) -> Iterable[tuple[str | None, Selection]]:
    """(scope, cells) of a measure; no scope where each lane is one by itself."""
    if code not in MEASURES:
        raise ProblemError(
            422,
            "not_a_measure",
            f"没有指标 {code}，名称见 /v1/definitions。",
            f"There is no measure {code}: see /v1/definitions for the names.",
        )
    if wanted.lane:
        return [(wanted.lane, of_lanes(code)._replace(lane=wanted.lane))]
    nation: list[tuple[str | None, Selection]] = [(NATION, of_nation(code))]
    return [*nation, (None, of_lanes(code))] if wanted.by_lane else nation


def _trend(code: str, scopes: Mapping[str, Mapping[str, int]], months_max: int) -> Trend:
    known = sorted({month for months in scopes.values() for month in months})
    months = months_between(known[0], known[-1])[-months_max:] if known else []
    return Trend(
        measure=code,
        persons=MEASURES[code].cube == "persons",
        months=months,
        before={
            scope: sum(total for month, total in of.items() if month < months[0])
            for scope, of in sorted(scopes.items())
        },
        added={scope: [of.get(month, 0) for month in months] for scope, of in sorted(scopes.items())},
    )
