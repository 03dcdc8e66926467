"""A history that is decided again under the same rules comes to the same; under others the difference is told."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.subsidy.config import SCHEMES, SchemeError, load_schemes
from services.subsidy.domain.deciding import READ
from services.subsidy.domain.rehearsing import Difference, Rehearsal, difference, with_scheme
from services.subsidy.domain.schemes import Rules, Scheme, overlap
from services.subsidy.what_if import rehearse
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read
from tests.subsidy.histories import IN_PARTS, everything, everything_in_parts, history_in_parts
from tests.subsidy.shelf import Shelf

SHIPPED = load_schemes(SCHEMES)
RULES = Rules(SHIPPED)
HALF = SHIPPED[1].model_copy(update={"version": 3, "valid_from": date(2026, 1, 1), "amount_base_fen": 50_000})
THREE_YAML = """name: study-for-dreams
version: 3
valid_from: 2026-01-01
issuers: [Ministry of Education]
eligible_categories: [industrial]
tracks: [academic, skills, combined]
provinces: all
amount_base_fen: 50000
fund_source: provincial-federation
"""


def rehearsed(province: Province, rules: Rules = RULES, **supposed_fen: int) -> Rehearsal:
    run = Rehearsal(
        rules, province.lane, 2026, {name.replace("_", "-"): fen for name, fen in supposed_fen.items()}
    )
    for fact in province.facts:
        run.take(read(fact))
    return run


def queue_of(heads: int, *, allocated_fen: int) -> Province:
    """So many enroll for money that does not carry all, one a day."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(allocated_fen)
    for n in range(1, heads + 1):
        js.day(f"2026-03-{n + 1:02d}")
        js.enrolled(n, categories=["migrant"] if n % 2 else ["industrial", "front_line"])
    return js


def test_under_the_same_rules_everything_comes_to_what_was_decided() -> None:
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in everything().facts])
    run = rehearsed(everything())
    assert run.held_fen() == {
        no: award.held_fen
        for no, award in shelf.awards.items()
        if award.fiscal_year == 2026 and award.state != "voided"
    }
    budgets = {pot: shelf.budgets["32", 2026, pot] for pot in (POT, "wuxi-merit")}
    told = {pot.fund_source: pot for pot in run.outcome().pots}
    assert {(pot, told[pot].free_fen, told[pot].waiting, told[pot].scholarship_fen) for pot in budgets} == {
        (pot, budget.free_fen, budget.waiting, budget.scholarship_fen) for pot, budget in budgets.items()
    }
    same = difference(run, rehearsed(everything()))
    assert same == Difference(0, 0, 0, 0, 0, 0, 0, 0, sum(fen > 0 for fen in run.held_fen().values()))


def test_an_award_in_parts_is_rehearsed_as_it_was_decided_all_its_parts_together() -> None:
    run, held = rehearsed(everything_in_parts(), IN_PARTS), Counter[str]()
    for award in history_in_parts().awards.values():
        if award.fiscal_year == 2026 and award.state != "voided":
            held[award.enrollment_no] += award.held_fen
    assert run.held_fen() == dict(held)
    assert run.held_fen()["32-00001"] == 50_000 + 50_000 + 20_000
    fewer = IN_PARTS.schemes[0].model_copy(update={"parts": IN_PARTS.schemes[0].parts[:2]})
    found = difference(run, rehearsed(everything_in_parts(), Rules([fewer])))
    assert (found.less, found.less_fen, found.lost) == (2, -60_000, 0)


def test_half_the_amount_reaches_twice_as_many_and_runs_out_later() -> None:
    js = queue_of(8, allocated_fen=3 * YUAN_1000_FEN)
    now, then = rehearsed(js), rehearsed(js, Rules(with_scheme(SHIPPED, HALF)))
    assert (now.outcome().states, then.outcome().states) == (
        {"reserved": 3, "waitlisted": 5},
        {"reserved": 6, "waitlisted": 2},
    )
    assert [run.outcome().pots[0].exhausted_on for run in (now, then)] == [date(2026, 3, 5), date(2026, 3, 8)]
    assert then.outcome().by_category == {"migrant": 3, "industrial": 3, "front_line": 3}
    found = difference(now, then)
    assert (found.gained, found.gained_fen) == (3, 150_000)
    assert (found.less, found.less_fen) == (3, -150_000)
    assert (found.lost, found.more, found.same) == (0, 0, 0)


