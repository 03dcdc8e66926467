"""The trail of look-ups: who looked at what, kept in a table that is only added to, and shown to auditors.

A service that tells of single persons has the table `look_up` among its own, and includes this router.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Day
from shared.plumbing import store
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow

HASH_CHARS: Final = 16
PAGE_MAX: Final = 1_000
NUMBER_MAX: Final = 2**62

router = APIRouter(prefix="/v1", tags=["look-ups"], route_class=ProblemRoute)
log = structlog.get_logger()

Auditor = Annotated[Caller, Depends(allow("auditor", "operator"))]


class LookUp(BaseModel):
    """One look-up."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    """In the order in which they were made."""
    at: datetime
    """When."""
    caller: str
    """Name of the token."""
    role: str
    """Its role."""
    lane: str | None
    """Its province, or the one that was asked for."""
    what: str
    """What kind of look-up it was."""
    found: dict[str, Any]
    """What was asked and how much was found; of single ones a hash (`hash_of` names one to look for)."""


class Which(BaseModel):
    """Which look-ups are listed."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    day: Day | None = None
    """Those of this day (Asia/Shanghai)."""
    hash_of: Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")] | None = None
    """Only those for this worker (worker_ref), event (id) or enrollment (number)."""
    after: Annotated[int, Field(ge=0, le=NUMBER_MAX)] = 0
    """Only those with a higher number."""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_MAX
    """At most so many."""


@router.get("/look-ups", responses=documented(401, 403, 422, 503))
async def look_ups(request: Request, caller: Auditor, which: Annotated[Which, Query()]) -> list[LookUp]:
    """Who looked at single persons and at lists of them; asking this is a look-up, too."""
    about = hashed(which.hash_of) if which.hash_of else None
    async with request.app.state.pool.acquire() as db:
        rows = await store.look_ups(db, which.day, about, which.after, which.limit)
    await note(request, "look_ups_looked_up", caller, caller.province, look_ups=len(rows))
    return [LookUp(**{**dict(row), "found": orjson.loads(row["found"])}) for row in rows]


async def note(request: Request, what: str, caller: Caller, lane: str | None, **found: Any) -> None:
    """Write down a look-up, before its answer is given; a line of the log says it, too."""
    async with request.app.state.pool.acquire() as db:
        await store.keep_look_up(db, (caller.name, caller.role, lane, what, orjson.dumps(found).decode()))
    log.info(what, caller=caller.name, role=caller.role, lane=lane, **found)


def hashed(name: str) -> str:
    """What stands in the trail for an id (which may hold anything) or a worker: a known one can be compared."""
    return hashlib.sha256(name.encode()).hexdigest()[:HASH_CHARS]
