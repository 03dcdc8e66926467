"""Every SQL statement of enrollment: a fixed number a batch; locks in the order workers, enrollments, natural keys."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import orjson
from asyncpg import Record

from services.enrollment.domain.corrections import BRINGS_WHAT_OTHERS_NAME, NOT_VOIDABLE, as_sent, corrected
from services.enrollment.domain.enrollment_rules import OTHERS_MAX
from services.enrollment.domain.intake import fact_id, reread
from services.enrollment.domain.journey import FACTS_MAX
from services.enrollment.domain.judging import Keys
from services.enrollment.domain.lifecycle import Step
from services.enrollment.domain.naming import brought
from services.enrollment.domain.person import Statement
from services.enrollment.domain.register import (
    Brought,
    Changes,
    Enrollment,
    Id,
    LaneState,
    Missing,
    Natural,
    Parked,
    Published,
    Register,
    TakenBack,
    Verdict,
    Worker,
)
from shared.contracts.enrollment import CompletenessMeasured
from shared.contracts.submission import Submission, content_hash
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_RECEIPTS
from shared.plumbing import postgres
from shared.plumbing.outgoing import FactPlace, from_bytes
from shared.plumbing.store import HANDOVER_CHANNEL, Db

RELEASE_MAX: Final = 5_000
"""At most this many waiting events are taken up by one batch."""
EXPIRE_MAX: Final = 1_000
"""At most this many events that have waited too long are refused by one batch, over all its lanes."""
MEASURE_MAX: Final = 200
"""At most this many control totals are compared by one batch, over all its lanes."""
MEASURED_AGAIN_DAYS: Final = 400
"""So long after the end of its period a control total is compared again when what was accepted changes."""
SILENT_WITHIN_DAYS: Final = 366
"""Silent days are looked for in so many days of a period."""
SILENT_LISTED_MAX: Final = 31
DECLARED_LISTED_MAX: Final = 500
RECEIPTS_PAGE_MAX: Final = 200


async def load_register(
    db: Db, lanes: Sequence[str], submissions: Sequence[Submission], keys: Keys
) -> Register:
    """Lock and load all that the submissions touch, and what waits for it."""
    inbox = await _inbox(db, submissions, keys.corrected) if submissions else {}
    register = Register(inbox, {}, {}, {}, defaultdict(list), {}, corrected=keys.corrected)
    if keys.corrected:
        await _load_targets(db, register, submissions, keys)
    alone = any(target.type in BRINGS_WHAT_OTHERS_NAME for target in register.targets.values())
    register.lanes = await _lane_states(db, lanes, alone=alone)
    if keys.workers:
        register.workers = await _lock_workers(db, sorted(keys.workers))
        await _load_waiting(db, register, "worker", keys.workers, keys)
    if keys.enrollments:
        register.enrollments = await _lock_enrollments(db, sorted(keys.enrollments))
        await _load_waiting(db, register, "enrollment", keys.enrollments, keys)
    if keys.naturals:
        register.naturals = await _claimed(db, keys.naturals)
    if keys.referents:
        register.referents = await _lock_referents(db, keys.referents)
    await _load_lives(db, register, keys)
    if keys.corrected:
        await _load_what_builds_on(db, register, submissions, keys)
    return register


_NAMED_LOCK: Final = 0x6E616D6564
"""Of the database's advisory locks the one for what is named: "named" in ASCII."""


async def _lane_states(db: Db, lanes: Sequence[str], *, alone: bool) -> dict[str, LaneState]:
    """Where the lanes stand; before anything is read of what others may have named, it is locked.

    All lanes may name it at once, but while it is voided none: `alone`. One lock for all of it, since a lock on each
    row that is named would be written for each event that names it.
    """
    rows = await db.fetch(
        """SELECT s.lane, s.day, s.parked, s.unfinished
           FROM (SELECT CASE WHEN $3 THEN pg_advisory_xact_lock($2) ELSE pg_advisory_xact_lock_shared($2) END) AS held
           LEFT JOIN lane_state s ON s.lane = ANY($1)""",
        lanes,
        _NAMED_LOCK,
        alone,
    )
    states = {
        row["lane"]: LaneState(row["day"], row["parked"], row["unfinished"]) for row in rows if row["lane"]
    }
    return {lane: states.get(lane, LaneState(None, 0)) for lane in lanes}


async def _inbox(db: Db, submissions: Sequence[Submission], more: Iterable[Id]) -> dict[Id, Verdict]:
    wanted = [(s.lane, s.source, s.id) for s in submissions if s.id is not None and s.source is not None]
    wanted += more
    rows = await db.fetch(
        """SELECT i.lane, i.source, i.id, i.content, i.status, i.record_offset, i.type, i.code, i.field, i.detail,
                  i.first_event_id, i.voided_by
           FROM unnest($1::text[], $2::text[], $3::text[]) AS s(lane, source, id)
           JOIN inbox i USING (lane, source, id)""",
        [lane for lane, _, _ in wanted],
        [source for _, source, _ in wanted],
        [id_ for _, _, id_ in wanted],
    )
    return {(row[0], row[1], row[2]): Verdict(*row[3:], fresh=False) for row in rows}


