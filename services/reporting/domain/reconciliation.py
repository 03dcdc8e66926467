"""What reporting has beside what its publishers say: number by number, and the first difference is named."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final, Literal, NamedTuple

from services.reporting.domain.cubes import ANY
from services.reporting.domain.tally import NONE
from shared.contracts import provinces, subsidy

State = Literal["agrees", "waits", "differs"]
Kind = Literal["days", "facts", "records", "ledger", "cells"]
KINDS: Final[tuple[Kind, ...]] = ("days", "facts", "records", "ledger", "cells")
BEHIND_DAYS_MAX: Final = 1
"""While a day begins its lanes do not come in one moment: one day behind is waited for, two are a difference."""
Numbers = Mapping[str, int]
"""Name of a number → the number; what is not named is zero."""


class Found(NamedTuple):
    """How one comparison on one lane came out."""

    lane: str
    kind: Kind
    state: State
    expected: int
    found: int
    differences: int
    """How many numbers differ."""
    about: str
    """The first of them, by name; empty where none does."""


def compared(lane: str, kind: Kind, expected: Numbers, found: Numbers) -> Found:
    """All numbers beside each other; their sums stand for all of them."""
    names = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name, 0) != found.get(name, 0)
    )
    return Found(
        lane,
        kind,
        "differs" if names else "agrees",
        sum(expected.values()),
        sum(found.values()),
        len(names),
        names[0] if names else "",
    )


# ---------------------------------------------------------------- days and cursors


class Stands(NamedTuple):
    """Where one lane of one stream stands."""

    stopped: bool
    waits: bool
    """For facts that are missing in between."""


def days(
    lane: str,
    newest: Mapping[str, date],
    ledger_day: date | None,
    stands: Iterable[Stands],
) -> Found:
    """How many days the lane is behind: its own day behind that of all lanes, subsidy's statement behind its own day.

    `newest` is the newest day that began on each lane.
    """
    cursors = list(stands)
    if any(one.stopped for one in cursors):
        return Found(lane, "days", "differs", 0, 0, 1, "stopped")
    if any(one.waits for one in cursors):
        return Found(lane, "days", "differs", 0, 0, 1, "facts missing in between")
    if not newest:
        return Found(lane, "days", "agrees", 0, 0, 0, "")
    own = newest.get(lane)
    if own is None:
        return Found(lane, "days", "waits", 0, 0, 1, "no day has begun")
    behind = (max(newest.values()) - own).days
    if ledger_day is None:
        return Found(lane, "days", "waits", 0, behind, 1, "the ledger has said nothing")
    ledger_behind = (own - ledger_day).days
    late = max(behind, ledger_behind)
    if late <= 0:
        return Found(lane, "days", "agrees", 0, 0, 0, "")
    about = "enrollment.events" if behind >= ledger_behind else "subsidy.events"
    state: State = "waits" if late <= BEHIND_DAYS_MAX else "differs"
    return Found(lane, "days", state, 0, late, 1, f"{about} behind")


# ---------------------------------------------------------------- records accepted, records counted


class Records(NamedTuple):
    """Accepted records of one province by its receipts, and what was counted of them."""

    accepted: Mapping[date, int]
    """Day → accepted, as the day's tally says."""
    taken_in: Mapping[date, int]
    """Day on which it was recorded → counted, on whichever lanes."""


def records(lane: str, of: Records, newest: Mapping[str, date], recorded: date | None) -> Found:
    """All that receipts have accepted up to a day beside all that was counted.

    What belongs to another lane is stamped there a moment later, perhaps on the next day: so up to a day not more may
    be counted than was accepted, and all of it must be there when the day after the next has begun everywhere.
    `recorded` is the day on which the lane's newest fact was recorded: a shifted clock begins days before it.
    """
    if lane not in newest:
        return Found(lane, "records", "waits", 0, 0, 0, "")
    ended = newest[lane] - timedelta(days=1)
    settled = min(newest.values()) - timedelta(days=2)
    expected = sum(n for day, n in of.accepted.items() if day <= ended)
    over = min(ended, recorded - timedelta(days=1)) if recorded else ended
    early = sum(n for day, n in of.taken_in.items() if day <= over)
    ever = sum(of.taken_in.values())
    if early > expected:
        return Found(lane, "records", "differs", expected, early, 1, "more counted than accepted")
    if ever >= expected:
        return Found(lane, "records", "agrees", expected, expected, 0, "")
    must = sum(n for day, n in of.accepted.items() if day <= min(ended, settled))
    state: State = "differs" if ever < must else "waits"
    return Found(lane, "records", state, expected, ever, 1, "fewer counted than accepted")


