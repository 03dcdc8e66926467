"""All that moves money, in any order and batches cut anywhere: the book equals a simple model, to the fen."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.book import STANDING, Budget
from services.subsidy.domain.schemes import Rules
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read, worker_ref
from tests.subsidy.histories import scheme_in_parts
from tests.subsidy.model import COMPLETION_DAYS, OUTSIDE_PERCENT, PERSONS, RESERVATION_DAYS, Model, Plan
from tests.subsidy.shelf import Shelf

DAYS = {"reservation_days": RESERVATION_DAYS, "completion_days": COMPLETION_DAYS}
ONE_PART = Rules(
    [scheme.model_copy(update=DAYS) for scheme in load_schemes(SCHEMES)], outside_percent=OUTSIDE_PERCENT
)
NATION = "national-fund"
IN_PARTS = Rules(
    [
        scheme_in_parts(
            {"fund_source": NATION, "share_percent": 50, "share_of": "base", "when_exhausted": "next"},
            {"fund_source": POT, "share_percent": 50, "share_of": "base", "at_most_fen": 80_000},
            {"fund_source": POT, "amount_fen": 30_000, "due": "completion"},
            {"fund_source": NATION, "amount_fen": 20_000, "when_exhausted": "partial"},
            {"fund_source": POT, "amount_fen": 40_000, "year_of_study": 2},
            **DAYS,
        )
    ],
    outside_percent=OUTSIDE_PERCENT,
)
PLANS = (
    Plan(NATION, 50_000, policy="next"),
    Plan(POT, 50_000, cap=80_000),
    Plan(POT, 30_000, at_completion=True),
    Plan(NATION, 20_000, policy="partial"),
    Plan(POT, 40_000, nth=2),
)
FIRST_DAY = date(2026, 12, 20)
YEARS = (2026, 2027)
_MOVE_MAX = loading.MOVE_MAX
AMOUNTS = st.sampled_from([1, 39_999, 60_000, 100_000, 250_000, 500_000])
TUITIONS = st.sampled_from([0, 1, 40_000, 40_000, 100_000, 100_001, 300_000])
PICKS = st.integers(0, 1000)


def _somebody(machine: "MoneyOfOneLane") -> bool:
    return bool(machine.standing)


class MoneyOfOneLane(RuleBasedStateMachine):
    """What the door would let through, in any order: each step of an enrollment is once until that is voided."""

    decided_by = ONE_PART
    plans: Sequence[Plan] = (Plan(POT, YUAN_1000_FEN),)
    pots: Sequence[str] = (POT,)
    move_max = loading.MOVE_MAX

    def __init__(self) -> None:
        super().__init__()
        loading.MOVE_MAX = self.move_max  # type: ignore[misc]
        self.province = Province()
        self.model = Model(FIRST_DAY, self.plans, in_parts=len(self.plans) > 1)
        self.cut, self.whole = Shelf(self.decided_by), Shelf(self.decided_by)
        self.carried = 0
        self.standing: dict[int, dict[str, dict[str, Any]]] = {}
        """Enrollment → what stands of it: the facts by kind."""
        self.paid: list[dict[str, Any]] = []
        self.province.day(FIRST_DAY.isoformat())
        for year in YEARS:
            for pot in self.pots:
                self.allocate_first(year, pot)

    def allocate_first(self, year: int, pot: str) -> None:
        """Money for two and a half awards: some wait soon, and some do not."""
        self.province.allocated(250_000, year=year, pot=pot)
        self.model.allocate((year, pot), 250_000)

    def _one(self, pick: int, fits: Callable[[int, dict[str, Any]], bool]) -> int | None:
        """An enrollment for which something can happen, if there is one."""
        fitting = [n for n, there in self.standing.items() if fits(n, there)]
        return fitting[pick % len(fitting)] if fitting else None

    @rule(
        kind=st.sampled_from(["allocate", "increase", "cut", "carry over"]),
        year=st.sampled_from(YEARS),
        amount_fen=AMOUNTS,
        pick=PICKS,
    )
    def change_a_budget(self, kind: str, year: int, amount_fen: int, pick: int) -> None:
        pot = self.pots[pick % len(self.pots)]
        if kind == "allocate":
            self.province.allocated(amount_fen, year=year, pot=pot)
            self.model.allocate((year, pot), amount_fen)
        elif kind == "carry over":
            self.province.carried_over(amount_fen, pot=pot)
            self.model.carry_over(pot, amount_fen)
        else:
            change_fen = -amount_fen if kind == "cut" else amount_fen
            self.province.adjusted(change_fen, year=year, pot=pot)
            self.model.adjust((year, pot), change_fen)

    @rule(days=st.sampled_from([1, RESERVATION_DAYS - 1, RESERVATION_DAYS, 45]))
    def next_day(self, days: int) -> None:
        day = self.model.day + timedelta(days=days)
        self.province.day(day.isoformat())
        self.model.begin(day)

    @rule(tuitions=st.lists(TUITIONS, min_size=1, max_size=4), outside=st.booleans())
    def enroll(self, tuitions: list[int], *, outside: bool) -> None:
        for tuition_fen in tuitions:
            self._enroll(len(self.standing), tuition_fen, outside=outside)

    @rule(paid_fen=st.sampled_from([1, 60_000, 100_000]), leaves=st.booleans())
    def study(self, paid_fen: int, *, leaves: bool) -> None:
        """The common way in one step: enrolled, confirmed, paid as far as it is granted, perhaps left."""
        n = len(self.standing)
        self._enroll(n, 500_000)
        self._confirm(n)
        self._pay(n, self.model.awards[n].parts[-1].key, paid_fen)
        if leaves:
            self._withdraw(n)

    def _enroll(self, n: int, tuition_fen: int, start: date | None = None, *, outside: bool = False) -> None:
        start = start or self.model.day
        said = {
            "tuition_fen": tuition_fen,
            "start": start.isoformat(),
            "reported_by": "34" if outside else "32",
        }
        fact = self._of(n, self.province.enrolled(n, **said))
        self.model.enroll(n, tuition_fen, start, fact["seq"], outside=outside)
        self.standing.setdefault(n, {})["enrolled"] = fact

    def _of(self, n: int, fact: dict[str, Any]) -> dict[str, Any]:
        """The fact as one of the worker of enrollment n, who has others too."""
        fact["subject"] = worker_ref(n % PERSONS)
        return fact

    def _known(self, n: int) -> dict[str, Any]:
        award = self.model.awards[n]
        return {"tuition_fen": award.tuition, "start": award.start.isoformat()}

    @precondition(_somebody)
    @rule(pick=PICKS)
    def confirm(self, pick: int) -> None:
        n = self._one(pick, lambda _, there: "enrolled" in there and "confirmed" not in there)
        if n is not None:
            self._confirm(n)

    def _confirm(self, n: int) -> None:
        self.standing[n]["confirmed"] = self._of(n, self.province.confirmed(n, **self._known(n)))
        self.model.confirm(n)

    @precondition(_somebody)
    @rule(pick=PICKS)
    def withdraw(self, pick: int) -> None:
        n = self._one(
            pick, lambda _, there: "enrolled" in there and not {"withdrawn", "completed"} & there.keys()
        )
        if n is not None:
            self._withdraw(n)

    def _withdraw(self, n: int) -> None:
        self.standing[n]["withdrawn"] = self._of(n, self.province.withdrawn(n, **self._known(n)))
        self.model.withdraw(n)

    @precondition(_somebody)
    @rule(pick=PICKS)
    def complete(self, pick: int) -> None:
        n = self._one(
            pick, lambda _, there: "enrolled" in there and not {"withdrawn", "completed"} & there.keys()
        )
        if n is not None:
            self.standing[n]["completed"] = self._of(n, self.province.completed(n, **self._known(n)))
            self.model.complete(n)

    @precondition(_somebody)
    @rule(pick=PICKS)
    def void_the_last_step(self, pick: int) -> None:
        n = pick % len(self.standing)
        there = self.standing[n]
        kind = next(
            (kind for kind in ("completed", "withdrawn", "confirmed", "enrolled") if kind in there), None
        )
        if kind is None:
            return
        self.province.voided(there.pop(kind))
        if kind == "completed":
            self.model.void_completion(n)
        elif kind == "withdrawn":
            self.model.void_withdrawal(n)
        elif kind == "confirmed":
            if self.model.awards[n].confirmed:
                self.model.void_confirmation(n)
        else:
            self.model.void(n, corrected=False)

    @precondition(_somebody)
    @rule(pick=PICKS, tuition_fen=TUITIONS)
    def correct_or_enroll_again(self, pick: int, tuition_fen: int) -> None:
        n = pick % len(self.standing)
        there = self.standing[n]
        if "enrolled" not in there:
            self._enroll(n, tuition_fen, outside=pick % 2 == 0)
        else:
            self.province.voided(there["enrolled"], superseded_by="right")
            self.model.void(n, corrected=True)
            self._enroll(n, tuition_fen, self.model.awards[n].start, outside=pick % 2 == 0)

    @precondition(_somebody)
    @rule(pick=PICKS, awarded_fen=st.sampled_from([1, 2, 39_999, 60_000, 100_000, 200_000]))
    def award_scholarship(self, pick: int, awarded_fen: int) -> None:
        n = pick % len(self.standing)
        if "enrolled" in self.standing[n]:
            on, pot = self.model.day.isoformat(), self.pots[pick % len(self.pots)]
            fact = self.province.scholarship(n, awarded_fen, pot=pot, awarded_on=on, **self._known(n))
            self._of(n, fact)
            self.model.award_scholarship(n, pot, awarded_fen)

    @precondition(_somebody)
    @rule(
        pick=PICKS,
        other_year=st.sampled_from(YEARS),
        amount_fen=st.sampled_from([1, 50_000, 100_000, 100_001]),
    )
    def pay(self, pick: int, other_year: int, amount_fen: int) -> None:
        awards = self.model.awards
        n = self._one(pick, lambda n, _: self._granted(n) != [] or (pick % 3 == 0 and not awards[n].void))
        if n is not None:
            keys = self._granted(n) or [awards[n].parts[0].key]
            year, pot = keys[pick % len(keys)]
            self._pay(n, (year if pick % 3 else other_year, pot), amount_fen)

    def _granted(self, n: int) -> list[tuple[int, str]]:
        """The budgets from which something is granted to an enrollment."""
        return [part.key for part in self.model.awards[n].parts if part.state == "granted"]

    def _pay(self, n: int, key: tuple[int, str], amount_fen: int) -> None:
        year, pot = key
        fact = self.province.paid(n, amount_fen, year=year, pot=pot, **self._known(n))
        self.paid.append(self._of(n, fact))
        self.model.pay(n, key, amount_fen)

    @precondition(lambda self: self.paid)
    @rule(pick=PICKS, less_fen=st.sampled_from([0, 0, 1, 49_999]))
    def take_back(self, pick: int, less_fen: int) -> None:
        place = pick % len(self.paid)
        amount_fen = max(1, self.paid[place]["data"]["amount_fen"] - less_fen)
        self.province.returned(self.paid[place], amount_fen)
        self.model.take_back(place, amount_fen)

    @rule()
    def carry(self) -> None:
        facts = [read(fact) for fact in self.province.facts[self.carried :]]
        self.carried = len(self.province.facts)
        self.cut.take(facts)
        self.cut.come_to_rest()

    @precondition(lambda self: self.carried == len(self.province.facts))
    @invariant()
    def equals_the_model(self) -> None:
        model = self.model
        for year, pot in ((year, pot) for year in (*YEARS, 2028) for pot in self.pots):
            budget = self.cut.budgets.get(("32", year, pot), Budget("32", year, pot))
            assert budget.free_fen == model.free((year, pot)) >= 0
            assert budget.allocated_fen == model.allocated.get((year, pot), 0)
            assert budget.waiting == len(model.queue((year, pot)))
            assert budget.held_back == len(model.held_back((year, pot)))
            assert budget.outside_fen == model.outside((year, pot))
            assert budget.drain is None
        found = {
            (int(a.enrollment_no[3:]), a.part): (
                a.state,
                a.amount_fen,
                a.disbursed_fen,
                a.confirmed,
                a.fiscal_year,
            )
            for a in self.cut.awards.values()
            if a.state not in ("refused", "voided")
        }
        wanted = {
            (a.number, p.no): (p.state, p.amount, p.paid, a.confirmed, p.year)
            for a, p in model.all_parts()
            if p.state not in ("refused", "voided")
        }
        assert found == wanted
        owed = {(int(no[3:]), *key): claim.open_fen for (no, *key), claim in self.cut.claims.items()}
        assert +Counter(owed) == +model.owed
        lines = sorted(self.cut.payments.values(), key=lambda payment: payment.line_no)
        told = [(one.booked_fen, one.unmatched_fen, one.waits) for one in lines]
        assert told == [(one.booked, one.unmatched, one.waits) for one in model.payments]

    @invariant()
    def holds_its_sums(self) -> None:
        shelf = self.cut
        for key, budget in shelf.budgets.items():
            awards = [award for award in shelf.awards.values() if award.budget_key == key]
            unpaid: Counter[str] = Counter()
            for award in awards:
                unpaid[award.state] += award.unpaid_fen
            assert (budget.reserved_fen, budget.granted_fen) == (unpaid["reserved"], unpaid["granted"])
            assert budget.disbursed_fen == sum(award.disbursed_fen for award in awards)
            claims = [claim.open_fen for claim in shelf.claims.values() if claim.budget_key == key]
            assert budget.receivable_fen == sum(claims)
            assert budget.free_fen >= 0
        for entry in shelf.entries:
            assert sum(posting.amount_fen for posting in entry.postings) == 0
        standing: Counter[str] = Counter()
        for award in shelf.awards.values():
            standing[award.enrollment_no] += award.amount_fen if award.state in STANDING else 0
            held_fen = standing[award.enrollment_no]
            assert not held_fen or held_fen + award.scholarship_fen <= award.tuition_fen

    def of_a_journal(self, shelf: Shelf) -> list[Any]:
        """What of it may not depend on how batches are cut: all."""
        return shelf.journal()

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            loading.MOVE_MAX = _MOVE_MAX  # type: ignore[misc]

    def _end(self) -> None:
        self.carry()
        self.equals_the_model()
        self.whole.take([read(fact) for fact in self.province.facts])
        self.whole.come_to_rest()
        assert self.of_a_journal(self.cut) == self.of_a_journal(self.whole)
        assert +self.cut.flows == +self.whole.flows
        for key, budget in self.whole.budgets.items():
            came = {way: sum(fen for (of, _, is_), fen in self.whole.flows.items() if (of, is_) == (key, way))
                    for way in ("added_fen", "freed_fen", "taken_fen")}  # fmt: skip
            assert came["added_fen"] == budget.allocated_fen
            assert came["added_fen"] + came["freed_fen"] - came["taken_fen"] == budget.free_fen
        ids = Counter((entry.cause.id, entry.type, entry.about) for entry in self.whole.entries)
        assert max(ids.values(), default=1) == 1


TestMoneyOfOneLane = MoneyOfOneLane.TestCase


class MoneyInSteps(MoneyOfOneLane):
    """The same where no more than three awards of a queue are loaded at once: what is said depends on no batch."""

    move_max = 3


TestMoneyInSteps = MoneyInSteps.TestCase


class MoneyInParts(MoneyOfOneLane):
    """The same where each award has five parts from two pots."""

    decided_by = IN_PARTS
    plans = PLANS
    pots = (NATION, POT)


TestMoneyInParts = MoneyInParts.TestCase


class MoneyInPartsAndSteps(MoneyInParts):
    """Both: where two pots move in steps these take turns, so what is said has another order and is the same."""

    move_max = 3

    def of_a_journal(self, shelf: Shelf) -> list[Any]:
        return sorted(repr((lane, decided)) for lane, _no, *decided in shelf.journal())


TestMoneyInPartsAndSteps = pytest.mark.campaign(MoneyInPartsAndSteps.TestCase)
