"""Shows a demonstration in the terminal: steps of the set-up, a live table, a summary."""

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from console.amounts import yuan
from console.demo.numbers import FINAL, Snapshot
from console.demo.running import Outcome
from console.province.simulator import Expected
from console.stack.state import StackState

RATE_WINDOW_S: Final = 5.0
LINE_EVERY_S: Final = 5.0
"""Where no terminal listens, a line this often instead of a table."""
FRAMES_PER_S: Final = 4
BAR_WIDTH: Final = 24
FEN_PER_YUAN: Final = 100
SIMULATED: Final = "simulated / 模拟数据"
COLOURS: Final = {"accepted": "green", "duplicate": "cyan", "conflict": "yellow", "rejected": "red"}


class TerminalScreen:
    """The screen of one run; use it as a context."""

    def __init__(self, console: Console, *, transient: bool) -> None:
        """With `transient` the table goes when the run ends: a summary follows."""
        self._console = console
        self._began_s = self._step_s = self._line_s = time.monotonic()
        self._step = ""
        self._table: RenderableType = Text("")
        self._rates = _Rates()
        self._live = Live(
            console=console, refresh_per_second=FRAMES_PER_S, transient=transient, get_renderable=self._render
        )

    def __enter__(self) -> "TerminalScreen":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_step()
        if self._console.is_terminal:
            self._live.stop()

    def step(self, sentence: str) -> None:
        """A step begins; the one before it is done."""
        self._end_step()
        self._step, self._step_s = sentence, time.monotonic()
        if not self._console.is_terminal:
            self._console.print(sentence, soft_wrap=True)

    def up(self, state: StackState) -> None:
        """The system is up: where to look."""
        self._end_step()
        self._console.print(_places(state))

    def sending(self) -> None:
        """The provinces begin to send."""
        self._end_step()
        took_s = time.monotonic() - self._began_s
        self._console.print(f"Up after {took_s:.0f} s. Provinces begin to send simulated events.")
        self._began_s = time.monotonic()

    def show(self, now: Snapshot, sent: Expected) -> None:
        """The latest numbers."""
        rates = self._rates.add(now, sent)
        self._table = _numbers(now, sent, rates, now.at_s - self._began_s)
        if not self._console.is_terminal and now.at_s - self._line_s > LINE_EVERY_S:
            self._line_s = now.at_s
            self._console.print(_line(now, sent), soft_wrap=True)

    def _render(self) -> RenderableType:
        if self._step:
            return Group(self._table, Spinner("dots", self._step))
        return self._table

    def _end_step(self) -> None:
        if self._step and self._console.is_terminal:
            took_s = time.monotonic() - self._step_s
            self._console.print(f"[green]✓[/] {self._step} [dim]{took_s:.1f} s[/]")
        self._step = ""


