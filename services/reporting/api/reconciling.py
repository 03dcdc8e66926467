"""Compare numbers with what their publishers say, all the time, and tell everybody how it came out."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final

import orjson
import structlog
from fastapi import APIRouter, FastAPI, Query, Request, Response
from prometheus_client import Counter as Counted
from prometheus_client import Gauge
from pydantic import BaseModel, ConfigDict

from services.reporting import quality_store, store
from services.reporting.domain import reconciliation
from services.reporting.domain.reconciliation import Found, Happened, Kind, Moved, Records, Stands, State
from shared.contracts.envelope import LaneCode
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS
from shared.plumbing import postgres
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.service import Parts
from shared.plumbing.store import Db

SAID: Final[Mapping[Kind, tuple[str, str]]] = {
    "days": (
        "各通道是否跟上：当日是否开始、账目是否报出当日余额、有无停止或缺号",
        "does each lane keep up: has its day begun, has its ledger said what it holds, does nothing stand or miss",
    ),
    "facts": ("读入的事实是否都已保存", "is each fact that was taken in kept"),
    "records": (
        "回执采用的记录是否都已计入",
        "is each record that receipts accepted counted, and none twice",
    ),
    "ledger": ("资金合计是否等于账目余额", "is the money that is shown what the ledger says it holds"),
    "cells": (
        "由事实重算的数字是否相同（各通道轮流）",
        "are numbers the same, counted again from the facts (lane after lane)",
    ),
}

log = structlog.get_logger()
router = APIRouter(prefix="/v1", tags=["numbers"], route_class=ProblemRoute)


class Check(BaseModel):
    """One comparison on one lane, as it came out last."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    lane: str
    kind: Kind
    state: State
    """`waits`: something is still on its way, as every day brings; `differs`: somebody must look."""
    expected: int
    """What the publishers say, summed over all that was compared; of `days`, none behind."""
    found: int
    """What reporting has."""
    differences: int
    """How many numbers differ."""
    about: str
    """The first of them, by name."""
    seen_at: datetime | None
    """When the lane's newest fact was recorded: so far the comparison goes."""


class KindShown(BaseModel):
    """What one kind of comparison asks."""

    kind: Kind
    zh: str
    en: str


class Reconciliation(BaseModel):
    """Whether numbers agree with what their publishers say."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    state: State
    """The worst of all checks; `waits` where nothing was compared yet."""
    differences: int
    """Numbers that differ, of all checks whose state says so."""
    lanes_recounted: int
    """Of how many lanes the cells were counted again so far."""
    simulated: bool
    """Numbers come from a simulation."""
    kinds: list[KindShown]
    checks: list[Check]


class Reconciling:
    """The task that compares; its connection is taken for each pass and given back."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._turn = 0

    async def run(self, parts: Parts, _: FastAPI) -> None:
        """Compare every so often, for as long as the service runs."""
        registry = parts.metrics.registry
        differences = Gauge(
            "dreams_reconciliation_differences",
            "Numbers that differ from what their publishers say",
            ["kind"],
            registry=registry,
        )
        passes = Counted(
            "dreams_reconciliation_passes_total", "Times that numbers were compared", registry=registry
        )
        while True:
            await asyncio.sleep(self._every_s)
            try:
                found = await self.once(parts.pool)
            except postgres.PASSING as error:
                log.info("reconciliation_waits", error=type(error).__name__)
                continue
            passes.inc()
            for kind in reconciliation.KINDS:
                differences.labels(kind).set(
                    sum(
                        row["differences"]
                        for row in found
                        if row["kind"] == kind and row["state"] == "differs"
                    )
                )

    async def once(self, pool: Any) -> list[Any]:
        """Compare all lanes, and count one of them again; the rows as they are kept then."""
        lane = LANE_CODES[self._turn % len(LANE_CODES)]
        self._turn += 1
        async with pool.acquire() as db:
            async with store.one_moment(db):
                is_ours = await quality_store.try_to_be_the_one(db)
                found, seen_at = await _compare(db, lane) if is_ours else ([], {})
            if found:
                await quality_store.keep_found(db, [(*one, seen_at.get(one.lane)) for one in found])
            for one in found:
                if one.state == "differs":
                    log.error(
                        "reconciliation_differs", lane=one.lane, kind=one.kind, differences=one.differences
                    )
            return await quality_store.reconciled(db)


@router.get("/reconciliation", responses=documented(422, 503))
async def reconciled(
    request: Request, response: Response, lane: Annotated[LaneCode | None, Query()] = None
) -> Reconciliation:
    """How the last comparisons came out: records beside receipts, money beside the ledger, cells counted again."""
    async with request.app.state.pool.acquire() as db:
        rows = await quality_store.reconciled(db)
    response.headers["Cache-Control"] = "no-store"
    checks = [Check(**dict(row)) for row in rows if lane in (None, row["lane"])]
    states = {check.state for check in checks}
    worst: State = "differs" if "differs" in states else "agrees" if states == {"agrees"} else "waits"
    return Reconciliation(
        state=worst,
        differences=sum(check.differences for check in checks if check.state == "differs"),
        lanes_recounted=sum(check.kind == "cells" for check in checks),
        simulated=request.app.state.settings.simulated,
        kinds=[KindShown(kind=kind, zh=zh, en=en) for kind, (zh, en) in SAID.items()],
        checks=checks,
    )


