"""Errors as problem+json (RFC 9457): what happened, why and what to do now, in both languages."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from shared.plumbing import postgres

RETRY_AFTER_S: Final = 5
_HEADERS: Final = {"Cache-Control": "no-store"}


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
            except HTTPException as error:
                return problem(error.status_code, str(error.detail), dict(error.headers or {}))
            except postgres.PASSING:
                return problem(
                    503,
                    "The database cannot be reached; try again in a few seconds. "
                    "/ 数据库暂时无法访问，请稍后重试。",
                    {"Retry-After": str(RETRY_AFTER_S)},
                )

        return answer


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """One problem as an answer."""
    return JSONResponse(
        {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail},
        status,
        _HEADERS | (headers or {}),
        media_type="application/problem+json",
    )


def _explain(error: RequestValidationError) -> str:
    """Which parameter, and what is wrong with it; never the value that was sent."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return f"The parameter '{where}' is not valid: {first['msg']}. / 参数“{where}”不符合要求。"
