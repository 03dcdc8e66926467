"""Promises of the pure part: never over budget, sums of zero, ranks respected, however batches are cut."""

import itertools
from typing import Any

import orjson
import pytest

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
    js.enrolled(1, tuition_fen=2**53 - 1)
    js.scholarship(1, amount_fen, tuition_fen=2**53 - 1)
    shelf.take([read(fact) for fact in js.facts])

    pot = shelf.budgets["32", 2026, "wuxi-merit"]
    assert (pot.scholarship_fen, pot.free_fen) == (amount_fen, 0)


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
    assert order == [f"32-{n:05d}" for n in range(9)], "who leaves has had its turn before"


@pytest.mark.parametrize("how", ["corrected", "left and back"])
def test_a_place_behind_what_was_loaded_of_a_long_queue_is_told_exactly(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """All that waits behind it has come in the batch in which it comes again itself."""
    monkeypatch.setattr(loading, "MOVE_MAX", 1)
    js, shelf = Province(), Shelf(RULES)
    shelf.take([read(js.enrolled(n)) for n in (1, 2)])
    here = [js.enrolled(n) for n in (3, 4, 5)]
    here.append(js.withdrawn(5))
    if how == "corrected":
        here += (js.voided(here[0], superseded_by="right"), js.enrolled(3))
    else:
        gone = js.withdrawn(3)
        here += (gone, js.voided(gone))
    shelf.take([read(fact) for fact in here])

    positions = [e.data["position"] for e in shelf.entries if e.type == subsidy.SUBSIDY_WAITLISTED]
    assert positions == [1, 2, 3, 4, 5, 3]


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
