"""Awards in parts: each part stands by itself, and together they are never above tuition or a budget."""

from typing import Any

import asyncpg
import pytest

from services.subsidy.domain import loading
from services.subsidy.domain.schemes import Rules
from shared.contracts import provinces
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import POT, Province, Service, read
from tests.subsidy.histories import IN_PARTS, everything_in_parts, history_in_parts, scheme_in_parts
from tests.subsidy.shelf import Shelf

NATION, CITY = "national-fund", "city"
AT_COMPLETION: list[dict[str, Any]] = [
    {"fund_source": POT, "amount_fen": 60_000},
    {"fund_source": POT, "amount_fen": 40_000, "due": "completion"},
]
LATER: list[dict[str, Any]] = [
    {"fund_source": POT, "amount_fen": 60_000},
    {"fund_source": POT, "amount_fen": 40_000, "year_of_study": 2},
]


def decided(js: Province, parts: list[dict[str, Any]], **more: Any) -> Shelf:
    """All facts in one batch, under a scheme with these parts."""
    shelf = Shelf(Rules([scheme_in_parts(*parts, **more)]))
    shelf.take([read(fact) for fact in js.facts])
    return shelf


def begun(**allocated_fen: int) -> Province:
    """A province with a day and budgets of 2026."""
    js = Province()
    js.day("2026-03-01")
    for pot, amount_fen in allocated_fen.items():
        js.allocated(amount_fen, pot={"prov": POT}.get(pot, pot))
    return js


def stands(shelf: Shelf, number: int = 1) -> list[tuple[str, int]]:
    """State and amount of each part of an award."""
    parts = [award for award in shelf.awards.values() if award.enrollment_no == f"32-{number:05d}"]
    return [(award.state, award.amount_fen) for award in sorted(parts, key=lambda award: award.part)]


def said(shelf: Shelf, kind: str) -> list[tuple[str, Any]]:
    """What was said by facts of a type: about which part, and why."""
    return [(entry.about, entry.data.get("why")) for entry in shelf.entries if entry.type == kind]


# ---------------------------------------------------------------- the whole


def test_a_history_of_everything_holds_its_sums_and_says_nothing_twice() -> None:
    shelf = history_in_parts()
    for key, budget in shelf.budgets.items():
        mine = [award for award in shelf.awards.values() if award.budget_key == key]
        assert budget.reserved_fen == sum(a.unpaid_fen for a in mine if a.state == "reserved")
        assert budget.granted_fen == sum(a.unpaid_fen for a in mine if a.state == "granted")
        assert budget.waiting == sum(a.state == "waitlisted" for a in mine)
        assert budget.free_fen >= 0
    ids = [(entry.cause.id, entry.type, entry.about) for entry in shelf.entries]
    assert len(ids) == len(set(ids))


def test_however_batches_are_cut_parts_are_decided_the_same() -> None:
    whole, facts = history_in_parts(), [read(fact) for fact in everything_in_parts().facts]
    for size in (1, 2, 3, 5, 7):
        cut = Shelf(IN_PARTS)
        for at in range(0, len(facts), size):
            cut.take(facts[at : at + size])
        assert cut.journal() == whole.journal(), size


# ---------------------------------------------------------------- payments, corrections


def test_a_payment_is_booked_on_the_parts_of_its_pot_in_their_order_and_comes_back_from_the_last() -> None:
    js = begun(prov=100_000, **{NATION: 100_000})
    js.enrolled(1)
    js.confirmed(1)
    js.completed(1)
    payment = js.paid(1, 80_000)
    parts = [*AT_COMPLETION, {"fund_source": NATION, "amount_fen": 5_000}]
    shelf = decided(js, parts)
    assert [shelf.awards[key].disbursed_fen for key in ("32-00001", "32-00001/2", "32-00001/3")] == [
        60_000,
        20_000,
        0,
    ]
    js.returned(payment, 30_000)
    shelf = decided(js, parts)
    assert [shelf.awards[key].disbursed_fen for key in ("32-00001", "32-00001/2", "32-00001/3")] == [
        50_000,
        0,
        0,
    ]
    js.paid(1, 5_001, pot=NATION)
    js.paid(1, 1, pot="nobody-s")
    shelf = decided(js, parts)
    assert shelf.awards["32-00001/3"].disbursed_fen == 5_000
    codes = [e.data["code"] for e in shelf.entries if e.type == said_by.PAYMENT_UNMATCHED]
    assert codes == ["exceeds_grant", "other_pot"]


