"""Receipts by HTTP: of one event, of a day, or on from a number; as JSON or as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.enrollment import store
from services.enrollment.api.events import RETRY_SOON_S, only_own, refusal
from services.enrollment.api.judged import Receipt, Status, out_of_inbox, read_on
from shared.contracts.envelope import SHANGHAI, Day, day_begins, shanghai_day
from shared.contracts.receipt_codes import STATUSES, sentences
from shared.contracts.spreadsheet import safe
from shared.plumbing import look_ups
from shared.plumbing.operators import Code
from shared.plumbing.postgres import utc_now
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.store import Db
from shared.plumbing.tokens import Caller, allow

PAGE_MAX: Final = 5_000
PAGE_USUAL: Final = 200
CHUNKS_MAX: Final = 4
"""So many pieces of the log are read for one answer: a page may be short, and say that more follows."""
EVENT_ID_MAX_CHARS: Final = 128
SOURCE_MAX_CHARS: Final = 122
OFFSET_MAX: Final = 2**53 - 1
BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it spreadsheets take UTF-8 for something else."""
CSV: Final = "text/csv"

_LOOKED_UP: Final = "receipts_looked_up"
router = APIRouter(prefix="/v1", tags=["receipts"], route_class=ProblemRoute)

Anyone = Annotated[Caller, Depends(allow("operator", "auditor", "province"))]
EventId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=EVENT_ID_MAX_CHARS,
        pattern=r"^[^\x00-\x1f\x7f]+$",  # no id that could be read holds others
        description="The event's id, as the province sent it.",
    ),
]
Number = Annotated[int, Query(ge=0, le=OFFSET_MAX)]


class Found(BaseModel):
    """The receipts of one event: more than one where several systems of a province use the same id."""

    receipts: list[Receipt]


