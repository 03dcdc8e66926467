"""Facts as enrollment and subsidy publish them, by hand or drawn at random, for reporting's tests."""

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from services.reporting.consumers import FACT_MODELS
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS
from shared.plumbing.decoding import FactDecoder, Taken

E, S = ENROLLMENT_EVENTS.pattern, SUBSIDY_EVENTS.pattern
BEGAN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LOG_IDS = {E: "e" * 12, S: "5" * 12}
FLAGS: tuple[tuple[str, ...], ...] = (
    ("industrial",),
    ("migrant",),
    ("migrant", "front_line"),
    ("industrial", "migrant"),
)
DECODE = FactDecoder(FACT_MODELS)


@dataclass
class Publisher:
    """Stamps facts with the next number of their lane, as the two services would."""

    seqs: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    published: list[tuple[str, bytes]] = field(default_factory=list)
    """(stream, bytes), in the order of publishing."""
    clock: datetime = BEGAN

    def publish(self, stream: str, lane: str, type_: str, data: Any, **attributes: Any) -> dict[str, Any]:
        """Publish one fact and return it."""
        self.seqs[stream, lane] += 1
        seq = self.seqs[stream, lane]
        self.clock += timedelta(milliseconds=5)
        fact = {
            "specversion": "1.0",
            "id": f"{stream[0]}-{lane}-{seq}",
            "source": f"//{stream.partition('.')[0]}/{LOG_IDS[stream]}",
            "type": type_,
            "subject": None,
            "time": self.clock.isoformat(),
            "recordedtime": self.clock.isoformat(),
            "datacontenttype": "application/json",
            "lane": lane,
            "seq": seq,
            "causationid": None,
            "correlationid": None,
            "data": data,
        } | attributes
        self.published.append((stream, orjson.dumps(fact)))
        return fact

    def taken(self) -> list[Taken]:
        """All that was published, as a consumer takes it."""
        return [take(stream, raw) for stream, raw in self.published]


@dataclass(frozen=True)
class Record:
    """As much of a Kafka record as the decoder looks at."""

    value: bytes


def take(stream: str, raw: bytes) -> Taken:
    """One record taken and decoded; what decoding raises stands in it, as plumbing leaves it."""
    fact = orjson.loads(raw)
    try:
        event, bad, seq, log_id = DECODE(Record(raw))
    except ValueError as failure:
        return Taken(fact["lane"], stream, fact["seq"] - 1, None, None, 0, None, None, None, failure)
    return Taken(fact["lane"], stream, seq - 1, event, bad, seq, log_id, None, None)


def worker(n: int) -> str:
    """The n-th worker's pseudonym."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    tail = "".join(letters[(n // 32**place) % 32] for place in range(8))
    return f"k1.{'A' * 44}{tail}"


EMPLOYER = {"name": "某电子厂", "code": "91320200MA1XXXXX2P", "sector": "C"}
INSTITUTION = {"code": "4132010001", "name": "某职业技术学院", "kind": "vocational_college"}
FUNDER = {"name": "江苏省总工会", "level": "provincial"}


def about_enrollment(lane: str, flags: tuple[str, ...], track: str = "academic") -> dict[str, Any]:
    """What the register adds to later events of an enrollment."""
    return {
        "categories": flags,
        "funding_province": lane,
        "work_province": lane,
        "work_city": f"{lane}01",
        "employer": EMPLOYER,
        "track": track,
        "mode": "blended",
        "level_before": "senior_high",
        "level_after": "associate",
        "start": "2026-03-01",
        "tuition_fen": 600_000,
    }


def enrolled(
    lane: str, no: str, flags: tuple[str, ...], track: str = "academic", start: str = "2026-03-01"
) -> dict[str, Any]:
    """Data of an accepted enrollment."""
    return {
        "enrollment_no": no,
        "funding_province": lane,
        "work_province": lane,
        "work_city": f"{lane}01",
        "employer": EMPLOYER,
        "institution": INSTITUTION,
        "programme": "机电一体化技术",
        "level_before": "senior_high",
        "level_after": "associate",
        "track": track,
        "mode": "blended",
        "start": start,
        "tuition_fen": 600_000,
        "reported_by": lane,
        "worker": {"categories": flags, "origin_province": "34"},
    }


def registered(lane: str, flags: tuple[str, ...], *, first: bool = True) -> dict[str, Any]:
    """Data of an accepted registration."""
    return {
        "categories": flags,
        "education_level": "senior_high",
        "origin_province": "34",
        "work_province": lane,
        "work_city": f"{lane}01",
        "employer": EMPLOYER,
        "reported_by": lane,
        "first": first,
    }


def award(
    no: str, flags: tuple[str, ...], amount_fen: int = 100_000, year: int = 2026, **more: Any
) -> dict[str, Any]:
    """Data of a decision about an award."""
    return {
        "award_id": f"a-{no}",
        "enrollment_no": no,
        "fiscal_year": year,
        "fund_source": "专项资金",
        "amount_fen": amount_fen,
        "scheme": "base",
        "scheme_version": 1,
        "categories": flags,
        "track": "academic",
    } | more


def paid_out(amount_fen: int, how: str = "paid") -> dict[str, Any]:
    """What a payment adds to an award's data."""
    return {"paid_fen": amount_fen, "disbursed_fen": amount_fen, "how": how}


def clawed_back(amount_fen: int) -> dict[str, Any]:
    """What a clawback adds to an award's data."""
    said = {"message_zh": "须追回", "message_en": "must come back"}
    return {"clawed_back_fen": amount_fen, "open_fen": amount_fen, "why": "withdrawn", **said}


