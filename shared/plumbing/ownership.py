"""Which places of Kafka a process owns for its lane group, and where the cursors of their lanes stand."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import structlog
from aiokafka import TopicPartition
from asyncpg import Pool

from shared.contracts.topics import Stream
from shared.plumbing import postgres, store
from shared.plumbing.batch import LaneGroup

AGAIN_S: Final = 1.0
"""While PostgreSQL does not answer, positions are asked for again so often."""

log = structlog.get_logger()


class Position(NamedTuple):
    """Where a lane of a stream stands, by its cursor row."""

    next_offset: int
    stopped: str | None
    topic_id: str | None


class Ownership:
    """What Kafka has assigned to this process: each topic and partition with its stream and lane."""

    def __init__(self, group: LaneGroup, namespace: str, pool: Pool) -> None:
        self.places: dict[TopicPartition, tuple[str, str]] = {}
        """Topic and partition → stream and lane; empty where nothing is owned, or lanes are being opened."""
        self._group = group
        self._namespace = namespace
        self._pool = pool

    @property
    def lanes(self) -> list[str]:
        """The lanes that this process owns, in lane order."""
        return sorted({lane for _, lane in self.places.values()})

    def known(self, assigned: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[str, str]]:
        """Stream and lane of each of these; those are left out of which this build knows no lane."""
        return {tp: place for tp in assigned if (place := self._place(tp))}

    def _place(self, tp: TopicPartition) -> tuple[str, str] | None:
        for stream in self._group.reads:
            if tp.topic in stream.topics(self._namespace):
                with suppress(LookupError):
                    return stream.pattern, stream.lane_of(self._namespace, tp.topic, tp.partition)
        return None

    def topics_of(self, streams: Sequence[Stream]) -> list[str]:
        """All topics of these streams in this deployment."""
        return [topic for stream in streams for topic in stream.topics(self._namespace)]

    def published_places(self, lanes: set[str], there: set[str]) -> dict[TopicPartition, tuple[str, str]]:
        """Where what the group writes on `lanes` lies, with stream and lane; of the topics that are `there`."""
        return {
            TopicPartition(stream.topic(self._namespace, lane), stream.partition(lane)): (
                stream.pattern,
                lane,
            )
            for stream in self._group.writes
            for lane in lanes
            if stream.topic(self._namespace, lane) in there
        }

    async def positions(self, lanes: list[str]) -> dict[tuple[str, str], Position]:
        """Where the lanes stand, by stream and lane; makes rows that are missing, waits while PostgreSQL is away."""
        reads = [stream.pattern for stream in self._group.reads]
        while True:
            try:
                async with self._pool.acquire() as db:
                    await store.open_lanes(
                        db, reads, [stream.pattern for stream in self._group.writes], lanes
                    )
                    rows = await store.positions(db, reads, lanes)
                return {(row["stream"], row["lane"]): Position(*row[2:]) for row in rows}
            except postgres.PASSING as error:
                log.warning("cursors_not_reachable", group=self._group.name, error=type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    def first_to_read(self, position: Position) -> int:
        """At the door the last record consumed is read once more: it must be what it was."""
        return max(0, position.next_offset - (self._group.gate == "door"))
