"""How good each province's records are: complete, in time, without repeats, contradictions, refusals; and why."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from services.reporting.domain import quality_words as words
from services.reporting.domain.counting import DELAYS_DAYS, LATER
from services.reporting.domain.intervals import Interval, quantile, ranks, wilson
from services.reporting.domain.quality_words import Grade
from shared.contracts.lanes import LANES

NATION: Final = "nation"
NOT_RANKED: Final = "00"
"""The nation's own lane sends few records and not every day: it is no province."""
TIMELY_DAYS: Final = 7
"""What is recorded within a week of its day is in time."""
SILENT_DAYS_WATCH: Final = 4
SILENT_DAYS_MAX: Final = 10
"""Longer than the longest public holiday of eight days with a weekend beside it: silence beyond is an alarm."""
VERDICTS: Final = ("accepted", "duplicate", "conflict", "rejected", "voided")
Code = Literal[
    "completeness", "timeliness", "duplicates", "conflicts", "rejections", "corrections", "silence"
]


class Limits(NamedTuple):
    """So many of a thousand are to be watched, and so many are poor: ours, since no rule says any."""

    watch: int
    poor: int


LIMITS: Final[Mapping[Code, Limits]] = {
    "completeness": Limits(5, 20),
    "timeliness": Limits(100, 300),
    "duplicates": Limits(50, 150),
    "conflicts": Limits(1, 5),
    "rejections": Limits(20, 50),
    "corrections": Limits(20, 50),
}
_CLASSES: Final = (*(f"{end:03d}" for end in DELAYS_DAYS), LATER)
_ORDER: Final[Mapping[Grade, int]] = {"unknown": 0, "good": 1, "watch": 2, "poor": 3}


class Measured(NamedTuple):
    """What a province declares for a period, beside what was accepted of it."""

    since: date
    until: date
    declared: int
    received: int


@dataclass(slots=True)
class Seen:
    """What is known of the records of one lane's province in the time that is judged."""

    verdicts: Counter[str] = field(default_factory=Counter)
    delays: Counter[str] = field(default_factory=Counter)
    """Class of days from happened to recorded → events."""
    periods: list[Measured] = field(default_factory=list)
    last: date | None = None
    """The last day on which anything of the province came."""
    today: date | None = None
    """The lane's newest day, by `day.began`: silence is measured to it, never to a clock."""


class Shown(BaseModel):
    """Base of what is shown."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Ranked(Shown):
    """From which place to which a province may be among all: those whose intervals overlap are not told apart."""

    best: int
    worst: int
    of: int
    """How many provinces have anything to compare."""


class Days(Shown):
    """So many days: exactly, where both are the same; otherwise within a class. None: later than all classes."""

    at_least: int
    at_most: int | None


class Part(Shown):
    """One part of a scorecard."""

    code: Code
    grade: Grade
    """`poor` or `watch` only where even the lower end of the interval lies above the limit; `unknown` where nothing
    can be judged."""
    count: int | None = None
    """How many were late, repeated, refused …; of completeness, how many are missing."""
    of: int | None = None
    """Of how many."""
    per_thousand: float | None = None
    low: float | None = None
    """Lower end of the 95 % interval (Wilson 1927), per thousand."""
    high: float | None = None
    """Upper end."""
    watch_above: int | None = None
    """Limits, per thousand; of silence, in days."""
    poor_above: int | None = None
    rank: Ranked | None = None
    reason_zh: str
    reason_en: str


class Scorecard(Shown):
    """The records of one province, or of all together."""

    lane: str
    """Two digits, or `nation`."""
    zh: str
    en: str
    grade: Grade
    """The worst of its parts."""
    p50: Days | None
    """Half of the events were recorded within so many days of their own time."""
    p95: Days | None
    """Nineteen of twenty."""
    month: str | None
    """Month in which the newest period that was declared ends."""
    declared: int | None
    """Of that period."""
    received: int | None
    last: date | None
    """The last day on which anything of the province came."""
    silent_days: int | None
    """From then to the lane's newest day."""
    parts: list[Part]


def scorecards(seen: Mapping[str, Seen]) -> tuple[Scorecard, list[Scorecard]]:
    """The nation's card and each lane's, in the order of the lanes."""
    whole = _together(seen.values())
    compared = {
        code: ranks(
            {
                lane: wilson(*counted)
                for lane, one in seen.items()
                if lane != NOT_RANKED and (counted := _counted(one, code))
            }
        )
        for code in LIMITS
    }
    cards = [
        _card(
            lane.code,
            lane.name_zh,
            lane.name_en,
            seen[lane.code],
            {
                code: Ranked(**of[lane.code]._asdict()) if lane.code in of else None
                for code, of in compared.items()
            },
        )
        for lane in LANES
    ]
    return _card(NATION, "全国", "Nation", whole, {}), cards


