"""`dreams publish`: a province sends its own file, sees its receipts and what was refused."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.late_progress import bar
from console.province.connection import find_connection, find_key
from console.province.drafting import Ready, Refused, Sender, draft, is_example
from console.province.files import Contents, read_file
from console.province.headers import FileError, full_type
from console.province.publication import Outcome, not_sent, publish
from console.province.said_error import SaidError
from console.province.tables import STATUS_WORDS, refused_cells, write_refused, write_template
from shared.contracts.lanes import LANE_CODES

INTERRUPTED: Final = 130
USAGE: Final = 2
SHOWN_MAX: Final = 20
"""So many refused rows are shown; the file holds them all."""


def publish_file(
    file: Annotated[
        Path | None,
        typer.Argument(help="Excel, CSV, JSON Lines or CloudEvents; with --template the file to write."),
    ] = None,
    province: Annotated[
        str, typer.Option("--province", "-p", help="Two digits of your province, such as 32.")
    ] = "",
    type_: Annotated[
        str | None,
        typer.Option("--type", "-t", help="What a table holds, if its headers do not say: worker.enrolled."),
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Write an empty .xlsx or .csv for this type, with an example row.")
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

    After an interruption the same command goes on where it stood: nothing is sent twice as another event.

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
        drafts = _drafts(read_file(path, full), sender, full, check=dry_run)
        outcomes = _outcomes(drafts, {}) if dry_run else _sent(drafts, path, sender.lane, data)
        raise typer.Exit(_report(path, outcomes, dry_run=dry_run))
    except SaidError as error:
        _say(error)
        raise typer.Exit(USAGE) from error
    except KeyboardInterrupt:
        typer.echo(
            "已中断。再次运行同一命令，将从中断处继续，不会重复计入。\n"
            "Interrupted. The same command goes on where it stood; nothing counts twice.",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def _write_template(file: Path | None, name: str) -> None:
    full = full_type(name)
    path = file or Path(f"{name}.xlsx")
    if path.suffix.lower() == ".xlsx":
        from console.province.template_book import write_template_book  # slow to load

        write_template_book(path, full)
    else:
        write_template(path, full)
    typer.echo(f"已写入 {path}；示例行不会发送。\n{path} is written; its example row is never sent.")


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


def _say(sentence: SaidError) -> None:
    typer.echo(f"{sentence.zh}\n{sentence.en}", err=True)


def _drafts(contents: Contents, sender: Sender, type_: str | None, *, check: bool) -> list[Ready | Refused]:
    for note in contents.notes:
        _say(note)
    rows = [row for row in contents.rows if not is_example(row)]
    if len(rows) < len(contents.rows):
        typer.echo("示例行未发送。 / The example row is not sent.", err=True)
    if not rows:
        raise FileError("文件中没有数据行。", "The file has no rows.")
    return list(draft(rows, sender, type_, check=check))


def _sent(drafts: Sequence[Ready | Refused], path: Path, lane: str, data: Path) -> list[Outcome]:
    """Send what can be sent, under a progress bar; the outcomes in the file's order."""
    connection = find_connection(lane, data)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what fails is raised, and said by us
    ready = [one for one in drafts if isinstance(one, Ready)]
    with bar(Console(stderr=True)) as progress:
        task = progress.add_task("回执 receipts", total=len(ready))
        sent = asyncio.run(
            publish(
                connection.broker,
                lane,
                ready,
                path.with_name(f"{path.name}.progress"),
                lambda answered: progress.update(task, completed=answered),
                otlp_endpoint=connection.otlp_endpoint,
            )
        )
    return _outcomes(
        drafts, {(event.sheet, event.number): one for event, one in zip(ready, sent, strict=True)}
    )


def _outcomes(drafts: Sequence[Ready | Refused], sent: Mapping[tuple[str, int], Outcome]) -> list[Outcome]:
    """One for each row, in the file's order; what was only checked is well if nothing speaks against it here."""
    return [
        not_sent(one)
        if isinstance(one, Refused)
        else sent.get((one.sheet, one.number)) or Outcome(one.number, one.id, "accepted", type=one.type)
        for one in drafts
    ]


def _report(path: Path, outcomes: Sequence[Outcome], *, dry_run: bool) -> int:
    """Show what came of it, write what was refused beside the file; the exit status."""
    refused = [outcome for outcome in outcomes if not outcome.well]
    counts = {status: sum(o.status == status for o in outcomes) for status in STATUS_WORDS}
    beside = path.with_name(f"{path.name}.refused.csv")
    if refused:
        table = Table(title="未采用的行 rows to look at", box=SIMPLE_HEAD, title_justify="left", expand=True)
        table.add_column("行 line", no_wrap=True)
        table.add_column("结果 result", ratio=2, overflow="fold")
        table.add_column("原因 why", ratio=5, overflow="fold")
        for outcome in refused[:SHOWN_MAX]:
            line, _, result, _, field, zh, en = refused_cells(outcome)
            # Text, not str: a field's name is the sender's, and brackets in it are no markup.
            table.add_row(*map(Text, (line, f"{result}\n{field}".rstrip(), f"{zh}\n{en}")))
        Console().print(table)
        write_refused(beside, refused)
    else:
        beside.unlink(missing_ok=True)
    said = STATUS_WORDS | ({"accepted": "可以发送 fit to send"} if dry_run else {})
    words = "，".join(f"{said[status]} {count}" for status, count in counts.items() if count)
    typer.echo(f"{len(outcomes)} 行 rows: {words}")
    if refused:
        typer.echo(f"全部原因见 All reasons are in: {beside}")
    return 1 if refused else 0
