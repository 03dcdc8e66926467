"""A record as a province sent it, read strictly and by itself: the door reads so, and who checks before sending."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from shared.contracts import provinces
from shared.contracts.envelope import EVENT_MAX_BYTES, WORKER_REF_PATTERN, ProvinceEvent
from shared.contracts.receipt_codes import FIELD_MAX_CHARS
from shared.contracts.strict_json import parse_strict

ID_MAX_CHARS: Final = 128
SOURCE_MAX_CHARS: Final = 122
TYPE_MAX_CHARS: Final = 120
"""So much of an unknown type is kept and answered."""
Headers = Sequence[tuple[str, bytes | None]]

_TYPE: Final = re.compile(r"^(dreams\.[a-z_]+\.[a-z_]+)\.v([0-9]{1,4})$")
_WORKER_REF: Final = re.compile(WORKER_REF_PATTERN)
_SOURCE: Final = re.compile(r"^//provinces/([0-9]{2})/[A-Za-z0-9._~/-]{1,100}$")
_ADAPTERS: Final = {
    name: TypeAdapter(ProvinceEvent[model]).validator  # type: ignore[valid-type]
    for name, model in provinces.DATA_MODELS.items()
}
_KNOWN_WITHOUT_VERSION: Final = {name.rpartition(".v")[0] for name in _ADAPTERS}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event is not taken: a code of `shared.contracts.receipt_codes`, the field, and what exactly."""

    code: str
    field: str | None = None
    detail: str | None = None
    first_event_id: str | None = None


@dataclass(slots=True, eq=False)
class Submission:
    """One record of a province's topic. Without `id` and `source` it is unreadable and named by its offset."""

    lane: str
    offset: int
    id: str | None = None
    source: str | None = None
    type: str | None = None
    subject: str | None = None
    time: str = ""
    """UTC, ISO 8601."""
    data: Any = None
    """As sent: parsed JSON, absent stays absent."""
    supersedes: str | None = None
    """Id of the event of the same source that this one corrects."""
    event: ProvinceEvent[Any] | None = None
    refusal: Refusal | None = None
    traceparent: str | None = None
    waits_since: date | None = None
    """The day on which it began to wait, where it is judged again."""
    natural: tuple[str, str] | None = None
    """Natural key (kind, key), once `judging.Keys` has looked at it."""


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def read(value: bytes | None, headers: Headers, lane: str, offset: int) -> Submission:
    """Read one record of `lane`'s topic: structured or binary CloudEvents. Never raises for what was sent."""
    found = Submission(lane, offset)
    try:
        if value is None:
            raise _RefusedError(Refusal("empty"))
        if len(value) > EVENT_MAX_BYTES:
            raise _RefusedError(Refusal("too_large"))
        if headers and any(name == "ce_specversion" for name, _ in headers):
            value = _structured(value, headers)
        _read_envelope(found, _parse(value))
        _read_event(found, value)
    except _RefusedError as refused:
        found.refusal = refused.refusal
    return found


def left_out(found: Submission | None, lane: str, offset: int) -> Submission:
    """The answer to a record that an operator has set aside; it may be sent again under its id."""
    known = found or Submission(lane, offset)
    named = known.type in _ADAPTERS
    return Submission(
        lane, offset, known.id, known.source, known.type if named else None, refusal=Refusal("set_aside")
    )


def content_hash(submission: Submission) -> bytes:
    """What makes two submissions the same: type, subject, time in UTC, the data as sent, and what is corrected."""
    parts: tuple[Any, ...] = (submission.type, submission.subject, submission.time, submission.data)
    if submission.supersedes is not None:
        parts += (submission.supersedes,)
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()


def to_keep(submission: Submission) -> bytes:
    """A valid event without padding: `read` takes it to the same content, and its fields' limits keep it small.

    Blanks or the digits of a second may fill a mebibyte, and all that waits for one worker is loaded at once.
    """
    event = submission.event
    assert event is not None
    kept = {
        "specversion": event.specversion,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": submission.time,
        "data": submission.data,
    }
    return orjson.dumps(kept if event.supersedes is None else {**kept, "supersedes": event.supersedes})


def _parse(value: bytes) -> dict[str, Any]:
    if b"\\u0000" in value:
        raise _RefusedError(Refusal("unreadable", detail="含有 NUL 字符 / it holds a NUL character"))
    try:
        envelope = parse_strict(value)
    except RecursionError:
        raise _RefusedError(Refusal("unreadable", detail="嵌套过深 / nested too deep")) from None
    except ValueError as error:
        raise _RefusedError(
            Refusal("unreadable", detail=f"不是规范的 JSON / not strict JSON: {str(error)[:120]}")
        ) from None
    if isinstance(envelope, list) and len(envelope) > 1:
        several = "一条 Kafka 记录只能含一个事件 / one Kafka record holds one event, this one is a batch"
        raise _RefusedError(Refusal("unreadable", detail=several))
    if not isinstance(envelope, dict):
        raise _RefusedError(Refusal("unreadable", detail="不是单个 JSON 对象 / not one JSON object"))
    return envelope


