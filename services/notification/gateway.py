"""Speaks to the mail relay: writes the letter, hands it over, and says exactly what came of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY
from email.utils import format_datetime
from pathlib import Path
from typing import Final

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notification.domain import Language, Outcome

TEMPLATES: Final = Path(__file__).parent / "templates"
COMMAND_TIMEOUT_S: Final = 10.0
"""For each of connect, MAIL, RCPT; DATA has two of it."""
LEAVE_S: Final = 2.0
_TEMPORARY: Final = range(400, 500)
_LOST: Final = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)


class RelayUnreachableError(Exception):
    """The mail relay does not answer or refuses us; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one person."""

    key: str
    """Names it for ever: a second copy would carry the same."""
    recipient: str
    name: str
    language: Language
    cause: str
    phrases: Mapping[str, str]


class Mailer:
    """The way to one mail relay."""

    def __init__(self, host: str, port: int, sender: str, *, simulated: bool) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._domain = sender.rpartition("@")[2]
        self._simulated = simulated
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(default=False),  # letters are plain text
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def compose(self, letter: Letter, now: datetime) -> EmailMessage:
        """The letter as it goes out: plain text, in the reader's language."""
        text = self._templates.get_template(f"{letter.cause}.{letter.language}.txt").render(
            letter.phrases, name=letter.name, simulated=self._simulated
        )
        subject, _, body = text.partition("\n")
        message = EmailMessage(policy=SMTP_POLICY if letter.recipient.isascii() else SMTPUTF8_POLICY)
        message["From"] = self._sender
        message["To"] = letter.recipient
        message["Subject"] = subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{letter.key}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday reply answers
        message.set_content(body.strip() + "\n", cte="base64")  # takes headers named Content-… away
        message["Content-Language"] = letter.language
        return message

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["Connection"]:
        """A connection for a few letters; RelayUnreachableError when there is none to be had."""
        client = aiosmtplib.SMTP(
            hostname=self._host, port=self._port, local_hostname=self._domain, timeout=COMMAND_TIMEOUT_S
        )
        try:
            await client.connect()
            await client.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise RelayUnreachableError(type(error).__name__) from None
        try:
            yield Connection(client, self._sender)
        finally:
            await _leave(client)


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; what was sent was sent, so a relay that does not answer is none of our business."""
    try:
        if client.is_connected:
            async with asyncio.timeout(LEAVE_S):
                await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        client.close()


class Connection:
    """An open conversation with the relay."""

    def __init__(self, client: aiosmtplib.SMTP, sender: str) -> None:
        self._client = client
        self._sender = sender

    @property
    def alive(self) -> bool:
        """Whether a further letter can be handed over."""
        return self._client.is_connected

    async def send(self, message: EmailMessage, recipient: str) -> Outcome:
        """Hand one letter over. Of an answer only the code is kept: its words may name the recipient."""
        refused = await self._address(recipient)
        if refused:
            await self._start_over()
            return refused
        try:
            await self._client.data(message.as_bytes())
        except aiosmtplib.SMTPResponseException as error:
            await self._start_over()
            return _refusal(error)
        except _LOST as error:
            return Outcome("uncertain", type(error).__name__)
        return Outcome("accepted")

    async def _address(self, recipient: str) -> Outcome | None:
        """MAIL and RCPT: why the letter cannot go, or None when only the letter itself is missing."""
        options, encoding = [], "ascii"
        if not recipient.isascii():
            if not self._client.supports_extension("smtputf8"):
                return Outcome("permanent", "no_smtputf8")
            options, encoding = ["SMTPUTF8"], "utf-8"
        try:
            await self._client.mail(self._sender, options=options, encoding=encoding)
            await self._client.rcpt(recipient, encoding=encoding)
        except aiosmtplib.SMTPSenderRefused as error:
            # Our own address or rights are at fault, not the recipient: that can be mended.
            return Outcome("temporary", f"smtp_{error.code}")
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(error)
        except _LOST as error:
            return Outcome("temporary", type(error).__name__)
        return None

    async def _start_over(self) -> None:
        try:
            await self._client.rset()
        except (aiosmtplib.SMTPException, OSError):
            self._client.close()


def _refusal(error: aiosmtplib.SMTPResponseException) -> Outcome:
    return Outcome("temporary" if error.code in _TEMPORARY else "permanent", f"smtp_{error.code}")
