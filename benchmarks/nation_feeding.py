"""Put a country's facts into the topics that reporting reads, and measure slice by slice what taking them in costs."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from benchmarks import parts
from benchmarks.country import Said
from benchmarks.load import producer
from benchmarks.processes import peak_rss_mib, tree_s, used
from console.stack.stack import Stack
from shared.contracts.lanes import partition_of
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS

STREAMS: Final = (ENROLLMENT_EVENTS.pattern, SUBSIDY_EVENTS.pattern)
LIMIT_S: Final = 3_600.0
POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Slice:
    """What taking some facts in cost: facts a second, and processor time a fact of reporting and of PostgreSQL."""

    facts: int
    facts_per_s: float
    reporting_us: float
    postgres_us: float
    rss_mib: float


class Topics:
    """Numbers facts as their publishers would, and writes them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._seqs: dict[tuple[str, str], int] = defaultdict(int)
        self.written = 0
        self.bytes = 0

    async def write(self, facts: Iterable[Said]) -> int:
        """Write all of them; how many it was."""
        before, batches, acks = self.written, {}, []
        async with producer(self._stack) as sender:
            for fact in facts:
                place = fact.stream, fact.lane
                self._seqs[place] += 1
                value = fact.numbered(self._seqs[place])
                self.bytes += len(value)
                self.written += 1
                if place not in batches:
                    batches[place] = sender.create_batch()
                if _append(batches[place], value) is None:
                    acks.append(await self._send(sender, batches[place], place))
                    batches[place] = sender.create_batch()
                    _append(batches[place], value)
            for place, batch in batches.items():
                acks.append(await self._send(sender, batch, place))
            for ack in acks:
                await ack
        return self.written - before

    def by_stream(self) -> dict[str, int]:
        """How many facts stand on each stream."""
        return {
            stream: sum(seq for (other, _), seq in self._seqs.items() if other == stream)
            for stream in STREAMS
        }

    async def _send(self, sender: AIOKafkaProducer, batch: Any, place: tuple[str, str]) -> Any:
        stream, lane = place
        return await sender.send_batch(batch, self._stack.namespace + stream, partition=partition_of(lane))


def _append(batch: Any, value: bytes) -> Any:
    return batch.append(timestamp=None, key=None, value=value, headers=[])


async def taken_in(stack: Stack) -> int:
    """How many facts reporting has taken in, by their numbers."""
    async with parts.database(stack, "reporting") as db:
        return sum([await parts.taken_in(db, stream) for stream in STREAMS])


async def live(stack: Stack, topics: Topics, facts: Iterator[Said], size: int) -> Slice | None:
    """Write a slice of facts while reporting runs, until all are taken in; None where there were none any more."""
    pid, postgres = stack.services["reporting", 0].pid, stack.postgres.process.pid
    began_s, own, database = time.perf_counter(), used(pid).process_s, tree_s(postgres)
    count = await topics.write(islice(facts, size))
    await _until(stack, topics.written)
    if not count:
        return None
    took_s = time.perf_counter() - began_s
    return Slice(
        count,
        count / took_s,
        (used(pid).process_s - own) / count * 1e6,
        (tree_s(postgres) - database) / count * 1e6,
        peak_rss_mib(pid),
    )


async def standing(stack: Stack, topics: Topics, facts: Iterable[Said]) -> Slice:
    """Write facts while reporting stands still, then measure how it takes them in, from its first batch on."""
    count = await topics.write(facts)
    before = tree_s(stack.postgres.process.pid)
    figure = await parts.service_alone(stack, "reporting", topics.by_stream())
    spent_s = tree_s(stack.postgres.process.pid) - before
    return Slice(count, figure.events_per_s, figure.cpu_us_per_event, spent_s / count * 1e6, figure.rss_mib)


async def summed_up(stack: Stack) -> None:
    """Wait until no delta waits to be summed up."""
    async with parts.database(stack, "reporting") as db, asyncio.timeout(LIMIT_S):
        while await db.fetchval("SELECT EXISTS (SELECT FROM delta)"):  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


async def _until(stack: Stack, facts: int) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while await taken_in(stack) < facts:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"reporting has not taken in {facts:,} facts within {LIMIT_S:.0f} s")
        await asyncio.sleep(POLL_S)
