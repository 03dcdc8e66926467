"""The operators' API that every service has: lanes, quarantine and the log, with tokens and a written trail."""

import base64
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, Field

from shared.contracts.envelope import Time
from shared.contracts.lanes import LANE_CODES
from shared.plumbing import kafka, store
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow
from shared.plumbing.ways_out import Order, RefusedError, WaysOut

router = APIRouter(
    prefix="/v1",
    tags=["operators"],
    route_class=ProblemRoute,
    responses=documented(401, 403, 404, 409, 422, 503),
)

Reader = Annotated[Caller, Depends(allow("operator", "auditor"))]
Operator = Annotated[Caller, Depends(allow("operator"))]
Code = Literal[LANE_CODES]  # type: ignore[valid-type]


class Reason(BaseModel):
    """Why an operator acts; kept in the trail."""

    reason: Annotated[str, Field(min_length=3, max_length=500)]


class Sealed(Reason):
    """Which record to open."""

    offset: Annotated[int, Field(ge=0)]


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


@router.post("/lanes/{lane}/adopt")
async def adopt(request: Request, lane: Code, body: Reason, caller: Operator) -> dict[str, Any]:
    """A topic made anew, or another log, is the right one: read on with it."""
    return await _way_out(WaysOut.adopt, request, lane, body, caller)


@router.post("/lanes/{lane}/resync")
async def resync(request: Request, lane: Code, body: Reason, caller: Operator) -> dict[str, Any]:
    """After a restore of this service's database: read its lost log rows back from Kafka, and go on."""
    return await _way_out(WaysOut.resync, request, lane, body, caller)


@router.post("/lanes/{lane}/set-aside")
async def set_aside(request: Request, lane: Code, body: Reason, caller: Operator) -> dict[str, Any]:
    """Keep the one record on which our own code failed, sealed, and go on after it."""
    return await _way_out(WaysOut.set_aside, request, lane, body, caller)


async def _way_out(
    way: Callable[[WaysOut, Order], Awaitable[str]], request: Request, lane: str, body: Reason, caller: Caller
) -> dict[str, Any]:
    state = request.app.state
    groups = [consumer.carrier.group for consumer in state.consumers]
    make_reader = partial(kafka.make_reader, state.settings)
    ways_out = WaysOut(state.pool, groups, state.settings.namespace, make_reader, state.parts.seal)
    try:
        said = await way(ways_out, Order(caller.name, lane, body.reason))
    except RefusedError as error:
        raise HTTPException(409, str(error)) from error
    except (KafkaError, TimeoutError) as error:
        raise HTTPException(
            503, "Kafka did not answer, nothing was changed: give the order again."
        ) from error
    return {"lane": lane, "said": said}


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
    request: Request, caller: Reader, lane: Code | None = None, after: Time | None = None
) -> list[dict[str, Any]]:
    """What lies in quarantine, oldest first, a page at a time; the bytes stay sealed."""
    async with request.app.state.pool.acquire() as db:
        return [dict(row) for row in await store.quarantined(db, lane, after)]


@router.post("/quarantine/{lane}/open")
async def open_sealed(request: Request, lane: Code, body: Sealed, caller: Operator) -> dict[str, Any]:
    """The bytes of one record as they were sent (base64); they may be personal: who looked, and why, is kept."""
    async with request.app.state.pool.acquire() as db, db.transaction():
        kept = await store.kept(db, lane, body.offset)
        if kept is None:
            raise HTTPException(404, f"Nothing lies in quarantine of lane {lane} at offset {body.offset}.")
        await store.note_act(db, caller.name, f"open {kept['stream']} at {body.offset}", lane, body.reason)
    plain = request.app.state.parts.seal.open(kept["sealed"])
    return {"lane": lane, "stream": kept["stream"], "bytes": base64.b64encode(plain).decode()}


@router.get("/log/search")
async def search(
    request: Request,
    caller: Reader,
    event_id: Annotated[str, Query(min_length=1, max_length=128)],
    since: Time,
    until: Time,
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
