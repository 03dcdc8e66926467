"""Carry one batch of facts through: count in pure code, add up in a fixed number of statements."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.reporting import store
from services.reporting.domain.counting import count
from shared.plumbing.batch import Batch
from shared.plumbing.store import Db

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)


class TakeIn:
    """The handler of facts; measures how many came and how old the oldest of a batch was."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._facts = Counter("dreams_reporting_facts_total", "Facts taken in", ["stream"], registry=registry)
        self._age = Histogram(
            "dreams_reporting_age_seconds",
            "From recorded to counted, of the oldest fact of a batch",
            buckets=_SECONDS,
            registry=registry,
        )

    async def __call__(self, batch: Batch, db: Db) -> None:
        """Take one batch in."""
        facts = [(taken.stream, taken.event) for taken in batch.taken if taken.event is not None]
        if not facts:
            return
        counted = count(facts)
        await store.save(db, counted, batch.lanes[0])
        for stream in {stream for stream, _ in facts}:
            self._facts.labels(stream).inc(sum(1 for other, _ in facts if other == stream))
        oldest = min(fact.recordedtime for _, fact in facts)
        self._age.observe(max(0.0, (batch.recorded_at - oldest).total_seconds()))
