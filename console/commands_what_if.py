"""`dreams what-if`: runs a lane's history under another scheme or budget in memory, and shows the difference."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.amounts import yuan
from console.api_client import Api
from console.commands_lanes import DATA, AsJson, Data, asked, known_lane, named, write_json
from console.commands_subsidy import FUND_WIDTH
from console.late_progress import LateProgress
from console.province.columns import CHINESE
from console.stack.failures import StackError
from console.wide_tables import show
from shared.contracts.topics import ENROLLMENT_EVENTS

REHEARSAL: Final = "services.subsidy.what_if"
"""A program of subsidy's own, so that no running service is slowed down."""
PAGE_TIMEOUT_S: Final = 120.0
_STATES: Final = {
    "reserved": "预留 reserved",
    "granted": "批准 granted",
    "waitlisted": "候补 waiting",
    "refused": "不予补助 refused",
    "released": "释放 released",
    "expired": "过期 expired",
}


def what_if(
    lane: Annotated[
        str, typer.Option("--lane", help="Two digits of a lane, such as 32.", callback=known_lane)
    ],
    year: Annotated[int, typer.Option(help="Fiscal year that is looked at, such as 2026.")],
    scheme: Annotated[
        Path | None, typer.Option(help="YAML file of a scheme, taken as in force.", dir_okay=False)
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="FUND=FEN: this pot of the year has so many fen from the first day; may be repeated."
        ),
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Run a lane's history under another scheme or budget and show the difference (假设测算); writes nothing."""
    supposed = dict(_budget(text) for text in budget or ())
    if scheme is None and not supposed:
        raise typer.BadParameter("Give --scheme, --budget or both. / 请给出 --scheme 或 --budget。")
    if scheme is not None and not scheme.is_file():
        raise typer.BadParameter(f"There is no file {scheme}. / 没有文件 {scheme}。")
    found = asked(data, lambda api: _rehearsed(api, lane, year, scheme, supposed))
    if as_json:
        write_json(found)
    else:
        _show(found, lane, year)


def _budget(text: str) -> tuple[str, int]:
    fund, _, fen = text.rpartition("=")
    if not fund or not fen.isascii() or not fen.isdigit():
        raise typer.BadParameter(
            f"{text} is no budget: write FUND=FEN, such as provincial-federation=6000000000. "
            "/ 预算应写作“资金来源=金额（分）”。"
        )
    return fund, int(fen)


async def _rehearsed(
    api: Api, lane: str, year: int, scheme: Path | None, budgets_fen: Mapping[str, int]
) -> dict[str, Any]:
    """The answer of the rehearsal, and what the books say of the same year now."""
    rules = await api.get("subsidy", "/v1/schemes")
    read_to = _decided_to(await api.get("subsidy", "/v1/lanes"), lane)
    books = await api.get("subsidy", "/v1/budgets", {"lane": lane, "year": year})
    head = {
        "lane": lane,
        "year": year,
        "schemes": rules["schemes"],
        "closes_month": rules["closes_month"],
        "closes_day": rules["closes_day"],
        "budget_cuts": rules["budget_cuts"],
        "outside_reservations_percent": rules["outside_reservations_percent"],
        "scheme_file": str(scheme.resolve()) if scheme else None,
        "budgets_fen": dict(budgets_fen),
    }
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", REHEARSAL,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        feeding = asyncio.create_task(_feed(api, program.stdin, head, rules["reads"], lane, read_to))
        assert program.stdout is not None
        assert program.stderr is not None
        answer, wrong = await asyncio.gather(program.stdout.read(), program.stderr.read())
        await feeding
        if await program.wait():
            raise StackError(wrong.decode(errors="replace").strip().rpartition("\n")[2])
    finally:
        if program.returncode is None:
            program.kill()
    told: dict[str, Any] = orjson.loads(answer)
    return told | {"read_to": read_to, "like_the_books": _like(told["in_force"]["pots"], books["budgets"])}


def _decided_to(lanes: Mapping[str, Any], lane: str) -> int:
    """How far subsidy has taken in the lane's facts: the history of both rehearsals ends there."""
    stream = ENROLLMENT_EVENTS.pattern
    return max(
        (row["last_seq"] for row in lanes["cursors"] if (row["stream"], row["lane"]) == (stream, lane)),
        default=0,
    )


async def _feed(
    api: Api, into: Any, head: Mapping[str, Any], types: Sequence[str], lane: str, read_to: int
) -> None:
    """Write what is supposed, then the facts up to a number, as they come out of enrollment's log."""
    after = 0
    try:
        into.write(orjson.dumps(head) + b"\n")
        with LateProgress("事件 facts", read_to) as progress:
            while after < read_to:
                asking: dict[str, Any] = {
                    "stream": ENROLLMENT_EVENTS.pattern, "lane": lane, "after_seq": after, "type": list(types),
                }  # fmt: skip
                page = await api.get("enrollment", "/v1/log/facts", asking, PAGE_TIMEOUT_S)
                for fact in page["facts"]:
                    if fact["seq"] <= read_to:
                        into.write(orjson.dumps(fact) + b"\n")
                await into.drain()
                if page["next"] is None:
                    break
                progress.advance(page["next"] - after)
                after = page["next"]
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has ended by itself, and says why
    finally:
        into.close()


def _like(pots: Sequence[Mapping[str, Any]], books: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the history under the schemes in force comes to what the books say."""
    rehearsed = {(one["fund_source"], one["free_fen"], one["allocated_fen"], one["waiting"]) for one in pots}
    return rehearsed == {
        (one["fund_source"], one["free_fen"], one["allocated_fen"], one["waiting"]) for one in books
    }


def _show(found: Mapping[str, Any], lane: str, year: int) -> None:
    console = Console()
    one, other = found["in_force"], found["supposed"]
    console.print(f"[bold]假设测算 what-if: {named(lane)} {year}[/]  {found['facts']:,} 事件 facts")
    for scheme in sorted(found["schemes"], key=lambda one: (one["name"], one["version"])):
        until = scheme["valid_until"] or "…"
        console.print(
            f"  办法 scheme {escape(scheme['name'])} v{scheme['version']}: {scheme['valid_from']} – {until}"
        )
    console.print(_people(one, other))
    console.print(_changed(found["difference"]))
    _show_pots(console, one["pots"], other["pots"])
    if not found["like_the_books"]:
        console.print(
            "[yellow]按现行办法重算与账目不一致：其间又有新事件，或办法曾经更改。 / "
            "Under the schemes in force it does not come to what the books say: they went on meanwhile, "
            "or schemes were changed since.[/]"
        )
    console.print("未写入任何数据。 / Nothing was written.", style="dim")


def _people(one: Mapping[str, Any], other: Mapping[str, Any]) -> Table:
    table = _table("结果 outcome", "现行 in force", "假设 supposed", "差额 difference")
    for state, words in _STATES.items():
        _compare(table, words, one["states"].get(state, 0), other["states"].get(state, 0))
    for flag in sorted(one["by_category"].keys() | other["by_category"].keys()):
        zh = CHINESE.get(flag, ("",))[0]
        _compare(table, f"  {zh} {flag}", one["by_category"].get(flag, 0), other["by_category"].get(flag, 0))
    amounts = (one["held_fen"], other["held_fen"])
    table.add_row(
        "占用资金（元）held (yuan)", *map(yuan, amounts), _signed_yuan(amounts[1] - amounts[0]), style="bold"
    )
    return table


def _compare(table: Table, words: str, one: int, other: int) -> None:
    table.add_row(words, f"{one:,}", f"{other:,}", f"{other - one:+,}" if one != other else "")


def _changed(found: Mapping[str, int]) -> Table:
    table = _table("影响 whom it changes", "人数 awards", "金额（元）yuan")
    for name, words in (
        ("gained", "新获补助 newly funded"),
        ("lost", "不再获得 no longer funded"),
        ("more", "金额增加 get more"),
        ("less", "金额减少 get less"),
    ):
        table.add_row(words, f"{found[name]:,}", _signed_yuan(found[f"{name}_fen"]))
    table.add_row("不变 the same", f"{found['same']:,}", "")
    return table


def _show_pots(
    console: Console, one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]
) -> None:
    table = _table(
        "资金来源\nfund source",
        "",
        "拨款\nallocated",
        "占用\nheld",
        "可用\nfree",
        "候补\nwaiting",
        "用完日期\nran out on",
    )
    rows = [
        (
            escape(pot["fund_source"]),
            which,
            *(yuan(pot[name]) for name in ("allocated_fen", "held_fen", "free_fen")),
            f"{pot['waiting']:,}",
            pot["exhausted_on"] or "—",
        )
        for which, pots in (("现行 in force", one), ("假设 supposed", other))
        for pot in pots
    ]
    show(console, table, rows, keys=2)


def _signed_yuan(amount_fen: int) -> str:
    return f"+{yuan(amount_fen)}" if amount_fen > 0 else yuan(amount_fen)


def _table(first: str, *headers: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    table.add_column(first, overflow="fold", min_width=FUND_WIDTH)
    for header in headers:
        table.add_column(header, justify="right" if header else "left", overflow="fold")
    return table
