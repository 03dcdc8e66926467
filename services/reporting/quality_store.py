"""Every SQL statement about the quality of records."""

from collections.abc import Sequence
from datetime import date

from asyncpg import Record

from shared.contracts.lanes import LANE_CODES
from shared.plumbing.store import Db


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
