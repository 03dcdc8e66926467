"""How long Kafka gathers records before it hands them out: a moment where they come, long where none do."""

import time
from typing import Any, Final

GATHER_BYTES: Final = 256 * 1024
"""Kafka waits no longer for more where so much has come: it is a batch."""
IDLE_AFTER_S: Final = 1.0
"""So long without records a group is idle."""
IDLE_WAIT_MS: Final = 500
"""So long an idle group's question stays with Kafka, which answers the first record at once."""


class Gathering:
    """What a group asks of Kafka: while records come, many at a time; while none do, to be told of the first.

    A question names all lanes, so each costs both sides much: an idle group asks twice a second, not twenty times.
    """

    def __init__(self, gather_ms: int) -> None:
        self._gather_ms = gather_ms
        self._came_at = time.monotonic()

    def noted(self, consumer: Any, records: int) -> None:
        """So many records came of a poll; what the client asks from now on follows from that."""
        now = time.monotonic()
        if records:
            self._came_at = now
        idle = now - self._came_at > IDLE_AFTER_S
        fetcher = consumer._fetcher  # noqa: SLF001 - aiokafka takes both once, at the start
        fetcher._fetch_min_bytes = 1 if idle else GATHER_BYTES  # noqa: SLF001
        fetcher._fetch_max_wait_ms = IDLE_WAIT_MS if idle else self._gather_ms  # noqa: SLF001