async def _lock_workers(db: Db, refs: Sequence[str]) -> dict[str, Worker]:
    made = await db.fetch(
        "INSERT INTO worker (ref) SELECT r FROM unnest($1::text[]) r ORDER BY r ON CONFLICT DO NOTHING RETURNING ref",
        refs,
    )
    workers = {row[0]: Worker(row[0]) for row in made}
    rows = await db.fetch(
        "SELECT ref, registered_by FROM worker WHERE ref = ANY($1) ORDER BY ref FOR NO KEY UPDATE",
        [ref for ref in refs if ref not in workers],
    )
    for row in rows:
        workers[row[0]] = Worker(row[0], orjson.loads(row[1]))
    return workers


async def _lock_enrollments(db: Db, numbers: Sequence[str]) -> dict[str, Enrollment]:
    made = await db.fetch(
        """INSERT INTO enrollment (number) SELECT n FROM unnest($1::text[]) n ORDER BY n
           ON CONFLICT DO NOTHING RETURNING number""",
        numbers,
    )
    enrollments = {row[0]: Enrollment(row[0]) for row in made}
    rows = await db.fetch(
        """SELECT number, state, worker_ref, event_id, state_event_id, facts FROM enrollment
           WHERE number = ANY($1) ORDER BY number FOR NO KEY UPDATE""",
        [number for number in numbers if number not in enrollments],
    )
    for row in rows:
        enrollments[row[0]] = Enrollment(*row[:5], facts=orjson.loads(row[5]))
    return enrollments


