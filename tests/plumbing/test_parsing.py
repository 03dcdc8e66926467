"""An odd header name is read like any other, each record of a fetch once and in order."""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from shared.plumbing.parsing import _Fetched, _Records

ODD = b"\xff\xfe\xfd"


def batch(first: int, *names: str) -> bytes:
    """A batch of Kafka's whose first record has the offset `first`: a record for each header name."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 9_999)
    for n, name in enumerate(names):
        builder.append(n, 0, None, f"value {first + n}".encode(), [(name, b"x")])
    return first.to_bytes(8, "big") + bytes(builder.build())[8:].replace(b"odd", ODD)


def read(raw: bytes, offset: int) -> Any:
    """What a consumer that wants `offset` reads of a fetch."""
    records: Any = _Records
    return records(
        TopicPartition("t", 0), _Fetched(raw), [], offset, None, None, check_crcs=False, isolation_level=0
    )


def test_a_record_behind_an_odd_header_is_read_once_wherever_reading_begins() -> None:
    batches = {0: ("a", "a"), 2: ("a", "odd", "a"), 5: ("a", "odd"), 7: ("a",)}
    for offset in range(8):
        held_by = max(first for first in batches if first <= offset)  # a fetch begins with a whole batch
        reader = read(b"".join(batch(n, *names) for n, names in batches.items() if n >= held_by), offset)
        records = list(reader)
        assert [record.offset for record in records] == list(range(offset, 8))
        assert [record.value for record in records] == [f"value {n}".encode() for n in range(offset, 8)]
        assert reader.next_fetch_offset == 8
