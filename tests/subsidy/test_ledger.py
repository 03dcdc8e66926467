"""Promises that the database itself keeps: balanced entries, nothing over budget, nothing ever changed."""

import asyncpg
import pytest

from services.subsidy import store
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, Service

POSTING = "INSERT INTO posting VALUES "
OVER_BUDGET = (
    f"{POSTING} ('32', 9, 1, 2026, '{POT}', 'reserved', 300000), "
    f"('32', 9, 2, 2026, '{POT}', 'available', -300000)"
)
CLAIM = "INSERT INTO claim VALUES ('32-00001', 2026, 'provincial-federation', '32', 'k1.A', 5)"
MORE = "UPDATE budget SET {0}_fen = {0}_fen + 100001"


@pytest.fixture
async def funded(subsidy: Service) -> Service:
    """A service with one budget of which half is reserved."""
    js = Province()
    js.allocated(2 * YUAN_1000_FEN)
    js.enrolled(1)
    await subsidy.take(*js.facts)
    return subsidy


@pytest.mark.parametrize("statement", ["UPDATE {} SET entry_no = 9", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["journal", "posting"])
async def test_the_service_itself_cannot_change_what_was_written(
    funded: Service, statement: str, table: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await funded.pool.execute(statement.format(table))


@pytest.mark.parametrize(
    "rows",
    [
        f"('32', 9, 1, 2026, '{POT}', 'available', 5)",
        f"('32', 9, 1, 2026, '{POT}', 'available', 5), ('32', 9, 2, 2026, '{POT}', 'allocated', -4)",
        f"('32', 9, 1, 2026, '{POT}', 'available', 5), ('32', 8, 1, 2026, '{POT}', 'allocated', -5)",
    ],
)
async def test_an_unbalanced_entry_is_refused_by_the_database(funded: Service, rows: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):
        await funded.pool.execute(POSTING + rows)


async def test_a_budget_cannot_be_exceeded_even_by_hand(funded: Service) -> None:
    for account in ("reserved", "granted", "disbursed", "receivable", "scholarship", "written_off"):
        with pytest.raises(asyncpg.CheckViolationError, match="never_over_budget"):
            await funded.pool.execute(MORE.format(account))
    with pytest.raises(asyncpg.CheckViolationError, match="never_over_budget"):
        await funded.pool.execute("UPDATE budget SET allocated_fen = 99999")
    with pytest.raises(asyncpg.CheckViolationError):
        await funded.pool.execute("UPDATE budget SET reserved_fen = -1")


async def test_nothing_is_paid_above_an_award_or_for_one_that_holds_nothing_even_by_hand(
    funded: Service,
) -> None:
    for statement in ("SET disbursed_fen = amount_fen + 1", "SET state = 'released', disbursed_fen = 1"):
        with pytest.raises(asyncpg.CheckViolationError, match="never_paid_above_award"):
            await funded.pool.execute(f"UPDATE award {statement}")


async def test_the_check_finds_a_sound_ledger_sound_and_counts_what_it_looked_at(funded: Service) -> None:
    async with funded.pool.acquire() as db:
        found = await store.check(db)
    counted = {name: found.pop(name) for name in ("budgets", "entries", "postings")}
    assert counted == {"budgets": 1, "entries": 2, "postings": 4}
    assert not any(found.values())


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("UPDATE budget SET reserved_fen = reserved_fen - 1", "budgets_unlike_ledger"),
        ("UPDATE budget SET waiting = 1, smallest_waiting_fen = 1", "budgets_unlike_awards"),
        ("UPDATE award SET amount_fen = 1", "budgets_unlike_awards"),
        ("UPDATE award SET disbursed_fen = 1", "budgets_unlike_awards"),
        ("UPDATE budget SET disbursed_fen = 1", "budgets_unlike_ledger"),
        (CLAIM, "budgets_unlike_claims"),
        ("DELETE FROM budget", "budgets_unlike_ledger"),
        ("UPDATE lane_book SET last_entry = 7", "lanes_with_missing_entries"),
        (OVER_BUDGET, "budgets_exceeded"),
    ],
)
async def test_the_check_finds_damage(funded: Service, damage: str, fault: str) -> None:
    await funded.pool.execute(damage)
    async with funded.pool.acquire() as db:
        found = await store.check(db)
    assert found[fault] > 0


async def test_the_check_finds_an_entry_that_lost_a_posting(funded: Service) -> None:
    owner = await asyncpg.connect(funded.owner_dsn)
    try:
        await owner.execute("DELETE FROM posting WHERE entry_no = 2 AND line = 1")
    finally:
        await owner.close()
    async with funded.pool.acquire() as db:
        found = await store.check(db)
    assert found["unbalanced_entries"] == 1
    assert found["sum_fen"] == YUAN_1000_FEN


async def test_every_entry_keeps_its_inputs_and_the_steps_that_led_to_it(funded: Service) -> None:
    row = await funded.pool.fetchrow("SELECT * FROM journal WHERE enrollment_no = '32-00001'")
    assert row is not None
    assert (row["scheme"], row["scheme_version"], row["cause_id"]) == ("study-for-dreams", 2, "32-fact-2")
    assert '"free_fen":200000' in row["inputs"]
    assert row["steps"].startswith('[{"step":"scheme","found":"study-for-dreams","version":2}')
