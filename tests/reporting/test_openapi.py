"""The OpenAPI document of reporting holds: whoever asks whatever gets answers that it foresees, and nothing breaks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st

from console.stack.infrastructure import Infrastructure
from services.reporting.domain.cubes import CUBES
from tests.generated_requests import HOLDS, so_many
from tests.reporting.conftest import Running, running
from tests.reporting.test_editions import MONTH, WHY, close, fed, january

ASKED_EACH: Final = 12
ROLES: Final = (None, "official", "auditor", "operator", "province-32")
WITHOUT_END: Final = ("/live",)
"""An answer that never ends: `test_live.py` reads it."""
THERE: Final[dict[str, list[Any]]] = {
    "edition": [MONTH, f"{MONTH}.1", f"{MONTH}.2"],
    "period": [MONTH, "2026-02", "2026"],
    "event_id": ["e-32-2", "e-33-1"],
    "lane": ["32", "33", "00"],
    "cube": list(CUBES),
    "measure": ["enrolled", "funded"],
    "month": [MONTH],
    "stream": ["reporting.changes"],
}
"""Values that name something: half of what is generated takes them, so that answers have something to say."""
OPEN: Final = {
    "/health/live",
    "/health/ready",
    "/metrics",
    "/",
    "/page/{of_version}/{name}",
    "/bulletin/{edition}",
    "/live",
    *(
        f"/v1/{name}"
        for name in (
            "nation",
            "provinces",
            "series",
            "latest",
            "definitions",
            "targets",
            "trends",
            "quality",
            "reconciliation",
            "cubes",
            "totals",
            "tables",
            "tables/{code}",
            "editions/key",
            "editions/{edition}",
            "editions/{edition}/file",
        )
    ),
}
"""What everybody may ask; of `/v1/editions` everybody may read the list, and operators alone may close."""


@pytest.fixture(scope="module")
async def closed(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A service with two editions of one month, which any question may stop, resume or rebuild."""
    async with running(infrastructure, "openapi.", tmp_path_factory.mktemp("openapi")) as service:
        country = january()
        country.month_is_over()
        sent = await fed(service, country)
        assert (await close(service)).status_code == 201
        country.void("32-3", "32")
        await fed(service, country, sent)
        assert (await close(service, restate=True, reason=WHY)).status_code == 201
        yield service
    await infrastructure.drop_namespace("openapi.")


async def test_whoever_asks_whatever_gets_answers_that_the_document_foresees(closed: Running) -> None:
    document = (await closed.get("/openapi.json")).json()
    tokens = {name: closed.token(name) if name else {} for name in ROLES}
    await asyncio.to_thread(_try_all, _with_what_is_there(document), closed.url, tokens)


def _try_all(document: dict[str, Any], address: str, tokens: dict[str | None, dict[str, str]]) -> None:
    schema, failed = schemathesis.openapi.from_dict(document), list[Exception]()
    for path, method, _ in _operations(document):
        operation = schema[path][method]

        @so_many(ASKED_EACH)
        @given(case=operation.as_strategy(), office=st.sampled_from(ROLES))
        def one(case: schemathesis.Case[Any], office: str | None) -> None:
            case.call_and_validate(base_url=address, headers=tokens[office], checks=HOLDS)

        try:
            one()
        except Exception as error:  # noqa: BLE001 - the others are tried, too, and all of them are raised
            failed.append(error)
    if failed:
        raise ExceptionGroup("answers that the document does not foresee", failed)


async def test_every_route_says_what_it_does_and_who_is_refused(closed: Running) -> None:
    document = (await closed.get("/openapi.json")).json()
    for path, method, described in _operations(document):
        assert described.get("description"), f"{method} {path} says nothing"
        refusals = {status: answer for status, answer in described["responses"].items() if status >= "400"}
        if path not in OPEN and (method, path) != ("get", "/v1/editions"):
            assert {"401", "403"} <= refusals.keys(), f"{method} {path}"
            assert (await closed.client.request(method, path)).status_code == 401, f"{method} {path}"
        for status, answer in refusals.items():
            assert list(answer["content"]) == ["application/problem+json"], f"{method} {path}: {status}"


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, described)
        for path, methods in document["paths"].items()
        if path not in WITHOUT_END
        for method, described in methods.items()
    ]


def _with_what_is_there(document: dict[str, Any]) -> dict[str, Any]:
    """The document, in which parameters may also take values that are there."""
    for _, _, described in _operations(document):
        for parameter in described.get("parameters", ()):
            values = THERE.get(parameter["name"])
            schema = parameter["schema"]
            if values and schema.get("type") == "array":
                schema["items"] = {"anyOf": [{"enum": values}, schema["items"]]}
            elif values:
                parameter["schema"] = {"anyOf": [{"enum": values}, schema]}
    return document
