"""Where limits for a life meet awards in parts: all parts of an enrollment are one award of its person."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest

from services.subsidy import handlers
from services.subsidy.domain.rederiving import rederive
from services.subsidy.domain.rehearsing import Rehearsal
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy
from shared.contracts.envelope import Fact
from shared.contracts.subsidy import FACT_MODELS
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, read, worker_ref
from tests.subsidy.histories import (
    IN_PARTS,
    LIMITED,
    everything_in_parts,
    history_of_limits,
    scheme_in_parts,
)
from tests.subsidy.shelf import Shelf
from tests.subsidy.test_explaining import explained
from tests.subsidy.test_rederiving import kept

TWO_PARTS = (
    {"fund_source": POT, "share_percent": 50, "share_of": "base"},
    {"fund_source": POT, "share_percent": 50, "share_of": "base"},
)
NEXT = (
    {"fund_source": "city", "amount_fen": 60_000, "when_exhausted": "next"},
    {"fund_source": POT, "amount_fen": 40_000, "at_most_fen": 90_000},
    {"fund_source": POT, "amount_fen": 10_000, "year_of_study": 2},
)


class Nation:
    """Two lanes under a scheme in parts that gives one person one award at a level."""

    def __init__(self, parts: Sequence[dict[str, Any]] = NEXT, **allocated_fen: int) -> None:
        self.js, self.zj = Province("32"), Province("33")
        self.shelf = Shelf(Rules([scheme_in_parts(*parts, lifetime_awards_per_level=1)]))
        for lane in (self.js, self.zj):
            self.take(lane.day("2026-03-01"))
            for pot, amount_fen in (allocated_fen or {POT: 500_000, "city": 500_000}).items():
                self.take(lane.allocated(amount_fen, pot=POT if pot == "prov" else pot))

    def take(self, fact: dict[str, Any], person: int = 7) -> dict[str, Any]:
        """Carry a fact in a batch of its own, and what is left for other lanes."""
        fact["subject"] = fact["subject"] and worker_ref(person)
        self.shelf.take([read(fact)])
        self.shelf.come_to_rest()
        self.shelf.look_again()
        return fact

    def stands(self, number: str) -> list[tuple[str, int]]:
        """State and amount of each part of an enrollment."""
        parts = [award for award in self.shelf.awards.values() if award.enrollment_no == number]
        return [(award.state, award.amount_fen) for award in sorted(parts, key=lambda award: award.part)]

    def holders(self) -> list[str]:
        """Who holds the person's award."""
        (entitlement,) = self.shelf.entitlements.values()
        return entitlement.held_by("")

    def same_again(self) -> None:
        """Every judgement comes out the same from what was kept; what is said follows its contract and has one id."""
        for entry in self.shelf.entries:
            assert not rederive(self.shelf.rules, kept(entry)), entry
            FACT_MODELS[entry.type].model_validate(entry.data, strict=False, extra="forbid")
        ids = Counter((entry.cause.id, entry.type, entry.about) for entry in self.shelf.entries)
        assert max(ids.values()) == 1


def test_all_parts_of_an_enrollment_are_one_award_and_another_one_is_refused_in_one_sentence() -> None:
    nation = Nation()
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(2))
    assert nation.stands("32-00001") == [("reserved", 60_000), ("reserved", 40_000), ("committed", 10_000)]
    assert nation.stands("33-00002") == [("refused", 60_000), ("refused", 40_000), ("refused", 10_000)]
    (said,) = [entry for entry in nation.shelf.entries if entry.type == subsidy.SUBSIDY_REFUSED]
    assert (said.data["code"], said.data["held_by_enrollment_no"]) == ("lifetime_limit", "32-00001")
    told = explained(nation.shelf, 2, lane="33")
    assert "32-00001" in told.en
    assert "by itself" in told.do_en
    assert all("32-00001" in part.en for part in told.parts)
    nation.same_again()


def test_who_is_called_is_judged_anew_against_the_budgets_of_all_parts() -> None:
    """Its own turn comes late: meanwhile the first pot was given away, so that the second is asked for what lacks."""
    nation = Nation(prov=500_000, city=100_000)
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(2))
    nation.take(nation.zj.enrolled(3), person=3)
    nation.take(nation.js.withdrawn(1))
    assert nation.stands("33-00002") == [("reserved", 40_000), ("reserved", 60_000), ("committed", 10_000)]
    nation.same_again()


