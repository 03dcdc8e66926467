"""Lists by HTTP, page by page: a lane's awards by state, the queue of a budget, the entries of the journal."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.subsidy import store
from services.subsidy.api.callers import PersonReader, named_lane
from services.subsidy.domain.book import State
from services.subsidy.domain.expecting import Inflow, NotKnown, expected_turn
from shared.contracts import provinces
from shared.contracts.envelope import Day, DocumentNo, LaneCode, day_begins
from shared.plumbing import look_ups
from shared.plumbing.problem import ProblemRoute, documented

PAGE_MAX: Final = 1_000
PAGE_USUAL: Final = 200
NUMBER_MAX: Final = 2**62

router = APIRouter(prefix="/v1", tags=["lists"], route_class=ProblemRoute)

Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
Number = Annotated[int, Field(ge=0, le=NUMBER_MAX)]


class Listing(BaseModel):
    """What every list may be asked."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    lane: LaneCode | None = None
    """Of this lane; a province's token needs not name its own."""
    limit: Limit = PAGE_USUAL
    """At most so many."""


class WhichAwards(Listing):
    """Which awards are listed."""

    state: State | None = None
    """Only those in this state."""
    after: provinces.EnrollmentNo | None = None
    """Only those after this number: send `next` of the page before."""


class WhichQueue(Listing):
    """Whose queue is listed."""

    year: provinces.FiscalYear
    """Fiscal year of the budget."""
    fund_source: DocumentNo
    """Its pot."""
    after: Number = 0
    """Only those with a higher rank: send `next` of the page before."""


class WhichEntries(Listing):
    """Which entries of a lane's journal are listed."""

    year: provinces.FiscalYear | None = None
    """Only those that moved money of this fiscal year."""
    fund_source: DocumentNo | None = None
    """Only those that moved money of this pot."""
    as_of: Day | None = None
    """Only those that were recorded by the end of this day (Asia/Shanghai)."""
    after: Number = 0
    """Only those with a higher number: send `next` of the page before."""


class ListedAward(BaseModel):
    """One award as it stands."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    enrollment_no: str
    """The enrollment, as the province numbered it."""
    part: int
    """Number of the part."""
    parts: int
    """How many parts the award has; each is listed by itself."""
    state: str
    """Where it stands."""
    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays; empty where no scheme gives anything."""
    amount_fen: int
    """Amount of the award."""
    tuition_fen: int
    """Tuition as it was reported."""
    scholarship_fen: int
    """Scholarships booked towards the same tuition."""
    confirmed: bool
    """Whether the institution has confirmed."""


class Awards(BaseModel):
    """A page of awards, in the order of their numbers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """They come from a simulation."""
    awards: list[ListedAward]
    """At most `limit`, and the further parts of the last award."""
    next: str | None
    """Send it as `after` for what follows; none after the last."""


class InQueue(BaseModel):
    """One award that waits."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    position: int
    """1 is next."""
    rank: int
    """Recorded order on the lane: what decides about the position."""
    enrollment_no: str
    """The enrollment, as the province numbered it."""
    part: int
    """Number of the part that waits."""
    amount_fen: int
    """What it waits for."""
    confirmed: bool
    """Whether the institution has confirmed already."""
    needed_fen: int
    """What the budget must have free until it is its turn: its own amount and all before it."""
    expected_on: date | None
    """When its turn comes if money goes on coming to the pot as it has; none where that is not known."""
    not_known: NotKnown | None
    """Why it is not."""


class Waitlist(BaseModel):
    """A page of a budget's queue, the next one first."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """It comes from a simulation."""
    waiting: int
    """Awards in the whole queue."""
    free_fen: int
    """What the budget has free."""
    allocated_fen: int
    """What was allocated to it; 0 where it is not opened yet."""
    held_back: int
    """Awards beside the queue that other provinces reported, and that wait for a confirmation."""
    came_fen: int
    """What has come to the pot, added or freed, in the whole months on which expected dates rest."""
    came_days: int
    """Days of those months: twelve before the current one, or as many as there are."""
    queue: list[InQueue]
    """At most `limit`."""
    next: int | None
    """Send it as `after` for what follows; none after the last."""


class Moved(BaseModel):
    """Money that entered an account, or left it (negative)."""

    fiscal_year: int
    fund_source: str
    purpose: str
    amount_fen: int


class ListedEntry(BaseModel):
    """One journal entry."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entry_no: int
    """Its number on the lane: 1, 2, 3 … without gaps."""
    recorded_at: datetime
    """When it was recorded."""
    event_type: str
    """What was decided."""
    event_id: str
    """The event that announced it."""
    cause_id: str
    """The fact that led to it."""
    enrollment_no: str | None
    """The enrollment that it is about, if it is about one."""
    scheme: str | None
    """Scheme that decided."""
    scheme_version: int | None
    """Its version."""
    postings: list[Moved]
    """Money that it moved; the amounts sum to zero."""


