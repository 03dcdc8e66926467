"""Every SQL statement of reporting: facts appended, deltas added, numbers read; a fixed number a batch."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import orjson
from asyncpg import Pool, Record
from asyncpg.transaction import Transaction

from services.reporting.domain import summing
from services.reporting.domain.tally import FACT_COLUMNS, CellKey, Counted, Sums
from services.reporting.domain.targets import Selection
from shared.contracts.lanes import LANE_CODES, NATION
from shared.contracts.provinces import EVENT_VOIDED, TARGET_SET
from shared.plumbing.store import Db

CHANGED_CHANNEL: Final = "reporting_changed"
PAGE_MAX: Final = 1_000
CHAIN_MAX: Final = 500
"""At most this many facts of one chain of causes are shown."""
DUMP_PREFETCH_ROWS: Final = 2_000
TEMPO_KEPT: Final = "2 days"
TEMPO_DRAWN: Final = timedelta(hours=1)
"""The last minutes that anybody draws: of a batch out of the past none that lie further back are written."""
ALL_CELLS_TIMEOUT: Final = "10min"
"""Ten million rows are put in order in half of it."""
ALL_CELLS_MEMORY: Final = "64MB"
SEARCH_BESIDE: Final = "search_path=rebuilt,public"
SWITCH_LOCK_TIMEOUT: Final = "2s"


@dataclass(frozen=True, slots=True)
class CellsAsked:
    """Which cells: of one cube, where its dimensions stand still, which of them are kept, as of when."""

    cube: str
    measures: Sequence[str]
    kept: Sequence[str]
    """Columns that are kept; all others are summed over."""
    facet_1: Sequence[str] | None = None
    lanes: Sequence[str] | None = None
    facet_2: Sequence[str] | None = None
    since: str | None = None
    """First period."""
    until: str | None = None
    """Last period: as of."""
    known_on: date | None = None
    """Last recorded day: as known on."""


async def keep_persons(db: Db, persons: Mapping[str, Sequence[str]]) -> list[Record]:
    """Add to what persons hold: rows (before, after) of all their entries; none before for one who is new.

    Persons are shared with other lanes, so sorted by key; whoever comes second sees what the first has added.
    """
    if not persons:
        return []
    return list(
        await db.fetch(
            """INSERT INTO person (worker_ref, entries)
               SELECT r->>0, string_to_array(r->>1, ' ') FROM jsonb_array_elements($1::jsonb) r ORDER BY 1
               ON CONFLICT (worker_ref) DO UPDATE SET entries = person.entries || excluded.entries
               RETURNING old.entries AS before, new.entries AS after""",
            orjson.dumps([(ref, " ".join(entries)) for ref, entries in persons.items()]).decode(),
        )
    )


async def save(db: Db, counted: Counted, lane: str) -> None:
    """Write what a batch came to; `lane` is one of the batch's and signs the national sums.

    Cells and sums belong to the batch's own lanes: no other batch wants them.
    """
    await db.copy_records_to_table("fact", records=counted.rows, columns=FACT_COLUMNS)
    await _add_deltas(db, counted.cells)
    if counted.tempo:
        await _add_tempo(db, counted.tempo)
    standing = {("lane", *key): total for key, total in counted.standing.items()}
    nation = {("nation", lane, measure): total for measure, total in counted.nation.items()}
    await _add_standing(db, standing | nation)


async def _add_deltas(db: Db, cells: Mapping[CellKey, int]) -> None:
    """Append to the deltas; as JSON, COPY costs Python more for each; `json` would be read anew for each field."""
    await db.execute(
        """INSERT INTO delta (cube, lane, period, facet_1, facet_2, measure, recorded_day, delta)
           SELECT r->>0, r->>1, r->>2, r->>3, r->>4, r->>5, (r->>6)::date, (r->>7)::bigint
           FROM jsonb_array_elements($1::jsonb) r""",
        _rows(cells),
    )


async def _add_tempo(db: Db, tempo: Mapping[datetime, Sums]) -> None:
    """Add to what happened in the last minutes."""
    drawn_since = max(tempo) - TEMPO_DRAWN
    minutes = {
        (minute, *key): change
        for minute, sums in tempo.items()
        if minute > drawn_since
        for key, change in sums.items()
    }
    await db.execute(
        """INSERT INTO tempo (minute, lane, measure, delta)
           SELECT (r->>0)::timestamptz, r->>1, r->>2, (r->>3)::bigint
           FROM jsonb_array_elements($1::jsonb) r ORDER BY 1, 2, 3
           ON CONFLICT (minute, lane, measure) DO UPDATE SET delta = tempo.delta + excluded.delta""",
        _rows(minutes),
    )


async def _add_standing(db: Db, standing: Mapping[tuple[str, str, str], int]) -> None:
    """Add to the sums (scope, lane, measure), and say that numbers have changed when this commits."""
    await db.execute(
        """WITH added AS (
               INSERT INTO standing (scope, lane, measure, total)
               SELECT r->>0, r->>1, r->>2, (r->>3)::bigint FROM jsonb_array_elements($1::jsonb) r ORDER BY 1, 2, 3
               ON CONFLICT (scope, lane, measure) DO UPDATE SET total = standing.total + excluded.total)
           SELECT pg_notify($2, '')""",
        _rows(standing),
        CHANGED_CHANNEL,
    )


def _rows(deltas: Mapping[Any, int]) -> str:
    return orjson.dumps([(*key, delta) for key, delta in deltas.items() if delta]).decode()


# ---------------------------------------------------------------- numbers as they stand


def one_moment(db: Db) -> Transaction:
    """A transaction that reads all its statements as of one moment."""
    return db.transaction(isolation="repeatable_read", readonly=True)


async def standing(db: Db) -> list[Record]:
    """All sums: rows (scope, lane, measure, total)."""
    return list(await db.fetch("SELECT scope, lane, measure, total FROM standing"))


async def latest(db: Db, lanes: Sequence[str], types: Sequence[str], per_lane: int) -> list[Record]:
    """The last facts of `lanes`, newest first; only of `types`, looked for among each lane's last few."""
    return list(
        await db.fetch(
            """SELECT f.lane, f.stream, f.seq, f.type, f.recorded_at, f.amount_fen
               FROM unnest($1::text[]) l CROSS JOIN unnest(ARRAY['enrollment.events', 'subsidy.events']) s
               CROSS JOIN LATERAL (
                   SELECT lane, stream, seq, type, recorded_at, amount_fen FROM fact
                   WHERE lane = l AND stream = s ORDER BY seq DESC LIMIT $3) f
               WHERE f.type = ANY($2) ORDER BY f.recorded_at DESC, f.lane, f.stream, f.seq DESC""",
            lanes,
            types,
            per_lane,
        )
    )