def _structured(value: bytes, headers: Headers) -> bytes:
    """A binary-mode CloudEvent as a structured one: attributes out of the `ce_` headers."""
    attributes: dict[str, Any] = {"datacontenttype": "application/json"}
    for name, content in headers:
        if not name.startswith("ce_"):
            continue
        try:
            attributes[name.removeprefix("ce_")] = (content or b"").decode()
        except UnicodeDecodeError:
            raise _RefusedError(
                Refusal("unreadable", name[:64], "消息头不是 UTF-8 / a header is not UTF-8")
            ) from None
    return orjson.dumps({**attributes, "data": orjson.Fragment(orjson.dumps(_parse(value)))})


def _read_envelope(found: Submission, envelope: Mapping[str, Any]) -> None:
    id_, source = envelope.get("id"), envelope.get("source")
    if not _is_name(id_, ID_MAX_CHARS) or not _is_name(source, SOURCE_MAX_CHARS):
        raise _RefusedError(
            Refusal("unreadable", detail="缺少可读的 id 和 source / no readable id and source")
        )
    found.id, found.source = id_, source
    found.type = envelope["type"] if isinstance(envelope.get("type"), str) else None
    found.subject = envelope["subject"] if isinstance(envelope.get("subject"), str) else None
    found.time = str(envelope.get("time"))
    found.data = envelope.get("data")
    found.supersedes = envelope["supersedes"] if isinstance(envelope.get("supersedes"), str) else None
    place = _SOURCE.match(found.source or "")
    if place is None:
        raise _RefusedError(
            Refusal(
                "invalid",
                "source",
                "应为 //provinces/<省份代码>/<系统> / should be //provinces/<code>/<system>",
            )
        )
    if place.group(1) != found.lane:
        raise _RefusedError(Refusal("foreign_province", "source", place.group(1)))


def _is_name(value: Any, max_chars: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= max_chars and value.isprintable()


def _read_event(found: Submission, value: bytes) -> None:
    if found.type is None:
        raise _RefusedError(Refusal("missing_field", "type"))
    adapter = _ADAPTERS.get(found.type)
    if adapter is None:
        raise _RefusedError(_unknown(found.type))
    try:
        found.event = event = adapter.validate_json(value, extra="forbid")
    except ValidationError as error:
        raise _RefusedError(_explain(error)) from None
    found.time = event.time.astimezone(UTC).isoformat()
    if found.type in provinces.MAY_BE_ABOUT_A_WORKER:
        _check_subject(found.type, event.subject)
    if found.type == provinces.WORKER_ENROLLED and event.data.enrollment_no[:2] != found.lane:
        raise _RefusedError(Refusal("foreign_province", "data.enrollment_no", event.data.enrollment_no[:2]))


def _check_subject(type_: str, subject: str | None) -> None:
    if subject is None:
        if type_ in provinces.ABOUT_A_WORKER:
            raise _RefusedError(Refusal("missing_field", "subject"))
        return
    if not _WORKER_REF.match(subject):
        form = "应为 worker_ref（k<版本>.<base32>） / should be a worker_ref (k<version>.<base32>)"
        raise _RefusedError(Refusal("invalid", "subject", form))


def _unknown(name: str) -> Refusal:
    match = _TYPE.match(name)
    known = match is not None and match.group(1) in _KNOWN_WITHOUT_VERSION
    return Refusal("unknown_version" if known else "unknown_type", "type", name[:80])


_CHINESE: Final = {
    "greater_than": "必须大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than_equal": "不得大于 {le}",
    "less_than": "必须小于 {lt}",
    "string_type": "应为文字",
    "string_too_short": "文字过短",
    "string_too_long": "文字过长",
    "string_pattern_mismatch": "格式不符",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "literal_error": "不在允许的取值之内",
    "date_type": "应为日期",
    "date_parsing": "应为日期（YYYY-MM-DD）",
    "date_from_datetime_parsing": "应为日期（YYYY-MM-DD）",
    "datetime_parsing": "应为时间（ISO 8601，含时区）",
    "datetime_type": "应为时间（ISO 8601，含时区）",
    "timezone_aware": "时间须含时区",
    "value_error": "超出允许的时间范围",
    "bool_type": "应为 true 或 false",
    "model_type": "应为对象",
    "tuple_type": "应为列表",
    "too_short": "项目过少",
    "too_long": "项目过多",
}


def _explain(error: ValidationError) -> Refusal:
    """The first thing that is wrong, in both languages, without the value that was sent (it may be personal)."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:FIELD_MAX_CHARS]
    if first["type"] == "json_invalid":  # it was valid JSON before: the validator's own depth is smaller
        return Refusal("invalid", "data", "嵌套过深 / nested too deep")
    if first["type"] == "extra_forbidden":
        return Refusal("unknown_field", field)
    if first["type"] == "missing":
        return Refusal("missing_field", field)
    chinese = _CHINESE.get(first["type"], "")
    values = {key: value for key, value in first.get("ctx", {}).items() if key in {"gt", "ge", "le", "lt"}}
    return Refusal("invalid", field, f"{chinese.format(**values) or '格式不符'} / {_lower(first['msg'])}")


def _lower(message: str) -> str:
    """Pydantic's sentence as a part of ours."""
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[:1].lower() + message[1:]
