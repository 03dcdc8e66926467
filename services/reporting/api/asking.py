"""How cells are asked for: a cube, measures, which dimensions are kept, where others stand still, as of when."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from services.reporting import store
from services.reporting.domain.cubes import ANY, CATEGORY, CUBES, LANE, Cube
from services.reporting.store import CellsAsked
from shared.contracts.envelope import Day, LaneCode
from shared.plumbing.problem import ProblemError
from shared.plumbing.store import Db
from shared.plumbing.tokens import Caller

VALUES_MAX: Final = 40
KEY_CHARS_MAX: Final = 600
KEY_PARTS: Final = 5
LAST: Final = "-99"
"""Behind a year or a month: after all that lies in it."""
LAST_YEAR: Final = "9999"
_COLUMNS: Final = ("lane", "period", "facet_1", "facet_2")
Dimension = Annotated[str, Field(max_length=24, pattern="^[a-z_]+$")]
Value = Annotated[str, Field(max_length=128, pattern=r"^[^\x00|]*$")]
Values = Annotated[list[Value] | None, Field(max_length=VALUES_MAX)]


class Question(BaseModel):
    """Which cells. A dimension that is neither kept nor named is summed over; `category` then stands at `any`."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    cube: Annotated[str, Field(pattern=f"^({'|'.join(CUBES)})$", examples=["study"])]
    """Which cube: `/v1/cubes` lists them with their dimensions, measures and questions."""
    measure: Annotated[list[Value] | None, Field(max_length=VALUES_MAX, examples=[["enrolled"]])] = None
    """Which measures; all of the cube where none is named."""
    dim: Annotated[list[Dimension] | None, Field(max_length=4, examples=[["lane", "month"]])] = None
    """Dimensions to keep, by name; all of the cube where none is named."""
    lane: Annotated[list[LaneCode] | None, Field(max_length=VALUES_MAX)] = None
    """Only these lanes: two digits of GB/T 2260, `00` the nation, `66` the Corps."""
    since: Annotated[str | None, Field(pattern=r"^[0-9]{4}(-[0-9]{2}){0,2}$", examples=["2026-01"])] = None
    """Only periods from this one on: `2026`, `2026-01` or `2026-01-31`, as the cube has them."""
    as_of: Annotated[str | None, Field(pattern=r"^[0-9]{4}(-[0-9]{2}){0,2}$", examples=["2026-06"])] = None
    """Only periods up to this one: what had happened by then, as finely as the cube has it."""
    known_on: Day | None = None
    """Only what was recorded by the end of this day (Asia/Shanghai): what was known then."""
    category: Values = None
    """Flags of workers: `industrial`, `migrant`, `front_line`, `new_employment`, or `any` for totals. Flags overlap."""
    track: Values = None
    """`academic`, `skills`, `combined`, or `none`."""
    level_before: Values = None
    """Level of education, or grade of skill, before."""
    level_after: Values = None
    """Level of education, or grade of skill, after."""
    work_province: Values = None
    """Lane in which the worker works."""
    origin_province: Values = None
    """Lane that the worker is from."""
    work_city: Values = None
    """First four digits of GB/T 2260; `none` where it was not said."""
    sector: Values = None
    """Section of GB/T 4754, one letter; `none` where it was not said."""
    institution_kind: Values = None
    """`university`, `vocational_college`, `craftsman_academy`, `enterprise`, `other_school`."""
    mode: Values = None
    """Form of study."""
    body: Values = None
    """`employer`, `institution` or `project`."""
    code: Values = None
    """Code of the employer or institution, number of the project."""
    months_since: Values = None
    """Whole months since the start, three digits."""
    fund_source: Values = None
    """The pot, as allocations name it."""
    funder_level: Values = None
    """`national`, `provincial`, `city`, `enterprise`; `none` where the fact does not say it."""
    fiscal_year: Annotated[list[Value] | None, Field(max_length=1)] = None
    """One calendar year in Asia/Shanghai."""
    reported_by: Values = None
    """Lane whose province sent it."""
    delay_days: Values = None
    """Upper end of the class of days from happened to recorded; `later` for the last."""
    window: Values = None
    """In which years a person counts: one year, `since-2025`, `since-2024-07`, or an alliance with its own months."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was understood."""

    cube: Cube
    kept: tuple[str, ...]
    """Dimensions by name, in the order of their columns."""
    cells: CellsAsked


