"""The HTTP door: a province without Kafka posts its events, which are written to its own topic and judged there."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from services.enrollment import store
from services.enrollment.api import http_request
from services.enrollment.api.http_request import EVENTS_MAX, REQUEST_MAX_BYTES, NotTaken, Sent
from services.enrollment.api.judged import Receipt, read_on
from services.enrollment.domain.allowance import Allowance
from services.enrollment.gateway import NotWrittenError, ProvinceTopics
from shared.contracts.catalogue import MESSAGES
from shared.contracts.door_codes import DOOR_CODES, door_sentences
from shared.contracts.envelope import EVENT_MAX_BYTES
from shared.contracts.examples import example
from shared.contracts.provinces import WORKER_REGISTERED
from shared.plumbing import postgres
from shared.plumbing.operators import Code
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow

WAIT_MAX_S: Final = 10
"""So long a request may wait for its receipts."""
WAIT_AGAIN_S: Final = 0.2
REQUESTS_AT_ONCE: Final = 4
"""Of one province, those that wait for receipts included."""
BODIES_AT_ONCE: Final = 16
"""Bodies of all provinces in memory at once: with REQUEST_MAX_BYTES this bounds what they take."""
HEARD_MAX_BYTES: Final = 4 * REQUEST_MAX_BYTES
"""A body that goes on beyond this is cut off."""
BODY_TIMEOUT_S: Final = 30.0
DATABASE_TIMEOUT_S: Final = 2.0
RETRY_SOON_S: Final = 1
RETRY_AFTER_OUTAGE_S: Final = 5

Province = Annotated[Caller, Depends(allow("province"))]
Wait = Annotated[
    str,
    Query(
        pattern="^([0-9]|10)s$",
        description=f"Wait so long, at most {WAIT_MAX_S}s, and answer with the receipts that are final by then.",
        examples=["2s"],
    ),
]


class Written(BaseModel):
    """One event that is on the province's topic now."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """The event's id, as sent."""
    source: str
    """The event's source, as sent."""
    offset: int
    """Where it stands in the province's topic."""
    receipt: str
    """Path of its receipt, which is there once the event is judged."""


class Answer(BaseModel):
    """What was written, in the request's order."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    events: list[Written]
    """Each event and where its receipt will be."""
    receipts: list[Receipt]
    """With `wait`: those receipts that are final by now."""


class HttpDoor:
    """Writes what provinces post, within each province's allowance; it judges nothing."""

    def __init__(self, topics: ProvinceTopics, events_per_s: float, events_at_once: int) -> None:
        self._topics = topics
        self._events_per_s, self._events_at_once = events_per_s, events_at_once
        self._allowances: dict[str, Allowance] = {}
        self._under_way: Counter[str] = Counter()
        self._bodies = 0

    async def write(self, request: Request, lane: str) -> tuple[list[Sent], int]:
        """Read the request, write its events; they and the offset of the first. Raises ProblemError."""
        if self._bodies >= BODIES_AT_ONCE:
            raise refusal("too_many_at_once", retry_after_s=RETRY_SOON_S)
        self._bodies += 1
        try:
            events = await _read(request, lane)
            return events, await self._write(lane, events)
        finally:
            self._bodies -= 1

    async def _write(self, lane: str, events: Sequence[Sent]) -> int:
        wait_s = self._allowance(lane).take(len(events), time.monotonic())
        if wait_s:
            raise refusal("too_often", retry_after_s=math.ceil(wait_s))
        try:
            return await self._topics.write(lane, [(one.value, [*one.headers]) for one in events])
        except NotWrittenError as error:
            raise _not_written(events, error) from error

    @contextmanager
    def under_way(self, lane: str) -> Iterator[None]:
        """Count a request of this province while it lasts. Raises ProblemError where there are too many."""
        if self._under_way[lane] >= REQUESTS_AT_ONCE:
            raise refusal("too_many_at_once", retry_after_s=RETRY_SOON_S)
        self._under_way[lane] += 1
        try:
            yield
        finally:
            self._under_way[lane] -= 1

    def _allowance(self, lane: str) -> Allowance:
        if lane not in self._allowances:
            self._allowances[lane] = Allowance(
                self._events_per_s, self._events_at_once, self._events_at_once, time.monotonic()
            )
        return self._allowances[lane]


