"""Every SQL statement of plumbing: cursors, lane rows, the log, handover, quarantine, look-ups."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Final

from asyncpg import Connection, Pool, Record
from asyncpg.pool import PoolConnectionProxy

Db = Connection | PoolConnectionProxy
"""A connection, by itself or out of the pool."""

HANDOVER_TAKE_MAX: Final = 500
"""At most this much handed-over work of each kind in one statement; parked work, in one batch."""
HANDED_FACTS_MAX: Final = 500
"""A lane to which more decided facts were handed over drains: it takes no records before they are stamped."""
HANDOVER_CHANNEL: Final = "handover"
PAGE_MAX: Final = 500
QUARANTINE_LANE_MAX: Final = 10_000
"""So many records of one lane are kept in quarantine."""
QUARANTINE_LANE_MAX_BYTES: Final = 256 * 1024 * 1024
"""And so much of them."""
QUARANTINE_KEPT_DAYS: Final = 90
"""Sealed bytes may be personal: they are not kept longer than a province needs to ask for them."""
REPLAY_LOCK: Final = 20261127170000
"""Held, for the whole service, by the process that sends its log once more."""


@dataclass(slots=True)
class Cursor:
    """Where the service stands on one lane of one stream, as locked by the batch."""

    stream: str
    lane: str
    next_offset: int
    last_seq: int
    log_id: str | None
    stopped: str | None
    waiting_since: datetime | None
    stopped_offset: int | None
    """The record that the lane stopped before, where one is to blame."""
    set_aside_offset: int | None
    """The record that an operator wants left out."""
    fingerprint: bytes | None
    """Of the last record consumed, at the door."""
    draining: bool = False
    """Takes no records in this batch: more was handed over to its lane than one transaction takes."""


@dataclass(slots=True)
class LaneRow:
    """The sequence of what the service publishes on one lane of one stream, as locked by the batch."""

    stream: str
    lane: str
    seq: int
    published_seq: int
    head: bytes
    recorded_at: datetime | None
    republish_from: int | None
    read_back: bool = False
    """Whether some of its facts were read back from Kafka after a restore."""
    parked_left: bool = False
    """Whether parked events were left for this lane."""
    drains: bool = False
    """Whether more than `HANDED_FACTS_MAX` decided facts were left for this lane."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """Some events of one lane, consecutive in `seq`."""

    stream: str
    lane: str
    first_seq: int
    last_seq: int
    recorded_at: datetime
    prev_hash: bytes
    hash: bytes
    events: bytes
    traceparents: str | None


async def open_lanes(db: Db, reads: Sequence[str], writes: Sequence[str], lanes: Sequence[str]) -> None:
    """Make the rows of `lanes` where they are missing: a row that does not exist cannot be locked."""
    insert = """INSERT INTO {} (stream, lane)
                SELECT s, l FROM unnest($1::text[]) s, unnest($2::text[]) l ORDER BY 1, 2
                ON CONFLICT DO NOTHING"""
    await db.execute(insert.format("cursor"), reads, lanes)
    await db.execute(insert.format("outbound"), writes, lanes)


async def log_id(db: Db, fresh: str) -> str:
    """The id of this service's log; `fresh` becomes it where there is none yet."""
    await db.execute("INSERT INTO log_identity (log_id) VALUES ($1) ON CONFLICT DO NOTHING", fresh)
    return str(await db.fetchval("SELECT log_id FROM log_identity"))


async def lock_cursors(db: Db, streams: Sequence[str], lanes: Sequence[str]) -> tuple[list[Cursor], datetime]:
    """Lock the cursor rows in lane order, the first locks of every transaction; and the database's time after that."""
    rows = await db.fetch(
        """SELECT held.*, clock_timestamp()
           FROM (SELECT stream, lane, next_offset, last_seq, log_id, stopped, waiting_since, stopped_offset,
                        set_aside_offset, fingerprint
                 FROM cursor WHERE stream = ANY($1) AND lane = ANY($2)
                 ORDER BY lane, stream FOR NO KEY UPDATE) AS held""",
        streams,
        lanes,
    )
    return [Cursor(*row[:-1]) for row in rows], rows[-1][-1]


