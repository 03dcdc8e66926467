"""Frames of the live stream by kind: the slow take the newest of each, and who comes again what he has missed."""

import asyncio
import secrets
import zlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""How a stream of packed frames begins (RFC 1952)."""
GZIP_LEVEL: Final = 4


@dataclass(frozen=True)
class Frame:
    """One message to all pages, also packed: once, however many pages there are.

    Packed frames look back at nothing and end on a whole byte, so in any order they are one gzip stream: to a browser a
    picture is a few kilobytes instead of fifty.
    """

    number: int
    plain: bytes

    @cached_property
    def packed(self) -> bytes:
        """The frame as a part of a gzip stream that never ends."""
        packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(self.plain) + packer.flush(zlib.Z_SYNC_FLUSH)


ALIVE: Final = Frame(0, b"event: alive\ndata: {}\n\n")
"""A sign of life: nothing has changed."""
RETRY: Final = Frame(0, b"retry: 2000\n\n")
"""Who loses the stream comes again after two seconds."""


class Feed:
    """The newest frame of each kind, numbered in the order of publishing, and those who wait for the next one.

    A frame tells the whole state of its kind, so whoever has the newest of each has missed nothing.
    """

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)
        self._number = 0
        self._newest: dict[str, Frame] = {}
        self._next = asyncio.Event()

    def publish(self, kind: str, data: bytes) -> None:
        """Hand a frame to all who wait; who is still busy with an older one takes the newest after it."""
        self._number += 1
        head = f"id: {self._run}-{self._number}\nevent: {kind}\ndata: ".encode()
        self.withdraw(kind)
        self._newest[kind] = Frame(self._number, head + data + b"\n\n")
        waiting, self._next = self._next, asyncio.Event()
        waiting.set()

    def withdraw(self, kind: str) -> None:
        """What is not so any more is not told to who comes later."""
        self._newest.pop(kind, None)

    async def follow(self, last_id: str | None, alive_s: float) -> AsyncGenerator[Frame]:
        """All kinds that were published after `last_id`, then each as it comes; a sign of life every `alive_s`."""
        seen = self._seen(last_id)
        if seen == self._number:
            yield ALIVE
        while True:
            following = self._next
            newer = [frame for frame in self._newest.values() if frame.number > seen]
            if newer:
                seen = newer[0].number
                yield newer[0]
                continue
            try:
                async with asyncio.timeout(alive_s):
                    await following.wait()
            except TimeoutError:
                yield ALIVE

    def _seen(self, last_id: str | None) -> int:
        """Number of the last frame that was seen; 0 where it was another run's, or none of ours."""
        run, _, number = (last_id or "").partition("-")
        if run != self._run or not (number.isascii() and number.isdecimal()):
            return 0
        return int(number) if len(number) <= len(str(self._number)) and int(number) <= self._number else 0
