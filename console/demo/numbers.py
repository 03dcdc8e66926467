"""What the demonstration counts, when it is drained, and whether all counts agree: pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from console.lane_states import LaneState
from console.province.simulator import Expected
from shared.contracts import provinces
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_CONTACTS, PROVINCE_EVENTS, SUBSIDY_EVENTS

FINAL: Final = ("accepted", "duplicate", "conflict", "rejected")
_TYPES: Final = {
    "enrolled": provinces.WORKER_ENROLLED,
    "confirmed": provinces.ENROLLMENT_CONFIRMED,
    "withdrawn": provinces.ENROLLMENT_WITHDRAWN,
    "completed": provinces.DEGREE_COMPLETED,
    "projects": provinces.PROJECT_ESTABLISHED,
}
"""Measures of reporting that count accepted events of one type."""


class Receipt(NamedTuple):
    """One receipt as it stands on a province's topic."""

    lane: str
    offset: int
    status: str
    event_type: str | None
    named: bool
    """Whether the record's id and source could be read; otherwise its bytes were kept."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What all services said, asked in the order of the flow."""

    at_s: float
    lanes: Sequence[LaneState]
    handover: Mapping[str, int]
    verdicts: Mapping[str, int]
    """Enrollment's totals."""
    money: Mapping[str, int]
    """Subsidy's totals."""
    nation: Mapping[str, int]
    """Reporting's measures for the nation."""
    facts: int
    """Facts that reporting has taken in."""

    @property
    def judged(self) -> int:
        """Records with a final receipt."""
        return sum(self.verdicts[status] for status in FINAL)

    @property
    def gaps(self) -> int:
        """Open gaps in `seq`."""
        return sum(reading.state == "waiting" for one in self.lanes for reading in one.reads)

    @property
    def stopped(self) -> list[LaneState]:
        """Lanes that stand still."""
        return [one for one in self.lanes if one.state == "stopped"]

    def lag(self, service: str) -> int:
        """Facts of our services that this one has not taken in."""
        return sum(one.lag or 0 for one in self.lanes if one.service == service)

    def read(self, stream: str) -> int:
        """How far this stream was read, over all lanes."""
        return sum(r.at for one in self.lanes for r in one.reads if r.stream == stream)

    def published(self, stream: str) -> int:
        """How much of this stream was published, over all lanes."""
        return sum(p.published_seq for one in self.lanes for p in one.publishes if p.stream == stream)

    @property
    def place(self) -> tuple[int, ...]:
        """Changes whenever anything moves on."""
        return (
            self.judged,
            self.verdicts["parked_open"],
            sum(reading.at for one in self.lanes for reading in one.reads),
            sum(p.published_seq for one in self.lanes for p in one.publishes),
        )


def outstanding(now: Snapshot, sent: Expected) -> list[str]:
    """What is still under way, in words; empty where all lanes are drained."""
    known = now.judged + now.verdicts["parked_open"]
    found = []
    if known != sent.events:
        found.append(f"enrollment knows of {known:,} of {sent.events:,} records")
    for stream, count in ((PROVINCE_EVENTS, sent.events), (PROVINCE_CONTACTS, sent.contacts)):
        if now.read(stream.pattern) < count:
            found.append(f"{now.read(stream.pattern):,} of {count:,} records of {stream.pattern} were read")
    for service in sorted({one.service for one in now.lanes}):
        lag = now.lag(service)
        unpublished = sum(one.unpublished for one in now.lanes if one.service == service)
        if lag:
            found.append(f"{service} lags {lag:,} behind")
        if unpublished:
            found.append(f"{service} has {unpublished:,} unpublished")
        if now.handover[service]:
            found.append(f"{now.handover[service]:,} are handed over in {service}")
    found += [f"lane {one.lane} of {one.service} is {one.state}" for one in now.lanes if one.state != "going"]
    return found


@dataclass(frozen=True, slots=True)
class Check:
    """Two counts that must be the same."""

    what: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.expected == self.found

    def __str__(self) -> str:
        """The sentence for one that fails."""
        difference = self.found - self.expected
        return f"{self.what}: {self.expected:,} expected, {self.found:,} found ({difference:+,})"


