"""Carries batches through: causes become claims, contacts are kept, and the sender delivers what is due."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import prometheus_client
import structlog
from cryptography.exceptions import InvalidTag

from services.notification import domain, store
from services.notification.domain import Outcome
from services.notification.gateway import COMMAND_TIMEOUT_S, Connection, Letter, Mailer, RelayUnreachableError
from services.notification.store import Due, Messages
from shared.contracts.provinces import Contact
from shared.plumbing import postgres
from shared.plumbing.batch import Batch
from shared.plumbing.seal import Seal
from shared.plumbing.store import Db

SEND_MAX: Final = 10
"""Letters of one round: a crash leaves at most so many of which nobody knows."""
LOOK_MAX: Final = 1000
"""Messages without a contact that one round may set aside."""
LETTER_TIMEOUT_S: Final = 5 * COMMAND_TIMEOUT_S
"""The longest that handing one letter over can take: MAIL, RCPT, RSET, and DATA with its two answers."""
ROUND_S: Final = 60.0
"""After this long a round takes up no further letter."""
LEASE: Final = timedelta(seconds=2 * (ROUND_S + LETTER_TIMEOUT_S))
"""A message that is `sending` for longer has lost its sender."""
IDLE_S: Final = 1.0
RELAY_PAUSE_S: Final = 5
BACKOFF_MAX_S: Final = 30.0
SETTLE_TRIES_MAX: Final = 5
SETTLE_AGAIN_S: Final = 1.0
LAST_LETTER_S: Final = 3.0
"""When the service stops, a letter under way has this long to be finished."""

log = structlog.get_logger()


class Counts:
    """What notification measures: transitions of messages, and contacts, with enumerated labels only."""

    def __init__(self) -> None:
        self.messages = prometheus_client.Counter(
            "dreams_messages_total",
            "Messages that came to a state",
            ["cause", "state"],
            registry=None,
        )
        self.contacts = prometheus_client.Counter(
            "dreams_contacts_total", "Contact records by what they did", ["outcome"], registry=None
        )


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What one record on a province's contacts says of a worker; no contact: it is to be erased."""

    worker_ref: str
    contact: Contact | None


class ClaimCauses:
    """Handles facts: each cause that notifies becomes one claim."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def __call__(self, batch: Batch, db: Db) -> None:
        """Claim what the batch's facts oblige us to tell."""
        claims = []
        for taken in batch.taken:
            if taken.event is None:
                continue
            claimed = domain.claim(taken.event, batch.recorded_at)
            if claimed is not None:
                claims.append(claimed)
        if claims:
            await store.claim(db, claims, batch.recorded_at)
        for (cause, state), number in Counter((one.cause, one.state) for one in claims).items():
            self._counts.messages.labels(cause, state).inc(number)


class KeepContacts:
    """Handles contacts: kept sealed, erased on a null value; a bad record is set aside and stops nothing."""

    def __init__(self, counts: Counts, seal: Callable[[], Seal]) -> None:
        self._counts = counts
        self._seal = seal

    async def __call__(self, batch: Batch, db: Db) -> None:
        """Keep what the batch says last of each worker."""
        seal = self._seal()
        rows: dict[str, tuple[str, str, bytes | None]] = {}
        outcomes: Counter[str] = Counter()
        for taken in batch.taken:
            if taken.bad is not None:
                batch.quarantine(taken, taken.bad.code)
                outcomes["refused"] += 1
                continue
            change: ContactChange = taken.event
            contact = change.contact
            sealed = seal.close(contact.model_dump_json().encode()) if contact else None
            rows[change.worker_ref] = (change.worker_ref, taken.lane, sealed)
            outcomes["kept" if contact else "erased"] += 1
        if rows:
            await store.keep_contacts(db, list(rows.values()), batch.recorded_at, domain.CONTACT_WAIT)
        for outcome, number in outcomes.items():
            self._counts.contacts.labels(outcome).inc(number)


