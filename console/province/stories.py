"""What provinces have to tell: money, projects, and workers' stories from registration onwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple

from console.province.careers import certificate, new_employer, promotion, title, training
from console.province.identity import WorkerKey, pseudonym
from console.province.occasions import Occasions, opening_balance
from console.province.organisations import (
    CITY_FEDERATIONS,
    FUND_SOURCE,
    cities,
    employers,
    provincial_funder,
    schools,
)
from console.province.people import SIZES, People, origin_weights, work_weights
from shared.contracts import provinces

Event = dict[str, Any]

PER_HEAD_FEN: Final = 100_000
"""1,000 yuan: what Jiangsu's plan comes to per head."""
JIANGSU_HEADS: Final = 60_000
JIANGSU_PLAN_FEN: Final = 6_000_000_000
"""The provincial federation plans to subsidise 60,000 workers with 60 million yuan this year."""
_TABLE_BITS: Final = 12
_PAST_DAYS: Final = 1_500
_REGISTERED_BEFORE_DAYS: Final = 10
"""Workers are registered so long before their course begins; where it is told as it happens, on its day."""
_AHEAD_DAYS: Final = 30

# Shares of a hundred.
_MOVERS: Final = 35
"""Work in another province than they are from."""
_REGISTERED_AT_HOME: Final = 25
"""Of the movers: registered by the province they come from."""
_FUNDED_FROM_HOME: Final = 30
"""Of the movers: funded by the province they come from, enrolled by the one they work in."""
_ENROLLED: Final = 92
_HISTORY: Final = 12
"""Of the enrolled: began years ago, loaded by the province to complete its books; they graduate."""
_HISTORY_LOADED: Final = 50
"""The same where it is told as it happens: a province that joins loads its past first."""
_CONFIRMED: Final = 85
_WITHDRAWN: Final = 5
_IN_PROJECTS: Final = 20
_SCHOLARS: Final = 20
"""Of the confirmed whose funding province has a city federation with scholarships."""
_SUSPENDED: Final = 4
_CERTIFIED: Final = 30
"""Of those who graduate."""
_PAID: Final = 25
"""Of the confirmed that are not back-loaded."""
_RETURNED: Final = 4
"""Of the payments."""
_WRITTEN_OFF: Final = 50
"""Of what was paid to those who have left."""
_CHANGED: Final = 8
_TRAINED: Final = 8
_PROMOTED: Final = 5
_TITLED: Final = 2
_TUTORS: Final = 2
_CORRECTED: Final = 1
_VOIDED: Final = 4
RECORDS_PER_STORY: Final = 3.4
"""What the shares above come to, roughly: budgets are sized by it."""

_TIGHTNESS: Final = (70, 85, 105, 120, 130)
"""Money per hundred of what a season's enrollments will ask for: some lanes run out and queues form."""
_ENOUGH: Final = 100
_TOP_UP: Final = 15

_CATEGORIES: Final = (
    ["industrial", "migrant"], ["industrial", "migrant", "front_line"], ["migrant", "new_employment"],
    ["industrial", "front_line"], ["migrant", "front_line"], ["industrial"], ["migrant"], ["new_employment"],
)  # fmt: skip
_COURSES: Final = (
    # programme, level before, level after, track, mode, tuition in yuan, years
    ("机电一体化技术", "senior_high", "associate", "combined", "work_study_alternation", 7_800, 3),
    ("工商企业管理", "junior_high", "senior_high", "academic", "academic_upgrade_class", 2_400, 2),
    ("计算机应用技术", "secondary_vocational", "associate", "academic", "blended", 6_900, 3),
    ("机械设计制造及其自动化", "associate", "bachelor", "combined", "work_based_thesis", 9_600, 3),
    ("电气自动化", "associate", "bachelor", "academic", "blended", 8_800, 3),
    ("焊接技术", "senior_high", "senior_high", "skills", "full_time_short_course", 1_800, 0),
    ("数控技术", "junior_high", "junior_high", "skills", "expert_in_the_classroom", 1_500, 0),
    ("物流服务与管理", "junior_high", "secondary_vocational", "combined", "work_study_alternation", 3_600, 2),
)
_LINES_PER_BATCH: Final = 50
_LATENESS: Final = (1, 2, 3, 4, 6, 8, 12, 20, 45)
"""Of a hundred stories that happen now, those that a province reports weeks later: provinces differ."""
_PROMPT_DAYS: Final = 4
"""All others are reported within so many days."""
_LATE_DAYS: Final = 8
_LATEST_DAYS: Final = 70
"""Late ones after so many, and before so many."""
_GRADUATED_DAYS: Final = 1_000
"""So long after they began, those of history have graduated."""
_RECENT_PAST_DAYS: Final = 30
"""History ends so long ago: what has happened since is reported as it happens."""
_LEFT_FEN: Final = 500_000
"""Last year's money that is free, on each lane."""
_REASONS: Final = ("personal", "work", "health", "academic", "other")


