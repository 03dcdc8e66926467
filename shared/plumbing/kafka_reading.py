"""Read what Kafka holds, outside of any group: the last records of topics, one record, all since a moment."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaTimeoutError

READER_START_S: Final = 5.0
READ_WAIT_S: Final = 5.0
"""Records that exist are there at once; a partition without a leader has none for now."""
READ_MAX_RECORDS: Final = 1000

MakeReader = Callable[[], AIOKafkaConsumer]


async def last_records(
    make: MakeReader, places: Collection[TopicPartition]
) -> dict[TopicPartition, ConsumerRecord]:
    """The last record of each place that holds any; KafkaError or TimeoutError where one does not answer."""
    if not places:
        return {}
    found: dict[TopicPartition, ConsumerRecord] = {}
    async with _reading(make, places) as reader:
        beginnings = await reader.beginning_offsets(list(places))
        ends = await reader.end_offsets(list(places))
        wanted = {tp: end - 1 for tp, end in ends.items() if end > beginnings[tp]}
        reader.pause(*(set(places) - wanted.keys()))
        for tp, offset in wanted.items():
            reader.seek(tp, offset)
        while found.keys() != wanted.keys():
            for tp, records in (await _some(reader, READ_MAX_RECORDS)).items():
                if records[-1].offset >= wanted[tp]:  # not what was fetched before it was told where to read
                    found[tp] = records[-1]
    return found


async def record_at(make: MakeReader, place: TopicPartition, offset: int) -> ConsumerRecord | None:
    """The record at `offset`, or None where the topic does not hold it."""
    async with _reading(make, [place]) as reader:
        beginning = (await reader.beginning_offsets([place]))[place]
        if not beginning <= offset < (await reader.end_offsets([place]))[place]:
            return None
        reader.seek(place, offset)
        while (record := (await _some(reader, 1))[place][0]).offset < offset:
            pass  # fetched before it was told where to read
        return record if record.offset == offset else None


async def records_since(
    make: MakeReader, place: TopicPartition, time_ms: int
) -> AsyncIterator[ConsumerRecord]:
    """All records from the first one whose time is `time_ms` (since the epoch) or later, up to the end as it is now."""
    async with _reading(make, [place]) as reader:
        first = (await reader.offsets_for_times({place: time_ms}))[place]
        if first is None:
            return
        end = (await reader.end_offsets([place]))[place]
        reader.seek(place, first.offset)
        while await reader.position(place) < end:
            for record in (await _some(reader, READ_MAX_RECORDS))[place]:
                yield record


async def records_from(
    make: MakeReader, place: TopicPartition, offset: int, most: int
) -> tuple[list[ConsumerRecord], int | None]:
    """Records from `offset` on, about `most` of them, and where to read on; None at the end as it is now."""
    found: list[ConsumerRecord] = []
    async with _reading(make, [place]) as reader:
        first = max(offset, (await reader.beginning_offsets([place]))[place])
        end = (await reader.end_offsets([place]))[place]
        if first >= end:
            return [], None
        reader.seek(place, first)
        while len(found) < most and (not found or found[-1].offset < end - 1):
            records = (await _some(reader, READ_MAX_RECORDS))[place]
            found += [record for record in records if record.offset >= first]
    following = found[-1].offset + 1
    return found, following if following < end else None


async def range_of(make: MakeReader, place: TopicPartition) -> tuple[int, int]:
    """The first offset that a place holds, and the one after its last."""
    async with _reading(make, [place]) as reader:
        return (await reader.beginning_offsets([place]))[place], (await reader.end_offsets([place]))[place]


@asynccontextmanager
async def _reading(make: MakeReader, places: Collection[TopicPartition]) -> AsyncIterator[Any]:
    reader = make()
    reader.assign(list(places))
    try:
        async with asyncio.timeout(READER_START_S):
            await reader.start()
        yield reader
    finally:
        await reader.stop()


async def _some(reader: Any, max_records: int) -> Any:
    got = await reader.getmany(timeout_ms=int(READ_WAIT_S * 1000), max_records=max_records)
    if not got:
        raise KafkaTimeoutError
    return got
