"""The publisher kit: what a province's own system sends through, so that no event is lost or counted twice.

Events go to disk first and from there to Kafka, in order; after a cut or a crash the same outbox goes on where it
stood. Each event has one final receipt, which is awaited or heard by a callback.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from random import uniform
from types import TracebackType
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from console.province.connection import Connection, find_connection, find_key
from console.province.drafting import Ready, Refused, Sender, draft
from console.province.files import Row
from console.province.headers import full_type
from console.province.identity import WorkerKey
from console.province.outbox import Key, Outbox, OutboxError, Put
from console.province.producer import (
    CHUNK_RECORDS,
    CONNECT_LIMIT_S,
    Broker,
    ProvinceSender,
    Sendable,
    SendError,
)
from console.province.said_error import SaidError
from shared.contracts.enrollment import ReceiptIssued
from shared.contracts.envelope import Fact
from shared.contracts.topics import PROVINCE_RECEIPTS

UNSENT_MAX: Final = 1_000_000
"""So many events may wait on disk; `send` then waits until some have gone."""
SETTLED_MAX: Final = 100_000
"""So many events are remembered after their receipt: sent again with the same content, these do not leave again."""
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 30.0
"""Between two attempts to reach Kafka; each pause is about twice the last."""
POLL_S: Final = 0.2
REQUEST_LIMIT_S: Final = 10.0
RECEIPTS_AT_ONCE: Final = 1_000

T = TypeVar("T")


class InvalidEventError(SaidError):
    """The event does not follow its contract and was not kept; `refused` has code and field."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.zh, refused.en)
        self.refused = refused


class BusyEventError(SaidError):
    """The id is taken by other content whose receipt has not come: which of the two counts could not be told."""

    def __init__(self, id_: str) -> None:
        super().__init__(
            f"事件 {id_} 已发送另一内容，尚未收到最终回执。请等回执到达后再发送更改。",
            f"Event {id_} was sent with other content and has no final receipt yet. Send the change once it has.",
        )


@dataclass(eq=False)
class Sent:
    """An event that is on disk and on its way."""

    id: str
    answer: "asyncio.Future[ReceiptIssued]" = field(repr=False)

    async def receipt(self) -> ReceiptIssued:
        """Its final receipt. While the event waits for others (`parked`) there is none: bound the wait."""
        return await asyncio.shield(self.answer)


