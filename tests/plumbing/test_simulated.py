"""Promises of the mark on simulated numbers: every service sets it, and only where numbers are simulated."""

from pathlib import Path

import httpx
from fastapi import APIRouter, Response

from shared.plumbing.service import Definition, api
from shared.plumbing.settings import ServiceSettings
from shared.plumbing.simulated import HEADER

routes = APIRouter()
DEFINITION = Definition("any", lambda _: (), {}, routers=[routes])


@routes.get("/totals")
async def totals() -> dict[str, int]:
    """Some numbers."""
    return {"granted_fen": 1}


@routes.get("/page")
async def page() -> Response:
    """An answer that is made without FastAPI's help."""
    return Response("numbers", media_type="text/html")


async def _asked(path: str, *, simulated: bool) -> httpx.Response:
    settings = ServiceSettings(
        kafka_bootstrap="unused",
        kafka_username="unused",
        kafka_password_file=Path("unused"),
        database_dsn_file=Path("unused"),
        http_port=1,
        tokens_file=Path("unused"),
        seal_key_file=Path("unused"),
        simulated=simulated,
    )
    transport = httpx.ASGITransport(api(DEFINITION, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://any") as client:
        return await client.get(path)


async def test_simulated_numbers_carry_the_mark_whatever_the_answer() -> None:
    for path, status in (("/totals", 200), ("/page", 200), ("/nowhere", 404)):
        answer = await _asked(path, simulated=True)
        assert (answer.status_code, answer.headers.get(HEADER)) == (status, "true")


async def test_real_numbers_never_carry_it() -> None:
    assert HEADER not in (await _asked("/totals", simulated=False)).headers
