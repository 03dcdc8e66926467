"""Simulated employers, schools and funders of each lane; their names say that they are simulated."""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from console.province.people import SIZES
from shared.contracts.lanes import lane as lane_of

FUND_SOURCE: Final = "provincial-federation"
"""The provincial federation's fund, as the scheme names it."""
EMPLOYERS_PER_LANE: Final = 40
SCHOOLS_PER_LANE: Final = 8
_USCC: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_TRADES: Final = (
    ("精密制造", "C"), ("电子科技", "C"), ("纺织", "C"), ("汽车零部件", "C"), ("电力工程", "D"),
    ("建筑安装", "E"), ("快递服务", "G"), ("物流", "G"), ("餐饮管理", "H"), ("软件服务", "I"),
    ("家政服务", "O"), ("矿业", "B"),
)  # fmt: skip
_SYLLABLES: Final = "宏盛华瑞恒信德隆泰昌鑫旺永兴安达通联新远"
_SCHOOLS: Final = (
    ("开放大学", "university"), ("工业职业技术学院", "vocational_college"),
    ("理工大学继续教育学院", "university"), ("机电职业技术学院", "vocational_college"),
    ("工匠学院", "craftsman_academy"), ("技师学院", "vocational_college"),
    ("企业大学", "enterprise"), ("职工学校", "other_school"),
)  # fmt: skip
_SHORT: Final = {"00": "全国"}


@dataclass(frozen=True, slots=True)
class CityFederation:
    """A city's federation of trade unions that gives scholarships out of money of its own."""

    city: str
    funder: dict[str, str]
    fund_source: str


# Wuxi is the programme's own example; the others are invented.
CITY_FEDERATIONS: Final = {
    lane: CityFederation(city, {"name": f"{name}总工会", "level": "city"}, f"{name}总工会奖学金")
    for lane, city, name in (
        ("32", "3202", "无锡市"),
        ("33", "3301", "杭州市"),
        ("44", "4403", "深圳市"),
        ("51", "5101", "成都市"),
    )
}


def provincial_funder(lane: str) -> dict[str, str]:
    """The federation that owns a lane's fund."""
    return {"name": f"{_SHORT.get(lane, lane_of(lane).name_zh)}总工会", "level": "provincial"}


def employers(lane: str, rng: Random) -> list[dict[str, str]]:
    """A lane's employers."""
    return [_employer(lane, number, rng) for number in range(EMPLOYERS_PER_LANE)]


def schools(lane: str) -> list[dict[str, str]]:
    """A lane's providers of education, of every kind."""
    name = lane_of(lane).name_zh
    return [
        {"code": f"SIM-{lane}-{number:03d}", "name": f"{name}{what}（模拟）", "kind": kind}
        for number, (what, kind) in enumerate(_SCHOOLS)
    ]


def cities(lane: str) -> list[str]:
    """Codes of a lane's first cities; the larger the province the more."""
    return [f"{lane}{number:02d}" for number in range(1, 2 + min(12, SIZES.get(lane, 0) // 80))]


def credit_code(first17: str) -> str:
    """The unified social credit code with its check character (GB 32100)."""
    total = sum(_USCC.index(sign) * pow(3, place, 31) for place, sign in enumerate(first17))
    return first17 + _USCC[(31 - total % 31) % 31]


def _employer(lane: str, number: int, rng: Random) -> dict[str, Any]:
    trade, sector = rng.choice(_TRADES)
    name = f"{lane_of(lane).name_zh}{rng.choice(_SYLLABLES)}{rng.choice(_SYLLABLES)}{trade}有限公司（模拟）"
    return {"name": name, "code": credit_code(f"91{lane}9999MA{number:07d}"), "sector": sector}
