"""What a province has sent in a month beside what it says that it has sent: nothing is lost on the way unseen."""

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from services.enrollment import store
from services.enrollment.api.events import only_own
from shared.plumbing.operators import Code
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow

MONTH_PATTERN: Final = r"^(19[5-9][0-9]|20[0-9]{2})-(0[1-9]|1[0-2])$"

router = APIRouter(prefix="/v1", tags=["completeness"], route_class=ProblemRoute)

Month = Annotated[
    str,
    Query(pattern=MONTH_PATTERN, description="Year and month (Asia/Shanghai) in which the events happened."),
]
Anyone = Annotated[Caller, Depends(allow("operator", "auditor", "province"))]


class Declared(BaseModel):
    """One declaration of control totals, compared with what was accepted."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    since: date
    """First day of its period."""
    until: date
    """Last day."""
    event_types: list[str]
    """The types that it counts together."""
    declared: int
    """Events that the province says it has sent."""
    received: int
    """Events of these types that were accepted and happened in the period."""
    difference: int
    """Received less declared: below zero, something has not arrived or was not accepted."""
    event_id: str
    """The declaration."""


class Completeness(BaseModel):
    """A month of a province."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    received: dict[str, int]
    """Accepted events that happened in the month, by type."""
    silent_days: list[date]
    """Days of the month that are over and on which nothing happened that was accepted, of any type."""
    declarations: list[Declared]
    """Those whose period touches the month, by their first day."""


@router.get("/provinces/{code}/completeness", responses=documented(401, 403, 422, 503))
async def completeness(request: Request, code: Code, month: Month, caller: Anyone) -> Completeness:
    """What was accepted of a month and what the province says that it has sent; a province sees its own."""
    only_own(caller, code)
    first = date.fromisoformat(f"{month}-01")
    async with request.app.state.pool.acquire() as db:
        received, silent = await store.received_in(db, code, first)
        declarations = await store.declared_in(db, code, first)
    return Completeness(
        received=received,
        silent_days=silent,
        declarations=[Declared.model_validate(dict(row)) for row in declarations],
    )