def test_who_leaves_gives_no_money_to_a_part_of_the_same_award_that_waits() -> None:
    js = begun(prov=60_000)
    js.enrolled(1)
    js.confirmed(1)
    js.withdrawn(1)
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf) == [("released", 60_000), ("released", 40_000)]
    assert said(shelf, said_by.SUBSIDY_RESERVED) == [("32-00001", None)]


def test_a_scholarship_shrinks_the_parts_that_wait_from_the_last_on_before_any_has_its_turn() -> None:
    js = begun(prov=10_000, **{"wuxi-merit": 500_000})
    js.enrolled(1, tuition_fen=110_000)
    js.scholarship(1, 100_000, tuition_fen=110_000)
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf) == [("reserved", 10_000), ("released", 40_000)]
    assert said(shelf, said_by.SUBSIDY_RELEASED) == [("32-00001/2", "tuition_covered")]


def test_a_scholarship_that_counts_no_more_lets_the_parts_that_it_covered_stand_again_in_order() -> None:
    js = begun(prov=100_000, **{"wuxi-merit": 500_000})
    js.enrolled(2, tuition_fen=100_000)
    js.enrolled(1, tuition_fen=100_000)
    booked = js.scholarship(1, 90_000, tuition_fen=100_000)
    js.voided(booked)
    js.allocated(90_000)
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf) == [("reserved", 60_000), ("waitlisted", 40_000)]


def test_a_corrected_enrollment_may_have_more_parts_or_fewer() -> None:
    js = begun(prov=200_000)
    first = js.enrolled(1)
    js.voided(first, superseded_by="right")
    js.enrolled(1, start="2015-01-01")  # no scheme covers it
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf) == [("refused", 0)]
    js.voided(js.facts[-1], superseded_by="better")
    js.enrolled(1)
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf) == [("reserved", 60_000), ("reserved", 40_000)]
    assert shelf.budgets["32", 2026, POT].reserved_fen == 100_000


def test_a_smaller_tuition_that_is_confirmed_shrinks_the_parts_and_the_rest_goes_to_those_who_wait() -> None:
    js = begun(prov=100_000)
    first = js.enrolled(1)
    js.enrolled(2)
    js.voided(first, superseded_by="confirmed tuition")
    js.enrolled(1, tuition_fen=70_000)
    js.confirmed(1, tuition_fen=70_000)
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf, 1) == [("granted", 60_000), ("reserved", 10_000)]
    assert [award.rank for award in shelf.awards.values() if award.enrollment_no == "32-00001"] == [3, 3]
    assert shelf.budgets["32", 2026, POT].free_fen == 30_000  # too little for who waits next
    js.allocated(30_000)
    assert stands(decided(js, AT_COMPLETION), 2) == [("reserved", 60_000), ("waitlisted", 40_000)]


def test_what_is_owed_is_taken_off_several_parts_and_each_says_so_once() -> None:
    js = begun(prov=300_000)
    js.enrolled(1)
    js.confirmed(1)
    js.completed(1)
    js.paid(1, 100_000)
    js.voided(js.facts[2])
    js.enrolled(2)["subject"] = js.facts[2]["subject"]
    js.completed(2)["subject"] = js.facts[2]["subject"]
    js.confirmed(2)["subject"] = js.facts[2]["subject"]
    shelf = decided(js, AT_COMPLETION)
    assert [shelf.awards[key].disbursed_fen for key in ("32-00002", "32-00002/2")] == [60_000, 40_000]
    assert shelf.budgets["32", 2026, POT].receivable_fen == 0


# ---------------------------------------------------------------- due at completion


@pytest.mark.parametrize(
    ("kind", "track", "wanted"),
    [
        (provinces.DEGREE_COMPLETED, "academic", "granted"),
        (provinces.TRAINING_COMPLETED, "academic", "reserved"),
        (provinces.CERTIFICATE_EARNED, "combined", "reserved"),
        (provinces.TRAINING_COMPLETED, "skills", "granted"),
        (provinces.CERTIFICATE_EARNED, "skills", "granted"),
    ],
)
def test_a_part_that_is_due_at_completion_is_granted_by_what_completes_the_course(
    kind: str, track: str, wanted: str
) -> None:
    js = begun(prov=100_000)
    js.enrolled(1, track=track)
    js.confirmed(1)
    js.completed(1, kind)
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf) == [("granted", 60_000), (wanted, 40_000)]


