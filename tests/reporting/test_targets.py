"""Promises about the national targets: compared as they are worded, the baseline never added."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.api import past, targets
from services.reporting.config import TARGETS, TargetError, load_targets
from services.reporting.domain.nation import TakenIn, nation
from services.reporting.domain.prospects import Moment, Sums, asked_for, prospects, since_2016
from services.reporting.domain.targets import (
    InForce,
    Setting,
    band,
    fair_shares,
    in_force,
    progress,
    selection,
)
from shared.contracts import provinces
from shared.contracts.provinces import TargetSet
from tests.reporting.conftest import Counter
from tests.reporting.facts import E, Publisher

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


def put(text: str, folder: Path) -> Path:
    path = folder / "targets.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("was", "becomes", "line", "says"),
    [
        ("value: 2_000_000", "value: 0", 20, "value"),
        ("measure: projects", "measure: patents", 30, "measure"),
        ("within: funded", "within: nothing", 4, "nothing"),
        ("since: 2025-09-01", "since: 2025-10-01", 52, "alliance"),
        ("    until: 2030-12-31", "    until: 2030-06-30\n    until: 2030-12-31", 11, "twice"),
        ("basis: planned", "basis: planned\n    wish: 7", 12, "wish"),
        (
            "since: 2025-01-01\n    until: 2025-12-31",
            "since: 2025-02-01\n    until: 2025-12-31",
            40,
            "window",
        ),
    ],
)
def test_a_wrong_target_is_refused_with_its_line(
    tmp_path: Path, was: str, becomes: str, line: int, says: str
) -> None:
    text = TARGETS.read_text().replace(was, becomes, 1)
    with pytest.raises(TargetError, match=says) as refused:
        load_targets(put(text, tmp_path))
    assert f"line {line}:" in str(refused.value)


def test_the_band_is_wide_where_months_differ_and_narrow_where_they_are_alike() -> None:
    until = date(2030, 12, 31)
    even, odd = band(1_000, [10] * 12, TODAY, until), band(1_000, [0, 20] * 6, TODAY, until)
    assert even
    assert odd
    assert (even.low, even.middle, even.high) == (1_490, 1_490, 1_490)
    assert odd.middle == 1_490
    assert odd.low < even.low - 50
    assert odd.high > even.high + 50
    assert band(1_000, [10, 10], TODAY, until) is None
    assert band(1_000, [10] * 12, TODAY, TODAY) is None


@given(st.integers(0, 10**7), st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**6), min_size=1))
def test_shares_add_up_to_the_last_one(total: int, weights: dict[str, int]) -> None:
    shares = fair_shares(total, weights)
    assert sum(shares.values()) == (total if sum(weights.values()) else 0)
    assert all(
        abs(shares[code] * sum(weights.values()) - total * weights[code]) < sum(weights.values())
        for code in shares
    )


def test_provinces_are_told_what_they_are_short_of_and_a_part_larger_than_its_whole_is_told() -> None:
    selections = asked_for(BOOK)
    sums: list[Sums] = [{} for _ in selections]
    sums[0] = {("32", "2026-01"): 300, ("33", "2026-01"): 90, ("50", "2026-01"): 10, ("66", "2026-01"): 50}
    national, provincial = selections.index(selection(BY_CODE["funded"])), 2
    sums[national] = {("32", "2026-01"): 5, ("33", "2026-02"): 1}
    sums[provincial] = {("32", "2026-01"): 1_200_000, ("33", "2026-02"): 2}
    sums[3] = {("32", "2026-01"): 7}
    found = prospects(BOOK, sums, Moment(date(2027, 12, 31), date(2026, 1, 1)))
    by_code = {one.code: one for one in found}
    funded = by_code["funded"]
    assert funded.progress.value == 6
    # The largest share is ahead, so those furthest behind are neither the largest nor in the order of their codes.
    assert [(one.lane, one.share, one.value) for one in funded.short] == [
        ("33", 675_000, 2),
        ("50", 75_000, 0),
        ("32", 2_250_000, 1_200_000),
    ]
    assert [one.short for one in funded.short] == [337_344, 37_483, -75_514]
    assert funded.consistent
    assert not by_code["funded_migrant"].consistent
    assert not by_code["jiangsu_2025"].short
    assert funded.band is not None
    assert funded.band.months == 12


def test_since_2016_stays_two_parts() -> None:
    selections = asked_for(BOOK)
    sums: list[Sums] = [{} for _ in selections]
    sums[-1] = {("32", "2024-07"): 2, ("33", "2024-07"): 1, ("32", "2025-01"): 4}
    workers = since_2016(BOOK, sums)[-1]
    assert (workers.code, workers.opening, workers.opening_comparator) == (
        "migrant_workers",
        2_400_000,
        "more_than",
    )
    assert (workers.streamed, [(one.month, one.added) for one in workers.months]) == (
        7,
        [("2024-07", 3), ("2025-01", 4)],
    )
    assert selections[-1].since == "0000-00"
    assert selections[-1].facet_2 == "since-2024-07"
    assert {one.since for one in selections[-3:-1]} == {"2024-07"}


# ---------------------------------------------------------------- targets by event


def said(target: str = "jiangsu_2027", **changes: Any) -> dict[str, Any]:
    """What an event says of a target."""
    return {
        "target": target,
        "document_no": "t-1",
        "name_zh": "江苏",
        "name_en": "Jiangsu",
        "measure": "funded",
        "filter": {"lane": "32", "category": "migrant"},
        "comparator": "more_than",
        "value": 80_000,
        "since": "2027-01-01",
        "until": "2027-12-31",
        "basis": "planned",
        "source": "the plan of 2027",
    } | changes


def after(*entries: dict[str, Any]) -> InForce:
    """The targets after events have said this in turn."""
    return in_force(
        BOOK,
        [
            Setting(f"e-{n}", f"f-{n}", NOW, TargetSet.model_validate(entry, strict=False))
            for n, entry in enumerate(entries)
        ],
    )


def test_a_target_that_an_event_sets_stands_beside_those_of_the_file() -> None:
    found = after(said(baseline=7))
    assert [target.code for target in found.book.targets] == [*BY_CODE, "jiangsu_2027"]
    new = found.book.targets[-1]
    assert (new.filter.lane, new.filter.category, new.baseline) == ("32", "migrant", 7)
    assert (new.zh, new.en, new.source, new.basis) == ("江苏", "Jiangsu", "the plan of 2027", "planned")
    assert progress(new, 80_000, date(2028, 1, 1), None).reached is False
    assert found.set_by["jiangsu_2027"].event_id == "e-0"
    assert not found.not_taken


def test_a_later_entry_of_the_same_code_counts_in_place_of_the_file_s_and_of_earlier_ones() -> None:
    nation = {"filter": {}, "since": "2025-01-01", "until": "2030-12-31", "comparator": "at_least"}
    found = after(said("funded", value=3_500_000, **nation), said("funded", value=4_000_000, **nation))
    by_code = {target.code: target for target in found.book.targets}
    assert list(by_code) == list(BY_CODE)
    assert by_code["funded"].value == 4_000_000
    assert found.set_by["funded"].event_id == "e-1"
    assert {code for code in by_code if by_code[code] != BY_CODE[code]} == {"funded"}


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (said(since="2027-02-01"), "no_window"),
        (said(filter={"lane": "50", "alliance": "sichuan-chongqing"}), "lane_and_alliance"),
        (said(filter={"alliance": "sichuan-chongqing"}), "alliance_months"),
        (said(within="nowhere"), "within_unknown"),
        (said(within="funded", value=3_000_001), "within_unlike"),
        (said(within="projects", value=1), "within_unlike"),
        (said(within="jiangsu_2027"), "within_circle"),
        (
            said("funded", filter={}, since="2025-01-01", value=1_999_999),
            "within_unlike",
        ),  # its part is larger
    ],
)
def test_what_cannot_be_counted_or_nested_sets_nothing_and_says_why(entry: dict[str, Any], code: str) -> None:
    found = after(entry)
    assert found.book == BOOK
    assert not found.set_by
    (refused,) = found.not_taken
    assert (refused[0].said.target, refused[1].code) == (entry["target"], code)


def test_targets_that_would_be_part_of_each_other_are_not() -> None:
    found = after(
        said("outer"), said("inner", within="outer"), said("outer", within="inner", document_no="t-2")
    )
    assert [unfit.code for _, unfit in found.not_taken] == ["within_circle"]
    assert found.set_by["outer"].event_id == "e-0"


async def test_targets_are_told_with_the_event_that_set_them_as_they_were_known_on_a_day(
    counter: Counter,
) -> None:
    nation = {"filter": {}, "since": "2025-01-01", "until": "2030-12-31"}
    publisher = Publisher()
    entries = [said(), said("funded", value=4_000_000, **nation), said("projects", within="nowhere")]
    for n, entry in enumerate(entries):
        publisher.clock += timedelta(days=1)
        for lane in ("00", "32"):  # it stands on every lane, and counts once
            publisher.publish(E, lane, provinces.TARGET_SET, entry, causationid=f"operator-{n}")
    await counter.carry(publisher.taken())
    async with counter.pool.acquire() as db:
        told = await targets.read(db, BOOK, simulated=True)
        before = await targets.read(db, BOOK, known_on=date(2026, 3, 3), simulated=True)
        pictures = [
            await past.picture(db, BOOK, None, day, simulated=True) for day in (None, date(2026, 3, 3))
        ]

    assert [(one.code, one.event_id, one.document_no) for one in told.set_by_events] == [
        ("funded", "operator-1", "t-1"),
        ("jiangsu_2027", "operator-0", "t-1"),
    ]
    assert {one.code: one.progress.target for one in told.targets}["funded"] == 4_000_000
    (refused,) = told.not_taken
    assert (refused.code, refused.reason, refused.event_id) == ("projects", "within_unknown", "operator-2")
    assert "nowhere" in refused.message_zh
    assert "new document number" in refused.message_en
    assert [one.code for one in before.set_by_events] == ["jiangsu_2027"]
    assert [{one.code: one.target for one in seen.targets}["funded"] for seen in pictures] == [
        4_000_000,
        3_000_000,
    ]
