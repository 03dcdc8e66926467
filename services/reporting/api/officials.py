"""What needs a token: cells, the facts behind an event, and the digest that two rebuilds are compared by."""

import hashlib
from datetime import date, datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, Field

from services.reporting import store
from shared.contracts.lanes import LANE_CODES
from shared.plumbing.problem import ProblemRoute
from shared.plumbing.tokens import allow

router = APIRouter(prefix="/v1", tags=["officials"], route_class=ProblemRoute)

for_officials: Final = [Depends(allow("official", "auditor", "operator"))]
for_operators: Final = [Depends(allow("operator", "auditor"))]
KEY_PARTS: Final = 5
Code = Literal[LANE_CODES]  # type: ignore[valid-type]
Dimension = Annotated[str | None, Field(max_length=128)]


class CellQuery(BaseModel):
    """Which cells: one cube, and where its dimensions stand still."""

    cube: Literal["study", "money", "verdicts"]
    lane: Code | None = None
    period: Dimension = None
    facet_1: Dimension = None
    facet_2: Dimension = None
    measure: Dimension = None
    after: Annotated[str | None, Field(max_length=600)] = None
    limit: Annotated[int, Field(ge=1, le=store.PAGE_MAX)] = 200


class CellSum(BaseModel):
    """One cell: its deltas summed over all recorded days."""

    cube: str
    lane: str
    period: str
    facet_1: str
    facet_2: str
    measure: str
    total: int


class Cells(BaseModel):
    """A page of cells, in the order of their key."""

    simulated: bool
    """Numbers come from a simulation."""
    cells: list[CellSum]
    next: str | None
    """Send it back as `after` for the next page; none on the last."""


class FactShown(BaseModel):
    """One fact as an operator sees it: numbers and codes, never the worker."""

    lane: str
    stream: str
    seq: int
    event_id: str
    type: str
    causation_id: str | None
    correlation_id: str | None
    effective_at: datetime
    effective_day: date
    recorded_at: datetime
    funding_province: str | None
    fiscal_year: int | None
    fund_source: str | None
    amount_fen: int | None
    state_before: str | None


class Digest(BaseModel):
    """A hash over all tables in canonical order: equal for equal sets of facts."""

    sha256: str
    lines: int


@router.get("/cells", dependencies=for_officials)
async def cells(request: Request, query: Annotated[CellQuery, Query()]) -> Cells:
    """Cells of one cube, summed over recorded days.

    `study`: month, category flag (`any` for totals), track; `money`: fiscal year, fund source, funder level;
    `verdicts`: day.
    """
    key = query.after.split("|") if query.after else None
    if key is not None and len(key) != KEY_PARTS:
        raise HTTPException(422, "'after' must be what the page before gave as 'next'. / after 参数无效。")
    filters = query.model_dump(exclude={"after", "limit"})
    async with request.app.state.pool.acquire() as db:
        rows = await store.cells(db, filters, key, query.limit)
    found = [CellSum(**dict(row)) for row in rows]
    last = found[-1] if len(found) == query.limit else None
    following = f"{last.lane}|{last.period}|{last.facet_1}|{last.facet_2}|{last.measure}" if last else None
    return Cells(simulated=request.app.state.settings.simulated, cells=found, next=following)


@router.get("/facts/{event_id:path}", dependencies=for_operators)
async def facts(request: Request, event_id: Annotated[str, Path(max_length=128)]) -> list[FactShown]:
    """All facts that are this event, led to it or came of it, in the order they were recorded.

    The id may be a province's, enrollment's or subsidy's: each finds the whole chain, an unknown one none.
    """
    async with request.app.state.pool.acquire() as db:
        rows = await store.chain(db, event_id)
    return [FactShown(**dict(row)) for row in rows]


@router.get("/digest", dependencies=for_officials)
async def digest(request: Request) -> Digest:
    """The digest of all tables; reads them whole, so ask rarely."""
    hashed, lines = hashlib.sha256(), 0
    async with request.app.state.pool.acquire() as db:
        async for line in store.canonical_lines(db):
            hashed.update(line.encode() + b"\n")
            lines += 1
    return Digest(sha256=hashed.hexdigest(), lines=lines)
