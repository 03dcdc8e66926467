"""Take submissions in: each gets its receipt, accepted ones their facts, and what waited for them goes on."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from services.enrollment.domain.corrections import names_kept
from services.enrollment.domain.judging import judge
from services.enrollment.domain.outcomes import Accepted, Waits
from services.enrollment.domain.register import Id, Parked, Published, Register, Verdict
from shared.contracts.envelope import derived_id, shanghai_day
from shared.contracts.lanes import LANE_CODES
from shared.contracts.receipt_codes import STATUS_OF, sentences
from shared.contracts.submission import (
    TYPE_MAX_CHARS,
    Refusal,
    Submission,
    content_hash,
    read,
    to_keep,
)

_WAITS_FOR: Final = {
    "worker": "工人 {0} / worker {0}",
    "enrollment": "注册 {0} / enrollment {0}",
    "project": "项目 {0} / project {0}",
    "institution": "院校 {0} / institution {0}",
    "alliance": "联盟 {0} / alliance {0}",
    "payment": "支付 {0} / payment {0}",
}
_EARLIER_STEP: Final = "注册 {0} 更早一步 / an earlier step of enrollment {0}"


@dataclass(frozen=True, slots=True)
class FactOut:
    """A fact to publish on `lane`: the data as sent and what the register adds; its id derives from its cause."""

    lane: str
    cause: Submission
    data: dict[str, Any]
    type: str | None = None
    """The type of what the register itself says; otherwise that of its cause."""
    one_of_many: bool = False
    """Whether the same fact stands on every lane, under an id of its own on each."""

    @property
    def id(self) -> str:
        """The same decision made again has the same."""
        said = (self.type, *map(str, self.data.values())) if self.type else (self.cause.type,)
        said = (*said, self.lane) if self.one_of_many else said
        return fact_id(self.cause.lane, self.cause.source, self.cause.id, *said)


@dataclass(frozen=True, slots=True)
class ReceiptOut:
    """A receipt for the province on `lane`."""

    lane: str
    receipt: dict[str, Any]
    """As `shared.contracts.enrollment.ReceiptIssued`."""
    traceparent: str | None


@dataclass(slots=True)
class Results:
    """What taking a batch in has led to, in order."""

    facts: list[FactOut] = field(default_factory=list)
    receipts: list[ReceiptOut] = field(default_factory=list)
    released_elsewhere: list[Parked] = field(default_factory=list)
    """Parked events of lanes that this batch does not hold: their owners judge them again."""
    unreadable: list[tuple[Submission, str]] = field(default_factory=list)
    """Records without id and source, with the code: their bytes are kept."""


def fact_id(*cause: object) -> str:
    """The id of what is published of an event: of its lane, source, id and type, and of what the register says."""
    return derived_id("enrollment", *cause)


def take_in(register: Register, submission: Submission, today: date, results: Results) -> None:
    """Judge a record that has just come: by its id first, then by the rules."""
    if submission.id is None or submission.source is None:
        assert submission.refusal is not None
        results.unreadable.append((submission, submission.refusal.code))
        _answer(register, submission, submission.refusal, today, results)
        return
    content = content_hash(submission)
    key = (submission.lane, submission.source, submission.id)
    known = register.inbox.get(key)
    if known is not None and known.status != "rejected":
        _answer(register, submission, _received_before(known, submission, content), today, results)
        return
    _decide(register, submission, content, today, results)


def _received_before(known: Verdict, submission: Submission, content: bytes) -> Refusal:
    if known.content != content:
        return Refusal("conflict", first_event_id=submission.id)
    if known.status == "parked":
        return Refusal("duplicate_waiting", detail=known.detail, first_event_id=submission.id)
    return Refusal("duplicate", first_event_id=submission.id)


def take_up_again(register: Register, submission: Submission, today: date, results: Results) -> None:
    """Judge a parked event whose prerequisite has come: its final receipt, or it waits for the next one."""
    _decide(register, submission, content_hash(submission), today, results)


def end_waiting(
    register: Register,
    overdue: list[Parked],
    today: date,
    results: Results,
    code: str = "prerequisite_missing",
) -> None:
    """Refuse events that wait no more, by default because what they waited for has not come in time.

    Under their ids they may be sent again.
    """
    register.expire(overdue)
    for parked in overdue:
        submission = reread(parked)
        waited = register.inbox[parked.lane, parked.source, parked.id]
        refusal = Refusal(code, detail=waited.detail)
        _write(register, submission, waited.content, "rejected", refusal)
        _answer(register, submission, refusal, today, results)


def _decide(
    register: Register, submission: Submission, content: bytes, today: date, results: Results
) -> None:
    outcome = judge(register, submission)
    if isinstance(outcome, Waits):
        _park(register, submission, content, outcome, today, results)
        return
    refused = outcome if isinstance(outcome, Refusal) else None
    _write(register, submission, content, "rejected" if refused else "accepted", refused)
    if isinstance(outcome, Accepted):
        assert submission.event is not None and submission.type is not None
        register.received[submission.lane, shanghai_day(submission.event.time), submission.type] += 1
        _publish(register, submission, outcome, results)
    _answer(register, submission, refused, today, results)
    if isinstance(outcome, Accepted):
        if outcome.ends is not None:
            end_waiting(register, [outcome.ends], today, results, "voided_while_waiting")
        if outcome.brings is not None:
            for one in register.release(outcome.brings):
                _go_on(register, one, today, results)


def _publish(register: Register, submission: Submission, outcome: Accepted, results: Results) -> None:
    """Put the facts of an accepted event in their order; what is to be voided in this batch is kept at hand."""
    fact = FactOut(outcome.lane, submission, {**submission.data, **outcome.added})
    facts = [FactOut(lane, submission, data, type_) for lane, type_, data in outcome.before]
    facts += [fact, *(FactOut(lane, submission, data, type_) for lane, type_, data in outcome.said)]
    if outcome.everywhere:
        facts = [FactOut(lane, submission, fact.data, one_of_many=True) for lane in LANE_CODES]
    results.facts += facts
    id_ = (submission.lane, submission.source or "", submission.id or "")
    for one in names_kept(submission):
        register.name(one, id_)
    if id_ in register.corrected:
        register.targets[id_] = published_of(fact)
    if submission.subject in register.published:
        register.published[submission.subject or ""] += map(published_of, facts)


def published_of(fact: FactOut) -> Published:
    """A fact of this batch as it will stand in the log."""
    cause = fact.cause
    type_ = fact.type or cause.type or ""
    return Published(fact.id, fact.lane, type_, cause.subject, cause.time, fact.data, cause.id or "")


def _park(
    register: Register,
    submission: Submission,
    content: bytes,
    outcome: Waits,
    today: date,
    results: Results,
) -> None:
    assert submission.id is not None and submission.source is not None
    missing = outcome.missing
    words = _EARLIER_STEP if outcome.earlier_step else _WAITS_FOR[missing[0]]
    waits = Refusal("waits_for", detail=words.format(missing[1].replace("\x1f", " ")))
    known = register.inbox.get((submission.lane, submission.source, submission.id))
    if known is None or known.status != "parked":
        results.receipts.append(_receipt(submission, "parked", waits))
        register.tallies[submission.lane, today]["parked"] += 1
    _write(register, submission, content, "parked", waits)
    register.park(
        Parked(
            submission.lane,
            submission.source,
            submission.id,
            missing,
            submission.offset,
            to_keep(submission),
            submission.traceparent,
            submission.waits_since or today,
        )
    )


def _go_on(register: Register, parked: Parked, today: date, results: Results) -> None:
    """Judge a released event here where this batch holds its lane, otherwise hand it to its lane's owner."""
    state = register.lanes.get(parked.lane)
    if state is None:
        results.released_elsewhere.append(parked)
        return
    state.parked -= 1
    take_up_again(register, reread(parked), today, results)


