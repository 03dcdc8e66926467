"""All that moves money, in any order and batches cut anywhere: the book equals a simple model, to the fen."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.book import Budget
from services.subsidy.domain.schemes import Rules
from tests.subsidy.facts import POT, Province, read, worker_ref
from tests.subsidy.model import PERSONS, RESERVATION_DAYS, Model
from tests.subsidy.shelf import Shelf

RULES = Rules(
    [scheme.model_copy(update={"reservation_days": RESERVATION_DAYS}) for scheme in load_schemes(SCHEMES)]
)
FIRST_DAY = date(2026, 12, 20)
YEARS = (2026, 2027)
AMOUNTS = st.sampled_from([1, 39_999, 60_000, 100_000, 250_000, 500_000])
TUITIONS = st.sampled_from([0, 1, 40_000, 40_000, 100_000, 100_001, 300_000])
PICKS = st.integers(0, 1000)


def _somebody(machine: "MoneyOfOneLane") -> bool:
    return bool(machine.standing)


class MoneyOfOneLane(RuleBasedStateMachine):
    """What the door would let through, in any order: an enrollment is confirmed and left once until that is voided."""

    def __init__(self) -> None:
        super().__init__()
        self.province, self.model = Province(), Model(FIRST_DAY)
        self.cut, self.whole = Shelf(RULES), Shelf(RULES)
        self.carried = 0
        self.standing: dict[int, dict[str, dict[str, Any]]] = {}
        """Enrollment → what stands of it: the facts by kind."""
        self.paid: list[dict[str, Any]] = []
        self.province.day(FIRST_DAY.isoformat())
        for year in YEARS:
            self.allocate_first(year)

    def allocate_first(self, year: int) -> None:
        """Money for two and a half awards: some wait soon, and some do not."""
        self.province.allocated(250_000, year=year)
        self.model.allocate(year, 250_000)

    def _one(self, pick: int, fits: Callable[[int, dict[str, Any]], bool]) -> int | None:
        """An enrollment for which something can happen, if there is one."""
        fitting = [n for n, there in self.standing.items() if fits(n, there)]
        return fitting[pick % len(fitting)] if fitting else None

    @rule(
        kind=st.sampled_from(["allocate", "increase", "cut", "carry over"]),
        year=st.sampled_from(YEARS),
        amount_fen=AMOUNTS,
    )
    def change_a_budget(self, kind: str, year: int, amount_fen: int) -> None:
        if kind == "allocate":
            self.province.allocated(amount_fen, year=year)
            self.model.allocate(year, amount_fen)
        elif kind == "carry over":
            self.province.carried_over(amount_fen)
            self.model.carry_over(amount_fen)
        else:
            change_fen = -amount_fen if kind == "cut" else amount_fen
            self.province.adjusted(change_fen, year=year)
            self.model.adjust(year, change_fen)

    @rule(days=st.sampled_from([1, RESERVATION_DAYS - 1, RESERVATION_DAYS, 45]))
    def next_day(self, days: int) -> None:
        day = self.model.day + timedelta(days=days)
        self.province.day(day.isoformat())
        self.model.begin(day)

    @rule(tuitions=st.lists(TUITIONS, min_size=1, max_size=4))
    def enroll(self, tuitions: list[int]) -> None:
        for tuition_fen in tuitions:
            self._enroll(len(self.standing), tuition_fen)

    @rule(paid_fen=st.sampled_from([1, 60_000, 100_000]), leaves=st.booleans())
    def study(self, paid_fen: int, *, leaves: bool) -> None:
        """The common way in one step: enrolled, confirmed, paid as far as it is granted, perhaps left."""
        n = len(self.standing)
        self._enroll(n, 500_000)
        self._confirm(n)
        self._pay(n, self.model.awards[n].year, paid_fen)
        if leaves:
            self._withdraw(n)

    def _enroll(self, n: int, tuition_fen: int, start: date | None = None) -> None:
        start = start or self.model.day
        fact = self._of(n, self.province.enrolled(n, tuition_fen=tuition_fen, start=start.isoformat()))
        self.model.enroll(n, tuition_fen, start, fact["seq"])
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
        n = self._one(pick, lambda _, there: "enrolled" in there and "withdrawn" not in there)
        if n is not None:
            self._withdraw(n)

    def _withdraw(self, n: int) -> None:
        self.standing[n]["withdrawn"] = self._of(n, self.province.withdrawn(n, **self._known(n)))
        self.model.withdraw(n)

    @precondition(_somebody)
    @rule(pick=PICKS)
    def void_the_last_step(self, pick: int) -> None:
        n = pick % len(self.standing)
        there = self.standing[n]
        kind = next((kind for kind in ("withdrawn", "confirmed", "enrolled") if kind in there), None)
        if kind is None:
            return
        self.province.voided(there.pop(kind))
        if kind == "withdrawn":
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
            self._enroll(n, tuition_fen)
        else:
            self.province.voided(there["enrolled"], superseded_by="right")
            self.model.void(n, corrected=True)
            self._enroll(n, tuition_fen, self.model.awards[n].start)

    @precondition(_somebody)
    @rule(pick=PICKS, awarded_fen=st.sampled_from([1, 2, 39_999, 60_000, 100_000, 200_000]))
    def award_scholarship(self, pick: int, awarded_fen: int) -> None:
        n = pick % len(self.standing)
        if "enrolled" in self.standing[n]:
            on = self.model.day.isoformat()
            fact = self.province.scholarship(n, awarded_fen, pot=POT, awarded_on=on, **self._known(n))
            self._of(n, fact)
            self.model.award_scholarship(n, awarded_fen)

    @precondition(_somebody)
    @rule(
        pick=PICKS,
        other_year=st.sampled_from(YEARS),
        amount_fen=st.sampled_from([1, 50_000, 100_000, 100_001]),
    )
    def pay(self, pick: int, other_year: int, amount_fen: int) -> None:
        awards = self.model.awards
        n = self._one(
            pick, lambda n, _: awards[n].state == "granted" or (pick % 5 == 0 and awards[n].state != "voided")
        )
        if n is not None:
            year = awards[n].year if pick % 3 else other_year
            self._pay(n, year, amount_fen)

    def _pay(self, n: int, year: int, amount_fen: int) -> None:
        self.paid.append(self._of(n, self.province.paid(n, amount_fen, year=year, **self._known(n))))
        self.model.pay(n, year, amount_fen)

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
        for year in YEARS:
            budget = self.cut.budgets.get(("32", year, POT), Budget("32", year, POT))
            assert budget.free_fen == model.free(year) >= 0
            assert budget.allocated_fen == model.allocated.get(year, 0)
            assert budget.waiting == len(model.queue(year))
            assert budget.drain is None
        found = {
            int(no[3:]): (a.state, a.amount_fen, a.disbursed_fen, a.confirmed, a.fiscal_year)
            for no, a in self.cut.awards.items()
            if a.state not in ("refused", "voided")
        }
        wanted = {
            n: (a.state, a.amount, a.paid, a.confirmed, a.year)
            for n, a in model.awards.items()
            if a.state not in ("refused", "voided")
        }
        assert found == wanted
        owed = {(int(no[3:]), year): claim.open_fen for (no, year, _), claim in self.cut.claims.items()}
        assert +Counter(owed) == +model.owed

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
        for award in shelf.awards.values():
            assert not award.held_fen or award.held_fen + award.scholarship_fen <= award.tuition_fen

    def teardown(self) -> None:
        self.carry()
        self.equals_the_model()
        self.whole.take([read(fact) for fact in self.province.facts])
        self.whole.come_to_rest()
        assert self.cut.journal() == self.whole.journal()
        ids = Counter((entry.cause.id, entry.type, entry.about) for entry in self.whole.entries)
        assert max(ids.values(), default=1) == 1


TestMoneyOfOneLane = MoneyOfOneLane.TestCase
