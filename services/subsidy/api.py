"""Subsidy's own HTTP: budgets, awards with every decision, the ledger's check, totals as metrics."""

import asyncio
from typing import Annotated, Any, Final

import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query, Request
from prometheus_client import Gauge

from services.subsidy import store
from shared.contracts.envelope import LaneCode
from shared.plumbing import postgres
from shared.plumbing.service import Parts
from shared.plumbing.tokens import Caller, allow

GAUGES_EVERY_S: Final = 5.0
ACCOUNTS: Final = ("allocated", "reserved", "granted", "disbursed", "receivable", "scholarship")

router = APIRouter(prefix="/v1", tags=["subsidy"])
log = structlog.get_logger()

Reader = Annotated[Caller, Depends(allow("operator", "auditor", "official"))]
Auditor = Annotated[Caller, Depends(allow("operator", "auditor"))]
EnrollmentNo = Annotated[str, Path(min_length=4, max_length=43)]
Year = Annotated[int | None, Query(ge=2016, le=2099)]


@router.get("/budgets")
async def budgets(
    request: Request, caller: Reader, lane: LaneCode | None = None, year: Year = None
) -> list[dict[str, Any]]:
    """Budgets in fen: allocated, reserved, granted, paid, owed, scholarship, free, and how many wait."""
    async with request.app.state.pool.acquire() as db:
        return [dict(row) for row in await store.budgets(db, lane, year)]


@router.get("/awards/{enrollment_no}")
async def award(request: Request, caller: Auditor, enrollment_no: EnrollmentNo) -> dict[str, Any]:
    """The award of one enrollment as it stands, and every decision with its inputs, steps and postings."""
    async with request.app.state.pool.acquire() as db:
        found = await store.award(db, enrollment_no)
        decisions = await store.decisions(db, enrollment_no)
    if found is None:
        raise HTTPException(
            404,
            f"No award is kept for enrollment {enrollment_no}: check the number. / "
            "没有该注册编号的补助记录，请核对编号。",
        )
    parsed = ("inputs", "steps", "postings")
    return {
        "award": dict(found),
        "decisions": [
            {name: orjson.loads(value) if name in parsed else value for name, value in row.items()}
            for row in decisions
        ],
    }


@router.get("/ledger/check")
async def ledger_check(request: Request, caller: Reader) -> dict[str, Any]:
    """Check that the ledger sums to zero, equals budgets and awards, and nothing is over budget."""
    async with request.app.state.pool.acquire() as db:
        found = await store.check(db)
    counted = ("budgets", "entries", "postings")
    faults = {name: value for name, value in found.items() if name not in counted}
    return {"ok": not any(faults.values()), "checked": {name: found[name] for name in counted}, **faults}


@router.get("/totals")
async def totals(request: Request, caller: Reader) -> dict[str, int]:
    """Money of all lanes in fen, and how many awards wait."""
    async with request.app.state.pool.acquire() as db:
        return await store.totals(db)


async def watch_ledger(parts: Parts, _app: FastAPI) -> None:
    """Keep the ledger's totals in the metrics, by account and level of the funder."""
    money = Gauge(
        "dreams_ledger_fen",
        "Money in fen by account and funder's level",
        ["account", "funder_level"],
        registry=parts.metrics.registry,
    )
    waiting = Gauge("dreams_waitlisted_awards", "Awards that wait for money", registry=parts.metrics.registry)
    while True:
        try:
            async with parts.pool.acquire() as db:
                rows = await store.totals_by_level(db)
        except postgres.PASSING as error:
            log.info("ledger_totals_not_read", error=type(error).__name__)
        else:
            for row in rows:
                level = row["funder_level"] or "none"
                for account in ACCOUNTS:
                    money.labels(account, level).set(row[account])
            waiting.set(sum(row["waiting"] for row in rows))
        await asyncio.sleep(GAUGES_EVERY_S)
