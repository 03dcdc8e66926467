"""Whatever persons do on three lanes: nobody has more awards than the limit, and nobody waits in vain."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.subsidy.domain.rederiving import rederive
from services.subsidy.domain.schemes import Rules
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read, worker_ref
from tests.subsidy.histories import scheme_in_parts
from tests.subsidy.shelf import Shelf
from tests.subsidy.test_lifetime import limited
from tests.subsidy.test_rederiving import kept

LANES = ("32", "33", "34")
PERSONS = 3
LIVE = ("reserved", "granted", "waitlisted", "committed")
IN_PARTS = (
    {"fund_source": POT, "share_percent": 50, "share_of": "base", "when_exhausted": "next"},
    {"fund_source": "city", "share_percent": 50, "share_of": "base"},
    {"fund_source": POT, "amount_fen": 30_000, "due": "completion", "when_exhausted": "partial"},
    {"fund_source": POT, "amount_fen": 20_000, "year_of_study": 2},
)
PICKS = st.integers(0, 1000)


class OnePersonOneAward(RuleBasedStateMachine):
    """What the door would let through: an enrollment is confirmed and left once until that is voided."""

    def __init__(self) -> None:
        super().__init__()
        self.provinces = {lane: Province(lane) for lane in LANES}
        self.limit, self.shelf = 1, Shelf(limited())
        self.today = date(2026, 3, 1)
        self.standing: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
        """(lane, number) → what stands of the enrollment: the facts by kind."""
        self.people: dict[tuple[str, int], int] = {}
        self.paid: dict[tuple[str, int], int] = {}
        """History → what was paid for it."""

    @initialize(limit=st.sampled_from([1, 2]), in_parts=st.booleans())
    def begin(self, limit: int, in_parts: bool) -> None:
        """Money for two on two lanes, for none on the third; one amount, or parts of which one pot pays some."""
        parts = Rules([scheme_in_parts(*IN_PARTS, lifetime_awards_per_level=limit)])
        self.limit, self.shelf = limit, Shelf(parts if in_parts else limited(limit))
        for lane, province in self.provinces.items():
            self._take(province.day(self.today.isoformat()))
            self._take(province.allocated(2 * YUAN_1000_FEN if lane != "34" else 1))
            self._take(province.allocated(70_000, pot="city", level="city"))

    @rule(
        lane=st.sampled_from(LANES),
        person=st.integers(0, PERSONS - 1),
        tuition_fen=st.sampled_from([40_000, 500_000]),
    )
    def enroll(self, lane: str, person: int, tuition_fen: int) -> None:
        name = (lane, len(self.people))
        self.people[name] = person
        self._enroll(name, tuition_fen)

    def _enroll(self, name: tuple[str, int], tuition_fen: int) -> None:
        start = self.today.isoformat()
        fact = self.provinces[name[0]].enrolled(name[1], tuition_fen=tuition_fen, start=start)
        self.standing.setdefault(name, {})["enrolled"] = self._take(self._of(name, fact))

    @precondition(lambda self: self.standing)
    @rule(pick=PICKS, kind=st.sampled_from(["confirmed", "withdrawn", "completed"]))
    def step_on(self, pick: int, kind: str) -> None:
        name = self._one(
            pick, lambda there: "enrolled" in there and kind not in there and "withdrawn" not in there
        )
        if name is not None:
            fact = getattr(self.provinces[name[0]], kind)(name[1], **self._known(name))
            self.standing[name][kind] = self._take(self._of(name, fact))

    @precondition(lambda self: self.standing)
    @rule(pick=PICKS)
    def void_the_last_step(self, pick: int) -> None:
        name = self._one(pick, bool)
        if name is not None:
            there = self.standing[name]
            kinds = ("withdrawn", "completed", "confirmed", "enrolled")
            kind = next(kind for kind in kinds if kind in there)
            self._take(self.provinces[name[0]].voided(there.pop(kind)))

    @precondition(lambda self: self.standing)
    @rule(pick=PICKS, tuition_fen=st.sampled_from([0, 40_000, 500_000]))
    def correct_or_enroll_again(self, pick: int, tuition_fen: int) -> None:
        name = list(self.standing)[pick % len(self.standing)]
        before = self.standing[name].get("enrolled")
        if before is not None:
            self._take(self.provinces[name[0]].voided(before, superseded_by="right"))
        self._enroll(name, tuition_fen)

    @rule(lane=st.sampled_from(LANES), person=st.integers(0, PERSONS - 1))
    def load_history(self, lane: str, person: int) -> None:
        name = (lane, len(self.people))
        self.people[name], self.paid[name] = person, 90_000
        for make in (Province.enrolled, lambda p, n, **c: p.paid(n, 90_000, **c)):
            self._take(self._of(name, make(self.provinces[lane], name[1], history=True)))

    @precondition(lambda self: self.paid)
    @rule(pick=PICKS)
    def take_history_back(self, pick: int) -> None:
        name = list(self.paid)[pick % len(self.paid)]
        province = self.provinces[name[0]]
        paid = next(
            fact
            for fact in province.facts
            if "paid_on" in fact["data"] and fact["data"]["enrollment_no"] == province.number(name[1])
        )
        self._take(self._of(name, province.returned(paid, self.paid.pop(name))))

    @rule(amount_fen=st.sampled_from([40_000, 100_000]), lane=st.sampled_from(LANES))
    def allocate(self, amount_fen: int, lane: str) -> None:
        self._take(self.provinces[lane].allocated(amount_fen))

    @rule(lane=st.sampled_from(LANES))
    def allocate_in_a_batch_in_which_a_year_passes(self, lane: str) -> None:
        """Who waits has money and loses it in one batch."""
        self.today += timedelta(days=1)
        province = self.provinces[lane]
        money = province.allocated(YUAN_1000_FEN)
        day = province.day((self.today + timedelta(days=732)).isoformat())
        self.shelf.take([read(money), read(day)])
        self.shelf.come_to_rest()

    @rule(lane=st.sampled_from(LANES))
    def let_a_year_pass_on(self, lane: str) -> None:
        """Reservations of one lane expire; the others are behind it, as lanes are."""
        self.today += timedelta(days=1)
        self._take(self.provinces[lane].day((self.today + timedelta(days=366)).isoformat()))
        self.shelf.come_to_rest()

    @rule()
    def look_again(self) -> None:
        self.shelf.look_again()

    def _take(self, fact: dict[str, Any]) -> dict[str, Any]:
        self.shelf.take([read(fact)])
        return fact

    def _of(self, name: tuple[str, int], fact: dict[str, Any]) -> dict[str, Any]:
        fact["subject"] = worker_ref(self.people[name])
        return fact

    def _known(self, name: tuple[str, int]) -> dict[str, Any]:
        data = self.standing[name]["enrolled"]["data"]
        return {"tuition_fen": data["tuition_fen"], "start": data["start"]}

    def _one(self, pick: int, fits: Callable[[dict[str, Any]], bool]) -> tuple[str, int] | None:
        fitting = [name for name, there in self.standing.items() if fits(there)]
        return fitting[pick % len(fitting)] if fitting else None

    @invariant()
    def nobody_has_more_than_the_limit_and_who_has_one_holds_it(self) -> None:
        holding = defaultdict[tuple[str, str, str], set[str]](set)
        for award in self.shelf.awards.values():
            if award.state in LIVE:
                assert award.level, award
                asker = self.shelf.entitlements[award.entitlement_key].asker(award.enrollment_no)
                assert asker is not None, award
                assert asker.holds, award
                holding[award.entitlement_key].add(award.enrollment_no)
        assert all(len(numbers) <= self.limit for numbers in holding.values()), holding

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        for entitlement in self.shelf.entitlements.values():
            held = sum(asker.holds for asker in entitlement.askers)
            waiting = [asker for asker in entitlement.askers if not asker.holds]
            assert held >= self.limit or not waiting, entitlement

    @invariant()
    def who_was_called_stands_once_its_lane_has_looked(self) -> None:
        if self.shelf.handed:
            return
        for entitlement in self.shelf.entitlements.values():
            for asker in entitlement.askers:
                if asker.holds and not asker.history_fen:
                    assert self._stands(asker.enrollment_no), (entitlement, self.shelf.awards)

    def _stands(self, number: str) -> bool:
        return any(a.state in LIVE for a in self.shelf.awards.values() if a.enrollment_no == number)

    @invariant()
    def no_province_is_left_without_a_word(self) -> None:
        told = defaultdict(list)
        for entry in self.shelf.entries:
            if entry.enrollment_no is not None:
                told[entry.enrollment_no].append(entry.type)
        assert all(told[award.enrollment_no] for award in self.shelf.awards.values() if not award.withdrawn)

    def teardown(self) -> None:
        """Each judgement comes out the same from what was kept."""
        found = [rederive(self.shelf.rules, kept(entry)) for entry in self.shelf.entries]
        assert not any(found)
        ids = Counter((entry.cause.id, entry.type, entry.about) for entry in self.shelf.entries)
        assert max(ids.values(), default=1) == 1


TestOnePersonOneAward = OnePersonOneAward.TestCase
