"""Every SQL statement of subsidy: the book of some lanes loaded and written back, and what the API reads."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Final

import orjson
from asyncpg import Record
from asyncpg.transaction import Transaction

from services.subsidy.domain import projecting
from services.subsidy.domain.activating import in_force_before
from services.subsidy.domain.book import (
    Award,
    Book,
    Budget,
    BudgetKey,
    Cause,
    Claim,
    Entry,
    LaneBook,
    Payment,
    PaymentKey,
    Queue,
)
from services.subsidy.domain.expecting import NOTHING_CAME, RUN_DAYS, Inflow, whole_months
from services.subsidy.domain.lifetime import Asker, Entitlement, EntitlementKey
from services.subsidy.domain.loading import Asked, Waits
from services.subsidy.domain.schemes import Rules, Scheme
from shared.plumbing.store import Db

PAGE_MAX: Final = 1_000
CHECK_TIMEOUT_MS: Final = 600_000
"""A check reads whole tables; the session allows a batch much less."""

_BUDGET_COLUMNS: Final = (
    "lane, fiscal_year, fund_source, funder_level, allocated_fen, reserved_fen, granted_fen, "
    "disbursed_fen, receivable_fen, scholarship_fen, written_off_fen, waiting, smallest_waiting_fen, outside_fen, "
    "held_back, smallest_held_back_fen, exhausted, alerted_percent"
)
_FREE_FEN: Final = (
    "allocated_fen - reserved_fen - granted_fen - disbursed_fen - receivable_fen - scholarship_fen "
    "- written_off_fen"
)
_AWARD_FIELDS: Final = (
    "enrollment_no",
    "lane",
    "worker_ref",
    "state",
    "fiscal_year",
    "fund_source",
    "amount_fen",
    "tuition_fen",
    "scholarship_fen",
    "rank",
    "confirmed",
    "scheme",
    "scheme_version",
    "categories",
    "track",
    "disbursed_fen",
    "reservation_days",
    "expires_on",
    "withdrawn",
    "part",
    "parts",
    "asked_fen",
    "completion_days",
    "completions",
    "year_of_study",
    "level",
    "outside",
    "paid_early",
)
_AWARD_COLUMNS: Final = ", ".join(_AWARD_FIELDS)
_JOURNAL_FIELDS: Final = (
    "lane",
    "entry_no",
    "event_id",
    "event_type",
    "enrollment_no",
    "cause_id",
    "scheme",
    "scheme_version",
    "inputs",
    "steps",
    "recorded_at",
)
_CLAIM_FIELDS: Final = (
    "lane",
    "enrollment_no",
    "fiscal_year",
    "fund_source",
    "worker_ref",
    "open_fen",
)
_CLAIM_COLUMNS: Final = ", ".join(_CLAIM_FIELDS)
_PAYMENT_FIELDS: Final = (
    "lane",
    "batch_no",
    "line_no",
    "enrollment_no",
    "worker_ref",
    "fiscal_year",
    "fund_source",
    "booked_fen",
    "unmatched_fen",
    "waits",
)
_PAYMENT_COLUMNS: Final = ", ".join(_PAYMENT_FIELDS)
_POSTING_FIELDS: Final = (
    "lane",
    "entry_no",
    "line",
    "fiscal_year",
    "fund_source",
    "purpose",
    "amount_fen",
)


async def any_goes_on(db: Db, lanes: Sequence[str]) -> bool:
    """Whether on one of `lanes` a queue still moves, or reservations still expire: too many for one batch."""
    found: bool = await db.fetchval(
        """SELECT EXISTS (SELECT FROM budget WHERE lane = ANY($1) AND drain_cause IS NOT NULL)
               OR EXISTS (SELECT FROM lane_book WHERE lane = ANY($1) AND expire_cause IS NOT NULL)""",
        lanes,
    )
    return found


async def load_lanes(db: Db, rules: Rules, book: Book, lanes: Sequence[str]) -> None:
    """Load the pages of `lanes`; the caller holds their cursors."""
    rows = await db.fetch(
        """SELECT lane, day, last_entry, expire_cause, expire_time, expire_correlation, schemes_adopted,
                  EXISTS (SELECT FROM budget b WHERE b.lane = l.lane AND drain_cause IS NOT NULL) AS drains
           FROM lane_book l WHERE lane = ANY($1)""",
        lanes,
    )
    for lane, day, last_entry, cause_id, time, correlationid, _, drains in rows:
        expiring = Cause(cause_id, time, correlationid) if cause_id else None
        book.lanes[lane] = LaneBook(lane, day, last_entry, expiring, drains or expiring is not None)
    if adopting := [row["lane"] for row in rows if row["schemes_adopted"]]:
        for lane, adopted in (await adopted_schemes(db, adopting)).items():
            page = book.lanes[lane]
            page.rules = in_force_before(rules, adopted, page.last_entry + 1)


async def adopted_schemes(db: Db, lanes: Sequence[str]) -> dict[str, list[tuple[int, Scheme]]]:
    """Lane → schemes that were put in force there by an event, each with the number of the entry that says so."""
    rows = await db.fetch(
        """SELECT a.lane, a.entry_no, s.content FROM lane_scheme a JOIN scheme s USING (name, version)
           WHERE a.lane = ANY($1) ORDER BY a.lane, a.entry_no""",
        lanes,
    )
    found: dict[str, list[tuple[int, Scheme]]] = {}
    for lane, entry_no, content in rows:
        found.setdefault(lane, []).append((entry_no, Scheme.model_validate_json(content)))
    return found


async def load_awards(db: Db, book: Book, enrollment_nos: Sequence[str]) -> None:
    """Load awards by enrollment with all their parts, as far as they exist."""
    rows = await db.fetch(
        f"SELECT {_AWARD_COLUMNS} FROM award WHERE enrollment_no = ANY($1)",  # noqa: S608 - our own columns
        enrollment_nos,
    )
    for row in rows:
        award = _award(row)
        book.awards[award.key] = award


async def lock_entitlements(db: Db, book: Book, keys: Sequence[EntitlementKey]) -> None:
    """Lock persons' entitlements in the order of their keys and load them; those never asked for before are made."""
    columns = [list(column) for column in zip(*keys, strict=True)]
    await db.execute(
        """INSERT INTO entitlement (worker_ref, scheme, level)
           SELECT w, s, l FROM unnest($1::text[], $2::text[], $3::text[]) AS k(w, s, l) ORDER BY w, s, l
           ON CONFLICT DO NOTHING""",
        *columns,
    )
    rows = await db.fetch(
        """SELECT worker_ref, scheme, level, askers FROM entitlement
           WHERE (worker_ref, scheme, level) IN (
               SELECT w, s, l FROM unnest($1::text[], $2::text[], $3::text[]) AS k(w, s, l))
           ORDER BY worker_ref, scheme, level FOR NO KEY UPDATE""",
        *columns,
    )
    for worker_ref, scheme, level, askers in rows:
        found = [Asker(*one) for one in orjson.loads(askers)]
        entitlement = Entitlement(worker_ref, scheme, level, found, locked=True)
        book.entitlements[entitlement.key] = entitlement