def repaid(no: str, amount_fen: int, *, open_fen: int) -> dict[str, Any]:
    """Data of money that was owed and has come back."""
    return {
        "enrollment_no": no,
        "fiscal_year": 2026,
        "fund_source": "专项资金",
        "amount_fen": amount_fen,
        "open_fen": open_fen,
        "how": "returned",
    }


def money(number: str, amount_fen: int, year: int = 2026, **more: Any) -> dict[str, Any]:
    """Data of a plan or an allocation."""
    return {"fiscal_year": year, "fund_source": "专项资金", "funder": FUNDER, "amount_fen": amount_fen} | more


class Programme:
    """Draws a plausible history: what provinces do in a year, on any number of lanes."""

    def __init__(self, seed: int, lanes: Iterable[str]) -> None:
        self.publisher = Publisher()
        self._random = random.Random(seed)
        self._lanes = tuple(lanes)
        self._next = 0

    def play(self, facts: int) -> Publisher:
        """At least `facts` facts."""
        for lane in self._lanes:
            self._budget(lane)
        while len(self.publisher.published) < facts:
            self._study(self._random.choice(self._lanes))
        return self.publisher

    def _budget(self, lane: str) -> None:
        publish = self.publisher.publish
        publish(E, lane, enrollment.DAY_BEGAN, {"day": "2026-03-02", "log_head": "0" * 64})
        tally = {"accepted": 20, "duplicate": 1, "conflict": 1, "rejected": 2, "parked": 0}
        publish(E, lane, enrollment.VERDICTS_TALLIED, {"day": "2026-03-01", **tally})
        publish(
            E,
            lane,
            provinces.PLAN_DECLARED,
            money("", 60_000_000, plan_no=f"苏工〔2026〕{lane}号", heads=600),
        )
        allocated = money("", 55_000_000, document_no=f"苏财〔2026〕{lane}号")
        publish(E, lane, provinces.BUDGET_ALLOCATED, allocated)
        opened = {"fiscal_year": 2026, "fund_source": "专项资金", "funder_level": "provincial"}
        publish(
            S, lane, subsidy.BUDGET_OPENED, {**opened, "amount_fen": 55_000_000, "allocated_fen": 55_000_000}
        )
        for n in range(3):
            project = {
                "project_no": f"{lane}-{n}",
                "name": "产业工人学历提升",
                "lead": "总工会",
                "established_on": f"{2024 + n}-05-01",
                "sector": "C",
            }
            publish(E, lane, provinces.PROJECT_ESTABLISHED, project)

    def _study(self, lane: str) -> None:
        draw, publish = self._random, self.publisher.publish
        self._next += 1
        who = worker(draw.randrange(max(1, self._next)) if draw.random() < 0.1 else self._next)
        flags, track = draw.choice(FLAGS), draw.choice(("academic", "skills", "combined"))
        no = f"{lane}-{self._next}"
        cause = {"subject": who, "causationid": f"p-{no}", "correlationid": f"p-{no}"}
        start = date(2026, 1, 1) + timedelta(days=draw.randrange(330))
        about = about_enrollment(lane, flags, track)
        publish(E, lane, provinces.WORKER_REGISTERED, registered(lane, flags), **cause)
        publish(
            E, lane, provinces.WORKER_ENROLLED, enrolled(lane, no, flags, track, start.isoformat()), **cause
        )
        if draw.random() < 0.1:
            publish(S, lane, subsidy.SUBSIDY_WAITLISTED, award(no, flags, position=1), **cause)
            return
        publish(S, lane, subsidy.SUBSIDY_RESERVED, award(no, flags), **cause)
        if draw.random() < 0.8:
            confirmed = {"enrollment_no": no, "confirmed_on": start.isoformat(), "reported_by": lane}
            publish(E, lane, provinces.ENROLLMENT_CONFIRMED, {**confirmed, "enrollment": about}, **cause)
            publish(S, lane, subsidy.SUBSIDY_GRANTED, award(no, flags), **cause)
            paid: dict[str, Any] = {"batch_no": f"b-{lane}", "line_no": self._next}
            publish(S, lane, subsidy.SUBSIDY_DISBURSED, award(no, flags, **paid_out(60_000), **paid), **cause)
            self._end(lane, no, flags, about, cause)

    def _end(
        self, lane: str, no: str, flags: tuple[str, ...], about: dict[str, Any], cause: dict[str, Any]
    ) -> None:
        draw, publish = self._random.random(), self.publisher.publish
        ended = {"enrollment_no": no, "reported_by": lane, "enrollment": about}
        if draw < 0.1:
            publish(
                E,
                lane,
                provinces.ENROLLMENT_WITHDRAWN,
                {**ended, "withdrawn_on": "2026-06-01", "reason": "work"},
                **cause,
            )
            publish(S, lane, subsidy.SUBSIDY_RELEASED, award(no, flags, was="granted"), **cause)
            publish(S, lane, subsidy.SUBSIDY_CLAWED_BACK, award(no, flags, **clawed_back(60_000)), **cause)
            publish(S, lane, subsidy.CLAWBACK_REPAID, repaid(no, 20_000, open_fen=40_000), **cause)
        elif draw < 0.5:
            publish(
                E,
                lane,
                provinces.DEGREE_COMPLETED,
                {**ended, "level": "associate", "completed_on": "2026-07-01"},
                **cause,
            )
        elif draw < 0.7:
            booked = {
                "scholarship_no": f"s-{no}",
                "enrollment_no": no,
                "fiscal_year": 2026,
                "fund_source": "专项资金",
                "funder_level": "city",
                "amount_fen": 50_000,
                "awarded_fen": 50_000,
                "categories": flags,
                "track": about["track"],
            }
            publish(S, lane, subsidy.SCHOLARSHIP_BOOKED, booked, **cause)
