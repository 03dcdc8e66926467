"""Proxies on loopback that lose what a test wants lost: COMMIT's answer, a Produce response, a whole server."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Final, Literal, Self

CHUNK_BYTES: Final = 1 << 16
_LOOPBACK: Final = "127.0.0.1"
_COMMIT: Final = b"COMMIT;\x00"
_PRODUCE: Final = 0
_HEAD = struct.Struct(">ihhi")


@dataclass
class Proxy:
    """Passes bytes on both ways, until it is taken down."""

    target: int
    port: int = 0
    down: bool = False
    """Refuses, as a server that does not run."""
    _server: asyncio.Server | None = None
    _links: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port until the test is over."""
        self._server = await asyncio.start_server(self._serve, _LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._server.close()
            self.cut()

    def cut(self) -> None:
        """Close every connection."""
        for link in list(self._links):
            link.cancel()

    def go_down(self) -> None:
        """Close every connection and take no new one."""
        self.down = True
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            if not self.down:
                await self._link(reader, writer)
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            self._links.discard(task)
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(_LOOPBACK, self.target)
        await _until_one_ends(back, _pass_on(reader, back), _pass_on(there, writer))


@dataclass
class PostgresProxy(Proxy):
    """Loses the next COMMIT on its way there, or the answer on its way back, and with it the connection."""

    lose: Literal["nothing", "commit", "answer"] = "nothing"
    lost: int = 0

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(_LOOPBACK, self.target)
        silent = asyncio.Event()
        await _until_one_ends(back, self._there(reader, back, silent), self._back(there, writer, silent))

    async def _there(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if _COMMIT in data and self.lose != "nothing":
                what, self.lose = self.lose, "nothing"
                self.lost += 1
                if what == "commit":
                    return
                silent.set()
            writer.write(data)
            await writer.drain()

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if silent.is_set():
                assert b"COMMIT" in data, "the server did commit, only nobody hears of it"
                return
            writer.write(data)
            await writer.drain()


@dataclass
class KafkaProxy(Proxy):
    """Loses Produce responses or puts an error into them, spoils what is read; it stays where the broker is named."""

    lose_produced: bool = False
    refuse_with: int | None = None
    """The error code for the first partition in the next Produce responses."""
    refuse_partition: int | None = None
    """Only for this partition, wherever it stands."""
    lost: int = 0
    spoil: bytes | None = None
    """Wherever these bytes come by in a response their first one is another: a broken disk, a broken wire."""

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(_LOOPBACK, self.target)
        produced: set[int] = set()
        await _until_one_ends(
            back, self._requests(reader, back, produced), self._responses(there, writer, produced)
        )

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[int]
    ) -> None:
        while True:
            frame = await _frame(reader)
            _, key, _, correlation = _HEAD.unpack_from(frame)
            if key == _PRODUCE:
                produced.add(correlation)
            writer.write(frame)
            await writer.drain()

    async def _responses(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[int]
    ) -> None:
        itself = _LOOPBACK.encode() + struct.pack(">i", self.target)
        while True:
            frame = (await _frame(reader)).replace(itself, _LOOPBACK.encode() + struct.pack(">i", self.port))
            if self.spoil:
                frame = frame.replace(self.spoil, b"#" + self.spoil[1:])
            (correlation,) = struct.unpack_from(">i", frame, 4)
            if correlation in produced:
                produced.discard(correlation)
                if self.lose_produced:
                    self.lost += 1
                    continue
                if self.refuse_with is not None:
                    self.lost += 1
                    frame = _with_error(frame, self.refuse_with, self.refuse_partition)
            writer.write(frame)
            await writer.drain()


async def _until_one_ends(back: asyncio.StreamWriter, *ways: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        back.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head, "big"))


def _with_error(frame: bytes, code: int, partition: int | None) -> bytes:
    """A Produce response (to version 8) about one topic, with this error for `partition`, otherwise for its first.

    Without errors of its own all its partitions take the same room; four bytes for throttling follow them.
    """
    (name_bytes,) = struct.unpack_from(">h", frame, 12)
    place = 12 + 2 + name_bytes
    (count,) = struct.unpack_from(">i", frame, place)
    for start in range(place + 4, len(frame) - 4, (len(frame) - place - 8) // count):
        if partition in (None, *struct.unpack_from(">i", frame, start)):
            return frame[: start + 4] + struct.pack(">h", code) + frame[start + 6 :]
    return frame
