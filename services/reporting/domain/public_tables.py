"""The fixed list of tables that everybody may read of a closed edition, and how each is made of its cells.

There are no others and no filters: what a filter leaves out could be found by comparing. Tables belong to months; those
of a year are the sums of what its months show, so they tell nothing more (`of_year`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from services.reporting.domain.cubes import ANY
from services.reporting.domain.disclosure import TOTAL, Counts, Place, Shown, protect
from services.reporting.domain.upgrades import is_skill_upgrade, is_upgrade
from shared.contracts.lanes import LANE_CODES
from shared.contracts.provinces import Category, EducationLevel, InstitutionKind, Mode, SkillLevel, Track

CellsOf = Mapping[tuple[str, str, str, str, str, str], int]
"""(cube, lane, period, facet_1, facet_2, measure) → total."""
Axis = Literal["lane", "facet_1", "facet_2", "measure", "all"]
_COLUMN_OF: Final = {"lane": 1, "facet_1": 3, "facet_2": 4, "measure": 5}
ALL: Final = "all"
_EDUCATION: Final = get_args(EducationLevel)
_SKILLS: Final = get_args(SkillLevel)
_TRACKS: Final = get_args(Track)
_FLAGS: Final = get_args(Category)
MONEY_SHOWN: Final = (
    "planned_fen",
    "allocated_fen",
    "reserved_fen",
    "granted_fen",
    "disbursed_fen",
    "scholarship_fen",
)


@dataclass(frozen=True, slots=True)
class PublicTable:
    """One table: of which cells, by what."""

    code: str
    zh: str
    en: str
    cube: str
    measures: tuple[str, ...]
    """Of the cube; more than one only where they are the columns."""
    row: Axis
    rows: tuple[str, ...]
    column: Axis
    columns: tuple[str, ...]
    unit: str
    row_name: str
    column_name: str
    """SDMX-style codes of the two dimensions."""
    facet_1: str | None = None
    """Only cells that stand at this value."""
    can_hold: frozenset[Place] | None = None
    """Which places can hold anything; all where none is named."""
    totals_known: bool = True
    """Whether everybody may read the totals of rows (lanes) exactly, as live totals."""
    open: bool = False
    """Nothing but totals of nation and provinces, which everybody may read live: shown as they are."""
    overlapping: bool = False


def _upgrades() -> frozenset[Place]:
    return frozenset((one, other) for one in _EDUCATION for other in _EDUCATION if is_upgrade(one, other))


def _skill_upgrades() -> frozenset[Place]:
    return frozenset((one, other) for one in _SKILLS for other in _SKILLS if is_skill_upgrade(one, other))


_ALL: Final = (
    PublicTable(
        "enrolled_by_category",
        "各省注册入学，按工人类别（类别重叠，合计每人次只计一次）",
        "Enrollments by province and category of workers (categories overlap; the total counts each once)",
        "study",
        ("enrolled",),
        "lane",
        LANE_CODES,
        "facet_1",
        _FLAGS,
        "enrollments",
        "REF_AREA",
        "WORKER_CATEGORY",
        overlapping=True,
    ),
    PublicTable(
        "enrolled_by_track",
        "各省注册入学，按培养类型",
        "Enrollments by province and track",
        "study",
        ("enrolled",),
        "lane",
        LANE_CODES,
        "facet_2",
        _TRACKS,
        "enrollments",
        "REF_AREA",
        "TRACK",
        facet_1=ANY,
    ),
    PublicTable(
        "enrolled_by_provider",
        "全国注册入学，按办学机构类型和学习形式",
        "Enrollments in the nation by kind of institution and mode of study",
        "providers",
        ("enrolled",),
        "facet_1",
        get_args(InstitutionKind),
        "facet_2",
        get_args(Mode),
        "enrollments",
        "INSTITUTION_KIND",
        "STUDY_MODE",
        totals_known=False,
    ),
    PublicTable(
        "enrolled_by_origin",
        "全国注册入学，按户籍省份",
        "Enrollments in the nation by province of origin",
        "mobility",
        ("enrolled",),
        "facet_2",
        LANE_CODES,
        "all",
        (ALL,),
        "enrollments",
        "ORIGIN_AREA",
        "ALL",
        totals_known=False,
    ),
    PublicTable(
        "education_upgrades",
        "全国学历提升，按原学历和新学历",
        "Education upgrades in the nation by level before and after",
        "levels",
        ("education_upgrades",),
        "facet_1",
        _EDUCATION,
        "facet_2",
        _EDUCATION,
        "enrollments",
        "LEVEL_BEFORE",
        "LEVEL_AFTER",
        can_hold=_upgrades(),
        totals_known=False,
    ),
    PublicTable(
        "skill_upgrades",
        "全国技能提升，按原等级和新等级",
        "Skill upgrades in the nation by grade before and after",
        "levels",
        ("skill_upgrades",),
        "facet_1",
        _SKILLS,
        "facet_2",
        _SKILLS,
        "certificates",
        "SKILL_BEFORE",
        "SKILL_AFTER",
        can_hold=_skill_upgrades(),
        totals_known=False,
    ),
    PublicTable(
        "awards_by_track",
        "各省补助发放笔数，按培养类型",
        "Subsidies granted by province and track",
        "study",
        ("awards_granted",),
        "lane",
        LANE_CODES,
        "facet_2",
        _TRACKS,
        "awards",
        "REF_AREA",
        "TRACK",
        facet_1=ANY,
    ),
    PublicTable(
        "money_by_province",
        "各省资金流动（分）",
        "Money that moved, by province (fen)",
        "flows",
        MONEY_SHOWN,
        "lane",
        LANE_CODES,
        "measure",
        MONEY_SHOWN,
        "fen",
        "REF_AREA",
        "MONEY_STAGE",
        open=True,
    ),
)
TABLES: Final[Mapping[str, PublicTable]] = {table.code: table for table in _ALL}
"""By code; at most eight, each reviewed by itself and beside the others."""


def shown(table: PublicTable, cells: CellsOf, hidden_before: Iterable[Place] = ()) -> Shown:
    """The table of one month as everybody may read it."""
    counts = counts_of(table, cells)
    return Shown(dict(counts.cells)) if table.open else protect(counts, frozenset(hidden_before))


def counts_of(table: PublicTable, cells: CellsOf) -> Counts:
    """The table as it is, with its margins, and which of them are no secret."""
    found: dict[Place, int] = {
        (row, column): 0
        for row in table.rows
        for column in table.columns
        if table.can_hold is None or (row, column) in table.can_hold
    }
    any_of: dict[str, int] = dict.fromkeys(table.rows, 0)
    for key, total in cells.items():
        if key[0] != table.cube or key[5] not in table.measures:
            continue
        if table.facet_1 is not None and key[3] != table.facet_1:
            continue
        row = key[_COLUMN_OF[table.row]]
        if table.overlapping and key[3] == ANY:
            any_of[row] += total
            continue
        place = (row, ALL if table.column == "all" else key[_COLUMN_OF[table.column]])
        if place in found:
            found[place] += total
    return _with_margins(table, found, any_of)


def _with_margins(table: PublicTable, found: dict[Place, int], any_of: Mapping[str, int]) -> Counts:
    rows = list(dict.fromkeys(row for row, _ in found))
    columns = list(dict.fromkeys(column for _, column in found))
    places = dict(found)
    if table.overlapping:
        places |= {(row, TOTAL): any_of[row] for row in rows}
    elif len(table.columns) > 1 and not table.open:
        places |= {(row, TOTAL): sum(found.get((row, column), 0) for column in columns) for row in rows}
    if len(table.columns) > 1:
        places |= {(TOTAL, column): sum(found.get((row, column), 0) for row in rows) for column in columns}
    if not table.overlapping and not table.open:
        places[TOTAL, TOTAL] = sum(found.values())
    known = {(TOTAL, TOTAL)} if (TOTAL, TOTAL) in places else set()
    if table.totals_known:
        known |= {(row, TOTAL) for row in rows if (row, TOTAL) in places}
    return Counts(places, frozenset(known), table.overlapping)


def known_of(table: PublicTable) -> frozenset[Place]:
    """Margins that are no secret, whatever the cells are."""
    return counts_of(table, {}).known


def of_year(months: Sequence[Shown]) -> Shown:
    """Sums of what the months show; hidden where any month is: a year tells nothing that its months do not."""
    return Shown(
        {
            place: None
            if any(month.values.get(place) is None for month in months)
            else sum(month.values[place] or 0 for month in months)
            for place in months[0].values
        }
    )
