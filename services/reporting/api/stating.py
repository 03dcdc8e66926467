"""Keep a compacted topic on which each cell stands as it is now: a projection of what was published as changes."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Final, NamedTuple

import orjson
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from fastapi import FastAPI

from services.reporting import quality_store, store
from services.reporting.domain.changes import OF_THE_NATION, CellId, key, named, of_the_nation, touched
from shared.contracts.topics import REPORTING_CHANGES, REPORTING_STATISTICS
from shared.plumbing import kafka, postgres
from shared.plumbing import store as plumbing_store
from shared.plumbing.publisher import Prepared, close_producer, send_prepared
from shared.plumbing.service import Parts
from shared.plumbing.store import Db

STATE_EVERY_S: Final = 2.0
"""So often states follow changes: a cell that changes often is stated once."""
REST_RATIO: Final = 4
"""And after so many times as long as the last pass took: where there is much to state, it is less often stated."""
LOG_ROWS_MAX: Final = 200
LOG_BYTES_MAX: Final = 2 * 1024 * 1024
"""At most so much of one lane's log is followed at once."""
CELLS_AT_ONCE: Final = 20_000
"""What waits to be summed up is read once for so many."""
CELLS_A_PASS_MAX: Final = 60_000
"""With more cells to state a pass follows no further lane: in memory they are many megabytes."""
SEND_TIMEOUT_S: Final = 15.0
AGAIN_S: Final = 5.0

log = structlog.get_logger()


class State(NamedTuple):
    """How one cell stands."""

    cell: CellId
    total: int
    changes_seq: int


class Pass(NamedTuple):
    """What is to be stated, and up to which number of each lane's changes that is."""

    states: list[State]
    upto: Mapping[str, int]
    more: bool
    """Whether more of the log waits than one pass follows."""


class Stating:
    """The task that states cells; one process at a time does it."""

    async def run(self, parts: Parts, _: FastAPI) -> None:
        """Follow changes for as long as the service runs."""
        while True:
            try:
                await self._with_producer(parts)
            except (*postgres.PASSING, KafkaError) as error:
                log.info("states_wait", error=type(error).__name__)
            await asyncio.sleep(AGAIN_S)

    async def _with_producer(self, parts: Parts) -> None:
        producer = kafka.make_producer(parts.settings)
        try:
            await producer.start()
            while True:
                began_s = time.monotonic()
                if not await follow(parts, producer):
                    await asyncio.sleep(max(STATE_EVERY_S, REST_RATIO * (time.monotonic() - began_s)))
        finally:
            await close_producer(producer)


async def follow(parts: Parts, producer: AIOKafkaProducer) -> bool:
    """State what has changed since the last pass, if no other process does; whether there is more to do.

    States are read and sent under a lock that ends with the connection, so that no older one comes after a newer.
    """
    namespace = parts.settings.namespace
    async with parts.pool.acquire() as db:
        if not await plumbing_store.hold(db, quality_store.STATING_LOCK):
            return False
        try:
            if not await quality_store.are_stated(db):
                await _state_all(db, producer, namespace)
                return True
            async with store.one_moment(db):
                passed = await _read(db)
            if passed.states:
                await _send(producer, namespace, passed.states)
            if passed.upto:
                await quality_store.move_states(db, passed.upto)
            return passed.more
        finally:
            if not db.is_closed():
                await plumbing_store.release(db, quality_store.STATING_LOCK)


async def _read(db: Db) -> Pass:
    """The cells that changes behind the last pass have touched, as they stand in the same moment."""
    keys: set[str] = set()
    upto: dict[str, int] = {}
    more = False
    for lane, stated_seq, seq in await quality_store.lanes_to_state(db, REPORTING_CHANGES.pattern):
        if len(keys) > CELLS_A_PASS_MAX:
            more = True
            break
        rows = await plumbing_store.read_log(
            db, REPORTING_CHANGES.pattern, lane, stated_seq + 1, LOG_ROWS_MAX, LOG_BYTES_MAX
        )
        upto[lane] = rows[-1].last_seq
        more = more or upto[lane] < seq
        for line in (line for row in rows for line in row.events.split(b"\n")):
            keys.update(touched(orjson.loads(line)["data"]))
    cells = {named(one): 0 for one in keys}
    for some in _some(list(cells), CELLS_AT_ONCE):
        cells |= await _totals(db, some)
    states = [State(cell, total, upto.get(cell[1], 0)) for cell, total in sorted(cells.items())]
    return Pass(states, upto, more)


async def _totals(db: Db, cells: Collection[CellId]) -> dict[CellId, int]:
    national = [cell for cell in cells if cell[0] == OF_THE_NATION]
    others = [cell for cell in cells if cell[0] != OF_THE_NATION]
    rows = await quality_store.states(db, others) if others else []
    rows += await quality_store.national_states(db, national) if national else []
    return {tuple(row[:6]): row["total"] for row in rows}


async def _state_all(db: Db, producer: AIOKafkaProducer, namespace: str) -> None:
    """State every cell: at the very first, and when all was counted anew.

    Each is read after the moment of `upto`; what changes meanwhile is stated again by the pass that follows.
    """
    began_s, count = time.monotonic(), 0
    async with store.one_moment(db):
        upto = await quality_store.published_changes(db, REPORTING_CHANGES.pattern)
        waiting = {of_the_nation(tuple(row)) for row in await quality_store.waiting_cells(db)}
    async for names in _names(db, waiting):
        async with store.one_moment(db):
            found = await _totals(db, names)
        states = [State(cell, total, upto.get(cell[1], 0)) for cell, total in found.items()]
        await _send(producer, namespace, states)
        count += len(states)
    await quality_store.move_states(db, upto)
    log.info("all_cells_stated", cells=count, seconds=round(time.monotonic() - began_s, 1))


async def _names(db: Db, waiting: Collection[CellId]) -> AsyncIterator[Collection[CellId]]:
    """The names of all cells, so many at a time; what waits to be summed up may be kept meanwhile: it comes first."""
    for some in _some(list(waiting), CELLS_AT_ONCE):
        yield some
    after: tuple[str, ...] | None = None
    while rows := await quality_store.kept_cells(db, after, CELLS_AT_ONCE):
        yield {
            of_the_nation((cube, lane, period, facet_1, facet_2, measure))
            for cube, measure, facet_1, lane, period, facet_2 in rows
        }
        after = tuple(rows[-1])


async def _send(producer: AIOKafkaProducer, namespace: str, states: Collection[State]) -> None:
    """Send prepared batches, one after another for each lane; a cell that is zero erases its record."""
    by_lane: dict[str, list[Prepared]] = defaultdict(list)
    for state in states:
        value = _value(state) if state.total else None
        by_lane[state.cell[1]].append((key(state.cell).encode(), value, []))
    async with asyncio.timeout(SEND_TIMEOUT_S):
        for lane, records in by_lane.items():
            topic, partition = (
                REPORTING_STATISTICS.topic(namespace, lane),
                REPORTING_STATISTICS.partition(lane),
            )
            await send_prepared(producer, topic, partition, records)


def _value(state: State) -> bytes:
    names = ("cube", "lane", "period", "facet_1", "facet_2", "measure")
    return orjson.dumps(
        dict(zip(names, state.cell, strict=True)) | {"total": state.total, "changes_seq": state.changes_seq}
    )


def _some(cells: list[CellId], size: int) -> Iterable[list[CellId]]:
    return (cells[at : at + size] for at in range(0, len(cells), size))
