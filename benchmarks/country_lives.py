"""Workers' ways through the programme: registered, enrolled, funded, interrupted, completed, corrected."""

import base64
import hashlib
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from console.province.organisations import cities, credit_code, schools
from console.province.people import SIZES, origin_weights
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS

if TYPE_CHECKING:
    from benchmarks.country import Country

E: Final = ENROLLMENT_EVENTS.pattern
S: Final = SUBSIDY_EVENTS.pattern
POTS: Final = ("provincial-federation", "national-fund", "city-federation")
HISTORY_YEARS: Final = range(2016, 2025)
RETURNING: Final = 0.12
"""So many who begin were here before, perhaps in another province."""
FROM_ELSEWHERE: Final = 0.35
FUNDED_ELSEWHERE: Final = 0.1
_LANES: Final = tuple(SIZES)
_LANE_WEIGHTS: Final = tuple(accumulate(SIZES.values()))
_ORIGINS, _ORIGIN_SIZES = zip(*origin_weights(), strict=True)
_ORIGIN_WEIGHTS: Final = tuple(accumulate(_ORIGIN_SIZES))
_FLAGS: Final = (
    ("industrial",),
    ("migrant",),
    ("migrant",),
    ("migrant", "front_line"),
    ("industrial", "migrant"),
    ("new_employment",),
)
_LEVELS: Final = (
    ("junior_high", "associate"),
    ("senior_high", "associate"),
    ("senior_high", "associate"),
    ("secondary_vocational", "associate"),
    ("associate", "bachelor"),
)
_SKILLS: Final = ("junior_worker", "intermediate_worker", "senior_worker", "technician", "senior_technician")
_MODES: Final = ("blended", "work_study_alternation", "academic_upgrade_class", "full_time_short_course")
_SECTORS: Final = "CCCCEFGGHIIOQ"
_TEXT: Final = {"message_zh": "不再有效，请核对。", "message_en": "It stands no more: please check."}


class Life:
    """One enrollment of one worker, as far as later facts need it."""

    __slots__ = (
        "about",
        "award",
        "cause",
        "enrolled",
        "lane",
        "no",
        "paid_fen",
        "reporter",
        "start",
        "track",
        "who",
    )

    who: str
    lane: str
    """That funds it."""
    reporter: str
    no: str
    cause: str
    track: str
    start: date
    about: dict[str, Any]
    """What later facts of the enrollment carry."""
    award: dict[str, Any]
    enrolled: dict[str, Any]
    """Data of the enrollment's own fact."""
    paid_fen: int


