"""The book: budgets, awards and queues of some lanes in memory, and the journal of what was decided."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from heapq import heappop, heappush
from typing import Any, Final, Literal

from services.subsidy.domain.lifetime import Entitlement, EntitlementKey
from services.subsidy.domain.outside import NO_CAP_PERCENT, OutsideInputs, cap_fen
from services.subsidy.domain.schemes import Rules, Scheme
from shared.contracts.provinces import Category, Track

BudgetKey = tuple[str, int, str]
"""Lane, fiscal year, fund source."""
State = Literal[
    "reserved",
    "granted",
    "waitlisted",
    "held_back",
    "committed",
    "expired",
    "released",
    "forgone",
    "refused",
    "voided",
]
Purpose = Literal[
    "allocated", "available", "reserved", "granted", "disbursed", "receivable", "scholarship", "written_off"
]
"""Accounts of a budget: money comes from `allocated` (its balance is negative) and lies in the others.

`disbursed` was paid for awards that stand, `receivable` for awards that stand no more: it must come back.
"""
TO_COME: Final = ("reserved", "waitlisted", "held_back", "committed")
"""States from which an award may still be granted by itself."""
HELD: Final = ("reserved", "granted")
"""States in which an award holds money."""
WAITING: Final = ("waitlisted", "held_back")
"""States in which an award waits: for money, or, reported by another province, for its confirmation first."""
STANDING: Final = (*HELD, *WAITING, "committed")
"""States in which an award counts towards tuition: it holds money, waits for it, or was promised it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that led to a decision."""

    id: str
    time: datetime
    correlationid: str | None


@dataclass(slots=True)
class LaneBook:
    """What a lane knows beside its budgets."""

    lane: str
    day: date | None = None
    """The Shanghai day that began last."""
    last_entry: int = 0
    expiring: Cause | None = None
    """The day on which too much falls due for one batch: reservations that expire, and commitments."""
    went_on: bool = False
    """Whether what an earlier batch began went on when this one was loaded: all budgets of the lane are."""
    rules: Rules | None = None
    """What is decided by here, where schemes were activated."""
    adopted: list[tuple[int, Scheme]] = field(default_factory=list)
    """Schemes activated in this batch, each with the number of the entry that says so."""
    rules_changed: bool = False
    """Whether they change what a batch must load: nothing more is decided here in this one."""
    changed: bool = False


@dataclass(slots=True)
class Budget:
    """Money of one pot for one year on one lane, in fen."""

    lane: str
    fiscal_year: int
    fund_source: str
    funder_level: str = ""
    """Empty while awards wait for a budget that is not opened yet."""
    allocated_fen: int = 0
    reserved_fen: int = 0
    granted_fen: int = 0
    """Granted and not paid yet."""
    disbursed_fen: int = 0
    receivable_fen: int = 0
    scholarship_fen: int = 0
    written_off_fen: int = 0
    """What was paid for awards that stand no more and will not come back: spent for good."""
    waiting: int = 0
    """Awards in its queue."""
    smallest_waiting_fen: int = 0
    """No waiting award is smaller; 0 where none waits."""
    outside_fen: int = 0
    """What unconfirmed awards that other provinces reported hold of it, or wait for in its queue."""
    held_back: int = 0
    """Awards that other provinces reported beyond the cap: they wait for a confirmation, or until the cap frees."""
    smallest_held_back_fen: int = 0
    """None of those is smaller; 0 where there is none."""
    exhausted: bool = False
    """Said already, until money is there again or it is said that nobody waits any more."""
    alerted_percent: int = 0
    """The highest threshold of its use that was said and not cleared since."""
    drain: Cause | None = None
    """Whose money is still being handed down the queue."""
    changed: bool = False

    @property
    def key(self) -> BudgetKey:
        """Lane, fiscal year, fund source."""
        return self.lane, self.fiscal_year, self.fund_source

    @property
    def opened(self) -> bool:
        """Whether money was ever allocated to it."""
        return self.funder_level != ""

    @property
    def free_fen(self) -> int:
        """Money that nothing holds."""
        return self.allocated_fen - self.used_fen

    @property
    def used_fen(self) -> int:
        """Money that is held, paid, owed, booked or lost."""
        held_fen = self.reserved_fen + self.granted_fen
        return (
            held_fen + self.disbursed_fen + self.receivable_fen + self.scholarship_fen + self.written_off_fen
        )


@dataclass(slots=True)
class Flow:
    """What came to a budget and what left it on a day of its lane, in fen."""

    added_fen: int = 0
    """Allocated, increased or carried over to it; less what was cut or carried away."""
    freed_fen: int = 0
    """Given back: released, expired, voided, repaid."""
    taken_fen: int = 0
    """Reserved for awards, or booked for scholarships."""


@dataclass(slots=True)
class Award:
    """One enrollment's award, or one of its parts where its scheme has several: each draws from a budget of its own.

    What the parts of an enrollment share (tuition, scholarships, confirmed, completed, left) stands in each of them. A
    refused award is kept too: scholarships count towards the same tuition.
    """

    enrollment_no: str
    lane: str
    worker_ref: str
    state: State
    fiscal_year: int
    fund_source: str
    """Empty where no scheme gives anything."""
    amount_fen: int
    tuition_fen: int
    scholarship_fen: int
    """Scholarships booked towards the same tuition."""
    rank: int
    """`seq` of the enrollment on its lane: recorded order."""
    confirmed: bool
    scheme: str
    scheme_version: int
    categories: tuple[Category, ...]
    track: Track
    disbursed_fen: int = 0
    """What was paid of its amount."""
    reservation_days: int = 0
    """How many days a reservation waits for its confirmation; 0 where no scheme gives anything."""
    expires_on: date | None = None
    """The day that ends its reservation; none while it holds none, or where no day has begun on its lane."""
    withdrawn: bool = False
    """Whether the worker has left: whatever is corrected or confirmed later, there is no money."""
    part: int = 1
    """Number of the part; 1 is the first, or the only one."""
    parts: int = 1
    """How many parts the enrollment's award has."""
    asked_fen: int = 0
    """The most that it may come to: its amount before tuition cut it."""
    completion_days: int = 0
    """How many days money is held for a completion; 0 for a part that the confirmation grants."""
    completions: int = 0
    """Facts by which the course is completed."""
    year_of_study: int = 1
    """To which year of study it belongs: from the second on it is committed until its fiscal year begins."""
    level: str = ""
    """The level at which its scheme limits awards; empty where it does not, or where nothing is sought."""
    outside: bool = False
    """Whether another province has reported its enrollment."""
    paid_early: bool = False
    """Whether a payment has come for it, or for another part, before it was granted."""
    outside_fen: int = 0
    """What of it counts in its budget's `outside_fen` now; follows from the rest."""
    new: bool = False
    replaces: bool = False
    """A voided award of the same enrollment is taken out for it."""
    changed: bool = False

    @property
    def key(self) -> str:
        """Its enrollment; with a number behind where it is a further part."""
        return self.enrollment_no if self.part == 1 else part_key(self.enrollment_no, self.part)

    @property
    def place(self) -> tuple[int, int]:
        """What decides about the order in which money comes: recorded order, then the order of parts."""
        return self.rank, self.part

    @property
    def earned(self) -> bool:
        """Whether what grants it has happened: the confirmation, or the completed course."""
        return self.completions > 0 if self.completion_days else self.confirmed

    @property
    def budget_key(self) -> BudgetKey:
        """The budget that it draws from."""
        return self.lane, self.fiscal_year, self.fund_source

    @property
    def entitlement_key(self) -> EntitlementKey:
        """The person's entitlement that it needs, where it has a level."""
        return self.worker_ref, self.scheme, self.level

    @property
    def held_fen(self) -> int:
        """Money that it holds now, paid or not."""
        return self.amount_fen if self.state in HELD else 0

    @property
    def counts_outside_fen(self) -> int:
        """What should count of it as caused from outside: what it holds or waits for until it is confirmed."""
        if not self.outside or self.confirmed or self.state not in (*HELD, "waitlisted"):
            return 0
        return self.amount_fen

    @property
    def unpaid_fen(self) -> int:
        """Money that it holds and that is not paid yet."""
        return self.held_fen - self.disbursed_fen


