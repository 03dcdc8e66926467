"""What needs a token: the facts behind an event, and the digest that two rebuilds are compared by."""

import hashlib
from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel

from services.reporting import store
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import allow

router = APIRouter(
    prefix="/v1",
    tags=["officials"],
    route_class=ProblemRoute,
    responses=documented(401, 403, 422, 503),
)

EventId = Annotated[str, Path(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""An id without control characters: a path with a line's end in it leads nowhere."""
for_officials: Final = [Depends(allow("official", "auditor", "operator"))]
for_operators: Final = [Depends(allow("operator", "auditor"))]


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


@router.get("/facts/{event_id:path}", dependencies=for_operators)
async def facts(request: Request, event_id: EventId) -> list[FactShown]:
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