class _Rates:
    """What came to pass a second, over the last few seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Mapping[str, int]]] = deque()

    def add(self, now: Snapshot, sent: Expected) -> Mapping[str, float]:
        counts = {"sent": sent.events, "facts": now.facts, **{s: now.verdicts[s] for s in FINAL}}
        self._seen.append((now.at_s, counts))
        while len(self._seen) > 2 and now.at_s - self._seen[1][0] > RATE_WINDOW_S:  # noqa: PLR2004 - one to compare with
            self._seen.popleft()
        then_s, then = self._seen[0]
        passed_s = now.at_s - then_s
        return {name: (counts[name] - then[name]) / passed_s if passed_s else 0.0 for name in counts}


def _places(state: StackState) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    address = state.services["reporting"].address
    grid.add_row("live page", f"[bold link={address}]{address}[/]")
    if state.jaeger:
        grid.add_row("traces", state.jaeger)
    grid.add_row("to ask it", f"export DREAMS_DATA={state.data}")
    grid.add_row("", "dreams lanes status · dreams trace EVENT_ID · dreams logs -f")
    grid.add_row("", "dreams publish --province 32 FILE")
    return grid


def _numbers(now: Snapshot, sent: Expected, rates: Mapping[str, float], since_s: float) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    table.add_column(SIMULATED)
    for name in ("so far", "a second"):
        table.add_column(name, justify="right")
    table.add_column("")
    verdicts = now.verdicts
    table.add_row("events in", f"[bold]{sent.events:,}[/]", f"{rates['sent']:,.0f}", _clock(since_s))
    for status in FINAL:
        share = verdicts[status] / max(1, now.judged)
        table.add_row(
            f"  [{COLOURS[status]}]{status}[/]",
            f"{verdicts[status]:,}",
            f"{rates[status]:,.0f}",
            f"{share:.1%}",
        )
    table.add_row("  parked", f"{verdicts['parked_open']:,}")
    table.add_row("national facts", f"{now.facts:,}", f"{rates['facts']:,.0f}")
    table.add_row("money granted, in yuan", yuan(_granted_fen(now.money)), "", _bar(now.money))
    table.add_row("  of allocated", yuan(now.money["allocated_fen"]))
    table.add_row("  waiting for money", f"{now.money['waitlisted']:,}")
    for name, lag in _lags(now, sent).items():
        table.add_row(f"lag of {name}", f"{lag:,}")
    return table


def summary(outcome: Outcome) -> Group:
    """What a run has come to, and every count that does not agree."""
    reconciled, money = outcome.reconciled, outcome.last.money
    table = Table(title="Reconciled" if reconciled.holds else "NOT reconciled", title_justify="left")
    table.box = SIMPLE_HEAD
    table.add_column(SIMULATED)
    table.add_column(justify="right")
    table.add_row("events sent", f"{outcome.sent.events:,}")
    for status, count in reconciled.receipts.items():
        table.add_row(f"  {status}", f"{count:,}")
    table.add_row("  parked", f"{reconciled.parked_open:,}")
    table.add_row("money allocated, in yuan", yuan(money["allocated_fen"]))
    table.add_row("money granted, in yuan", yuan(_granted_fen(money)))
    table.add_row("lanes", f"{outcome.lanes}")
    table.add_row("from first send to drained", f"{outcome.duration_s:.1f} s")
    table.add_row("events a second", f"{outcome.sent.events / outcome.duration_s:,.0f}")
    table.add_row("counts compared", f"{len(reconciled.checks)}")
    failed = [Text(f"✗ {check}", style="bold red") for check in reconciled.checks if not check.holds]
    return Group(table, *failed)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The run's one object for programs."""
    return {
        "simulated": True,
        "events": outcome.sent.events,
        "receipts": dict(outcome.reconciled.receipts),
        "parked_open": outcome.reconciled.parked_open,
        "quarantined": outcome.last.verdicts["quarantined"],
        "granted_fen": _granted_fen(outcome.last.money),
        "disbursed_fen": outcome.last.money["disbursed_fen"],
        "allocated_fen": outcome.last.money["allocated_fen"],
        "seq_gaps": outcome.last.gaps,
        "lanes": outcome.lanes,
        "reconciled": outcome.reconciled.holds,
        "duration_s": round(outcome.duration_s, 3),
    }


def _line(now: Snapshot, sent: Expected) -> str:
    return (
        f"simulated: {sent.events:,} sent, {now.judged:,} judged, {now.facts:,} facts in the national numbers, "
        f"lag {sum(_lags(now, sent).values()):,}"
    )


def _lags(now: Snapshot, sent: Expected) -> dict[str, int]:
    """What each service has not taken in yet; enrollment's are records that no receipt is for."""
    at_the_door = max(0, sent.events - now.judged - now.verdicts["parked_open"])
    return {name: now.lag(name) for name in now.handover} | {"enrollment": at_the_door}


def _bar(money: Mapping[str, int]) -> ProgressBar:
    return ProgressBar(money["allocated_fen"] or 1, _granted_fen(money), width=BAR_WIDTH)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"[dim]{minutes}:{rest:02d}[/]"


def _granted_fen(money: Mapping[str, int]) -> int:
    """What is granted, paid or not."""
    return money["granted_fen"] + money["disbursed_fen"]
