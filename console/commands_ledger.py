"""`dreams ledger check` and `dreams log verify`: prove on a live system that money and history are what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from console.api_client import Api, ApiError
from console.commands_lanes import (
    DATA,
    AsJson,
    Data,
    OnlyLane,
    Services,
    apart,
    asked,
    named,
    write_json,
)
from console.late_progress import LateProgress
from console.log_verification import LaneVerdict, verify_lane
from shared.contracts.lanes import LANE_CODES

CHECK_TIMEOUT_S: Final = 600.0
"""The check reads the whole ledger."""
SHOWN_MAX: Final = 20
"""So many decisions that differ are shown; `--json` gives them all."""
INVARIANTS: Final[Mapping[str, tuple[str, str]]] = {
    "sum_fen": ("全部分录合计为零", "all postings sum to zero"),
    "unbalanced_entries": ("每笔账目借贷平衡", "each entry sums to zero"),
    "budgets_unlike_ledger": ("预算与账目一致", "budgets are what their postings sum to"),
    "budgets_exceeded": ("没有预算超支", "nothing is over budget, no account below zero"),
    "budgets_unlike_awards": ("预算与补助一致", "budgets are what awards hold, queues what waits"),
    "budgets_unlike_outside": (
        "外省报送的占用与补助一致",
        "what other provinces have caused is what awards say",
    ),
    "budgets_unlike_claims": ("应追回款与预算一致", "what is owed to budgets is what claims say"),
    "awards_unlike_parts": (
        "各部分合计不超过学费",
        "the parts of an award agree and are never above tuition",
    ),
    "awards_without_entitlement": ("限次名额与补助一致", "who has an award where there is a limit, holds it"),
    "persons_over_limit": ("无人超过终身限次", "nobody has more awards at a level than a life allows"),
    "lanes_with_missing_entries": ("账目编号连续", "entries are numbered without gaps"),
    "decisions": ("决定可由所存数据重新得出", "decisions derive again, to the byte"),
}
"""What is checked, by the name under which subsidy counts what is wrong."""

ledger = typer.Typer(no_args_is_help=True, help="The ledger: check every fen of it.")
log = typer.Typer(no_args_is_help=True, help="The services' logs: verify their chains of hashes.")


@ledger.command("check")
def check_ledger(data: Data = DATA, as_json: AsJson = False) -> None:
    """Check all sums of the ledger and derive each decision again (核对账目); exit status 1 if anything is wrong."""
    found, derived = asked(data, _checks)
    faults = {name: count for name, count in found.items() if name not in ("ok", "checked")}
    faults["decisions"] = len(derived["differing"])
    well = not any(faults.values())
    if as_json:
        write_json({"ok": well, "checked": found["checked"] | {"decisions": derived["derived"]}, "wrong": faults,
                    "differing": derived["differing"]})  # fmt: skip
    else:
        _show_ledger(found["checked"], faults, derived)
    raise typer.Exit(0 if well else 1)


async def _checks(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    found = await api.get("subsidy", "/v1/ledger/check", None, CHECK_TIMEOUT_S)
    derived: dict[str, Any] = {"entries": 0, "derived": 0, "differing": []}
    with LateProgress("重新推算 deriving again", found["checked"]["entries"]) as progress:
        for lane in LANE_CODES:
            after: int | None = 0
            while after is not None:
                page = await api.get("subsidy", "/v1/ledger/check/decisions", {"lane": lane, "after": after})
                for name in derived:
                    derived[name] += page[name]
                progress.advance(page["entries"])
                after = page["next"]
    return found, derived


def _show_ledger(checked: Mapping[str, int], faults: Mapping[str, int], derived: Mapping[str, Any]) -> None:
    table = _table("账目核对 ledger check", "核对内容 what was checked", "结果 result")
    for name, count in faults.items():
        zh, en = INVARIANTS.get(name, (name, name))
        verdict = f"[bold red]{count:,} 处有误 wrong[/]" if count else "[green]通过 holds[/]"
        table.add_row(f"{zh}\n{en}", verdict)
    console = Console()
    console.print(table)
    console.print(
        f"已核对 checked: {checked['budgets']:,} 预算 budgets, {checked['entries']:,} 账目 entries, "
        f"{checked['postings']:,} 分录 postings, {derived['derived']:,} 决定 decisions"
    )
    for one in derived["differing"][:SHOWN_MAX]:
        what = ", ".join(one["differs"])
        console.print(
            f"[red]{named(one['lane'])}: 账目 entry {one['entry_no']} {one['event_type']}: {what}[/]"
        )


@log.command("verify")
def verify_log(
    data: Data = DATA, service: Services = None, lane: OnlyLane = None, as_json: AsJson = False
) -> None:
    """Verify the chain of hashes of all that services have published (核验日志); exit status 1 where one breaks.

    The heads that each day announces are compared with the chain, and with the copies that Kafka holds.
    """
    verdicts, failures = asked(data, lambda api: _verify(api, service, lane))
    if as_json:
        write_json(
            {"lanes": [asdict(one) for one in verdicts], "not_answering": [str(one) for one in failures]}
        )
    else:
        _show_log(verdicts)
    for failure in failures:
        typer.echo(str(failure), err=True)
    raise typer.Exit(1 if failures or any(one.broken for one in verdicts) else 0)


async def _verify(
    api: Api, services: Sequence[str] | None, lane: str | None
) -> tuple[list[LaneVerdict], list[ApiError]]:
    answers, silent = apart(await api.get_from_each("/v1/lanes"))
    places = [
        (name, row["stream"], row["lane"], row["seq"])
        for name, answer in answers.items()
        for row in answer["outbound"]
        if row["seq"] and (not services or name in services) and lane in (None, row["lane"])
    ]
    failures = [error for name, error in silent.items() if not services or name in services]
    verdicts = []
    with LateProgress("核验 verifying", sum(seq for *_, seq in places)) as progress:
        for name, stream, one, _ in places:
            progress.advance(0, f"核验 verifying {name} {one}")
            try:
                verdicts.append(await verify_lane(api, name, stream, one, progress.advance))
            except ApiError as error:
                failures.append(error)
    return verdicts, failures


def _show_log(verdicts: Sequence[LaneVerdict]) -> None:
    columns = ("数据流 stream", "通道 lanes", "事件 facts", "公布的哈希 published heads", "结果 result")
    table = _table("日志核验 log verification", *columns)
    for stream in dict.fromkeys(one.stream for one in verdicts):
        lanes = [one for one in verdicts if one.stream == stream]
        broken = [one for one in lanes if one.broken]
        verdict = f"[bold red]{len(broken)} 断裂 broken[/]" if broken else "[green]完好 holds[/]"
        facts, heads = sum(one.facts for one in lanes), sum(one.heads for one in lanes)
        table.add_row(stream, f"{len(lanes)}", f"{facts:,}", f"{heads:,}", verdict)
    console = Console()
    console.print(table)
    for one in verdicts:
        if one.broken:
            seq, zh, en = one.broken
            place = f"{one.service}: {one.stream} {named(one.lane)}, seq {seq}"
            console.print(f"[red]{place}[/]\n  {zh}\n  {en}", markup=True, highlight=False)


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table
