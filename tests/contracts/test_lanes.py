"""Lanes never move: a lane's place is its partition in every shared topic."""

import re

import pytest

from shared.contracts.lanes import LANE_CODES, LANES, NATION, PROVINCES, lane, lane_at, partition_of

# What was released. A new lane is appended here and there; nothing else of this list may ever change.
RELEASED = re.findall("..", "111213141521222331323334353637414243444546505152535461626364650066")


def test_a_released_lane_keeps_its_partition_for_ever() -> None:
    assert list(LANE_CODES[: len(RELEASED)]) == RELEASED


def test_every_new_lane_is_written_down_as_released() -> None:
    assert list(LANE_CODES) == RELEASED


def test_a_lane_is_found_by_its_partition_and_back() -> None:
    assert [lane_at(partition_of(code)) for code in LANE_CODES] == list(LANE_CODES)
    assert [lane(code).code for code in LANE_CODES] == list(LANE_CODES)


def test_no_two_lanes_share_a_code_or_a_name() -> None:
    for names in (
        [one.code for one in LANES],
        [one.name_zh for one in LANES],
        [one.name_en for one in LANES],
    ):
        assert len(set(names)) == len(LANES)


def test_the_provinces_are_31_without_the_nation_and_the_corps() -> None:
    assert len(PROVINCES) == 31
    assert not {NATION, "66"} & set(PROVINCES)


def test_an_unknown_lane_is_an_error_not_a_guess() -> None:
    with pytest.raises(KeyError):
        partition_of("99")
    with pytest.raises(IndexError):
        lane_at(len(LANE_CODES))
