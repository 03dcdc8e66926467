"""Corrections: what is voided counts no more, what is corrected counts as corrected, and what stands in the way."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts import provinces
from shared.contracts.enrollment import FACT_MODELS, REGISTRATION_BECAME_FIRST
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
    correcting,
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
    voided,
    withdrawn,
    written_off,
)
from tests.enrollment.memory import NO, A, B, Books, register_of, studying
from tests.enrollment.test_journey import as_known, facts_of

Event = dict[str, Any]
ACCEPTED = ("accepted", None)


def with_what_is_named(funding: str = "32") -> Books:
    """The register in which A studies, with what others name."""
    books = studying(funding)
    books.ask_all(joined("10295"), allied("l-1", lane="32"))
    return books


def counting(books: Books) -> Any:
    """All that counts in the register, whatever the order in which it came."""
    register = books.register
    return (
        {
            ref: (one.registered_by, sorted(one.statements, key=lambda s: (s.event_id, s.since)))
            for ref, one in register.workers.items()
            if one.registered_by
        },
        {
            number: (
                one.state,
                one.worker_ref,
                one.event_id,
                one.state_event_id,
                sorted(one.steps),
                one.facts,
            )
            for number, one in register.enrollments.items()
            if one.event_id
        },
        dict(register.naturals),
        {missing: by for missing, by in register.referents.items() if by},
        sorted(register.new_names),
        sorted(total.event_id for total in register.declared),
    )


VOIDABLE: dict[str, Callable[[], Event]] = {
    provinces.WORKER_REGISTERED: lambda: registered(B),
    provinces.WORKER_CHANGED: lambda: changed(A, "2026-09-02"),
    provinces.WORKER_ENROLLED: lambda: enrolled(A, "32-9"),
    provinces.ENROLLMENT_CONFIRMED: lambda: confirmed(A, NO),
    provinces.ENROLLMENT_SUSPENDED: lambda: suspended(A, NO),
    provinces.ENROLLMENT_WITHDRAWN: lambda: withdrawn(A, NO),
    provinces.DEGREE_COMPLETED: lambda: completed(A, NO),
    provinces.TRAINING_COMPLETED: lambda: trained(A, "t-1"),
    provinces.CERTIFICATE_EARNED: lambda: certified(A, "c-1", enrollment_no=NO),
    provinces.TITLE_AWARDED: lambda: titled(A, "z-1"),
    provinces.PROMOTION_RECORDED: lambda: promoted(A, "站点经理"),
    provinces.TUTORS_PAIRED: lambda: paired(A, B),
    provinces.SCHOLARSHIP_AWARDED: lambda: scholarship(A, NO, "s-1"),
    provinces.PLAN_DECLARED: lambda: planned("p-1"),
    provinces.BALANCE_OPENED: lambda: opening("workers_helped"),
    provinces.PROJECT_ESTABLISHED: lambda: established("j-1"),
    provinces.INSTITUTION_JOINED: lambda: joined("10286"),
    provinces.ALLIANCE_FORMED: lambda: allied("l-2", lane="32"),
    provinces.ALLIANCE_REPORTED: lambda: alliance_reported("l-1", "r-1", lane="32"),
    provinces.CONTROL_TOTALS_DECLARED: lambda: control_totals("2026-03"),
}
NEVER: dict[str, Callable[[], Event]] = {
    provinces.BUDGET_ALLOCATED: lambda: allocated("d-1"),
    provinces.BUDGET_ADJUSTED: lambda: adjusted("d-1"),
    provinces.BUDGET_CARRIED_OVER: lambda: carried_over("d-1"),
    provinces.PAYMENT_SETTLED: lambda: settled(A, NO, 1),
    provinces.PAYMENT_RETURNED: lambda: returned(A, NO, 2),
    provinces.DEBT_WRITTEN_OFF: lambda: written_off(A, NO, "d-2"),
    provinces.EVENT_VOIDED: lambda: voided(registered(B)),
    provinces.SCHEME_ACTIVATED: lambda: activated(1),
    provinces.TARGET_SET: lambda: target("t-1"),
}


def test_every_type_is_voided_or_never() -> None:
    tried = VOIDABLE.keys() | NEVER.keys() | {provinces.ENROLLMENT_RESUMED}
    assert tried == provinces.DATA_MODELS.keys()


@pytest.mark.parametrize("kind", VOIDABLE)
def test_what_is_voided_has_left_nothing_and_may_be_sent_under_a_new_id(kind: str) -> None:
    books, event = with_what_is_named(), VOIDABLE[kind]()
    before = counting(books)
    assert books.ask(event) == ACCEPTED
    after = counting(books)
    assert before != after
    assert books.ask(voided(event)) == ACCEPTED
    assert counting(books) == before
    assert books.ask(event) == ("duplicate", "duplicate")
    assert books.ask(VOIDABLE[kind]()) == ACCEPTED
    assert counting(books) != before


def test_a_resumption_that_is_voided_leaves_the_enrollment_suspended() -> None:
    books, back = with_what_is_named(), resumed(A, NO)
    books.ask_all(suspended(A, NO), back)
    assert books.ask(voided(back)) == ACCEPTED
    assert books.register.enrollments[NO].state == "suspended_unconfirmed"


@pytest.mark.parametrize("kind", NEVER)
def test_money_that_has_moved_and_voids_are_not_voided(kind: str) -> None:
    books, event = with_what_is_named(), NEVER[kind]()
    books.ask_all(registered(B, id="b"), settled(A, NO, 2))
    event = voided({"id": "b", "subject": B}) if kind == provinces.EVENT_VOIDED else event
    assert books.ask(event) == ACCEPTED
    lane = event["source"].split("/")[3]
    assert books.ask(voided(event, lane=lane), lane=lane) == ("rejected", "not_voidable")


def test_the_fact_of_a_void_carries_what_was_published_and_stands_on_its_lane() -> None:
    books, event = with_what_is_named(funding="34"), completed(A, NO)
    books.ask_all(event, voided(event))
    was, void = books.results.facts[-2:]
    assert (was.lane, void.lane) == ("34", "34")
    assert void.data["voided_fact_id"] == was.id
    assert void.data["voided"] == was.data
    assert void.data["voided_type"] == provinces.DEGREE_COMPLETED
    FACT_MODELS[provinces.EVENT_VOIDED].model_validate(void.data, strict=False)


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda first: voided(registered(B, id="never")), "unknown_event"),
        (lambda first: voided(first, lane="34"), "unknown_event"),
        (lambda first: voided(first, subject=B), "subject_mismatch"),
        (lambda first: voided(first, subject=None), "subject_mismatch"),
        (lambda first: voided(first, source="//provinces/32/other"), "unknown_event"),
        (lambda first: voided({"id": "me", "subject": A}, id="me"), "cycle"),
        (lambda first: correcting({"id": "me"}, certified(A, "c-1") | {"id": "me"}), "cycle"),
        (lambda first: correcting(first, titled(A, "z-1")), "corrects_other"),
        (lambda first: correcting(first, certified(B, "c-1")), "corrects_other"),
        (lambda first: correcting(first, certified(A, "c-1", enrollment_no=NO)), "corrects_other"),
        (lambda first: voided(first) | {"supersedes": first["id"]}, "not_voidable"),
    ],
)
def test_what_cannot_be_corrected_is_refused_with_a_code_and_goes_on_counting(
    make: Callable[[Event], Event], code: str
) -> None:
    books, first = with_what_is_named(), certified(A, "c-1")
    books.ask_all(registered(B), first)
    before, event = counting(books), make(first)
    assert books.ask(event, lane=event["source"][12:14]) == ("rejected", code)
    assert counting(books) == before


def test_another_provinces_event_is_refused() -> None:
    books, first = with_what_is_named(), certified(A, "c-1")
    books.ask_all(first)
    event = voided(first, lane="34")
    event["data"]["event_source"] = first["source"]
    assert books.ask(event, lane="34") == ("rejected", "foreign_province")


def test_what_was_voided_is_refused_and_names_what_did_it() -> None:
    books, first = with_what_is_named(), certified(A, "c-1")
    void = voided(first)
    books.ask_all(first, void)
    for again in (voided(first), correcting(first, certified(A, "c-2"))):
        assert books.ask(again) == ("rejected", "already_voided")
        assert books.first_of(again) == void["id"]


def test_what_was_rejected_cannot_be_voided() -> None:
    books, first = with_what_is_named(), enrolled(A, NO)
    assert books.ask(first)[0] == "rejected"
    assert books.ask(voided(first)) == ("rejected", "unknown_event")


BUILT: dict[str, tuple[Callable[[], Event], Callable[[], list[Event]]]] = {
    "a registration with an enrollment": (lambda: registered(B), lambda: [enrolled(B, "32-b")]),
    "a registration with a title": (lambda: registered(B), lambda: [titled(B, "z-9")]),
    "an enrollment with a step": (lambda: enrolled(A, "32-9"), lambda: [confirmed(A, "32-9")]),
    "an enrollment with money": (lambda: enrolled(A, "32-9"), lambda: [scholarship(A, "32-9", "s-9")]),
    "a suspension with a resumption": (
        lambda: suspended(A, NO, "2026-11-01"),
        lambda: [resumed(A, NO, "2027-02-01")],
    ),
    "a confirmation that was paid": (lambda: confirmed(A, NO), lambda: [settled(A, NO, 1)]),
    "an institution with tutors": (lambda: joined("10299"), lambda: [paired(A, B, institution_code="10299")]),
    "an alliance with a report": (
        lambda: allied("l-9", lane="32"),
        lambda: [alliance_reported("l-9", "r-1", lane="32")],
    ),
}


@pytest.mark.parametrize("case", BUILT)
def test_what_others_build_on_is_not_voided_and_they_are_listed(case: str) -> None:
    books, (first, others) = with_what_is_named(), (BUILT[case][0](), BUILT[case][1]())
    books.ask_all(first, *others)
    before, void = counting(books), voided(first)
    assert books.ask(void) == ("rejected", "has_dependants")
    assert all(one["id"] in books.results.receipts[-1].receipt["message_zh"] for one in others)
    assert counting(books) == before
    for one in reversed(others):
        if one["type"] not in NEVER:
            assert books.ask(voided(one)) == ACCEPTED
            assert books.ask(void) == ACCEPTED


def test_a_payment_that_came_back_does_not_keep_a_confirmation() -> None:
    books, first = with_what_is_named(), confirmed(A, NO)
    books.ask_all(first, settled(A, NO, 1), returned(A, NO, 1))
    assert books.ask(voided(first)) == ACCEPTED


def test_a_registration_that_another_province_shares_can_be_voided() -> None:
    books, first = with_what_is_named(), registered(B)
    books.ask_all(first)
    books.ask_all(registered(B, lane="34", id="theirs"), enrolled(B, "34-b", lane="34"), lane="34")
    assert books.ask(voided(first)) == ACCEPTED
    became = books.results.facts[-1]
    assert (became.lane, became.type) == ("34", REGISTRATION_BECAME_FIRST)
    assert became.data["event_id"] == "theirs"
    void = books.results.facts[-2]
    assert void.data["voided"]["first"] is True


def test_the_registration_that_became_first_counts_as_such_when_it_is_voided_too() -> None:
    books, first, second = with_what_is_named(), registered(B), registered(B, lane="34")
    books.ask_all(first)
    books.ask_all(second, lane="34")
    books.ask_all(voided(first))
    assert books.ask(voided(second, lane="34"), lane="34") == ACCEPTED
    assert books.results.facts[-1].data["voided"]["first"] is True
    assert not books.register.workers[B].registered_by


# ---------------------------------------------------------------- two provinces with the same numbers


SAME_ID: dict[str, Callable[[], tuple[Event, Event]]] = {
    "registrations of one worker": lambda: (registered(B, id="1"), registered(B, lane="34", id="1")),
    "changes of one worker": lambda: (
        changed(A, "2026-09-02") | {"id": "1"},
        changed(A, "2026-09-03", lane="34") | {"id": "1"},
    ),
    "steps of one enrollment": lambda: (suspended(A, NO, id="1"), confirmed(A, NO, lane="34", id="1")),
    "tutors at one institution": lambda: (
        paired(A, B) | {"id": "1"},
        paired(B, A, lane="34") | {"id": "1"},
    ),
    "control totals": lambda: (
        control_totals("2026-03") | {"id": "1"},
        control_totals("2026-03", lane="34") | {"id": "1"},
    ),
}


@pytest.mark.parametrize("case", SAME_ID)
def test_a_void_leaves_what_another_province_has_sent_under_the_same_id(case: str) -> None:
    books, (ours, theirs) = with_what_is_named(funding="34"), SAME_ID[case]()
    books.ask_all(ours)
    books.ask_all(theirs, lane="34")
    assert books.ask(voided(ours)) == ACCEPTED
    assert counting(books) == counting(studying_again(books))


# ---------------------------------------------------------------- what waits


def test_an_event_that_waits_is_voided_by_ending_its_wait() -> None:
    books, early = with_what_is_named(), confirmed(A, "32-9")
    assert books.ask(early) == ("parked", "waits_for")
    assert books.ask(voided(early)) == ACCEPTED
    last = books.results.receipts[-1].receipt
    assert (last["event_id"], last["status"], last["code"]) == (
        early["id"],
        "rejected",
        "voided_while_waiting",
    )
    books.ask_all(enrolled(A, "32-9"))
    assert books.register.enrollments["32-9"].state == "enrolled"
    assert books.register.lanes["32"].parked == 0
    assert books.ask(early) == ACCEPTED


def test_an_event_that_waits_is_not_corrected() -> None:
    books, early = with_what_is_named(), confirmed(A, "32-9")
    books.ask_all(early)
    assert books.ask(correcting(early, confirmed(A, "32-9"))) == ("rejected", "still_waiting")


def test_a_correction_does_not_wait() -> None:
    books, first = with_what_is_named(), enrolled(A, "32-9")
    books.ask_all(first)
    right = enrolled(A, "32-9")
    right["data"]["project_no"] = "j-9"
    before = counting(books)
    assert books.ask(correcting(first, right)) == ("rejected", "nothing_to_build_on")
    assert counting(books) == before


# ---------------------------------------------------------------- corrected


def test_a_corrected_enrollment_keeps_its_steps_and_what_builds_on_it() -> None:
    books = Books(register_of())
    wrong, right = enrolled(A, NO), enrolled(A, NO)
    right["data"] |= {"tuition_fen": 250_000, "track": "skills"}
    books.ask_all(registered(A), wrong, confirmed(A, NO), suspended(A, NO))
    assert books.ask(correcting(wrong, right)) == ACCEPTED
    enrollment = books.register.enrollments[NO]
    assert (enrollment.event_id, enrollment.state) == (right["id"], "suspended")
    assert enrollment.facts["tuition_fen"] == 250_000
    void, fact = books.results.facts[-2:]
    assert (void.type, void.data["superseded_by"]) == (provinces.EVENT_VOIDED, right["id"])
    assert fact.data["tuition_fen"] == 250_000
    back = resumed(A, NO)
    assert books.ask(back) == ACCEPTED
    assert books.results.facts[-1].data["enrollment"]["track"] == "skills"


def test_a_corrected_step_moves_to_its_day() -> None:
    books, wrong = with_what_is_named(), suspended(A, NO, "2026-11-01")
    books.ask_all(wrong, resumed(A, NO, "2027-02-01"))
    late = correcting(wrong, suspended(A, NO, "2027-03-01"))
    assert books.ask(late)[0] == "rejected"
    assert books.register.enrollments[NO].state == "enrolled"
    assert books.ask(correcting(wrong, suspended(A, NO, "2026-12-01"))) == ACCEPTED
    assert [
        (s.kind, str(s.day)) for s in sorted(books.register.enrollments[NO].steps, key=lambda s: s.day)
    ] == [
        ("suspended", "2026-12-01"),
        ("resumed", "2027-02-01"),
    ]


def test_a_corrected_registration_counts_once() -> None:
    books = Books(register_of())
    wrong, right = registered(A), registered(A)
    right["data"]["categories"] = ["front_line"]
    books.ask_all(wrong)
    books.ask_all(registered(A, lane="34"), lane="34")
    assert books.ask(correcting(wrong, right)) == ACCEPTED
    void, fact = books.results.facts[-2:]
    assert (void.data["voided"]["first"], fact.data["first"]) == (True, True)
    assert books.register.workers[A].registered_by["32"] == right["id"]
    assert ["front_line"] in [s.attributes.get("categories") for s in books.register.workers[A].statements]


def test_a_number_may_be_corrected_and_the_wrong_one_is_free_again() -> None:
    books, wrong = with_what_is_named(), certified(A, "c-1")
    books.ask_all(registered(B), wrong)
    assert books.ask(correcting(wrong, certified(A, "c-2"))) == ACCEPTED
    assert books.ask(certified(A, "c-2")) == ("rejected", "already_recorded")
    assert books.ask(certified(B, "c-1")) == ACCEPTED


def test_a_chain_of_corrections_ends_in_the_last() -> None:
    books, first = with_what_is_named(), certified(A, "c-1")
    second = correcting(first, certified(A, "c-2"))
    third = correcting(second, certified(A, "c-3"))
    books.ask_all(first, second, third)
    assert books.ask(certified(A, "c-3")) == ("rejected", "already_recorded")
    assert books.ask(voided(third)) == ACCEPTED
    assert counting(books) == counting(studying_again(books))


def studying_again(like: Books) -> Books:
    """A register into which those of another's events that still count were sent, in their order."""
    books = Books(register_of(("32", "34", "50")))
    for fact in like.results.facts:
        cause = fact.cause
        verdict = like.register.inbox[cause.lane, cause.source or "", cause.id or ""]
        if fact.type is None and verdict.voided_by is None and cause.type != provinces.EVENT_VOIDED:
            cause.supersedes = None
            object.__setattr__(cause.event, "supersedes", None)
            books.take(cause)
    return books


