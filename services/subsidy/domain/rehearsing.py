"""Decides a lane's history again in memory, under other schemes or budgets: what would have come of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from services.subsidy.domain import activating, deciding
from services.subsidy.domain.book import Award, Book, Entry
from services.subsidy.domain.schemes import Rules, Scheme, overlap
from shared.contracts import provinces, subsidy
from shared.contracts.envelope import Fact, shanghai_day

_FUNDING: Final = frozenset(
    {provinces.BUDGET_ALLOCATED, provinces.BUDGET_ADJUSTED, provinces.BUDGET_CARRIED_OVER}
)
"""Facts that give money to a budget or take it away; where a budget is supposed, they count for nothing."""
_YEARS: Final = ("fiscal_year", "from_fiscal_year", "to_fiscal_year")
"""Which budgets such a fact is about."""


def with_scheme(schemes: Sequence[Scheme], new: Scheme) -> tuple[Scheme, ...]:
    """The schemes as they would stand with `new` in force: an earlier version ends on the day before.

    What would begin on its first day or later, and cover the same enrollments, is left out.
    """
    found = [new]
    for scheme in schemes:
        if (scheme.name, scheme.version) == (new.name, new.version):
            continue
        if overlap((scheme, new)) is None:
            found.append(scheme)
        elif scheme.valid_from < new.valid_from:
            found.append(scheme.model_copy(update={"valid_until": new.valid_from - timedelta(days=1)}))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class PotOutcome:
    """What became of one budget, in fen."""

    fund_source: str
    allocated_fen: int
    held_fen: int
    """Reserved, granted and whatever follows a grant."""
    scholarship_fen: int
    free_fen: int
    waiting: int
    exhausted_on: date | None
    """The day on which it first could not carry an award."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one fiscal year of a lane."""

    states: Mapping[str, int]
    """Awards by the state in which they ended."""
    held_fen: int
    by_category: Mapping[str, int]
    """Awards that hold money, by the worker's flags, which overlap."""
    pots: Sequence[PotOutcome]


@dataclass(frozen=True, slots=True)
class Difference:
    """Whom another outcome would have changed: awards and fen, nobody's name."""

    gained: int
    """Hold money in the other outcome only."""
    gained_fen: int
    lost: int
    """Hold money in the first outcome only."""
    lost_fen: int
    more: int
    """Hold more in the other one."""
    more_fen: int
    less: int
    less_fen: int
    same: int
    """Hold the same."""


