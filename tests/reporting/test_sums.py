"""What is kept summed up is what the cells add up to: as known now, in every cube, however it was summed up."""

from datetime import date, timedelta

import pytest

from services.reporting import store, sums_store
from services.reporting.domain import summing
from services.reporting.domain.cubes import CUBES
from services.reporting.domain.selecting import of_lanes
from services.reporting.store import CellsAsked
from shared.contracts import subsidy
from shared.plumbing.store import Db
from tests.reporting.conftest import Counter
from tests.reporting.facts import BEGAN, Programme, Publisher, S, award, worker

Sums = dict[tuple[str, str], int]
LAST_DAY = date(2099, 12, 31)
SUMMED = (*summing.BY_FIRST, *summing.BY_LANE_ONLY, *summing.PERSONS)
COLUMNS = ("lane", "period", "facet_1", "facet_2")


async def known(db: Db, cube: str, known_on: date | None) -> list[tuple[object, ...]]:
    asked = CellsAsked(cube, CUBES[cube].measures, COLUMNS, known_on=known_on)
    return [tuple(row) for row in await store.cells(db, asked, None, 100_000)]


@pytest.mark.parametrize("at_once", [100, sums_store.SUMMED_AT_ONCE])
async def test_cells_as_known_now_are_those_as_known_on_the_last_day(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(sums_store, "SUMMED_AT_ONCE", at_once)
    taken = Programme(5, ("32", "33", "50")).play(400).taken()
    before: dict[str, list[tuple[object, ...]]] = {}
    async with counter.pool.acquire() as db:
        for half in (taken[:200], taken[200:]):
            await counter.carry(half)
            before = {cube: await known(db, cube, LAST_DAY) for cube in CUBES}
            for _ in ("as deltas", "as sums"):
                for cube, cells in before.items():
                    assert await known(db, cube, None) == cells == await known(db, cube, LAST_DAY)
                while await sums_store.sum_up(db) >= at_once:
                    pass
            assert await db.fetchval("SELECT count(*) FROM delta") == 0
        assert sum(len(cells) for cells in before.values()) > 200


async def test_sums_lack_the_newest_day_of_recording_until_a_newer_one_comes(counter: Counter) -> None:
    played = Programme(6, ("32", "33"))
    async with counter.pool.acquire() as db:
        for n in range(4):
            taken = played.play(100 * (n + 1)).taken()[100 * n :]
            await counter.carry(taken)
            assert await sums_store.sum_up(db)
            assert await totals_and_sums(db) == await added_up(
                db, "recorded_day < (SELECT max(recorded_day) FROM cell)"
            )
            played.publisher.clock += timedelta(days=n % 2)  # every second day goes on
        assert await db.fetchval("SELECT count(DISTINCT recorded_day) FROM cell") == 2


async def test_a_day_with_many_cells_is_summed_before_it_is_over_and_what_comes_then_too(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums_store, "OPEN_CELLS_MAX", 300)
    taken = Programme(7, ("32", "33")).play(300).taken()
    async with counter.pool.acquire() as db:
        open_cells = []
        for start in range(0, len(taken), 30):
            await counter.carry(taken[start : start + 30])
            await sums_store.sum_up(db)
            [(cells, summed)] = await db.fetch("SELECT cells, summed FROM open_day")
            open_cells.append(cells)
            assert cells == await db.fetchval("SELECT count(*) FROM cell")
            assert summed == (cells > 300)
            assert await totals_and_sums(db) == await added_up(db, "$1" if summed else "NOT $1", True)
        assert open_cells[0] < 300 < open_cells[-1]


@pytest.mark.parametrize("newest", [date(2026, 3, 10), date(2026, 3, 20), date(2026, 4, 2)])
async def test_the_open_day_counts_once_whatever_day_something_is_known_on(
    counter: Counter, newest: date
) -> None:
    publisher = Publisher()
    async with counter.pool.acquire() as db:
        for day in (date(2026, 3, 8), date(2026, 3, 16), newest):
            publisher.clock = publisher.clock.replace(month=day.month, day=day.day)
            publisher.publish(
                S, "32", subsidy.SUBSIDY_GRANTED, award(str(day), ("migrant",)), subject=worker(day.day)
            )
            await counter.carry(publisher.taken()[-1:])
            await sums_store.sum_up(db)
        assert await db.fetchval("SELECT recorded_day FROM open_day WHERE NOT summed") == max(
            newest, date(2026, 3, 16)
        )
        for known_on in (None, *(date(2026, 3, 7) + timedelta(days=n) for n in range(40))):
            async with store.one_moment(db):
                rows = await store.selected(db, [of_lanes("awards_granted")], known_on)
            granted = await db.fetchval(
                """SELECT coalesce(sum(delta), 0)::bigint FROM cells
                   WHERE cube = 'study' AND measure = 'awards_granted' AND facet_1 = 'any' AND recorded_day <= $1""",
                known_on or LAST_DAY,
            )
            assert sum(row["total"] for row in rows) == granted


async def test_a_late_lanes_day_goes_into_the_sums_at_once(counter: Counter) -> None:
    late, early = Publisher(), Publisher(clock=BEGAN + timedelta(days=3))
    for lane, publisher in (("33", early), ("32", late)):
        publisher.publish(
            S, lane, subsidy.SUBSIDY_GRANTED, award(f"{lane}-1", ("migrant",)), subject=worker(1)
        )
    async with counter.pool.acquire() as db:
        for publisher in (early, late):
            await counter.carry(publisher.taken())
            await sums_store.sum_up(db)
        assert await lanes_of(db, "SELECT DISTINCT lane FROM total WHERE cube = 'flows'") == {"32"}
        assert await lanes_of(db, "SELECT DISTINCT lane FROM totals WHERE cube = 'flows'") == {"32", "33"}


async def lanes_of(db: Db, statement: str) -> set[str]:
    return {row["lane"] for row in await db.fetch(statement)}


async def totals_and_sums(db: Db) -> tuple[Sums, Sums]:
    """(cube, measure) → what `total` holds and, of the cubes that have sums, `lane_sum`: each the same four times."""
    rows = await db.fetch("SELECT cube, measure, sum(delta) FROM total GROUP BY 1, 2")
    of_totals = {(cube, measure): int(total) for cube, measure, total in rows}
    rows = await db.fetch(
        """SELECT cube, measure, min(delta), max(delta), count(*) FROM (
               SELECT cube, measure, sum(delta) AS delta FROM lane_sum GROUP BY cube, measure, span, known = '') s
           GROUP BY 1, 2"""
    )
    assert all(least == most and count == 4 for _, _, least, most, count in rows)
    return of_totals, {(cube, measure): int(total) for cube, measure, total, *_ in rows}


async def added_up(db: Db, where: str, *args: object) -> tuple[Sums, Sums]:
    """The same out of the cells of some days."""
    rows = await db.fetch(f"SELECT cube, measure, sum(delta) FROM cell WHERE {where} GROUP BY 1, 2", *args)  # noqa: S608
    of_totals = {(cube, measure): int(total) for cube, measure, total in rows}
    return of_totals, {key: total for key, total in of_totals.items() if key[0] in SUMMED}
