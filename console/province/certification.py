"""What a province's system must show before it may publish: scenarios, judged by what it sent and was answered."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.contracts.catalogue import NAMES_ZH
from shared.contracts.enrollment import ReceiptIssued
from shared.contracts.provinces import ABOUT_A_WORKER
from shared.contracts.submission import Submission, content_hash

FAULTLESS_EVENTS: Final = 100
"""So many events in a row, unless said otherwise, show that a system sends without faults."""


@dataclass(slots=True)
class Sent:
    """One record of the province, with what it was answered."""

    submission: Submission
    receipts: list[ReceiptIssued] = field(default_factory=list)

    @property
    def final(self) -> ReceiptIssued | None:
        """Its final receipt, if it has come."""
        return next((receipt for receipt in self.receipts if receipt.status != "parked"), None)

    @property
    def status(self) -> str:
        """Its last receipt's status; empty before the first."""
        return self.receipts[-1].status if self.receipts else ""


@dataclass(slots=True)
class Observed:
    """All that was seen of a province, by offset on its topic, in order."""

    records: dict[int, Sent] = field(default_factory=dict)
    early: dict[int, list[ReceiptIssued]] = field(default_factory=dict)
    """Receipts that were read before their record."""

    def take_record(self, submission: Submission) -> None:
        """A record, as the door reads it."""
        sent = Sent(submission, self.early.pop(submission.offset, []))
        self.records[submission.offset] = sent

    def take_receipt(self, receipt: ReceiptIssued) -> None:
        """A receipt, whenever it is read."""
        known = self.records.get(receipt.offset)
        (self.early.setdefault(receipt.offset, []) if known is None else known.receipts).append(receipt)

    def of_status(self, status: str) -> list[Sent]:
        """Records whose last receipt says so."""
        return [sent for sent in self.records.values() if sent.status == status]


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a scenario is fulfilled, and how far it is, in both languages."""

    fulfilled: bool
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something to show: its name, what to do for it, and how it is judged."""

    code: str
    zh: str
    en: str
    todo_zh: str
    todo_en: str
    judge: Callable[[Observed], Finding]


def scenarios(types: Collection[str], events: int = FAULTLESS_EVENTS) -> tuple[Scenario, ...]:
    """What a province has to show that wants to send events of these types, with so many in a row without a fault."""
    return (
        *(_accepted(name) for name in types),
        _PARKED,
        _DUPLICATE,
        _CORRECTED,
        _CONFLICT,
        _faultless(events),
        _times(events),
        _worker_refs(events),
    )


def _accepted(name: str) -> Scenario:
    short = name.split(".", 1)[1].rpartition(".v")[0]

    def judge(observed: Observed) -> Finding:
        found = [sent for sent in observed.records.values() if sent.submission.type == name]
        if not found:
            return Finding(False, "尚未发送", "none sent yet")
        last = found[-1].final
        return Finding(
            any(sent.status == "accepted" for sent in found),
            f"已发送 {len(found)} 条" + (f"，最近一条：{last.code or last.status}" if last else ""),
            f"{len(found)} sent" + (f", the last: {last.code or last.status}" if last else ""),
        )

    return Scenario(
        f"accepted:{short}",
        f"{NAMES_ZH[name]}被采用",
        f"{short} is accepted",
        f"发送一条 {short}。",
        f"Send one {short}.",
        judge,
    )


def _is_parked_then_accepted(sent: Sent) -> bool:
    return [receipt.status for receipt in sent.receipts] == ["parked", "accepted"]


def _judge_parked(observed: Observed) -> Finding:
    waiting = len(observed.of_status("parked"))
    done = any(map(_is_parked_then_accepted, observed.records.values()))
    return Finding(done, f"等待中 {waiting} 条", f"{waiting} waiting")


def _judge_duplicate(observed: Observed) -> Finding:
    number = len(observed.of_status("duplicate"))
    return Finding(number > 0, f"重复 {number} 条", f"{number} known")


def _judge_corrected(observed: Observed) -> Finding:
    rejected = {_key(sent): offset for offset, sent in observed.records.items() if sent.status == "rejected"}
    done = any(
        sent.status == "accepted" and rejected.get(_key(sent), offset) < offset
        for offset, sent in observed.records.items()
    )
    return Finding(done, f"未采用 {len(rejected)} 个编号", f"{len(rejected)} ids rejected")


def _judge_conflict(observed: Observed) -> Finding:
    """Noticed is a conflict whose content was then sent under an id of its own."""
    conflicts = {
        content_hash(s.submission): offset for offset, s in _readable(observed) if s.status == "conflict"
    }
    noticed = any(
        sent.status == "accepted" and conflicts.get(content_hash(sent.submission), offset) < offset
        for offset, sent in _readable(observed)
    )
    return Finding(noticed, f"冲突 {len(conflicts)} 条", f"{len(conflicts)} in conflict")


