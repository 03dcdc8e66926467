"""`python -m benchmarks.back_load`: one province loads its history since 2016 while all others go on live."""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console

from benchmarks import latency
from benchmarks.latency import Wait
from benchmarks.load import load, simulate
from benchmarks.parts import database, taken_in
from benchmarks.preload import worker_ref
from console.province.simulator import SimulatedRecord
from console.stack.stack import Stack
from shared.contracts import provinces
from shared.contracts.topics import PROVINCE_EVENTS

HISTORY: Final = 100_000
LIVE: Final = 4_000
RATE_PER_S: Final = 100
LANE: Final = "13"
"""The province that loads its history."""
FIRST_YEAR: Final = 2016
YEARS: Final = 10
PREFIX: Final = "history-"
_SOURCE: Final = f"//provinces/{LANE}/archive"

console = Console(stderr=True)


def main() -> None:
    """Measure on a stack of its own and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.back_load", description=__doc__)
    parser.add_argument("--history", type=int, default=HISTORY)
    parser.add_argument("--live", type=int, default=LIVE)
    parser.add_argument("--rate", type=int, default=RATE_PER_S)
    asked = parser.parse_args()
    result = asyncio.run(_on_its_own_stack(asked.history, asked.live, asked.rate))
    print(json.dumps(result))
    sys.exit(any(result["touched"].values()))


async def _on_its_own_stack(events: int, live: int, rate_per_s: int) -> dict[str, Any]:
    data = Path(tempfile.mkdtemp(prefix="dreams-back-load-"))
    try:
        async with await Stack.start(data, progress=console.print) as stack:
            return await back_load(stack, events, live, rate_per_s)
    finally:
        shutil.rmtree(data, ignore_errors=True)


async def back_load(stack: Stack, events: int, live: int, rate_per_s: int) -> dict[str, Any]:
    """Live events alone, then as many beside a history of `events`: latencies, and what the history has touched."""
    quiet = await latency.waits(stack, simulate(live, 1)[0], rate_per_s)
    console.print(f"Alone: {latency.percentiles(quiet)}")
    async with database(stack, "enrollment") as db:
        already = await taken_in(db, PROVINCE_EVENTS.pattern)
    began_s = time.perf_counter()
    others = {event["id"]: began_s for event in islice(_history(), events)}
    _, both = await asyncio.gather(
        load(stack, list(records(events))),
        latency.waits(stack, simulate(live, 2)[0], rate_per_s, others, already),
    )
    loaded = [one for one in both if one.event_id.startswith(PREFIX)]
    ended_s = max(one.seen_s for one in loaded)
    beside = [one for one in both if not one.event_id.startswith(PREFIX) and one.sent_s < ended_s]
    return _result(quiet, beside, len(loaded) / (ended_s - began_s)) | {
        "history": {"sent": events, "facts": len(loaded)},
        "touched": await _touched(stack, events),
    }


def _result(quiet: list[Wait], beside: list[Wait], loaded_per_s: float) -> dict[str, Any]:
    alone = latency.percentiles(one for one in quiet if one.lane != LANE)
    others = latency.percentiles(one for one in beside if one.lane != LANE)
    return {
        "alone": alone,
        "beside": others,
        "ratio": {name: round(others[name] / alone[name], 2) for name in ("p50_ms", "p99_ms")},
        "loaded_per_s": round(loaded_per_s),
    }


def records(events: int) -> Iterator[SimulatedRecord]:
    """A province's history: its budgets of ten years, then workers who registered, enrolled, studied and completed."""
    for event in islice(_history(), events):
        yield SimulatedRecord(LANE, "events", None, orjson.dumps(event), (), "plain", None)


def _history() -> Iterator[dict[str, Any]]:
    yield from (_budget(FIRST_YEAR + n) for n in range(YEARS))
    for n in count():
        yield from _life(n)


def _budget(year: int) -> dict[str, Any]:
    data = {
        "document_no": f"{PREFIX}{year}",
        "fiscal_year": year,
        "fund_source": "provincial-federation",
        "funder": {"name": "河北省总工会", "level": "provincial"},
        "amount_fen": 100_000_000,
    }
    return _event(f"{PREFIX}b-{year}", provinces.BUDGET_ALLOCATED, f"{year}-01-10", data, None)


def _life(n: int) -> Iterator[dict[str, Any]]:
    year, ref, number = FIRST_YEAR + n % YEARS, worker_ref(n), f"{LANE}-{PREFIX}{n}"
    where = {"work_province": LANE, "work_city": "1301"}
    registered = {
        "categories": ["industrial"],
        "education_level": "junior_high",
        "origin_province": LANE,
        **where,
    }
    enrolled = {
        "enrollment_no": number,
        "funding_province": LANE,
        **where,
        "institution": {"code": "10075", "name": "示例大学", "kind": "university"},
        "programme": "机电一体化技术",
        "level_before": "junior_high",
        "level_after": "associate",
        "track": "academic",
        "mode": "blended",
        "start": f"{year}-09-01",
        "tuition_fen": 300_000,
        "history": True,
    }
    confirmed = {"enrollment_no": number, "confirmed_on": f"{year}-09-08"}
    completed = {"enrollment_no": number, "level": "associate", "completed_on": f"{year + 1}-06-30"}
    for kind, day, data in (
        (provinces.WORKER_REGISTERED, f"{year}-08-20", registered | {"history": True}),
        (provinces.WORKER_ENROLLED, f"{year}-09-01", enrolled),
        (provinces.ENROLLMENT_CONFIRMED, f"{year}-09-08", confirmed),
        (provinces.DEGREE_COMPLETED, f"{year + 1}-06-30", completed),
    ):
        yield _event(f"{PREFIX}{n}-{kind}", kind, day, data, ref)


def _event(event_id: str, kind: str, day: str, data: dict[str, Any], subject: str | None) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": _SOURCE,
        "type": kind,
        "time": f"{day}T09:00:00+08:00",
        **({"subject": subject} if subject else {}),
        "data": data,
    }


async def _touched(stack: Stack, events: int) -> dict[str, int]:
    """What no history may lead to, by name: how often it did."""
    mine = f"{LANE}-{PREFIX}%"
    async with database(stack, "subsidy") as subsidy, database(stack, "notification") as notification:
        return {
            "awards": await subsidy.fetchval("SELECT count(*) FROM award WHERE enrollment_no LIKE $1", mine),
            "decisions": await subsidy.fetchval(
                "SELECT count(*) FROM journal WHERE enrollment_no LIKE $1", mine
            ),
            "money of past years that moved": await subsidy.fetchval(
                """SELECT count(*) FROM posting WHERE lane = $1 AND fiscal_year < $2
                   AND purpose NOT IN ('allocated', 'available')""",
                LANE,
                FIRST_YEAR + YEARS,
            ),
            "messages": await notification.fetchval(
                "SELECT count(*) FROM message WHERE lane = $1 AND worker_ref = ANY($2)",
                LANE,
                [worker_ref(n) for n in range(events)],
            ),
        }


if __name__ == "__main__":
    main()
