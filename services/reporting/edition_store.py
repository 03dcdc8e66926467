"""The SQL statements of closed editions: what a period holds, what was recorded later, and the editions themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from asyncpg import Record

from services.reporting.domain.editions import Key, Name
from shared.plumbing.store import Db

LATER_MAX: Final = 10_000
"""At most this many later facts are told one by one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An edition as it is kept."""

    name: Name
    closed_at: datetime
    closed_by: str
    reason: str | None
    document: bytes
    sha256: str
    signature: bytes
    public_key: bytes
    cells: bytes


async def cells(db: Db, cubes: Sequence[str], first: str, last: str) -> dict[Key, int]:
    """Every cell of the cubes whose period lies between two, by its key."""
    rows = await db.fetch(
        """SELECT cube, lane, period, facet_1, facet_2, measure, sum(delta)::bigint FROM cells
           WHERE cube = ANY($1::text[]) AND period BETWEEN $2 AND $3
           GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(delta) <> 0""",
        cubes,
        first,
        last,
    )
    return {tuple(row[:6]): row[6] for row in rows}


async def positions(db: Db) -> dict[str, dict[str, int]]:
    """Up to which number of each topic and lane facts were taken in."""
    found: dict[str, dict[str, int]] = {}
    for stream, lane, seq in await db.fetch(
        "SELECT stream, lane, last_seq FROM cursor WHERE last_seq > 0 ORDER BY stream, lane"
    ):
        found.setdefault(stream, {})[lane] = seq
    return found


async def declared(db: Db, type_: str, first: date, last: date) -> list[Record]:
    """What each province said last of each declaration within the period: completeness as it was measured."""
    return list(
        await db.fetch(
            """SELECT DISTINCT ON (lane, details->>'since', details->>'until', details->>'event_types')
                      lane, (details->>'since')::date AS since, (details->>'until')::date AS until,
                      (details->>'declared')::bigint AS declared, (details->>'received')::bigint AS received,
                      (details->>'difference')::bigint AS difference
               FROM fact WHERE type = $1 AND effective_day BETWEEN $2 AND $3
               ORDER BY lane, details->>'since', details->>'until', details->>'event_types', stream, seq DESC""",
            type_,
            first,
            last,
        )
    )


async def recounted(db: Db, types: Sequence[str], first: date, last: date) -> list[Record]:
    """Facts of some types in the period, and voids of such: how many by lane and type, and their amounts."""
    return list(
        await db.fetch(
            """SELECT lane, type, details->>'voided_type' AS voided_type, count(*) AS facts,
                      coalesce(sum(amount_fen), 0)::bigint AS fen
               FROM fact WHERE effective_day BETWEEN $2 AND $3
                     AND (type = ANY($1::text[]) OR details->>'voided_type' = ANY($1::text[]))
               GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
            types,
            first,
            last,
        )
    )


async def later_facts(
    db: Db,
    since: Mapping[str, Mapping[str, int]],
    until: Mapping[str, Mapping[str, int]],
    first: date,
    last: date,
    fiscal_year: int | None,
) -> list[Record]:
    """Facts that were recorded between two positions and are about a period, in the order of their numbers."""
    places = [(stream, lane, seq) for stream, lanes in until.items() for lane, seq in lanes.items()]
    return list(
        await db.fetch(
            """SELECT f.lane, f.stream, f.seq, f.event_id, f.type, f.details->>'voided_type' AS voided_type,
                      f.effective_day, f.recorded_at, f.reported_by, f.categories, f.track, f.level_before,
                      f.level_after, f.work_province, f.origin_province, f.work_city, f.institution_kind, f.mode,
                      f.employer_sector AS sector, f.employer_code, f.institution_code, f.project_no,
                      f.fiscal_year, f.fund_source, f.funder_level
               FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS at(stream, lane, since, until)
               JOIN fact f ON f.stream = at.stream AND f.lane = at.lane AND f.seq > at.since AND f.seq <= at.until
               WHERE f.effective_day BETWEEN $5 AND $6 OR f.fiscal_year = $7
               ORDER BY f.lane, f.stream, f.seq LIMIT $8""",
            [stream for stream, _, _ in places],
            [lane for _, lane, _ in places],
            [since.get(stream, {}).get(lane, 0) for stream, lane, _ in places],
            [seq for _, _, seq in places],
            first,
            last,
            fiscal_year,
            LATER_MAX,
        )
    )


async def keep(db: Db, edition: Kept) -> bool:
    """Keep a new edition; False where one of its number is there already."""
    return bool(
        await db.fetchval(
            """INSERT INTO edition (period, number, closed_at, closed_by, reason, document, sha256, signature,
                                    public_key, cells)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING true""",
            edition.name.period,
            edition.name.number,
            edition.closed_at,
            edition.closed_by,
            edition.reason,
            edition.document,
            edition.sha256,
            edition.signature,
            edition.public_key,
            edition.cells,
        )
    )


async def kept(db: Db, name: Name, *, with_cells: bool = False) -> Kept | None:
    """An edition, the last one of its period where no number is given; its cells, which are many, only if asked for."""
    row = await db.fetchrow(
        """SELECT period, number, closed_at, closed_by, reason, document, sha256, signature, public_key,
                  CASE WHEN $3 THEN cells ELSE ''::bytea END AS cells
           FROM edition WHERE period = $1 AND ($2::integer IS NULL OR number = $2)
           ORDER BY number DESC LIMIT 1""",
        name.period,
        name.number,
        with_cells,
    )
    return None if row is None else Kept(Name(row[0], row[1]), *row[2:])


async def listed(db: Db, limit: int) -> list[Record]:
    """Editions, the newest period first, and of each the newest number."""
    return list(
        await db.fetch(
            """SELECT period, number, closed_at, reason, sha256 FROM edition
               ORDER BY period DESC, number DESC LIMIT $1""",
            limit,
        )
    )


async def documents(db: Db, period: str) -> list[bytes]:
    """The documents of all editions of a period, oldest first."""
    rows = await db.fetch("SELECT document FROM edition WHERE period = $1 ORDER BY number", period)
    return [row[0] for row in rows]


async def last_closed(db: Db) -> Name | None:
    """The newest month that is closed, in its last edition; a year only where no month is."""
    row = await db.fetchrow(
        "SELECT period, number FROM edition ORDER BY length(period) DESC, period DESC, number DESC LIMIT 1"
    )
    return None if row is None else Name(row[0], row[1])