class Lives:
    """Draws workers' ways and tells each step on its day."""

    def __init__(self, draw: Random, country: "Country", seed: int) -> None:
        self.draw = draw
        self.workers = 0
        """How many there are by now, whose numbers count from 0."""
        self._country = country
        self._seed = seed
        self._enrollments = 0
        self._schools = {lane: schools(lane) for lane in _LANES}
        self._cities = {lane: cities(lane) for lane in _LANES}

    def begin(self) -> None:
        """A worker registers, if new, and enrolls; the rest follows on its days."""
        life, new, known = self._life(self._country.today + timedelta(days=self.draw.randrange(-12, 20)))
        if new:
            self._register(life, known)
        self._country.later(self.draw.randrange(1, 9), self._enroll, life)

    def load_history(self) -> None:
        """Somebody who studied before the stream began: all at once, and no money moves."""
        year = self.draw.choice(HISTORY_YEARS)
        life, new, known = self._life(date(year, 1, 1) + timedelta(days=self.draw.randrange(365)))
        life.about["history"] = life.enrolled["history"] = known["history"] = True
        if new:
            self._register(life, known, life.start - timedelta(days=10))
        tell, about = self._country.tell, {"reported_by": life.reporter, "enrollment": life.about}
        tell(E, life.lane, provinces.WORKER_ENROLLED, life.enrolled, life.start, life.who, life.cause)
        confirmed = life.start + timedelta(days=9)
        said = {"enrollment_no": life.no, "confirmed_on": confirmed.isoformat(), **about}
        tell(E, life.lane, provinces.ENROLLMENT_CONFIRMED, said, confirmed, life.who, life.cause)
        ended = life.start + timedelta(days=self.draw.randrange(90, 1_000))
        if ended < date(2025, 1, 1) and self.draw.random() < 0.85:
            self._end(life, ended)

    def _life(self, start: date) -> tuple[Life, bool, dict[str, Any]]:
        """An enrollment, whether its worker is new, and what a registration says of the worker."""
        draw, life = self.draw.random, Life()
        new = draw() >= RETURNING or not self.workers
        number = self.workers if new else int(draw() * self.workers)
        self.workers += new
        self._enrollments += 1
        work = self.draw.choices(_LANES, cum_weights=_LANE_WEIGHTS)[0]
        life.lane = (
            self.draw.choices(_LANES, cum_weights=_LANE_WEIGHTS)[0] if draw() < FUNDED_ELSEWHERE else work
        )
        origin = (
            self.draw.choices(_ORIGINS, cum_weights=_ORIGIN_WEIGHTS)[0] if draw() < FROM_ELSEWHERE else work
        )
        life.who, life.reporter = worker_ref(number), work
        life.no = f"{work}-{self._seed}-{self._enrollments}"
        life.cause, life.start, life.paid_fen = f"p-{life.no}", start, 0
        life.track = "skills" if draw() < 0.55 else "academic" if draw() < 0.7 else "combined"
        before, after = _LEVELS[int(draw() * len(_LEVELS))]
        flags = _FLAGS[int(draw() * len(_FLAGS))]
        lane_schools, city = self._schools[life.lane], self.draw.choice(self._cities[work])
        school = lane_schools[int(draw() * len(lane_schools))]
        employer = _employer(work, int(draw() ** 3 * SIZES[work]))
        life.about = {
            "categories": flags,
            "funding_province": life.lane,
            "work_province": work,
            "work_city": city,
            "employer": employer,
            "track": life.track,
            "mode": _MODES[int(draw() * len(_MODES))],
            "level_before": before,
            "level_after": before if life.track == "skills" else after,
            "institution_code": school["code"],
            "cohort": f"{start.year} 春季班",
            "project_no": f"{life.lane}-{start.year}-{int(draw() * 4)}" if draw() < 0.25 else None,
            "start": start.isoformat(),
            "planned_end": (start + timedelta(days=900)).isoformat(),
            "tuition_fen": 600_000,
            "history": False,
        }
        known = {
            "categories": flags,
            "education_level": before,
            "origin_province": origin,
            "work_province": work,
            "work_city": city,
            "employer": employer,
            "reported_by": work,
            "first": new,
            "history": False,
        }
        left_out = ("categories", "institution_code")
        life.enrolled = {
            **{name: value for name, value in life.about.items() if name not in left_out},
            "enrollment_no": life.no,
            "institution": school,
            "programme": "机电一体化技术",
            "reported_by": work,
            "worker": {"categories": flags, "origin_province": origin},
        }
        life.award = {
            "award_id": hashlib.blake2b(life.no.encode(), digest_size=16).hexdigest(),
            "enrollment_no": life.no,
            "fiscal_year": max(2016, start.year),
            "fund_source": POTS[int(draw() ** 3 * len(POTS))],
            "amount_fen": 150_000 if life.track == "academic" else 90_000,
            "scheme": "study-for-dreams",
            "scheme_version": 2,
            "categories": flags,
            "track": life.track,
        }
        return life, new, known

    def _register(self, life: Life, known: dict[str, Any], happened: date | None = None) -> None:
        day = happened or self._country.today - timedelta(days=self._delay())
        self._country.tell(
            E, life.reporter, provinces.WORKER_REGISTERED, known, day, life.who, f"r-{life.no}"
        )
        if self.draw.random() < 0.004 and happened is None:
            self._country.later(self.draw.randrange(2, 60), self._void_registration, (life, known))

    def _delay(self) -> int:
        """Days from happened to recorded: most of it comes soon, some late."""
        return (
            int(20 * self.draw.random() ** 4) if self.draw.random() < 0.97 else self.draw.randrange(20, 200)
        )

    def _enroll(self, life: Life) -> None:
        """The enrollment, and what subsidy decides about it at once."""
        chance, today = self.draw.random(), self._country.today
        self._say(life, provinces.WORKER_ENROLLED, life.enrolled)
        if chance < 0.03:
            said = {"enrollment_no": life.no, "code": "no_scheme", **_TEXT}
            self._decide(life, subsidy.SUBSIDY_REFUSED, said)
        elif chance < 0.11:
            self._decide(life, subsidy.SUBSIDY_WAITLISTED, {**life.award, "position": 12})
        else:
            more = {"was_waitlisted": False, "expires_on": (today + timedelta(days=365)).isoformat()}
            self._decide(life, subsidy.SUBSIDY_RESERVED, {**life.award, **more})
        if chance < 0.015:
            self._country.later(self.draw.randrange(2, 40), self._void_enrollment, life)
        elif chance > 0.16:
            ahead = max(0, (life.start - today).days)
            self._country.later(ahead + self.draw.randrange(5, 25), self._confirm, life)
        elif chance > 0.115:
            self._in_parts(life, ended=chance < 0.13)
        if chance > 0.995:
            said = {"enrollment_no": life.no, "other_enrollment_no": f"34-{life.no[3:]}"}
            more = {"other_funding_province": "34", "level_after": life.about["level_after"]}
            self._say(life, enrollment.ENROLLMENT_OVERLAPPED, said | more)

    def _in_parts(self, life: Life, *, ended: bool) -> None:
        """A scheme of several funders: a later year's part is promised, another is forgone."""
        part = {**life.award, "part": 2, "due": "completion"}
        self._decide(life, subsidy.SUBSIDY_COMMITTED, {**part, "fiscal_year": part["fiscal_year"] + 1})
        self._decide(
            life,
            subsidy.SUBSIDY_FORGONE,
            {**part, "part": 3, "amount_fen": 0, "lacking_fen": 30_000, **_TEXT},
        )
        if ended:
            self._decide(life, subsidy.SUBSIDY_COMMITMENT_ENDED, {**part, "why": "withdrawn"})

    def _confirm(self, life: Life) -> None:
        """The institution confirms: the award is granted, and paid later."""
        chance = self.draw.random()
        day = self._country.today - timedelta(days=self._delay())
        self._say(life, provinces.ENROLLMENT_CONFIRMED, {"confirmed_on": day.isoformat()}, day)
        self._decide(life, subsidy.SUBSIDY_GRANTED, life.award)
        later = self._country.later
        if chance < 0.012:
            later(self.draw.randrange(3, 30), self._void_confirmation, life)
            return
        if chance < 0.6:
            later(self.draw.randrange(20, 90), self._pay, life)
        ends = self.draw.random()
        if ends > 0.9:
            later(self.draw.randrange(30, 250), self._withdraw, life)
        elif ends > 0.87:
            later(self.draw.randrange(20, 120), self._suspend, life)
        else:
            days = (700, 1_100) if life.track == "academic" else (60, 240)
            later(self.draw.randrange(*days), self._end, life)
        if 0.3 < chance < 0.42:
            later(self.draw.randrange(30, 120), self._scholarship, life)

    def _pay(self, life: Life) -> None:
        life.paid_fen = life.award["amount_fen"] // 2
        paid = {"batch_no": f"苏工付〔{life.start.year}〕4号", "line_no": 17}
        more = {"paid_fen": life.paid_fen, "disbursed_fen": life.paid_fen, "how": "paid", **paid}
        self._decide(life, subsidy.SUBSIDY_DISBURSED, {**life.award, **more})
        chance = self.draw.random()
        if chance < 0.02:
            back = {"returned_fen": life.paid_fen, "disbursed_fen": 0, **paid}
            self._decide(life, subsidy.SUBSIDY_RETURNED, {**life.award, **back})
            life.paid_fen = 0
        elif chance < 0.025:
            said = {"moved_fen": 150_000, "amount_fen": 50_000, "code": "exceeds_grant", **paid, **_TEXT}
            self._decide(life, subsidy.PAYMENT_UNMATCHED, {**_of_award(life, "enrollment_no"), **said})

    def _withdraw(self, life: Life) -> None:
        today = self._country.today
        said: dict[str, Any] = {"withdrawn_on": today.isoformat(), "reason": "work"}
        self._say(life, provinces.ENROLLMENT_WITHDRAWN, said)
        self._decide(life, subsidy.SUBSIDY_RELEASED, {**life.award, "was": "granted", "why": "withdrawn"})
        if life.paid_fen:
            said = {"clawed_back_fen": life.paid_fen, "open_fen": life.paid_fen, "why": "withdrawn", **_TEXT}
            self._decide(life, subsidy.SUBSIDY_CLAWED_BACK, {**life.award, **said})
            self._country.later(self.draw.randrange(10, 100), self._repay, life)

    def _repay(self, life: Life) -> None:
        owed = {**_of_award(life, "enrollment_no"), "amount_fen": life.paid_fen, "open_fen": 0}
        if self.draw.random() < 0.9:
            self._decide(life, subsidy.CLAWBACK_REPAID, owed | {"how": "returned"})
            return
        more = {"document_no": f"核-{life.no}", "asked_fen": life.paid_fen, "refused_fen": 0}
        self._decide(life, subsidy.CLAWBACK_WRITTEN_OFF, owed | more)

    def _suspend(self, life: Life) -> None:
        day = self._country.today
        self._say(life, provinces.ENROLLMENT_SUSPENDED, {"suspended_on": day.isoformat(), "reason": "health"})
        self._country.later(self.draw.randrange(20, 120), self._resume, life)

    def _resume(self, life: Life) -> None:
        self._say(life, provinces.ENROLLMENT_RESUMED, {"resumed_on": self._country.today.isoformat()})
        self._country.later(self.draw.randrange(40, 200), self._end, life)

    def _scholarship(self, life: Life) -> None:
        number, today = f"奖-{life.no}", self._country.today
        awarded = {
            "scholarship_no": number,
            "awarded_on": today.isoformat(),
            "fund_source": "city-federation",
            "funder": {"name": "示例市总工会", "level": "city"},
            "amount_fen": 50_000,
        }
        self._say(life, provinces.SCHOLARSHIP_AWARDED, awarded)
        booked = {
            **_of_award(life, "enrollment_no", "categories", "track"),
            "scholarship_no": number,
            "fund_source": "city-federation",
            "funder_level": "city",
            "amount_fen": 40_000,
        }
        self._decide(life, subsidy.SCHOLARSHIP_BOOKED, {**booked, "awarded_fen": 50_000})
        chance = self.draw.random()
        if chance < 0.2:
            names = ("enrollment_no", "fiscal_year", "scholarship_no", "fund_source")
            more = {"awarded_fen": 50_000, "exceeding_fen": 10_000, **_TEXT}
            which = (
                subsidy.SCHOLARSHIP_EXCEEDS_BUDGET if chance < 0.1 else subsidy.SCHOLARSHIP_EXCEEDS_TUITION
            )
            self._decide(life, which, {name: booked[name] for name in names} | more)
        elif chance > 0.97:
            self._decide(life, subsidy.SCHOLARSHIP_REVERSED, booked)

    def _end(self, life: Life, ended: date | None = None) -> None:
        """A degree, or what courses of skills lead to; careers go on from there."""
        day = ended or self._country.today - timedelta(days=self._delay())
        chance = self.draw.random()
        if life.track != "skills":
            said = {"level": life.about["level_after"], "completed_on": day.isoformat()}
            self._say(life, provinces.DEGREE_COMPLETED, said, day)
        elif chance < 0.6:
            self._train(life, day)
        if chance > 0.45:
            self._certify(life, day)
        if chance > 0.93 and not ended:
            self._country.later(self.draw.randrange(20, 150), self._career, life)

    def _train(self, life: Life, day: date) -> None:
        said = {
            "training_no": f"PX-{life.no}",
            "institution": life.enrolled["institution"],
            "programme": "工业机器人操作",
            "mode": "full_time_short_course",
            "hours": 480,
            "start": life.about["start"],
            "completed_on": day.isoformat(),
        }
        self._say(life, provinces.TRAINING_COMPLETED, said, day)

    def _certify(self, life: Life, day: date) -> None:
        grade = int(self.draw.random() ** 2 * (len(_SKILLS) - 1))
        said = {
            "certificate_no": f"S{life.no}",
            "issuer": "示例技能评价中心",
            "occupation": "电工",
            "level": _SKILLS[grade + 1],
            "level_before": _SKILLS[grade] if self.draw.random() < 0.9 else None,
            "earned_on": day.isoformat(),
        }
        self._say(life, provinces.CERTIFICATE_EARNED, said, day)

    def _career(self, life: Life) -> None:
        worker = {
            "categories": life.about["categories"],
            "origin_province": life.enrolled["worker"]["origin_province"],
            **{name: life.about[name] for name in ("work_province", "work_city", "employer")},
        }
        today, chance = self._country.today.isoformat(), self.draw.random()
        said: dict[str, Any] = {"reported_by": life.reporter, "worker": worker}
        if chance < 0.4:
            data: dict[str, Any] = {"title_no": f"职-{life.no}", "issuer": "示例评审委员会", "name": "工程师"}
            self._tell(
                life, provinces.TITLE_AWARDED, said | data | {"grade": "assistant", "awarded_on": today}
            )
        elif chance < 0.8:
            data = {"from_role": "操作工", "to_role": "班组长", "reserve_team": chance < 0.5}
            more = {"employer": life.about["employer"], "promoted_on": today}
            self._tell(life, provinces.PROMOTION_RECORDED, said | data | more)
        elif chance < 0.95:
            self._tell(life, provinces.WORKER_CHANGED, said | {"since": today})
        else:
            data = {"teacher_ref": life.who, "institution_code": life.about["institution_code"]}
            more = {"course": "数控加工实训", "since": today, "reported_by": life.reporter}
            self._tell(life, provinces.TUTORS_PAIRED, data | more)

    def _void_enrollment(self, life: Life) -> None:
        """It never was: the fact is taken away, the award is given back, sometimes it is sent again, corrected."""
        self._void(life, provinces.WORKER_ENROLLED, life.enrolled)
        self._decide(life, subsidy.SUBSIDY_VOIDED, {**life.award, "was": "reserved"})
        if self.draw.random() < 0.5:
            life.enrolled["programme"] = "工业机器人技术"
            self._country.later(1, self._enroll, life)

    def _void_registration(self, about: tuple[Life, dict[str, Any]]) -> None:
        """The first registration of a worker is taken back: another province's is the first now."""
        life, known = about
        self._void(life, provinces.WORKER_REGISTERED, known)
        said = {"event_id": f"r2-{life.no}", "reported_by": life.reporter, "categories": known["categories"]}
        said["registered_on"] = self._country.today.isoformat()
        self._tell(life, enrollment.REGISTRATION_BECAME_FIRST, said)

    def _void_confirmation(self, life: Life) -> None:
        day = (self._country.today - timedelta(days=5)).isoformat()
        about = {"reported_by": life.reporter, "enrollment": life.about}
        said = {"enrollment_no": life.no, "confirmed_on": day, **about}
        self._void(life, provinces.ENROLLMENT_CONFIRMED, said)
        self._decide(life, subsidy.SUBSIDY_GRANT_REVERSED, life.award)

    def _void(self, life: Life, type_: str, data: dict[str, Any]) -> None:
        said = {
            "event_id": life.cause,
            "reason": "院校确认有误",
            "reported_by": life.reporter,
            "voided_type": type_,
            "voided_fact_id": life.award["award_id"],
            "voided_time": f"{life.start}T09:30:00+08:00",
            "voided": data,
        }
        self._tell(life, provinces.EVENT_VOIDED, said)

    def _say(self, life: Life, type_: str, data: dict[str, Any], happened: date | None = None) -> None:
        """A fact about the enrollment, on its home lane."""
        about = {"enrollment_no": life.no, "reported_by": life.reporter, "enrollment": life.about}
        whole = data if data is life.enrolled or "other_enrollment_no" in data else {**about, **data}
        self._tell(life, type_, whole, happened)

    def _tell(self, life: Life, type_: str, data: dict[str, Any], happened: date | None = None) -> None:
        day = happened or self._country.today - timedelta(days=self._delay())
        self._country.tell(E, life.lane, type_, data, day, life.who, life.cause)

    def _decide(self, life: Life, type_: str, data: dict[str, Any]) -> None:
        self._country.tell(S, life.lane, type_, data, self._country.today, life.who, life.cause)


def worker_ref(number: int) -> str:
    """The pseudonym of the worker with this number."""
    digest = hashlib.blake2b(b"w%d" % number, digest_size=33).digest()
    return "k1." + base64.b32encode(digest).decode()[:52]


@lru_cache(maxsize=65_536)
def _employer(lane: str, number: int) -> Any:
    """One of a province's employers, as JSON."""
    name = f"第{number}机械有限公司（模拟）"
    sector = _SECTORS[number % len(_SECTORS)]
    code = credit_code(f"91{lane}9999MA{number:07d}")
    return orjson.Fragment(orjson.dumps({"name": name, "code": code, "sector": sector}))


def _of_award(life: Life, *names: str) -> dict[str, Any]:
    return {name: life.award[name] for name in ("fiscal_year", "fund_source", *names)}
