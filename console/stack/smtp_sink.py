"""A mail server that delivers nowhere: each message becomes one line of JSON in a file.

python -m console.stack.smtp_sink --port 20025 --file mail.jsonl
"""

import argparse
import asyncio
import json
import signal
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from console.stack.ports import LOOPBACK
from console.stack.private_files import make_private_folder

MESSAGE_MAX_BYTES = 1024 * 1024


class Sink:
    """Writes what arrives; answers 250 only once the line is in the file."""

    def __init__(self, file: Path) -> None:
        """Append to this file."""
        self._file = file

    async def handle_DATA(  # noqa: N802  # the name aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take one message."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_line(envelope), ensure_ascii=False) + "\n")
        return "250 OK"


def _line(envelope: Envelope) -> dict[str, object]:
    content = envelope.content if isinstance(envelope.content, bytes) else b""
    message = message_from_bytes(content, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return {
        "received": datetime.now(UTC).isoformat(),
        "from": envelope.mail_from,
        "to": list(envelope.rcpt_tos),
        "subject": str(message.get("Subject", "")),
        "message_id": str(message.get("Message-ID", "")),
        "headers": {name: str(value) for name, value in message.items()},
        "text": body.get_content() if body is not None else "",
    }


async def serve(port: int, file: Path, host: str = LOOPBACK) -> None:
    """Listen until SIGTERM or SIGINT."""
    make_private_folder(file.parent)
    file.touch(mode=0o600)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(
        lambda: SMTP(Sink(file), enable_SMTPUTF8=True, data_size_limit=MESSAGE_MAX_BYTES, loop=loop),
        host,
        port,
    )
    async with server:
        await ended.wait()


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.port, chosen.file, chosen.host))


if __name__ == "__main__":
    main()
