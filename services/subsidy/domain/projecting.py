"""The day on which a budget runs out, told with what is said of how full it is: by the rule of `expecting`.

What a lane moved before its batch is read only where something is said: its sums and the batch's own are the same
however batches are cut.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from services.subsidy.domain import flows
from services.subsidy.domain.book import Alert, Book, Budget, BudgetKey, Cause
from services.subsidy.domain.expecting import RUN_DAYS, runs_out
from services.subsidy.domain.noting import note_budget


class Asked(NamedTuple):
    """What has to be known of a budget on a day of its lane."""

    budget: BudgetKey
    today: date


class Run(NamedTuple):
    """What is known of it: of the time before the batch, or with it."""

    first_moved: date | None
    """The day on which its money moved first."""
    used_fen: int
    """What was taken less what was given back in the last days, `RUN_DAYS` of them."""


def say(
    book: Book, budget: Budget, cause: Cause, kind: str, inputs: Mapping[str, Any], said: dict[str, Any]
) -> None:
    """Write down how full a budget is; `tell` adds when it runs out."""
    flows.count(book)  # what the cause itself has moved so far belongs to it
    note_budget(book, budget, cause, kind, inputs, said)
    moved = [
        (day, flow.taken_fen - flow.freed_fen)
        for (key, day), flow in sorted(book.flows.items(), key=lambda one: one[0])
        if key == budget.key
    ]
    today = book.lane(budget.lane).day
    book.alerts.append(Alert(book.entries[-1], budget.key, today, budget.free_fen, moved))


def asked(book: Book) -> list[Asked]:
    """What has to be read for what the batch says, each once; nothing where it says nothing."""
    return sorted({Asked(one.budget, one.today) for one in book.alerts if one.today is not None})


def tell(book: Book, before: Mapping[Asked, Run]) -> None:
    """Add to each entry the day on which its budget runs out, and what that follows from."""
    for alert in book.alerts:
        run = Run(None, 0) if alert.today is None else _run(alert, before[Asked(alert.budget, alert.today)])
        inputs = {
            "today": alert.today.isoformat() if alert.today else None,
            "free_fen": alert.free_fen,
            "first_moved": run.first_moved.isoformat() if run.first_moved else None,
            "run_fen": run.used_fen,
        }
        steps = judge_end(inputs)
        alert.entry.inputs = {**alert.entry.inputs, **inputs}
        alert.entry.steps.extend(steps)
        alert.entry.data["runs_out_on"] = steps[0]["on"]
    book.alerts.clear()


def judge_end(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The step that says when a budget runs out, from the inputs of its entry alone."""
    today, first = (
        date.fromisoformat(inputs[name]) if inputs[name] else None for name in ("today", "first_moved")
    )
    end = runs_out(inputs["free_fen"], today, first, inputs["run_fen"])
    return [{"step": "runs_out", "on": end.on.isoformat() if end.on else None, "not_known": end.not_known}]


def _run(alert: Alert, before: Run) -> Run:
    assert alert.today is not None
    since = alert.today - timedelta(days=RUN_DAYS)
    days = [day for day, _ in alert.moved] + ([before.first_moved] if before.first_moved else [])
    moved_fen = sum(fen for day, fen in alert.moved if since < day <= alert.today)
    return Run(min(days, default=None), before.used_fen + moved_fen)
