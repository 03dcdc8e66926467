"""`dreams messages`: what workers were told, asked from notification, and what the local mail sink took."""

import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from console.api_client import Api, Deployment
from console.stack.failures import StackError
from console.stack.state import running_stack

Data = Annotated[
    Path, typer.Option("--data", envvar="DREAMS_DATA", help="Folder of the local stack that is asked.")
]
DATA: Final = Path(".dreams")
STYLES: Final = {"sent": "green", "unknown": "bold red", "failed": "red", "no_contact": "dim"}


T = TypeVar("T")
Limit = Annotated[int, typer.Option(help="At most so many.", min=1, max=500)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]

messages = typer.Typer(invoke_without_command=True, help="What workers were told; recipients are masked.")


@messages.callback()
def show(
    context: typer.Context,
    data: Data = DATA,
    state: Annotated[
        str | None,
        typer.Option(help="Only these: pending, sending, sent, failed, unknown or no_contact."),
    ] = None,
    lane: Annotated[str | None, typer.Option(help="Only this lane, two digits.")] = None,
    cause: Annotated[
        list[str] | None, typer.Option(help="Only the message about this event id; may be repeated.")
    ] = None,
    after: Annotated[int, typer.Option(help="Only those with a higher number.", min=0)] = 0,
    limit: Limit = 30,
    as_json: AsJson = False,
) -> None:
    """Show what workers were told; recipients are masked."""
    if context.invoked_subcommand is None:
        query = _given(state=state, lane=lane, cause_event_id=cause, after=after, limit=limit)
        _show(_refusing(lambda: asyncio.run(_ask(data, query))), as_json)


@messages.command()
def letters(data: Data = DATA, limit: Limit = 30, as_json: AsJson = False) -> None:
    """Show the last letters that the stack's own mail sink took."""
    _show_letters(_refusing(lambda: _letters(running_stack(data).mail_file, limit)), as_json)


@messages.command()
def release(
    number: Annotated[int, typer.Argument(help="Number of an unknown message.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the operators' trail.")],
    data: Data = DATA,
) -> None:
    """Send a message after all of which nobody knows whether it was sent."""
    _refusing(lambda: asyncio.run(_release(data, number, reason)))
    typer.echo(f"Message {number} waits to be sent again.")


def _refusing(act: Callable[[], T]) -> T:
    try:
        return act()
    except StackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


async def _ask(data: Path, query: dict[str, Any]) -> dict[str, Any]:
    async with Api(Deployment.found(data)) as api:
        page = await api.get("notification", "/v1/messages", query)
        stats = await api.get("notification", "/v1/messages/stats")
    return {**page, "stats": stats}


async def _release(data: Path, message_id: int, reason: str) -> None:
    async with Api(Deployment.found(data)) as api:
        await api.post("notification", f"/v1/messages/{message_id}/release", {"reason": reason})


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _write_json(found)
        return
    console = Console()
    table = Table(title="Messages", title_justify="left")
    for column in ("number", "since", "lane", "cause", "about event", "to", "state", "why"):
        table.add_column(column)
    for row in found["messages"]:
        since = row["state_at"][:19].replace("T", " ")
        style = STYLES.get(row["state"], "")
        table.add_row(
            str(row["message_id"]),
            since,
            row["lane"],
            row["cause"],
            row["cause_event_id"],
            row["recipient"] or "",
            f"[{style}]{row['state']}[/]" if style else row["state"],
            row["code"] or "",
        )
    console.print(table)
    totals = Table(title=f"All, with {found['stats']['contacts']} contacts known", title_justify="left")
    for column in ("cause", "state", "messages"):
        totals.add_column(column, justify="right" if column == "messages" else "left")
    for row in found["stats"]["messages"]:
        totals.add_row(row["cause"], row["state"], f"{row['messages']:,}")
    console.print(totals)
    if found["next_after"]:
        console.print(f"There are more: --after {found['next_after']}")


def _letters(mail_file: Path | None, limit: int) -> list[dict[str, Any]]:
    """The last letters in the sink's file, oldest first; StackError where this stack has no sink."""
    if mail_file is None or not mail_file.exists():
        raise StackError(
            "This stack has no mail sink of its own: look into the log of the relay it sends by."
        )
    with mail_file.open(encoding="utf-8") as file:
        return [json.loads(line) for line in deque(file, maxlen=limit)]


def _show_letters(letters: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        _write_json(letters)
        return
    console = Console()
    for letter in letters:
        console.rule(f"{letter['received'][:19].replace('T', ' ')}  {', '.join(letter['to'])}", align="left")
        console.print(f"{letter['subject']}\n\n{letter['text']}", markup=False, highlight=False)
    if not letters:
        console.print("No letter has been sent yet.")


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
