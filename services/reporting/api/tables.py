"""Cells as a file: CSV, Parquet or Excel, written row by row, so that many rows need little memory."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import duckdb
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from shared.contracts.spreadsheet import safe

Format = Literal["csv", "parquet", "xlsx"]
MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHEET_ROWS_MAX: Final = 1_000_000
"""A sheet of Excel holds 1,048,576 rows; what is more goes on on the next sheet."""
PARQUET_MEMORY: Final = "128MB"

Row = Sequence[str | int | bool]


@dataclass(frozen=True)
class Heading:
    """What a table is about: its columns, and what one must know to read them."""

    columns: tuple[str, ...]
    numbers: frozenset[str]
    """Columns of whole numbers; all others are text."""
    notes: tuple[tuple[str, str], ...] = field(default=())
    """(what, said): source, units, as of, as known on, simulated or not, and what each measure means."""


class Writer(Protocol):
    """Writes a table; used as a context, and whole once that has ended."""

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Write what is left."""


class Csv:
    """UTF-8 with its mark, so that Excel reads Chinese; no cell is taken for a formula."""

    def __init__(self, path: Path, heading: Heading, *, plain: bool = False) -> None:
        """`plain`: for software, which takes no cell for a formula."""
        self._plain = plain
        self._file = path.open("w", encoding="utf-8" if plain else "utf-8-sig", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(heading.columns)

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""
        if self._plain:
            self._rows.writerows(rows)
        else:
            self._rows.writerows(
                [safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
            )

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


class Parquet:
    """Columns with their types; the notes stand in the file's own metadata."""

    def __init__(self, path: Path, heading: Heading) -> None:
        self._path, self._heading = path, heading
        self._rows = path.with_suffix(".rows")
        self._csv = Csv(self._rows, heading, plain=True)

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""
        self._csv.write(rows)

    def close(self) -> None:
        """Turn all rows into columns, with bounded memory."""
        self._csv.close()
        types = {
            name: "BIGINT" if name in self._heading.numbers else "VARCHAR" for name in self._heading.columns
        }
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": PARQUET_MEMORY,
            "threads": "1",
            "temp_directory": str(self._path.parent),
            "preserve_insertion_order": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        with duckdb.connect(":memory:", config=settings) as made:
            made.read_csv(
                str(self._rows), header=True, columns=types, na_values="\x00", all_varchar=False
            ).create_view("rows")
            notes = ", ".join(f"{_quoted(what)}: {_quoted(said)}" for what, said in self._heading.notes)
            made.execute(
                f"COPY (SELECT * FROM rows) TO {_quoted(str(self._path))} "  # noqa: S608  # names of our own
                f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{notes}}})"
            )
        self._rows.unlink()


class Excel:
    """A sheet of notes, then the data; every text is a text, whatever it begins with."""

    def __init__(self, path: Path, heading: Heading) -> None:
        self._path, self._heading = path, heading
        self._book = Workbook(write_only=True)
        notes = self._book.create_sheet("说明 Notes")
        for note in heading.notes:
            notes.append([_text(notes, one) for one in note])
        self._sheet, self._rows = self._next_sheet(1), 0

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""
        for row in rows:
            if self._rows == SHEET_ROWS_MAX:
                self._sheet, self._rows = self._next_sheet(len(self._book.worksheets)), 0
            self._sheet.append([_text(self._sheet, cell) if isinstance(cell, str) else cell for cell in row])
            self._rows += 1

    def close(self) -> None:
        """Write what is left."""
        self._book.save(self._path)

    def _next_sheet(self, number: int) -> Any:
        sheet = self._book.create_sheet(f"数据 Data {number}")
        sheet.freeze_panes = "A2"
        sheet.append(list(self._heading.columns))
        return sheet


def _text(sheet: Any, said: str) -> Any:
    """A cell that stays text: what begins with `=` would be a formula."""
    if not said.startswith("="):
        return said
    cell = WriteOnlyCell(sheet, said)
    cell.data_type = "s"
    return cell


def _quoted(said: str) -> str:
    return "'" + said.replace("'", "''") + "'"


WRITERS: Final[Mapping[Format, Callable[[Path, Heading], Writer]]] = {
    "csv": Csv,
    "parquet": Parquet,
    "xlsx": Excel,
}
