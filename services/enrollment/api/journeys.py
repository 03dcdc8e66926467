"""A worker's journey by HTTP: what happened, in the order of the days, across provinces, as known on any day."""

import dataclasses
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict

from services.enrollment import store
from services.enrollment.api.events import refusal
from services.enrollment.domain.journey import FACTS_MAX, Correction, Overlap, Stage, Study, journey, may_see
from shared.contracts.envelope import WORKER_REF_PATTERN, Day, day_begins, shanghai_day
from shared.plumbing import look_ups
from shared.plumbing.postgres import utc_now
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow

router = APIRouter(prefix="/v1", tags=["workers"], route_class=ProblemRoute)

Anyone = Annotated[Caller, Depends(allow("operator", "auditor", "province"))]
Ref = Annotated[
    str,
    Path(pattern=WORKER_REF_PATTERN, description="The worker's pseudonym, as events carry it in `subject`."),
]
KnownOn = Annotated[
    Day | None,
    Query(
        description="Only what was recorded by the end of this day (Asia/Shanghai); everything if left out."
    ),
]


class Found(BaseModel):
    """A worker's path."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    worker_ref: str
    """The worker's pseudonym."""
    as_known_on: date | None
    """What was recorded later is left out; none: everything is shown."""
    counts_on: date
    """The day on which `counts` holds: `as_known_on`, otherwise today."""
    registered_by: dict[str, str]
    """Province → id of the event by which it registered the worker."""
    counts: dict[str, Any]
    """What counts of all that provinces have said of the worker."""
    stages: list[Stage]
    """What happened, in the order of the days."""
    studies: list[Study]
    """Where each enrollment stands."""
    overlaps: list[Overlap]
    """Enrollments that overlap."""
    corrections: list[Correction]
    """What was voided or corrected, in the order in which that was recorded."""
    complete: bool
    """False where there is more than one answer shows."""
    simulated: bool
    """It comes from a simulation."""


@router.get("/workers/{ref}/journey", responses=documented(401, 403, 404, 422, 503))
async def worker_journey(request: Request, ref: Ref, caller: Anyone, as_known_on: KnownOn = None) -> Found:
    """A worker's path across provinces, what counts of the worker, where each enrollment stands, and overlaps.

    A province sees workers whom it has registered, on whom it has reported or whose study it funds: all stages, and
    of its own ones what was said. Of others it gets the same 404 as of nobody.
    """
    async with request.app.state.pool.acquire() as db:
        lines = await store.facts_about(db, [ref], FACTS_MAX + 1)
    facts = [fact for fact in map(orjson.loads, lines[:FACTS_MAX]) if fact.get("subject") == ref]
    if caller.province is not None and not may_see(facts, caller.province):
        facts = []
    counts_on = as_known_on or shanghai_day(utc_now())
    found = journey(facts, counts_on, _end(as_known_on), caller.province)
    known_on = as_known_on and as_known_on.isoformat()
    await look_ups.note(
        request,
        "journey_looked_up",
        caller,
        caller.province,
        worker_sha256=look_ups.hashed(ref),
        stages=len(found.stages),
        as_known_on=known_on,
    )
    if not found.stages and not found.corrections:
        raise refusal("no_journey")
    told = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return Found(
        worker_ref=ref,
        as_known_on=as_known_on,
        counts_on=counts_on,
        complete=len(lines) <= FACTS_MAX,
        simulated=request.app.state.settings.simulated,
        **told,
    )


def _end(day: date | None) -> datetime | None:
    return day_begins(day + timedelta(days=1)) if day else None