async def lock_lane_rows(db: Db, streams: Sequence[str], lanes: Sequence[str]) -> list[LaneRow]:
    """Lock the lane rows in lane order, after the cursors and before any entity; with what was left for the lanes."""
    rows = await db.fetch(
        """SELECT held.*, EXISTS (SELECT FROM handover WHERE to_lane = lane AND kind = 'parked'),
                  EXISTS (SELECT FROM handover WHERE to_lane = lane AND kind = 'fact' OFFSET $3)
           FROM (SELECT stream, lane, seq, published_seq, head,
                        CASE WHEN isfinite(recorded_at) THEN recorded_at END, republish_from, read_back
                 FROM outbound WHERE stream = ANY($1) AND lane = ANY($2)
                 ORDER BY lane, stream FOR NO KEY UPDATE) AS held""",
        streams,
        lanes,
        HANDED_FACTS_MAX,
    )
    return [LaneRow(*row) for row in rows]


async def clock(db: Db) -> datetime:
    """The database's time now."""
    now: datetime = await db.fetchval("SELECT clock_timestamp()")
    return now


async def move_on(db: Db, cursors: Sequence[Cursor], lane_rows: Sequence[LaneRow]) -> None:
    """Move the cursors and the lane rows; the caller holds their locks. `published_seq` never goes back."""
    await db.execute(
        """WITH moved AS (
               UPDATE cursor c SET next_offset = n.next_offset, last_seq = n.last_seq, log_id = n.log_id,
                      waiting_since = n.waiting_since, moved_at = clock_timestamp(), stopped = n.stopped,
                      draining = n.draining, stopped_offset = n.stopped_offset,
                      set_aside_offset = n.set_aside_offset, fingerprint = n.fingerprint,
                      stopped_at = CASE WHEN n.stopped IS NOT NULL
                                        THEN coalesce(c.stopped_at, clock_timestamp()) END
               FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
                           $7::timestamptz[], $8::bigint[], $9::bigint[], $10::bytea[], $11::boolean[])
                    AS n(stream, lane, next_offset, last_seq, log_id, stopped, waiting_since, stopped_offset,
                         set_aside_offset, fingerprint, draining)
               WHERE c.stream = n.stream AND c.lane = n.lane)
           UPDATE outbound o SET seq = n.seq, head = n.head, recorded_at = coalesce(n.recorded_at, '-infinity'),
                  republish_from = n.republish_from, published_seq = greatest(o.published_seq, n.published_seq)
           FROM unnest($12::text[], $13::text[], $14::bigint[], $15::bigint[], $16::bytea[], $17::timestamptz[],
                       $18::bigint[]) AS n(stream, lane, seq, published_seq, head, recorded_at, republish_from)
           WHERE o.stream = n.stream AND o.lane = n.lane""",
        *_columns(cursors, _CURSOR_COLUMNS),
        *_columns(lane_rows, _LANE_ROW_COLUMNS),
    )


_CURSOR_COLUMNS: Final = tuple(field.name for field in fields(Cursor))
_LANE_ROW_COLUMNS: Final = (
    "stream",
    "lane",
    "seq",
    "published_seq",
    "head",
    "recorded_at",
    "republish_from",
)
_LOG_COLUMNS: Final = tuple(field.name for field in fields(LogRow))


def _columns(rows: Sequence[object], names: Sequence[str]) -> list[list[object]]:
    """One array for each of the columns: what `unnest` takes."""
    return [[getattr(row, name) for row in rows] for name in names]


async def append_log(db: Db, rows: Sequence[LogRow]) -> None:
    """Append to the log; nothing is ever changed there."""
    await db.copy_records_to_table(
        "log",
        records=[tuple(getattr(row, column) for column in _LOG_COLUMNS) for row in rows],
        columns=_LOG_COLUMNS,
    )


