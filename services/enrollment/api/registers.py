"""Registers by HTTP: the projects, institutions and alliances that events name by number."""

from datetime import date
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.enrollment import store
from shared.plumbing import look_ups
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow

PAGE_MAX: Final = 500
PAGE_USUAL: Final = 100
SEARCH_MAX_CHARS: Final = 100
KEY_MAX_CHARS: Final = 400
_NO_NUL: Final = r"^[^\x00]*$"
"""PostgreSQL has no such character in a text."""

router = APIRouter(prefix="/v1", tags=["registers"], route_class=ProblemRoute)

Anyone = Annotated[Caller, Depends(allow("operator", "auditor", "official", "province"))]
Kind = Literal["project", "institution", "alliance"]


class Which(BaseModel):
    """Which entries are listed."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    search: Annotated[str, Field(max_length=SEARCH_MAX_CHARS, pattern=_NO_NUL)] = ""
    """A part of the number, the name or the leading body, whatever its case."""
    after: Annotated[str, Field(max_length=KEY_MAX_CHARS, pattern=_NO_NUL)] = ""
    """Only those after this one: send `next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_USUAL
    """At most so many."""


class Entry(BaseModel):
    """One entry of a register."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: str
    """Number of a project or alliance, code of an institution."""
    name: str
    """Its name."""
    since: date
    """Day on which it was set up, joined or was formed."""
    reported_by: str
    """Lane of the province that sent it."""
    event_id: str
    """The event that brought it."""
    said: dict[str, Any]
    """That event's data, as sent."""


class Page(BaseModel):
    """Entries in the order of their keys."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """They come from a simulation."""
    entries: list[Entry]
    """At most `limit`."""
    next: str | None
    """Send it as `after` for what follows; none after the last."""


@router.get("/projects", responses=documented(401, 403, 422, 503))
async def projects(request: Request, caller: Anyone, which: Annotated[Which, Query()]) -> Page:
    """Projects of all provinces: an enrollment names one by its number and its province."""
    return await _page(request, caller, "project", which)


@router.get("/institutions", responses=documented(401, 403, 422, 503))
async def institutions(request: Request, caller: Anyone, which: Annotated[Which, Query()]) -> Page:
    """Institutions that take part: a code of the national list (digits) is one institution for all provinces."""
    return await _page(request, caller, "institution", which)


@router.get("/alliances", responses=documented(401, 403, 422, 503))
async def alliances(request: Request, caller: Anyone, which: Annotated[Which, Query()]) -> Page:
    """Alliances: a report names one by its leading body and its number."""
    return await _page(request, caller, "alliance", which)


async def _page(request: Request, caller: Caller, kind: Kind, which: Which) -> Page:
    async with request.app.state.pool.acquire() as db:
        rows = await store.listed(db, kind, which.search, which.after, which.limit + 1)
    more, rows = len(rows) > which.limit, rows[: which.limit]
    await look_ups.note(
        request,
        "register_looked_up",
        caller,
        caller.province,
        register=kind,
        entries=len(rows),
    )
    entries = [_entry(kind, *row[1:]) for row in rows]
    simulated = request.app.state.settings.simulated
    return Page(simulated=simulated, entries=entries, next=rows[-1][0] if more else None)


def _entry(kind: Kind, event_id: str, lane: str, data: str) -> Entry:
    said = orjson.loads(data)
    named = {"event_id": event_id, "reported_by": lane, "said": said}
    if kind == "project":
        own = (said["project_no"], said["name"], said["established_on"])
    elif kind == "institution":
        own = (said["institution"]["code"], said["institution"]["name"], said["joined_on"])
    else:
        own = (said["alliance_no"], said["alliance_name"], said["formed_on"])
    return Entry(number=own[0], name=own[1], since=own[2], **named)
