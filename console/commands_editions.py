"""`dreams close`, `dreams editions`: close a period or restate it, see what is closed, prove that a file is genuine."""

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.api_client import Api
from console.commands_lanes import DATA, AsJson, Data, asked, named, write_json
from console.stack.failures import StackError
from console.times import shanghai

editions = typer.Typer(no_args_is_help=True, help="Editions: closed numbers of a period, signed (统计版本).")
Period = Annotated[str, typer.Argument(help="A month, such as 2026-06, or a year whose months are closed.")]
Edition = Annotated[str, typer.Argument(help="A period, or period and number, such as 2026-06.2.")]
CLOSE_TIMEOUT_S: Final = 300.0
SHOWN_MAX: Final = 40
_OUTCOMES: Final = {
    "passed": "[green]通过 passed[/]",
    "noted": "[yellow]注意 noted[/]",
    "failed": "[red]未通过 failed[/]",
}


def close(
    period: Period,
    reason: Annotated[
        str | None,
        typer.Option(
            help="Why it is closed although a check fails, or restated. It is published: name nobody."
        ),
    ] = None,
    restate: Annotated[
        bool, typer.Option("--restate", help="Make the next edition of a closed period.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the checks, and what a restatement would change, only.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Close a period after its checks, as a signed edition that nobody can change (结账)."""
    found = asked(
        data, lambda api: api.get("reporting", f"/v1/editions/{period}/checks", timeout_s=CLOSE_TIMEOUT_S)
    )
    Console().print(_checks(period, found["checks"]))
    if found["closed"] and (dry_run or restate):
        _show_pending(data, period)
    if dry_run:
        raise typer.Exit(1 if any(one["outcome"] == "failed" for one in found["checks"]) else 0)
    order: dict[str, Any] = {"period": period, "restate": restate} | ({"reason": reason} if reason else {})
    made = asked(data, lambda api: api.post("reporting", "/v1/editions", order, timeout_s=CLOSE_TIMEOUT_S))
    typer.echo(f"已结账，版本 {made['edition']}。 / Closed as edition {made['edition']}.")
    typer.echo(f"SHA-256 {made['sha256']}")


@editions.command("list")
def list_editions(data: Data = DATA, as_json: AsJson = False) -> None:
    """List the closed editions (已结账版本)."""
    rows = asked(data, lambda api: api.get("reporting", "/v1/editions"))
    if as_json:
        write_json(rows)
        return
    shown = _table("统计版本 editions", "版本 edition", "结账时间 closed at", "理由 reason", "SHA-256")
    for one in rows:
        at = shanghai(one["closed_at"], seconds_only=True)
        shown.add_row(one["edition"], at, escape(one["reason"] or ""), one["sha256"][:16])
    Console().print(shown)


@editions.command()
def show(edition: Edition, data: Data = DATA, as_json: AsJson = False) -> None:
    """Show what an edition says of itself: checks, reason, and what it restated (查看版本)."""
    found = asked(data, lambda api: api.get("reporting", f"/v1/editions/{edition}"))
    if as_json:
        write_json(found)
        return
    head = found["head"]
    console = Console()
    console.print(f"[bold]{found['edition']}[/]  SHA-256 {found['sha256']}", highlight=False)
    console.print(f"所知日期 known on {head['known_on']}   事实 facts {head['facts']:,}", highlight=False)
    if head["reason"]:
        console.print(f"理由 reason: {escape(head['reason'])}", highlight=False)
    console.print(_checks(head["period"], head["checks"]))
    if found["changed"]:
        console.print(_changed([one for one in found["changed"] if "measure" in one]))


@editions.command()
def save(
    edition: Edition, file: Annotated[Path, typer.Argument(help="The new file.")], data: Data = DATA
) -> None:
    """Save an edition as the file that can be verified (保存版本文件)."""
    if file.exists():
        raise typer.BadParameter(f"{file} is there already: name a new file. / 文件已存在。")
    with file.open("xb") as out:
        asked(data, lambda api: api.download("reporting", f"/v1/editions/{edition}/file", {}, out.write))
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


@editions.command()
def verify(
    file: Annotated[Path, typer.Argument(help="An edition's file.")],
    key: Annotated[
        Path | None,
        typer.Option(
            help="File with the public key that you trust (base64); otherwise the deployment is asked."
        ),
    ] = None,
    cells: Annotated[Path | None, typer.Option(help="The edition's cells, too (for officials).")] = None,
    data: Data = DATA,
) -> None:
    """Prove that a file is an edition as it was signed, to the byte; exit status 1 if not (验证版本)."""
    from shared.plumbing.signing import key_id, unsealed

    try:
        signed = unsealed(file.read_bytes())
    except (OSError, ValueError) as error:
        raise StackError(f"{file} 不是统计版本文件。 / {file} is no edition's file: {error}.") from error
    trusted = _key(key) if key else asked(data, _asked_key)
    if not signed.is_genuine(trusted):
        typer.echo(
            f"{file} 与签名不符：内容被改动，或不是由密钥 {key_id(trusted)} 签署。 / {file} is not as it was signed: "
            f"it was changed, or not signed by the key {key_id(trusted)}.",
            err=True,
        )
        raise typer.Exit(1)
    head = orjson.loads(signed.text.splitlines()[0])
    if cells and hashlib.sha256(cells.read_bytes()).hexdigest() != head["cells"]["sha256"]:
        typer.echo(
            f"{cells} 不是该版本的单元格。 / {cells} does not hold the cells of this edition.", err=True
        )
        raise typer.Exit(1)
    typer.echo(
        f"真实：版本 {head['period']}.{head['number']}，由密钥 {key_id(trusted)} 签署。 / Genuine: edition "
        f"{head['period']}.{head['number']}, signed by the key {key_id(trusted)}."
    )


async def _asked_key(api: Api) -> bytes:
    return base64.b64decode((await api.get("reporting", "/v1/editions/key"))["public_key"])


def _key(path: Path) -> bytes:
    try:
        return base64.b64decode(path.read_text().strip(), validate=True)
    except (OSError, ValueError, binascii.Error) as error:
        raise StackError(f"{path} 不是公钥文件。 / {path} holds no public key in base64.") from error


def _show_pending(data: Path, period: str) -> None:
    found = asked(
        data, lambda api: api.get("reporting", f"/v1/editions/{period}/pending", timeout_s=CLOSE_TIMEOUT_S)
    )
    console = Console()
    console.print(_changed(found["totals"]))
    cells, events = len(found["cells"]), len(found["events"])
    typer.echo(
        f"与版本 {found['edition']} 相比：{cells:,} 个单元格不同，其后记录了 {events:,} 个相关事件。 / Beside edition "
        f"{found['edition']}: {cells:,} cells differ, {events:,} events were recorded later."
    )


def _checks(period: str, checks: list[dict[str, str]]) -> Table:
    shown = _table(f"结账检查 checks of {period}", "检查 check", "结果 outcome", "说明 what was found")
    for one in checks:
        shown.add_row(one["code"], _OUTCOMES[one["outcome"]], f"{escape(one['zh'])}\n{escape(one['en'])}")
    return shown


def _changed(totals: list[dict[str, Any]]) -> Table:
    shown = _table(
        "更正 what changes", "指标 measure", "省份 lane", "原数 before", "现数 after", "事件 events"
    )
    for one in totals[:SHOWN_MAX]:
        events = "" if one["events"] is None else f"{one['events']:,}"
        place = "全国 nation" if one["lane"] == "nation" else named(one["lane"])
        shown.add_row(one["measure"], place, f"{one['before']:,}", f"{one['after']:,}", events)
    return shown


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table