async def targets_set(db: Db, known_on: date | None) -> list[Record]:
    """Targets that the nation has set by the end of a day: rows (event_id, causation_id, recorded_at, said)."""
    return list(
        await db.fetch(
            """SELECT event_id, causation_id, recorded_at, details::text FROM fact
               WHERE lane = $1 AND type = $2 AND recorded_day <= $3 ORDER BY seq""",
            NATION,
            TARGET_SET,
            known_on or date.max,
        )
    )


async def taken_in(db: Db) -> Record:
    """How many facts were taken in, on which day the first of them was recorded, and when the last."""
    row = await db.fetchrow(
        """SELECT (SELECT coalesce(sum(last_seq), 0)::bigint FROM cursor) AS facts,
                  (SELECT min(f.recorded_day) FROM cursor c CROSS JOIN LATERAL (
                       SELECT recorded_day FROM fact WHERE lane = c.lane AND stream = c.stream
                       ORDER BY seq LIMIT 1) f) AS began,
                  (SELECT max(f.recorded_at) FROM cursor c CROSS JOIN LATERAL (
                       SELECT recorded_at FROM fact WHERE lane = c.lane AND stream = c.stream
                       ORDER BY seq DESC LIMIT 1) f) AS recorded_at,
                  clock_timestamp() AS now"""
    )
    assert row is not None
    return row


async def standing_still(db: Db) -> list[Record]:
    """Lanes whose numbers do not move on: rows (lane, stopped, waiting_since), once for each stream."""
    return list(
        await db.fetch(
            """SELECT lane, bool_or(stopped IS NOT NULL) AS stopped,
                      min(coalesce(stopped_at, waiting_since)) AS since
               FROM cursor WHERE stopped IS NOT NULL OR waiting_since IS NOT NULL
               GROUP BY lane ORDER BY lane"""
        )
    )


