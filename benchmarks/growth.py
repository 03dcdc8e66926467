"""`python -m benchmarks.growth`: enrollment over a small and over a large register, in pairs: it must not slow down."""

import argparse
import asyncio
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import orjson
from rich.console import Console

from benchmarks import parts
from benchmarks.figures import Figure
from benchmarks.load import load, simulate
from benchmarks.preload import preload, worker_ref
from console.province.simulator import SimulatedRecord
from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack
from shared.contracts.topics import PROVINCE_EVENTS

SIZES: Final = (100_000, 3_000_000)
EVENTS: Final = 40_000
PAIRS: Final = 3
AT_LEAST: Final = 0.8
"""The large register must do so much of what the small one does."""
STRIDE: Final = 7_919
"""A prime, so that workers are drawn from all over the register and each only once."""
_REF: Final = re.compile(rb"k1\.[A-Z2-7]{52}")

console = Console(stderr=True)


def main() -> None:
    """Measure in pairs and print the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES, metavar="WORKERS")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    result = asyncio.run(_run(tuple(asked.sizes), asked.events, asked.pairs, asked.seed))
    print(json.dumps(result, ensure_ascii=False))
    sys.exit(result["share"] < AT_LEAST)


async def _run(sizes: Sequence[int], events: int, pairs: int, seed: int) -> dict[str, Any]:
    data = Path(tempfile.mkdtemp(prefix="dreams-growth-"))
    figures: dict[int, list[Figure]] = {size: [] for size in sizes}
    mix: Counter[str] = Counter()
    try:
        async with await Infrastructure.start(data, progress=console.print) as infrastructure:
            stacks = {size: await _prepare(infrastructure, size) for size in sizes}
            drawn = {size: count() for size in sizes}
            for pair in range(pairs):
                records, expected = simulate(events, seed + pair)
                mix.update(_types(records))
                for size in sizes if pair % 2 == 0 else reversed(sizes):
                    about = list(_about_known(records, size, drawn[size]))
                    figures[size].append(await _measure(stacks[size], about, expected.events))
                    console.print(
                        f"pair {pair + 1}, {size:,} workers: {figures[size][-1].events_per_s:,.0f} events/s"
                    )
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return _result(sizes, figures, mix)


async def _prepare(infrastructure: Infrastructure, size: int) -> Stack:
    """An enrollment that stands still over a register of `size` workers."""
    namespace = f"workers{size}."
    stack = await Stack.over(
        infrastructure, namespace, ("enrollment",), settings={"DREAMS_LOG_LEVEL": "WARNING"}
    )
    await stack.stop()
    began_s = time.perf_counter()
    await preload(infrastructure.database("enrollment", namespace).owner_dsn, size)
    admin = await asyncpg.connect(infrastructure.postgres.admin_dsn)
    await admin.execute("CHECKPOINT", timeout=None)
    await admin.close()
    console.print(f"{size:,} workers with their history written in {time.perf_counter() - began_s:,.0f} s")
    return stack


async def _measure(stack: Stack, records: list[SimulatedRecord], events: int) -> Figure:
    async with parts.database(stack, "enrollment") as db:
        before = await parts.taken_in(db, PROVINCE_EVENTS.pattern)
    await load(stack, records)
    return await parts.service_alone(stack, "enrollment", {PROVINCE_EVENTS.pattern: before + events})


def _about_known(
    records: list[SimulatedRecord], size: int, drawn: Iterator[int]
) -> Iterator[SimulatedRecord]:
    """The same records, half of the workers exchanged for workers of the history."""
    known: dict[bytes, bytes] = {}

    def instead(found: re.Match[bytes]) -> bytes:
        ref = found.group()
        if ref not in known:
            old = ref[-2] % 2 == 0  # a character of a keyed hash: a coin
            known[ref] = worker_ref(next(drawn) * STRIDE % size).encode() if old else ref
        return known[ref]

    for record in records:
        headers = tuple((name, value and _REF.sub(instead, value)) for name, value in record.headers)
        yield record._replace(value=record.value and _REF.sub(instead, record.value), headers=headers)


def _types(records: list[SimulatedRecord]) -> Iterator[str]:
    """The type of each event that can be read."""
    for record in records:
        if record.topic_kind == "events":
            binary = [value for name, value in record.headers if name == "ce_type" and value]
            try:
                yield binary[0].decode() if binary else str(orjson.loads(record.value or b"")["type"])
            except (ValueError, KeyError, TypeError):
                yield "unreadable"


def _result(sizes: Sequence[int], figures: dict[int, list[Figure]], mix: Counter[str]) -> dict[str, Any]:
    first, last = sizes
    shares = [b.events_per_s / a.events_per_s for a, b in zip(figures[first], figures[last], strict=True)]
    costs = [
        b.machine_cpu_us_per_event / a.machine_cpu_us_per_event
        for a, b in zip(figures[first], figures[last], strict=True)
    ]
    return {
        "events_per_s": {size: [round(one.events_per_s) for one in some] for size, some in figures.items()},
        "share": round(median(shares), 3),
        "shares": [round(share, 3) for share in shares],
        "machine_cpu_per_event": round(median(costs), 3),
        "at_least": AT_LEAST,
        "mix": {name: round(number / mix.total(), 4) for name, number in mix.most_common()},
    }


if __name__ == "__main__":
    main()
