"""Writes that run behind a handler: while PostgreSQL carries out one, Python decides what comes next."""

import asyncio
from collections.abc import Awaitable, Callable


class Writes:
    """Statements of one transaction, one after another in the order given; use as a context of that transaction.

    Between `behind` and `done` nobody else may use the connection.
    """

    def __init__(self) -> None:
        self._last: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Writes":
        return self

    async def __aexit__(self, kind: object, error: object, where: object) -> None:
        """Wait for what runs, so that the connection is free again; what it raised, unless something did before."""
        if error is None:
            await self.done()
        elif self._last is not None:
            self._last.cancel()
            await asyncio.gather(self._last, return_exceptions=True)

    def behind(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write after all that was given before, without being waited for."""
        self._last = asyncio.create_task(_after(self._last, write))

    async def done(self) -> None:
        """Wait until all is written; raises what a write raised."""
        if self._last is not None:
            await self._last


async def _after(previous: asyncio.Task[None] | None, write: Callable[[], Awaitable[None]]) -> None:
    if previous is not None:
        await previous
    await write()
