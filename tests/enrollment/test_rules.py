"""The rules of the register: each refusal with its code, and every order of cause and effect with one end."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.enrollment.domain.natural_keys import natural_key
from services.enrollment.domain.register import PARKED_MAX_PER_LANE
from shared.contracts import provinces
from shared.contracts.lanes import LANE_CODES
from shared.contracts.submission import read
from tests.enrollment.events import (
    activated,
    adjusted,
    alliance_reported,
    allied,
    allocated,
    carried_over,
    certified,
    changed,
    completed,
    confirmed,
    control_totals,
    enrolled,
    established,
    joined,
    opening,
    paired,
    planned,
    promoted,
    registered,
    resumed,
    returned,
    scholarship,
    settled,
    suspended,
    target,
    titled,
    trained,
    withdrawn,
    written_off,
)
from tests.enrollment.memory import NO, A, B, Books, studying

Event = dict[str, Any]
ACCEPTED = ("accepted", None)
ALREADY = ("rejected", "already_recorded")


def with_what_is_named() -> Books:
    """The same, with an institution, an alliance, a payment and an interruption that others may name."""
    books = studying()
    books.ask_all(joined("10295"), settled(A, NO, 1), suspended(A, NO, "2026-09-15"))
    books.ask_all(allied("l-1"), lane="50")
    return books


def same_course_under_another_number() -> Event:
    """The worker, the institution, the programme and the start of NO."""
    again = enrolled(A, "32-2")
    return again | {"data": again["data"] | {"programme": enrolled(A, NO)["data"]["programme"]}}


ONCE: dict[str, tuple[Callable[[], Event], Callable[[], Event]]] = {
    provinces.WORKER_REGISTERED: (lambda: registered(B), lambda: registered(B)),
    provinces.WORKER_ENROLLED: (lambda: enrolled(A, "32-9"), lambda: enrolled(A, "32-9")),
    provinces.ENROLLMENT_CONFIRMED: (lambda: confirmed(A, NO), lambda: confirmed(A, NO)),
    provinces.ENROLLMENT_WITHDRAWN: (lambda: withdrawn(A, NO), lambda: withdrawn(A, NO)),
    provinces.DEGREE_COMPLETED: (lambda: completed(A, NO), lambda: completed(A, NO)),
    provinces.SCHOLARSHIP_AWARDED: (lambda: scholarship(A, NO, "s-1"), lambda: scholarship(A, NO, "s-1")),
    provinces.PLAN_DECLARED: (lambda: planned("p-1"), lambda: planned("p-1")),
    provinces.BUDGET_ALLOCATED: (lambda: allocated("d-1"), lambda: allocated("d-1", amount_fen=7)),
    provinces.PROJECT_ESTABLISHED: (lambda: established("j-1"), lambda: established("j-1")),
    provinces.WORKER_CHANGED: (lambda: changed(A, "2026-09-02"), lambda: changed(A, "2026-09-02")),
    provinces.ENROLLMENT_SUSPENDED: (
        lambda: suspended(A, NO, "2026-12-01"),
        lambda: suspended(A, NO, "2026-12-01"),
    ),
    provinces.ENROLLMENT_RESUMED: (lambda: resumed(A, NO), lambda: resumed(A, NO)),
    provinces.TRAINING_COMPLETED: (lambda: trained(A, "t-1"), lambda: trained(A, "t-1")),
    provinces.CERTIFICATE_EARNED: (
        lambda: certified(A, "c-1"),
        lambda: certified(A, "c-1", enrollment_no=NO),
    ),
    provinces.TITLE_AWARDED: (lambda: titled(A, "z-1"), lambda: titled(A, "z-1")),
    provinces.PROMOTION_RECORDED: (lambda: promoted(A, "站点经理"), lambda: promoted(A, "站点经理")),
    provinces.TUTORS_PAIRED: (lambda: paired(A, B), lambda: paired(A, B)),
    provinces.BUDGET_ADJUSTED: (lambda: adjusted("d-1"), lambda: adjusted("d-1", direction="increase")),
    provinces.BUDGET_CARRIED_OVER: (lambda: carried_over("d-1"), lambda: carried_over("d-1", to_year=2028)),
    provinces.PAYMENT_SETTLED: (lambda: settled(A, NO, 2), lambda: settled(A, NO, 2, amount_fen=7)),
    provinces.PAYMENT_RETURNED: (lambda: returned(A, NO, 1), lambda: returned(A, NO, 1)),
    provinces.DEBT_WRITTEN_OFF: (lambda: written_off(A, NO, "d-1"), lambda: written_off(A, NO, "d-1")),
    provinces.BALANCE_OPENED: (lambda: opening("workers_helped"), lambda: opening("workers_helped")),
    provinces.INSTITUTION_JOINED: (lambda: joined("10286"), lambda: joined("10286")),
    provinces.ALLIANCE_FORMED: (lambda: allied("l-2", lane="32"), lambda: allied("l-2", lane="32")),
    provinces.ALLIANCE_REPORTED: (
        lambda: alliance_reported("l-1", "r-1", lane="32"),
        lambda: alliance_reported("l-1", "r-1", lane="32"),
    ),
    provinces.CONTROL_TOTALS_DECLARED: (
        lambda: control_totals("2026-03"),
        lambda: control_totals("2026-03", events=4_811),
    ),
    provinces.SCHEME_ACTIVATED: (lambda: activated(3), lambda: activated(3, amount_base_fen=7)),
    provinces.TARGET_SET: (lambda: target("t-1"), lambda: target("t-1", value=7)),
}


def test_every_type_is_tried_twice() -> None:
    assert ONCE.keys() == provinces.DATA_MODELS.keys() - {provinces.EVENT_VOIDED}  # see test_corrections


@pytest.mark.parametrize("kind", ONCE)
def test_the_same_matter_under_a_new_id_is_already_recorded(kind: str) -> None:
    books = with_what_is_named()
    first, again = (make() for make in ONCE[kind])
    assert books.ask(first) == ACCEPTED
    facts = len(books.results.facts)
    assert books.ask(again) == ALREADY
    assert books.first_of(again) == first["id"]
    third = ONCE[kind][1]()
    assert (books.ask(third), books.first_of(third)) == (ALREADY, first["id"])
    assert len(books.results.facts) == facts


def test_what_the_nation_decides_stands_on_every_lane_under_an_id_of_its_own() -> None:
    books = with_what_is_named()
    before = len(books.results.facts)
    assert books.ask(activated(3)) == ACCEPTED
    facts = books.results.facts[before:]
    assert [fact.lane for fact in facts] == list(LANE_CODES)
    assert len({fact.id for fact in facts}) == len(LANE_CODES)
    assert {fact.data["scheme_version"] for fact in facts} == {3}


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        (
            [{"fund_source": "a", "amount_fen": 1, "share_percent": 5, "share_of": "base"}],
            "parts.0.amount_fen",
        ),
        ([{"fund_source": "a"}], "parts.0.amount_fen"),
        ([{"fund_source": "a", "share_percent": 5}], "parts.0.share_of"),
        (
            [
                {"fund_source": "a", "amount_fen": 1},
                {"fund_source": "a", "amount_fen": 1, "year_of_study": 2, "when_exhausted": "partial"},
            ],
            "parts.1.when_exhausted",
        ),
        ([{"fund_source": "b", "amount_fen": 1}], "fund_source"),
        ([{"fund_source": "a", "share_percent": 60, "share_of": "base"}] * 2, "parts"),
        ([{"fund_source": "a", "amount_fen": 1, "when_exhausted": "next"}], "parts"),
    ],
)
def test_a_scheme_whose_parts_contradict_each_other_is_refused_with_the_field(
    parts: list[dict[str, Any]], field: str
) -> None:
    books = with_what_is_named()
    assert books.ask(activated(3, fund_source="a", parts=parts)) == ("rejected", "invalid")
    assert books.results.receipts[-1].receipt["field"] == f"data.{field}"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"measure": "happiness"}, "measure"),
        ({"filter": {"category": "retired"}}, "filter.category"),
        ({"filter": {"lane": "99"}}, "filter.lane"),
        ({"filter": {"alliance": "delta"}}, "filter.alliance"),
        ({"comparator": "about"}, "comparator"),
        ({"value": 0}, "value"),
        ({"until": "2026-12-31"}, "until"),
    ],
)
def test_a_target_that_nobody_can_count_is_refused_with_the_field(
    changes: dict[str, Any], field: str
) -> None:
    books = with_what_is_named()
    assert books.ask(target("t-1", **changes)) == ("rejected", "invalid")
    assert books.results.receipts[-1].receipt["field"] == f"data.{field}"


def test_a_target_is_set_anew_by_a_document_of_its_own() -> None:
    books = with_what_is_named()
    assert [books.ask(target(no, value=value)) for no, value in (("t-1", 1), ("t-2", 2))] == [
        ACCEPTED,
        ACCEPTED,
    ]


@pytest.mark.parametrize("kind", sorted(provinces.OF_THE_NATION))
def test_only_the_nation_decides_for_the_nation(kind: str) -> None:
    books, event = with_what_is_named(), ONCE[kind][0]()
    event["source"] = "//provinces/32/hr"
    assert books.ask(event, lane="32") == ("rejected", "nation_only")
    assert books.ask(ONCE[kind][0]()) == ACCEPTED


def test_the_same_course_under_another_number_is_already_recorded() -> None:
    books = studying()
    assert books.ask(same_course_under_another_number()) == ALREADY


def test_another_course_under_the_same_number_is_already_recorded() -> None:
    books = studying()
    other = enrolled(A, NO)
    other["data"] |= {"programme": "another"}
    assert books.ask(other) == ALREADY


def test_an_enrollments_fact_carries_what_the_register_knows_of_its_worker() -> None:
    fact = studying().results.facts[-1]
    assert fact.data["worker"] == {"categories": ["industrial", "migrant"], "origin_province": "34"}


OTHERS: dict[str, tuple[Callable[[], Event], Callable[[], Event], str]] = {
    "a worker in another province": (lambda: registered(A), lambda: registered(A, lane="34"), "34"),
    "another course": (lambda: enrolled(A, "32-8"), lambda: enrolled(A, "32-9"), "32"),
    "a scholarship of another number": (
        lambda: scholarship(A, NO, "s-1"),
        lambda: scholarship(A, NO, "s-2"),
        "32",
    ),
    "a plan of another province": (lambda: planned("p-1"), lambda: planned("p-1", lane="34"), "34"),
    "money of another province": (lambda: allocated("d-1"), lambda: allocated("d-1", lane="34"), "34"),
    "money of another document": (lambda: allocated("d-1"), lambda: allocated("d-2"), "32"),
    "a project of another province": (
        lambda: established("j-1"),
        lambda: established("j-1", lane="34"),
        "34",
    ),
    "a change on another day": (lambda: changed(A, "2026-09-02"), lambda: changed(A, "2026-09-03"), "32"),
    "a change that another province reports": (
        lambda: changed(A, "2026-09-02"),
        lambda: changed(A, "2026-09-02", lane="34"),
        "34",
    ),
    "another interruption": (
        lambda: suspended(A, NO, "2027-01-01"),
        lambda: suspended(A, NO, "2027-03-01"),
        "32",
    ),
    "another training": (lambda: trained(A, "t-1"), lambda: trained(A, "t-2"), "32"),
    "another certificate": (lambda: certified(A, "c-1"), lambda: certified(A, "c-2"), "32"),
    "the next post": (lambda: promoted(A, "站点经理"), lambda: promoted(A, "区域经理"), "32"),
    "the same tutors on another course": (lambda: paired(A, B), lambda: paired(A, B, course="理论"), "32"),
    "an adjustment of another province": (lambda: adjusted("d-1"), lambda: adjusted("d-1", lane="34"), "34"),
    "an adjustment under the number of an allocation": (
        lambda: allocated("d-1"),
        lambda: adjusted("d-1"),
        "32",
    ),
    "another line of the settlement": (lambda: settled(A, NO, 2), lambda: settled(A, NO, 3), "32"),
    "an opening balance of another day": (
        lambda: opening("projects"),
        lambda: opening("projects", as_of="2024-12-31"),
        "32",
    ),
    "an institution under another province's own code": (
        lambda: joined("WX-1"),
        lambda: joined("WX-1", lane="34"),
        "34",
    ),
    "control totals of another month": (
        lambda: control_totals("2026-03"),
        lambda: control_totals("2026-04"),
        "32",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_matter_is_recorded_beside_the_first(name: str) -> None:
    books = with_what_is_named()
    first, other, lane = OTHERS[name]
    books.ask(first())
    assert books.ask(other(), lane=lane) == ACCEPTED


def test_a_funders_number_names_one_scholarship_in_all_provinces() -> None:
    books = studying()
    assert books.ask(scholarship(A, NO, "s-1")) == ACCEPTED
    assert books.ask(scholarship(A, NO, "s-1", lane="34"), lane="34") == ALREADY


def test_an_institution_of_the_national_list_joins_once_for_all_provinces() -> None:
    books = studying()
    assert books.ask(joined("10286")) == ACCEPTED
    assert books.ask(joined("10286", lane="34"), lane="34") == ALREADY


def test_an_alliance_that_two_provinces_report_counts_once() -> None:
    books = studying()
    assert books.ask(allied("l-1"), lane="50") == ACCEPTED
    assert books.ask(allied("l-1", lane="34"), lane="34") == ALREADY


def test_parts_of_a_natural_key_never_run_into_each_other() -> None:
    one, other = planned("1"), planned("11")
    one["data"]["fund_source"], other["data"]["fund_source"] = "pot-1", "pot-"
    first, second = (natural_key(read(orjson.dumps(event), (), "32", 1)) for event in (one, other))
    assert first != second


STEPS: dict[str, Callable[[str, str], Event]] = {
    "confirmed": confirmed,
    "withdrawn": withdrawn,
    "completed": completed,
}
AFTER = [
    ("withdrawn", "completed"),
    ("completed", "withdrawn"),
]


@pytest.mark.parametrize(("before", "after"), AFTER)
def test_an_enrollment_that_has_ended_stays_as_it_ended(before: str, after: str) -> None:
    books = studying()
    assert books.ask(STEPS[before](A, NO)) == ACCEPTED
    assert books.ask(STEPS[after](A, NO)) == ("rejected", "wrong_state")
    assert books.register.enrollments[NO].state == before


@pytest.mark.parametrize("end", ["withdrawn", "completed"])
def test_an_enrollment_may_end_once_it_is_confirmed(end: str) -> None:
    books = studying()
    assert books.ask(confirmed(A, NO)) == ACCEPTED
    assert books.ask(STEPS[end](A, NO)) == ACCEPTED
    assert books.register.enrollments[NO].state == end


@pytest.mark.parametrize("step", [*STEPS.values(), lambda who, no: scholarship(who, no, "s-1")])
def test_what_names_another_workers_enrollment_is_refused(step: Callable[[str, str], Event]) -> None:
    books = studying()
    assert books.ask(step(B, NO)) == ("rejected", "subject_mismatch")
    assert books.register.enrollments[NO].state == "enrolled"


def test_only_the_province_that_funds_may_confirm() -> None:
    books = studying(funding="34")
    assert books.ask(confirmed(A, NO)) == ("rejected", "not_the_funder")
    assert books.ask(confirmed(A, NO, lane="34"), lane="34") == ACCEPTED


@pytest.mark.parametrize("end", ["withdrawn", "completed"])
def test_any_province_may_report_the_end_and_its_fact_stands_on_the_funders_lane(end: str) -> None:
    books = studying(funding="34")
    assert books.ask(STEPS[end](A, NO)) == ACCEPTED
    fact = books.results.facts[-1]
    assert (fact.lane, fact.data["reported_by"]) == ("34", "32")
    assert fact.data["enrollment"] == books.register.enrollments[NO].facts


@pytest.mark.parametrize("early", [enrolled(A, NO), confirmed(A, NO), scholarship(A, NO, "s-1")])
def test_a_full_waiting_room_refuses_and_the_id_may_come_again(early: Event) -> None:
    books = Books()
    books.register.lanes["32"].parked = PARKED_MAX_PER_LANE
    assert books.ask(early) == ("rejected", "too_many_waiting")
    assert not books.register.parked
    books.register.lanes["32"].parked -= 1
    assert books.ask(early) == ("parked", "waits_for")


def test_the_same_id_from_two_systems_is_two_events() -> None:
    books = Books()
    first = allocated("d-1", id="same")
    other = allocated("d-2", id="same", source="//provinces/32/finance")
    assert books.ask(first) == books.ask(other) == ACCEPTED
    assert books.ask(first) == books.ask(other) == ("duplicate", "duplicate")


STORY: list[tuple[str, Event]] = [
    ("34", registered(A, lane="34")),
    ("32", enrolled(A, NO, funding="34")),
    ("34", confirmed(A, NO, lane="34")),
    ("32", scholarship(A, NO, "s-1")),
    ("32", registered(B)),
    ("32", enrolled(B, "32-2")),
    ("32", confirmed(B, "32-2")),
    ("34", scholarship(B, "32-2", "s-2", lane="34")),
]


def told(story: list[tuple[str, Event]]) -> Books:
    """A register to which events have come in this order."""
    books = Books()
    for lane, event in story:
        books.ask_all(event, lane=lane)
    return books


@given(st.permutations(STORY))
def test_every_order_of_cause_and_effect_ends_in_the_same_register(story: list[tuple[str, Event]]) -> None:
    books, in_order = told(story), told(STORY)
    assert books.register.workers == in_order.register.workers
    assert books.register.enrollments == in_order.register.enrollments
    assert books.register.naturals == in_order.register.naturals
    assert not books.register.parked
    assert all(state.parked == 0 for state in books.register.lanes.values())
    final = [out.receipt["event_id"] for out in books.results.receipts if out.receipt["status"] != "parked"]
    assert sorted(final) == sorted(event["id"] for _, event in STORY)
    facts = [fact.cause.id for fact in books.results.facts]
    for worker in (STORY[:4], STORY[4:]):
        registration, enrollment, *later = (event["id"] for _, event in worker)
        assert facts.index(registration) < facts.index(enrollment) < min(map(facts.index, later))
