"""Promises of the pure part: never over budget, sums of zero, ranks respected, however batches are cut."""

import itertools
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.book import Award, Budget, move
from services.subsidy.domain.judging import judge_enrollment, judge_scholarship
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
KEY = ("32", 2026, POT)


class Model:
    """The promise in a few lines: one pot, held amounts, a queue in order of arrival."""

    def __init__(self) -> None:
        self.allocated = self.scholarships = 0
        self.tuition: dict[int, int] = {}
        self.paid: Counter[int] = Counter()
        self.amount: dict[int, int] = {}
        self.state: dict[int, str] = {}
        self.confirmed: set[int] = set()
        self.queue: list[int] = []

    def free(self) -> int:
        held = sum(self.amount[n] for n, state in self.state.items() if state in ("reserved", "granted"))
        return self.allocated - self.scholarships - held

    def settle(self) -> None:
        for n in list(self.queue):
            self.amount[n] = min(self.amount[n], self.tuition[n] - self.paid[n])
            if self.amount[n] == 0:
                self.queue.remove(n)
                self.state[n] = "released"
        while self.queue and self.amount[self.queue[0]] <= self.free():
            n = self.queue.pop(0)
            self.state[n] = "granted" if n in self.confirmed else "reserved"


def _somebody(machine: "MoneyOfOneLane") -> bool:
    return bool(machine.model.tuition)


class MoneyOfOneLane(RuleBasedStateMachine):
    """Facts in any order, batches cut anywhere: the shelf equals the model whenever nothing is pending."""

    picks = st.integers(0, 1000)

    def __init__(self) -> None:
        super().__init__()
        self.province, self.model = Province(), Model()
        self.cut, self.whole = Shelf(RULES), Shelf(RULES)
        self.carried = 0
        self.province.day("2026-03-01")

    @rule(amount_fen=st.sampled_from([1, 39_999, 60_000, 100_000, 250_000, 500_000]))
    def allocate(self, amount_fen: int) -> None:
        self.province.allocated(amount_fen)
        self.model.allocated += amount_fen
        self.model.settle()

    @rule(
        tuitions=st.lists(
            st.sampled_from([0, 1, 3, 40_000, 100_000, 100_001, 300_000]), min_size=1, max_size=4
        )
    )
    def enroll(self, tuitions: list[int]) -> None:
        for tuition_fen in tuitions:
            self._enroll(tuition_fen)

    def _enroll(self, tuition_fen: int) -> None:
        n, m = len(self.model.tuition), self.model
        self.province.enrolled(n, tuition_fen=tuition_fen)
        m.tuition[n], m.amount[n] = tuition_fen, min(tuition_fen, YUAN_1000_FEN)
        m.state[n] = "waitlisted" if m.amount[n] else "refused"
        if m.amount[n]:
            m.queue.append(n)
            m.settle()

    @precondition(_somebody)
    @rule(pick=picks)
    def confirm(self, pick: int) -> None:
        n = pick % len(self.model.tuition)
        self.province.confirmed(n)
        self.model.confirmed.add(n)
        if self.model.state[n] == "reserved":
            self.model.state[n] = "granted"

    @precondition(_somebody)
    @rule(pick=picks)
    def withdraw(self, pick: int) -> None:
        n = pick % len(self.model.tuition)
        self.province.withdrawn(n)
        if n in self.model.queue:
            self.model.queue.remove(n)
        if self.model.state[n] != "refused":
            self.model.state[n] = "released"
        self.model.settle()

    @precondition(_somebody)
    @rule(pick=picks, awarded_fen=st.sampled_from([1, 2, 39_999, 60_000, 100_000, 200_000]))
    def award_scholarship(self, pick: int, awarded_fen: int) -> None:
        m = self.model
        n = pick % len(m.tuition)
        self.province.scholarship(n, awarded_fen, pot=POT, tuition_fen=m.tuition[n])
        held = m.amount[n] if m.state[n] in ("reserved", "granted") else 0
        booked = min(awarded_fen, m.tuition[n] - m.paid[n] - held, m.free())
        m.paid[n] += booked
        m.scholarships += booked
        m.settle()

    @rule()
    def carry(self) -> None:
        facts = [read(fact) for fact in self.province.facts[self.carried :]]
        self.carried = len(self.province.facts)
        self.cut.take(facts)

    @precondition(lambda self: self.carried == len(self.province.facts))
    @invariant()
    def equals_the_model(self) -> None:
        budget = self.cut.budgets.get(KEY, Budget(*KEY))
        assert budget.free_fen == self.model.free() >= 0
        assert budget.scholarship_fen == self.model.scholarships
        assert {int(no[3:]): award.state for no, award in self.cut.awards.items()} == self.model.state
        assert budget.waiting == len(self.model.queue)
        assert budget.drain is None

    @invariant()
    def holds_its_sums(self) -> None:
        for budget in self.cut.budgets.values():
            assert min(budget.reserved_fen, budget.granted_fen, budget.scholarship_fen, budget.free_fen) >= 0
        for entry in self.cut.entries:
            assert sum(posting.amount_fen for posting in entry.postings) == 0
        for award in self.cut.awards.values():
            assert award.held_fen + award.scholarship_fen <= award.tuition_fen

    def teardown(self) -> None:
        self.carry()
        self.equals_the_model()
        self.whole.take([read(fact) for fact in self.province.facts])
        assert self.cut.journal() == self.whole.journal()


