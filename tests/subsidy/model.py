"""The promises about money in a few lines: a model of one pot in two years, to compare the book with."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.subsidy.facts import YUAN_1000_FEN

CLOSES = date(2027, 2, 1)
"""On this day 2026 closes."""
RESERVATION_DAYS = 20
PERSONS = 3
"""Enrollment n is of worker n modulo this: they owe and are paid again."""


@dataclass
class Given:
    """What one enrollment has."""

    number: int
    tuition: int
    start: date
    rank: int
    year: int
    amount: int = 0
    state: str = "refused"
    confirmed: bool = False
    withdrawn: bool = False
    paid: int = 0
    scholarship: int = 0
    expires: date | None = None

    @property
    def held(self) -> int:
        """What it holds, paid or not."""
        return self.amount if self.state in ("reserved", "granted") else 0


@dataclass
class Paid:
    """One line of a settlement."""

    number: int
    year: int
    booked: int
    unmatched: int


@dataclass
class Model:
    """All of the pot."""

    day: date
    allocated: dict[int, int] = field(default_factory=dict)
    """Year → money; a year that is not in it was never opened."""
    scholarships: Counter[int] = field(default_factory=Counter)
    awards: dict[int, Given] = field(default_factory=dict)
    owed: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(enrollment, year) → what was paid and must come back."""
    payments: list[Paid] = field(default_factory=list)

    def free(self, year: int) -> int:
        """What nothing holds."""
        held = sum(award.held for award in self.awards.values() if award.year == year)
        owed = sum(open_ for (_, of), open_ in self.owed.items() if of == year)
        return self.allocated.get(year, 0) - held - owed - self.scholarships[year]

    def queue(self, year: int) -> list[Given]:
        """Who waits, in the order of ranks."""
        waiting = [a for a in self.awards.values() if (a.state, a.year) == ("waitlisted", year)]
        return sorted(waiting, key=lambda award: award.rank)

    def fiscal_year(self, effective: date) -> int:
        """The year of a day while that is open, otherwise the current one."""
        return effective.year if self.day < date(effective.year + 1, 2, 1) else self.day.year

    def lacks(self, award: Given) -> int:
        """What an award needs of free money: what was paid for it before need not be paid again."""
        return award.amount - min(award.amount, self.owed[award.number, award.year])

    def move(self, *years: int) -> None:
        """Money goes down the queues of `years`, then down those to which money that was owed has come back."""
        freed: set[int] = set()
        for year in years:
            self._drain(year, freed)
        while freed:
            year = min(freed)
            freed.discard(year)
            self._drain(year, freed)

    def _drain(self, year: int, freed: set[int]) -> None:
        while (queue := self.queue(year)) and self.lacks(queue[0]) <= self.free(year):
            self._reserve(queue[0], freed)

    def _reserve(self, award: Given, freed: set[int]) -> None:
        own = min(award.amount, self.owed[award.number, award.year])
        self.owed[award.number, award.year] -= own
        award.state, award.paid = "reserved", own
        award.expires = self.day + timedelta(days=RESERVATION_DAYS)
        if award.confirmed:
            self._grant(award, freed)

    def _grant(self, award: Given, freed: set[int]) -> None:
        award.state = "granted"
        for year, number in sorted((year, number) for number, year in self.owed):
            if number % PERSONS == award.number % PERSONS:
                netted = min(self.owed[number, year], award.amount - award.paid)
                self.owed[number, year] -= netted
                award.paid += netted
                if netted:
                    freed.add(year)

    def _stand(self, award: Given) -> None:
        """Money at once where nobody waits ahead and it is there, otherwise the queue."""
        ahead = any(one.rank < award.rank for one in self.queue(award.year))
        freed: set[int] = set()
        if not ahead and self.lacks(award) <= self.free(award.year):
            self._reserve(award, freed)
        else:
            award.state = "waitlisted"
        self.move(*sorted(freed))

    def _let_go(self, award: Given, state: str) -> None:
        self.owed[award.number, award.year] += award.paid
        award.paid, award.state = 0, state

    def allocate(self, year: int, amount: int) -> None:
        """Money is there."""
        self.allocated[year] = self.allocated.get(year, 0) + amount
        self.move(year)

    def adjust(self, year: int, amount: int) -> None:
        """Money of a budget is increased, or cut as far as it is free."""
        if year in self.allocated:
            self.allocated[year] += max(amount, -self.free(year))
            if amount > 0:
                self.move(year)

    def carry_over(self, amount: int) -> None:
        """Free money of 2026 goes into 2027."""
        carried = min(amount, self.free(2026)) if 2026 in self.allocated else 0
        if carried:
            self.allocated[2026] -= carried
            self.allocate(2027, carried)

    def enroll(self, number: int, tuition: int, start: date, rank: int) -> None:
        """An enrollment; one that was corrected or voided before keeps its scholarships."""
        before = self.awards.get(number)
        booked = before.scholarship if before else 0
        award = Given(number, tuition, start, rank, self.fiscal_year(start), scholarship=booked)
        if before is not None and before.rank:
            award.rank, award.confirmed, award.withdrawn = before.rank, before.confirmed, before.withdrawn
        award.amount = min(YUAN_1000_FEN, max(0, tuition - booked))
        self.awards[number] = award
        if (award.amount and award.withdrawn) or (booked and not award.amount):
            award.state = "released"
        elif award.amount:
            self._stand(award)
        if before is not None:
            self.move(*sorted({before.year, award.year}))

    def void(self, number: int, *, corrected: bool) -> None:
        """The enrollment counts no more; where it is corrected, nobody has its money until it has come again."""
        award = self.awards[number]
        self._let_go(award, "voided")
        if not corrected:
            award.rank, award.confirmed = 0, False
            self.move(award.year)

    def confirm(self, number: int) -> None:
        """The institution confirms, perhaps after the reservation has expired."""
        award = self.awards[number]
        award.confirmed = True
        if award.state == "expired" and not award.withdrawn:
            amount = min(award.amount, award.tuition - award.scholarship)
            if amount > 0:
                award.amount = amount
                award.year = self.fiscal_year(award.start)
                self._stand(award)
        elif award.state == "reserved":
            freed: set[int] = set()
            self._grant(award, freed)
            self.move(*sorted(freed))

    def void_confirmation(self, number: int) -> None:
        """What was granted is reserved again."""
        award = self.awards[number]
        award.confirmed = False
        if award.state == "granted":
            award.state, award.expires = "reserved", self.day + timedelta(days=RESERVATION_DAYS)

    def withdraw(self, number: int) -> None:
        """The worker leaves."""
        award = self.awards[number]
        award.withdrawn = True
        if award.state in ("reserved", "granted", "waitlisted"):
            self._let_go(award, "released")
            self.move(award.year)

    def void_withdrawal(self, number: int) -> None:
        """The award comes back at its rank."""
        award = self.awards[number]
        award.withdrawn = False
        amount = min(award.amount, award.tuition - award.scholarship)
        late = award.state == "expired" and award.confirmed
        if (award.state == "released" or late) and amount > 0:
            award.amount = amount
            self._stand(award)

    def award_scholarship(self, number: int, awarded: int) -> None:
        """Booked as far as tuition and pot carry it; who waits for more than is left of the tuition waits for that."""
        award, year = self.awards[number], self.day.year
        room = max(0, award.tuition - award.held - award.scholarship)
        booked = min(awarded, room, self.free(year))
        award.scholarship += booked
        self.scholarships[year] += booked
        if award.state == "waitlisted":
            left = award.tuition - award.scholarship
            award.state = "waitlisted" if left else "released"
            award.amount = min(award.amount, left) if left else award.amount
        self.move(award.year, year)

    def pay(self, number: int, year: int, amount: int) -> None:
        """What is granted is paid; the rest is told."""
        award = self.awards[number]
        matches = (award.state, award.year) == ("granted", year)
        booked = min(amount, award.amount - award.paid) if matches else 0
        award.paid += booked
        self.payments.append(Paid(number, year, booked, amount - booked))

    def take_back(self, place: int, amount: int) -> None:
        """First what was never matched, then what an award that stands has had, then what is owed."""
        payment = self.payments[place]
        award = self.awards[payment.number]
        unmatched = min(amount, payment.unmatched)
        payment.unmatched -= unmatched
        back = min(amount - unmatched, payment.booked)
        payment.booked -= back
        again = min(back, award.paid)
        award.paid -= again
        owed = (payment.number, payment.year)
        self.owed[owed] -= min(back - again, self.owed[owed])
        self.move(payment.year)

    def begin(self, day: date) -> None:
        """A day begins; reservations that are due expire, in the order of days and ranks."""
        self.day = day
        due = [a for a in self.awards.values() if a.state == "reserved" and a.expires and a.expires <= day]
        for award in sorted(due, key=lambda award: (award.expires, award.rank)):
            self._let_go(award, "expired")
            self.move(award.year)