async def read_log(
    db: Db, stream: str, lane: str, from_seq: int, rows_max: int, bytes_max: int
) -> list[LogRow]:
    """Log rows of a lane that hold `from_seq` and what follows, in order; at least one, however large it is."""
    rows = await db.fetch(
        """SELECT stream, lane, first_seq, last_seq, recorded_at, prev_hash, hash, events, traceparents
           FROM (SELECT *, sum(octet_length(events)) OVER (ORDER BY first_seq) - octet_length(events) AS before
                 FROM (SELECT * FROM log WHERE stream = $1 AND lane = $2 AND first_seq >= coalesce(
                           (SELECT max(first_seq) FROM log WHERE stream = $1 AND lane = $2 AND first_seq <= $3), 0)
                       ORDER BY first_seq LIMIT $4) AS following) AS measured
           WHERE before < $5 ORDER BY first_seq""",
        stream,
        lane,
        from_seq,
        rows_max,
        bytes_max,
    )
    return [LogRow(*row) for row in rows]


async def log_end(db: Db, stream: str, lane: str) -> tuple[int, bytes] | None:
    """Where the lane row says that the log ends: number and hash; None where the lane has no row."""
    row = await db.fetchrow("SELECT seq, head FROM outbound WHERE stream = $1 AND lane = $2", stream, lane)
    return (row["seq"], row["head"]) if row else None


async def log_ends(db: Db, stream: str) -> dict[str, tuple[int, bytes]]:
    """The same for all lanes on which something was logged."""
    rows = await db.fetch(
        "SELECT lane, seq, head FROM outbound WHERE stream = $1 AND seq > 0 ORDER BY lane", stream
    )
    return {row["lane"]: (row["seq"], row["head"]) for row in rows}


async def hold(db: Db, lock: int) -> bool:
    """Whether this session is now the one, of all processes of the service, that has `lock`: as long as it lasts."""
    return bool(await db.fetchval("SELECT pg_try_advisory_lock($1)", lock))


async def release(db: Db, lock: int) -> None:
    """Let another process have it."""
    await db.execute("SELECT pg_advisory_unlock($1)", lock)


async def search_log(db: Db, needle: bytes, since: datetime, until: datetime) -> list[LogRow]:
    """Log rows recorded within the time whose events contain `needle`."""
    rows = await db.fetch(
        """SELECT stream, lane, first_seq, last_seq, recorded_at, prev_hash, hash, events, traceparents
           FROM log WHERE recorded_at BETWEEN $2 AND $3 AND position($1::bytea IN events) > 0
           ORDER BY recorded_at, stream, lane, first_seq LIMIT 200""",
        needle,
        since,
        until,
    )
    return [LogRow(*row) for row in rows]