# ---------------------------------------------------------------- money


class Moved(NamedTuple):
    """Facts of one type and one budget, added up."""

    lane: str
    type: str
    takes_away: bool
    """What a void takes away."""
    state_before: str | None
    fiscal_year: int | None
    fund_source: str | None
    from_fiscal_year: int | None
    amount_fen: int
    paid_fen: int
    returned_fen: int
    clawed_back_fen: int


LEDGER_MEASURES: Final = (
    "opened_fen",
    "reserved_fen",
    "granted_fen",
    "disbursed_fen",
    "receivable_fen",
    "scholarship_fen",
    "written_off_fen",
    "released_reserved_fen",
    "released_granted_fen",
)
"""Measures of money that follow from what the ledger has said."""
MONEY_MEASURES: Final = (*LEDGER_MEASURES, "planned_fen", "allocated_fen")
"""Measures of money that are counted again."""


Change = tuple[str, int, str]
"""Measure, sign, and the column that says how much; `{}` stands for the state before."""
_AMOUNT: Final = "amount_fen"
_MOVES: Final[Mapping[str, tuple[Change, ...]]] = {
    provinces.PLAN_DECLARED: (("planned_fen", 1, _AMOUNT),),
    provinces.BUDGET_ALLOCATED: (("allocated_fen", 1, _AMOUNT),),
    subsidy.BUDGET_OPENED: (("opened_fen", 1, _AMOUNT),),
    subsidy.BUDGET_INCREASED: (("opened_fen", 1, _AMOUNT),),
    subsidy.BUDGET_REDUCED: (("opened_fen", 1, _AMOUNT),),  # its amount is kept with its sign
    subsidy.CARRYOVER_BOOKED: (("opened_fen", 1, _AMOUNT),),
    subsidy.SUBSIDY_RESERVED: (("reserved_fen", 1, _AMOUNT),),
    subsidy.SUBSIDY_GRANTED: (("granted_fen", 1, _AMOUNT),),
    subsidy.SUBSIDY_GRANT_REVERSED: (("granted_fen", -1, _AMOUNT),),
    subsidy.SUBSIDY_RELEASED: (("released_{}_fen", 1, _AMOUNT),),
    subsidy.SUBSIDY_VOIDED: (("released_{}_fen", 1, _AMOUNT),),
    subsidy.SUBSIDY_DISBURSED: (("disbursed_fen", 1, "paid_fen"),),
    subsidy.SUBSIDY_RETURNED: (("disbursed_fen", -1, "returned_fen"),),
    subsidy.SUBSIDY_CLAWED_BACK: (
        ("disbursed_fen", -1, "clawed_back_fen"),
        ("receivable_fen", 1, "clawed_back_fen"),
    ),
    subsidy.CLAWBACK_REPAID: (("receivable_fen", -1, _AMOUNT),),
    subsidy.CLAWBACK_WRITTEN_OFF: (("receivable_fen", -1, _AMOUNT), ("written_off_fen", 1, _AMOUNT)),
    subsidy.SCHOLARSHIP_BOOKED: (("scholarship_fen", 1, _AMOUNT),),
    subsidy.SCHOLARSHIP_REVERSED: (("scholarship_fen", -1, _AMOUNT),),
}
MOVES_MONEY: Final = tuple(_MOVES)
"""Types whose amounts are counted again."""


def money_of(moved: Iterable[Moved]) -> Counter[tuple[int, str, str]]:
    """(fiscal year, fund source, measure) → fen, counted again from the columns of facts."""
    total: Counter[tuple[int, str, str]] = Counter()
    for one in moved:
        if one.state_before == "waitlisted":
            continue  # what waits holds no money
        year, source, void = one.fiscal_year or 0, one.fund_source or "", -1 if one.takes_away else 1
        for measure, sign, column in _MOVES[one.type]:
            total[year, source, measure.format(one.state_before)] += void * sign * getattr(one, column)
        if one.type == subsidy.CARRYOVER_BOOKED:
            total[one.from_fiscal_year or 0, source, "opened_fen"] -= one.amount_fen
    return total


def balances(money: Mapping[tuple[int, str, str], int]) -> Counter[str]:
    """What the accounts of the ledger hold, by what the cube of money says was moved between them."""
    accounts: Counter[str] = Counter()
    for (year, source, measure), fen in money.items():
        for account, sign in _ACCOUNTS.get(measure, ()):
            accounts[_account(year, source, account)] += sign * fen
    return Counter({name: fen for name, fen in accounts.items() if fen})