class Which(BaseModel):
    """Which receipts are listed."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    day: Day | None = None
    """Those judged on this day (Asia/Shanghai); today where neither `day` nor `after` is given."""
    status: Status | None = None
    """Only those with this verdict."""
    after: Annotated[int | None, Field(ge=0, le=OFFSET_MAX)] = None
    """Only those with a higher number: send `next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_USUAL
    """At most so many."""


class Page(BaseModel):
    """Receipts in the order in which they were issued."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    simulated: bool
    """They answer a simulation."""
    receipts: list[Receipt]
    """May be fewer than `limit`, even none, although more follow: look at `more`."""
    next: int
    """Send it as `after` for what follows, also later on, to follow receipts as they come."""
    more: bool
    """Whether something follows now."""


@router.get("/receipts/{event_id:path}", responses=documented(401, 403, 422, 503))
async def receipts_under_an_id(request: Request, event_id: EventId, caller: Anyone) -> list[dict[str, Any]]:
    """How the event was judged, on all lanes; a province sees its own. Empty where nothing came under this id."""
    async with request.app.state.pool.acquire() as db:
        rows = await store.receipts(db, event_id, caller.province)
    await look_ups.note(
        request,
        _LOOKED_UP,
        caller,
        caller.province,
        receipts=len(rows),
        event_sha256=look_ups.hashed(event_id),
    )
    return [_with_sentences(dict(row)) for row in rows]


@router.get("/provinces/{code}/receipts/{event_id:path}", responses=documented(401, 403, 404, 422, 503))
async def receipt(
    request: Request,
    code: Code,
    event_id: EventId,
    caller: Anyone,
    source: Annotated[
        str | None,
        Query(max_length=SOURCE_MAX_CHARS, description="Only of this system, as the event's `source`."),
    ] = None,
    offset: Annotated[
        int | None, Query(ge=0, le=OFFSET_MAX, description="Of this very record; as in the link of a 202.")
    ] = None,
    after: Annotated[
        int | None, Query(ge=0, le=OFFSET_MAX, description="Where to look for it; as in the link of a 202.")
    ] = None,
) -> Found:
    """The receipt of one event.

    The link that a 202 gives leads to the receipt of that very record, also where its id was sent before
    (`duplicate`, `conflict`). Without `offset` it is the verdict that stands under the id. 404 while there is none.
    """
    only_own(caller, code)
    wanted = _Wanted(code, event_id, source, offset)
    async with request.app.state.pool.acquire() as db:
        found = await _find(db, wanted, after)
    await look_ups.note(
        request,
        _LOOKED_UP,
        caller,
        code,
        receipts=len(found),
        event_sha256=look_ups.hashed(event_id),
    )
    if not found:
        raise refusal("no_receipt_yet", retry_after_s=RETRY_SOON_S)
    return Found(receipts=found)


@router.get(
    "/provinces/{code}/receipts",
    response_model=Page,
    responses={
        200: {
            "content": {CSV: {"schema": {"type": "string"}}},
            "headers": {
                "Link": {
                    "description": 'Of a table: the next page, as `<…>; rel="next"`, while more follow.',
                    "schema": {"type": "string"},
                }
            },
        },
        **documented(401, 403, 422, 503),
    },
)
async def receipts(
    request: Request,
    code: Code,
    caller: Anyone,
    which: Annotated[Which, Query()],
    accept: Annotated[
        str, Header(description="`text/csv` for a table with Chinese and English headers.")
    ] = "application/json",
) -> Any:
    """The receipts of a day, or of all days on from a number, page by page."""
    only_own(caller, code)
    simulated = request.app.state.settings.simulated
    async with request.app.state.pool.acquire() as db:
        page = await _page(db, code, which, simulated)
    asked = which.model_dump(mode="json", exclude_none=True)
    await look_ups.note(request, _LOOKED_UP, caller, code, receipts=len(page.receipts), **asked)
    if CSV not in accept:
        return page
    return Response(_table(page.receipts), headers=_next_page(code, which, page), media_type=CSV)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What tells one record from others."""

    lane: str
    event_id: str
    source: str | None
    offset: int | None

    def is_met_by(self, one: Receipt) -> bool:
        return (
            one.event_id == self.event_id
            and self.source in (None, one.event_source)
            and self.offset in (None, one.offset)
        )


async def _find(db: Db, wanted: _Wanted, after: int | None) -> list[Receipt]:
    """Out of the log where the record's number is known about; otherwise the inbox, by its key."""
    issued: list[Receipt] = []
    if after is not None and wanted.offset is not None:
        for _ in range(CHUNKS_MAX):
            chunk = await read_on(db, wanted.lane, after)
            issued += filter(wanted.is_met_by, chunk.receipts)
            if chunk.ended or any(one.final for one in issued):
                break
            after = chunk.read_to
    if issued and issued[-1].final:
        return issued[-1:]
    rows = await store.receipts(db, wanted.event_id, wanted.lane)
    return list(filter(wanted.is_met_by, map(out_of_inbox, map(dict, rows)))) or issued[-1:]


async def _page(db: Db, lane: str, which: Which, simulated: bool) -> Page:
    day = which.day or (shanghai_day(utc_now()) if which.after is None else None)
    after, before = which.after or 0, None
    if day is not None:
        after = max(after, await store.receipts_issued_before(db, lane, day_begins(day)))
        before = day_begins(day + timedelta(days=1))
    found: list[Receipt] = []
    for _ in range(CHUNKS_MAX):
        chunk = await read_on(db, lane, after, before, limit=which.limit - len(found), status=which.status)
        found += chunk.receipts
        after = chunk.read_to
        if chunk.ended or len(found) == which.limit:
            break
    else:
        return Page(simulated=simulated, receipts=found, next=after, more=True)
    return Page(simulated=simulated, receipts=found, next=after, more=not chunk.ended)


def _next_page(lane: str, which: Which, page: Page) -> dict[str, str]:
    if not page.more:
        return {}
    query = which.model_dump(mode="json", exclude_none=True) | {"after": page.next}
    return {"Link": f'</v1/provinces/{lane}/receipts?{urlencode(query)}>; rel="next"'}


_HEADER: Final = (
    "判定时间 judged at", "事件编号 event id", "来源系统 source", "事件类型 type", "位置 offset", "结果", "result",
    "代码 code", "字段 field", "原因", "why", "现在怎么办", "what to do now", "相关事件 first event id",
)  # fmt: skip


def _table(listed: Sequence[Receipt]) -> str:
    """A table that a spreadsheet opens as it is: headers in both languages, no formula."""
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    writer = csv.writer(text)
    writer.writerow(_HEADER)
    writer.writerows([safe(cell) for cell in _cells(one)] for one in listed)
    return text.getvalue()


def _cells(one: Receipt) -> Iterable[str]:
    do_zh, do_en = one.what_to_do_zh or "", one.what_to_do_en or ""
    yield one.judged_at.astimezone(SHANGHAI).isoformat(" ", "seconds")
    yield from (one.event_id or "", one.event_source or "", one.event_type or "", str(one.offset))
    yield from STATUSES[one.status]
    yield from (one.code or "", one.field or "")
    yield (one.message_zh or "").removesuffix(do_zh)
    yield (one.message_en or "").removesuffix(do_en).rstrip()
    yield from (do_zh, do_en, one.first_event_id or "")


def _with_sentences(row: dict[str, Any]) -> dict[str, Any]:
    if row["code"] is None:
        return row
    zh, en = sentences(row["code"], field=row["field"], detail=row["detail"])
    return {**row, "message_zh": zh, "message_en": en}