def part_key(enrollment_no: str, part: int) -> str:
    """What names a part of an enrollment's award in the book."""
    return enrollment_no if part == 1 else f"{enrollment_no}/{part}"


ClaimKey = tuple[str, int, str]
"""Enrollment, fiscal year, fund source."""


@dataclass(slots=True)
class Claim:
    """What was paid for an award that stands no more: owed by the worker until it is settled."""

    lane: str
    enrollment_no: str
    fiscal_year: int
    fund_source: str
    worker_ref: str
    open_fen: int
    """What has not come back yet."""
    changed: bool = False

    @property
    def key(self) -> ClaimKey:
        """Enrollment, fiscal year, fund source."""
        return self.enrollment_no, self.fiscal_year, self.fund_source

    @property
    def budget_key(self) -> BudgetKey:
        """The budget to which it is owed."""
        return self.lane, self.fiscal_year, self.fund_source


PaymentKey = tuple[str, str, int]
"""Lane, batch, line."""


@dataclass(slots=True)
class Payment:
    """One line of a settlement: how much of it is booked, and how much belongs to no award."""

    lane: str
    batch_no: str
    line_no: int
    enrollment_no: str
    worker_ref: str
    fiscal_year: int
    fund_source: str
    booked_fen: int
    unmatched_fen: int
    waits: bool = False
    """Whether it has come before its grant, and is booked once that is there."""
    new: bool = False
    changed: bool = False

    @property
    def key(self) -> PaymentKey:
        """Lane, batch, line."""
        return self.lane, self.batch_no, self.line_no