def router(door: HttpDoor) -> APIRouter:
    """The routes by which provinces send."""
    routes = APIRouter(prefix="/v1", tags=["provinces"], route_class=ProblemRoute)

    @routes.post(
        "/provinces/{code}/events",
        status_code=202,
        description=_DESCRIPTION,
        responses={
            202: {"description": "On the province's topic, acknowledged by Kafka; each receipt follows."},
            **documented(400, place=_PLACE),
            **documented(401, 403, 408, 413, 415, 422, 429),
            **documented(503, events=_EVENTS),
        },
        openapi_extra={"requestBody": _REQUEST_BODY, "parameters": _BINARY_HEADERS},
    )
    async def send_events(request: Request, code: Code, caller: Province, wait: Wait = "0s") -> Answer:
        only_own(caller, code)
        pool = request.app.state.pool
        with door.under_way(code):
            after = await _receipts_issued(pool, code)
            events, first = await door.write(request, code)
            offsets = range(first, first + len(events))
            receipts = await _wait_for(pool, code, after, offsets, int(wait.removesuffix("s")))
        written = [
            Written(id=one.id, source=one.source, offset=offset, receipt=_link(code, one, offset, after))
            for one, offset in zip(events, offsets, strict=True)
        ]
        return Answer(events=written, receipts=receipts)

    return routes


def refusal(code: str, detail: str = "", *, retry_after_s: int | None = None, **more: Any) -> ProblemError:
    """A refusal of the HTTP door, by its code of the catalogue."""
    zh, en = door_sentences(code, detail)
    return ProblemError(DOOR_CODES[code].status, code, zh, en, retry_after_s=retry_after_s, **more)


def only_own(caller: Caller, lane: str) -> None:
    """Refuse a province's token on another lane than its own. Raises ProblemError."""
    if caller.role == "province" and caller.province != lane:
        raise refusal("another_province")


async def _read(request: Request, lane: str) -> list[Sent]:
    body = await _body(request)
    mode = http_request.media_type(request.headers.get("content-type", ""), request.headers.keys())
    if mode is None:
        raise refusal("wrong_content_type")
    read = http_request.records(body, mode, request.headers.items(), lane)
    if isinstance(read, NotTaken):
        more = {} if read.place is None else {"place": read.place}
        raise refusal(read.code, read.detail, **more)
    return read


async def _body(request: Request) -> bytes:
    """The whole body, never more than REQUEST_MAX_BYTES of it in memory. Raises ProblemError.

    A longer one is heard to its end: closed on one who still sends, the connection is reset and our answer lost.
    """
    size, parts, more = 0, list[bytes](), True
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while more and size <= HEARD_MAX_BYTES:
                message = await request.receive()
                if message["type"] == "http.disconnect":  # nobody hears this
                    raise refusal("empty")
                part, more = message.get("body", b""), message.get("more_body", False)
                size += len(part)
                if size <= REQUEST_MAX_BYTES:
                    parts.append(part)
    except TimeoutError:
        raise refusal("too_slow", f"{BODY_TIMEOUT_S:.0f}") from None
    if size > REQUEST_MAX_BYTES:
        raise refusal("request_too_large", str(REQUEST_MAX_BYTES))
    return b"".join(parts)


def _not_written(events: Sequence[Sent], error: NotWrittenError) -> ProblemError:
    written = "no" if error.surely_not else "unknown"
    named = [{"id": one.id, "source": one.source, "written": written} for one in events]
    return refusal("not_written", retry_after_s=RETRY_AFTER_OUTAGE_S, events=named)


