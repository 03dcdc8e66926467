"""A stored decision comes out the same when it is derived again from its inputs, and what was changed is named."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.book import Entry
from services.subsidy.domain.rederiving import Kept, rederive
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy
from tests.subsidy.histories import IN_PARTS, history_in_parts, whole_history

RULES = Rules(load_schemes(SCHEMES))
JUDGED = {
    subsidy.SUBSIDY_RESERVED,
    subsidy.SUBSIDY_WAITLISTED,
    subsidy.SUBSIDY_REFUSED,
    subsidy.SCHOLARSHIP_BOOKED,
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET,
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION,
}

ENDS = {subsidy.BUDGET_EXHAUSTED, subsidy.BUDGET_THRESHOLD_REACHED, subsidy.BUDGET_THRESHOLD_CLEARED}
"""They say when a budget runs out."""
EXCEEDS = {subsidy.SCHOLARSHIP_EXCEEDS_BUDGET, subsidy.SCHOLARSHIP_EXCEEDS_TUITION}


def kept(entry: Entry) -> Kept:
    """The entry as its row holds it."""
    into = [
        p.amount_fen for p in entry.postings if p.purpose in ("reserved", "scholarship") and p.amount_fen > 0
    ]
    inputs, steps = (orjson.dumps(part).decode() for part in (entry.inputs, entry.steps))
    rule = (entry.scheme, entry.scheme_version)
    return Kept(entry.lane, entry.no, entry.type, *rule, inputs, steps, sum(into))


def rows() -> list[Kept]:
    return [kept(entry) for entry in whole_history(RULES).entries]


def test_every_judged_decision_comes_out_the_same_to_the_byte() -> None:
    judged = {row.event_type: rederive(RULES, row) for row in rows() if rederive(RULES, row) is not None}
    assert judged == dict.fromkeys(JUDGED | ENDS, ())


def test_every_part_of_an_award_derives_again_to_the_byte_and_a_changed_one_is_named() -> None:
    kept_in_parts = [kept(entry) for entry in history_in_parts().entries]
    judged = {
        row.event_type: rederive(IN_PARTS, row)
        for row in kept_in_parts
        if rederive(IN_PARTS, row) is not None and row.event_type not in subsidy.ALERTS
    }
    more = {subsidy.SUBSIDY_COMMITTED, subsidy.SUBSIDY_FORGONE}
    assert judged == dict.fromkeys((JUDGED | more) - {subsidy.SUBSIDY_REFUSED, *EXCEEDS}, ())
    row = next(row for row in kept_in_parts if '"part":2' in row.inputs and '"pots"' in row.inputs)
    inputs = orjson.loads(row.inputs)
    inputs["pots"][0]["free_fen"] = 1  # what the first funder lacks then is asked of the second
    changed = replace(row, inputs=orjson.dumps(inputs).decode())
    assert rederive(IN_PARTS, changed) == ("amount", "steps")
    assert rederive(IN_PARTS, replace(row, inputs=row.inputs.replace('"part":2', '"part":9'))) == ("inputs",)


def test_what_follows_from_an_awards_state_alone_is_no_judgement() -> None:
    others = [row for row in rows() if row.event_type not in JUDGED | ENDS]
    assert others
    assert {rederive(RULES, row) for row in others} == {None}


def of_type(kind: str) -> Kept:
    return next(row for row in rows() if row.event_type == kind and rederive(RULES, row) is not None)


@pytest.mark.parametrize(
    ("kind", "changes", "differs"),
    [
        (subsidy.SUBSIDY_RESERVED, {"posted_fen": 99_999}, ("amount",)),
        (subsidy.SUBSIDY_RESERVED, {"scheme_version": 1}, ("scheme",)),
        (subsidy.SUBSIDY_RESERVED, {"event_type": subsidy.SUBSIDY_WAITLISTED}, ("outcome",)),
        (subsidy.SUBSIDY_RESERVED, {"steps": "[]"}, ("steps",)),
        (subsidy.SUBSIDY_WAITLISTED, {"posted_fen": 1}, ("amount",)),
        (subsidy.SUBSIDY_REFUSED, {"event_type": subsidy.SUBSIDY_RESERVED}, ("outcome",)),
        (subsidy.SCHOLARSHIP_BOOKED, {"posted_fen": 1}, ("amount",)),
        (subsidy.SCHOLARSHIP_EXCEEDS_BUDGET, {"steps": "[]"}, ("steps",)),
        (subsidy.SCHOLARSHIP_BOOKED, {"event_type": subsidy.SUBSIDY_GRANTED}, ("outcome", "amount")),
    ],
)
def test_what_was_changed_is_named(kind: str, changes: dict[str, Any], differs: tuple[str, ...]) -> None:
    assert rederive(RULES, replace(of_type(kind), **changes)) == differs


@pytest.mark.parametrize(
    ("name", "value", "differs"),
    [
        ("tuition_fen", 40_000, ("amount", "steps")),
        ("start", "soon", ("inputs",)),
        ("free_fen", "x", ("inputs",)),
    ],
)
def test_a_changed_input_leads_to_another_decision(name: str, value: Any, differs: tuple[str, ...]) -> None:
    row = of_type(subsidy.SUBSIDY_RESERVED)
    inputs = orjson.loads(row.inputs) | {name: value}
    assert rederive(RULES, replace(row, inputs=orjson.dumps(inputs).decode())) == differs


def test_a_scheme_that_was_edited_after_it_decided_is_noticed() -> None:
    edited = [scheme.model_copy(update={"amount_base_fen": 90_000}) for scheme in RULES.schemes]
    found = rederive(Rules(edited), of_type(subsidy.SUBSIDY_RESERVED))
    assert found == ("amount", "steps")
