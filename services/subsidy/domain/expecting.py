"""When money may be expected: a date for a place in a queue, and the day on which a budget runs out, by its own past.

Both are straight lines through what has happened, in days of the lane, never of a clock; neither promises anything.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

YEARS: Final = 1
"""An expected date rests on the whole months of so many years before the current one, or on as many as there are."""
RUN_DAYS: Final = 90
"""A run rate rests on so many days, today among them, or on as many as there are."""
FAR_DAYS: Final = 3_660
"""A date further away than ten years is none."""

NotKnown = Literal["no_day", "too_short", "nothing_came", "nothing_used", "too_far"]
"""Why there is no date: no day has begun on the lane; the pot has no whole month behind it; no money has come, or none
has been used, in that time; or it is more than ten years away."""


@dataclass(frozen=True, slots=True)
class Inflow:
    """What has come to a pot of a lane over whole months: added or freed, less what was cut, over all fiscal years."""

    came_fen: int
    days: int
    """Days of those months; 0 where there is none yet."""


NOTHING_CAME: Final = Inflow(0, 0)


@dataclass(frozen=True, slots=True)
class Expected:
    """A date, or why there is none."""

    on: date | None
    not_known: NotKnown | None = None


def whole_months(today: date, first: date | None) -> tuple[date, date] | None:
    """The first day of the first month to look at, and the first day after the last; None where there is no month.

    `first` is the day on which money of the pot moved first: its month counts only if it began on the first of it.
    """
    until = today.replace(day=1)
    since = until.replace(year=until.year - YEARS)
    if first is None:
        return None
    whole = first if first.day == 1 else (first.replace(day=1) + timedelta(days=31)).replace(day=1)
    since = max(since, whole)
    return (since, until) if since < until else None


def expected_turn(missing_fen: int, today: date | None, inflow: Inflow) -> Expected:
    """When a place in a queue has its turn, if money goes on coming as it has: today + missing × days ÷ came.

    Rounded up to whole days; `missing_fen` is what the place and all before it need beyond what is free.
    """
    if today is None:
        return Expected(None, "no_day")
    if missing_fen <= 0:
        return Expected(today)
    if not inflow.days:
        return Expected(None, "too_short")
    if inflow.came_fen <= 0:
        return Expected(None, "nothing_came")
    return _in_days(today, -(-missing_fen * inflow.days // inflow.came_fen))


def runs_out(free_fen: int, today: date | None, first: date | None, used_fen: int) -> Expected:
    """When a budget runs out, if it is used as in the last days: today + free × days ÷ used, rounded down.

    `used_fen` is what was taken less what was given back in these `RUN_DAYS` days, or since `first`, the day on which
    its money moved first. A budget with nothing left has run out today.
    """
    if today is None:
        return Expected(None, "no_day")
    if free_fen <= 0:
        return Expected(today)
    if first is None or used_fen <= 0:
        return Expected(None, "nothing_used")
    return _in_days(today, free_fen * run_days(today, first) // used_fen)


def run_days(today: date, first: date) -> int:
    """Over how many days a budget's use is taken."""
    return max(1, min(RUN_DAYS, (today - first).days + 1))


def _in_days(today: date, days: int) -> Expected:
    if days > FAR_DAYS:
        return Expected(None, "too_far")
    return Expected(today + timedelta(days=days))
