"""Every SQL statement of reporting: facts appended, deltas added, numbers read; a fixed number a batch."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from asyncpg import Pool, Record
from asyncpg.transaction import Transaction

from services.reporting.domain.counting import FACT_COLUMNS, NATION_SCOPE, CellKey, Counted, Sums
from shared.contracts.lanes import LANE_CODES
from shared.plumbing.store import Db

CHANGED_CHANNEL: Final = "reporting_changed"
PAGE_MAX: Final = 1_000
CHAIN_MAX: Final = 500
"""At most this many facts of one chain of causes are shown."""
DUMP_PREFETCH_ROWS: Final = 2_000
TEMPO_KEPT: Final = "2 days"


async def save(db: Db, counted: Counted, lane: str) -> None:
    """Write what a batch came to; `lane` is one of the batch's and signs the national sums.

    Cells and sums belong to the batch's own lanes; persons are shared with other lanes, so sorted by key.
    """
    await db.copy_records_to_table("fact", records=counted.rows, columns=FACT_COLUMNS)
    if counted.cells or counted.tempo:
        await _add_cells(db, counted.cells, counted.tempo)
    nation = await _add_persons(db, counted)
    standing = {("lane", *key): total for key, total in counted.standing.items()}
    await _add_standing(
        db, standing | {("nation", lane, measure): total for measure, total in nation.items()}
    )


async def _add_cells(db: Db, cells: Mapping[CellKey, int], tempo: Mapping[datetime, Sums]) -> None:
    """Add to the cells, and to what happened in the last minutes."""
    minutes = {(minute, *key): change for minute, sums in tempo.items() for key, change in sums.items()}
    await db.execute(
        """WITH minutes AS (
               INSERT INTO tempo (minute, lane, measure, delta)
               SELECT (r->>0)::timestamptz, r->>1, r->>2, (r->>3)::bigint
               FROM json_array_elements($2::json) r ORDER BY 1, 2, 3
               ON CONFLICT (minute, lane, measure) DO UPDATE SET delta = tempo.delta + excluded.delta)
           INSERT INTO cell (cube, lane, period, facet_1, facet_2, measure, recorded_day, delta)
           SELECT r->>0, r->>1, r->>2, r->>3, r->>4, r->>5, (r->>6)::date, (r->>7)::bigint
           FROM json_array_elements($1::json) r ORDER BY 1, 2, 3, 4, 5, 6, 7
           ON CONFLICT (cube, lane, period, facet_1, facet_2, measure, recorded_day)
           DO UPDATE SET delta = cell.delta + excluded.delta""",
        _rows(cells),
        _rows(minutes),
    )


async def _add_standing(db: Db, standing: Mapping[tuple[str, str, str], int]) -> None:
    """Add to the sums (scope, lane, measure), and say that numbers have changed when this commits."""
    await db.execute(
        """WITH added AS (
               INSERT INTO standing (scope, lane, measure, total)
               SELECT r->>0, r->>1, r->>2, (r->>3)::bigint FROM json_array_elements($1::json) r ORDER BY 1, 2, 3
               ON CONFLICT (scope, lane, measure) DO UPDATE SET total = standing.total + excluded.total)
           SELECT pg_notify($2, '')""",
        _rows(standing),
        CHANGED_CHANNEL,
    )


async def _add_persons(db: Db, counted: Counted) -> dict[str, int]:
    """Change the grants that persons hold, in their lane and in the nation; how the nation's sums change.

    Who becomes or ceases to be funded changes the sums: `old` and `new` tell, in whatever order lanes come.
    """
    changes: dict[tuple[str, str], list[int]] = {}
    for (at, worker_ref), change in counted.grants.items():
        migrant = counted.migrant_grants.get((at, worker_ref), 0)
        for scope in (at, NATION_SCOPE):
            held = changes.setdefault((scope, worker_ref), [0, 0])
            held[0] += change
            held[1] += migrant
    rows = [(*key, *held) for key, held in changes.items() if held != [0, 0]]
    if not rows:
        return {}
    found = await db.fetch(
        """WITH changed AS (
               INSERT INTO person (scope, worker_ref, grants, migrant_grants)
               SELECT r->>0, r->>1, (r->>2)::int, (r->>3)::int
               FROM json_array_elements($1::json) r ORDER BY 1, 2
               ON CONFLICT (scope, worker_ref) DO UPDATE
               SET grants = person.grants + excluded.grants,
                   migrant_grants = person.migrant_grants + excluded.migrant_grants
               RETURNING new.scope, (new.grants > 0)::int - coalesce(old.grants > 0, false)::int AS funded,
                         (new.migrant_grants > 0)::int
                         - coalesce(old.migrant_grants > 0, false)::int AS migrant)
           SELECT scope, sum(funded) AS funded, sum(migrant) AS migrant FROM changed GROUP BY scope""",
        orjson.dumps(rows).decode(),
    )
    nation: Counter[str] = Counter()
    for scope, funded, migrant in found:
        if scope == NATION_SCOPE:
            nation.update(funded=funded, funded_migrant=migrant)
        else:
            counted.standing[scope, "funded"] += funded
            counted.standing[scope, "funded_migrant"] += migrant
    return nation


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
            """SELECT period, measure, sum(delta)::bigint AS total FROM cell
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


async def cells(
    db: Db, filters: Mapping[str, str | None], after: Sequence[str] | None, limit: int
) -> list[Record]:
    """Cells of one cube summed over recorded days, in the order of their key, a page at a time."""
    return list(
        await db.fetch(
            """SELECT cube, lane, period, facet_1, facet_2, measure, sum(delta)::bigint AS total FROM cell
               WHERE cube = $1 AND ($2::text IS NULL OR lane = $2) AND ($3::text IS NULL OR period = $3)
                     AND ($4::text IS NULL OR facet_1 = $4) AND ($5::text IS NULL OR facet_2 = $5)
                     AND ($6::text IS NULL OR measure = $6)
                     AND ($7::text[] IS NULL
                          OR (lane, period, facet_1, facet_2, measure) > ($7[1], $7[2], $7[3], $7[4], $7[5]))
               GROUP BY cube, lane, period, facet_1, facet_2, measure
               ORDER BY lane, period, facet_1, facet_2, measure LIMIT $8""",
            filters["cube"],
            filters["lane"],
            filters["period"],
            filters["facet_1"],
            filters["facet_2"],
            filters["measure"],
            after,
            limit,
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
       FROM cell WHERE delta <> 0 ORDER BY cube, lane, period, facet_1, facet_2, measure, recorded_day""",
    """SELECT 'standing', concat_ws(' ', scope, CASE scope WHEN 'lane' THEN lane END, measure, sum(total))
       FROM standing GROUP BY scope, CASE scope WHEN 'lane' THEN lane END, measure HAVING sum(total) <> 0
       ORDER BY scope, CASE scope WHEN 'lane' THEN lane END, measure""",
    """SELECT 'person', concat_ws(' ', scope, worker_ref, grants, migrant_grants)
       FROM person WHERE grants <> 0 OR migrant_grants <> 0 ORDER BY scope, worker_ref""",
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