async def _receipts_issued(pool: Any, lane: str) -> int | None:
    """The lane's last receipt before the events are written, so that theirs are looked for behind it only.

    None while the database is away: writing to Kafka needs none.
    """
    try:
        async with pool.acquire(timeout=DATABASE_TIMEOUT_S) as db:
            return await store.receipts_issued(db, lane)
    except postgres.PASSING:
        return None


async def _wait_for(pool: Any, lane: str, after: int | None, offsets: range, wait_s: int) -> list[Receipt]:
    """The final receipts of the records at `offsets`: all of them, or those that are there in time."""
    found: dict[int, Receipt] = {}
    deadline = time.monotonic() + wait_s
    while after is not None and len(found) < len(offsets) and time.monotonic() < deadline:
        await asyncio.sleep(WAIT_AGAIN_S)
        try:
            async with pool.acquire(timeout=DATABASE_TIMEOUT_S) as db:
                if await store.receipts_issued(db, lane) == after:
                    continue
                chunk = await read_on(db, lane, after)
        except postgres.PASSING:
            continue
        after = chunk.read_to
        found |= {one.offset: one for one in chunk.receipts if one.final and one.offset in offsets}
    return [found[offset] for offset in sorted(found)]


def _link(lane: str, event: Sent, offset: int, after: int | None) -> str:
    """Where the receipt of this very record will be: of an id that is sent twice each record has its own."""
    query = {"source": event.source, "offset": offset} | ({} if after is None else {"after": after})
    return f"/v1/provinces/{lane}/receipts/{quote(event.id, safe='')}?{urlencode(query)}"


_DESCRIPTION: Final = f"""Send one event, or up to {EVENTS_MAX:,} as a batch, to the province's own topic.

The answer comes after Kafka has acknowledged. A request is written whole or not at all, and judged as if it had come
by Kafka: each event gets its receipt, also a refused one. Only what could get no receipt is refused here, and then
nothing of the request is written. At most {REQUEST_MAX_BYTES:,} bytes a request and {EVENT_MAX_BYTES:,} an event.

No `Idempotency-Key` is needed: the event's `id` (with its `source`) is one. After a lost answer or a 503 send the
same events again; what was written already gets the receipt `duplicate` and counts once.

发送一个事件或一批事件（最多 {EVENTS_MAX:,} 个）。无需 Idempotency-Key：事件编号即是；重复发送不会重复计入。"""
_EXAMPLE: Final = example(
    next(m for m in MESSAGES if m.name == WORKER_REGISTERED and m.publisher == "provinces")
)
_EVENT: Final = {
    "type": "object",
    "description": "A CloudEvent 1.0; docs/contracts holds a schema for each type. Here only what names it is needed.",
    "required": ["id", "source"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
        "source": {
            "type": "string",
            "maxLength": 122,
            "pattern": "^//provinces/[0-9]{2}/[A-Za-z0-9._~/-]{1,100}$",
        },
    },
}
_REQUEST_BODY: Final = {
    "required": True,
    "content": {
        http_request.STRUCTURED: {"schema": _EVENT, "example": _EXAMPLE},
        http_request.BATCHED: {
            "schema": {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": EVENTS_MAX},
            "example": [_EXAMPLE],
        },
        http_request.BINARY: {
            "schema": {
                "type": "object",
                "description": "The event's data; its attributes are `ce-` headers.",
            },
            "example": _EXAMPLE["data"],
        },
    },
}
_BINARY_HEADERS: Final = [
    {
        "name": f"ce-{name}",
        "in": "header",
        "required": False,
        "description": f"Binary mode only: the event's `{name}`, percent-encoded where it is not ASCII.",
        "schema": {"type": "string", "maxLength": http_request.ATTRIBUTE_MAX_CHARS},
        "example": _EXAMPLE[name],
    }
    for name in ("specversion", "id", "source", "type", "subject", "time")
]
_PLACE: Final = {"type": "integer", "description": "Which event of a batch is to blame, from 0."}
_EVENTS: Final = {
    "type": "array",
    "description": "Each event of the request, and whether it may have been written.",
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "source": {"type": "string"},
            "written": {"type": "string", "enum": ["no", "unknown"]},
        },
    },
}
