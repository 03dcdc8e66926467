"""Payment files by HTTP: what is granted and not paid yet, streamed as a table or as XML for a finance system."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.subsidy import store
from services.subsidy.api.callers import PersonReader, named_lane
from services.subsidy.domain.payment_file import (
    LINES_MAX,
    Batch,
    ControlSums,
    Due,
    Format,
    csv_head,
    csv_lines,
    csv_tail,
    xml_head,
    xml_lines,
    xml_tail,
)
from shared.contracts import provinces
from shared.contracts.envelope import LaneCode, shanghai_day
from shared.plumbing import look_ups
from shared.plumbing.postgres import utc_now
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.store import Db

PAGE: Final = 1_000
"""So many lines are in memory at once."""
KEY_MAX_CHARS: Final = 80
LINE_MAX: Final = 2**31 - 1
AT_ONCE: Final = 2
"""So many files are read at once, each over a connection of its own; others wait."""
FILE_MAX_S: Final = 900.0
"""Who takes longer to read a file is dropped: the database must keep what it was at its beginning."""
MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "xml": "application/xml; charset=utf-8"}

router = APIRouter(prefix="/v1", tags=["payments"], route_class=ProblemRoute)
_turns: Final = asyncio.Semaphore(AT_ONCE)


class WhichPayments(BaseModel):
    """Which payments are due."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    lane: LaneCode | None = None
    """Of this lane; a province's token needs not name its own."""
    year: provinces.FiscalYear | None = None
    """From budgets of this fiscal year; the current one of the lane if left out."""
    format: Format = "csv"
    """A table, or XML."""


class WhichUnmatched(BaseModel):
    """Which payments that are not booked are listed."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    lane: LaneCode | None = None
    """Of this lane; a province's token needs not name its own."""
    waiting: bool | None = None
    """Only those that wait for a grant (true), or only those that must come back (false)."""
    after_batch: Annotated[str, Field(max_length=KEY_MAX_CHARS, pattern=r"^[^\x00]*$")] = ""
    """Only those after this batch and line: send `next` of the page before."""
    after_line: Annotated[int, Field(ge=0, le=LINE_MAX)] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE
    """At most so many."""


class UnmatchedPayment(BaseModel):
    """One line of a settlement that is not booked, or not all of it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    batch_no: str
    """The settlement."""
    line_no: int
    """Place within the settlement."""
    enrollment_no: str
    """The enrollment, as the province numbered it."""
    fiscal_year: int
    """Year that the payment names."""
    fund_source: str
    """Pot that the payment names."""
    booked_fen: int
    """What of it is booked."""
    unmatched_fen: int
    """What of it is not."""
    waits: bool
    """Whether it has come before its grant and is booked by itself once that is there; otherwise it must come back."""


class UnmatchedPayments(BaseModel):
    """A page of payments that are not booked, in the order of their batches and lines."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """They come from a simulation."""
    payments: list[UnmatchedPayment]
    """At most `limit`."""
    next: tuple[str, int] | None
    """Batch and line: send them as `after_batch` and `after_line` for what follows; none after the last."""


@router.get("/payments/unmatched", responses=documented(401, 403, 422, 503))
async def payments_unmatched(
    request: Request, caller: PersonReader, which: Annotated[WhichUnmatched, Query()]
) -> UnmatchedPayments:
    """Payments that belong to no grant: those that wait for one, and those that must come back."""
    lane = named_lane(caller, which.lane)
    after = (which.after_batch, which.after_line)
    async with request.app.state.pool.acquire() as db:
        rows = await store.unmatched_payments(db, lane, after, which.limit + 1, waiting=which.waiting)
    found = [UnmatchedPayment(**row) for row in rows[: which.limit]]
    await look_ups.note(request, "unmatched_payments_looked_up", caller, lane, payments=len(found))
    return UnmatchedPayments(
        simulated=request.app.state.settings.simulated,
        payments=found,
        next=(found[-1].batch_no, found[-1].line_no) if len(rows) > which.limit else None,
    )


@router.get(
    "/payments/due",
    response_class=StreamingResponse,
    responses={
        200: {"content": {name: {"schema": {"type": "string"}} for name in ("text/csv", "application/xml")}},
        **documented(401, 403, 422, 503),
    },
)
async def payments_due(
    request: Request, caller: PersonReader, which: Annotated[WhichPayments, Query()]
) -> Any:
    """What is granted and not paid yet: a line for each award, or part of one, by its number, with control sums.

    All lines are of one moment. As long as nothing changes on the lane, the same day gives the same file.
    """
    lane = named_lane(caller, which.lane)
    asked = which.model_dump(mode="json", exclude_none=True, exclude={"lane"})
    await look_ups.note(request, "payments_looked_up", caller, lane, **asked)
    text = _file(request, lane, which)
    begun = await anext(text)  # what fails until here is still answered as a refusal
    name = f"payments-{lane}.{which.format}"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_whole(begun, text), media_type=MEDIA_TYPES[which.format], headers=headers)


async def _whole(begun: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield begun
    async for text in rest:
        yield text


async def _file(request: Request, lane: str, which: WhichPayments) -> AsyncIterator[str]:
    """The file piece by piece, out of one snapshot; TimeoutError where its reader is too slow."""
    ends_at = asyncio.get_running_loop().time() + FILE_MAX_S
    async with _turns, request.app.state.pool.acquire() as db, store.snapshot(db):
        batch = await _batch(db, lane, which.year, simulated=request.app.state.settings.simulated)
        write = _table if which.format == "csv" else _xml
        async for text in write(db, batch):
            yield text
            if asyncio.get_running_loop().time() > ends_at:
                raise TimeoutError


async def _batch(db: Db, lane: str, year: int | None, *, simulated: bool) -> Batch:
    row = await store.lane_book(db, lane)
    day = row["day"] if row and row["day"] else shanghai_day(utc_now())
    return Batch(lane, year or day.year, day, row["last_entry"] if row else 0, simulated)


async def _table(db: Db, batch: Batch) -> AsyncIterator[str]:
    sums = ControlSums(batch)
    yield csv_head()
    async for page in _pages(db, batch):
        yield csv_lines(sums, page)
    yield csv_tail(sums)


async def _xml(db: Db, batch: Batch) -> AsyncIterator[str]:
    """Read twice: the sums stand in the root, in front of what they sum."""
    sums, again = ControlSums(batch), ControlSums(batch)
    async for page in _pages(db, batch):
        for due in page:
            sums.added(due)
    yield xml_head(sums)
    async for page in _pages(db, batch):
        yield xml_lines(again, page)
    yield xml_tail()


async def _pages(db: Db, batch: Batch) -> AsyncIterator[list[Due]]:
    after, left = ("", 0), LINES_MAX
    while left:
        limit = min(PAGE, left)
        rows = await store.due_payments(db, batch.lane, batch.fiscal_year, after, limit)
        if rows:
            yield [Due(**{name: row[name] for name in _OF_A_LINE}) for row in rows]
        if len(rows) < limit:
            return
        after, left = (rows[-1]["enrollment_no"], rows[-1]["part"]), left - len(rows)


_OF_A_LINE: Final = tuple(field.name for field in fields(Due))
