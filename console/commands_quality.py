"""`dreams quality`: how good the provinces' records are, as reporting grades them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from console.commands_lanes import DATA, AsJson, Data, asked, known_lane, named, write_json

GRADES: Final[Mapping[str, str]] = {"good": "green", "watch": "yellow", "poor": "bold red", "unknown": "dim"}
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
