"""Which fiscal year a day belongs to: its own while that is open on the lane, otherwise the current one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Closing:
    """The day of the following year on which a fiscal year closes."""

    month: int
    day: int


FIRST_OF_FEBRUARY: Final = Closing(2, 1)


def fiscal_year(effective: date, today: date | None, closing: Closing) -> int:
    """The year of `effective` while it is open on a lane where `today` has begun, otherwise today's."""
    if today is None:
        return effective.year
    closes = date(effective.year + 1, closing.month, closing.day)
    return effective.year if today < closes else today.year


def possible_years(effective: date, days: Iterable[date]) -> set[int]:
    """Every year that `fiscal_year` may name while these days begin on the lane."""
    return {effective.year, *(day.year for day in days)}


def begins(start: date, year_of_study: int) -> date:
    """A day in the fiscal year to which a year of study belongs; of the first one the first day of study itself."""
    return start if year_of_study == 1 else date(start.year + year_of_study - 1, 1, 1)
