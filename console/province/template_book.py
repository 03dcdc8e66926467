"""Writes an Excel template: Chinese headers, an example row, and lists to choose from where a column has them."""

from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from console.province.columns import Column, chinese_of
from console.province.files import LISTS_SHEET
from console.province.headers import FileError
from console.province.tables import example_cell, template_columns, unwritable
from shared.contracts.catalogue import NAMES_ZH

ROWS_PREPARED: Final = 20_000
"""So many rows have lists and formats."""
_REQUIRED: Final = PatternFill("solid", fgColor="FFF2CC")
_OPTIONAL: Final = PatternFill("solid", fgColor="EDEDED")
_FORMATS: Final = {"day": "yyyy-mm-dd", "fen": "0.00", "number": "0"}
"""All others are text, so that no number loses its zeros or its last digits."""
_PROMPT_MAX_CHARS: Final = 255


def write_template_book(path: Path, event_type: str) -> None:
    """An empty workbook for events of a type. Raises FileError."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = NAMES_ZH[event_type]
    lists: Any = book.create_sheet(LISTS_SHEET)
    lists.sheet_state = "hidden"
    for place, column in enumerate(template_columns(event_type), 1):
        _write_column(sheet, lists, place, column)
    sheet.freeze_panes = "A2"
    try:
        with path.open("xb") as file:
            book.save(file)
    except FileExistsError as error:
        raise FileError(
            f"文件 {path} 已存在，未覆盖。请换一个文件名。",
            f"{path} exists and was left as it is: choose another name.",
        ) from error
    except OSError as error:
        raise unwritable(path, error) from error


def _write_column(sheet: Any, lists: Any, place: int, column: Column) -> None:
    letter = get_column_letter(place)
    header = sheet.cell(1, place, column.zh)
    header.font = Font(bold=True)
    header.fill = _REQUIRED if column.required or column.kind == "fen" else _OPTIONAL
    sheet.column_dimensions[letter].width = max(12, 2 * len(column.zh) + 4, 2 * len(example_cell(column)))
    shape = _FORMATS.get(column.kind, "@")
    sheet.column_dimensions[letter].number_format = shape
    sheet.cell(2, place, example_cell(column)).number_format = shape
    validation = _validation(lists, place, column)
    validation.add(f"{letter}2:{letter}{ROWS_PREPARED + 1}")
    sheet.add_data_validation(validation)


def _validation(lists: Any, place: int, column: Column) -> DataValidation:
    words = _words(column)
    formula = None
    if words and column.kind != "choices":  # several in one cell: no list can offer that
        letter = get_column_letter(place)
        for row, word in enumerate(words, 1):
            lists.cell(row, place, word).number_format = "@"
        formula = f"'{LISTS_SHEET}'!${letter}$1:${letter}${len(words)}"
    validation = DataValidation("list" if formula else None, formula1=formula, allow_blank=True)
    validation.promptTitle, validation.prompt = column.en[:32], _prompt(column, words)[:_PROMPT_MAX_CHARS]
    validation.showInputMessage, validation.showErrorMessage = True, formula is not None
    validation.errorTitle, validation.error = column.en[:32], "请从列表中选择。 / Choose from the list."
    return validation


def _words(column: Column) -> list[str]:
    if column.kind == "flag":
        return ["是", "否"]
    return [chinese_of(value, column) for value in column.choices]


def _prompt(column: Column, words: list[str]) -> str:
    needed = "必填 needed" if column.required or column.kind == "fen" else "可不填 may be empty"
    shapes = {"day": "日期 date, 2026-03-01", "time": "2026-03-01 08:30", "fen": "元 yuan, 1800.00"}
    if column.kind == "choices":
        return f"{needed}; 可填几项，用、隔开 several with 、 between: {'、'.join(words)}"
    return "; ".join(part for part in (needed, shapes.get(column.kind, "")) if part)
