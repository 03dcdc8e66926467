"""Sends a file's events and waits for their receipts: what came of each row."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from console.province.drafting import Ready, Refused
from console.province.producer import CHUNK_RECORDS, CONNECT_LIMIT_S, Broker, ProvinceSender, SendError
from shared.contracts.enrollment import ReceiptIssued
from shared.contracts.envelope import Fact
from shared.contracts.topics import PROVINCE_RECEIPTS

SILENCE_LIMIT_S: Final = 60.0
"""Without a receipt for this long the file's end is not waited for."""
PARKED_LIMIT_S: Final = 2.0
"""Once only events are left that wait for others, these get this long more."""
POLL_S: Final = 0.2
REQUEST_LIMIT_S: Final = 10.0

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

    @property
    def well(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in {"accepted", "duplicate"}


def not_sent(refused: Refused) -> Outcome:
    """The outcome of a row that was refused before it was sent."""
    return Outcome(
        refused.number, refused.id, "not_sent", refused.code, refused.field, refused.zh, refused.en
    )


async def publish(
    broker: Broker,
    lane: str,
    events: Sequence[Ready],
    answered: Callable[[int], None],
    *,
    otlp_endpoint: str = "",
) -> list[Outcome]:
    """Send `events` on the lane's topic and follow its receipts; `answered` hears how many rows have one.

    Raises SendError when Kafka cannot be reached or takes nothing.
    """
    followed = _Followed(events)
    if not events:
        return []
    async with ProvinceSender(broker, (lane,), otlp_endpoint=otlp_endpoint) as sender:
        consumer = await _receipts(broker, lane)
        try:
            sending = asyncio.create_task(_send(sender, events))
            try:
                await _follow(consumer, followed, sending, answered)
            finally:
                sending.cancel()
                await asyncio.wait([sending])
        finally:
            await consumer.stop()
    return followed.outcomes()


async def _send(sender: ProvinceSender, events: Sequence[Ready]) -> None:
    for start in range(0, len(events), CHUNK_RECORDS):
        await sender.send(events[start : start + CHUNK_RECORDS])
    await sender.drain()


async def _receipts(broker: Broker, lane: str) -> AIOKafkaConsumer:
    """A reader that stands at the present end of the lane's receipts."""
    consumer = AIOKafkaConsumer(
        **broker.settings(lane), enable_auto_commit=False, request_timeout_ms=int(REQUEST_LIMIT_S * 1000)
    )
    place = TopicPartition(PROVINCE_RECEIPTS.topic(broker.namespace, lane), 0)
    try:
        await asyncio.wait_for(consumer.start(), CONNECT_LIMIT_S)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, end)
    except (KafkaError, OSError, TimeoutError) as error:
        await consumer.stop()
        raise SendError(
            f"无法读取本省的回执（{type(error).__name__}）。请确认该用户有读取 {place.topic} 的权限。",
            f"The receipts cannot be read ({type(error).__name__}). Make sure that this user may read "
            f"{place.topic}.",
        ) from error
    return consumer


async def _follow(
    consumer: AIOKafkaConsumer,
    followed: "_Followed",
    sending: "asyncio.Task[None]",
    answered: Callable[[int], None],
) -> None:
    """Read receipts until each row has its final one, or silence lasts too long."""
    heard_at = time.monotonic()
    while followed.waiting:
        batches: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=int(POLL_S * 1000))
        news = sum(followed.take(record.value) for records in batches.values() for record in records)
        if sending.done() and sending.exception() is not None:
            sending.result()
        if news or not sending.done():
            heard_at = time.monotonic()
            answered(followed.answered)
        silence_s = time.monotonic() - heard_at
        if silence_s > (PARKED_LIMIT_S if followed.only_parked else SILENCE_LIMIT_S):
            return


class _Followed:
    """The rows that were sent, by id, with what is known of each."""

    def __init__(self, events: Sequence[Ready]) -> None:
        self._rows = {(event.source, event.id): event for event in events}
        self._final: dict[tuple[str, str], Outcome] = {}
        self._parked: dict[tuple[str, str], Outcome] = {}

    @property
    def waiting(self) -> int:
        return len(self._rows) - len(self._final)

    @property
    def answered(self) -> int:
        return len(self._final.keys() | self._parked.keys())

    @property
    def only_parked(self) -> bool:
        return self.answered == len(self._rows)

    def take(self, value: bytes) -> bool:
        """Take one receipt; whether it says something new about a row of ours."""
        receipt = Fact[ReceiptIssued].model_validate_json(value, strict=False).data
        key = (receipt.event_source or "", receipt.event_id or "")
        event = self._rows.get(key)
        if event is None or key in self._final:
            return False
        outcome = Outcome(
            event.number,
            event.id,
            receipt.status,
            receipt.code,
            receipt.field,
            receipt.message_zh or "",
            receipt.message_en or "",
        )
        (self._parked if receipt.status == "parked" else self._final)[key] = outcome
        return True

    def outcomes(self) -> list[Outcome]:
        known = self._parked | self._final
        return [known.get(key) or _silent(event) for key, event in self._rows.items()]


def _silent(event: Ready) -> Outcome:
    return Outcome(
        event.number,
        event.id,
        "no_receipt",
        zh="已发送，但尚未收到回执。请稍后重新发送同一文件，不会重复计入。",
        en="It was sent but no receipt has come yet. Send the same file again later: nothing counts twice.",
    )
