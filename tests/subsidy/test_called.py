"""An enrollment in parts whose person's award was elsewhere is called: judged as if it came now, at its old rank."""

from dataclasses import replace
from typing import Any

import pytest

from services.subsidy.domain.lifetime import Entitlement
from shared.contracts import subsidy
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read, worker_ref
from tests.subsidy.test_lifetime import Nation as OfOneAmount
from tests.subsidy.test_limits_and_parts import NEXT, Nation

ONE = {"fund_source": POT, "amount_fen": YUAN_1000_FEN}
"""A scheme with a single part."""


def set_aside(nation: Nation, **changes: Any) -> Nation:
    """Enrollment 1 in Jiangsu has asked, and enrollment 2 in Zhejiang holds the award of its person."""
    nation.take(nation.zj.enrolled(2))
    nation.take(nation.js.enrolled(1, **changes))
    assert {state for state, _ in nation.stands("32-00001")} <= {"refused", "forgone"}
    return nation


def call(nation: Nation) -> list[tuple[str, int]]:
    """Zhejiang's leaves; what becomes of Jiangsu's."""
    nation.take(nation.zj.withdrawn(2))
    nation.same_again()
    return nation.stands("32-00001")


def test_its_old_rank_decides_who_waits_ahead() -> None:
    nation = set_aside(Nation((ONE,), prov=1))
    nation.take(nation.js.enrolled(3), person=3)
    assert call(nation) == [("waitlisted", 100_000)]
    said = nation.shelf.decided()[-1]
    assert (said.data["position"], said.inputs["rank"]) == (1, 3)
    nation.take(nation.js.allocated(100_000))
    assert (nation.stands("32-00001"), nation.stands("32-00003")) == (
        [("reserved", 100_000)],
        [("waitlisted", 100_000)],
    )


def test_its_decision_keeps_the_limit_that_it_was_called_by_and_the_level() -> None:
    nation = set_aside(Nation((ONE,)))
    call(nation)
    inputs = nation.shelf.decided()[-1].inputs
    assert (inputs["limit"], inputs["level"], inputs["held_by"]) == (1, "associate", [])


def test_it_is_called_by_the_limit_that_it_asked_under_though_its_scheme_has_another_one_now() -> None:
    nation = set_aside(Nation((ONE,)))
    (now,) = nation.shelf.rules.schemes
    lower = now.model_copy(update={"lifetime_awards_per_level": None})
    nation.shelf.rules = replace(nation.shelf.rules, schemes=[lower])
    nation.take(nation.zj.withdrawn(2))
    assert nation.stands("32-00001") == [("reserved", 100_000)]
    assert nation.shelf.decided()[-1].steps[1] == {"step": "lifetime", "limit": 1, "held": 0, "by": []}


def test_what_was_paid_for_it_before_it_was_corrected_counts_again() -> None:
    nation = Nation((NEXT[1], {"fund_source": POT, "amount_fen": 60_000}), prov=100_000)
    wrong = nation.take(nation.js.enrolled(1))
    nation.take(nation.js.confirmed(1))
    nation.take(nation.js.paid(1, 100_000))
    nation.take(nation.zj.enrolled(2, level_after="bachelor"))
    nation.take(nation.js.voided(wrong, superseded_by="right"))
    nation.take(nation.js.enrolled(1, level_after="bachelor"))
    assert nation.stands("32-00001") == [("refused", 40_000), ("refused", 60_000)]
    nation.take(nation.zj.withdrawn(2, level_after="bachelor"))
    assert nation.stands("32-00001") == [("granted", 40_000), ("granted", 60_000)]
    assert [award.disbursed_fen for award in nation.shelf.awards.values() if award.lane == "32"] == [
        40_000,
        60_000,
    ]
    nation.same_again()


@pytest.mark.parametrize(
    ("reported_by", "confirmed", "wanted"),
    [("34", False, "held_back"), ("34", True, "granted"), ("32", False, "reserved")],
)
def test_the_cap_holds_back_who_was_reported_from_outside_and_is_not_confirmed(
    reported_by: str, confirmed: bool, wanted: str
) -> None:
    nation = Nation((ONE,), prov=200_000)
    nation.shelf.rules = replace(nation.shelf.rules, outside_percent=40)
    set_aside(nation, reported_by=reported_by)
    if confirmed:
        nation.take(nation.js.confirmed(1))
    assert call(nation) == [(wanted, 100_000)]


