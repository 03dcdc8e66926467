"""`dreams lanes` and `quarantine`: what operators ask and do, through the services' own APIs."""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from console.api_client import Api, ApiError, Deployment, RefusedError
from console.lane_states import LaneState, lane_states, publisher_of, streams_published, summed
from console.stack.failures import StackError
from console.times import shanghai
from shared.contracts.lanes import LANE_CODES
from shared.contracts.lanes import lane as named_lane
from shared.contracts.topics import SERVICES

Data = Annotated[
    Path, typer.Option("--data", envvar="DREAMS_DATA", help="Folder of the local stack that is asked.")
]
DATA: Final = Path(".dreams")
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def known_lane(code: str | None) -> str | None:
    """The code itself, if there is such a lane; raises BadParameter."""
    if code is not None and code not in LANE_CODES:
        raise typer.BadParameter(
            f"There is no lane {code}: a lane is two digits, such as 32 for Jiangsu or 00 for the nation."
        )
    return code


def _known_services(names: list[str] | None) -> list[str] | None:
    unknown = ", ".join(name for name in names or () if name not in SERVICES)
    if unknown:
        raise typer.BadParameter(f"There is no service {unknown}. There are: {', '.join(SERVICES)}.")
    return names


def _known_service(name: str) -> str:
    _known_services([name])
    return name


Lane = Annotated[str, typer.Argument(help="Two digits of a lane, such as 32.", callback=known_lane)]
OfProvince = Annotated[
    str, typer.Option("--province", "-p", help="Two digits of a province, such as 32.", callback=known_lane)
]
OnlyLane = Annotated[str | None, typer.Option("--lane", help="Only this lane.", callback=known_lane)]
Services = Annotated[
    list[str] | None,
    typer.Option(
        "--service", help="Only this service; may be given several times.", callback=_known_services
    ),
]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept in the operators' trail.")]
STYLES: Final = {"going": "green", "draining": "yellow", "waiting": "yellow", "stopped": "bold red"}
LANE_WIDTH: Final = 10
WENT_BACK: Final = "database went back"
"""How the reason of lanes begins whose service was restored to an older copy."""
WAY_OUT_TIMEOUT_S: Final = 120.0
"""Reading a log back from Kafka takes its time."""
T = TypeVar("T")

lanes = typer.Typer(no_args_is_help=True, help="Lanes of all services: look, stop, resume, publish again.")


