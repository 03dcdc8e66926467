"""Every decision is explained: each step that deciding writes has a sentence, each input a label, in both languages."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from pydantic import BaseModel

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import reasons
from services.subsidy.domain.book import Award, Entry
from services.subsidy.domain.explaining import Explanation, Place, Standing, StoredDecision, explain
from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.wording import TERMS, yuan
from shared.contracts import subsidy
from shared.contracts.provinces import Category, Track
from tests.subsidy.facts import POT, YUAN_1000_FEN
from tests.subsidy.histories import history_from_outside, history_in_parts, whole_history
from tests.subsidy.shelf import Shelf

DOMAIN = Path(reasons.__file__).parent
RULES = Rules(load_schemes(SCHEMES))
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


NAMED_BY: dict[str, type[BaseModel]] = {
    "why": subsidy.SubsidyReleased,
    "how": subsidy.ClawbackRepaid,
    "code": subsidy.PaymentUnmatched,
}
"""Variables that name a step → the contract whose field of that name lists all their values."""


def steps_written() -> Iterator[tuple[str, str]]:
    """Each name of a step that the domain may write, and where: `{"step": …}`."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in DOMAIN.glob("*.py")}
    for path, tree in trees.items():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, ast.Dict):
                    yield from (
                        (f"{path.name}:{node.lineno}", name)
                        for key, value in zip(node.keys, node.values, strict=True)
                        if isinstance(key, ast.Constant) and key.value == "step"
                        for name in _names(value, function, list(trees.values()))
                    )


