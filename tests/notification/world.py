"""Notification without Kafka: hand-made facts and contacts, its carriers and sender, a mail relay."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import asyncpg
from aiokafka import ConsumerRecord
from aiosmtpd.smtp import SMTP, Envelope, Session
from asyncpg import Pool

from services.notification.gateway import Mailer
from services.notification.handlers import Counts, Sender
from services.notification.store import Messages
from shared.contracts.lanes import partition_of
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_CONTACTS, SUBSIDY_EVENTS, Stream
from shared.plumbing.batch import Carrier
from shared.plumbing.seal import Seal

WORKER = "k1." + "A" * 52
NAME = "张伟·金丝雀"
ADDRESS = "canary.zhang@example.cn"


def award(**changes: Any) -> dict[str, Any]:
    """The data of a granted award."""
    data = {
        "award_id": "a1",
        "enrollment_no": "32-0001",
        "fiscal_year": 2026,
        "fund_source": "JS-2026",
        "amount_fen": 100_050,
        "scheme": "base",
        "scheme_version": 1,
        "categories": ["migrant"],
        "track": "academic",
    }
    return data | changes


def completion(**changes: Any) -> dict[str, Any]:
    """The data of a completed degree."""
    enrollment = {
        "categories": ["migrant"],
        "funding_province": "32",
        "work_province": "32",
        "track": "academic",
        "mode": "blended",
        "level_before": "junior_high",
        "level_after": "associate",
        "start": "2024-09-01",
        "tuition_fen": 500_000,
    }
    return {
        "enrollment_no": "32-0001",
        "level": "associate",
        "completed_on": "2026-07-01",
        "reported_by": "32",
        "enrollment": enrollment | changes,
    }


@dataclass
class World:
    """One notification service without Kafka: its database, its carriers, its sender."""

    pool: Pool
    seal: Seal
    causes: Carrier
    contacts: Carrier
    counts: Counts
    seqs: dict[tuple[str, str], int] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)

    def fact(self, noun_verb: str, data: dict[str, Any], /, **changes: Any) -> ConsumerRecord:
        """A fact as its service published it, next in its lane."""
        lane = changes.pop("lane", "32")
        stream = changes.pop("stream", SUBSIDY_EVENTS)
        seq = self.seqs[stream.pattern, lane] = self.seqs.get((stream.pattern, lane), 0) + 1
        now = datetime.now(UTC).isoformat()
        event = {
            "id": f"{stream.pattern}-{lane}-{seq}",
            "source": "//log/abc",
            "type": f"dreams.{noun_verb}.v1",
            "subject": WORKER,
            "time": now,
            "recordedtime": now,
            "lane": lane,
            "seq": seq,
            "data": data,
        } | changes
        return record_of(stream, lane, seq - 1, None, json.dumps(event).encode())

    def degree(self, data: dict[str, Any], **changes: Any) -> ConsumerRecord:
        """A completed degree as enrollment published it."""
        return self.fact("degree.completed", data, stream=ENROLLMENT_EVENTS, **changes)

    def voided(self, noun_verb: str, data: dict[str, Any] | None, **changes: Any) -> ConsumerRecord:
        """A fact that counts no more, as enrollment published that."""
        void = {
            "event_id": "e-1",
            "reason": "entered wrongly",
            "reported_by": "32",
            "voided_type": f"dreams.{noun_verb}.v1",
            "voided": data,
        }
        return self.fact("event.voided", void, stream=ENROLLMENT_EVENTS, **changes)

    def contact(self, value: bytes | dict[str, Any] | None = None, **changes: Any) -> ConsumerRecord:
        """A record on a province's contacts; without a value a good contact."""
        lane = changes.get("lane", "32")
        offset = self.offsets[lane] = self.offsets.get(lane, -1) + 1
        given = {"name": NAME, "email": ADDRESS} if value is None else value
        raw = given if isinstance(given, bytes) else json.dumps(given).encode()
        return record_of(PROVINCE_CONTACTS, lane, offset, changes.get("key", WORKER.encode()), raw)

    def erasure(self, lane: str = "32") -> ConsumerRecord:
        """A tombstone."""
        record = self.contact(b"", lane=lane)
        return record_of(PROVINCE_CONTACTS, lane, record.offset, WORKER.encode(), None)

    async def take(self, *records: ConsumerRecord) -> None:
        """Carry records of facts or of contacts through one batch."""
        carrier = self.contacts if records[0].topic.endswith(".contacts") else self.causes
        taken = carrier.decode(records)
        await carrier.carry(taken, sorted({one.lane for one in taken}))

    async def rows(self) -> list[asyncpg.Record]:
        """All messages."""
        return list(await self.pool.fetch("SELECT * FROM message ORDER BY message_id"))

    async def states(self) -> list[str]:
        """The state of each message."""
        return [row["state"] for row in await self.rows()]

    def sender(self, port: int, *, simulated: bool = False) -> Sender:
        """A sender for the relay at `port`."""
        mailer = Mailer("127.0.0.1", port, "noreply@dreams.invalid", simulated=simulated)
        return Sender(Messages(self.pool), self.seal, mailer, self.counts)


def record_of(
    stream: Stream, lane: str, offset: int, key: bytes | None, value: bytes | None
) -> ConsumerRecord:
    partition = 0 if stream.per_lane else partition_of(lane)
    return ConsumerRecord(
        stream.topic("", lane),
        partition,
        offset,
        0,
        0,
        key,
        value,
        None,
        len(key or b""),
        len(value or b""),
        (),
    )


@dataclass
class Relay:
    """A mail relay that keeps what it takes; `answers` are given in turn, then all is taken."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    sender_answers: list[str] = field(default_factory=list)
    recipient_answers: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    knows_utf8: bool = True
    frozen: asyncio.Event | None = None
    """When set here, a letter is taken only after this event: the sender hangs in the middle."""

    async def handle_MAIL(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.sender_answers.pop(0) if self.sender_answers else "250 OK"
        if answer == "hang up":
            _hang_up(server)
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.recipient_answers:
            return self.recipient_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer == "hang up":
            _hang_up(server)
            return "421 gone"
        if answer.startswith("250"):
            message = message_from_bytes(content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
            self.recipients += envelope.rcpt_tos
        self.arrived.set()
        if self.frozen:
            await self.frozen.wait()
        return answer


def _hang_up(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()