async def load_due(db: Db, book: Book, days: Mapping[str, date], limit: int) -> None:
    """Load reservations that are due on lanes by their days, at most `limit` of each, in order of days and ranks."""
    rows = await db.fetch(
        f"""SELECT a.* FROM unnest($1::text[], $2::date[]) AS k(l, d)
            CROSS JOIN LATERAL (
                SELECT {_AWARD_COLUMNS} FROM award
                WHERE lane = k.l AND state = 'reserved' AND expires_on <= k.d
                ORDER BY expires_on, rank, part LIMIT $3) a""",  # noqa: S608 - our own columns
        list(days),
        list(days.values()),
        limit,
    )
    for lane, awards in _by_lane(days, rows).items():
        book.add_due(lane, awards, limit)


async def load_commitments(db: Db, book: Book, days: Mapping[str, date], limit: int) -> None:
    """Load commitments whose fiscal year has begun on lanes by their days, at most `limit` of each, in their order."""
    rows = await db.fetch(
        f"""SELECT a.* FROM unnest($1::text[], $2::smallint[]) AS k(l, y)
            CROSS JOIN LATERAL (
                SELECT {_AWARD_COLUMNS} FROM award
                WHERE lane = k.l AND state = 'committed' AND fiscal_year <= k.y
                ORDER BY fiscal_year, rank, part LIMIT $3) a""",  # noqa: S608 - our own columns
        list(days),
        [day.year for day in days.values()],
        limit,
    )
    for lane, awards in _by_lane(days, rows).items():
        book.add_commitments(lane, awards, limit)


def _by_lane(lanes: Iterable[str], rows: Iterable[Record]) -> dict[str, list[Award]]:
    found: dict[str, list[Award]] = {lane: [] for lane in lanes}
    for row in rows:
        found[row["lane"]].append(_award(row))
    return found


async def load_booked(db: Db, book: Book, enrollment_nos: Sequence[str], causes: Sequence[str]) -> None:
    """Load what was booked of scholarships, by the facts that led to it."""
    rows = await db.fetch(
        """SELECT j.cause_id, p.lane, p.fiscal_year, p.fund_source, p.amount_fen
           FROM journal j JOIN posting p USING (lane, entry_no)
           WHERE j.enrollment_no = ANY($1) AND j.cause_id = ANY($2) AND p.purpose = 'scholarship'
             AND p.amount_fen > 0 ORDER BY p.lane, p.entry_no, p.line""",
        enrollment_nos,
        causes,
    )
    for row in rows:
        book.booked.setdefault(row[0], []).append((tuple(row[1:4]), row[4]))


async def load_payments(db: Db, book: Book, keys: Sequence[PaymentKey]) -> None:
    """Load lines of settlements that come back."""
    rows = await db.fetch(
        f"""SELECT {_PAYMENT_COLUMNS} FROM payment
            WHERE (lane, batch_no, line_no) IN (
                SELECT l, b, n FROM unnest($1::text[], $2::text[], $3::integer[]) AS k(l, b, n))""",  # noqa: S608 - ours
        [lane for lane, _, _ in keys],
        [batch for _, batch, _ in keys],
        [line for _, _, line in keys],
    )
    for row in rows:
        payment = Payment(*row)
        book.payments[payment.key] = payment


async def load_early_payments(db: Db, book: Book, enrollment_nos: Sequence[str]) -> None:
    """Load payments that wait for a grant, and all parts of their awards; what is known already stays the same."""
    rows = await db.fetch(
        f"SELECT {_PAYMENT_COLUMNS} FROM payment WHERE enrollment_no = ANY($1) AND waits",  # noqa: S608 - ours
        enrollment_nos,
    )
    for row in rows:
        payment = Payment(*row)
        book.payments.setdefault(payment.key, payment)
    rows = await db.fetch(
        f"SELECT {_AWARD_COLUMNS} FROM award WHERE enrollment_no = ANY($1) AND parts > 1",  # noqa: S608 - ours
        enrollment_nos,
    )
    for row in rows:
        award = _award(row)
        book.awards.setdefault(award.key, award)


async def load_claims(db: Db, book: Book, lanes: Sequence[str], worker_refs: Sequence[str]) -> None:
    """Load what workers owe to budgets of `lanes`."""
    rows = await db.fetch(
        f"""SELECT {_CLAIM_COLUMNS} FROM claim
            WHERE lane = ANY($1) AND worker_ref = ANY($2) AND open_fen > 0""",  # noqa: S608 - our own columns
        lanes,
        worker_refs,
    )
    for row in rows:
        claim = Claim(*row)
        book.claims[claim.key] = claim


async def load_budgets(
    db: Db, book: Book, keys: Iterable[BudgetKey], lanes: Sequence[str], whole: Iterable[str]
) -> None:
    """Load the budgets of `keys`, those of `lanes` with debts, all of `whole` lanes and of any that goes on."""
    wanted = sorted(keys)
    all_of = [*whole, *(page.lane for page in book.lanes.values() if page.went_on)]
    rows = await db.fetch(
        f"""SELECT {_BUDGET_COLUMNS}, drain_cause, drain_time, drain_correlation FROM budget
            WHERE (lane, fiscal_year, fund_source) IN (
                      SELECT l, y, f FROM unnest($1::text[], $2::smallint[], $3::text[]) AS k(l, y, f))
               OR (lane = ANY($4) AND receivable_fen > 0) OR lane = ANY($5)""",  # noqa: S608 - our own columns
        [lane for lane, _, _ in wanted],
        [year for _, year, _ in wanted],
        [fund for _, _, fund in wanted],
        lanes,
        all_of,
    )
    for row in rows:
        *values, cause_id, time, correlationid = row
        budget = Budget(*values)
        budget.drain = Cause(cause_id, time, correlationid) if cause_id else None
        book.add_budget(budget)


