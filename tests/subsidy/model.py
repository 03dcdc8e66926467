"""The promises about money in a few lines: a model of some pots in several years, to compare the book with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

RESERVATION_DAYS = 20
COMPLETION_DAYS = 60
PERSONS = 3
"""Enrollment n is of worker n modulo this: they owe and are paid again."""
STANDING = ("reserved", "granted", "waitlisted", "held_back", "committed")
TO_COME = ("reserved", "waitlisted", "held_back", "committed", "judged")
"""Judged to stand, and not in its place yet because a part before it has its turn, is to come as well."""
WAITING = ("waitlisted", "held_back", "committed")
OUTSIDE_PERCENT = 40
"""So much of a budget goes to unconfirmed enrollments that other provinces have reported."""

Key = tuple[int, str]
"""Year and pot of a budget."""


@dataclass(frozen=True)
class Plan:
    """What a scheme says of one part."""

    pot: str
    amount: int
    cap: int = 10**12
    policy: str = "waitlist"
    at_completion: bool = False
    nth: int = 1
    """Year of study."""


@dataclass
class Part:
    """One part of what an enrollment has."""

    no: int
    plan: Plan
    year: int
    asked: int = 0
    amount: int = 0
    state: str = "refused"
    paid: int = 0
    expires: date | None = None

    @property
    def key(self) -> Key:
        """Its budget."""
        return self.year, self.plan.pot

    @property
    def held(self) -> int:
        """What it holds, paid or not."""
        return self.amount if self.state in ("reserved", "granted") else 0


@dataclass
class Given:
    """What one enrollment has."""

    number: int
    tuition: int
    start: date
    rank: int
    outside: bool = False
    """Whether another province has reported it."""
    confirmed: bool = False
    withdrawn: bool = False
    completions: int = 0
    scholarship: int = 0
    parts: list[Part] = field(default_factory=list)

    def room(self, *besides: Part) -> int:
        """What scholarships and the parts that stand leave of the tuition."""
        standing = sum(one.amount for one in self.parts if one.state in STANDING and one not in besides)
        return self.tuition - self.scholarship - standing

    def earned(self, part: Part) -> bool:
        """Whether what grants a part has happened."""
        return self.completions > 0 if part.plan.at_completion else self.confirmed

    def sought(self, part: Part) -> int:
        """What a part comes to if it is sought now."""
        return min(part.asked, self.room(part))

    def may_come_back(self, part: Part) -> bool:
        """Whether a part stands no more only because something kept it, or scholarships paid the tuition."""
        let_go = part.state == "released" or (part.state == "expired" and self.earned(part))
        return let_go and not self.withdrawn and not (part.plan.nth > 1 and self.completions)

    @property
    def void(self) -> bool:
        """Whether the enrollment was voided."""
        return self.parts[0].state == "voided"


@dataclass
class Paid:
    """One line of a settlement."""

    number: int
    key: Key
    booked: int
    unmatched: int
    waits: bool = False
    """Whether it came before its grant."""


@dataclass
class Model:
    """All of the pots."""

    day: date
    plans: Sequence[Plan]
    in_parts: bool
    """Whether the scheme has parts; otherwise it has one amount."""
    allocated: dict[Key, int] = field(default_factory=dict)
    """Budget → money; one that is not in it was never opened."""
    scholarships: Counter[Key] = field(default_factory=Counter)
    awards: dict[int, Given] = field(default_factory=dict)
    owed: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    """(enrollment, year, pot) → what was paid and must come back."""
    payments: list[Paid] = field(default_factory=list)
    freed: set[Key] = field(default_factory=set)
    """Budgets to which money that was owed has come back while something else was decided."""

    def all_parts(self) -> list[tuple[Given, Part]]:
        """Every part of every award."""
        return [(award, part) for award in self.awards.values() for part in award.parts]

    def free(self, key: Key) -> int:
        """What nothing holds."""
        held = sum(part.held for _, part in self.all_parts() if part.key == key)
        owed = sum(open_ for (_, *of), open_ in self.owed.items() if tuple(of) == key)
        return self.allocated.get(key, 0) - held - owed - self.scholarships[key]

    def queue(self, key: Key) -> list[tuple[Given, Part]]:
        """Who waits, in the order of ranks, then of parts."""
        waiting = [(a, p) for a, p in self.all_parts() if p.state == "waitlisted" and p.key == key]
        return sorted(waiting, key=lambda one: (one[0].rank, one[1].no))

    def held_back(self, key: Key) -> list[tuple[Given, Part]]:
        """Who waits for a confirmation, in the same order."""
        waiting = [(a, p) for a, p in self.all_parts() if p.state == "held_back" and p.key == key]
        return sorted(waiting, key=lambda one: (one[0].rank, one[1].no))

    def outside(self, key: Key) -> int:
        """What unconfirmed awards from outside hold of a budget, or wait for in its queue."""
        return sum(
            p.amount
            for a, p in self.all_parts()
            if p.key == key
            and a.outside
            and not a.confirmed
            and p.state in ("reserved", "granted", "waitlisted")
        )

    def room(self, key: Key) -> int:
        """What more such awards may take."""
        return self.allocated.get(key, 0) * OUTSIDE_PERCENT // 100 - self.outside(key)

    def fiscal_year(self, start: date, nth: int = 1) -> int:
        """The year of a day, or of a later year of study, while that is open, otherwise the current one."""
        year = start.year + nth - 1
        return year if self.day < date(year + 1, 2, 1) else self.day.year

    def lacks(self, award: Given, part: Part) -> int:
        """What a part needs of free money: what was paid for it before need not be paid again."""
        return part.amount - min(part.amount, self.owed[award.number, *part.key])

    def move(self, *keys: Key) -> None:
        """Money goes down the queues of `keys`, then down those that have more money or more room by now."""
        for key in keys:
            self._drain(key)
        while self.freed or self._with_room():
            key = min(self.freed | self._with_room())
            self.freed.discard(key)
            self._drain(key)

    def _with_room(self) -> set[Key]:
        held = {part.key for _, part in self.all_parts() if part.state == "held_back"}
        return {key for key in held if self.held_back(key)[0][1].amount <= self.room(key)}

    def _drain(self, key: Key) -> None:
        while (held := self.held_back(key)) and held[0][1].amount <= self.room(key):
            self._queue_up(*held[0])
        while (queue := self.queue(key)) and self.lacks(*queue[0]) <= self.free(key):
            self._reserve(*queue[0])

    def _reserve(self, award: Given, part: Part) -> None:
        own = min(part.amount, self.owed[award.number, *part.key])
        self.owed[award.number, *part.key] -= own
        part.state, part.paid = "reserved", own
        self._wait(award, part)
        if award.earned(part):
            self._grant(award, part)

    def _wait(self, award: Given, part: Part) -> None:
        to_complete = part.plan.at_completion and award.confirmed
        part.expires = self.day + timedelta(days=COMPLETION_DAYS if to_complete else RESERVATION_DAYS)

    def _grant(self, award: Given, part: Part) -> None:
        part.state = "granted"
        for year, number, pot in sorted((year, number, pot) for number, year, pot in self.owed):
            if number % PERSONS == award.number % PERSONS and pot == part.plan.pot:
                netted = min(self.owed[number, year, pot], part.amount - part.paid)
                self.owed[number, year, pot] -= netted
                part.paid += netted
                if netted:
                    self.freed.add((year, pot))
        for paid in self._early(award.number, part.key):
            booked = min(paid.unmatched, part.amount - part.paid)
            part.paid += booked
            paid.booked += booked
            paid.unmatched -= booked
        self._give_up_early(award)

    def _early(self, number: int, key: Key) -> list[Paid]:
        return [one for one in self.payments if one.waits and (one.number, one.key) == (number, key)]

    def _give_up_early(self, award: Given) -> None:
        """A payment waits no more when it is booked, or nothing that could be granted is left of its budget."""
        to_come = {part.key for part in award.parts if part.state in TO_COME}
        for one in self.payments:
            if one.number == award.number:
                one.waits = one.waits and one.key in to_come and one.unmatched > 0

    def _stand(self, award: Given, part: Part) -> None:
        """Money at once where nobody waits ahead and it is there, otherwise the queue; before its year a promise."""
        if part.plan.nth > 1 and part.year > self.day.year:
            part.state = "committed"
            return
        if award.outside and not award.confirmed:
            before = any((a.rank, p.no) < (award.rank, part.no) for a, p in self.held_back(part.key))
            part.state = ""  # what it was before is not in the way
            if before or part.amount > self.room(part.key):
                part.state = "held_back"
                return
        self._queue_up(award, part)

    def _queue_up(self, award: Given, part: Part) -> None:
        ahead = any((a.rank, p.no) < (award.rank, part.no) for a, p in self.queue(part.key))
        if not ahead and self.lacks(award, part) <= self.free(part.key):
            self._reserve(award, part)
        else:
            part.state = "waitlisted"

    def _seek(self, award: Given, part: Part) -> None:
        """Let a part that stands no more stand again, as far as tuition has room."""
        if award.sought(part) > 0:
            part.amount = award.sought(part)
            self._stand(award, part)

    def _seek_late(self, award: Given, part: Part) -> None:
        """The same after an expiry, in a year that is open."""
        if award.sought(part) > 0:
            part.year = self.fiscal_year(award.start, part.plan.nth)
            self._seek(award, part)

    def _let_go(self, award: Given, part: Part, state: str, *, corrected: bool = False) -> None:
        self.owed[award.number, *part.key] += part.paid
        part.paid, part.state = 0, state
        if not corrected:
            self._give_up_early(award)

    def _let_all_go(self, award: Given, parts: Sequence[Part], state: str) -> None:
        """Nobody has a turn until all of them are let go."""
        keys = {part.key for part in parts if part.state not in ("committed", "forgone")}
        for part in parts:
            self._let_go(award, part, state)
        self.move(*sorted(keys))

    def allocate(self, key: Key, amount: int) -> None:
        """Money is there."""
        self.allocated[key] = self.allocated.get(key, 0) + amount
        self.move(key)

    def adjust(self, key: Key, amount: int) -> None:
        """Money of a budget is increased, or cut as far as it is free."""
        if key in self.allocated:
            self.allocated[key] += max(amount, -self.free(key))
            if amount > 0:
                self.move(key)

    def carry_over(self, pot: str, amount: int) -> None:
        """Free money of 2026 goes into 2027."""
        source = 2026, pot
        carried = min(amount, self.free(source)) if source in self.allocated else 0
        if carried:
            self.allocated[source] -= carried
            self.allocate((2027, pot), carried)

    def enroll(self, number: int, tuition: int, start: date, rank: int, *, outside: bool = False) -> None:
        """An enrollment; one that was corrected or voided before keeps its scholarships."""
        before = self.awards.get(number)
        booked = before.scholarship if before else 0
        award = Given(number, tuition, start, rank, outside, scholarship=booked)
        if before is not None and before.rank:
            award.rank, award.confirmed, award.withdrawn = before.rank, before.confirmed, before.withdrawn
            award.completions = before.completions
        room = max(0, tuition - booked)
        judged = self._judge_parts(award, room) if self.in_parts else self._judge_one(award, room)
        if not room:
            judged = judged[:1]
        self.awards[number] = award
        award.parts = [part for part, _ in judged]
        for part, state in judged:
            if state == "stand" and not award.withdrawn:
                part.state = "judged"
        for part, state in judged:
            if state == "stand" and award.withdrawn:
                part.state = "released"
            elif state == "stand":
                self._stand(award, part)
            elif not room and booked and not self.in_parts:
                part.state = "released"  # only scholarships stand in its way
            else:
                part.state = state if room else "refused"
        self._give_up_early(award)
        if before is not None:
            self.move(*sorted({part.key for part in (*before.parts, *award.parts)}))

    def _judge_one(self, award: Given, room: int) -> list[tuple[Part, str]]:
        (plan,) = self.plans
        part = Part(1, plan, self.fiscal_year(award.start), plan.amount, min(plan.amount, room))
        return [(part, "stand" if part.amount else "refused")]

    def _judge_parts(self, award: Given, room: int) -> list[tuple[Part, str]]:
        """Each part within its cap and what is left of the tuition; what a budget lacks as the scheme says."""
        free: Counter[Key] = Counter()
        waiting: Counter[Key] = Counter()
        held: Counter[Key] = Counter()
        space: Counter[Key] = Counter()
        years = [self.fiscal_year(award.start, plan.nth) for plan in self.plans]
        for key in {(year, plan.pot) for year, plan in zip(years, self.plans, strict=True)}:
            free[key] = self.free(key) + self.owed[award.number, *key]
            waiting[key] = sum((a.rank, p.no) < (award.rank, 1) for a, p in self.queue(key))
            held[key] = sum((a.rank, p.no) < (award.rank, 1) for a, p in self.held_back(key))
            space[key] = self.room(key)
        limited = award.outside and not award.confirmed
        judged, passed_on = [], 0
        for no, (plan, year) in enumerate(zip(self.plans, years, strict=True), 1):
            sought = min(plan.amount, plan.cap) + passed_on
            part = Part(no, plan, year, min(sought, plan.cap), min(sought, plan.cap, room))
            lacking = min(sought, room) - part.amount
            wanted, key = part.amount, part.key
            state = "stand" if wanted else "forgone"
            later = plan.nth > 1 and year > self.day.year
            if limited and wanted and not later and (held[key] or wanted > space[key]):
                held[key] += 1
            elif wanted and not later:
                given = 0 if waiting[key] else min(wanted, free[key])
                if given < wanted and plan.policy == "waitlist":
                    waiting[key] += 1
                else:
                    lacking += wanted - given
                    part.amount = given
                    part.asked = given if given < wanted else part.asked
                    free[key] -= given
                    state = "stand" if given else "forgone"
                space[key] -= part.amount
            judged.append((part, state))
            room -= part.amount
            passed_on = lacking if plan.policy == "next" else 0
        return judged

    def void(self, number: int, *, corrected: bool) -> None:
        """The enrollment counts no more; where it is corrected, nobody has its money until it has come again."""
        award = self.awards[number]
        keys = {part.key for part in award.parts}
        for part in award.parts:
            self._let_go(award, part, "voided", corrected=corrected)
        if not corrected:
            award.rank, award.confirmed, award.completions = 0, False, 0
            self.move(*sorted(keys))

    def confirm(self, number: int) -> None:
        """The institution confirms, perhaps after the reservation has expired."""
        award = self.awards[number]
        award.confirmed = True
        for part in award.parts:
            if part.state == "held_back":
                self._queue_up(award, part)
            elif part.plan.at_completion:
                if part.state == "reserved":
                    self._wait(award, part)
            elif part.state == "expired" and not award.withdrawn:
                self._seek_late(award, part)
            elif part.state == "reserved":
                self._grant(award, part)
        self.move()

    def void_confirmation(self, number: int) -> None:
        """What was granted is reserved again."""
        award = self.awards[number]
        award.confirmed = False
        for part in award.parts:
            if part.state == ("reserved" if part.plan.at_completion else "granted"):
                part.state = "reserved"
                self._wait(award, part)

    def complete(self, number: int) -> None:
        """The course is completed: what was due then is granted."""
        award = self.awards[number]
        award.completions += 1
        for part in award.parts:
            if part.plan.at_completion and part.state == "expired" and not award.withdrawn:
                self._seek_late(award, part)
            elif part.plan.at_completion and part.state == "reserved":
                self._grant(award, part)
        self.move()

    def void_completion(self, number: int) -> None:
        """What was granted for it is reserved again, and what it ended stands again."""
        award = self.awards[number]
        award.completions -= 1
        for part in award.parts:
            if part.plan.at_completion and part.state == "granted":
                part.state = "reserved"
                self._wait(award, part)
            elif part.plan.nth > 1 and award.may_come_back(part):
                self._seek(award, part)
        self.move()

    def withdraw(self, number: int) -> None:
        """The worker leaves."""
        award = self.awards[number]
        award.withdrawn = True
        self._let_all_go(award, [part for part in award.parts if part.state in STANDING], "released")

    def void_withdrawal(self, number: int) -> None:
        """The award comes back at its rank."""
        award = self.awards[number]
        award.withdrawn = False
        for part in award.parts:
            if award.may_come_back(part):
                self._seek(award, part)
        self.move()

    def award_scholarship(self, number: int, pot: str, awarded: int) -> None:
        """Booked as far as tuition and pot carry it; who waits for more than is left of the tuition waits for that."""
        award, key = self.awards[number], (self.day.year, pot)
        held = sum(part.held for part in award.parts)
        booked = min(awarded, max(0, award.tuition - held - award.scholarship), self.free(key))
        award.scholarship += booked
        self.scholarships[key] += booked
        left, covered, shrunk = award.tuition - award.scholarship - held, [], set()
        for part in award.parts:
            if part.state in WAITING:
                room, left = max(0, left), left - part.amount
                if not room:
                    covered.append(part)
                elif part.amount > room:
                    part.amount = room
                    shrunk |= {part.key} if part.state != "committed" else set()
        keys = {part.key for part in covered if part.state != "committed"}
        for part in covered:
            self._let_go(award, part, "released")
        for one in (*sorted(keys), *sorted(shrunk)):
            self._drain(one)
        for part in award.parts:
            if part.state in WAITING:
                part.amount = max(part.amount, award.sought(part))
            elif award.may_come_back(part):
                self._seek(award, part)
        self.move(key)

    def pay(self, number: int, key: Key, amount: int) -> None:
        """What is granted from a budget is paid, part by part; the rest is told."""
        left = amount
        parts = [part for part in self.awards[number].parts if part.key == key]
        granted = [part for part in parts if part.state == "granted"]
        waits = not granted and any(part.state in TO_COME for part in parts)
        for part in granted:
            booked = min(left, part.amount - part.paid)
            part.paid += booked
            left -= booked
        self.payments.append(Paid(number, key, amount - left, left, waits))

    def take_back(self, place: int, amount: int) -> None:
        """First what was never matched, then what parts that stand have had, the last first, then what is owed."""
        payment = self.payments[place]
        unmatched = min(amount, payment.unmatched)
        payment.unmatched -= unmatched
        payment.waits = payment.waits and payment.unmatched > 0
        back = min(amount - unmatched, payment.booked)
        payment.booked -= back
        parts = [p for p in self.awards[payment.number].parts[::-1] if p.plan.pot == payment.key[1]]
        for part in sorted(parts, key=lambda part: part.key != payment.key):
            again = min(back, part.paid)
            part.paid -= again
            back -= again
        owed = (payment.number, *payment.key)
        self.owed[owed] -= min(back, self.owed[owed])
        self.move(payment.key)

    def begin(self, day: date) -> None:
        """A day begins: what is due expires, by days and ranks; then the promises for its year are kept, by ranks."""
        self.day = day
        due = [
            (a, p) for a, p in self.all_parts() if p.state == "reserved" and p.expires and p.expires <= day
        ]
        for award, part in sorted(due, key=lambda one: (one[1].expires, one[0].rank, one[1].no)):
            self._let_go(award, part, "expired")
            self._drain(part.key)
        promised = [(a, p) for a, p in self.all_parts() if p.state == "committed" and p.year <= day.year]
        for award, part in sorted(promised, key=lambda one: (one[1].year, one[0].rank, one[1].no)):
            if award.completions:
                part.state = "released"
                self._give_up_early(award)
            else:
                self._stand(award, part)
        self.move()