async def _claimed(db: Db, naturals: Iterable[Natural]) -> dict[Natural, str]:
    """Natural keys that are claimed already, with the event that did it."""
    wanted = list(naturals)
    rows = await db.fetch(
        """SELECT kind, key, event_id FROM natural_key
           JOIN unnest($1::text[], $2::text[]) AS w(kind, key) USING (kind, key)""",
        [kind for kind, _ in wanted],
        [key for _, key in wanted],
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def _load_waiting(db: Db, register: Register, kind: str, names: Iterable[str], keys: Keys) -> None:
    """What waits for entities that are now locked; read in a later statement than the lock."""
    rows = await db.fetch(
        """SELECT lane, source, id, missing_kind, missing_key, record_offset, raw, traceparent, since FROM parked
           WHERE missing_kind = $1 AND missing_key = ANY($2) ORDER BY n LIMIT $3""",
        kind,
        list(names),
        RELEASE_MAX,
    )
    register.overflowing |= len(rows) == RELEASE_MAX
    for row in rows:
        missing: Missing = (row[3], row[4])
        parked = Parked(row[0], row[1], row[2], missing, *row[5:])
        submission = reread(parked)
        keys.add(submission)
        register.waiting[missing].append(parked)
        waits = Verdict(content_hash(submission), "parked", parked.offset, submission.type, fresh=False)
        register.inbox.setdefault((parked.lane, parked.source, parked.id), waits)


async def load_overdue(db: Db, register: Register, lanes: Sequence[str], since: date) -> list[Parked]:
    """What has waited on `lanes` since that day or longer, in the order in which it came, and its inbox rows."""
    rows = await db.fetch(
        """SELECT o.lane, o.source, o.id, o.missing_kind, o.missing_key, o.record_offset, o.raw, o.traceparent,
                  o.since, i.content, i.type, i.code, i.field, i.detail
           FROM (SELECT * FROM parked WHERE lane = ANY($1) AND since <= $2 ORDER BY lane, since, n LIMIT $3) o
           JOIN inbox i USING (id, source, lane) ORDER BY o.lane, o.since, o.n""",
        lanes,
        since,
        EXPIRE_MAX,
    )
    overdue = []
    for row in rows:
        parked = Parked(row[0], row[1], row[2], (row[3], row[4]), *row[5:9])
        register.inbox[parked.lane, parked.source, parked.id] = Verdict(
            row[9], "parked", parked.offset, *row[10:], fresh=False
        )
        overdue.append(parked)
    return overdue


async def save_changes(db: Db, changes: Changes) -> None:
    """Write what judging has changed in rows that are locked, in a fixed number of statements."""
    await _save_inbox(db, changes)
    await _save_workers(db, changes.workers)
    await _save_enrollments(db, changes.enrollments)


async def save_rest(db: Db, register: Register) -> None:
    """Write what is written once a batch: what was claimed and parked, and what was counted."""
    await _take_back(db, register.taken_back)
    await _save_naturals(db, register.new_naturals)
    await _save_lives(db, register)
    await _delete_unparked(db, register)
    await _save_referents(db, register.new_referents)
    await _save_names(db, register.new_names)
    await _save_parked(db, register)
    await _save_declared(db, register)
    await _save_counts(db, register)


async def _save_inbox(db: Db, changes: Changes) -> None:
    if changes.new_verdicts:
        rows = [(*key, *_verdict(v)) for key, v in changes.new_verdicts.items()]
        await db.copy_records_to_table("inbox", records=rows, columns=_INBOX)
    if changes.verdicts:
        await db.execute(
            """UPDATE inbox i SET content = n.content, status = n.status, record_offset = n.record_offset,
                      type = n.type, code = n.code, field = n.field, detail = n.detail,
                      first_event_id = n.first_event_id, voided_by = n.voided_by,
                      received_at = CASE WHEN n.voided_by IS NULL THEN clock_timestamp() ELSE received_at END
               FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bigint[], $7::text[],
                           $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
                    AS n(lane, source, id, content, status, record_offset, type, code, field, detail, first_event_id,
                         voided_by)
               WHERE i.lane = n.lane AND i.source = n.source AND i.id = n.id""",
            *_columns([(*key, *_verdict(v)) for key, v in changes.verdicts.items()], len(_INBOX)),
        )


_INBOX: Final = (
    "lane",
    "source",
    "id",
    "content",
    "status",
    "record_offset",
    "type",
    "code",
    "field",
    "detail",
    "first_event_id",
    "voided_by",
)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as one array for each of `width` columns, also where there are none: what `unnest` takes."""
    return [[row[n] for row in rows] for n in range(width)]


def _verdict(v: Verdict) -> tuple[Any, ...]:
    return v.content, v.status, v.offset, v.type, v.code, v.field, v.detail, v.first_event_id, v.voided_by


async def _save_workers(db: Db, workers: Sequence[Worker]) -> None:
    if workers:
        await db.execute(
            """UPDATE worker w SET registered_by = n.registered_by
               FROM unnest($1::text[], $2::jsonb[]) AS n(ref, registered_by) WHERE w.ref = n.ref""",
            [worker.ref for worker in workers],
            [orjson.dumps(worker.registered_by).decode() for worker in workers],
        )


async def _save_enrollments(db: Db, enrollments: Sequence[Enrollment]) -> None:
    if enrollments:
        rows = [(e.number, e.state, e.worker_ref, e.event_id, e.state_event_id, e.facts) for e in enrollments]
        await db.execute(
            """UPDATE enrollment e SET state = n.v ->> 1, worker_ref = n.v ->> 2, event_id = n.v ->> 3,
                      state_event_id = n.v ->> 4, facts = n.v -> 5
               FROM jsonb_array_elements($1::jsonb) AS n(v) WHERE e.number = n.v ->> 0""",
            orjson.dumps(rows).decode(),
        )


async def _save_naturals(db: Db, naturals: dict[Natural, str]) -> None:
    """Claim them: the primary key is the lock. Where another lane was faster, the batch is judged again."""
    if not naturals:
        return
    keys = sorted(naturals)
    claimed = await db.execute(
        """INSERT INTO natural_key (kind, key, event_id)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS n(kind, key, event_id) ORDER BY kind, key
           ON CONFLICT DO NOTHING""",
        [kind for kind, _ in keys],
        [key for _, key in keys],
        [naturals[natural] for natural in keys],
    )
    if int(claimed.split()[-1]) != len(keys):
        raise postgres.ChangedMeanwhileError


async def _delete_unparked(db: Db, register: Register) -> None:
    """Delete what waits no more. What another lane freed or refused meanwhile is gone: the batch is judged again."""
    if not register.unparked:
        return
    deleted = await db.execute(
        """DELETE FROM parked p USING unnest($1::text[], $2::text[], $3::text[]) AS n(lane, source, id)
           WHERE p.lane = n.lane AND p.source = n.source AND p.id = n.id""",
        [p.lane for p in register.unparked],
        [p.source for p in register.unparked],
        [p.id for p in register.unparked],
    )
    if int(deleted.split()[-1]) != len(register.unparked):
        raise postgres.ChangedMeanwhileError


async def _save_parked(db: Db, register: Register) -> None:
    if register.overflowing and register.freed:
        await _hand_over_the_rest(db, register.freed)
    if register.parked:
        await db.copy_records_to_table(
            "parked",
            records=[
                (p.lane, p.source, p.id, *p.missing, p.offset, p.raw, p.traceparent, p.since)
                for p in register.parked.values()
            ],
            columns=(
                "lane",
                "source",
                "id",
                "missing_kind",
                "missing_key",
                "record_offset",
                "raw",
                "traceparent",
                "since",
            ),
        )


async def _hand_over_the_rest(db: Db, freed: set[Missing]) -> None:
    """Hand all that still waits for what has come to its lanes' owners, who take it up in bounded steps.

    The payload is that of `handlers`: source, id, what was missing, offset, record, trace context, first day.
    """
    await db.execute(
        """WITH freed AS (
               DELETE FROM parked p USING unnest($1::text[], $2::text[]) AS f(kind, key)
               WHERE p.missing_kind = f.kind AND p.missing_key = f.key RETURNING p.*),
           left_over AS (
               INSERT INTO handover (to_lane, kind, payload)
               SELECT lane, 'parked', convert_to(json_build_array(source, id,
                   json_build_array(missing_kind, missing_key), record_offset,
                   convert_from(raw, 'UTF8'), traceparent, since)::text, 'UTF8')
               FROM freed ORDER BY n RETURNING to_lane)
           SELECT pg_notify($3, to_lane) FROM left_over GROUP BY to_lane""",
        [kind for kind, _ in freed],
        [key for _, key in freed],
        HANDOVER_CHANNEL,
    )


async def _save_counts(db: Db, register: Register) -> None:
    """Where the lanes stand, if that has changed, and what was counted: verdicts, and what was accepted, by day."""
    tallies = [(*key, *(counts[name] for name in TALLIED)) for key, counts in register.tallies.items()]
    received = [(*key, events) for key, events in register.received.items()]
    lanes = [(lane, state.day, state.parked, state.unfinished) for lane, state in register.lanes.items()]
    await db.execute(
        """WITH judged AS (
               INSERT INTO tally AS t (lane, day, accepted, duplicate, conflict, rejected, parked)
               SELECT * FROM unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                                    $7::bigint[])
               ON CONFLICT (lane, day) DO UPDATE SET accepted = t.accepted + excluded.accepted,
                   duplicate = t.duplicate + excluded.duplicate, conflict = t.conflict + excluded.conflict,
                   rejected = t.rejected + excluded.rejected, parked = t.parked + excluded.parked),
           accepted AS (
               INSERT INTO received AS r (lane, day, type, events)
               SELECT * FROM unnest($8::text[], $9::date[], $10::text[], $11::bigint[])
               ON CONFLICT (lane, day, type) DO UPDATE SET events = r.events + excluded.events)
           INSERT INTO lane_state (lane, day, parked, unfinished)
           SELECT n.* FROM unnest($12::text[], $13::date[], $14::bigint[], $15::boolean[])
                               AS n(lane, day, parked, unfinished)
           LEFT JOIN lane_state s USING (lane)
           WHERE s.lane IS NULL OR (s.day, s.parked, s.unfinished) IS DISTINCT FROM (n.day, n.parked, n.unfinished)
           ON CONFLICT (lane) DO UPDATE SET day = excluded.day, parked = excluded.parked,
               unfinished = excluded.unfinished""",
        *_columns(tallies, 7),
        *_columns(received, 4),
        *_columns(lanes, 4),
    )


TALLIED: Final = ("accepted", "duplicate", "conflict", "rejected", "parked")


async def tallies(db: Db, lanes: Sequence[str]) -> dict[str, dict[date, dict[str, int]]]:
    """How the records of `lanes` were judged, by lane and day."""
    rows = await db.fetch(
        "SELECT lane, day, accepted, duplicate, conflict, rejected, parked FROM tally WHERE lane = ANY($1)",
        list(lanes),
    )
    found: dict[str, dict[date, dict[str, int]]] = {lane: {} for lane in lanes}
    for row in rows:
        found[row[0]][row[1]] = dict(zip(TALLIED, row[2:], strict=True))
    return found


async def totals(db: Db) -> dict[str, int]:
    """All verdicts so far and what waits now."""
    row = await db.fetchrow(
        """SELECT coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(duplicate), 0)::bigint AS duplicate,
                  coalesce(sum(conflict), 0)::bigint AS conflict, coalesce(sum(rejected), 0)::bigint AS rejected,
                  (SELECT count(*) FROM parked) AS parked_open, (SELECT count(*) FROM quarantine) AS quarantined,
                  (SELECT count(*) FROM handover) AS handover
           FROM tally"""
    )
    return dict(row) if row else {}


async def receipts(db: Db, event_id: str, lane: str | None) -> list[Record]:
    """How the submissions under an id were judged; of one lane, or of all."""
    return list(
        await db.fetch(
            """SELECT lane, source, id, status, record_offset, type, code, field, detail, first_event_id, voided_by,
                      received_at
               FROM inbox WHERE id = $1 AND ($2::text IS NULL OR lane = $2) ORDER BY lane, source LIMIT $3""",
            event_id,
            lane,
            RECEIPTS_PAGE_MAX,
        )
    )


async def receipts_issued(db: Db, lane: str) -> int:
    """The number of the last receipt of a lane."""
    seq = await db.fetchval(
        "SELECT seq FROM outbound WHERE stream = $1 AND lane = $2", PROVINCE_RECEIPTS.pattern, lane
    )
    return int(seq or 0)


async def receipts_issued_before(db: Db, lane: str, instant: datetime) -> int:
    """The number of the last receipt that was recorded before `instant`.

    A search by halves over the log's own key, two dozen look-ups whatever its length: a lane's numbers have no gap,
    and its times never go back. `OFFSET 0`
    lets each look-up be made once for both of its uses.
    """
    seq = await db.fetchval(
        """WITH RECURSIVE halves(before, not_before) AS (
               SELECT 0::bigint, seq + 1 FROM outbound WHERE stream = $1 AND lane = $2
               UNION ALL
               SELECT CASE WHEN earlier THEN middle ELSE before END, CASE WHEN earlier THEN not_before ELSE middle END
               FROM halves, LATERAL (SELECT (before + not_before) / 2 AS middle) m, LATERAL (
                   SELECT coalesce((SELECT recorded_at FROM log
                                    WHERE stream = $1 AND lane = $2 AND first_seq <= middle
                                    ORDER BY first_seq DESC LIMIT 1) < $3, true) AS earlier OFFSET 0) e
               WHERE not_before - before > 1)
           SELECT max(before) FROM halves""",
        PROVINCE_RECEIPTS.pattern,
        lane,
        instant,
    )
    return int(seq or 0)


# ---------------------------------------------------------------- what workers and enrollments went through


async def _load_lives(db: Db, register: Register, keys: Keys) -> None:
    """What was said of workers, their enrollments, and the steps of enrollments: of those that are locked now."""
    known = [worker.ref for worker in register.workers.values() if worker.registered_by]
    if known:
        await _load_statements(db, register, known)
    students = [ref for ref in known if ref in keys.students]
    if students:
        await _load_studies(db, register, students)
    begun = [enrollment.number for enrollment in register.enrollments.values() if enrollment.state]
    if begun:
        await _load_steps(db, register, begun)


async def _load_statements(db: Db, register: Register, refs: Sequence[str]) -> None:
    rows = await db.fetch(
        """SELECT ref, lane, event_id, said_at, since, until, attributes FROM worker_statement
           WHERE ref = ANY($1)""",
        refs,
    )
    for ref, lane, event_id, said_at, since, until, attributes in rows:
        said = Statement(lane, event_id, said_at, since, until, orjson.loads(attributes))
        register.workers[ref].statements.append(said)


async def _load_studies(db: Db, register: Register, refs: Sequence[str]) -> None:
    """The workers' other enrollments, not locked: an overlap is said for a look, nothing is decided by it."""
    rows = await db.fetch(
        """SELECT e.number, e.state, e.worker_ref, e.event_id, e.state_event_id, e.facts
           FROM unnest($1::text[]) AS w(ref) CROSS JOIN LATERAL (
               SELECT * FROM enrollment WHERE worker_ref = w.ref ORDER BY number LIMIT $2) e""",
        refs,
        OTHERS_MAX,
    )
    for row in rows:
        register.studies[row[2]].append(Enrollment(*row[:5], facts=orjson.loads(row[5])))