TestMoneyOfOneLane = MoneyOfOneLane.TestCase


def test_the_last_yuan_goes_to_the_first_and_the_others_wait_in_order() -> None:
    js, shelf = Province(), Shelf(RULES)
    js.allocated(YUAN_1000_FEN)
    for n in range(200):
        js.enrolled(n)
    shelf.take([read(fact) for fact in js.facts])

    states = [award.state for award in shelf.awards.values()]
    assert states == ["reserved"] + ["waitlisted"] * 199
    positions = [e.data["position"] for e in shelf.entries if e.type == subsidy.SUBSIDY_WAITLISTED]
    assert positions == list(range(1, 200))


@pytest.mark.parametrize("order", list(itertools.permutations(["confirm", "withdraw", "allocate"])))
def test_confirmation_withdrawal_and_top_up_in_any_order_leave_the_money_free(order: tuple[str, ...]) -> None:
    js, shelf = Province(), Shelf(RULES)
    js.enrolled(1)
    acts = {
        "confirm": lambda: js.confirmed(1),
        "withdraw": lambda: js.withdrawn(1),
        "allocate": lambda: js.allocated(YUAN_1000_FEN),
    }
    for act in order:
        acts[act]()
    shelf.take([read(fact) for fact in js.facts])

    assert shelf.awards["32-00001"].state == "released"
    assert shelf.budgets[KEY].free_fen == YUAN_1000_FEN


@pytest.mark.parametrize("amount_fen", [1, YUAN_1000_FEN, 2**53 - 1])
def test_amounts_are_exact_to_the_fen(amount_fen: int) -> None:
    js, shelf = Province(), Shelf(RULES)
    js.allocated(amount_fen, pot="wuxi-merit")
    js.allocated(2**53 - 1, pot="wuxi-merit")
    js.enrolled(1, tuition_fen=2**53 - 1)
    js.scholarship(1, amount_fen, tuition_fen=2**53 - 1)
    shelf.take([read(fact) for fact in js.facts])

    pot = shelf.budgets["32", 2026, "wuxi-merit"]
    assert (pot.scholarship_fen, pot.free_fen) == (amount_fen, 2**53 - 1)


def test_a_smaller_award_does_not_overtake_a_larger_one() -> None:
    js, shelf = Province(), Shelf(RULES)
    js.allocated(50_000)
    js.enrolled(1)
    js.enrolled(2, tuition_fen=1)
    shelf.take([read(fact) for fact in js.facts])

    assert [award.state for award in shelf.awards.values()] == ["waitlisted", "waitlisted"]


def test_a_queue_too_long_for_one_batch_moves_on_in_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 3)
    js, shelf = Province(), Shelf(RULES)
    for n in range(8):
        js.enrolled(n)
    shelf.take([read(fact) for fact in js.facts])
    shelf.take([read(js.allocated(7 * YUAN_1000_FEN))])
    assert sorted(shelf.awards.values(), key=_rank)[2].state == "reserved"
    assert shelf.budgets[KEY].drain is not None

    late = js.enrolled(9)
    shelf.take([read(late)])
    assert shelf.awards["32-00009"].state == "waitlisted"
    shelf.take([])
    assert shelf.budgets[KEY].drain is None

    order = [e.about for e in shelf.entries if e.type == subsidy.SUBSIDY_RESERVED]
    assert order == [f"32-{n:05d}" for n in range(7)]
    exhausted = [e for e in shelf.entries if e.type == subsidy.BUDGET_EXHAUSTED]
    assert len(exhausted) == 2


