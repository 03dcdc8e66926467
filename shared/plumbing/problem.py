"""Errors as problem+json (RFC 9457): what happened, why and what to do now, in both languages."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from shared.plumbing import postgres

RETRY_AFTER_S: Final = 5
MEDIA_TYPE: Final = "application/problem+json"
_WITH_RETRY_AFTER: Final = (429, 503)
_RETRY_AFTER_DESCRIBED: Final = {
    "description": "Seconds after which the same request may succeed.",
    "schema": {"type": "string", "pattern": "^[0-9]+$"},
}
_LEAVES_A_BODY: Final = (408, 413)
"""What is left of the body after these would be read on and on, however long the sender makes it."""
_HEADERS: Final = {"Cache-Control": "no-store"}


class ProblemError(HTTPException):
    """A refusal with a code: the same sentence in both languages, and what else the answer says."""

    def __init__(
        self, status: int, code: str, zh: str, en: str, *, retry_after_s: int | None = None, **more: Any
    ) -> None:
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        if status in _LEAVES_A_BODY:
            headers["Connection"] = "close"
        super().__init__(status, f"{en} / {zh}", headers)
        self.members = {"code": code, "message_zh": zh, "message_en": en, **more}


class Problem(BaseModel):
    """An answer that something was refused (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    type: str
    """Always `about:blank`: the code says more."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What happened and what to do now, in English and Chinese."""
    code: str | None = None
    """Why, for software; none where the status says it all."""
    message_zh: str | None = None
    """What happened and what to do now, in Chinese."""
    message_en: str | None = None
    """The same in English."""


def documented(*statuses: int, **more: Any) -> dict[int | str, dict[str, Any]]:
    """The answers of these statuses, for a route's OpenAPI description; `more` are further members of the problem."""
    schema = Problem.model_json_schema()
    schema["properties"] |= more
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        phrase = HTTPStatus(status).phrase
        found[status] = {"description": phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        if status in _WITH_RETRY_AFTER:
            found[status]["headers"] = {"Retry-After": _RETRY_AFTER_DESCRIBED}
    return found


class ProblemRoute(APIRoute):
    """A route whose errors are problems."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, its errors turned into answers."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return problem(422, _explain(error))
            except ProblemError as error:
                return problem(
                    error.status_code, str(error.detail), dict(error.headers or {}), **error.members
                )
            except HTTPException as error:
                return problem(error.status_code, str(error.detail), dict(error.headers or {}))
            except postgres.UNSTORABLE:
                return problem(
                    422,
                    "A text that was sent holds a character that cannot be stored: send it without. "
                    "/ 所发送的文本含有无法存储的字符，请去掉后重试。",
                )
            except postgres.PASSING:
                return problem(
                    503,
                    "The database cannot be reached; try again in a few seconds. "
                    "/ 数据库暂时无法访问，请稍后重试。",
                    {"Retry-After": str(RETRY_AFTER_S)},
                )

        return answer


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """One problem as an answer; `more` are further members."""
    members = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(members | more, status, _HEADERS | (headers or {}), media_type=MEDIA_TYPE)


def _explain(error: RequestValidationError) -> str:
    """Which parameter, and what is wrong with it; never the value that was sent."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return f"The parameter '{where}' is not valid: {first['msg']}. / 参数“{where}”不符合要求。"
