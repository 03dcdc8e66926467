"""Writes that run behind a handler come one after another, and what they raise is raised."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.plumbing.writing import Writes


class Desk:
    """Notes what is written; each write takes some turns of the loop."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.busy = False

    def write(self, n: int, error: type[Exception] | None = None) -> Callable[[], Awaitable[None]]:
        """A write that fails where something else uses the connection."""

        async def done() -> None:
            assert not self.busy, "two statements at once on one connection"
            self.busy = True
            try:
                await asyncio.sleep(0.001)
                if error is not None:
                    raise error
                self.written.append(n)
            finally:
                self.busy = False

        return done


async def test_writes_follow_each_other_in_order_and_are_all_done_at_the_end() -> None:
    desk = Desk()
    async with Writes() as writes:
        for n in range(5):
            writes.behind(desk.write(n))
        assert desk.written == [], "the handler goes on before anything is written"
    assert desk.written == [0, 1, 2, 3, 4]


async def test_what_a_write_raises_is_raised_and_nothing_is_written_after_it() -> None:
    desk = Desk()

    async def handle() -> None:
        async with Writes() as writes:
            writes.behind(desk.write(0))
            writes.behind(desk.write(1, KeyError))
            writes.behind(desk.write(2))

    with pytest.raises(KeyError):
        await handle()
    assert desk.written == [0]


async def test_a_handler_that_fails_leaves_no_write_running() -> None:
    desk = Desk()

    async def handle() -> None:
        async with Writes() as writes:
            writes.behind(desk.write(0))
            writes.behind(desk.write(1))
            await asyncio.sleep(0)
            raise ValueError("the handler")

    with pytest.raises(ValueError, match="handler"):
        await handle()
    assert not desk.busy
    await asyncio.sleep(0.01)
    assert desk.written == []
