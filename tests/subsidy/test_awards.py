"""Promises about awards, on the real database: reserve, grant, wait, release, and nothing twice."""

import random
from datetime import date
from typing import Any

import pytest

from services.subsidy.domain import loading
from shared.contracts.subsidy import FACT_MODELS, SCHEME_REFUSED, SUBSIDY_WAITLISTED
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service, days, short
from tests.subsidy.histories import busy, everything_in_parts


async def test_an_enrollment_reserves_and_its_confirmation_grants(subsidy: Service) -> None:
    js = Province()
    js.day("2026-03-01")
    js.allocated(5 * YUAN_1000_FEN)
    js.enrolled(1)
    js.confirmed(1)
    await subsidy.take(*js.facts)

    assert await subsidy.said() == [
        "budget.opened 2026",
        "subsidy.reserved 32-00001",
        "subsidy.granted 32-00001",
    ]
    budget = await subsidy.budget()
    assert (budget["reserved_fen"], budget["granted_fen"]) == (0, YUAN_1000_FEN)


async def test_decisions_go_back_to_the_province_under_the_same_id_and_budgets_do_not(
    subsidy: Service,
) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN)
    js.enrolled(1)
    js.enrolled(2)
    await subsidy.take(*js.facts)

    here = await subsidy.published()
    there = await subsidy.published("provinces.{lane}.decisions")
    assert [short(fact) for fact in there] == ["subsidy.reserved 32-00001", "subsidy.waitlisted 32-00002"]
    assert {fact["id"] for fact in there} < {fact["id"] for fact in here}
    assert [fact["seq"] for fact in there] == [1, 2]
    reserved = there[0]
    assert reserved["causationid"] == "32-fact-2"
    assert reserved["correlationid"] == "32-sent-2"
    assert reserved["subject"] == js.facts[1]["subject"]


async def test_a_plan_opens_nothing_and_history_moves_no_money(subsidy: Service) -> None:
    js = Province()
    js.planned(60_000_000_00)
    js.allocated(YUAN_1000_FEN)
    js.enrolled(1, history=True)
    js.confirmed(1, history=True)
    js.scholarship(1, 100, pot=POT, history=True)
    js.withdrawn(1, history=True)
    await subsidy.take(*js.facts)

    assert await subsidy.said() == ["budget.opened 2026"]
    assert await subsidy.pool.fetchval("SELECT count(*) FROM award") == 0


async def test_an_exhausted_budget_says_so_once_until_money_is_there_again(subsidy: Service) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN)
    for n in range(3):
        js.enrolled(n)
    await subsidy.take(*js.facts)
    await subsidy.take(js.allocated(YUAN_1000_FEN))

    assert await subsidy.said() == [
        "budget.opened 2026",
        "subsidy.reserved 32-00000",
        "subsidy.waitlisted 32-00001",
        "budget.exhausted 2026",
        "subsidy.waitlisted 32-00002",
        "budget.opened 2026",
        "subsidy.reserved 32-00001",
        "budget.exhausted 2026",
    ]


async def test_freed_money_moves_the_queue_in_the_same_transaction_and_grants_who_is_confirmed(
    subsidy: Service,
) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN)
    for n in range(3):
        js.enrolled(n)
    js.confirmed(0)
    js.confirmed(1)
    await subsidy.take(*js.facts)
    before = len(await subsidy.said())
    await subsidy.take(js.withdrawn(0))

    facts = (await subsidy.published())[before:]
    assert [short(fact) for fact in facts] == [
        "subsidy.released 32-00000",
        "subsidy.reserved 32-00001",
        "subsidy.granted 32-00001",
    ]
    assert facts[0]["data"]["was"] == "granted"
    assert facts[1]["data"]["was_waitlisted"] is True
    assert {fact["causationid"] for fact in facts} == {js.facts[-1]["id"]}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start": "2018-09-01", "categories": ["industrial"]}, "not_eligible"),
        ({"start": "2018-09-01", "track": "skills"}, "no_scheme"),
        ({"start": "2015-12-31"}, "no_scheme"),
        ({"tuition_fen": 0}, "nothing_to_pay"),
    ],
)
async def test_what_no_scheme_pays_is_refused_with_a_reason(
    subsidy: Service, changes: dict[str, Any], code: str
) -> None:
    js = Province()
    js.allocated(YUAN_1000_FEN)
    js.enrolled(1, **changes)
    js.confirmed(1)
    js.withdrawn(1)
    await subsidy.take(*js.facts)

    assert await subsidy.said() == ["budget.opened 2026", "subsidy.refused 32-00001"]
    refused = (await subsidy.published())[1]["data"]
    assert refused["code"] == code
    assert refused["message_zh"]


