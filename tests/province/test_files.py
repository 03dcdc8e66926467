"""A province's own files: any usual encoding and separator, both languages, clear refusals."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from console.province.columns import CellError, chinese_of, columns, read_cell, recognised
from console.province.drafting import Ready, Refused, Sender, draft, is_example
from console.province.files import read_file
from console.province.headers import FileError, full_type
from console.province.identity import IdentityError, WorkerKey, check_character, worker_ref
from console.province.publication import Outcome
from console.province.tables import write_refused, write_template
from console.province.template_book import write_template_book
from shared.contracts import provinces
from shared.contracts.catalogue import NAMES_ZH
from shared.contracts.envelope import ProvinceEvent
from shared.contracts.spreadsheet import safe

KEY = WorkerKey(1, b"k" * 32)
SENDER = Sender("32", key=KEY)
NUMBER = "99990119900101001" + check_character("99990119900101001")
REF = worker_ref(NUMBER, KEY)
ENROLLED = provinces.WORKER_ENROLLED
ALLOCATED = provinces.BUDGET_ALLOCATED

CHINESE = {
    "身份证号": NUMBER,
    "注册编号": "32-1",
    "资助省份": "江苏省",
    "工作省份": "江苏",
    "工作城市": "3202",
    "单位名称": "无锡示例公司, 一分厂",
    "统一社会信用代码": "91320299MA0000001X",
    "行业门类": "制造业",
    "院校代码": "JS-1",
    "院校名称": "示例学院",
    "院校类型": "职业院校",
    "专业": "焊接",
    "入学前学历": "高中",
    "毕业学历": "大专",
    "培养类型": "学历",
    "学习形式": "混合式",
    "入学日期": "2026/3/1",
    "学费（元）": "7,800.50",
}
ENGLISH = {
    "worker_ref": REF,
    "enrollment_no": "32-1",
    "funding_province": "32",
    "work_province": "Jiangsu",
    "work_city": "3202",
    "employer.name": "无锡示例公司, 一分厂",
    "employer.code": "91320299MA0000001X",
    "employer.sector": "C",
    "institution.code": "JS-1",
    "institution.name": "示例学院",
    "institution.kind": "vocational_college",
    "programme": "焊接",
    "level_before": "senior_high",
    "level_after": "associate",
    "track": "academic",
    "mode": "blended",
    "start": "2026-03-01",
    "tuition_fen": "780050",
}
MONEY = {
    "发生时间": "2026-01-05",
    "拨款文号": "苏工〔2026〕1号",
    "财政年度": "2026",
    "资金来源": "provincial-federation",
    "出资方": "江苏省总工会",
    "出资方级别": "省级",
    "金额（元）": "60,000,000",
}


def _csv(row: dict[str, str], separator: str = ",", rows: int = 1) -> str:
    def line(cells: Any) -> str:
        return separator.join(f'"{cell}"' if separator in cell else cell for cell in cells)

    return "\r\n".join([line(row), *[line(row.values())] * rows]) + "\r\n"


def _drafts(path: Path, type_: str | None = ENROLLED, sender: Sender = SENDER) -> list[Ready | Refused]:
    return list(draft(read_file(path, type_).rows, sender, type_))


def _one(path: Path, text: str | bytes, type_: str | None = ENROLLED) -> Any:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    made = _drafts(path, type_)
    assert len(made) == 1
    return made[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "注册.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encoding_separator_and_language_make_no_difference(
    path: Path, separator: str, encoding: str
) -> None:
    chinese = _one(path, _csv(CHINESE, separator).encode(encoding))
    english = _one(path, _csv(ENGLISH, separator).encode(encoding))
    assert isinstance(chinese, Ready)
    assert (chinese.value, chinese.id) == (english.value, english.id)
    event = TypeAdapter(ProvinceEvent[provinces.WorkerEnrolled]).validate_json(chinese.value, extra="forbid")
    assert event.subject == REF
    assert event.source == "//provinces/32/file"
    assert event.data.tuition_fen == 780_050
    assert event.data.employer is not None
    assert event.data.employer.sector == "C"
    assert event.time.isoformat() == "2026-03-01T00:00:00+08:00"


def test_an_identity_number_is_in_no_byte_that_would_be_sent(path: Path) -> None:
    ready = _one(path, _csv(CHINESE))
    assert NUMBER.encode() not in ready.value
    assert NUMBER not in repr(ready)


def test_the_same_row_has_the_same_id_and_another_row_another(path: Path) -> None:
    first, again = _one(path, _csv(CHINESE)), _one(path, _csv(dict(reversed(CHINESE.items()))))
    other = _one(path, _csv(CHINESE | {"注册编号": "32-2"}))
    assert first.id == again.id != other.id
    assert _one(path, _csv(CHINESE | {"事件编号": "2026-0001"})).id == "2026-0001"


def test_a_row_that_stands_twice_is_sent_once(path: Path) -> None:
    path.write_text(_csv(CHINESE, rows=2))
    first, second = _drafts(path)
    assert isinstance(first, Ready)
    assert isinstance(second, Refused)
    assert (second.code, second.number) == ("already_recorded", 3)


def test_missing_columns_are_named_in_both_languages(path: Path) -> None:
    short = {name: cell for name, cell in CHINESE.items() if name not in {"专业", "学费（元）", "身份证号"}}
    path.write_text(_csv(short))
    with pytest.raises(FileError) as refused:
        read_file(path, ENROLLED)
    assert "缺少列：身份证号、专业、学费（分）" in refused.value.zh
    assert "identity_number, programme, tuition_fen" in refused.value.en


def test_unknown_columns_are_told_and_not_sent(path: Path) -> None:
    path.write_text(_csv(CHINESE | {"姓名": "王小明", "备注": "无"}))
    contents = read_file(path, ENROLLED)
    assert ["姓名、备注" in note.zh for note in contents.notes] == [True]
    (ready,) = draft(contents.rows, SENDER, ENROLLED)
    assert isinstance(ready, Ready)
    assert "王小明".encode() not in ready.value


def test_a_check_refuses_what_the_door_would_with_its_words(path: Path) -> None:
    for changed, code, field in (
        ({"注册编号": "33-1"}, "foreign_province", "data.enrollment_no"),
        ({"专业": "焊" * 201}, "invalid", "data.programme"),
        ({"统一社会信用代码": ""}, "missing_field", "data.employer.code"),
    ):
        path.write_text(_csv(CHINESE | changed))
        rows = read_file(path, None).rows
        (passed,), (refused,) = draft(rows, SENDER), draft(rows, SENDER, check=True)
        assert isinstance(passed, Ready)
        assert isinstance(refused, Refused)
        assert (refused.code, refused.field, refused.number) == (code, field, 2)


def test_money_in_yuan_is_exact(path: Path) -> None:
    ready = _one(path, _csv(MONEY), ALLOCATED)
    assert orjson.loads(ready.value)["data"]["amount_fen"] == 6_000_000_000
    for yuan, fen in (
        ("0.01", 1),
        ("￥1,234.5", 123_450),
        ("90071992547409.91", 9_007_199_254_740_991),
        ("１２", 1_200),
    ):
        ready = _one(path, _csv(MONEY | {"金额（元）": yuan}), ALLOCATED)
        assert orjson.loads(ready.value)["data"]["amount_fen"] == fen


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"金额（元）": "0.001"}, "金额（元） (amount_yuan)"),
        ({"金额（元）": "6E+07"}, "金额（元） (amount_yuan)"),
        ({"金额（元）": "1,0,0"}, "金额（元） (amount_yuan)"),
        ({"金额（元）": "NaN"}, "金额（元） (amount_yuan)"),
        ({"财政年度": "2026.5"}, "财政年度 (fiscal_year)"),
        ({"出资方级别": "村级"}, "出资方级别 (funder.level)"),
        ({"发生时间": "2026-02-30"}, "发生时间 (time)"),
        ({"发生时间": "昨天"}, "发生时间 (time)"),
    ],
)
def test_a_cell_that_cannot_be_read_refuses_its_row_only(
    path: Path, changed: dict[str, str], field: str
) -> None:
    good, bad = MONEY, MONEY | changed
    path.write_text(_csv(good) + _csv(bad).split("\r\n", 1)[1])
    first, second = _drafts(path, ALLOCATED)
    assert isinstance(first, Ready)
    assert isinstance(second, Refused)
    assert (second.number, second.code, second.field) == (3, "invalid", field)
    assert second.zh != second.en


def test_a_required_cell_left_empty_is_named(path: Path) -> None:
    refused = _one(path, _csv(MONEY | {"拨款文号": " "}), ALLOCATED)
    assert (refused.code, refused.field) == ("missing_field", "拨款文号 (document_no)")
    refused = _one(path, _csv(CHINESE | {"身份证号": ""}))
    assert (refused.code, refused.field) == ("missing_field", "身份证号 (identity_number)")


def test_a_row_too_large_for_the_door_is_refused_before_it_is_sent(path: Path) -> None:
    row = {"lead": "x", "project_no": "1", "established_on": "2026-01-01"}
    lines = [json.dumps(row | {"name": "x" * size}) for size in (1024 * 1024, 10)]
    path.write_text("\n".join(lines), encoding="utf-8")
    large, small = _drafts(path, provinces.PROJECT_ESTABLISHED)
    assert isinstance(large, Refused)
    assert (large.number, large.code) == (1, "too_large")
    assert "1 MiB" in large.zh
    assert "1 MiB" in large.en
    assert isinstance(small, Ready)


def test_a_mistyped_identity_number_is_refused_and_not_repeated(path: Path) -> None:
    for wrong in (NUMBER[:-1], NUMBER[:-1] + ("1" if NUMBER[-1] != "1" else "2"), "9.9999E+17"):
        refused = _one(path, _csv(CHINESE | {"身份证号": wrong}))
        assert isinstance(refused, Refused)
        assert refused.field == "身份证号 (identity_number)"
        assert wrong not in repr(refused)


def test_identity_numbers_without_a_key_stop_the_file(path: Path) -> None:
    path.write_text(_csv(CHINESE))
    with pytest.raises(IdentityError, match=r"密钥.*--key-file"):
        _drafts(path, sender=Sender("32"))


def test_an_identity_number_in_another_column_is_not_sent(path: Path) -> None:
    for column in ("专业", "事件编号", "注册编号"):
        value = f"32-{NUMBER}" if column == "注册编号" else f"张三{NUMBER}"
        refused = _one(path, _csv(CHINESE | {column: value}))
        assert isinstance(refused, Refused)
        assert NUMBER not in repr(refused)


def test_json_lines_may_be_nested_and_in_yuan(tmp_path: Path) -> None:
    row = {
        "identity_number": NUMBER,
        "enrollment_no": "32-1",
        "funding_province": "32",
        "work_province": "32",
        "employer": None,
        "institution": {"code": "JS-1", "name": "示例学院", "kind": "vocational_college"},
        "programme": "焊接",
        "level_before": "senior_high",
        "level_after": "associate",
        "track": "academic",
        "mode": "blended",
        "start": "2026-03-01",
        "tuition_yuan": 7800.5,
        "history": False,
    }
    path = tmp_path / "a.jsonl"
    good = json.dumps(row)
    path.write_text(f"{good}\n\n{{broken\n{json.dumps(row | {'colour': 1})}\n[]\n" + '{"a":1,"a":2}\n')
    first, *others = _drafts(path)
    assert isinstance(first, Ready)
    assert orjson.loads(first.value)["data"]["tuition_fen"] == 780_050
    assert [(o.number, o.code) for o in others if isinstance(o, Refused)] == [
        (3, "unreadable"),
        (4, "unknown_field"),
        (5, "unreadable"),
        (6, "unreadable"),
    ]


def test_cloud_events_are_sent_as_they_are(tmp_path: Path) -> None:
    made = _one(tmp_path / "a.csv", _csv(MONEY), ALLOCATED)
    event = orjson.loads(made.value)
    path = tmp_path / "a.json"
    foreign = event | {"id": "f", "source": "//provinces/33/x"}
    nameless = {name: value for name, value in event.items() if name != "id"}
    bare = {"identity_number": NUMBER, "type": "nonsense"}
    path.write_text(
        json.dumps([event, foreign, nameless, event | {"id": "p", "subject": NUMBER}, bare], indent=1)
    )
    sent, foreign_row, nameless_row, person, untyped = _drafts(path, None)
    assert isinstance(sent, Ready)
    assert orjson.loads(sent.value) == event
    assert isinstance(foreign_row, Refused)
    assert foreign_row.code == "foreign_province"
    assert isinstance(nameless_row, Refused)
    assert (nameless_row.code, nameless_row.field) == ("missing_field", "id")
    assert isinstance(person, Ready)
    assert orjson.loads(person.value)["subject"] == REF
    assert isinstance(untyped, Refused)
    assert untyped.code == "unknown_type"
    path.write_text(json.dumps(event, indent=1))
    assert [type(one) for one in _drafts(path, None)] == [Ready]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04rest", "workbook"),
        (b"\xd0\xcf\x11\xe0rest", "xls"),
        (b"\xff\xff\xff", "GB18030"),
        (b'[{"a":1},', "JSON array"),
        ("拨款文号".encode(), "missing"),
        (b"a,b\n1,\x00\n", "missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_in_both_languages(path: Path, raw: bytes, words: str) -> None:
    path.write_bytes(raw)
    with pytest.raises(FileError, match=words) as refused:
        read_file(path, ALLOCATED)
    assert refused.value.zh != refused.value.en


def test_a_file_that_is_not_there_or_has_no_type_is_said(path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_file(path, ALLOCATED)
    with pytest.raises(FileError, match=r"worker\.enrolled"):
        full_type("worker.promoted")
    path.write_text(_csv(MONEY | {"金额（分）": "1"}))
    with pytest.raises(FileError, match="twice"):
        read_file(path, ALLOCATED)


def test_lines_are_counted_as_an_editor_counts_them(path: Path) -> None:
    body = _csv(MONEY | {"拨款文号": "a"}).split("\r\n", 1)[1]
    lines = [
        _csv(MONEY),
        "\r\n",
        '"2026-01-05","b\nb",2026,p,n,省级,1\r\n',
        body,
        body.rstrip() + ",,x\r\n",
    ]
    path.write_text("".join(lines), newline="")
    assert [row.number for row in read_file(path, ALLOCATED).rows] == [2, 4, 6, 7]
    assert read_file(path, ALLOCATED).rows[-1].problem is not None


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
@pytest.mark.parametrize("name", sorted(provinces.DATA_MODELS))
def test_a_template_says_its_type_and_its_example_is_valid_but_never_sent(
    tmp_path: Path, name: str, suffix: str
) -> None:
    path = tmp_path / f"{NAMES_ZH[name]}.{suffix}"
    write = write_template_book if suffix == "xlsx" else write_template
    write(path, name)
    contents = read_file(path, None)
    assert [note.en.startswith("event type") for note in contents.notes] == [True]
    (row,) = contents.rows
    assert row.type == name
    assert is_example(row)
    (made,) = draft(contents.rows, SENDER, check=True)
    assert isinstance(made, Ready), made
    with pytest.raises(FileError, match="exists"):
        write(path, name)


def test_every_value_of_an_enumeration_has_a_chinese_word_of_its_own() -> None:
    for name in provinces.DATA_MODELS:
        for column in columns(name):
            words = [chinese_of(value, column) for value in column.choices]
            assert not set(words) & set(column.choices)
            assert [read_cell(column, word) for word in words if column.kind == "choice"] == list(
                column.choices if column.kind == "choice" else []
            )


def test_headers_are_known_with_blanks_stars_and_either_width() -> None:
    found = recognised(["* 注册编号", "学费(元)", " Employer.Name ", "nonsense"], ENROLLED)
    assert [column and column.en for column in found] == [
        "enrollment_no",
        "tuition_yuan",
        "employer.name",
        None,
    ]


def test_several_categories_stand_in_one_cell() -> None:
    column = next(c for c in columns(provinces.WORKER_REGISTERED) if c.kind == "choices")
    for text in ("农民工、一线职工", "migrant, front_line", "农民工 front_line 农民工", "农民工；一线工人"):
        assert read_cell(column, text) == ["migrant", "front_line"]
    with pytest.raises(CellError, match="新就业形态"):
        read_cell(column, "快递员")


def test_an_alliances_outcomes_stand_in_one_cell_each_with_its_comparator_and_days() -> None:
    column = next(c for c in columns(provinces.ALLIANCE_FORMED) if c.path == ("outcomes",))
    education = "学历提升人数：原文如此：10,000：2026/1/1：2028-12-31；"
    skills = "技能提升人数:at_least:1000000:2026-01-01:2028-12-31:学历提升人数；"
    first, second = read_cell(column, education + skills)
    assert first == {
        "measure": "education_upgrades",
        "comparator": "stated",
        "value": 10_000,
        "since": "2026-01-01",
        "until": "2028-12-31",
    }
    assert (second["comparator"], second["apart_from"]) == ("at_least", "education_upgrades")
    days = "2026-01-01：2026-12-31"
    for wrong in ("专利数：505", f"专利数：约：505：{days}", f"专利数：至少：1：{days}：专利数：x"):
        with pytest.raises(CellError):
            read_cell(column, wrong)


def test_a_teacher_named_by_an_identity_number_becomes_a_pseudonym(path: Path) -> None:
    row = {
        "身份证号": NUMBER,
        "专任教师代号": NUMBER,
        "院校代码": "JS-1",
        "课程名称": "实训",
        "结对日期": "2026-03-01",
    }
    ready = _one(path, _csv(row), provinces.TUTORS_PAIRED)
    assert orjson.loads(ready.value)["data"]["teacher_ref"] == REF
    assert NUMBER.encode() not in ready.value
    assert _one(path, _csv(row | {"专任教师代号": REF}), provinces.TUTORS_PAIRED).value == ready.value


@pytest.mark.parametrize("name", sorted(provinces.DATA_MODELS))
def test_no_two_columns_of_a_type_share_a_header(name: str) -> None:
    headers = [header for column in columns(name) for header in (column.zh, column.en)]
    assert len(set(headers)) == len(headers)


@pytest.mark.parametrize("cell", ["=1+1", "+86", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_no_refused_cell_is_a_formula(tmp_path: Path, cell: str) -> None:
    assert safe(cell) == f"'{cell}"
    assert safe("2026-03-01") == "2026-03-01"
    path = tmp_path / "r.csv"
    write_refused(path, [Outcome(2, cell, "rejected", "invalid", "data.tuition_fen", cell, "why", ENROLLED)])
    text = path.read_text(encoding="utf-8-sig")
    assert f"'{cell[-1]}" in text or "'" in text
    assert "学费（分） (data.tuition_fen)" in text
