"""`dreams payments due` and `unmatched`: what a province has to pay, and what it has paid without a grant."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.amounts import yuan
from console.api_client import Api
from console.commands_lanes import DATA, AsJson, Data, OfProvince, asked, write_json

payments = typer.Typer(
    no_args_is_help=True,
    help="Payments: what is due, and what was paid without a grant.",
)


@payments.command("due")
def due(
    province: OfProvince,
    year: Annotated[int | None, typer.Option(help="Fiscal year; the lane's current one if left out.")] = None,
    format_: Annotated[
        Literal["csv", "xml"], typer.Option("--format", help="A table, or XML for a finance system.")
    ] = "csv",
    out: Annotated[
        Path | None, typer.Option(help="Write into this new file; otherwise to standard output.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Write what is granted and not paid yet, a line for each award, with control sums (待支付清单).

    Once it is paid: fill in the day of each payment in the table and send the same file by `dreams publish`.
    """
    query: dict[str, str | int | list[str]] = {"lane": province, "format": format_}
    if year is not None:
        query["year"] = year
    if out is None:
        asked(data, lambda api: api.download("subsidy", "/v1/payments/due", query, sys.stdout.buffer.write))
        return
    if out.exists():
        typer.echo(f"文件 {out} 已存在，未覆盖。 / {out} exists and was left as it is.", err=True)
        raise typer.Exit(2)
    asked(data, lambda api: _write(api, query, out))
    typer.echo(f"已写入 {out}。 / {out} is written.")


@payments.command("unmatched")
def unmatched(
    province: OfProvince,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """List payments that belong to no grant: those that wait for one, and those that must come back (未入账支付)."""
    rows = asked(data, lambda api: _unmatched(api, province))
    if as_json:
        write_json(rows)
        return
    if not rows:
        typer.echo("没有未入账的支付。 / Every payment is booked.")
        return
    headers = ("批次 batch", "行 line", "注册编号 enrollment", "年度 year", "资金来源 fund source")
    table = Table(*headers, "未入账 not booked", "处理 what to do", box=SIMPLE_HEAD, show_edge=False)
    for row in rows:
        place = (row["batch_no"], str(row["line_no"]), row["enrollment_no"], str(row["fiscal_year"]))
        what = _WAITS if row["waits"] else _MUST_COME_BACK
        table.add_row(*map(escape, (*place, row["fund_source"])), yuan(row["unmatched_fen"]), what)
    Console().print(table)


_WAITS: Final = "待批准，自动入账 waits for its grant"
_MUST_COME_BACK: Final = "收回并报送 payment.returned: collect and send it"


async def _unmatched(api: Api, lane: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"lane": lane}
    while True:
        answer = await api.get("subsidy", "/v1/payments/unmatched", query)
        rows += answer["payments"]
        if answer["next"] is None:
            return rows
        query = {"lane": lane, "after_batch": answer["next"][0], "after_line": answer["next"][1]}


async def _write(api: Api, query: dict[str, str | int | list[str]], path: Path) -> None:
    """The file appears once it is whole."""
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as file:
            await api.download("subsidy", "/v1/payments/due", query, file.write)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
