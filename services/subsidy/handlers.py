"""Carries one batch of enrollment's facts through: load the book, decide in pure code, write it back."""

from services.subsidy import store
from services.subsidy.domain import deciding, loading
from services.subsidy.domain.book import Book, Entry
from services.subsidy.domain.loading import Facts
from services.subsidy.domain.schemes import Rules
from shared.contracts.envelope import derived_id
from shared.contracts.subsidy import SUBSIDY_WAITLISTED
from shared.contracts.topics import PROVINCE_DECISIONS, SUBSIDY_EVENTS
from shared.plumbing.batch import Batch
from shared.plumbing.outgoing import Outgoing
from shared.plumbing.store import Db


async def decide_awards(rules: Rules, batch: Batch, db: Db) -> None:
    """Decide what the batch means for awards and budgets."""
    taken = [one for one in batch.taken if one.event is not None]
    if not taken and not await store.any_goes_on(db, batch.lanes):
        return
    book = await _load(rules, batch, db, [(one.lane, one.event) for one in taken])
    traceparents: list[str | None] = []
    for budget in sorted((b for b in book.budgets.values() if b.drain), key=lambda b: b.key):
        deciding.go_on(book, budget)
    for lane in sorted(book.lanes):
        deciding.go_on_expiring(book, book.lanes[lane])
    traceparents += [None] * len(book.entries)
    for one in taken:
        if deciding.goes_on(book, one.lane):
            batch.postpone(one)
            continue
        before = len(book.entries)
        deciding.decide(rules, book, one.lane, one.event)
        if batch.noticed is not None and any(e.type == SUBSIDY_WAITLISTED for e in book.entries[before:]):
            batch.noticed.append(one)
        traceparents += [one.traceparent] * (len(book.entries) - len(traceparents))
    facts = [_fact(entry, trace) for entry, trace in zip(book.entries, traceparents, strict=True)]
    for entry, fact in zip(book.entries, facts, strict=True):
        batch.publish(SUBSIDY_EVENTS, entry.lane, fact)
        if entry.type in deciding.TO_PROVINCE:
            batch.publish(PROVINCE_DECISIONS, entry.lane, fact)
    await store.save_book(db, book, [fact.id for fact in facts], batch.recorded_at)


async def _load(rules: Rules, batch: Batch, db: Db, facts: Facts) -> Book:
    """Everything that the batch touches, in a fixed number of queries."""
    book = Book()
    await store.load_lanes(db, book, batch.lanes)
    if payments := loading.returned_payments(facts):
        await store.load_payments(db, book, payments)
    if numbers := loading.award_nos(book, facts):
        await store.load_awards(db, book, numbers)
    if days := loading.days_to_expire(book, facts):
        await store.load_due(db, book, days, loading.MOVE_MAX)
        await store.load_commitments(db, book, days, loading.MOVE_MAX)
    if causes := loading.reversed_causes(facts):
        await store.load_booked(db, book, numbers, causes)
    await store.load_budgets(db, book, loading.budget_keys(rules, book, facts), batch.lanes)
    if lengths := loading.queue_lengths(rules, book, facts):
        await store.load_queues(db, book, lengths)
    if debtors := loading.debtors(book, facts):
        await store.load_claims(db, book, batch.lanes, debtors)
    return book


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
