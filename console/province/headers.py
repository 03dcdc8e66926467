"""Finds the headers of a table, and by them which type of event its rows are."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from console.province.columns import TYPE, columns, missing, plain, recognised
from console.province.said_error import SaidError
from shared.contracts.catalogue import NAMES_ZH
from shared.contracts.envelope import event_type
from shared.contracts.provinces import DATA_MODELS

SEARCHED_LINES: Final = 10
"""Above the headers a title, a unit and a date may stand: so many lines are looked at."""


class FileError(SaidError):
    """The file as a whole cannot be used."""


def full_type(name: str) -> str:
    """`worker.enrolled`, its full name or its Chinese one; FileError with the list for anything else."""
    found = _by_name().get(name.strip())
    if found is None:
        known = ", ".join(map(short_type, DATA_MODELS))
        raise FileError(
            f"不认识事件类型“{name}”。可用：{known}。",
            f"There is no event type “{name}”. There are: {known}.",
        )
    return found


def short_type(name: str) -> str:
    """`worker.enrolled` of `dreams.worker.enrolled.v1`."""
    return name.split(".", 1)[1].rpartition(".v")[0]


def named_type(name: str) -> str:
    """A type as a clerk and a programmer know it: `工人注册入学 worker.enrolled`."""
    return f"{NAMES_ZH[name]} {short_type(name)}"


def known_cells(cells: Sequence[str]) -> int:
    """How many of these are headers of any type."""
    return sum(plain(cell) in _all_headers() for cell in cells)


def header_place(lines: Sequence[Sequence[str]]) -> int:
    """Which of the first lines has the headers: the one that knows most, otherwise the first that is not empty."""
    first = lines[:SEARCHED_LINES]
    scores = [known_cells(cells) for cells in first]
    if any(scores):
        return scores.index(max(scores))
    return next((place for place, cells in enumerate(first) if any(cell.strip() for cell in cells)), 0)


def type_of(header: Sequence[str], sheet: str = "") -> str | None:
    """The one type that a sheet's name or its headers say; None where each row names its own. Raises FileError."""
    if sheet.strip() in _by_name():
        return full_type(sheet)
    if any(plain(name) in _TYPE_HEADERS for name in header):
        return None
    fitting = [name for name in DATA_MODELS if not missing(recognised(header, name), name)]
    if not fitting:
        raise _fits_none(header)
    unknown = {name: _unknown(header, name) for name in fitting}
    best = [name for name in fitting if unknown[name] == min(unknown.values())]
    if len(best) > 1:
        zh, en = "、".join(map(named_type, best)), ", ".join(map(short_type, best))
        raise FileError(
            f"表头同时符合几种事件：{zh}。请用 --type 说明是哪一种。",
            f"The headers fit several types: {en}. Say by --type which one it is.",
        )
    return best[0]


def check_header(header: Sequence[str], type_: str) -> None:
    """Whether the headers suffice for this type; FileError says what stands twice or is missing."""
    found = recognised(header, type_)
    named = [column for column in found if column is not None]
    twice = next((c for c in named if sum(other.path == c.path for other in named) > 1), None)
    if twice is not None:
        raise FileError(
            f"列“{twice.zh}”出现两次（金额只能用元或分之一）。",
            f"The column “{twice.en}” stands there twice (give an amount in yuan or in fen, not both).",
        )
    absent = missing(found, type_)
    if absent:
        raise FileError(
            f"{named_type(type_)} 缺少列：{'、'.join(column.zh for column in absent)}。"
            f"`dreams publish --template {short_type(type_)}` 可生成带全部列的文件。",
            f"Columns of {short_type(type_)} are missing: {', '.join(column.en for column in absent)}. "
            f"`dreams publish --template {short_type(type_)}` writes a file with all of them.",
        )


def _fits_none(header: Sequence[str]) -> FileError:
    """Names the type that comes closest, and what it lacks."""
    if not known_cells(header):
        return FileError(
            "前几行中没有认识的表头。请使用 --template 生成的文件，或用 --type 说明事件类型。",
            "No headers that are known stand in the first lines. Use a file that --template writes, or say by --type "
            "what the table holds.",
        )

    def distance(name: str) -> tuple[int, int]:
        return len(missing(recognised(header, name), name)), _unknown(header, name)

    closest = min(DATA_MODELS, key=distance)
    try:
        check_header(header, closest)
    except FileError as error:
        return FileError(
            f"表头不符合任何一种事件。最接近的是：{error.zh}",
            f"The headers fit no type; closest is {short_type(closest)}. {error.en}",
        )
    raise AssertionError("a type that lacks nothing fits")


def _unknown(header: Sequence[str], type_: str) -> int:
    return sum(column is None for column in recognised([name for name in header if name.strip()], type_))


@cache
def _by_name() -> dict[str, str]:
    names = {name: name for name in DATA_MODELS}
    names |= {short_type(name): name for name in DATA_MODELS}
    return names | {NAMES_ZH[name]: name for name in DATA_MODELS}


@cache
def _all_headers() -> frozenset[str]:
    return frozenset(
        plain(n) for name in DATA_MODELS for column in columns(name) for n in (column.zh, column.en)
    )


_TYPE_HEADERS: Final = frozenset(
    plain(name)
    for column in columns(event_type("worker.registered"))
    if column.path == TYPE
    for name in (column.zh, column.en)
)
