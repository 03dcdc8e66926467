"""What is kept summed up is what the cells add up to: as known now, in every cube, however it was summed up."""

from datetime import date

import pytest

from services.reporting import store
from services.reporting.domain import summing
from services.reporting.domain.cubes import CUBES
from services.reporting.store import CellsAsked
from shared.plumbing.store import Db
from tests.reporting.conftest import Counter
from tests.reporting.facts import Programme

LAST_DAY = date(2099, 12, 31)
SUMMED = (*summing.BY_FIRST, *summing.BY_LANE_ONLY, *summing.PERSONS)
COLUMNS = ("lane", "period", "facet_1", "facet_2")


async def known(db: Db, cube: str, known_on: date | None) -> list[tuple[object, ...]]:
    asked = CellsAsked(cube, CUBES[cube].measures, COLUMNS, known_on=known_on)
    return [tuple(row) for row in await store.cells(db, asked, None, 100_000)]


@pytest.mark.parametrize("at_once", [100, store.SUMMED_AT_ONCE])
async def test_cells_as_known_now_are_those_as_known_on_the_last_day(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(store, "SUMMED_AT_ONCE", at_once)
    taken = Programme(5, ("32", "33", "50")).play(400).taken()
    before: dict[str, list[tuple[object, ...]]] = {}
    async with counter.pool.acquire() as db:
        for half in (taken[:200], taken[200:]):
            await counter.carry(half)
            before = {cube: await known(db, cube, LAST_DAY) for cube in CUBES}
            for _ in ("as deltas", "as sums"):
                for cube, cells in before.items():
                    assert await known(db, cube, None) == cells == await known(db, cube, LAST_DAY)
                while await store.sum_up(db) >= at_once:
                    pass
            assert await db.fetchval("SELECT count(*) FROM delta") == 0
        assert sum(len(cells) for cells in before.values()) > 200


async def test_the_sums_of_lanes_are_those_of_the_cells(counter: Counter) -> None:
    await counter.carry(Programme(6, ("32", "33")).play(300).taken())
    async with counter.pool.acquire() as db:
        await store.sum_up(db)
        kept = await db.fetch(
            "SELECT cube, measure, span, known = '' AS now, sum(delta) FROM lane_sum GROUP BY 1, 2, 3, 4"
        )
        of_cells = await db.fetch("SELECT cube, measure, sum(delta) FROM cell GROUP BY 1, 2")
    sums = {(cube, measure): total for cube, measure, total in of_cells if cube in SUMMED}
    assert {(cube, measure) for cube, measure, *_ in kept} == set(sums)
    assert len(kept) == 4 * len(sums)
    for cube, measure, _, _, total in kept:
        assert total == sums[cube, measure]