class Reconciled(NamedTuple):
    """The outcome of a run: its counts, from the receipts themselves, and every comparison."""

    receipts: Mapping[str, int]
    parked_open: int
    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        """Whether every comparison holds."""
        return all(check.holds for check in self.checks)


def reconcile(
    sent: Expected, on_topics: int, receipts: Iterable[Receipt], now: Snapshot, ledger: Mapping[str, Any]
) -> Reconciled:
    """Compare what was sent with its receipts, these with enrollment, the ledger with itself and reporting.

    `sent` is what its sender knows must come back, `on_topics` how many records the provinces' topics hold,
    `ledger` what subsidy's check said.
    """
    finals: Counter[tuple[str, int]] = Counter()
    parked: set[tuple[str, int]] = set()
    by_status: Counter[str] = Counter()
    by_type: Counter[str | None] = Counter()
    nameless = 0
    for receipt in receipts:
        place = (receipt.lane, receipt.offset)
        if receipt.status == "parked":
            parked.add(place)
            continue
        finals[place] += 1
        by_status[receipt.status] += 1
        nameless += not receipt.named
        if receipt.status == "accepted":
            by_type[receipt.event_type] += 1
    waiting = parked - finals.keys()
    checks = [
        *_records(sent, on_topics, finals, waiting),
        *(Check(f"receipts sent: {s}", getattr(sent, s), by_status[s]) for s in FINAL),
        *(Check(f"enrollment's total: {s}", by_status[s], now.verdicts[s]) for s in FINAL),
        Check("enrollment's total: parked", len(waiting), now.verdicts["parked_open"]),
        Check("unreadable records sent", sent.unreadable, nameless),
        Check("unreadable records kept in quarantine", nameless, now.verdicts["quarantined"]),
        *_ledger(ledger),
        *_nation(now, by_type),
    ]
    return Reconciled({status: by_status[status] for status in FINAL}, len(waiting), checks)


def _records(
    sent: Expected, on_topics: int, finals: Counter[tuple[str, int]], waiting: set[tuple[str, int]]
) -> list[Check]:
    places = {(lane, offset) for lane, count in sent.by_lane.items() for offset in range(count)}
    return [
        Check("records on the provinces' topics", sent.events, on_topics),
        Check("records without a receipt", 0, len(places - finals.keys() - waiting)),
        Check("records with more than one final receipt", 0, sum(n > 1 for n in finals.values())),
        Check("receipts for records that were never sent", 0, len((finals.keys() | waiting) - places)),
    ]


def _ledger(ledger: Mapping[str, Any]) -> list[Check]:
    faults = [Check(f"ledger: {name}", 0, value) for name, value in ledger.items() if type(value) is int]
    return [*faults, Check("ledger in order", 1, int(ledger["ok"]))]


def _nation(now: Snapshot, by_type: Mapping[str | None, int]) -> list[Check]:
    measures, money = now.nation, now.money
    facts = now.published(ENROLLMENT_EVENTS.pattern) + now.published(SUBSIDY_EVENTS.pattern)
    granted = measures["granted_fen"] - measures["released_granted_fen"]
    held = measures["reserved_fen"] - measures["granted_fen"] - measures["released_reserved_fen"]
    return [
        Check("facts in reporting", facts, now.facts),
        *(Check(f"nation: {name}", by_type[type_], measures[name]) for name, type_ in _TYPES.items()),
        Check(
            "nation: allocated, in fen",
            money["allocated_fen"],
            measures["allocated_fen"] + measures["adjusted_fen"],
        ),
        Check("nation: opened, in fen", money["allocated_fen"], measures["opened_fen"]),
        Check("nation: granted, in fen", money["granted_fen"] + money["disbursed_fen"], granted),
        Check("nation: paid, in fen", money["disbursed_fen"], measures["disbursed_fen"]),
        Check("nation: owed, in fen", money["receivable_fen"], measures["receivable_fen"]),
        Check("nation: written off, in fen", money["written_off_fen"], measures["written_off_fen"]),
        Check("nation: held, in fen", money["reserved_fen"], held),
        Check("nation: scholarships, in fen", money["scholarship_fen"], measures["scholarship_fen"]),
        Check("open gaps in seq", 0, now.gaps),
    ]