def _together(seen: Iterable[Seen]) -> Seen:
    whole = Seen()
    for one in seen:
        whole.verdicts += one.verdicts
        whole.delays += one.delays
        whole.periods += one.periods
        whole.last = max(filter(None, (whole.last, one.last)), default=None)
        whole.today = max(filter(None, (whole.today, one.today)), default=None)
    return whole


def _card(lane: str, zh: str, en: str, seen: Seen, rank: Mapping[Code, Ranked | None]) -> Scorecard:
    p50, p95 = (_days(seen, share) for share in (0.5, 0.95))
    newest = max(seen.periods, key=lambda period: (period.until, period.declared), default=None)
    parts = [_rate(code, seen, newest, rank.get(code)) for code in LIMITS]
    silent_days = (seen.today - seen.last).days if seen.today and seen.last else None
    parts.append(_silence(lane, seen.last, silent_days))
    return Scorecard(
        lane=lane,
        zh=zh,
        en=en,
        grade=max((part.grade for part in parts), key=_ORDER.__getitem__),
        p50=p50,
        p95=p95,
        month=newest.until.isoformat()[:7] if newest else None,
        declared=newest.declared if newest else None,
        received=newest.received if newest else None,
        last=seen.last,
        silent_days=silent_days,
        parts=parts,
    )


def _counted(seen: Seen, code: Code) -> tuple[int, int] | None:
    """(count, of): what a part counts, of how many; None where there is nothing to judge by."""
    verdicts = seen.verdicts
    judged = sum(verdicts[one] for one in ("accepted", "duplicate", "conflict", "rejected"))
    match code:
        case "completeness":
            of = sum(period.declared for period in seen.periods)
            count = sum(max(0, period.declared - period.received) for period in seen.periods)
        case "timeliness":
            of = sum(seen.delays.values())
            count = sum(n for name, n in seen.delays.items() if name == LATER or int(name) > TIMELY_DAYS)
        case "corrections":
            # A void stands on the day on which its lane's owner recorded it, perhaps one after it was accepted.
            of, count = verdicts["accepted"], min(verdicts["voided"], verdicts["accepted"])
        case _:
            measure = {"duplicates": "duplicate", "conflicts": "conflict", "rejections": "rejected"}[code]
            of, count = judged, verdicts[measure]
    return (count, of) if of > 0 else None


def _rate(code: Code, seen: Seen, newest: Measured | None, rank: Ranked | None) -> Part:
    limits, counted = LIMITS[code], _counted(seen, code)
    if counted is None:
        zh, en = words.NOTHING[code]
        return Part(code=code, grade="unknown", watch_above=limits.watch, poor_above=limits.poor,
                    reason_zh=zh, reason_en=en)  # fmt: skip
    interval = wilson(*counted)
    grade = _grade(interval, limits)
    rates = tuple(round(1000 * value, 2) for value in interval)
    zh, en = words.rate(code, rates, counted[1], grade, limits)
    if code == "completeness" and newest:
        zh, en = words.period(newest.until, newest.declared, newest.received, zh, en)
    if code == "timeliness":
        zh, en = words.delays(_span(_days(seen, 0.5)), _span(_days(seen, 0.95)), zh, en)
    return Part(
        code=code,
        grade=grade,
        count=counted[0],
        of=counted[1],
        per_thousand=rates[0],
        low=rates[1],
        high=rates[2],
        watch_above=limits.watch,
        poor_above=limits.poor,
        rank=rank,
        reason_zh=zh,
        reason_en=en,
    )


def _grade(interval: Interval, limits: Limits) -> Grade:
    if 1000 * interval.low > limits.poor:
        return "poor"
    return "watch" if 1000 * interval.low > limits.watch else "good"


def _silence(lane: str, last: date | None, days: int | None) -> Part:
    grade: Grade = "unknown"
    if days is not None and lane != NOT_RANKED:
        grade = "poor" if days > SILENT_DAYS_MAX else "watch" if days > SILENT_DAYS_WATCH else "good"
    zh, en = words.silence(last, days, grade, SILENT_DAYS_WATCH, SILENT_DAYS_MAX)
    return Part(
        code="silence",
        grade=grade,
        count=days,
        watch_above=SILENT_DAYS_WATCH,
        poor_above=SILENT_DAYS_MAX,
        reason_zh=zh,
        reason_en=en,
    )


def _days(seen: Seen, share: float) -> Days | None:
    """The class in which the quantile lies; up to three days each class is one day, so it is exact."""
    place = quantile([seen.delays[name] for name in _CLASSES], share)
    if place is None:
        return None
    at_least = DELAYS_DAYS[place - 1] + 1 if place else 0
    return Days(at_least=at_least, at_most=DELAYS_DAYS[place] if place < len(DELAYS_DAYS) else None)


def _span(days: Days | None) -> tuple[int, int | None]:
    return (days.at_least, days.at_most) if days else (0, 0)
