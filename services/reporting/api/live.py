"""Push the picture of the nation and its targets to open pages; a slow reader delays nobody."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, FastAPI, Header, Query, Response
from fastapi.responses import StreamingResponse
from prometheus_client import Gauge

from services.reporting import store
from services.reporting.api import past, targets
from services.reporting.api.feed import GZIP_HEAD, RETRY, Feed, Frame
from services.reporting.api.pace import INTERVAL_S, Pace
from services.reporting.domain.nation import NOTABLE, Happening, Nation, Still, TakenIn, nation
from services.reporting.domain.targets import Book
from shared.contracts.envelope import Day
from shared.contracts.lanes import LANE_CODES
from shared.plumbing import postgres
from shared.plumbing.problem import ProblemRoute, documented, problem
from shared.plumbing.service import Parts

TARGETS_INTERVAL_S: Final = 5.0
"""Where targets lead moves slowly and costs more to read than sums."""
IDLE_S: Final = 5.0
"""Without a change the picture is read again after this long: a lane that stops does not say so."""
ALIVE_S: Final = 10.0
"""A reader hears something at least this often."""
SEND_TIMEOUT_S: Final = 20.0
"""A reader that takes nothing for this long is dropped; its browser comes again by itself."""
AGAIN_S: Final = 2.0
ID_CHARS_MAX: Final = 64
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
        self._told: targets.Targets | None = None
        self._told_s = float("-inf")
        self._telling = asyncio.Lock()
        self._feed = Feed()
        self._pace = Pace(time.monotonic())
        self._built_s = 0.0
        self._interval_s = INTERVAL_S
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
                self._feed.publish("trouble", b"{}")
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

    async def past(self, as_of: str | None, known_on: Day | None) -> Nation:
        """The picture at the end of a month, as known at the end of a day: read for whoever asks."""
        parts = self._started()
        async with parts.pool.acquire() as db, store.one_moment(db):
            return await past.picture(db, self._book, as_of, known_on, simulated=parts.settings.simulated)

    def stream(self, last_id: str | None = None, *, packed: bool = False) -> Response:
        """Server-sent events: `nation` and `targets`, each whole, whenever they change; `alive` otherwise.

        Who comes again with the id of what was seen last is sent only what is newer.
        """
        if self._readers >= self._readers_max:
            return problem(
                503,
                "Too many pages are open here; this one tries again by itself. "
                "/ 打开的页面过多，稍后将自动重试。",
                {"Retry-After": "10"},
            )
        return Stream(self._packed(last_id) if packed else self._plain(last_id), packed=packed)

    async def _follow(self, changes: store.Changes) -> None:
        forgotten_s = time.monotonic()
        while True:
            if self._readers:
                await self._refresh()
            await asyncio.sleep(self._interval_s)
            await changes.next(IDLE_S)
            if time.monotonic() - forgotten_s > TEMPO_FORGOTTEN_EVERY_S:
                forgotten_s = time.monotonic()
                await self._forget()

    async def _forget(self) -> None:
        assert self._parts is not None
        async with self._parts.pool.acquire() as db:
            await store.forget_tempo(db)

    async def _refresh(self) -> None:
        """Publish the picture unless it is the one that was published last, and from time to time the targets."""
        picture = await self.picture()
        if self._shown is None or not _same(self._shown, picture):
            self._shown = picture
            self._feed.withdraw("trouble")
            began_s = time.thread_time() - self._built_s
            self._feed.publish("nation", picture.model_dump_json().encode())
            await self._served(began_s)
        await self._refresh_targets()

    async def _served(self, began_s: float) -> None:
        """Wait until all who were ready have their picture; how soon the next may follow depends on what that took."""
        await asyncio.sleep(0)  # whom publishing has woken comes before
        self._interval_s = self._pace.spent(time.thread_time() - began_s, time.monotonic())

    async def _refresh_targets(self) -> None:
        parts = self._started()
        async with self._telling:
            if time.monotonic() - self._told_s < TARGETS_INTERVAL_S:
                return
            async with parts.pool.acquire() as db, store.one_moment(db):
                told = await targets.read(db, self._book, simulated=parts.settings.simulated)
            self._told_s = time.monotonic()
            if told != self._told:
                self._told = told
                self._feed.publish("targets", told.model_dump_json().encode())

    async def _plain(self, last_id: str | None) -> AsyncGenerator[bytes]:
        async with aclosing(self._frames(last_id)) as frames:
            async for frame in frames:
                yield frame.plain

    async def _packed(self, last_id: str | None) -> AsyncGenerator[bytes]:
        yield GZIP_HEAD
        async with aclosing(self._frames(last_id)) as frames:
            async for frame in frames:
                yield frame.packed

    async def _frames(self, last_id: str | None) -> AsyncGenerator[Frame]:
        self._readers += 1
        try:
            yield RETRY
            await self._refresh()
            async with aclosing(self._feed.follow(last_id, ALIVE_S)) as frames:
                async for frame in frames:
                    yield frame
        finally:
            self._readers -= 1

    def _started(self) -> Parts:
        if self._parts is None:
            raise TimeoutError("the service has not started yet")
        return self._parts

    async def _read(self) -> Nation:
        parts = self._started()
        async with parts.pool.acquire() as db, store.one_moment(db):
            sums = await store.standing(db)
            newest = await store.latest(db, LANE_CODES, NOTABLE, LOOK_BACK_PER_LANE)
            taken = await store.taken_in(db)
            still = await store.standing_still(db)
            book = (await targets.targets_in_force(db, self._book)).book
        began_s = time.thread_time()
        picture = nation(
            [tuple(row) for row in sums],
            [Happening(**dict(row)) for row in newest],
            [_still(row["lane"], row["since"], stopped=row["stopped"]) for row in still],
            TakenIn(*taken),
            book,
            simulated=parts.settings.simulated,
        )
        self._built_s = time.thread_time() - began_s
        return picture


class Stream(StreamingResponse):
    """A stream that gives up a reader who takes nothing."""

    def __init__(self, frames: AsyncGenerator[bytes], *, packed: bool = False) -> None:
        self.frames = frames
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        super().__init__(frames, media_type="text/event-stream", headers=headers)

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

        async with aclosing(self.frames):
            try:
                await super().stream_response(send_in_time)
            except TimeoutError:
                log.info("slow_reader_dropped", after_s=SEND_TIMEOUT_S)


def router(live: Live) -> APIRouter:
    """The stream of the page and the same picture as JSON."""
    routes = APIRouter(tags=["numbers"], route_class=ProblemRoute, responses=documented(422, 503))

    @routes.get("/live", response_class=StreamingResponse)
    async def stream(
        last_event_id: Annotated[str | None, Header(max_length=ID_CHARS_MAX)] = None,
        accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """Server-sent events for the live page; `Last-Event-ID` resumes."""
        return live.stream(last_event_id, packed=_takes_gzip(accept_encoding))

    @routes.get("/v1/nation", responses=documented(422, 503))
    async def picture(
        response: Response,
        as_of: Annotated[
            str | None, Query(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-06"])
        ] = None,
        known_on: Annotated[Day | None, Query(examples=["2026-07-01"])] = None,
    ) -> Nation:
        """Sums of the nation and of each lane, targets, and what has just happened: as the page shows it.

        With `as_of` what had happened by the end of that month, with `known_on` what was known at the end of that day.
        """
        response.headers["Cache-Control"] = "no-store"
        if as_of is None and known_on is None:
            return await live.picture()
        return await live.past(as_of, known_on)

    return routes


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether the reader unpacks gzip: named, and not as what it refuses."""
    named = (part.strip().partition(";") for part in accept_encoding.lower().split(","))
    return any(
        name.strip() == "gzip" and weight.replace(" ", "") not in ("q=0", "q=0.0")
        for name, _, weight in named
    )


def _still(lane: str, since: datetime | None, *, stopped: bool) -> Still:
    return Still(lane=lane, why="stopped" if stopped else "waiting", since=since)


def _same(before: Nation, after: Nation) -> bool:
    return before.model_copy(update={"at": after.at}) == after