def understood(question: Question, caller: Caller) -> Asked:
    """What is asked of the store. Raises ProblemError, which says what to ask instead."""
    cube = CUBES[question.cube]
    kept = _kept(cube, question.dim)
    for name in question.model_fields_set:
        if name in _ALL_FACETS and name not in cube.dimensions:
            raise _not_a_dimension(cube, name)
    measures = question.measure or list(cube.measures)
    if unknown := set(measures) - set(cube.measures):
        raise ProblemError(
            422,
            "not_a_measure",
            f"数据集 {cube.code} 没有指标 {min(unknown)}，可用指标见 /v1/cubes。",
            f"The cube {cube.code} has no measure {min(unknown)}: see /v1/cubes for those that it has.",
        )
    given = {name: getattr(question, name) for name in cube.dimensions if name in _ALL_FACETS}
    if CATEGORY in given and given[CATEGORY] is None and CATEGORY not in (question.dim or ()):
        given[CATEGORY] = [ANY] if question.dim is not None else None
    facets = [given.get(name) for name in cube.facets] + [None, None]
    if CATEGORY in cube.dimensions and CATEGORY not in kept and len(given[CATEGORY] or ()) > 1:
        raise ProblemError(
            422,
            "flags_overlap",
            "工人类别相互重叠，不能相加：请保留维度 category，或只选一个类别。",
            "Flags of workers overlap and must not be added up: keep the dimension category, or name one flag.",
        )
    since, until = _period(cube, question.since), _period(cube, question.as_of, LAST)
    if years := given.get(cube.period):
        since, until = max(since or "", *years), min(until or LAST_YEAR, *years)
    asked = CellsAsked(
        cube=cube.code,
        measures=measures,
        kept=[_column(cube, name) for name in kept],
        lanes=_lanes(cube, question.lane, caller),
        facet_1=facets[0],
        facet_2=facets[1],
        since=since,
        until=until,
        known_on=question.known_on,
    )
    return Asked(cube, kept, asked)


def named(asked: Asked, row: Mapping[str, Any]) -> dict[str, Any]:
    """A cell by the names of the dimensions that are kept."""
    cell = {name: row[_column(asked.cube, name)] for name in asked.kept}
    return cell | {"measure": row["measure"], "total": row["total"]}


def key_of(row: Mapping[str, Any]) -> str:
    """What the next page is asked after."""
    return "|".join(row[name] for name in (*_COLUMNS, "measure"))


def key_from(after: str | None) -> Sequence[str] | None:
    """The key again. Raises ProblemError where it is none of ours."""
    if after is None:
        return None
    parts = after.split("|")
    if len(parts) != KEY_PARTS:
        raise not_a_key()
    return parts


def not_a_key() -> ProblemError:
    """The place of a page that is none of ours."""
    return ProblemError(
        422,
        "not_a_key",
        "after 须为上一页返回的 next。",
        "'after' must be what the page before gave as 'next'.",
    )


def other_province(own: str) -> ProblemError:
    """An official of one province asks for another."""
    return ProblemError(
        403,
        "other_province",
        f"此令牌只能查看本省（{own}）的数据。",
        f"This token sees its own province ({own}) only.",
    )


async def etag(request: Request, db: Db, seen_by: Caller | None = None) -> str:
    """Changes with every fact that is taken in, with what is asked, and with who may see what."""
    version = await store.version(db)
    scope = f"{seen_by.role}/{seen_by.province}" if seen_by else ""
    text = f"{version}\n{request.url.path}?{request.url.query}\n{scope}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def etag_of(request: Request, sha256: str, seen_by: Caller | None = None) -> str:
    """Changes with what an edition says, with what is asked of it, and with who may see what; with nothing else."""
    scope = f"{seen_by.role}/{seen_by.province}" if seen_by else ""
    text = f"{sha256}\n{request.url.path}?{request.url.query}\n{scope}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def is_same(request: Request, tag: str) -> bool:
    """Whether the asker has this answer already (RFC 9110, 13.1.2)."""
    sent = request.headers.get("if-none-match", "")
    return sent == "*" or tag in {one.strip().removeprefix("W/") for one in sent.split(",")}


_ALL_FACETS: Final = frozenset(name for cube in CUBES.values() for name in cube.facets)


def _kept(cube: Cube, dims: Sequence[str] | None) -> tuple[str, ...]:
    usable = [name for name in cube.dimensions if not (cube.national and name == LANE)]
    if cube.running:
        usable = [name for name in usable if name != cube.period]
    for name in dims or ():
        if name == cube.period and cube.running:
            raise ProblemError(
                422,
                "running_total",
                f"数据集 {cube.code} 按人只计一次，只能问截至某期（as_of），不能逐期相加。",
                f"The cube {cube.code} counts each person once: ask up to a period with as_of, never period by period.",
            )
        if name not in usable:
            raise _not_a_dimension(cube, name)
    return tuple(name for name in usable if dims is None or name in dims)


def _column(cube: Cube, name: str) -> str:
    return _COLUMNS[cube.dimensions.index(name)]


def _not_a_dimension(cube: Cube, name: str) -> ProblemError:
    usable = ", ".join(cube.dimensions)
    return ProblemError(
        422,
        "not_a_dimension",
        f"数据集 {cube.code} 没有维度 {name}，可用维度：{usable}。",
        f"The cube {cube.code} has no dimension {name}: it has {usable}.",
    )


_CHARS: Final = {"year": 4, "fiscal_year": 4, "month": 7, "day": 10}


def _period(cube: Cube, given: str | None, within: str = "") -> str | None:
    """A period as the cube has them: a day stands for its month or year, a month or year for all that lies in it."""
    if given is None:
        return None
    chars = _CHARS[cube.period]
    return given[:chars] if len(given) >= chars else given + within


def _lanes(cube: Cube, lanes: Sequence[str] | None, caller: Caller) -> Sequence[str] | None:
    """An official who works for a province sees that province; the nation's own cubes have no lanes."""
    if cube.national and lanes is not None:
        raise _not_a_dimension(cube, LANE)
    if caller.province is None or cube.national:
        return lanes
    if lanes is not None and set(lanes) != {caller.province}:
        raise other_province(caller.province)
    return [caller.province]
