"""Every SQL statement about the quality of records, and about reporting beside what its publishers say."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from asyncpg import Record

from shared.contracts.lanes import LANE_CODES
from shared.plumbing.store import Db

RECONCILING_LOCK: Final = 20261128
"""Only one process at a time reconciles."""
TAIL_FACTS_MAX: Final = 1_000_000_000
"""More than any lane has: the limit is there for the planner."""
STATING_LOCK: Final = 20261129
"""Only one process at a time states cells."""


async def newest_days(db: Db) -> list[Record]:
    """The newest day that began on each lane: rows (lane, day). Each day begins before all that is recorded on it."""
    return list(
        await db.fetch(
            """SELECT l AS lane, f.recorded_day AS day FROM unnest($1::text[]) l CROSS JOIN LATERAL (
                   SELECT recorded_day FROM fact WHERE lane = l AND stream = 'enrollment.events'
                   ORDER BY seq DESC LIMIT 1) f""",
            LANE_CODES,
        )
    )


async def records(
    db: Db, measures: Sequence[str], since: date, until: date, known_on: date | None
) -> list[Record]:
    """Verdicts and delays of records within some days: rows (lane of the sender, measure, class of delay, records).

    A void counts on the day on which it was recorded, as all other verdicts do: its own time may be any.
    """
    return list(
        await db.fetch(
            """SELECT facet_1 AS lane, measure, facet_2 AS delay, sum(delta)::bigint AS records FROM cells
               WHERE cube = 'records' AND measure = ANY($1)
                     AND CASE measure WHEN 'voided' THEN recorded_day ELSE period::date END BETWEEN $2 AND $3
                     AND ($4::date IS NULL OR recorded_day <= $4)
               GROUP BY 1, 2, 3""",
            measures,
            since,
            until,
            known_on,
        )
    )


async def last_days(db: Db, until: date, known_on: date | None) -> list[Record]:
    """The last day on which anything of each province was accepted, or counted on its own lane: rows (lane, day)."""
    return list(
        await db.fetch(
            """WITH waiting AS MATERIALIZED (
                   SELECT facet_1 AS lane, max(period) AS period FROM delta
                   WHERE cube = 'records' AND measure IN ('accepted', 'arrived') AND delta > 0 AND period <= $2
                         AND ($3::date IS NULL OR recorded_day <= $3)
                   GROUP BY facet_1)
               SELECT l AS lane, greatest(max(w.period), max(c.period))::date AS day
               FROM unnest($1::text[]) l CROSS JOIN unnest(ARRAY['accepted', 'arrived']) m
               LEFT JOIN waiting w ON w.lane = l
               LEFT JOIN LATERAL (
                   SELECT period FROM cell
                   WHERE cube = 'records' AND measure = m AND facet_1 = l AND lane = l AND delta > 0 AND period <= $2
                         AND ($3::date IS NULL OR recorded_day <= $3)
                   ORDER BY period DESC LIMIT 1) c ON true
               GROUP BY l HAVING greatest(max(w.period), max(c.period)) IS NOT NULL""",
            LANE_CODES,
            until.isoformat(),
            known_on,
        )
    )


async def declared(db: Db, since: date, until: date, known_on: date | None) -> list[Record]:
    """What provinces declared for periods that end within some days, as it was measured last: rows (lane, details)."""
    return list(
        await db.fetch(
            """SELECT DISTINCT ON (lane, details->>'since', effective_day, details->>'event_types') lane, details
               FROM fact WHERE type = 'dreams.completeness.measured.v1' AND effective_day BETWEEN $1 AND $2
                               AND ($3::date IS NULL OR recorded_day <= $3)
               ORDER BY lane, details->>'since', effective_day, details->>'event_types', seq DESC""",
            since,
            until,
            known_on,
        )
    )


# ---------------------------------------------------------------- reconciliation


async def try_to_be_the_one(db: Db) -> bool:
    """Within a transaction: whether no other process reconciles now."""
    return bool(await db.fetchval("SELECT pg_try_advisory_xact_lock($1)", RECONCILING_LOCK))


async def newest_facts(db: Db) -> dict[str, datetime]:
    """Lane → when its newest fact was recorded."""
    rows = await db.fetch(
        """SELECT c.lane, max(f.recorded_at) AS at FROM cursor c CROSS JOIN LATERAL (
               SELECT recorded_at FROM fact WHERE lane = c.lane AND stream = c.stream
               ORDER BY seq DESC LIMIT 1) f GROUP BY c.lane"""
    )
    return {row["lane"]: row["at"] for row in rows}


async def begun_days(db: Db) -> dict[str, date]:
    """Lane → the newest day that its facts say has begun."""
    rows = await db.fetch(
        """SELECT l AS lane, f.effective_day AS day FROM unnest($1::text[]) l CROSS JOIN LATERAL (
               SELECT effective_day FROM fact WHERE type = 'dreams.day.began.v1' AND lane = l
               ORDER BY seq DESC LIMIT 1) f""",
        LANE_CODES,
    )
    return {row["lane"]: row["day"] for row in rows}


async def cursors(db: Db) -> list[Record]:
    """Where each lane stands: rows (lane, stopped, waits), one for each stream."""
    return list(
        await db.fetch(
            """SELECT lane, stopped IS NOT NULL AS stopped, waiting_since IS NOT NULL AS waits
               FROM cursor ORDER BY lane, stream"""
        )
    )


async def ledger_statements(db: Db) -> list[Record]:
    """What the ledger of each lane said last that it holds: rows (lane, seq, day, details)."""
    return list(
        await db.fetch(
            """SELECT f.* FROM unnest($1::text[]) l CROSS JOIN LATERAL (
                   SELECT lane, seq, effective_day AS day, details FROM fact
                   WHERE type = 'dreams.ledger.totalled.v1' AND lane = l ORDER BY seq DESC LIMIT 1) f""",
            LANE_CODES,
        )
    )


async def verdict_days(db: Db) -> list[Record]:
    """Accepted and taken-in records of each province by day: rows (lane of the sender, measure, day, records)."""
    return list(
        await db.fetch(
            """SELECT facet_1 AS lane, measure, period::date AS day, sum(delta)::bigint AS records FROM cells
               WHERE cube = 'records' AND measure IN ('accepted', 'taken_in') GROUP BY 1, 2, 3"""
        )
    )


async def money_cells(db: Db, cube: str, measures: Sequence[str], lane: str | None) -> list[Record]:
    """What moved of each budget: rows (lane, fiscal_year, fund_source, measure, total); of the cube money or flows."""
    return list(
        await db.fetch(
            """SELECT lane, CASE cube WHEN 'money' THEN period ELSE facet_1 END AS fiscal_year,
                      CASE cube WHEN 'money' THEN facet_1 ELSE facet_2 END AS fund_source, measure,
                      sum(delta)::bigint AS total
               FROM cells WHERE cube = $1 AND measure = ANY($2) AND ($3::text IS NULL OR lane = $3)
               GROUP BY 1, 2, 3, 4 HAVING sum(delta) <> 0""",
            cube,
            measures,
            lane,
        )
    )


async def moved(db: Db, types: Sequence[str], after: Mapping[str, int], stream: str) -> list[Record]:
    """Amounts of facts of a stream behind a number on each lane, added up: rows as `reconciliation.Moved`.

    In the order of their numbers, so that the key is used: behind the number there are few, in the table millions.
    """
    return list(
        await db.fetch(
            """SELECT f.lane, coalesce(details->>'voided_type', type), coalesce(details ? 'taken_away', false),
                      state_before, fiscal_year, fund_source, (details->>'from_fiscal_year')::integer,
                      coalesce(sum(amount_fen), 0)::bigint,
                      coalesce(sum((details->>'paid_fen')::bigint), 0)::bigint,
                      coalesce(sum((details->>'returned_fen')::bigint), 0)::bigint,
                      coalesce(sum((details->>'clawed_back_fen')::bigint), 0)::bigint
               FROM unnest($2::text[], $3::bigint[]) AS a(lane, seq) CROSS JOIN LATERAL (
                   SELECT * FROM fact WHERE lane = a.lane AND stream = $4 AND seq > a.seq ORDER BY seq LIMIT $5) f
               WHERE type = ANY($1) OR (details ? 'taken_away' AND details->>'voided_type' = ANY($1))
               GROUP BY 1, 2, 3, 4, 5, 6, 7""",
            types,
            list(after),
            list(after.values()),
            stream,
            TAIL_FACTS_MAX,
        )
    )


async def happened(db: Db, types: Sequence[str], lane: str) -> list[Record]:
    """Facts of a lane by type, month, category and track: rows as `reconciliation.Happened`."""
    return list(
        await db.fetch(
            """SELECT coalesce(details->>'voided_type', type), coalesce(details ? 'taken_away', false),
                      to_char(effective_day, 'YYYY-MM'), category, track, count(*)
               FROM fact CROSS JOIN LATERAL unnest(coalesce(categories, ARRAY[]::text[]) || 'any'::text) category
               WHERE lane = $2 AND (type = ANY($1) OR (details ? 'taken_away' AND details->>'voided_type' = ANY($1)))
               GROUP BY 1, 2, 3, 4, 5""",
            types,
            lane,
        )
    )


async def study_cells(db: Db, measures: Sequence[str], lane: str) -> list[Record]:
    """Cells of the cube of study on a lane: rows (month, category, track, measure, total)."""
    return list(
        await db.fetch(
            """SELECT period, facet_1, facet_2, measure, sum(delta)::bigint FROM cells
               WHERE cube = 'study' AND measure = ANY($1) AND lane = $2
               GROUP BY 1, 2, 3, 4 HAVING sum(delta) <> 0""",
            measures,
            lane,
        )
    )


async def sums(db: Db, measures: Sequence[str], lane: str) -> list[Record]:
    """The sums of a lane that the page shows: rows (measure, total)."""
    return list(
        await db.fetch(
            """SELECT measure, total FROM standing
               WHERE scope = 'lane' AND lane = $2 AND measure = ANY($1) AND total <> 0""",
            measures,
            lane,
        )
    )


async def rows_and_numbers(db: Db, lane: str) -> list[Record]:
    """How many facts of a lane are kept, and how many were taken in by their numbers: rows (stream, kept, taken)."""
    return list(
        await db.fetch(
            """SELECT c.stream, (SELECT count(*) FROM fact f WHERE f.lane = c.lane AND f.stream = c.stream) AS kept,
                      c.last_seq AS taken
               FROM cursor c WHERE c.lane = $1 ORDER BY c.stream""",
            lane,
        )
    )


async def keep_found(db: Db, found: Sequence[tuple[Any, ...]]) -> None:
    """Keep how comparisons came out, the last for each lane and kind: rows as `reconciliation.Found`, and seen_at."""
    await db.executemany(
        """INSERT INTO reconciliation (lane, kind, state, expected, found, differences, about, seen_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (lane, kind) DO UPDATE SET state = excluded.state, expected = excluded.expected,
               found = excluded.found, differences = excluded.differences, about = excluded.about,
               seen_at = excluded.seen_at""",
        found,
    )


async def reconciled(db: Db) -> list[Record]:
    """How the last comparisons came out, by lane and kind."""
    return list(
        await db.fetch(
            """SELECT lane, kind, state, expected, found, differences, about, seen_at FROM reconciliation
               ORDER BY lane, kind"""
        )
    )


# ---------------------------------------------------------------- states of cells


async def are_stated(db: Db) -> bool:
    """Whether all cells have been stated since they were counted anew."""
    return bool(await db.fetchval("SELECT EXISTS (SELECT FROM stated)"))


async def lanes_to_state(db: Db, stream: str) -> list[Record]:
    """Lanes with changes that are not stated yet, those with most first: rows (lane, stated_seq, seq)."""
    return list(
        await db.fetch(
            """SELECT o.lane, coalesce(s.seq, 0) AS stated_seq, o.seq FROM outbound o LEFT JOIN stated s USING (lane)
               WHERE o.stream = $1 AND o.seq > coalesce(s.seq, 0)
               ORDER BY o.seq - coalesce(s.seq, 0) DESC, o.lane""",
            stream,
        )
    )


async def published_changes(db: Db, stream: str) -> dict[str, int]:
    """Lane → number of the last change that was recorded there."""
    rows = await db.fetch("SELECT lane, seq FROM outbound WHERE stream = $1", stream)
    return {row["lane"]: row["seq"] for row in rows}


async def states(db: Db, cells: Sequence[tuple[str, ...]]) -> list[Record]:
    """How cells stand: rows (cube, lane, period, facet_1, facet_2, measure, total). Within a transaction.

    What is summed is found by its key. What waits has no index: once through it, not once for each cell.
    """
    await db.execute("SELECT set_config('enable_hashjoin', 'on', true)")
    return list(
        await db.fetch(
            """WITH n AS MATERIALIZED (
                   SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                       AS n(cube, lane, period, facet_1, facet_2, measure)),
               parts AS (
                   SELECT n.*, coalesce(kept.delta, 0) AS delta FROM n LEFT JOIN LATERAL (
                       SELECT delta FROM total t
                       WHERE t.cube = n.cube AND t.measure = n.measure AND t.facet_1 = n.facet_1 AND t.lane = n.lane
                             AND t.period = n.period AND t.facet_2 = n.facet_2 LIMIT 1) kept ON true
                   UNION ALL
                   SELECT n.*, c.delta FROM open_day o CROSS JOIN n JOIN cell c
                       ON c.cube = n.cube AND c.measure = n.measure AND c.facet_1 = n.facet_1
                          AND c.recorded_day = o.recorded_day AND c.lane = n.lane AND c.period = n.period
                          AND c.facet_2 = n.facet_2
                   WHERE NOT o.summed
                   UNION ALL
                   SELECT n.*, delta FROM n JOIN delta USING (cube, lane, period, facet_1, facet_2, measure))
               SELECT cube, lane, period, facet_1, facet_2, measure, sum(delta)::bigint AS total
               FROM parts GROUP BY 1, 2, 3, 4, 5, 6""",
            *(list(column) for column in zip(*cells, strict=True)),
        )
    )


async def national_states(db: Db, cells: Sequence[tuple[str, ...]]) -> list[Record]:
    """The same of the nation's own cells, whichever lanes have written them: their sum over lanes is kept."""
    await db.execute("SELECT set_config('enable_hashjoin', 'on', true)")
    return list(
        await db.fetch(
            """WITH n AS MATERIALIZED (
                   SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                       AS n(cube, lane, period, facet_1, facet_2, measure)),
               parts AS (
                   SELECT n.*, coalesce(kept.delta, 0) AS delta FROM n LEFT JOIN LATERAL (
                       SELECT delta FROM lane_sum s
                       WHERE s.cube = n.cube AND s.measure = n.measure AND s.facet_1 = n.facet_1
                             AND s.facet_2 = n.facet_2 AND s.span = 'period' AND s.known = ''
                             AND s.period = n.period AND s.lane = '' LIMIT 1) kept ON true
                   UNION ALL
                   SELECT n.*, c.delta FROM open_day o CROSS JOIN n JOIN cell c
                       ON c.cube = n.cube AND c.measure = n.measure AND c.facet_1 = n.facet_1
                          AND c.recorded_day = o.recorded_day AND c.period = n.period AND c.facet_2 = n.facet_2
                   WHERE NOT o.summed
                   UNION ALL
                   SELECT n.*, d.delta FROM n JOIN delta d USING (cube, period, facet_1, facet_2, measure))
               SELECT cube, lane, period, facet_1, facet_2, measure, sum(delta)::bigint AS total
               FROM parts GROUP BY 1, 2, 3, 4, 5, 6""",
            *(list(column) for column in zip(*cells, strict=True)),
        )
    )


async def waiting_cells(db: Db) -> list[Record]:
    """The names of cells to which something is added that is not in `total` yet: rows as `changes.CellId`."""
    return list(
        await db.fetch(
            """SELECT cube, lane, period, facet_1, facet_2, measure FROM delta
               UNION SELECT cube, lane, period, facet_1, facet_2, measure FROM cell
                     WHERE recorded_day = (SELECT recorded_day FROM open_day WHERE NOT summed)"""
        )
    )


async def kept_cells(db: Db, after: tuple[str, ...] | None, limit: int) -> list[Record]:
    """The names of summed cells in the order of their key, behind one of them, so many at a time."""
    return list(
        await db.fetch(
            """SELECT cube, measure, facet_1, lane, period, facet_2 FROM total
               WHERE $1::text[] IS NULL
                     OR (cube, measure, facet_1, lane, period, facet_2) > ($1[1], $1[2], $1[3], $1[4], $1[5], $1[6])
               ORDER BY cube, measure, facet_1, lane, period, facet_2 LIMIT $2""",
            after,
            limit,
        )
    )


async def move_states(db: Db, upto: Mapping[str, int]) -> None:
    """All cells that changes up to these numbers have touched are stated."""
    await db.execute(
        """INSERT INTO stated (lane, seq) SELECT * FROM unnest($1::text[], $2::bigint[])
           ON CONFLICT (lane) DO UPDATE SET seq = greatest(stated.seq, excluded.seq)""",
        list(upto),
        list(upto.values()),
    )
