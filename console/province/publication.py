"""Sends a file's events through the kit and waits for their receipts: what came of each row, also after a cut."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from console.province.drafting import Ready, Refused, place
from console.province.outbox import Key, Outbox
from console.province.producer import Broker
from console.province.publisher import ForeignOutboxError, ProvincePublisher
from shared.contracts.enrollment import ReceiptIssued

SILENCE_LIMIT_S: Final = 60.0
"""Without a receipt for this long the file's end is not waited for."""
PARKED_LIMIT_S: Final = 2.0
"""Once only events are left that wait for others, these get this long more."""
PATIENCE_S: Final = 20.0
"""Kafka may be out of reach for so long before the command gives up; what is kept goes on in the next run."""
POLL_S: Final = 0.2

Status = Literal["accepted", "duplicate", "conflict", "rejected", "parked", "not_sent", "no_receipt"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one row."""

    number: int
    id: str | None
    status: Status
    code: str | None = None
    field: str | None = None
    zh: str = ""
    en: str = ""
    type: str | None = None
    sheet: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in {"accepted", "duplicate"}

    @property
    def place(self) -> str:
        """Line, with the sheet in front where there are several."""
        return place(self.number, self.sheet)


def not_sent(refused: Refused) -> Outcome:
    """The outcome of a row that was refused before it was sent."""
    return Outcome(
        refused.number,
        refused.id,
        "not_sent",
        refused.code,
        refused.field,
        refused.zh,
        refused.en,
        refused.type,
        refused.sheet,
    )


async def publish(
    broker: Broker,
    lane: str,
    events: Sequence[Ready],
    progress: Path,
    answered: Callable[[int], None],
    *,
    otlp_endpoint: str = "",
) -> list[Outcome]:
    """Send `events` on the lane's topic and follow their receipts; `answered` hears how many rows have one.

    `progress` is an outbox that stays after a cut and while a row has no final receipt: the next run goes on from it.
    Raises SendError when Kafka cannot be reached for long, OutboxError when `progress` is in use.
    """
    if not events:
        return []
    try:
        outcomes = await _publish(broker, lane, events, progress, answered, otlp_endpoint)
    except ForeignOutboxError:
        Outbox(progress, lane).remove()  # of another deployment: there nothing of this file is known
        outcomes = await _publish(broker, lane, events, progress, answered, otlp_endpoint)
    if not any(outcome.status in {"no_receipt", "parked"} for outcome in outcomes):
        Outbox(progress, lane).remove()
    return outcomes


async def _publish(
    broker: Broker,
    lane: str,
    events: Sequence[Ready],
    progress: Path,
    answered: Callable[[int], None],
    otlp_endpoint: str,
) -> list[Outcome]:
    keys = [(event.source, event.id) for event in events]
    busy = await asyncio.to_thread(_prepare, progress, lane, events, keys)
    publisher = ProvincePublisher(broker, lane, progress, otlp_endpoint=otlp_endpoint, settled_max=None)
    async with publisher:
        await _until(publisher, publisher.caught_up)
        still = await publisher.put(busy)
        refused = {(e.source, e.id) for e, put in zip(busy, still, strict=True) if put == "busy"}
        await _follow(publisher, keys, answered)
        known = await publisher.receipts(keys)
    return [
        _busy(event) if key in refused else _outcome(event, known.get(key))
        for event, key in zip(events, keys, strict=True)
    ]


def _prepare(progress: Path, lane: str, events: Sequence[Ready], keys: Sequence[Key]) -> list[Ready]:
    """Have in the outbox what the file holds now and nothing else; events whose earlier content is on its way."""
    outbox = Outbox(progress, lane)
    try:
        outbox.keep_only(keys)
        put = outbox.put(events)
    finally:
        outbox.close()
    return [event for event, done in zip(events, put, strict=True) if done == "busy"]


async def _follow(publisher: ProvincePublisher, keys: Sequence[Key], answered: Callable[[int], None]) -> None:
    """Wait until each event has its final receipt, or silence lasts too long."""
    heard_at, last = time.monotonic(), -1
    while True:
        counts = await publisher.counts()
        settled, parked = counts.get("settled", 0), counts.get("parked", 0)
        answered(min(settled + parked, len(keys)))
        if settled == sum(counts.values()):
            return
        sending = bool({"unsent", "again"} & counts.keys())
        if settled + parked != last or sending:
            heard_at, last = time.monotonic(), settled + parked
        limit_s = PARKED_LIMIT_S if settled + parked == sum(counts.values()) else SILENCE_LIMIT_S
        if time.monotonic() - heard_at > limit_s:
            return
        await _until(publisher, lambda: publisher.heard(POLL_S))


async def _until(publisher: ProvincePublisher, waits: Callable[[], Coroutine[None, None, None]]) -> None:
    """Wait, unless Kafka is out of reach for too long: then its trouble is raised."""
    waiting = asyncio.create_task(waits())
    try:
        while not waiting.done():
            await asyncio.wait([waiting], timeout=POLL_S)
            trouble = publisher.trouble
            if trouble is not None and time.monotonic() - publisher.trouble_since_s > PATIENCE_S:
                raise trouble
        waiting.result()
    finally:
        waiting.cancel()


def _outcome(event: Ready, receipt: ReceiptIssued | None) -> Outcome:
    if receipt is None:
        return _left(
            event,
            "no_receipt",
            "已发送，但尚未收到回执。请稍后重新发送同一文件，不会重复计入。",
            "It was sent but no receipt has come yet. Send the same file again later: nothing counts twice.",
        )
    return Outcome(
        event.number,
        event.id,
        receipt.status,
        receipt.code,
        receipt.field,
        receipt.message_zh or "",
        receipt.message_en or "",
        event.type,
        event.sheet,
    )


def _busy(event: Ready) -> Outcome:
    return _left(
        event,
        "not_sent",
        "同一编号此前发送的另一内容尚无最终回执，本行未发送。请稍后重新发送同一文件。",
        "Other content under this id was sent before and has no final receipt yet, so this row was not sent. Send the "
        "same file again later.",
    )


def _left(event: Ready, status: Status, zh: str, en: str) -> Outcome:
    return Outcome(event.number, event.id, status, None, None, zh, en, event.type, event.sheet)
