"""Which lanes are being carried: each by one part of what was polled, or by one tick, at a time."""

import asyncio
import time
from collections.abc import Collection


class Holds:
    """Lanes that are being carried."""

    def __init__(self) -> None:
        self.held: dict[str, float] = {}
        """Lane → when it was last heard of whoever holds it, by the process's monotonic clock."""
        self._changed = asyncio.Event()

    async def take(self, lanes: Collection[str]) -> None:
        """Hold `lanes`, all of them at once, as soon as nobody else does."""
        while not self.held.keys().isdisjoint(lanes):
            await self.change()
        self.touch(lanes)

    def touch(self, lanes: Collection[str]) -> None:
        """Who holds `lanes` is alive: waiting, for example, until a database is back."""
        self.held.update(dict.fromkeys(lanes, time.monotonic()))

    def release(self, lanes: Collection[str]) -> None:
        """Let others hold `lanes`."""
        for lane in lanes:
            del self.held[lane]
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until some lane is released."""
        await self._changed.wait()

    async def none(self) -> None:
        """Wait until no lane is held."""
        while self.held:
            await self.change()