# The two that follow are alike but for a state. It stands in their texts, since each has a partial index that a
# parameter could not use; and both texts stand here whole, so that each is prepared by a test as it is sent. One text
# over both (`… AND $5 = 'waitlisted' UNION ALL …`) would sort where an index gives the order.
async def load_queues(db: Db, book: Book, lengths: Mapping[BudgetKey, int]) -> None:
    """Load the heads of queues, at most so many awards of each, in rank order."""
    rows = await db.fetch(
        f"""SELECT a.* FROM unnest($1::text[], $2::smallint[], $3::text[], $4::integer[]) AS k(l, y, f, n)
            CROSS JOIN LATERAL (
                SELECT {_AWARD_COLUMNS} FROM award
                WHERE lane = k.l AND fiscal_year = k.y AND fund_source = k.f AND state = 'waitlisted'
                ORDER BY rank, part LIMIT k.n) a""",  # noqa: S608 - our own columns
        *_columns(lengths),
    )
    for key, awards in _heads(lengths, rows).items():
        book.add_queue(key, awards)


async def load_held_back(db: Db, book: Book, lengths: Mapping[BudgetKey, int]) -> None:
    """Load the first of those that are held back from budgets, at most so many of each, in rank order."""
    rows = await db.fetch(
        f"""SELECT a.* FROM unnest($1::text[], $2::smallint[], $3::text[], $4::integer[]) AS k(l, y, f, n)
            CROSS JOIN LATERAL (
                SELECT {_AWARD_COLUMNS} FROM award
                WHERE lane = k.l AND fiscal_year = k.y AND fund_source = k.f AND state = 'held_back'
                ORDER BY rank, part LIMIT k.n) a""",  # noqa: S608 - our own columns
        *_columns(lengths),
    )
    for key, awards in _heads(lengths, rows).items():
        book.add_held_back(key, awards)


def _columns(lengths: Mapping[BudgetKey, int]) -> list[list[Any]]:
    return [list(column) for column in zip(*((*key, length) for key, length in lengths.items()), strict=True)]


def _heads(lengths: Mapping[BudgetKey, int], rows: Iterable[Record]) -> dict[BudgetKey, list[Award]]:
    heads: dict[BudgetKey, list[Award]] = {key: [] for key in lengths}
    for row in rows:
        award = _award(row)
        heads[award.budget_key].append(award)
    return {key: sorted(awards, key=lambda award: award.place) for key, awards in heads.items()}


async def count_before(
    db: Db, queues: Mapping[BudgetKey, Queue], state: Waits, places: Sequence[Asked]
) -> None:
    """Count how many of long queues stand before places in them: each queue is read once."""
    rows = await db.fetch(
        """WITH asked AS (SELECT * FROM unnest($1::text[], $2::smallint[], $3::text[], $4::bigint[], $5::smallint[])
                                        AS k(lane, fiscal_year, fund_source, rank, part)),
           places AS (
               SELECT *, 0 AS waits FROM asked
               UNION ALL
               SELECT lane, fiscal_year, fund_source, rank, part, 1 FROM award
               WHERE (lane, fiscal_year, fund_source) IN (SELECT lane, fiscal_year, fund_source FROM asked)
                 AND state = 'waitlisted' AND $6 = 'waitlisted'
               UNION ALL
               SELECT lane, fiscal_year, fund_source, rank, part, 1 FROM award
               WHERE (lane, fiscal_year, fund_source) IN (SELECT lane, fiscal_year, fund_source FROM asked)
                 AND state = 'held_back' AND $6 = 'held_back')
           SELECT lane, fiscal_year, fund_source, rank, part, before FROM (
               SELECT *, coalesce(sum(waits) OVER (
                          PARTITION BY lane, fiscal_year, fund_source ORDER BY rank, part, waits
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint AS before
               FROM places) counted
           WHERE waits = 0""",
        [key[0] for key, _ in places],
        [key[1] for key, _ in places],
        [key[2] for key, _ in places],
        [rank for _, (rank, _) in places],
        [part for _, (_, part) in places],
        state,
    )
    for lane, year, fund_source, rank, part, before in rows:
        queues[lane, year, fund_source].before[rank, part] = before


def _award(row: Record) -> Award:
    values = list(row)
    values[_CATEGORIES] = tuple(values[_CATEGORIES])
    award = Award(*values)
    if award.outside:
        award.outside_fen = award.counts_outside_fen
    return award


_CATEGORIES: Final = _AWARD_FIELDS.index("categories")


async def save_book(db: Db, book: Book, event_ids: Sequence[str], recorded_at: datetime) -> None:
    """Write back what has changed, and the journal; `event_ids` name the facts that announce its entries."""
    await _save_lanes(db, [page for page in book.lanes.values() if page.changed])
    await _save_budgets(db, [budget for budget in book.budgets.values() if budget.changed])
    await _add_awards(db, [award for award in book.awards.values() if award.new])
    await _save_awards(db, [award for award in book.awards.values() if award.changed and not award.new])
    await _save_entitlements(db, [one for one in book.entitlements.values() if one.changed])
    await _save_claims(db, [claim for claim in book.claims.values() if claim.changed])
    await _add_payments(db, [payment for payment in book.payments.values() if payment.new])
    await _save_payments(db, [p for p in book.payments.values() if p.changed and not p.new])
    await _add_flows(db, book)
    await _add_entries(db, book.entries, event_ids, recorded_at)


async def _save_lanes(db: Db, pages: Sequence[LaneBook]) -> None:
    if not pages:
        return
    await db.execute(
        """INSERT INTO lane_book (lane, day, last_entry, expire_cause, expire_time, expire_correlation,
                                  schemes_adopted)
           SELECT * FROM unnest($1::text[], $2::date[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[],
                                $7::boolean[])
           ON CONFLICT (lane) DO UPDATE SET day = excluded.day, last_entry = excluded.last_entry,
               expire_cause = excluded.expire_cause, expire_time = excluded.expire_time,
               expire_correlation = excluded.expire_correlation, schemes_adopted = excluded.schemes_adopted""",
        [page.lane for page in pages],
        [page.day for page in pages],
        [page.last_entry for page in pages],
        [page.expiring.id if page.expiring else None for page in pages],
        [page.expiring.time if page.expiring else None for page in pages],
        [page.expiring.correlationid if page.expiring else None for page in pages],
        [page.rules is not None for page in pages],
    )
    if adopted := [(page.lane, no, scheme) for page in pages for no, scheme in page.adopted]:
        await _add_schemes(db, adopted)