def test_it_expires_without_a_confirmation_and_after_one_with_the_limit_of_the_scheme() -> None:
    js = begun(prov=200_000)
    js.enrolled(1)
    js.enrolled(2)
    js.day("2026-06-01")
    js.confirmed(1)
    js.day("2027-03-01")
    shelf = decided(js, AT_COMPLETION, completion_days=1_000)
    assert (stands(shelf, 1), stands(shelf, 2)) == (
        [("granted", 60_000), ("reserved", 40_000)],
        [("expired", 60_000), ("expired", 40_000)],
    )
    js.day("2029-02-24")
    assert stands(decided(js, AT_COMPLETION, completion_days=1_000))[1] == ("reserved", 40_000)
    js.day("2029-02-25")
    shelf = decided(js, AT_COMPLETION, completion_days=1_000)
    assert stands(shelf)[1] == ("expired", 40_000)
    assert shelf.decided()[-1].steps[0]["step"] == "not_completed"


def test_who_completes_late_has_money_again_where_it_is_free_otherwise_the_old_rank() -> None:
    js = begun(prov=100_000)
    js.enrolled(1)
    js.confirmed(1)
    js.day("2027-06-01")
    js.allocated(30_000, year=2027)
    js.completed(1)
    shelf = decided(js, AT_COMPLETION, completion_days=400)
    assert (stands(shelf)[1], shelf.awards["32-00001/2"].fiscal_year) == (("waitlisted", 40_000), 2027)
    js.allocated(10_000, year=2027)
    assert stands(decided(js, AT_COMPLETION, completion_days=400))[1] == ("granted", 40_000)


def test_a_completion_that_is_voided_or_corrected_leaves_what_it_should() -> None:
    js = begun(prov=100_000)
    js.enrolled(1)
    js.confirmed(1)
    done = js.completed(1)
    js.voided(done, superseded_by="right")
    assert stands(decided(js, AT_COMPLETION))[1] == ("granted", 40_000)
    again = js.completed(1)
    js.voided(again)
    shelf = decided(js, AT_COMPLETION)
    assert stands(shelf) == [("granted", 60_000), ("reserved", 40_000)]
    assert said(shelf, said_by.SUBSIDY_GRANT_REVERSED) == [("32-00001/2", None)]


def test_of_two_certificates_of_a_course_of_skills_one_is_enough() -> None:
    js = begun(prov=100_000)
    js.enrolled(1, track="skills")
    js.confirmed(1)
    first = js.completed(1, provinces.CERTIFICATE_EARNED)
    js.completed(1, provinces.TRAINING_COMPLETED)
    js.voided(first)
    assert stands(decided(js, AT_COMPLETION))[1] == ("granted", 40_000)


# ---------------------------------------------------------------- years of study


def test_a_part_of_a_later_year_holds_no_money_until_that_year_begins_and_is_granted_then() -> None:
    js = begun(prov=100_000)
    js.enrolled(1)
    js.confirmed(1)
    js.allocated(50_000, year=2027)
    shelf = decided(js, LATER)
    assert stands(shelf) == [("granted", 60_000), ("committed", 40_000)]
    assert shelf.budgets["32", 2027, POT].free_fen == 50_000
    js.day("2026-12-31")
    assert stands(decided(js, LATER))[1] == ("committed", 40_000)
    js.day("2027-01-01")
    shelf = decided(js, LATER)
    assert stands(shelf)[1] == ("granted", 40_000)
    assert (shelf.budgets["32", 2027, POT].granted_fen, shelf.budgets["32", 2026, POT].granted_fen) == (
        40_000,
        60_000,
    )


