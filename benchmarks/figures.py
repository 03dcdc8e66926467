"""Figures of one run, and medians of several."""

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What one part did: events a second, its own processor time and memory, and the whole machine's time."""

    events: int
    events_per_s: float
    cpu_us_per_event: float
    rss_mib: float
    machine_cpu_us_per_event: float


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each number over the runs, part by part."""
    return {
        part: {name: median(run[part][name] for run in runs) for name in runs[0][part]} for part in runs[0]
    }


def plain(figures: dict[str, Figure]) -> dict[str, Any]:
    """Figures as plain JSON."""
    return {
        part: {name: round(value, 2) for name, value in asdict(figure).items()}
        for part, figure in figures.items()
    }
