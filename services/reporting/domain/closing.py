"""What is checked before a period is closed: each check has an outcome, and says why in both languages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from statistics import median
from typing import Final, Literal, NamedTuple

from services.reporting.domain.cubes import ANY
from services.reporting.domain.drilling import BEHIND, sign
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.public_tables import CellsOf
from shared.contracts import provinces
from shared.contracts.lanes import lane as lane_named

SILENT_DAYS_MAX: Final = 7
"""So many days on end without one accepted record are too many for a province that sends otherwise."""
HISTORY_MONTHS_MAX: Final = 24
"""A month is compared with so many before it."""
HISTORY_MONTHS_MIN: Final = 6
"""With fewer there is nothing to compare it with."""
OUTLYING: Final = 5.0
"""So many robust standard deviations from the median are conspicuous. Iglewicz and Hoaglin ("How to Detect and Handle
Outliers", ASQC 1993) say 3.5 for one series; a close looks at a hundred."""
MAD_TO_SIGMA: Final = 1.4826
"""What makes the median absolute deviation a standard deviation, were the months normal."""
NAMED_MAX: Final = 8
"""So many instances stand in a sentence; all further ones are counted."""
WATCHED: Final = ("enrolled", "completed", "trained", "awards_granted", "granted_fen", "disbursed_fen")
"""Measures whose month is compared with the province's own history."""
RECOUNTED: Final[Mapping[str, Literal["facts", "fen"]]] = {
    "enrolled": "facts",
    "completed": "facts",
    "awards_granted": "facts",
    "scholarships": "facts",
    "allocated_fen": "fen",
    "reserved_fen": "fen",
    "granted_fen": "fen",
    "scholarship_fen": "fen",
}
"""Measures that are counted again from the events of register and ledger."""
BALANCED: Final = ("opened_fen", "allocated_fen", "adjusted_fen")
ACTIVE: Final = "accepted"
BINDING: Final[Mapping[str, str]] = {"over": "not_over", "months": "months_changed"}
"""Checks that no reason overrides → code of the refusal. Beside months that say something else a year is no sum."""

Outcome = Literal["passed", "failed", "noted"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `noted` is worth a look and holds nothing up."""

    code: str
    outcome: Outcome
    zh: str
    en: str


class Declared(NamedTuple):
    """What a province said last that it had sent, beside what was accepted."""

    lane: str
    since: date
    until: date
    declared: int
    received: int
    difference: int


class Recounted(NamedTuple):
    """Facts of one lane and type in the period."""

    lane: str
    type: str
    voided_type: str | None
    facts: int
    fen: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is looked at."""

    first: date
    last: date
    cells: CellsOf
    declared: Sequence[Declared]
    recounted: Sequence[Recounted]
    history: Mapping[tuple[str, str], Mapping[str, int]]
    """(measure, lane) → month → total, also before and after the period."""
    still: Sequence[tuple[str, bool]]
    """(lane, whether it is stopped): lanes whose numbers do not move on."""


def checks(seen: Seen) -> list[Check]:
    """All checks of a month, in the order in which they are shown."""
    return [
        _declared(seen),
        _silent(seen),
        _budgets(seen),
        _events(seen),
        _outliers(seen),
        _still(seen),
    ]


def checks_of_year(still: Sequence[tuple[str, bool]], pending: Sequence[str]) -> list[Check]:
    """Those of a year whose months are closed: `pending` are the months that would be restated now."""
    if not pending:
        told = Check(
            "months", "passed", "十二个月均已结账，无待更正。", "All twelve months are closed as they stand."
        )
    else:
        named = ", ".join(pending)
        told = Check(
            "months",
            "failed",
            f"以下月份结账后又有变化，请先更正：{named}。",
            f"These months have changed since they were closed; restate them first: {named}.",
        )
    return [told, _still_lanes(still)]


def failing(found: Iterable[Check]) -> list[Check]:
    """Those that refuse a close."""
    return [check for check in found if check.outcome == "failed"]


def is_outlier(value: int, history: Sequence[int]) -> bool:
    """Whether a month lies further from the median than the province's own months do, or chance would bring."""
    middle = median(history)
    deviation = MAD_TO_SIGMA * median(abs(one - middle) for one in history)
    scale = max(deviation, sqrt(max(middle, 0)), 1.0)
    return abs(value - middle) > OUTLYING * scale


def _declared(seen: Seen) -> Check:
    short = [one for one in seen.declared if one.difference < 0]
    if short:
        zh = [f"{_zh(one.lane)}申报 {one.declared:,}，采用 {one.received:,}" for one in short]
        en = [f"{_en(one.lane)} declared {one.declared:,}, accepted {one.received:,}" for one in short]
        return _failed(
            "control_totals", "采用的事件少于申报的控制总数", "Fewer were accepted than declared", zh, en
        )
    if not seen.declared:
        return Check(
            "control_totals",
            "noted",
            "没有省份申报本期控制总数，完整性无从核对。",
            "No province has declared control totals of this period, so completeness cannot be compared.",
        )
    lanes = len({one.lane for one in seen.declared})
    return Check(
        "control_totals",
        "passed",
        f"{lanes} 个省份的控制总数均已到齐。",
        f"All that was declared has come (provinces that declared: {lanes}).",
    )


def _silent(seen: Seen) -> Check:
    sent: dict[str, set[str]] = {}
    for (measure, lane), months in seen.history.items():
        if measure == ACTIVE and any(month <= seen.last.isoformat()[:7] for month in months):
            sent[lane] = set()
    for cube, lane, day, _, _, measure in seen.cells:
        if cube == "records" and measure == ACTIVE:
            sent.setdefault(lane, set()).add(day)
    runs = {lane: _longest_silence(seen.first, seen.last, days) for lane, days in sorted(sent.items())}
    silent = {lane: run for lane, run in runs.items() if run >= SILENT_DAYS_MAX}
    if silent:
        zh = [f"{_zh(lane)} {run} 天" for lane, run in silent.items()]
        en = [f"{_en(lane)} {run} days" for lane, run in silent.items()]
        return _failed(
            "silent_days", "连续多日没有采用任何记录", "Nothing was accepted for days on end", zh, en
        )
    return Check(
        "silent_days",
        "passed",
        f"没有省份连续 {SILENT_DAYS_MAX} 天无记录。",
        f"No province was silent for {SILENT_DAYS_MAX} days on end.",
    )


def _longest_silence(first: date, last: date, days: set[str]) -> int:
    longest = run = 0
    for n in range((last - first).days + 1):
        run = 0 if (first + timedelta(n)).isoformat() in days else run + 1
        longest = max(longest, run)
    return longest


def _budgets(seen: Seen) -> Check:
    lanes = sorted({lane for measure, lane in seen.history if measure in BALANCED})
    opened, allocated, adjusted = ({lane: _all(seen, one, lane) for lane in lanes} for one in BALANCED)
    wrong = [lane for lane in lanes if opened[lane] != allocated[lane] + adjusted[lane]]
    if wrong:
        zh = [
            f"{_zh(one)}相差 {(opened[one] - allocated[one] - adjusted[one]) / 100:,.2f} 元" for one in wrong
        ]
        en = [f"{_en(one)} {(opened[one] - allocated[one] - adjusted[one]) / 100:,.2f} yuan" for one in wrong]
        return _failed(
            "ledger_budgets",
            "账本预算不等于拨款加调整",
            "Budgets differ from allocations and adjustments",
            zh,
            en,
        )
    return Check(
        "ledger_budgets",
        "passed",
        "各省账本预算等于拨款加调整。",
        "In every province the ledger's budgets are what was allocated and adjusted.",
    )


def _events(seen: Seen) -> Check:
    kept: dict[tuple[str, str], int] = {}
    for (cube, lane, _, facet_1, _, measure), total in seen.cells.items():
        wanted = "flows" if RECOUNTED.get(measure) == "fen" else "study"
        if measure in RECOUNTED and cube == wanted and (cube == "flows" or facet_1 == ANY):
            kept[measure, lane] = kept.get((measure, lane), 0) + total
    again: dict[tuple[str, str], int] = {}
    for row in seen.recounted:
        for measure, what in RECOUNTED.items():
            if (row.voided_type or row.type) in BEHIND[measure].types:
                added = row.facts if what == "facts" else row.fen
                key = (measure, row.lane)
                again[key] = again.get(key, 0) + added * _sign(row, measure)
    wrong = [key for key in sorted(kept.keys() | again.keys()) if kept.get(key, 0) != again.get(key, 0)]
    if wrong:
        zh = [f"{_zh(lane)}{MEASURES[measure].zh}" for measure, lane in wrong]
        en = [f"{_en(lane)}: {MEASURES[measure].en.lower()}" for measure, lane in wrong]
        return _failed(
            "ledger_events",
            "统计数与事件重新计数不一致，请先重建统计",
            "Numbers differ from their events counted again; rebuild reporting first",
            zh,
            en,
        )
    return Check(
        "ledger_events",
        "passed",
        f"{len(RECOUNTED)} 项指标与登记和账本的事件逐省一致。",
        f"{len(RECOUNTED)} measures agree, province by province, with the events of register and ledger.",
    )


def _sign(row: Recounted, measure: str) -> int:
    return -1 if row.type == provinces.EVENT_VOIDED else sign(row.type, BEHIND[measure])


def _outliers(seen: Seen) -> Check:
    month = seen.last.isoformat()[:7]
    far: list[tuple[str, str, int, float]] = []
    compared = 0
    for (measure, lane), months in sorted(seen.history.items()):
        before = _before(months, month)
        if measure not in WATCHED or len(before) < HISTORY_MONTHS_MIN:
            continue
        compared += 1
        value = months.get(month, 0)
        if is_outlier(value, before):
            far.append((measure, lane, value, median(before)))
    if far:
        zh = [
            f"{_zh(lane)}{MEASURES[m].zh} {_said(m, value)}，以往中位 {_said(m, mid)}"
            for m, lane, value, mid in far
        ]
        en = [
            f"{_en(lane)}: {MEASURES[m].en.lower()} {_said(m, value)}, median so far {_said(m, mid)}"
            for m, lane, value, mid in far
        ]
        return _failed("outliers", "与本省以往各月相差悬殊", "Far from the province's own months", zh, en)
    if not compared:
        return Check(
            "outliers",
            "noted",
            f"没有省份有 {HISTORY_MONTHS_MIN} 个月以上的历史可供比较。",
            f"No province has {HISTORY_MONTHS_MIN} months to compare this one with.",
        )
    return Check(
        "outliers",
        "passed",
        f"没有数与本省以往各月相差悬殊（比较了 {compared} 个）。",
        f"No number is far from its province's own months (compared: {compared}).",
    )


def _before(months: Mapping[str, int], month: str) -> list[int]:
    """The months before, without gaps, from the first that is known."""
    known = sorted(one for one in months if one < month)
    if not known:
        return []
    found, at = [], known[0]
    while at < month:
        found.append(months.get(at, 0))
        year, number = int(at[:4]), int(at[5:])
        at = f"{year + number // 12:04d}-{number % 12 + 1:02d}"
    return found[-HISTORY_MONTHS_MAX:]


def _still(seen: Seen) -> Check:
    return _still_lanes(seen.still)


def _still_lanes(still: Sequence[tuple[str, bool]]) -> Check:
    if still:
        zh = [f"{_zh(lane)}（{'已停止' if stopped else '等待缺失的事实'}）" for lane, stopped in still]
        en = [
            f"{_en(lane)} ({'stopped' if stopped else 'waits for missing facts'})" for lane, stopped in still
        ]
        return _failed(
            "lanes", "有通道没有前进，其数字不完整", "Lanes stand still, so their numbers lack facts", zh, en
        )
    return Check("lanes", "passed", "所有通道都在前进。", "Every lane goes on.")


def _failed(code: str, zh: str, en: str, named_zh: Sequence[str], named_en: Sequence[str]) -> Check:
    more = len(named_en) - NAMED_MAX
    more_zh, more_en = (f"；另有 {more} 处", f"; {more} more") if more > 0 else ("", "")
    return Check(
        code,
        "failed",
        f"{zh}：{'；'.join(named_zh[:NAMED_MAX])}{more_zh}。",
        f"{en}: {'; '.join(named_en[:NAMED_MAX])}{more_en}.",
    )


def _all(seen: Seen, measure: str, lane: str) -> int:
    return sum(seen.history.get((measure, lane), {}).values())


def _said(measure: str, value: float) -> str:
    if MEASURES[measure].unit == "fen":
        return f"{value / 100:,.2f} 元 yuan"
    return f"{value:,.0f}"


def _zh(lane: str) -> str:
    return lane_named(lane).name_zh


def _en(lane: str) -> str:
    return lane_named(lane).name_en
