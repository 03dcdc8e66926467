"""Answers out of a closed edition: its own signed numbers, whatever has become known since."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Request, Response
from pydantic import Field

from services.reporting import edition_store
from services.reporting.api import asking
from services.reporting.domain import editions
from services.reporting.domain.cubes import CUBES
from services.reporting.domain.editions import Edition, Key, Name
from services.reporting.domain.measures import MEASURES
from services.reporting.edition_store import Kept
from services.reporting.store import CellsAsked
from shared.plumbing.problem import ProblemError
from shared.plumbing.store import Db

NamedEdition = Annotated[
    str | None, Field(pattern=rf"^{editions.PERIOD}(\.[1-9][0-9]{{0,4}})?$", examples=["2026-06.1"])
]
_COLUMNS: Final = ("lane", "period", "facet_1", "facet_2")
Row = dict[str, Any]


async def kept_or_404(db: Db, edition: str | None, *, with_cells: bool = False) -> Kept:
    """The edition of a name, or the newest month's; ProblemError where there is none."""
    name = editions.named(edition) if edition else await edition_store.last_closed(db)
    kept = await edition_store.kept(db, name, with_cells=with_cells) if name else None
    if kept is None:
        raise not_closed(name or Name(edition or "-", None))
    return kept


async def cells(db: Db, edition: str, asked: CellsAsked) -> tuple[Kept, list[Row]]:
    """All cells that an edition answers a question with, in the order of their key. Raises ProblemError.

    An edition holds the cells of its own period, to the byte as they were signed.
    """
    if asked.known_on is not None:
        raise one_moment("known_on")
    kept = await kept_or_404(db, edition, with_cells=True)
    held = editions.OF_A_YEAR if editions.is_year(kept.name.period) else editions.OF_A_MONTH
    if asked.cube not in held:
        names = ", ".join(held)
        raise not_held(
            kept, f"数据集 {asked.cube}，只有 {names}", f"cells of the cube {asked.cube}, but of {names}"
        )
    return kept, await asyncio.to_thread(lambda: selected(editions.cells_from(kept.cells), asked))


def selected(held: Mapping[Key, int], asked: CellsAsked) -> list[Row]:
    """The cells that are asked for out of all that an edition holds, summed over what is not kept."""
    sums: dict[tuple[str, ...], int] = defaultdict(int)
    for (cube, *dimensions, measure), total in held.items():
        lane, period, facet_1, facet_2 = dimensions
        if (
            cube == asked.cube
            and measure in asked.measures
            and (asked.lanes is None or lane in asked.lanes)
            and (asked.facet_1 is None or facet_1 in asked.facet_1)
            and (asked.facet_2 is None or facet_2 in asked.facet_2)
            and (asked.since is None or period >= asked.since)
            and (asked.until is None or period <= asked.until)
        ):
            named = zip(_COLUMNS, dimensions, strict=True)
            sums[*(value if name in asked.kept else "" for name, value in named), measure] += total
    return [
        {**dict(zip((*_COLUMNS, "measure"), key, strict=True)), "total": total}
        for key, total in sorted(sums.items())
        if total
    ]


def page(rows: Sequence[Row], after: Sequence[str] | None, limit: int) -> list[Row]:
    """The rows behind the key that the page before has ended with."""
    names = (*_COLUMNS, "measure")
    return [row for row in rows if after is None or [row[name] for name in names] > list(after)][:limit]


async def said_by(db: Db, edition: str) -> tuple[Kept, Edition]:
    """An edition and what its document says. Raises ProblemError."""
    kept = await kept_or_404(db, edition)
    return kept, editions.read(kept.document)


async def answering(request: Request, response: Response, edition: str) -> tuple[Kept, Edition] | Response:
    """The edition that answers, which tags the answer; or that this was answered before. Raises ProblemError."""
    async with request.app.state.pool.acquire() as db:
        kept, said = await said_by(db, edition)
    tag = asking.etag_of(request, kept.sha256)
    if asking.is_same(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
    return kept, said


def totals(kept: Kept, said: Edition, measures: Sequence[str]) -> dict[str, dict[str, int]]:
    """By scope (`nation` or a lane) and measure: what happened in the period, persons by its end; or ProblemError."""
    found: dict[str, dict[str, int]] = {editions.NATION: dict.fromkeys(measures, 0)}
    for measure in measures:
        held = said.as_of if MEASURES[measure].cube == "persons" else said.totals
        _check_held(kept, measure, persons=True)
        for (name, scope), total in held.items():
            if name == measure:
                found.setdefault(scope, {})[measure] = total
    return found


async def by_month(
    db: Db, kept: Kept, said: Edition, scope: str, measures: Sequence[str]
) -> list[tuple[str, dict[str, int]]]:
    """(month, by measure) of a month, or of a year out of the months that it was closed from. Raises ProblemError."""
    for measure in measures:
        _check_held(kept, measure, persons=False)
    months = [said]
    if editions.is_year(kept.name.period):
        months = [(await said_by(db, month["edition"]))[1] for month in said.head["months"]]
    points = [
        (
            month.name.period,
            {code: month.totals[code, scope] for code in measures if (code, scope) in month.totals},
        )
        for month in months
    ]
    return [(period, values) for period, values in points if values]


def not_closed(name: Name) -> ProblemError:
    """There is no such edition."""
    return ProblemError(
        404,
        "not_closed",
        f"没有 {name} 的统计版本，已结账的期间见 /v1/editions。",
        f"There is no edition {name}: see /v1/editions for those that are closed.",
    )


def one_moment(name: str) -> ProblemError:
    """An edition is what was known at one moment of one period."""
    return ProblemError(
        422,
        "edition_is_a_moment",
        f"统计版本是某期在结账时刻的数据，不能同时使用 {name}。",
        f"An edition is one period as it was known when it was closed: ask without {name}.",
    )


def not_held(kept: Kept, zh: str, en: str) -> ProblemError:
    """The edition does not say that."""
    return ProblemError(
        422,
        "not_in_edition",
        f"版本 {kept.name} 没有{zh}。所含内容见 /v1/editions/{kept.name}；去掉 edition 可查询实时数据。",
        f"The edition {kept.name} holds no {en}. `/v1/editions/{kept.name}` shows what it holds; without `edition` "
        "the live numbers answer.",
    )


def _check_held(kept: Kept, measure: str, *, persons: bool) -> None:
    if MEASURES[measure].cube == "persons":
        if not persons:
            raise not_held(
                kept,
                f"指标 {measure} 的逐月数（按人只计一次）",
                f"{measure} by month: it counts each person once",
            )
    elif measure not in _HELD:
        raise not_held(kept, f"指标 {measure}", f"totals of the measure {measure}")


_HELD: Final = frozenset(
    measure for cube in ("study", "flows", "records") for measure in CUBES[cube].measures
) - {"arrived"}
