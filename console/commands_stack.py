"""`dreams up`, `down`, `status`, `logs` and `reset`: the local stack from the command line."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from console.stack import control
from console.stack.failures import StackError
from console.stack.stack import Stack
from console.stack.state import StackState, read_state
from console.stack.supervisor import Wanted, run

Data = Annotated[
    Path, typer.Option("--data", envvar="DREAMS_DATA", help="Folder of all data, logs and secrets.")
]
DATA = Path(".dreams")
T = TypeVar("T")


def up(
    data: Data = DATA,
    detach: Annotated[bool, typer.Option("-d", "--detach", help="Return once all is up.")] = False,
    tracing: Annotated[
        bool, typer.Option("--tracing", help="Run a Jaeger and send all traces to it.")
    ] = False,
    port_base: Annotated[
        int | None,
        typer.Option(envvar="DREAMS_PORT_BASE", help="First of consecutive ports; free ones if left out."),
    ] = None,
    namespace: Annotated[
        str, typer.Option(envvar="DREAMS_NAMESPACE", help="Prefix of topics and databases.")
    ] = "",
) -> None:
    """Start Kafka, PostgreSQL and the four services; Ctrl-C stops them, data stay."""
    wanted = Wanted(data, namespace, tracing, port_base)
    if not detach:
        raise typer.Exit(run(wanted, _say, _show_up))
    state = _refusing(lambda: control.up_detached(wanted, _say))
    _show(state, dict.fromkeys(state.services, True))


def down(data: Data = DATA) -> None:
    """Stop the stack; data stay."""
    _refusing(lambda: control.down(data, _say))


def status(
    data: Data = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Show what runs and where; the exit status is 0 only if every service is ready."""
    state = read_state(data)
    if state is None:
        what = "starting" if control.holder(data) else "down"
        _say(json.dumps({"state": what}) if as_json else f"The stack over {data.resolve()} is {what}.")
        raise typer.Exit(1)
    ready = asyncio.run(control.readiness(state))
    if as_json:
        described = state.model_dump(mode="json")
        for name, service in described["services"].items():
            service["ready"] = ready[name]
        sys.stdout.write(json.dumps(described, indent=1) + "\n")
    else:
        _show(state, ready)
    raise typer.Exit(0 if ready and all(ready.values()) else 1)


def logs(
    name: Annotated[
        str | None, typer.Argument(help="One log, such as enrollment or kafka; all if left out.")
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines come.")] = False,
    data: Data = DATA,
) -> None:
    """Show the logs of the stack."""
    try:
        for line in control.log_lines(data, name, follow):
            typer.echo(line)
    except StackError as error:
        raise _refusal(error) from error
    except KeyboardInterrupt:
        return


def reset(data: Data = DATA, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete all data of the stopped stack."""
    if not yes:
        typer.confirm(f"Delete everything in {data.resolve()}?", abort=True)
    _refusing(lambda: control.reset(data))
    _say(f"Deleted {data.resolve()}.")


def _show_up(stack: Stack) -> None:
    state = read_state(stack.infrastructure.data)
    if state is not None:
        _show(state, dict.fromkeys(state.services, True))
        _say("Ctrl-C stops everything; data stay.")


def _show(state: StackState, ready: Mapping[str, bool]) -> None:
    table = Table(title=f"Stack over {state.data}: {state.state}", title_justify="left")
    for column in ("what", "where", "process", "ready"):
        table.add_column(column)
    for name, service in state.services.items():
        table.add_row(name, service.address, str(service.pid), "yes" if ready[name] else "no")
    table.add_row("Kafka", state.kafka_bootstrap)
    table.add_row("PostgreSQL", f"127.0.0.1:{state.postgres_port}")
    table.add_row("mail sink", f"127.0.0.1:{state.smtp_port}")
    if state.jaeger:
        table.add_row("traces (Jaeger)", state.jaeger)
    table.add_row("tokens, passwords", str(state.data / "secrets"))
    Console().print(table)


def _refusing(act: Callable[[], T]) -> T:
    try:
        return act()
    except StackError as error:
        raise _refusal(error) from error
    except OSError as error:
        raise _refusal(StackError(f"The system refused: {error}.")) from error


def _refusal(error: StackError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)


def _say(sentence: str) -> None:
    typer.echo(sentence)
