"""The schemes by HTTP, and what else deciding rests on: for clerks, and for a rehearsal."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from services.subsidy import store
from services.subsidy.api.callers import everybody
from services.subsidy.domain.activating import in_force_before
from services.subsidy.domain.deciding import READ
from services.subsidy.domain.schemes import CutPolicy, Rules, Scheme
from shared.contracts.envelope import LaneCode
from shared.contracts.lanes import NATION
from shared.plumbing.problem import ProblemRoute, documented

ENTRY_MAX: Final = 2**62


class Adopted(BaseModel):
    """A version that an event has put in force."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entry_no: int
    """Number of the entry of the lane's journal that says so: it decides what comes after."""
    name: str
    version: int


class InForce(BaseModel):
    """All that decisions are made by, apart from the facts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    schemes: list[Scheme]
    """Every version that the service began with: its reviewed files."""
    lane: str
    """The lane that was asked about."""
    in_force: list[Scheme]
    """Every version as it is in force on that lane now."""
    adopted: list[Adopted]
    """What events have put in force there, in their order."""
    closes_month: int
    """A fiscal year closes on this day of the following year: month …"""
    closes_day: int
    """… and day."""
    budget_cuts: CutPolicy
    """What becomes of a cut that asks for more than is free: take what is free, or nothing."""
    outside_reservations_percent: int
    """How much of a budget unconfirmed enrollments that other provinces report may take together; 100: no cap."""
    reads: list[str]
    """Types of facts that move money, or the rules and the day by which they do."""


class Where(BaseModel):
    """On which lane."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    lane: LaneCode = NATION
    """Two digits; without it the nation's: all lanes come to the same."""


def router(rules: Rules) -> APIRouter:
    """The route that tells `rules`, and what was activated since."""
    routes = APIRouter(prefix="/v1", tags=["schemes"], route_class=ProblemRoute, dependencies=everybody)

    @routes.get("/schemes", responses=documented(401, 403, 422, 503))
    async def schemes(request: Request, where: Annotated[Where, Query()]) -> InForce:
        """Every version of every scheme in force: who is eligible, how much, from which pot, issued by whom."""
        async with request.app.state.pool.acquire() as db:
            adopted = (await store.adopted_schemes(db, [where.lane])).get(where.lane, [])
        closing = rules.year_closing
        return InForce(
            schemes=list(rules.schemes),
            lane=where.lane,
            in_force=list(in_force_before(rules, adopted, ENTRY_MAX).schemes),
            adopted=[Adopted(entry_no=no, name=one.name, version=one.version) for no, one in adopted],
            closes_month=closing.month,
            closes_day=closing.day,
            budget_cuts=rules.cuts,
            outside_reservations_percent=rules.outside_percent,
            reads=sorted(READ),
        )

    return routes