async def test_the_scope_is_the_one_of_the_first_day_of_study(subsidy: Service) -> None:
    js = Province()
    js.day("2025-01-01")
    js.allocated(5 * YUAN_1000_FEN, year=2025)
    js.allocated(5 * YUAN_1000_FEN, year=2024)
    for n, (start, categories) in enumerate(
        [("2024-12-31", ["migrant"]), ("2024-12-31", ["new_employment"]), ("2025-01-01", ["new_employment"])]
    ):
        js.enrolled(n, start=start, categories=categories)
    await subsidy.take(*js.facts)

    decided = [(short(f), f["data"].get("scheme_version")) for f in (await subsidy.published())[2:]]
    assert decided == [
        ("subsidy.reserved 32-00000", 1),
        ("subsidy.refused 32-00001", None),
        ("subsidy.reserved 32-00002", 2),
    ]


async def test_last_year_pays_until_the_first_of_february_begins_and_this_year_after_it(
    subsidy: Service,
) -> None:
    js = Province()
    js.day("2027-01-31")
    js.allocated(5 * YUAN_1000_FEN, year=2026)
    js.allocated(5 * YUAN_1000_FEN, year=2027)
    js.enrolled(1, start="2026-12-31")
    await subsidy.take(*js.facts)
    await subsidy.take(
        js.day("2027-02-01"), js.enrolled(2, start="2026-12-31"), js.enrolled(3, start="2020-01-01")
    )

    years = [fact["data"]["fiscal_year"] for fact in (await subsidy.published())[2:]]
    assert years == [2026, 2027, 2027]


async def test_a_second_delivery_changes_nothing(subsidy: Service) -> None:
    js = busy(1)
    await subsidy.take(*js.facts)
    before = await subsidy.tables()
    await subsidy.take(*js.facts)
    await subsidy.take(*js.facts[-20:])

    assert await subsidy.tables() == before


async def test_however_batches_are_cut_the_tables_are_the_same(
    subsidy: Service, another_subsidy: Service
) -> None:
    facts = _mixed(busy(2), busy(3, "33"))
    await subsidy.take(*facts)
    rnd = random.Random(4)
    while facts:
        size = rnd.randint(1, 12)
        await another_subsidy.take(*facts[:size])
        await another_subsidy.tick("32", "33")
        facts = facts[size:]

    assert await another_subsidy.tables() == await subsidy.tables()
    assert subsidy.carrier.stopped == set()


