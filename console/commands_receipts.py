"""`dreams receipts`: how one event was judged, or all of a province's day, on the screen or as a table in a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.api_client import Api
from console.commands_lanes import DATA, AsJson, Data, asked, event_path, known_lane, named, write_json
from console.times import shanghai
from shared.contracts.receipt_codes import STATUSES

PAGE: Final = 1_000
TABLE_PAGE: Final = 5_000
SHOWN_MAX: Final = 200
"""So many are shown on the screen; `--csv` and `--json` give them all."""
STYLES: Final = {"accepted": "green", "duplicate": "dim", "parked": "yellow"}


def receipts(
    event_id: Annotated[
        str | None, typer.Argument(help="The id that the province gave its event.", show_default=False)
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The same as the argument.")] = None,
    province: Annotated[
        str | None,
        typer.Option("--province", "-p", help="Two digits of a province, such as 32.", callback=known_lane),
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="Those judged on this day, such as 2026-03-01; today if left out.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(help="Only accepted, duplicate, conflict, rejected or parked.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write them as a table into this new file.")
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show how an event, or a province's events of a day, were judged at the door (查询回执)."""
    wanted = event_id or id_
    if wanted is None and province is None:
        raise typer.BadParameter("Name an event's id, or a province by --province. / 请给出事件编号或省份。")
    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"There is no status {status}. There are: {', '.join(STATUSES)}.")
    if wanted is not None:
        _show_event(data, wanted, province, as_json)
    assert province is not None
    query = {name: value for name, value in (("day", day), ("status", status)) if value}
    if csv is not None:
        _write_table(data, province, query, csv)
    else:
        _show_day(data, province, query, as_json)


def _show_event(data: Path, event_id: str, province: str | None, as_json: bool) -> None:
    rows = asked(data, lambda api: api.get("enrollment", f"/v1/receipts/{event_path(event_id)}"))
    rows = [row for row in rows if province in (None, row["lane"])]
    if as_json:
        write_json(rows)
    elif rows:
        _show_receipts(event_id, rows)
    else:
        typer.echo(f"Nothing came under the id {event_id}.", err=True)
    raise typer.Exit(0 if rows else 1)


def _show_day(data: Path, province: str, query: Mapping[str, str], as_json: bool) -> None:
    most = None if as_json else SHOWN_MAX
    rows, more = asked(data, lambda api: _pages(api, province, query, most))
    if as_json:
        write_json(rows)
        return
    if not rows:
        typer.echo("没有这样的回执。 / There are no such receipts.")
        return
    Console().print(_table(province, rows))
    if more:
        typer.echo(
            f"还有更多，仅显示前 {len(rows)} 条；用 --csv 取得全部。 / More follow: --csv gives them all."
        )


async def _pages(
    api: Api, province: str, query: Mapping[str, str], most: int | None
) -> tuple[list[dict[str, Any]], bool]:
    """All receipts, or the first `most` of them, and whether more follow."""
    found: list[dict[str, Any]] = []
    after: dict[str, int] = {}
    while True:
        limit = PAGE if most is None else most - len(found)
        asking: dict[str, str | int | list[str]] = {**query, **after, "limit": limit}
        page = await api.get("enrollment", f"/v1/provinces/{province}/receipts", asking)
        found += page["receipts"]
        if not page["more"] or len(found) == most:
            return found, page["more"]
        after = {"after": page["next"]}


def _write_table(data: Path, province: str, query: Mapping[str, str], path: Path) -> None:
    """The server's own table, page after page into one file; the headers stand once."""
    if path.exists():
        typer.echo(f"文件 {path} 已存在，未覆盖。 / {path} exists and was left as it is.", err=True)
        raise typer.Exit(2)

    async def fetch(api: Api) -> int:
        place = f"/v1/provinces/{province}/receipts?{urlencode({**query, 'limit': TABLE_PAGE})}"
        count, draft = 0, path.with_name(f"{path.name}.part")
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                while place:
                    text, following = await api.get_table("enrollment", place)
                    header, _, lines = text.partition("\r\n")
                    file.write(lines if count else f"{header}\r\n{lines}")
                    count, place = count + 1, following
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return count

    asked(data, fetch)
    typer.echo(f"已写入 {path}。 / {path} is written.")


def _table(province: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=f"回执 receipts: {named(province)}", title_justify="left", box=SIMPLE_HEAD)
    for header in ("判定 judged", "事件编号 event id", "结果 result", "原因与处理 why, and what to do"):
        table.add_column(header, overflow="fold")
    for row in rows:
        zh, en = STATUSES[row["status"]]
        why = "\n".join(row[name] for name in ("message_zh", "message_en") if row[name])
        style = STYLES.get(row["status"], "red")
        told = row["event_id"] or f"offset {row['offset']}"
        table.add_row(
            shanghai(row["judged_at"], seconds_only=True), escape(told), f"[{style}]{zh} {en}[/]", escape(why)
        )
    return table


def _show_receipts(event_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    console = Console()
    for row in rows:
        grid = Table(box=None, show_header=False, title=f"Receipt for {event_id}", title_justify="left")
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column()
        style = "green" if row["status"] == "accepted" else "yellow"
        grid.add_row("verdict", f"[{style}]{row['status']}[/]")
        why = [row[name] for name in ("code", "field") if row.get(name)]
        sentences = [row[name] for name in ("message_zh", "message_en") if row.get(name)]
        if why:
            grid.add_row("why", "\n".join([" ".join(why), *sentences]))
        if row["voided_by"]:
            grid.add_row(
                "voided",
                f"[yellow]此后被作废或更正 later voided or corrected by[/] {escape(row['voided_by'])}",
            )
        grid.add_row("judged", shanghai(row["received_at"], seconds_only=True))
        grid.add_row("type", row["type"] or "")
        grid.add_row("lane", f"{named(row['lane'])}, offset {row['record_offset']:,}")
        grid.add_row("source", row["source"])
        console.print(grid)
