"""Carry one batch of submissions through: load the register, begin the day, judge in order, save, publish."""

import asyncio
import collections
import math
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

import orjson
from prometheus_client import Counter

from services.enrollment import store
from services.enrollment.domain import day
from services.enrollment.domain.intake import (
    FactOut,
    ReceiptOut,
    Results,
    end_waiting,
    reread,
    take_in,
    take_up_again,
)
from services.enrollment.domain.judging import Keys
from services.enrollment.domain.register import Parked, Register
from shared.contracts.enrollment import (
    COMPLETENESS_MEASURED,
    DAY_BEGAN,
    RECEIPT_ISSUED,
    VERDICTS_TALLIED,
    CompletenessMeasured,
    DayBegan,
    VerdictsTallied,
)
from shared.contracts.envelope import derived_id
from shared.contracts.submission import Submission
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_RECEIPTS
from shared.plumbing.batch import Batch
from shared.plumbing.decoding import Taken
from shared.plumbing.outgoing import Outgoing
from shared.plumbing.store import Db

SHARES_MAX: Final = 4
"""A batch is written in at most so many shares: while PostgreSQL writes one, the next is judged."""
SHARE_MIN_SUBMISSIONS: Final = 200
BREATH_SUBMISSIONS: Final = 32
_NOTICED: Final = ("rejected", "parked")


class TakeIn:
    """The handler of the door; `clock_offset_s` shifts the day in tests and demos, `verdicts` counts receipts."""

    def __init__(self, clock_offset_s: float, verdicts: Counter) -> None:
        self.clock_offset = timedelta(seconds=clock_offset_s)
        self._verdicts = verdicts

    async def __call__(self, batch: Batch, db: Db) -> None:
        """Take one batch in; on an idle lane only the day may begin."""
        handed = [_parked(lane, payload) for lane, payload in batch.handed]
        again = [reread(parked) for parked in handed]
        fresh = [_submission(taken.event, taken.traceparent) for taken in batch.taken]
        keys = Keys()
        for submission in (*again, *fresh):
            keys.add(submission)
        register = await store.load_register(db, batch.lanes, fresh + again, keys)
        register.today = today = day.today_of(register, batch.recorded_at + self.clock_offset)
        results = Results()
        if due := await _begin_days(batch, db, register, today):
            ended = await _end_waiting(db, register, due, results)
            measured = await _measure(batch, db, due, today)
            _go_on_with(batch, register, due, ended < store.EXPIRE_MAX and measured < store.MEASURE_MAX)
        await batch.all_is_read()
        for submission in again:
            register.lanes[submission.lane].parked -= 1
            take_up_again(register, submission, today, results)
        for share in _shares(fresh):
            for n, submission in enumerate(share):
                if n % BREATH_SUBMISSIONS == 0:
                    await asyncio.sleep(0)  # the writes behind go on
                take_in(register, submission, today, results)
            batch.writes.behind(partial(store.save_changes, db, register.take_changes()))
        batch.writes.behind(partial(store.save_rest, db, register))
        self._publish(batch, results)

    def _publish(self, batch: Batch, results: Results) -> None:
        for fact in results.facts:
            batch.publish(ENROLLMENT_EVENTS, fact.lane, _fact(fact))
        statuses = collections.Counter(out.receipt["status"] for out in results.receipts)
        batch.after_commit.append(lambda: self._count(statuses))
        for receipt in results.receipts:
            batch.publish(PROVINCE_RECEIPTS, receipt.lane, _receipt(receipt, batch.recorded_at))
        for parked in results.released_elsewhere:
            batch.hand_over(parked.lane, _payload(parked))
        if batch.noticed is not None:
            batch.noticed += _worth_a_span(batch, results)
        unreadable = {(s.lane, s.offset): code for s, code in results.unreadable}
        for taken in batch.taken:
            code = unreadable.get((taken.lane, taken.offset))
            if code is not None:
                batch.quarantine(taken, code)

    def _count(self, statuses: collections.Counter[str]) -> None:
        for status, count in statuses.items():
            self._verdicts.labels(status).inc(count)


def _worth_a_span(batch: Batch, results: Results) -> list[Taken]:
    """Records of this batch that were refused or have to wait."""
    said = {
        (out.lane, out.receipt["offset"]) for out in results.receipts if out.receipt["status"] in _NOTICED
    }
    return [taken for taken in batch.taken if (taken.lane, taken.offset) in said]