async def _load_steps(db: Db, register: Register, numbers: Sequence[str]) -> None:
    rows = await db.fetch(
        "SELECT number, kind, day, event_id FROM enrollment_step WHERE number = ANY($1) ORDER BY n", numbers
    )
    for row in rows:
        register.enrollments[row[0]].steps.append(Step(*row[1:]))


async def _save_lives(db: Db, register: Register) -> None:
    """Append what was said and what happened."""
    if register.new_statements:
        await db.copy_records_to_table(
            "worker_statement",
            records=[
                (ref, s.lane, s.event_id, s.said_at, s.since, s.until, orjson.dumps(s.attributes).decode())
                for ref, s in register.new_statements
            ],
            columns=("ref", "lane", "event_id", "said_at", "since", "until", "attributes"),
        )
    if register.new_steps:
        await db.copy_records_to_table(
            "enrollment_step",
            records=[(number, *step) for number, step in register.new_steps],
            columns=("number", "kind", "day", "event_id"),
        )


# ---------------------------------------------------------------- what was sent, and what was said to be sent


async def _save_declared(db: Db, register: Register) -> None:
    """Keep what was declared."""
    if register.declared:
        await db.copy_records_to_table(
            "control_total",
            records=[
                (one.lane, one.since, one.until, one.event_types, one.events, one.event_id)
                for one in register.declared
            ],
            columns=("lane", "since", "until", "event_types", "events", "event_id"),
        )


