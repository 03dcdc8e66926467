"""Measure each part by itself and the chain, on a stack of their own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg

from benchmarks.figures import Figure
from benchmarks.load import load
from benchmarks.processes import Used, peak_rss_mib, used
from console.province.simulator import SimulatedRecord
from console.stack.stack import Stack
from shared.contracts.topics import SERVICES

POLL_S = 0.02
PART_LIMIT_S = 900.0
Moved = Callable[[], Awaitable[int]]


def script(stack: Stack, module: str, events: int) -> Figure:
    """Run one of our own programs that prints its figures."""
    env = {**os.environ, **stack.service_env("enrollment")}
    machine_before = used(os.getpid()).machine_s
    done = subprocess.run(
        [sys.executable, "-m", module, str(events)],
        env=env,
        check=True,
        capture_output=True,
        timeout=PART_LIMIT_S,
    )
    machine_s = used(os.getpid()).machine_s - machine_before
    out = json.loads(done.stdout.splitlines()[-1])
    n = out["events"]
    return Figure(n, n / out["took_s"], out["cpu_s"] / n * 1e6, out["rss_mib"], machine_s / n * 1e6)


@contextlib.asynccontextmanager
async def database(stack: Stack, service: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a service's database."""
    connection = await asyncpg.connect(stack.infrastructure.database(service, stack.namespace).owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def taken_in(db: asyncpg.Connection, stream: str) -> int:
    """How many records of a stream were taken in: by offset from provinces, by number between services."""
    column = "next_offset" if stream.startswith("provinces") else "last_seq"
    return int(
        await db.fetchval(f"SELECT coalesce(sum({column}), 0)::bigint FROM cursor WHERE stream = $1", stream)  # noqa: S608
    )


async def published(stack: Stack, service: str, stream: str) -> int:
    """How many events a service has stamped on a stream."""
    async with database(stack, service) as db:
        return int(
            await db.fetchval("SELECT coalesce(sum(seq), 0)::bigint FROM outbound WHERE stream = $1", stream)
        )


async def service_alone(stack: Stack, name: str, wanted: dict[str, int]) -> Figure:
    """Start a service over full topics and measure until it has taken in `wanted`, records by stream in all."""
    async with database(stack, name) as db:

        async def moved() -> int:
            return sum([min(count, await taken_in(db, stream)) for stream, count in wanted.items()])

        standing = await moved()
        process = await stack.start_service(name, ready=False)
        first, before, began_s = await _first(moved, standing, process.pid)
        total = sum(wanted.values())
        await _until(moved, total)
        figure = _figure(process.pid, before, total - first, time.perf_counter() - began_s)
        await _until(lambda: _left(db), 0)
    await process.stop()
    return figure


async def chain(stack: Stack, records: list[SimulatedRecord], events: int) -> Figure:
    """All four services at once: from the first send until reporting has taken in the last fact."""
    before = used(stack.services["enrollment", 0].pid)
    cpu_before = {name: used(stack.services[name, 0].pid).process_s for name in SERVICES}
    began_s = time.perf_counter()
    await load(stack, records)
    await until_drained(stack, events)
    took_s = time.perf_counter() - began_s
    machine_s = used(stack.services["enrollment", 0].pid).machine_s - before.machine_s
    cpu_s = sum(used(stack.services[name, 0].pid).process_s - cpu_before[name] for name in SERVICES)
    rss_mib = sum(peak_rss_mib(stack.services[name, 0].pid) for name in SERVICES)
    return Figure(events, events / took_s, cpu_s / events * 1e6, rss_mib, machine_s / events * 1e6)


async def until_drained(stack: Stack, events: int) -> None:
    """Wait until `events` records and all that they led to were taken in by everyone."""
    async with (
        database(stack, "enrollment") as enrollment,
        database(stack, "subsidy") as subsidy,
        database(stack, "reporting") as reporting,
        database(stack, "notification") as notification,
    ):
        await _until(lambda: taken_in(enrollment, "provinces.{lane}.events"), events)

        async def behind() -> int:
            handover = await enrollment.fetchval("SELECT count(*) FROM handover")
            facts = await enrollment.fetchval(
                "SELECT sum(seq)::bigint FROM outbound WHERE stream = 'enrollment.events'"
            )
            decided = await subsidy.fetchval(
                "SELECT sum(seq)::bigint FROM outbound WHERE stream = 'subsidy.events'"
            )
            wanted = 3 * facts + 2 * decided
            taken = await taken_in(subsidy, "enrollment.events")
            for db in (reporting, notification):
                taken += await taken_in(db, "enrollment.events") + await taken_in(db, "subsidy.events")
            return int(taken - wanted - handover)

        await _until(behind, 0)


async def _first(moved: Moved, standing: int, pid: int) -> tuple[int, Used, float]:
    """Wait for the first batch; measuring starts there, so that starting up is not counted."""
    await _until(moved, standing + 1)
    return await moved(), used(pid), time.perf_counter()


async def _left(db: asyncpg.Connection) -> int:
    """Zero once the next service has all; below, what it would wait for in vain if this one ended now.

    That is what was left for other lanes, and what stands in the log but is not sent yet.
    """
    return -int(
        await db.fetchval(
            """SELECT (SELECT count(*) FROM handover)
                      + (SELECT coalesce(sum(seq - published_seq), 0)::bigint FROM outbound)"""
        )
    )


async def _until(moved: Moved, total: int) -> None:
    deadline_s = time.monotonic() + PART_LIMIT_S
    while await moved() < total:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not drained within {PART_LIMIT_S:.0f} s: {await moved()} of {total}")
        await asyncio.sleep(POLL_S)


def _figure(pid: int, before: Used, events: int, took_s: float) -> Figure:
    after = used(pid)
    return Figure(
        events,
        events / took_s,
        (after.process_s - before.process_s) / events * 1e6,
        peak_rss_mib(pid),
        (after.machine_s - before.machine_s) / events * 1e6,
    )
