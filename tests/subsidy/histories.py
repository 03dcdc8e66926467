"""Histories of a lane, and what comes of one in memory."""

import random
from typing import Any

from services.subsidy.domain.schemes import Rules
from shared.contracts import provinces
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read
from tests.subsidy.shelf import Shelf


def everything() -> Province:
    """A lane on which everything happens that can happen to an award."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(2 * YUAN_1000_FEN)
    js.allocated(60_000, pot="wuxi-merit", level="city")
    js.enrolled(1)
    granted = js.confirmed(1)
    js.enrolled(2)
    for n in (3, 4, 5):
        js.enrolled(n, tuition_fen=40_000 if n == 5 else 500_000)
    js.enrolled(6, categories=[])
    js.enrolled(7, start="2015-01-01")
    js.enrolled(8, tuition_fen=0)
    gone = js.withdrawn(2)
    js.voided(gone)
    booked = js.scholarship(1, 50_000)
    js.scholarship(5, 40_000, pot=POT, tuition_fen=40_000)
    js.scholarship(1, 900_000)
    js.voided(booked)
    js.scholarship(5, 40_000, tuition_fen=40_000)
    js.voided(granted)
    js.voided(next(fact for fact in js.facts if fact["data"].get("enrollment_no") == js.number(4)))
    js.allocated(10 * YUAN_1000_FEN)
    for n in (9, 10, 11):
        js.enrolled(n)
    js.confirmed(9)
    js.confirmed(10)
    first = js.paid(9, 60_000)
    js.returned(first, 10_000)
    js.paid(10, 150_000)
    gone = js.withdrawn(9)
    js.voided(gone)
    js.withdrawn(10)
    js.day("2026-12-31")  # nobody has confirmed 11
    js.confirmed(11)
    return js


def whole_history(rules: Rules) -> Shelf:
    """What came of everything."""
    shelf = Shelf(rules)
    shelf.take([read(fact) for fact in everything().facts])
    return shelf


def busy(seed: int, lane: str = "32", *, enrollments: int = 40) -> Province:
    """Everything that can happen, in some order: money too small for all, several pots and years."""
    rnd, province, paid = random.Random(seed), Province(lane), []
    # When the year before closes, and when what was reserved at first has expired.
    later_days = {enrollments // 2: "2027-02-01", enrollments * 3 // 4: "2028-01-20"}
    province.day("2027-01-15")
    province.allocated(3 * YUAN_1000_FEN, year=2027)
    province.allocated(90_000, pot="wuxi-merit", year=2027, level="city")
    for n in range(enrollments):
        tuition_fen = rnd.choice([0, 40_000, 100_000, 500_000, 500_000])
        start = rnd.choice(["2027-03-01", "2027-03-01", "2026-11-01", "2018-09-01"])
        province.enrolled(
            n, tuition_fen=tuition_fen, start=start, categories=rnd.choice([["migrant"], ["industrial"]])
        )
        other = rnd.randrange(n + 1)
        act = rnd.randrange(11)
        if act <= 1:
            province.confirmed(other)
        elif act == 2:
            province.withdrawn(other)
        elif act <= 4:
            province.scholarship(
                other,
                rnd.choice([100, 40_000, 100_000]),
                pot=rnd.choice([POT, "wuxi-merit"]),
                awarded_on="2027-03-01",
                tuition_fen=province.tuition(other),
            )
        elif act == 5:
            province.allocated(rnd.choice([1, 150_000]), year=2027)
        elif act <= 8:
            confirmed = [int(f["data"]["enrollment_no"][3:]) for f in province.facts if _confirms(f)]
            fact = province.paid(rnd.choice([other, *confirmed]), rnd.choice([30_000, 100_000]), year=2027)
            paid.append(fact)
        elif act == 9 and paid:
            province.returned(paid.pop(rnd.randrange(len(paid))))
        elif act == 10:
            province.adjusted(rnd.choice([50_000, -20_000]), year=2027)
        if n in later_days:
            province.day(later_days[n])
    return province


def _confirms(fact: dict[str, Any]) -> bool:
    return bool(fact["type"] == provinces.ENROLLMENT_CONFIRMED)
