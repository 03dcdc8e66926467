"""Which lanes are being carried: each by one part of what was polled, or by one tick, at a time."""

import asyncio
from collections.abc import Collection


class Holds:
    """Lanes that are being carried."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self._changed = asyncio.Event()

    async def take(self, lanes: Collection[str]) -> None:
        """Hold `lanes`, all of them at once, as soon as nobody else does."""
        while not self.held.isdisjoint(lanes):
            await self.change()
        self.held.update(lanes)

    def release(self, lanes: Collection[str]) -> None:
        """Let others hold `lanes`."""
        self.held.difference_update(lanes)
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until some lane is released."""
        await self._changed.wait()

    async def none(self) -> None:
        """Wait until no lane is held."""
        while self.held:
            await self.change()
