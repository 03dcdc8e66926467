"""A shelf in memory instead of tables: a book takes from it only what the loading plan asks for."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from services.subsidy.domain import deciding, loading, projecting
from services.subsidy.domain.book import (
    Again,
    Award,
    Book,
    Budget,
    BudgetKey,
    Claim,
    ClaimKey,
    Entry,
    LaneBook,
    Payment,
    PaymentKey,
    State,
)
from services.subsidy.domain.expecting import RUN_DAYS
from services.subsidy.domain.lifetime import Entitlement, EntitlementKey
from services.subsidy.domain.schemes import Rules
from shared.contracts.envelope import Fact
from tests.subsidy.facts import NOT_ASKED


@dataclass
class Shelf:
    """What is kept between batches."""

    rules: Rules
    lanes: dict[str, LaneBook] = field(default_factory=dict)
    budgets: dict[BudgetKey, Budget] = field(default_factory=dict)
    awards: dict[str, Award] = field(default_factory=dict)
    claims: dict[ClaimKey, Claim] = field(default_factory=dict)
    payments: dict[PaymentKey, Payment] = field(default_factory=dict)
    entitlements: dict[EntitlementKey, Entitlement] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    flows: Counter[tuple[BudgetKey, date, str]] = field(default_factory=Counter)
    """What came to budgets and what left them, by day of the lane and way."""
    handed: list[Again] = field(default_factory=list)
    """What was left for other lanes; `look_again` takes it."""

    def take(self, facts: list[Fact[Any]]) -> None:
        """Carry a batch: load by plan, go on with what moves, decide, write back; what is postponed comes again."""
        self._carry(facts, [])

    def look_again(self) -> None:
        """Carry what was left for other lanes, until nothing is."""
        while self.handed:
            handed, self.handed = self.handed, []
            self._carry([], handed)

    def _carry(self, facts: list[Fact[Any]], handed: list[Again]) -> None:
        on_lanes = [(fact.lane, fact) for fact in facts]
        book = self._load(on_lanes, handed)
        for _, budget in sorted(book.budgets.items()):
            deciding.go_on(book, budget)
        for page in list(book.lanes.values()):
            deciding.go_on_expiring(self.rules, book, page)
        for again in handed:
            deciding.look_again(self.rules, book, again)
        later = []
        for lane, fact in on_lanes:
            if deciding.goes_on(book, lane):
                later.append(fact)
            else:
                deciding.decide(self.rules, book, lane, fact)
        projecting.tell(book, {one: self._run(one) for one in projecting.asked(book)})
        self._put_back(book)
        if later:
            self.take(later)

    def _run(self, asked: projecting.Asked) -> projecting.Run:
        days = [day for key, day, _ in self.flows if key == asked.budget]
        last = [day for day in set(days) if asked.today - timedelta(days=RUN_DAYS) < day <= asked.today]
        used = (
            self.flows[asked.budget, day, "taken_fen"] - self.flows[asked.budget, day, "freed_fen"]
            for day in last
        )
        return projecting.Run(min(days, default=None), sum(used))

    def come_to_rest(self) -> None:
        """Carry empty batches, as an idle lane does, until what was too much for one is at its end."""
        while any(page.expiring for page in self.lanes.values()) or any(
            b.drain for b in self.budgets.values()
        ):
            self.take([])

    def _load(self, on_lanes: loading.Facts, again: list[Again]) -> Book:
        book = Book(self.rules.outside_percent)
        book.lanes = deepcopy(self.lanes)
        for page in book.lanes.values():
            drains = any(b.drain for b in self.budgets.values() if b.lane == page.lane)
            page.went_on = drains or page.expiring is not None
        book.payments = {
            key: deepcopy(self.payments[key])
            for key in loading.returned_payments(on_lanes)
            if key in self.payments
        }
        numbers = set(loading.award_nos(book, on_lanes, again))
        book.awards = {key: deepcopy(one) for key, one in self.awards.items() if one.enrollment_no in numbers}
        for lane, day in loading.days_to_expire(book, on_lanes).items():
            due = [
                a
                for a in self.awards.values()
                if a.lane == lane and a.state == "reserved" and a.expires_on and a.expires_on <= day
            ]
            head = sorted(due, key=lambda a: (a.expires_on, a.place))[: loading.MOVE_MAX]
            book.add_due(lane, deepcopy(head), loading.MOVE_MAX)
            committed = [a for a in self.awards.values() if a.lane == lane and a.state == "committed"]
            begun = [a for a in committed if a.fiscal_year <= day.year]
            head = sorted(begun, key=lambda a: (a.fiscal_year, a.place))[: loading.MOVE_MAX]
            book.add_commitments(lane, deepcopy(head), loading.MOVE_MAX)
        self._load_parts(book, loading.due_in_parts(book))
        for asked in loading.entitlement_keys(self.rules, book, on_lanes, again):
            book.entitlements[asked] = deepcopy(self.entitlements.get(asked) or Entitlement(*asked))
            book.entitlements[asked].locked = True
        going_on = {page.lane for page in book.lanes.values() if page.went_on}
        lanes = sorted(going_on | {lane for lane, _ in on_lanes} | {one.lane for one in again})
        self._load_parts(book, loading.called_nos(book, on_lanes, lanes))
        for cause in loading.reversed_causes(on_lanes):
            booked = [
                p
                for e in self.entries
                if e.cause.id == cause
                for p in e.postings
                if p.purpose == "scholarship"
            ]
            book.booked[cause] = [(p.budget.key, p.amount_fen) for p in booked if p.amount_fen > 0]
        keys = loading.budget_keys(self.rules, book, on_lanes)
        for key, budget in self.budgets.items():
            if key in keys or budget.receivable_fen or book.lane(budget.lane).went_on:
                book.add_budget(deepcopy(budget))
        self._load_queues(book, on_lanes, again)
        self._load_early(book)
        debtors = set(loading.debtors(book, on_lanes))
        claims = [c for c in self.claims.values() if c.worker_ref in debtors and c.open_fen]
        book.claims = {claim.key: deepcopy(claim) for claim in claims}
        return book

    def _load_parts(self, book: Book, numbers: list[str]) -> None:
        found = [award for award in self.awards.values() if award.enrollment_no in numbers]
        book.awards.update((award.key, deepcopy(award)) for award in found)

    def _load_early(self, book: Book) -> None:
        early = loading.paid_early(book)
        for payment in self.payments.values():
            if payment.waits and payment.enrollment_no in early:
                book.payments.setdefault(payment.key, deepcopy(payment))
        for award in self.awards.values():
            if award.parts > 1 and award.enrollment_no in early:
                book.awards.setdefault(award.key, deepcopy(award))

    def _load_queues(self, book: Book, on_lanes: loading.Facts, again: list[Again]) -> None:
        held_back = loading.held_back_lengths(self.rules, book, on_lanes)
        places = loading.asked_places(book, on_lanes, again, held_back, "held_back")
        for key, length in held_back.items():
            book.add_held_back(key, self._head(key, "held_back", length))
        for key, place in places:
            book.held_back[key].before[place] = self._before(key, "held_back", place)
        lengths = loading.queue_lengths(self.rules, book, on_lanes, held_back)
        places = loading.asked_places(book, on_lanes, again, lengths, "waitlisted")
        for key, length in lengths.items():
            book.add_queue(key, self._head(key, "waitlisted", length))
        for key, place in places:
            book.queues[key].before[place] = self._before(key, "waitlisted", place)

    def _before(self, key: BudgetKey, state: State, place: tuple[int, int]) -> int:
        waiting = (a for a in self.awards.values() if a.state == state and a.budget_key == key)
        return sum(award.place < place for award in waiting)

    def _head(self, key: BudgetKey, state: State, length: int) -> list[Award]:
        waiting = [a for a in self.awards.values() if a.state == state and a.budget_key == key]
        return deepcopy(sorted(waiting, key=lambda award: award.place)[:length])

    def _put_back(self, book: Book) -> None:
        again = {a.enrollment_no for a in book.awards.values() if a.replaces}
        for award in book.awards.values():
            stored = award.key in self.awards and award.enrollment_no not in again
            assert award.new != stored, "a row is added or written over, never both"
        for payment in book.payments.values():
            assert payment.new == (payment.key not in self.payments), "a row is added once"
        self.lanes.update((page.lane, page) for page in book.lanes.values() if page.changed)
        self.budgets.update((b.key, b) for b in book.budgets.values() if b.changed)
        self.awards = {key: a for key, a in self.awards.items() if a.enrollment_no not in again}
        self.awards.update((a.key, a) for a in book.awards.values() if a.changed or a.new)
        assert all(one.locked for one in book.entitlements.values() if one.changed)
        self.entitlements.update((one.key, one) for one in book.entitlements.values() if one.changed)
        self.handed += book.again
        self.claims.update((claim.key, claim) for claim in book.claims.values() if claim.changed)
        self.payments.update((p.key, p) for p in book.payments.values() if p.changed or p.new)
        for page in self.lanes.values():
            page.changed = page.rules_changed = False
            page.adopted.clear()
        for budget in self.budgets.values():
            budget.changed = False
        for award in self.awards.values():
            award.changed = award.new = award.replaces = False
        for entitlement in self.entitlements.values():
            entitlement.changed = False
        for claim in self.claims.values():
            claim.changed = False
        for payment in self.payments.values():
            payment.changed = payment.new = False
        self.entries += book.entries
        self._add_flows(book)

    def _add_flows(self, book: Book) -> None:
        for (key, day), flow in book.flows.items():
            for way in ("added_fen", "freed_fen", "taken_fen"):
                self.flows[key, day, way] += getattr(flow, way)

    def decided(self) -> list[Entry]:
        """All entries but those that say how full a budget is; that one is exhausted stays."""
        return [entry for entry in self.entries if entry.type not in NOT_ASKED]

    def journal(self) -> list[tuple[Any, ...]]:
        """All entries as plain values, for comparison."""
        return [
            (e.lane, e.no, e.type, e.about, e.cause.id, e.inputs, e.steps, e.data, _moves(e))
            for e in self.entries
        ]


def _moves(entry: Entry) -> list[tuple[BudgetKey, str, int]]:
    return [(p.budget.key, p.purpose, p.amount_fen) for p in entry.postings]
