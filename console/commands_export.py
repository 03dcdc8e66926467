"""`dreams export`: cells of a cube into a file, as CSV, Parquet or Excel."""

from pathlib import Path
from typing import Annotated, Final

import typer

from console.commands_lanes import DATA, Data, asked

FORMATS: Final = {".csv": "csv", ".parquet": "parquet", ".xlsx": "xlsx"}


def export(
    cube: Annotated[str, typer.Argument(help="Which cube, such as study; /v1/cubes lists them.")],
    file: Annotated[Path, typer.Argument(help="The new file: .csv, .parquet or .xlsx.")],
    measure: Annotated[list[str] | None, typer.Option("--measure", "-m", help="Only these measures.")] = None,
    dim: Annotated[
        list[str] | None, typer.Option("--dim", help="Only these dimensions; all if left out.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Where a dimension stands still, such as category=migrant.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Up to this period, such as 2026-06.")] = None,
    known_on: Annotated[str | None, typer.Option(help="As known on this day, such as 2026-07-01.")] = None,
    data: Data = DATA,
) -> None:
    """Write cells of reporting into a file (导出统计数据)."""
    kind = FORMATS.get(file.suffix.lower(), "")
    if not kind:
        raise typer.BadParameter(f"The file must end in {', '.join(FORMATS)}. / 文件扩展名须为上述之一。")
    if file.exists():
        raise typer.BadParameter(f"{file} is there already: name a new file. / 文件已存在。")
    query: dict[str, str | int | list[str]] = {"cube": cube, "format": kind}
    for condition in where or ():
        name, equals, value = condition.partition("=")
        if not equals:
            raise typer.BadParameter("Say --where dimension=value. / 请写作 维度=值。")
        query.setdefault(name, [])
        values = query[name]
        assert isinstance(values, list)
        values.append(value)
    query |= {name: some for name, some in (("measure", measure), ("dim", dim)) if some}
    query |= {name: one for name, one in (("as_of", as_of), ("known_on", known_on)) if one}
    part = file.with_suffix(file.suffix + ".part")
    try:
        with part.open("wb") as out:
            asked(data, lambda api: api.download("reporting", "/v1/files/cells", query, out.write))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")