async def hand_over(db: Db, rows: Sequence[tuple[str, str, bytes]]) -> None:
    """Leave work (to_lane, kind, payload) for other lanes and wake their owners when this commits."""
    await db.execute(
        """WITH left_over AS (
               INSERT INTO handover (to_lane, kind, payload)
               SELECT to_lane, kind, payload
               FROM unnest($2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY AS n(to_lane, kind, payload, place)
               ORDER BY place RETURNING to_lane)
           SELECT pg_notify($1, to_lane) FROM left_over GROUP BY to_lane""",
        HANDOVER_CHANNEL,
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def take_handover(
    db: Db, lanes: Sequence[str], kind: str, most: int = HANDOVER_TAKE_MAX
) -> list[Record]:
    """Take handed-over work of one kind for `lanes`, in the order it was left: rows (to_lane, payload)."""
    return list(
        await db.fetch(
            """WITH taken AS (
                   DELETE FROM handover h USING (
                       SELECT to_lane, id FROM handover WHERE to_lane = ANY($1) AND kind = $2
                       ORDER BY id LIMIT $3) n
                   WHERE h.to_lane = n.to_lane AND h.id = n.id RETURNING h.to_lane, h.id, h.payload)
               SELECT to_lane, payload FROM taken ORDER BY id""",
            lanes,
            kind,
            most,
        )
    )


async def open_handover(db: Db) -> int:
    """How much work waits in handover."""
    return int(await db.fetchval("SELECT count(*) FROM handover"))


async def keep_sealed(db: Db, rows: Sequence[tuple[str, str, int, str, bytes, str | None]]) -> int:
    """Keep records (stream, lane, offset, code, sealed bytes, reason) in quarantine, each offset once; how many were.

    One lane may not fill the disk: beyond its share unreadable bytes stay where they are, in Kafka.
    """
    done = await db.execute(
        """INSERT INTO quarantine (stream, lane, record_offset, code, sealed, reason)
           SELECT stream, lane, n.record_offset, n.code, n.sealed, n.reason FROM (
               SELECT *, row_number() OVER by_lane AS number, sum(octet_length(sealed)) OVER by_lane AS size
               FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::text[])
                    AS n(stream, lane, record_offset, code, sealed, reason)
               WINDOW by_lane AS (PARTITION BY stream, lane ORDER BY record_offset)) AS n
           LEFT JOIN (
               SELECT stream, lane, count(*) AS kept, sum(octet_length(sealed)) AS bytes FROM quarantine
               WHERE stream = ANY($1) AND lane = ANY($2) GROUP BY stream, lane) AS k USING (stream, lane)
           WHERE n.reason IS NOT NULL
              OR (coalesce(k.kept, 0) + n.number <= $7 AND coalesce(k.bytes, 0) + n.size <= $8)
           ON CONFLICT DO NOTHING""",
        *(list(column) for column in zip(*rows, strict=True)),
        QUARANTINE_LANE_MAX,
        QUARANTINE_LANE_MAX_BYTES,
    )
    return int(done.split()[-1])


async def kept(db: Db, lane: str, offset: int) -> Record | None:
    """What lies in quarantine of a lane at `offset`: (stream, sealed)."""
    return await db.fetchrow(
        "SELECT stream, sealed FROM quarantine WHERE lane = $1 AND record_offset = $2", lane, offset
    )


async def forget_quarantined(db: Db, days: int) -> int:
    """Delete what has lain in quarantine longer than so many days; how many records."""
    done = await db.execute(
        "DELETE FROM quarantine WHERE kept_at < clock_timestamp() - make_interval(days => $1)", days
    )
    return int(done.split()[-1])


async def stop_lane(
    db: Db,
    streams: Sequence[str],
    lane: str,
    why: str,
    blamed: tuple[str, int] | None = None,
    *,
    above_all: bool = False,
) -> int:
    """Stop a lane of this service, for a record (stream, offset) if one is to blame; how many cursors it changed.

    A lane that stands already keeps its reason, unless this one goes `above_all`. A cursor that has moved beyond the
    record meanwhile, since it was adopted, goes on.
    """
    done = await db.execute(
        """UPDATE cursor SET stopped = $3, stopped_at = clock_timestamp(),
                  stopped_offset = CASE WHEN stream = $4 THEN $5::bigint END
           WHERE stream = ANY($1) AND lane = $2 AND (stopped IS NULL OR $6)
                 AND (stream = $4 AND next_offset > $5) IS NOT TRUE""",
        streams,
        lane,
        why,
        *(blamed or (None, None)),
        above_all,
    )
    return int(done.split()[-1])


async def resume_lane(db: Db, lane: str) -> int:
    """Let a stopped lane go on; the number of cursors that stood."""
    done = await db.execute(
        """UPDATE cursor SET stopped = NULL, stopped_at = NULL, stopped_offset = NULL
           WHERE lane = $1 AND stopped IS NOT NULL""",
        lane,
    )
    return int(done.split()[-1])


async def adopt_topic(db: Db, cursor: Record, next_offset: int) -> bool:
    """Let a lane that stands as in `cursor` read its new topic from `next_offset` on; False if it has changed."""
    done = await db.execute(
        """UPDATE cursor SET next_offset = $4, topic_id = NULL, fingerprint = NULL, set_aside_offset = NULL,
                  stopped = NULL, stopped_at = NULL, stopped_offset = NULL
           WHERE stream = $1 AND lane = $2 AND stopped = $3""",
        cursor["stream"],
        cursor["lane"],
        cursor["stopped"],
        next_offset,
    )
    return bool(done.split()[-1] != "0")


async def adopt_log(db: Db, cursor: Record, log_id: str, seq: int) -> bool:
    """Let a lane that stands as in `cursor` go on with another log from `seq` on; False if it has changed."""
    done = await db.execute(
        """UPDATE cursor SET log_id = $4, last_seq = $5 - 1, next_offset = stopped_offset, waiting_since = NULL,
                  stopped = NULL, stopped_at = NULL, stopped_offset = NULL
           WHERE stream = $1 AND lane = $2 AND stopped = $3""",
        cursor["stream"],
        cursor["lane"],
        cursor["stopped"],
        log_id,
        seq,
    )
    return bool(done.split()[-1] != "0")


async def set_aside(db: Db, cursor: Record) -> bool:
    """Let a lane that stands as in `cursor` leave out the record it stands before; False if it has changed."""
    await db.execute(
        "UPDATE cursor SET set_aside_offset = stopped_offset WHERE stream = $1 AND lane = $2 AND stopped = $3",
        cursor["stream"],
        cursor["lane"],
        cursor["stopped"],
    )
    return await resume_lane(db, cursor["lane"]) > 0


async def ask_republish(db: Db, stream: str, lane: str, from_seq: int) -> bool:
    """Ask the lane's owner to publish again from `from_seq` or an earlier wish; False where nothing stands there."""
    done = await db.execute(
        """UPDATE outbound SET republish_from = least(republish_from, $3)
           WHERE stream = $1 AND lane = $2 AND seq >= $3""",
        stream,
        lane,
        from_seq,
    )
    return bool(done.split()[-1] != "0")


async def note_act(db: Db, operator: str, act: str, lane: str, reason: str) -> None:
    """Write down what an operator did."""
    await db.execute(
        "INSERT INTO operator_act (operator, act, lane, reason) VALUES ($1, $2, $3, $4)",
        operator,
        act,
        lane,
        reason,
    )


async def lane_states(db: Db) -> tuple[list[Record], list[Record]]:
    """All cursors and all lane rows as they stand."""
    cursors = await db.fetch("SELECT * FROM cursor ORDER BY lane, stream")
    outbound = await db.fetch(
        """SELECT stream, lane, seq, published_seq, encode(head, 'hex') AS head, republish_from
           FROM outbound ORDER BY lane, stream"""
    )
    return list(cursors), list(outbound)


async def positions(db: Db, streams: Sequence[str], lanes: Sequence[str]) -> list[Record]:
    """Where to read on, and which lanes stand: rows (stream, lane, next_offset, stopped, topic_id)."""
    return list(
        await db.fetch(
            """SELECT stream, lane, next_offset, stopped, topic_id FROM cursor
               WHERE stream = ANY($1) AND lane = ANY($2)""",
            streams,
            lanes,
        )
    )


async def know_topics(db: Db, rows: Sequence[tuple[str, str, str]]) -> None:
    """Remember the ids of topics (stream, lane, id) whose lanes have none yet."""
    await db.execute(
        """UPDATE cursor c SET topic_id = n.topic_id
           FROM unnest($1::text[], $2::text[], $3::text[]) AS n(stream, lane, topic_id)
           WHERE c.stream = n.stream AND c.lane = n.lane AND c.topic_id IS NULL""",
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def compare_log(db: Db, last: Sequence[tuple[str, str, int, bytes]]) -> list[Record]:
    """For events (stream, lane, seq, bytes): rows (stream, lane, seq of the lane, is_ours: our log has the same)."""
    return list(
        await db.fetch(
            """SELECT o.stream, o.lane, o.seq,
                      coalesce(l.last_seq >= n.seq AND position(n.event IN l.events) > 0, false) AS is_ours
               FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) AS n(stream, lane, seq, event)
               JOIN outbound o ON o.stream = n.stream AND o.lane = n.lane
               LEFT JOIN LATERAL (
                   SELECT last_seq, events FROM log WHERE stream = n.stream AND lane = n.lane AND first_seq <= n.seq
                   ORDER BY first_seq DESC LIMIT 1) l ON true""",
            *(list(column) for column in zip(*last, strict=True)),
        )
    )


async def take_back(db: Db, row: LaneRow, read: Sequence[LogRow], fact_ids: Sequence[str]) -> None:
    """Append what was read back from Kafka to the log of a lane whose lock the caller holds; `row` stands after it."""
    await append_log(db, read)
    await move_on(db, [], [row])
    await db.execute(
        "UPDATE outbound SET read_back = true WHERE stream = $1 AND lane = $2", row.stream, row.lane
    )
    await db.execute(
        """INSERT INTO published_before (stream, lane, fact_id) SELECT $1, $2, unnest($3::text[])
           ON CONFLICT DO NOTHING""",
        row.stream,
        row.lane,
        fact_ids,
    )


async def published_before(db: Db, facts: Sequence[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those of the facts (stream, lane, id) that were read back after a restore, each told once."""
    rows = await db.fetch(
        """DELETE FROM published_before p USING unnest($1::text[], $2::text[], $3::text[]) AS n(stream, lane, fact_id)
           WHERE p.stream = n.stream AND p.lane = n.lane AND p.fact_id = n.fact_id
           RETURNING p.stream, p.lane, p.fact_id""",
        *(list(column) for column in zip(*facts, strict=True)),
    )
    return {tuple(row) for row in rows}


async def quarantined(db: Db, lane: str | None, after: datetime | None) -> list[Record]:
    """What lies in quarantine (without its bytes), oldest first, a page at a time."""
    return list(
        await db.fetch(
            """SELECT stream, lane, record_offset, code, reason, octet_length(sealed) AS sealed_bytes, kept_at
               FROM quarantine WHERE ($1::text IS NULL OR lane = $1) AND ($2::timestamptz IS NULL OR kept_at > $2)
               ORDER BY kept_at LIMIT $3""",
            lane,
            after,
            PAGE_MAX,
        )
    )


async def quarantine_size(db: Db) -> int:
    """How many records lie in quarantine."""
    return int(await db.fetchval("SELECT count(*) FROM quarantine"))


async def blockers(pool: Pool, pid: int) -> list[int]:
    """Backends that hold what backend `pid` waits for."""
    async with pool.acquire() as db:
        return list(await db.fetchval("SELECT pg_blocking_pids($1)", pid))


async def end_backend(pool: Pool, pid: int) -> bool:
    """End a backend of our own role; True where it existed."""
    async with pool.acquire() as db:
        return bool(await db.fetchval("SELECT pg_terminate_backend($1)", pid))


async def assert_durable(db: Db) -> dict[str, str]:
    """The settings on which durability rests, as the server has them."""
    rows = await db.fetch(
        "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')"
    )
    return {row["name"]: row["setting"] for row in rows}


async def keep_look_up(db: Db, look_up: tuple[str, str, str | None, str, str]) -> None:
    """Write down a look-up: caller, role, lane, what, and what was found as JSON."""
    await db.execute(
        "INSERT INTO look_up (caller, role, lane, what, found) VALUES ($1, $2, $3, $4, $5::jsonb)", *look_up
    )


async def look_ups(db: Db, day: date | None, about: str | None, after: int, limit: int) -> list[Record]:
    """Look-ups after number `after`, of a Shanghai day and about one hash where they are given."""
    return list(
        await db.fetch(
            """SELECT n AS number, at, caller, role, lane, what, found FROM look_up
               WHERE n > $3
                 AND ($1::date IS NULL OR (at >= $1::timestamp AT TIME ZONE 'Asia/Shanghai'
                                           AND at < ($1 + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'))
                 AND ($2::text IS NULL OR $2 IN (found ->> 'worker_sha256', found ->> 'event_sha256',
                                         found ->> 'enrollment_sha256'))
               ORDER BY n LIMIT $4""",
            day,
            about,
            after,
            limit,
        )
    )