async def by_month(db: Db, lane: str | None, measures: Sequence[str]) -> list[Record]:
    """Rows (period, measure, total) of the study cube by effective month."""
    return list(
        await db.fetch(
            """SELECT period, measure, sum(delta)::bigint AS total FROM totals
               WHERE cube = 'study' AND facet_1 = 'any' AND measure = ANY($2)
                     AND lane = ANY(CASE WHEN $1::text IS NULL THEN $3::text[] ELSE ARRAY[$1] END)
               GROUP BY period, measure ORDER BY period, measure""",
            lane,
            measures,
            LANE_CODES,
        )
    )


async def by_minute(db: Db, lane: str | None, measures: Sequence[str], minutes: int) -> list[Record]:
    """Rows (minute, measure, total) recorded in the last minutes before the newest one."""
    return list(
        await db.fetch(
            """SELECT minute, measure, sum(delta)::bigint AS total FROM tempo
               WHERE minute > (SELECT max(minute) FROM tempo) - make_interval(mins => $3)
                     AND measure = ANY($2) AND ($1::text IS NULL OR lane = $1)
               GROUP BY minute, measure ORDER BY minute, measure""",
            lane,
            measures,
            minutes,
        )
    )


async def forget_tempo(db: Db) -> None:
    """Delete minutes that nobody draws any more."""
    await db.execute(
        "DELETE FROM tempo WHERE minute < (SELECT max(minute) FROM tempo) - $1::text::interval", TEMPO_KEPT
    )


# ---------------------------------------------------------------- for officials and operators


async def version(db: Db) -> int:
    """Changes with every fact that is taken in, and with nothing else."""
    return int(await db.fetchval("SELECT coalesce(sum(last_seq), 0)::bigint FROM cursor"))


_CELLS: Final = """SELECT * FROM (
        SELECT CASE WHEN 'lane' = ANY($3::text[]) THEN lane ELSE '' END AS lane,
               CASE WHEN 'period' = ANY($3) THEN period ELSE '' END AS period,
               CASE WHEN 'facet_1' = ANY($3) THEN facet_1 ELSE '' END AS facet_1,
               CASE WHEN 'facet_2' = ANY($3) THEN facet_2 ELSE '' END AS facet_2,
               measure, sum(delta)::bigint AS total
        FROM (SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM cells WHERE recorded_day <= $9::date
              UNION ALL SELECT cube, lane, period, facet_1, facet_2, measure, delta FROM totals
                        WHERE $9::date IS NULL) known
        WHERE cube = $1 AND measure = ANY($2::text[]) AND ($4::text[] IS NULL OR facet_1 = ANY($4))
              AND ($5::text[] IS NULL OR lane = ANY($5)) AND ($6::text[] IS NULL OR facet_2 = ANY($6))
              AND ($7::text IS NULL OR period >= $7) AND ($8::text IS NULL OR period <= $8)
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(delta) <> 0) summed
    WHERE $10::text[] IS NULL
          OR (lane, period, facet_1, facet_2, measure) > ($10[1], $10[2], $10[3], $10[4], $10[5])
    ORDER BY lane, period, facet_1, facet_2, measure LIMIT $11"""


async def cells(db: Db, asked: CellsAsked, after: Sequence[str] | None, limit: int) -> list[Record]:
    """Cells of one cube, summed over all dimensions that are not kept, in the order of their key, a page at a time."""
    return list(await db.fetch(_CELLS, *astuple(asked), after, limit))


async def all_cells(db: Db, asked: CellsAsked, rows: int) -> AsyncIterator[list[Record]]:
    """The same without end, so many rows at a time: however many there are, little memory. Within a transaction.

    All are read, and put in order, before the first comes.
    """
    await db.execute(
        """SELECT set_config('statement_timeout', $1, true), set_config('work_mem', $2, true),
                  set_config('enable_seqscan', 'on', true)""",
        ALL_CELLS_TIMEOUT,
        ALL_CELLS_MEMORY,
    )
    cursor = await db.cursor(_CELLS, *astuple(asked), None, None)
    while some := await cursor.fetch(rows):
        yield some


async def selected(
    db: Db, selections: Sequence[Selection], known_on: date | None, *, whole: bool = False
) -> list[Record]:
    """What each selection of cells adds up to: rows (place, lane, period, total), in no order; `place` counts from 1.

    With `whole` over all of its periods: `period` is empty, and fewer rows are read. The nation's persons have no lane.
    """
    # Deltas have no index: once through them, not once for each selection. And some ten thousand rows, which nobody can
    # foresee, come to a few hundred sums: sorting them would take longer than reading them.
    await db.execute(
        "SELECT set_config('enable_hashjoin', 'on', true), set_config('enable_sort', 'off', true)"
    )
    months = await _recorded_months(db, summing.key(selections)) if known_on else ()
    recorded = summing.recorded(known_on, *months)
    sums = summing.kept(selections, recorded, whole=whole)
    cells = summing.rows(selections, recorded, known_on)
    return list(
        await db.fetch(
            _SELECTED,
            *_columns(summing.Kept, sums),
            *_columns(summing.Rows, cells),
            known_on or date.max,
            whole,
        )
    )


