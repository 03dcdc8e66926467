"""Which cells add up to the sum of a measure: for the nation, for each lane, up to a month."""

from typing import Final

from services.reporting.domain.measures import MEASURES
from services.reporting.domain.targets import FIRST_MONTH, LAST_MONTH, SINCE_2025, Selection

_ANY: Final = "any"
_OF_MIGRANTS: Final = {"funded_migrant": "funded"}
"""Measures that are another one, of migrant workers."""
_SINCE_2025: Final = {"projects_since_2025": "projects"}
WITHIN: Final = "-99"
"""Behind a month: after all of its days."""


def of_lanes(measure: str) -> Selection:
    """The cells of each lane."""
    kept = MEASURES[measure].cube
    if kept == "persons":
        return _persons("persons", measure)
    if kept == "money":
        return Selection("flows", measure, None, None, None, FIRST_MONTH, LAST_MONTH)
    if kept == "records":
        return Selection("records", measure, None, None, None, FIRST_MONTH, LAST_MONTH)
    since = "2025-01" if measure in _SINCE_2025 else FIRST_MONTH
    return Selection("study", _SINCE_2025.get(measure, measure), None, _ANY, None, since, LAST_MONTH)


def of_nation(measure: str) -> Selection:
    """The cells of the nation: of persons cells of their own, since who studies in two provinces is one person."""
    if MEASURES[measure].cube == "persons":
        return _persons("persons_nation", measure)
    return of_lanes(measure)


def as_of(selection: Selection, month: str | None) -> Selection:
    """The same up to the end of a month."""
    if month is None:
        return selection
    until = month + WITHIN if selection.cube == "records" else month
    return selection._replace(until=min(until, selection.until))


def _persons(cube: str, measure: str) -> Selection:
    category = "migrant" if measure in _OF_MIGRANTS else _ANY
    counted = _OF_MIGRANTS.get(measure, measure)
    return Selection(cube, counted, None, category, SINCE_2025, FIRST_MONTH, LAST_MONTH)