def _shares(submissions: list[Submission]) -> list[list[Submission]]:
    """In order, at least one: what was taken up again is written with the first."""
    size = max(SHARE_MIN_SUBMISSIONS, math.ceil(len(submissions) / SHARES_MAX))
    return [submissions[at : at + size] for at in range(0, len(submissions) or 1, size)]


async def _begin_days(batch: Batch, db: Db, register: Register, today: date) -> list[str]:
    """Each Shanghai day begins on each lane, before anything recorded later; lanes with what is due on it."""
    due = day.lanes_due(register, today)
    tallies = await store.tallies(db, due) if due else {}
    for lane in due:
        for said in day.begin(register.lanes[lane], today, tallies[lane], batch.heads[lane]):
            batch.publish_first(ENROLLMENT_EVENTS, lane, _said(lane, said))
    return sorted({*due, *day.lanes_unfinished(register)})


async def _end_waiting(db: Db, register: Register, due: list[str], results: Results) -> int:
    """Refuse what has waited too long, a bounded number; how many."""
    overdue = await store.load_overdue(db, register, due, day.waiting_ends(register.today))
    end_waiting(register, overdue, register.today, results)
    return len(overdue)


async def _measure(batch: Batch, db: Db, due: list[str], today: date) -> int:
    """Say what provinces declare beside what was accepted where that is new, a bounded number; how many."""
    measured = await store.measure_totals(db, due, today)
    for lane, event_id, said in measured:
        batch.publish_first(ENROLLMENT_EVENTS, lane, _measured(lane, event_id, said, today))
    return len(measured)


def _go_on_with(batch: Batch, register: Register, due: list[str], finished: bool) -> None:
    """Where more may be due on the day, the next batch goes on with it, and at once."""
    for lane in due:
        register.lanes[lane].unfinished = not finished
    if not finished:
        batch.unfinished.update(due)


def _submission(submission: Submission, traceparent: str | None) -> Submission:
    submission.traceparent = traceparent
    return submission


def _fact(fact: FactOut) -> Outgoing:
    cause = fact.cause
    return Outgoing(
        id=fact.id,
        type=fact.type or cause.type or "",
        subject=cause.subject,
        time=cause.time,
        data=fact.data,
        causationid=cause.id,
        correlationid=cause.id,
        traceparent=cause.traceparent,
    )


def _receipt(out: ReceiptOut, judged_at: datetime) -> Outgoing:
    receipt = out.receipt
    return Outgoing(
        id=f"receipt-{out.lane}-{receipt['offset']}-{receipt['status']}",
        type=RECEIPT_ISSUED,
        subject=None,
        time=judged_at,
        data=receipt,
        causationid=receipt["event_id"],
        correlationid=receipt["event_id"],
        traceparent=out.traceparent,
    )


def _said(lane: str, said: VerdictsTallied | DayBegan) -> Outgoing:
    began = isinstance(said, DayBegan)
    return Outgoing(
        id=derived_id("day" if began else "tally", lane, said.day),
        type=DAY_BEGAN if began else VERDICTS_TALLIED,
        subject=None,
        time=f"{said.day.isoformat()}T{'00:00:00' if began else '23:59:59'}+08:00",
        data=said,
        causationid=None,
        correlationid=None,
        traceparent=None,
    )


def _measured(lane: str, event_id: str, said: CompletenessMeasured, today: date) -> Outgoing:
    return Outgoing(
        id=derived_id("completeness", lane, said.since, said.until, *said.event_types, today),
        type=COMPLETENESS_MEASURED,
        subject=None,
        time=f"{today.isoformat()}T00:00:00+08:00",
        data=said,
        causationid=event_id,
        correlationid=event_id,
        traceparent=None,
    )


def _payload(parked: Parked) -> bytes:
    return orjson.dumps(
        (
            parked.source,
            parked.id,
            parked.missing,
            parked.offset,
            parked.raw.decode(),
            parked.traceparent,
            parked.since,
        )
    )


def _parked(lane: str, payload: bytes) -> Parked:
    source, id_, missing, offset, raw, traceparent, since = orjson.loads(payload)
    waits_for = missing[0], missing[1]
    return Parked(lane, source, id_, waits_for, offset, raw.encode(), traceparent, date.fromisoformat(since))