def test_a_person_s_award_is_passed_on_with_its_last_part_and_not_before() -> None:
    nation = Nation()
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(2))
    nation.take(nation.js.day("2027-03-01"))  # what is reserved expires, what was committed is asked
    assert [state for state, _ in nation.stands("32-00001")] == ["expired", "expired", "waitlisted"]
    assert nation.holders() == ["32/32-00001"]
    nation.take(nation.js.withdrawn(1))
    assert nation.holders() == ["33/33-00002"]
    assert [state for state, _ in nation.stands("33-00002")] == ["reserved", "reserved", "committed"]
    nation.same_again()


@pytest.mark.parametrize("later_part", [True, False])
def test_history_that_uses_up_the_limit_takes_nothing_where_a_part_has_money_or_is_promised(
    later_part: bool,
) -> None:
    nation = Nation(NEXT, city=1) if later_part else Nation(NEXT[:2], city=60_000)
    nation.take(nation.js.enrolled(1))
    stands = nation.stands("32-00001")
    nation.take(nation.zj.enrolled(4, history=True))
    nation.take(nation.zj.paid(4, 90_000, history=True))
    assert nation.stands("32-00001") == stands
    assert "waitlisted" in {state for state, _ in stands}
    assert nation.holders() == ["32/32-00001", "33/33-00004"]


def test_what_was_promised_is_asked_in_its_year_whatever_history_has_used_up_meanwhile() -> None:
    nation = Nation(NEXT)
    nation.take(nation.js.enrolled(1))
    nation.take(nation.js.confirmed(1))
    nation.take(nation.zj.enrolled(4, history=True))
    nation.take(nation.zj.paid(4, 90_000, history=True))
    nation.take(nation.js.day("2027-01-01"))
    assert [state for state, _ in nation.stands("32-00001")] == ["granted", "granted", "waitlisted"]
    nation.same_again()


def test_an_award_ends_with_a_promise_that_a_completed_course_makes_needless() -> None:
    nation = Nation(NEXT)
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(2))
    nation.take(nation.js.completed(1))
    nation.take(nation.js.day("2027-03-01"))
    assert [state for state, _ in nation.stands("32-00001")] == ["expired", "expired", "released"]
    assert nation.holders() == ["33/33-00002"]


def test_a_part_that_is_confirmed_late_asks_for_the_award_though_another_came_to_nothing() -> None:
    partial_first = {"fund_source": "none", "amount_fen": 60_000, "when_exhausted": "partial"}
    nation = Nation((partial_first, NEXT[1]))
    nation.take(nation.js.enrolled(1))
    nation.take(nation.js.day("2027-03-01"))
    nation.take(nation.js.allocated(500_000, year=2027))
    nation.take(nation.js.confirmed(1))
    assert [state for state, _ in nation.stands("32-00001")] == ["forgone", "granted"]
    assert nation.holders() == ["32/32-00001"]
    nation.same_again()


def test_who_is_called_while_history_takes_the_award_is_told_so_and_goes_on_waiting() -> None:
    nation = Nation()
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(2))
    for fact in (
        nation.js.withdrawn(1),
        nation.js.enrolled(4, history=True),
        nation.js.paid(4, 90_000, history=True),
    ):
        fact["subject"] = worker_ref(7)
        nation.shelf.take([read(fact)])  # the other lane has not looked yet
    nation.shelf.look_again()
    assert [state for state, _ in nation.stands("33-00002")] == ["refused", "refused", "refused"]
    refused = [entry.data for entry in nation.shelf.entries if entry.type == subsidy.SUBSIDY_REFUSED]
    assert [said["held_by_enrollment_no"] for said in refused] == ["32-00001", "32-00004"]
    nation.same_again()
    nation.take(nation.js.returned(nation.js.facts[-1]))
    assert [state for state, _ in nation.stands("33-00002")] == ["reserved", "reserved", "committed"]


