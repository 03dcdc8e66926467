"""What offices tell: budgets and plans, projects and institutions, alliances, and how records were judged each day."""

from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

from benchmarks.country_lives import POTS, E, S
from console.province.organisations import cities, provincial_funder, schools
from console.province.people import SIZES
from shared.contracts import enrollment, provinces, subsidy

if TYPE_CHECKING:
    from benchmarks.country import Country

DAILY_SHARE: Final = 0.03
"""At most so many facts say that a day began, and how its records were judged."""
FACTS_A_DAY: Final = 2 * len(SIZES)
ALLIANCE_LANES: Final = ("50", "51")
PROJECTS_A_YEAR: Final = 60
_LEVELS: Final = dict(zip(POTS, ("provincial", "national", "city"), strict=True))


class Offices:
    """Tells what no worker's way leads to."""

    def __init__(self, draw: Random, country: "Country", facts: int) -> None:
        self._draw = draw
        self._country = country
        self._every_days = max(1, round(FACTS_A_DAY * 700 / (facts * DAILY_SHARE)))
        self._projects = 0

    def open(self, day: int) -> None:
        """A day begins."""
        today = self._country.today
        if day % self._every_days == 0:
            for lane in SIZES:
                self._judged(lane, today)
        if day == 0 or (today.month, today.day) == (1, 1):
            for lane in SIZES:
                self._year(lane, today.year, first=day == 0)
        if (today.month, today.day) == (7, 1):
            for lane in SIZES:
                self._adjust(lane, today.year)
        if today.day == 1:
            self._month(today)
        if self._draw.random() < PROJECTS_A_YEAR / 365:
            self._project(today)

    def _judged(self, lane: str, today: date) -> None:
        tell = self._country.tell
        tell(E, lane, enrollment.DAY_BEGAN, {"day": today.isoformat(), "log_head": "0" * 64}, today)
        told = {"duplicate": 3, "conflict": 1, "rejected": 2, "parked": 1, "accepted": SIZES[lane]}
        before = today - timedelta(days=1)
        tell(E, lane, enrollment.VERDICTS_TALLIED, {"day": before.isoformat(), **told}, today)

    def _year(self, lane: str, year: int, *, first: bool) -> None:
        """Each pot is planned, allocated and opened; what is left of the year before is carried over."""
        today = self._country.today
        for pot in POTS:
            funder = {**provincial_funder(lane), "level": _LEVELS[pot]}
            money: dict[str, Any] = {"fiscal_year": year, "fund_source": pot}
            amount = {"amount_fen": SIZES[lane] * 10_000_000}
            plan = {**money, **amount, "funder": funder, "plan_no": f"计-{lane}-{year}-{pot}", "heads": 600}
            document = {**money, **amount, "funder": funder, "document_no": f"拨-{lane}-{year}-{pot}"}
            opened = {**money, **amount, "funder_level": _LEVELS[pot], "allocated_fen": amount["amount_fen"]}
            self._country.tell(E, lane, provinces.PLAN_DECLARED, plan, today)
            self._country.tell(E, lane, provinces.BUDGET_ALLOCATED, document, today)
            self._country.tell(S, lane, subsidy.BUDGET_OPENED, opened, today)
            if not first:
                self._carry_over(lane, year, pot)
        if first:
            self._founded(lane, today)

    def _carry_over(self, lane: str, year: int, pot: str) -> None:
        said = {
            "document_no": f"转-{lane}-{year}-{pot}",
            "from_fiscal_year": year - 1,
            "to_fiscal_year": year,
            "fund_source": pot,
            "funder_level": _LEVELS[pot],
            "asked_fen": 30_000_000,
            "amount_fen": 30_000_000,
            "refused_fen": 0,
            "from_allocated_fen": 1_000_000_000,
            "to_allocated_fen": 1_030_000_000,
        }
        self._country.tell(S, lane, subsidy.CARRYOVER_BOOKED, said, self._country.today)

    def _founded(self, lane: str, today: date) -> None:
        """What stood when the stream began: balances, and the institutions that take part."""
        balance = {"measure": "workers_helped", "comparator": "more_than", "value": SIZES[lane] * 100}
        balance |= {"as_of": "2024-06-30", "basis": "actual", "authority": "示例"}
        self._country.tell(E, lane, provinces.BALANCE_OPENED, balance, today)
        for place, school in enumerate(schools(lane)):
            city = cities(lane)[place % len(cities(lane))]
            joined = date(2016 + place % 10, 3, 1)
            said = {"institution": school, "city": city, "joined_on": joined.isoformat()}
            self._country.tell(E, lane, provinces.INSTITUTION_JOINED, said, joined)

    def _adjust(self, lane: str, year: int) -> None:
        pot, today = POTS[0], self._country.today
        money = {"fiscal_year": year, "fund_source": pot}
        change = {"document_no": f"调-{lane}-{year}", "funder_level": _LEVELS[pot], **money}
        full = {**money, "allocated_fen": 1_000_000_000, "free_fen": 200_000_000}
        more = {"asked_fen": 30_000_000, "amount_fen": 30_000_000, "allocated_fen": 1_030_000_000}
        for type_, data in (
            (subsidy.BUDGET_INCREASED, {**change, **more}),
            (subsidy.BUDGET_REDUCED, {**change, **more, "refused_fen": 1_000}),
            (subsidy.BUDGET_THRESHOLD_REACHED, {**full, "percent": 80, "used_fen": 800_000_000}),
            (subsidy.BUDGET_THRESHOLD_CLEARED, {**full, "percent": 80, "used_fen": 700_000_000}),
            (subsidy.BUDGET_EXHAUSTED, {**full, "free_fen": 0}),
            (subsidy.BUDGET_RECOVERED, full),
        ):
            self._country.tell(S, lane, type_, data, today)

    def _month(self, today: date) -> None:
        """Each month alliances report, and control totals are compared."""
        since, until = (today - timedelta(days=31)).replace(day=1), today - timedelta(days=1)
        for lane in ALLIANCE_LANES:
            number = f"联-{lane}-{today.year}-{today.month}"
            outcome = {"measure": "education_upgrades", "comparator": "more_than", "value": 800}
            span = {"since": since.isoformat(), "until": until.isoformat()}
            alliance = {"alliance_no": number, "lead": "示例总工会"}
            formed: dict[str, Any] = {**alliance, "alliance_name": "示例产教联盟", "sectors": ["智能装备"]}
            formed |= {"provinces": ALLIANCE_LANES, "outcomes": [{**outcome, **span}]}
            formed |= {"formed_on": today.isoformat(), "members": [{"kind": "university", "count": 10}]}
            self._country.tell(E, lane, provinces.ALLIANCE_FORMED, formed, today)
            report: dict[str, Any] = {**alliance, **span, "report_no": f"报-{number}", "outcomes": [outcome]}
            self._country.tell(E, lane, provinces.ALLIANCE_REPORTED, report, today)
        for lane in SIZES:
            said: dict[str, Any] = {"since": since.isoformat(), "until": until.isoformat()}
            said |= {
                "event_types": [provinces.WORKER_ENROLLED],
                "silent_days": 1,
                "silent_on": [said["since"]],
            }
            counts = {"declared": 4_812, "received": 4_807, "difference": -5}
            self._country.tell(E, lane, enrollment.COMPLETENESS_MEASURED, said | counts, today)

    def _project(self, today: date) -> None:
        lane = self._draw.choice(tuple(SIZES))
        self._projects += 1
        said = {
            "project_no": f"{lane}-圆梦-{self._projects}",
            "name": "产业工人学历提升",
            "lead": "示例总工会",
        }
        said |= {"established_on": today.isoformat(), "sector": "C"}
        self._country.tell(E, lane, provinces.PROJECT_ESTABLISHED, said, today)
