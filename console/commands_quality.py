"""`dreams quality` and `dreams reconciliation`: how good records are, and whether numbers are what was published."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.commands_lanes import DATA, AsJson, Data, OnlyLane, asked, known_lane, named, write_json

GRADES: Final[Mapping[str, str]] = {"good": "green", "watch": "yellow", "poor": "bold red", "unknown": "dim"}
_STATES: Final[Mapping[str, str]] = {"agrees": "green", "waits": "yellow", "differs": "bold red"}
_COLUMNS: Final[Mapping[str, str]] = {
    "completeness": "缺 missing\n‰",
    "timeliness": "迟 late\n‰",
    "duplicates": "重复 repeated\n‰",
    "conflicts": "冲突 conflicts\n‰",
    "rejections": "退回 rejected\n‰",
    "corrections": "更正 corrected\n‰",
    "silence": "静默 silent\n天 days",
}
_PERIODS: Final = "年月，如 2026-06。 Year and month, such as 2026-06."


def quality(
    province: Annotated[
        str | None,
        typer.Option(
            "--province", "-p", help="Only this one, with the reason of each grade.", callback=known_lane
        ),
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help=f"Last month: {_PERIODS}")] = None,
    months: Annotated[int, typer.Option(help="So many months, that one included.", min=1, max=36)] = 12,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show how complete, timely and free of faults each province's records are (数据质量)."""
    query = {"months": months} | ({"as_of": as_of} if as_of else {})
    found = asked(data, lambda api: api.get("reporting", "/v1/quality", query))
    cards = [card for card in found["lanes"] if province in (None, card["lane"])]
    if as_json:
        write_json(found | {"lanes": cards})
        return
    console = Console()
    told = [card for card in cards if province or card["grade"] != "unknown"]
    console.print(_table(found, [found["nation"], *told]))
    for part in cards[0]["parts"] if province else ():
        console.print(
            f"[{GRADES[part['grade']]}]●[/] {part['reason_zh']}\n  {part['reason_en']}{_rank(part)}"
        )
    if not province:
        console.print(
            "每千条；括号内为 95% 区间，区间重叠的省份不分先后。详情：dreams quality -p 32 / "
            "Per thousand, in brackets the 95 % interval: where they overlap, provinces are not told apart.",
            highlight=False,
        )


def reconciliation(
    lane: OnlyLane = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show whether numbers agree with what was published (核对); exit status 1 where one differs."""
    query = {"lane": lane} if lane else None
    found = asked(data, lambda api: api.get("reporting", "/v1/reconciliation", query))
    if as_json:
        write_json(found)
    else:
        _show_reconciliation(found)
    raise typer.Exit(1 if found["state"] == "differs" else 0)


def _show_reconciliation(found: Mapping[str, Any]) -> None:
    table = Table(title="核对 reconciliation", title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for header in ("核对内容 what is compared", "一致 agree", "在途 on its way", "不符 differ"):
        table.add_column(header, justify="left" if not table.columns else "right", overflow="fold")
    for kind in found["kinds"]:
        checks = [check for check in found["checks"] if check["kind"] == kind["kind"]]
        counts = [sum(check["state"] == state for check in checks) for state in _STATES]
        cells = [f"[{_STATES[state]}]{n}[/]" if n else "" for state, n in zip(_STATES, counts, strict=True)]
        table.add_row(f"{kind['zh']}\n{kind['en']}", *cells)
    console = Console()
    console.print(table)
    for check in found["checks"]:
        if check["state"] == "differs":
            console.print(
                f"[bold red]{named(check['lane'])} {check['kind']}[/]: {check['differences']:,} 处不符 differ; "
                f"{escape(check['about'])}; 应为 expected {check['expected']:,}, 实为 found {check['found']:,}",
                highlight=False,
            )
    if found["state"] == "differs":
        console.print(
            "请先查看 dreams lanes status；若通道正常，用 dreams rebuild reporting 由事实重算。 / "
            "Look at dreams lanes status first; where lanes go, count all anew with dreams rebuild reporting.",
            highlight=False,
        )


def _table(found: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]) -> Table:
    title = f"数据质量 quality of records, {found['since']} – {found['until']}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("省份 province", no_wrap=True)
    for header in _COLUMNS.values():
        table.add_column(header, justify="right")
    table.add_column("延迟 delay\np50 / p95", justify="right")
    for card in cards:
        parts = {part["code"]: part for part in card["parts"]}
        lane = card["lane"]
        name = "全国 nation" if lane == "nation" else named(lane)
        cells = [_cell(parts[code]) for code in _COLUMNS]
        delay = f"{_days(card['p50'])} / {_days(card['p95'])}" if card["p50"] else ""
        table.add_row(f"[{GRADES[card['grade']]}]●[/] {name}", *cells, delay)
    return table


def _cell(part: Mapping[str, Any]) -> str:
    if part["code"] == "silence":
        text = "" if part["count"] is None else f"{part['count']}"
    elif part["per_thousand"] is None:
        text = "–"
    else:
        text = f"{part['per_thousand']:.1f}\n({part['low']:.1f}–{part['high']:.1f})"
    return f"[{GRADES[part['grade']]}]{text}[/]"


def _days(days: Mapping[str, Any]) -> str:
    least, most = days["at_least"], days["at_most"]
    if most is None:
        return f">{least - 1} d"
    return f"{most} d" if least == most else f"{least}–{most} d"


def _rank(part: Mapping[str, Any]) -> str:
    rank = part["rank"]
    if rank is None:
        return ""
    place = f"{rank['best']}" if rank["best"] == rank["worst"] else f"{rank['best']}–{rank['worst']}"
    return f"  [dim]（{place} / {rank['of']}）[/]"