def test_who_enrolls_while_a_long_queue_moves_stays_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 3)
    js, shelf = Province(), Shelf(RULES)
    for n in range(8):
        js.enrolled(n)
    shelf.take([read(fact) for fact in js.facts])
    shelf.take([read(js.allocated(9 * YUAN_1000_FEN))])
    shelf.take([read(fact) for fact in (js.enrolled(8), js.withdrawn(7), js.allocated(1))])
    shelf.take([])

    order = [e.about for e in shelf.entries if e.type == subsidy.SUBSIDY_RESERVED]
    assert order == [f"32-{n:05d}" for n in (0, 1, 2, 3, 4, 5, 6, 8)]


def test_a_scholarship_that_shrinks_a_waiting_award_lets_the_next_move_in_the_same_batch() -> None:
    js, shelf = Province(), Shelf(RULES)
    for n in range(3):
        js.enrolled(n, tuition_fen=YUAN_1000_FEN)
    js.allocated(1, pot="wuxi-merit")
    js.allocated(10 * YUAN_1000_FEN, pot="wuxi-merit")
    shelf.take([read(fact) for fact in js.facts])
    paid = [js.scholarship(n, YUAN_1000_FEN - 1, tuition_fen=YUAN_1000_FEN) for n in range(3)]
    shelf.take([read(fact) for fact in (*paid, js.allocated(3))])

    assert [award.state for award in shelf.awards.values()] == ["reserved"] * 3
    assert [award.amount_fen for award in shelf.awards.values()] == [1, 1, 1]


def test_a_scholarship_that_pays_all_tuition_takes_a_waiting_award_out_of_the_queue() -> None:
    js, shelf = Province(), Shelf(RULES)
    js.enrolled(1, tuition_fen=YUAN_1000_FEN)
    js.enrolled(2, tuition_fen=20)
    js.allocated(YUAN_1000_FEN, pot="wuxi-merit")
    js.allocated(20)
    js.scholarship(1, YUAN_1000_FEN, tuition_fen=YUAN_1000_FEN)
    shelf.take([read(fact) for fact in js.facts])

    said = [(e.type, e.data.get("why")) for e in shelf.entries if e.about in ("32-00001", "32-00002")]
    assert (subsidy.SUBSIDY_RELEASED, "tuition_covered") in said
    assert shelf.awards["32-00002"].state == "reserved"


def test_every_judgement_derives_again_from_its_stored_inputs_to_the_byte() -> None:
    js, shelf = Province(), Shelf(RULES)
    js.allocated(2 * YUAN_1000_FEN)
    kinds: list[dict[str, Any]] = [
        {},
        {"tuition_fen": 30},
        {"start": "2018-09-01"},
        {"start": "2015-09-01"},
        {"track": "skills"},
        {"tuition_fen": 0},
    ]
    for n, changes in enumerate(kinds):
        js.enrolled(n, **changes)
        js.enrolled(n + 100, categories=["new_employment"], **changes)
        js.scholarship(n, 5_000 + n, pot=POT)
    shelf.take([read(fact) for fact in js.facts])

    for entry in shelf.entries:
        stored: Any = orjson.loads(orjson.dumps(entry.inputs))
        if "rank" in stored and "start" in stored:
            again = judge_enrollment(RULES, stored).steps
        elif "awarded_fen" in stored:
            again = judge_scholarship(stored).steps
        else:
            continue
        assert orjson.dumps(again) == orjson.dumps(entry.steps)


def test_money_that_is_not_there_cannot_be_moved() -> None:
    with pytest.raises(ValueError, match="exceeded"):
        move(Budget(*KEY), "available", "reserved", 1)


def test_an_enrollment_that_comes_twice_is_a_fault_of_ours() -> None:
    js, shelf = Province(), Shelf(RULES)
    js.enrolled(1)
    js.enrolled(1)
    with pytest.raises(ValueError, match="came twice"):
        shelf.take([read(fact) for fact in js.facts])


def _rank(award: Award) -> int:
    return award.rank
