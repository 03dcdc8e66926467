"""Promises of files: the same numbers in each format, marked as simulated, no formula, little memory."""

import asyncio
import csv
import io
import tracemalloc
from pathlib import Path
from typing import Any

import duckdb
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from console.main import app
from console.stack.tokens import plain_token
from services.reporting.api import tables
from services.reporting.api.tables import WRITERS, Csv, Excel, Format, Heading
from tests.reporting.conftest import Running

HEADING = Heading(("name", "total"), frozenset({"total"}), (("来源 Source", "it's =ours"),))
EVIL = ["=1+1", "+1", "-1", "@x", "'quoted'", 'with "quotes", and\nlines', "", "\x00"[:0], "专项资金"]


def written(kind: Format, folder: Path, rows: list[tuple[str, int]]) -> Path:
    path = folder / f"table.{kind}"
    writer = WRITERS[kind](path, HEADING)
    writer.write(rows[: len(rows) // 2])
    writer.write(rows[len(rows) // 2 :])
    writer.close()
    return path


def parquet_rows(path: Path) -> list[Any]:
    return duckdb.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()


async def test_each_format_holds_the_cells_that_the_api_gives(told: Running, tmp_path: Path) -> None:
    asked = {"cube": "study", "measure": ["enrolled", "awards_granted"], "dim": ["lane", "track"]}
    cells = (await told.get("/v1/cells", "official", **asked, limit=1000)).json()["cells"]
    wanted = [(one["lane"], one["track"], one["measure"], one["total"], "simulated") for one in cells]
    assert len(wanted) > 10
    for kind in ("csv", "parquet", "xlsx"):
        answer = await told.get("/v1/files/cells", "official", **asked, format=kind)
        assert answer.headers["dreams-simulated"] == "true"
        path = tmp_path / f"cells.{kind}"
        path.write_bytes(answer.content)
        if kind == "csv":
            rows = [tuple(row) for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))]
            found = [(*row[:3], int(row[4]), row[5]) for row in rows[1:]]
        elif kind == "parquet":
            found = [(*row[:3], row[4], row[5]) for row in parquet_rows(path)]
        else:
            book = load_workbook(path, read_only=True)
            notes = {str(row[0]): str(row[1]) for row in book.worksheets[0].values}
            assert "simulated" in notes["数据性质 Nature"]
            assert "Enrollments accepted" in notes["enrolled"]
            found = [(*row[:3], row[4], row[5]) for row in list(book.worksheets[1].values)[1:]]
        assert found == wanted, kind


async def test_files_are_for_officials_and_of_the_own_province(told: Running) -> None:
    assert (await told.get("/v1/files/cells", cube="study")).status_code == 401
    assert (await told.get("/v1/files/cells", "province-32", cube="study")).status_code == 403
    wrong = await told.get("/v1/files/cells", "official", cube="study", format="doc")
    assert wrong.status_code == 422


async def test_the_command_writes_a_new_file_and_no_half_of_one(
    told: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text(plain_token(told.secrets, "official"))
    monkeypatch.setenv("DREAMS_API_REPORTING", told.url)
    monkeypatch.setenv("DREAMS_API_TOKEN_FILE", str(token))
    file = tmp_path / "levels.parquet"
    run = CliRunner().invoke
    asked = ["export", "levels", str(file), "-m", "enrolled", "--dim", "level_after", "--where", "lane=32"]
    done = await asyncio.to_thread(run, app, asked)
    assert done.exit_code == 0, done.output
    cell = (
        await told.get(
            "/v1/cells", "official", cube="levels", measure="enrolled", dim="level_after", lane="32"
        )
    ).json()["cells"][0]
    assert parquet_rows(file) == [("associate", "enrolled", "enrollments", cell["total"], "simulated")]
    again = await asyncio.to_thread(run, app, asked)
    assert again.exit_code == 2
    refused = await asyncio.to_thread(run, app, ["export", "nothing", str(tmp_path / "no.csv")])
    assert refused.exit_code == 1
    left = await asyncio.to_thread(lambda: list(tmp_path.glob("no.csv*")))
    assert left == []


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_no_cell_is_a_formula_and_none_is_lost(kind: Format, tmp_path: Path) -> None:
    path = written(kind, tmp_path, [(said, n) for n, said in enumerate(EVIL)])
    if kind == "csv":
        rows = list(csv.reader(path.open(encoding="utf-8-sig", newline="")))[1:]
        assert not [row for row in rows if row[0][:1] in "=+-@" and row[0]]
        assert [row[0].removeprefix("'") for row in rows] == [said.removeprefix("'") for said in EVIL]
    elif kind == "parquet":
        assert [row[0] or "" for row in parquet_rows(path)] == EVIL
        assert [row[1] for row in parquet_rows(path)] == list(range(len(EVIL)))
        notes = duckdb.execute("SELECT value FROM parquet_kv_metadata(?)", [str(path)]).fetchall()
        assert (b"it's =ours",) in notes
    else:
        cells = list(load_workbook(path).worksheets[1].iter_rows(min_row=2))
        assert [row[0].value or "" for row in cells] == EVIL
        assert "f" not in {row[0].data_type for row in cells}


def test_a_sheet_that_is_full_goes_on_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SHEET_ROWS_MAX", 3)
    path = written("xlsx", tmp_path, [("x", n) for n in range(7)])
    sheets = load_workbook(path).worksheets[1:]
    assert [[row[1] for row in list(sheet.values)[1:]] for sheet in sheets] == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("kind", [Csv, Excel])
def test_memory_does_not_grow_with_the_rows(kind: type[Csv] | type[Excel], tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        writer = kind(tmp_path / "table", HEADING)
        writer.write(("x", n) for n in range(1_000))
        before, _ = tracemalloc.get_traced_memory()
        writer.write(("x", n) for n in range(4_000))
        after, _ = tracemalloc.get_traced_memory()
        writer.close()
    finally:
        tracemalloc.stop()
    assert after - before < 60_000
