"""Asks the services' APIs for the commands: where they are, with whose token, what to say if one fails."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import httpx

from console.stack.failures import StackError
from console.stack.state import StackState, running_stack
from shared.contracts.topics import SERVICES

TIMEOUT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 3.0
FILE_TIMEOUT_S: Final = 600.0
"""A file of a million lines is read once before it begins, for its sums."""
PER_ADDRESS_CONNECTIONS_MAX: Final = 8

Query = Mapping[str, str | int | list[str]]


class ApiError(StackError):
    """A service did not do what was asked of it; its text is a sentence for the operator."""


class UnreachableError(ApiError):
    """No service answered at the address."""


class RefusedError(ApiError):
    """The service answered, and refused."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Deployment:
    """Where the services of one deployment are, and a token that they take."""

    addresses: Mapping[str, str]
    token: str = field(repr=False)
    jaeger: str = ""
    """Address of a Jaeger that keeps the spans; empty where there is none."""

    @classmethod
    def of_stack(cls, state: StackState) -> "Deployment":
        """The local stack, as its operator."""
        addresses = {name: service.address for name, service in state.services.items() if name in SERVICES}
        return cls(addresses, state.token("operator"), state.jaeger)

    @classmethod
    def found(cls, data: Path) -> "Deployment":
        """The deployment that the environment names, otherwise the stack over `data`; raises StackError.

        DREAMS_API_ENROLLMENT and so on hold addresses, DREAMS_API_TOKEN_FILE names the file of a token,
        DREAMS_JAEGER is the address of a Jaeger.
        """
        named = {name: os.environ.get(f"DREAMS_API_{name.upper()}", "") for name in SERVICES}
        addresses = {name: address.rstrip("/") for name, address in named.items() if address}
        if not addresses:
            return cls.of_stack(running_stack(data))
        return cls(addresses, _token_from_environment(), os.environ.get("DREAMS_JAEGER", "").rstrip("/"))


class Api:
    """The services' APIs of one deployment; use it as an asynchronous context."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {deployment.token}"},
            timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=PER_ADDRESS_CONNECTIONS_MAX * len(SERVICES)),
            trust_env=False,
        )

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def services(self) -> tuple[str, ...]:
        """The services that this deployment has, in the order of the flow."""
        return tuple(name for name in SERVICES if name in self.deployment.addresses)

    async def get(
        self, service: str, path: str, query: Query | None = None, timeout_s: float = TIMEOUT_S
    ) -> Any:
        """The answer, from JSON; raises UnreachableError or RefusedError."""
        return await self._ask("GET", service, path, query=query, timeout_s=timeout_s)

    async def get_table(self, service: str, path: str) -> tuple[str, str]:
        """A page of a table as CSV, and the path of the next page, empty after the last. Raises as `get`."""
        answer = await self._answer("GET", service, path, headers={"Accept": "text/csv"})
        return answer.text, answer.links.get("next", {}).get("url", "")

    async def download(self, service: str, path: str, query: Query, write: Callable[[bytes], object]) -> None:
        """Write a file piece by piece as it comes; raises as `get`, also where it ends before it is whole."""
        address = self._address(service)
        timeout = httpx.Timeout(FILE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        try:
            async with self._client.stream("GET", address + path, params=query, timeout=timeout) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise RefusedError(f"{service} refused: {_why(answer)}", answer.status_code)
                async for piece in answer.aiter_bytes():
                    write(piece)
        except httpx.RemoteProtocolError as error:
            raise UnreachableError(
                f"The file from {service} ended before it was whole; ask for it again. "
                "/ 文件未传完，请重新获取。"
            ) from error
        except httpx.HTTPError as error:
            raise _unreachable(service, address, error) from error

    async def post(
        self, service: str, path: str, body: Mapping[str, Any], timeout_s: float = TIMEOUT_S
    ) -> Any:
        """The answer, from JSON; raises UnreachableError or RefusedError."""
        return await self._ask("POST", service, path, body=body, timeout_s=timeout_s)

    async def delete(self, service: str, path: str, timeout_s: float = TIMEOUT_S) -> Any:
        """The answer, from JSON; raises UnreachableError or RefusedError."""
        return await self._ask("DELETE", service, path, timeout_s=timeout_s)

    async def get_from_each(
        self, path: str, query: Query | None = None, services: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """The answer of each service at once; an ApiError stands in place of the answer that failed."""
        names = list(self.services if services is None else services)
        answers = await asyncio.gather(
            *(self.get(name, path, query) for name in names), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, ApiError):
                raise answer
        return dict(zip(names, answers, strict=True))

    async def _ask(
        self,
        method: str,
        service: str,
        path: str,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        return (await self._answer(method, service, path, timeout_s, params=query, json=body)).json()

    async def _answer(
        self, method: str, service: str, path: str, timeout_s: float = TIMEOUT_S, **sent: Any
    ) -> httpx.Response:
        address = self._address(service)
        try:
            timeout = httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
            answer = await self._client.request(method, address + path, timeout=timeout, **sent)
        except httpx.HTTPError as error:
            raise _unreachable(service, address, error) from error
        if answer.is_error:
            raise RefusedError(f"{service} refused: {_why(answer)}", answer.status_code)
        return answer

    def _address(self, service: str) -> str:
        address = self.deployment.addresses.get(service)
        if address is None:
            known = ", ".join(self.services) or "none"
            raise UnreachableError(f"No address is known for {service}; known are: {known}.")
        return address


def _unreachable(service: str, address: str, error: httpx.HTTPError) -> UnreachableError:
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(
            f"{service} at {address} did not answer in time. `dreams status` shows whether it is ready."
        )
    return UnreachableError(
        f"{service} does not answer at {address}. `dreams status` shows whether it runs, "
        f"`dreams logs {service}` why not."
    )


def _token_from_environment() -> str:
    named = os.environ.get("DREAMS_API_TOKEN_FILE")
    if not named:
        raise StackError(
            "DREAMS_API_… names services, but DREAMS_API_TOKEN_FILE names no file with a token for them."
        )
    try:
        return Path(named).read_text().strip()
    except OSError as error:
        raise StackError(f"The token file {named} cannot be read: {error.strerror}.") from error


def _why(answer: httpx.Response) -> str:
    """What FastAPI says in `detail`: a sentence, or a list of what is wrong with which parameter."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
    if isinstance(detail, str):
        return detail
    return "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in detail)
