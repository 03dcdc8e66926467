"""Reads an Excel workbook (.xlsx) as text: what a clerk sees in a cell, as far as it can be told."""

import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from math import isfinite
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from console.province.headers import FileError

UNPACKED_MAX_BYTES: Final = 1024 * 1024 * 1024
"""A workbook is a packed file: a small one may unpack to any size."""
DIGITS_KEPT: Final = 15
"""Excel keeps so many digits of a number: the rest of a longer one is lost."""
BROKEN: Final = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, AttributeError,
    SyntaxError, EOFError, OSError,
)  # fmt: skip
"""What the reader raises for a damaged workbook; SyntaxError is that of XML."""


class CellFailedError(Exception):
    """The cell shows an error such as #N/A."""


def read_workbook(raw: bytes, name: str) -> Iterator[tuple[str, list[tuple[int, list[str] | None]]]]:
    """Each sheet's name and lines: number and cells, None for a line with a failed formula. Raises FileError."""
    try:
        _check_size(raw, name)
        book = load_workbook(BytesIO(raw), read_only=True, data_only=True)
        for sheet in book.worksheets:
            yield sheet.title, list(_lines(sheet))
        book.close()
    except BROKEN as error:
        raise FileError(
            f"无法读取工作簿 {name}（{type(error).__name__}）。请在表格软件中打开并另存为 .xlsx 后重试；"
            "有密码的文件请先取消密码。",
            f"The workbook {name} cannot be read ({type(error).__name__}). Open it in the spreadsheet, save it as "
            ".xlsx and try again; take a password off first.",
        ) from error


def _check_size(raw: bytes, name: str) -> None:
    unpacked = sum(part.file_size for part in zipfile.ZipFile(BytesIO(raw)).infolist())
    if unpacked > UNPACKED_MAX_BYTES:
        raise FileError(
            f"工作簿 {name} 解压后超过 1 GiB，请拆分。", f"{name} unpacks to more than 1 GiB: split it."
        )


def _lines(sheet: Any) -> Iterator[tuple[int, list[str] | None]]:
    sheet.reset_dimensions()  # what the file says of its own size is often wrong
    for number, cells in enumerate(sheet.iter_rows(), 1):
        try:
            texts = [_text(cell) for cell in cells]
        except CellFailedError:
            yield number, None
            continue
        if any(texts):
            yield number, texts


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "e":
        raise CellFailedError
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float):
        return _digits(value, str(cell.number_format))
    return str(value).strip()


def _digits(number: float, shown_as: str) -> str:
    """A number as text: with the zeros in front that its format shows, and never more digits than Excel keeps."""
    if not isfinite(number) or abs(number) >= 10**DIGITS_KEPT:
        return f"{number:.5E}"  # no number and no code any more: each reader refuses it and says why
    if number == int(number):
        width = len(shown_as) if set(shown_as) == {"0"} else 0
        return str(int(number)).zfill(width)
    return f"{number:.{DIGITS_KEPT}g}"
