"""Every topic: the one list that brokers and manifests are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.contracts.lanes import LANE_CODES, lane_at, partition_of

MIB: Final = 1024 * 1024
DOOR_BATCH_MAX_BYTES: Final = 8 * MIB
INNER_BATCH_MAX_BYTES: Final = 4 * MIB

SERVICES: Final = ("enrollment", "subsidy", "notification", "reporting")


@dataclass(frozen=True, slots=True)
class Stream:
    """A named flow of events with one place per lane.

    `pattern` holds `{lane}` where each lane has a topic of its own (one partition); otherwise all lanes share a
    topic, one partition each, in the order of the lanes' list.
    """

    pattern: str

    @property
    def per_lane(self) -> bool:
        """Whether each lane has its own topic."""
        return "{lane}" in self.pattern

    def topic(self, namespace: str, lane: str) -> str:
        """The topic that carries `lane`, with the deployment's `namespace` in front."""
        return namespace + self.pattern.replace("{lane}", lane)

    def partition(self, lane: str) -> int:
        """The partition of `topic` that carries `lane`."""
        return 0 if self.per_lane else partition_of(lane)

    def topics(self, namespace: str) -> tuple[str, ...]:
        """All topics of the stream, each once, in the lanes' order."""
        if not self.per_lane:
            return (namespace + self.pattern,)
        return tuple(self.topic(namespace, lane) for lane in LANE_CODES)

    def lane_of(self, namespace: str, topic: str, partition: int) -> str:
        """The lane that (topic, partition) carries; LookupError where none stands there."""
        if not self.per_lane:
            return lane_at(partition)
        head, _, tail = (namespace + self.pattern).partition("{lane}")
        lane = topic[len(head) : len(topic) - len(tail)]
        partition_of(lane)
        return lane


PROVINCE_EVENTS: Final = Stream("provinces.{lane}.events")
PROVINCE_CONTACTS: Final = Stream("provinces.{lane}.contacts")
PROVINCE_RECEIPTS: Final = Stream("provinces.{lane}.receipts")
PROVINCE_DECISIONS: Final = Stream("provinces.{lane}.decisions")
ENROLLMENT_EVENTS: Final = Stream("enrollment.events")
SUBSIDY_EVENTS: Final = Stream("subsidy.events")
REPORTING_CHANGES: Final = Stream("reporting.changes")
REPORTING_STATISTICS: Final = Stream("reporting.statistics")

STREAMS: Final = (
    PROVINCE_EVENTS,
    PROVINCE_CONTACTS,
    PROVINCE_RECEIPTS,
    PROVINCE_DECISIONS,
    ENROLLMENT_EVENTS,
    SUBSIDY_EVENTS,
    REPORTING_CHANGES,
    REPORTING_STATISTICS,
)

REPLAYED: Final = (ENROLLMENT_EVENTS, SUBSIDY_EVENTS)
"""What its publisher can send once more out of its log: on a topic of its own, which it deletes afterwards."""
_REPLAY: Final = ".replay."


def replay_of(stream: Stream, replay: str) -> Stream:
    """The stream on which a replay of `stream` is sent, lane by lane in the same partitions."""
    return Stream(f"{stream.pattern}{_REPLAY}{replay}")


def replays_of(stream: Stream, namespace: str) -> str:
    """How the topics of all replays of a stream begin."""
    return f"{namespace}{stream.pattern}{_REPLAY}"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it is created: name, number of partitions and the settings that differ from the broker's."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


# Uncompressed at the door: a gzip bomb would pass the broker's size check and kill the reader (failure mode 53).
# Kept for ever at the door: nothing may be deleted there before it was read.
_DOOR: Final = {
    "compression.type": "uncompressed",
    "max.message.bytes": str(DOOR_BATCH_MAX_BYTES),
    "retention.ms": "-1",
}
_CONTACTS: Final = {
    "compression.type": "uncompressed",
    "max.message.bytes": str(MIB),
    "cleanup.policy": "compact",
}
_STATE: Final = {"max.message.bytes": str(INNER_BATCH_MAX_BYTES), "cleanup.policy": "compact"}
_INNER: Final = {"max.message.bytes": str(INNER_BATCH_MAX_BYTES), "retention.ms": "-1"}

# Deleted by who made it. Where even that fails, what was sent is gone after two days.
_REPLAY_CONFIG: Final = {"max.message.bytes": str(INNER_BATCH_MAX_BYTES), "retention.ms": "172800000"}

_CONFIGS: Final[Mapping[Stream, Mapping[str, str]]] = {
    PROVINCE_EVENTS: _DOOR,
    PROVINCE_CONTACTS: _CONTACTS,
    PROVINCE_RECEIPTS: _INNER,
    PROVINCE_DECISIONS: _INNER,
    ENROLLMENT_EVENTS: _INNER,
    SUBSIDY_EVENTS: _INNER,
    REPORTING_CHANGES: _INNER,
    REPORTING_STATISTICS: _STATE,
}


def topics(namespace: str = "") -> tuple[TopicSpec, ...]:
    """All topics of a deployment."""
    return tuple(
        TopicSpec(name, 1 if stream.per_lane else len(LANE_CODES), _CONFIGS[stream])
        for stream in STREAMS
        for name in stream.topics(namespace)
    )


def replay_topic(stream: Stream, replay: str, namespace: str) -> TopicSpec:
    """The topic of one replay of a stream."""
    return TopicSpec(replay_of(stream, replay).topics(namespace)[0], len(LANE_CODES), _REPLAY_CONFIG)
