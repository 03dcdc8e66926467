"""The register as a batch sees it in memory, and the changes that judging makes to it."""

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypeVar

from services.enrollment.domain.lifecycle import State, Step
from services.enrollment.domain.person import Statement

PARKED_MAX_PER_LANE: Final = 200_000
"""More waiting events than this on one lane are refused, so that a lane cannot fill the nation's tables."""

Missing = tuple[Literal["worker", "enrollment", "project", "institution", "alliance", "payment"], str]
"""What an event waits for: a worker by worker_ref, an enrollment (or a step of it) by its number, by `naming`."""
Id = tuple[str, str, str]
"""(lane, source, id): unique for ever."""
T = TypeVar("T")
Natural = tuple[str, str]
"""(kind, key): what may be counted once only, whatever the ids."""


@dataclass(slots=True)
class Verdict:
    """The inbox row of an id: how its first judged submission ended, or that it waits."""

    content: bytes
    status: Literal["accepted", "rejected", "parked"]
    offset: int
    type: str | None
    code: str | None = None
    field: str | None = None
    detail: str | None = None
    first_event_id: str | None = None
    voided_by: str | None = None
    """The event that voided or corrected it after it was accepted."""
    fresh: bool = dataclasses.field(default=True, kw_only=True)
    """Not in the inbox table yet."""


@dataclass(slots=True)
class Worker:
    """A person, nationwide: registered by one or more provinces, or only mentioned."""

    ref: str
    registered_by: dict[str, str] = dataclasses.field(default_factory=dict)
    """Province → id of the event by which it registered the worker."""
    changed: bool = False
    statements: list[Statement] = dataclasses.field(default_factory=list, kw_only=True)
    """All that provinces have said of the worker, in no order."""


@dataclass(slots=True)
class Enrollment:
    """One enrollment: its state and the facts that later events carry on, or only its number."""

    number: str
    state: State | None = None
    worker_ref: str | None = None
    event_id: str | None = None
    """The event that made it."""
    state_event_id: str | None = None
    """The event that brought it into its state."""
    facts: dict[str, Any] = dataclasses.field(default_factory=dict, kw_only=True)
    """As `shared.contracts.enrollment.EnrollmentFacts`."""
    changed: bool = False
    steps: list[Step] = dataclasses.field(default_factory=list, kw_only=True)
    """Steps since it was made, in the order in which they were recorded."""

    @property
    def home_lane(self) -> str:
        """The lane of the province that funds it."""
        return str(self.facts["funding_province"])


@dataclass(frozen=True, slots=True)
class Published:
    """A fact that was published of a province's event, as it stands in the log or is about to."""

    fact_id: str
    lane: str
    type: str
    subject: str | None
    time: str
    data: dict[str, Any]
    event_id: str
    """The event that led to it."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that waits for what it builds on; `raw`, without padding, is judged again when that comes."""

    lane: str
    source: str
    id: str
    missing: Missing
    offset: int
    raw: bytes
    traceparent: str | None
    since: date
    """The lane's day on which it began to wait, for whatever it waited for first."""


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """What a province says that it has sent: so many events of some types that happened in a period."""

    lane: str
    since: date
    until: date
    event_types: tuple[str, ...]
    """Sorted, each once."""
    events: int
    event_id: str
    """The declaration."""


@dataclass(frozen=True, slots=True)
class Brought:
    """The event that brings what others name: who sent it and, where it has a register, what it says."""

    event_id: str
    lane: str
    data: dict[str, Any] | None


@dataclass(slots=True)
class TakenBack:
    """What voided events had left in the register and is to be deleted from it."""

    statements: list[tuple[str, Statement]] = dataclasses.field(default_factory=list)
    """(worker_ref, statement)"""
    steps: list[tuple[str, Step]] = dataclasses.field(default_factory=list)
    """(enrollment's number, step)"""
    naturals: list[Natural] = dataclasses.field(default_factory=list)
    referents: list[Missing] = dataclasses.field(default_factory=list)
    names: list[tuple[Missing, Id]] = dataclasses.field(default_factory=list)
    """(what was named, by which event)"""
    totals: list[ControlTotal] = dataclasses.field(default_factory=list)