def test_commitments_have_their_turn_by_rank_and_wait_before_who_came_later() -> None:
    js = begun(prov=200_000)
    for n in (1, 2):
        js.enrolled(n)
    js.day("2026-12-20")
    js.allocated(75_000, year=2027)
    js.enrolled(3, start="2027-02-01")  # its first part is of 2027 at once
    js.enrolled(4, start="2027-02-01")
    js.day("2027-01-01")
    shelf = decided(js, LATER)
    assert [stands(shelf, n)[1] for n in (1, 2, 3)] == [
        ("waitlisted", 40_000),
        ("waitlisted", 40_000),
        ("committed", 40_000),
    ]
    assert (stands(shelf, 3)[0], stands(shelf, 4)[0]) == (("reserved", 60_000), ("waitlisted", 60_000))
    positions = [e.data["position"] for e in shelf.entries if e.type == said_by.SUBSIDY_WAITLISTED]
    assert positions == [1, 1, 2]
    js.allocated(70_000, year=2027)
    shelf = decided(js, LATER)
    assert [stands(shelf, n)[1][0] for n in (1, 2)] == ["reserved", "reserved"]
    assert stands(shelf, 4)[0][0] == "waitlisted"


@pytest.mark.parametrize("why", ["withdrawn", "completed", "voided", "tuition_covered"])
def test_a_commitment_ends_with_its_reason(why: str) -> None:
    js = begun(prov=100_000, **{"wuxi-merit": 500_000})
    enrolled = js.enrolled(1, tuition_fen=100_000)
    if why == "withdrawn":
        js.withdrawn(1)
    elif why == "completed":
        js.completed(1)
    elif why == "voided":
        js.voided(enrolled)
    else:
        js.scholarship(1, 40_000, tuition_fen=100_000)
    js.allocated(100_000, year=2027)
    js.day("2027-01-01")
    shelf = decided(js, LATER)
    assert said(shelf, said_by.SUBSIDY_COMMITMENT_ENDED) == [("32-00001/2", why)]
    assert shelf.budgets["32", 2027, POT].used_fen == 0


def test_a_withdrawal_that_is_voided_commits_again_before_the_year_and_asks_for_money_after_it() -> None:
    js = begun(prov=100_000)
    js.enrolled(1)
    js.allocated(40_000, year=2027)
    gone = js.withdrawn(1)
    before, after = Province(facts=list(js.facts)), Province(facts=list(js.facts))
    before.voided(gone)
    assert stands(decided(before, LATER))[1] == ("committed", 40_000)
    after.day("2027-01-01")
    after.voided(gone)
    assert stands(decided(after, LATER))[1] == ("reserved", 40_000)


def test_a_completion_that_is_voided_lets_the_commitment_that_it_ended_stand_again() -> None:
    js = begun(prov=100_000)
    js.enrolled(1)
    done = js.completed(1)
    js.allocated(40_000, year=2027)
    js.day("2027-01-01")
    js.voided(done)
    assert stands(decided(js, LATER))[1] == ("reserved", 40_000)


def test_a_year_of_study_that_has_begun_already_is_asked_at_once() -> None:
    js = begun(prov=200_000)
    js.enrolled(1, start="2025-03-01")
    shelf = decided(js, LATER)
    assert stands(shelf) == [("reserved", 60_000), ("reserved", 40_000)]


def test_more_commitments_than_one_batch_asks_for_go_on_in_order_and_nothing_is_decided_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 3)
    js = begun(prov=8 * 60_000)
    for n in range(8):
        js.enrolled(n)
    js.allocated(6 * 40_000, year=2027)
    rules = Rules([scheme_in_parts(*LATER)])
    steps = Shelf(rules)
    steps.take([read(fact) for fact in js.facts])
    steps.take([read(js.day("2027-01-01"))])
    assert [stands(steps, n)[1][0] for n in range(8)] == ["reserved"] * 3 + ["committed"] * 5
    for _ in range(2):
        steps.take([])
    assert [stands(steps, n)[1][0] for n in range(8)] == ["reserved"] * 6 + ["waitlisted"] * 2
    assert steps.lanes["32"].expiring is None
    steps.take([read(js.withdrawn(0))])
    together = Shelf(rules)
    together.take([read(fact) for fact in js.facts[:-2]])
    together.take(
        [read(fact) for fact in js.facts[-2:]]
    )  # the worker leaves in the batch of the day: after its end
    assert together.journal() == steps.journal()