def reread(parked: Parked) -> Submission:
    """The submission that was parked, read again."""
    submission = read(parked.raw, (), parked.lane, parked.offset)
    submission.traceparent, submission.waits_since = parked.traceparent, parked.since
    return submission


def _write(
    register: Register, submission: Submission, content: bytes, status: Any, refusal: Refusal | None
) -> None:
    assert submission.id is not None and submission.source is not None
    key: Id = (submission.lane, submission.source, submission.id)
    known = register.inbox.get(key)
    verdict = Verdict(
        content,
        status,
        submission.offset,
        _type(submission),
        *((refusal.code, refusal.field, refusal.detail, refusal.first_event_id) if refusal else ()),
        fresh=known is None or known.fresh,
    )
    register.inbox[key] = register.judged[key] = verdict


def _answer(
    register: Register, submission: Submission, refusal: Refusal | None, today: date, results: Results
) -> None:
    status = "accepted"
    if refusal is not None:
        status = STATUS_OF.get(refusal.code, "rejected")
    register.tallies[submission.lane, today][status] += 1
    results.receipts.append(_receipt(submission, status, refusal))


def _receipt(submission: Submission, status: Any, refusal: Refusal | None) -> ReceiptOut:
    zh = en = None
    if refusal is not None:
        zh, en = sentences(refusal.code, field=refusal.field, detail=refusal.detail)
    receipt = {
        "status": status,
        "event_id": submission.id,
        "event_source": submission.source,
        "event_type": _type(submission),
        "offset": submission.offset,
        "code": refusal.code if refusal else None,
        "field": refusal.field if refusal else None,
        "message_zh": zh,
        "message_en": en,
        "first_event_id": refusal.first_event_id if refusal else None,
    }
    return ReceiptOut(submission.lane, receipt, submission.traceparent)


def _type(submission: Submission) -> str | None:
    return submission.type[:TYPE_MAX_CHARS] if submission.type else None