@dataclass(slots=True)
class Rehearsal:
    """One lane's history under some rules; `supposed_fen` replaces what was allocated to pots of the year.

    With a `supposed` scheme the rules are those without it: it stands over whatever the lane activates, too.
    """

    rules: Rules
    lane: str
    year: int
    supposed_fen: Mapping[str, int] = field(default_factory=dict)
    supposed: Scheme | None = None
    _book: Book = field(default_factory=lambda: Book(knows_all=True))
    _exhausted_on: dict[str, date] = field(default_factory=dict)
    _begun: bool = False

    def __post_init__(self) -> None:
        self._book.outside_percent = self.rules.outside_percent

    def take(self, fact: Fact[Any]) -> None:
        """Decide the next fact of the lane; money that is supposed is there from the first one on."""
        if not self._begun:
            self._begun = True
            for pot, amount_fen in self.supposed_fen.items():
                if amount_fen:
                    self._decide(_allocation(fact, self.year, pot, amount_fen))
        if not (fact.type in _FUNDING and self._is_supposed(fact.data)):
            self._decide(fact)

    def outcome(self) -> Outcome:
        """What became of the year so far."""
        held = [award for award in self._awards() if award.held_fen]
        pots = [
            PotOutcome(
                budget.fund_source,
                budget.allocated_fen,
                budget.allocated_fen - budget.free_fen - budget.scholarship_fen,
                budget.scholarship_fen,
                budget.free_fen,
                budget.waiting + budget.held_back,
                self._exhausted_on.get(budget.fund_source),
            )
            for _, budget in sorted(self._book.budgets.items())
            if budget.fiscal_year == self.year
        ]
        return Outcome(
            dict(Counter(award.state for award in self._awards())),
            sum(award.held_fen for award in held),
            dict(Counter(flag for award in held for flag in award.categories)),
            pots,
        )

    def held_fen(self) -> dict[str, int]:
        """What each enrollment's award holds of the year's budgets, all its parts together."""
        held: dict[str, int] = {}
        for award in self._awards():
            held[award.enrollment_no] = held.get(award.enrollment_no, 0) + award.held_fen
        return held

    def _awards(self) -> list[Award]:
        return [
            award
            for award in self._book.awards.values()
            if award.fiscal_year == self.year and award.state != "voided"
        ]

    def _is_supposed(self, data: Any) -> bool:
        years = [getattr(data, name, None) for name in _YEARS]
        return self.year in years and data.fund_source in self.supposed_fen

    def schemes(self) -> Sequence[Scheme]:
        """The versions as they stand at the end."""
        return self._rules().schemes

    def _rules(self) -> Rules:
        """What is decided by now: with what the lane has activated, and what is supposed."""
        rules = activating.rules_of(self.rules, self._book, self.lane)
        if self.supposed is None:
            return rules
        return replace(rules, schemes=with_scheme(rules.schemes, self.supposed))

    def _decide(self, fact: Fact[Any]) -> None:
        if fact.type == provinces.SCHEME_ACTIVATED or self.supposed is None:
            deciding.decide(self.rules, self._book, self.lane, fact)
        else:
            self._decide_supposing(fact)
        for entry in self._book.entries:
            self._note(entry, fact)
        self._book.entries.clear()
        self._book.counted = 0
        self._book.alerts.clear()  # when a budget runs out is not asked here
        self._book.again.clear()  # what other lanes hold is not known here

    def _decide_supposing(self, fact: Fact[Any]) -> None:
        page = self._book.lane(self.lane)
        real, page.rules = page.rules, self._rules()
        deciding.decide(page.rules, self._book, self.lane, fact)
        page.rules = real

    def _note(self, entry: Entry, fact: Fact[Any]) -> None:
        """What is needed later of an entry: when money ran out, and which scholarships a void would take back."""
        if entry.type == subsidy.BUDGET_EXHAUSTED and entry.data["fiscal_year"] == self.year:
            day = self._book.lane(self.lane).day or shanghai_day(fact.recordedtime)
            self._exhausted_on.setdefault(entry.data["fund_source"], day)
        booked = [
            (posting.budget.key, posting.amount_fen)
            for posting in entry.postings
            if posting.purpose == "scholarship" and posting.amount_fen > 0
        ]
        if booked:
            self._book.booked.setdefault(entry.cause.id, []).extend(booked)


def difference(first: Rehearsal, other: Rehearsal) -> Difference:
    """Whom the other outcome would have changed."""
    mine, theirs = first.held_fen(), other.held_fen()
    counts: Counter[str] = Counter()
    fen: Counter[str] = Counter()
    for number in mine.keys() | theirs.keys():
        before_fen, after_fen = mine.get(number, 0), theirs.get(number, 0)
        if not before_fen and not after_fen:
            continue
        kind = _kind(before_fen, after_fen)
        counts[kind] += 1
        fen[kind] += after_fen - before_fen
    return Difference(
        counts["gained"],
        fen["gained"],
        counts["lost"],
        fen["lost"],
        counts["more"],
        fen["more"],
        counts["less"],
        fen["less"],
        counts["same"],
    )


def _kind(before_fen: int, after_fen: int) -> str:
    if not before_fen:
        return "gained"
    if not after_fen:
        return "lost"
    if before_fen == after_fen:
        return "same"
    return "more" if after_fen > before_fen else "less"


def _allocation(first: Fact[Any], year: int, pot: str, amount_fen: int) -> Fact[Any]:
    """Money that is supposed, as if it had been allocated before anything else."""
    said = provinces.BudgetAllocated(
        document_no="what-if",
        fiscal_year=year,
        fund_source=pot,
        funder=provinces.Funder(name="what-if", level="provincial"),
        amount_fen=amount_fen,
    )
    return first.model_copy(
        update={"id": f"what-if-{pot}", "type": provinces.BUDGET_ALLOCATED, "subject": None, "data": said}
    )
