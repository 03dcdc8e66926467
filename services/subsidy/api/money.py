"""Money by HTTP: budgets, now or as of a day, and totals, also as metrics."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, FastAPI, Query, Request
from prometheus_client import Gauge
from pydantic import BaseModel, ConfigDict, Field

from services.subsidy import store
from services.subsidy.api.callers import Reader, named_lane, of_all_lanes, own_lane
from services.subsidy.domain.expecting import runs_out
from shared.contracts import provinces
from shared.contracts.envelope import Day, LaneCode, day_begins
from shared.plumbing import postgres
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.service import Parts

GAUGES_EVERY_S: Final = 5.0
ACCOUNTS: Final = (
    "allocated",
    "reserved",
    "granted",
    "disbursed",
    "receivable",
    "scholarship",
    "written_off",
)
PAGE_MAX: Final = 1_000
KEY_MAX_CHARS: Final = 80
_KEY_PARTS: Final = 3

router = APIRouter(prefix="/v1", tags=["money"], route_class=ProblemRoute)
log = structlog.get_logger()


class Which(BaseModel):
    """Which budgets are listed."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    lane: LaneCode | None = None
    """Only those of this lane."""
    year: provinces.FiscalYear | None = None
    """Only those of this fiscal year."""
    as_of: Day | None = None
    """As the ledger stood at the end of this day (Asia/Shanghai); needs a lane."""
    after: Annotated[str, Field(max_length=KEY_MAX_CHARS, pattern=r"^[^\x00]*$")] | None = None
    """Only those after this key: send `next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_MAX
    """At most so many."""


class Budgets(BaseModel):
    """A page of budgets, in the order of lane, fiscal year and fund source."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """They come from a simulation."""
    budgets: list[dict[str, Any]]
    """Amounts in fen by account; how many wait and when it runs out, which is not known of a day that is past."""
    next: str | None
    """Send it as `after` for what follows; none after the last."""


@router.get("/budgets", responses=documented(401, 403, 422, 503))
async def budgets(request: Request, caller: Reader, which: Annotated[Which, Query()]) -> Budgets:
    """Budgets in fen: allocated, reserved, granted, paid, owed, scholarship, free, and how many wait."""
    after = _key(which.after)
    lane = own_lane(caller, which.lane)
    async with request.app.state.pool.acquire() as db:
        if which.as_of is None:
            rows = await store.budgets(db, lane, which.year, after, which.limit + 1)
            found = [_projected(dict(row)) for row in rows]
        else:
            lane = named_lane(caller, lane)
            last = await store.entries_before(db, lane, day_begins(which.as_of + timedelta(days=1)))
            async with store.whole_tables(db):
                sums = await store.balances(db, lane, last)
            found = [one for one in _balanced(lane, sums) if _fits(one, which.year, after)]
    more, found = len(found) > which.limit, found[: which.limit]
    following = "|".join(str(found[-1][name]) for name in _KEY_NAMES) if more else None
    return Budgets(simulated=request.app.state.settings.simulated, budgets=found, next=following)


def _projected(row: dict[str, Any]) -> dict[str, Any]:
    """A budget with the day on which it runs out if it is used as in the last days, or why there is none."""
    today, first, used_fen = (row.pop(name) for name in ("today", "first_moved", "run_fen"))
    end = runs_out(row["free_fen"], today, first, used_fen or 0)
    return row | {"runs_out_on": end.on, "runs_out_not_known": end.not_known}


_KEY_NAMES: Final = ("lane", "fiscal_year", "fund_source")


def _key(text: str | None) -> tuple[str, int, str] | None:
    if text is None:
        return None
    parts = text.split("|")
    if len(parts) != _KEY_PARTS or not parts[1].isdecimal() or len(parts[1]) > len("2026"):
        raise ProblemError(
            422,
            "no_such_page",
            "after 应为上一页的 next。",
            "'after' must be what the page before gave as 'next'.",
        )
    return parts[0], int(parts[1]), parts[2]


def _balanced(lane: str, sums: list[tuple[int, str, str, int]]) -> list[dict[str, Any]]:
    """Accounts of each budget under the names that a budget has now."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for year, pot, purpose, amount_fen in sums:
        one = found.setdefault((year, pot), {"lane": lane, "fiscal_year": year, "fund_source": pot})
        one |= {"allocated_fen": -amount_fen} if purpose == "allocated" else {f"{purpose}_fen": amount_fen}
    return [
        {name if name != "available_fen" else "free_fen": value for name, value in one.items()}
        for one in found.values()
    ]


def _fits(one: dict[str, Any], year: int | None, after: tuple[str, int, str] | None) -> bool:
    key = tuple(one[name] for name in _KEY_NAMES)
    return year in (None, one["fiscal_year"]) and (after is None or key > after)


@router.get("/totals", dependencies=of_all_lanes, responses=documented(401, 403, 503))
async def totals(request: Request) -> dict[str, int]:
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
