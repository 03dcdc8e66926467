"""What simulated provinces say as bodies: who joins, how budgets move, what alliances declare and report."""

from datetime import date
from typing import Any, Final, Protocol

from console.province.organisations import FUND_SOURCE, provincial_funder
from shared.contracts import provinces
from shared.contracts.lanes import lane as lane_of

Event = dict[str, Any]
_STEP_FEN: Final = 10_000_00
_HELPED_PER_SIZE: Final = 1_000
_PERIODS: Final = 1_000
_COUNTED: Final = tuple(provinces.DATA_MODELS)
_ORDER: Final = (
    provinces.INSTITUTION_JOINED,
    provinces.ALLIANCE_FORMED,
    provinces.BUDGET_ADJUSTED,
    provinces.INSTITUTION_JOINED,
    provinces.ALLIANCE_REPORTED,
    provinces.CONTROL_TOTALS_DECLARED,
    provinces.INSTITUTION_JOINED,
    provinces.BUDGET_CARRIED_OVER,
)
"""One after another: an alliance is formed before it reports."""


class Days(Protocol):
    """The calendar of the stories."""

    today: date

    def iso(self, day: int) -> str:
        """The day `day` days after today."""


class Occasions:
    """Tells them in turn; each has a number of its own."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._told = 0
        self._alliance: Event = {}

    def next(self, lane: str, number: int, days: Days) -> tuple[str, Event]:
        """The next one, of `lane`: its type and what it says."""
        kind = _ORDER[self._told % len(_ORDER)]
        self._told += 1
        return kind, self._data(kind, lane, number, days)

    def _data(self, kind: str, lane: str, number: int, days: Days) -> Event:
        name = f"SIM-{self._tag}-{number}"
        if kind == provinces.INSTITUTION_JOINED:
            school = {"code": f"SIM-{number}", "name": f"{lane_of(lane).name_zh}第{number}职业学校（模拟）"}
            return {"institution": {**school, "kind": "vocational_college"}, "joined_on": days.iso(0)}
        if kind == provinces.ALLIANCE_FORMED:
            return self._form(lane, name, days)
        if kind == provinces.ALLIANCE_REPORTED:
            return _report(self._alliance, name, days)
        if kind == provinces.CONTROL_TOTALS_DECLARED:
            return _totals(self._told // len(_ORDER), number, days)
        return _moved(kind, lane, name, number, days.today.year)

    def _form(self, lane: str, name: str, days: Days) -> Event:
        self._alliance = {"alliance_no": name, "lead": provincial_funder(lane)["name"]}
        outcome = {"comparator": "stated", "since": days.iso(0), "until": days.iso(3 * 365)}
        return {
            **self._alliance,
            "alliance_name": f"{lane_of(lane).name_zh}产教联盟（模拟）",
            "sectors": ["智能网联新能源汽车", "智能装备及智能制造"],
            "provinces": [lane],
            "members": [{"kind": "university", "count": 10}, {"kind": "enterprise", "count": 100}],
            "outcomes": [
                {**outcome, "measure": "education_upgrades", "value": 1_000},
                {
                    **outcome,
                    "measure": "skill_upgrades",
                    "value": 100_000,
                    "apart_from": "education_upgrades",
                },
            ],
            "formed_on": days.iso(0),
        }


def opening_balance(size: int) -> tuple[str, Event]:
    """How many workers a province of this size had helped before the stream: type and what it says."""
    return provinces.BALANCE_OPENED, {
        "measure": "workers_helped",
        "comparator": "more_than",
        "value": size * _HELPED_PER_SIZE,
        "as_of": "2024-06-30",
    }


def _totals(nth: int, events: int, days: Days) -> Event:
    """A period and a type for each: the same province never declares the same twice."""
    kind, back = divmod(nth, _PERIODS)
    return {
        "since": days.iso(-back - 30),
        "until": days.iso(-back),
        "event_types": [_COUNTED[kind % len(_COUNTED)]],
        "events": events,
    }


def _report(alliance: Event, name: str, days: Days) -> Event:
    return {
        **alliance,
        "report_no": name,
        "since": days.iso(-90),
        "until": days.iso(0),
        "outcomes": [{"measure": "education_upgrades", "comparator": "more_than", "value": 80}],
    }


def _moved(kind: str, lane: str, name: str, number: int, year: int) -> Event:
    moved = {
        "document_no": name,
        "fund_source": FUND_SOURCE,
        "funder": provincial_funder(lane),
        "amount_fen": _STEP_FEN,
    }
    if kind == provinces.BUDGET_CARRIED_OVER:
        return {**moved, "from_fiscal_year": year - 1, "to_fiscal_year": year}
    return {**moved, "fiscal_year": year, "direction": "increase" if number % 2 else "decrease"}