async def measure_totals(
    db: Db, lanes: Sequence[str], today: date
) -> list[tuple[str, str, CompletenessMeasured]]:
    """Compare control totals of `lanes` with what was accepted before this batch: those whose numbers are new.

    Each at most once a day, and noted as said: (lane, id of the declaration, what is to be said).
    """
    rows = await db.fetch(
        """WITH measured AS (
               SELECT c.lane, c.since, c.until, c.event_types, c.events, c.event_id, r.received, s.days, s.listed
               FROM control_total c
               CROSS JOIN LATERAL (
                   SELECT coalesce(sum(events), 0)::bigint AS received FROM received
                   WHERE lane = c.lane AND day BETWEEN c.since AND c.until AND type = ANY(c.event_types)) r
               CROSS JOIN LATERAL (
                   SELECT count(*) AS days, coalesce((array_agg(d ORDER BY d))[1:$4::int], ARRAY[]::date[]) AS listed
                   FROM (SELECT c.since + n AS d
                         FROM generate_series(0, least(c.until, $2::date - 1, c.since + $5::int) - c.since) n) every
                   WHERE NOT EXISTS (SELECT FROM received WHERE lane = c.lane AND day = d)) s
               WHERE c.lane = ANY($1) AND (c.measured_on IS NULL OR (c.measured_on < $2 AND c.until >= $3
                     AND (c.received, c.silent_days) IS DISTINCT FROM (r.received, s.days)))
               ORDER BY c.lane, c.since, c.until, c.event_types LIMIT $6),
           said AS (
               UPDATE control_total c SET measured_on = $2, received = m.received, silent_days = m.days
               FROM measured m
               WHERE (c.lane, c.since, c.until, c.event_types) = (m.lane, m.since, m.until, m.event_types))
           SELECT * FROM measured ORDER BY lane, since, until, event_types""",
        lanes,
        today,
        today - timedelta(days=MEASURED_AGAIN_DAYS),
        SILENT_LISTED_MAX,
        SILENT_WITHIN_DAYS - 1,
        MEASURE_MAX,
    )
    return [(row["lane"], row["event_id"], _completeness(row)) for row in rows]


