"""Take numbers away and build them anew: files of many rows, a rebuild, and whether it is the same to the byte."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks import parts
from benchmarks.processes import peak_rss_mib
from console.stack.stack import Stack

FILE_LIMIT_S: Final = 1_800.0
REBUILD_LIMIT_S: Final = 3_600.0
POLL_S: Final = 0.2
LARGEST: Final = "bodies"
"""The cube with the most cells: one for each employer, institution and project."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file: its rows, how fast, its size, and the most memory that the service has held before and after."""

    kind: str
    rows: int
    rows_per_s: float
    mib: float
    rss_before_mib: float
    rss_after_mib: float


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A rebuild: how fast, how many sums differed, and whether all tables are the same as before."""

    facts: int
    facts_per_s: float
    differences: int
    same: bool
    digest_s: float


async def export(stack: Stack, folder: Path, kinds: Sequence[str]) -> list[Taken]:
    """All cells of the largest cube as files, one after the other."""
    rows = await _cells(stack)
    return [await _file(stack, folder / f"cells.{kind}", kind, rows) for kind in kinds]


async def widen(stack: Stack, rows: int) -> None:
    """Make the largest cube as large as asked, by bodies that are nobody's."""
    async with parts.database(stack, "reporting") as db:
        await db.execute(
            """INSERT INTO total (cube, measure, facet_1, lane, period, facet_2, delta)
               SELECT 'bodies', 'enrolled', 'employer', '32', '2026', 'W' || lpad(n::text, 9, '0'), n % 97 + 1
               FROM generate_series(1, $1::bigint) n""",
            rows,
            timeout=None,
        )


async def rebuild(stack: Stack) -> Rebuilt:
    """Rebuild as an operator would, and compare what is read before and after."""
    headers = {"Authorization": f"Bearer {stack.token('operator')}"}
    address = stack.address("reporting")
    async with httpx.AsyncClient(
        base_url=address, headers=headers, timeout=FILE_LIMIT_S, trust_env=False
    ) as client:
        before, digest_s = await _digest(client)
        began_s = time.perf_counter()
        (await client.post("/v1/rebuild", json={"reason": "benchmark"})).raise_for_status()
        async with asyncio.timeout(REBUILD_LIMIT_S):
            while (shown := (await client.get("/v1/rebuild")).json())["state"] == "reading":  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        took_s = time.perf_counter() - began_s
        if shown["state"] != "switched":
            raise RuntimeError(f"the rebuild failed: {shown['why']}")
        after, _ = await _digest(client)
    return Rebuilt(shown["of"], shown["of"] / took_s, shown["differences"], before == after, digest_s)


async def _digest(client: httpx.AsyncClient) -> tuple[Any, float]:
    began_s = time.perf_counter()
    digest = (await client.get("/v1/digest")).raise_for_status().json()
    return digest, time.perf_counter() - began_s


async def _file(stack: Stack, path: Path, kind: str, rows: int) -> Taken:
    headers = {"Authorization": f"Bearer {stack.token('official')}"}
    pid = stack.services["reporting", 0].pid
    before, began_s = peak_rss_mib(pid), time.perf_counter()
    query = {"cube": LARGEST, "format": kind}
    async with httpx.AsyncClient(headers=headers, timeout=FILE_LIMIT_S, trust_env=False) as client:
        url = f"{stack.address('reporting')}/v1/files/cells"
        async with client.stream("GET", url, params=query) as answer:
            answer.raise_for_status()
            with path.open("wb") as out:
                async for piece in answer.aiter_bytes():
                    out.write(piece)
    took_s, mib = time.perf_counter() - began_s, path.stat().st_size / 2**20
    path.unlink()
    return Taken(kind, rows, rows / took_s, mib, before, peak_rss_mib(pid))


async def _cells(stack: Stack) -> int:
    async with parts.database(stack, "reporting") as db:
        return int(
            await db.fetchval(
                """SELECT count(*) FROM (
                       SELECT FROM totals WHERE cube = $1
                       GROUP BY lane, period, facet_1, facet_2, measure HAVING sum(delta) <> 0) cells""",
                LARGEST,
                timeout=None,
            )
        )
