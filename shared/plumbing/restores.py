"""A publisher whose database is older than its topics: how that is seen, and how its log is read back from Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import orjson
from aiokafka import ConsumerRecord, TopicPartition
from asyncpg import Pool

from shared.contracts.topics import Stream
from shared.plumbing import kafka_reading, outgoing, store
from shared.plumbing.batch import LOG_ROW_MAX_FACTS, KeepPlaces
from shared.plumbing.decoding import place_of, traceparent_of
from shared.plumbing.kafka_reading import MakeReader
from shared.plumbing.outgoing import FactPlace
from shared.plumbing.store import Db, LaneRow, LogRow

READ_BACK_MAX_BYTES: Final = 64 * 1024 * 1024
"""At most so much is read back at a time; the same order again goes on."""

Place = tuple[str, str]
"""(stream, lane)"""


async def differences(db: Db, last: Mapping[Place, ConsumerRecord]) -> dict[str, str]:
    """Lanes whose topics end with what our log does not hold, with what was seen.

    `last` must have been read before this is called: what another owner publishes it has committed before.
    """
    if not last:
        return {}
    seqs = {place: place_of(record)[0] for place, record in last.items()}
    rows = await store.compare_log(
        db, [(*place, seqs[place], record.value or b"") for place, record in last.items()]
    )
    found = {}
    for stream, lane, own_seq, is_ours in rows:
        seen = seqs[stream, lane]
        if not is_ours:
            found[lane] = (
                f"database went back: {seen} was published on {stream}, the log ends at {own_seq}"
                if seen > own_seq
                else f"forked log: number {seen} on {stream} is not the one in the log"
            )
    return found


class CannotReadBackError(Exception):
    """Why a lane's log cannot be read back; a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read back into the log of one lane of one stream."""

    stream: str
    facts: int
    seq: int
    """Where the log ends now."""
    whole: bool
    """Whether that is all that Kafka holds."""


async def read_back(
    pool: Pool,
    make: MakeReader,
    stream: Stream,
    namespace: str,
    lane: str,
    keep_places: KeepPlaces | None = None,
) -> ReadBack:
    """Append to the log what Kafka holds of it beyond its end; what is decided again is then not published again.

    Nothing is lost and no number is given twice: consumers notice nothing. The lane must stand meanwhile.
    """
    place = TopicPartition(stream.topic(namespace, lane), stream.partition(lane))
    async with pool.acquire() as db:
        (row,) = await store.lock_lane_rows(db, [stream.pattern], [lane])  # outside a transaction: just read
    lost, whole, last_own = await _lost_facts(make, place, row)
    before = row.seq
    if last_own is not None:
        async with pool.acquire() as db:
            ((*_, is_ours),) = await store.compare_log(db, [(row.stream, lane, before, last_own)])
        if not is_ours:
            raise CannotReadBackError(
                f"Number {before} on {row.stream} is not the one in the log: numbers were given twice already."
            )
    if lost:
        read = _log_rows(row, lost)
        async with pool.acquire() as db, db.transaction():
            (locked,) = await store.lock_lane_rows(db, [stream.pattern], [lane])
            if locked.seq != before:
                raise CannotReadBackError("The lane went on meanwhile. Stop it, and ask again.")
            await store.take_back(db, row, read, [fact.id for fact in lost])
            if keep_places is not None:
                await keep_places(db, _places(locked, lost))
    return ReadBack(stream.pattern, row.seq - before, row.seq, whole)


@dataclass(frozen=True, slots=True)
class _Lost:
    """A fact that the log has lost, as it stands on the wire."""

    id: str
    about: str | None
    recordedtime: str
    line: bytes
    traceparent: str | None


async def _lost_facts(
    make: MakeReader, place: TopicPartition, row: LaneRow
) -> tuple[list[_Lost], bool, bytes | None]:
    """What Kafka holds beyond the log, whether that is all, and the last fact of the log as Kafka has it."""
    since_ms = int(row.recorded_at.timestamp() * 1000) if row.recorded_at else 0
    lost: list[_Lost] = []
    seq, size, last_own = row.seq, 0, None
    async for record in kafka_reading.records_since(make, place, since_ms):
        event = orjson.loads(record.value)
        if event["seq"] == row.seq:
            last_own = record.value
        if event["seq"] <= seq:
            continue  # published again
        if event["seq"] != seq + 1:
            raise CannotReadBackError(
                f"Kafka holds {event['seq']} of {row.stream} after {seq}: what lies between is in neither. Restore a "
                "later copy of the database."
            )
        if size > READ_BACK_MAX_BYTES and event["recordedtime"] != lost[-1].recordedtime:
            return lost, False, last_own
        seq, size = seq + 1, size + len(record.value)
        lost.append(_lost(event, record))
    return lost, True, last_own


def _lost(event: Mapping[str, Any], record: ConsumerRecord) -> _Lost:
    traceparent = traceparent_of(record.headers)
    about = event.get("subject") or event.get("causationid")
    return _Lost(event["id"], about, event["recordedtime"], record.value, traceparent)


def _places(row: LaneRow, lost: list[_Lost]) -> list[FactPlace]:
    """Where what was lost stands again, behind what the log has of its lane."""
    return [
        FactPlace(row.stream, row.lane, seq, fact.about)
        for seq, fact in enumerate(lost, row.seq + 1)
        if fact.about is not None
    ]


def _log_rows(row: LaneRow, lost: list[_Lost]) -> list[LogRow]:
    """The rows that were lost, as they were: one for each time of recording, so the chain of hashes is the same."""
    rows = []
    for recordedtime, same in groupby(lost, key=lambda fact: fact.recordedtime):
        lines = [(recordedtime, fact.line, fact.traceparent) for fact in same]
        rows += [
            outgoing.stamped(row, lines[at : at + LOG_ROW_MAX_FACTS])
            for at in range(0, len(lines), LOG_ROW_MAX_FACTS)
        ]
    row.published_seq = row.seq
    return rows
