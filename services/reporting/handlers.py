"""Carry one batch of facts through: count in pure code, add deltas in a fixed number of statements; sum up later."""

import asyncio
from collections import defaultdict
from typing import Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Histogram

from services.reporting import store, sums_store
from services.reporting.domain import changes, persons
from services.reporting.domain.counting import count
from services.reporting.domain.tally import Counted
from shared.contracts.envelope import Fact, derived_id
from shared.contracts.reporting import STATISTICS_CHANGED
from shared.contracts.topics import REPORTING_CHANGES
from shared.plumbing import postgres
from shared.plumbing.batch import Batch
from shared.plumbing.outgoing import Outgoing
from shared.plumbing.service import Parts
from shared.plumbing.store import Db

SUM_EVERY_S = 10.0
"""So long deltas wait to be summed into cells: readers read both, and the fewer wait the less they read."""
LOOK_AFTER_DELTAS = 40_000
"""After so many a batch looks how many wait; fewer than are summed at once, so that what waits has an end."""
WAITING_MAX = 150_000
"""With more waiting a batch sums some up itself: while a history is taken in, readers must not read ever more."""
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)


log = structlog.get_logger()


class TakeIn:
    """The handler of facts; measures how many came and how old the oldest of a batch was."""

    def __init__(self, registry: CollectorRegistry, *, publishes: bool, keeps_up: bool) -> None:
        self._publishes = publishes
        self._keeps_up = keeps_up
        self._facts = Counter("dreams_reporting_facts_total", "Facts taken in", ["stream"], registry=registry)
        self._age = Histogram(
            "dreams_reporting_age_seconds",
            "From recorded to counted, of the oldest fact of a batch",
            buckets=_SECONDS,
            registry=registry,
        )
        self._added = 0

    async def __call__(self, batch: Batch, db: Db) -> None:
        """Take one batch in."""
        facts = [(taken.stream, taken.event) for taken in batch.taken if taken.event is not None]
        if not facts:
            return
        counted = count(facts)
        changed = await store.keep_persons(db, counted.persons)
        persons.add_changes(counted, [tuple(row) for row in changed], batch.lanes[0])
        await store.save(db, counted, batch.lanes[0])
        if self._keeps_up:
            await self._keep_up(db, len(counted.cells))
        if self._publishes:
            _publish(batch, counted)
        for stream in {stream for stream, _ in facts}:
            self._facts.labels(stream).inc(sum(1 for other, _ in facts if other == stream))
        oldest = min(fact.recordedtime for _, fact in facts)
        self._age.observe(max(0.0, (batch.recorded_at - oldest).total_seconds()))

    async def _keep_up(self, db: Db, added: int) -> None:
        """Sum some deltas up where the service's own summing lags behind."""
        self._added += added
        if self._added < LOOK_AFTER_DELTAS:
            return
        self._added = 0
        if await sums_store.more_wait(db, WAITING_MAX):
            await sums_store.sum_up(db, in_turn=True)


def _publish(batch: Batch, counted: Counted) -> None:
    """Say how the numbers of each lane have changed: one record for a lane and batch, or a few where it is much."""
    last: dict[str, Fact[Any]] = {}
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for taken in batch.taken:
        place = taken.lane, taken.stream
        spans[place] = (spans[place][0] if place in spans else taken.seq, taken.seq)
        if taken.event is not None:
            last[taken.lane] = taken.event
    facts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (lane, stream), (first_seq, last_seq) in sorted(spans.items()):
        facts[lane].append({"stream": stream, "first_seq": first_seq, "last_seq": last_seq})
    for n, (lane, data) in enumerate(changes.told(counted, facts, batch.lanes[0])):
        of = last.get(lane) or next(iter(last.values()))
        batch.publish(
            REPORTING_CHANGES,
            lane,
            Outgoing(
                derived_id(of.id, STATISTICS_CHANGED, lane, n),
                STATISTICS_CHANGED,
                None,
                of.recordedtime,
                data,
                None,
                None,
                None,
            ),
        )


async def sum_up(parts: Parts, _: FastAPI) -> None:
    """Sum up what batches have added, every few seconds, for as long as the service runs."""
    while True:
        await asyncio.sleep(SUM_EVERY_S)
        try:
            async with parts.pool.acquire() as db:
                while await sums_store.sum_up(db) >= sums_store.SUMMED_AT_ONCE:
                    log.info("more_deltas_than_are_summed_at_once")
        except postgres.PASSING as error:
            log.info("deltas_wait", error=type(error).__name__)