async def _add_schemes(db: Db, adopted: Sequence[tuple[str, int, Scheme]]) -> None:
    """Whichever lane comes first writes down what the version says; all say the same."""
    contents = {(scheme.name, scheme.version): scheme.model_dump_json() for _, _, scheme in adopted}
    await db.execute(
        """INSERT INTO scheme (name, version, content)
           SELECT n, v, c::json FROM unnest($1::text[], $2::integer[], $3::text[]) AS k(n, v, c) ORDER BY n, v
           ON CONFLICT DO NOTHING""",
        [name for name, _ in contents],
        [version for _, version in contents],
        list(contents.values()),
    )
    await db.copy_records_to_table(
        "lane_scheme",
        records=[(lane, no, scheme.name, scheme.version) for lane, no, scheme in adopted],
        columns=("lane", "entry_no", "name", "version"),
    )


async def _save_budgets(db: Db, budgets: Sequence[Budget]) -> None:
    if not budgets:
        return
    rows = [
        {
            "lane": b.lane,
            "fiscal_year": b.fiscal_year,
            "fund_source": b.fund_source,
            "funder_level": b.funder_level,
            "allocated_fen": b.allocated_fen,
            "reserved_fen": b.reserved_fen,
            "granted_fen": b.granted_fen,
            "disbursed_fen": b.disbursed_fen,
            "receivable_fen": b.receivable_fen,
            "scholarship_fen": b.scholarship_fen,
            "written_off_fen": b.written_off_fen,
            "waiting": b.waiting,
            "smallest_waiting_fen": b.smallest_waiting_fen,
            "outside_fen": b.outside_fen,
            "held_back": b.held_back,
            "smallest_held_back_fen": b.smallest_held_back_fen,
            "exhausted": b.exhausted,
            "alerted_percent": b.alerted_percent,
            "drain_cause": b.drain.id if b.drain else None,
            "drain_time": b.drain.time if b.drain else None,
            "drain_correlation": b.drain.correlationid if b.drain else None,
        }
        for b in budgets
    ]
    await db.execute(
        f"""INSERT INTO budget ({_BUDGET_COLUMNS}, drain_cause, drain_time, drain_correlation)
           SELECT {_BUDGET_COLUMNS}, drain_cause, drain_time, drain_correlation
           FROM json_populate_recordset(NULL::budget, $1::json)
           ON CONFLICT (lane, fiscal_year, fund_source) DO UPDATE SET
               funder_level = excluded.funder_level, allocated_fen = excluded.allocated_fen,
               reserved_fen = excluded.reserved_fen, granted_fen = excluded.granted_fen,
               disbursed_fen = excluded.disbursed_fen, receivable_fen = excluded.receivable_fen,
               scholarship_fen = excluded.scholarship_fen, written_off_fen = excluded.written_off_fen,
               waiting = excluded.waiting,
               smallest_waiting_fen = excluded.smallest_waiting_fen, outside_fen = excluded.outside_fen,
               held_back = excluded.held_back, smallest_held_back_fen = excluded.smallest_held_back_fen,
               exhausted = excluded.exhausted,
               alerted_percent = excluded.alerted_percent,
               drain_cause = excluded.drain_cause, drain_correlation = excluded.drain_correlation,
               drain_time = excluded.drain_time""",  # noqa: S608 - our own columns
        orjson.dumps(rows).decode(),
    )


async def _add_awards(db: Db, awards: Sequence[Award]) -> None:
    if not awards:
        return
    if replaced := sorted({award.enrollment_no for award in awards if award.replaces}):
        await db.execute("DELETE FROM award WHERE enrollment_no = ANY($1)", replaced)
    await db.copy_records_to_table(
        "award",
        records=[
            (
                a.enrollment_no,
                a.lane,
                a.worker_ref,
                a.state,
                a.fiscal_year,
                a.fund_source,
                a.amount_fen,
                a.tuition_fen,
                a.scholarship_fen,
                a.rank,
                a.confirmed,
                a.scheme,
                a.scheme_version,
                a.categories,
                a.track,
                a.disbursed_fen,
                a.reservation_days,
                a.expires_on,
                a.withdrawn,
                a.part,
                a.parts,
                a.asked_fen,
                a.completion_days,
                a.completions,
                a.year_of_study,
                a.level,
                a.outside,
                a.paid_early,
            )
            for a in awards
        ],
        columns=_AWARD_FIELDS,
    )


async def _save_awards(db: Db, awards: Sequence[Award]) -> None:
    if not awards:
        return
    rows = [
        {
            "n": a.enrollment_no,
            "s": a.state,
            "a": a.amount_fen,
            "h": a.scholarship_fen,
            "c": a.confirmed,
            "d": a.disbursed_fen,
            "y": a.fiscal_year,
            "e": a.expires_on,
            "w": a.withdrawn,
            "r": a.rank,
            "p": a.part,
            "k": a.completions,
            "f": a.paid_early,
        }
        for a in awards
    ]
    await db.execute(
        """UPDATE award SET state = n.s, amount_fen = n.a, scholarship_fen = n.h, confirmed = n.c, disbursed_fen = n.d,
               fiscal_year = n.y, expires_on = n.e, withdrawn = n.w, rank = n.r, completions = n.k, paid_early = n.f
           FROM json_to_recordset($1::json)
               AS n(n text, s text, a bigint, h bigint, c boolean, d bigint, y smallint, e date, w boolean, r bigint,
                    p smallint, k smallint, f boolean)
           WHERE enrollment_no = n.n AND part = n.p""",
        orjson.dumps(rows).decode(),
    )


async def _save_entitlements(db: Db, entitlements: Sequence[Entitlement]) -> None:
    if not entitlements:
        return
    if not all(one.locked for one in entitlements):
        raise ValueError("an entitlement was changed that this batch does not hold")
    rows = [
        {
            "w": one.worker_ref,
            "s": one.scheme,
            "l": one.level,
            "a": [[a.lane, a.enrollment_no, a.limit, a.holds, a.history_fen] for a in one.askers],
        }
        for one in entitlements
    ]
    await db.execute(
        """UPDATE entitlement SET askers = n.a
           FROM json_to_recordset($1::json) AS n(w text, s text, l text, a json)
           WHERE worker_ref = n.w AND scheme = n.s AND level = n.l""",
        orjson.dumps(rows).decode(),
    )


async def _save_claims(db: Db, claims: Sequence[Claim]) -> None:
    if not claims:
        return
    rows = [{name: getattr(claim, name) for name in _CLAIM_FIELDS} for claim in claims]
    await db.execute(
        f"""INSERT INTO claim ({_CLAIM_COLUMNS})
            SELECT {_CLAIM_COLUMNS} FROM json_populate_recordset(NULL::claim, $1::json)
            ON CONFLICT (enrollment_no, fiscal_year, fund_source)
            DO UPDATE SET open_fen = excluded.open_fen""",  # noqa: S608 - ours
        orjson.dumps(rows).decode(),
    )


