"""Sums that are kept and cells beside them add up to what was asked for: nothing is missing, nothing is there twice."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain import summing
from services.reporting.domain.selecting import as_of, of_lanes
from services.reporting.domain.targets import FIRST_MONTH, LAST_MONTH, Selection, months_between

MONTHS = months_between("2023-01", "2026-12")
STUDY = of_lanes("enrolled")
NOW = summing.recorded(None)


@given(st.sampled_from((FIRST_MONTH, *MONTHS)), st.sampled_from((LAST_MONTH, *MONTHS)))
def test_years_and_months_are_each_month_that_was_asked_for_once(since: str, until: str) -> None:
    found = []
    for one in summing.kept([STUDY._replace(since=since, until=until)], NOW, whole=True):
        cut = 4 if one.span == "year" else 7
        found += [month for month in MONTHS if one.since <= month[:cut] <= one.until]
    assert sorted(found) == [month for month in MONTHS if since <= month <= until]


def test_whole_years_are_asked_for_as_years() -> None:
    spans = [
        (one.span, one.since, one.until) for one in summing.kept([as_of(STUDY, "2026-03")], NOW, whole=True)
    ]
    assert spans == [("year", "0000", "2025"), ("period", "2026", "2026-03")]
    days = [as_of(of_lanes("arrived"), month) for month in ("2026-12", "2026-03")]
    assert [(one.span, one.until) for one in summing.kept(days, NOW, whole=True)] == [
        ("year", "2026"),
        ("year", "2025"),
        ("period", "2026-03-99"),
    ]


def test_cells_themselves_are_read_of_half_a_month_at_most() -> None:
    for day in range(1, 32):
        first, last, _ = summing.recorded(date(2026, 3, day), "2025-01", "2026-12").days
        assert -1 <= (last - first).days <= 15
        assert first > last or first.month == last.month == 3
    assert summing.rows([STUDY], NOW, None)[0][-4:] == (date.max, date.min, 1, True), (
        "none, where all is known"
    )


@given(*(st.dates(date(2023, 1, 1), date(2026, 12, 31)) for _ in range(4)))
def test_every_day_up_to_the_one_asked_for_counts_once_and_none_after_it(
    known_on: date, began: date, newest: date, day: date
) -> None:
    found = summing.recorded(known_on, began.isoformat()[:7], newest.isoformat()[:7])
    month = day.isoformat()[:7]
    counts = sum(sign for first, last, sign in found.months if first == "" or first <= month <= last)
    first, last, sign = found.days
    assert counts + sign * (first <= day <= last) == (day <= known_on)


def test_what_lies_near_to_now_is_read_from_now_backwards_and_what_lies_near_to_the_beginning_from_there() -> (
    None
):
    span = "2025-01", "2026-12"
    assert summing.recorded(date(2026, 11, 20), *span).months == (("", "", 1), ("2026-12", "9999-99", -1))
    assert summing.recorded(date(2026, 11, 12), *span).months == (("", "", 1), ("2026-11", "9999-99", -1))
    assert summing.recorded(date(2025, 3, 12), *span).months == (("0", "2025-02", 1),)
    assert summing.recorded(date(2025, 3, 20), *span).months == (("0", "2025-03", 1),)


def test_what_no_sum_is_kept_for_is_read_from_all_cells() -> None:
    for one in (
        STUDY._replace(facet_2="skills"),
        STUDY._replace(facet_1=None),
        Selection("persons", "funded", None, "any", None, FIRST_MONTH, LAST_MONTH),
        Selection("flows", "granted_fen", None, "2026", None, FIRST_MONTH, LAST_MONTH),
        Selection("levels", "enrolled", None, "associate", None, FIRST_MONTH, LAST_MONTH),
    ):
        assert summing.kept([one], NOW, whole=False) == []
        assert summing.rows([one], NOW, None)[0].from_day == date.min
