"""The OpenAPI document of enrollment's routes holds: generated requests get documented answers and break nothing."""

import asyncio
from typing import Any

import httpx
import schemathesis
from hypothesis import given

from tests.enrollment.conftest import Door
from tests.generated_requests import HOLDS, so_many
from tests.measuring import unmeasured

OURS = (
    "/v1/provinces", "/v1/receipts", "/v1/totals",
    "/v1/workers", "/v1/projects", "/v1/institutions", "/v1/alliances",
)  # fmt: skip
REQUESTS_EACH = 10


async def _document(door: Door) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=door.stack.address("enrollment"), trust_env=False) as http:
        document: dict[str, Any] = (await http.get("/openapi.json")).json()
    return document


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, described)
        for path, methods in document["paths"].items()
        if path.startswith(OURS)
        for method, described in methods.items()
    ]


async def test_generated_requests_get_answers_that_the_document_foresees(door: Door) -> None:
    document = await _document(door)
    address = door.stack.address("enrollment")
    tokens = [door.stack.token(name) for name in ("province-32", "auditor")]
    await asyncio.to_thread(_try_all, document, address, tokens)


def _try_all(document: dict[str, Any], address: str, tokens: list[str]) -> None:
    schema = schemathesis.openapi.from_dict(document)
    for path, method, _ in _operations(document):
        operation = schema[path][method]

        @so_many(REQUESTS_EACH)
        @given(case=operation.as_strategy())
        def one(case: schemathesis.Case[Any]) -> None:
            for token in tokens:
                headers = {"Authorization": f"Bearer {token}"}
                case.call_and_validate(base_url=address, headers=headers, checks=HOLDS)

        with unmeasured():
            one()


async def test_every_route_of_ours_is_described_with_its_refusals(door: Door) -> None:
    document = await _document(door)
    operations = _operations(document)
    assert len(operations) >= 5
    for path, method, described in operations:
        assert described.get("description"), f"{method} {path} says nothing"
        assert {"401", "403", "503"} <= described["responses"].keys(), f"{method} {path}"
        for parameter in described.get("parameters", ()):
            known = parameter.get("description") or parameter["name"] in ("code", "wait")
            assert known, f"{method} {path}: {parameter['name']}"
        for status, answer in described["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"], f"{method} {path}: {status}"


async def test_the_document_says_that_an_event_id_is_the_idempotency_key(door: Door) -> None:
    post = (await _document(door))["paths"]["/v1/provinces/{code}/events"]["post"]
    assert "No `Idempotency-Key` is needed" in post["description"]
    assert {"202", "400", "401", "403", "408", "413", "415", "422", "429", "503"} == post["responses"].keys()
    bodies = post["requestBody"]["content"]
    assert all("example" in body and "schema" in body for body in bodies.values())
    assert len(bodies) == 3