def test_a_number_stays_with_the_province_that_funded_it() -> None:
    books, first = with_what_is_named(), enrolled(A, "32-9")
    books.ask_all(first)
    assert books.ask(correcting(first, enrolled(A, "32-9", funding="34"))) == ("rejected", "other_funder")
    books.ask_all(voided(first))
    assert books.ask(enrolled(A, "32-9", funding="34")) == ("rejected", "other_funder")
    assert books.ask(enrolled(A, "32-9")) == ACCEPTED


# ---------------------------------------------------------------- any course of things

_MAKERS: list[Callable[[], Event]] = [
    lambda: registered(A),
    lambda: registered(B),
    lambda: changed(A, "2026-09-02"),
    lambda: enrolled(A, NO),
    lambda: enrolled(B, "32-b"),
    lambda: confirmed(A, NO),
    lambda: suspended(A, NO),
    lambda: resumed(A, NO),
    lambda: withdrawn(A, NO),
    lambda: completed(A, NO),
    lambda: certified(A, "c-1", enrollment_no=NO),
    lambda: titled(B, "z-1"),
    lambda: scholarship(A, NO, "s-1"),
    lambda: planned("p-1"),
    lambda: joined("10295"),
    lambda: paired(A, B),
    lambda: trained(A, "t-1"),
]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(_MAKERS), st.sampled_from(["send", "void", "correct"])), max_size=40)
)
def test_a_register_with_voids_is_the_register_of_what_still_counts(
    steps: list[tuple[Callable[[], Event], str]],
) -> None:
    books = Books(register_of(("32", "34", "50")))
    sent: dict[Callable[[], Event], Event] = {}
    for make, how in steps:
        event = make()
        if how == "void" and make in sent:
            books.ask(voided(sent[make]))
        elif how == "correct" and make in sent:
            if books.ask(correcting(sent[make], event)) == ACCEPTED:
                sent[make] = event
        else:
            books.ask(event)
            sent[make] = event
    assert counting(books) == counting(studying_again(books))


# ---------------------------------------------------------------- what was believed when


def test_a_journey_shows_what_counts_and_what_was_believed_before() -> None:
    wrong, right, left = enrolled(A, NO), enrolled(A, NO), withdrawn(A, NO)
    right["data"] |= {"level_after": "bachelor"}
    told = [registered(A), wrong, left, voided(left), correcting(wrong, right)]
    logged = facts_of([("32", event) for event in told])
    now = as_known(logged)
    assert [(study.state, study.level_after) for study in now.studies] == [("enrolled", "bachelor")]
    assert [stage.event_id for stage in now.stages][-1] == right["id"]
    assert len(now.stages) == 2
    assert [(one.event_id, one.superseded_by) for one in now.corrections] == [
        (left["id"], None),
        (wrong["id"], right["id"]),
    ]
    then = as_known(logged, 3)
    assert [(study.state, study.level_after) for study in then.studies] == [("withdrawn", "associate")]
    assert not then.corrections