@pytest.mark.parametrize(("day", "year"), [("2027-01-31", 2026), ("2027-02-01", 2027)])
def test_its_year_is_the_one_that_it_had_while_that_is_open_otherwise_the_current_one(
    day: str, year: int
) -> None:
    nation = set_aside(Nation((ONE,)))
    nation.take(nation.js.day(day))
    nation.take(nation.js.allocated(100_000, year=2027))
    assert call(nation) == [("reserved", 100_000)]
    assert nation.shelf.awards["32-00001"].fiscal_year == year


@pytest.mark.parametrize(("day", "wanted"), [("2026-12-31", "committed"), ("2027-01-01", "reserved")])
def test_a_later_year_of_study_is_promised_until_it_begins_and_asked_for_from_then_on(
    day: str, wanted: str
) -> None:
    nation = set_aside(Nation(NEXT))
    nation.take(nation.js.day(day))
    nation.take(nation.js.allocated(10_000, year=2027))
    assert [state for state, _ in call(nation)] == ["reserved", "reserved", wanted]


def test_a_first_year_that_begins_next_year_is_no_later_one() -> None:
    nation = set_aside(Nation((ONE,)), start="2027-03-01")
    nation.take(nation.js.allocated(100_000, year=2027))
    assert call(nation) == [("reserved", 100_000)]


@pytest.mark.parametrize(
    ("scholarship_fen", "wanted"), [(20_000, ("reserved", 40_000)), (60_000, ("forgone", 0))]
)
def test_scholarships_that_came_meanwhile_leave_it_less(
    scholarship_fen: int, wanted: tuple[str, int]
) -> None:
    nation = set_aside(Nation((ONE,), prov=500_000, city=60_000), tuition_fen=60_000)
    nation.take(nation.js.scholarship(1, scholarship_fen, pot="city", tuition_fen=60_000))
    assert call(nation) == [wanted]
    assert nation.holders() == (["32/32-00001"] if wanted[1] else [])


def test_a_part_of_which_nothing_comes_is_kept_beside_the_others() -> None:
    partial = {"fund_source": "none", "amount_fen": 60_000, "when_exhausted": "partial"}
    nation = set_aside(Nation((partial, NEXT[1])))
    assert call(nation) == [("forgone", 0), ("reserved", 40_000)]


def test_parts_for_which_tuition_left_nothing_do_not_keep_the_others_from_being_judged_anew() -> None:
    nation = set_aside(Nation(NEXT, prov=500_000, city=1), tuition_fen=60_000)
    assert nation.stands("32-00001") == [("refused", 60_000), ("forgone", 0), ("forgone", 0)]
    assert call(nation) == [("reserved", 1), ("reserved", 59_999), ("forgone", 0)]


# ---------------------------------------------------------------- who had a turn before


def test_who_has_to_step_back_makes_room_for_who_waits_behind_it() -> None:
    nation = Nation((ONE,), prov=50_000)
    nation.take(nation.js.enrolled(1))
    nation.take(nation.js.enrolled(3, tuition_fen=50_000), person=3)
    nation.take(nation.zj.enrolled(4, history=True))
    nation.take(nation.zj.paid(4, 90_000, history=True))
    assert (nation.stands("32-00001"), nation.stands("32-00003")) == (
        [("released", 100_000)],
        [("reserved", 50_000)],
    )
    nation.same_again()


def test_a_payment_for_who_has_to_step_back_waits_no_more() -> None:
    nation = Nation((ONE,), prov=1)
    nation.take(nation.js.enrolled(1))
    nation.take(nation.js.paid(1, 5))
    nation.take(nation.zj.enrolled(4, history=True))
    nation.take(nation.zj.paid(4, 90_000, history=True))
    codes = [e.data["code"] for e in nation.shelf.entries if e.type == subsidy.PAYMENT_UNMATCHED]
    assert codes == ["not_granted_yet", "not_granted"]
    assert not any(payment.waits for payment in nation.shelf.payments.values())
    nation.same_again()


