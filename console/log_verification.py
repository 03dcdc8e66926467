"""Verifies a service's log lane by lane: its chain of hashes, and the heads that were published with each day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from console.api_client import Api
from shared.contracts.topics import ENROLLMENT_EVENTS

FIRST_HEAD: Final = "0" * 64
VERIFY_TIMEOUT_S: Final = 120.0
REWRITTEN: Final = (
    "与 Kafka 上公布的哈希不符：日志在此之前被整体改写",
    "the head published on Kafka is another one: the log was rewritten somewhere before this",
)
UNANNOUNCED: Final = (
    "Kafka 上公布的日期在日志中不存在",
    "a day that was published on Kafka is not in the log",
)


@dataclass(frozen=True, slots=True)
class LaneVerdict:
    """What was found on one lane of one stream."""

    service: str
    stream: str
    lane: str
    facts: int
    heads: int
    """Days whose published head was compared."""
    broken: tuple[int, str, str] | None
    """The first number that does not hold, and why, in Chinese and English."""


async def verify_lane(
    api: Api, service: str, stream: str, lane: str, progress: Callable[[int], None]
) -> LaneVerdict:
    """Read one lane's log from its beginning, part by part; `progress` is told how many facts were checked.

    Raises ApiError.
    """
    asking: dict[str, Any] = {"stream": stream, "lane": lane, "after_seq": 0, "head": FIRST_HEAD}
    facts, announced = 0, list[Mapping[str, Any]]()
    while True:
        found = await api.get(service, "/v1/log/verify", asking, VERIFY_TIMEOUT_S)
        facts += found["facts"]
        announced += found["announced"]
        progress(found["facts"])
        if (broken := found["broken"]) is not None:
            return LaneVerdict(service, stream, lane, facts, 0, (broken["seq"], broken["zh"], broken["en"]))
        if found["ended"]:
            break
        asking |= {"after_seq": found["read_to"], "head": found["head"]}
    if stream != ENROLLMENT_EVENTS.pattern:
        return LaneVerdict(service, stream, lane, facts, 0, None)
    published = await _published(api, service, stream, lane)
    heads, differs = compare(announced, published, asking["after_seq"])
    return LaneVerdict(service, stream, lane, facts, heads, differs)


async def _published(api: Api, service: str, stream: str, lane: str) -> list[Mapping[str, Any]]:
    heads: list[Mapping[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        asking: dict[str, str | int | list[str]] = {"stream": stream, "lane": lane, "offset": offset}
        found = await api.get(service, "/v1/log/published-heads", asking, VERIFY_TIMEOUT_S)
        heads += found["heads"]
        offset = found["next"]
    return heads


def compare(
    announced: Sequence[Mapping[str, Any]], published: Sequence[Mapping[str, Any]], read_to: int
) -> tuple[int, tuple[int, str, str] | None]:
    """How many published heads are those of the log up to number `read_to`, and the first that is not.

    What Kafka does not keep any more cannot be compared; what it has beyond `read_to` came later.
    """
    own = {one["seq"]: one["head"] for one in announced}
    same = 0
    for one in sorted(published, key=lambda one: int(one["seq"])):
        seq = one["seq"]
        if seq > read_to:
            break
        if seq not in own:
            return same, (seq, *UNANNOUNCED)
        if own[seq] != one["head"]:
            return same, (seq, *REWRITTEN)
        same += 1
    return same, None
