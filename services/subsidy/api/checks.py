"""Checks of the ledger by HTTP: its sums on a live database, and each decision derived again from its inputs."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.subsidy import store
from services.subsidy.api.callers import of_all_lanes
from services.subsidy.domain.activating import in_force_before
from services.subsidy.domain.rederiving import Difference, Kept, rederive
from services.subsidy.domain.schemes import Rules, Scheme
from shared.contracts.envelope import LaneCode
from shared.plumbing.problem import ProblemRoute, documented

PAGE_MAX: Final = 2_000
ENTRY_MAX: Final = 2**62
COUNTED: Final = ("budgets", "entries", "postings")
"""What the check counts; all else that it returns must be zero."""


class Differing(BaseModel):
    """A decision that comes out otherwise when it is derived again."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    lane: str
    """Lane of the journal."""
    entry_no: int
    """Number of the entry."""
    event_type: str
    """What was decided."""
    differs: list[str]
    """In what: inputs, outcome, amount, scheme or steps."""


class Derived(BaseModel):
    """A page of journal entries that were derived again."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entries: int
    """Entries that were read."""
    derived: int
    """Those of them that were judged, and so derived again."""
    differing: list[Differing]
    """Those that came out otherwise."""
    next: int | None
    """Send it as `after` for what follows on the lane; none after the last."""


class Which(BaseModel):
    """Which entries are derived again."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    lane: LaneCode
    """Lane of the journal."""
    after: Annotated[int, Field(ge=0, le=ENTRY_MAX)] = 0
    """Only entries with a higher number."""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_MAX
    """At most so many."""


def router(rules: Rules) -> APIRouter:
    """The routes of the checks; decisions are derived again by `rules`."""
    routes = APIRouter(
        prefix="/v1/ledger", tags=["ledger"], route_class=ProblemRoute, dependencies=of_all_lanes
    )

    @routes.get("/check", responses=documented(401, 403, 503))
    async def check(request: Request) -> dict[str, Any]:
        """Check that the ledger sums to zero, equals budgets and awards, and nothing is over budget."""
        async with request.app.state.pool.acquire() as db, store.whole_tables(db):
            found = await store.check(db)
        faults = {name: value for name, value in found.items() if name not in COUNTED}
        return {"ok": not any(faults.values()), "checked": {name: found[name] for name in COUNTED}, **faults}

    @routes.get("/check/decisions", responses=documented(401, 403, 422, 503))
    async def check_decisions(request: Request, which: Annotated[Which, Query()]) -> Derived:
        """Derive decisions again from their stored inputs, page by page: the same bytes, or they are named."""
        async with request.app.state.pool.acquire() as db:
            rows = await store.journal_to_derive(db, which.lane, which.after, which.limit)
            adopted = (await store.adopted_schemes(db, [which.lane])).get(which.lane, [])
        entries = [Kept(*row) for row in rows]
        judged = [(kept, found) for kept in entries if (found := _derived(rules, adopted, kept)) is not None]
        return Derived(
            entries=len(entries),
            derived=len(judged),
            differing=[
                Differing(
                    lane=kept.lane, entry_no=kept.entry_no, event_type=kept.event_type, differs=list(found)
                )
                for kept, found in judged
                if found
            ],
            next=entries[-1].entry_no if len(entries) == which.limit else None,
        )

    return routes


def _derived(
    rules: Rules, adopted: Sequence[tuple[int, Scheme]], kept: Kept
) -> tuple[Difference, ...] | None:
    """By what was in force on the lane when it was decided."""
    return rederive(in_force_before(rules, adopted, kept.entry_no) if adopted else rules, kept)
