"""`python -m benchmarks.pages`: what hundreds of open pages cost reporting, and how soon a real one shows a fact."""

import argparse
import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from benchmarks import chromium, parts
from benchmarks.load import load, simulate
from benchmarks.processes import peak_rss_mib, used
from console.stack.stack import Stack
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_EVENTS, SUBSIDY_EVENTS

EVENTS: Final = 60_000
PAGES: Final = 500
PAIRS: Final = 3
UPDATES: Final = 20
LIMIT_S: Final = 600.0
FIRST_PAINT_MAX_S: Final = 1.0
UPDATE_MAX_MS: Final = 500.0
WARM: Final = 0.4
"""So much of all facts is read before measuring begins, with pages and without: the same stretch is compared."""
AT_LEAST: Final = 0.9
"""With all pages open, ingest must do so much of what it does without."""
TABLES: Final = "fact, cell, delta, open_day, lane_sum, total, standing, tempo, person, cursor"
"""All that is derived from facts. The log goes on: what was published before stays published."""

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Round:
    """One reading of all facts."""

    facts_per_s: float
    cpu_us_per_fact: float
    rss_mib: float
    pictures: int
    """Fewest that any page was sent."""


def main() -> None:
    """Measure in pairs and print the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--updates", type=int, default=UPDATES)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    result = asyncio.run(_run(asked.events, asked.pages, asked.pairs, asked.updates, asked.seed))
    print(json.dumps(result))
    sys.exit(not result["holds"])


async def _run(events: int, pages: int, pairs: int, updates: int, seed: int) -> dict[str, Any]:
    data = Path(tempfile.mkdtemp(prefix="dreams-pages-"))
    try:
        async with await Stack.start(data, services=(), progress=console.print) as stack:
            facts = await _facts(stack, events, seed)
            rounds: dict[int, list[Round]] = {0: [], pages: []}
            for pair in range(pairs):
                for open_pages in (0, pages) if pair % 2 == 0 else (pages, 0):
                    rounds[open_pages].append(await _round(stack, facts, open_pages))
                    console.print(f"pair {pair + 1}, {open_pages} pages: {rounds[open_pages][-1]}")
            seen = {open_pages: await _seen(stack, open_pages, updates) for open_pages in rounds}
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return _result(rounds, seen, pages)


async def _facts(stack: Stack, events: int, seed: int) -> dict[str, int]:
    """Let enrollment and subsidy publish what reporting will read again and again."""
    records, expected = simulate(events, seed)
    await load(stack, records)
    await parts.service_alone(stack, "enrollment", {PROVINCE_EVENTS.pattern: expected.events})
    facts = await parts.published(stack, "enrollment", ENROLLMENT_EVENTS.pattern)
    await parts.service_alone(stack, "subsidy", {ENROLLMENT_EVENTS.pattern: facts})
    decided = await parts.published(stack, "subsidy", SUBSIDY_EVENTS.pattern)
    console.print(f"{facts + decided:,} facts")
    return {ENROLLMENT_EVENTS.pattern: facts, SUBSIDY_EVENTS.pattern: decided}


async def _round(stack: Stack, facts: dict[str, int], open_pages: int) -> Round:
    """Read all facts anew; what follows the first part of them is measured, and all pages are open by then."""
    async with parts.database(stack, "reporting") as db:
        await db.execute(f"TRUNCATE {TABLES}")

        async def taken() -> int:
            return sum([await parts.taken_in(db, stream) for stream in facts])

        process = await stack.start_service("reporting")
        total = sum(facts.values())
        async with readers(stack.address("reporting"), open_pages) as counted:
            if await taken() > WARM * total:
                raise TimeoutError(f"{open_pages} pages were open too late: ask for more --events")
            await _until(taken, int(WARM * total))
            first, before, began_s = await taken(), used(process.pid), time.perf_counter()
            await _until(taken, total)
            took_s, after, done = time.perf_counter() - began_s, used(process.pid), total - first
            pictures = await counted(total)
        rss_mib = peak_rss_mib(process.pid)
    await process.stop()
    cpu_s = after.process_s - before.process_s
    return Round(round(done / took_s), round(cpu_s / done * 1e6, 1), round(rss_mib), pictures)


async def _until(taken: Callable[[], Any], facts: int) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while await taken() < facts:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not all facts were read within {LIMIT_S:.0f} s")
        await asyncio.sleep(parts.POLL_S)


@contextlib.asynccontextmanager
async def readers(address: str, pages: int) -> AsyncIterator[Callable[[int], Any]]:
    """So many open pages in a process of their own; waits until each has its first picture."""
    if not pages:
        yield _nobody
        return
    port = address.rpartition(":")[2]
    command = [sys.executable, "-m", "benchmarks.readers", port, str(pages)]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    asked, told = process.stdin, process.stdout

    async def counted(facts: int) -> int:
        """Wait until every page has the picture of so many facts: fewest pictures that one was sent."""
        asked.write(f"{facts}\n".encode())
        async with asyncio.timeout(LIMIT_S):
            return int(await told.readline())

    try:
        async with asyncio.timeout(LIMIT_S):
            await told.readline()
        yield counted
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _nobody(_: int) -> int:
    return 0


async def _seen(stack: Stack, open_pages: int, updates: int) -> dict[str, int]:
    """How soon a page in Chromium shows what has come, beside `open_pages` others."""
    process = await stack.start_service("reporting")
    async with readers(stack.address("reporting"), open_pages):
        found = await chromium.measure(stack, updates)
    await process.stop()
    console.print(f"In Chromium, beside {open_pages} pages: {found}")
    return found


def _result(rounds: dict[int, list[Round]], seen: dict[int, dict[str, int]], pages: int) -> dict[str, Any]:
    without, beside = rounds[0], rounds[pages]
    shares = [b.facts_per_s / a.facts_per_s for a, b in zip(without, beside, strict=True)]
    worst = max(seen.values(), key=lambda one: one["update_max_ms"])
    return {
        "pages": pages,
        "facts_per_s": {count: [one.facts_per_s for one in some] for count, some in rounds.items()},
        "share": round(median(shares), 3),
        "shares": [round(share, 3) for share in shares],
        "at_least": AT_LEAST,
        "cpu_us_per_fact": {
            count: median(one.cpu_us_per_fact for one in some) for count, some in rounds.items()
        },
        "peak_rss_mib": {count: max(one.rss_mib for one in some) for count, some in rounds.items()},
        "fewest_pictures": [one.pictures for one in beside],
        "in_chromium": seen,
        "holds": median(shares) >= AT_LEAST
        and worst["update_p50_ms"] < UPDATE_MAX_MS
        and max(one["first_paint_p50_ms"] for one in seen.values()) < FIRST_PAINT_MAX_S * 1000,
    }


if __name__ == "__main__":
    main()
