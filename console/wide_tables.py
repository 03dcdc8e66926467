"""Tables of many figures: shown as such where the terminal is wide enough, otherwise one row below the other."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

WIDTH_MAX: Final = 1_000
"""Wider than any terminal."""


def show(console: Console, table: Table, rows: Sequence[Sequence[str]], keys: int) -> None:
    """Fill `table` with `rows` and show it; nothing is cut off: the first `keys` columns say what a row is about."""
    for row in rows:
        table.add_row(*row)
    if Measurement.get(console, console.options.update(max_width=WIDTH_MAX), table).maximum <= console.width:
        console.print(table)
        return
    if table.title:
        console.print(table.title)
    for row in rows:
        console.print(f"[bold]{'  '.join(row[:keys])}[/]", _below(table, row, keys), sep="\n")


def _below(table: Table, row: Sequence[str], keys: int) -> Table:
    figures = Table.grid(padding=(0, 2))
    figures.add_column()
    figures.add_column(justify="right")
    for column, figure in zip(table.columns[keys:], row[keys:], strict=True):
        figures.add_row("  " + str(column.header).replace("\n", " "), figure)
    return figures
