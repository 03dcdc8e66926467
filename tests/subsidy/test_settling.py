"""What is paid and what comes back: booked to the fen against its grant, owed where the award stands no more."""

from typing import Any

import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.settling import judge_payment
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, read, short
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
KEY = ("32", 2026, POT)
HALF_FEN = YUAN_1000_FEN // 2


def shelf_of(province: Province) -> Shelf:
    """All facts of a province in one batch."""
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in province.facts])
    return shelf


def granted(*, allocated_fen: int = 10 * YUAN_1000_FEN) -> Province:
    """A province with one award that is granted."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(allocated_fen)
    js.enrolled(1)
    js.confirmed(1)
    return js


def accounts(shelf: Shelf, key: tuple[str, int, str] = KEY) -> tuple[int, int, int, int]:
    """Free, granted and unpaid, paid, owed."""
    b = shelf.budgets[key]
    return b.free_fen, b.granted_fen, b.disbursed_fen, b.receivable_fen


def told(shelf: Shelf, since: int) -> list[str]:
    """What was decided, in short."""
    return [short({"type": entry.type, "data": entry.data}) for entry in shelf.decided()[since:]]


def last(shelf: Shelf) -> dict[str, Any]:
    """The data of what was decided last."""
    return shelf.decided()[-1].data


def test_payments_disburse_a_grant_in_parts_and_what_is_above_it_goes_back_to_the_province() -> None:
    js = granted()
    js.paid(1, HALF_FEN)
    assert accounts(shelf_of(js)) == (900_000, HALF_FEN, HALF_FEN, 0)
    js.paid(1, HALF_FEN + 7)
    shelf = shelf_of(js)
    assert accounts(shelf) == (900_000, 0, YUAN_1000_FEN, 0)
    assert told(shelf, 3) == ["subsidy.disbursed 32-00001"] * 2 + ["payment.unmatched 32-00001"]
    unmatched = last(shelf)
    assert (unmatched["code"], unmatched["amount_fen"], unmatched["moved_fen"]) == (
        "exceeds_grant",
        7,
        HALF_FEN + 7,
    )


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda js: None, "not_granted"),
        (lambda js: js.enrolled(2), "not_granted_yet"),
        (lambda js: (js.enrolled(2), js.confirmed(2), js.withdrawn(2)), "not_granted"),
        (lambda js: (js.enrolled(2, start="2015-01-01"), js.confirmed(2)), "not_granted"),
        (lambda js: (js.enrolled(2, start="2025-12-31"), js.confirmed(2)), "other_pot"),
    ],
    ids=["no award", "only reserved", "withdrawn", "refused", "another year"],
)
def test_a_payment_without_its_grant_is_not_booked_and_says_why(prepare: Any, code: str) -> None:
    js = granted()
    js.day("2026-01-01")
    js.allocated(10 * YUAN_1000_FEN, year=2025)
    prepare(js)
    before = accounts(shelf_of(js))
    js.paid(2, 5)
    shelf = shelf_of(js)
    assert (last(shelf)["code"], last(shelf)["amount_fen"]) == (code, 5)
    assert last(shelf)["message_zh"]
    assert accounts(shelf) == before


def test_history_was_paid_elsewhere_and_moves_nothing() -> None:
    js = granted()
    before = len(shelf_of(js).entries)
    paid = js.paid(9, 5, history=True)
    js.returned(paid)
    assert len(shelf_of(js).entries) == before


def test_a_payment_that_comes_back_is_granted_again_and_can_be_paid_anew() -> None:
    js = granted()
    js.returned(js.paid(1, HALF_FEN))
    shelf = shelf_of(js)
    assert accounts(shelf) == (900_000, YUAN_1000_FEN, 0, 0)
    assert last(shelf)["returned_fen"] == HALF_FEN
    js.paid(1, YUAN_1000_FEN)
    assert accounts(shelf_of(js)) == (900_000, 0, YUAN_1000_FEN, 0)


def test_what_comes_back_settles_first_what_was_never_matched() -> None:
    js = granted()
    paid = js.paid(1, YUAN_1000_FEN + 30)
    js.returned(paid, 40)
    shelf = shelf_of(js)
    assert (last(shelf)["returned_fen"], accounts(shelf)) == (10, (900_000, 10, 99_990, 0))


def test_more_coming_back_than_was_paid_is_told_and_not_booked() -> None:
    js = granted()
    js.returned(js.paid(1, 10), 15)
    shelf = shelf_of(js)
    assert (last(shelf)["code"], last(shelf)["amount_fen"]) == ("exceeds_payment", 5)
    assert accounts(shelf) == (900_000, YUAN_1000_FEN, 0, 0)


def test_what_comes_back_is_booked_for_the_enrollment_that_its_line_was_paid_for() -> None:
    js = granted()
    js.enrolled(2)
    js.confirmed(2)
    paid = js.paid(1, YUAN_1000_FEN)
    js.paid(2, YUAN_1000_FEN)
    cut = len(js.facts)
    js.returned(paid)["data"]["enrollment_no"] = js.number(2)
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in js.facts[:cut]])
    shelf.take([read(fact) for fact in js.facts[cut:]])
    assert [shelf.awards[f"32-0000{n}"].disbursed_fen for n in (1, 2)] == [0, YUAN_1000_FEN]
    assert told(shelf, 6)[-1] == "subsidy.returned 32-00001"


def test_a_payment_comes_back_though_its_enrollment_was_corrected_into_history_since() -> None:
    js = granted()
    enrolled = js.facts[2]
    paid = js.paid(1, YUAN_1000_FEN)
    js.voided(enrolled, superseded_by="right")
    js.enrolled(1, history=True)
    assert accounts(shelf_of(js)) == (900_000, 0, 0, YUAN_1000_FEN)
    js.returned(paid)["data"]["enrollment"]["history"] = True
    assert accounts(shelf_of(js)) == (1_000_000, 0, 0, 0)


def test_a_withdrawal_frees_what_is_unpaid_and_claws_back_what_was_paid() -> None:
    js = granted()
    js.paid(1, 30_000)
    js.withdrawn(1)
    shelf = shelf_of(js)
    assert told(shelf, 4) == ["subsidy.released 32-00001", "subsidy.clawed_back 32-00001"]
    assert accounts(shelf) == (970_000, 0, 0, 30_000)
    assert (last(shelf)["clawed_back_fen"], last(shelf)["open_fen"], last(shelf)["why"]) == (
        30_000,
        30_000,
        "withdrawn",
    )


def test_what_is_owed_is_not_spent_until_it_has_come_back_and_then_goes_to_those_who_wait() -> None:
    js = granted(allocated_fen=YUAN_1000_FEN)
    paid = js.paid(1, 30_000)
    js.enrolled(2)
    js.withdrawn(1)
    assert shelf_of(js).awards["32-00002"].state == "waitlisted"
    js.returned(paid, 10_000)
    assert shelf_of(js).awards["32-00002"].state == "waitlisted"
    js.returned(paid, 20_000)
    shelf = shelf_of(js)
    assert shelf.awards["32-00002"].state == "reserved"
    repaid = [
        (e.data["amount_fen"], e.data["open_fen"]) for e in shelf.entries if e.type == said_by.CLAWBACK_REPAID
    ]
    assert repaid == [(10_000, 20_000), (20_000, 0)]


def test_what_comes_back_moves_as_many_as_it_carries_in_the_same_batch() -> None:
    js = granted(allocated_fen=YUAN_1000_FEN)
    paid = js.paid(1, YUAN_1000_FEN)
    for n in (2, 3, 4):
        js.enrolled(n, tuition_fen=40_000)
    js.withdrawn(1)
    shelf = shelf_of(js)
    shelf.take([read(js.returned(paid))])
    assert [shelf.awards[f"32-0000{n}"].state for n in (2, 3, 4)] == ["reserved", "reserved", "waitlisted"]
    assert shelf.budgets[KEY].drain is None


def _again(js: Province, number: int, **changes: Any) -> None:
    """The worker of enrollment 1 enrolls again, under another number."""
    fact = js.enrolled(number, **changes)
    fact["subject"] = js.facts[2]["subject"]
    js.confirmed(number)["subject"] = fact["subject"]


def test_what_is_owed_is_taken_off_the_next_award_of_the_worker_in_any_year_and_is_free_again() -> None:
    js = granted(allocated_fen=YUAN_1000_FEN)
    paid = js.paid(1, 30_000)
    js.withdrawn(1)
    js.enrolled(3, tuition_fen=90_000)
    js.day("2027-02-01")
    js.allocated(YUAN_1000_FEN, year=2027)
    _again(js, 2, start="2027-02-01")
    shelf = shelf_of(js)
    assert accounts(shelf, ("32", 2027, POT)) == (0, 70_000, 30_000, 0)
    assert told(shelf, -5) == [
        "subsidy.reserved 32-00002",
        "subsidy.granted 32-00002",
        "subsidy.disbursed 32-00002",
        "clawback.repaid 32-00001",
        "subsidy.reserved 32-00003",
    ]
    netted = shelf.decided()[-2].data
    assert (netted["how"], netted["netted_against"], netted["open_fen"]) == ("netted", "32-00002", 0)

    js.returned(paid)
    returned = last(shelf_of(js))
    assert (returned["code"], returned["amount_fen"]) == ("not_owed", 30_000)


def test_what_is_written_off_stays_spent_and_is_followed_no_more() -> None:
    js = granted(allocated_fen=2 * YUAN_1000_FEN)
    js.paid(1, 60_000)
    js.withdrawn(1)
    free_fen = shelf_of(js).budgets[KEY].free_fen
    js.written_off(1, 40_000)
    js.written_off(1, 40_000)
    js.written_off(2, 5)
    for fact in (js.enrolled(3), js.confirmed(3)):
        fact["subject"] = js.facts[2]["subject"]
    shelf = shelf_of(js)
    said = [entry.data for entry in shelf.entries if entry.type == said_by.CLAWBACK_WRITTEN_OFF]
    assert [(one["amount_fen"], one["open_fen"], one["refused_fen"]) for one in said] == [
        (40_000, 20_000, 0),
        (20_000, 0, 20_000),
        (0, 0, 5),
    ]
    assert ["message_zh" in one for one in said] == [False, True, True]
    budget = shelf.budgets[KEY]
    assert (budget.receivable_fen, budget.written_off_fen) == (0, 60_000)
    assert budget.free_fen == free_fen - YUAN_1000_FEN
    assert shelf.awards["32-00003"].disbursed_fen == 0  # nothing is taken off: nothing is owed


def test_nobody_pays_for_another_worker_or_another_pot() -> None:
    js = granted()
    js.paid(1, 30_000)
    js.withdrawn(1)
    js.enrolled(2)
    js.confirmed(2)
    shelf = shelf_of(js)
    assert (shelf.awards["32-00002"].disbursed_fen, shelf.budgets[KEY].receivable_fen) == (0, 30_000)


@pytest.mark.parametrize(
    ("tuition_fen", "paid_fen", "owed_fen"), [(90_000, 60_000, 0), (40_000, 40_000, 20_000)]
)
def test_a_corrected_enrollment_keeps_what_was_paid_and_owes_only_what_is_too_much(
    tuition_fen: int, paid_fen: int, owed_fen: int
) -> None:
    js = granted(allocated_fen=YUAN_1000_FEN)
    js.paid(1, 60_000)
    js.enrolled(2, tuition_fen=10_000)
    js.voided(js.facts[2], superseded_by="right")
    js.enrolled(1, tuition_fen=tuition_fen)
    shelf = shelf_of(js)
    award = shelf.awards["32-00001"]
    assert (award.state, award.amount_fen, award.disbursed_fen) == ("granted", tuition_fen, paid_fen)
    assert shelf.budgets[KEY].receivable_fen == owed_fen
    assert shelf.awards["32-00002"].state == "reserved"
    waited = [entry.about for entry in shelf.entries if entry.type == said_by.SUBSIDY_WAITLISTED]
    assert waited == ["32-00002"]


def test_who_waits_after_a_correction_needs_only_what_was_not_paid_before() -> None:
    js = granted(allocated_fen=YUAN_1000_FEN)
    js.facts[2]["data"]["tuition_fen"] = HALF_FEN
    js.paid(1, HALF_FEN)
    js.enrolled(2, tuition_fen=HALF_FEN)
    js.voided(js.facts[2], superseded_by="right")
    js.enrolled(1)
    shelf = shelf_of(js)
    assert (shelf.awards["32-00001"].state, accounts(shelf)) == ("waitlisted", (0, 0, 0, HALF_FEN))
    js.allocated(HALF_FEN)
    shelf = shelf_of(js)
    assert (shelf.awards["32-00001"].state, accounts(shelf)) == ("granted", (0, HALF_FEN, HALF_FEN, 0))


def test_a_voided_enrollment_owes_what_was_paid() -> None:
    js = granted()
    js.paid(1, 60_000)
    js.voided(js.facts[2])
    shelf = shelf_of(js)
    assert (last(shelf)["why"], last(shelf)["open_fen"]) == ("voided", 60_000)
    assert accounts(shelf) == (940_000, 0, 0, 60_000)


def test_a_voided_withdrawal_owes_nothing_any_more() -> None:
    js = granted(allocated_fen=YUAN_1000_FEN)
    js.paid(1, 60_000)
    before = accounts(shelf_of(js))
    js.voided(js.withdrawn(1))
    shelf = shelf_of(js)
    assert accounts(shelf) == before
    assert shelf.awards["32-00001"].state == "granted"


def test_a_payment_derives_again_from_its_stored_inputs() -> None:
    js = granted()
    js.paid(1, YUAN_1000_FEN + 1)
    js.paid(1, 1)
    js.paid(2, 1)
    again = [
        (e.type, judge_payment(e.inputs), e.data["amount_fen"])  # type: ignore[arg-type]
        for e in shelf_of(js).entries
        if e.type == said_by.PAYMENT_UNMATCHED
    ]
    assert [(code, inputs_paid) for _, (_, code), inputs_paid in again] == [
        ("exceeds_grant", 1),
        ("exceeds_grant", 1),
        ("not_granted", 1),
    ]


async def test_payments_claims_and_returns_are_booked_in_the_real_ledger(subsidy: Service) -> None:
    js = granted()
    js.enrolled(2)
    js.confirmed(2)
    first, second = js.paid(1, 60_000), js.paid(2, YUAN_1000_FEN + 5)
    js.withdrawn(1)
    await subsidy.take(*js.facts)
    at = len(js.facts)
    js.returned(second, 10)
    js.returned(first, 20_000)
    _again(js, 3)
    await subsidy.take(*js.facts[at:])

    assert (await subsidy.said())[-6:] == [
        "subsidy.returned 32-00002",
        "clawback.repaid 32-00001",
        "subsidy.reserved 32-00003",
        "subsidy.granted 32-00003",
        "subsidy.disbursed 32-00003",
        "clawback.repaid 32-00001",
    ]
    budget = await subsidy.budget()
    assert (budget["granted_fen"], budget["disbursed_fen"], budget["receivable_fen"]) == (60_005, 139_995, 0)
    assert await subsidy.faults() == {}
