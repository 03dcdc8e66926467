"""Writes tables that a spreadsheet may open: templates, and what was refused; never a formula."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from console.province.columns import IDENTITY_NUMBER, TYPE, WORKER_REF, Column, chinese_of, columns
from console.province.drafting import EXAMPLE_ID
from console.province.files import FileError
from console.province.identity import UNASSIGNED_PREFIX, check_character
from console.province.organisations import credit_code
from console.province.publication import Outcome
from shared.contracts.spreadsheet import safe

STATUS_WORDS: Final = {
    "conflict": "内容冲突 conflict",
    "rejected": "未采用 rejected",
    "parked": "等待中 waiting",
    "not_sent": "未发送 not sent",
    "no_receipt": "无回执 no receipt",
    "accepted": "已采用 accepted",
    "duplicate": "重复 duplicate",
}
_REFUSED_HEADER: Final = (
    "行号 line", "事件编号 id", "结果 result", "代码 code", "字段 field", "原因", "reason"
)  # fmt: skip
_TEXTS: Final = {
    "id": EXAMPLE_ID + "-请删除本行",
    "time": "2026-03-01 08:30",
    "work_city": "3202",
    "enrollment_no": "32-2026-000001",
    "employer.name": "无锡示例精密制造有限公司",
    "employer.code": credit_code("91320299MA0000001"),
    "institution.code": "JS-0001",
    "institution.name": "江苏示例职业技术学院",
    "programme": "机电一体化技术",
    "cohort": "2026级1班",
    "project_no": "苏工项〔2026〕1号",
    "plan_no": "苏工计〔2026〕1号",
    "document_no": "苏工拨〔2026〕1号",
    "scholarship_no": "锡工奖〔2026〕1号",
    "fund_source": "provincial-federation",
    "funder.name": "江苏省总工会",
    "name": "求学圆梦示例项目",
    "lead": "江苏省总工会",
    "heads": "60000",
    "fiscal_year": "2026",
    "planned_end": "2029-01-31",
    "tuition_yuan": "7800.00",
    "amount_yuan": "1000.00",
    "history": "否",
}
_CHOICES: Final = {
    "origin_province": "34",
    "work_province": "32",
    "funding_province": "32",
    "employer.sector": "C",
    "sector": "C",
    "institution.kind": "vocational_college",
    "funder.level": "provincial",
    "education_level": "senior_high",
    "level_before": "senior_high",
    "level_after": "associate",
    "level": "associate",
    "track": "combined",
    "mode": "work_study_alternation",
    "reason": "personal",
}
_DAY: Final = "2026-03-01"


def write_template(path: Path, event_type: str) -> None:
    """An empty file with the Chinese headers of a type and an example row. Raises FileError."""
    wanted = [
        c for c in columns(event_type) if c.path not in {TYPE, WORKER_REF} and (c.kind != "fen" or c.in_yuan)
    ]
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([column.zh for column in wanted])
            writer.writerow([safe(_example(column)) for column in wanted])
    except FileExistsError as error:
        raise FileError(
            f"文件 {path} 已存在，未覆盖。请换一个文件名。",
            f"{path} exists and was left as it is: choose another name.",
        ) from error
    except OSError as error:
        raise _unwritable(path, error) from error


def write_refused(path: Path, outcomes: Iterable[Outcome], names: Sequence[Column]) -> None:
    """What was refused and why, one row each; replaces what an earlier run has left. Raises FileError."""
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_REFUSED_HEADER)
            for outcome in outcomes:
                writer.writerow([safe(cell) for cell in refused_cells(outcome, names)])
    except OSError as error:
        raise _unwritable(path, error) from error


def refused_cells(outcome: Outcome, names: Sequence[Column]) -> list[str]:
    """The cells of one refused row."""
    return [
        str(outcome.number),
        outcome.id or "",
        STATUS_WORDS[outcome.status],
        outcome.code or "",
        _column_name(outcome.field or "", names),
        outcome.zh,
        outcome.en,
    ]


def _column_name(field: str, names: Sequence[Column]) -> str:
    """The header as a clerk knows it, beside the contract's path."""
    path = tuple(field.removeprefix("data.").split("."))
    found = next((column for column in names if column.path == path), None)
    return f"{found.zh} ({field})" if found else field


def _example(column: Column) -> str:
    if column.path == IDENTITY_NUMBER:
        first17 = f"{UNASSIGNED_PREFIX}9919900101001"
        return first17 + check_character(first17)
    if column.kind == "day" and column.en not in _TEXTS:
        return _DAY
    if column.kind == "choices":
        return "、".join(chinese_of(value, column) for value in column.choices[:2])
    if column.kind == "choice":
        return chinese_of(_CHOICES[column.en], column)
    return _TEXTS[column.en]


def _unwritable(path: Path, error: OSError) -> FileError:
    reason: Any = error.strerror
    return FileError(
        f"无法写入 {path}（{reason}）。请检查文件夹权限，或关闭正在打开它的程序。",
        f"{path} cannot be written ({reason}). Check the folder's rights, or close the program that has "
        "it open.",
    )