def test_days_of_several_years_in_one_batch_ask_for_each_year_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    parts = [*LATER, {"fund_source": POT, "amount_fen": 30_000, "year_of_study": 3}]
    js = begun(prov=200_000)
    for n in range(3):
        js.enrolled(n)
        js.confirmed(n)
    for year in (2027, 2028):
        js.allocated(200_000, year=year)
    days_begin = len(js.facts)
    for day in ("2026-12-31", "2027-01-01", "2027-01-02", "2028-01-01"):
        js.day(day)
    rules = Rules([scheme_in_parts(*parts)])
    together, alone = Shelf(rules), Shelf(rules)
    together.take([read(fact) for fact in js.facts[:days_begin]])
    together.take([read(fact) for fact in js.facts[days_begin:]])
    while together.lanes["32"].expiring:
        together.take([])
    for fact in js.facts:
        alone.take([read(fact)])
        while alone.lanes["32"].expiring:
            alone.take([])
    assert together.journal() == alone.journal()
    assert [state for state, _ in stands(together, 2)] == ["granted", "granted", "granted"]


# ---------------------------------------------------------------- the real ledger


async def test_parts_are_kept_in_the_real_ledger_and_a_second_delivery_changes_nothing(
    subsidy_in_parts: Service,
) -> None:
    facts = everything_in_parts().facts
    half = len(facts) // 2
    await subsidy_in_parts.take(*facts[:half])
    await subsidy_in_parts.take(*facts[half:])
    before = await subsidy_in_parts.tables()
    await subsidy_in_parts.take(*facts)
    assert await subsidy_in_parts.tables() == before
    assert await subsidy_in_parts.faults() == {}
    kept = await subsidy_in_parts.pool.fetch("SELECT * FROM award ORDER BY enrollment_no, part")
    wanted = sorted(history_in_parts().awards.values(), key=lambda award: (award.enrollment_no, award.part))
    for row, award in zip(kept, wanted, strict=True):
        assert {name: getattr(award, name) for name in row.keys() if name != "categories"} == {  # noqa: SIM118
            name: value for name, value in row.items() if name != "categories"
        }
    published = await subsidy_in_parts.published(alerts=True)
    assert {fact["id"] for fact in published if fact["type"] != said_by.LEDGER_TOTALLED} == {
        entry["event_id"] for entry in before["journal"]
    }


async def test_commitments_of_a_year_go_on_in_steps_in_the_real_ledger(
    subsidy_in_parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    js = begun(prov=900_000)
    for n in range(5):
        js.enrolled(n)
    js.allocated(120_000, year=2027)
    await subsidy_in_parts.take(*js.facts)
    await subsidy_in_parts.take(js.day("2027-01-01"))
    for _ in range(2):
        await subsidy_in_parts.tick("32")
    rows = await subsidy_in_parts.pool.fetch("SELECT state FROM award WHERE year_of_study = 2 ORDER BY rank")
    assert [row["state"] for row in rows] == ["reserved"] * 3 + ["waitlisted"] * 2
    assert await subsidy_in_parts.faults() == {}


async def test_the_database_refuses_parts_that_are_above_tuition_together_even_by_hand(
    subsidy_in_parts: Service,
) -> None:
    js = begun(prov=100_000, **{NATION: 100_000})
    js.enrolled(1, tuition_fen=145_000)
    await subsidy_in_parts.take(*js.facts)
    assert await subsidy_in_parts.pool.fetchval("SELECT count(*) FROM award WHERE parts = 5") == 5
    with pytest.raises(asyncpg.CheckViolationError, match="above tuition"):
        await subsidy_in_parts.pool.execute("UPDATE award SET amount_fen = amount_fen + 1 WHERE part = 2")
    with pytest.raises(asyncpg.CheckViolationError, match="above tuition"):
        await subsidy_in_parts.pool.execute("UPDATE award SET scholarship_fen = 1")


@pytest.mark.parametrize(
    "damage", ["SET confirmed = true WHERE part = 3", "SET parts = 6", "SET completions = 1 WHERE part = 1"]
)
async def test_the_check_finds_parts_that_do_not_agree(subsidy_in_parts: Service, damage: str) -> None:
    js = begun(prov=100_000)
    js.enrolled(1)
    await subsidy_in_parts.take(*js.facts)
    assert await subsidy_in_parts.faults() == {}
    await subsidy_in_parts.pool.execute(f"UPDATE award {damage}")
    assert (await subsidy_in_parts.faults())["awards_unlike_parts"] == 1
