"""Targets for everybody: how they stand on any day, where they lead, who is behind, and the series since 2016."""

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from services.reporting import store
from services.reporting.api import asking
from services.reporting.domain.prospects import (
    Moment,
    Prospect,
    Since2016,
    asked_for,
    grouped,
    prospects,
    since_2016,
)
from services.reporting.domain.selecting import as_of
from services.reporting.domain.targets import Book
from shared.contracts.envelope import Day, shanghai_day
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.store import Db

_SAME: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing has changed since that ETag."}}


class Targets(BaseModel):
    """All targets as they stand, and the series “since 2016”."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    as_of: date
    """The day to which pace and steady pace are drawn: the newest fact's where none was asked for."""
    known_on: date | None
    simulated: bool
    """Numbers come from a simulation."""
    targets: list[Prospect]
    since_2016: list[Since2016]
    """Opening balances of June 2024 with what has followed: two parts, never one number."""


def router(book: Book) -> APIRouter:
    """The targets of `book`."""
    routes = APIRouter(prefix="/v1", tags=["numbers"], route_class=ProblemRoute)

    @routes.get("/targets", responses=_SAME | documented(422, 503))
    async def targets(
        request: Request,
        response: Response,
        as_of_: Annotated[Day | None, Query(alias="as_of", examples=["2026-06-30"])] = None,
        known_on: Annotated[Day | None, Query(examples=["2026-07-01"])] = None,
    ) -> Any:
        """Progress, required and real pace, a band, and what each province is short of; months count whole."""
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            tag = await asking.etag(request, db)
            if asking.is_same(request, tag):
                return Response(status_code=304, headers={"ETag": tag})
            told = await read(db, book, as_of_, known_on, simulated=request.app.state.settings.simulated)
        response.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
        return told

    return routes


async def read(
    db: Db, book: Book, upto: date | None = None, known_on: date | None = None, *, simulated: bool
) -> Targets:
    """All targets as they stand at the end of `upto`'s month, as known at the end of a day; now where none is given."""
    selections = asked_for(book)
    taken = await store.taken_in(db)
    newest = shanghai_day(taken["recorded_at"] or taken["now"])
    month = upto.isoformat()[:7] if upto else None
    rows = await store.selected(db, [as_of(one, month) for one in selections], known_on)
    sums = grouped([tuple(row) for row in rows], len(selections))
    today = upto or min(newest, known_on or newest)
    return Targets(
        as_of=today,
        known_on=known_on,
        simulated=simulated,
        targets=prospects(book, sums, Moment(today, taken["began"])),
        since_2016=since_2016(book, sums),
    )
