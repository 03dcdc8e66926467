"""Enrollment's own HTTP: receipts and totals."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from services.enrollment import store
from shared.contracts.receipt_codes import sentences
from shared.plumbing.tokens import Caller, allow

router = APIRouter(prefix="/v1", tags=["enrollment"])

Anyone = Annotated[Caller, Depends(allow("operator", "auditor", "province"))]
Official = Annotated[Caller, Depends(allow("operator", "auditor", "official"))]


@router.get("/receipts/{event_id:path}")
async def receipts(
    request: Request, event_id: Annotated[str, Path(max_length=128)], caller: Anyone
) -> list[dict[str, Any]]:
    """How the event was judged; a province sees its own. Empty where nothing came under this id."""
    async with request.app.state.pool.acquire() as db:
        rows = await store.receipts(db, event_id, caller.province)
    return [_with_sentences(dict(row)) for row in rows]


@router.get("/totals")
async def totals(request: Request, caller: Official) -> dict[str, int]:
    """Verdicts of all records so far, what waits, and what lies in quarantine."""
    async with request.app.state.pool.acquire() as db:
        return await store.totals(db)


def _with_sentences(row: dict[str, Any]) -> dict[str, Any]:
    if row["code"] is None:
        return row
    zh, en = sentences(row["code"], field=row["field"], detail=row["detail"])
    return {**row, "message_zh": zh, "message_en": en}
