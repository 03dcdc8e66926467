"""Writes tables that a spreadsheet may open: templates, and what was refused; never a formula."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from console.province.columns import (
    IDENTITY_NUMBER,
    SUPERSEDES,
    TYPE,
    WORKER_REF,
    Column,
    chinese_of,
    columns,
)
from console.province.drafting import EXAMPLE_ID
from console.province.headers import FileError
from console.province.identity import UNASSIGNED_PREFIX, check_character
from console.province.organisations import credit_code
from console.province.publication import Outcome
from shared.contracts.provinces import DATA_MODELS
from shared.contracts.receipt_codes import STATUSES
from shared.contracts.spreadsheet import safe

_WITHOUT_RECEIPT: Final = {"not_sent": ("未发送", "not sent"), "no_receipt": ("无回执", "no receipt")}
_WORST_FIRST: Final = ("conflict", "rejected", "parked", *_WITHOUT_RECEIPT, "accepted", "duplicate")
STATUS_WORDS: Final = {status: " ".join((STATUSES | _WITHOUT_RECEIPT)[status]) for status in _WORST_FIRST}
"""What came of a row, as a clerk reads it; in the order in which it is told."""
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
    "categories_until": "2028-02-29",
    "until": "2029-12-31",
    "expected_return": "2026-09-01",
    "partner.name": "无锡示例精密制造有限公司",
    "partner.code": credit_code("91320299MA0000001"),
    "course_of": "10295",
    "institution_code": "JS-0001",
    "training_no": "2026-PX-0001",
    "hours": "480",
    "certificate_no": "S000032000001264000001",
    "issuer": "江苏省示例技能评价中心",
    "occupation": "电工",
    "title_no": "苏职〔2026〕1号",
    "from_role": "快递员",
    "to_role": "站点经理",
    "reserve_team": "否",
    "course": "数控加工实训",
    "batch_no": "苏工付〔2026〕1号",
    "line_no": "1",
    "from_fiscal_year": "2026",
    "to_fiscal_year": "2027",
    "value": "150000",
    "authority": "江苏省总工会",
    "kind_in_words": "开放大学",
    "city": "3202",
    "alliance_no": "苏工联〔2026〕1号",
    "alliance_name": "智能装备产教联盟",
    "report_no": "苏工联报〔2027〕1号",
    "sectors": "智能网联新能源汽车、智能装备及智能制造",
    "members": "大学：100；企业：1000",
    "event_types": "dreams.worker.enrolled.v1、dreams.enrollment.confirmed.v1",
    "events": "4812",
    "event_id": "2026-000418",
    "event_source": "//provinces/32/hr",
    "reason": "录入有误",
    "scheme": "study-for-dreams",
    "scheme_version": "3",
    "valid_until": "2030-12-31",
    "issuers": "教育部、中华全国总工会",
    "amount_base_yuan": "1000.00",
    "parts": "provincial-federation：50：补助标准；city-federation：：：800.00：：候补：结业",
    "reservation_days": "365",
    "target": "jiangsu_2026",
    "name_zh": "江苏：2026 年资助农民工",
    "name_en": "Jiangsu: migrant workers funded in 2026",
    "baseline": "0",
    "within": "funded",
    "source": "江苏省总工会 2026 年工作计划",
    "completion_days": "1825",
    "lifetime_awards_per_level": "1",
}
_OUTCOME: Final = "学历提升人数：至少：10000"
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
    "reason": "other",
    "project_province": "32",
    "filter.lane": "32",
    "filter.category": "migrant",
    "filter.alliance": "sichuan-chongqing",
    "partner.kind": "enterprise",
    "skill_before": "junior_worker",
    "skill_after": "intermediate_worker",
    "grade": "intermediate",
    "direction": "increase",
    "measure": "workers_helped",
    "comparator": "more_than",
    "basis": "actual",
}
_DAY: Final = "2026-03-01"
_REPORTED_PARTS: Final = 3
"""An outcome that is reported has a measure, a comparator and a value; a declared one its days, too."""


def write_template(path: Path, event_type: str) -> None:
    """An empty file with the Chinese headers of a type and an example row. Raises FileError."""
    wanted = template_columns(event_type)
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([column.zh for column in wanted])
            writer.writerow([safe(example_cell(column)) for column in wanted])
    except FileExistsError as error:
        raise FileError(
            f"文件 {path} 已存在，未覆盖。请换一个文件名。",
            f"{path} exists and was left as it is: choose another name.",
        ) from error
    except OSError as error:
        raise unwritable(path, error) from error


def write_refused(path: Path, outcomes: Iterable[Outcome]) -> None:
    """What was refused and why, one row each; replaces what an earlier run has left. Raises FileError."""
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_REFUSED_HEADER)
            for outcome in outcomes:
                writer.writerow([safe(cell) for cell in refused_cells(outcome)])
    except OSError as error:
        raise unwritable(path, error) from error


def refused_cells(outcome: Outcome) -> list[str]:
    """The cells of one refused row."""
    return [
        outcome.place,
        outcome.id or "",
        STATUS_WORDS[outcome.status],
        outcome.code or "",
        _column_name(outcome.field or "", outcome.type),
        outcome.zh,
        outcome.en,
    ]


def _column_name(field: str, type_: str | None) -> str:
    """The header as a clerk knows it, beside the contract's path."""
    names = columns(type_) if type_ in DATA_MODELS else ()
    path = tuple(field.removeprefix("data.").split("."))
    found = next((column for column in names if column.path == path), None)
    return f"{found.zh} ({field})" if found else field


def template_columns(event_type: str) -> list[Column]:
    """The columns that a clerk fills in: identity numbers rather than pseudonyms, yuan rather than fen.

    That of corrections is added by who corrects.
    """
    return [
        c
        for c in columns(event_type)
        if c.path not in {TYPE, WORKER_REF, SUPERSEDES} and (c.kind != "fen" or c.in_yuan)
    ]


def example_cell(column: Column) -> str:
    """What stands in a column of the example row."""
    if column.path == IDENTITY_NUMBER or column.kind == "person":
        first17 = f"{UNASSIGNED_PREFIX}9919900101001"
        return first17 + check_character(first17)
    if column.kind == "day" and column.en not in _TEXTS:
        return _DAY
    if column.kind == "choices":
        return "、".join(chinese_of(value, column) for value in column.choices[:2])
    if column.kind == "choice":
        wanted = _CHOICES.get(column.en)
        return chinese_of(wanted if wanted in column.choices else column.choices[-1], column)
    if column.en == "outcomes":
        return _OUTCOME + (f"：{_DAY}：2029-12-31" if len(column.parts) > _REPORTED_PARTS else "")
    return _TEXTS[column.en]


def unwritable(path: Path, error: OSError) -> FileError:
    """What is said of a file that the system does not let us write."""
    reason: Any = error.strerror
    return FileError(
        f"无法写入 {path}（{reason}）。请检查文件夹权限，或关闭正在打开它的程序。",
        f"{path} cannot be written ({reason}). Check the folder's rights, or close the program that has "
        "it open.",
    )
