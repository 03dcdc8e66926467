"""What reporting publishes: how numbers change, in order, and how each of them stands now."""

from datetime import date
from typing import Final

from pydantic import BaseModel

from shared.contracts.envelope import Value, event_type


class FactsCounted(Value):
    """Facts of one stream that were counted together."""

    stream: str
    """`enrollment.events` or `subsidy.events`."""
    first_seq: int
    """Number of the first on the lane. One that an earlier record counted means: begin anew, as after a rebuild."""
    last_seq: int
    """Number of the last."""


class CellsChanged(Value):
    """What is added to cells of what was recorded on one day. A cell is a combination of at most four dimensions."""

    known_on: date
    """Day of recording, in Asia/Shanghai."""
    changes: dict[str, int]
    """Key of the cell, as on `reporting.statistics` → what is added, or below zero taken away; money in fen."""


class StatisticsChanged(Value):
    """What a batch of facts of one lane has changed. The sum of all changes is how the numbers stand."""

    facts: tuple[FactsCounted, ...]
    """What was counted. Where it is told in several records, each says so."""
    totals: dict[str, int]
    """Sums over all time that everybody may see: measure → what is added for the lane; amounts in fen."""
    nation: dict[str, int]
    """The same of what counts once in the whole country: only the sum over all lanes has a meaning."""
    cells: tuple[CellsChanged, ...]
    """What is added to cells. Cells may be small: they are for those who may see them, not for the public."""


class StatisticsRebuilt(Value):
    """All numbers were counted anew and differ: take them from `reporting.statistics`, and add up from here on."""

    differences: int
    """How many sums differ from those before."""


class Statistic(Value):
    """How one cell stands now: the newest record of its key. No record, or one without a value: the cell is zero."""

    cube: str
    """Which cube; reporting's `/v1/cubes` says which dimensions it has."""
    lane: str
    """Two digits; of cubes that are kept for the nation only, `00`."""
    period: str
    """When it happened: a month, a year, a fiscal year or a day, as the cube has them."""
    facet_1: str
    """Value of the cube's first further dimension."""
    facet_2: str
    """Value of its second, or `none`."""
    measure: str
    """What is counted, or which money in fen."""
    total: int
    """How it stands, whatever was known when."""
    changes_seq: int
    """All changes of the lane up to this number of `reporting.changes` are in it; of the nation's own cells, 0."""


STATISTICS_CHANGED: Final = event_type("statistics.changed")
STATISTICS_REBUILT: Final = event_type("statistics.rebuilt")

FACT_MODELS: Final[dict[str, type[BaseModel]]] = {
    STATISTICS_CHANGED: StatisticsChanged,
    STATISTICS_REBUILT: StatisticsRebuilt,
}
"""What each fact on `reporting.changes` carries."""


def key_of(cube: str, lane: str, period: str, facet_1: str, facet_2: str, measure: str) -> str:
    """The key of a cell: its six names with `/` between; in them `/` is `%2F`, `%` is `%25`."""
    parts = (cube, lane, period, facet_1, facet_2, measure)
    key = "/".join(parts)
    if "%" not in key and key.count("/") == len(parts) - 1:
        return key
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def names_of(key: str) -> tuple[str, ...]:
    """The six names of a cell out of its key."""
    return tuple(name.replace("%2F", "/").replace("%25", "%") for name in key.split("/"))
