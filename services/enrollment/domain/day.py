"""The days of a lane: which of them begin with a batch, and the tally of each that has ended."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from services.enrollment.domain.register import LaneState, Register
from shared.contracts.enrollment import DayBegan, VerdictsTallied
from shared.contracts.envelope import shanghai_day
from shared.contracts.receipt_codes import PARKED_MAX_DAYS

_ONE_DAY = timedelta(days=1)


def today_of(register: Register, recorded_at: datetime) -> date:
    """The Shanghai day on which a batch records; never before one that has begun on its lanes."""
    begun = [state.day for state in register.lanes.values() if state.day]
    return max([shanghai_day(recorded_at), *begun])


def lanes_due(register: Register, today: date) -> list[str]:
    """Lanes on which `today` has not begun yet."""
    return [lane for lane, state in register.lanes.items() if state.day is None or state.day < today]


def lanes_unfinished(register: Register) -> list[str]:
    """Lanes on which more was due on their day than has been done."""
    return [lane for lane, state in register.lanes.items() if state.unfinished]


def waiting_ends(today: date) -> date:
    """What has waited since this day, or longer, waits no more when `today` has begun."""
    return today - timedelta(days=PARKED_MAX_DAYS)


def begin(
    state: LaneState, today: date, tallies: Mapping[date, Mapping[str, int]], log_head: bytes
) -> list[VerdictsTallied | DayBegan]:
    """Let the days up to `today` begin on a lane, one by one: before each, the tally of the day before it."""
    said: list[VerdictsTallied | DayBegan] = []
    day = state.day + _ONE_DAY if state.day else today
    while day <= today:
        before = day - _ONE_DAY
        if before in tallies:
            said.append(VerdictsTallied(day=before, **tallies[before]))
        said.append(DayBegan(day=day, log_head=log_head.hex()))
        day += _ONE_DAY
    state.day = today
    return said
