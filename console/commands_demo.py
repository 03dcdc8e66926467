"""`dreams demo`: the whole system on this machine with a simulated country; ends cleanly, however it ends."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from typing import Annotated, Final

import typer
from rich.console import Console

from console.demo.running import Folder, Outcome, Plan, run
from console.demo.screen import TerminalScreen, as_json, summary
from console.stack.failures import StackError

ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED: Final = 130
DEFAULT_RATE_PER_S: Final = 200.0
"""Without an end: as many as a whole country would send on a busy day."""


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Send a number of events, wait until all is done, reconcile, end.")
    ] = False,
    events: Annotated[int, typer.Option(min=1, help="With --once: how many.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed tells the same stories.")] = 7,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="Events a second; with --once as fast as possible if left out."),
    ] = None,
    json_out: Annotated[
        bool, typer.Option("--json", help="With --once: one JSON object on standard output.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Do not delete the data afterwards.")] = False,
    tracing: Annotated[
        bool | None, typer.Option(help="Send traces to a Jaeger; if left out, where one is found.")
    ] = None,
) -> None:
    """Run the whole system with simulated provinces; Ctrl-C ends it and leaves nothing running."""
    if json_out and not once:
        raise typer.BadParameter("--json goes with --once: without an end there is no result.")
    plan = Plan(once, events, seed, rate if rate or once else DEFAULT_RATE_PER_S, tracing)
    console = Console(stderr=json_out)
    folder = Folder(keep)
    # What libraries have to say, such as that they try again, goes to a file: the screen is for the numbers.
    logging.basicConfig(filename=folder.path / "demo.log", format="%(asctime)s %(name)s %(message)s")
    try:
        outcome = asyncio.run(_until_signal(plan, folder, console))
    except (StackError, OSError) as error:
        folder.keep = True
        console.print(f"[bold red]{error}[/]", soft_wrap=True)
        raise typer.Exit(1) from error
    finally:
        folder.clear()
        if folder.keep:
            console.print(f"Data and logs are kept in {folder.path}.", soft_wrap=True)
    raise typer.Exit(_tell(outcome, plan, console, json_out))


def _tell(outcome: Outcome | None, plan: Plan, console: Console, json_out: bool) -> int:
    """Say how it went; returns the exit status."""
    if outcome is None:
        console.print("Stopped; nothing is left running.")
        return INTERRUPTED if plan.once else 0
    console.print(summary(outcome))
    if json_out:
        sys.stdout.write(json.dumps(as_json(outcome)) + "\n")
    return 0 if outcome.reconciled.holds else 1


async def _until_signal(plan: Plan, folder: Folder, console: Console) -> Outcome | None:
    """Run the plan; None if a signal ended it. Further signals do not disturb the clean end."""
    with TerminalScreen(console, transient=plan.once) as screen:
        running = asyncio.create_task(run(plan, folder, screen))
        told = asyncio.Event()

        def end() -> None:
            if not told.is_set():
                told.set()
                running.cancel()

        for number in ENDING_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, end)
        with contextlib.suppress(asyncio.CancelledError):
            return await running
        return None
