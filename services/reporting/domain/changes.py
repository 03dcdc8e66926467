"""How a batch changes the numbers of each lane, as it is published: what was counted, totals, cells."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from services.reporting.domain.tally import Counted
from shared.contracts.lanes import NATION
from shared.contracts.reporting import key_of, names_of

CELLS_MAX: Final = 5_000
"""So many cells are told in one record: less than a megabyte."""
CellId = tuple[str, str, str, str, str, str]
"""cube, lane, period, two facets, measure."""
Change = tuple[date, str, int]
"""Day of recording, key of the cell, what is added."""
OF_THE_NATION: Final = "persons_nation"
"""The cube that is kept for the nation only: under whichever lane it was written, its cells are the nation's."""


class Told(NamedTuple):
    """Data of one record about the numbers of one lane."""

    lane: str
    data: Mapping[str, Any]


def told(counted: Counted, facts: Mapping[str, Sequence[Mapping[str, Any]]], first_lane: str) -> list[Told]:
    """One record for each lane whose numbers have changed; more where its cells are many.

    `facts` says of each lane what was counted; national sums are told by `first_lane`, which has written them.
    """
    cells: dict[str, list[Change]] = defaultdict(list)
    for cell, change in counted.cells.items():
        if change:
            cells[cell[1]].append((cell[6], key(of_the_nation(cell[:6])), change))
    totals: dict[str, dict[str, int]] = defaultdict(dict)
    for (lane, measure), change in counted.standing.items():
        if change:
            totals[lane][measure] = change
    nation = {measure: change for measure, change in counted.nation.items() if change}
    lanes = sorted(cells.keys() | totals.keys() | ({first_lane} if nation else set()))
    return [
        one
        for lane in lanes
        for one in _of_lane(
            lane, facts.get(lane, ()), totals[lane], nation if lane == first_lane else {}, cells[lane]
        )
    ]


def _of_lane(
    lane: str,
    facts: Sequence[Mapping[str, Any]],
    totals: Mapping[str, int],
    nation: Mapping[str, int],
    cells: Sequence[Change],
) -> Iterable[Told]:
    for at in range(0, max(len(cells), 1), CELLS_MAX):
        sums = {"totals": totals, "nation": nation} if at == 0 else {"totals": {}, "nation": {}}
        yield Told(lane, {"facts": facts, **sums, "cells": _by_day(cells[at : at + CELLS_MAX])})


def _by_day(cells: Iterable[Change]) -> list[dict[str, Any]]:
    days: dict[date, dict[str, int]] = defaultdict(dict)
    for known_on, key, change in cells:
        days[known_on][key] = change
    return [{"known_on": day, "changes": changes} for day, changes in sorted(days.items())]


def touched(data: Mapping[str, Any]) -> Iterable[str]:
    """The keys of the cells that a record has changed."""
    return (key for of_a_day in data.get("cells", ()) for key in of_a_day["changes"])


def of_the_nation(cell: CellId) -> CellId:
    """The cell under its own name: what is kept for the nation only stands under the nation's lane."""
    return (cell[0], NATION, *cell[2:]) if cell[0] == OF_THE_NATION else cell


def named(key: str) -> CellId:
    """The cell that a key names."""
    cube, lane, period, facet_1, facet_2, measure = names_of(key)
    return cube, lane, period, facet_1, facet_2, measure


def key(cell: CellId) -> str:
    """The key of a cell on the topic of states."""
    return key_of(*cell)
