"""JSON read strictly: NaN, infinities, broken UTF-8 and duplicate keys are refused."""

import json
from typing import Any

import orjson


class DuplicateKeyError(ValueError):
    """A JSON object holds the same key twice."""


def parse_strict(raw: bytes) -> Any:
    """The JSON value in `raw`; ValueError says what is wrong, without the value.

    orjson refuses NaN, 1e400 and broken UTF-8 but keeps the last of two equal keys. Without backslashes a text has
    exactly two quotes for each of its strings, so a key that was dropped shows as a difference in their number.
    """
    value = orjson.loads(raw)
    try:
        again = orjson.dumps(value)
    except TypeError:  # it reads four times deeper than it writes
        raise ValueError("nested too deep") from None
    if b"\\" in raw or raw.count(b'"') != again.count(b'"'):
        json.loads(raw, object_pairs_hook=_unique)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKeyError("the same key stands twice in one object")
    return found
