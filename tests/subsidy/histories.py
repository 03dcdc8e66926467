"""Histories of a lane, and what comes of one in memory."""

import random
from collections.abc import Sequence
from typing import Any

import orjson

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.schemes import Rules, Scheme
from shared.contracts import provinces
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read, worker_ref
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
    """What came of everything, and of a debt that is written off."""
    shelf, js = Shelf(rules), everything()
    js.written_off(10, 1)
    shelf.take([read(fact) for fact in js.facts])
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


def reviewed() -> Province:
    """Everything, and what is rare: debts that are netted, restored and returned, corrections, late comers, edges."""
    js = everything()
    js.adjusted(5_000)
    js.adjusted(-2_000_000)
    js.adjusted(-1)
    js.adjusted(1, year=2031)
    js.adjusted(-1, year=2031)
    js.carried_over(1)
    js.allocated(2**53 - 1, pot="enterprise", level="enterprise")
    js.allocated(1, pot="enterprise", level="enterprise")
    js.adjusted(1, pot="enterprise")
    js.carried_over(70_000, pot="enterprise")
    js.carried_over(2**53 - 100_001, pot="enterprise")
    js.allocated(100_000, pot="enterprise", level="enterprise")
    js.carried_over(2**53 - 1, pot="enterprise")
    js.scholarship(
        99, 1_000, pot="enterprise", awarded_on="2026-12-01"
    )  # of an enrollment that is not known here
    js.day("2027-01-10")
    js.allocated(6 * YUAN_1000_FEN, year=2027)
    _debts(js)
    _corrections(js)
    js.day("2028-01-15")
    js.confirmed(24)
    js.scholarship(24, 30_000, awarded_on="2028-01-02")
    js.day("2028-02-01")
    js.carried_over(YUAN_1000_FEN + 1, year=2027, to_year=2028)
    js.enrolled(34, start="2027-12-01")
    js.allocated(YUAN_1000_FEN // 2, year=2028)
    js.enrolled(28, start="2027-12-01", tuition_fen=50_001)
    js.allocated(20 * YUAN_1000_FEN, year=2028)
    js.written_off(20, 7, year=2027)
    return js


def _debts(js: Province) -> None:
    """One owes and is awarded again; one comes back to what was paid; payments that fit nothing come back."""
    for n in (20, 21, 22):
        js.enrolled(n, start="2027-01-05")
        js.confirmed(n)
    first, second = js.paid(20, 80_000, year=2027), js.paid(21, 60_000, year=2027)
    too_much = js.paid(22, 110_000, year=2027)
    js.paid(22, 5, year=2026)
    js.returned(js.paid(77, 9, year=2027), 10)
    js.returned(too_much, 10_001)
    js.returned(too_much, 200_000)
    for n in (20, 21):
        js.withdrawn(n)
    js.returned(first, 30_000)
    for fact in (js.enrolled(23, start="2027-01-06", tuition_fen=70_000), js.confirmed(23)):
        fact["subject"] = worker_ref(20)
    js.returned(first, 50_000)
    js.voided(next(f for f in js.facts[::-1] if f["type"] == provinces.ENROLLMENT_WITHDRAWN))
    js.returned(second, 60_000)


def _corrections(js: Province) -> None:
    """Enrollments, confirmations, withdrawals and scholarships that are voided or corrected, paid ones among them."""
    wrong = js.enrolled(24, start="2027-01-07")
    js.voided(wrong, superseded_by="right")
    right = js.enrolled(24, start="2027-01-07", tuition_fen=90_000)
    granted = js.confirmed(22)
    js.voided(granted)
    js.paid(24, 1, year=2027)
    paid = js.enrolled(25, start="2027-01-07")
    js.confirmed(25)
    js.paid(25, 40_000, year=2027)
    js.voided(paid, superseded_by="right")
    js.enrolled(25, start="2027-01-07", tuition_fen=30_000)
    covered = js.enrolled(26, start="2027-01-07", tuition_fen=20_000)
    given = js.scholarship(26, 20_000, pot="enterprise", awarded_on="2027-01-02", tuition_fen=20_000)
    js.voided(covered, superseded_by="right")
    js.enrolled(26, start="2027-01-07", tuition_fen=20_000)
    js.scholarship(26, 1, pot="enterprise", awarded_on="2027-01-02", tuition_fen=20_000)
    js.voided(given)
    for n in (27, 29, 31, 32, 33):
        js.enrolled(n, start="2027-01-08")
    part = js.scholarship(33, 450_000, pot="enterprise", awarded_on="2027-01-02")
    js.scholarship(32, 500_000, pot="enterprise", awarded_on="2027-01-02")
    js.voided(part, superseded_by="right")
    js.scholarship(33, 410_000, pot="enterprise", awarded_on="2027-01-02")
    js.voided(right)
    js.enrolled(24, start="2027-01-09")
    js.confirmed(31)
    gone = js.withdrawn(31)
    js.allocated(2 * YUAN_1000_FEN, year=2027)
    js.voided(gone)


def journal_lines(shelf: Shelf) -> list[str]:
    """A journal as text, one entry a line."""
    return [
        orjson.dumps(
            {
                "no": e.no,
                "type": e.type.removeprefix("dreams.").removesuffix(".v1"),
                "about": e.about,
                "enrollment": e.enrollment_no,
                "subject": e.subject and e.subject[:8],
                "cause": e.cause.id,
                "scheme": [e.scheme, e.scheme_version],
                "inputs": e.inputs,
                "steps": e.steps,
                "data": e.data,
                "moves": [
                    f"{p.budget.fiscal_year}/{p.budget.fund_source} {p.purpose} {p.amount_fen}"
                    for p in e.postings
                ],
            }
        ).decode()
        for e in shelf.entries
    ]


def reviewed_journal(rules: Rules) -> list[str]:
    """What comes of the reviewed history, of parts, limits, activated schemes and other provinces, as text."""
    shelf = Shelf(rules)
    for fact in reviewed().facts:
        shelf.take([read(fact)])
    others = (history_in_parts(), history_of_limits(), history_from_outside())
    return journal_lines(shelf) + [line for one in others for line in journal_lines(one)]


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


LIMITED = Rules([one.model_copy(update={"lifetime_awards_per_level": 1}) for one in load_schemes(SCHEMES)])


def history_of_limits() -> Shelf:
    """What comes of one person's enrollments on two lanes, and of schemes that an event puts in force, or does not."""
    nation, js, zj = Province("00"), Province("32"), Province("33")
    shelf = Shelf(LIMITED)

    def take(fact: dict[str, Any], person: int = 7) -> dict[str, Any]:
        shelf.take([read(fact | {"subject": worker_ref(person)} if fact["subject"] else fact)])
        shelf.look_again()
        return fact

    for lane in (js, zj):
        take(lane.day("2026-03-01"))
    take(js.allocated(3 * YUAN_1000_FEN))
    take(js.enrolled(1))
    take(zj.enrolled(2))
    take(zj.enrolled(3, level_before="associate", level_after="bachelor"))
    gone = take(js.withdrawn(1))
    take(js.voided(gone))
    take(js.enrolled(4, history=True))
    paid = take(js.paid(4, 90_000, history=True))
    take(js.returned(paid))
    take(js.allocated(50_000, pot="wuxi-merit", level="city"))
    wrong = take(js.enrolled(5), 8)
    given = take(js.scholarship(5, 50_000), 8)
    take(js.voided(wrong, superseded_by="right"), 8)
    take(js.enrolled(5, tuition_fen=50_000), 8)
    take(js.voided(given), 8)
    for lane in (nation, js):
        take(lane.activated(3, valid_from="2027-01-01", amount_base_fen=70_000, lifetime_awards_per_level=2))
    take(nation.activated(3, valid_from="2027-01-01"))
    take(nation.activated(1, scheme="other"))
    take(js.enrolled(6, start="2027-01-01"))
    return shelf


FROM_OUTSIDE = Rules(load_schemes(SCHEMES), outside_percent=40)


def history_from_outside() -> Shelf:
    """What comes of enrollments that other provinces report, where they may take two fifths of a budget unconfirmed."""
    js, shelf = Province(), Shelf(FROM_OUTSIDE)
    js.day("2026-03-01")
    js.allocated(5 * YUAN_1000_FEN)
    for n, lane in enumerate(("34", "34", "34", "32", "33", "32"), 1):
        js.enrolled(n, reported_by=lane)
    js.confirmed(3)  # granted at once
    js.withdrawn(1)  # so there is room for 5
    js.enrolled(7, reported_by="34")
    js.enrolled(8)
    js.confirmed(7)  # before 8 in the queue
    js.enrolled(9, reported_by="34")
    js.withdrawn(9)
    js.voided(js.enrolled(10, reported_by="34"))
    js.allocated(5 * YUAN_1000_FEN)
    shelf.take([read(fact) for fact in js.facts])
    return shelf


if __name__ == "__main__":
    print("\n".join(reviewed_journal(Rules(load_schemes(SCHEMES)))))  # noqa: T201 - it is the program's answer
