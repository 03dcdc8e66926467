"""Marks every answer of a service whose numbers come from a simulation."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "Dreams-Simulated"


class Simulated:
    """Adds `Dreams-Simulated: true` to all that the application answers, streams and refusals too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer; only the start of its answer is touched."""

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER.lower().encode(), b"true")]
            await send(message)

        await self._app(scope, receive, send_marked)
