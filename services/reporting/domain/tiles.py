"""The map of tiles: where each province lies, and the short names that fit there."""

from dataclasses import dataclass
from typing import Final

from shared.contracts.lanes import NATION, lane


@dataclass(frozen=True, slots=True)
class Tile:
    """A lane's place on the map, column and row from the north-west, with its names."""

    code: str
    column: int
    row: int
    zh: str
    en: str
    short_zh: str
    short_en: str
    """As long as a tile is wide."""
    abbreviation: str
    """For where a map has no room for `short_en`."""


def _tile(code: str, column: int, row: int, abbreviation: str) -> Tile:
    zh, en = lane(code).name_zh, lane(code).name_en
    return Tile(code, column, row, zh, en, *_SHORT.get(code, (zh, en)), abbreviation)


# Column, row and the letters of GB/T 2260; the Corps has none there.
_PLACES: Final = {
    "23": (8, 0, "HL"),
    "66": (1, 1, "XPCC"),
    "15": (6, 1, "NM"),
    "22": (8, 1, "JL"),
    "65": (1, 2, "XJ"),
    "62": (3, 2, "GS"),
    "64": (4, 2, "NX"),
    "14": (5, 2, "SX"),
    "13": (6, 2, "HE"),
    "11": (7, 2, "BJ"),
    "21": (8, 2, "LN"),
    "63": (3, 3, "QH"),
    "61": (4, 3, "SN"),
    "41": (5, 3, "HA"),
    "37": (6, 3, "SD"),
    "12": (7, 3, "TJ"),
    "54": (2, 4, "XZ"),
    "51": (3, 4, "SC"),
    "50": (4, 4, "CQ"),
    "42": (5, 4, "HB"),
    "34": (6, 4, "AH"),
    "32": (7, 4, "JS"),
    "31": (8, 4, "SH"),
    "53": (3, 5, "YN"),
    "52": (4, 5, "GZ"),
    "43": (5, 5, "HN"),
    "36": (6, 5, "JX"),
    "33": (7, 5, "ZJ"),
    "45": (4, 6, "GX"),
    "44": (5, 6, "GD"),
    "35": (7, 6, "FJ"),
    "46": (5, 7, "HI"),
}
_SHORT: Final = {"66": ("兵团", "Corps"), "15": ("内蒙古", "Nei Mongol")}
TILES: Final = tuple(_tile(code, *place) for code, place in _PLACES.items())
NATION_TILE: Final = _tile(NATION, 0, 0, "")
"""The nation has names, but no place on the map: it is the sentence on top."""
