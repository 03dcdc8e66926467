"""The totals of all verdicts, for officials and for who compares what was sent with what was judged."""

from typing import Final

from fastapi import APIRouter, Depends, Request

from services.enrollment import store
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import allow

router = APIRouter(prefix="/v1", tags=["enrollment"], route_class=ProblemRoute)

for_officials: Final = Depends(allow("operator", "auditor", "official"))


@router.get("/totals", dependencies=[for_officials], responses=documented(401, 403, 503))
async def totals(request: Request) -> dict[str, int]:
    """Verdicts of all records so far, what waits, and what lies in quarantine."""
    async with request.app.state.pool.acquire() as db:
        return await store.totals(db)
