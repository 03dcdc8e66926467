"""`dreams completeness`, `dreams registers`, `dreams look-ups`: what has come, what there is, and who has looked."""

from typing import Annotated, Any, Final, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.api_client import Api, ApiError
from console.commands_lanes import DATA, AsJson, Data, OfProvince, apart, asked, named, write_json
from console.times import shanghai
from shared.contracts.catalogue import NAMES_ZH

PAGE: Final = 500
SHOWN_MAX: Final = 200
"""So many are shown on the screen; `--json` gives them all."""
LOOKED_UP_AT: Final = ("enrollment", "subsidy", "reporting")
"""Services that tell of single persons or events and keep who asked."""
Register = Literal["projects", "institutions", "alliances"]


def completeness(
    month: Annotated[
        str, typer.Argument(help="Year and month in which the events happened, such as 2026-03.")
    ],
    province: OfProvince,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Compare what a province says it has sent with what was accepted of a month (完整性核对)."""
    place = f"/v1/provinces/{province}/completeness"
    found = asked(data, lambda api: api.get("enrollment", place, {"month": month}))
    if as_json:
        write_json(found)
        return
    console = Console()
    console.print(_received(named(province), month, found["received"]))
    console.print(_declared(found["declarations"]))
    if found["silent_days"]:
        days = ", ".join(found["silent_days"])
        console.print(f"[yellow]没有事件的日期 days without events[/]  {days}")
    if any(one["difference"] < 0 for one in found["declarations"]):
        console.print(
            "[yellow]有事件未到达或未被采用，请查看回执。 / Some have not arrived or were not accepted.[/]"
        )
        raise typer.Exit(1)


def registers(
    register: Annotated[Register, typer.Argument(help="projects, institutions or alliances.")],
    search: Annotated[str, typer.Option(help="A part of the number, the name or the leading body.")] = "",
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """List the projects, institutions or alliances that events name by number (查询登记册)."""
    most = None if as_json else SHOWN_MAX
    entries, more = asked(data, lambda api: _entries(api, register, search, most))
    if as_json:
        write_json(entries)
        return
    table = _table(
        f"登记册 {register}", "编号 number", "名称 name", "始于 since", "省份 province", "事件 event"
    )
    for one in entries:
        sent_by, event_id = named(one["reported_by"]), escape(one["event_id"])
        table.add_row(escape(one["number"]), escape(one["name"]), one["since"], sent_by, event_id)
    Console().print(table)
    if more:
        typer.echo(
            f"仅显示前 {len(entries)} 条；用 --search 缩小范围。 / More follow: narrow it by --search."
        )


def look_ups(
    day: Annotated[str | None, typer.Option(help="Those of this day, such as 2026-03-01.")] = None,
    about: Annotated[
        str | None, typer.Option(help="Only those for this worker_ref, event id or enrollment.")
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show who looked at receipts, journeys, registers and awards (查询访问记录)."""
    query = {name: value for name, value in (("day", day), ("hash_of", about)) if value}
    rows, failures = asked(data, lambda api: _look_ups(api, query))
    for failure in failures:
        typer.echo(str(failure), err=True)
    if as_json:
        write_json(rows)
        raise typer.Exit(1 if failures else 0)
    table = _table(
        "访问记录 look-ups", "时间 at", "令牌 token", "角色 role", "省份 lane", "事项 what", "结果 found"
    )
    for one in rows:
        found = "  ".join(f"{name} {value}" for name, value in one["found"].items() if value is not None)
        lane = named(one["lane"]) if one["lane"] else ""
        at = shanghai(one["at"], seconds_only=True)
        table.add_row(at, escape(one["caller"]), one["role"], lane, one["what"], escape(found))
    Console().print(table)
    if failures:
        raise typer.Exit(1)


async def _look_ups(api: Api, query: dict[str, str]) -> tuple[list[dict[str, Any]], list[ApiError]]:
    """The trails of all services that keep one, in the order of time."""
    kept_by = [name for name in api.services if name in LOOKED_UP_AT]
    answers, failures = apart(await api.get_from_each("/v1/look-ups", query, kept_by))
    rows = [{"service": name, **row} for name, listed in answers.items() for row in listed]
    return sorted(rows, key=lambda row: str(row["at"])), list(failures.values())


async def _entries(
    api: Api, register: str, search: str, most: int | None
) -> tuple[list[dict[str, Any]], bool]:
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        limit = PAGE if most is None else min(PAGE, most - len(found))
        asking: dict[str, str | int | list[str]] = {"search": search, "after": after, "limit": limit}
        page = await api.get("enrollment", f"/v1/{register}", asking)
        found += page["entries"]
        if page["next"] is None or len(found) == most:
            return found, page["next"] is not None
        after = page["next"]


def _received(province: str, month: str, received: dict[str, int]) -> Table:
    table = _table(f"{province} {month}", "事件类型 type", "已采用 accepted")
    for name, events in received.items():
        table.add_row(f"{NAMES_ZH.get(name, '')} {name}", f"{events:,}")
    return table


def _declared(declarations: list[dict[str, Any]]) -> Table:
    headers = (
        "期间 period",
        "类型 types",
        "申报 declared",
        "已采用 accepted",
        "差额 difference",
        "事件 event",
    )
    table = _table("控制总数 control totals", *headers)
    for one in declarations:
        types = "、".join(NAMES_ZH.get(name, name) for name in one["event_types"])
        style = "red" if one["difference"] < 0 else "yellow" if one["difference"] else "green"
        counts = (f"{one['declared']:,}", f"{one['received']:,}", f"[{style}]{one['difference']:+,}[/]")
        table.add_row(f"{one['since']} – {one['until']}", types, *counts, escape(one["event_id"]))
    return table


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table