@lanes.command()
def status(
    data: Data = DATA,
    service: Services = None,
    lane: OnlyLane = None,
    all_lanes: Annotated[bool, typer.Option("--all", help="Lanes at rest too, one by one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show where each service stands on each lane; exit status 1 if one is stopped or does not answer."""
    answers, failures = asked(data, _lanes)
    states = [one for one in lane_states(answers) if _wanted(one, service, lane)]
    if as_json:
        described = {
            "services": {name: summed(states, name) for name in _chosen(answers, service)},
            "handover": {name: answer["handover"] for name, answer in answers.items()},
            "not_answering": list(failures),
            "lanes": [one.as_json() for one in states],
        }
        write_json(described)
    else:
        _show(states, answers, service, one_by_one=all_lanes or lane is not None)
    for failure in failures.values():
        typer.echo(str(failure), err=True)
    raise typer.Exit(1 if failures or any(one.state == "stopped" for one in states) else 0)


@lanes.command()
def stop(lane: Lane, reason: Why, service: Services = None, data: Data = DATA) -> None:
    """Stop a lane: all services, or those named, take nothing more of it until it is resumed."""
    _act(data, lane, service, "stop", reason, ("stopped", "was stopped already"))


@lanes.command()
def resume(lane: Lane, reason: Why, service: Services = None, data: Data = DATA) -> None:
    """Let a stopped lane go on from where it stands."""
    _act(data, lane, service, "resume", reason, ("goes on", "was not stopped"))


@lanes.command()
def adopt(lane: Lane, reason: Why, service: Services = None, data: Data = DATA) -> None:
    """A topic that was made anew, or another log, is the right one: read on with it where a lane stands for that."""
    _take_way_out(data, lane, service, "adopt", reason)


@lanes.command()
def resync(
    reason: Why,
    lane: Annotated[
        str | None,
        typer.Argument(help="Two digits of a lane; if left out, all that need it.", callback=known_lane),
    ] = None,
    service: Services = None,
    data: Data = DATA,
) -> None:
    """After a restore of a service's database: read what its log has lost back from Kafka, and let the lane go on."""
    _take_way_out(data, lane, service, "resync", reason)


@lanes.command("set-aside")
def set_aside(lane: Lane, reason: Why, service: Services = None, data: Data = DATA) -> None:
    """Keep the one record on which our own code failed, sealed, and let the lane go on after it."""
    _take_way_out(data, lane, service, "set-aside", reason)


@lanes.command()
def republish(
    lane: Lane,
    reason: Why,
    stream: Annotated[
        str, typer.Option("--stream", help="What to publish again, such as enrollment.events or receipts.")
    ],
    from_seq: Annotated[int, typer.Option("--from-seq", min=1, help="First number to publish again.")],
    data: Data = DATA,
) -> None:
    """Publish a lane's log again from a number on: fills a gap at a consumer; others drop what they have."""

    async def ask(api: Api) -> str:
        answers, failures = await _lanes(api)
        found = publisher_of(stream, answers)
        if found is None:
            missing = f" ({', '.join(failures)} did not answer)" if failures else ""
            known = ", ".join(streams_published(answers)) or "nothing"
            raise StackError(f"No service publishes {stream}{missing}; what is published: {known}.")
        body = {"reason": reason, "stream": found[1], "from_seq": from_seq}
        await api.post(found[0], f"/v1/lanes/{lane}/republish", body)
        return f"{found[0]} publishes {found[1]} of lane {lane} again from {from_seq} with its next batch."

    typer.echo(asked(data, ask))


quarantine = typer.Typer(
    no_args_is_help=True, help="Records that nobody could read, or that were set aside: list, open."
)


@quarantine.command("list")
def list_quarantine(
    data: Data = DATA,
    service: Services = None,
    lane: OnlyLane = None,
    as_json: AsJson = False,
) -> None:
    """List what lies in quarantine; the bytes stay sealed."""

    async def ask(api: Api) -> dict[str, Any]:
        names = _chosen(api.services, service)
        return await api.get_from_each("/v1/quarantine", {"lane": lane} if lane else None, names)

    answers = asked(data, ask)
    rows, failures = apart(answers)
    kept = [{"service": name, **row} for name, listed in rows.items() for row in listed]
    if as_json:
        write_json(kept)
    else:
        _show_quarantine(kept)
    for failure in failures.values():
        typer.echo(str(failure), err=True)
    raise typer.Exit(1 if failures else 0)


@quarantine.command()
def show(
    lane: Lane,
    offset: Annotated[int, typer.Argument(help="The record's offset, as the list shows it.")],
    reason: Why,
    service: Annotated[
        str, typer.Option("--service", help="Whose quarantine.", callback=_known_service)
    ] = SERVICES[0],
    data: Data = DATA,
) -> None:
    """Open one record and write its bytes, as they were sent, to standard output; that you looked is written down."""
    body = {"reason": reason, "offset": offset}
    answer = asked(data, lambda api: api.post(service, f"/v1/quarantine/{lane}/open", body))
    sys.stdout.buffer.write(base64.b64decode(answer["bytes"]) + b"\n")


def asked(data: Path, ask: Callable[[Api], Awaitable[T]]) -> T:
    """Ask the deployment something; a failure becomes a sentence and exit status 1."""

    async def run() -> T:
        async with Api(Deployment.found(data)) as api:
            return await ask(api)

    try:
        return asyncio.run(run())
    except StackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def apart(answers: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, ApiError]]:
    """Answers and failures of `Api.get_from_each`, by service."""
    good = {name: answer for name, answer in answers.items() if not isinstance(answer, ApiError)}
    return good, {name: answer for name, answer in answers.items() if isinstance(answer, ApiError)}


def event_path(event_id: str) -> str:
    """An id as a part of a path: ids are the provinces' own and may hold anything."""
    from urllib.parse import quote

    return quote(event_id, safe="")


def write_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


async def _lanes(api: Api) -> tuple[dict[str, Any], dict[str, ApiError]]:
    return apart(await api.get_from_each("/v1/lanes"))


def _act(
    data: Path, lane: str, service: Sequence[str] | None, act: str, reason: str, said: tuple[str, str]
) -> None:
    async def ask(api: Api) -> bool:
        good = True
        for name in _chosen(api.services, service):
            try:
                answer = await api.post(name, f"/v1/lanes/{lane}/{act}", {"reason": reason})
            except RefusedError as error:
                raise StackError(str(error)) from error
            except ApiError as error:
                typer.echo(str(error), err=True)
                good = False
                continue
            done = any(value is True for value in answer.values())
            typer.echo(f"{name}: lane {named(lane)} {said[0] if done else said[1]}.")
        return good

    if not asked(data, ask):
        raise typer.Exit(1)


def _take_way_out(data: Path, lane: str | None, service: Sequence[str] | None, act: str, reason: str) -> None:
    """Give the order to the services named, or to all where the lane stands; each says what it did, or why not."""

    async def ask(api: Api) -> bool:
        answers, failures = await _lanes(api)
        for failure in failures.values():
            typer.echo(str(failure), err=True)
        standing = _standing(answers, _chosen(answers, service), lane)
        if not standing:
            typer.echo("No such lane stands; `dreams lanes status` shows which do.", err=True)
        good = bool(standing) and not failures
        for name, one in standing:
            try:
                answer = await api.post(name, f"/v1/lanes/{one}/{act}", {"reason": reason}, WAY_OUT_TIMEOUT_S)
                typer.echo(f"{name}: lane {named(one)}: {answer['said']}")
            except ApiError as error:
                typer.echo(str(error), err=True)
                good = False
        return good

    if not asked(data, ask):
        raise typer.Exit(1)


def _standing(answers: Mapping[str, Any], services: Sequence[str], lane: str | None) -> list[tuple[str, str]]:
    """(service, lane) that stand: on one lane, or on all whose database went back."""
    found = {
        (name, row["lane"])
        for name in services
        for row in answers[name]["cursors"]
        if row["stopped"] and (row["lane"] == lane or (lane is None and row["stopped"].startswith(WENT_BACK)))
    }
    return sorted(found)


def _chosen(known: Sequence[str] | Mapping[str, Any], wanted: Sequence[str] | None) -> list[str]:
    return [name for name in known if not wanted or name in wanted]


def _wanted(state: LaneState, service: Sequence[str] | None, lane: str | None) -> bool:
    return (not service or state.service in service) and (lane is None or state.lane == lane)


def named(lane: str) -> str:
    """A lane by its code and its names in both languages."""
    found = named_lane(lane)
    return f"{lane} {found.name_zh} {found.name_en}"


def _show(
    states: Sequence[LaneState],
    answers: Mapping[str, Any],
    service: Sequence[str] | None,
    *,
    one_by_one: bool,
) -> None:
    console = Console()
    console.print(_summary(states, answers, service))
    shown = [one for one in states if one_by_one or not one.at_rest]
    if shown:
        console.print(_lane_table(shown))
    hidden = sum(one.used for one in states) - sum(one.used for one in shown)
    if hidden:
        console.print(f"{hidden} lanes in use are at rest; --all shows them too.", style="dim")


def _summary(states: Sequence[LaneState], answers: Mapping[str, Any], service: Sequence[str] | None) -> Table:
    table = _plain_table("Lanes of all services", "service")
    for column in ("lanes", "draining", "waiting", "stopped", "lag", "unpublished", "handover"):
        table.add_column(column, justify="right", no_wrap=True)
    for name in _chosen(answers, service):
        counts = summed(states, name)
        cells = [f"{counts['lanes']}"]
        cells += [_alarming(counts[state], state) for state in ("draining", "waiting", "stopped")]
        cells += [f"{counts['lag']:,}", f"{counts['unpublished']:,}", f"{answers[name]['handover']:,}"]
        table.add_row(name, *cells)
    return table


def _alarming(count: int, state: str) -> str:
    return f"[{STYLES[state]}]{count}[/]" if count else "0"


def _lane_table(states: Sequence[LaneState]) -> Table:
    table = _plain_table("Lane by lane: ← reads, → publishes", "service")
    table.add_column("lane", no_wrap=True, max_width=LANE_WIDTH)
    for column in ("state", "stream", "seq", "outstanding"):
        table.add_column(column, justify="right" if column == "seq" else "left", no_wrap=column != "state")
    for one in states:
        streams = [f"← {_short(reading.stream)}" for reading in one.reads]
        streams += [f"→ {_short(publishing.stream)}" for publishing in one.publishes]
        numbers = [f"{reading.at:,}" for reading in one.reads]
        numbers += [f"{publishing.seq:,}" for publishing in one.publishes]
        outstanding = ["" if reading.lag is None else f"lag {reading.lag:,}" for reading in one.reads]
        outstanding += [f"unpublished {publishing.unpublished:,}" for publishing in one.publishes]
        cells = ("\n".join(lines) for lines in (streams, numbers, outstanding))
        style = None if one.used else "dim"
        table.add_row(one.service, _in_chinese(one.lane), _said(one), *cells, style=style)
    return table


def _said(one: LaneState) -> str:
    why = next((reading.why for reading in one.reads if reading.why), None)
    since = next((reading.since for reading in one.reads if reading.since), None)
    lines = [f"[{STYLES[one.state]}]{one.state}[/]"]
    if why:
        lines.append(why)
    if since:
        lines.append(f"since {shanghai(since, seconds_only=True)}")
    return "\n".join(lines)


def _short(stream: str) -> str:
    return stream.removeprefix("provinces.{lane}.")


def _show_quarantine(kept: Sequence[Mapping[str, Any]]) -> None:
    if not kept:
        typer.echo("Nothing lies in quarantine.")
        return
    table = _plain_table(f"Quarantine: {len(kept)} records, oldest first", "service")
    for column in ("lane", "offset", "why", "sealed bytes", "kept since"):
        table.add_column(column, justify="right" if column in ("offset", "sealed bytes") else "left")
    for row in kept:
        table.add_row(
            row["service"],
            _in_chinese(row["lane"]),
            f"{row['record_offset']:,}",
            f"{row['code']}\n{row['reason']}" if row["reason"] else row["code"],
            f"{row['sealed_bytes']:,}",
            shanghai(row["kept_at"], seconds_only=True),
        )
    Console().print(table)


def _plain_table(title: str, first: str) -> Table:
    """A table that fits eighty columns: no lines but one under the heads."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    return table


def _in_chinese(lane: str) -> str:
    return f"{lane} {named_lane(lane).name_zh}"