async def _recorded_months(db: Db, key: tuple[str, str, str, str] | None) -> tuple[str | None, str | None]:
    """The first and the newest month of recording among the sums of one measure: two looks into an index."""
    if key is None:
        return None, None
    row = await db.fetchrow(
        """SELECT (SELECT known FROM lane_sum WHERE cube = $1 AND measure = $2 AND facet_1 = $3 AND facet_2 = $4
                          AND span = 'year' AND known > '' ORDER BY known LIMIT 1),
                  (SELECT known FROM lane_sum WHERE cube = $1 AND measure = $2 AND facet_1 = $3 AND facet_2 = $4
                          AND span = 'year' AND known > '' ORDER BY known DESC LIMIT 1)""",
        *key,
    )
    assert row is not None
    return row[0], row[1]


# A facet that is not asked for is still a range of the key, up to behind the last character there is.
_SELECTED: Final = """WITH o AS MATERIALIZED (SELECT recorded_day FROM open_day WHERE NOT summed)
    SELECT place, lane, CASE WHEN $26 THEN '' ELSE period END AS period, sum(delta)::bigint AS total
    FROM (
        SELECT s.place, l.lane, l.period, s.sign * l.delta AS delta
        FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                    $9::text[], $10::text[], $11::text[], $12::int[])
             s (place, cube, measure, lane, facet_1, facet_2, span, since, until, known_since, known_until, sign)
        JOIN lane_sum l ON l.cube = s.cube AND l.measure = s.measure AND l.facet_1 = s.facet_1
                       AND l.facet_2 = s.facet_2 AND l.span = s.span AND l.known BETWEEN s.known_since AND s.known_until
                       AND (s.lane IS NULL OR l.lane = s.lane) AND l.period BETWEEN s.since AND s.until
        UNION ALL
        SELECT s.place, CASE c.cube WHEN 'persons_nation' THEN '' ELSE c.lane END, c.period, s.sign * c.delta
        FROM unnest($13::int[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
                    $20::text[], $21::date[], $22::date[], $23::int[], $24::bool[])
             s (place, cube, measure, lane, facet_1, facet_2, since, until, from_day, to_day, sign, beside_sums)
        JOIN cell c ON c.cube = s.cube AND c.measure = s.measure
                   AND c.facet_1 BETWEEN coalesce(s.facet_1, '') AND coalesce(s.facet_1, U&'\\+10FFFF')
                   AND c.recorded_day BETWEEN s.from_day AND s.to_day
                   AND (s.lane IS NULL OR c.lane = s.lane) AND (s.facet_2 IS NULL OR c.facet_2 = s.facet_2)
                   AND c.period BETWEEN s.since AND s.until
                   AND (c.recorded_day = (SELECT recorded_day FROM o) AND s.beside_sums) IS NOT TRUE
        UNION ALL
        SELECT s.place, CASE c.cube WHEN 'persons_nation' THEN '' ELSE c.lane END, c.period, c.delta
        FROM unnest($13::int[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
                    $20::text[], $24::bool[])
             s (place, cube, measure, lane, facet_1, facet_2, since, until, beside_sums)
        JOIN cell c ON c.cube = s.cube AND c.measure = s.measure
                   AND c.facet_1 BETWEEN coalesce(s.facet_1, '') AND coalesce(s.facet_1, U&'\\+10FFFF')
                   AND c.recorded_day = (SELECT recorded_day FROM o WHERE recorded_day <= $25)
                   AND (s.lane IS NULL OR c.lane = s.lane) AND (s.facet_2 IS NULL OR c.facet_2 = s.facet_2)
                   AND c.period BETWEEN s.since AND s.until
        WHERE s.beside_sums
        UNION ALL
        SELECT s.place, CASE d.cube WHEN 'persons_nation' THEN '' ELSE d.lane END, d.period, d.delta
        FROM unnest($13::int[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
                    $20::text[]) s (place, cube, measure, lane, facet_1, facet_2, since, until)
        JOIN delta d ON d.cube = s.cube AND d.measure = s.measure AND d.recorded_day <= $25
                    AND (s.lane IS NULL OR d.lane = s.lane) AND (s.facet_1 IS NULL OR d.facet_1 = s.facet_1)
                    AND (s.facet_2 IS NULL OR d.facet_2 = s.facet_2) AND d.period BETWEEN s.since AND s.until) found
    GROUP BY 1, 2, 3 HAVING sum(delta) <> 0"""


