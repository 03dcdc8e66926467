"""Notification's own HTTP: what was sent, what was not and why, and the release of what is uncertain."""

from typing import Annotated, Any, Final

from cryptography.exceptions import InvalidTag
from fastapi import APIRouter, HTTPException, Query, Request

from services.notification import domain, store
from services.notification.domain import State
from shared.contracts.provinces import Contact
from shared.plumbing.operators import Code, Operator, Reader, Reason
from shared.plumbing.seal import Seal
from shared.plumbing.store import note_act

router = APIRouter(prefix="/v1/messages", tags=["messages"])
CAUSES_MAX: Final = 100


@router.get("")
async def messages(
    request: Request,
    caller: Reader,
    state: State | None = None,
    lane: Code | None = None,
    cause_event_id: Annotated[list[str] | None, Query(max_length=CAUSES_MAX)] = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=store.PAGE_MAX)] = 100,
) -> dict[str, Any]:
    """Messages, oldest first, a page at a time; recipients are masked, and gone once erased."""
    async with request.app.state.pool.acquire() as db:
        rows = await store.page(db, state=state, lane=lane, causes=cause_event_id, after=after, limit=limit)
    seal: Seal = request.app.state.parts.seal
    shown = [_shown(dict(row), seal) for row in rows]
    return {"messages": shown, "next_after": shown[-1]["message_id"] if len(shown) == limit else None}


@router.get("/stats")
async def stats(request: Request, caller: Reader) -> dict[str, Any]:
    """How many messages stand in each state, by cause, and how many contacts are known."""
    async with request.app.state.pool.acquire() as db:
        return await store.stats(db)


@router.post("/{message_id}/release")
async def release(request: Request, message_id: int, body: Reason, caller: Operator) -> dict[str, Any]:
    """Send an unknown message after all; look for its Message-ID in the relay's log first."""
    async with request.app.state.pool.acquire() as db, db.transaction():
        row = await store.release(db, message_id)
        if row is None:
            raise HTTPException(404, f"There is no message {message_id}. / 没有编号为 {message_id} 的消息。")
        if row["state"] != "unknown":
            raise HTTPException(
                409,
                f"Message {message_id} is {row['state']}; only an unknown one can be released. / "
                f"消息 {message_id} 的状态为 {row['state']}，只有状态为 unknown 的消息可以放行。",
            )
        await note_act(db, caller.name, f"release message {message_id}", row["lane"], body.reason)
    return {"message_id": message_id, "state": "pending"}


def _shown(row: dict[str, Any], seal: Seal) -> dict[str, Any]:
    sealed = row.pop("recipient_sealed")
    row["recipient"] = _recipient(sealed, seal) if sealed else None
    row["mail_message_key"] = domain.message_key(row["cause_event_id"])
    return row


def _recipient(sealed: bytes, seal: Seal) -> str:
    try:
        return domain.masked(Contact.model_validate_json(seal.open(sealed)).email)
    except InvalidTag:
        return "sealed with another key"
