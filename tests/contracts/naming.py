"""Names of streams and messages in the reports of parametrised tests."""

from shared.contracts.catalogue import Message
from shared.contracts.topics import Stream


def stream_name(stream: Stream) -> str:
    """The stream's pattern without the lane."""
    return stream.pattern.replace("{lane}.", "")


def message_name(message: Message) -> str:
    """Publisher and type."""
    return f"{message.publisher}-{message.name}"
