"""One person, one record: which of what provinces say counts, who studies twice at once, and what is waited for."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.enrollment.domain.person import Statement, what_counts
from shared.contracts.enrollment import ENROLLMENT_OVERLAPPED
from tests.enrollment.events import (
    alliance_reported,
    allied,
    certified,
    changed,
    enrolled,
    established,
    joined,
    paired,
    promoted,
    registered,
    returned,
    settled,
    trained,
    withdrawn,
    worker_ref,
)
from tests.enrollment.memory import Books, register_of

Event = dict[str, Any]
A, B = worker_ref("A"), worker_ref("B")
ACCEPTED, WAITS = ("accepted", None), ("parked", "waits_for")


def saying(event: Event, **data: Any) -> Event:
    """The event with other data."""
    return event | {"data": event["data"] | data}


def said(
    since: str, until: str | None = None, *, lane: str = "32", hour: int = 8, **attributes: Any
) -> Statement:
    """A statement of a lane, made at an hour of one day."""
    at = datetime(2026, 1, 1, hour, tzinfo=UTC)
    ends = date.fromisoformat(until) if until else None
    return Statement(lane, f"e-{lane}-{hour}", at, date.fromisoformat(since), ends, attributes)


# ---------------------------------------------------------------- the rule

DAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("statements", "counts"),
    [
        ([], None),
        ([said("2026-01-01", categories="a")], "a"),
        ([said("2026-01-01", categories="a"), said("2026-05-01", categories="b")], "b"),
        ([said("2026-01-01", hour=9, categories="a"), said("2026-05-01", categories="b")], "b"),
        ([said("2026-01-01", categories="a"), said("2026-06-01", categories="b")], "b"),
        ([said("2026-01-01", categories="a"), said("2026-06-02", categories="b")], "a"),
        ([said("2026-01-01", categories="a"), said("2026-05-01", "2026-05-31", categories="b")], "a"),
        ([said("2026-01-01", categories="a"), said("2026-05-01", "2026-06-01", categories="b")], "b"),
        ([said("2026-01-01", "2026-05-31", categories="a")], None),
        ([said("2026-07-01", categories="a"), said("2026-08-01", categories="b")], "a"),
        (
            [
                said("2026-01-01", hour=9, categories="a"),
                said("2026-01-01", hour=8, lane="34", categories="b"),
            ],
            "a",
        ),
        ([said("2026-01-01", lane="34", categories="a"), said("2026-01-01", categories="b")], "a"),
    ],
    ids=[
        "nothing was said",
        "one statement",
        "the one that begins later",
        "though it was said before",
        "it begins today",
        "it begins tomorrow",
        "it ended yesterday",
        "it ends today",
        "the only one has run out",
        "nothing holds yet: what begins first",
        "of one day the one said last",
        "said at one moment: the higher lane",
    ],
)
def test_which_statement_counts(statements: list[Statement], counts: str | None) -> None:
    assert what_counts(statements, DAY).get("categories") == counts


days = st.dates(date(2026, 5, 25), date(2026, 6, 8))
statements = st.builds(
    Statement,
    st.sampled_from(("32", "34")),
    st.sampled_from(("e-1", "e-2", "e-3", "e-4", "e-5")),
    st.integers(0, 3).map(lambda hour: datetime(2026, 1, 1, hour, tzinfo=UTC)),
    days,
    st.none() | days,
    st.dictionaries(st.sampled_from(("categories", "employer")), st.sampled_from("abc")),
)


@given(st.data())
def test_what_counts_does_not_depend_on_the_order_in_which_it_came(data: st.DataObject) -> None:
    one = data.draw(st.lists(statements, max_size=6, unique_by=lambda s: (s.lane, s.event_id)))
    other = data.draw(st.permutations(one))
    assert what_counts(one, DAY) == what_counts(other, DAY)


# ---------------------------------------------------------------- one record


def test_provinces_that_contradict_each_other_share_a_record_and_the_later_statement_counts() -> None:
    books = Books()
    home = registered(A, lane="34", time="2026-09-02T08:00:00+08:00")
    books.ask_all(saying(home, categories=["new_employment"], origin_province="34"), lane="34")
    books.ask_all(saying(registered(A), categories=["industrial"], origin_province="33"))
    assert [fact.data["first"] for fact in books.results.facts] == [True, False]
    books.ask_all(enrolled(A, "32-1"))
    known = {"categories": ["new_employment"], "origin_province": "34"}
    assert books.results.facts[-1].data["worker"] == known
    assert {s.lane for s in books.register.workers[A].statements} == {"32", "34"}


def test_a_change_counts_from_its_day_on_and_an_enrollment_keeps_what_counted_then() -> None:
    books = Books()
    books.ask_all(registered(A), enrolled(A, "32-1"))
    before = books.register.enrollments["32-1"].facts["categories"]
    books.ask_all(changed(A, "2026-10-01", categories=["front_line"]))
    assert books.results.facts[-1].data["worker"]["categories"] == before
    books.register.today = date(2026, 10, 1)
    books.ask_all(enrolled(A, "32-2"))
    assert books.register.enrollments["32-1"].facts["categories"] == before
    assert books.register.enrollments["32-2"].facts["categories"] == ["front_line"]


def test_flags_that_have_run_out_count_no_more_while_the_rest_of_the_registration_does() -> None:
    books = Books()
    books.ask_all(saying(registered(A), categories_since="2026-01-01", categories_until="2026-08-31"))
    books.ask_all(enrolled(A, "32-1"))
    assert books.results.facts[-1].data["worker"] == {"categories": [], "origin_province": "34"}


def test_a_change_of_an_employer_leaves_the_flags_as_they_are() -> None:
    books = Books()
    employer = {"name": "某公司", "code": "91320200MA1XXXXX2P", "sector": "G"}
    books.ask_all(registered(A), changed(A, "2026-09-02", employer=employer))
    known = books.results.facts[-1].data["worker"]
    assert (known["employer"], known["categories"]) == (employer, ["industrial", "migrant"])


def test_a_change_that_says_nothing_is_refused() -> None:
    books = Books()
    books.ask_all(registered(A))
    nothing = saying(changed(A, "2026-09-02"))
    del nothing["data"]["categories"]
    assert books.ask(nothing) == ("rejected", "invalid")


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (saying(changed(A, "2026-09-02"), until="2026-09-01"), "data.until"),
        (saying(registered(A), categories_since="2026-09-02", categories_until="2026-09-01"), "data.categories_until"),
        (saying(trained(A, "t-1"), start="2026-09-01"), "data.completed_on"),
        (saying(allied("l-1", lane="32"), outcomes=[{
            "measure": "patents", "comparator": "stated", "value": 1, "since": "2027-01-01", "until": "2026-01-01",
        }]), "data.outcomes.0.until"),
    ],
)  # fmt: skip
def test_what_ends_before_it_begins_is_refused_with_its_field(event: Event, field: str) -> None:
    books = Books()
    assert books.ask(event) == ("rejected", "invalid")
    assert books.results.receipts[-1].receipt["field"] == field


# ---------------------------------------------------------------- twice at once


def overlaps(books: Books) -> list[tuple[str, str, str]]:
    """What was said of overlaps: lane, its enrollment, the other."""
    return [
        (fact.lane, fact.data["enrollment_no"], fact.data["other_enrollment_no"])
        for fact in books.results.facts
        if fact.type == ENROLLMENT_OVERLAPPED
    ]


def test_studying_for_one_level_in_two_provinces_at_once_is_said_to_both() -> None:
    books = Books()
    books.ask_all(registered(A), enrolled(A, "32-1"))
    books.ask_all(enrolled(A, "34-1", lane="34"), lane="34")
    assert sorted(overlaps(books)) == [("32", "32-1", "34-1"), ("34", "34-1", "32-1")]


@pytest.mark.parametrize(
    "other",
    [
        {"level_after": "bachelor"},
        {"track": "combined"},
        {"history": True},
        {"start": "2026-01-01", "planned_end": "2026-08-31"},
    ],
    ids=["another level", "another track", "back-loaded", "over before the first begins"],
)
def test_another_course_is_no_overlap(other: dict[str, Any]) -> None:
    books = Books()
    books.ask_all(registered(A), enrolled(A, "32-1"))
    books.ask_all(saying(enrolled(A, "34-1", lane="34"), **other), lane="34")
    assert overlaps(books) == []


def test_a_worker_who_has_left_or_studies_twice_in_one_province_overlaps_nothing() -> None:
    books = Books()
    books.ask_all(registered(A), enrolled(A, "32-1"), enrolled(A, "32-2"))
    books.ask_all(withdrawn(A, "32-1"), withdrawn(A, "32-2"))
    books.ask_all(enrolled(A, "34-1", lane="34"), lane="34")
    assert overlaps(books) == []


# ---------------------------------------------------------------- what is named by number alone

IN_PROJECT = saying(enrolled(A, "32-1"), project_no="j-1")
WAITING: dict[str, tuple[Event, tuple[str, Event], tuple[str, Event] | None]] = {
    "a project": (IN_PROJECT, ("32", established("j-1")), ("34", established("j-1", lane="34"))),
    "a national project": (
        saying(enrolled(A, "32-1"), project_no="j-1", project_province="00"),
        ("00", established("j-1", lane="00")),
        ("32", established("j-1")),
    ),
    "the institution whose course it is": (
        saying(enrolled(A, "32-1"), course_of="10295"),
        ("34", joined("10295", lane="34")),
        ("32", joined("10296")),
    ),
    "an institution under the province's own code": (
        paired(A, B, institution_code="WX-1"),
        ("32", joined("WX-1")),
        ("34", joined("WX-1", lane="34")),
    ),
    "an alliance": (
        alliance_reported("l-1", "r-1", lane="32"),
        ("34", allied("l-1", lane="34")),
        ("34", allied("l-2", lane="34")),
    ),
    "a payment": (returned(A, "32-9", 1), ("32", settled(A, "32-9", 1)), ("32", settled(A, "32-9", 2))),
    "a worker, for a change": (changed(B, "2026-09-01"), ("34", registered(B, lane="34")), None),
    "a worker, for a training": (trained(B, "t-1"), ("34", registered(B, lane="34")), None),
    "a worker, for a post": (promoted(B, "站点经理"), ("34", registered(B, lane="34")), None),
    "an enrollment, for a certificate": (
        certified(A, "c-1", enrollment_no="32-5"),
        ("32", enrolled(A, "32-5")),
        ("32", enrolled(A, "32-6")),
    ),
}


@pytest.mark.parametrize("name", WAITING)
def test_what_is_missing_is_waited_for_and_frees_what_waits(name: str) -> None:
    event, (lane, missing), another = WAITING[name]
    books = Books(register_of(("00", "32", "34")))
    books.ask_all(registered(A), enrolled(A, "32-9"))
    assert books.ask(event) == WAITS
    if another is not None:
        assert books.ask(another[1], lane=another[0]) == ACCEPTED
        assert len(books.register.parked) == 1
    assert books.ask(missing, lane=lane) == ACCEPTED
    assert not books.register.parked
    assert books.results.receipts[-1].receipt["event_id"] == event["id"]
    assert books.results.receipts[-1].receipt["status"] == "accepted"


def test_an_enrollments_own_institution_explains_itself_and_is_not_waited_for() -> None:
    books = Books()
    books.ask_all(registered(A))
    assert books.ask(enrolled(A, "32-1")) == ACCEPTED


def test_what_waits_elsewhere_for_what_has_come_is_judged_by_its_lanes_owner() -> None:
    books = Books()
    books.ask_all(registered(A))
    assert books.ask(saying(enrolled(A, "32-1"), course_of="10295")) == WAITS
    del books.register.lanes["32"]
    assert books.ask(joined("10295", lane="34"), lane="34") == ACCEPTED
    assert [parked.lane for parked in books.results.released_elsewhere] == ["32"]


def test_a_payment_is_settled_by_the_province_that_funds() -> None:
    books = Books()
    books.ask_all(registered(A), enrolled(A, "32-1", funding="34"))
    assert books.ask(settled(A, "32-1", 1)) == ("rejected", "not_the_funder")
    assert books.ask(settled(A, "32-1", 1, lane="34"), lane="34") == ACCEPTED
    assert (books.results.facts[-1].lane, books.results.facts[-1].data["reported_by"]) == ("34", "34")


def test_a_training_within_an_enrollment_stands_on_its_home_lane_and_one_without_where_it_was_reported() -> (
    None
):
    books = Books()
    books.ask_all(registered(A), enrolled(A, "32-1", funding="34"))
    books.ask_all(trained(A, "t-1", enrollment_no="32-1"), trained(A, "t-2"))
    within, without = books.results.facts[-2:]
    assert (within.lane, without.lane) == ("34", "32")
    assert within.data["enrollment"] == books.register.enrollments["32-1"].facts
    assert without.data["worker"]["education_level"] == "junior_high"
