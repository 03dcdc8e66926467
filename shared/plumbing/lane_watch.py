"""What a group looks at beside its batches: lag, records that are missing, topics made anew, a database gone back."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from asyncpg import Pool

from shared.plumbing import kafka_reading, postgres, restores, store
from shared.plumbing.batch import Carrier
from shared.plumbing.kafka_reading import MakeReader
from shared.plumbing.metrics import Metrics
from shared.plumbing.ownership import Ownership, Position
from shared.plumbing.topic_ids import topic_ids

OFFSET_COMMIT_S: Final = 5.0
"""Offsets are committed for lag displays only: the cursor decides."""
OFFSET_COMMIT_TIMEOUT_S: Final = 3.0
"""Without a broker aiokafka would wait for ever, and the ticks with it."""
FORGET_EACH_S: Final = 3600.0
"""How often what has lain in quarantine for too long is looked for."""
JUMP_TIMEOUT_S: Final = 3.0
"""Asking Kafka what a topic still holds keeps batches and ticks waiting."""
TAKE_OVER_TIMEOUT_S: Final = 10.0
"""Looking at the ends of what we publish keeps the lanes waiting; if it fails it is done again beside them."""

Places = dict[TopicPartition, tuple[str, str]]
Rows = dict[tuple[str, str], Position]

log = structlog.get_logger()


class LaneWatch:
    """Looks at the owned lanes' topics as Kafka holds them, and stops lanes of which it holds something else."""

    def __init__(
        self, carrier: Carrier, owned: Ownership, pool: Pool, metrics: Metrics, make_reader: MakeReader
    ) -> None:
        self._carrier = carrier
        self._owned = owned
        self._pool = pool
        self._metrics = metrics
        self._make_reader = make_reader
        self._ends_due: set[str] = set()
        """Lanes taken over whose topics' ends were not yet compared with the log."""
        self._committed_at = 0.0
        self._forgot_at = -FORGET_EACH_S

    async def take_over(self, client: Any, lanes: Collection[str]) -> None:
        """Compare the ends of what we publish with our log, before lanes are owned; later where that fails now."""
        self._ends_due = set(lanes)
        try:
            async with asyncio.timeout(TAKE_OVER_TIMEOUT_S):
                await self._look_at_ends(client)
        except postgres.PASSING as error:
            log.warning("ends_not_seen", group=self._carrier.group.name, error=type(error).__name__)

    def give_up(self) -> None:
        """The lanes are another's."""
        self._ends_due = set()

    async def _look_at_ends(self, client: Any) -> None:
        """Stop the lanes on which Kafka holds what our log does not: our database went back in time, or is another.

        Kafka first, the rows after it: what an owner before us publishes meanwhile it has committed before.
        """
        due = set(self._ends_due)
        topics = self._owned.topics_of(self._carrier.group.writes)
        there = await topic_ids(client._client, topics)  # noqa: SLF001 - no other way
        places = self._owned.published_places(due, set(there))
        last = await kafka_reading.last_records(self._make_reader, places)
        async with self._pool.acquire() as db:
            found = await restores.differences(db, {places[tp]: record for tp, record in last.items()})
        for lane, why in found.items():
            await self._carrier.stop(lane, why, above_all=True)
        self._ends_due -= due

    async def look_at_jumps(self, client: Any) -> None:
        """Records beyond a door's cursor: read again from the cursor, or stop where Kafka has them no more."""
        async with asyncio.timeout(JUMP_TIMEOUT_S):
            jumped, self._carrier.jumped = self._carrier.jumped, set()
            rows = await self._owned.positions(sorted(jumped))
            wanted = {tp: rows[key].next_offset for tp, key in self._owned.places.items() if key[1] in jumped}
            missing = await self._stop_where_deleted(client, wanted)
            for tp in wanted.keys() - missing:
                client.seek(tp, wanted[tp])

    async def _stop_where_deleted(
        self, client: Any, wanted: dict[TopicPartition, int]
    ) -> set[TopicPartition]:
        """Stop the lanes whose next record Kafka has no more, or has not yet: a reset would lose silently.

        One request for all: it waits behind a long poll on the same connection.
        """
        beginnings = await client.beginning_offsets(list(wanted))
        ends = await client.end_offsets(list(wanted))
        missing = {tp for tp, offset in wanted.items() if not beginnings[tp] <= offset <= ends[tp]}
        for tp in missing & self._owned.places.keys():
            why = f"records missing: the cursor wants {wanted[tp]}, the topic holds {beginnings[tp]} to {ends[tp]}"
            stream, lane = self._owned.places[tp]
            await self._carrier.stop(lane, why, (stream, wanted[tp]))
        return missing

    async def look(self, client: Any) -> None:
        """Every few seconds: commit offsets and look at everything; in between return at once."""
        if time.monotonic() - self._committed_at <= OFFSET_COMMIT_S:
            return
        self._committed_at = time.monotonic()
        async with asyncio.timeout(OFFSET_COMMIT_TIMEOUT_S):
            owned = dict(self._owned.places)
            rows = await self._owned.positions(self._owned.lanes)
            await self._compare(client, owned, rows)
            await self._forget_quarantined()
            await self._measure(client, owned, rows)
            if self._ends_due:
                await self._look_at_ends(client)

    async def _compare(self, client: Any, owned: Places, rows: Rows) -> None:
        """Whether topics still hold what the cursors want, and are the ones that were seen first."""
        group = self._carrier.group
        if group.gate == "door" and owned:
            going = {tp: rows[key].next_offset for tp, key in owned.items() if not rows[key].stopped}
            await self._stop_where_deleted(client, going)
        if group.gate != "seq" and owned:
            await self._compare_topic_ids(client, rows)

    async def _measure(self, client: Any, owned: Places, rows: Rows) -> None:
        """Tell lag and lanes that stand, and commit where we stand for others who look at lag."""
        group = self._carrier.group.name
        ends = await client.end_offsets(list(owned))  # those of paused lanes too
        offsets = {tp: rows[key].next_offset for tp, key in owned.items()}
        lags: Counter[str] = Counter()
        for tp in offsets.keys() & self._owned.places.keys():
            lags[owned[tp][1]] += max(0, ends[tp] - offsets[tp])
        for lane, lag in lags.items():
            self._metrics.lag.labels(group, lane).set(lag)
        if offsets:
            await client.commit(offsets)
        lanes = set(self._owned.lanes)
        self._metrics.stopped.labels(group).set(len(self._carrier.stopped & lanes))
        self._metrics.waiting.labels(group).set(sum(lane in lanes for _, lane in self._carrier.waiting))

    async def _forget_quarantined(self) -> None:
        now = time.monotonic()
        if now - self._forgot_at < FORGET_EACH_S:
            return
        async with self._pool.acquire() as db:
            await store.forget_quarantined(db, store.QUARANTINE_KEPT_DAYS)
        self._forgot_at = now

    async def _compare_topic_ids(self, client: Any, rows: Rows) -> None:
        """Offsets say nothing about a topic that was made anew: one with another id than was seen first stops."""
        topics = self._owned.topics_of(self._carrier.group.reads)
        ids = await topic_ids(client._client, topics)  # noqa: SLF001 - no other way
        unknown = []
        for tp, (stream, lane) in self._owned.places.items():
            position, seen = rows.get((stream, lane)), ids.get(tp.topic)
            if position is None or seen is None:
                continue
            if position.topic_id is None:
                unknown.append((stream, lane, seen))
            elif position.topic_id != seen and not position.stopped:
                why = f"recreated topic: its id was {position.topic_id}, now {seen}"
                await self._carrier.stop(lane, why)
        if unknown:
            async with self._pool.acquire() as db:
                await store.know_topics(db, unknown)
