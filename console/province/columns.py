"""The columns of a province's tables: headers and cells in Chinese or English, as the contracts name them."""

import re
import types
import typing
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from console.province.said_error import SaidError
from shared.contracts.envelope import SHANGHAI
from shared.contracts.lanes import LANES
from shared.contracts.provinces import ABOUT_A_WORKER, DATA_MODELS, EVENT_VOIDED, MAY_BE_ABOUT_A_WORKER

Kind = Literal[
    "text", "number", "fen", "day", "time", "flag", "choice", "choices", "list", "entries", "person"
]

ID: Final = ("id",)
TYPE: Final = ("type",)
TIME: Final = ("time",)
IDENTITY_NUMBER: Final = ("identity_number",)
WORKER_REF: Final = ("worker_ref",)
SUPERSEDES: Final = ("supersedes",)

CHINESE: Final[Mapping[str, tuple[str, ...]]] = {
    "industrial": ("产业工人",),
    "migrant": ("农民工",),
    "front_line": ("一线职工", "一线工人"),
    "new_employment": ("新就业形态劳动者", "新就业形态"),
    "primary": ("小学",),
    "junior_high": ("初中",),
    "senior_high": ("高中",),
    "secondary_vocational": ("中专", "中职", "技校"),
    "associate": ("大专", "专科", "高职"),
    "bachelor": ("本科",),
    "master": ("硕士", "硕士研究生"),
    "doctorate": ("博士", "博士研究生"),
    "academic": ("学历", "学历教育"),
    "skills": ("技能", "技能培训"),
    "combined": ("学历与技能", "学历+技能"),
    "blended": ("线上线下混合", "混合式"),
    "work_study_alternation": ("工学交替",),
    "full_time_short_course": ("脱产短训", "脱产短期培训"),
    "academic_upgrade_class": ("学历提升班",),
    "expert_in_the_classroom": ("企业专家进课堂",),
    "work_based_thesis": ("岗位实践论文",),
    "other": ("其他",),
    "university": ("大学", "高等学校"),
    "vocational_college": ("职业院校", "高职院校"),
    "craftsman_academy": ("工匠学院",),
    "enterprise": ("企业",),
    "other_school": ("其他学校",),
    "apprentice": ("学徒工",),
    "junior_worker": ("初级工", "五级"),
    "intermediate_worker": ("中级工", "四级"),
    "senior_worker": ("高级工", "三级"),
    "technician": ("技师", "二级"),
    "senior_technician": ("高级技师", "一级"),
    "special_technician": ("特级技师",),
    "chief_technician": ("首席技师",),
    "assistant": ("初级职称", "助理级"),
    "intermediate": ("中级职称", "中级"),
    "associate_senior": ("副高级职称", "副高级"),
    "full_senior": ("正高级职称", "正高级"),
    "at_least": ("至少", "不少于"),
    "more_than": ("超过", "多于"),
    "exactly": ("正好", "恰好"),
    "stated": ("原文如此",),
    "increase": ("增加", "追加"),
    "decrease": ("减少", "核减"),
    "account": ("账户有误",),
    "refused": ("拒收",),
    "withdrawn": ("已退学",),
    "deceased": ("已去世",),
    "insolvent": ("无力退还",),
    "not_found": ("无法联系",),
    "actual": ("实际",),
    "planned": ("计划",),
    "universities": ("参与高校数",),
    "funding_fen": ("投入资金（分）",),
    "workers_helped": ("受助工人数",),
    "migrant_workers_helped": ("受助农民工数",),
    "projects": ("项目数",),
    "patents": ("专利数",),
    "achievements_in_use": ("成果转化数",),
    "education_upgrades": ("学历提升人数",),
    "skill_upgrades": ("技能提升人数",),
    "trained_persons": ("培训人数",),
    "federation": ("工会", "总工会"),
    "national": ("国家级", "全国"),
    "provincial": ("省级",),
    "city": ("市级",),
    "base": ("补助标准",),
    "tuition": ("学费",),
    "next": ("由下一来源承担",),
    "partial": ("放弃不足部分",),
    "waitlist": ("候补",),
    "confirmation": ("院校确认",),
    "completion": ("结业",),
    "funded": ("资助人数",),
    "educated": ("学历提升",),
    "skilled": ("技能提升",),
    "skilled_others": ("其他人技能提升",),
    "learners": ("在学人数",),
    "migrant_or_front_line": ("农民工或一线职工",),
    "sichuan-chongqing": ("川渝联盟",),
    "personal": ("个人原因",),
    "work": ("工作原因",),
    "health": ("健康原因",),
    "A": ("农、林、牧、渔业",),
    "B": ("采矿业",),
    "C": ("制造业",),
    "D": ("电力、热力、燃气及水生产和供应业",),
    "E": ("建筑业",),
    "F": ("批发和零售业",),
    "G": ("交通运输、仓储和邮政业",),
    "H": ("住宿和餐饮业",),
    "I": ("信息传输、软件和信息技术服务业",),
    "J": ("金融业",),
    "K": ("房地产业",),
    "L": ("租赁和商务服务业",),
    "M": ("科学研究和技术服务业",),
    "N": ("水利、环境和公共设施管理业",),
    "O": ("居民服务、修理和其他服务业",),
    "P": ("教育",),
    "Q": ("卫生和社会工作",),
    "R": ("文化、体育和娱乐业",),
    "S": ("公共管理、社会保障和社会组织",),
    "T": ("国际组织",),
    **{lane.code: (lane.name_zh, lane.name_en) for lane in LANES},
}
"""What a clerk may write for the value of an enumeration; the first is how our own templates say it."""
_REASONS: Final = {"academic": ("学业原因",)}
"""The same word means something else among the reasons for leaving."""
_PROVINCE_ENDINGS: Final = re.compile(r"(省|市|壮族自治区|回族自治区|维吾尔自治区|自治区)$")
_YES: Final = frozenset({"是", "true", "yes", "y", "1"})
_NO: Final = frozenset({"否", "false", "no", "n", "0"})
_SEVERAL: Final = re.compile(r"[、，,;；|/\s]+")
_LISTED: Final = re.compile(r"[、，,;；|\n]+")
_ENTRIES: Final = re.compile(r"[;；\n]+")
_WITHIN: Final = re.compile(r"[:：]")
_DAY: Final = re.compile(r"^(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})日?$")
_GROUPED: Final = re.compile(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$")
_YUAN_HEADER: Final = "(元)"
_FEN_HEADER: Final = "(分)"


class CellError(SaidError):
    """A cell cannot be read as what its column holds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a table of an event type may have."""

    path: tuple[str, ...]
    """Where the value stands: in the event's data, or one of the envelope's own above."""
    zh: str
    kind: Kind
    required: bool
    choices: tuple[str, ...] = ()
    in_yuan: bool = False
    """The same amount as another column's, written in yuan."""
    parts: "tuple[Column, ...]" = ()
    """What each entry of a cell with several entries is made of, in this order."""

    @property
    def en(self) -> str:
        """The English header: the field's name, nested ones with dots."""
        name = ".".join(self.path)
        return name.removesuffix("_fen") + "_yuan" if self.in_yuan else name


@cache
def columns(event_type: str) -> tuple[Column, ...]:
    """All columns of a table of this type, in the contract's order; KeyError for an unknown type."""
    envelope = [Column(ID, "事件编号", "text", False), Column(TYPE, "事件类型", "text", False)]
    fields = list(_of_model(DATA_MODELS[event_type], (), True))
    dated = any(column.kind == "day" and column.required for column in fields)
    envelope.append(Column(TIME, "发生时间", "time", not dated))
    if event_type in MAY_BE_ABOUT_A_WORKER:
        envelope += [
            Column(IDENTITY_NUMBER, "身份证号", "text", False),
            Column(WORKER_REF, "工人代号", "text", False),
        ]
    if event_type != EVENT_VOIDED:
        fields.append(Column(SUPERSEDES, "更正的事件编号", "text", False))
    return (*envelope, *fields)


def recognised(header: Sequence[str], event_type: str) -> list[Column | None]:
    """The column that each header names, None for one that is not known."""
    names: dict[str, Column] = {}
    for column in columns(event_type):
        names[plain(column.zh)] = names[plain(column.en)] = column
    return [names.get(plain(name)) for name in header]


def missing(found: Sequence[Column | None], event_type: str) -> list[Column]:
    """Required columns that are not among `found`; an amount may stand in either unit."""
    there = {column.path for column in found if column is not None}
    absent = [c for c in columns(event_type) if c.required and not c.in_yuan and c.path not in there]
    if event_type in ABOUT_A_WORKER and not there & {IDENTITY_NUMBER, WORKER_REF}:
        absent.insert(0, next(c for c in columns(event_type) if c.path == IDENTITY_NUMBER))
    return absent


def read_cell(column: Column, text: str) -> Any:
    """The value in a cell that is not empty, as JSON carries it; CellError where it cannot be read."""
    return _READERS[column.kind](column, text.strip())


def accepted_words(value: str, column: Column) -> tuple[str, ...]:
    """What may stand in a cell for a value of an enumeration, besides the value itself."""
    if column.path == ("reason",) and value in _REASONS:
        return _REASONS[value]
    return CHINESE.get(value, ())


def chinese_of(value: str, column: Column) -> str:
    """How a template writes a value of an enumeration."""
    words = accepted_words(value, column)
    return words[0] if words else value


def _of_model(model: type[BaseModel], above: tuple[str, ...], required: bool) -> typing.Iterator[Column]:
    for name, info in model.model_fields.items():
        plain, optional = _stripped(info.annotation)
        path = (*above, name)
        needed = required and not optional and info.is_required()
        if isinstance(plain, type) and issubclass(plain, BaseModel):
            yield from _of_model(plain, path, needed)
            continue
        kind, choices = _kind(name, plain)
        parts = _parts_of(_stripped(get_args(plain)[0])[0]) if kind == "entries" else ()
        yield Column(path, info.title or name, kind, needed, choices, parts=parts)
        if kind == "fen":
            title = (info.title or name).replace("（分）", "（元）")
            yield Column(path, title, kind, needed, in_yuan=True)


def _parts_of(model: type[BaseModel]) -> tuple[Column, ...]:
    """What an entry within a cell is made of; amounts in yuan, as people write them."""
    return tuple(part for part in _of_model(model, (), True) if part.kind != "fen" or part.in_yuan)


def _stripped(annotation: Any) -> tuple[Any, bool]:
    """The type without `Annotated` and without `None`, and whether None was allowed."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _stripped(get_args(annotation)[0])
    if origin in {typing.Union, types.UnionType}:
        inner = next(part for part in get_args(annotation) if part is not type(None))
        return _stripped(inner)[0], True
    return annotation, False


def _kind(name: str, plain: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(plain) is Literal:
        return "choice", get_args(plain)
    if get_origin(plain) is tuple:
        return _kind_of_several(_stripped(get_args(plain)[0])[0])
    if plain is int:
        return ("fen" if name.endswith("_fen") else "number"), ()
    kinds: dict[Any, Kind] = {bool: "flag", date: "day"}
    return kinds.get(plain, "person" if name.endswith("_ref") else "text"), ()


def _kind_of_several(plain: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(plain) is Literal:
        return "choices", get_args(plain)
    return ("list" if plain is str else "entries"), ()


def plain(name: str) -> str:
    """A header without what makes no difference: blanks, stars, width and case."""
    return unicodedata.normalize("NFKC", name).strip().strip("*").strip().lower().replace(" ", "")


def _text(_: Column, text: str) -> str:
    return text


def _decimal(text: str) -> Decimal:
    plain = unicodedata.normalize("NFKC", text).strip().strip("¥￥元").replace(" ", "")
    if _GROUPED.match(plain):
        plain = plain.replace(",", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or "e" in plain.lower() or len(plain) > 20:  # noqa: PLR2004  # digits of any sane sum
        raise CellError(
            "不是数字，或被表格软件改成了科学计数", "it is no number, or a spreadsheet rounded it"
        )
    return number


def _number(_: Column, text: str) -> int:
    number = _decimal(text)
    if number != number.to_integral_value():
        raise CellError("应为整数", "it must be a whole number")
    return int(number)


def _fen(column: Column, text: str) -> int:
    if not column.in_yuan:
        return _number(column, text)
    fen = _decimal(text) * 100
    if fen != fen.to_integral_value():
        raise CellError("金额最多两位小数（精确到分）", "an amount in yuan has at most two decimals (fen)")
    return int(fen)


def _day(_: Column, text: str) -> str:
    match = _DAY.match(unicodedata.normalize("NFKC", text).partition(" ")[0])
    try:
        if match:
            return date(*map(int, match.groups())).isoformat()
    except ValueError:
        pass  # no such day in the calendar: said below
    raise CellError("应为日期，如 2026-03-01", "it must be a date such as 2026-03-01")


def _time(column: Column, text: str) -> str:
    """An instant; without an offset it is Shanghai's, without a time of day it is midnight."""
    plain = unicodedata.normalize("NFKC", text)
    try:
        if _DAY.match(plain):
            return _day(column, plain) + "T00:00:00+08:00"
        day, _, clock = plain.replace("T", " ").partition(" ")
        instant = datetime.fromisoformat(f"{_day(column, day)}T{clock}")
    except (ValueError, CellError):
        raise CellError(
            "应为时间，如 2026-03-01 08:30", "it must be a time such as 2026-03-01 08:30"
        ) from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=SHANGHAI)).isoformat()


