"""Turns the rows of a file into events; identity numbers become pseudonyms here and go no further."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from console.province.columns import (
    ID,
    IDENTITY_NUMBER,
    SUPERSEDES,
    TIME,
    TYPE,
    WORKER_REF,
    CellError,
    Column,
    columns,
    read_cell,
    recognised,
)
from console.province.files import Row
from console.province.headers import FileError, full_type
from console.province.identity import IdentityError, WorkerKey, checked, worker_ref
from console.province.organisations import credit_code
from shared.contracts.envelope import EVENT_MAX_BYTES
from shared.contracts.provinces import ABOUT_A_WORKER
from shared.contracts.receipt_codes import sentences
from shared.contracts.submission import read

EXAMPLE_ID: Final = "示例"
"""An id that begins so marks the example row of a template: it is never sent."""
ID_CHARS: Final = 26
_ENVELOPE: Final = frozenset({ID, TYPE, TIME, IDENTITY_NUMBER, WORKER_REF, SUPERSEDES})
_IDENTITY_NUMBER: Final = re.compile(
    r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{5}[0-9Xx](?![0-9A-Za-z])"
)
_SOURCE: Final = re.compile(r"^//provinces/([0-9]{2})/")


@dataclass(frozen=True, slots=True)
class Ready:
    """An event that can be sent."""

    number: int
    id: str
    source: str
    type: str
    value: bytes
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not sent, and why."""

    number: int
    id: str | None
    code: str
    field: str | None
    zh: str
    en: str
    type: str | None = None
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: lane, name of its system, and the key of pseudonyms where it has one."""

    lane: str
    system: str = "file"
    key: WorkerKey | None = None

    @property
    def source(self) -> str:
        """The events' source."""
        return f"//provinces/{self.lane}/{self.system}"


def draft(
    rows: Iterable[Row], sender: Sender, type_: str | None = None, *, check: bool = False
) -> Iterator[Ready | Refused]:
    """An event or a refusal for each row, in order; the second of two equal ids is refused here.

    `type_` is what rows hold that do not say it, nor their table. With `check` an event is also read as the door
    reads it, and refused here if the door would: for its shape, not for what the register knows.
    """
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        try:
            made = _draft(row, sender, row.type or type_)
            _check_first(made, row, seen)
            if check:
                _check_shape(made, sender)
        except _RefusedError as refused:
            yield replace(refused.refusal, number=row.number, sheet=row.sheet, type=row.type or type_)
            continue
        yield made


def place(number: int, sheet: str) -> str:
    """Where a row stands, as a spreadsheet says it."""
    return f"{sheet}!{number}" if sheet else str(number)


def is_example(row: Row) -> bool:
    """Whether a row is a template's example, left in the file."""
    names = {"事件编号", "id"}
    return any((row.cells or {}).get(name, "").startswith(EXAMPLE_ID) for name in names)


class _RefusedError(Exception):
    def __init__(self, refusal: Refused) -> None:
        self.refusal = refusal


def _refused(number: int, id_: str | None, code: str, field: str | None, zh: str, en: str) -> _RefusedError:
    return _RefusedError(
        Refused(
            number,
            id_,
            code,
            field,
            sentences(code, field=field, detail=zh)[0],
            sentences(code, field=field, detail=en)[1],
        )
    )


def _check_first(made: Ready, row: Row, seen: dict[tuple[str, str], str]) -> None:
    here = place(row.number, row.sheet)
    first = seen.setdefault((made.source, made.id), here)
    if first != here:
        raise _refused(row.number, made.id, "already_recorded", None, f"第 {first} 行", f"line {first}")


def _check_shape(made: Ready, sender: Sender) -> None:
    refusal = read(made.value, (), sender.lane, 0).refusal
    if refusal is not None:
        zh, en = sentences(refusal.code, field=refusal.field, detail=refusal.detail)
        raise _RefusedError(Refused(made.number, made.id, refusal.code, refusal.field, zh, en))


def _draft(row: Row, sender: Sender, type_: str | None) -> Ready:
    if row.problem is not None:
        raise _refused(row.number, None, "unreadable", None, row.problem.zh, row.problem.en)
    if row.json is not None and "specversion" in row.json:
        event = dict(row.json)
        _check_cloud_event(event, sender)
    else:
        event = _event(row, sender, type_)
    if _holds_identity_number(event):
        raise _refused(
            row.number,
            None,
            "invalid",
            "data",
            "含有身份证号，未发送",
            "it holds an identity number; not sent",
        )
    value = orjson.dumps(event)
    if len(value) > EVENT_MAX_BYTES:
        raise _refused(row.number, event["id"], "too_large", None, "", "")
    return Ready(row.number, event["id"], event["source"], str(event.get("type")), value, row.sheet)


def _check_cloud_event(event: dict[str, Any], sender: Sender) -> None:
    """What must be right before it can be sent and its receipt be found; the rest is the door's to say."""
    for name in ("id", "source"):
        if not isinstance(event.get(name), str) or not event[name]:
            raise _refused(0, None, "missing_field", name, "", "")
    place = _SOURCE.match(event["source"])
    if place is not None and place.group(1) != sender.lane:
        raise _refused(0, event["id"], "foreign_province", "source", place.group(1), place.group(1))
    subject = event.get("subject")
    if isinstance(subject, str) and _IDENTITY_NUMBER.fullmatch(subject.strip()):
        event["subject"] = _pseudonym(subject, sender, "subject")


