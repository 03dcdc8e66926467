"""Promises about the national targets: compared as they are worded, the baseline never added."""

from datetime import UTC, date, datetime

import pytest

from services.reporting.domain.nation import nation
from services.reporting.domain.targets import BASELINES, TARGETS, progress

BY_CODE = {target.code: target for target in TARGETS}
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


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
    assert progress(BY_CODE[code], value, date(2028, 1, 1)).reached is reached


def test_the_steady_pace_runs_from_the_first_day_to_the_last() -> None:
    target = BY_CODE["funded"]
    assert progress(target, 0, date(2024, 12, 31)).steady == 0
    assert progress(target, 0, date(2030, 12, 31)).steady == 3_000_000
    assert progress(target, 0, date(2035, 1, 1)).steady == 3_000_000
    halfway = progress(target, 0, date(2027, 12, 31)).steady
    assert halfway is not None
    assert abs(halfway - 1_500_000) < 2_000


def test_what_is_needed_each_month_reaches_the_target_just_in_time() -> None:
    found = progress(BY_CODE["projects"], 100, date(2030, 11, 15))
    assert found.needed_per_month == 100
    assert progress(BY_CODE["projects"], 300, date(2030, 11, 15)).needed_per_month is None
    assert progress(BY_CODE["projects"], 100, date(2031, 1, 1)).needed_per_month is None


def test_the_nation_is_not_the_sum_of_its_provinces_for_persons() -> None:
    sums = [
        ("lane", "32", "funded", 2),
        ("lane", "33", "funded", 2),
        ("nation", "32", "funded", 2),
        ("nation", "33", "funded", 1),
        ("lane", "32", "enrolled", 5),
        ("lane", "33", "enrolled", 0),
    ]
    found = nation(sums, [], [], 9, NOW, NOW, simulated=False)
    assert found.measures["funded"] == 3
    assert found.measures["enrolled"] == 5
    lanes = {lane.code: lane.measures for lane in found.lanes}
    assert lanes["32"] == {"funded": 2, "enrolled": 5}
    assert lanes["33"] == {"funded": 2}


def test_the_baseline_stands_beside_and_is_never_added() -> None:
    found = nation([("nation", "32", "funded_migrant", 7)], [], [], 1, NOW, NOW, simulated=True)
    assert found.baselines == BASELINES
    assert {target.code: target.value for target in found.targets}["funded_migrant"] == 7


def test_before_the_first_fact_nothing_is_projected() -> None:
    found = nation([], [], [], 0, None, NOW, simulated=False)
    assert all(target.steady is None and target.needed_per_month is None for target in found.targets)