def test_who_stepped_back_comes_back_part_by_part_once_history_is_taken_back() -> None:
    nation = Nation((NEXT[1], {"fund_source": "city", "amount_fen": 60_000}), city=1)
    nation.take(nation.js.enrolled(1))
    assert nation.stands("32-00001") == [("waitlisted", 40_000), ("waitlisted", 60_000)]
    nation.take(nation.zj.enrolled(4, history=True))
    paid = nation.take(nation.zj.paid(4, 90_000, history=True))
    assert [state for state, _ in nation.stands("32-00001")] == ["released", "released"]
    left = [entry.data for entry in nation.shelf.entries if entry.type == subsidy.SUBSIDY_RELEASED]
    assert [(said["why"], said["part"]) for said in left] == [("lifetime_limit", 1), ("lifetime_limit", 2)]
    assert {said["held_by_enrollment_no"] for said in left} == {"33-00004"}
    nation.take(nation.zj.returned(paid))
    assert nation.stands("32-00001") == [("waitlisted", 40_000), ("waitlisted", 60_000)]
    nation.same_again()


def test_a_withdrawal_that_is_voided_asks_once_for_all_parts() -> None:
    nation = Nation()
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(2))
    gone = nation.take(nation.js.withdrawn(1))
    nation.take(nation.js.voided(gone))
    assert [state for state, _ in nation.stands("32-00001")] == ["refused", "refused", "refused"]
    refused = [entry for entry in nation.shelf.entries if entry.type == subsidy.SUBSIDY_REFUSED]
    assert [entry.enrollment_no for entry in refused] == ["33-00002", "32-00001"]
    nation.take(nation.zj.withdrawn(2))
    assert [state for state, _ in nation.stands("32-00001")] == ["reserved", "reserved", "committed"]
    nation.same_again()


def test_of_an_enrollment_that_nothing_comes_of_nobody_is_kept_waiting() -> None:
    at_most = {"fund_source": "city", "amount_fen": 60_000, "when_exhausted": "partial"}
    nation = Nation((at_most,), city=60_000)
    nation.take(nation.js.enrolled(9), person=9)
    nation.take(nation.js.enrolled(1))
    nation.take(nation.zj.enrolled(2))
    assert nation.stands("32-00001") == [("forgone", 0)]
    assert nation.stands("33-00002") == [("reserved", 60_000)]
    nation.same_again()


TWO_PERSONS = Rules([IN_PARTS.schemes[0].model_copy(update={"lifetime_awards_per_level": 1})])


def everything_of_two_persons() -> list[Fact[Any]]:
    """Everything that can happen to awards in parts, all enrollments being those of two persons."""
    js = everything_in_parts()
    js.day("2028-03-02")
    for fact in js.facts:
        if fact["subject"] is not None:
            number = fact["data"].get("enrollment_no") or fact["data"]["voided"]["enrollment_no"]
            fact["subject"] = worker_ref(int(number[3:]) % 2)
    return [read(fact) for fact in js.facts]


def test_a_lane_by_itself_decides_the_same_of_parts_and_limits_however_its_batches_are_cut() -> None:
    facts = everything_of_two_persons()
    whole = Shelf(TWO_PERSONS)
    whole.take(facts)
    whole.come_to_rest()
    assert any(entry.data.get("code") == "lifetime_limit" for entry in whole.entries)
    for size in (1, 2, 3, 5, 7):
        cut = Shelf(TWO_PERSONS)
        for at in range(0, len(facts), size):
            cut.take(facts[at : at + size])
        cut.come_to_rest()
        assert cut.journal() == whole.journal(), size
        assert cut.entitlements == whole.entitlements


def test_a_rehearsal_gives_what_was_given() -> None:
    shelf, run, held = Shelf(TWO_PERSONS), Rehearsal(TWO_PERSONS, "32", 2026), Counter[str]()
    for fact in everything_of_two_persons():
        shelf.take([fact])
        shelf.come_to_rest()
        run.take(fact)
    for award in shelf.awards.values():
        if award.fiscal_year == 2026 and award.state != "voided":
            held[award.enrollment_no] += award.held_fen
    assert run.held_fen() == dict(held)
    assert sum(held.values()) > 0


