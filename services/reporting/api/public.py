"""The public tables of closed editions: a fixed list, disclosure-controlled, as JSON, CSV or Excel."""

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path as File
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.reporting.api import asking
from services.reporting.api.from_editions import kept_or_404
from services.reporting.api.tables import MEDIA_TYPES, WRITERS, Heading, Row
from services.reporting.domain import editions
from services.reporting.domain.disclosure import TOTAL
from services.reporting.domain.editions import Edition
from services.reporting.domain.public_tables import TABLES, PublicTable
from services.reporting.edition_store import Kept
from shared.plumbing.problem import ProblemError, ProblemRoute, documented

SOURCE: Final = "Dreams, reporting / 求学圆梦行动统计"
HIDDEN, FREE = "C", "F"
"""SDMX code list CL_CONF_STATUS: confidential, free."""
Code = Annotated[str, Path(pattern=f"^({'|'.join(TABLES)})$", examples=["enrolled_by_track"])]
router = APIRouter(prefix="/v1", tags=["numbers"], route_class=ProblemRoute)
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The edition is the same."},
    200: {"content": {MEDIA_TYPES["csv"]: {}, MEDIA_TYPES["xlsx"]: {}}},
    **documented(404, 422, 503),
}


class TableShown(BaseModel):
    """One of the tables."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    zh: str
    en: str
    dimensions: list[str]
    """SDMX-style codes of rows and columns; `total` in either is the margin."""
    unit: str
    open: bool
    """Totals of nation and provinces, which everybody may read live: shown as they are."""


class Cell(BaseModel):
    """One cell."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    row: str
    column: str
    value: int | None
    """Rounded; none where it is hidden."""
    conf_status: str
    """SDMX CONF_STATUS: `F` free, `C` hidden, since it is small or since a small one could be derived from it."""


class TableOfEdition(TableShown):
    """A table of one edition."""

    edition: str
    sha256: str
    """Of the edition's document, which holds the same cells."""
    simulated: bool
    """Numbers come from a simulation."""
    rule: dict[str, int]
    """`k`: counts below it are hidden; `base`: all others are rounded to a multiple of it, but for totals that are
    public anyway."""
    note_zh: str
    note_en: str
    cells: list[Cell]


class Which(BaseModel):
    """Which edition, and how."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    edition: Annotated[
        str | None, Field(pattern=rf"^{editions.PERIOD}(\.[1-9][0-9]{{0,4}})?$", examples=["2026-06"])
    ] = None
    """A period (its last edition), or period and number; the newest closed month where none is named."""
    format: Literal["json", "csv", "xlsx"] = "json"
    """As JSON, or as a file."""


@router.get("/tables")
async def tables() -> list[TableShown]:
    """The tables that each closed edition holds; there are no others, and no filters."""
    return [TableShown(**_described(table)) for table in TABLES.values()]


@router.get("/tables/{code}", response_model=TableOfEdition, responses=_FILES)
async def table(request: Request, response: Response, code: Code, which: Annotated[Which, Query()]) -> Any:
    """One table of a closed edition: small counts are hidden, and others so that they cannot be derived."""
    async with request.app.state.pool.acquire() as db:
        kept = await kept_or_404(db, which.edition)
    tag = asking.etag_of(request, kept.sha256)
    if asking.is_same(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    said = editions.read(kept.document)
    if code not in said.tables:
        raise _withheld(code, kept)
    shown = _shown(TABLES[code], kept, said)
    response.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
    if which.format == "json":
        return shown
    text = await asyncio.to_thread(_file, shown, which.format)
    name = f"{code}-{kept.name}.{which.format}"
    headers = {"ETag": tag, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=MEDIA_TYPES[which.format], headers=headers)


def notes(rule: dict[str, int], *, is_open: bool) -> tuple[str, str]:
    """What one must know to read a table, in Chinese and English."""
    if is_open:
        return (
            "全国和各省合计，与实时公布的合计相同，未作处理。",
            "Totals of the nation and the provinces, the same that are public live: shown as they are.",
        )
    k, base = rule["k"], rule["base"]
    zh = (
        f"小于 {k} 的数不公布（C），并隐去可能推算出它们的数；其余四舍五入到 {base} 的倍数，故各项之和未必等于合计。"
        "全国和各省的总数本已公开，按原数列出。年度表为各月已公布数之和。"
    )
    en = (
        f"Counts below {k} are hidden (C), and others from which they could be derived; all else is rounded to the "
        f"nearest {base}, so parts need not add up to totals. Totals of nation and provinces that are public anyway "
        "are exact. Tables of a year are the sums of what its months show."
    )
    return zh, en


def cells_of(said: Edition, code: str) -> Iterable[Cell]:
    """The cells of a table, margins last."""
    for (row, column), value in editions.table_rows(said.tables[code]):
        yield Cell(row=row, column=column, value=value, conf_status=HIDDEN if value is None else FREE)


def _shown(table: PublicTable, kept: Kept, said: Edition) -> TableOfEdition:
    rule = dict(said.head["rule"])
    zh, en = notes(rule, is_open=table.open)
    return TableOfEdition(
        **_described(table),
        edition=str(kept.name),
        sha256=kept.sha256,
        simulated=said.head["simulated"],
        rule=rule,
        note_zh=zh,
        note_en=en,
        cells=list(cells_of(said, table.code)),
    )


def _described(table: PublicTable) -> dict[str, Any]:
    return {
        "code": table.code,
        "zh": table.zh,
        "en": table.en,
        "dimensions": [table.row_name, table.column_name],
        "unit": table.unit,
        "open": table.open,
    }


def _file(shown: TableOfEdition, kind: Literal["csv", "xlsx"]) -> bytes:
    heading = Heading(
        (*shown.dimensions, "OBS_VALUE", "CONF_STATUS", "edition", "simulated"),
        frozenset({"OBS_VALUE"}),
        (
            ("来源 Source", SOURCE),
            ("表 Table", f"{shown.zh} / {shown.en}"),
            ("版本 Edition", f"{shown.edition} (SHA-256 {shown.sha256})"),
            ("单位 Unit", shown.unit),
            ("说明 Note", f"{shown.note_zh} / {shown.note_en}"),
            ("数据性质 Nature", "模拟数据 simulated numbers" if shown.simulated else "实际数据 real numbers"),
        ),
    )
    nature = "simulated" if shown.simulated else "real"
    rows: list[Row] = [
        (
            "_T" if cell.row == TOTAL else cell.row,
            "_T" if cell.column == TOTAL else cell.column,
            "" if cell.value is None else cell.value,
            cell.conf_status,
            shown.edition,
            nature,
        )
        for cell in shown.cells
    ]
    with tempfile.TemporaryDirectory(prefix="dreams-table-") as folder:
        path = File(folder) / f"table.{kind}"
        writer = WRITERS[kind](path, heading)
        writer.write(rows)
        writer.close()
        return path.read_bytes()


def _withheld(code: str, kept: Kept) -> ProblemError:
    return ProblemError(
        404,
        "not_in_this_edition",
        f"版本 {kept.name} 没有表 {code}：与上一版对照会泄露小数，故未公布。",
        f"The edition {kept.name} has no table {code}: beside an earlier edition it would tell small counts.",
    )