@dataclass(slots=True)
class Queue:
    """The head of a budget's waitlist in rank order, as far as it was loaded, or of who is held back from it."""

    awards: deque[Award] = field(default_factory=deque)
    complete: bool = False
    """Whether nobody waits behind the last one."""
    state: State = "waitlisted"
    """State of those that are in it; who has left it may still stand in `awards`."""
    before: dict[tuple[int, int], int] = field(default_factory=dict)
    """Places that may be asked about, where not all of it was loaded → how many of the whole queue are before them."""
    beyond: list[tuple[int, int]] = field(default_factory=list)
    """Places, sorted, of those that came in this batch behind what was loaded, where that is not all of it."""

    def ahead_of(self, rank: int, waiting: int, part: int = 1) -> int:
        """How many of the `waiting` awards of the whole queue stand before a rank, and before a part at that rank."""
        if (rank, part) in self.before:
            return self.before[rank, part]
        if self.awards and (rank, part) <= self.awards[-1].place:
            return sum(1 for one in self.awards if one.state == self.state and one.place < (rank, part))
        # It came in this batch, too, or it would have been asked about: before it is all that is not loaded.
        return waiting - (len(self.beyond) - bisect_right(self.beyond, (rank, part)))

    def add(self, award: Award) -> None:
        """Put an award in its place, as far as the queue was loaded."""
        self._count(award.place, 1)
        if not self.awards or award.place > self.awards[-1].place:
            if self.complete:
                self.awards.append(award)
            else:
                insort(self.beyond, award.place)
            return
        others = [one for one in self.awards if one is not award and one.state == self.state]
        place = sum(1 for one in others if one.place < award.place)
        self.awards = deque((*others[:place], award, *others[place:]))

    def leave(self, place: tuple[int, int]) -> None:
        """One waits no more."""
        self._count(place, -1)
        at = bisect_left(self.beyond, place)
        if self.beyond[at : at + 1] == [place]:
            del self.beyond[at]

    def _count(self, place: tuple[int, int], more: int) -> None:
        for one in self.before:
            if one > place:
                self.before[one] += more

    def drop(self, award: Award) -> None:
        """Take out an award that loses its rank: the others stay in order."""
        if self.awards and self.awards[0] is award:
            self.awards.popleft()
            return
        self.awards = deque(one for one in self.awards if one is not award)