def _flag(_: Column, text: str) -> bool:
    plain = text.lower()
    if plain in _YES | _NO:
        return plain in _YES
    raise CellError("应为“是”或“否”", "it must be yes or no")


def _choice(column: Column, text: str) -> str:
    for value in column.choices:
        if text in {value, *accepted_words(value, column)}:
            return value
    folded = _PROVINCE_ENDINGS.sub("", text).lower()
    for value in column.choices:
        if folded in {word.lower() for word in (value, *accepted_words(value, column))}:
            return value
    known = [f"{chinese_of(value, column)}({value})" for value in column.choices]
    shown = "、".join(known[:12]) + ("…" if known[12:] else "")
    raise CellError(f"应为下列之一：{shown}", f"it must be one of: {shown}")


def _choices(column: Column, text: str) -> list[str]:
    parts = [part for part in _SEVERAL.split(text) if part]
    return list(dict.fromkeys(_choice(column, part) for part in parts))


def _list(_: Column, text: str) -> list[str]:
    return list(dict.fromkeys(part for part in (one.strip() for one in _LISTED.split(text)) if part))


def _entries(column: Column, text: str) -> list[dict[str, Any]]:
    """Entries with ；between, each of values with ：between, in the order of the column's parts; last ones may lack."""
    return [_entry(column, one) for one in _ENTRIES.split(text) if one.strip()]


def _entry(column: Column, text: str) -> dict[str, Any]:
    cells = [cell.strip() for cell in _WITHIN.split(text)]
    absent = [part for part in column.parts[len(cells) :] if part.required]
    if len(cells) > len(column.parts) or absent:
        wanted_zh, wanted_en = "：".join(c.zh for c in column.parts), ":".join(c.en for c in column.parts)
        raise CellError(f"每一项应为 {wanted_zh}", f"each entry must be {wanted_en}")
    filled = zip(column.parts, cells, strict=False)
    return {".".join(part.path): read_cell(part, cell) for part, cell in filled if cell}


_READERS: Final = {
    "text": _text,
    "number": _number,
    "fen": _fen,
    "day": _day,
    "time": _time,
    "flag": _flag,
    "choice": _choice,
    "choices": _choices,
    "list": _list,
    "entries": _entries,
    "person": _text,
}
