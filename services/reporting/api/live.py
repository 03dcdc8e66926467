"""Push the picture of the nation to open pages: at most four times a second; a slow reader delays nobody."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any, Final

import structlog
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import StreamingResponse
from prometheus_client import Gauge

from services.reporting import store
from services.reporting.domain.nation import NOTABLE, Happening, Nation, Still, TakenIn, nation
from services.reporting.domain.targets import Book
from shared.contracts.lanes import LANE_CODES
from shared.plumbing import postgres
from shared.plumbing.problem import ProblemRoute, problem
from shared.plumbing.service import Parts

FRAME_INTERVAL_S: Final = 0.25
"""At most four pictures a second."""
IDLE_S: Final = 5.0
"""Without a change the picture is read again after this long: a lane that stops does not say so."""
ALIVE_S: Final = 10.0
"""A reader hears something at least this often."""
SEND_TIMEOUT_S: Final = 20.0
"""A reader that takes nothing for this long is dropped; its browser comes again by itself."""
AGAIN_S: Final = 2.0
LOOK_BACK_PER_LANE: Final = 3
TEMPO_FORGOTTEN_EVERY_S: Final = 3600.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = structlog.get_logger()


class Live:
    """The newest picture, and those who wait for the next one."""

    def __init__(self, readers_max: int, book: Book) -> None:
        self._book = book
        self._readers_max = readers_max
        self._parts: Parts | None = None
        self._picture: Nation | None = None
        self._read_began_s = float("-inf")
        self._reading = asyncio.Lock()
        self._shown: Nation | None = None
        self._frame = b""
        self._version = 0
        self._next = asyncio.Event()
        self._readers = 0

    async def run(self, parts: Parts, _: FastAPI) -> None:
        """Follow what batches commit, for as long as the service runs."""
        self._parts = parts
        readers = Gauge("dreams_reporting_readers", "Open live pages", registry=parts.metrics.registry)
        readers.set_function(lambda: self._readers)
        while True:
            try:
                async with store.changes(parts.pool) as changes:
                    await self._follow(changes)
            except postgres.PASSING as error:
                log.warning("live_page_waits", error=type(error).__name__)
                self._shown = None
                self._publish(b"event: trouble\ndata: {}\n\n")
                await asyncio.sleep(AGAIN_S)

    async def picture(self) -> Nation:
        """The picture of the nation, never older than the question; those who ask at once share one reading."""
        asked_s = time.monotonic()
        async with self._reading:
            if self._picture is None or self._read_began_s < asked_s:
                began_s = time.monotonic()
                self._picture = await self._read()
                self._read_began_s = began_s
            return self._picture

    def stream(self) -> Response:
        """Server-sent events: `nation` with the whole picture whenever it changes, `alive` otherwise."""
        if self._readers >= self._readers_max:
            return problem(
                503,
                "Too many pages are open here; this one tries again by itself. "
                "/ 打开的页面过多，稍后将自动重试。",
                {"Retry-After": "10"},
            )
        return Stream(self._frames())

    async def _follow(self, changes: store.Changes) -> None:
        forgotten_s = time.monotonic()
        while True:
            if self._readers:
                await self._refresh()
            await asyncio.sleep(FRAME_INTERVAL_S)
            await changes.next(IDLE_S)
            if time.monotonic() - forgotten_s > TEMPO_FORGOTTEN_EVERY_S:
                forgotten_s = time.monotonic()
                await self._forget()

    async def _forget(self) -> None:
        assert self._parts is not None
        async with self._parts.pool.acquire() as db:
            await store.forget_tempo(db)

    async def _refresh(self) -> None:
        """Publish the picture unless it is the one that was published last."""
        picture = await self.picture()
        if self._shown is not None and _same(self._shown, picture):
            return
        self._publish(b"event: nation\ndata: " + picture.model_dump_json().encode() + b"\n\n")
        self._shown = picture

    def _publish(self, frame: bytes) -> None:
        """Hand the frame to all who wait; who is still busy with an older one takes the newest after it."""
        self._frame = frame
        self._version += 1
        waiting, self._next = self._next, asyncio.Event()
        waiting.set()

    async def _frames(self) -> AsyncIterator[bytes]:
        self._readers += 1
        try:
            yield b"retry: 2000\n\n"
            picture = await self.picture()
            yield b"event: nation\ndata: " + picture.model_dump_json().encode() + b"\n\n"
            seen = self._version
            while True:
                following = self._next
                if self._version == seen:
                    try:
                        async with asyncio.timeout(ALIVE_S):
                            await following.wait()
                    except TimeoutError:
                        yield b"event: alive\ndata: {}\n\n"
                        continue
                seen = self._version
                yield self._frame
        finally:
            self._readers -= 1

    async def _read(self) -> Nation:
        if self._parts is None:
            raise TimeoutError("the service has not started yet")
        async with self._parts.pool.acquire() as db, store.one_moment(db):
            sums = await store.standing(db)
            newest = await store.latest(db, LANE_CODES, NOTABLE, LOOK_BACK_PER_LANE)
            taken = await store.taken_in(db)
            still = await store.standing_still(db)
        return nation(
            [tuple(row) for row in sums],
            [Happening(**dict(row)) for row in newest],
            [_still(row["lane"], row["since"], stopped=row["stopped"]) for row in still],
            TakenIn(*taken),
            self._book,
            simulated=self._parts.settings.simulated,
        )


class Stream(StreamingResponse):
    """A stream that gives up a reader who takes nothing."""

    def __init__(self, frames: AsyncIterator[bytes]) -> None:
        super().__init__(
            frames,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the reader leaves or the server stops: then the stream ends in order, without a trace."""
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def stream_response(self, send: Send) -> None:
        """Send frame after frame, each within `SEND_TIMEOUT_S`."""

        async def send_in_time(message: MutableMapping[str, Any]) -> None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("slow_reader_dropped", after_s=SEND_TIMEOUT_S)


def router(live: Live) -> APIRouter:
    """The stream of the page and the same picture as JSON."""
    routes = APIRouter(tags=["numbers"], route_class=ProblemRoute)

    @routes.get("/live", response_class=StreamingResponse)
    async def stream() -> Response:
        """Server-sent events for the live page."""
        return live.stream()

    @routes.get("/v1/nation")
    async def picture(response: Response) -> Nation:
        """Sums of the nation and of each lane, targets, and what has just happened: as the page shows it."""
        response.headers["Cache-Control"] = "no-store"
        return await live.picture()

    return routes


def _still(lane: str, since: datetime | None, *, stopped: bool) -> Still:
    return Still(lane=lane, why="stopped" if stopped else "waiting", since=since)


def _same(before: Nation, after: Nation) -> bool:
    return before.model_copy(update={"at": after.at}) == after
