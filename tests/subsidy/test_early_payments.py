"""What is paid before its grant waits for it: booked by the grant, or told when nothing comes of it."""

from typing import Any

import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import YUAN_1000_FEN, Province, Service, read
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))


def paid_early(amount_fen: int = 60_000, allocated_fen: int = YUAN_1000_FEN) -> Province:
    js = Province()
    js.day("2026-03-01")
    js.allocated(allocated_fen)
    js.enrolled(1)
    js.paid(1, amount_fen)
    return js


def after(js: Province) -> Shelf:
    """What comes of all that was told, which is the same when it is told fact by fact."""
    shelf, slowly = Shelf(RULES), Shelf(RULES)
    shelf.take([read(fact) for fact in js.facts])
    for fact in js.facts:
        slowly.take([read(fact)])
    assert shelf.journal() == slowly.journal()
    return shelf


def payment_of(shelf: Shelf) -> tuple[int, int, bool]:
    """Booked, not booked, and whether it waits."""
    (payment,) = shelf.payments.values()
    return payment.booked_fen, payment.unmatched_fen, payment.waits


def told(shelf: Shelf) -> list[Any]:
    return [entry.data["code"] for entry in shelf.entries if entry.type == said_by.PAYMENT_UNMATCHED]


def test_a_payment_before_the_grant_is_kept_and_the_province_is_told_that_it_waits() -> None:
    shelf = after(paid_early())
    assert payment_of(shelf) == (0, 60_000, True)
    (entry,) = [entry for entry in shelf.entries if entry.type == said_by.PAYMENT_UNMATCHED]
    assert entry.data["code"] == "not_granted_yet"
    assert "批准后自动入账" in entry.data["message_zh"]
    assert "booked once it is" in entry.data["message_en"]


def test_the_grant_books_it() -> None:
    js = paid_early()
    js.confirmed(1)
    shelf = after(js)
    assert payment_of(shelf) == (60_000, 0, False)
    assert shelf.awards["32-00001"].disbursed_fen == 60_000
    assert told(shelf) == ["not_granted_yet"]
    last = shelf.entries[-1] if shelf.entries[-1].type == said_by.SUBSIDY_DISBURSED else shelf.decided()[-1]
    assert (last.type, last.data["paid_fen"], last.data["line_no"]) == (said_by.SUBSIDY_DISBURSED, 60_000, 4)


def test_so_does_a_turn_in_the_queue_of_one_that_was_confirmed_while_it_waited() -> None:
    js = paid_early(allocated_fen=1)
    js.confirmed(1)
    js.allocated(YUAN_1000_FEN)
    assert payment_of(after(js)) == (60_000, 0, False)


def test_what_exceeds_the_grant_is_told_when_that_is_known() -> None:
    js = paid_early(130_000)
    js.confirmed(1)
    shelf = after(js)
    assert payment_of(shelf) == (100_000, 30_000, False)
    assert told(shelf) == ["not_granted_yet", "exceeds_grant"]


@pytest.mark.parametrize("how", ["withdrawn", "expired", "voided", "covered"])
def test_when_nothing_comes_of_the_award_the_payment_must_come_back(how: str) -> None:
    js = paid_early(allocated_fen=1 if how == "covered" else YUAN_1000_FEN)
    match how:
        case "withdrawn":
            js.withdrawn(1)
        case "expired":
            js.day("2027-03-01")
        case "voided":
            js.voided(js.facts[2])
        case _:
            js.allocated(500_000, pot="wuxi-merit", level="city")
            js.scholarship(1, 500_000)
    shelf = after(js)
    assert payment_of(shelf) == (0, 60_000, False)
    assert told(shelf) == ["not_granted_yet", "not_granted"]
    js.confirmed(1)
    assert payment_of(after(js)) == (0, 60_000, False)


def test_it_waits_through_a_correction() -> None:
    js = paid_early()
    js.voided(js.facts[2], superseded_by="right")
    js.enrolled(1, tuition_fen=50_000)
    js.confirmed(1)
    shelf = after(js)
    assert payment_of(shelf) == (50_000, 10_000, False)
    assert told(shelf) == ["not_granted_yet", "exceeds_grant"]


def test_what_comes_back_before_the_grant_is_not_booked_by_it() -> None:
    js = paid_early()
    js.returned(js.facts[-1])
    assert payment_of(after(js)) == (0, 0, False)
    js.confirmed(1)
    shelf = after(js)
    assert payment_of(shelf) == (0, 0, False)
    assert shelf.awards["32-00001"].disbursed_fen == 0


def test_two_that_wait_are_booked_in_the_order_of_their_lines_under_ids_of_their_own() -> None:
    js = paid_early()
    js.paid(1, 50_000)
    js.confirmed(1)
    shelf = after(js)
    assert [(p.booked_fen, p.unmatched_fen) for p in shelf.payments.values()] == [
        (60_000, 0),
        (40_000, 10_000),
    ]
    names = [(entry.cause.id, entry.type, entry.about) for entry in shelf.entries]
    assert len(set(names)) == len(names)


def test_from_another_budget_it_does_not_wait() -> None:
    js = paid_early()
    js.paid(1, 5, year=2027)
    assert told(after(js)) == ["not_granted_yet", "not_granted"]


async def test_the_service_keeps_it_over_batches_and_lists_what_waits(subsidy: Service) -> None:
    js = paid_early()
    await subsidy.take(*js.facts)
    row = await subsidy.pool.fetchrow("SELECT waits, unmatched_fen FROM payment")
    assert tuple(row or ()) == (True, 60_000)
    await subsidy.take(js.confirmed(1))
    row = await subsidy.pool.fetchrow("SELECT waits, booked_fen, unmatched_fen FROM payment")
    assert tuple(row or ()) == (False, 60_000, 0)
    assert await subsidy.faults() == {}
