"""The operators' API that every service has: lanes, quarantine and the log, with tokens and a written trail."""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, Field

from shared.contracts.lanes import LANE_CODES
from shared.plumbing import store
from shared.plumbing.tokens import Caller, allow

router = APIRouter(prefix="/v1", tags=["operators"])

Reader = Annotated[Caller, Depends(allow("operator", "auditor"))]
Operator = Annotated[Caller, Depends(allow("operator"))]
Code = Literal[LANE_CODES]  # type: ignore[valid-type]


class Reason(BaseModel):
    """Why an operator acts; kept in the trail."""

    reason: Annotated[str, Field(min_length=3, max_length=500)]


class Republish(Reason):
    """What to publish again."""

    stream: str
    from_seq: Annotated[int, Field(ge=1)]


@router.get("/lanes")
async def lanes(request: Request, caller: Reader) -> dict[str, Any]:
    """Where the service stands on each lane: cursors, numbers published, stops and gaps."""
    async with request.app.state.pool.acquire() as db:
        cursors, outbound = await store.lane_states(db)
        handover = await store.open_handover(db)
    owned = {lane for consumer in request.app.state.consumers for lane in consumer.lanes}
    return {
        "service": request.app.state.service,
        "handover": handover,
        "cursors": [
            {k: v for k, v in dict(row).items() if k != "fingerprint"} | {"owned": row["lane"] in owned}
            for row in cursors
        ],
        "outbound": [dict(row) for row in outbound],
    }


@router.post("/lanes/{lane}/stop")
async def stop(request: Request, lane: Code, body: Reason, caller: Operator) -> dict[str, Any]:
    """Stop a lane of this service: it takes nothing more until it is resumed; the others go on."""
    reads = [s.pattern for c in request.app.state.consumers for s in c.carrier.group.reads]
    async with request.app.state.pool.acquire() as db, db.transaction():
        done = await store.stop_lane(db, reads, lane, f"operator: {body.reason}")
        await store.note_act(db, caller.name, "stop", lane, body.reason)
    return {"lane": lane, "stopped": done > 0}


@router.post("/lanes/{lane}/resume")
async def resume(request: Request, lane: Code, body: Reason, caller: Operator) -> dict[str, Any]:
    """Let a stopped lane go on from its cursor."""
    async with request.app.state.pool.acquire() as db, db.transaction():
        done = await store.resume_lane(db, lane)
        await store.note_act(db, caller.name, "resume", lane, body.reason)
    return {"lane": lane, "resumed": done > 0}


@router.post("/lanes/{lane}/republish")
async def republish(request: Request, lane: Code, body: Republish, caller: Operator) -> dict[str, Any]:
    """Ask the lane's owner to publish its log again from a number: repairs a gap at a consumer."""
    async with request.app.state.pool.acquire() as db, db.transaction():
        if not await store.ask_republish(db, body.stream, lane, body.from_seq):
            raise HTTPException(
                404, f"Nothing was published on {body.stream}, lane {lane}, from {body.from_seq}."
            )
        await store.note_act(
            db, caller.name, f"republish {body.stream} from {body.from_seq}", lane, body.reason
        )
    return {"lane": lane, "stream": body.stream, "from_seq": body.from_seq, "asked": True}


@router.get("/quarantine")
async def quarantine(
    request: Request, caller: Reader, lane: Code | None = None, after: datetime | None = None
) -> list[dict[str, Any]]:
    """What lies in quarantine, oldest first, a page at a time; the bytes stay sealed."""
    async with request.app.state.pool.acquire() as db:
        return [dict(row) for row in await store.quarantined(db, lane, after)]


@router.get("/log/search")
async def search(
    request: Request,
    caller: Reader,
    event_id: Annotated[str, Query(min_length=1, max_length=128)],
    since: datetime,
    until: datetime,
) -> list[dict[str, Any]]:
    """Events in this service's log that are, or were caused by, `event_id`, recorded within the time."""
    async with request.app.state.pool.acquire() as db:
        rows = await store.search_log(db, orjson.dumps(event_id), since, until)
    found = []
    for row in rows:
        traces = row.traceparents.split("\n") if row.traceparents else None
        for place, line in enumerate(row.events.split(b"\n")):
            event = orjson.loads(line)
            if event_id in (event["id"], event.get("causationid"), event.get("correlationid")) or (
                event["data"].get("event_id") == event_id
            ):
                found.append(
                    {"stream": row.stream, "event": event, "traceparent": traces[place] if traces else None}
                )
    return found
