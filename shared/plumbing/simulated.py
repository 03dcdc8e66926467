"""Marks every answer of a service whose numbers come from a simulation."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEADER: Final = "Dreams-Simulated"


class Simulated:
    """Adds `Dreams-Simulated: true` to all that the application answers, streams and refusals too."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let the application answer; only the start of its answer is touched."""

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER.lower().encode(), b"true")]
            await send(message)

        await self._app(scope, receive, send_marked)
