"""One person has as many awards at one level as the scheme gives in a life, on whichever lanes the enrollments are."""

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery

from services.subsidy import handlers
from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.lifetime import ASKERS_MAX, Entitlement, level_of
from services.subsidy.domain.rederiving import rederive
from services.subsidy.domain.schemes import Rules
from shared.contracts import enrollment
from tests.subsidy.facts import YUAN_1000_FEN, Province, Service, read, worker_ref
from tests.subsidy.shelf import Shelf
from tests.subsidy.test_explaining import explained
from tests.subsidy.test_rederiving import kept


def limited(limit: int | None = 1) -> Rules:
    """The shipped schemes with so many awards for a life."""
    return Rules(
        [scheme.model_copy(update={"lifetime_awards_per_level": limit}) for scheme in load_schemes(SCHEMES)]
    )


class Nation:
    """Two lanes with money for three awards each, and one book that both are decided in."""

    def __init__(self, limit: int | None = 1, *, awards: int = 3) -> None:
        self.js, self.zj = Province("32"), Province("33")
        self.shelf = Shelf(limited(limit))
        self.carried: list[dict[str, Any]] = []
        for lane in (self.js, self.zj):
            self.take(lane.day("2026-03-01"))
            if awards:
                self.take(lane.allocated(awards * YUAN_1000_FEN))

    def enroll(self, lane: Province, number: int, person: int = 7, **changes: Any) -> dict[str, Any]:
        """An enrollment of one person."""
        return self.take(lane.enrolled(number, **changes) | {"subject": worker_ref(person)})

    def withdraw(self, lane: Province, number: int, person: int = 7, **changes: Any) -> dict[str, Any]:
        """The person leaves."""
        return self.take(lane.withdrawn(number, **changes) | {"subject": worker_ref(person)})

    def void(self, lane: Province, fact: dict[str, Any], **how: Any) -> dict[str, Any]:
        """A fact counts no more."""
        return self.take(lane.voided(fact, **how))

    def take(self, *facts: dict[str, Any]) -> dict[str, Any]:
        """Carry facts, each in a batch of its own, and what is left for other lanes."""
        for fact in facts:
            self.shelf.take([read(fact)])
            self.shelf.look_again()
            self.carried.append(fact)
        return facts[-1]

    def states(self) -> dict[str, str]:
        """Enrollment → state of its award."""
        return {number: award.state for number, award in sorted(self.shelf.awards.items())}

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The data of all facts of a kind."""
        return [e.data for e in self.shelf.entries if e.type == f"dreams.{kind}.v1"]


def test_the_second_enrollment_of_a_person_at_a_level_is_refused_and_told_who_holds_the_award() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)

    assert nation.states() == {"32-00001": "reserved", "33-00002": "refused"}
    (told,) = nation.said("subsidy.refused")
    assert (told["code"], told["held_by_lane"], told["held_by_enrollment_no"]) == (
        "lifetime_limit",
        "32",
        "32-00001",
    )
    assert "32-00001" in told["message_zh"]
    assert "32-00001" in told["message_en"]


def test_a_clerk_reads_who_holds_the_award_and_that_nothing_is_to_be_sent() -> None:
    nation = Nation()
    nation.enroll(nation.zj, 2)
    nation.enroll(nation.js, 1)
    told = explained(nation.shelf, 1)
    assert "33-00002" in told.zh
    assert "33-00002" in told.en
    assert ("无需重报" in told.do_zh, "by itself" in told.do_en) == (True, True)
    (decision,) = told.decisions
    assert "专科" in decision.steps[-1].zh
    assert "held by: 33/33-00002" in decision.steps[-1].en


def test_without_a_limit_nothing_is_asked_or_kept() -> None:
    nation = Nation(limit=None)
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)

    assert nation.states() == {"32-00001": "reserved", "33-00002": "reserved"}
    assert nation.shelf.entitlements == {}
    assert "held_by" not in nation.shelf.entries[-1].inputs


@pytest.mark.parametrize(
    "changes",
    [
        {"level_before": "associate", "level_after": "bachelor"},
        {"level_after": "junior_high", "track": "skills"},
        {"level_after": "junior_high", "track": "skills", "skill_after": "technician"},
    ],
)
def test_a_return_at_another_level_is_welcome(changes: dict[str, Any]) -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2, **changes)
    assert nation.states() == {"32-00001": "reserved", "33-00002": "reserved"}


def test_two_awards_for_a_life_are_two() -> None:
    nation = Nation(limit=2)
    for lane, number in ((nation.js, 1), (nation.zj, 2), (nation.js, 3)):
        nation.enroll(lane, number)
    assert list(nation.states().values()) == ["reserved", "refused", "reserved"]


def test_of_two_awards_the_one_that_is_let_go_is_passed_on_while_the_other_is_held() -> None:
    nation = Nation(limit=2)
    for lane, number in ((nation.js, 1), (nation.zj, 2), (nation.js, 3)):
        nation.enroll(lane, number)
    nation.withdraw(nation.js, 1)
    assert nation.states() == {"32-00001": "released", "32-00003": "reserved", "33-00002": "reserved"}


def test_another_person_is_not_asked_about() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1, person=1)
    nation.enroll(nation.zj, 2, person=2)
    assert nation.states() == {"32-00001": "reserved", "33-00002": "reserved"}


def test_who_waits_for_money_holds_the_award_too() -> None:
    nation = Nation(awards=0)
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    assert nation.states() == {"32-00001": "waitlisted", "33-00002": "refused"}


@pytest.mark.parametrize("ends", ["withdrawn", "voided", "expired", "covered"])
def test_when_the_winner_is_let_go_the_earliest_loser_follows_by_itself(ends: str) -> None:
    nation = Nation(awards=0 if ends == "covered" else 3)
    won = nation.enroll(nation.js, 1, tuition_fen=60_000)
    nation.enroll(nation.zj, 2)
    nation.enroll(nation.zj, 3)
    if ends == "withdrawn":
        nation.withdraw(nation.js, 1)
    elif ends == "voided":
        nation.void(nation.js, won)
    elif ends == "expired":
        nation.take(nation.js.day("2027-03-01"))
    else:
        nation.take(nation.js.allocated(60_000, pot="wuxi-merit", level="city"))
        nation.take(nation.js.scholarship(1, 60_000, tuition_fen=60_000))

    states = nation.states()
    assert states["33-00002"] == ("waitlisted" if ends == "covered" else "reserved")
    assert states["33-00003"] == "refused"
    assert nation.shelf.handed == []


def test_a_loser_of_the_same_lane_follows_in_the_very_decision() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.js, 2)
    gone = nation.withdraw(nation.js, 1)

    assert nation.states() == {"32-00001": "released", "32-00002": "reserved"}
    assert nation.shelf.entries[-1].cause.id == gone["id"]


def test_it_comes_back_at_the_rank_that_it_had() -> None:
    nation = Nation(awards=1)
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)  # refused, at this rank
    nation.enroll(nation.zj, 3, person=3)  # has the money
    nation.enroll(nation.zj, 4, person=4)  # waits
    nation.withdraw(nation.js, 1)
    assert nation.states()["33-00002"] == "waitlisted"

    nation.withdraw(nation.zj, 3, person=3)
    assert nation.states() == {
        "32-00001": "released",
        "33-00002": "reserved",
        "33-00003": "released",
        "33-00004": "waitlisted",
    }


def test_nobody_overtakes_who_was_called() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    nation.shelf.take([read(nation.js.withdrawn(1) | {"subject": worker_ref(7)})])
    nation.shelf.take(
        [read(nation.js.enrolled(3) | {"subject": worker_ref(7)})]
    )  # before its owner has looked
    assert nation.states() == {"32-00001": "released", "32-00003": "refused", "33-00002": "refused"}

    nation.shelf.look_again()
    assert nation.states()["33-00002"] == "reserved"


def test_who_was_called_and_has_left_passes_it_on() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    nation.enroll(nation.js, 3)
    nation.shelf.take([read(nation.js.withdrawn(1) | {"subject": worker_ref(7)})])
    nation.shelf.take([read(nation.zj.withdrawn(2) | {"subject": worker_ref(7)})])
    nation.shelf.look_again()
    assert nation.states() == {"32-00001": "released", "32-00003": "reserved", "33-00002": "refused"}


def test_a_loser_that_has_left_is_not_called_and_asks_anew_when_its_withdrawal_is_voided() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    gone = nation.withdraw(nation.zj, 2)
    nation.enroll(nation.js, 3)
    nation.void(nation.zj, gone)
    assert [told["held_by_enrollment_no"] for told in nation.said("subsidy.refused")] == ["32-00001"] * 3

    nation.withdraw(nation.js, 1)
    assert nation.states() == {"32-00001": "released", "32-00003": "reserved", "33-00002": "refused"}


def test_a_loser_whose_tuition_was_paid_meanwhile_passes_it_on() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2, tuition_fen=60_000)
    nation.enroll(nation.js, 3)
    nation.take(nation.zj.allocated(60_000, pot="wuxi-merit", level="city"))
    nation.take(nation.zj.scholarship(2, 60_000, tuition_fen=60_000))
    nation.withdraw(nation.js, 1)
    assert nation.states() == {"32-00001": "released", "32-00003": "reserved", "33-00002": "refused"}


def test_a_loser_that_is_confirmed_while_it_waits_is_granted_at_once() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    nation.take(nation.zj.confirmed(2) | {"subject": worker_ref(7)})
    nation.withdraw(nation.js, 1)
    assert nation.states()["33-00002"] == "granted"


def test_a_loser_is_told_once_however_often_it_is_looked_at() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    nation.take(nation.zj.allocated(60_000, pot="wuxi-merit", level="city"))
    nation.take(nation.zj.scholarship(2, 60_000))
    assert len(nation.said("subsidy.refused")) == 1


def test_a_loser_is_voided_where_no_money_was_ever_allocated() -> None:
    nation = Nation(awards=0)
    nation.enroll(nation.js, 1)
    lost = nation.enroll(nation.zj, 2)
    nation.void(nation.zj, lost)
    nation.withdraw(nation.js, 1)
    assert nation.states() == {"32-00001": "released", "33-00002": "voided"}


def test_who_has_left_holds_nothing_though_the_enrollment_is_corrected_after_that() -> None:
    nation = Nation()
    won = nation.enroll(nation.js, 1)
    nation.withdraw(nation.js, 1)
    nation.void(nation.js, won, superseded_by="right")
    nation.enroll(nation.js, 1, tuition_fen=80_000)
    nation.enroll(nation.zj, 2)
    assert nation.states() == {"32-00001": "released", "33-00002": "reserved"}


def test_losers_follow_when_more_reservations_expire_than_one_batch_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    nation = Nation(awards=5)
    for person in range(5):
        nation.enroll(nation.js, person, person)
        nation.enroll(nation.zj, 10 + person, person)
    nation.take(nation.js.day("2027-03-01"))
    while nation.shelf.lanes["32"].expiring:
        nation.shelf.take([])
        nation.shelf.look_again()
    assert [state for number, state in nation.states().items() if number[:2] == "33"] == ["reserved"] * 5


def test_who_scholarships_had_covered_when_it_was_judged_asks_when_they_count_no_more() -> None:
    nation = Nation(awards=0)
    won = nation.enroll(nation.js, 1, tuition_fen=60_000)
    nation.take(nation.js.allocated(60_000, pot="wuxi-merit", level="city"))
    booked = nation.take(nation.js.scholarship(1, 60_000, tuition_fen=60_000))
    nation.void(nation.js, won, superseded_by="right")
    nation.enroll(nation.js, 1, tuition_fen=60_000)
    nation.enroll(nation.zj, 2)
    nation.void(nation.js, booked)
    assert nation.states() == {"32-00001": "refused", "33-00002": "waitlisted"}
    assert nation.said("subsidy.refused")[-1]["held_by_enrollment_no"] == "33-00002"


def test_a_corrected_winner_keeps_the_award_whatever_comes_between() -> None:
    nation = Nation()
    won = nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    nation.void(nation.js, won, superseded_by="right")
    nation.enroll(nation.zj, 3)
    nation.enroll(nation.js, 1, tuition_fen=80_000)
    assert nation.states() == {"32-00001": "reserved", "33-00002": "refused", "33-00003": "refused"}


def test_a_winner_corrected_to_another_level_leaves_the_old_one() -> None:
    nation = Nation()
    won = nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    nation.void(nation.js, won, superseded_by="right")
    nation.enroll(nation.js, 1, level_after="secondary_vocational")
    assert nation.states() == {"32-00001": "reserved", "33-00002": "reserved"}


def test_a_withdrawal_that_is_voided_finds_the_award_elsewhere() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    gone = nation.withdraw(nation.js, 1)
    nation.void(nation.js, gone)
    assert nation.states() == {"32-00001": "refused", "33-00002": "reserved"}
    assert nation.said("subsidy.refused")[-1]["held_by_enrollment_no"] == "33-00002"

    nation.withdraw(nation.zj, 2)
    assert nation.states()["32-00001"] == "reserved"


def test_a_confirmation_after_the_expiry_finds_the_award_elsewhere() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    nation.take(nation.js.day("2027-03-01"))
    nation.take(nation.js.confirmed(1) | {"subject": worker_ref(7)})
    assert nation.states() == {"32-00001": "refused", "33-00002": "reserved"}


def test_history_that_was_paid_counts_and_a_payment_that_came_back_does_not() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1, history=True)
    paid = nation.take(nation.js.paid(1, 90_000, history=True) | {"subject": worker_ref(7)})
    nation.enroll(nation.zj, 2)
    assert nation.states() == {"33-00002": "refused"}
    assert nation.said("subsidy.refused")[0]["held_by_enrollment_no"] == "32-00001"

    nation.take(nation.js.returned(paid, 30_000) | {"subject": worker_ref(7)})
    assert nation.states() == {"33-00002": "refused"}
    nation.take(nation.js.returned(paid, 60_000) | {"subject": worker_ref(7)})
    assert nation.states() == {"33-00002": "reserved"}


def test_history_that_was_never_paid_does_not_count() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1, history=True)
    nation.enroll(nation.zj, 2)
    assert nation.states() == {"33-00002": "reserved"}


@pytest.mark.parametrize("lane", ["js", "zj"])
def test_history_makes_an_award_that_waits_leave_its_queue_and_one_with_money_keep_it(lane: str) -> None:
    nation = Nation(awards=1)
    history = getattr(nation, lane)
    nation.enroll(nation.js, 1, person=1)  # has the money
    nation.enroll(nation.js, 2, person=2)  # waits, and will have to leave
    nation.enroll(nation.js, 3, person=3)  # waits behind it
    for number, person in ((11, 1), (12, 2)):
        nation.enroll(history, number, person, history=True)
        nation.take(history.paid(number, 90_000, history=True) | {"subject": worker_ref(person)})

    assert nation.states() == {"32-00001": "reserved", "32-00002": "released", "32-00003": "waitlisted"}
    (left,) = nation.said("subsidy.released")
    assert (left["was"], left["why"], left["held_by_enrollment_no"]) == (
        "waitlisted",
        "lifetime_limit",
        history.number(12),
    )
    nation.take(history.returned(history.facts[-1], 90_000) | {"subject": worker_ref(2)})
    assert nation.states()["32-00002"] == "waitlisted"


def test_every_decision_comes_out_the_same_from_its_inputs() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    gone = nation.withdraw(nation.js, 1)
    nation.void(nation.js, gone)

    rows = [kept(entry) for entry in nation.shelf.entries]
    found = {row.event_type: rederive(nation.shelf.rules, row) for row in rows}
    assert {name: differs for name, differs in found.items() if differs} == {}
    derived = [row for row in rows if rederive(nation.shelf.rules, row) is not None]
    assert len(derived) == 4  # reserved, refused, reserved when called, refused when it came back


def test_a_holder_that_was_rubbed_out_of_the_inputs_is_noticed() -> None:
    nation = Nation()
    nation.enroll(nation.js, 1)
    nation.enroll(nation.zj, 2)
    row = kept(nation.shelf.entries[-1])
    inputs = row.inputs.replace('"held_by":["32/32-00001"]', '"held_by":[]')
    assert inputs != row.inputs
    changed = type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"inputs": inputs})
    assert rederive(nation.shelf.rules, changed) == ("outcome", "amount", "steps")


def test_a_lane_by_itself_decides_the_same_however_its_batches_are_cut() -> None:
    js = Province()
    js.day("2026-03-01")
    js.allocated(2 * YUAN_1000_FEN)
    for number in range(8):
        js.enrolled(number)["subject"] = worker_ref(number % 3)
    for number in (0, 3, 1):
        js.withdrawn(number)["subject"] = worker_ref(number % 3)
    facts = [read(fact) for fact in js.facts]
    whole, cut = Shelf(limited()), Shelf(limited())
    whole.take(facts)
    for fact in facts:
        cut.take([fact])

    assert cut.journal() == whole.journal()
    assert cut.entitlements == whole.entitlements
    assert whole.handed == []


def test_so_many_enrollments_of_one_person_are_remembered_and_no_more() -> None:
    one = Entitlement("w", "s", "associate")
    for number in range(ASKERS_MAX + 5):
        one.put("32", f"32-{number}", 1, holds=number == 0)
    assert len(one.askers) == ASKERS_MAX


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "associate"),
        ({"level_after": "junior_high"}, "academic"),
        ({"level_after": "junior_high", "track": "skills"}, "skills"),
        (
            {"level_after": "junior_high", "skill_before": "technician", "skill_after": "technician"},
            "academic",
        ),
        ({"level_after": "junior_high", "skill_after": "technician"}, "technician"),
        ({"skill_after": "technician"}, "associate"),
    ],
)
def test_a_level_is_of_education_otherwise_of_skill_otherwise_the_track(
    changes: dict[str, Any], level: str
) -> None:
    fact = read(Province().enrolled(1, **changes))
    assert isinstance(fact.data, enrollment.WorkerEnrolledFact)
    assert level_of(fact.data) == level


async def test_a_batch_takes_as_many_statements_however_many_persons_ask_and_leave(subsidy: Service) -> None:
    subsidy.carrier.group = replace(subsidy.carrier.group, handle=partial(handlers.decide_awards, limited()))
    js, zj = Province("32"), Province("33")
    for lane in (js, zj):
        lane.day("2026-03-01")
        lane.allocated(100 * YUAN_1000_FEN)
    await subsidy.take(*js.facts, *zj.facts)
    counts = [await _statements(subsidy, js, zj, range(at, at + size)) for at, size in ((0, 2), (100, 40))]
    assert counts[0] == counts[1] > 0
    await subsidy.tick("32", "33")
    assert await subsidy.faults() == {}
    states = Counter(tuple(row) for row in await subsidy.pool.fetch("SELECT lane, state FROM award"))
    assert states == {("32", "released"): 42, ("33", "reserved"): 42}


async def _statements(subsidy: Service, js: Province, zj: Province, persons: range) -> int:
    """How many statements it takes that persons enroll on one lane, ask in vain on another, and leave the first."""
    waves = [
        [js.enrolled(person) for person in persons],
        [zj.enrolled(person) for person in persons],
        [js.withdrawn(person) for person in persons],
    ]
    seen: list[LoggedQuery] = []
    async with AsyncExitStack() as held:
        connections = [await held.enter_async_context(subsidy.pool.acquire()) for _ in range(4)]
        for connection in connections:
            connection.add_query_logger(seen.append)
    for wave in waves:
        await subsidy.take(*wave)
    await subsidy.tick("33")
    async with AsyncExitStack() as held:
        for connection in [await held.enter_async_context(subsidy.pool.acquire()) for _ in range(4)]:
            connection.remove_query_logger(seen.append)
    return sum(len(one.args) if isinstance(one.args, list) else 1 for one in seen)
