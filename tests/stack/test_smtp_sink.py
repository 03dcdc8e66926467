"""The mail sink keeps what was sent, one JSON object a line."""

import json
from email.message import EmailMessage

import aiosmtplib

from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack


async def test_a_message_is_in_the_file_once_it_was_taken(
    infrastructure: Infrastructure, namespace: str
) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "dreams@example.cn",
        "worker@example.cn",
        "补贴已批准",
    )
    message["Message-ID"] = "<cause-1@dreams>"
    message.set_content("您好\nHello")
    async with await Stack.over(infrastructure, namespace, (), lanes=("32",)) as stack:
        settings = stack.service_env("notification")
        host, port = settings["DREAMS_SMTP_HOST"], int(settings["DREAMS_SMTP_PORT"])
        await aiosmtplib.send(message, hostname=host, port=port, start_tls=False)
        (line,) = stack.mail_file.read_text().splitlines()
    kept = json.loads(line)
    assert (kept["to"], kept["subject"], kept["message_id"]) == (
        ["worker@example.cn"],
        "补贴已批准",
        "<cause-1@dreams>",
    )
    assert "您好" in kept["text"]
