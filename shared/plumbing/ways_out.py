"""What an operator can do about a stopped lane besides resuming it: adopt, read back, set aside; and what was done."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import TopicPartition
from asyncpg import Pool, Record

from shared.contracts.topics import Stream
from shared.plumbing import kafka_reading, restores, store
from shared.plumbing.batch import LaneGroup
from shared.plumbing.decoding import place_of
from shared.plumbing.kafka_reading import MakeReader
from shared.plumbing.seal import Seal

MADE_ANEW: Final = ("recreated topic: ", "records missing: ")
FOREIGN_LOG: Final = "foreign log: "
WENT_BACK: Final = "database went back: "
POISON: Final = "poison: "
SET_ASIDE: Final = "set_aside"
"""The code of the catalogue under which a record is kept and answered."""


class RefusedError(Exception):
    """Why the order cannot be carried out, and what to do instead; a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Order:
    """An operator's order about one lane of this service."""

    operator: str
    lane: str
    reason: str


@dataclass(frozen=True, slots=True)
class WaysOut:
    """The service as its operators' orders need it."""

    pool: Pool
    groups: Sequence[LaneGroup]
    namespace: str
    make_reader: MakeReader
    seal: Seal

    async def adopt(self, order: Order) -> str:
        """Take what was met for right: a topic made anew, from its beginning; another log, from the number met."""
        cursor = await self._standing(order.lane, (*MADE_ANEW, FOREIGN_LOG), "adopt")
        stream = self._stream(cursor)
        if cursor["stopped"].startswith(FOREIGN_LOG):
            return await self._adopt_log(order, cursor, stream)
        return await self._adopt_topic(order, cursor, stream)

    async def _adopt_topic(self, order: Order, cursor: Record, stream: Stream) -> str:
        first, end = await kafka_reading.range_of(self.make_reader, self._place(stream, order.lane))
        async with self.pool.acquire() as db, db.transaction():
            await _done(store.adopt_topic(db, cursor, first))
            await _note(db, order, f"adopt {stream.pattern}")
        return (
            f"The topic is read from its beginning: {end - first} records from offset {first} on. What was taken in "
            "before gets `duplicate`; what lay in the old topic only and has no receipt the province must send again."
        )

    async def _adopt_log(self, order: Order, cursor: Record, stream: Stream) -> str:
        offset, last_seq = cursor["stopped_offset"], cursor["last_seq"]
        record = await kafka_reading.record_at(self.make_reader, self._place(stream, order.lane), offset)
        seq, log_id = place_of(record) if record else (0, None)
        if not seq or log_id is None:
            raise RefusedError(f"The fact at offset {offset} of {stream.pattern} cannot be read any more.")
        async with self.pool.acquire() as db, db.transaction():
            await _done(store.adopt_log(db, cursor, log_id, seq))
            await _note(db, order, f"adopt log {log_id} of {stream.pattern} from {seq}")
        if seq == last_seq + 1:
            return f"The log {log_id} is taken for the right one; it goes on with number {seq} where the old one ended."
        return (
            f"The log {log_id} is taken for the right one, from number {seq} on. It does not follow the last number "
            f"of the old log, {last_seq}: what both of them say is counted twice. Compare this service's numbers."
        )

    async def resync(self, order: Order) -> str:
        """After a restore of the database: read back into the log what Kafka holds beyond it; the lane goes on."""
        cursor = await self._standing(order.lane, (WENT_BACK,), "resync")
        group = next(one for one in self.groups if self._stream(cursor) in one.reads)
        said = []
        whole = True
        for stream in group.writes:
            keep_places = group.keep_places if stream is group.writes[0] else None
            try:
                done = await restores.read_back(
                    self.pool, self.make_reader, stream, self.namespace, order.lane, keep_places
                )
            except restores.CannotReadBackError as error:
                raise RefusedError(str(error)) from error
            whole = whole and done.whole
            said.append(
                f"{done.facts} facts of {done.stream} were read back, its log ends at {done.seq} again."
            )
        async with self.pool.acquire() as db, db.transaction():
            await _note(db, order, f"resync: {' '.join(said)}")
            if whole:
                await store.resume_lane(db, order.lane)
        said.append(
            "The lane goes on; what it decides again is not published a second time."
            if whole
            else "There is more: give the same order again."
        )
        return " ".join(said)

    async def set_aside(self, order: Order) -> str:
        """Keep the record on which our own code failed, sealed, and let the lane go on after it."""
        cursor = await self._standing(order.lane, (POISON,), "set-aside")
        stream, offset = self._stream(cursor), cursor["stopped_offset"]
        if offset is None:
            raise RefusedError(
                "No record is to blame: our code fails on work of its own. Only a release that mends it helps."
            )
        record = await kafka_reading.record_at(self.make_reader, self._place(stream, order.lane), offset)
        if record is None:
            raise RefusedError(
                f"The record at offset {offset} is not there any more: see `dreams lanes status`."
            )
        why = f"{cursor['stopped']}; {order.operator}: {order.reason}"
        kept = (stream.pattern, order.lane, offset, SET_ASIDE, self.seal.close(record.value or b""), why)
        async with self.pool.acquire() as db, db.transaction():
            await _done(store.set_aside(db, cursor))
            await store.keep_sealed(db, [kept])
            await _note(db, order, f"set aside {stream.pattern} at {offset}")
        return f"The record at offset {offset} of {stream.pattern} is kept in quarantine; the lane goes on."

    async def _standing(self, lane: str, reasons: tuple[str, ...], act: str) -> Record:
        """The cursor row that stands for one of `reasons`, the one with the record to blame first."""
        async with self.pool.acquire() as db:
            rows = [row for row in (await store.lane_states(db))[0] if row["lane"] == lane and row["stopped"]]
        if not rows:
            raise RefusedError(f"Lane {lane} does not stand here.")
        fitting = [row for row in rows if row["stopped"].startswith(reasons)]
        if not fitting:
            named = " or ".join(f"`{reason.strip()}`" for reason in reasons)
            raise RefusedError(
                f"Lane {lane} stands for another reason ({rows[0]['stopped']}): {act} is for {named}."
            )
        return min(fitting, key=lambda row: row["stopped_offset"] is None)

    def _stream(self, cursor: Record) -> Stream:
        return next(
            stream for group in self.groups for stream in group.reads if stream.pattern == cursor["stream"]
        )

    def _place(self, stream: Stream, lane: str) -> TopicPartition:
        return TopicPartition(stream.topic(self.namespace, lane), stream.partition(lane))


async def _done(change: Awaitable[bool]) -> None:
    if not await change:
        raise RefusedError("The lane was changed meanwhile: look again, `dreams lanes status`.")


async def _note(db: store.Db, order: Order, act: str) -> None:
    await store.note_act(db, order.operator, act, order.lane, order.reason)
