"""The picture of the nation at one moment, as the page shows it: sums, targets, what has just happened."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, NamedTuple

from pydantic import BaseModel

from services.reporting.domain.counting import READS
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.persons import PERSONS
from services.reporting.domain.subjects import requests
from services.reporting.domain.targets import Baseline, Book, Progress, Target, progress
from shared.contracts import enrollment, subsidy
from shared.contracts.envelope import shanghai_day
from shared.contracts.lanes import LANES
from shared.contracts.provinces import Comparator

LATEST_MAX: Final = 12
DULL: Final = frozenset(
    {
        enrollment.DAY_BEGAN,
        enrollment.VERDICTS_TALLIED,
        enrollment.COMPLETENESS_MEASURED,
        subsidy.BUDGET_OPENED,
        *requests.COUNTS,
    }
)
"""Not worth a line among what has just happened."""
NOTABLE: Final = tuple(sorted(READS - DULL))
NATION_SCOPE: Final = "nation"
_STANDING: Final = {
    ("funded", None): "funded",
    ("funded", "migrant"): "funded_migrant",
    ("projects", None): "projects_since_2025",
}
"""(measure, category) of a national target since 2025 → the sum over all time that the picture shows."""


class Happening(BaseModel):
    """One thing that has just been recorded: what and where, never who."""

    lane: str
    seq: int
    type: str
    recorded_at: datetime
    amount_fen: int | None


class LaneNumbers(BaseModel):
    """The sums of one lane; a measure that is not named is zero."""

    code: str
    zh: str
    en: str
    measures: dict[str, int]


class Still(BaseModel):
    """A lane whose numbers do not move on, and since when."""

    lane: str
    why: str
    """`stopped` (an operator looks into it) or `waiting` (for facts that are missing in between)."""
    since: datetime | None


class TakenIn(NamedTuple):
    """How much was taken in, and when."""

    facts: int
    began: date | None
    """The first fact's day; none where nothing has come yet."""
    recorded_at: datetime | None
    """When the newest fact was recorded."""
    now: datetime
    """When this was read."""


class BaselineShown(BaseModel):
    """One figure of June 2024: shown beside the targets, never added to them."""

    code: str
    comparator: Comparator
    value: int
    unit: str
    as_of: str
    zh: str
    en: str


class Nation(BaseModel):
    """All that the page shows at one moment."""

    simulated: bool
    """Numbers come from a simulation."""
    at: datetime
    """When this was read."""
    recorded_at: datetime | None
    """When the newest fact was recorded; none where nothing has come yet."""
    facts: int
    measures: dict[str, int]
    targets: list[Progress]
    baselines: list[BaselineShown]
    lanes: list[LaneNumbers]
    latest: list[Happening]
    still: list[Still]
    began: date | None = None
    """Day on which the first fact was recorded: nothing was known before it."""
    as_of: str | None = None
    """In a past picture: the last month whose events are in it."""
    known_on: date | None = None
    """In a past picture: the last day whose records are in it."""


class Past(NamedTuple):
    """Which past picture."""

    as_of: str | None
    known_on: date | None
    today: date
    """The last day that counts in it."""


def nation(
    sums: Iterable[tuple[str, str, str, int]],
    latest: list[Happening],
    still: list[Still],
    taken: TakenIn,
    book: Book,
    *,
    simulated: bool,
    past: Past | None = None,
) -> Nation:
    """Put the picture together from the sums (scope, lane, measure, total)."""
    whole: dict[str, int] = dict.fromkeys(MEASURES, 0)
    lanes: dict[str, dict[str, int]] = defaultdict(dict)
    for scope, lane, measure, total in sums:
        if scope == NATION_SCOPE:
            whole[measure] += total
            continue
        lanes[lane][measure] = total
        if measure not in PERSONS:
            whole[measure] += total
    today = shanghai_day(taken.recorded_at) if taken.recorded_at else None
    if past and today:
        today = past.today
    return Nation(
        simulated=simulated,
        at=taken.now,
        recorded_at=taken.recorded_at,
        facts=taken.facts,
        measures=whole,
        targets=[
            progress(target, whole[measure], today, taken.began, measure)
            for target, measure in _shown(book.targets)
        ],
        baselines=[_baseline(one) for one in book.baselines],
        lanes=[
            LaneNumbers(
                code=lane.code,
                zh=lane.name_zh,
                en=lane.name_en,
                measures={measure: total for measure, total in lanes[lane.code].items() if total},
            )
            for lane in LANES
        ],
        latest=latest[:LATEST_MAX],
        still=still,
        began=taken.began,
        as_of=past.as_of if past else None,
        known_on=past.known_on if past else None,
    )


def _shown(targets: Iterable[Target]) -> Iterable[tuple[Target, str]]:
    """The nation's targets, each with the sum that it is about."""
    for target in targets:
        measure = _STANDING.get((target.measure, target.filter.category))
        if measure and target.filter.lane is None and target.filter.alliance is None:
            yield target, measure


def _baseline(one: Baseline) -> BaselineShown:
    return BaselineShown(**one.model_dump(exclude={"as_of", "adds", "source"}), as_of=f"{one.as_of:%Y-%m}")