class Sender:
    """Delivers due messages, a few at a time; several senders never hold the same one."""

    def __init__(self, messages: Messages, seal: Seal, mailer: Mailer, counts: Counts) -> None:
        self._messages = messages
        self._seal = seal
        self._mailer = mailer
        self._counts = counts
        self._look_max = SEND_MAX

    async def run(self) -> None:
        """Round after round until cancelled; a failure around us is waited out."""
        failures = 0
        while True:
            try:
                busy = await self.round()
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever fails, the sender lives on; its words may be personal
                failures += 1
                pause_s = min(2.0**failures, BACKOFF_MAX_S)
                log.warning(
                    "sender_pauses", error=type(error).__name__, at=postgres.where(error), again_in_s=pause_s
                )
                await asyncio.sleep(pause_s)
                continue
            if not busy:
                await asyncio.sleep(IDLE_S)

    async def round(self) -> bool:
        """Take what is due and deliver it; whether there was anything. Raises RelayUnreachableError."""
        for cause in await self._messages.expire(LEASE):
            self._count(cause, "unknown")
        began_s = time.monotonic()
        rows = await self._messages.take(self._look_max, SEND_MAX)
        sending = deque(row for row in rows if row.state == "sending")
        # Where nobody has a contact there is nothing to send, and larger steps are cheaper.
        self._look_max = min(self._look_max * 2, LOOK_MAX) if rows and not sending else SEND_MAX
        for row in rows:
            if row.state == "no_contact":
                self._count(row.cause, "no_contact")
        if sending:
            await self._deliver(sending, began_s)
        return bool(rows)

    async def _deliver(self, sending: deque[Due], began_s: float) -> None:
        """Hand letters over one by one; those not begun go back, whatever happens."""
        pause_s = 0
        try:
            async with self._mailer.connected() as connection:
                # Who was frozen in between has lost his lease, and must not send what another may have taken.
                while sending and connection.alive and time.monotonic() - began_s < ROUND_S:
                    await _to_its_end(self._send(connection, sending.popleft()))
        except RelayUnreachableError:
            pause_s = RELAY_PAUSE_S
            raise
        finally:
            if sending:
                await self._messages.put_back(sending, pause_s)

    async def _send(self, connection: Connection, due: Due) -> None:
        then = domain.after(await self._attempt(connection, due), due.tries)
        for left in range(SETTLE_TRIES_MAX, 0, -1):
            try:
                await self._messages.settle(due, then)
                break
            except postgres.PASSING:
                if left == 1:
                    raise  # the lease runs out, and the message is unknown: nobody sends it blindly
                await asyncio.sleep(SETTLE_AGAIN_S)
        self._count(due.cause, then.state)

    async def _attempt(self, connection: Connection, due: Due) -> Outcome:
        try:
            letter = self._letter(due)
        except InvalidTag:
            log.warning("contact_sealed_with_another_key", message_id=due.message_id)
            return Outcome("temporary", "contact_unreadable")
        try:
            message = self._mailer.compose(letter, postgres.utc_now())
        except Exception as error:  # noqa: BLE001 - a template of ours is broken; its words may be personal
            log.warning(
                "letter_not_composed", error=type(error).__name__, at=postgres.where(error), cause=due.cause
            )
            return Outcome("temporary", "not_composed")
        return await connection.send(message, letter.recipient)

    def _letter(self, due: Due) -> Letter:
        contact = Contact.model_validate_json(self._seal.open(due.recipient_sealed or b""))
        return Letter(
            domain.message_key(due.cause_event_id),
            contact.email,
            contact.name,
            contact.language,
            due.cause,
            domain.phrases(due.details, contact.language),
        )

    def _count(self, cause: str, state: str) -> None:
        self._counts.messages.labels(cause, state).inc()


async def _to_its_end(sending: Coroutine[Any, Any, None]) -> None:
    """Let a letter under way come to its end even if the service is told to stop."""
    task = asyncio.ensure_future(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_LETTER_S)
        raise