def stated(said: Mapping[str, Any]) -> Counter[str]:
    """The same as the ledger states it, out of the fact's data."""
    return Counter(
        {
            _account(budget["fiscal_year"], budget["fund_source"], account): budget[account]
            for budget in said["budgets"]
            for account in _STATED
            if budget[account]
        }
    )


def _account(year: int, source: str, account: str) -> str:
    return f"{year} {source} {account}"


_STATED: Final = (
    "allocated_fen",
    "reserved_fen",
    "granted_fen",
    "disbursed_fen",
    "receivable_fen",
    "scholarship_fen",
    "written_off_fen",
)
_ACCOUNTS: Final[Mapping[str, tuple[tuple[str, int], ...]]] = {
    "opened_fen": (("allocated_fen", 1),),
    "reserved_fen": (("reserved_fen", 1),),
    "granted_fen": (("reserved_fen", -1), ("granted_fen", 1)),
    "released_reserved_fen": (("reserved_fen", -1),),
    "released_granted_fen": (("granted_fen", -1),),
    # What is clawed back is released from what was granted, too, and is disbursed no more.
    "disbursed_fen": (("granted_fen", -1), ("disbursed_fen", 1)),
    "receivable_fen": (("receivable_fen", 1),),
    "scholarship_fen": (("scholarship_fen", 1),),
    "written_off_fen": (("written_off_fen", 1),),
}


# ---------------------------------------------------------------- cells, counted again from the facts


class Happened(NamedTuple):
    """Facts of one type, month, category and track, counted."""

    type: str
    takes_away: bool
    month: str
    category: str
    track: str | None
    facts: int


COUNTED_AGAIN: Final[Mapping[str, tuple[str, int]]] = {
    provinces.WORKER_ENROLLED: ("enrolled", 1),
    provinces.ENROLLMENT_CONFIRMED: ("confirmed", 1),
    provinces.ENROLLMENT_SUSPENDED: ("suspended", 1),
    provinces.ENROLLMENT_RESUMED: ("resumed", 1),
    provinces.ENROLLMENT_WITHDRAWN: ("withdrawn", 1),
    provinces.DEGREE_COMPLETED: ("completed", 1),
    provinces.TRAINING_COMPLETED: ("trained", 1),
    provinces.CERTIFICATE_EARNED: ("certified", 1),
    provinces.TITLE_AWARDED: ("titled", 1),
    provinces.PROJECT_ESTABLISHED: ("projects", 1),
    provinces.INSTITUTION_JOINED: ("institutions", 1),
    provinces.ALLIANCE_FORMED: ("alliances", 1),
    provinces.TUTORS_PAIRED: ("tutor_pairs", 1),
    subsidy.SUBSIDY_RESERVED: ("awards_reserved", 1),
    subsidy.SUBSIDY_GRANTED: ("awards_granted", 1),
    subsidy.SUBSIDY_GRANT_REVERSED: ("awards_granted", -1),
    subsidy.SUBSIDY_WAITLISTED: ("awards_waitlisted", 1),
    subsidy.SUBSIDY_RELEASED: ("awards_released", 1),
    subsidy.SUBSIDY_VOIDED: ("awards_released", 1),
    subsidy.SCHOLARSHIP_BOOKED: ("scholarships", 1),
    subsidy.SCHOLARSHIP_REVERSED: ("scholarships", -1),
}
"""Types that the columns of a fact say enough about: type → the measure of the cube `study`, and its sign."""
STUDY_MEASURES: Final = tuple(sorted({measure for measure, _ in COUNTED_AGAIN.values()}))


def recounted(happened: Iterable[Happened], moved: Iterable[Moved]) -> Counter[str]:
    """What the cells and the sums of a lane should be, by name."""
    total: Counter[str] = Counter()
    for one in happened:
        measure, sign = COUNTED_AGAIN[one.type]
        change = sign * (-one.facts if one.takes_away else one.facts)
        total[study_name(one.month, one.category, one.track or NONE, measure)] += change
        if one.category == ANY:
            total[standing_name(measure)] += change
    for (year, source, measure), fen in money_of(moved).items():
        total[money_name("money", str(year), source, measure)] += fen
        total[money_name("flows", str(year), source, measure)] += fen
        total[standing_name(measure)] += fen
    return Counter({name: number for name, number in total.items() if number})


def study_name(month: str, category: str, track: str, measure: str) -> str:
    """A cell of the cube of study."""
    return f"study {month} {category} {track} {measure}"


def money_name(cube: str, year: str, source: str, measure: str) -> str:
    """Cells of the cubes of money, of one budget."""
    return f"{cube} {year} {source} {measure}"


def standing_name(measure: str) -> str:
    """The sum that the page shows."""
    return f"total {measure}"
