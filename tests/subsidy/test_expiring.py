"""What nobody confirms expires with its day, the next in line have the money, and who comes late keeps a rank."""

import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, read, short
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
THIS_YEAR, NEXT_YEAR = ("32", 2026, POT), ("32", 2027, POT)
LAST_DAY, EXPIRY = "2027-02-28", "2027-03-01"
"""A reservation of 1 March 2026 is held for 365 days."""


def shelf_of(province: Province) -> Shelf:
    """All facts of a province in one batch."""
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in province.facts])
    return shelf


def states(shelf: Shelf) -> list[str]:
    """States of the awards, in order of their numbers."""
    return [shelf.awards[no].state for no in sorted(shelf.awards)]


def reserved(awards: int, *, allocated_fen: int = YUAN_1000_FEN) -> Province:
    """Some enrollments on 1 March 2026, for which there may be too little money."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(allocated_fen)
    for n in range(awards):
        js.enrolled(n)
    return js


def test_a_reservation_says_when_it_expires_and_a_grant_does_not_expire() -> None:
    js = reserved(2, allocated_fen=2 * YUAN_1000_FEN)
    js.confirmed(0)
    js.day("2030-01-01")
    shelf = shelf_of(js)
    assert shelf.decided()[1].data["expires_on"] == EXPIRY
    assert states(shelf) == ["granted", "expired"]


@pytest.mark.parametrize(("day", "wanted"), [(LAST_DAY, "reserved"), (EXPIRY, "expired")])
def test_a_reservation_expires_with_its_day_and_not_before(day: str, wanted: str) -> None:
    js = reserved(1)
    js.day(day)
    shelf = shelf_of(js)
    assert states(shelf) == [wanted]
    assert shelf.budgets[THIS_YEAR].free_fen == (0 if wanted == "reserved" else YUAN_1000_FEN)


def test_the_money_of_what_has_expired_goes_down_the_queue_by_rank_and_runs_anew() -> None:
    js = reserved(3)
    js.day(EXPIRY)
    shelf = shelf_of(js)
    assert states(shelf) == ["expired", "reserved", "waitlisted"]
    released, taken = shelf.decided()[-2:]
    assert (released.data["why"], released.data["was"]) == ("expired", "reserved")
    assert taken.data["expires_on"] == "2028-02-29"
    js.day("2028-02-29")
    assert states(shelf_of(js)) == ["expired", "expired", "reserved"]


def test_days_that_were_missed_and_come_together_decide_as_if_each_had_come_alone() -> None:
    js = reserved(5)
    for day in ("2026-12-31", LAST_DAY, EXPIRY, "2028-02-29", "2029-02-28"):
        js.day(day)
    one_by_one, together = Shelf(RULES), Shelf(RULES)
    for fact in js.facts:
        one_by_one.take([read(fact)])
    together.take([read(fact) for fact in js.facts[:-5]])
    together.take([read(fact) for fact in js.facts[-5:]])
    assert one_by_one.journal() == together.journal() == shelf_of(js).journal()
    assert states(one_by_one) == ["expired", "expired", "expired", "reserved", "waitlisted"]


def test_who_came_again_under_a_number_expires_at_the_new_rank() -> None:
    js = reserved(1, allocated_fen=2 * YUAN_1000_FEN)
    first = js.facts[-1]
    js.enrolled(1)
    js.voided(first)
    js.enrolled(0)
    js.day(EXPIRY)
    released = [e.about for e in shelf_of(js).entries if e.type == said_by.SUBSIDY_RELEASED]
    assert released == ["32-00001", "32-00000"]


def test_a_late_confirmation_has_money_again_where_it_is_free_and_nobody_waits_ahead() -> None:
    js = reserved(1)
    js.day("2026-12-31")
    js.day(EXPIRY)
    js.allocated(YUAN_1000_FEN, year=2027)
    js.confirmed(0)
    shelf = shelf_of(js)
    assert states(shelf) == ["granted"]
    assert shelf.decided()[-2].steps == [{"step": "confirmed_late", "amount_fen": YUAN_1000_FEN}]
    assert (shelf.budgets[THIS_YEAR].granted_fen, shelf.budgets[NEXT_YEAR].granted_fen) == (0, YUAN_1000_FEN)


def test_a_late_confirmation_stands_in_the_queue_at_its_old_rank_where_money_has_gone() -> None:
    js = reserved(1)
    js.day(EXPIRY)
    for n in (1, 2):
        js.enrolled(n, start="2027-03-01")
    js.confirmed(0)
    shelf = shelf_of(js)
    assert states(shelf) == ["waitlisted", "waitlisted", "waitlisted"]
    assert shelf.decided()[-1].data["position"] == 1
    js.allocated(YUAN_1000_FEN, year=2027)
    assert states(shelf_of(js)) == ["granted", "waitlisted", "waitlisted"]


def test_what_expires_moves_as_many_as_its_money_carries_in_the_same_batch() -> None:
    js = reserved(1)
    for n in (1, 2, 3):
        js.enrolled(n, tuition_fen=40_000)
    js.day(LAST_DAY)
    shelf = shelf_of(js)
    shelf.take([read(js.day(EXPIRY))])
    assert states(shelf) == ["expired", "reserved", "reserved", "waitlisted"]
    assert shelf.budgets[THIS_YEAR].drain is None


def test_who_is_late_is_told_the_place_in_the_middle_of_a_queue_that_was_kept() -> None:
    js = reserved(2, allocated_fen=2 * YUAN_1000_FEN)
    js.day(EXPIRY)
    for n in (2, 3, 4):
        js.enrolled(n, start="2027-03-01")
    js.confirmed(0)
    shelf = shelf_of(js)
    shelf.take([read(js.confirmed(1))])
    assert shelf.decided()[-1].data["position"] == 2


def test_a_late_confirmation_passes_nobody_over_who_waits_ahead() -> None:
    js = reserved(1, allocated_fen=YUAN_1000_FEN + 5)
    js.enrolled(1, tuition_fen=5)
    js.day(EXPIRY)
    js.allocated(10, year=2027)
    js.confirmed(0)
    js.confirmed(1)
    shelf = shelf_of(js)
    assert states(shelf) == ["waitlisted", "waitlisted"]
    assert shelf.budgets[NEXT_YEAR].free_fen == 10


def test_who_has_left_after_the_expiry_does_not_come_back_by_a_late_confirmation() -> None:
    js = reserved(1)
    js.day(EXPIRY)
    gone = js.withdrawn(0)
    js.confirmed(0)
    shelf = shelf_of(js)
    assert states(shelf) == ["expired"]
    assert shelf.decided()[-1].type == said_by.SUBSIDY_RELEASED
    js.voided(gone)
    js.allocated(YUAN_1000_FEN, year=2027)
    js.confirmed(0)
    assert states(shelf_of(js)) == ["granted"]


def test_what_a_scholarship_has_paid_since_the_expiry_is_not_paid_again() -> None:
    js = reserved(1)
    js.allocated(1_000_000, pot="wuxi-merit", year=2027)
    js.allocated(1_000_000, year=2027)
    js.day(EXPIRY)
    js.scholarship(0, 450_000, awarded_on="2027-03-01")
    js.confirmed(0)
    assert shelf_of(js).awards["32-00000"].amount_fen == 50_000


def test_more_reservations_than_one_batch_expires_go_on_in_the_next_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 3)
    shelf = Shelf(RULES)
    js = reserved(8, allocated_fen=8 * YUAN_1000_FEN)
    shelf.take([read(fact) for fact in js.facts])
    shelf.take([read(js.day(EXPIRY))])
    assert states(shelf).count("expired") == 3
    for _ in range(2):
        shelf.take([])
    assert states(shelf) == ["expired"] * 8
    assert [e.about for e in shelf.entries if e.type == said_by.SUBSIDY_RELEASED] == sorted(shelf.awards)
    shelf.take([])
    assert shelf.lanes["32"].expiring is None


def test_days_that_come_together_end_although_more_falls_due_on_the_last_than_one_batch_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 3)
    shelf = Shelf(RULES)
    js = reserved(5, allocated_fen=5 * YUAN_1000_FEN)
    shelf.take([read(fact) for fact in js.facts])
    shelf.take([read(js.day(LAST_DAY)), read(js.day(EXPIRY))])
    while shelf.lanes["32"].expiring:
        shelf.take([])
    assert states(shelf) == ["expired"] * 5


async def test_a_silent_lane_gives_its_money_on_when_days_begin_in_the_real_ledger(
    subsidy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    js = reserved(6, allocated_fen=3 * YUAN_1000_FEN)
    js.confirmed(0)
    await subsidy.take(*js.facts)
    await subsidy.take(js.day(EXPIRY))
    for _ in range(3):
        await subsidy.tick("32")
    states = await subsidy.pool.fetch("SELECT state FROM award ORDER BY rank")
    assert [row["state"] for row in states] == [
        "granted", "expired", "expired", "reserved", "reserved", "waitlisted",
    ]  # fmt: skip
    assert await subsidy.pool.fetchval("SELECT expire_cause FROM lane_book") is None
    await subsidy.take(js.confirmed(1), js.withdrawn(3))
    assert [short(fact) for fact in (await subsidy.published())[-4:]] == [
        "subsidy.waitlisted 32-00001",
        "budget.exhausted 2027",
        "subsidy.released 32-00003",
        "subsidy.reserved 32-00005",
    ]
    assert await subsidy.faults() == {}


def test_days_read_together_end_one_after_the_other_though_the_later_is_too_much_for_one_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    js = reserved(3, allocated_fen=3 * YUAN_1000_FEN)
    shelf = shelf_of(js)
    shelf.take([read(js.day(LAST_DAY)), read(js.day(EXPIRY))])
    shelf.come_to_rest()
    assert states(shelf) == ["expired"] * 3
