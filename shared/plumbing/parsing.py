"""aiokafka's parsing of what it fetched, mended: an odd header name is read, and what cannot be read names its place.

Its own parser raises for a header name that is not UTF-8, does not say on which partition, and by then has moved the
others on: anybody who may write to one topic could end the reading of all.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class UnparsableError(Exception):
    """A record at `offset` of `place` that nobody can read: its checksum is wrong, its length, its compression."""

    def __init__(self, place: TopicPartition, offset: int, why: str) -> None:
        super().__init__(f"{place.topic}-{place.partition}: {why} at {offset}")
        self.place, self.offset, self.why = place, offset, why


class CompressedError(Exception):
    """Nobody who may write to our topics compresses: 4 MiB of it can be gigabytes, and would end the process."""


def _plain(batch: Any) -> Any:
    """The batch, if it can be read without being unpacked first."""
    if getattr(batch, "compression_type", 0):
        raise CompressedError
    return batch


def mend_parsing() -> None:
    """Have every consumer of this process read this way; aiokafka leaves no other way in (its version is pinned)."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = _Fetched, _Records


class _Fetched(MemoryRecords):  # type: ignore[misc]
    """What one fetch brought of one partition, with its bytes, to read them again."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.raw = raw

    def next_batch(self) -> Any:
        return _plain(super().next_batch())


class _Records(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one partition: read quickly, and from an odd header name on with more patience."""

    _records: Any

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        first, raw = self.next_fetch_offset, self._records.raw
        try:
            try:
                yield from super()._unpack_records()
            except UnicodeDecodeError:
                self._records = _Patient(raw, self.next_fetch_offset)
                yield from super()._unpack_records()
        except Exception as error:
            # What lies before it is passed on first: it is met again as the first of a fetch of its own.
            if self.next_fetch_offset == first:
                raise UnparsableError(self._tp, first, type(error).__name__) from error


class _Patient(_MemoryRecordsPy):  # type: ignore[misc]
    """The same bytes from the batch on that holds `offset`: at the end of an earlier one the client would go back."""

    def __init__(self, raw: bytes, offset: int) -> None:
        super().__init__(raw)
        self._offset = offset

    def next_batch(self) -> Any:
        raw, batch = self._next_slice, _plain(super().next_batch())
        while batch.next_offset <= self._offset and self.has_next():
            raw, batch = self._next_slice, _plain(super().next_batch())
        return _PatientBatch(raw) if isinstance(batch, DefaultRecordBatch) else batch


class _PatientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Bytes(self._buffer)


class _Bytes(bytearray):
    """The bytes of records; only the names of headers are ever decoded out of them."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Name(found) if isinstance(place, slice) else found


class _Name(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