class Draft(NamedTuple):
    """An event to be sent on a lane's topic, before it is bytes."""

    lane: str
    event: Event


@dataclass(slots=True)
class Story:
    """One worker's events, each building on those before it."""

    drafts: list[Draft]
    contact: tuple[str, Event] | None = None
    """(worker_ref, how to reach the worker), sent to the contacts of the first draft's lane."""


class Chronicle:
    """Tells one season and one story after another, the same for the same seed.

    The year so far is told at once, as by provinces that join late in it: tests and benchmarks need all its months. Or,
    `as_it_happens`, what happens these days and the past as history, as by provinces that are on the stream.
    """

    def __init__(
        self, seed: int, today: date, lanes: Sequence[str], key: WorkerKey, *, as_it_happens: bool = False
    ) -> None:
        rng = Random(f"stories {seed}")
        self._tag = f"S{seed}"
        self._key = key
        self._bits = rng.getrandbits
        self._lanes = tuple(lanes)
        self._people = People(seed, rng)
        self._numbers = count(1)
        self._days = _Days(today)
        weights = work_weights(self._lanes)
        if not weights:
            raise ValueError("none of the lanes has workers of its own: name at least one province")
        self._total = sum(weight for _, weight in weights)
        self._work = _table(weights)
        self._origins = _table(origin_weights())
        self._employers = {lane: employers(lane, rng) for lane, _ in weights}
        self._schools = {lane: schools(lane) for lane, _ in weights}
        self._cities = {lane: cities(lane) for lane, _ in weights}
        self._tightness = {lane: rng.choice(_TIGHTNESS) for lane in self._lanes}
        self._lateness = {lane: rng.choice(_LATENESS) for lane in self._lanes} if as_it_happens else {}
        """Of a hundred stories of each lane, how many come late; empty where the year is told at once."""
        self._history = _HISTORY_LOADED if as_it_happens else _HISTORY
        self._projects: dict[str, list[str]] = {lane: [] for lane in self._lanes}
        self._joined: dict[str, list[str]] = {lane: [] for lane in self._lanes}
        self._payments = dict.fromkeys(self._lanes, 0)
        self._occasions = Occasions(self._tag)
        self.corrected: set[str] = set()
        """Ids of events that void, correct or are voided: sent again as new they would be judged otherwise."""

    def openings(self) -> list[Draft]:
        """Plans, what is left of last year, what stands from before the stream: most populous lanes first."""
        lanes = self._funding_lanes()
        balances = [self._draft(lane, *opening_balance(SIZES[lane])) for lane in lanes]
        return [
            *(self._plan(lane) for lane in lanes),
            *(self._left_of_last_year(lane) for lane in lanes),
            *balances,
        ]

    def season(self, number: int, stories: int) -> list[Draft]:
        """The money that is there for the next `stories`, most populous lanes first."""
        drafts = []
        for lane in self._funding_lanes():
            asked = self._expected_enrollments(lane, stories) * PER_HEAD_FEN
            amount = asked * self._tightness[lane] // 100
            drafts.append(self._allocation(lane, f"{number}-1", amount, FUND_SOURCE, provincial_funder(lane)))
            city = CITY_FEDERATIONS.get(lane)
            if city is not None:
                drafts.append(
                    self._allocation(lane, f"{number}-2", asked // 10, city.fund_source, city.funder)
                )
        return drafts

    def top_ups(self, number: int, stories: int) -> list[Draft]:
        """More money in the middle of a season where it runs short: waiting workers get their turn."""
        return [
            self._allocation(
                lane,
                f"{number}-3",
                self._expected_enrollments(lane, stories) * PER_HEAD_FEN * _TOP_UP // 100,
                FUND_SOURCE,
                provincial_funder(lane),
            )
            for lane in self._funding_lanes()
            if self._tightness[lane] < _ENOUGH
        ]

    def project(self) -> Draft:
        """A project of the programme; every fiftieth is national where the nation's lane takes part."""
        number = next(self._numbers)
        lane = "00" if number % 50 == 0 and "00" in self._lanes else self._pick(self._work)
        project_no = f"SIM-{self._tag}-XM-{number}"
        self._projects[lane].append(project_no)
        data = {
            "project_no": project_no,
            "name": f"求学圆梦行动项目{number}（模拟）",
            "lead": provincial_funder(lane)["name"],
            "established_on": self._days.iso(self._bits(5)),
        }
        return Draft(lane, self._event(lane, provinces.PROJECT_ESTABLISHED, None, 0, data))

    def occasion(self) -> Draft:
        """Something of a province as a whole: an institution joins, a budget is adjusted, an alliance reports."""
        number = next(self._numbers)
        lane = self._pick(self._work)
        kind, data = self._occasions.next(lane, number, self._days)
        if kind == provinces.INSTITUTION_JOINED:
            self._joined[lane].append(data["institution"]["code"])
        return self._draft(lane, kind, data)

    def _draft(self, lane: str, kind: str, data: Event) -> Draft:
        return Draft(lane, self._event(lane, kind, None, 0, data))

    def story(self) -> Story:
        """The next worker's."""
        bits = self._bits(60)
        dice = _dice(bits)
        work = self._pick(self._work)
        moved = dice() < _MOVERS
        origin = self._pick(self._origins) if moved else work
        at_home = moved and origin in self._lanes and dice() < _REGISTERED_AT_HOME
        registered_in = origin if at_home else work
        number = self._people.identity_number()
        ref = pseudonym(number, self._key)
        course = _COURSES[bits & 7]
        where = {"work_province": work, "work_city": self._one_of(self._cities[work])}
        if bits & 56:  # seven of eight have one
            where["employer"] = self._one_of(self._employers[work])
        history = dice() < self._history
        began = self._began(work, bits, history, dice)
        registered = began - (_REGISTERED_BEFORE_DAYS if history or not self._lateness else 0)
        drafts = [
            self._registration(
                registered_in, ref, course[1], origin, where, (bits >> 3) & 7, history, registered
            )
        ]
        if dice() < _ENROLLED:
            funding = origin if moved and origin in self._lanes and dice() < _FUNDED_FROM_HOME else work
            drafts += self._enrollment(work, funding, ref, course, where, history, began, dice)
        drafts += self._career(work, ref, where, history, began, dice)
        drafts[1:1] = self._correction(drafts, dice)
        contact = (ref, self._contact()) if bits & 192 else None
        return Story(drafts, contact)

    def _began(self, lane: str, bits: int, history: bool, dice: Any) -> int:
        if not self._lateness:
            return self._days.years_ago(bits) if history else self._days.this_year(bits)
        if history:
            return self._days.of_the_past(bits)
        return self._days.lately(bits, late=dice() < self._lateness[lane])

    def _enrollment(
        self,
        lane: str,
        funding: str,
        ref: str,
        course: Any,
        where: Event,
        history: bool,
        began: int,
        dice: Any,
    ) -> list[Draft]:
        programme, before, after, track, mode, tuition, years = course
        number = f"{lane}-{self._tag}-{next(self._numbers):07d}"
        data = {
            "enrollment_no": number,
            "funding_province": funding,
            **where,
            "institution": self._one_of(self._schools[lane]),
            "programme": programme,
            "level_before": before,
            "level_after": after,
            "track": track,
            "mode": mode,
            "start": self._days.iso(began),
            "tuition_fen": tuition * 100,
        }
        if years:
            data["planned_end"] = self._days.iso(began + 365 * years)
        projects = self._projects[lane]
        if projects and dice() < _IN_PROJECTS:
            data["project_no"] = self._one_of(projects)
        if history:
            data["history"] = True
        drafts = [Draft(lane, self._event(lane, provinces.WORKER_ENROLLED, ref, began, data))]
        if dice() < _CONFIRMED:
            confirmed = {"enrollment_no": number, "confirmed_on": self._days.iso(min(began + 7, 0))}
            event = self._event(funding, provinces.ENROLLMENT_CONFIRMED, ref, began + 7, confirmed)
            drafts.append(Draft(funding, event))
            drafts += self._scholarship(funding, ref, number, tuition, history, began, dice)
            if not history and dice() < _PAID:
                drafts += self._payment(funding, ref, number, began, dice)
        if dice() < _SUSPENDED:
            drafts += self._interruption(lane, ref, number, began)
        graduated = after if history and began <= -_GRADUATED_DAYS else None
        drafts += self._ending(lane, ref, number, graduated, began, dice)
        types = {draft.event["type"] for draft in drafts}
        owes = {provinces.PAYMENT_SETTLED, provinces.ENROLLMENT_WITHDRAWN} <= types
        if owes and provinces.PAYMENT_RETURNED not in types and dice() < _WRITTEN_OFF:
            drafts.append(self._write_off(funding, ref, number, began))
        return drafts

    def _payment(self, lane: str, ref: str, number: str, began: int, dice: Any) -> list[Draft]:
        self._payments[lane] += 1
        batch, line = divmod(self._payments[lane], _LINES_PER_BATCH)
        named = {
            "batch_no": f"SIM-{self._tag}-ZF-{lane}-{batch + 1}",
            "line_no": line + 1,
            "enrollment_no": number,
            "amount_fen": PER_HEAD_FEN // 2,
        }
        paid = {
            **named,
            "fiscal_year": self._days.today.year,
            "fund_source": FUND_SOURCE,
            "paid_on": self._days.iso(min(began + 40, 0)),
        }
        drafts = [Draft(lane, self._event(lane, provinces.PAYMENT_SETTLED, ref, began + 40, paid))]
        if dice() < _RETURNED:
            back = {**named, "returned_on": self._days.iso(min(began + 47, 0)), "reason": "account"}
            drafts.append(Draft(lane, self._event(lane, provinces.PAYMENT_RETURNED, ref, began + 47, back)))
        return drafts

    def _write_off(self, lane: str, ref: str, number: str, began: int) -> Draft:
        lost = {
            "document_no": self._number("HX"),
            "enrollment_no": number,
            "fiscal_year": self._days.today.year,
            "fund_source": FUND_SOURCE,
            "amount_fen": PER_HEAD_FEN // 2,
            "written_off_on": self._days.iso(min(began + 50, 0)),
            "reason": "not_found",
        }
        return Draft(lane, self._event(lane, provinces.DEBT_WRITTEN_OFF, ref, began + 50, lost))

    def _interruption(self, lane: str, ref: str, number: str, began: int) -> list[Draft]:
        away = {
            "enrollment_no": number,
            "suspended_on": self._days.iso(min(began + 15, 0)),
            "reason": _REASONS[self._bits(8) % len(_REASONS)],
        }
        back = {"enrollment_no": number, "resumed_on": self._days.iso(min(began + 30, 0))}
        return [
            Draft(lane, self._event(lane, provinces.ENROLLMENT_SUSPENDED, ref, began + 15, away)),
            Draft(lane, self._event(lane, provinces.ENROLLMENT_RESUMED, ref, began + 30, back)),
        ]

    def _career(self, lane: str, ref: str, where: Event, history: bool, began: int, dice: Any) -> list[Draft]:
        """What happens to a worker besides the course: a new employer, a training, a post, a title, a pupil.

        Of the past a province loads what may be marked as history, and of a worker the last that is known.
        """
        day = self._days.iso(min(began + 60, 0))
        told: list[tuple[str, Event]] = []
        if dice() < _CHANGED and not history:
            told.append((provinces.WORKER_CHANGED, new_employer(day, self._one_of(self._employers[lane]))))
        if dice() < _TRAINED:
            school = self._one_of(self._schools[lane])
            told.append((provinces.TRAINING_COMPLETED, training(self._number("PX"), school, day, where)))
        if dice() < _PROMOTED:
            told.append((provinces.PROMOTION_RECORDED, promotion(self._bits(8), day, where)))
        if dice() < _TITLED:
            told.append((provinces.TITLE_AWARDED, title(self._number("ZC"), lane, self._bits(8), day)))
        if history:
            told = [(kind, data | {"history": True}) for kind, data in told]
        if self._joined[lane] and dice() < _TUTORS and not history:
            teacher = pseudonym(self._people.identity_number(), self._key)
            pair = {
                "teacher_ref": teacher,
                "institution_code": self._one_of(self._joined[lane]),
                "course": self._one_of(_COURSES)[0],
                "since": day,
            }
            told.append((provinces.TUTORS_PAIRED, pair))
        return [Draft(lane, self._event(lane, kind, ref, began + 60, data)) for kind, data in told]

    def _correction(self, drafts: list[Draft], dice: Any) -> list[Draft]:
        """A registration that is corrected, or, where nothing builds on it, taken back."""
        lane, wrong = drafts[0]
        if dice() < _CORRECTED:
            flags = _CATEGORIES[(_CATEGORIES.index(wrong["data"]["categories"]) + 1) % len(_CATEGORIES)]
            right = {**wrong, "id": self._id(), "data": {**wrong["data"], "categories": flags}}
            self.corrected.add(right["id"])
            return [Draft(lane, {**right, "supersedes": wrong["id"]})]
        if len(drafts) > 1 or dice() >= _VOIDED:
            return []
        data = {"event_id": wrong["id"], "reason": "重复建档（模拟）"}
        void = {**wrong, "id": self._id(), "type": provinces.EVENT_VOIDED, "data": data}
        self.corrected |= {wrong["id"], void["id"]}
        return [Draft(lane, void)]

    def _number(self, kind: str) -> str:
        return f"SIM-{self._tag}-{kind}-{next(self._numbers)}"

    def _scholarship(
        self, lane: str, ref: str, number: str, tuition: int, history: bool, began: int, dice: Any
    ) -> list[Draft]:
        city = CITY_FEDERATIONS.get(lane)
        if city is None or history or dice() >= _SCHOLARS:
            return []
        data = {
            "scholarship_no": f"SIM-{self._tag}-{next(self._numbers)}",
            "enrollment_no": number,
            "funder": city.funder,
            "fund_source": city.fund_source,
            "amount_fen": tuition * (10, 20, 30, 50)[self._bits(2)],
            "awarded_on": self._days.iso(min(began + 30, 0)),
        }
        return [Draft(lane, self._event(lane, provinces.SCHOLARSHIP_AWARDED, ref, began + 30, data))]

    def _ending(
        self, lane: str, ref: str, number: str, graduated: str | None, began: int, dice: Any
    ) -> list[Draft]:
        if graduated is not None:
            day = began + _GRADUATED_DAYS
            degree = {"enrollment_no": number, "level": graduated, "completed_on": self._days.iso(day)}
            ended = [Draft(lane, self._event(lane, provinces.DEGREE_COMPLETED, ref, day, degree))]
            if dice() < _CERTIFIED:
                earned = certificate(self._number("ZS"), lane, number, self._bits(8), degree["completed_on"])
                earned["history"] = True
                ended.append(Draft(lane, self._event(lane, provinces.CERTIFICATE_EARNED, ref, day, earned)))
            return ended
        if dice() >= _WITHDRAWN:
            return []
        left = {
            "enrollment_no": number,
            "withdrawn_on": self._days.iso(min(began + 40, 0)),
            "reason": _REASONS[self._bits(8) % len(_REASONS)],
        }
        return [Draft(lane, self._event(lane, provinces.ENROLLMENT_WITHDRAWN, ref, began + 40, left))]

    def _registration(
        self, lane: str, ref: str, level: str, origin: str, where: Event, kind: int, history: bool, day: int
    ) -> Draft:
        data = {
            "categories": _CATEGORIES[kind],
            "education_level": level,
            "origin_province": origin,
            **where,
        }
        if history:
            data["history"] = True
        return Draft(lane, self._event(lane, provinces.WORKER_REGISTERED, ref, day, data))

    def _plan(self, lane: str) -> Draft:
        heads = max(500, JIANGSU_HEADS * SIZES[lane] // SIZES["32"] // 500 * 500)
        data = {
            "plan_no": f"SIM-{self._tag}-JH-{lane}",
            "fiscal_year": self._days.today.year,
            "fund_source": FUND_SOURCE,
            "funder": provincial_funder(lane),
            "amount_fen": JIANGSU_PLAN_FEN if lane == "32" else heads * PER_HEAD_FEN,
            "heads": heads,
        }
        return Draft(lane, self._event(lane, provinces.PLAN_DECLARED, None, 0, data))

    def _left_of_last_year(self, lane: str) -> Draft:
        """Free money of last year's budget: carry-overs take it into this one."""
        draft = self._allocation(lane, "0-0", _LEFT_FEN, FUND_SOURCE, provincial_funder(lane))
        draft.event["data"]["fiscal_year"] -= 1
        return draft

    def _allocation(self, lane: str, number: str, amount_fen: int, fund_source: str, funder: Event) -> Draft:
        data = {
            "document_no": f"SIM-{self._tag}-BK-{lane}-{number}",
            "fiscal_year": self._days.today.year,
            "fund_source": fund_source,
            "funder": funder,
            "amount_fen": max(amount_fen // PER_HEAD_FEN, 2) * PER_HEAD_FEN,
        }
        return Draft(lane, self._event(lane, provinces.BUDGET_ALLOCATED, None, 0, data))

    def _event(self, lane: str, type_: str, subject: str | None, day: int, data: Event) -> Event:
        event = {
            "specversion": "1.0",
            "id": self._id(),
            "source": f"//provinces/{lane}/simulator",
            "type": type_,
            "time": self._days.time(day, self._bits(9)),
            "data": data,
        }
        if subject is not None:
            event["subject"] = subject
        return event

    def _id(self) -> str:
        return f"sim-{self._tag}-{next(self._numbers)}"

    def _contact(self) -> Event:
        english = self._bits(5) == 0
        mail = f"worker-{self._tag.lower()}-{next(self._numbers)}@example.invalid"
        return {"name": self._people.name(), "email": mail, "language": "en" if english else "zh"}

    def _expected_enrollments(self, lane: str, stories: int) -> int:
        share = SIZES[lane] / self._total
        return round(stories * share * _ENROLLED / 100 * (100 - self._history) / 100)

    def _funding_lanes(self) -> list[str]:
        return sorted((lane for lane in self._lanes if lane in SIZES), key=lambda lane: -SIZES[lane])

    def _pick(self, table: list[str]) -> str:
        return table[self._bits(_TABLE_BITS)]

    def _one_of(self, values: Sequence[Any]) -> Any:
        return values[self._bits(16) % len(values)]


class _Days:
    """Calendar days round a Shanghai `today`, as text made once: formatting would take the most time."""

    def __init__(self, today: date) -> None:
        self.today = today
        span = range(-_PAST_DAYS - _AHEAD_DAYS, 4 * 365)
        self._iso = [(today + timedelta(days=day)).isoformat() for day in span]
        self._zero = -span.start
        self._gone = (today - date(today.year, 1, 1)).days
        self._left = min(_AHEAD_DAYS, (date(today.year, 12, 31) - today).days)
        self._times = [f"T{8 + n % 10:02d}:{n * 7 % 60:02d}:{n * 13 % 60:02d}+08:00" for n in range(512)]

    def iso(self, day: int) -> str:
        """The day `day` days after today."""
        return self._iso[self._zero + day]

    def time(self, day: int, moment: int) -> str:
        """An instant of that day's office hours, never after today."""
        return self.iso(min(day, 0)) + self._times[moment]

    def this_year(self, bits: int) -> int:
        """A day of the current year, at most a month ahead."""
        return (bits >> 24) % (self._gone + self._left + 1) - self._gone

    def years_ago(self, bits: int) -> int:
        """A day three to four years ago."""
        return -1_030 - (bits >> 24) % (_PAST_DAYS - 1_040)

    def of_the_past(self, bits: int) -> int:
        """A day of the last four years, a month ago at the latest: half of them within a year, more each month."""
        draw = (bits >> 24) % 4_096
        return -_RECENT_PAST_DAYS - draw * draw * (_PAST_DAYS - 40) // 4_096**2

    def lately(self, bits: int, *, late: bool) -> int:
        """A day of this week; or, where a province is late, one of the weeks before. Of this year in any case."""
        days = (
            _LATE_DAYS + (bits >> 24) % (_LATEST_DAYS - _LATE_DAYS)
            if late
            else (bits >> 24) % (_PROMPT_DAYS + 1)
        )
        return -min(days, self._gone)


def _dice(bits: int) -> Any:
    """Throws a hundred-sided dice again and again (a small generator of its own: speed)."""
    state = bits | 1

    def throw() -> int:
        nonlocal state
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & 0xFFFFFFFFFFFFFFFF
        return (state >> 33) % 100

    return throw


def _table(weights: list[tuple[str, int]]) -> list[str]:
    """Each name as often as its weight says among 2^12 places, so that a pick is one look-up."""
    places = 1 << _TABLE_BITS
    total = sum(weight for _, weight in weights)
    table: list[str] = []
    reached = 0
    for name, weight in weights:
        reached += weight
        table += [name] * (round(reached * places / total) - len(table))
    return table
