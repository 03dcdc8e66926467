"""`dreams journey`: a worker's path across provinces, as it is known now or was known on a day."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.amounts import yuan
from console.commands_lanes import DATA, AsJson, Data, asked, event_path, named, write_json
from console.times import shanghai

NOT_TOLD: Final = "…"
"""Stands for what another province said."""
_TOLD: Final = (
    "level", "level_after", "occupation", "name", "grade", "to_role", "reason", "programme", "amount_fen",
)  # fmt: skip
"""What of an event's data says best what it was."""


def journey(
    ref: Annotated[str, typer.Argument(help="The worker's pseudonym (worker_ref), as events carry it.")],
    as_known_on: Annotated[
        str | None,
        typer.Option("--as-known-on", help="Only what was recorded by the end of this day (2026-03-01)."),
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Show a worker's path across provinces in the order of its days (查询工人成长历程)."""
    query = {"as_known_on": _day(as_known_on)} if as_known_on else {}
    found = asked(data, lambda api: api.get("enrollment", f"/v1/workers/{event_path(ref)}/journey", query))
    if as_json:
        write_json(found)
    else:
        _show(found)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise typer.BadParameter(
            f"{text} is no day: write it as 2026-03-01. / 日期应写作 2026-03-01。"
        ) from error


def _show(found: Mapping[str, Any]) -> None:
    console = Console()
    console.print(_path(found))
    for line in _standing(found):
        console.print(line)


def _path(found: Mapping[str, Any]) -> Table:
    known = f"，截至 {found['as_known_on']} 已知 as known on that day" if found["as_known_on"] else ""
    title = f"成长历程 journey{known}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for header in ("日期 day", "事项 what", "省份 province", "事件 event", "记录 recorded"):
        table.add_column(header, overflow="fold", no_wrap=header.startswith("日期"))
    for stage in found["stages"]:
        table.add_row(
            stage["day"],
            _what(stage),
            named(stage["reported_by"]),
            escape(stage["event_id"]),
            shanghai(stage["recorded_at"], seconds_only=True),
        )
    return table


def _what(stage: Mapping[str, Any]) -> str:
    name = stage["type"].removeprefix("dreams.").rpartition(".")[0]
    said = stage["said"]
    told = [NOT_TOLD] if said is None else [_word(key, said[key]) for key in _TOLD if key in said]
    number = [stage["enrollment_no"]] if stage["enrollment_no"] else []
    return f"[bold]{name}[/]  " + escape("  ".join([*number, *told]))


def _word(name: str, value: Any) -> str:
    return f"{yuan(value)} yuan" if name.endswith("_fen") else str(value)


def _standing(found: Mapping[str, Any]) -> Iterable[str]:
    counts = "  ".join(f"{name} {_plain(value)}" for name, value in found["counts"].items())
    yield f"[bold]{found['counts_on']} 认定 counts[/]  " + escape(counts)
    for study in found["studies"]:
        place = f"{study['enrollment_no']}  {study['state']}  since {study['since']}"
        yield "[bold]注册 enrollment[/]  " + escape(f"{place}  {named(study['funding_province'])}")
    for one in found["overlaps"]:
        numbers = f"{one['enrollment_no']} / {one['other_enrollment_no']}"
        yield "[yellow]重叠 overlap[/]  " + escape(f"{numbers}: 请两省核对 the two provinces should compare")
    for one in found["corrections"]:
        what = f"{one['event_id']} → {one['superseded_by'] or '作废 voided'}  {one['reason'] or ''}"
        yield "[yellow]更正 correction[/]  " + escape(what)
    if not found["complete"]:
        yield "[yellow]还有更多，未全部显示。 / There is more than is shown.[/]"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value["name"]) if isinstance(value, dict) else str(value)