_PARKED: Final = Scenario(
    "parked_then_accepted",
    "先到的事件等待后被采用",
    "an event that came too early waits and is accepted",
    "先发送某工人的注册入学，再发送其登记。",
    "Send a worker's enrollment first and the registration after it.",
    _judge_parked,
)
_DUPLICATE: Final = Scenario(
    "duplicate",
    "重复发送被识别",
    "a second sending is known",
    "把已采用的事件原样再发送一次。",
    "Send an accepted event again as it is.",
    _judge_duplicate,
)
_CORRECTED: Final = Scenario(
    "corrected",
    "未采用的事件改正后被采用",
    "a rejected event is mended and accepted",
    "发送一条有错误的事件，收到回执后改正，用同一编号再发送。",
    "Send an event with a mistake; when its receipt has come, mend it and send it under the same id.",
    _judge_corrected,
)
_CONFLICT: Final = Scenario(
    "conflict_noticed",
    "内容冲突被发现并处理",
    "a conflict is noticed",
    "用已采用的编号发送另一内容；收到冲突回执后，将该内容用新编号发送。",
    "Send other content under an accepted id; when the receipt says conflict, send that content under a new id.",
    _judge_conflict,
)


def _faultless(events: int) -> Scenario:
    def judge(observed: Observed) -> Finding:
        reached = _longest_run(observed.records.values())
        return Finding(reached >= events, f"目前最多连续 {reached} 条", f"{reached} in a row so far")

    return Scenario(
        "faultless",
        f"连续 {events} 条无误，编号各不相同",
        f"{events} in a row without a fault, each with an id of its own",
        f"连续发送 {events} 条事件，全部被采用，中间没有未采用、重复或冲突。",
        f"Send {events} events that are all accepted, with none rejected, known or in conflict among them.",
        judge,
    )


def _longest_run(records: Iterable[Sent]) -> int:
    longest = run = 0
    for sent in records:
        run = run + 1 if sent.status == "accepted" else 0
        longest = max(longest, run)
    return longest


def _times(events: int) -> Scenario:
    def judge(observed: Observed) -> Finding:
        last = list(observed.records.values())[-events:]
        wrong = sum(final.field == "time" for sent in last if (final := sent.final))
        whole = len(last) >= events
        return Finding(
            whole and not wrong,
            f"最近 {len(last)} 条中有误 {wrong} 条",
            f"{wrong} wrong of the last {len(last)}",
        )

    return Scenario(
        "times_with_zone",
        "时间带时区",
        "times carry their zone",
        f"最近 {events} 条事件的时间均须带时区，如 2026-03-01T08:30:00+08:00。",
        f"The last {events} events all need a time with its zone, such as 2026-03-01T08:30:00+08:00.",
        judge,
    )


def _worker_refs(events: int) -> Scenario:
    def judge(observed: Observed) -> Finding:
        about = [s for s in observed.records.values() if s.submission.type in ABOUT_A_WORKER][-events:]
        wrong = sum(final.field == "subject" for sent in about if (final := sent.final))
        versions = Counter(_key_version(sent) for sent in about if sent.submission.event)
        named = ", ".join(sorted(versions))
        return Finding(
            bool(about) and not wrong and len(versions) == 1,
            f"有误 {wrong} 条；密钥版本：{named or '无'}",
            f"{wrong} wrong; key versions: {named or 'none'}",
        )

    return Scenario(
        "worker_ref",
        "工人代号正确，密钥版本唯一",
        "worker_ref is well-formed and of one key version",
        f"最近 {events} 条有关工人的事件使用同一版本的密钥。",
        f"The last {events} events about workers use the same version of the key.",
        judge,
    )


def _key_version(sent: Sent) -> str:
    return (sent.submission.subject or "").partition(".")[0]


def _key(sent: Sent) -> tuple[str | None, str | None]:
    return sent.submission.source, sent.submission.id


def _readable(observed: Observed) -> list[tuple[int, Sent]]:
    return [(offset, sent) for offset, sent in observed.records.items() if sent.submission.event is not None]


def as_json(found: Mapping[Scenario, Finding]) -> list[dict[str, Any]]:
    """The findings as a program reads them."""
    return [
        {
            "scenario": scenario.code,
            "fulfilled": finding.fulfilled,
            "zh": scenario.zh,
            "en": scenario.en,
            "found_zh": finding.zh,
            "found_en": finding.en,
            "todo_zh": "" if finding.fulfilled else scenario.todo_zh,
            "todo_en": "" if finding.fulfilled else scenario.todo_en,
        }
        for scenario, finding in found.items()
    ]
