"""Carries one batch of enrollment's facts through: load the book, decide in pure code, write it back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from services.subsidy import store
from services.subsidy.domain import deciding, loading, projecting
from services.subsidy.domain.book import Again, Book, Budget, Cause, Entry
from services.subsidy.domain.loading import Facts
from services.subsidy.domain.schemes import Rules
from shared.contracts.enrollment import DAY_BEGAN, DayBegan
from shared.contracts.envelope import Fact, derived_id
from shared.contracts.subsidy import LEDGER_TOTALLED, SUBSIDY_WAITLISTED, BudgetTotal, LedgerTotalled
from shared.contracts.topics import PROVINCE_DECISIONS, SUBSIDY_EVENTS
from shared.plumbing.batch import Batch
from shared.plumbing.outgoing import Outgoing
from shared.plumbing.store import Db


async def decide_awards(rules: Rules, batch: Batch, db: Db) -> None:
    """Decide what the batch means for awards and budgets."""
    taken = [one for one in batch.taken if one.event is not None]
    if not taken and not batch.handed and not await store.any_goes_on(db, batch.lanes):
        return
    handed = [_again(lane, payload) for lane, payload in batch.handed]
    facts = [(one.lane, one.event) for one in taken]
    book = await _load(rules, batch, db, facts, [again for again, _ in handed])
    traceparents = _go_on(rules, batch, book, handed)
    totals: dict[int, list[tuple[str, Outgoing]]] = defaultdict(list)
    for one in taken:
        if deciding.goes_on(book, one.lane):
            batch.postpone(one)
            continue
        before = len(book.entries)
        if one.event.type == DAY_BEGAN:
            totals[before].append((one.lane, _totalled(book, one.lane, one.event)))
        deciding.decide(rules, book, one.lane, one.event)
        if batch.noticed is not None and any(e.type == SUBSIDY_WAITLISTED for e in book.entries[before:]):
            batch.noticed.append(one)
        traceparents += [one.traceparent] * (len(book.entries) - len(traceparents))
        _hand_over(batch, book, one.traceparent)
    if asked := projecting.asked(book):
        projecting.tell(book, await store.runs(db, asked))
    said = [_fact(entry, trace) for entry, trace in zip(book.entries, traceparents, strict=True)]
    _publish(batch, book, said, totals)
    await store.save_book(db, book, [fact.id for fact in said], batch.recorded_at)


def _publish(
    batch: Batch, book: Book, said: Sequence[Outgoing], totals: Mapping[int, Sequence[tuple[str, Outgoing]]]
) -> None:
    """Publish decisions in order, and before the one of that number what a ledger held then."""
    for n in range(len(said) + 1):
        for lane, total in totals.get(n, ()):
            batch.publish(SUBSIDY_EVENTS, lane, total)
        if n < len(said):
            entry, fact = book.entries[n], said[n]
            batch.publish(SUBSIDY_EVENTS, entry.lane, fact)
            if entry.type in deciding.TO_PROVINCE:
                batch.publish(PROVINCE_DECISIONS, entry.lane, fact)


def _go_on(
    rules: Rules, batch: Batch, book: Book, handed: Sequence[tuple[Again, str | None]]
) -> list[str | None]:
    """Go on with what was too much for one batch, and with what other lanes have left; the trace of each entry."""
    for budget in sorted((b for b in book.budgets.values() if b.drain), key=lambda b: b.key):
        deciding.go_on(book, budget)
    for lane in sorted(book.lanes):
        deciding.go_on_expiring(rules, book, book.lanes[lane])
    _hand_over(batch, book, None)
    traceparents: list[str | None] = [None] * len(book.entries)
    for again, traceparent in handed:
        if deciding.goes_on(book, again.lane):
            batch.hand_over(again.lane, _payload(again, traceparent))
            continue
        deciding.look_again(rules, book, again)
        traceparents += [traceparent] * (len(book.entries) - len(traceparents))
        _hand_over(batch, book, traceparent)
    return traceparents


async def _load(rules: Rules, batch: Batch, db: Db, facts: Facts, again: Sequence[Again]) -> Book:
    """Everything that the batch touches, in a fixed number of queries."""
    book = Book(rules.outside_percent)
    await store.load_lanes(db, rules, book, batch.lanes)
    if payments := loading.returned_payments(facts):
        await store.load_payments(db, book, payments)
    if numbers := loading.award_nos(book, facts, again):
        await store.load_awards(db, book, numbers)
    if days := loading.days_to_expire(book, facts):
        await store.load_due(db, book, days, loading.MOVE_MAX)
        await store.load_commitments(db, book, days, loading.MOVE_MAX)
        if in_parts := loading.due_in_parts(book):
            await store.load_awards(db, book, in_parts)
    if keys := loading.entitlement_keys(rules, book, facts, again):
        await store.lock_entitlements(db, book, keys)
        if called := loading.called_nos(book, facts, batch.lanes):
            await store.load_awards(db, book, called)
    if causes := loading.reversed_causes(facts):
        await store.load_booked(db, book, numbers, causes)
    begun = {lane for lane, fact in facts if fact.type == DAY_BEGAN}  # their ledgers are summed up
    await store.load_budgets(db, book, loading.budget_keys(rules, book, facts), batch.lanes, begun)
    await _load_queues(rules, db, book, facts, again)
    if early := loading.paid_early(book):
        await store.load_early_payments(db, book, early)
    if debtors := loading.debtors(book, facts):
        await store.load_claims(db, book, batch.lanes, debtors)
    return book


async def _load_queues(rules: Rules, db: Db, book: Book, facts: Facts, again: Sequence[Again]) -> None:
    """Those who wait, as far as the batch may reach them."""
    if held_back := loading.held_back_lengths(rules, book, facts):
        places = loading.asked_places(book, facts, again, held_back, "held_back")
        await store.load_held_back(db, book, held_back)
        if places:
            await store.count_before(db, book.held_back, "held_back", places)
    if lengths := loading.queue_lengths(rules, book, facts, held_back):
        places = loading.asked_places(book, facts, again, lengths, "waitlisted")
        await store.load_queues(db, book, lengths)
        if places:
            await store.count_before(db, book.queues, "waitlisted", places)


def _fact(entry: Entry, traceparent: str | None) -> Outgoing:
    cause = entry.cause
    return Outgoing(
        derived_id(cause.id, entry.type, entry.about),
        entry.type,
        entry.subject,
        cause.time,
        entry.data,
        cause.id,
        cause.correlationid,
        traceparent,
    )


def _totalled(book: Book, lane: str, day_began: Fact[DayBegan]) -> Outgoing:
    """What the lane's ledger holds at this place in its order; all of its budgets are loaded."""
    own = (budget for budget in book.budgets.values() if budget.lane == lane and budget.opened)
    budgets = sorted(own, key=lambda budget: budget.key)
    return Outgoing(
        derived_id(day_began.id, LEDGER_TOTALLED, lane),
        LEDGER_TOTALLED,
        None,
        day_began.time,
        LedgerTotalled(day=day_began.data.day, budgets=tuple(_total(budget) for budget in budgets)),
        day_began.id,
        day_began.correlationid,
        None,
    )


def _total(budget: Budget) -> BudgetTotal:
    return BudgetTotal(**{name: getattr(budget, name) for name in BudgetTotal.model_fields})


def _hand_over(batch: Batch, book: Book, traceparent: str | None) -> None:
    """Leave to the owners of other lanes what is to be looked at again there."""
    for again in book.again:
        batch.hand_over(again.lane, _payload(again, traceparent))
    book.again.clear()


def _payload(again: Again, traceparent: str | None) -> bytes:
    cause = again.cause
    about = (cause.id, cause.time, cause.correlationid)
    return orjson.dumps((again.enrollment_no, again.entitlement, about, traceparent))


def _again(lane: str, payload: bytes) -> tuple[Again, str | None]:
    number, (worker_ref, scheme, level), (cause_id, time, correlationid), traceparent = orjson.loads(payload)
    cause = Cause(cause_id, datetime.fromisoformat(time), correlationid)
    return Again(lane, number, (worker_ref, scheme, level), cause), traceparent
