"""Histories of a lane, decided in memory."""

from services.subsidy.domain.schemes import Rules
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