def _columns(of: type[summing.Kept | summing.Rows], rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows as one array a column."""
    return [[row[n] for row in rows] for n in range(len(of._fields))]


async def events_behind(
    db: Db,
    types: Sequence[str],
    lane: str,
    month: str,
    category: str | None,
    known_on: date | None,
    after: tuple[str, int] | None,
    limit: int,
) -> list[Record]:
    """Facts of some types of one lane and effective month, and voids of such: slower than cells."""
    return list(
        await db.fetch(
            """SELECT lane, stream, seq, event_id, type, effective_day, recorded_at, reported_by, track,
                      level_before, level_after, fiscal_year, fund_source, amount_fen
               FROM fact
               WHERE lane = $1 AND effective_day >= to_date($2, 'YYYY-MM')
                     AND effective_day < to_date($2, 'YYYY-MM') + interval '1 month'
                     AND type = ANY($3) AND (type <> $9 OR details->>'voided_type' = ANY($3))
                     AND ($4::text IS NULL OR $4 = ANY(categories))
                     AND ($5::date IS NULL OR recorded_day <= $5)
                     AND ($6::text IS NULL OR (stream, seq) > ($6, $7::bigint))
               ORDER BY stream, seq LIMIT $8""",
            lane,
            month,
            [*types, EVENT_VOIDED],
            category,
            known_on,
            *(after or (None, None)),
            limit,
            EVENT_VOIDED,
        )
    )


async def chain(db: Db, event_id: str) -> list[Record]:
    """All facts that are `event_id`, led to it, or came of it, in the order they were recorded."""
    return list(
        await db.fetch(
            """WITH start AS (
                   SELECT correlation_id FROM fact WHERE event_id = $1 AND correlation_id IS NOT NULL
                   UNION SELECT $1)
               SELECT lane, stream, seq, event_id, type, causation_id, correlation_id, effective_at,
                      effective_day, recorded_at, funding_province, fiscal_year, fund_source, amount_fen,
                      state_before
               FROM fact WHERE event_id = $1 OR correlation_id IN (SELECT correlation_id FROM start)
               ORDER BY recorded_at, lane, stream, seq LIMIT $2""",
            event_id,
            CHAIN_MAX,
        )
    )


# ---------------------------------------------------------------- the same facts, the same tables


_CANONICAL: Final = (
    """SELECT 'fact', f::text FROM fact f ORDER BY lane, stream, seq""",
    """SELECT 'cell', concat_ws(' ', cube, lane, period, facet_1, facet_2, measure, recorded_day, delta)
       FROM (SELECT cube, CASE cube WHEN 'persons_nation' THEN '' ELSE lane END AS lane, period, facet_1, facet_2,
                    measure, recorded_day, sum(delta) AS delta
             FROM cells GROUP BY 1, 2, 3, 4, 5, 6, 7) c
       WHERE delta <> 0 ORDER BY cube, lane, period, facet_1, facet_2, measure, recorded_day""",
    """SELECT 'standing', concat_ws(' ', scope, CASE scope WHEN 'lane' THEN lane END, measure, sum(total))
       FROM standing GROUP BY scope, CASE scope WHEN 'lane' THEN lane END, measure HAVING sum(total) <> 0
       ORDER BY scope, CASE scope WHEN 'lane' THEN lane END, measure""",
    """SELECT 'person', concat_ws(' ', worker_ref, (SELECT array_agg(e ORDER BY e) FROM unnest(entries) e))
       FROM person ORDER BY worker_ref""",
)


async def canonical_lines(db: Db) -> AsyncIterator[str]:
    """All that the set of facts determines, a line a row, in one order: equal sets give equal lines."""
    async with one_moment(db):
        for statement in _CANONICAL:
            async for row in db.cursor(statement, prefetch=DUMP_PREFETCH_ROWS):
                yield f"{row[0]} {row[1]}"


async def canonical_dump(db: Db) -> str:
    """The canonical lines as one text."""
    return "\n".join([line async for line in canonical_lines(db)])


# ---------------------------------------------------------------- rebuilt beside, then switched


def beside(dsn: str) -> str:
    """The same database, where tables of a rebuild stand before those that are read."""
    return dsn + ("&" if "?" in dsn else "?") + SEARCH_BESIDE


async def begin_rebuild(db: Db) -> None:
    """Make empty tables beside those that are read; what an earlier rebuild has left is gone."""
    await db.execute("SELECT begin_rebuild()")


async def stands(db: Db) -> list[Record]:
    """How far what is read has come on each lane: rows (stream, lane, last_seq, next_offset)."""
    return list(await db.fetch("SELECT stream, lane, last_seq, next_offset FROM public.cursor"))


async def behind(db: Db) -> list[Record]:
    """Where the rebuilt tables lack what is read: rows (stream, lane, last_seq, of), by stream and lane."""
    return list(
        await db.fetch(
            """SELECT p.stream, p.lane, coalesce(r.last_seq, 0) AS last_seq, p.last_seq AS of
               FROM public.cursor p LEFT JOIN rebuilt.cursor r USING (stream, lane)
               WHERE p.last_seq > coalesce(r.last_seq, 0) ORDER BY 1, 2"""
        )
    )


async def rebuilt_to(db: Db) -> dict[tuple[str, str], int]:
    """The last number of each (stream, lane) that the rebuilt tables hold."""
    rows = await db.fetch("SELECT stream, lane, last_seq FROM rebuilt.cursor")
    return {(row["stream"], row["lane"]): row["last_seq"] for row in rows}


async def switch_if_level(db: Db) -> int | None:
    """Let the rebuilt tables be read if they hold the same facts, and no batch is under way; how many sums differed.

    None where they are not level yet: live lanes have gone on. Raises what passes while somebody reads for long.
    """
    async with db.transaction():
        await db.execute("SELECT set_config('lock_timeout', $1, true)", SWITCH_LOCK_TIMEOUT)
        await db.execute("SELECT FROM public.cursor ORDER BY lane, stream FOR UPDATE")
        if await db.fetchval(
            """SELECT EXISTS (SELECT FROM public.cursor p FULL JOIN rebuilt.cursor r USING (stream, lane)
                              WHERE coalesce(p.last_seq, 0) <> coalesce(r.last_seq, 0))"""
        ):
            return None
        differences = await db.fetchval(
            """SELECT count(*) FROM (
                   SELECT scope, CASE scope WHEN 'lane' THEN lane END AS lane, measure, sum(total) AS total
                   FROM public.standing GROUP BY 1, 2, 3 HAVING sum(total) <> 0) p
               FULL JOIN (
                   SELECT scope, CASE scope WHEN 'lane' THEN lane END AS lane, measure, sum(total) AS total
                   FROM rebuilt.standing GROUP BY 1, 2, 3 HAVING sum(total) <> 0) r
               ON (p.scope, p.measure, coalesce(p.lane, '')) = (r.scope, r.measure, coalesce(r.lane, ''))
               WHERE p.total IS DISTINCT FROM r.total"""
        )
        await db.execute("SELECT switch_to_rebuilt()")
        if differences:
            await db.execute("DELETE FROM stated")
        await db.execute("SELECT pg_notify($1, '')", CHANGED_CHANNEL)
    return int(differences)


# ---------------------------------------------------------------- what changes, as it changes


class Changes:
    """Tells when a batch has committed, and when the connection that hears of it is lost."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._lost = False

    async def next(self, timeout_s: float) -> None:
        """Wait for the next change, or for `timeout_s`; ConnectionError once the connection is lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        self._changed.clear()
        if self._lost:
            raise ConnectionResetError("the connection that hears of changes is lost")

    def heard(self, *_: object) -> None:
        """A batch has committed."""
        self._changed.set()

    def lost(self, *_: object) -> None:
        """The connection has ended."""
        self._lost = True
        self._changed.set()


@contextlib.asynccontextmanager
async def changes(pool: Pool) -> AsyncIterator[Changes]:
    """What batches of all processes commit, as they commit it."""
    told = Changes()
    async with pool.acquire() as db:
        await db.add_listener(CHANGED_CHANNEL, told.heard)
        db.add_termination_listener(told.lost)
        try:
            yield told
        finally:
            db.remove_termination_listener(told.lost)
            if not db.is_closed():
                await db.remove_listener(CHANGED_CHANNEL, told.heard)