async def _add_payments(db: Db, payments: Sequence[Payment]) -> None:
    if payments:
        records = [tuple(getattr(payment, name) for name in _PAYMENT_FIELDS) for payment in payments]
        await db.copy_records_to_table("payment", records=records, columns=_PAYMENT_FIELDS)


async def _save_payments(db: Db, payments: Sequence[Payment]) -> None:
    if not payments:
        return
    rows = [
        {"l": p.lane, "b": p.batch_no, "n": p.line_no, "m": p.booked_fen, "u": p.unmatched_fen, "w": p.waits}
        for p in payments
    ]
    await db.execute(
        """UPDATE payment SET booked_fen = n.m, unmatched_fen = n.u, waits = n.w
           FROM json_to_recordset($1::json) AS n(l text, b text, n integer, m bigint, u bigint, w boolean)
           WHERE lane = n.l AND batch_no = n.b AND line_no = n.n""",
        orjson.dumps(rows).decode(),
    )


async def _add_flows(db: Db, book: Book) -> None:
    if not book.flows:
        return
    rows = [
        (*key, day, flow.added_fen, flow.freed_fen, flow.taken_fen)
        for (key, day), flow in sorted(book.flows.items(), key=lambda one: one[0])
    ]
    await db.execute(
        """INSERT INTO budget_day AS d (lane, fiscal_year, fund_source, day, added_fen, freed_fen, taken_fen)
           SELECT * FROM unnest($1::text[], $2::smallint[], $3::text[], $4::date[], $5::bigint[], $6::bigint[],
                                $7::bigint[])
           ON CONFLICT (lane, fiscal_year, fund_source, day) DO UPDATE SET added_fen = d.added_fen + excluded.added_fen,
               freed_fen = d.freed_fen + excluded.freed_fen, taken_fen = d.taken_fen + excluded.taken_fen""",
        *[list(column) for column in zip(*rows, strict=True)],
    )


async def _add_entries(
    db: Db, entries: Sequence[Entry], event_ids: Sequence[str], recorded_at: datetime
) -> None:
    if not entries:
        return
    await db.copy_records_to_table(
        "journal",
        records=[
            (
                e.lane,
                e.no,
                event_id,
                e.type,
                e.enrollment_no,
                e.cause.id,
                e.scheme,
                e.scheme_version,
                orjson.dumps(e.inputs).decode(),
                orjson.dumps(e.steps).decode(),
                recorded_at,
            )
            for e, event_id in zip(entries, event_ids, strict=True)
        ],
        columns=_JOURNAL_FIELDS,
    )
    postings = [
        (e.lane, e.no, line, p.budget.fiscal_year, p.budget.fund_source, p.purpose, p.amount_fen)
        for e in entries
        for line, p in enumerate(e.postings, 1)
    ]
    if postings:
        await db.copy_records_to_table("posting", records=postings, columns=_POSTING_FIELDS)


async def budgets(
    db: Db, lane: str | None, fiscal_year: int | None, after: BudgetKey | None, limit: int
) -> list[Record]:
    """Budgets with what is free of them, in the order of their keys, those after a key."""
    return list(
        await db.fetch(
            f"""SELECT lane, fiscal_year, fund_source, funder_level, allocated_fen, reserved_fen, granted_fen,
                      disbursed_fen, receivable_fen, scholarship_fen, written_off_fen, waiting, held_back, outside_fen,
                      {_FREE_FEN} AS free_fen,
                      drain_cause IS NOT NULL AS queue_moves, today, first_moved, run_fen
               FROM budget b LEFT JOIN LATERAL (
                   SELECT day AS today, (SELECT min(day) FROM budget_day d
                                         WHERE (d.lane, d.fiscal_year, d.fund_source)
                                             = (b.lane, b.fiscal_year, b.fund_source)) AS first_moved,
                          (SELECT sum(taken_fen - freed_fen)::bigint FROM budget_day d
                           WHERE (d.lane, d.fiscal_year, d.fund_source) = (b.lane, b.fiscal_year, b.fund_source)
                             AND d.day > l.day - $7::integer AND d.day <= l.day) AS run_fen
                   FROM lane_book l WHERE l.lane = b.lane) run ON true
               WHERE ($1::text IS NULL OR lane = $1) AND ($2::integer IS NULL OR fiscal_year = $2)
                 AND ($3::text IS NULL OR (lane, fiscal_year, fund_source) > ($3, $4::integer, $5::text))
               ORDER BY lane, fiscal_year, fund_source LIMIT $6""",  # noqa: S608 - our own columns
            lane,
            fiscal_year,
            *(after or (None, None, None)),
            limit,
            RUN_DAYS,
        )
    )


async def runs(db: Db, asked: Sequence[projecting.Asked]) -> dict[projecting.Asked, projecting.Run]:
    """When the money of budgets moved first, and what was used of it in the last days up to a day."""
    rows = await db.fetch(
        """SELECT place, (SELECT min(day) FROM budget_day d
                          WHERE (d.lane, d.fiscal_year, d.fund_source) = (k.l, k.y, k.f)) AS first_moved,
                  (SELECT coalesce(sum(taken_fen - freed_fen), 0)::bigint FROM budget_day d
                   WHERE (d.lane, d.fiscal_year, d.fund_source) = (k.l, k.y, k.f)
                     AND d.day > k.d - $5::integer AND d.day <= k.d) AS used_fen
           FROM unnest($1::text[], $2::smallint[], $3::text[], $4::date[]) WITH ORDINALITY AS k(l, y, f, d, place)""",
        [key[0] for key, _ in asked],
        [key[1] for key, _ in asked],
        [key[2] for key, _ in asked],
        [today for _, today in asked],
        RUN_DAYS,
    )
    return {asked[place - 1]: projecting.Run(first, used_fen) for place, first, used_fen in rows}


async def inflow(db: Db, lane: str, fund_source: str) -> tuple[date | None, Inflow]:
    """The day that began last on a lane, and what has come to one of its pots over whole months, in any fiscal year."""
    row = await db.fetchrow(
        """SELECT day, (SELECT min(day) FROM budget_day WHERE lane = $1 AND fund_source = $2) AS first_moved
           FROM lane_book WHERE lane = $1""",
        lane,
        fund_source,
    )
    today, first_moved = row or (None, None)
    months = whole_months(today, first_moved) if today else None
    if months is None:
        return today, NOTHING_CAME
    came_fen = await db.fetchval(
        """SELECT coalesce(sum(added_fen + freed_fen), 0)::bigint FROM budget_day
           WHERE lane = $1 AND fund_source = $2 AND day >= $3 AND day < $4""",
        lane,
        fund_source,
        *months,
    )
    return today, Inflow(came_fen, (months[1] - months[0]).days)


