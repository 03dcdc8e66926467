"""Health of a service: liveness is progress, not a ping; a stopped lane is an alarm, not ill health."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from asyncpg import Pool
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.plumbing import postgres, store
from shared.plumbing.lane_consumer import LaneConsumer
from shared.plumbing.metrics import Metrics

STUCK_AFTER_S: Final = 25.0
"""Without a batch or a tick for this long the process is stuck."""
DATABASE_TIMEOUT_S: Final = 2

router = APIRouter(tags=["health"])


def stuck(consumers: Sequence[LaneConsumer]) -> str | None:
    """Why this process makes no progress, or None while it does."""
    for consumer in consumers:
        name = consumer.carrier.group.name
        if not consumer.subscriber.running or any(task.done() for task in consumer.subscriber.tasks):
            return f"{name}: the consume task is dead"
        if consumer.broken:
            return f"{name}: lanes could not be taken over; the log says why"
        coordinator = getattr(consumer.consumer, "_coordinator", None)
        task = getattr(coordinator, "_coordination_task", None)
        if task is not None and task.done():
            return f"{name}: the group coordination is dead"
        if time.monotonic() - consumer.beat_at > STUCK_AFTER_S:
            return f"{name}: neither a batch nor a tick for {STUCK_AFTER_S:.0f} s"
    return None


@router.get("/health/live")
async def live(request: Request, response: Response) -> dict[str, str]:
    """200 while the process makes progress, 503 with the reason when it should be restarted."""
    why = stuck(request.app.state.consumers)
    if why:
        response.status_code = 503
        return {"status": "stuck", "why": why}
    return {"status": "live"}


@router.get("/health/ready")
async def ready(request: Request, response: Response) -> dict[str, object]:
    """200 when the process has joined its groups and reaches its database."""
    pool: Pool = request.app.state.pool
    try:
        async with pool.acquire(timeout=DATABASE_TIMEOUT_S) as db:
            await store.clock(db)
    except postgres.PASSING as error:
        response.status_code = 503
        return {"status": "not ready", "why": f"database: {type(error).__name__}"}
    lanes = {c.carrier.group.name: len(c.lanes) for c in request.app.state.consumers}
    if not all(c.joined for c in request.app.state.consumers):
        response.status_code = 503
        return {"status": "not ready", "why": "not a member of its groups yet", "lanes": lanes}
    return {"status": "ready", "lanes": lanes}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format; what the database cannot say now stays as last seen."""
    state = request.app.state
    measured: Metrics = state.metrics
    with suppress(*postgres.PASSING):  # the outage itself must be seen
        async with state.pool.acquire(timeout=DATABASE_TIMEOUT_S) as db:
            measured.quarantine.set(await store.quarantine_size(db))
            _, outbound = await store.lane_states(db)
        measured.unpublished.set(sum(row["seq"] - row["published_seq"] for row in outbound))
    return Response(generate_latest(measured.registry), media_type=CONTENT_TYPE_LATEST)