def _completeness(row: Record) -> CompletenessMeasured:
    return CompletenessMeasured(
        since=row["since"],
        until=row["until"],
        event_types=tuple(row["event_types"]),
        declared=row["events"],
        received=row["received"],
        difference=row["received"] - row["events"],
        silent_days=row["days"],
        silent_on=tuple(row["listed"]),
    )


async def received_in(db: Db, lane: str, first: date) -> tuple[dict[str, int], list[date]]:
    """What was accepted of the month that begins with `first`, by type, and its silent days that are over."""
    rows = await db.fetch(
        """SELECT type, sum(events)::bigint FROM received
           WHERE lane = $1 AND day >= $2 AND day < ($2::date + interval '1 month')::date GROUP BY type ORDER BY type""",
        lane,
        first,
    )
    silent = await db.fetch(
        """SELECT d FROM (SELECT $2::date + n AS d FROM generate_series(0, 30) n) every
           WHERE d < least(($2::date + interval '1 month')::date, (SELECT day FROM lane_state WHERE lane = $1))
               AND EXISTS (SELECT FROM lane_state WHERE lane = $1 AND day IS NOT NULL)
               AND NOT EXISTS (SELECT FROM received WHERE lane = $1 AND day = d) ORDER BY d""",
        lane,
        first,
    )
    return {row[0]: row[1] for row in rows}, [row[0] for row in silent]


async def declared_in(db: Db, lane: str, first: date) -> list[Record]:
    """Control totals whose period touches the month that begins with `first`, beside what was accepted of each."""
    return list(
        await db.fetch(
            """SELECT c.since, c.until, c.event_types, c.events AS declared, r.received,
                      r.received - c.events AS difference, c.event_id
               FROM (SELECT * FROM control_total
                     WHERE lane = $1 AND since < ($2::date + interval '1 month')::date AND until >= $2
                     ORDER BY since, until, event_types LIMIT $3) c
               CROSS JOIN LATERAL (
                   SELECT coalesce(sum(events), 0)::bigint AS received FROM received
                   WHERE lane = c.lane AND day BETWEEN c.since AND c.until AND type = ANY(c.event_types)) r
               ORDER BY c.since, c.until, c.event_types""",
            lane,
            first,
            DECLARED_LISTED_MAX,
        )
    )


# ---------------------------------------------------------------- what events name by number


async def _lock_referents(db: Db, wanted: Iterable[Missing]) -> dict[Missing, str | None]:
    """What events name, with the event that brought it. What is there stays there and needs no lock.

    What is not there yet has a row from its first mention, so that who waits and who brings it see each other.
    """
    found: dict[Missing, str | None] = await _referents(db, list(wanted))
    absent = sorted(set(wanted) - found.keys())
    if absent:
        kinds, keys = [kind for kind, _ in absent], [key for _, key in absent]
        await db.execute(
            """INSERT INTO referent (kind, key) SELECT k, v FROM unnest($1::text[], $2::text[]) AS n(k, v)
               ORDER BY k, v ON CONFLICT DO NOTHING""",
            kinds,
            keys,
        )
        rows = await db.fetch(
            """SELECT r.kind, r.key, r.event_id FROM referent r
               JOIN unnest($1::text[], $2::text[]) AS w(kind, key) USING (kind, key)
               ORDER BY r.kind, r.key FOR NO KEY UPDATE OF r""",
            kinds,
            keys,
        )
        found |= {(row[0], row[1]): row[2] for row in rows}
    return found


