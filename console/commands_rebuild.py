"""`dreams rebuild reporting`: all numbers anew from the facts, beside those that are read, then in their place."""

import asyncio
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from console.api_client import Api
from console.commands_lanes import DATA, Data, asked
from console.late_progress import bar

rebuild = typer.Typer(no_args_is_help=True, help="Rebuild: what a service derives, anew from the facts.")
LOOK_EVERY_S: Final = 0.5


@rebuild.command("reporting")
def rebuild_reporting(
    reason: Annotated[str, typer.Option(help="Why; it is kept in the trail.")], data: Data = DATA
) -> None:
    """Rebuild all numbers from the topics; the old ones are read until the new ones are level (重建统计)."""
    done = asked(data, lambda api: _rebuild(api, reason))
    if done["state"] != "switched":
        typer.echo(
            f"重建失败：{done['why']}，仍使用原有数据。 / The rebuild failed: {done['why']}; "
            "the old numbers are still read.",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(
        f"已重建 {done['facts']:,} 条事实，{done['differences']} 项合计与此前不同。 / "
        f"{done['facts']:,} facts were counted anew; {done['differences']} sums differ from before."
    )


async def _rebuild(api: Api, reason: str) -> dict[str, Any]:
    shown: dict[str, Any] = await api.post("reporting", "/v1/rebuild", {"reason": reason})
    with bar(Console(stderr=True)) as progress:
        task = progress.add_task("重建 rebuilding", total=None)
        while shown["state"] == "reading":
            progress.update(task, completed=shown["facts"], total=shown["of"] or None)
            await asyncio.sleep(LOOK_EVERY_S)
            shown = await api.get("reporting", "/v1/rebuild")
    return shown