def _event(row: Row, sender: Sender, type_: str | None) -> dict[str, Any]:
    cells = row.cells if row.cells is not None else _flat(row.json or {})
    name = str(cells.get("type") or cells.get("事件类型") or "")
    type_ = _type(name) if name else type_
    if type_ is None:
        raise _refused(0, None, "missing_field", "type", "", "")
    found = _values(cells, type_, row.json is not None)
    data: dict[str, Any] = {}
    for column, value in found.items():
        if column.path not in _ENVELOPE:
            _put(data, column.path, _person(column, value, sender) if column.kind == "person" else value)
    event: dict[str, Any] = {"specversion": "1.0", "id": "", "source": sender.source, "type": type_}
    given = {column.path: str(value) for column, value in found.items()}
    if type_ in ABOUT_A_WORKER or given.keys() & {WORKER_REF, IDENTITY_NUMBER}:
        event["subject"] = _subject(given, sender)
    event["time"] = _time(found)
    if SUPERSEDES in given:
        event["supersedes"] = given[SUPERSEDES]
    event["data"] = data
    event["id"] = given.get(ID) or _derived_id(event)
    return event


def _type(name: str) -> str:
    try:
        return full_type(name)
    except FileError:
        raise _refused(0, None, "unknown_type", "type", name[:80], name[:80]) from None


def _values(cells: dict[str, Any], type_: str, strict: bool) -> dict[Column, Any]:
    """The cells that are not empty, read by their columns."""
    found: dict[Column, Any] = {}
    for (header, cell), column in zip(cells.items(), recognised(list(cells), type_), strict=True):
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        if column is None:
            if strict:
                raise _refused(0, None, "unknown_field", header[:64], "", "")
            continue
        try:
            as_text = isinstance(cell, str) or column.in_yuan
            found[column] = read_cell(column, str(cell)) if as_text else cell
        except CellError as error:
            raise _refused(0, None, "invalid", _named(column), error.zh, error.en) from None
    absent = [c for c in columns(type_) if c.required and c.path not in {have.path for have in found}]
    if absent:
        raise _refused(0, None, "missing_field", _named(absent[0]), "", "")
    return found


def _subject(given: dict[tuple[str, ...], str], sender: Sender) -> str:
    if WORKER_REF in given:
        return given[WORKER_REF]
    if IDENTITY_NUMBER not in given:
        raise _refused(0, None, "missing_field", "身份证号 (identity_number)", "", "")
    return _pseudonym(given[IDENTITY_NUMBER], sender, "身份证号 (identity_number)")


def _person(column: Column, value: Any, sender: Sender) -> Any:
    """Another person in a cell: an identity number becomes a pseudonym, a pseudonym stays as it is."""
    is_number = isinstance(value, str) and _IDENTITY_NUMBER.fullmatch(value.strip())
    return _pseudonym(value, sender, _named(column)) if is_number else value


def _pseudonym(number: str, sender: Sender, field: str) -> str:
    if sender.key is None:
        raise IdentityError(
            "文件中有身份证号，但没有密钥文件。请用 --key-file 指定。",
            "The file holds identity numbers and there is no key for pseudonyms: name it with --key-file.",
        )
    try:
        return worker_ref(number, sender.key)
    except IdentityError as error:
        raise _refused(0, None, "invalid", field, error.zh.rstrip("。"), error.en.rstrip(".")) from None


def _time(found: dict[Column, Any]) -> Any:
    """The row's own, or the start of the day that the event is about."""
    given = next((value for column, value in found.items() if column.path == TIME), None)
    if given is not None:
        return given
    day = next(value for column, value in found.items() if column.kind == "day" and column.required)
    return f"{day}T00:00:00+08:00"


def _derived_id(event: dict[str, Any]) -> str:
    """The same row has the same id, so that sending a file again repeats nothing."""
    parts = [event["type"], event.get("subject"), event["time"], event["data"]]
    if "supersedes" in event:
        parts.append(event["supersedes"])
    content = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return "row-" + base64.b32encode(hashlib.sha256(content).digest()).decode()[:ID_CHARS].lower()


def _flat(value: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        path = f"{above}{name}"
        flat |= _flat(inner, f"{path}.") if isinstance(inner, dict) else {path: inner}
    return flat


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = value


def _named(column: Column) -> str:
    return f"{column.zh} ({column.en})"


def _holds_identity_number(value: Any, name: str = "") -> bool:
    """Whether any text holds what looks like one; an employer's code may look so by chance."""
    if isinstance(value, dict):
        return any(_IDENTITY_NUMBER.search(key) or _holds_identity_number(v, key) for key, v in value.items())
    if isinstance(value, list):
        return any(_holds_identity_number(inner, name) for inner in value)
    return isinstance(value, str) and any(
        not (name == "code" and _is_credit_code(n)) for n in _numbers(value)
    )


def _is_credit_code(number: str) -> bool:
    return credit_code(number[:17]) == number


def _numbers(text: str) -> list[str]:
    found = []
    for candidate in _IDENTITY_NUMBER.findall(text):
        try:
            found.append(checked(candidate))
        except IdentityError:
            continue
    return found
