"""When money may be expected follows from the lane's own past by a stated rule, or is not known."""

from datetime import date

import pytest

from services.subsidy.domain.expecting import (
    Expected,
    Inflow,
    expected_turn,
    run_days,
    runs_out,
    whole_months,
)

TODAY = date(2026, 6, 15)


@pytest.mark.parametrize(
    ("today", "first", "months"),
    [
        (TODAY, None, None),
        (TODAY, date(2020, 1, 5), (date(2025, 6, 1), date(2026, 6, 1))),
        (TODAY, date(2026, 2, 1), (date(2026, 2, 1), date(2026, 6, 1))),
        (TODAY, date(2026, 2, 2), (date(2026, 3, 1), date(2026, 6, 1))),
        (TODAY, date(2026, 5, 2), None),
        (TODAY, date(2026, 6, 1), None),
        (date(2026, 1, 31), date(2025, 12, 1), (date(2025, 12, 1), date(2026, 1, 1))),
        (date(2024, 2, 29), date(2020, 1, 1), (date(2023, 2, 1), date(2024, 2, 1))),
    ],
)
def test_whole_months_are_the_twelve_before_the_current_one_or_as_many_as_the_pot_has(
    today: date, first: date | None, months: tuple[date, date] | None
) -> None:
    assert whole_months(today, first) == months


@pytest.mark.parametrize(
    ("missing_fen", "today", "came_fen", "days", "expected"),
    [
        (0, TODAY, 0, 0, Expected(TODAY)),
        (-5, TODAY, 0, 0, Expected(TODAY)),
        (100, TODAY, 36_500, 365, Expected(date(2026, 6, 16))),
        (101, TODAY, 36_500, 365, Expected(date(2026, 6, 17))),
        (3_000, TODAY, 36_500, 365, Expected(date(2026, 7, 15))),
        (1, TODAY, 10**15, 365, Expected(date(2026, 6, 16))),
        (2**53, TODAY, 2**53, 28, Expected(date(2026, 7, 13))),
        (3_660, TODAY, 1, 1, Expected(date(2036, 6, 22))),
        (3_661, TODAY, 1, 1, Expected(None, "too_far")),
        (1, TODAY, 0, 31, Expected(None, "nothing_came")),
        (1, TODAY, -7, 31, Expected(None, "nothing_came")),
        (1, TODAY, 0, 0, Expected(None, "too_short")),
        (0, None, 5, 31, Expected(None, "no_day")),
    ],
)
def test_a_place_is_expected_after_what_is_missing_has_come_at_the_pace_of_whole_months(
    missing_fen: int, today: date | None, came_fen: int, days: int, expected: Expected
) -> None:
    assert expected_turn(missing_fen, today, Inflow(came_fen, days)) == expected


@pytest.mark.parametrize(
    ("free_fen", "today", "first", "used_fen", "expected"),
    [
        (0, TODAY, None, 0, Expected(TODAY)),
        (900, TODAY, date(2020, 1, 1), 900, Expected(date(2026, 9, 13))),
        (899, TODAY, date(2020, 1, 1), 900, Expected(date(2026, 9, 12))),
        (10, TODAY, TODAY, 10, Expected(date(2026, 6, 16))),
        (9, TODAY, TODAY, 10, Expected(TODAY)),
        (30, TODAY, date(2026, 6, 6), 10, Expected(date(2026, 7, 15))),
        (1, TODAY, date(2020, 1, 1), 0, Expected(None, "nothing_used")),
        (1, TODAY, date(2020, 1, 1), -3, Expected(None, "nothing_used")),
        (1, TODAY, None, 0, Expected(None, "nothing_used")),
        (10**9, TODAY, date(2020, 1, 1), 1, Expected(None, "too_far")),
        (5, None, None, 0, Expected(None, "no_day")),
    ],
)
def test_a_budget_runs_out_when_what_is_free_is_used_at_the_pace_of_the_last_days(
    free_fen: int, today: date | None, first: date | None, used_fen: int, expected: Expected
) -> None:
    assert runs_out(free_fen, today, first, used_fen) == expected


def test_a_run_rate_rests_on_ninety_days_or_on_as_many_as_there_are() -> None:
    assert [
        run_days(TODAY, first) for first in (TODAY, date(2026, 6, 14), date(2026, 3, 18), date(2026, 3, 17))
    ] == [
        1,
        2,
        90,
        90,
    ]
