"""The quality of the provinces' records, for everybody: a scorecard for each, and one for all together."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.reporting import quality_store, store
from services.reporting.api import asking
from services.reporting.domain.quality import VERDICTS, Measured, Scorecard, Seen, scorecards
from shared.contracts.envelope import Day, shanghai_day
from shared.contracts.lanes import LANE_CODES
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.store import Db

MONTHS_MAX: Final = 36
ARRIVED: Final = "arrived"
_SAME: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing has changed since that ETag."}}
router = APIRouter(prefix="/v1", tags=["numbers"], route_class=ProblemRoute)


class Wanted(BaseModel):
    """Of which time."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    as_of: Annotated[
        str | None, Field(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-06"])
    ] = None
    """The last month that is judged; the newest fact's where none is named."""
    known_on: Day | None = None
    """Only what was recorded by the end of this day."""
    months: Annotated[int, Field(ge=1, le=MONTHS_MAX)] = 12
    """So many months are judged, that one included."""


class Quality(BaseModel):
    """Scorecards of the nation and of each lane."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    since: date
    """The first day that is judged."""
    until: date
    """The last."""
    as_of: str | None
    known_on: date | None
    simulated: bool
    """Numbers come from a simulation."""
    nation: Scorecard
    lanes: list[Scorecard]


@router.get("/quality", responses=_SAME | documented(422, 503))
async def quality(request: Request, response: Response, wanted: Annotated[Wanted, Query()]) -> Any:
    """Completeness, timeliness, repeats, contradictions, refusals, corrections and silence of each province.

    Rates are per thousand records, with 95 % intervals, so that provinces of any size can be compared: a rank is a
    range where intervals overlap, and a grade is bad only where the whole interval is. Silence is measured to the
    lane's newest day, not to a clock.
    """
    async with request.app.state.pool.acquire() as db, store.one_moment(db):
        tag = await asking.etag(request, db)
        if asking.is_same(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        taken = await store.taken_in(db)
        newest = shanghai_day(taken["recorded_at"] or taken["now"])
        since, until = _time(wanted, newest)
        seen = await _seen(db, since, until, wanted.known_on)
    response.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
    nation, lanes = scorecards(seen)
    return Quality(
        since=since,
        until=until,
        as_of=wanted.as_of,
        known_on=wanted.known_on,
        simulated=request.app.state.settings.simulated,
        nation=nation,
        lanes=lanes,
    )


def _time(wanted: Wanted, newest: date) -> tuple[date, date]:
    """The first and the last day that are judged."""
    until = newest
    if wanted.as_of:
        year, month = map(int, wanted.as_of.split("-"))
        until = min(newest, date(year, month, monthrange(year, month)[1]))
        if until < date(year, month, 1):  # a month that is still to come: nothing of it is known
            until = newest
    until = min(until, wanted.known_on or until)
    since = until.replace(day=1)
    for _ in range(wanted.months - 1):
        since = (since - timedelta(days=1)).replace(day=1)
    return since, until


async def _seen(db: Db, since: date, until: date, known_on: date | None) -> Mapping[str, Seen]:
    """What is known of each lane's records."""
    seen = {lane: Seen() for lane in LANE_CODES}
    for lane, measure, delay, records in await quality_store.records(
        db, [*VERDICTS, ARRIVED], since, until, known_on
    ):
        if measure == ARRIVED:
            seen[lane].delays[delay] += records
        else:
            seen[lane].verdicts[measure] += records
    for lane, day in await quality_store.newest_days(db):
        seen[lane].today = min(day, until)
    for lane, day in await quality_store.last_days(db, until, known_on):
        seen[lane].last = day
    _note_declared(seen, await quality_store.declared(db, since, until, known_on))
    return seen


def _note_declared(seen: Mapping[str, Seen], rows: Iterable[Any]) -> None:
    for lane, details in rows:
        said = orjson.loads(details)
        since, until = date.fromisoformat(said["since"]), date.fromisoformat(said["until"])
        seen[lane].periods.append(Measured(since, until, said["declared"], said["received"]))
