"""Carry one batch of submissions through: load the register, begin the day, judge in order, save, publish."""

import collections
from datetime import date, datetime, timedelta

import orjson
from prometheus_client import Counter

from services.enrollment import store
from services.enrollment.domain.intake import (
    FactOut,
    ReceiptOut,
    Results,
    days_between,
    reread,
    take_in,
    take_up_again,
)
from services.enrollment.domain.judging import Keys
from services.enrollment.domain.register import Parked, Register
from services.enrollment.domain.submission import Submission
from shared.contracts.enrollment import DAY_BEGAN, RECEIPT_ISSUED, VERDICTS_TALLIED, DayBegan, VerdictsTallied
from shared.contracts.envelope import shanghai_day
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_RECEIPTS
from shared.plumbing.batch import Batch
from shared.plumbing.outgoing import Outgoing, derived_id
from shared.plumbing.store import Db


class TakeIn:
    """The handler of the door; `clock_offset_s` shifts the day in tests and demos, `verdicts` counts receipts."""

    def __init__(self, clock_offset_s: float, verdicts: Counter) -> None:
        self._offset = timedelta(seconds=clock_offset_s)
        self._verdicts = verdicts

    async def __call__(self, batch: Batch, db: Db) -> None:
        """Take one batch in; on an idle lane only the day may begin."""
        today = shanghai_day(batch.recorded_at + self._offset)
        handed = [_parked(lane, payload) for lane, payload in batch.handed]
        again = [reread(parked) for parked in handed]
        fresh = [_submission(taken.event, taken.traceparent) for taken in batch.taken]
        keys = Keys()
        for submission in (*again, *fresh):
            keys.add(submission)
        register = await store.load_register(db, batch.lanes, fresh + again, keys)
        today = max([today, *(state.day for state in register.lanes.values() if state.day)])
        await self._begin_days(batch, db, register, today)
        results = Results()
        for submission in again:
            register.lanes[submission.lane].parked -= 1
            take_up_again(register, submission, today, results)
        for submission in fresh:
            take_in(register, submission, today, results)
        await store.save_register(db, register)
        self._publish(batch, results)

    async def _begin_days(self, batch: Batch, db: Db, register: Register, today: date) -> None:
        """Each Shanghai day begins on each lane, missed ones too, before anything recorded later."""
        due = [lane for lane, state in register.lanes.items() if state.day is None or state.day < today]
        if not due:
            return
        tallies = await store.tallies(db, due)
        for lane in due:
            for day in days_between(register.lanes[lane].day, today):
                before = day - timedelta(days=1)
                if (lane, before) in tallies:
                    batch.publish_first(
                        ENROLLMENT_EVENTS, lane, _tallied(lane, before, tallies[lane, before])
                    )
                batch.publish_first(ENROLLMENT_EVENTS, lane, _began(lane, day, batch.heads[lane]))
            register.lanes[lane].day = today

    def _publish(self, batch: Batch, results: Results) -> None:
        for fact in results.facts:
            batch.publish(ENROLLMENT_EVENTS, fact.lane, _fact(fact))
        statuses = collections.Counter(out.receipt["status"] for out in results.receipts)
        batch.after_commit.append(lambda: self._count(statuses))
        for receipt in results.receipts:
            batch.publish(PROVINCE_RECEIPTS, receipt.lane, _receipt(receipt, batch.recorded_at))
        for parked in results.released_elsewhere:
            batch.hand_over(parked.lane, _payload(parked))
        unreadable = {(s.lane, s.offset): code for s, code in results.unreadable}
        for taken in batch.taken:
            code = unreadable.get((taken.lane, taken.offset))
            if code is not None:
                batch.quarantine(taken, code)

    def _count(self, statuses: collections.Counter[str]) -> None:
        for status, count in statuses.items():
            self._verdicts.labels(status).inc(count)


def _submission(submission: Submission, traceparent: str | None) -> Submission:
    submission.traceparent = traceparent
    return submission


def _fact(fact: FactOut) -> Outgoing:
    cause = fact.cause
    return Outgoing(
        id=derived_id("enrollment", cause.lane, cause.source, cause.id, cause.type),
        type=cause.type or "",
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


def _began(lane: str, day: date, head: bytes) -> Outgoing:
    return Outgoing(
        id=derived_id("day", lane, day),
        type=DAY_BEGAN,
        subject=None,
        time=f"{day.isoformat()}T00:00:00+08:00",
        data=DayBegan(day=day, log_head=head.hex()),
        causationid=None,
        correlationid=None,
        traceparent=None,
    )


def _tallied(lane: str, day: date, counts: dict[str, int]) -> Outgoing:
    return Outgoing(
        id=derived_id("tally", lane, day),
        type=VERDICTS_TALLIED,
        subject=None,
        time=f"{day.isoformat()}T23:59:59+08:00",
        data=VerdictsTallied(day=day, **counts),
        causationid=None,
        correlationid=None,
        traceparent=None,
    )


def _payload(parked: Parked) -> bytes:
    return orjson.dumps(
        (parked.source, parked.id, parked.missing, parked.offset, parked.raw.decode(), parked.traceparent)
    )


def _parked(lane: str, payload: bytes) -> Parked:
    source, id_, missing, offset, raw, traceparent = orjson.loads(payload)
    return Parked(lane, source, id_, (missing[0], missing[1]), offset, raw.encode(), traceparent)