def test_a_budget_that_is_supposed_takes_the_place_of_what_was_allocated() -> None:
    js = queue_of(4, allocated_fen=YUAN_1000_FEN)
    js.allocated(YUAN_1000_FEN)
    js.allocated(YUAN_1000_FEN, year=2027)
    run = rehearsed(js, provincial_federation=4 * YUAN_1000_FEN)
    (pot,) = run.outcome().pots
    assert (pot.allocated_fen, pot.free_fen, pot.waiting, pot.exhausted_on) == (4 * YUAN_1000_FEN, 0, 0, None)
    found = difference(rehearsed(js), run)
    assert (found.gained, found.gained_fen, found.same) == (2, 2 * YUAN_1000_FEN, 2)
    nothing = rehearsed(js, provincial_federation=0).outcome()
    assert nothing.states == {"waitlisted": 4}


def test_a_new_version_ends_the_one_before_it_and_takes_the_place_of_its_like() -> None:
    first, second = SHIPPED
    found = with_scheme(SHIPPED, HALF)
    assert found == (HALF, first, second.model_copy(update={"valid_until": date(2025, 12, 31)}))
    assert overlap(found) is None
    same_day = HALF.model_copy(update={"version": 4, "valid_from": second.valid_from})
    assert with_scheme(SHIPPED, same_day) == (same_day, first)
    assert with_scheme(SHIPPED, second) == (second, first)


def lines(js: Province, **head: Any) -> list[bytes]:
    """What the command feeds."""
    asked = {
        "lane": js.lane,
        "year": 2026,
        "schemes": [scheme.model_dump(mode="json") for scheme in SHIPPED],
        "closes_month": 2,
        "closes_day": 1,
        "budget_cuts": "clamp",
        "outside_reservations_percent": 100,
        "scheme_file": None,
        "budgets_fen": {},
    }
    return [orjson.dumps(asked | head), *map(orjson.dumps, js.facts)]


def test_the_program_answers_with_counts_and_names_nobody(tmp_path: Path) -> None:
    file = tmp_path / "three.yaml"
    file.write_text(THREE_YAML)
    js = queue_of(4, allocated_fen=2 * YUAN_1000_FEN)
    other = js._add("dreams.plan.declared.v1", None, {"not": "read"})
    assert other["type"] not in READ
    answer = rehearse(lines(js, scheme_file=str(file)))
    assert (answer["facts"], answer["in_force"]["states"]) == (
        len(js.facts) - 1,
        {"reserved": 2, "waitlisted": 2},
    )
    assert answer["supposed"]["states"] == {"refused": 2, "reserved": 2}
    assert answer["difference"]["gained"] == answer["difference"]["lost"] == 1
    assert [(one["version"], str(one["valid_until"])) for one in answer["schemes"]] == [
        (3, "None"),
        (1, "2024-12-31"),
        (2, "2025-12-31"),
    ]
    assert b"32-0000" not in orjson.dumps(answer)


@pytest.mark.parametrize(("policy", "allocated"), [("clamp", 2), ("refuse", 5)])
def test_cuts_are_rehearsed_by_the_policy_in_force(policy: str, allocated: int) -> None:
    js = queue_of(2, allocated_fen=5 * YUAN_1000_FEN)
    js.adjusted(-4 * YUAN_1000_FEN)
    (pot,) = rehearse(lines(js, budget_cuts=policy))["in_force"]["pots"]
    assert pot["allocated_fen"] == allocated * YUAN_1000_FEN


def test_a_file_that_is_no_scheme_is_told_by_line(tmp_path: Path) -> None:
    file = tmp_path / "three.yaml"
    file.write_text(THREE_YAML.replace("50000", "-1"))
    with pytest.raises(SchemeError, match=r"three\.yaml, line 8: amount_base_fen"):
        rehearse(lines(Province(), scheme_file=str(file)))


def test_the_schemes_in_force_survive_the_way_to_the_program() -> None:
    assert [Scheme.model_validate(scheme.model_dump(mode="json")) for scheme in SHIPPED] == list(SHIPPED)
