"""Let the provinces' records in: one lane group over all door topics."""

from aiokafka import ConsumerRecord
from prometheus_client import Counter

from services.enrollment import handlers, store
from shared.contracts import submission
from shared.contracts.submission import Submission, read
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_EVENTS, PROVINCE_RECEIPTS
from shared.plumbing.batch import LaneGroup
from shared.plumbing.decoding import Decoded, Taken
from shared.plumbing.metrics import Metrics


def decode(record: ConsumerRecord) -> Decoded:
    """Read one record strictly; what is wrong with it is part of the submission."""
    lane = record.topic.rpartition(".events")[0][-2:]
    return read(record.value, record.headers, lane, record.offset), None, 0, None


def leave_out(taken: Taken) -> Submission:
    """What is answered for a record on which our own code failed: nothing of it but its name is looked at again."""
    return submission.left_out(taken.event, taken.lane, taken.offset)


def door(clock_offset_s: float, metrics: Metrics) -> LaneGroup:
    """The door: reads every province's events, writes facts and receipts."""
    return LaneGroup(
        name="enrollment",
        reads=(PROVINCE_EVENTS,),
        writes=(ENROLLMENT_EVENTS, PROVINCE_RECEIPTS),
        gate="door",
        decode=decode,
        handle=handlers.TakeIn(clock_offset_s, _verdicts(metrics)),
        ticks=True,
        leave_out=leave_out,
        keep_places=store.keep_places,
    )


def _verdicts(metrics: Metrics) -> Counter:
    return Counter("dreams_receipts_total", "Receipts by verdict", ["status"], registry=metrics.registry)
