"""Reads a province's own file: tables in any usual encoding, JSON Lines, CloudEvents."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from console.province.columns import missing, recognised
from console.province.said_error import SaidError
from shared.contracts.strict_json import parse_strict

FILE_MAX_BYTES: Final = 256 * 1024 * 1024
CELL_MAX_CHARS: Final = 100_000
SEPARATORS: Final = ",;\t"

_NOT_TEXT: Final = {b"PK\x03\x04": "xlsx", b"\xd0\xcf\x11\xe0": "xls", b"%PDF": "PDF", b"\x1f\x8b": "gzip"}
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class FileError(SaidError):
    """The file as a whole cannot be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file: cells by header, or a JSON object; `number` is its first line, from 1."""

    number: int
    cells: dict[str, str] | None = None
    json: dict[str, Any] | None = None
    problem: SaidError | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds."""

    rows: list[Row]
    ignored: list[str]
    """Headers that are no column of the type: they are not sent."""


def read_file(path: Path, event_type: str | None) -> Contents:
    """All rows of a file; for a table `event_type` must say what it holds. Raises FileError."""
    text = _decoded(_bytes(path), path)
    if text.lstrip()[:1] in {"{", "["}:
        return Contents(list(_json_rows(text)), [])
    if event_type is None:
        raise FileError(
            "表格文件需用 --type 说明事件类型，如 --type worker.enrolled。",
            "A table needs --type to say what it holds, such as --type worker.enrolled.",
        )
    return _table(text, event_type)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_MAX_BYTES:
            raise FileError(
                f"文件 {path.name} 超过 256 MiB，请拆分。", f"{path.name} is larger than 256 MiB: split it."
            )
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(
            f"无法读取文件 {path}（{error.strerror}）。请核对路径和权限。",
            f"{path} cannot be read ({error.strerror}). Check its path and rights.",
        ) from error
    if not raw.strip():
        raise FileError(f"文件 {path.name} 没有内容。", f"{path.name} is empty.")
    return raw


def _decoded(raw: bytes, path: Path) -> str:
    for start, kind in _NOT_TEXT.items():
        if raw.startswith(start):
            raise FileError(
                f"{path.name} 是 {kind} 文件。请在表格软件中另存为“CSV UTF-8”后再发送。",
                f"{path.name} is a {kind} file. Save it as “CSV UTF-8” in the spreadsheet and send that.",
            )
    marked = _BYTE_ORDER_MARKS.get(raw[:2])
    for encoding in (marked,) if marked else ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileError(
        f"{path.name} 既不是 UTF-8 也不是 GB18030 编码。请另存为“CSV UTF-8”。",
        f"{path.name} is neither UTF-8 nor GB18030. Save it as “CSV UTF-8”.",
    )


def _json_rows(text: str) -> Iterator[Row]:
    """One JSON object a line; or one array or one object that fills the file."""
    lines = text.splitlines()
    first = next(line for line in lines if line.strip())
    if first.lstrip().startswith("[") or not _is_json(first):
        yield from _json_document(text)
        return
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = parse_strict(line.encode())
        except (ValueError, RecursionError) as error:
            yield Row(number, problem=SaidError(f"不是有效的 JSON：{error}", f"it is no valid JSON: {error}"))
            continue
        yield _object(number, value)


def _json_document(text: str) -> Iterator[Row]:
    try:
        value = parse_strict(text.strip().encode())
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"文件既不是 JSON Lines 也不是一个 JSON 数组（{error}）。",
            f"The file is neither JSON Lines nor one JSON array ({error}).",
        ) from error
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        yield _object(number, item)


def _is_json(line: str) -> bool:
    try:
        parse_strict(line.encode())
    except (ValueError, RecursionError):
        return False
    return True


def _object(number: int, value: Any) -> Row:
    if isinstance(value, dict):
        return Row(number, json=value)
    return Row(number, problem=SaidError("每项应为 JSON 对象", "each entry must be a JSON object"))


def _table(text: str, event_type: str) -> Contents:
    text = text.partition("\n")[2] if text.lower().startswith("sep=") else text
    separator = _separator(text, event_type)
    csv.field_size_limit(CELL_MAX_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip() for name in next(reader)]
        _check_header(header, event_type)
        rows = list(_table_rows(reader, header))
    except csv.Error as error:
        raise FileError(
            f"第 {reader.line_num} 行无法作为表格读取（{error}）。",
            f"Line {reader.line_num} cannot be read as a table ({error}).",
        ) from error
    found = recognised(header, event_type)
    return Contents(rows, [name for name, column in zip(header, found, strict=True) if name and not column])


def _separator(text: str, event_type: str) -> str:
    """The one that makes most columns known."""
    first = next(line for line in text.splitlines() if line.strip())

    def known(separator: str) -> int:
        header = next(csv.reader([first], delimiter=separator))
        return sum(column is not None for column in recognised(header, event_type))

    return max(SEPARATORS, key=known)


def _check_header(header: list[str], event_type: str) -> None:
    found = recognised(header, event_type)
    named = [column for column in found if column is not None]
    twice = next((c for c in named if sum(other.path == c.path for other in named) > 1), None)
    if twice is not None:
        raise FileError(
            f"列“{twice.zh}”出现两次（金额只能用元或分之一）。",
            f"The column “{twice.en}” stands there twice (give an amount in yuan or in fen, not both).",
        )
    absent = missing(found, event_type)
    if absent:
        raise FileError(
            f"缺少列：{'、'.join(column.zh for column in absent)}。",
            f"Columns are missing: {', '.join(column.en for column in absent)}. `dreams publish --template` "
            "writes a file with all of them.",
        )


def _table_rows(reader: Any, header: list[str]) -> Iterator[Row]:
    line = reader.line_num + 1
    for cells in reader:
        number, line = line, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            problem = SaidError("单元格多于表头的列数", "it has more cells than the header has columns")
            yield Row(number, problem=problem)
            continue
        yield Row(number, cells=dict(zip(header, cells, strict=False)))