async def _compare(db: Db, lane: str) -> tuple[list[Found], Mapping[str, datetime]]:
    """All comparisons, as of one moment: batches that commit meanwhile change nothing of it."""
    newest = await quality_store.begun_days(db)
    ledgers = {row["lane"]: row for row in await quality_store.ledger_statements(db)}
    found = [
        *await _days(db, newest, {code: row["day"] for code, row in ledgers.items()}),
        *await _records(db, newest),
        *await _ledgers(db, ledgers),
        *await _again(db, lane),
    ]
    return found, await quality_store.newest_facts(db)


async def _days(db: Db, newest: Mapping[str, date], ledger_days: Mapping[str, date]) -> list[Found]:
    stands: dict[str, list[Stands]] = defaultdict(list)
    for lane, stopped, waits in await quality_store.cursors(db):
        stands[lane].append(Stands(stopped, waits))
    return [
        reconciliation.days(lane, newest, ledger_days.get(lane), stands.get(lane, [])) for lane in LANE_CODES
    ]


async def _records(db: Db, newest: Mapping[str, date]) -> list[Found]:
    of = {lane: Records(Counter(), Counter()) for lane in LANE_CODES}
    for lane, measure, day, records in await quality_store.verdict_days(db):
        days = of[lane].accepted if measure == "accepted" else of[lane].taken_in
        days[day] += records  # type: ignore[index]
    recorded = {row["lane"]: row["day"] for row in await quality_store.newest_days(db)}
    return [reconciliation.records(lane, one, newest, recorded.get(lane)) for lane, one in of.items()]


async def _ledgers(db: Db, ledgers: Mapping[str, Any]) -> list[Found]:
    """Money as it is now, less what has moved since the ledger spoke, beside what the ledger said."""
    money: dict[str, Counter[tuple[int, str, str]]] = defaultdict(Counter)
    for lane, year, source, measure, total in await quality_store.money_cells(
        db, "money", reconciliation.LEDGER_MEASURES, None
    ):
        money[lane][int(year), source, measure] += total
    after = {lane: row["seq"] for lane, row in ledgers.items()}
    for lane, moved in _by_lane(await _moved(db, after, SUBSIDY_EVENTS.pattern)).items():
        money[lane].subtract(reconciliation.money_of(moved))
    return [
        reconciliation.compared(
            lane,
            "ledger",
            reconciliation.stated(orjson.loads(row["details"])),
            reconciliation.balances(money[lane]),
        )
        for lane, row in ledgers.items()
    ]


async def _again(db: Db, lane: str) -> list[Found]:
    """The cells and sums of one lane, counted again from its facts; and whether all that was taken in is kept."""
    happened = [
        Happened(*row) for row in await quality_store.happened(db, list(reconciliation.COUNTED_AGAIN), lane)
    ]
    moved = [
        *await _moved(db, {lane: 0}, ENROLLMENT_EVENTS.pattern),
        *await _moved(db, {lane: 0}, SUBSIDY_EVENTS.pattern),
    ]
    kept = await quality_store.rows_and_numbers(db, lane)
    return [
        reconciliation.compared(
            lane, "cells", reconciliation.recounted(happened, moved), await _cells(db, lane)
        ),
        reconciliation.compared(
            lane,
            "facts",
            {row["stream"]: row["taken"] for row in kept},
            {row["stream"]: row["kept"] for row in kept},
        ),
    ]


async def _cells(db: Db, lane: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for month, category, track, measure, total in await quality_store.study_cells(
        db, reconciliation.STUDY_MEASURES, lane
    ):
        found[reconciliation.study_name(month, category, track, measure)] = total
    for cube in ("money", "flows"):
        for _, year, source, measure, total in await quality_store.money_cells(
            db, cube, reconciliation.MONEY_MEASURES, lane
        ):
            found[reconciliation.money_name(cube, year, source, measure)] += total
    measures = [*reconciliation.STUDY_MEASURES, *reconciliation.MONEY_MEASURES]
    for measure, total in await quality_store.sums(db, measures, lane):
        found[reconciliation.standing_name(measure)] = total
    return found


async def _moved(db: Db, after: Mapping[str, int], stream: str) -> list[Moved]:
    rows = await quality_store.moved(db, reconciliation.MOVES_MONEY, after, stream) if after else []
    return [Moved(*row) for row in rows]


def _by_lane(moved: Iterable[Moved]) -> Mapping[str, list[Moved]]:
    lanes: dict[str, list[Moved]] = defaultdict(list)
    for one in moved:
        lanes[one.lane].append(one)
    return lanes