async def award(db: Db, enrollment_no: str) -> list[Record]:
    """One award, a row for each part, with its place in the queue while it waits."""
    return list(
        await db.fetch(
            f"""SELECT {_AWARD_COLUMNS}, CASE WHEN state = 'waitlisted' THEN (
                    SELECT count(*) FROM award w
                    WHERE w.lane = a.lane AND w.fiscal_year = a.fiscal_year AND w.fund_source = a.fund_source
                      AND w.state = 'waitlisted' AND (w.rank, w.part) <= (a.rank, a.part)) END AS position
                FROM award a WHERE enrollment_no = $1 ORDER BY part""",  # noqa: S608 - our own columns
            enrollment_no,
        )
    )


async def decisions(db: Db, enrollment_no: str) -> list[Record]:
    """The journal of one enrollment, oldest first: inputs, steps and the money that each entry moved."""
    return list(
        await db.fetch(
            """SELECT j.lane, j.entry_no, j.event_id, j.event_type, j.cause_id, j.scheme, j.scheme_version,
                      j.inputs, j.steps, j.recorded_at, coalesce(
                          (SELECT json_agg(json_build_object(
                                      'fiscal_year', p.fiscal_year, 'fund_source', p.fund_source,
                                      'purpose', p.purpose, 'amount_fen', p.amount_fen) ORDER BY p.line)
                           FROM posting p
                           WHERE p.lane = j.lane AND p.entry_no = j.entry_no), '[]') AS postings
               FROM journal j WHERE j.enrollment_no = $1 ORDER BY j.lane, j.entry_no LIMIT $2""",
            enrollment_no,
            PAGE_MAX,
        )
    )


async def totals(db: Db) -> dict[str, int]:
    """Money and queues of all lanes together."""
    row = await db.fetchrow(
        """SELECT coalesce(sum(allocated_fen), 0) AS allocated_fen,
                  coalesce(sum(reserved_fen), 0) AS reserved_fen,
                  coalesce(sum(granted_fen), 0) AS granted_fen,
                  coalesce(sum(disbursed_fen), 0) AS disbursed_fen,
                  coalesce(sum(receivable_fen), 0) AS receivable_fen,
                  coalesce(sum(scholarship_fen), 0) AS scholarship_fen,
                  coalesce(sum(written_off_fen), 0) AS written_off_fen,
                  coalesce(sum(waiting + held_back), 0) AS waitlisted
           FROM budget"""
    )
    return {name: int(value) for name, value in dict(row or {}).items()}


async def totals_by_level(db: Db) -> list[Record]:
    """Money by the level of its funder."""
    return list(
        await db.fetch(
            """SELECT funder_level, sum(allocated_fen) AS allocated, sum(reserved_fen) AS reserved,
                      sum(granted_fen) AS granted, sum(disbursed_fen) AS disbursed,
                      sum(receivable_fen) AS receivable, sum(scholarship_fen) AS scholarship,
                      sum(written_off_fen) AS written_off, sum(waiting + held_back) AS waiting
               FROM budget GROUP BY funder_level"""
        )
    )


