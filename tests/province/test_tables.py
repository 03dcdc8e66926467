"""Tables as clerks keep them: Excel with titles, sheets and rounded numbers, and headers that say what the rows are."""

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from openpyxl import Workbook, load_workbook

from console.province import workbook
from console.province.drafting import Ready, Refused, Sender, draft
from console.province.files import LISTS_SHEET, Contents, read_file
from console.province.headers import FileError, header_place, short_type, type_of
from console.province.identity import check_character, read_key, worker_ref
from console.province.tables import example_cell, template_columns
from console.province.template_book import write_template_book
from shared.contracts import provinces
from shared.contracts.catalogue import NAMES_ZH

NUMBER = "99990119900101001" + check_character("99990119900101001")
REGISTERED, CONFIRMED = provinces.WORKER_REGISTERED, provinces.ENROLLMENT_CONFIRMED
REGISTRATION = {
    "身份证号": NUMBER,
    "发生时间": datetime(2026, 2, 1, 9, 30),  # noqa: DTZ001  # a spreadsheet knows no zones
    "工人类别": "农民工、一线职工",
    "现有学历": "高中",
    "户籍省份": "安徽",
    "工作省份": "江苏",
}
CONFIRMATION = {"身份证号": NUMBER, "注册编号": "32-1", "确认日期": date(2026, 3, 15)}


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    (tmp_path / "key").write_text("k1." + "5a" * 32)
    return Sender("32", key=read_key(tmp_path / "key"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "江苏.xlsx"


def _write(
    path: Path, sheets: dict[str, list[Iterable[Any]]], formats: dict[str, str] | None = None
) -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for place, shape in (formats or {}).items():
            sheet[place].number_format = shape
    book.save(path)
    return book


def _rows(row: dict[str, Any]) -> list[Iterable[Any]]:
    return [list(row), list(row.values())]


def _events(contents: Contents, sender: Sender) -> list[dict[str, Any]]:
    made = list(draft(contents.rows, sender, check=True))
    assert all(isinstance(one, Ready) for one in made), made
    return [orjson.loads(one.value) for one in made if isinstance(one, Ready)]


def test_a_workbook_with_a_title_and_several_sheets_is_read_each_by_its_type(
    path: Path, sender: Sender
) -> None:
    title: list[Iterable[Any]] = [
        ["江苏省 2026 年 2 月工人登记表"],
        [],
        ["单位：人", None, "制表日期", date(2026, 2, 1)],
    ]
    book = _write(
        path, {"登记": [*title, *_rows(REGISTRATION)], "说明": [["请勿修改"]], "确认": _rows(CONFIRMATION)}
    )
    book["登记"].merge_cells("A1:F1")
    book.save(path)
    contents = read_file(path, None)
    registered, confirmed = _events(contents, sender)
    assert (registered["type"], confirmed["type"]) == (REGISTERED, CONFIRMED)
    assert registered["time"] == "2026-02-01T09:30:00+08:00"
    assert registered["subject"] == worker_ref(NUMBER, sender.key) if sender.key else ""
    assert confirmed["data"] == {"enrollment_no": "32-1", "confirmed_on": "2026-03-15"}
    assert [(row.sheet, row.number) for row in contents.rows] == [("登记", 5), ("确认", 2)]
    said = " ".join(note.zh for note in contents.notes)
    assert all(
        words in said for words in ("“说明”没有认识的表头", "“登记”：事件类型 工人登记", "“确认”：事件类型")
    )


def test_numbers_keep_the_zeros_that_are_shown_and_money_its_cents(path: Path, sender: Sender) -> None:
    row: dict[str, Any] = {
        column.zh: example_cell(column) for column in template_columns(provinces.WORKER_ENROLLED)
    }
    row |= {"事件编号": "e1", "工作城市": 3202, "院校代码": 123, "学费（元）": 0.1 + 0.2, "班级": 7.0}
    place = f"{chr(ord('A') + list(row).index('院校代码'))}2"
    _write(path, {"表1": _rows(row)}, {place: "00000"})
    (event,) = _events(read_file(path, None), sender)
    data = event["data"]
    assert (data["work_city"], data["institution"]["code"], data["cohort"]) == ("3202", "00123", "7")
    assert data["tuition_fen"] == 30


def test_an_identity_number_that_excel_has_rounded_is_refused_with_the_reason(
    path: Path, sender: Sender
) -> None:
    _write(path, {"表1": _rows(REGISTRATION | {"身份证号": int(NUMBER[:17] + "0")})})
    (refused,) = draft(read_file(path, None).rows, sender)
    assert isinstance(refused, Refused)
    assert "科学计数" in refused.zh


def test_a_cell_that_shows_an_error_refuses_its_row_only(path: Path, sender: Sender) -> None:
    second = list((REGISTRATION | {"现有学历": "#N/A"}).values())
    _write(path, {"表1": [*_rows(REGISTRATION), second]})
    good, bad = draft(read_file(path, None).rows, sender)
    assert isinstance(good, Ready)
    assert isinstance(bad, Refused)
    assert "#N/A" in bad.zh


def test_what_is_wrong_with_a_sheet_names_the_sheet(path: Path) -> None:
    short = {name: cell for name, cell in REGISTRATION.items() if name != "现有学历"}
    _write(path, {"登记": _rows(short), "确认": _rows(CONFIRMATION)})
    with pytest.raises(FileError, match=r"“登记”.*最接近.*缺少列：现有学历"):
        read_file(path, None)


def test_a_damaged_or_swollen_workbook_is_said_in_both_languages(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a", "not a workbook")
    with pytest.raises(FileError, match=r"无法读取工作簿.*cannot be read"):
        read_file(path, None)
    _write(path, {"登记": _rows(REGISTRATION)})
    monkeypatch.setattr(workbook, "UNPACKED_MAX_BYTES", 1_000)
    with pytest.raises(FileError, match="unpacks to more than"):
        read_file(path, None)


def test_a_workbook_template_offers_lists_and_keeps_codes_as_text(path: Path) -> None:
    write_template_book(path, REGISTERED)
    book = load_workbook(path)
    sheet = book[NAMES_ZH[REGISTERED]]
    headers = [cell.value for cell in sheet[1]]
    lists = {
        headers[next(iter(v.sqref.ranges)).min_col - 1]: v.formula1
        for v in sheet.data_validations.dataValidation
        if v.type == "list"
    }
    assert set(lists) == {"现有学历", "户籍省份", "工作省份", "行业门类", "历史数据"}
    column = lists["现有学历"].split("$")[1]
    assert [cell.value for cell in book[LISTS_SHEET][column] if cell.value][:3] == ["小学", "初中", "高中"]
    assert sheet.cell(2, headers.index("身份证号") + 1).number_format == "@"


@pytest.mark.parametrize("name", sorted(provinces.DATA_MODELS))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_headers_of_a_template_say_its_type_or_name_it_among_the_candidates(
    name: str, language: str
) -> None:
    header = [getattr(column, language) for column in template_columns(name)]
    said = ""
    try:
        said = type_of(header) or ""
    except FileError as ambiguous:
        said = ambiguous.en
    assert short_type(name) in said
    assert type_of(header, NAMES_ZH[name]) == name
    assert type_of(header, short_type(name)) == name


def test_headers_that_fit_several_types_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(provinces.DATA_MODELS, "dreams.twin.founded.v1", provinces.ProjectEstablished)
    monkeypatch.setitem(NAMES_ZH, "dreams.twin.founded.v1", "孪生")
    with pytest.raises(FileError, match=r"孪生 twin\.founded.*--type.*twin\.founded"):
        type_of(["项目编号", "项目名称", "牵头单位", "设立日期"])


def test_a_column_of_types_lets_each_row_say_its_own(tmp_path: Path, sender: Sender) -> None:
    rows = [
        {"事件类型": "worker.registered", **REGISTRATION, "发生时间": "2026-02-01"},
        {"事件类型": NAMES_ZH[CONFIRMED], **CONFIRMATION, "发生时间": ""},
    ]
    table = io.StringIO()
    writer = csv.DictWriter(table, list({name: 0 for row in rows for name in row}), restval="")
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "a.csv"
    path.write_text(f"各类事件,,\n{table.getvalue()}")
    assert [event["type"] for event in _events(read_file(path, None), sender)] == [REGISTERED, CONFIRMED]


def test_the_headers_are_the_line_that_knows_most() -> None:
    assert (
        header_place([["登记表"], ["注册编号"], ["身份证号", "注册编号", "确认日期"], ["1", "2", "3"]]) == 2
    )
    assert header_place([[""], ["甲", "乙"]]) == 1
    assert header_place([]) == 0
