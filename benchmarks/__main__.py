"""`python -m benchmarks`: floor, ceiling, each service, the chain and latency, side by side in one run."""

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import latency, parts
from benchmarks.figures import Figure, medians, plain
from benchmarks.load import load, simulate
from console.stack.stack import Stack
from shared.contracts.topics import PROVINCE_CONTACTS, PROVINCE_EVENTS

CORES = 2
LATENCY_RATE_PER_S = 1_000
LATENCY_EVENTS = 20_000
MAIL_ASIDE = {"DREAMS_SMTP_PORT": "9"}
"""Nothing listens there (RFC 863): letters are claimed and wait, so that mail itself is not measured."""
TARGETS = {"enrollment": 0.18, "subsidy": 0.15, "notification": 0.15, "reporting": 0.35}
"""Shares of the ceiling that must be reached at least."""

console = Console(stderr=True)


def main() -> None:
    """Run the benchmark as many times as asked and print the medians."""
    arguments = _arguments()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # fresh topics are elected while we load
    runs = [
        asyncio.run(_run(arguments.events, arguments.floor_events, arguments.seed))
        for _ in range(arguments.repeat)
    ]
    result = medians(runs)
    if arguments.json:
        print(json.dumps(result))
    _show(result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dreams bench", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--floor-events", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


async def _run(events: int, floor_events: int, seed: int) -> dict[str, Any]:
    console.print(f"Simulating {events:,} events of all provinces")
    records, expected = simulate(events, seed)
    data = Path(tempfile.mkdtemp(prefix="dreams-bench-"))
    try:
        async with await Stack.start(data, services=(), progress=console.print, settings=MAIL_ASIDE) as stack:
            figures = await _parts(stack, records, expected.events, expected.contacts, floor_events)
            figures["chain"], waits = await _chain(stack, records, expected.events, seed)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    result = plain(figures)
    result["latency"] = waits
    result["prediction"] = _prediction(figures, events)
    return result


async def _parts(
    stack: Stack, records: list[Any], events: int, contacts: int, floor_events: int
) -> dict[str, Figure]:
    console.print("Loading the topics")
    await load(stack, records)
    figures = {}
    console.print("Ceiling")
    figures["ceiling"] = parts.script(stack, "benchmarks.ceiling", events)
    console.print(f"Floor, on {floor_events:,} events")
    figures["floor"] = parts.script(stack, "benchmarks.floor", floor_events)
    async with parts.database(stack, "enrollment") as db:
        await db.execute("TRUNCATE handover")
    console.print("Enrollment")
    figures["enrollment"] = await parts.service_alone(stack, "enrollment", {PROVINCE_EVENTS.pattern: events})
    facts = await parts.published(stack, "enrollment", "enrollment.events")
    console.print("Subsidy")
    figures["subsidy"] = await parts.service_alone(stack, "subsidy", {"enrollment.events": facts})
    decided = await parts.published(stack, "subsidy", "subsidy.events")
    both = {"enrollment.events": facts, "subsidy.events": decided}
    console.print("Reporting")
    figures["reporting"] = await parts.service_alone(stack, "reporting", both)
    console.print("Notification")
    with_contacts = {**both, PROVINCE_CONTACTS.pattern: contacts}
    figures["notification"] = await parts.service_alone(stack, "notification", with_contacts)
    return figures


async def _chain(first: Stack, records: list[Any], events: int, seed: int) -> tuple[Figure, dict[str, float]]:
    console.print("The chain")
    async with await Stack.over(first.infrastructure, "chain.", settings=MAIL_ASIDE) as stack:
        figure = await parts.chain(stack, records, events)
    console.print(f"Latency at {LATENCY_RATE_PER_S:,} events a second")
    async with await Stack.over(first.infrastructure, "latency.", settings=MAIL_ASIDE) as stack:
        slow, _ = simulate(LATENCY_EVENTS, seed + 1)
        waits = await latency.measure(stack, slow, LATENCY_RATE_PER_S)
    return figure, waits


def _prediction(figures: dict[str, Figure], events: int) -> dict[str, float]:
    """What the parts' processor time (the whole machine's: database and broker too) predicts for the chain."""
    needed_us = sum(
        figures[part].machine_cpu_us_per_event * figures[part].events / events
        for part in ("enrollment", "subsidy", "reporting", "notification")
    )
    predicted = CORES * 1e6 / needed_us
    return {
        "chain_events_per_s": round(predicted, 1),
        "share": round(figures["chain"].events_per_s / predicted, 3),
    }


def _show(result: dict[str, Any]) -> None:
    table = Table(title=f"Dreams, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    for column in ("part", "events/s", "of the ceiling", "at least", "CPU µs/event", "peak MiB"):
        table.add_column(column, justify="left" if column == "part" else "right")
    ceiling = result["ceiling"]["events_per_s"]
    for part, figure in result.items():
        if "events_per_s" not in figure:
            continue
        target = TARGETS.get(part)
        table.add_row(
            part,
            f"{figure['events_per_s']:,.0f}",
            f"{figure['events_per_s'] / ceiling:.3f}",
            f"{target:.2f}" if target else "",
            f"{figure['cpu_us_per_event']:,.0f}",
            f"{figure['rss_mib']:,.0f}",
        )
    console.print(table)
    console.print(f"Latency: {result['latency']}\nThe chain against its parts: {result['prediction']}")


if __name__ == "__main__":
    main()
