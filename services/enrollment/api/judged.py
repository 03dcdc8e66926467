"""Receipts as the HTTP API shows them: out of the lane's log by number and time, or out of the inbox by id."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict

from shared.contracts.receipt_codes import CODES, sentences
from shared.contracts.topics import PROVINCE_RECEIPTS
from shared.plumbing import store as log
from shared.plumbing.store import Db

CHUNK_ROWS_MAX: Final = 500
CHUNK_BYTES_MAX: Final = 1024 * 1024
"""So much of the log is read and parsed at once: some two thousand receipts."""
Status = Literal["accepted", "duplicate", "conflict", "rejected", "parked"]


class Receipt(BaseModel):
    """How one record on the province's topic was judged; `parked` comes before a final verdict."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Status
    """The verdict: all but `parked` are final."""
    event_id: str | None
    """The province's id; none for a record that could not be read."""
    event_source: str | None
    """The `source` that the province sent."""
    event_type: str | None
    """The `type` that the province sent, where one could be read."""
    offset: int
    """The record's offset in the province's topic."""
    code: str | None
    """Why, from the catalogue of codes; none when accepted."""
    field: str | None
    """Which field, as a path with dots."""
    message_zh: str | None
    """What happened, why and what to do now, in Chinese; none when accepted."""
    message_en: str | None
    """The same in English."""
    what_to_do_zh: str | None
    """What to do now, by itself, in Chinese."""
    what_to_do_en: str | None
    """The same in English."""
    first_event_id: str | None
    """The event that stands in the way, for `duplicate`, `conflict` and `already_recorded`."""
    voided_by: str | None = None
    """The event that voided or corrected it after it was accepted; its receipt stays what it was."""
    judged_at: datetime
    """When it was judged."""

    @property
    def final(self) -> bool:
        """Whether nothing will follow it."""
        return self.status != "parked"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some receipts of a lane, in the order of their numbers."""

    receipts: list[Receipt]
    read_to: int
    """The number of the last one that was looked at."""
    ended: bool
    """Whether nothing follows, as yet."""


async def read_on(
    db: Db,
    lane: str,
    after: int,
    before: datetime | None = None,
    *,
    status: Status | None = None,
    limit: int | None = None,
) -> Chunk:
    """A bounded number of a lane's receipts after number `after`, recorded before an instant, of one status."""
    rows = await log.read_log(db, PROVINCE_RECEIPTS.pattern, lane, after + 1, CHUNK_ROWS_MAX, CHUNK_BYTES_MAX)
    found: list[Receipt] = []
    read_to = after
    for row in rows:
        if before is not None and row.recorded_at >= before:
            return Chunk(found, read_to, ended=True)
        for event in map(orjson.loads, row.events.split(b"\n")):
            if event["seq"] <= read_to:
                continue
            if limit is not None and len(found) == limit:
                return Chunk(found, read_to, ended=False)
            read_to = event["seq"]
            if status in (None, event["data"]["status"]):
                found.append(out_of_log(event))
    return Chunk(found, read_to, ended=read_to == after)


def out_of_log(event: Mapping[str, Any]) -> Receipt:
    """A receipt as it was published."""
    return _receipt(event["data"], event["recordedtime"])


def out_of_inbox(row: Mapping[str, Any]) -> Receipt:
    """The verdict that stands under an id."""
    zh = en = None
    if row["code"] is not None:
        zh, en = sentences(row["code"], field=row["field"], detail=row["detail"])
    data = {
        "status": row["status"],
        "event_id": row["id"],
        "event_source": row["source"],
        "event_type": row["type"],
        "offset": row["record_offset"],
        "message_zh": zh,
        "message_en": en,
    }
    return _receipt({**row, **data}, row["received_at"])


def _receipt(data: Mapping[str, Any], judged_at: Any) -> Receipt:
    code = CODES.get(data["code"] or "")
    what_to_do = {"what_to_do_zh": code and code.do_zh, "what_to_do_en": code and code.do_en}
    return Receipt.model_validate({**data, **what_to_do, "judged_at": judged_at})