def test_who_has_money_and_loses_it_in_one_batch_passes_the_award_on_all_the_same() -> None:
    """Its row is not held by that batch: the expiry goes on in the next one."""
    js, shelf = Province(), Shelf(LIMITED)
    for fact in (js.day("2026-03-01"), js.enrolled(1), js.enrolled(2) | {"subject": worker_ref(1)}):
        shelf.take([read(fact)])
    shelf.take([read(js.allocated(YUAN_1000_FEN)), read(js.day("2028-03-01"))])
    shelf.come_to_rest()
    (entitlement,) = shelf.entitlements.values()
    assert entitlement.held_by("") == ["32/32-00002"]
    assert shelf.awards["32-00001"].state == "expired"


def test_who_is_called_by_an_expiry_that_goes_on_alone_stands_at_once() -> None:
    """No fact of its lane is in that batch."""
    js, zj, shelf = Province(), Province("33"), Shelf(LIMITED)
    for lane in (js, zj):
        shelf.take([read(lane.day("2026-03-01"))])
    for number in (1, 2):
        shelf.take([read(js.enrolled(number) | {"subject": worker_ref(1)})])
    shelf.take([read(js.allocated(YUAN_1000_FEN)), read(js.day("2028-03-01"))])
    assert shelf.awards["32-00002"].state == "refused"
    shelf.come_to_rest()
    assert shelf.awards["32-00002"].state in ("reserved", "waitlisted")


async def test_a_part_that_falls_due_keeps_the_award_while_another_stands_in_the_real_ledger(
    subsidy: Service,
) -> None:
    rules = Rules([scheme_in_parts(*NEXT, lifetime_awards_per_level=1)])
    subsidy.carrier.group = replace(subsidy.carrier.group, handle=partial(handlers.decide_awards, rules))
    js, zj = Province("32"), Province("33")
    for lane in (js, zj):
        lane.day("2026-03-01")
        for pot in ("city", POT):
            lane.allocated(YUAN_1000_FEN, pot=pot)
    await subsidy.take(*js.facts, *zj.facts)
    await subsidy.take(js.enrolled(1))
    await subsidy.take(zj.enrolled(2) | {"subject": worker_ref(1)})
    await subsidy.take(js.day("2027-03-01"))
    await subsidy.tick("32", "33")
    assert await _states(subsidy) == {"32": "expired expired waitlisted", "33": "refused refused refused"}
    await subsidy.take(js.withdrawn(1))
    await subsidy.tick("33")
    assert await _states(subsidy) == {"32": "expired expired released", "33": "reserved reserved committed"}
    assert await subsidy.faults() == {}


async def _states(subsidy: Service) -> dict[str, str]:
    rows = await subsidy.pool.fetch(
        "SELECT lane, string_agg(state, ' ' ORDER BY part) FROM award GROUP BY lane"
    )
    return {row[0]: row[1] for row in rows}


def test_an_enrollment_that_is_corrected_into_parts_leaves_the_award_to_who_asks_next() -> None:
    first, second = LIMITED.schemes
    ended = second.model_copy(update={"valid_until": date(2026, 3, 31)})
    in_parts = scheme_in_parts(*TWO_PARTS, valid_from=date(2026, 4, 1))
    shelf, js, zj = Shelf(Rules([first, ended, in_parts])), Province("32"), Province("33")
    facts = [lane.day("2026-03-01") for lane in (js, zj)]
    facts += [lane.allocated(3 * YUAN_1000_FEN) for lane in (js, zj)]
    wrong = js.enrolled(1, start="2026-03-01")
    facts += [wrong, zj.enrolled(2, start="2026-03-01") | {"subject": wrong["subject"]}]
    facts += [js.voided(wrong, superseded_by="right"), js.enrolled(1, start="2026-04-01")]
    for fact in facts:
        shelf.take([read(fact)])
        shelf.look_again()

    assert {key: award.state for key, award in sorted(shelf.awards.items())} == {
        "32-00001": "reserved",
        "32-00001/2": "reserved",
        "33-00002": "reserved",
    }
    (entitlement,) = shelf.entitlements.values()
    assert entitlement.held_by("") == ["33/33-00002"]


