"""Histories of a lane, decided in memory."""

from collections.abc import Sequence
from typing import Any

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.schemes import Rules, Scheme
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


def scheme_in_parts(*parts: dict[str, Any], base_fen: int = YUAN_1000_FEN, **more: Any) -> Scheme:
    """The scheme in force with these parts, each from a pot of its own unless it names one."""
    named = [{"fund_source": f"pot-{n}"} | part for n, part in enumerate(parts, 1)]
    values = load_schemes(SCHEMES)[1].model_dump(mode="json") | {"amount_base_fen": base_fen, "parts": named}
    return Scheme.model_validate(values | {"version": 3, "fund_source": named[0]["fund_source"]} | more)


FIVE_PARTS: Sequence[dict[str, Any]] = (
    {"fund_source": "national-fund", "share_percent": 50, "share_of": "base", "when_exhausted": "next"},
    {"fund_source": POT, "share_percent": 50, "share_of": "base"},
    {"fund_source": POT, "amount_fen": 30_000, "due": "completion"},
    {"fund_source": "enterprise", "amount_fen": 20_000, "when_exhausted": "partial"},
    {"fund_source": POT, "amount_fen": 40_000, "year_of_study": 2},
)
IN_PARTS = Rules([scheme_in_parts(*FIVE_PARTS, completion_days=700)])


def everything_in_parts(lane: str = "32", **known: Any) -> Province:
    """A lane on which everything happens that can happen to an award in parts; `known` of its enrollments."""
    js = Province(lane)
    js.day("2026-03-01")
    js.allocated(80_000, pot="national-fund", level="national")
    js.allocated(210_000)
    js.allocated(30_000, pot="enterprise", level="enterprise")
    js.allocated(500_000, pot="wuxi-merit", level="city")
    first = js.enrolled(1, **known)
    js.enrolled(2, **known)
    js.enrolled(3, tuition_fen=120_000, **known)
    for n in (1, 2):
        js.confirmed(n, **known)
    for pot in ("national-fund", POT, POT):
        js.paid(1, 60_000, pot=pot, **known)
    js.scholarship(3, 110_000, tuition_fen=120_000, **known)
    js.voided(first, superseded_by="right")
    js.enrolled(1, tuition_fen=150_000, **known)
    gone = js.withdrawn(2, **known)
    js.allocated(60_000)
    js.voided(gone)
    js.completed(2, **known)
    js.voided(js.completed(1, **known))
    js.enrolled(4, **known)
    js.withdrawn(4, **known)
    js.voided(js.enrolled(5, **known))
    js.day("2027-01-01")
    js.allocated(50_000, year=2027)
    js.day("2028-03-01")
    js.completed(1, **known)
    js.confirmed(3, tuition_fen=120_000, **known)
    return js


def history_in_parts() -> Shelf:
    """What came of everything in parts."""
    shelf = Shelf(IN_PARTS)
    shelf.take([read(fact) for fact in everything_in_parts().facts])
    return shelf
