"""Reads all facts anew for a rebuild: from the topics, or from the publishers' logs and then where the topics go on."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.reporting import store
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import Stream, replay_of
from shared.plumbing import kafka, kafka_reading
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.decoding import place_of
from shared.plumbing.settings import ServiceSettings

BATCH_RECORDS: Final = 2_000
SIDE_BY_SIDE: Final = 2
"""So many parts of the lanes are carried at a time: while PostgreSQL has one, the other is counted."""
POLL_MS: Final = 200
THERE_WITHIN_S: Final = 20.0
"""A topic that has just been made is not known to every broker at once."""
REPLAY_SILENT_S: Final = 120.0
"""A replay that has not ended and brings nothing for so long brings nothing any more."""

Place = tuple[str, str]
"""(stream, lane)"""
Ends = Mapping[str, Mapping[str, int]]
"""By stream and lane: the last number that a replay goes to."""


class CannotRereadError(Exception):
    """Why facts cannot be read anew, and what to do now; a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the publishers send of their logs: the name of the replay, and how far it goes."""

    name: str
    ends: Ends


def goes_on_at(next_offset: int, last_seq: int, end: int) -> int:
    """Where to go on in a live topic behind number `end`: as many offsets back as the tables were ahead of it.

    Where numbers took more than one offset each (published twice), some are missing then: the topic is read whole.
    """
    return max(0, next_offset - max(0, last_seq - end))


class Rereading:
    """Carries all facts into the tables of a rebuild."""

    def __init__(
        self, settings: ServiceSettings, carrier: Carrier, pool: Any, replayed: Replayed | None
    ) -> None:
        self._settings = settings
        self._carrier = carrier
        self._pool = pool
        self._replayed = replayed
        self._reader: AIOKafkaConsumer = kafka.make_reader(settings)
        self._live: dict[Place, TopicPartition] = self._places({s: s for s in carrier.group.reads})
        self._ends: dict[TopicPartition, int] = {}
        """Of the replay: how many records its partitions come to."""
        self._heard_s = time.monotonic()
        self._whole: set[Place] = set()
        """Places whose live topic is read from its beginning."""

    async def __aenter__(self) -> "Rereading":
        async with self._pool.acquire() as db:
            self._stood = await store.stands(db)
        if self._replayed is None:
            self._reader.assign(list(self._live.values()))
            self._whole = set(self._live)
        else:
            self._reader.assign(self._of_replay(self._replayed))
        await self._reader.start()
        try:
            await self._check_there()
            await self._reader.seek_to_beginning()
        except BaseException:
            await self._reader.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()

    async def some(self) -> int:
        """Carry what comes next; how many facts, none where nothing came for a moment. Raises CannotRereadError."""
        parts = await self._poll()
        if any(parts):
            await asyncio.gather(*(self._carry(part) for part in parts if part))
            self._heard_s = time.monotonic()
        elif self._ends:
            await self._end_replay()
        else:
            await self._look_for_gaps()
        return sum(map(len, parts))

    async def _poll(self) -> list[list[ConsumerRecord]]:
        """What has come, by parts of the lanes that may be carried side by side; waits a moment where nothing has."""
        parts: list[list[TopicPartition]] = [[] for _ in range(SIDE_BY_SIDE)]
        for place in self._reader.assignment():
            parts[place.partition % SIDE_BY_SIDE].append(place)
        got = [
            await self._reader.getmany(*part, timeout_ms=0, max_records=BATCH_RECORDS)
            for part in parts
            if part
        ]
        if not any(got):
            got = [await self._reader.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)]
        return [[record for some in one.values() for record in some] for one in got]

    async def _carry(self, records: Sequence[ConsumerRecord]) -> None:
        taken = self._carrier.decode(records)
        await self._carrier.carry(taken, lanes_of(taken))

    # ------------------------------------------------------------ out of the logs

    def _of_replay(self, replayed: Replayed) -> list[TopicPartition]:
        """The places of the replay that hold something."""
        streams = {stream: replay_of(stream, replayed.name) for stream in self._carrier.group.reads}
        for stream, replay in streams.items():
            self._carrier.take_also(stream, replay)
        for (stream_name, lane), place in self._places(streams).items():
            if end := replayed.ends.get(stream_name, {}).get(lane, 0):
                self._ends[place] = end
        return list(self._ends)

    async def _check_there(self) -> None:
        """A topic that is not there would be waited for without end. Raises CannotRereadError."""
        wanted = {place.topic for place in self._reader.assignment()}
        deadline_s = time.monotonic() + THERE_WITHIN_S
        while missing := sorted(wanted - await self._reader.topics()):
            if time.monotonic() > deadline_s:
                raise CannotRereadError(
                    f"There is no topic {missing[0]}, or reporting may not read it: begin again. "
                    f"/ 主题 {missing[0]} 不存在，或统计服务无权读取，请重新开始。"
                )
            await asyncio.sleep(POLL_MS / 1000)

    async def _end_replay(self) -> None:
        """Once all of the replay was read: it must hold every number; then read on in the live topics."""
        assert self._replayed is not None
        positions = {place: await self._reader.position(place) for place in self._ends}
        if any(positions[place] < end for place, end in self._ends.items()):
            if time.monotonic() - self._heard_s > REPLAY_SILENT_S:
                raise CannotRereadError(
                    f"The replay has brought nothing for {REPLAY_SILENT_S:.0f} s: ask enrollment and subsidy for "
                    "theirs, and begin again. / 重放长时间没有新数据，请检查两个发布服务后重新开始。"
                )
            return
        await self._check_whole(self._replayed.ends)
        self._ends = {}
        self._read_on(self._replayed.ends)

    async def _check_whole(self, ends: Ends) -> None:
        async with self._pool.acquire() as db:
            rebuilt = await store.rebuilt_to(db)
        for stream, of_stream in ends.items():
            for lane, end in of_stream.items():
                if (last := rebuilt.get((stream, lane), 0)) != end:
                    raise CannotRereadError(
                        f"The replay of {stream} is not whole on lane {lane}: it goes to {end}, but its numbers follow "
                        f"each other to {last} only. Begin again. / {stream} 的重放在通道 {lane} 上不完整：应到 {end}，"
                        f"但只连续到 {last}，请重新开始。"
                    )

    def _read_on(self, ends: Ends) -> None:
        """Go on in the live topics, where what is read stood when the replay began; numbers behind are dropped."""
        self._reader.assign(list(self._live.values()))
        stood = {(row["stream"], row["lane"]): row for row in self._stood}
        for (stream, lane), place in self._live.items():
            row, end = stood.get((stream, lane)), ends.get(stream, {}).get(lane, 0)
            self._reader.seek(place, goes_on_at(row["next_offset"], row["last_seq"], end) if row else 0)

    # ------------------------------------------------------------ what Kafka does not hold any more

    async def _look_for_gaps(self) -> None:
        """At the end of the topics nothing may be missing that was taken in before. Raises CannotRereadError."""
        async with self._pool.acquire() as db:
            behind = await store.behind(db)  # before the ends: what was taken in by now lies before them
        missing = {
            (row["stream"], row["lane"]): row for row in behind if (row["stream"], row["lane"]) in self._live
        }
        if not missing:
            return
        ends = await self._reader.end_offsets([self._live[place] for place in missing])
        gone = [
            row
            for place, row in missing.items()
            if await self._reader.position(self._live[place]) >= ends[self._live[place]]
        ]
        not_tried = [row for row in gone if (row["stream"], row["lane"]) not in self._whole]
        for row in not_tried:
            self._whole.add((row["stream"], row["lane"]))
            self._reader.seek(self._live[row["stream"], row["lane"]], 0)
        if gone and not not_tried:
            await self._say_what_is_gone(gone)

    async def _say_what_is_gone(self, gone: Sequence[Any]) -> None:
        first = gone[0]
        place = self._live[first["stream"], first["lane"]]
        found, _ = await kafka_reading.records_from(lambda: kafka.make_reader(self._settings), place, 0, 1)
        begins = place_of(found[0])[0] if found else 0
        seq, lane, stream = first["last_seq"] + 1, first["lane"], first["stream"]
        holds, holds_zh = (
            (f"begins with number {begins}", f"从第 {begins} 号开始")
            if begins > seq
            else (f"ends before number {seq}", f"在第 {seq} 号之前结束")
        )
        raise CannotRereadError(
            f"Kafka does not hold all facts any more: {stream} {holds} on lane {lane}, and number {seq} is needed. "
            f"So it is on {len(gone)} lanes. Now: `dreams rebuild reporting --from-logs`, which reads them from the "
            f"publishers' logs. / Kafka 已不再保存全部事实：{stream} 通道 {lane} {holds_zh}，而接下来需要第 {seq} 号；"
            f"共有 {len(gone)} 个通道如此。请改用 `dreams rebuild reporting --from-logs`，从发布服务的日志中读取。"
        )

    def _places(self, streams: Mapping[Stream, Stream]) -> dict[Place, TopicPartition]:
        """Where each lane of a stream is read: in its own topics or in those of a replay."""
        return {
            (stream.pattern, lane): TopicPartition(
                other.topic(self._settings.namespace, lane), other.partition(lane)
            )
            for stream, other in streams.items()
            for lane in LANE_CODES
        }
