"""The picture of the nation at one moment, as the page shows it: sums, targets, what has just happened."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from pydantic import BaseModel

from services.reporting.domain.counting import NATION_SCOPE, READS
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.targets import BASELINES, TARGETS, Baseline, Progress, progress
from shared.contracts import enrollment, subsidy
from shared.contracts.envelope import shanghai_day
from shared.contracts.lanes import LANES

LATEST_MAX: Final = 12
DULL: Final = frozenset({enrollment.DAY_BEGAN, enrollment.VERDICTS_TALLIED, subsidy.BUDGET_OPENED})
"""Not worth a line among what has just happened."""
NOTABLE: Final = tuple(sorted(READS - DULL))
PERSONS: Final = ("funded", "funded_migrant")
"""Counted once in the whole country: the nation is not the sum of its lanes."""


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
    baselines: tuple[Baseline, ...]
    lanes: list[LaneNumbers]
    latest: list[Happening]
    still: list[Still]


def nation(
    sums: Iterable[tuple[str, str, str, int]],
    latest: list[Happening],
    still: list[Still],
    facts: int,
    began: date | None,
    recorded_at: datetime | None,
    at: datetime,
    *,
    simulated: bool,
) -> Nation:
    """Put the picture together from the sums (scope, lane, measure, total); `began` is the first fact's day."""
    whole: dict[str, int] = dict.fromkeys(MEASURES, 0)
    lanes: dict[str, dict[str, int]] = defaultdict(dict)
    for scope, lane, measure, total in sums:
        if scope == NATION_SCOPE:
            whole[measure] += total
            continue
        lanes[lane][measure] = total
        if measure not in PERSONS:
            whole[measure] += total
    today = shanghai_day(recorded_at) if recorded_at else None
    return Nation(
        simulated=simulated,
        at=at,
        recorded_at=recorded_at,
        facts=facts,
        measures=whole,
        targets=[progress(target, whole[target.measure], today, began) for target in TARGETS],
        baselines=BASELINES,
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
    )
