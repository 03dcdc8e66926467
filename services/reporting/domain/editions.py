"""What a closed edition of a period says, as canonical bytes, and what has changed since an earlier one.

An edition is two texts. Its **document** is public: a line that says what it is about, then totals, the public tables
and what was restated, a line each. Its **cells** are for officials: every cell of the period. The document holds the
SHA-256 of the cells, whose first line is a salt: without it, whoever knows all but one cell could try what fits.
"""

import hashlib
import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

import orjson

from services.reporting.domain.cubes import ANY, CATEGORY, CUBES
from services.reporting.domain.disclosure import TOTAL, Place, Shown
from services.reporting.domain.drilling import BEHIND, sign
from services.reporting.domain.public_tables import CellsOf
from shared.contracts import provinces

FORMAT: Final = "dreams-edition/1"
PERIOD: Final = r"(?:19|20)[0-9]{2}(?:-(?:0[1-9]|1[0-2]))?"
"""A month or a year of these centuries."""
OF_A_MONTH: Final = ("study", "levels", "mobility", "providers", "flows", "records")
"""Cubes of which an edition of a month holds the cells. Cohorts grow for years by design, and persons are sums up to a
month, which any earlier one can change: these stand in the totals as of the period's end."""
OF_A_YEAR: Final = ("places", "bodies", "money")
WITHIN: Final = "-99"
NATION: Final = "nation"
_NAMED: Final = re.compile(rf"({PERIOD})(?:\.([1-9][0-9]{{0,4}}))?")
_TEXT: Final = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_NONE: Final = "none"
_BODIES: Final = ("employer_code", "institution_code", "project_no")
Key = tuple[str, str, str, str, str, str]
"""cube, lane, period, facet_1, facet_2, measure."""


class Name(NamedTuple):
    """Which edition: of a period, and which of them; the last one where no number is given."""

    period: str
    number: int | None

    def __str__(self) -> str:
        return self.period if self.number is None else f"{self.period}.{self.number}"


@dataclass(frozen=True, slots=True)
class Edition:
    """A document, read again."""

    head: Mapping[str, Any]
    totals: Mapping[tuple[str, str], int]
    """(measure, lane or `nation`) → what happened in the period."""
    as_of: Mapping[tuple[str, str], int]
    """(measure of persons, lane or `nation`) → how many by the end of the period."""
    targets: Sequence[Mapping[str, Any]]
    tables: Mapping[str, Shown]
    changed: Sequence[Mapping[str, Any]]
    """What a restatement has changed; empty in a first edition."""

    @property
    def name(self) -> Name:
        """Period and number."""
        return Name(self.head["period"], self.head["number"])


@dataclass(frozen=True, slots=True)
class Content:
    """What a document is made of, beside its head."""

    totals: Mapping[tuple[str, str], int]
    as_of: Mapping[tuple[str, str], int]
    targets: Sequence[Mapping[str, Any]]
    tables: Mapping[str, Shown]
    changed: Sequence[Mapping[str, Any]] = ()


class Change(NamedTuple):
    """One cell that differs."""

    key: Key
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class LaterFact:
    """A fact that was recorded after an edition and touches its period: numbers and codes, never the worker."""

    lane: str
    stream: str
    seq: int
    event_id: str
    type: str
    voided_type: str | None
    effective_day: date
    recorded_at: Any
    reported_by: str | None
    facets: Mapping[str, Any] = field(repr=False)
    """Columns that are dimensions of cubes."""


def named(text: str) -> Name | None:
    """`2026-06`, `2026-06.2`, `2026`; None for anything else."""
    found = _NAMED.fullmatch(text)
    return Name(found[1], int(found[2]) if found[2] else None) if found else None


def days(period: str) -> tuple[date, date]:
    """The first and the last day of a month or a year."""
    year, month = int(period[:4]), period[5:]
    if not month:
        return date(year, 1, 1), date(year, 12, 31)
    return date(year, int(month), 1), date(year, int(month), monthrange(year, int(month))[1])


def months_of(year: str) -> list[str]:
    """The twelve months of a year."""
    return [f"{year}-{month:02d}" for month in range(1, 13)]


def is_year(period: str) -> bool:
    """Whether the period is a year."""
    return "-" not in period


def cells_text(salt: bytes, name: Name, cells: CellsOf) -> bytes:
    """The cells in canonical order, behind a line with the salt."""
    head = orjson.dumps({"edition": str(name), "salt": salt.hex()}, option=_TEXT)
    return head + b"".join(orjson.dumps([*key, cells[key]], option=_TEXT) for key in sorted(cells))


def cells_from(text: bytes) -> dict[Key, int]:
    """The cells again."""
    lines = [orjson.loads(line) for line in text.splitlines()[1:]]
    return {tuple(line[:-1]): line[-1] for line in lines}


def document(head: Mapping[str, Any], content: Content) -> bytes:
    """The public text, the same for the same edition to the byte: keys sorted, a line each, in one order."""
    lines: list[object] = [{"format": FORMAT, **head}]
    lines += [{"total": [*key, content.totals[key]]} for key in sorted(content.totals)]
    lines += [{"as_of": [*key, content.as_of[key]]} for key in sorted(content.as_of)]
    lines += [{"target": target} for target in content.targets]
    for code, table in sorted(content.tables.items()):
        lines += [{"cell": [code, *place, table.values[place]]} for place in sorted(table.values)]
    lines += [{"changed": change} for change in content.changed]
    return b"".join(orjson.dumps(line, option=_TEXT) for line in lines)


