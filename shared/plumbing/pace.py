"""Who gives way to whom: lanes that have much to take rest beside lanes that are live."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition

from shared.plumbing.ownership import Ownership

OVERLAP_FROM_RECORDS: Final = 500
"""A smaller part is waited for: what comes meanwhile makes the next one fuller."""
FAR_BEHIND_RECORDS: Final = 5_000
"""A lane that has so much more to take gives way to live ones."""
LIVE_WITHIN_S: Final = 1.0
"""So long after live lanes had records."""
BULK_REST: Final = 1.0
"""A lane far behind rests beside live ones so many times as long as its last part took (tried: 0, 0.5 and 1)."""
BULK_REST_MAX_S: Final = 1.0

Records = Sequence[ConsumerRecord]


class Pace:
    """What is known of the lanes' pace: which are far behind, and when live ones last had records."""

    def __init__(self, owned: Ownership, lane_of: Callable[[ConsumerRecord], str], fair_share: int) -> None:
        self._owned = owned
        self._lane_of = lane_of
        self._fair_share = fair_share
        self._live_at = -LIVE_WITHIN_S
        self._caught_up: set[tuple[str, int]] = set()
        """Topics and partitions that were taken in to their end when last polled."""
        self._far_behind: set[str] = set()

    def forget(self) -> None:
        """Lanes were given up: who takes them over knows nothing of how far they had been taken in."""
        self._caught_up.clear()

    def apart(self, records: Records, client: Any) -> tuple[Records, Records]:
        """What has come of live lanes, where these would have to wait for others in bulk, and the rest.

        A lane is live while it has little to take and had been taken in to its end before.
        """
        places: dict[tuple[str, int], list[ConsumerRecord]] = defaultdict(list)
        for one in records:
            places[one.topic, one.partition].append(one)
        lane_at = {tp: self._lane_of(some[-1]) for tp, some in places.items()}
        left = self._left(places, client)
        much = {tp for tp, some in places.items() if max(len(some), left.get(tp, 0)) >= self._fair_share}
        behind = {lane for tp, lane in lane_at.items() if tp in much or tp not in self._caught_up}
        self._caught_up = (self._caught_up - much) | {tp for tp in left.keys() - much if left[tp] <= 0}
        self._far_behind = {lane_at[tp] for tp in much if left.get(tp, 0) >= FAR_BEHIND_RECORDS}
        live = [one for tp, some in places.items() if lane_at[tp] not in behind for one in some]
        if not live or len(live) >= OVERLAP_FROM_RECORDS:
            return (), records
        self._live_at = time.monotonic()
        if not much:
            return (), records
        return live, [one for tp, some in places.items() if lane_at[tp] in behind for one in some]

    def _left(
        self, places: dict[tuple[str, int], list[ConsumerRecord]], client: Any
    ) -> dict[tuple[str, int], int]:
        """How many records follow those in hand; of lanes given up meanwhile the client knows nothing any more."""
        return {
            tp: (client.highwater(TopicPartition(*tp)) or 0) - some[-1].offset - 1
            for tp, some in places.items()
            if tp in self._owned.places
        }

    def are_far_behind(self, lanes: Collection[str]) -> bool:
        """Whether all of these lanes have much more to take."""
        return self._far_behind.issuperset(lanes)

    async def rest(self, took_s: float) -> None:
        """Leave some of the machine to live lanes, in this service and in those behind it."""
        if self._owned.places and time.monotonic() - self._live_at < LIVE_WITHIN_S:
            await asyncio.sleep(min(took_s * BULK_REST, BULK_REST_MAX_S))