async def check(db: Db) -> dict[str, Any]:
    """Compare the ledger with itself, with the budgets and with the awards, in one snapshot."""
    found = await db.fetchrow(
        """WITH balance AS (
               SELECT lane, fiscal_year, fund_source,
                      -sum(amount_fen) FILTER (WHERE purpose = 'allocated') AS allocated,
                      sum(amount_fen) FILTER (WHERE purpose = 'available') AS available,
                      coalesce(sum(amount_fen) FILTER (WHERE purpose = 'reserved'), 0) AS reserved,
                      coalesce(sum(amount_fen) FILTER (WHERE purpose = 'granted'), 0) AS granted,
                      coalesce(sum(amount_fen) FILTER (WHERE purpose = 'disbursed'), 0) AS disbursed,
                      coalesce(sum(amount_fen) FILTER (WHERE purpose = 'receivable'), 0) AS receivable,
                      coalesce(sum(amount_fen) FILTER (WHERE purpose = 'scholarship'), 0) AS scholarship,
                      coalesce(sum(amount_fen) FILTER (WHERE purpose = 'written_off'), 0) AS written_off
               FROM posting GROUP BY lane, fiscal_year, fund_source),
           held AS (
               SELECT lane, fiscal_year, fund_source,
                      coalesce(sum(amount_fen - disbursed_fen) FILTER (WHERE state = 'reserved'), 0) AS reserved,
                      coalesce(sum(amount_fen - disbursed_fen) FILTER (WHERE state = 'granted'), 0) AS granted,
                      sum(disbursed_fen) AS disbursed,
                      count(*) FILTER (WHERE state = 'waitlisted') AS waiting,
                      count(*) FILTER (WHERE state = 'held_back') AS held_back,
                      sum(amount_fen) FILTER (WHERE outside AND NOT confirmed
                          AND state IN ('reserved', 'granted', 'waitlisted')) AS outside
               FROM award GROUP BY lane, fiscal_year, fund_source),
           owed AS (
               SELECT lane, fiscal_year, fund_source, sum(open_fen) AS receivable
               FROM claim GROUP BY lane, fiscal_year, fund_source)
           SELECT (SELECT count(*) FROM budget) AS budgets,
                  (SELECT count(*) FROM journal) AS entries,
                  (SELECT count(*) FROM posting) AS postings,
                  (SELECT coalesce(sum(amount_fen), 0) FROM posting) AS sum_fen,
                  (SELECT count(*) FROM (SELECT FROM posting GROUP BY lane, entry_no
                                         HAVING sum(amount_fen) <> 0) u) AS unbalanced_entries,
                  (SELECT count(*) FROM budget b FULL JOIN balance l USING (lane, fiscal_year, fund_source)
                   WHERE (coalesce(b.allocated_fen, 0), coalesce(b.reserved_fen, 0),
                          coalesce(b.granted_fen, 0), coalesce(b.disbursed_fen, 0),
                          coalesce(b.receivable_fen, 0), coalesce(b.scholarship_fen, 0),
                          coalesce(b.written_off_fen, 0))
                      <> (coalesce(l.allocated, 0), coalesce(l.reserved, 0), coalesce(l.granted, 0),
                          coalesce(l.disbursed, 0), coalesce(l.receivable, 0),
                          coalesce(l.scholarship, 0), coalesce(l.written_off, 0))) AS budgets_unlike_ledger,
                  (SELECT count(*) FROM balance WHERE available < 0 OR reserved < 0 OR granted < 0
                      OR disbursed < 0 OR receivable < 0 OR scholarship < 0 OR written_off < 0 OR available IS NULL)
                      AS budgets_exceeded,
                  (SELECT count(*) FROM budget b LEFT JOIN held h USING (lane, fiscal_year, fund_source)
                   WHERE (b.reserved_fen, b.granted_fen, b.disbursed_fen, b.waiting)
                      <> (coalesce(h.reserved, 0), coalesce(h.granted, 0), coalesce(h.disbursed, 0),
                          coalesce(h.waiting, 0))) AS budgets_unlike_awards,
                  (SELECT count(*) FROM budget b LEFT JOIN held h USING (lane, fiscal_year, fund_source)
                   WHERE (b.outside_fen, b.held_back) <> (coalesce(h.outside, 0), coalesce(h.held_back, 0)))
                      AS budgets_unlike_outside,
                  (SELECT count(*) FROM budget b LEFT JOIN owed o USING (lane, fiscal_year, fund_source)
                   WHERE b.receivable_fen <> coalesce(o.receivable, 0)) AS budgets_unlike_claims,
                  (SELECT count(*) FROM (
                       SELECT FROM award WHERE parts > 1 GROUP BY enrollment_no
                       HAVING max(scholarship_fen) + sum(amount_fen) FILTER (
                                  WHERE state IN ('reserved', 'granted', 'waitlisted', 'held_back', 'committed'))
                                  > min(tuition_fen)
                           OR count(*) <> max(parts) OR count(DISTINCT (tuition_fen, scholarship_fen, confirmed,
                                                                        withdrawn, completions)) > 1) p)
                      AS awards_unlike_parts,
                  (SELECT count(*) FROM award a
                   WHERE a.level <> '' AND a.state IN ('reserved', 'granted', 'waitlisted', 'held_back', 'committed')
                     AND NOT EXISTS (
                       SELECT FROM entitlement e, json_array_elements(e.askers) k
                       WHERE (e.worker_ref, e.scheme, e.level) = (a.worker_ref, a.scheme, a.level)
                         AND k ->> 1 = a.enrollment_no AND (k ->> 3)::boolean)) AS awards_without_entitlement,
                  (SELECT count(*) FROM (
                       SELECT FROM entitlement e, json_array_elements(e.askers) k
                       WHERE (k ->> 3)::boolean AND (k ->> 4)::bigint = 0
                       GROUP BY worker_ref, scheme, level
                       HAVING count(*) > max((k ->> 2)::integer)) o) AS persons_over_limit,
                  (SELECT count(*) FROM lane_book l WHERE last_entry <>
                      (SELECT count(*) FROM journal j WHERE j.lane = l.lane)) AS lanes_with_missing_entries"""
    )
    return {name: int(value) for name, value in dict(found or {}).items()}


# ---------------------------------------------------------------- what people ask


def snapshot(db: Db) -> Transaction:
    """A transaction in which all that is read is of one moment; nothing can be written in it."""
    return db.transaction(isolation="repeatable_read", readonly=True)


async def places_in_queue(db: Db, enrollment_no: str) -> list[Record]:
    """Where parts of an award wait: rows (part, position, waiting, ahead_fen, free_fen, allocated_fen)."""
    return await db.fetch(
        f"""SELECT a.part, before.awards + 1 AS position, b.waiting, before.amount_fen AS ahead_fen,
                  b.free_fen, b.allocated_fen
           FROM award a
           JOIN (SELECT lane, fiscal_year, fund_source, waiting, allocated_fen, {_FREE_FEN} AS free_fen
                 FROM budget) b USING (lane, fiscal_year, fund_source)
           CROSS JOIN LATERAL (
               SELECT count(*) AS awards, coalesce(sum(amount_fen), 0)::bigint AS amount_fen FROM award w
               WHERE w.lane = a.lane AND w.fiscal_year = a.fiscal_year AND w.fund_source = a.fund_source
                 AND w.state = 'waitlisted' AND (w.rank, w.part) < (a.rank, a.part)) before
           WHERE a.enrollment_no = $1 AND a.state = 'waitlisted'""",  # noqa: S608 - our own columns
        enrollment_no,
    )


@asynccontextmanager
async def whole_tables(db: Db) -> AsyncIterator[None]:
    """A snapshot in which whole tables are read: with more time than a batch has, and a planner that may do so."""
    async with snapshot(db):
        await db.execute(
            """SELECT set_config('statement_timeout', $1, true), set_config('enable_seqscan', 'on', true),
                      set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)""",
            str(CHECK_TIMEOUT_MS),
        )
        yield


async def journal_to_derive(db: Db, lane: str, after: int, limit: int) -> list[Record]:
    """Entries of a lane's journal after a number, to the byte, with what each moved into an award or scholarship."""
    return list(
        await db.fetch(
            """SELECT j.lane, j.entry_no, j.event_type, j.scheme, j.scheme_version, j.inputs, j.steps, coalesce(
                          (SELECT sum(p.amount_fen) FROM posting p
                           WHERE p.lane = j.lane AND p.entry_no = j.entry_no AND p.amount_fen > 0
                             AND p.purpose IN ('reserved', 'scholarship')), 0)::bigint AS posted_fen
               FROM journal j WHERE j.lane = $1 AND j.entry_no > $2 ORDER BY j.entry_no LIMIT $3""",
            lane,
            after,
            limit,
        )
    )


async def entries_before(db: Db, lane: str, instant: datetime) -> int:
    """The number of the lane's last entry that was recorded before `instant`.

    A search by halves over the journal's own key: numbers have no gap, and times never go back. `OFFSET 0` lets each
    look-up be made once for both of its uses.
    """
    number = await db.fetchval(
        """WITH RECURSIVE halves(before, not_before) AS (
               SELECT 0::bigint, last_entry + 1 FROM lane_book WHERE lane = $1
               UNION ALL
               SELECT CASE WHEN earlier THEN middle ELSE before END, CASE WHEN earlier THEN not_before ELSE middle END
               FROM halves, LATERAL (SELECT (before + not_before) / 2 AS middle) m, LATERAL (
                   SELECT coalesce((SELECT recorded_at FROM journal WHERE lane = $1 AND entry_no = middle) < $2,
                                   true) AS earlier OFFSET 0) e
               WHERE not_before - before > 1)
           SELECT max(before) FROM halves""",
        lane,
        instant,
    )
    return int(number or 0)


