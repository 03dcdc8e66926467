"""`dreams payments due`: the file by which a province's finance office pays what is granted."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from console.api_client import Api
from console.commands_lanes import DATA, Data, asked, known_lane

payments = typer.Typer(no_args_is_help=True, help="Payments: what the finance office has to pay.")


@payments.command("due")
def due(
    province: Annotated[
        str,
        typer.Option("--province", "-p", help="Two digits of a province, such as 32.", callback=known_lane),
    ],
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


async def _write(api: Api, query: dict[str, str | int | list[str]], path: Path) -> None:
    """The file appears once it is whole."""
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as file:
            await api.download("subsidy", "/v1/payments/due", query, file.write)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
