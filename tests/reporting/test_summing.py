"""Sums that are kept and cells beside them add up to what was asked for: nothing is missing, nothing is there twice."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain import summing
from services.reporting.domain.selecting import as_of, of_lanes
from services.reporting.domain.targets import FIRST_MONTH, LAST_MONTH, Selection, months_between

MONTHS = months_between("2023-01", "2026-12")
STUDY = of_lanes("enrolled")


@given(st.sampled_from((FIRST_MONTH, *MONTHS)), st.sampled_from((LAST_MONTH, *MONTHS)))
def test_years_and_months_are_each_month_that_was_asked_for_once(since: str, until: str) -> None:
    found = []
    for one in summing.kept([STUDY._replace(since=since, until=until)], whole=True):
        cut = 4 if one.span == "year" else 7
        found += [month for month in MONTHS if one.since <= month[:cut] <= one.until]
    assert sorted(found) == [month for month in MONTHS if since <= month <= until]


def test_whole_years_are_asked_for_as_years() -> None:
    spans = [(one.span, one.since, one.until) for one in summing.kept([as_of(STUDY, "2026-03")], whole=True)]
    assert spans == [("year", "0000", "2025"), ("period", "2026", "2026-03")]
    days = [as_of(of_lanes("arrived"), month) for month in ("2026-12", "2026-03")]
    assert [(one.span, one.until) for one in summing.kept(days, whole=True)] == [
        ("year", "2026"),
        ("year", "2025"),
        ("period", "2026-03-99"),
    ]


def test_cells_themselves_are_read_of_one_month_only() -> None:
    known = date(2026, 3, 12)
    assert summing.recorded(known) == ("0", "2026-02")
    assert summing.rows([STUDY], known)[0].from_day == date(2026, 3, 1)
    assert summing.rows([STUDY], None)[0].from_day == date.max


def test_what_no_sum_is_kept_for_is_read_from_all_cells() -> None:
    for one in (
        STUDY._replace(facet_2="skills"),
        STUDY._replace(facet_1=None),
        Selection("persons", "funded", None, "any", None, FIRST_MONTH, LAST_MONTH),
        Selection("flows", "granted_fen", None, "2026", None, FIRST_MONTH, LAST_MONTH),
        Selection("levels", "enrolled", None, "associate", None, FIRST_MONTH, LAST_MONTH),
    ):
        assert summing.kept([one], whole=False) == []
        assert summing.rows([one], None)[0].from_day == date.min