class Entries(BaseModel):
    """A page of a lane's journal, in its order."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """They come from a simulation."""
    lane: str
    """Lane of the journal."""
    entries: list[ListedEntry]
    """At most `limit`; may be fewer, even none, although more follow: look at `next`."""
    next: int | None
    """Send it as `after` for what follows; none after the last."""


@router.get("/awards", responses=documented(401, 403, 422, 503))
async def awards(request: Request, caller: PersonReader, which: Annotated[WhichAwards, Query()]) -> Awards:
    """Awards of a lane, all or in one state."""
    lane = named_lane(caller, which.lane)
    async with request.app.state.pool.acquire() as db:
        rows = await store.listed_awards(db, lane, which.state, which.after or "", which.limit)
    asked = _asked(which)
    await look_ups.note(request, "awards_looked_up", caller, lane, awards=len(rows), **asked)
    return Awards(
        simulated=request.app.state.settings.simulated,
        awards=[ListedAward(**row) for row in rows],
        next=rows[-1]["enrollment_no"] if rows and rows[-1]["more"] else None,
    )


@router.get("/waitlist", responses=documented(401, 403, 422, 503))
async def waitlist(request: Request, caller: PersonReader, which: Annotated[WhichQueue, Query()]) -> Waitlist:
    """The queue of one budget in its order, with what each waits for; empty where nobody waits."""
    lane = named_lane(caller, which.lane)
    key = (lane, which.year, which.fund_source)
    async with request.app.state.pool.acquire() as db, store.snapshot(db):
        budget = await store.budget_of_queue(db, key)
        rows = await store.queue(db, key, which.after, which.limit)
        today, inflow = await store.inflow(db, lane, which.fund_source)
    free_fen = budget["free_fen"] if budget else 0
    asked = _asked(which)
    await look_ups.note(request, "waitlist_looked_up", caller, lane, awards=len(rows), **asked)
    return Waitlist(
        simulated=request.app.state.settings.simulated,
        **(budget or {"waiting": 0, "free_fen": 0, "allocated_fen": 0, "held_back": 0}),
        came_fen=inflow.came_fen,
        came_days=inflow.days,
        queue=[_in_queue(dict(row), free_fen, today, inflow) for row in rows],
        next=rows[-1]["rank"] if rows and rows[-1]["more"] else None,
    )


def _in_queue(row: dict[str, Any], free_fen: int, today: date | None, inflow: Inflow) -> InQueue:
    expected = expected_turn(row["needed_fen"] - free_fen, today, inflow)
    return InQueue(**row, expected_on=expected.on, not_known=expected.not_known)


@router.get("/ledger", responses=documented(401, 403, 422, 503))
async def ledger(request: Request, caller: PersonReader, which: Annotated[WhichEntries, Query()]) -> Entries:
    """Entries of a lane's journal with their postings, from a number on, as of any day."""
    lane = named_lane(caller, which.lane)
    async with request.app.state.pool.acquire() as db:
        last = NUMBER_MAX
        if which.as_of:
            last = await store.entries_before(db, lane, day_begins(which.as_of + timedelta(days=1)))
        rows = await store.journal_page(db, lane, which.after, last, which.limit)
    asked = _asked(which)
    await look_ups.note(request, "ledger_looked_up", caller, lane, entries=len(rows), **asked)
    entries = [_entry(dict(row)) for row in rows]
    return Entries(
        simulated=request.app.state.settings.simulated,
        lane=lane,
        entries=[one for one in entries if _moves(one, which)],
        next=entries[-1].entry_no if len(entries) == which.limit else None,
    )


def _asked(which: Listing) -> dict[str, Any]:
    """What the trail of look-ups keeps beside the lane."""
    return which.model_dump(mode="json", exclude_none=True, exclude={"lane"})


def _entry(row: Mapping[str, Any]) -> ListedEntry:
    return ListedEntry(**{**row, "postings": orjson.loads(row["postings"])})


def _moves(entry: ListedEntry, which: WhichEntries) -> bool:
    """Whether it moved money of the year and the pot that are asked for; all do where none is."""
    if which.year is None and which.fund_source is None:
        return True
    return any(
        which.year in (None, one.fiscal_year) and which.fund_source in (None, one.fund_source)
        for one in entry.postings
    )
