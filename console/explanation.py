"""Lays an explanation of subsidy out as a page that a clerk puts into a file."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from console.amounts import yuan
from console.times import shanghai
from shared.contracts.lanes import lane as named_lane

Lang = Literal["zh", "en", "both"]
_LABEL_WIDTH: Final = {"zh": 12, "en": 16, "both": 24}
_ACCOUNTS: Final = {
    "allocated": ("拨款", "allocated"),
    "available": ("可用", "free"),
    "reserved": ("预留", "reserved"),
    "granted": ("批准", "granted"),
    "disbursed": ("支付", "paid"),
    "receivable": ("应追回", "owed"),
    "written_off": ("已核销", "written off"),
    "scholarship": ("奖学金", "scholarships"),
}


def page(answer: Mapping[str, Any], lang: Lang) -> RenderableType:
    """The whole page: where the award stands, what to do now, then every decision in its order."""
    told = answer["explanation"]
    parts: list[RenderableType] = [
        Text(_word(lang, "补助决定说明", "Explanation of a subsidy"), style="bold"),
        Rule(style="dim"),
        _head(told, lang, simulated=answer["simulated"]),
    ]
    for part in told.get("parts", ()):
        parts += ["", *_part(part, lang)]
    for number, decision in enumerate(told["decisions"], 1):
        parts += ["", *_decision(number, decision, lang)]
    if not answer["complete"]:
        parts += ["", _word(lang, "还有更多决定，未全部显示。", "There are more decisions than are shown.")]
    return Group(*parts)


def _head(told: Mapping[str, Any], lang: Lang, *, simulated: bool) -> Table:
    grid = _grid(lang)
    lane = named_lane(told["lane"])
    rows = [
        (("注册编号", "enrollment"), told["enrollment_no"]),
        (("出资省份", "province"), f"{lane.code} {_word(lang, lane.name_zh, lane.name_en)}"),
        (("年度", "fiscal year"), str(told["fiscal_year"])),
        (("资金来源", "fund source"), told["fund_source"] or "—"),
        (("金额（元）", "amount (yuan)"), yuan(told["amount_fen"])),
        (("学费（元）", "tuition (yuan)"), yuan(told["tuition_fen"])),
        (("奖学金（元）", "scholarships"), yuan(told["scholarship_fen"])),
        (("目前状态", "where it stands"), _both(lang, told)),
    ]
    if told["waits"]:
        rows.append((("候补", "queue"), _both(lang, told["waits"])))
    rows.append((("现在怎么办", "what to do now"), _both(lang, told, "do_")))
    if simulated:
        rows.append((("注意", "note"), _word(lang, "模拟数据", "simulated")))
    for (zh, en), text in rows:
        grid.add_row(_word(lang, zh, en), text)
    return grid


def _part(part: Mapping[str, Any], lang: Lang) -> Iterable[RenderableType]:
    yield Text(f"{_named_part(part, lang)}  {part['fiscal_year']} {part['fund_source']}", style="bold")
    grid = _grid(lang)
    rows = [
        (("金额（元）", "amount (yuan)"), yuan(part["amount_fen"])),
        (("目前状态", "where it stands"), _both(lang, part)),
    ]
    if part["waits"]:
        rows.append((("候补", "queue"), _both(lang, part["waits"])))
    rows.append((("现在怎么办", "what to do now"), _both(lang, part, "do_")))
    for (zh, en), text in rows:
        grid.add_row(_word(lang, zh, en), text)
    yield Padding(grid, (0, 0, 0, 3))


def _named_part(one: Mapping[str, Any], lang: Lang) -> str:
    return _word(lang, f"第 {one['part']} 部分", f"part {one['part']}")


def _decision(number: int, one: Mapping[str, Any], lang: Lang) -> Iterable[RenderableType]:
    heading = _word(lang, one["zh"], one["en"])
    if one.get("part") is not None:
        heading = f"{heading} · {_named_part(one, lang)}"
    yield Text(f"{number}. {heading}", style="bold")
    grid = _grid(lang)
    rows: list[tuple[tuple[str, str], str]] = [
        (("决定时间", "decided"), shanghai(one["recorded_at"], seconds_only=True)),
    ]
    if one["rule"]:
        rows.append((("适用办法", "scheme"), _rule(one["rule"], lang)))
    rows.append((("依据数据", "decided from"), _listed(one["inputs"], lang)))
    if one["steps"]:
        rows.append((("逐步理由", "step by step"), _numbered(one["steps"], lang)))
    if one["postings"]:
        rows.append((("账务（元）", "postings (yuan)"), _postings(one["postings"], lang)))
    rows.append((("凭证", "reference"), _reference(one, lang)))
    for (zh, en), text in rows:
        grid.add_row(_word(lang, zh, en), text)
    yield Padding(grid, (0, 0, 0, 3))


def _rule(rule: Mapping[str, Any], lang: Lang) -> str:
    name, version = rule["name"], rule["version"]
    said = [_stacked(lang, f"{name} 第 {version} 版", f"{name} version {version}")]
    if rule["valid_from"] is None:
        return "\n".join([*said, _stacked(lang, "该版本现已不在用", "this version is not in force any more")])
    begins, ends = rule["valid_from"], rule["valid_until"]
    said.append(
        _stacked(
            lang,
            f"有效期：{begins} 至 {ends or '今'}",
            f"valid from {begins} until {ends}" if ends else f"valid from {begins} on",
        )
    )
    said.append(f"{_word(lang, '发布单位', 'issued by')}: {'; '.join(rule['issuers'])}")
    return "\n".join(said)


def _listed(inputs: Sequence[Mapping[str, Any]], lang: Lang) -> str:
    return "\n".join(_both(lang, one, separator="  ") for one in inputs)


def _numbered(steps: Sequence[Mapping[str, Any]], lang: Lang) -> str:
    return "\n".join(f"({n}) {_both(lang, step)}" for n, step in enumerate(steps, 1))


def _postings(postings: Sequence[Mapping[str, Any]], lang: Lang) -> str:
    lines = []
    for one in postings:
        account = _word(lang, *_ACCOUNTS.get(one["purpose"], (one["purpose"], one["purpose"])))
        sign = "+" if one["amount_fen"] > 0 else ""
        lines.append(f"{one['fiscal_year']} {one['fund_source']}  {account}  {sign}{yuan(one['amount_fen'])}")
    return "\n".join(lines)


def _reference(one: Mapping[str, Any], lang: Lang) -> str:
    number = f"{one['lane']}-{one['entry_no']}"
    return "\n".join(
        (
            f"{_word(lang, '账目', 'journal entry')} {number}",
            f"{_word(lang, '事件', 'event')} {one['event_id']}",
            f"{_word(lang, '起因', 'caused by')} {one['cause_id']}",
        )
    )


def _grid(lang: Lang) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=_LABEL_WIDTH[lang])
    grid.add_column(overflow="fold")
    return grid


def _word(lang: Lang, zh: str, en: str) -> str:
    if lang == "both":
        return zh if zh == en else f"{zh} {en}"
    return zh if lang == "zh" else en


def _stacked(lang: Lang, zh: str, en: str) -> str:
    return f"{zh}\n{en}" if lang == "both" else _word(lang, zh, en)


def _both(lang: Lang, said: Mapping[str, Any], prefix: str = "", separator: str = "\n") -> str:
    zh, en = said[f"{prefix}zh"], said[f"{prefix}en"]
    if lang == "both":
        return f"{zh}{separator}{en}"
    return str(zh if lang == "zh" else en)
