"""JSON Schemas of everything that is published, made from the contracts' models, and what may change in them."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from jsoncompat import check_compat
from pydantic.json_schema import GenerateJsonSchema

from shared.contracts.catalogue import BARE, Message
from shared.contracts.envelope import WORKER_REF_PATTERN
from shared.contracts.examples import WORKER_REF, example
from shared.contracts.provinces import ABOUT_A_WORKER, MAY_BE_ABOUT_A_WORKER

Json = dict[str, Any]
PROVINCE_SOURCE_PATTERN: Final = r"^//provinces/[0-9]{2}/[A-Za-z0-9._~/-]{1,100}$"
SAID_BY_WORDS_ONLY: Final = ("pattern", "format")
"""Restrictions that the compatibility checker does not look at: within a major version they stay as they are."""


class _Plain(GenerateJsonSchema):
    """Titles are those that we gave: names made from identifiers say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is Pydantic's
        return False


def schema_of(message: Message) -> Json:
    """The JSON Schema of the whole record: title in Chinese, description in English, one example."""
    schema: Json = json.loads(_text_of(message))
    return schema


@cache
def _text_of(message: Message) -> str:
    schema = message.model.model_json_schema(schema_generator=_Plain)
    for part in _objects(schema):
        if part is schema or part.get("title", "").isascii():
            part.pop("title", None)
        if not message.open:
            part["additionalProperties"] = False
    if message.name not in BARE:
        _say_of_the_envelope(schema, message)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dreams:{message.publisher}:{message.name}",
        "title": message.name_zh,
        "description": " ".join((message.data.__doc__ or "").split()),
    }
    rest = {key: value for key, value in schema.items() if key not in head}
    return json.dumps({**head, **rest, "examples": [example(message)]})


def _say_of_the_envelope(schema: Json, message: Message) -> None:
    """What holds for this kind of event only: its type, its subject, who its source is."""
    fields = schema["properties"]
    fields["type"]["const"] = message.name
    if message.open:
        schema["required"] = ["specversion", *schema["required"]]
        return
    fields["source"]["pattern"] = PROVINCE_SOURCE_PATTERN
    if message.name in MAY_BE_ABOUT_A_WORKER:
        fields["subject"] = {
            "type": "string",
            "pattern": WORKER_REF_PATTERN,
            "description": "The worker_ref: `k<key version>.` and 52 characters of base32.",
            "examples": [WORKER_REF],
        }
    if message.name in ABOUT_A_WORKER:
        schema["required"] = sorted({*schema["required"], "subject"}, key=list(fields).index)


def _objects(schema: Json) -> Iterator[Json]:
    yield schema
    yield from schema.get("$defs", {}).values()


def incompatibilities(committed: Json, fresh: Json, *, is_open: bool) -> list[str]:
    """Why `fresh` may not follow `committed` within a major version; empty where it may.

    What was sent or logged under the committed schema must be valid under the fresh one (provinces do not update on
    the same day; logs are replayed). Where readers pass over unknown fields (`is_open`), what is published under the
    fresh one must also be readable by those who know the committed one.
    """
    found = []
    if not _holds(_closed(committed), _closed(fresh), "deserializer"):
        found.append("what was valid before is refused: a field is gone, required or narrower than it was")
    if is_open and not _holds(committed, fresh, "serializer"):
        found.append(
            "readers who know the committed schema cannot read it: a field is gone, wider or of another type"
        )
    before, after = dict(_worded(committed)), dict(_worded(fresh))
    there, here = _paths(committed), _paths(fresh)
    found += [
        f"{path} was {said} and is {after.get(path)}"
        for path, said in before.items()
        if path.rpartition(".")[0] in here and after.get(path) != said
    ]
    added = [path for path in after.keys() - before.keys() if path.rpartition(".")[0] in there]
    return found + [f"{path} is new: {after[path]}" for path in sorted(added)]


def _holds(old: Json, new: Json, role: Any) -> bool:
    texts = [json.dumps({k: v for k, v in schema.items() if k != "$id"}) for schema in (old, new)]
    return bool(check_compat(texts[0], texts[1], role))


def _closed(schema: Any) -> Any:
    """The schema with nothing allowed but the fields that it names."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items() if key != "examples"}
    return {**closed, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else closed


def _worded(schema: Json) -> Iterator[tuple[str, Any]]:
    for path, part in _parts(schema, ""):
        yield from (
            (f"{path}.{key}", part[key]) for key in SAID_BY_WORDS_ONLY if isinstance(part.get(key), str)
        )


def _paths(schema: Json) -> set[str]:
    return {path for path, _ in _parts(schema, "")}


def _parts(schema: Any, path: str) -> Iterator[tuple[str, Json]]:
    """Every schema within, by the place where a value of it stands in the record's schema."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in ("properties", "$defs"):
        for name, part in schema.get(key, {}).items():
            yield from _parts(part, f"{path}/{name}")
    for place, part in enumerate(schema.get("anyOf", ())):
        yield from _parts(part, f"{path}/{place}")
    yield from _parts(schema.get("items"), f"{path}/each")
