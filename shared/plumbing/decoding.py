"""Read records strictly, each by itself: a bad one is a value, never an exception."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from aiokafka import ConsumerRecord
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.contracts.envelope import EVENT_MAX_BYTES, Fact
from shared.contracts.receipt_codes import FIELD_MAX_CHARS


@dataclass(slots=True, eq=False)
class Taken:
    """One record as taken from Kafka and decoded: `event` is the service's own type, or `bad` says what is wrong."""

    lane: str
    stream: str
    offset: int
    event: Any
    bad: "Bad | None"
    seq: int
    log_id: str | None
    traceparent: str | None
    record: ConsumerRecord | None
    failure: Exception | None = None
    """What our own decoding raised: poison, which stops the record's lane and no other."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a record could not be taken: a code of the catalogue, where, and what exactly."""

    code: str
    field: str | None = None
    detail: str | None = None


Decoded = tuple[Any, Bad | None, int, str | None]
"""What a decoder returns: event, what is wrong with it, seq, log id (the last two only between our services)."""
Decode = Callable[[ConsumerRecord], Decoded]


def traceparent_of(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    """The W3C trace context of a record; headers of any kind may stand beside it.

    It goes into the log as it is, a line for each event: nothing but the exact form may pass.
    """
    for name, value in headers:
        if name == "traceparent" and value is not None and _TRACEPARENT.fullmatch(value):
            return value.decode("ascii")
    return None


_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


def place_of(record: ConsumerRecord) -> tuple[int, str | None]:
    """`seq` and log id of a fact that our own code cannot decode; (0, None) where even these cannot be read."""
    try:
        envelope = orjson.loads(cast("bytes", record.value))
        return int(envelope["seq"]), str(envelope["source"]).rpartition("/")[2]
    except (ValueError, TypeError, KeyError):
        return 0, None


class FactDecoder:
    """Decodes what our own services publish; types that the consumer does not read are passed over by their seq."""

    def __init__(self, models: Mapping[str, type[BaseModel]]) -> None:
        self._adapters = {
            name: TypeAdapter(Fact[model]).validator  # type: ignore[valid-type]
            for name, model in models.items()
        }

    def __call__(self, record: ConsumerRecord) -> Decoded:
        """The fact in `record`, None for a type that is not read here; ValueError means that our own code is wrong."""
        raw = cast("bytes", record.value)
        if len(raw) > 2 * EVENT_MAX_BYTES:
            raise ValueError("a fact is larger than any of ours can be")
        envelope = orjson.loads(raw)
        log_id = envelope["source"].rpartition("/")[2]
        adapter = self._adapters.get(envelope["type"])
        if adapter is None:
            return None, None, envelope["seq"], log_id
        try:
            return adapter.validate_json(raw), None, envelope["seq"], log_id
        except ValidationError as error:
            bad = explain(error)
            raise ValueError(f"a fact does not follow its contract: {bad.code} at {bad.field}") from None


def explain(error: ValidationError) -> Bad:
    """The first thing that is wrong, without the value that was sent (it may be personal)."""
    first = error.errors(include_input=False, include_url=False, include_context=True)[0]
    field = ".".join(str(part) for part in first["loc"])[:FIELD_MAX_CHARS]
    if first["type"] == "extra_forbidden":
        return Bad("unknown_field", field)
    if first["type"] == "missing":
        return Bad("missing_field", field)
    return Bad("invalid", field, first["msg"])