async def test_however_batches_are_cut_what_is_too_much_for_one_comes_to_its_end_first(
    subsidy: Service, another_subsidy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    js = Province()
    js.day("2026-03-01")
    for n in range(9):
        js.enrolled(n)
    js.allocated(6 * YUAN_1000_FEN)
    js.withdrawn(4)  # its turn comes before it leaves, whether or not it is read together with the money
    js.enrolled(9)
    js.adjusted(-YUAN_1000_FEN)
    waiting = 10  # the day and nine enrollments: only in a later batch are there more than one loads
    await subsidy.take(*js.facts[:waiting])
    await subsidy.take(*js.facts[waiting:])
    for fact in js.facts:
        await another_subsidy.take(fact)
        for _ in range(5):
            await another_subsidy.tick("32")

    assert await another_subsidy.tables() == await subsidy.tables()
    said = await subsidy.said()
    assert said.index("subsidy.reserved 32-00004") < said.index("subsidy.released 32-00004")


async def test_every_fact_follows_its_contract(subsidy: Service, subsidy_in_parts: Service) -> None:
    zj = Province("33")
    zj.day("2026-03-01")
    zj.allocated(10 * YUAN_1000_FEN)
    zj.adjusted(YUAN_1000_FEN)
    zj.adjusted(-YUAN_1000_FEN)
    zj.adjusted(-1, year=2030)
    zj.carried_over(5 * YUAN_1000_FEN)
    zj.carried_over(20 * YUAN_1000_FEN)
    zj.allocated(10 * YUAN_1000_FEN)
    for fact in reversed([zj.enrolled(1), zj.confirmed(1), zj.scholarship(1, 1_000, pot=POT)]):
        zj.voided(fact)
    zj.enrolled(2)
    zj.confirmed(2)
    zj.returned(zj.paid(2, 7), 3)
    zj.paid(2, 2 * YUAN_1000_FEN)
    zj.withdrawn(2)
    zj.returned(zj.facts[-2], 150_000)
    zj.written_off(2, 1)
    zj.enrolled(3, start="2028-03-01", reported_by="34")
    zj.confirmed(3)
    zj.activated(3, valid_from="2028-01-01")
    await subsidy.take(*busy(5).facts, *zj.facts)

    await subsidy_in_parts.take(*everything_in_parts().facts)

    published = await subsidy.published(alerts=True) + await subsidy.published(lane="33", alerts=True)
    published += await subsidy_in_parts.published()
    assert {fact["type"] for fact in published} == set(FACT_MODELS) - {SCHEME_REFUSED}  # on lane 00 only
    for fact in published:
        model = FACT_MODELS[fact["type"]]
        assert set(fact["data"]) <= set(model.model_fields)
        model.model_validate(fact["data"], strict=False)


async def test_a_long_queue_moves_on_while_the_lane_is_idle_in_order_of_rank(
    subsidy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 3)
    js = Province()
    for n in range(8):
        js.enrolled(n)
    await subsidy.take(*js.facts)
    await subsidy.take(js.allocated(8 * YUAN_1000_FEN))
    for _ in range(3):
        await subsidy.tick("32")

    reserved = [said for said in await subsidy.said() if said.startswith("subsidy.reserved")]
    assert reserved == [f"subsidy.reserved 32-{n:05d}" for n in range(8)]
    assert (await subsidy.budget())["drain_cause"] is None


async def test_a_place_behind_the_loaded_head_of_a_queue_is_said_exactly(
    subsidy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 3)
    js = Province()
    for n in range(9):
        js.enrolled(n)
        js.enrolled(n + 20, reported_by="34")
    await subsidy.take(*js.facts)
    gone = [js.withdrawn(6), js.withdrawn(28), js.withdrawn(2)]
    await subsidy.take(*gone)
    await subsidy.take(*(js.voided(fact) for fact in gone))
    back = [fact for fact in await subsidy.published() if fact["type"] == SUBSIDY_WAITLISTED][-3:]
    told = [(fact["data"]["enrollment_no"], fact["data"]["position"]) for fact in back]
    assert told == [("32-00006", 6), ("32-00028", 9), ("32-00002", 3)]  # 2 is not there yet when 6 comes back


async def test_a_fact_that_breaks_its_contract_stops_its_lane_and_no_other(subsidy: Service) -> None:
    js, zj = Province(), Province("33")
    broken = js.enrolled(1)
    broken["data"]["tuition_fen"] = -1
    zj.allocated(5)
    await subsidy.take(broken, *zj.facts)

    assert subsidy.carrier.stopped == {"32"}
    assert await subsidy.said("33") == ["budget.opened 2026"]


async def test_days_move_the_lane_and_nothing_else(subsidy: Service) -> None:
    js = Province()
    for day in days(date(2026, 3, 1), 3):
        js.day(day)
    await subsidy.take(*js.facts)

    assert await subsidy.pool.fetchval("SELECT day FROM lane_book WHERE lane = '32'") == date(2026, 3, 3)
    assert await subsidy.said() == []


def _mixed(*provinces: Province) -> list[dict[str, Any]]:
    """Facts of several lanes in one stream, each lane's own order kept."""
    rnd, queues = random.Random(0), [list(province.facts) for province in provinces]
    mixed = []
    while any(queues):
        mixed.append(rnd.choice([queue for queue in queues if queue]).pop(0))
    return mixed