@dataclass(slots=True)
class Posting:
    """Money that enters (or, negative, leaves) one account of a budget."""

    budget: Budget
    purpose: Purpose
    amount_fen: int


@dataclass(slots=True)
class Entry:
    """One journal entry: what was decided, from what, by which rule, and the money that it moved.

    `about` makes the id of the published fact unique among those of one cause.
    `inputs`, `steps` and `data` are plain JSON.
    """

    lane: str
    no: int
    type: str
    about: str
    enrollment_no: str | None
    subject: str | None
    cause: Cause
    scheme: str | None
    scheme_version: int | None
    inputs: Mapping[str, Any]
    steps: list[dict[str, Any]]
    data: dict[str, Any]
    postings: tuple[Posting, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """An entry that says how full a budget is, with what its batch had moved by then."""

    entry: Entry
    budget: BudgetKey
    today: date | None
    free_fen: int
    moved: Sequence[tuple[date, int]]
    """By day, what was taken less what was given back."""


@dataclass(frozen=True, slots=True)
class Again:
    """An enrollment of a lane that is to be looked at again there: another one has left it the person's entitlement."""

    lane: str
    enrollment_no: str
    entitlement: EntitlementKey
    cause: Cause


@dataclass(slots=True)
class Book:
    """All that a batch touches, loaded before and written back after the deciding."""

    outside_percent: int = NO_CAP_PERCENT
    """How much of a budget enrollments that other provinces report may take until they are confirmed."""
    knows_all: bool = False
    """Whether there is nothing that was not loaded: no table stands behind it."""
    lanes: dict[str, LaneBook] = field(default_factory=dict)
    budgets: dict[BudgetKey, Budget] = field(default_factory=dict)
    awards: dict[str, Award] = field(default_factory=dict)
    """By enrollment; further parts with their number behind (`Award.key`)."""
    queues: dict[BudgetKey, Queue] = field(default_factory=dict)
    held_back: dict[BudgetKey, Queue] = field(default_factory=dict)
    """Awards that other provinces reported beyond the cap, by budget."""
    entries: list[Entry] = field(default_factory=list)
    booked: dict[str, list[tuple[BudgetKey, int]]] = field(default_factory=dict)
    """Facts whose scholarships are taken back → what was booked of each, from which budget, in fen."""
    claims: dict[ClaimKey, Claim] = field(default_factory=dict)
    """What workers of the batch owe."""
    payments: dict[PaymentKey, Payment] = field(default_factory=dict)
    expiries: dict[str, list[tuple[date, int, int, str]]] = field(default_factory=dict)
    """Lane → heap of (day, rank, part, key) of reservations that may expire in this batch."""
    cut_off: dict[str, tuple[date, int, int]] = field(default_factory=dict)
    """Lanes on which more reservations are due than were loaded → day, rank and part of the last one that was."""
    commitments: dict[str, list[tuple[int, int, int, str]]] = field(default_factory=dict)
    """Lane → heap of (fiscal year, rank, part, key) of commitments whose year may begin in this batch."""
    more_commitments: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Lanes on which more commitments are due than were loaded → the last one that was."""
    eased: set[BudgetKey] = field(default_factory=set)
    """Budgets for which nobody waited any more at some time, to be looked at once all else is decided."""
    said_exhausted: set[tuple[str, BudgetKey]] = field(default_factory=set)
    """Causes with the budgets that they have exhausted: said once each, however often money comes and goes."""
    freed: set[BudgetKey] = field(default_factory=set)
    """Budgets that were owed money which has come back, or whose cap has freed, while something else was decided."""
    draining: set[BudgetKey] = field(default_factory=set)
    """Budgets whose queues were too long for one batch."""
    entitlements: dict[EntitlementKey, Entitlement] = field(default_factory=dict)
    flows: dict[tuple[BudgetKey, date], Flow] = field(default_factory=dict)
    """What the batch adds to the flows of budgets, by day."""
    counted: int = 0
    """So many of the entries are counted in the flows."""
    alerts: list[Alert] = field(default_factory=list)
    """Entries that say how full budgets are, to be completed once what was moved before the batch is read."""
    unsettled: set[EntitlementKey] = field(default_factory=set)
    """Those that somebody has left, or that history has used up: to be passed on once all else is decided."""
    again: list[Again] = field(default_factory=list)
    """What is to be looked at again on other lanes."""

    def parts(self, enrollment_no: str) -> list[Award]:
        """All parts of an enrollment's award in their order, if it has one; the facts of a batch name it."""
        first = self.awards.get(enrollment_no)
        if first is None:
            return []
        if first.parts == 1:
            return [first]
        return [self.awards[part_key(enrollment_no, part)] for part in range(1, first.parts + 1)]

    def put_in_place(self, awards: Sequence[Award]) -> None:
        """The parts of an enrollment that comes, or comes again: those that it had are none any more."""
        if awards[0].replaces:
            for before in self.parts(awards[0].enrollment_no):
                del self.awards[before.key]
        for award in awards:
            self.awards[award.key] = award

    def owed(self, award: Award) -> Claim | None:
        """What is owed for the very enrollment to the budget that its award draws from, if anything is."""
        claim = self.claims.get((award.enrollment_no, award.fiscal_year, award.fund_source))
        return claim if claim is not None and claim.open_fen else None

    def claim(self, award: Award) -> Claim:
        """The claim for what was paid for an award, made where there is none yet."""
        key = (award.enrollment_no, award.fiscal_year, award.fund_source)
        found = self.claims.get(key)
        if found is None:
            no, year, fund_source = key
            found = self.claims[key] = Claim(award.lane, no, year, fund_source, award.worker_ref, 0)
        return found

    def claims_against(self, award: Award) -> list[Claim]:
        """What an award's worker owes to the same pot of its lane in any year, oldest year first."""
        if not self.claims:
            return []
        who = (award.lane, award.fund_source, award.worker_ref)
        found = [
            c for c in self.claims.values() if (c.lane, c.fund_source, c.worker_ref) == who and c.open_fen
        ]
        return sorted(found, key=lambda claim: (claim.fiscal_year, claim.enrollment_no))

    def lacking_fen(self, award: Award) -> int:
        """What an award needs of its budget's free money: what was paid for it before need not be paid again."""
        claim = self.owed(award)
        return award.amount_fen - (min(claim.open_fen, award.amount_fen) if claim else 0)

    def booked_of(self, cause_id: str) -> list[tuple[BudgetKey, int]]:
        """What a scholarship's fact has led to: before this batch, or in it."""
        now = [
            (posting.budget.key, posting.amount_fen)
            for entry in self.entries
            if entry.cause.id == cause_id
            for posting in entry.postings
            if posting.purpose == "scholarship" and posting.amount_fen > 0
        ]
        return self.booked.get(cause_id, []) + now

    def early_payments(self, enrollment_no: str) -> list[Payment]:
        """Payments that wait for a grant of an enrollment, in the order of their lines."""
        found = [one for one in self.payments.values() if one.waits and one.enrollment_no == enrollment_no]
        return sorted(found, key=lambda payment: payment.key)

    def entitlement(self, key: EntitlementKey) -> Entitlement:
        """A person's entitlement; one that was not loaded may be read but not written."""
        return self.entitlements.setdefault(key, Entitlement(*key))

    def stands(self, enrollment_no: str) -> bool:
        """Whether any part of an enrollment's award stands."""
        return any(part.state in STANDING for part in self.parts(enrollment_no))

    def leave(self, award: Award) -> None:
        """An award of which no part stands any more gives back the person's entitlement, or asks for it no more."""
        if not award.level or self.stands(award.enrollment_no):
            return
        if self.entitlement(award.entitlement_key).drop(award.enrollment_no):
            self.unsettled.add(award.entitlement_key)

    def may_let_go(self, award: Award) -> bool:
        """Whether all is loaded that letting an award go asks for: its person's entitlement, and the other parts."""
        if not award.level or self.knows_all:
            return True
        parts = (part_key(award.enrollment_no, part) for part in range(1, award.parts + 1))
        return self.entitlement(award.entitlement_key).locked and all(key in self.awards for key in parts)

    def lane(self, lane: str) -> LaneBook:
        """The lane's own page."""
        return self.lanes.setdefault(lane, LaneBook(lane))

    def goes_on(self, lane: str) -> bool:
        """Whether what a fact has begun on the lane was too much for one batch."""
        return self.lane(lane).expiring is not None or self.drains(lane)

    def drains(self, lane: str) -> bool:
        """Whether a queue of the lane was too long for one batch: what is freed next waits until that has moved."""
        return any(key[0] == lane for key in self.draining)

    def add_budget(self, budget: Budget) -> None:
        """Take in a budget as it was loaded."""
        self.budgets[budget.key] = budget
        if budget.drain is not None:
            self.draining.add(budget.key)

    def budget(self, key: BudgetKey) -> Budget:
        """The budget, empty where nothing was allocated yet."""
        found = self.budgets.get(key)
        if found is None:
            found = self.budgets[key] = Budget(*key)
        return found

    def flow(self, key: BudgetKey, day: date) -> Flow:
        """What the batch adds to a budget's flow on a day."""
        found = self.flows.get((key, day))
        if found is None:
            found = self.flows[key, day] = Flow()
        return found

    def queue(self, budget: Budget) -> Queue:
        """The budget's queue as far as it was loaded."""
        found = self.queues.get(budget.key)
        if found is None:
            found = self.queues[budget.key] = Queue(complete=budget.waiting == 0)
        return found

    def held_back_of(self, budget: Budget) -> Queue:
        """Those that are held back from a budget, as far as they were loaded."""
        found = self.held_back.get(budget.key)
        if found is None:
            found = self.held_back[budget.key] = Queue(complete=budget.held_back == 0, state="held_back")
        return found

    def outside_room_fen(self, budget: Budget) -> int:
        """What the cap leaves for enrollments that other provinces report; below zero where the budget was cut."""
        return cap_fen(budget.allocated_fen, self.outside_percent) - budget.outside_fen

    def asked_from_outside(self, budget: Budget, rank: int, part: int = 1) -> OutsideInputs:
        """What the cap adds to the inputs of a decision; nothing where there is none."""
        if self.outside_percent >= NO_CAP_PERCENT:
            return OutsideInputs()
        return OutsideInputs(
            outside_cap_fen=cap_fen(budget.allocated_fen, self.outside_percent),
            outside_fen=budget.outside_fen,
            held_back=self.held_back_of(budget).ahead_of(rank, budget.held_back, part),
        )

    def count_outside(self, award: Award) -> None:
        """Bring up to date what an award from outside counts in its budget; what falls may let others in."""
        if not award.outside:
            return
        more_fen = award.counts_outside_fen - award.outside_fen
        if not more_fen:
            return
        budget = self.budget(award.budget_key)
        budget.outside_fen += more_fen
        award.outside_fen += more_fen
        budget.changed = True
        if more_fen < 0 and budget.held_back:
            self.freed.add(budget.key)

    def add_held_back(self, key: BudgetKey, awards: Iterable[Award]) -> None:
        """Take in the first of those that are held back from a budget; awards known already stay the same objects."""
        loaded = deque(self.awards.setdefault(award.key, award) for award in awards)
        self.held_back[key] = Queue(
            loaded, complete=len(loaded) == self.budget(key).held_back, state="held_back"
        )

    def add_queue(self, key: BudgetKey, awards: Iterable[Award]) -> None:
        """Take in the head of a budget's queue, in rank order; awards known already stay the same objects."""
        loaded = deque(self.awards.setdefault(award.key, award) for award in awards)
        self.queues[key] = Queue(loaded, complete=len(loaded) == self.budget(key).waiting)

    def await_expiry(self, award: Award) -> None:
        """Remember when a reservation expires."""
        if award.expires_on is not None:
            heap = self.expiries.setdefault(award.lane, [])
            heappush(heap, (award.expires_on, award.rank, award.part, award.key))

    def add_due(self, lane: str, awards: Sequence[Award], limit: int) -> None:
        """Take in reservations that are due on a lane, at most `limit`; awards known already stay the same objects."""
        for award in awards:
            self.await_expiry(self.awards.setdefault(award.key, award))
        if len(awards) == limit:
            self.cut_off[lane] = awards[-1].expires_on or date.max, *awards[-1].place

    def await_year(self, award: Award) -> None:
        """Remember in which year a commitment falls due."""
        heap = self.commitments.setdefault(award.lane, [])
        heappush(heap, (award.fiscal_year, award.rank, award.part, award.key))

    def add_commitments(self, lane: str, awards: Sequence[Award], limit: int) -> None:
        """Take in commitments whose year begins on a lane, at most `limit`; awards known already stay the same."""
        for award in awards:
            self.await_year(self.awards.setdefault(award.key, award))
        if len(awards) == limit:
            self.more_commitments[lane] = awards[-1].fiscal_year, *awards[-1].place

    def next_commitment(self, lane: str, year: int) -> Award | None:
        """The commitment that is to be asked next in `year`, in the order of years, ranks and parts."""
        heap, last = self.commitments.get(lane, []), self.more_commitments.get(lane)
        while heap and heap[0][0] <= year and (last is None or heap[0][:3] <= last):
            *place, key = heappop(heap)
            award = self.awards.get(key)
            if (
                award is not None
                and award.state == "committed"
                and [award.fiscal_year, *award.place] == place
            ):
                return award
        return None

    def due_awards(self) -> list[Award]:
        """The reservations that may expire in this batch, and the commitments whose year may begin in it."""
        return [
            self.awards[key] for heap in self.expiries.values() for *_, key in heap
        ] + self.due_commitments()

    def due_commitments(self) -> list[Award]:
        """The commitments whose year may begin in this batch."""
        return [self.awards[key] for heap in self.commitments.values() for *_, key in heap]

    def next_due(self, lane: str, day: date) -> Award | None:
        """The reservation that has to expire next on `day`, in the order of days, then of ranks."""
        heap, last = self.expiries.get(lane, []), self.cut_off.get(lane)
        while heap and heap[0][0] <= day and (last is None or heap[0][:3] <= last):
            expires_on, rank, _, key = heappop(heap)
            award = self.awards.get(key)
            if (
                award is not None
                and award.state == "reserved"
                and (award.expires_on, award.rank) == (expires_on, rank)
            ):
                return award
        return None

    def next_entry(self, lane: str) -> int:
        """The number of the lane's next journal entry."""
        page = self.lane(lane)
        page.last_entry += 1
        page.changed = True
        return page.last_entry


def move(budget: Budget, source: Purpose, target: Purpose, amount_fen: int) -> tuple[Posting, ...]:
    """Move money between two accounts of a budget, if any; ValueError where the source does not hold it."""
    if not amount_fen:
        return ()
    left_fen = _add(budget, source, -amount_fen)
    _add(budget, target, amount_fen)
    if left_fen < 0 or budget.free_fen < 0:
        raise ValueError(f"budget {budget.key} would be exceeded")
    budget.changed = True
    return Posting(budget, source, -amount_fen), Posting(budget, target, amount_fen)


def _add(budget: Budget, purpose: Purpose, amount_fen: int) -> int:
    """What is in the account then; of `allocated`, what was put into the others."""
    match purpose:
        case "available":
            return 0  # what is free follows from the others
        case "allocated":
            budget.allocated_fen -= amount_fen
            return budget.allocated_fen
        case "reserved":
            budget.reserved_fen += amount_fen
            return budget.reserved_fen
        case "granted":
            budget.granted_fen += amount_fen
            return budget.granted_fen
        case "disbursed":
            budget.disbursed_fen += amount_fen
            return budget.disbursed_fen
        case "receivable":
            budget.receivable_fen += amount_fen
            return budget.receivable_fen
        case "scholarship":
            budget.scholarship_fen += amount_fen
            return budget.scholarship_fen
        case "written_off":
            budget.written_off_fen += amount_fen
            return budget.written_off_fen
