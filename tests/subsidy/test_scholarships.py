"""Promises about scholarships: booked to the fen, never above tuition or budget, the rest given back."""

import pytest

from services.subsidy.domain.judging import ScholarshipInputs, judge_scholarship
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, short


@pytest.mark.parametrize(
    ("awarded", "tuition", "held", "before", "free", "parts"),
    [
        (100, 1_000, 0, 0, 1_000, (100, 0, 0)),
        (100, 1_000, 950, 0, 1_000, (50, 0, 50)),
        (100, 1_000, 950, 20, 10, (10, 20, 70)),
        (100, 1_000, 1_000, 0, 1_000, (0, 0, 100)),
        (100, 1_000, 0, 0, 0, (0, 100, 0)),
        (100, 10, 50, 0, 1_000, (0, 0, 100)),
        (2**53 - 1, 2**53 - 1, 1, 0, 2**53 - 1, (2**53 - 2, 0, 1)),
    ],
)
def test_the_parts_of_a_scholarship_are_exact(
    awarded: int, tuition: int, held: int, before: int, free: int, parts: tuple[int, int, int]
) -> None:
    inputs = ScholarshipInputs(
        awarded_fen=awarded,
        awarded_on="2026-04-01",
        today=None,
        tuition_fen=tuition,
        held_fen=held,
        scholarship_fen=before,
        free_fen=free,
    )
    split = judge_scholarship(inputs)
    assert (split.booked_fen, split.over_budget_fen, split.over_tuition_fen) == parts
    assert sum(parts) == awarded


async def test_a_scholarship_is_booked_against_its_own_pot_and_counts_towards_tuition(
    subsidy: Service,
) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN)
    js.allocated(500_000, pot="wuxi-merit", level="city")
    js.enrolled(1, tuition_fen=300_000)
    js.scholarship(1, 250_000, tuition_fen=300_000)
    await subsidy.take(*js.facts)

    facts = (await subsidy.published())[3:]
    assert [short(fact) for fact in facts] == [
        "scholarship.booked 32-00001",
        "scholarship.exceeds_tuition 32-00001",
    ]
    assert facts[0]["data"]["amount_fen"] == 200_000
    assert facts[0]["data"]["funder_level"] == "city"
    assert facts[1]["data"]["exceeding_fen"] == 50_000
    assert (await subsidy.budget("wuxi-merit"))["scholarship_fen"] == 200_000
    assert (await subsidy.budget())["scholarship_fen"] == 0


async def test_what_the_pot_does_not_carry_goes_back_and_an_unknown_pot_carries_nothing(
    subsidy: Service,
) -> None:
    js = Province()
    js.allocated(30, pot="wuxi-merit")
    js.enrolled(1)
    js.scholarship(1, 100)
    js.scholarship(1, 100, pot="nobody-s")
    await subsidy.take(*js.facts)

    facts = (await subsidy.published())[-3:]
    said = [(short(f), f["data"].get("amount_fen"), f["data"].get("exceeding_fen")) for f in facts]
    assert said == [
        ("scholarship.booked 32-00001", 30, None),
        ("scholarship.exceeds_budget 32-00001", None, 70),
        ("scholarship.exceeds_budget 32-00001", None, 100),
    ]
    assert await subsidy.pool.fetchval("SELECT count(*) FROM budget WHERE fund_source = 'nobody-s'") == 0


async def test_a_scholarship_comes_before_an_award_that_still_waits(subsidy: Service) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN, pot="wuxi-merit")
    js.enrolled(1, tuition_fen=120_000)
    js.scholarship(1, 50_000, tuition_fen=120_000)
    js.allocated(YUAN_1000_FEN)
    await subsidy.take(*js.facts)

    reserved = (await subsidy.published())[-1]["data"]
    assert reserved["amount_fen"] == 70_000


async def test_a_refused_enrollment_may_still_have_a_scholarship_up_to_its_tuition(subsidy: Service) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN, pot=POT)
    js.enrolled(1, start="2015-01-01", tuition_fen=60_000)
    js.scholarship(1, 50_000, pot=POT, tuition_fen=60_000)
    await subsidy.take(*js.facts)
    await subsidy.take(js.scholarship(1, 50_000, pot=POT, tuition_fen=60_000))

    amounts = [
        f["data"]["amount_fen"] for f in await subsidy.published() if "scholarship.booked" in f["type"]
    ]
    assert amounts == [50_000, 10_000]


async def test_a_scholarship_without_an_award_counts_towards_its_own_tuition(subsidy: Service) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN, pot=POT)
    js.scholarship(7, 50_000, pot=POT, tuition_fen=20_000)
    await subsidy.take(*js.facts)

    assert (await subsidy.budget())["scholarship_fen"] == 20_000
