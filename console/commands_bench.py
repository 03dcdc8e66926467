"""The command that measures: floor, ceiling, each service, the chain and the latency in one run."""

import subprocess
import sys
from typing import Annotated

import typer


def bench(
    events: Annotated[int, typer.Option(help="Events over all provinces.", min=1_000)] = 300_000,
    floor_events: Annotated[int, typer.Option(help="Events for the floor, which is slow.", min=100)] = 5_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 7,
    repeat: Annotated[int, typer.Option(help="Runs; the medians are printed.", min=1, max=9)] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how fast the services are, side by side on the same data (needs a source checkout)."""
    command = [sys.executable, "-m", "benchmarks", "--events", str(events), "--seed", str(seed)]
    command += ["--floor-events", str(floor_events), "--repeat", str(repeat)]
    raise typer.Exit(subprocess.call([*command, "--json"] if json else command))
