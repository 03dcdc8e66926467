"""Reads a province's own file: Excel, tables in any usual encoding, JSON Lines, CloudEvents."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from console.province.columns import recognised
from console.province.headers import (
    SEARCHED_LINES,
    FileError,
    check_header,
    header_place,
    known_cells,
    named_type,
    type_of,
)
from console.province.said_error import SaidError
from shared.contracts.payment_file import TOTAL_LINE
from shared.contracts.strict_json import parse_strict

FILE_MAX_BYTES: Final = 256 * 1024 * 1024
CELL_MAX_CHARS: Final = 100_000
HEAD_MAX_CHARS: Final = 100_000
"""The headers stand in so much of a table."""
SEPARATORS: Final = ",;\t"

LISTS_SHEET: Final = "取值 values"
"""The sheet of a template that its drop-down lists are read from."""

_WORKBOOK: Final = b"PK\x03\x04"
_NOT_TEXT: Final = {b"\xd0\xcf\x11\xe0": "xls", b"%PDF": "PDF", b"\x1f\x8b": "gzip"}
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


Line = tuple[int, list[str] | None]
"""Number of a line, from 1, and its cells; None where they cannot be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file: cells by header, or a JSON object; `number` is its first line, from 1."""

    number: int
    cells: dict[str, str] | None = None
    json: dict[str, Any] | None = None
    problem: SaidError | None = None
    type: str | None = None
    """What its table holds, where the row does not say it itself."""
    sheet: str = ""
    """Of a workbook with several."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds."""

    rows: list[Row]
    notes: list[SaidError]
    """What was found out and what is passed over: types, columns, sheets."""


def read_file(path: Path, event_type: str | None) -> Contents:
    """All rows of a file; `event_type` says what its tables hold, otherwise their headers do. Raises FileError."""
    raw = _bytes(path)
    if raw.startswith(_WORKBOOK):
        return _workbook(raw, path, event_type)
    text = _decoded(raw, path)
    if text.lstrip()[:1] in {"{", "["}:
        return Contents(list(_json_rows(text)), [])
    return _table(_csv_lines(text), event_type, path.stem)


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
                f"{path.name} 是 {kind} 文件。请在表格软件中另存为 .xlsx 或“CSV UTF-8”后再发送。",
                f"{path.name} is a {kind} file. Save it as .xlsx or “CSV UTF-8” in the spreadsheet and send that.",
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


def _workbook(raw: bytes, path: Path, event_type: str | None) -> Contents:
    """The rows of all sheets that have headers; the others are named and passed over."""
    from console.province.workbook import read_workbook  # slow to load, and most files are no workbooks

    sheets = [(name, lines) for name, lines in read_workbook(raw, path.name) if name != LISTS_SHEET and lines]
    used = [(name, lines) for name, lines in sheets if _has_headers(lines)]
    if not used and sheets:
        used = sheets[:1]  # to say what is wrong with it
    notes = [
        SaidError(
            f"工作表“{name}”没有认识的表头，未使用。", f"The sheet “{name}” has no known headers: not used."
        )
        for name, lines in sheets
        if (name, lines) not in used
    ]
    rows: list[Row] = []
    for name, lines in used:
        found = _table(lines, event_type, name, name if len(used) > 1 else "")
        rows += found.rows
        notes += found.notes
    return Contents(rows, notes)


def _has_headers(lines: Sequence[Line]) -> bool:
    cells = [line or [] for _, line in lines]
    return known_cells(cells[header_place(cells)]) > 1


def _table(lines: Sequence[Line], event_type: str | None, name: str, sheet: str = "") -> Contents:
    """The rows below the headers; `name` is the sheet's or the file's, `sheet` tells one of several."""
    try:
        place = header_place([cells or [] for _, cells in lines])
        header = [cell.strip() for cell in (lines[place][1] if lines else None) or []]
        type_ = event_type or type_of(header, name)
        if type_ is not None:
            check_header(header, type_)
    except FileError as error:
        raise _in_sheet(error, sheet) from error
    rows = [_row(number, cells, header, type_, sheet) for number, cells in lines[place + 1 :]]
    return Contents([row for row in rows if row is not None], _notes(header, event_type, type_, sheet))


def _notes(header: Sequence[str], said: str | None, type_: str | None, sheet: str) -> list[SaidError]:
    at_zh, at_en = (f"工作表“{sheet}”：", f"Sheet “{sheet}”: ") if sheet else ("", "")
    notes = []
    if said is None and type_ is not None:
        notes.append(
            SaidError(f"{at_zh}事件类型 {named_type(type_)}。", f"{at_en}event type {named_type(type_)}.")
        )
    found = recognised(header, type_) if type_ else []
    unknown = [name for name, column in zip(header, found, strict=False) if name and not column]
    if unknown:
        notes.append(
            SaidError(
                f"{at_zh}这些列不会发送：{'、'.join(unknown)}。",
                f"{at_en}these columns are not sent: {', '.join(unknown)}.",
            )
        )
    return notes


def _in_sheet(error: FileError, sheet: str) -> FileError:
    if not sheet:
        return error
    return FileError(f"工作表“{sheet}”：{error.zh}", f"Sheet “{sheet}”: {error.en}")


def _row(
    number: int, cells: list[str] | None, header: Sequence[str], type_: str | None, sheet: str
) -> Row | None:
    """None for a line without content, and for the control sums at the end of a payment file."""
    problem = None
    if cells and cells[0].strip() == TOTAL_LINE:
        return None
    if cells is None:
        problem = SaidError("有单元格显示错误值（如 #N/A）", "a cell shows an error such as #N/A")
    elif not any(cell.strip() for cell in cells):
        return None
    elif any(cell.strip() for cell in cells[len(header) :]):
        problem = SaidError("单元格多于表头的列数", "it has more cells than the header has columns")
    named = None if problem else dict(zip(header, cells or (), strict=False))
    return Row(number, cells=named, problem=problem, type=type_, sheet=sheet)


def _csv_lines(text: str) -> list[Line]:
    text = text.partition("\n")[2] if text.lower().startswith("sep=") else text
    csv.field_size_limit(CELL_MAX_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    lines: list[Line] = []
    number = 1
    try:
        for cells in reader:
            lines.append((number, cells))
            number = reader.line_num + 1
    except csv.Error as error:
        raise FileError(
            f"第 {reader.line_num} 行无法作为表格读取（{error}）。",
            f"Line {reader.line_num} cannot be read as a table ({error}).",
        ) from error
    return lines


def _separator(text: str) -> str:
    """The one that makes most headers known."""
    first = [line for line in text[:HEAD_MAX_CHARS].splitlines() if line.strip()][:SEARCHED_LINES]

    def known(separator: str) -> int:
        return max(known_cells(cells) for cells in csv.reader(first, delimiter=separator))

    return max(SEPARATORS, key=known)
