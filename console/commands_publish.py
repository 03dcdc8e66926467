"""`dreams publish`: a province sends its own file, sees its receipts and what was refused."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import BaseModel, TypeAdapter, ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from console.province.columns import columns
from console.province.connection import find_connection, find_key
from console.province.drafting import Ready, Refused, Sender, draft, full_type, is_example
from console.province.files import Contents, FileError, read_file
from console.province.publication import Outcome, not_sent, publish
from console.province.said_error import SaidError
from console.province.tables import STATUS_WORDS, refused_cells, write_refused, write_template
from shared.contracts.envelope import ProvinceEvent
from shared.contracts.lanes import LANE_CODES
from shared.contracts.provinces import DATA_MODELS
from shared.contracts.receipt_codes import sentences
from shared.plumbing.decoding import explain

USAGE: Final = 2
SHOWN_MAX: Final = 20
"""So many refused rows are shown; the file holds them all."""


def publish_file(
    file: Annotated[
        Path | None, typer.Argument(help="CSV, JSON Lines or CloudEvents; with --template the file to write.")
    ] = None,
    province: Annotated[
        str, typer.Option("--province", "-p", help="Two digits of your province, such as 32.")
    ] = "",
    type_: Annotated[
        str | None, typer.Option("--type", "-t", help="What a table holds, such as worker.enrolled.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Write an empty file for this type, with an example row.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, send nothing.")] = False,
    system: Annotated[
        str, typer.Option(help="Name of the sending system, part of the events' source.")
    ] = "file",
    key_file: Annotated[
        Path | None, typer.Option(envvar="DREAMS_WORKER_KEY_FILE", help="Key of the workers' pseudonyms.")
    ] = None,
    data: Annotated[
        Path, typer.Option("--data", envvar="DREAMS_DATA", help="Folder of the local stack.")
    ] = Path(".dreams"),
) -> None:
    """Send a province's own file and follow its receipts (发送本省文件并查看回执).

    Exit status: 0 if every row is accepted or was known, 1 if not, 2 if the call or the whole file is wrong.
    Elsewhere than over a local stack, DREAMS_KAFKA_BOOTSTRAP, DREAMS_KAFKA_USERNAME and
    DREAMS_KAFKA_PASSWORD_FILE say how to connect.
    """
    try:
        if template is not None:
            _write_template(file, template)
            raise typer.Exit(0)
        full = None if type_ is None else full_type(type_)
        path = _named(file)
        sender = Sender(_province(province), system, find_key(key_file, data))
        drafts = _drafts(read_file(path, full), sender, full)
        outcomes = _checked(drafts) if dry_run else _sent(drafts, sender.lane, data)
        raise typer.Exit(_report(path, outcomes, full, dry_run=dry_run))
    except SaidError as error:
        typer.echo(f"{error.zh}\n{error.en}", err=True)
        raise typer.Exit(USAGE) from error


def _write_template(file: Path | None, name: str) -> None:
    full = full_type(name)
    path = file or Path(f"{name}.csv")
    write_template(path, full)
    typer.echo(f"已写入 {path}；请删除示例行。 / {path} is written; delete its example row.")


def _named(file: Path | None) -> Path:
    if file is None:
        raise FileError("请给出要发送的文件。", "Name the file to send.")
    return file


def _province(code: str) -> str:
    if code not in LANE_CODES:
        raise FileError(
            f"没有省份“{code}”。请用 --province 给出两位行政区划代码，如 32（江苏）。",
            f"There is no province “{code}”. Give its two digits by --province, such as 32 for Jiangsu.",
        )
    return code


def _drafts(contents: Contents, sender: Sender, type_: str | None) -> list[Ready | Refused]:
    if contents.ignored:
        names = "、".join(contents.ignored)
        typer.echo(f"这些列不会发送 these columns are not sent: {names}", err=True)
    rows = [row for row in contents.rows if not is_example(row)]
    if len(rows) < len(contents.rows):
        typer.echo("示例行未发送。 / The example row is not sent.", err=True)
    if not rows:
        raise FileError("文件中没有数据行。", "The file has no rows.")
    return list(draft(rows, sender, type_))


def _sent(drafts: Sequence[Ready | Refused], lane: str, data: Path) -> list[Outcome]:
    """Send what can be sent, under a progress bar; the outcomes in the file's order."""
    connection = find_connection(lane, data)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what fails is raised, and said by us
    ready = [one for one in drafts if isinstance(one, Ready)]
    with _progress() as progress:
        task = progress.add_task("回执 receipts", total=len(ready))
        sent = asyncio.run(
            publish(
                connection.broker,
                lane,
                ready,
                lambda answered: progress.update(task, completed=answered),
                otlp_endpoint=connection.otlp_endpoint,
            )
        )
    return _in_order([*sent, *_refused(drafts)])


def _checked(drafts: Sequence[Ready | Refused]) -> list[Outcome]:
    """Check against the contract what would be sent; `accepted` means that nothing speaks against it here."""
    checked = [_check(one) for one in drafts if isinstance(one, Ready)]
    return _in_order([*checked, *_refused(drafts)])


def _check(event: Ready) -> Outcome:
    model = DATA_MODELS.get(event.type)
    if model is None:
        zh, en = sentences("unknown_type", detail=event.type[:80])
        return Outcome(event.number, event.id, "not_sent", "unknown_type", "type", zh, en)
    try:
        _adapter(model).validate_json(event.value, extra="forbid")
    except ValidationError as error:
        bad = explain(error)
        zh, en = sentences(bad.code, field=bad.field, detail=bad.detail)
        return Outcome(event.number, event.id, "not_sent", bad.code, bad.field, zh, en)
    return Outcome(event.number, event.id, "accepted")


@cache
def _adapter(model: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(ProvinceEvent[model])  # type: ignore[valid-type]


def _refused(drafts: Iterable[Ready | Refused]) -> list[Outcome]:
    return [not_sent(one) for one in drafts if isinstance(one, Refused)]


def _in_order(outcomes: list[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda outcome: outcome.number)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _report(path: Path, outcomes: Sequence[Outcome], type_: str | None, *, dry_run: bool) -> int:
    """Show what came of it, write what was refused beside the file; the exit status."""
    refused = [outcome for outcome in outcomes if not outcome.well]
    names = columns(type_) if type_ else ()
    counts = {status: sum(o.status == status for o in outcomes) for status in STATUS_WORDS}
    beside = path.with_name(f"{path.name}.refused.csv")
    if refused:
        table = Table(title="未采用的行 rows to look at", box=SIMPLE_HEAD, title_justify="left")
        for header in ("行 line", "结果 result", "字段 field", "原因 why"):
            table.add_column(header, overflow="fold")
        for outcome in refused[:SHOWN_MAX]:
            line, _, result, _, field, zh, en = refused_cells(outcome, names)
            table.add_row(line, result, field, f"{zh}\n{en}")
        Console().print(table)
        write_refused(beside, refused, names)
    else:
        beside.unlink(missing_ok=True)
    said = STATUS_WORDS | ({"accepted": "可以发送 fit to send"} if dry_run else {})
    words = "，".join(f"{said[status]} {count}" for status, count in counts.items() if count)
    typer.echo(f"{len(outcomes)} 行 rows: {words}")
    if refused:
        typer.echo(f"全部原因见 {beside} / All reasons are in {beside}")
    return 1 if refused else 0
