"""Why a scorecard says what it says, in Chinese and English."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal

Grade = Literal["good", "watch", "poor", "unknown"]
Said = tuple[str, str]
"""The same sentence in Chinese and English."""

NOTHING: Final[Mapping[str, Said]] = {
    "completeness": (
        "没有申报控制总数，无法核对是否报全。请按月申报。",
        "No control totals were declared, so nothing says whether all has come: declare them each month.",
    ),
    "timeliness": (
        "这段时间没有记录到事件，无法评价。",
        "No event was recorded in this time: nothing to judge by.",
    ),
    "duplicates": ("这段时间没有报送记录，无法评价。", "Nothing was sent in this time: nothing to judge by."),
    "conflicts": ("这段时间没有报送记录，无法评价。", "Nothing was sent in this time: nothing to judge by."),
    "rejections": ("这段时间没有报送记录，无法评价。", "Nothing was sent in this time: nothing to judge by."),
    "corrections": (
        "这段时间没有采用的记录，无法评价。",
        "Nothing was accepted in this time: nothing to judge by.",
    ),
}
_WHAT: Final[Mapping[str, Said]] = {
    "completeness": ("件申报的事件中缺少", "of a thousand declared events are missing"),
    "timeliness": ("件事件中迟于七天才记录的有", "of a thousand events were recorded later than a week"),
    "duplicates": ("条记录中重复报送的有", "of a thousand records had come before"),
    "conflicts": (
        "条记录中同号不同内容的有",
        "of a thousand records contradict an earlier one of the same id",
    ),
    "rejections": ("条记录中退回的有", "of a thousand records were rejected"),
    "corrections": (
        "条采用的记录中作废或更正的有",
        "of a thousand accepted records take back an earlier one",
    ),
}


def rate(code: str, rates: Sequence[float], of: int, grade: Grade, limits: tuple[int, int]) -> Said:
    """A rate with its interval, and how it stands to its limits."""
    what_zh, what_en = _WHAT[code]
    share, low, high = (f"{value:,.1f}" for value in rates)
    zh_limit, en_limit = _limit(grade, *limits)
    zh = f"每千{what_zh} {share}（共 {of:,}，95% 区间 {low} 至 {high}），{zh_limit}"
    en = f"{share} {what_en} (of {of:,}; 95 % interval {low} to {high}): {en_limit}"
    return zh, en


def _limit(grade: Grade, watch: int, poor: int) -> Said:
    match grade:
        case "poor":
            return f"确定高于 {poor} 的警戒线，请查明原因。", f"certainly above {poor}; find out why."
        case "watch":
            return f"确定高于 {watch} 的关注线。", f"certainly above {watch}; to be watched."
        case _:
            return f"不能断定高于 {watch} 的关注线。", f"not certainly above {watch}."


def period(until: date, declared: int, received: int, zh: str, en: str) -> Said:
    """What was declared and received of the newest period, before the rate over all of them."""
    month = until.isoformat()[:7]
    return (
        f"{month} 申报 {declared:,} 件、采用 {received:,} 件。{zh}",
        f"{month}: {declared:,} declared, {received:,} accepted. {en}",
    )


def delays(p50: tuple[int, int | None], p95: tuple[int, int | None], zh: str, en: str) -> Said:
    """Within how many days events come, before the rate of those that come late."""
    (zh_50, en_50), (zh_95, en_95) = _span(*p50), _span(*p95)
    return (
        f"半数事件在发生后 {zh_50}记录，95% 在 {zh_95}。{zh}",
        f"Half of the events were recorded {en_50}, 95 % {en_95}. {en}",
    )


def _span(at_least: int, at_most: int | None) -> Said:
    if at_most is None:
        return f"{at_least} 天以后", f"after {at_least} days or more"
    if at_least == at_most:
        return (
            (f"{at_most} 天内", f"within {at_most} days")
            if at_most
            else ("当天", "within the first 24 hours")
        )
    return f"{at_least} 至 {at_most} 天内", f"within {at_least} to {at_most} days"


def silence(last: date | None, days: int | None, grade: Grade, watch: int, most: int) -> Said:
    """How long nothing has come."""
    if last is None or days is None:
        return "尚无任何记录。", "Nothing has come yet."
    zh, en = f"最近一次来数是 {last}，距今 {days} 天", f"Last heard of on {last}, {days} days ago"
    match grade:
        case "poor":
            return f"{zh}，超过 {most} 天，请联系该省。", f"{en}: longer than {most}; ask the province."
        case "watch":
            return f"{zh}，超过 {watch} 天。", f"{en}: longer than {watch}."
        case "good":
            return f"{zh}。", f"{en}."
        case _:
            return f"{zh}；该通道不要求按日报送。", f"{en}; nobody expects this lane to send every day."