def read(text: bytes) -> Edition:
    """A document again; ValueError where it is none."""
    lines = [orjson.loads(line) for line in text.splitlines()]
    if not lines or not isinstance(lines[0], dict) or lines[0].get("format") != FORMAT:
        raise ValueError("this is no edition")
    found: dict[str, list[Any]] = defaultdict(list)
    for line in lines[1:]:
        ((kind, said),) = line.items()
        found[kind].append(said)
    tables: dict[str, dict[Place, int | None]] = defaultdict(dict)
    for code, row, column, value in found["cell"]:
        tables[code][row, column] = value
    return Edition(
        head=lines[0],
        totals={(measure, lane): value for measure, lane, value in found["total"]},
        as_of={(measure, lane): value for measure, lane, value in found["as_of"]},
        targets=found["target"],
        tables={code: Shown(values) for code, values in tables.items()},
        changed=found["changed"],
    )


def sha256(text: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(text).hexdigest()


def totals_of(cells: CellsOf) -> dict[tuple[str, str], int]:
    """What happened in a period, by measure, for each lane and the nation: flags overlap, so `any` counts."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for (cube, lane, _, facet_1, _, measure), total in cells.items():
        if cube == "study" and facet_1 != ANY:
            continue
        if cube in ("study", "flows", "records") and measure != "arrived":
            found[measure, lane] += total
            found[measure, NATION] += total
    return {key: total for key, total in found.items() if total}


def changes(before: CellsOf, after: CellsOf) -> list[Change]:
    """Cells that differ, in canonical order."""
    return [
        Change(key, before.get(key, 0), after.get(key, 0))
        for key in sorted(before.keys() | after.keys())
        if before.get(key, 0) != after.get(key, 0)
    ]


def totals_changed(
    before: Mapping[tuple[str, str], int],
    after: Mapping[tuple[str, str], int],
    events: Mapping[tuple[str, str], int | None],
) -> list[dict[str, Any]]:
    """Totals that differ: what a restatement says to everybody, with the number of events behind each."""
    return [
        {
            "measure": measure,
            "lane": lane,
            "before": before.get((measure, lane), 0),
            "after": after.get((measure, lane), 0),
            "events": events.get((measure, lane)),
        }
        for measure, lane in sorted(before.keys() | after.keys())
        if before.get((measure, lane), 0) != after.get((measure, lane), 0)
    ]


def tables_changed(before: Mapping[str, Shown], after: Mapping[str, Shown]) -> list[dict[str, Any]]:
    """Cells of the public tables that are shown otherwise than before; None where one is hidden."""
    return [
        {"table": code, "row": place[0], "column": place[1], "before": earlier, "after": value}
        for code, table in sorted(after.items())
        for place, value in sorted(table.values.items())
        if (earlier := before[code].values.get(place) if code in before else None) != value
    ]


def events_behind(key: Key, facts: Iterable[LaterFact]) -> list[LaterFact] | None:
    """Which of the facts moved a cell; None for a measure of which that is not known fact by fact."""
    cube, lane, _, *facets, measure = key
    behind = BEHIND.get(measure)
    if behind is None or cube == "records":
        return None
    asked = dict(zip(CUBES[cube].facets, facets, strict=False))
    return [
        fact
        for fact in facts
        if fact.lane == lane
        and (fact.type in behind.types or fact.voided_type in behind.types)
        and behind.holds(fact.facets.get("level_before"), fact.facets.get("level_after"))
        and all(_stands_at(fact, name, value) for name, value in asked.items())
    ]


def events_of_totals(
    totals: Iterable[tuple[str, str]], facts: Sequence[LaterFact]
) -> dict[tuple[str, str], int | None]:
    """(measure, lane) → how many of the facts moved it."""
    found: dict[tuple[str, str], int | None] = {}
    for measure, lane in totals:
        behind = BEHIND.get(measure)
        moved = [
            fact
            for fact in facts
            if behind is not None
            and lane in (NATION, fact.lane)
            and (fact.type in behind.types or fact.voided_type in behind.types)
            and behind.holds(fact.facets.get("level_before"), fact.facets.get("level_after"))
        ]
        found[measure, lane] = None if behind is None else len(moved)
    return found


def counts_as(fact: LaterFact, measure: str) -> int:
    """1 where the fact was added to the measure, -1 where it takes away."""
    behind = BEHIND.get(measure)
    if fact.type == provinces.EVENT_VOIDED or behind is None:
        return -1 if fact.type == provinces.EVENT_VOIDED else 1
    return sign(fact.type, behind)


def _stands_at(fact: LaterFact, name: str, value: str) -> bool:
    if name == CATEGORY:
        return value == ANY or value in (fact.facets.get("categories") or ())
    if name == "body":
        return True  # its code says which one it is
    if name == "code":
        return value in (fact.facets.get(one) for one in _BODIES)
    if name == "funder_level" and value == _NONE:
        return True  # what a fact says of it is not kept by every measure
    found = fact.facets.get(name)
    return (str(found) if found is not None else _NONE) == value


def table_rows(table: Shown) -> Iterable[tuple[Place, int | None]]:
    """Places of a table in the order in which they are given: margins last."""
    return sorted(
        table.values.items(), key=lambda one: (one[0][0] == TOTAL, one[0][0], one[0][1] == TOTAL, one[0][1])
    )