async def balances(db: Db, lane: str, last_entry: int) -> list[tuple[int, str, str, int]]:
    """What the postings of a lane sum to up to an entry: rows (fiscal_year, fund_source, purpose, amount_fen)."""
    rows = await db.fetch(
        """SELECT fiscal_year, fund_source, purpose, sum(amount_fen)::bigint FROM posting
           WHERE lane = $1 AND entry_no <= $2
           GROUP BY fiscal_year, fund_source, purpose ORDER BY fiscal_year, fund_source, purpose""",
        lane,
        last_entry,
    )
    return [tuple(row) for row in rows]


async def journal_page(db: Db, lane: str, after: int, last: int, limit: int) -> list[Record]:
    """Entries of a lane with numbers above `after`, up to `last`, with the money that each moved."""
    return list(
        await db.fetch(
            """SELECT j.entry_no, j.recorded_at, j.event_type, j.event_id, j.cause_id, j.enrollment_no, j.scheme,
                      j.scheme_version, coalesce(
                          (SELECT json_agg(json_build_object(
                                      'fiscal_year', p.fiscal_year, 'fund_source', p.fund_source,
                                      'purpose', p.purpose, 'amount_fen', p.amount_fen) ORDER BY p.line)
                           FROM posting p
                           WHERE p.lane = j.lane AND p.entry_no = j.entry_no), '[]') AS postings
               FROM journal j WHERE j.lane = $1 AND j.entry_no > $2 AND j.entry_no <= $3
               ORDER BY j.entry_no LIMIT $4""",
            lane,
            after,
            last,
            limit,
        )
    )


async def listed_awards(db: Db, lane: str, state: str | None, after: str, limit: int) -> list[Record]:
    """Awards of a lane in the order of their numbers, those after a number, of one state or all.

    At most `limit` parts, and the further ones of the last award; each row says whether `more` awards follow.
    """
    return list(
        await db.fetch(
            """WITH page AS (
                   SELECT enrollment_no, part, parts, state, fiscal_year, fund_source, amount_fen, tuition_fen,
                          scholarship_fen, confirmed
                   FROM award WHERE lane = $1 AND enrollment_no > $3 AND ($2::text IS NULL OR state = $2)
                   ORDER BY enrollment_no FETCH FIRST $4 ROWS WITH TIES)
               SELECT *, EXISTS (
                          SELECT FROM award WHERE lane = $1 AND ($2::text IS NULL OR state = $2)
                            AND enrollment_no > (SELECT max(enrollment_no) FROM page)) AS more
               FROM page ORDER BY enrollment_no, part""",
            lane,
            state,
            after,
            limit,
        )
    )


async def budget_of_queue(db: Db, key: BudgetKey) -> Record | None:
    """What a queue waits for: (waiting, free_fen, allocated_fen, held_back) of its budget."""
    return await db.fetchrow(
        f"""SELECT waiting, {_FREE_FEN} AS free_fen, allocated_fen, held_back
            FROM budget WHERE lane = $1 AND fiscal_year = $2 AND fund_source = $3""",  # noqa: S608 - our own columns
        *key,
    )


async def queue(db: Db, key: BudgetKey, after_rank: int, limit: int) -> list[Record]:
    """Awards of a queue behind a rank, in its order, each with its position and with what is needed up to it.

    At most `limit`, and the further parts of the last one; each row says whether `more` wait behind them.
    """
    return list(
        await db.fetch(
            """WITH page AS (
                   SELECT rank, enrollment_no, part, amount_fen, confirmed FROM award
                   WHERE lane = $1 AND fiscal_year = $2 AND fund_source = $3 AND state = 'waitlisted' AND rank > $4
                   ORDER BY rank FETCH FIRST $5 ROWS WITH TIES)
               SELECT before.awards + row_number() OVER (ORDER BY rank, part) AS position, rank, enrollment_no, part,
                      page.amount_fen, confirmed,
                      (before.amount_fen + sum(page.amount_fen) OVER (ORDER BY rank, part))::bigint AS needed_fen,
                      EXISTS (SELECT FROM award
                              WHERE lane = $1 AND fiscal_year = $2 AND fund_source = $3 AND state = 'waitlisted'
                                AND rank > (SELECT max(rank) FROM page)) AS more
               FROM page,
                    LATERAL (SELECT count(*) AS awards, coalesce(sum(amount_fen), 0) AS amount_fen FROM award
                             WHERE lane = $1 AND fiscal_year = $2 AND fund_source = $3 AND state = 'waitlisted'
                               AND rank <= $4) before
               ORDER BY rank, part""",
            *key,
            after_rank,
            limit,
        )
    )


async def lane_book(db: Db, lane: str) -> Record | None:
    """The day that began last on a lane, and the number of its last journal entry: (day, last_entry)."""
    return await db.fetchrow("SELECT day, last_entry FROM lane_book WHERE lane = $1", lane)


async def unmatched_payments(
    db: Db, lane: str, after: tuple[str, int], limit: int, *, waiting: bool | None
) -> list[Record]:
    """Lines of settlements that are not booked whole, those after one; who wait for a grant, who do not, or all."""
    return list(
        await db.fetch(
            """SELECT batch_no, line_no, enrollment_no, fiscal_year, fund_source, booked_fen, unmatched_fen, waits
               FROM payment
               WHERE lane = $1 AND unmatched_fen > 0 AND (batch_no, line_no) > ($2, $3::integer)
                 AND ($4::boolean IS NULL OR waits = $4)
               ORDER BY batch_no, line_no LIMIT $5""",
            lane,
            *after,
            waiting,
            limit,
        )
    )


async def due_payments(
    db: Db, lane: str, fiscal_year: int, after: tuple[str, int], limit: int
) -> list[Record]:
    """What is granted to awards of a lane and not paid yet, by their numbers and parts, those after one."""
    return list(
        await db.fetch(
            """SELECT enrollment_no, part, worker_ref, fund_source, amount_fen - disbursed_fen AS amount_fen, scheme,
                      scheme_version
               FROM award
               WHERE lane = $1 AND enrollment_no >= $3 AND (enrollment_no, part) > ($3, $4::integer)
                 AND fiscal_year = $2 AND state = 'granted' AND amount_fen > disbursed_fen
               ORDER BY enrollment_no, part LIMIT $5""",
            lane,
            fiscal_year,
            *after,
            limit,
        )
    )