@dataclass
class ProvincePublisher:
    """Sends one province's events; use it with `async with`, one at a time over one outbox.

    `on_receipt` hears each receipt, `parked` ones too, once the event is settled on disk, at least once: after a crash
    perhaps again. Nothing that fails on the way to Kafka is raised: `trouble` says it while it lasts.
    """

    broker: Broker
    lane: str
    outbox: Path
    system: str = "kit"
    """Name of the sending system, the last part of the events' source."""
    key: WorkerKey | None = None
    """Makes pseudonyms of identity numbers, which go no further than here."""
    on_receipt: Callable[[ReceiptIssued], Awaitable[None] | None] | None = None
    otlp_endpoint: str = ""
    settled_max: int | None = SETTLED_MAX
    """How many settled events the outbox remembers; None for all."""
    trouble: SaidError | None = None
    """Why nothing goes to Kafka or comes from it at present."""
    trouble_since_s: float = 0.0
    """On the monotonic clock."""

    @classmethod
    def from_environment(cls, lane: str, outbox: Path, **more: Any) -> "ProvincePublisher":
        """As DREAMS_KAFKA_BOOTSTRAP, DREAMS_WORKER_KEY_FILE and their kin say, as for `dreams publish`.

        `more` are this class's other fields, such as `system`. Raises ConnectionMissingError or IdentityError.
        """
        data, key_file = (
            Path(os.environ.get("DREAMS_DATA", ".dreams")),
            os.environ.get("DREAMS_WORKER_KEY_FILE"),
        )
        connection: Connection = find_connection(lane, data)
        more.setdefault("key", find_key(Path(key_file) if key_file else None, data))
        return cls(connection.broker, lane, outbox, otlp_endpoint=connection.otlp_endpoint, **more)

    async def __aenter__(self) -> "ProvincePublisher":
        """Open the outbox; Kafka is reached in the background, as soon as it is there. Raises OutboxError."""
        self._store = await asyncio.to_thread(Outbox, self.outbox, self.lane)
        self._waiting: WeakValueDictionary[Key, Sent] = WeakValueDictionary()
        self._news, self._settled, self._caught_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._exchange = asyncio.Lock()
        self._failed: set[str] = set()
        self._closing = False
        self._tasks = [
            asyncio.create_task(self._for_ever("receipts", self._follow)),
            asyncio.create_task(self._for_ever("events", self._send)),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop at once; what has not left or not been answered stays in the outbox."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sent in self._waiting.values():
            sent.answer.cancel()
        await asyncio.to_thread(self._store.close)

    async def send(
        self,
        type_: str,
        data: Mapping[str, Any],
        *,
        time: datetime | date | str | None = None,
        identity_number: str | None = None,
        worker_ref: str | None = None,
        id: str | None = None,  # noqa: A002  # CloudEvents calls it so
        supersedes: str | None = None,
    ) -> Sent:
        """Check an event and keep it: it is on disk when this returns, and will be sent.

        `type_` as `worker.enrolled`; `data` with the fields of its contract, nested or with dots, money as `…_fen` or
        `…_yuan`. Without an `id` the content makes it, so that the same event made again is the same event. `time` may
        be left out where the event has a day of its own. `supersedes` is the id of an earlier event of this type that
        this one corrects; an `event.voided` takes one back. Raises InvalidEventError, BusyEventError, IdentityError.
        """
        own = {
            "time": time,
            "identity_number": identity_number,
            "worker_ref": worker_ref,
            "id": id,
            "supersedes": supersedes,
        }
        json = {**data, **{name: _plain(value) for name, value in own.items() if value is not None}}
        sender = Sender(self.lane, self.system, self.key)
        (made,) = draft([Row(1, json=json)], sender, full_type(type_), check=True)
        if isinstance(made, Refused):
            raise InvalidEventError(made)
        await self._room()
        if (await self.put([made])) == ["busy"]:
            raise BusyEventError(made.id)
        return await self._handle((made.source, made.id))

    async def put(self, events: Sequence[Ready]) -> list[Put]:
        """Keep events that are made already, in one write; what became of each."""
        self._raise_if_ended()
        put = await asyncio.to_thread(self._store.put, events)
        self._news.set()
        return put

    async def receipts(self, keys: Sequence[Key]) -> dict[Key, ReceiptIssued | None]:
        """The last receipt of each of these events, None where there is none yet."""
        return await asyncio.to_thread(self._store.receipts, keys)

    async def counts(self) -> Mapping[str, int]:
        """How many events are unsent, handed (to Kafka), again (on their way once more), parked, settled."""
        return await asyncio.to_thread(self._store.counts)

    async def heard(self, timeout_s: float) -> None:
        """Wait until receipts have come, at most so long. Raises what has ended the publisher."""
        self._raise_if_ended()
        self._settled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()

    async def caught_up(self) -> None:
        """Wait until the receipts that came meanwhile are read. Raises what has ended the publisher."""
        while not self._caught_up.is_set():
            await self.heard(POLL_S)

    async def drained(self) -> None:
        """Wait until every event has its final receipt or is parked; bound the wait."""
        while {"unsent", "again", "handed"} & (await self.counts()).keys():
            await self.heard(POLL_S)

    async def _room(self) -> None:
        while await asyncio.to_thread(self._store.unsent) >= UNSENT_MAX:
            await self.heard(POLL_S)

    async def _handle(self, key: Key) -> Sent:
        sent = self._waiting.get(key)
        if sent is None:
            sent = self._waiting[key] = Sent(key[1], asyncio.get_running_loop().create_future())
        known = (await self.receipts([key])).get(key)
        if known is not None:
            self._answer(key, known)
        return sent

    def _answer(self, key: Key, receipt: ReceiptIssued) -> None:
        sent = self._waiting.get(key)
        if sent is not None and receipt.status != "parked" and not sent.answer.done():
            sent.answer.set_result(receipt)

    def _raise_if_ended(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def _for_ever(self, way: str, attempt: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        """Try again whatever Kafka does, ever more slowly until it goes well; what is no outage ends it."""
        failures = 0

        def well() -> None:
            nonlocal failures
            failures = 0
            self._failed.discard(way)
            self.trouble = self.trouble if self._failed else None

        while not self._closing:  # in Python 3.11 wait_for may swallow a cancellation, and aiokafka waits so
            try:
                await attempt(well)
            except (SendError, KafkaError, OSError, TimeoutError) as error:
                self._note(way, error)
            except (
                Exception
            ) as error:  # a full disk, a foreign outbox, the callback's own: whoever waits hears of it
                self._end(error)
                raise
            await asyncio.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures) * uniform(0.5, 1))
            failures = min(failures + 1, 16)

    def _end(self, error: Exception) -> None:
        for sent in list(self._waiting.values()):
            if not sent.answer.done():
                sent.answer.set_exception(error)
        self._settled.set()

    def _note(self, way: str, error: Exception) -> None:
        self.trouble_since_s = self.trouble_since_s if self.trouble else time.monotonic()
        self._failed.add(way)
        self.trouble = error if isinstance(error, SaidError) else _said(self.broker, self.lane, error)

    async def _send(self, well: Callable[[], None]) -> None:
        await self._caught_up.wait()
        placed: dict[int, int] = {}

        def note(records: Sequence[Sendable], offset: int) -> None:
            known = enumerate(record.number for record in records)  # type: ignore[attr-defined]  # ours
            placed.update({number: max(0, offset) + place * (offset >= 0) for place, number in known})

        async with ProvinceSender(
            self.broker, (self.lane,), otlp_endpoint=self.otlp_endpoint, placed=note
        ) as sender:
            well()
            while True:
                self._news.clear()
                async with self._exchange:  # no receipt is judged before its event's place is known
                    sent = await self._send_some(sender, placed)
                if not sent:
                    await self._news.wait()
                well()

    async def _send_some(self, sender: ProvinceSender, placed: dict[int, int]) -> int:
        chunk = await asyncio.to_thread(self._store.hand_out, CHUNK_RECORDS)
        if not chunk:
            return 0
        placed.clear()
        try:
            await sender.send(chunk)
            await sender.drain()
        except SendError:
            await asyncio.to_thread(self._store.send_again)
            raise
        finally:
            await asyncio.to_thread(self._store.placed, list(placed), list(placed.values()))
        return len(chunk)

    async def _follow(self, well: Callable[[], None]) -> None:
        await self._check_deployment()
        place = TopicPartition(PROVINCE_RECEIPTS.topic(self.broker.namespace, self.lane), 0)
        consumer = AIOKafkaConsumer(
            **self.broker.settings(self.lane),
            enable_auto_commit=False,
            request_timeout_ms=int(REQUEST_LIMIT_S * 1000),
        )
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await consumer.start()
            end = await self._stand(consumer, place)
            while True:
                if not self._caught_up.is_set() and await consumer.position(place) >= end:
                    await asyncio.to_thread(self._store.send_again)
                    self._caught_up.set()
                found = await consumer.getmany(timeout_ms=int(POLL_S * 1000), max_records=RECEIPTS_AT_ONCE)
                async with self._exchange:
                    await self._take(found.get(place, ()))
                await self._tell_all()
                well()
        finally:
            await consumer.stop()

    async def _check_deployment(self) -> None:
        admin = AIOKafkaAdminClient(**self.broker.settings(self.lane))
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await admin.start()
            cluster = (await admin.describe_cluster())["cluster_id"]
        finally:
            await admin.close()
        deployment = f"{cluster}/{self.broker.namespace}{self.lane}"
        if not await asyncio.to_thread(self._store.belongs_to, deployment):
            raise ForeignOutboxError(self.outbox)

    async def _stand(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
        """Stand where reading ended, at first at the end; the present end."""
        consumer.assign([place])
        begin = (await consumer.beginning_offsets([place]))[place]
        end = int((await consumer.end_offsets([place]))[place])
        known = await asyncio.to_thread(lambda: self._store.next_receipt)
        if known is None:
            await asyncio.to_thread(self._store.take, (), end)
        # What was deleted meanwhile is not missed: events without a receipt are sent again.
        consumer.seek(place, end if known is None else min(max(known, begin), end))
        return end

    async def _take(self, records: Sequence[Any]) -> None:
        if records:
            receipts = [_receipt(record.value) for record in records]
            known = [receipt for receipt in receipts if receipt is not None]
            await asyncio.to_thread(self._store.take, known, records[-1].offset + 1)

    async def _tell_all(self) -> None:
        while untold := await asyncio.to_thread(self._store.untold, RECEIPTS_AT_ONCE):
            for _, receipt in untold:
                await self._tell(receipt)
            await asyncio.to_thread(self._store.told, [number for number, _ in untold], self.settled_max)
            self._settled.set()

    async def _tell(self, receipt: ReceiptIssued) -> None:
        if self.on_receipt is not None:
            heard = self.on_receipt(receipt)
            if heard is not None:
                await heard
        self._answer((receipt.event_source or "", receipt.event_id or ""), receipt)


class ForeignOutboxError(OutboxError):
    """The outbox holds what was sent to another deployment."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} 用于另一套系统（集群、命名空间或省份不同）。请换一个文件，或恢复原来的连接设置。",
            f"{path} belongs to another deployment (cluster, namespace or province): use another file, or "
            "connect as before.",
        )


def _receipt(value: bytes | None) -> ReceiptIssued | None:
    """A receipt; None for a record that is none, which no publisher of ours can mend."""
    try:
        return Fact[ReceiptIssued].model_validate_json(value or b"", strict=False).data
    except ValidationError:
        return None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _said(broker: Broker, lane: str, error: Exception) -> SendError:
    topic = PROVINCE_RECEIPTS.topic(broker.namespace, lane)
    return SendError(
        f"无法读取本省的回执（{type(error).__name__}）。请检查地址、用户名、密码文件和读取 {topic} 的权限。",
        f"The receipts cannot be read ({type(error).__name__}). Check the address, the user, the password file and "
        f"the right to read {topic}.",
    )
