"""Promises about fiscal years: they close on the day that is set, and what is loaded covers what is decided."""

from datetime import date

import pytest

from services.subsidy.domain.fiscal_year import FIRST_OF_FEBRUARY, Closing, fiscal_year, possible_years


@pytest.mark.parametrize(
    ("effective", "today", "year"),
    [
        (date(2026, 12, 31), date(2027, 1, 31), 2026),
        (date(2026, 12, 31), date(2027, 2, 1), 2027),
        (date(2018, 9, 1), date(2026, 5, 1), 2026),
        (date(2027, 3, 1), date(2026, 12, 1), 2027),
        (date(2026, 3, 1), None, 2026),
    ],
)
def test_a_back_dated_day_counts_only_while_its_year_is_open(
    effective: date, today: date | None, year: int
) -> None:
    assert fiscal_year(effective, today, FIRST_OF_FEBRUARY) == year
    assert year in possible_years(effective, [today] if today else [])


def test_a_year_closes_on_the_day_that_is_set() -> None:
    for today, year in ((date(2027, 3, 30), 2026), (date(2027, 3, 31), 2027)):
        assert fiscal_year(date(2026, 12, 31), today, Closing(3, 31)) == year