@pytest.mark.parametrize(("day", "year"), [("2027-01-31", 2026), ("2027-02-01", 2027)])
def test_who_stepped_back_comes_back_into_its_year_while_that_is_open_without_what_was_forgone(
    day: str, year: int
) -> None:
    partial = {"fund_source": "none", "amount_fen": 60_000, "when_exhausted": "partial"}
    nation = Nation((partial, NEXT[1]), prov=1)
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(4, history=True))
    paid = nation.take(nation.zj.paid(4, 90_000, history=True))
    assert nation.stands("32-00001") == [("forgone", 0), ("released", 40_000)]
    nation.take(nation.js.day(day))
    nation.take(nation.zj.returned(paid))
    assert nation.stands("32-00001") == [("forgone", 0), ("waitlisted", 40_000)]
    assert nation.shelf.awards["32-00001/2"].fiscal_year == year
    nation.same_again()


def test_who_is_called_in_vain_since_history_was_faster_is_called_again() -> None:
    """For a single fen, too."""
    nation = OfOneAmount()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2, tuition_fen=1)
    faster = [nation.js.withdrawn(1), nation.js.enrolled(4, history=True), nation.js.paid(4, 5, history=True)]
    for fact in faster:
        nation.shelf.take([read(fact | {"subject": worker_ref(7)})])  # the other lane has not looked yet
    nation.shelf.look_again()
    assert nation.states()["33-00002"] == "refused"
    nation.take(nation.js.returned(faster[-1]) | {"subject": worker_ref(7)})
    assert nation.states()["33-00002"] == "reserved"


def test_a_promise_keeps_the_award_while_what_waits_beside_it_has_nothing() -> None:
    nation = Nation(NEXT, none=1)
    nation.take(nation.js.enrolled(1))
    stands = nation.stands("32-00001")
    assert [state for state, _ in stands] == ["forgone", "waitlisted", "committed"]
    nation.take(nation.zj.enrolled(4, history=True))
    nation.take(nation.zj.paid(4, 90_000, history=True))
    assert nation.stands("32-00001") == stands


# ---------------------------------------------------------------- history


@pytest.mark.parametrize(("lane", "wanted"), [("zj", "refused"), ("js", "reserved")])
def test_history_counts_on_the_lanes_of_its_scheme_and_one_fen_of_it_is_enough(
    lane: str, wanted: str
) -> None:
    nation = OfOneAmount()
    of_one_lane = [one.model_copy(update={"provinces": {"33"}}) for one in nation.shelf.rules.schemes]
    nation.shelf.rules = replace(nation.shelf.rules, schemes=of_one_lane)
    at: Province = getattr(nation, lane)
    nation.enroll(at, 4, history=True)
    nation.take(at.paid(4, 1, history=True) | {"subject": worker_ref(7)})
    nation.enroll(nation.zj, 2)
    assert nation.states()["33-00002"] == wanted


def test_history_that_comes_back_and_was_never_counted_takes_nothing_away() -> None:
    nation = OfOneAmount()
    nation.enroll(nation.js, 1)
    paid = nation.js.paid(1, 5, history=True)  # not told here
    unknown = nation.zj.paid(3, 5, history=True)
    nation.js.facts.remove(paid)
    nation.zj.facts.remove(unknown)
    nation.take(nation.js.returned(paid) | {"subject": worker_ref(7)})
    nation.take(nation.zj.returned(unknown) | {"subject": worker_ref(7)})
    (entitlement,) = nation.shelf.entitlements.values()
    assert entitlement.held_by("") == ["32/32-00001"]


def test_nobody_is_crowded_at_the_limit_and_above_it_all_but_history() -> None:
    one = Entitlement("w", "s", "associate")
    one.put("32", "32-1", 1, holds=True)
    one.put("32", "32-2", 1, holds=False)
    assert one.crowded() == []
    one.add_history("33", "33-1", 1, 5)
    assert [asker.enrollment_no for asker in one.crowded()] == ["32-1"]


def test_a_fen_of_history_is_history() -> None:
    one = Entitlement("w", "s", "associate")
    one.add_history("32", "32-1", 1, 2)
    one.add_history("32", "32-1", 1, -1)
    assert one.held_by("") == ["32/32-1"]
    one.add_history("32", "32-1", 1, -1)
    assert one.held_by("") == []
