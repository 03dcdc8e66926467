"""Sum up what batches have added: into cells, and into the sums that are kept of them."""

from typing import Final

from shared.plumbing.store import Db

SUMMED_AT_ONCE: Final = 50_000
"""At most so many deltas are summed in one transaction: it must end in time, also while a history is taken in."""
OPEN_CELLS_MAX: Final = 100_000
"""With more cells the open day is summed before it is over: all that read sums read its cells beside them."""
SUMMING_MEMORY: Final = "32MB"
SUMMING_LOCK: Final = 20261127
"""Only one process at a time sums deltas up."""

# How the two tables of sums are summed out of `kept`: domain/summing.py says what is asked of them.
_KEEP: Final = """
        totals AS (
            INSERT INTO total (cube, measure, facet_1, lane, period, facet_2, delta)
            SELECT cube, measure, facet_1, lane, period, facet_2, sum(delta)
            FROM kept GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
            ON CONFLICT (cube, measure, facet_1, lane, period, facet_2)
            DO UPDATE SET delta = total.delta + excluded.delta),
        by_month AS (
            SELECT cube, measure, CASE WHEN cube IN ('flows', 'records') THEN '' ELSE facet_1 END AS facet_1,
                   CASE WHEN cube IN ('persons', 'persons_nation') THEN facet_2 ELSE '' END AS facet_2,
                   CASE cube WHEN 'persons_nation' THEN '' ELSE lane END AS lane, period,
                   to_char(recorded_day, 'YYYY-MM') AS known, sum(delta) AS delta
            FROM kept WHERE cube IN ('study', 'providers', 'flows', 'records', 'persons', 'persons_nation')
            GROUP BY 1, 2, 3, 4, 5, 6, 7),
        lane_sums AS (
            INSERT INTO lane_sum (cube, measure, facet_1, facet_2, span, known, lane, period, delta)
            SELECT cube, measure, facet_1, facet_2, span, CASE WHEN of_one_month THEN known ELSE '' END, lane,
                   CASE span WHEN 'year' THEN left(period, 4) ELSE period END, sum(delta)
            FROM by_month, (VALUES (true), (false)) k (of_one_month), (VALUES ('period'), ('year')) s (span)
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 8, 7
            ON CONFLICT (cube, measure, facet_1, facet_2, span, known, period, lane)
            DO UPDATE SET delta = lane_sum.delta + excluded.delta)"""

_SUM_UP: Final = f"""WITH taken AS (
            DELETE FROM delta WHERE ctid = ANY(ARRAY(SELECT ctid FROM delta LIMIT $1)) RETURNING *),
        summed AS (
            SELECT cube, lane, period, facet_1, facet_2, measure, recorded_day, sum(delta) AS delta
            FROM taken GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(delta) <> 0),
        cells AS (
            INSERT INTO cell (cube, lane, period, facet_1, facet_2, measure, recorded_day, delta)
            SELECT * FROM summed ORDER BY cube, measure, facet_1, recorded_day, lane, period, facet_2
            ON CONFLICT (cube, measure, facet_1, recorded_day, lane, period, facet_2)
            DO UPDATE SET delta = cell.delta + excluded.delta
            RETURNING new.recorded_day, old.delta IS NULL AS is_new),
        grown AS (
            UPDATE open_day o SET cells = o.cells + (SELECT count(*) FROM cells c
                                                     WHERE c.is_new AND c.recorded_day = o.recorded_day)),
        kept AS (
            SELECT * FROM summed WHERE recorded_day IS DISTINCT FROM
                (SELECT recorded_day FROM open_day WHERE NOT summed)),
        {_KEEP}
    SELECT count(*) FROM taken"""  # noqa: S608 - a constant

_SUM_OPEN_DAY: Final = f"""WITH kept AS (
            SELECT cell.* FROM cell WHERE recorded_day = (SELECT recorded_day FROM open_day)),
        {_KEEP}
    UPDATE open_day SET summed = true"""  # noqa: S608 - a constant


async def sum_up(db: Db, *, in_turn: bool = False, at_once: int = SUMMED_AT_ONCE) -> int:
    """Sum what batches have added into cells and sums, if no other process does; how many deltas it was.

    With `in_turn` it waits until no other does. `at_once` of them say that more wait. Into sums go all days of
    recording but the newest, the open one, of which most is still to come; that one too once its cells are many.
    """
    async with db.transaction():
        if in_turn:
            await db.execute("SELECT pg_advisory_xact_lock($1)", SUMMING_LOCK)
        elif not await db.fetchval("SELECT pg_try_advisory_xact_lock($1)", SUMMING_LOCK):
            return 0
        await db.execute("SELECT set_config('work_mem', $1, true)", SUMMING_MEMORY)
        await _open_newest_day(db)
        taken = int(await db.fetchval(_SUM_UP, at_once))
        if await db.fetchval("SELECT cells > $1 AND NOT summed FROM open_day", OPEN_CELLS_MAX):
            await db.execute(_SUM_OPEN_DAY)
        return taken


async def _open_newest_day(db: Db) -> None:
    """Where deltas of a newer day wait it is opened, and the one before it summed."""
    newest = await db.fetchval("SELECT max(recorded_day) FROM delta")
    open_day = await db.fetchrow("SELECT recorded_day, summed FROM open_day")
    if newest is None or (open_day and newest <= open_day["recorded_day"]):
        return
    if open_day and not open_day["summed"]:
        await db.execute(_SUM_OPEN_DAY)
    await db.execute("DELETE FROM open_day")
    await db.execute("INSERT INTO open_day (recorded_day) VALUES ($1)", newest)


async def more_wait(db: Db, deltas: int) -> bool:
    """Whether more than so many deltas wait to be summed up."""
    return bool(await db.fetchval("SELECT EXISTS (SELECT FROM delta OFFSET $1)", deltas))
