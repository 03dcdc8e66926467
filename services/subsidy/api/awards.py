"""Awards by HTTP: one with every decision, and its explanation for a clerk."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict

from services.subsidy import store
from services.subsidy.api.callers import PersonReader
from services.subsidy.domain.activating import in_force_before
from services.subsidy.domain.explaining import (
    Explanation,
    Place,
    Standing,
    StoredDecision,
    explain,
)
from services.subsidy.domain.schemes import Rules, Scheme
from shared.contracts import provinces
from shared.plumbing import look_ups
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.store import Db
from shared.plumbing.tokens import Caller

AWARD_LOOKED_UP: Final = "award_looked_up"
_JSON_COLUMNS: Final = ("inputs", "steps", "postings")

Adopted = Sequence[tuple[int, Scheme]]
"""Schemes activated on a lane, with the entries that say so."""
ENTRY_MAX: Final = 2**62

T = TypeVar("T", Standing, StoredDecision)

EnrollmentNo = Annotated[
    provinces.EnrollmentNo,
    Path(description="The enrollment, as the province numbered it, its own two digits first."),
]


class Explained(BaseModel):
    """An explanation, and whether it is whole."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """It comes from a simulation."""
    complete: bool
    """False where there are more decisions than one answer shows."""
    explanation: Explanation
    """What was decided, from what, by which rule; where it stands, and what to do now."""


def router(rules: Rules) -> APIRouter:
    """The routes of awards, explained by `rules`."""
    routes = APIRouter(prefix="/v1", tags=["awards"], route_class=ProblemRoute)

    @routes.get("/awards/{enrollment_no}", responses=documented(401, 403, 404, 422, 503))
    async def award(request: Request, caller: PersonReader, enrollment_no: EnrollmentNo) -> dict[str, Any]:
        """The award of one enrollment as it stands, and every decision with its inputs, steps and postings.

        `parts` are all its parts, `award` is the first of them.
        """
        found, decisions, _, _ = await _looked_up(request, caller, enrollment_no)
        return {"award": found[0], "parts": found, "decisions": decisions}

    @routes.get("/awards/{enrollment_no}/explanation", responses=documented(401, 403, 404, 422, 503))
    async def explanation(request: Request, caller: PersonReader, enrollment_no: EnrollmentNo) -> Explained:
        """What was decided about an award, when, from what, by which scheme and version, each step with its reason.

        All sentences in Chinese and English: where it waits and why, and what to do now.
        """
        found, decisions, places, adopted = await _looked_up(request, caller, enrollment_no)
        (first, place), *further = [(_picked(Standing, one), places.get(one["part"])) for one in found]
        by = in_force_before(rules, adopted, ENTRY_MAX)
        return Explained(
            simulated=request.app.state.settings.simulated,
            complete=len(decisions) < store.PAGE_MAX,
            explanation=explain(
                by, first, place, [_picked(StoredDecision, one) for one in decisions], further
            ),
        )

    return routes


async def _looked_up(
    request: Request, caller: Caller, enrollment_no: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[int, Place], Adopted]:
    """The award's parts, its decisions, its places in queues and the schemes adopted there; the look-up is noted."""
    async with request.app.state.pool.acquire() as db, store.snapshot(db):
        rows = await store.award(db, enrollment_no)
        # Of other provinces' awards it gets what it gets of none.
        found = [dict(row) for row in rows if caller.province in (None, row["lane"])]
        decisions = await store.decisions(db, enrollment_no) if found else []
        places = await _places(db, found)
        adopted = await store.adopted_schemes(db, [found[0]["lane"]]) if found else {}
    await look_ups.note(
        request,
        AWARD_LOOKED_UP,
        caller,
        caller.province,
        enrollment_sha256=look_ups.hashed(enrollment_no),
        decisions=len(decisions),
    )
    if not found:
        raise ProblemError(
            404,
            "no_award",
            "没有该注册编号的补助记录，请核对编号。历史数据和本省以外的注册没有补助记录。",
            "No award is kept for this enrollment: check the number. "
            "History has no award, and those of other provinces are not shown.",
        )
    return found, [_parsed(dict(row)) for row in decisions], places, adopted.get(found[0]["lane"], [])


async def _places(db: Db, parts: Sequence[Mapping[str, Any]]) -> dict[int, Place]:
    """Where parts of the award wait, by their numbers."""
    if not any(part["state"] == "waitlisted" for part in parts):
        return {}
    rows = await store.places_in_queue(db, parts[0]["enrollment_no"])
    pots = {part["part"]: part["fund_source"] for part in parts}
    came = {pot: await store.inflow(db, parts[0]["lane"], pot) for pot in {pots[row["part"]] for row in rows}}
    found = {}
    for row in map(dict, rows):
        part = row.pop("part")
        today, inflow = came[pots[part]]
        found[part] = Place(**row, today=today, inflow=inflow)
    return found


def _parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: orjson.loads(value) if name in _JSON_COLUMNS else value for name, value in row.items()}


def _picked(kind: type[T], row: Mapping[str, Any]) -> T:
    """The fields of a row that `kind` has."""
    return kind(**{field.name: row[field.name] for field in fields(kind)})
