"""A register with a long history, put straight into enrollment's tables in the shapes that the service writes."""

import hashlib
from typing import Final

import asyncpg

CHUNK_WORKERS: Final = 250_000
_LETTERS: Final = str.maketrans("0189", "GHIJ")

_FUNCTIONS: Final = """
CREATE FUNCTION pg_temp.ref(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'k1.' || left(translate(upper(encode(sha256(convert_to('w' || n, 'UTF8')), 'hex')), '0189', 'GHIJ'), 52) $$;
CREATE FUNCTION pg_temp.about(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || encode(substr(sha256(convert_to(pg_temp.ref(n), 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint $$;
"""

# Reported on lane 66: no simulated province, so that nothing which is measured is recorded already.
_EACH_WORKER: Final = (
    """INSERT INTO worker (ref, registered_by)
       SELECT pg_temp.ref(n), jsonb_build_object('66', 'h-r-' || n) FROM generate_series($1::bigint, $2::bigint) n""",
    """INSERT INTO worker_statement (ref, lane, event_id, said_at, since, until, attributes)
       SELECT pg_temp.ref(n), '66', 'h-r-' || n, '2019-03-01T01:00:00Z', '2019-03-01', NULL, s.attributes
       FROM generate_series($1::bigint, $2::bigint) n, (VALUES
           ('{"education_level": "junior_high", "origin_province": "62", "work_province": "66", "work_city": "6601",
              "employer": {"name": "示例棉纺织有限公司", "code": "91650000MA00000000", "sector": "C"}}'::jsonb),
           ('{"categories": ["industrial", "migrant"]}'::jsonb)) AS s(attributes)""",
    """INSERT INTO enrollment (number, state, worker_ref, event_id, state_event_id, facts)
       SELECT '66-H-' || n, CASE WHEN n % 10 < 6 THEN 'confirmed' ELSE 'enrolled' END, pg_temp.ref(n),
              'h-e-' || n, CASE WHEN n % 10 < 6 THEN 'h-c-' || n ELSE 'h-e-' || n END,
              '{"categories": ["industrial", "migrant"], "institution_code": "10759", "funding_province": "66",
                "work_province": "66", "track": "academic", "mode": "blended", "level_before": "junior_high",
                "level_after": "associate", "start": "2019-09-01", "planned_end": "2022-06-30", "tuition_fen": 300000,
                "history": true}'::jsonb
       FROM generate_series($1::bigint, $2::bigint) n WHERE n % 10 < 7""",
    """INSERT INTO enrollment_step (number, kind, day, event_id)
       SELECT '66-H-' || n, 'confirmed', '2019-09-08', 'h-c-' || n
       FROM generate_series($1::bigint, $2::bigint) n WHERE n % 10 < 6""",
    """INSERT INTO natural_key (kind, key, event_id)
       SELECT 'worker.enrolled', concat_ws(E'\\x1f', pg_temp.ref(n), '10759', '机电一体化技术', '2019-09-01'),
              'h-e-' || n
       FROM generate_series($1::bigint, $2::bigint) n WHERE n % 10 < 7""",
    """INSERT INTO inbox (lane, source, id, content, status, record_offset, type)
       SELECT '66', '//provinces/66/history', 'h-' || t.letter || '-' || n, sha256(convert_to(t.letter || n, 'UTF8')),
              'accepted', 3 * n + t.place, t.type
       FROM generate_series($1::bigint, $2::bigint) n, (VALUES
           (0, 'r', 'dreams.worker.registered.v1', 10), (1, 'e', 'dreams.worker.enrolled.v1', 7),
           (2, 'c', 'dreams.enrollment.confirmed.v1', 6)) AS t(place, letter, type, tenths)
       WHERE n % 10 < t.tenths""",
    """INSERT INTO fact_place (about, lane, seq)
       SELECT pg_temp.about(n), '66', 3 * n + place
       FROM generate_series($1::bigint, $2::bigint) n, (VALUES (0, 10), (1, 7), (2, 6)) AS t(place, tenths)
       WHERE n % 10 < t.tenths""",
)

_TABLES: Final = (
    "worker",
    "worker_statement",
    "enrollment",
    "enrollment_step",
    "natural_key",
    "inbox",
    "fact_place",
)


def worker_ref(n: int) -> str:
    """The n-th worker of the history."""
    return "k1." + hashlib.sha256(f"w{n}".encode()).hexdigest().upper().translate(_LETTERS)[:52]


async def preload(owner_dsn: str, workers: int) -> None:
    """Register `workers`, 70 % of them enrolled, 60 % confirmed, with all rows that this has led to but the log."""
    db = await asyncpg.connect(owner_dsn, server_settings={"synchronous_commit": "off"})
    try:
        await db.execute(_FUNCTIONS)
        indexes = await _drop_indexes(db)
        for first in range(0, workers, CHUNK_WORKERS):
            last = min(first + CHUNK_WORKERS, workers) - 1
            for statement in _EACH_WORKER:
                await db.execute(statement, first, last, timeout=None)
        for definition in indexes:
            await db.execute(definition, timeout=None)
        await db.execute("VACUUM (ANALYZE)", timeout=None)
    finally:
        await db.close()


async def _drop_indexes(db: asyncpg.Connection) -> list[str]:
    """Take the tables' keys and indexes away while they are filled; the statements that bring them back."""
    keys = await db.fetch(
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE contype = 'p' AND conparentid = 0 AND conrelid = ANY($1::text[]::regclass[])""",
        _TABLES,
    )
    for table, name, _ in keys:
        await db.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    others = await db.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1)",
        _TABLES,
    )
    for name, _ in others:
        await db.execute(f'DROP INDEX "{name}"')
    definitions = [f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text}' for table, name, text in keys]
    return [*definitions, *(text for _, text in others)]