def _names(value: ast.expr, function: ast.FunctionDef, trees: list[ast.Module]) -> list[str]:
    """A literal itself; the values of a contract's field; or the literals with which the function is called."""
    if isinstance(value, ast.Constant):
        return [str(value.value)]
    variable = ast.unparse(value)
    if variable in NAMED_BY:
        return list(get_args(NAMED_BY[variable].model_fields[variable].annotation))
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = [
        str(argument.value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == function.name
        for argument in call.args
        if isinstance(argument, ast.Constant)
    ]
    given_to = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
    assert variable in given_to, f"{function.name}: name a step by a literal, so that it can be explained"
    assert given, f"{function.name}: who calls it, and with which step?"
    return given


def test_every_step_that_deciding_writes_has_a_sentence() -> None:
    named = list(steps_written())
    assert len(named) > 10
    mute = [f"{place}: {name}" for place, name in named if not reasons.says_step(name)]
    assert not mute, f"steps without a sentence in domain/reasons.py: {mute}"


def test_every_decision_has_a_heading_and_every_term_a_word() -> None:
    assert not [kind for kind in subsidy.DECISIONS if not reasons.says_decision(kind)]
    words = (*get_args(Category), *get_args(Track))
    assert not [word for word in words if word not in TERMS]


def stored(entry: Entry) -> StoredDecision:
    """The entry as the journal keeps it."""
    inputs, steps = (orjson.loads(orjson.dumps(part)) for part in (entry.inputs, entry.steps))
    rule = (entry.scheme, entry.scheme_version)
    return StoredDecision(entry.lane, entry.no, "e", entry.type, entry.cause.id, *rule, inputs, steps, NOON)


def standing(award: Award) -> Standing:
    """The award as its row holds it."""
    return Standing(
        award.enrollment_no,
        award.lane,
        award.state,
        award.fiscal_year,
        award.fund_source,
        award.amount_fen,
        award.tuition_fen,
        award.scholarship_fen,
        award.part,
        award.parts,
        award.completion_days,
        award.confirmed,
    )


def explained(shelf: Shelf, number: int, place: Place | None = None, *, lane: str = "32") -> Explanation:
    parts = [award for award in shelf.awards.values() if award.enrollment_no == f"{lane}-{number:05d}"]
    first, *further = sorted(parts, key=lambda award: award.part)
    decisions = [stored(entry) for entry in shelf.entries if entry.enrollment_no == first.enrollment_no]
    return explain(shelf.rules, standing(first), place, decisions, [(standing(one), None) for one in further])


def test_a_history_of_all_decisions_is_explained_without_a_gap() -> None:
    shelf = whole_history(RULES)
    about_no_enrollment = {
        subsidy.SCHEME_ADOPTED,
        subsidy.SCHEME_REFUSED,
        subsidy.BUDGET_INCREASED,
        subsidy.BUDGET_REDUCED,
        subsidy.BUDGET_CHANGE_REFUSED,
        subsidy.CARRYOVER_BOOKED,
    }
    in_parts, from_outside = history_in_parts(), history_from_outside()
    entries = (*shelf.entries, *in_parts.entries, *from_outside.entries)
    said = {entry.type for entry in entries if entry.enrollment_no}
    assert said == subsidy.DECISIONS - about_no_enrollment
    for history, award in [
        (one, award) for one in (shelf, in_parts, from_outside) for award in one.awards.values()
    ]:
        told = explained(history, int(award.enrollment_no[3:]))
        assert told.zh
        assert told.en
        assert told.do_zh
        assert told.do_en
        for decision in told.decisions:
            assert not [one.name for one in decision.inputs if not reasons.says_input(one.name)]
            sentences = [text for step in decision.steps for text in (step.zh, step.en)]
            assert sentences
            assert all(text[-1] in "。." for text in sentences)
            assert not [text for text in sentences if "None" in text or "{" in text]


def test_an_explanation_names_scheme_version_issuers_and_validity() -> None:
    (first, *_) = explained(whole_history(RULES), 1).decisions
    assert first.rule is not None
    assert (first.rule.name, first.rule.version, len(first.rule.issuers)) == ("study-for-dreams", 2, 4)
    assert str(first.rule.valid_from) == "2025-01-01"
    gone = explain(Rules(()), Standing("32-00001", "32", "granted", 2026, POT, 1, 1, 0), None, [])
    assert gone.decisions == []


def test_a_version_that_is_not_in_force_any_more_is_named_without_issuers() -> None:
    entry = next(entry for entry in whole_history(RULES).entries if entry.type == subsidy.SUBSIDY_RESERVED)
    award = Standing("32-00001", "32", "granted", 2026, POT, 1, 1, 0)
    (told,) = explain(Rules(()), award, None, [stored(entry)]).decisions
    assert told.rule is not None
    assert (told.rule.version, told.rule.issuers, told.rule.valid_from) == (2, (), None)


def test_each_step_says_its_amount_in_yuan_and_why() -> None:
    (reserved, *_) = explained(whole_history(RULES), 1).decisions
    assert [step.en for step in reserved.steps] == [
        "First day 2026-03-01, track academic: study-for-dreams version 2 covers it.",
        "Eligible by category: migrant worker.",
        "The scheme's amount is 1,000.00 yuan.",
        "An award is never above tuition (5,000.00 yuan), so it is 1,000.00 yuan.",
        "The budget has 2,000.00 yuan free and nobody waits: it carries the award.",
    ]
    assert reserved.steps[3].zh == "补助不超过学费（5,000.00 元），因此为 1,000.00 元。"


@pytest.mark.parametrize(("number", "why"), [(6, "categories"), (7, "No scheme"), (8, "no tuition")])
def test_a_refusal_says_why_and_what_to_do(number: int, why: str) -> None:
    told = explained(whole_history(RULES), number)
    assert why in told.en
    assert "wrong" in told.do_en
    assert told.do_zh.startswith("如")


def test_an_award_that_waits_says_its_place_and_what_money_is_missing() -> None:
    place = Place(position=2, waiting=5, ahead_fen=100_000, free_fen=20_000, allocated_fen=200_000)
    told = explained(whole_history(RULES), 3, place).waits
    assert told is not None
    assert told.missing_fen == 100_000 + YUAN_1000_FEN - 20_000
    assert told.en.startswith("Number 2 of 5 in the queue. The 1 before it need 1,000.00 yuan")
    assert "1,800.00 yuan is missing" in told.en
    assert "尚差 1,800.00 元" in told.zh


def test_an_award_in_parts_is_explained_part_by_part_and_each_says_what_to_do() -> None:
    told = explained(history_in_parts(), 1)
    assert told.en == "5 parts: 3 granted, 1 waitlisted, 1 forgone; 1,500.00 yuan together."
    assert told.zh == "共 5 部分：已批准 3、候补 1、已放弃 1；合计 1,500.00 元。"
    assert [(part.part, part.state, part.due, part.fund_source) for part in told.parts] == [
        (1, "granted", "confirmation", "national-fund"),
        (2, "granted", "confirmation", POT),
        (3, "waitlisted", "completion", POT),
        (4, "granted", "confirmation", "enterprise"),
        (5, "forgone", "confirmation", POT),
    ]
    assert all(part.zh and part.en and part.do_zh and part.do_en for part in told.parts)
    assert {decision.part for decision in told.decisions} == {1, 2, 3, 4, 5, None}
    completed = [step.en for d in told.decisions if d.part == 3 for step in d.steps]
    assert "The course is completed; the 300.00 yuan that was reserved is granted." in completed
    assert "Part 3 of 5 is from provincial-federation, granted at completion: 300.00 yuan." in completed


def test_an_award_with_one_part_is_explained_without_parts() -> None:
    told = explained(whole_history(RULES), 1)
    assert told.parts == []
    assert {decision.part for decision in told.decisions} == {None}


def test_a_step_of_a_later_release_is_shown_as_it_is_kept() -> None:
    later = StoredDecision("32", 1, "e", "dreams.subsidy.gilded.v1", "c", None, None, {"gold": 1}, [], NOON)
    entry: Any = {"step": "gilded", "amount_fen": 5}
    shown = StoredDecision("32", 1, "e", "x", "c", None, None, {"gold": 1}, [entry], NOON)
    award = Standing("32-00001", "32", "gilded", 2026, POT, 1, 1, 0)
    told = explain(RULES, award, None, [later, shown])
    assert told.decisions[0].zh == "dreams.subsidy.gilded.v1"
    assert "gilded" in told.decisions[1].steps[0].zh
    assert told.decisions[1].inputs[0].en == "gold: 1"


@pytest.mark.parametrize(
    ("fen", "shown"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (-1, "-0.01"),
        (100_000, "1,000.00"),
        (2**63 - 1, "92,233,720,368,547,758.07"),
    ],
)
def test_yuan_are_exact_to_the_fen(fen: int, shown: str) -> None:
    assert yuan(fen) == (f"{shown} 元", f"{shown} yuan")
