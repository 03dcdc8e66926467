"""Ask all that the page and the API's documents ask, over HTTP, one after the other: how long each answer takes."""

import asyncio
import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import httpx

from benchmarks.country import BEGAN, DAYS
from console.stack.stack import Stack

TARGET_MS: Final = 30.0
WARM: Final = 3
CHROMIUM: Final = Path("/usr/bin/chromium")
_MONTHS: Final = ("2019-06", "2025-03", "2025-12", "2026-06", "2026-10")
_DAYS_BACK: Final = (10, 45, 100, 300, 500)
Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """How long the answers to one question took, in ms, and how large they were."""

    question: str
    p50_ms: float
    p99_ms: float
    kib: float


def questions() -> dict[str, tuple[str, list[Query]]]:
    """Name → path and the queries that are asked in turn."""
    known = [(BEGAN + timedelta(days=DAYS - back)).isoformat() for back in _DAYS_BACK]
    as_of: list[Query] = [{"as_of": month} for month in _MONTHS]
    both: list[dict[str, str]] = [
        {"as_of": month, "known_on": day} for month, day in zip(_MONTHS, known, strict=True)
    ]
    known_on: list[Query] = [{"known_on": day} for day in known]
    totals, trend = {"measure": ["enrolled", "funded"]}, {"measure": "enrolled", "by_lane": "true"}
    return {
        "nation, now": ("/v1/nation", [{}]),
        "nation, as of": ("/v1/nation", as_of),
        "nation, as known on": ("/v1/nation", known_on),
        "nation, as of and as known on": ("/v1/nation", [*both]),
        "provinces": ("/v1/provinces", [{}]),
        "targets, now": ("/v1/targets", [{}]),
        "targets, as known on": ("/v1/targets", known_on),
        "totals of two measures": ("/v1/totals", [totals]),
        "totals, as of and as known on": ("/v1/totals", [totals | one for one in both]),
        "trend of the nation": ("/v1/trends", [{"measure": "enrolled"}]),
        "trend of every lane": ("/v1/trends", [trend]),
        "trend of every lane, as known on": ("/v1/trends", [{**trend, **one} for one in known_on]),
        "trend of money of every lane": ("/v1/trends", [trend | {"measure": "granted_fen"}]),
        "trend of persons of every lane": ("/v1/trends", [trend | {"measure": "funded"}]),
        "series by month": ("/v1/series", [{}, {"lane": "32"}]),
        "series by minute": ("/v1/series", [{"by": "minute"}]),
        "latest of a lane": ("/v1/latest", [{"lane": "32"}, {"lane": "44"}]),
        **_cells(known),
        "events behind a cell": (
            "/v1/events",
            [{"measure": "enrolled", "lane": "32", "month": month} for month in ("2025-03", "2026-06")],
        ),
    }


def _cells(known: list[str]) -> dict[str, tuple[str, list[Query]]]:
    """Cells of each cube, the measure and the dimensions that its question names."""
    asked: dict[str, Query] = {
        "study": {"measure": "enrolled", "dim": ["lane", "month"]},
        "levels": {"measure": "completed", "dim": ["level_before", "level_after"]},
        "mobility": {"measure": "enrolled", "dim": ["work_province", "origin_province"]},
        "places": {"measure": "enrolled", "dim": ["work_city", "sector"], "lane": "32"},
        "providers": {"measure": "enrolled", "dim": ["institution_kind", "mode"]},
        "bodies": {"measure": "enrolled", "dim": ["code"], "body": "employer", "lane": "32"},
        "cohorts": {"measure": "completed", "dim": ["month", "months_since"], "lane": "32"},
        "money": {"measure": "granted_fen", "dim": ["lane", "fiscal_year", "fund_source"]},
        "flows": {"measure": "granted_fen", "dim": ["lane", "month"], "fiscal_year": "2026"},
        "records": {"measure": "arrived", "dim": ["reported_by", "delay_days"], "since": "2026-10-01"},
        "persons": {"measure": "funded", "dim": ["lane"], "category": "any", "window": "since-2025"},
        "persons_nation": {"measure": "funded", "dim": ["category"], "window": "since-2025"},
    }
    found: dict[str, tuple[str, list[Query]]] = {
        f"cells of {cube}": ("/v1/cells", [{"cube": cube, **query}]) for cube, query in asked.items()
    }
    study = {"cube": "study", **asked["study"]}
    found["cells of study, as known on"] = ("/v1/cells", [study | {"known_on": day} for day in known])
    return found


async def ask(stack: Stack, times: int) -> list[Answered]:
    """Each question so many times, after a few that do not count."""
    headers = {"Authorization": f"Bearer {stack.token('official')}"}
    async with httpx.AsyncClient(
        base_url=stack.address("reporting"), headers=headers, timeout=60, trust_env=False
    ) as client:
        return [
            await _asked(client, name, path, queries, times) for name, (path, queries) in questions().items()
        ]


async def _asked(
    client: httpx.AsyncClient, name: str, path: str, queries: list[Query], times: int
) -> Answered:
    took_ms, size = [], 0
    for place, query in enumerate(islice(cycle(queries), times + WARM)):
        began_s = time.perf_counter()
        answer = await client.get(path, params=query)
        spent_ms = (time.perf_counter() - began_s) * 1000
        answer.raise_for_status()
        size = max(size, len(answer.content))
        if place >= WARM:
            took_ms.append(spent_ms)
    return Answered(name, median(took_ms), quantiles(took_ms, n=100, method="inclusive")[98], size / 1024)


async def paint_ms(stack: Stack, times: int) -> list[float]:
    """First paint of the page in a real browser, cold each time; nothing where there is no browser."""
    if not times or not CHROMIUM.exists():
        return []
    # A tool of development, which the benchmarks can do without.
    driver = importlib.import_module("playwright.async_api")
    async with driver.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        found = [await _painted(browser, stack.address("reporting")) for _ in range(times)]
        await browser.close()
    return found


async def _painted(browser: Any, address: str) -> float:
    page = await (await browser.new_context()).new_page()
    await page.goto(address)
    async with asyncio.timeout(30):
        while True:
            entries = await page.evaluate(
                "performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)"
            )
            if entries:
                await page.close()
                return float(entries[0])
            await asyncio.sleep(0.05)
