"""The schemes in force by HTTP, and what else deciding rests on: for clerks, and for a rehearsal."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from services.subsidy.api.callers import everybody
from services.subsidy.domain.deciding import READ
from services.subsidy.domain.schemes import CutPolicy, Rules, Scheme
from shared.plumbing.problem import ProblemRoute, documented


class InForce(BaseModel):
    """All that decisions are made by, apart from the facts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    schemes: list[Scheme]
    """Every version."""
    closes_month: int
    """A fiscal year closes on this day of the following year: month …"""
    closes_day: int
    """… and day."""
    budget_cuts: CutPolicy
    """What becomes of a cut that asks for more than is free: take what is free, or nothing."""
    reads: list[str]
    """Types of facts that move money, or the day on which they do."""


def router(rules: Rules) -> APIRouter:
    """The route that tells `rules`."""
    routes = APIRouter(prefix="/v1", tags=["schemes"], route_class=ProblemRoute, dependencies=everybody)

    @routes.get("/schemes", responses=documented(401, 403))
    async def schemes() -> InForce:
        """Every version of every scheme in force: who is eligible, how much, from which pot, issued by whom."""
        closing = rules.year_closing
        return InForce(
            schemes=list(rules.schemes),
            closes_month=closing.month,
            closes_day=closing.day,
            budget_cuts=rules.cuts,
            reads=sorted(READ),
        )

    return routes