async def _referents(db: Db, wanted: Sequence[Missing]) -> dict[Missing, str | None]:
    rows = await db.fetch(
        """SELECT kind, key, event_id FROM referent
           JOIN unnest($1::text[], $2::text[]) AS w(kind, key) USING (kind, key) WHERE event_id IS NOT NULL""",
        [kind for kind, _ in wanted],
        [key for _, key in wanted],
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def _save_referents(db: Db, referents: dict[Missing, Brought]) -> None:
    """Write what has come, and hand all that waited for it to its lanes' owners, in this transaction.

    What waits may need workers, which are locked before referents: so it is judged in a batch of its own.
    """
    if not referents:
        return
    await db.execute(
        """UPDATE referent r SET event_id = n.event_id, lane = n.lane, data = n.data::jsonb
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                AS n(kind, key, event_id, lane, data)
           WHERE r.kind = n.kind AND r.key = n.key""",
        [kind for kind, _ in referents],
        [key for _, key in referents],
        [brought.event_id for brought in referents.values()],
        [brought.lane for brought in referents.values()],
        [brought.data and orjson.dumps(brought.data).decode() for brought in referents.values()],
    )
    await _hand_over_the_rest(db, set(referents))


async def listed(db: Db, kind: str, search: str, after: str, limit: int) -> list[Record]:
    """What there is of a kind, in the order of keys after `after`: rows (key, event_id, lane, data).

    `search` is a part of a number or a name, whatever its case; it reads through the kind, of which there are few.
    """
    return list(
        await db.fetch(
            """SELECT key, event_id, lane, data FROM referent
               WHERE kind = $1 AND key > $2 AND data IS NOT NULL
                 AND ($3 = '' OR strpos(lower(concat_ws(' ', key, data ->> 'name', data ->> 'alliance_name',
                                                        data ->> 'lead', data -> 'institution' ->> 'name')),
                                        lower($3)) > 0)
               ORDER BY key LIMIT $4""",
            kind,
            after,
            search,
            limit,
        )
    )


# ---------------------------------------------------------------- corrections


async def _load_targets(db: Db, register: Register, submissions: Sequence[Submission], keys: Keys) -> None:
    """What is to be voided or corrected, as it was published or as it waits; `keys` then name what it has left.

    Events of this very batch are not in any table yet: judging keeps them.
    """
    await _load_parked_targets(db, register, keys)
    wanted: dict[str, Id] = {}
    about: set[str] = set()
    for one in submissions:
        id_ = corrected(one)
        known = register.inbox.get(id_) if id_ is not None else None
        if id_ is None or known is None or known.type in NOT_VOIDABLE:
            continue
        if known.status == "accepted" and known.voided_by is None:
            wanted[fact_id(*id_, known.type)] = id_
            about.add(one.subject or id_[2])
    published = await _published(db, about)
    for fact in (fact for facts in published.values() for fact in facts if fact.fact_id in wanted):
        id_ = wanted[fact.fact_id]
        register.targets[id_] = fact
        keys.add(as_sent(fact, id_))


async def _load_parked_targets(db: Db, register: Register, keys: Keys) -> None:
    waiting = [id_ for id_ in keys.corrected if (v := register.inbox.get(id_)) and v.status == "parked"]
    if not waiting:
        return
    rows = await db.fetch(
        """SELECT lane, source, id, missing_kind, missing_key, record_offset, raw, traceparent, since FROM parked
           JOIN unnest($1::text[], $2::text[], $3::text[]) AS w(lane, source, id) USING (lane, source, id)""",
        [lane for lane, _, _ in waiting],
        [source for _, source, _ in waiting],
        [id_ for _, _, id_ in waiting],
    )
    for row in rows:
        register.parked_targets[row[0], row[1], row[2]] = Parked(
            row[0], row[1], row[2], (row[3], row[4]), *row[5:]
        )


async def _load_what_builds_on(
    db: Db, register: Register, submissions: Sequence[Submission], keys: Keys
) -> None:
    """Read when all that is touched is locked: nothing more can build on it."""
    register.published = await _published(db, keys.histories)
    corrected = [s for s in submissions if (s.lane, s.source, s.id) in keys.corrected]
    corrected += [as_sent(target, id_) for id_, target in register.targets.items()]
    register.named_by = {missing: [] for one in corrected if (missing := brought(one)) is not None}
    if not register.named_by:
        return
    rows = await db.fetch(
        """SELECT kind, key, lane, source, event_id FROM named
           JOIN unnest($1::text[], $2::text[]) AS w(kind, key) USING (kind, key) ORDER BY n LIMIT $3""",
        [kind for kind, _ in register.named_by],
        [key for _, key in register.named_by],
        RELEASE_MAX,
    )
    for row in rows:
        register.named_by[row[0], row[1]].append((row[2], row[3], row[4]))


async def _published(db: Db, about: set[str]) -> dict[str, list[Published]]:
    """All facts about workers, or of events without one, each in recorded order.

    Those on their way to another lane are looked for first: meanwhile they can only move into the log.
    """
    found: dict[str, list[Published]] = {one: [] for one in about}
    if not about:
        return found
    handed = await db.fetch(
        """SELECT to_lane, fact FROM (
               SELECT id, to_lane, split_part(convert_from(payload, 'UTF8'), E'\n', 2)::json AS fact
               FROM handover WHERE kind = 'fact' AND starts_with(convert_from(payload, 'UTF8'), $2 || E'\n')) h
           WHERE fact ->> 2 = ANY($1) OR fact ->> 5 = ANY($1) ORDER BY id""",
        list(about),
        ENROLLMENT_EVENTS.pattern,
    )
    logged = [orjson.loads(line) for line in await facts_about(db, list(about), FACTS_MAX)]
    logged.sort(key=lambda fact: (fact["recordedtime"], fact["lane"], fact["seq"]))
    known = {fact["id"] for fact in logged}
    waiting = [_on_its_way(lane, fact) for lane, fact in handed]
    for one in (*map(_out_of_log, logged), *(fact for fact in waiting if fact.fact_id not in known)):
        if (one.subject or one.event_id) in about:
            found[one.subject or one.event_id].append(one)
    return found


def _out_of_log(fact: dict[str, Any]) -> Published:
    return Published(
        fact["id"],
        fact["lane"],
        fact["type"],
        fact.get("subject"),
        fact["time"],
        fact["data"],
        fact.get("causationid", ""),
    )


def _on_its_way(lane: str, handed: str) -> Published:
    fact = from_bytes(handed.encode())
    return Published(
        fact.id, lane, fact.type, fact.subject, str(fact.time), fact.data, fact.causationid or ""
    )


async def _take_back(db: Db, taken: TakenBack) -> None:
    """Delete what voided events had left; what this batch claims or says anew is written after it."""
    if taken.statements:
        await db.execute(
            """DELETE FROM worker_statement s
               USING unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS n(ref, lane, event_id, said_at)
               WHERE s.ref = n.ref AND (s.lane, s.event_id, s.said_at) = (n.lane, n.event_id, n.said_at)""",
            *_columns([(ref, said.lane, said.event_id, said.said_at) for ref, said in taken.statements], 4),
        )
    if taken.steps:
        await db.execute(
            """DELETE FROM enrollment_step s
               USING unnest($1::text[], $2::text[], $3::date[], $4::text[]) AS n(number, kind, day, event_id)
               WHERE s.number = n.number AND (s.kind, s.day, s.event_id) = (n.kind, n.day, n.event_id)""",
            *_columns([(number, *step) for number, step in taken.steps], 4),
        )
    if taken.naturals:
        await db.execute(
            """DELETE FROM natural_key k USING unnest($1::text[], $2::text[]) AS n(kind, key)
               WHERE k.kind = n.kind AND k.key = n.key""",
            *_columns(taken.naturals, 2),
        )
    if taken.referents:
        await db.execute(
            """UPDATE referent r SET event_id = NULL, lane = NULL, data = NULL
               FROM unnest($1::text[], $2::text[]) AS n(kind, key) WHERE r.kind = n.kind AND r.key = n.key""",
            *_columns(taken.referents, 2),
        )
    if taken.names:
        await db.execute(
            """DELETE FROM named o
               USING unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                     AS n(kind, key, lane, source, event_id)
               WHERE o.kind = n.kind AND o.key = n.key
                     AND (o.lane, o.source, o.event_id) = (n.lane, n.source, n.event_id)""",
            *_columns([(*missing, *id_) for missing, id_ in taken.names], 5),
        )
    if taken.totals:
        await db.execute(
            """DELETE FROM control_total c USING unnest($1::text[], $2::text[]) AS n(lane, event_id)
               WHERE c.lane = n.lane AND c.event_id = n.event_id""",
            *_columns([(total.lane, total.event_id) for total in taken.totals], 2),
        )


async def _save_names(db: Db, names: Sequence[tuple[Missing, Id]]) -> None:
    if names:
        await db.copy_records_to_table(
            "named",
            records=[(*missing, *id_) for missing, id_ in names],
            columns=("kind", "key", "lane", "source", "event_id"),
        )


# ---------------------------------------------------------------- what was published about one worker


async def keep_places(db: Db, places: Sequence[FactPlace]) -> None:
    """Write down where in the log facts stand: by their worker, or without one by the event that led to them."""
    await db.copy_records_to_table(
        "fact_place",
        records=[(_short_hash(place.about), place.lane, place.seq) for place in places],
        columns=("about", "lane", "seq"),
    )


async def facts_about(db: Db, about: Sequence[str], limit: int) -> list[bytes]:
    """At most `limit` facts of the log about each worker, or of each event without one, lane by lane.

    Those whose hash is the same may be among them. A row of the log is read once, whatever is wanted of it.
    """
    rows = await db.fetch(
        """WITH place AS (
               SELECT DISTINCT lane, seq FROM unnest($1::bigint[]) AS wanted CROSS JOIN LATERAL (
                   SELECT lane, seq FROM fact_place WHERE about = wanted ORDER BY lane, seq LIMIT $3) p),
           found AS (
               SELECT place.lane, first_seq, array_agg(place.seq - first_seq ORDER BY place.seq) AS lines
               FROM place CROSS JOIN LATERAL (
                   SELECT first_seq FROM log
                   WHERE stream = $2 AND log.lane = place.lane AND first_seq <= place.seq
                   ORDER BY first_seq DESC LIMIT 1) AS row
               GROUP BY place.lane, first_seq)
           SELECT events, lines FROM found JOIN log USING (lane, first_seq) WHERE stream = $2
           ORDER BY lane, first_seq""",
        [_short_hash(one) for one in about],
        ENROLLMENT_EVENTS.pattern,
        limit,
    )
    lines = ((row[0].split(b"\n"), row[1]) for row in rows)
    return [events[line] for events, wanted in lines for line in wanted]


def _short_hash(about: str) -> int:
    """Eight bytes are enough to find facts: each says itself what it is about."""
    return int.from_bytes(hashlib.sha256(about.encode()).digest()[:8], "big", signed=True)
