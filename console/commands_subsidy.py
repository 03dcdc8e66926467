"""`dreams explain`, `budgets`, `waitlist`: what was decided about money and why, what there is, and who waits."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.amounts import yuan
from console.api_client import Api
from console.commands_lanes import (
    DATA,
    AsJson,
    Data,
    OnlyLane,
    asked,
    event_path,
    known_lane,
    named,
    write_json,
)
from console.explanation import Lang, page
from console.wide_tables import show
from shared.contracts.lanes import lane as named_lane

PAGE: Final = 500
SHOWN_MAX: Final = 200
"""So many of a queue are shown on the screen; `--json` gives them all."""
FUND_WIDTH: Final = len("provincial-federation")
_ACCOUNTS: Final = (
    ("拨款\nallocated", "allocated_fen"),
    ("预留\nreserved", "reserved_fen"),
    ("批准\ngranted", "granted_fen"),
    ("支付\npaid", "disbursed_fen"),
    ("应追回\nowed", "receivable_fen"),
    ("奖学金\nscholarships", "scholarship_fen"),
    ("可用\nfree", "free_fen"),
)
Year = Annotated[int | None, typer.Option(help="Fiscal year, such as 2026.")]


def explain(
    enrollment_no: Annotated[str, typer.Argument(help="The enrollment, as the province numbered it.")],
    lang: Annotated[Lang, typer.Option(help="Language of the page: zh, en or both.")] = "both",
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Explain an award for the file: each decision, its rule, its steps and reasons (补助决定说明)."""
    path = f"/v1/awards/{event_path(enrollment_no)}/explanation"
    answer = asked(data, lambda api: api.get("subsidy", path))
    if as_json:
        write_json(answer)
    else:
        Console(highlight=False, markup=False).print(page(answer, lang))


def budgets(
    lane: OnlyLane = None,
    year: Year = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="As at the end of this day (2026-03-01); needs --lane.")
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show budgets: what was allocated, what is held, what is free, and how many wait (预算一览)."""
    query = _given(lane=lane, year=year, as_of=as_of)
    rows = asked(data, lambda api: _budgets(api, query))
    if as_json:
        write_json(rows)
        return
    _show_budgets(Console(), rows, as_of)


def _show_budgets(console: Console, rows: Sequence[Mapping[str, Any]], as_of: str | None) -> None:
    """A table; one budget below the other where the terminal is too narrow for it: nothing is cut off."""
    headers = ("省份\nlane", "年度\nyear", "资金来源\nfund source", *(name for name, _ in _ACCOUNTS))
    table = _table(f"预算（元）budgets (yuan){_on(as_of)}", *headers, "候补\nwaiting", "预计用完\nruns out")
    show(console, table, [(*_place(one), *_figures(one)) for one in rows], keys=3)


def _place(one: Mapping[str, Any]) -> tuple[str, str, str]:
    lane_zh = f"{one['lane']} {named_lane(one['lane']).name_zh}"
    return lane_zh, str(one["fiscal_year"]), escape(one["fund_source"])


def _figures(one: Mapping[str, Any]) -> list[str]:
    """What is not known of a day that is past is a dash."""
    waits = "—" if one.get("waiting") is None else f"{one['waiting']:,}"
    return [*(yuan(one.get(name, 0)) for _, name in _ACCOUNTS), waits, one.get("runs_out_on") or "—"]


def waitlist(
    lane: Annotated[
        str, typer.Option("--lane", help="Two digits of a lane, such as 32.", callback=known_lane)
    ],
    year: Year = None,
    fund: Annotated[str | None, typer.Option(help="Only the queue of this fund source.")] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show who waits for money on a lane, in the order in which it comes (候补名单)."""
    most = None if as_json else SHOWN_MAX
    queues = asked(data, lambda api: _queues(api, lane, year, fund, most))
    if as_json:
        write_json(queues)
        return
    if not queues:
        typer.echo("没有人候补。 / Nobody waits.")
    for one in queues:
        _show_queue(one)


async def _budgets(api: Api, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = await api.get("subsidy", "/v1/budgets", {**query, **after})
        found += answer["budgets"]
        if answer["next"] is None:
            return found
        after = {"after": answer["next"]}


async def _queues(
    api: Api, lane: str, year: int | None, fund: str | None, most: int | None
) -> list[dict[str, Any]]:
    """Each queue of the lane in which somebody waits: all of it, or its first `most`."""
    found = []
    for one in await _budgets(api, _given(lane=lane, year=year)):
        if (one["waiting"] or one.get("held_back")) and fund in (None, one["fund_source"]):
            query = {"lane": lane, "year": one["fiscal_year"], "fund_source": one["fund_source"]}
            found.append(query | await _queue(api, query, most))
    return found


async def _queue(api: Api, query: Mapping[str, Any], most: int | None) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    after = 0
    while True:
        limit = PAGE if most is None else min(PAGE, most - len(rows))
        answer: dict[str, Any] = await api.get(
            "subsidy", "/v1/waitlist", {**query, "after": after, "limit": limit}
        )
        rows += answer["queue"]
        if answer["next"] is None or len(rows) == most:
            return answer | {"queue": rows}
        after = answer["next"]


def _show_queue(one: Mapping[str, Any]) -> None:
    title = f"候补 waitlist: {named(one['lane'])} {one['year']} {one['fund_source']}"
    headers = ("位次\nposition", "注册编号\nenrollment", "金额\namount", "已确认\nconfirmed", "尚差\nmissing",
               "预计\nexpected")  # fmt: skip
    table = _table(escape(title), *headers)
    for row in one["queue"]:
        table.add_row(
            f"{row['position']:,}",
            row["enrollment_no"] if row.get("part", 1) == 1 else f"{row['enrollment_no']} ({row['part']})",
            yuan(row["amount_fen"]),
            "是 yes" if row["confirmed"] else "否 no",
            yuan(max(0, row["needed_fen"] - one["free_fen"])),
            row.get("expected_on") or f"未知 {(row.get('not_known') or '').replace('_', ' ')}".strip(),
        )
    console = Console()
    console.print(table)
    opened = "" if one["allocated_fen"] else "  尚无拨款 nothing is allocated yet"
    console.print(f"共 {one['waiting']:,} 人候补 wait；可用 free {yuan(one['free_fen'])} 元 yuan{opened}")
    if one.get("held_back"):
        console.print(
            f"另有 {one['held_back']:,} 人待出资省份确认（外省报送）。 / "
            f"{one['held_back']:,} more, reported by other provinces, wait until the funding province confirms."
        )
    if len(one["queue"]) < one["waiting"]:
        console.print(
            f"仅显示前 {len(one['queue'])} 人；--json 取得全部。 / More follow: --json gives them all."
        )


def _given(**query: Any) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _on(day: str | None) -> str:
    return f"，截至 as of {day}" if day else ""


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for header in headers:
        justify: Literal["left", "right"] = "right" if header.split("\n")[0] in _NUMBERS else "left"
        least = FUND_WIDTH if header.startswith("资金来源") else None
        table.add_column(
            header, overflow="fold", justify=justify, no_wrap=justify == "right", min_width=least
        )
    return table


_NUMBERS: Final = ("拨款", "预留", "批准", "支付", "应追回", "奖学金", "可用", "候补", "位次", "金额", "尚差")
"""Columns that stand to the right."""
