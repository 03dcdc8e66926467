"""Every SQL statement of notification: contacts, claims, and the messages on their way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from asyncpg import Pool, Record

from services.notification.domain import CHANNEL, Claim, Details, Next, State
from shared.plumbing.store import Db

PAGE_MAX: Final = 500


async def claim(db: Db, claims: Sequence[Claim], now: datetime) -> int:
    """Write claims; a cause that has one already keeps it. The number of new ones."""
    done = await db.execute(
        """INSERT INTO message (cause_event_id, channel, cause, lane, worker_ref, details, claimed_at,
                                state, state_at, due_at, code)
           SELECT cause_event_id, $2, cause, lane, worker_ref, details, $3, state, $3, $3, code
           FROM json_to_recordset($1::json) AS c(cause_event_id text, cause text, lane text, worker_ref text,
                                                 details jsonb, state text, code text)
           ON CONFLICT (cause_event_id, channel) DO NOTHING""",
        orjson.dumps(claims).decode(),
        CHANNEL,
        now,
    )
    return int(done.split()[-1])


async def keep_contacts(
    db: Db, rows: Sequence[tuple[str, str, bytes | None]], now: datetime, wait: timedelta
) -> int:
    """Keep contacts (worker_ref, lane, sealed; None erases), each worker once.

    Messages that found no contact and are not older than `wait` go on their way: their number is returned. An
    erased contact disappears from messages too.
    """
    rows = sorted(rows)
    await db.execute(
        """INSERT INTO contact (worker_ref, lane, sealed, changed_at)
           SELECT w, l, s, $4 FROM unnest($1::text[], $2::text[], $3::bytea[]) AS n(w, l, s) ORDER BY w
           ON CONFLICT (worker_ref) DO UPDATE
               SET lane = excluded.lane, sealed = excluded.sealed, changed_at = excluded.changed_at""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        now,
    )
    await db.execute(
        """UPDATE message SET recipient_sealed = NULL
           WHERE worker_ref = ANY($1) AND recipient_sealed IS NOT NULL""",
        [worker_ref for worker_ref, _, sealed in rows if sealed is None],
    )
    done = await db.execute(
        """UPDATE message SET state = 'pending', state_at = $2, due_at = $2, code = NULL
           WHERE worker_ref = ANY($1) AND state = 'no_contact'
             AND claimed_at > $2::timestamptz - $3::interval""",
        [worker_ref for worker_ref, _, sealed in rows if sealed is not None],
        now,
        wait,
    )
    return int(done.split()[-1])


@dataclass(frozen=True, slots=True)
class Due:
    """A message that was taken to be sent; one without a contact is done with."""

    message_id: int
    cause_event_id: str
    cause: str
    state: State
    tries: int
    details: Details
    recipient_sealed: bytes | None


