"""`dreams schemes`: the schemes in force, a file checked line by line, and a version put in force by an event."""

import asyncio
import hashlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.amounts import yuan
from console.commands_lanes import DATA, AsJson, Data, asked, known_lane, named, write_json
from console.province.columns import CHINESE
from console.province.connection import find_connection
from console.province.drafting import Ready
from console.province.publication import Outcome, publish
from console.province.said_error import SaidError
from shared.contracts.lanes import NATION
from shared.contracts.provinces import SCHEME_ACTIVATED

CHECKER: Final = "services.subsidy.scheme_file"
"""A program of subsidy's own: it reads a file exactly as the service would."""
WRONG: Final = 2
SystemName = Annotated[
    str, typer.Option("--system", help="Name of the sending system, part of the event's source.")
]
File = Annotated[Path, typer.Argument(help="YAML file of one version of a scheme.", dir_okay=False)]

schemes = typer.Typer(
    invoke_without_command=True, help="The schemes: list, check a file, put a version in force."
)


@schemes.callback()
def list_schemes(
    context: typer.Context,
    lane: Annotated[
        str, typer.Option("--lane", help="As in force on this lane.", callback=known_lane)
    ] = NATION,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show every version in force (适用的补助办法); with a command, do that instead."""
    if context.invoked_subcommand is not None:
        return
    found = asked(data, lambda api: api.get("subsidy", "/v1/schemes", {"lane": lane}))
    if as_json:
        write_json(found)
    else:
        _show(found)


@schemes.command()
def check(file: File) -> None:
    """Check a file and say what it would put in force (检查办法文件); exit status 2 with line and reason if not."""
    said = _checked(file)
    typer.echo(
        f"{file}：有效 valid。{said['scheme']} 第 {said['scheme_version']} 版，{said['valid_from']} 起入学者适用 / "
        f"version {said['scheme_version']}, for first days from {said['valid_from']}"
    )


@schemes.command()
def activate(
    file: File,
    system: SystemName = "operator",
    data: Annotated[
        Path, typer.Option("--data", envvar="DREAMS_DATA", help="Folder of the local stack.")
    ] = Path(".dreams"),
) -> None:
    """Put a version in force on all lanes by an event of lane 00, and follow its receipt (启用办法).

    Sent again it is the same event. Exit status 0 if it is accepted, 1 if not, 2 if the file or the call is wrong.
    """
    said = _checked(file)
    try:
        outcome = _sent(said, file, system, data)
    except SaidError as error:
        typer.echo(f"{error.zh}\n{error.en}", err=True)
        raise typer.Exit(WRONG) from error
    words = (
        f"{said['scheme']} 第 {said['scheme_version']} 版 version {said['scheme_version']}: {outcome.status}"
    )
    typer.echo(f"{words}\n{outcome.zh}\n{outcome.en}".rstrip())
    if outcome.well:
        typer.echo(
            "各省按事件先后启用；与其他办法重叠的版本不会生效，见全国通道的决定。 / "
            "Each lane takes it up in its own order; `dreams schemes` shows it. One that overlaps is refused "
            "on lane 00's decisions."
        )
    raise typer.Exit(0 if outcome.well else 1)


def _checked(file: Path) -> dict[str, Any]:
    """The data of the event; the checker's sentence and exit status 2 where the file is not valid."""
    done = subprocess.run([sys.executable, "-m", CHECKER, str(file)], capture_output=True, check=False)
    if done.returncode:
        typer.echo(done.stderr.decode(errors="replace").strip(), err=True)
        raise typer.Exit(WRONG)
    said: dict[str, Any] = orjson.loads(done.stdout)
    return said


def _sent(said: dict[str, Any], file: Path, system: str, data: Path) -> Outcome:
    """Send the event through the door as lane 00, and wait for its receipt."""
    connection = find_connection(NATION, data)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what fails is raised, and said by us
    ready = _event(said, system)
    progress = file.with_name(f"{file.name}.progress")
    (outcome,) = asyncio.run(
        publish(
            connection.broker,
            NATION,
            [ready],
            progress,
            lambda _: None,
            otlp_endpoint=connection.otlp_endpoint,
        )
    )
    return outcome


def _event(said: dict[str, Any], system: str) -> Ready:
    """The event; id and time derive from its content, so that a file that is sent twice is one event."""
    content = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
    id_, source = (
        f"scheme-{said['scheme']}-{said['scheme_version']}-{content[:12]}",
        f"//provinces/{NATION}/{system}",
    )
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": SCHEME_ACTIVATED,
        "time": f"{said['valid_from']}T00:00:00+08:00",
        "data": said,
    }
    return Ready(1, id_, source, SCHEME_ACTIVATED, orjson.dumps(event))


def _show(found: dict[str, Any]) -> None:
    table = Table(title=f"补助办法 schemes: {named(found['lane'])}", box=SIMPLE_HEAD, title_justify="left")
    for header in (
        "办法 scheme",
        "入学日期 first day",
        "类别 categories",
        "培养 tracks",
        "标准（元）",
        "限次 limit",
    ):
        table.add_column(header, overflow="fold")
    by_event = {(one["name"], one["version"]) for one in found["adopted"]}
    for one in sorted(found["in_force"], key=lambda one: (one["name"], one["version"])):
        how = "事件 event" if (one["name"], one["version"]) in by_event else "文件 file"
        table.add_row(
            f"{escape(one['name'])} v{one['version']}\n{how}",
            f"{one['valid_from']} – {one['valid_until'] or '…'}",
            _words(one["eligible_categories"]),
            _words(one["tracks"]),
            _amounts(one),
            str(one["lifetime_awards_per_level"] or "—"),
        )
    Console().print(table)


def _amounts(one: dict[str, Any]) -> str:
    of_what = [_part(part) for part in one["parts"]] or [escape(one["fund_source"])]
    return "\n".join([yuan(one["amount_base_fen"]), *of_what])


def _part(part: dict[str, Any]) -> str:
    """`50 % base national-fund`: what one part of an award is, in the order in which parts draw on tuition."""
    if part["amount_fen"] is not None:
        size = yuan(part["amount_fen"])
    else:
        size = f"{part['share_percent']} % {CHINESE[part['share_of']][0]}"
    year = f" 第 {part['year_of_study']} 学年" if part["year_of_study"] > 1 else ""
    due = f" {CHINESE[part['due']][0]}" if part["due"] == "completion" else ""
    return f"{size}{due}{year} {escape(part['fund_source'])}"


def _words(values: list[str]) -> str:
    return "、".join(CHINESE[value][0] for value in sorted(values))
