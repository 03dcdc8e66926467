"""The lanes: 31 provinces, the nation and the Corps, in the order that fixes their partitions for ever."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: the unit of order, isolation, scale, replay and pausing.

    `code` is the two-digit prefix of GB/T 2260; `00` (the nation) and `66` (the Corps) are ours.
    """

    code: str
    name_zh: str
    name_en: str


# Append only: a lane's place in this list is its partition in every inner topic, chosen explicitly and never
# by hash, so a new lane leaves all others where they are (failure mode 27).
LANES: Final[tuple[Lane, ...]] = (
    Lane("11", "北京", "Beijing"),
    Lane("12", "天津", "Tianjin"),
    Lane("13", "河北", "Hebei"),
    Lane("14", "山西", "Shanxi"),
    Lane("15", "内蒙古", "Inner Mongolia"),
    Lane("21", "辽宁", "Liaoning"),
    Lane("22", "吉林", "Jilin"),
    Lane("23", "黑龙江", "Heilongjiang"),
    Lane("31", "上海", "Shanghai"),
    Lane("32", "江苏", "Jiangsu"),
    Lane("33", "浙江", "Zhejiang"),
    Lane("34", "安徽", "Anhui"),
    Lane("35", "福建", "Fujian"),
    Lane("36", "江西", "Jiangxi"),
    Lane("37", "山东", "Shandong"),
    Lane("41", "河南", "Henan"),
    Lane("42", "湖北", "Hubei"),
    Lane("43", "湖南", "Hunan"),
    Lane("44", "广东", "Guangdong"),
    Lane("45", "广西", "Guangxi"),
    Lane("46", "海南", "Hainan"),
    Lane("50", "重庆", "Chongqing"),
    Lane("51", "四川", "Sichuan"),
    Lane("52", "贵州", "Guizhou"),
    Lane("53", "云南", "Yunnan"),
    Lane("54", "西藏", "Tibet"),
    Lane("61", "陕西", "Shaanxi"),
    Lane("62", "甘肃", "Gansu"),
    Lane("63", "青海", "Qinghai"),
    Lane("64", "宁夏", "Ningxia"),
    Lane("65", "新疆", "Xinjiang"),
    Lane("00", "全国", "The nation"),
    Lane("66", "新疆生产建设兵团", "Xinjiang Production and Construction Corps"),
)

LANE_CODES: Final[tuple[str, ...]] = tuple(lane.code for lane in LANES)
NATION: Final = "00"
PROVINCES: Final[tuple[str, ...]] = LANE_CODES[:31]

_PLACES: Final = {code: place for place, code in enumerate(LANE_CODES)}
_BY_CODE: Final = {lane.code: lane for lane in LANES}


def partition_of(code: str) -> int:
    """The partition of lane `code` in every inner topic; KeyError for an unknown code."""
    return _PLACES[code]


def lane_at(partition: int) -> str:
    """The code of the lane at `partition`; IndexError where no lane stands."""
    return LANE_CODES[partition]


def lane(code: str) -> Lane:
    """The lane with `code`; KeyError for an unknown code."""
    return _BY_CODE[code]