class Messages:
    """What a sender does with messages, each step in a transaction of its own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, look_max: int, send_max: int) -> list[Due]:
        """Take due messages that no other sender holds; what they became is committed on return.

        Of `look_max` looked at, at most `send_max` become `sending`; those without a contact `no_contact`.
        """
        async with self._pool.acquire() as db, db.transaction():
            found = await db.fetch(
                """SELECT message_id, worker_ref FROM message
                   WHERE state = 'pending' AND due_at <= clock_timestamp()
                   ORDER BY due_at, message_id LIMIT $1 FOR UPDATE SKIP LOCKED""",
                look_max,
            )
            if not found:
                return []
            # Locks every contact in order, those that do not exist yet too, and changes none: a contact that
            # comes meanwhile waits, and then finds the messages that were not sent for want of it.
            await db.execute(
                """INSERT INTO contact (worker_ref) SELECT DISTINCT w FROM unnest($1::text[]) w ORDER BY w
                   ON CONFLICT (worker_ref) DO UPDATE SET lane = contact.lane WHERE false""",
                [row["worker_ref"] for row in found],
            )
            rows = await db.fetch(
                """UPDATE message m
                   SET state = CASE WHEN t.sealed IS NULL THEN 'no_contact' ELSE 'sending' END,
                       tries = m.tries + (t.sealed IS NOT NULL)::int, state_at = clock_timestamp(),
                       recipient_sealed = t.sealed, code = NULL
                   FROM (SELECT message_id, sealed,
                                row_number() OVER (PARTITION BY sealed IS NULL
                                                   ORDER BY due_at, message_id) AS place
                         FROM message JOIN contact USING (worker_ref) WHERE message_id = ANY($1)) t
                   WHERE m.message_id = t.message_id AND (t.sealed IS NULL OR t.place <= $2)
                   RETURNING m.message_id, m.cause_event_id, m.cause, m.state, m.tries, m.details::text,
                             m.recipient_sealed""",
                [row["message_id"] for row in found],
                send_max,
            )
        return [Due(row[0], row[1], row[2], row[3], row[4], orjson.loads(row[5]), row[6]) for row in rows]

    async def settle(self, due: Due, then: Next) -> bool:
        """Write down what came of an attempt, unless somebody has taken the message over since.

        That it was sent is true even if its lease has run out meanwhile.
        """
        done = await self._pool.execute(
            """UPDATE message SET state = $3, code = $4, state_at = clock_timestamp(),
                      due_at = clock_timestamp() + make_interval(secs => $5::int),
                      recipient_sealed = CASE WHEN $3 <> 'pending' THEN recipient_sealed END
               WHERE message_id = $1 AND tries = $2
                 AND (state = 'sending' OR ($3 = 'sent' AND state IN ('unknown', 'pending')))""",
            due.message_id,
            due.tries,
            then.state,
            then.code,
            then.due_in_s,
        )
        return bool(done == "UPDATE 1")

    async def put_back(self, rows: Sequence[Due], due_in_s: int) -> None:
        """Messages that were taken and surely not sent wait again; the attempt does not count."""
        await self._pool.execute(
            """UPDATE message m
               SET state = 'pending', tries = m.tries - 1, recipient_sealed = NULL,
                   state_at = clock_timestamp(), due_at = clock_timestamp() + make_interval(secs => $3::int)
               FROM unnest($1::bigint[], $2::int[]) AS t(message_id, tries)
               WHERE m.message_id = t.message_id AND m.tries = t.tries AND m.state = 'sending'""",
            [row.message_id for row in rows],
            [row.tries for row in rows],
            due_in_s,
        )

    async def expire(self, lease: timedelta) -> list[str]:
        """Messages whose sender has not been heard of for `lease` become `unknown`: the causes of these."""
        rows = await self._pool.fetch(
            """UPDATE message SET state = 'unknown', code = 'interrupted', state_at = clock_timestamp()
               WHERE state = 'sending' AND state_at < clock_timestamp() - $1::interval RETURNING cause""",
            lease,
        )
        return [row["cause"] for row in rows]


async def page(
    db: Db,
    *,
    state: State | None,
    lane: str | None,
    causes: Sequence[str] | None,
    after: int,
    limit: int,
) -> list[Record]:
    """Messages after `message_id`, oldest first, that fit all filters given."""
    return list(
        await db.fetch(
            """SELECT message_id, cause_event_id, channel, cause, lane, worker_ref, claimed_at, state,
                      state_at, due_at, tries, code, recipient_sealed
               FROM message
               WHERE message_id > $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR lane = $3)
                 AND ($4::text[] IS NULL OR cause_event_id = ANY($4))
               ORDER BY message_id LIMIT $5""",
            after,
            state,
            lane,
            causes,
            min(limit, PAGE_MAX),
        )
    )


async def release(db: Db, message_id: int) -> Record | None:
    """Send an unknown message after all; the row as it was before, or None where there is none."""
    row = await db.fetchrow(
        "SELECT lane, state FROM message WHERE message_id = $1 FOR NO KEY UPDATE", message_id
    )
    if row and row["state"] == "unknown":
        await db.execute(
            """UPDATE message SET state = 'pending', state_at = clock_timestamp(), due_at = clock_timestamp(),
                      code = NULL, recipient_sealed = NULL WHERE message_id = $1""",
            message_id,
        )
    return row


async def stats(db: Db) -> dict[str, Any]:
    """How many messages stand in each state, by cause, and how many contacts are known."""
    rows = await db.fetch(
        "SELECT cause, state, count(*) AS messages FROM message GROUP BY cause, state ORDER BY cause, state"
    )
    contacts = await db.fetchval("SELECT count(*) FROM contact WHERE sealed IS NOT NULL")
    return {"contacts": contacts, "messages": [dict(row) for row in rows]}