@pytest.mark.parametrize(("meanwhile", "state"), [(False, "reserved"), (True, "refused")])
def test_who_was_covered_when_corrected_asks_for_the_award_before_it_stands_again(
    meanwhile: bool, state: str
) -> None:
    shelf, js, zj = Shelf(LIMITED), Province("32"), Province("33")
    facts = [lane.day("2026-03-01") for lane in (js, zj)]
    facts += [lane.allocated(3 * YUAN_1000_FEN) for lane in (js, zj)]
    facts.append(js.allocated(50_000, pot="wuxi-merit", level="city"))
    wrong = js.enrolled(1, tuition_fen=500_000)
    given = js.scholarship(1, 50_000, tuition_fen=500_000)
    facts += [wrong, given, js.voided(wrong, superseded_by="right"), js.enrolled(1, tuition_fen=50_000)]
    if meanwhile:
        facts.append(zj.enrolled(2) | {"subject": worker_ref(1)})
    facts.append(js.voided(given))
    for fact in facts:
        shelf.take([read(fact)])
        shelf.look_again()

    assert shelf.awards["32-00001"].state == state
    assert len(next(iter(shelf.entitlements.values())).held_by("")) == 1


def test_what_is_said_of_limits_and_activated_schemes_follows_its_contract() -> None:
    for entry in history_of_limits().entries:
        FACT_MODELS[entry.type].model_validate(entry.data, strict=False, extra="forbid")


def test_without_a_limit_a_promise_is_asked_for_though_not_all_parts_are_loaded() -> None:
    """One part expires on the day on which another is asked for; a third only waits, and nobody looks at it."""
    js, shelf = Province(), Shelf(Rules([scheme_in_parts(*NEXT)]))
    for fact in (
        js.day("2026-03-01"),
        js.allocated(60_000, pot="city"),
        js.enrolled(1),
        js.day("2027-03-01"),
    ):
        shelf.take([read(fact)])
    assert [shelf.awards[key].state for key in ("32-00001", "32-00001/2", "32-00001/3")] == [
        "expired",
        "waitlisted",
        "waitlisted",
    ]


def test_a_payment_that_waits_is_not_given_up_while_an_enrollment_with_a_promise_is_corrected() -> None:
    js, shelf = Province(), Shelf(Rules([scheme_in_parts(*NEXT)]))
    js.day("2026-03-01")
    wrong = js.enrolled(1)
    js.paid(1, 40_000)
    js.voided(wrong, superseded_by="right")
    js.enrolled(1)
    for fact in js.facts:
        shelf.take([read(fact)])
    (payment,) = shelf.payments.values()
    assert payment.waits


def test_a_payment_for_a_promise_waits_on_while_parts_before_it_are_granted_again() -> None:
    js, shelf = Province(), Shelf(Rules([scheme_in_parts(*NEXT)]))
    js.day("2026-03-01")
    js.allocated(500_000)
    js.allocated(500_000, pot="city")
    wrong = js.enrolled(1)
    js.confirmed(1)
    js.paid(1, 10_000, year=2027)
    js.voided(wrong, superseded_by="right")
    js.enrolled(1)
    for fact in js.facts:
        shelf.take([read(fact)])
    assert [award.state for award in shelf.awards.values()] == ["granted", "granted", "committed"]
    (payment,) = shelf.payments.values()
    assert payment.waits


def test_a_payment_waits_for_the_part_that_is_to_come_though_one_before_it_came_to_nothing() -> None:
    """Both are of the budget that the payment names."""
    partial = {"fund_source": POT, "amount_fen": 60_000, "when_exhausted": "partial"}
    js, shelf = Province(), Shelf(Rules([scheme_in_parts(partial, TWO_PARTS[0])]))
    js.day("2026-03-01")
    js.enrolled(1)
    js.paid(1, 10_000)
    for fact in js.facts:
        shelf.take([read(fact)])
    assert [award.state for award in shelf.awards.values()] == ["forgone", "waitlisted"]
    (payment,) = shelf.payments.values()
    assert payment.waits
    for fact in (js.allocated(50_000), js.confirmed(1)):
        shelf.take([read(fact)])
    assert [award.disbursed_fen for award in shelf.awards.values()] == [0, 10_000]
