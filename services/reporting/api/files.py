"""Cells to take away: the same question as for cells, answered by a file."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request
from fastapi.responses import FileResponse

from services.reporting import store
from services.reporting.api import asking
from services.reporting.api.asking import Asked, Question
from services.reporting.api.tables import MEDIA_TYPES, WRITERS, Format, Heading, Row
from services.reporting.domain.measures import MEASURES
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.tokens import Caller, allow

CHUNK_ROWS: Final = 5_000
AT_ONCE_MAX: Final = 2
"""Files that one process writes at once; who comes later is asked to come again."""
AGAIN_S: Final = 10
SOURCE: Final = "Dreams, reporting / 求学圆梦行动统计"
router = APIRouter(prefix="/v1", tags=["officials"], route_class=ProblemRoute)
Official = Annotated[Caller, Depends(allow("official", "auditor", "operator"))]
_writing = asyncio.Semaphore(AT_ONCE_MAX)


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file.", "content": {kind: {} for kind in MEDIA_TYPES.values()}},
    **documented(401, 403, 422, 503),
}


class FileQuestion(Question):
    """A question for cells, and the kind of file."""

    format: Format = "csv"
    """`csv` (UTF-8), `parquet`, or `xlsx` with a sheet of notes."""


@router.get(
    "/files/cells",
    response_class=FileResponse,
    responses=_ANSWERS,
)
async def file_of_cells(
    request: Request, caller: Official, query: Annotated[FileQuestion, Query()]
) -> FileResponse:
    """All cells that are asked for, as a file with units, source and notes; as many rows as there are."""
    asked = asking.understood(query, caller)
    if _writing.locked():
        raise ProblemError(
            503,
            "busy",
            "正在生成其他文件，请稍后重试。",
            "Other files are being written; try again in a few seconds.",
            retry_after_s=AGAIN_S,
        )
    folder = Path(tempfile.mkdtemp(prefix="dreams-file-"))
    try:
        async with _writing:
            path = await _write(request, folder, asked, query)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    afterwards = BackgroundTasks()
    afterwards.add_task(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[query.format],
        filename=path.name,
        headers={"Cache-Control": "no-store"},
        background=afterwards,
    )


async def _write(request: Request, folder: Path, asked: Asked, query: FileQuestion) -> Path:
    simulated = request.app.state.settings.simulated
    columns = (*asked.kept, "measure", "unit", "total", "simulated")
    heading = Heading(columns, frozenset({"total"}), _notes(asked, query, simulated=simulated))
    path = folder / f"{query.cube}.{query.format}"
    writer = await asyncio.to_thread(WRITERS[query.format], path, heading)
    async with request.app.state.pool.acquire() as db, store.one_moment(db):
        async for some in store.all_cells(db, asked.cells, CHUNK_ROWS):
            await asyncio.to_thread(
                writer.write, [_row(asked, dict(row), simulated=simulated) for row in some]
            )
    await asyncio.to_thread(writer.close)
    return path


def _row(asked: Asked, row: Mapping[str, Any], *, simulated: bool) -> Row:
    cell: dict[str, Any] = asking.named(asked, row)
    unit = MEASURES[cell["measure"]].unit
    kept = [cell[name] for name in asked.kept]
    return [*kept, cell["measure"], unit, cell["total"], "simulated" if simulated else "real"]


def _notes(asked: Asked, query: FileQuestion, *, simulated: bool) -> tuple[tuple[str, str], ...]:
    """What one must know to read the table, in both languages."""
    cube = asked.cube
    known: date | None = query.known_on
    said = [
        ("来源 Source", SOURCE),
        ("数据集 Cube", f"{cube.code}: {cube.zh} / {cube.en}"),
        ("截至 As of", query.as_of or "全部 all"),
        ("所知日期 As known on", known.isoformat() if known else "最新 latest"),
        ("数据性质 Nature", "模拟数据 simulated numbers" if simulated else "实际数据 real numbers"),
        ("金额单位 Money", "分（1 元 = 100 分）/ fen (1 yuan = 100 fen)"),
    ]
    if "category" in cube.dimensions:
        said.append(("类别 Category", "类别相互重叠，合计用 any / flags overlap: totals read any"))
    for code in asked.cells.measures:
        measure = MEASURES[code]
        said.append((code, f"{measure.zh}：{measure.definition_zh} / {measure.en}: {measure.definition_en}"))
    return tuple(said)
