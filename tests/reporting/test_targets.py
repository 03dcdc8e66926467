"""Promises about the national targets: compared as they are worded, the baseline never added."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.reporting.config import TARGETS, load_targets
from services.reporting.domain.nation import TakenIn, nation
from services.reporting.domain.targets import progress

BOOK = load_targets(TARGETS)
BY_CODE = {target.code: target for target in BOOK.targets}
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("code", "value", "reached"),
    [
        ("funded", 2_999_999, False),
        ("funded", 3_000_000, True),
        ("funded_migrant", 2_000_000, False),
        ("funded_migrant", 2_000_001, True),
        ("projects", 299, False),
        ("projects", 300, True),
    ],
)
def test_at_least_and_more_than_are_not_the_same(code: str, value: int, reached: bool) -> None:
    assert progress(BY_CODE[code], value, date(2028, 1, 1), None).reached is reached


def test_the_steady_pace_runs_from_the_first_day_to_the_last() -> None:
    target = BY_CODE["funded"]
    assert progress(target, 0, date(2024, 12, 31), None).steady == 0
    assert progress(target, 0, date(2030, 12, 31), None).steady == 3_000_000
    assert progress(target, 0, date(2035, 1, 1), None).steady == 3_000_000
    halfway = progress(target, 0, date(2027, 12, 31), None).steady
    assert halfway is not None
    assert abs(halfway - 1_500_000) < 2_000


def test_what_is_needed_each_month_reaches_the_target_just_in_time() -> None:
    found = progress(BY_CODE["projects"], 100, date(2030, 11, 15), None)
    assert found.needed_per_month == 100
    assert progress(BY_CODE["projects"], 300, date(2030, 11, 15), None).needed_per_month is None
    assert progress(BY_CODE["projects"], 100, date(2031, 1, 1), None).needed_per_month is None


def test_the_pace_so_far_is_projected_to_the_day_that_reaches_the_target() -> None:
    began = TODAY - timedelta(days=99)
    assert progress(BY_CODE["funded"], 1_500_000, TODAY, began).projected == TODAY + timedelta(days=100)
    assert progress(BY_CODE["funded_migrant"], 1_000_000, TODAY, began).projected == TODAY + timedelta(
        days=101
    )


def test_nothing_is_projected_from_few_days_from_nothing_or_into_a_far_future() -> None:
    target, began = BY_CODE["funded"], TODAY - timedelta(days=99)
    assert progress(target, 1_500_000, TODAY, TODAY - timedelta(days=28)).projected is None
    assert progress(target, 1_500_000, TODAY, TODAY - timedelta(days=29)).projected is not None
    assert progress(target, 0, TODAY, began).projected is None
    assert progress(target, 1, TODAY, began).projected is None
    assert progress(target, 3_000_000, TODAY, began).projected is None


def test_the_nation_is_not_the_sum_of_its_provinces_for_persons() -> None:
    sums = [
        ("lane", "32", "funded", 2),
        ("lane", "33", "funded", 2),
        ("nation", "32", "funded", 2),
        ("nation", "33", "funded", 1),
        ("lane", "32", "enrolled", 5),
        ("lane", "33", "enrolled", 0),
    ]
    found = nation(sums, [], [], TakenIn(9, TODAY, NOW, NOW), BOOK, simulated=False)
    assert found.measures["funded"] == 3
    assert found.measures["enrolled"] == 5
    lanes = {lane.code: lane.measures for lane in found.lanes}
    assert lanes["32"] == {"funded": 2, "enrolled": 5}
    assert lanes["33"] == {"funded": 2}


def test_the_baseline_stands_beside_and_is_never_added() -> None:
    sums = [("nation", "32", "funded_migrant", 7)]
    found = nation(sums, [], [], TakenIn(1, TODAY, NOW, NOW), BOOK, simulated=True)
    assert [one.value for one in found.baselines] == [500, 110_000_000_000, 2_400_000]
    assert {target.code: target.value for target in found.targets}["funded_migrant"] == 7


def test_before_the_first_fact_nothing_is_projected() -> None:
    found = nation([], [], [], TakenIn(0, None, None, NOW), BOOK, simulated=False)
    for target in found.targets:
        assert (target.steady, target.needed_per_month, target.projected) == (None, None, None)
