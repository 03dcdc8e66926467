"""What is voided or corrected at the door moves its money back, and nobody loses a fen or a place by it."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.subsidy import store
from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.schemes import Rules
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, read, short
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
KEY = ("32", 2026, POT)


def shelf_of(province: Province) -> Shelf:
    """All facts of a province in one batch."""
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in province.facts])
    return shelf


def begun(*, allocated_fen: int = 10 * YUAN_1000_FEN) -> Province:
    """A province with a day and a budget."""
    province = Province()
    province.day("2026-03-01")
    province.allocated(allocated_fen)
    return province


def standing(shelf: Shelf) -> Any:
    """Budgets in fen, and awards that count."""
    return (
        {
            key: (b.allocated_fen, b.reserved_fen, b.granted_fen, b.scholarship_fen, b.waiting)
            for key, b in shelf.budgets.items()
        },
        {
            no: (a.state, a.amount_fen, a.confirmed, a.scholarship_fen)
            for no, a in shelf.awards.items()
            if a.state != "voided"
        },
    )


def said(shelf: Shelf, since: int = 0) -> list[str]:
    """What was decided, in short."""
    return [short({"type": e.type, "data": e.data}) for e in shelf.decided()[since:]]


def test_a_voided_enrollment_frees_its_money_and_comes_again_under_its_number() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    first = province.enrolled(1)
    province.enrolled(2)
    province.voided(first)
    province.enrolled(1)
    shelf = shelf_of(province)
    assert said(shelf, 1) == [
        "subsidy.reserved 32-00001",
        "subsidy.waitlisted 32-00002",
        "budget.exhausted 2026",
        "subsidy.voided 32-00001",
        "subsidy.reserved 32-00002",
        "subsidy.waitlisted 32-00001",
        "budget.exhausted 2026",
    ]
    assert shelf.awards["32-00001"].rank == len(province.facts)


def test_a_corrected_enrollment_keeps_its_place_its_confirmation_and_its_scholarships() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    first = province.enrolled(1)
    province.enrolled(2)
    province.confirmed(1)
    province.voided(first, superseded_by="right")
    province.enrolled(1, tuition_fen=90_000)
    shelf = shelf_of(province)
    award = shelf.awards["32-00001"]
    assert (award.state, award.amount_fen, award.rank) == ("granted", 90_000, first["seq"])
    assert shelf.awards["32-00002"].state == "waitlisted"


def test_a_void_of_who_waited_last_leaves_the_others_in_their_order() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN + 5)
    first = province.enrolled(1, tuition_fen=0)
    province.enrolled(2)
    province.enrolled(3)
    last = province.enrolled(4)
    province.voided(last)
    province.voided(first, superseded_by="right")
    province.enrolled(1, tuition_fen=5)
    shelf = shelf_of(province)
    assert [shelf.awards[f"32-0000{n}"].state for n in (1, 2, 3)] == ["reserved", "reserved", "waitlisted"]


def test_a_correction_in_the_batch_of_its_enrollment_counts_who_waits_ahead_as_if_it_came_alone() -> None:
    province = begun(allocated_fen=1)
    for n in (1, 2):
        province.enrolled(n)
    cut = len(province.facts)
    wrong = province.enrolled(3, tuition_fen=0)
    province.enrolled(4)
    province.voided(wrong, superseded_by="right")
    province.enrolled(3)
    pieces = Shelf(RULES)
    pieces.take([read(fact) for fact in province.facts[:cut]])
    pieces.take([read(fact) for fact in province.facts[cut:]])
    assert pieces.journal() == shelf_of(province).journal()


def test_a_correction_after_the_worker_has_left_gives_no_money_until_the_withdrawal_is_voided() -> None:
    province = begun()
    first = province.enrolled(1)
    refused = province.enrolled(2, tuition_fen=0)
    gone = province.withdrawn(1)
    province.withdrawn(2)
    for n, fact in ((1, first), (2, refused)):
        province.voided(fact, superseded_by="right")
        province.enrolled(n, tuition_fen=90_000)
    shelf = shelf_of(province)
    assert [award.state for award in shelf.awards.values()] == ["released", "released"]
    assert shelf.budgets[KEY].used_fen == 0
    province.voided(gone)
    award = shelf_of(province).awards["32-00001"]
    assert (award.state, award.amount_fen) == ("reserved", 90_000)


def test_a_correction_that_costs_less_gives_the_rest_to_those_who_wait() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    first = province.enrolled(1)
    province.enrolled(2, tuition_fen=10_000)
    province.voided(first, superseded_by="right")
    province.enrolled(1, tuition_fen=90_000)
    shelf = shelf_of(province)
    assert [shelf.awards[no].state for no in ("32-00001", "32-00002")] == ["reserved", "reserved"]


def test_a_correction_over_two_batches_loses_no_place() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    first = province.enrolled(1)
    for n in range(2, 6):
        province.enrolled(n)
    province.voided(first, superseded_by="right")
    cut = len(province.facts)
    province.enrolled(1)
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in province.facts[:cut]])
    shelf.take([read(fact) for fact in province.facts[cut:]])
    assert shelf.awards["32-00001"].state == "reserved"
    assert shelf.budgets[KEY].waiting == 4


def test_a_corrected_enrollment_that_waits_keeps_its_rank_in_the_queue() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    province.enrolled(1)
    second = province.enrolled(2)
    province.enrolled(3)
    province.voided(second, superseded_by="right")
    province.enrolled(2, tuition_fen=90_000)
    province.allocated(90_000)
    shelf = shelf_of(province)
    assert [shelf.awards[no].state for no in ("32-00002", "32-00003")] == ["reserved", "waitlisted"]


def test_a_voided_confirmation_takes_the_grant_back_and_keeps_the_reservation() -> None:
    province = begun()
    province.enrolled(1)
    before = standing(shelf_of(province))
    province.voided(province.confirmed(1))
    shelf = shelf_of(province)
    assert standing(shelf) == before
    assert said(shelf)[-2:] == ["subsidy.granted 32-00001", "subsidy.grant_reversed 32-00001"]
    province.confirmed(1)
    assert shelf_of(province).awards["32-00001"].state == "granted"


def test_a_voided_withdrawal_brings_the_award_back_at_its_rank() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    province.enrolled(1)
    province.confirmed(1)
    gone = province.withdrawn(1)
    before_others = shelf_of(province)
    assert before_others.awards["32-00001"].state == "released"
    province.voided(gone)
    assert shelf_of(province).awards["32-00001"].state == "granted"


def test_a_voided_withdrawal_whose_money_has_gone_waits_before_those_who_came_later() -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    province.enrolled(1)
    province.enrolled(2)
    province.enrolled(3)
    gone = province.withdrawn(1)
    province.voided(gone)
    province.allocated(YUAN_1000_FEN)
    shelf = shelf_of(province)
    states = [shelf.awards[f"32-0000{n}"].state for n in (1, 2, 3)]
    assert states == ["reserved", "reserved", "waitlisted"]


def test_a_voided_scholarship_goes_back_to_its_pot() -> None:
    province = begun()
    province.allocated(30_000, pot="wuxi-merit", level="city")
    province.enrolled(1)
    before = standing(shelf_of(province))
    given = province.scholarship(1, 50_000)
    assert shelf_of(province).awards["32-00001"].scholarship_fen == 30_000
    province.voided(given)
    shelf = shelf_of(province)
    assert standing(shelf) == before
    assert said(shelf)[-1] == "scholarship.reversed 32-00001"
    assert shelf.decided()[-1].data["amount_fen"] == 30_000


def test_a_confirmation_is_kept_where_there_was_nothing_to_grant_yet() -> None:
    province = begun()
    refused = province.enrolled(1, categories=[])
    province.enrolled(2)
    gone = province.withdrawn(2)
    for n in (1, 2):
        province.confirmed(n)
    province.voided(refused, superseded_by="right")
    province.enrolled(1)
    province.voided(gone)
    shelf = shelf_of(province)
    assert [shelf.awards[f"32-0000{n}"].state for n in (1, 2)] == ["granted", "granted"]


@pytest.mark.parametrize("corrected", [False, True], ids=["voided", "corrected"])
def test_who_was_covered_by_a_scholarship_that_counts_no_more_stands_again_at_the_old_rank(
    *, corrected: bool
) -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    for n in (1, 2, 3):
        province.enrolled(n, tuition_fen=YUAN_1000_FEN)
    province.allocated(2 * YUAN_1000_FEN, pot="wuxi-merit", level="city")
    awarded = province.scholarship(2, YUAN_1000_FEN, tuition_fen=YUAN_1000_FEN)
    assert shelf_of(province).awards["32-00002"].state == "released"
    province.voided(awarded, superseded_by="right" if corrected else None)
    cut = len(province.facts)
    if corrected:
        province.scholarship(2, 10_000, tuition_fen=YUAN_1000_FEN)
    province.allocated(YUAN_1000_FEN)
    shelf, pieces = shelf_of(province), Shelf(RULES)
    second, third = (shelf.awards[f"32-0000{n}"] for n in (2, 3))
    assert (second.state, second.amount_fen) == ("reserved", 90_000 if corrected else YUAN_1000_FEN)
    assert third.state == "waitlisted"
    pieces.take([read(fact) for fact in province.facts[:cut]])
    pieces.take([read(fact) for fact in province.facts[cut:]])
    assert pieces.journal() == shelf.journal()


def test_who_was_refused_only_because_scholarships_paid_the_tuition_stands_when_they_count_no_more() -> None:
    province = begun(allocated_fen=1)
    province.allocated(2 * YUAN_1000_FEN, pot="wuxi-merit", level="city")
    first = province.enrolled(1, tuition_fen=YUAN_1000_FEN)
    awarded = province.scholarship(1, YUAN_1000_FEN, tuition_fen=YUAN_1000_FEN)
    province.voided(first, superseded_by="right")
    province.enrolled(1, tuition_fen=YUAN_1000_FEN)
    province.enrolled(2)
    assert "subsidy.refused 32-00001" in said(shelf_of(province))
    province.voided(awarded)
    province.allocated(YUAN_1000_FEN)
    shelf = shelf_of(province)
    award = shelf.awards["32-00001"]
    assert (award.state, award.amount_fen, award.rank) == ("reserved", YUAN_1000_FEN, first["seq"])
    assert shelf.awards["32-00002"].state == "waitlisted"


def test_what_a_scholarship_leaves_when_it_counts_no_more_is_never_above_the_corrected_tuition() -> None:
    province = begun()
    province.allocated(2 * YUAN_1000_FEN, pot="wuxi-merit", level="city")
    first = province.enrolled(1, tuition_fen=2 * YUAN_1000_FEN)
    awarded = province.scholarship(1, YUAN_1000_FEN, tuition_fen=2 * YUAN_1000_FEN)
    province.voided(first, superseded_by="right")
    province.enrolled(1, tuition_fen=60_000)
    province.voided(awarded)
    award = shelf_of(province).awards["32-00001"]
    assert (award.state, award.amount_fen) == ("reserved", 60_000)


def test_who_waits_for_less_because_of_a_scholarship_waits_for_all_again_without_it() -> None:
    province = begun(allocated_fen=1)
    province.allocated(YUAN_1000_FEN, pot="wuxi-merit", level="city")
    province.enrolled(1, tuition_fen=YUAN_1000_FEN)
    awarded = province.scholarship(1, 30_000, tuition_fen=YUAN_1000_FEN)
    assert shelf_of(province).awards["32-00001"].amount_fen == 70_000
    province.voided(awarded)
    assert shelf_of(province).awards["32-00001"].amount_fen == YUAN_1000_FEN


def test_what_led_to_nothing_is_voided_without_a_word() -> None:
    province = begun()
    history = province.enrolled(1, history=True)
    refused = province.enrolled(2, tuition_fen=0)
    before = shelf_of(province)
    for fact in (history, refused):
        province.voided(fact)
    assert len(shelf_of(province).entries) == len(before.entries)
    province.enrolled(2)
    assert shelf_of(province).awards["32-00002"].state == "reserved"


_KINDS = ("enrolled", "confirmed", "withdrawn", "scholarship", "void")
_STEPS = st.lists(
    st.tuples(st.sampled_from(_KINDS), st.integers(1, 4), st.booleans(), st.integers(0, 50)), max_size=40
)


def told(steps: list[tuple[str, int, bool, int]], allocated_fen: int) -> Province:
    """A lane as the door would publish it: a number is enrolled once until it is voided, nothing builds on nothing."""
    province = begun(allocated_fen=allocated_fen)
    standing_facts: list[tuple[int, str, dict[str, Any]]] = []
    for kind, n, corrects, pick in steps:
        there = {k for m, k, _ in standing_facts if m == n}
        if kind == "void":
            _void(province, standing_facts, pick, corrects=corrects)
        elif kind == "enrolled" and "enrolled" not in there:
            standing_facts.append((n, kind, province.enrolled(n, tuition_fen=100_000 + 1_000 * pick)))
        elif kind == "scholarship" and "enrolled" in there:
            fact = province.scholarship(n, 1_000 * pick + 1, pot=POT, tuition_fen=100_000)
            standing_facts.append((n, kind, fact))
        elif kind in ("confirmed", "withdrawn") and "enrolled" in there and not there & {kind, "withdrawn"}:
            standing_facts.append((n, kind, getattr(province, kind)(n)))
    return province


def _void(
    province: Province, facts: list[tuple[int, str, dict[str, Any]]], pick: int, *, corrects: bool
) -> None:
    if not facts:
        return
    n, kind, fact = facts[pick % len(facts)]
    if kind == "enrolled" and corrects:
        province.voided(fact, superseded_by="right")
        facts.remove((n, kind, fact))
        facts.append((n, kind, province.enrolled(n, tuition_fen=120_000 - 1_000 * pick)))
    elif kind != "enrolled" or {k for m, k, _ in facts if m == n} == {"enrolled"}:
        province.voided(fact)
        facts.remove((n, kind, fact))


@settings(max_examples=100, deadline=None)
@given(_STEPS, st.sampled_from([1, 150_000, 250_000, 2_000_000]), st.integers(1, 7))
def test_voids_in_any_order_and_batches_cut_anywhere_keep_the_book(
    steps: list[tuple[str, int, bool, int]], allocated_fen: int, cut: int
) -> None:
    province = told(steps, allocated_fen)
    whole, pieces = shelf_of(province), Shelf(RULES)
    for at in range(0, len(province.facts), cut):
        pieces.take([read(fact) for fact in province.facts[at : at + cut]])
    assert pieces.journal() == whole.journal()
    for entry in whole.entries:
        assert sum(posting.amount_fen for posting in entry.postings) == 0
    for key, budget in whole.budgets.items():
        awards = [award for award in whole.awards.values() if award.budget_key == key]
        held: Counter[str] = Counter()
        for award in awards:
            held[award.state] += award.amount_fen
        assert (budget.reserved_fen, budget.granted_fen) == (held["reserved"], held["granted"])
        assert budget.waiting == sum(award.state == "waitlisted" for award in awards)
        assert budget.free_fen >= 0


async def test_voids_are_booked_in_the_real_ledger(subsidy: Service) -> None:
    province = begun()
    province.allocated(80_000, pot="wuxi-merit", level="city")
    first = province.enrolled(1)
    given = province.scholarship(1, 50_000)
    granted = province.confirmed(1)
    await subsidy.take(*province.facts)
    at = len(province.facts)
    province.voided(given)
    province.voided(granted)
    province.voided(first)
    province.enrolled(1, tuition_fen=70_000)
    await subsidy.take(*province.facts[at:])
    assert (await subsidy.said())[-4:] == [
        "scholarship.reversed 32-00001",
        "subsidy.grant_reversed 32-00001",
        "subsidy.voided 32-00001",
        "subsidy.reserved 32-00001",
    ]
    assert dict(await subsidy.budget())["reserved_fen"] == 70_000
    assert dict(await subsidy.budget("wuxi-merit"))["scholarship_fen"] == 0

    async with subsidy.pool.acquire() as db:
        checked = await store.check(db)
    wrong = {name: value for name, value in checked.items() if name not in ("budgets", "entries", "postings")}
    assert set(wrong.values()) == {0}


async def test_a_number_that_comes_again_in_a_later_batch_stands_behind_those_who_waited(
    subsidy: Service,
) -> None:
    province = begun(allocated_fen=YUAN_1000_FEN)
    first = province.enrolled(1)
    province.voided(first)
    province.enrolled(2)
    province.enrolled(3)
    province.enrolled(1)
    province.allocated(YUAN_1000_FEN)
    for fact in province.facts:
        await subsidy.take(fact)
    assert (await subsidy.said())[-2:] == ["subsidy.reserved 32-00003", "budget.exhausted 2026"]


@pytest.mark.parametrize(("left_fen", "state"), [(1, "reserved"), (0, "released")])
def test_who_comes_back_is_given_what_scholarships_leave_be_it_one_fen(left_fen: int, state: str) -> None:
    province = begun()
    province.allocated(5 * YUAN_1000_FEN, pot="wuxi-merit", level="city")
    province.enrolled(1, tuition_fen=YUAN_1000_FEN)
    gone = province.withdrawn(1)
    province.scholarship(1, YUAN_1000_FEN - left_fen, tuition_fen=YUAN_1000_FEN)
    province.voided(gone)
    award = shelf_of(province).awards["32-00001"]
    assert (award.state, award.held_fen) == (state, left_fen)


@pytest.mark.parametrize(("left_fen", "state"), [(1, "granted"), (0, "expired")])
def test_who_confirms_late_is_given_what_scholarships_leave_be_it_one_fen(left_fen: int, state: str) -> None:
    province = begun()
    province.allocated(5 * YUAN_1000_FEN, pot="wuxi-merit", year=2027, level="city")
    province.allocated(YUAN_1000_FEN, year=2027)
    province.enrolled(1, tuition_fen=YUAN_1000_FEN)
    province.day("2027-03-01")
    given = YUAN_1000_FEN - left_fen
    province.scholarship(1, given, tuition_fen=YUAN_1000_FEN, awarded_on="2027-03-01")
    province.confirmed(1, tuition_fen=YUAN_1000_FEN)
    award = shelf_of(province).awards["32-00001"]
    assert (award.state, award.held_fen) == (state, left_fen)


def test_a_corrected_confirmation_leaves_the_grant_where_it_is() -> None:
    province = begun()
    province.enrolled(1)
    granted = province.confirmed(1)
    before = shelf_of(province)
    province.voided(granted, superseded_by="right")
    province.confirmed(1)
    shelf = shelf_of(province)
    assert (standing(shelf), len(shelf.entries)) == (standing(before), len(before.entries))


def test_that_a_worker_has_not_left_after_all_is_kept_though_nothing_comes_back_yet() -> None:
    province = begun()
    province.enrolled(1)
    province.day("2027-03-01")
    gone = province.withdrawn(1)
    province.voided(gone)
    province.allocated(YUAN_1000_FEN, year=2027)
    province.confirmed(1)
    shelf = Shelf(RULES)
    for fact in province.facts:
        shelf.take([read(fact)])
    assert shelf.awards["32-00001"].state == "granted"
