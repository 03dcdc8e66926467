"""Simulated persons: names, identity numbers that belong to nobody, and where they come from and work."""

from datetime import date, timedelta
from random import Random
from typing import Final

from console.province.identity import UNASSIGNED_PREFIX, check_character
from shared.contracts.lanes import LANE_CODES

# Inhabitants in units of 100,000 (census of 2020, rounded): only the proportions matter.
SIZES: Final = {
    "11": 219, "12": 139, "13": 746, "14": 349, "15": 240, "21": 426, "22": 241, "23": 319, "31": 249,
    "32": 847, "33": 646, "34": 610, "35": 415, "36": 452, "37": 1015, "41": 994, "42": 578, "43": 664,
    "44": 1260, "45": 501, "46": 101, "50": 321, "51": 837, "52": 386, "53": 472, "54": 36, "61": 395,
    "62": 250, "63": 59, "64": 72, "65": 226, "66": 32,
}  # fmt: skip
"""Lane `00` is missing: it has no workers of its own."""
_LEAVING: Final = {
    "34": 30, "41": 30, "51": 25, "43": 20, "36": 20, "45": 20, "52": 20, "42": 15, "50": 15, "13": 10,
    "53": 10, "61": 8, "62": 8, "23": 6, "37": 6,
}  # fmt: skip
"""How many of a hundred who work elsewhere come from where, roughly."""

SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛阎段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
)
GIVEN: Final = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚英华玉兰桂文辉建国志红梅春燕海波鹏飞雪琴云莉峰斌宇浩凯健俊帆"
    "婷慧颖欣佳怡晨阳雨轩子涵思远嘉宁晓东立新永康瑞祥庆林德胜光明金凤秀珍淑兰丹青松柏长江少华学文宏志"
)
_BORN_FIRST: Final = date(1966, 1, 1)
_BORN_DAYS: Final = 14_600
_SERIALS: Final = 1_000
_SPACE: Final = _BORN_DAYS * _SERIALS
_STRIDE: Final = 5_915_587_277 % _SPACE
"""Prime to the space, so that a walk by it meets every number once."""


class People:
    """An endless row of persons, the same for the same seed, none of them twice."""

    def __init__(self, seed: int, rng: Random) -> None:
        self._prefix = f"{UNASSIGNED_PREFIX}{seed % 100:02d}"
        self._place = seed * 7_919 % _SPACE
        self._born = [(_BORN_FIRST + timedelta(days=day)).strftime("%Y%m%d") for day in range(_BORN_DAYS)]
        self._bits = rng.getrandbits

    def identity_number(self) -> str:
        """The next person's identity number: well-formed, of an area that does not exist."""
        self._place = (self._place + _STRIDE) % _SPACE
        day, serial = divmod(self._place, _SERIALS)
        first17 = f"{self._prefix}{self._born[day]}{serial:03d}"
        return first17 + check_character(first17)

    def name(self) -> str:
        """A plausible name of two or three characters."""
        bits = self._bits(32)
        first = SURNAMES[bits % len(SURNAMES)] + GIVEN[(bits >> 8) % len(GIVEN)]
        return first if bits >> 30 == 0 else first + GIVEN[(bits >> 16) % len(GIVEN)]


def work_weights(lanes: tuple[str, ...]) -> list[tuple[str, int]]:
    """Where workers work, among `lanes`."""
    return [(lane, SIZES[lane]) for lane in lanes if lane in SIZES]


def origin_weights() -> list[tuple[str, int]]:
    """Where those come from who work elsewhere."""
    return [(lane, _LEAVING.get(lane, 2)) for lane in LANE_CODES if lane in SIZES]