@dataclass(slots=True)
class LaneState:
    """A lane's day and how many of its events wait."""

    day: date | None
    parked: int
    unfinished: bool = False
    """More is due on its day than one step takes: the next batch goes on with it."""


@dataclass(slots=True)
class Register:
    """All that a batch touches; the store loads it before judging and saves what changed."""

    inbox: dict[Id, Verdict]
    workers: dict[str, Worker]
    enrollments: dict[str, Enrollment]
    naturals: dict[Natural, str]
    """Claimed keys and the event that claimed each."""
    waiting: dict[Missing, list[Parked]]
    lanes: dict[str, LaneState]
    new_naturals: dict[Natural, str] = dataclasses.field(default_factory=dict)
    parked: dict[Id, Parked] = dataclasses.field(default_factory=dict)
    """Parked in this batch and still waiting."""
    overflowing: bool = False
    """More waits for what this batch touches than it may take up: the rest is handed over when it is freed."""
    freed: set[Missing] = dataclasses.field(default_factory=set)
    """What has come in this batch, so that nothing needs to wait for it any more."""
    unparked: list[Parked] = dataclasses.field(default_factory=list)
    """Were waiting before this batch and are no more."""
    judged: dict[Id, Verdict] = dataclasses.field(default_factory=dict)
    """Verdicts of this batch that are not written yet."""
    today: date = date.min
    """The Shanghai day on which this batch records."""
    referents: dict[Missing, str | None] = dataclasses.field(default_factory=dict)
    """What events name by number alone (`naming`) → the event that brought it, or None as long as none has."""
    new_referents: dict[Missing, Brought] = dataclasses.field(default_factory=dict)
    studies: dict[str, list[Enrollment]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    """Enrollments of workers who enroll in this batch, as they were before it."""
    new_statements: list[tuple[str, Statement]] = dataclasses.field(default_factory=list)
    """(worker_ref, statement), to be written."""
    new_steps: list[tuple[str, Step]] = dataclasses.field(default_factory=list)
    """(enrollment's number, step), to be written."""
    new_names: list[tuple[Missing, Id]] = dataclasses.field(default_factory=list)
    """(what is named, by which event), of what has a register: to be written."""
    declared: list[ControlTotal] = dataclasses.field(default_factory=list)
    """Control totals that were declared in this batch."""
    received: dict[tuple[str, date, str], int] = dataclasses.field(default_factory=lambda: defaultdict(int))
    """Accepted in this batch, by lane that sent it, Shanghai day on which it happened, and type."""
    corrected: set[Id] = dataclasses.field(default_factory=set)
    """Events that events of this batch void or correct."""
    targets: dict[Id, Published] = dataclasses.field(default_factory=dict)
    """Of those that were accepted: the fact that counts."""
    parked_targets: dict[Id, Parked] = dataclasses.field(default_factory=dict)
    """Those that wait."""
    published: dict[str, list[Published]] = dataclasses.field(default_factory=dict)
    """Workers about whom something is voided in this batch → all that was published about each, in recorded order."""
    named_by: dict[Missing, list[Id]] = dataclasses.field(default_factory=dict)
    """What is voided in this batch and may have been named → the events that name it."""
    taken_back: TakenBack = dataclasses.field(default_factory=TakenBack)
    tallies: dict[tuple[str, date], dict[str, int]] = dataclasses.field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )

    def worker(self, ref: str) -> Worker:
        """The worker's record; KeyError where the store has not loaded it."""
        return self.workers[ref]

    def claim(self, natural: Natural, event_id: str) -> str | None:
        """Claim a natural key for `event_id`; the id of the event that has it already, or None."""
        first = self.naturals.get(natural)
        if first is None:
            self.naturals[natural] = self.new_naturals[natural] = event_id
        return first

    def bring(self, missing: Missing, brought: Brought) -> str | None:
        """Record what others may name; the id of the event that brought it already, or None."""
        first = self.referents.get(missing)
        if first is None:
            self.referents[missing], self.new_referents[missing] = brought.event_id, brought
        return first

    def state(self, worker: Worker, statement: Statement) -> None:
        """Keep what a province says of a worker."""
        worker.statements.append(statement)
        self.new_statements.append((worker.ref, statement))

    def step(self, enrollment: Enrollment, step: Step) -> None:
        """Keep a step of an enrollment."""
        enrollment.steps.append(step)
        self.new_steps.append((enrollment.number, step))

    def take_statement_back(self, worker: Worker, statement: Statement) -> None:
        """Forget what a province has said of a worker."""
        worker.statements.remove(statement)
        _remove(self.new_statements, (worker.ref, statement), self.taken_back.statements)

    def take_step_back(self, enrollment: Enrollment, step: Step) -> None:
        """Forget a step of an enrollment."""
        enrollment.steps.remove(step)
        _remove(self.new_steps, (enrollment.number, step), self.taken_back.steps)

    def free(self, natural: Natural) -> None:
        """Let a natural key be claimed again."""
        del self.naturals[natural]
        if self.new_naturals.pop(natural, None) is None:
            self.taken_back.naturals.append(natural)

    def take_referent_back(self, missing: Missing) -> None:
        """What others may have named is no longer there."""
        self.referents[missing] = None
        if self.new_referents.pop(missing, None) is None:
            self.taken_back.referents.append(missing)

    def name(self, missing: Missing, id_: Id) -> None:
        """Keep that an accepted event names something."""
        self.new_names.append((missing, id_))
        if missing in self.named_by:
            self.named_by[missing].append(id_)

    def take_name_back(self, missing: Missing, id_: Id) -> None:
        """That event names nothing any more."""
        _remove(self.new_names, (missing, id_), self.taken_back.names)
        if missing in self.named_by:
            self.named_by[missing].remove(id_)

    def take_total_back(self, total: ControlTotal) -> None:
        """Forget a control total."""
        _remove(self.declared, total, self.taken_back.totals)

    def park(self, parked: Parked) -> None:
        """Let an event wait."""
        self.waiting.setdefault(parked.missing, []).append(parked)
        self.parked[parked.lane, parked.source, parked.id] = parked
        self.lanes[parked.lane].parked += 1

    def release(self, missing: Missing) -> list[Parked]:
        """Take out all that waits for `missing`, in the order in which it came."""
        self.freed.add(missing)
        freed = self.waiting.pop(missing, [])
        for one in freed:
            if self.parked.pop((one.lane, one.source, one.id), None) is None:
                self.unparked.append(one)
        return freed

    def expire(self, overdue: list[Parked]) -> None:
        """Let events of lanes that this batch holds wait no more, although nothing has freed them."""
        gone = {(one.lane, one.source, one.id) for one in overdue}
        for missing in {one.missing for one in overdue} & self.waiting.keys():
            still = [one for one in self.waiting[missing] if (one.lane, one.source, one.id) not in gone]
            self.waiting[missing] = still
        for one in overdue:
            self.lanes[one.lane].parked -= 1
            if self.parked.pop((one.lane, one.source, one.id), None) is None:
                self.unparked.append(one)

    def take_changes(self) -> "Changes":
        """What has changed in rows that are locked since this was last asked: from now on it counts as written."""
        changes = Changes(
            {key: verdict for key, verdict in self.judged.items() if verdict.fresh},
            {key: verdict for key, verdict in self.judged.items() if not verdict.fresh},
            [worker for worker in self.workers.values() if worker.changed],
            [enrollment for enrollment in self.enrollments.values() if enrollment.changed],
        )
        for verdict in changes.new_verdicts.values():
            verdict.fresh = False
        for worker in changes.workers:
            worker.changed = False
        for enrollment in changes.enrollments:
            enrollment.changed = False
        self.judged = {}
        return changes


def _remove(unwritten: list[T], one: T, written: list[T]) -> None:
    """Take one out of what is to be written, or put it down to be deleted where it is written already."""
    if one in unwritten:
        unwritten.remove(one)
    else:
        written.append(one)


@dataclass(frozen=True, slots=True)
class Changes:
    """What judging has changed and is to be written."""

    new_verdicts: dict[Id, Verdict]
    verdicts: dict[Id, Verdict]
    workers: list[Worker]
    enrollments: list[Enrollment]
