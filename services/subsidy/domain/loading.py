"""What a batch must load: the awards, budgets and heads of queues that its facts may touch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal

from services.subsidy.domain import completing, entitling, voiding
from services.subsidy.domain.activating import rules_of
from services.subsidy.domain.book import WAITING, Again, Award, Book, BudgetKey, PaymentKey
from services.subsidy.domain.expiring import may_come_back
from services.subsidy.domain.fiscal_year import begins, possible_years
from services.subsidy.domain.lifetime import EntitlementKey
from services.subsidy.domain.outside import cap_fen
from services.subsidy.domain.schemes import Rules, Scheme
from shared.contracts import enrollment, provinces
from shared.contracts.envelope import Fact
from shared.contracts.provinces.nation import PARTS_MAX

MOVE_MAX: Final = 2_000
"""At most this many awards of one queue move in one batch; the rest goes on in the next ones."""

Asked = tuple[BudgetKey, tuple[int, int]]
"""A queue and a place in it: rank and part."""
Waits = Literal["waitlisted", "held_back"]
Facts = Sequence[tuple[str, Fact[Any]]]
"""Facts with their lanes, in each lane's order."""

_FREEING: Final = frozenset(
    {provinces.ENROLLMENT_WITHDRAWN, provinces.SCHOLARSHIP_AWARDED, provinces.EVENT_VOIDED}
)
_LATE: Final = frozenset({provinces.ENROLLMENT_CONFIRMED, *completing.COMPLETIONS})
_ABOUT_AWARDS: Final = frozenset(
    {
        provinces.ENROLLMENT_WITHDRAWN,
        provinces.SCHOLARSHIP_AWARDED,
        provinces.WORKER_ENROLLED,
        provinces.ENROLLMENT_CONFIRMED,
        provinces.PAYMENT_SETTLED,
        provinces.PAYMENT_RETURNED,
        *completing.COMPLETIONS,
    }
)


def award_nos(book: Book, facts: Facts, again: Sequence[Again] = ()) -> list[str]:
    """The enrollments whose awards the facts touch, and those to be looked at again; payments are loaded before."""
    asked = {payment.enrollment_no for payment in book.payments.values()} | {
        one.enrollment_no for one in again
    }
    return sorted(asked | {number for _, fact in facts if (number := _enrollment_no(fact)) is not None})


def due_in_parts(book: Book) -> list[str]:
    """Enrollments of which one part falls due, and which hold their person's award as long as any other stands."""
    return sorted({award.enrollment_no for award in book.due_awards() if award.level and award.parts > 1})


def entitlement_keys(
    rules: Rules, book: Book, facts: Facts, again: Sequence[Again] = ()
) -> list[EntitlementKey]:
    """The persons' entitlements that may be asked for, left or passed on, sorted: so they are locked in one order."""
    keys = {one.entitlement for one in again}
    keys |= {award.entitlement_key for award in book.due_awards() if award.level}
    for lane, fact in facts:
        parts = book.parts(_enrollment_no(fact) or "")
        if parts and parts[0].level and _may_move_entitlement(fact, parts):
            keys.add(parts[0].entitlement_key)
        course = _course_of(fact)
        if course is not None:
            scheme = rules_of(rules, book, lane).scheme_for(lane, course.start, course.track)
            key = entitling.key_for(scheme, fact.subject, course)
            if key is not None:
                keys.add(key)
    return sorted(keys)


def _may_move_entitlement(fact: Fact[Any], parts: Sequence[Award]) -> bool:
    """Whether a fact may make an award ask for the person's entitlement, or leave it."""
    if fact.type in _LATE:
        return any(award.state == "expired" for award in parts)
    return fact.type in _FREEING or fact.type == provinces.WORKER_ENROLLED


def _course_of(fact: Fact[Any]) -> Any | None:
    """What is studied, where a fact may make an enrollment ask: a new one, or history that was paid."""
    if fact.type == provinces.WORKER_ENROLLED:
        return None if fact.data.history else fact.data
    return fact.data.enrollment if _is_history_payment(fact) else None


def _is_history_payment(fact: Fact[Any]) -> bool:
    moves = fact.type in (provinces.PAYMENT_SETTLED, provinces.PAYMENT_RETURNED)
    return moves and fact.data.enrollment.history


def called_nos(book: Book, facts: Facts, lanes: Sequence[str]) -> list[str]:
    """Enrollments of `lanes` that may be called, or have to step back, as entitlements move that were loaded before."""
    paid = {fact.subject for _, fact in facts if _is_history_payment(fact)}
    found: set[str] = set()
    for entitlement in book.entitlements.values():
        waiting = any(one.history_fen or not one.holds for one in entitlement.askers)
        if waiting or entitlement.worker_ref in paid:
            found.update(one.enrollment_no for one in entitlement.askers if one.lane in lanes)
    return sorted(found - book.awards.keys())


def paid_early(book: Book) -> list[str]:
    """Loaded enrollments for which payments may wait; those of queues are loaded before."""
    return sorted({award.enrollment_no for award in book.awards.values() if award.paid_early})


def reversed_causes(facts: Facts) -> list[str]:
    """The facts of scholarships that are taken back."""
    return [
        fact.data.voided_fact_id
        for _, fact in facts
        if fact.type == provinces.EVENT_VOIDED and voiding.reverses(fact)
    ]


def returned_payments(facts: Facts) -> list[PaymentKey]:
    """The payments that come back."""
    return sorted(
        {
            (lane, fact.data.batch_no, fact.data.line_no)
            for lane, fact in facts
            if fact.type == provinces.PAYMENT_RETURNED
        }
    )


def days_to_expire(book: Book, facts: Facts) -> dict[str, date]:
    """Lane → the last day for which something falls due: of a day that begins, or one that is not through yet."""
    days = {page.lane: page.day for page in book.lanes.values() if page.expiring and page.day}
    return days | {lane: fact.data.day for lane, fact in facts if fact.type == enrollment.DAY_BEGAN}


def debtors(book: Book, facts: Facts) -> list[str]:
    """The workers whose claims may be touched, where anything is owed at all; awards, budgets and queues are loaded."""
    if not any(budget.receivable_fen for budget in book.budgets.values()):
        return []
    known = {award.worker_ref for award in book.awards.values()}
    return sorted(known | {fact.subject for _, fact in facts if fact.subject})


def _enrollment_no(fact: Fact[Any]) -> str | None:
    if fact.type == provinces.EVENT_VOIDED:
        return voiding.enrollment_no(fact)
    return fact.data.enrollment_no if fact.type in _ABOUT_AWARDS else None


def budget_keys(rules: Rules, book: Book, facts: Facts) -> set[BudgetKey]:
    """The budgets that the facts may touch; lanes and awards are loaded before."""
    days: dict[str, set[date]] = {lane: {page.day} for lane, page in book.lanes.items() if page.day}
    for lane, fact in facts:
        if fact.type == enrollment.DAY_BEGAN:
            days.setdefault(lane, set()).add(fact.data.day)
    keys = {award.budget_key for award in book.awards.values() if award.fund_source}
    keys |= {key for booked in book.booked.values() for key, _ in booked}
    for award in _called(book):  # it belongs to its own year while that is open
        years = possible_years(date(award.fiscal_year, 1, 1), days.get(award.lane, set()))
        keys.update((award.lane, year, award.fund_source) for year in years)
    for lane, fact in facts:
        pots = _pots(rules, book, lane, fact, days.get(lane, set()))
        keys.update((lane, year, fund_source) for years, fund_source in pots for year in years)
    return keys


def _pots(
    rules: Rules, book: Book, lane: str, fact: Fact[Any], days: set[date]
) -> Sequence[tuple[set[int], str]]:
    """The years and the fund sources of the budgets that a fact may touch beside its award's own."""
    data = fact.data
    match fact.type:
        case provinces.BUDGET_ALLOCATED | provinces.BUDGET_ADJUSTED:
            return (({data.fiscal_year}, data.fund_source),)
        case provinces.DEBT_WRITTEN_OFF:
            return (({data.fiscal_year}, data.fund_source),)
        case provinces.BUDGET_CARRIED_OVER:
            return (({data.from_fiscal_year, data.to_fiscal_year}, data.fund_source),)
        case provinces.SCHOLARSHIP_AWARDED:
            return ((possible_years(data.awarded_on, days), data.fund_source),)
        case provinces.WORKER_ENROLLED:
            scheme = rules_of(rules, book, lane).scheme_for(lane, data.start, data.track)
            return _pots_of_scheme(scheme, data.start, days)
        # It may have expired, or be about to.
        case provinces.ENROLLMENT_CONFIRMED | provinces.DEGREE_COMPLETED:
            return _pots_of_late(book, fact, days)
        case provinces.TRAINING_COMPLETED | provinces.CERTIFICATE_EARNED if data.enrollment is not None:
            return _pots_of_late(book, fact, days)
        case _:
            return ()


def _pots_of_scheme(scheme: Scheme | None, start: date, days: set[date]) -> Sequence[tuple[set[int], str]]:
    if scheme is None:
        return ()
    if not scheme.parts:
        return ((possible_years(start, days), scheme.fund_source),)
    return [
        (possible_years(begins(start, part.year_of_study), days), part.fund_source) for part in scheme.parts
    ]


def _pots_of_late(book: Book, fact: Fact[Any], days: set[date]) -> Sequence[tuple[set[int], str]]:
    start = fact.data.enrollment.start
    return [
        (possible_years(begins(start, award.year_of_study), days), award.fund_source)
        for award in book.parts(fact.data.enrollment_no)
    ]


def _stepping_back(book: Book) -> list[Award]:
    """Loaded awards that may have to leave their queue: those behind them come into reach."""
    if not book.entitlements:
        return []
    return [award for award in book.awards.values() if award.level and award.state in WAITING]


_CALLED_FROM: Final = ("refused", "released", "forgone")
"""States of awards, or of their parts, that may be called."""


def _called(book: Book) -> list[Award]:
    """Loaded awards that were refused for their person's limit and may be called."""
    if not book.entitlements:
        return []
    return [award for award in book.awards.values() if award.level and award.state in _CALLED_FROM]


def queue_lengths(
    rules: Rules, book: Book, facts: Facts, held_back: Mapping[BudgetKey, int]
) -> dict[BudgetKey, int]:
    """How much of which queue to load: as many awards as all money that the facts may free could carry.

    Where an award may come back at an old rank, or a reservation may be made and expire in one batch, or some of those
    that are held back (`held_back`: as many as are loaded) may come in, it is all of it.
    """
    money_fen = _money_that_may_come(book, facts)
    whole = _whole(rules, book, facts)
    lengths = {}
    for budget in book.budgets.values():
        if budget.waiting:
            carried = 0
            if budget.drain or budget.receivable_fen or budget.key in money_fen:
                money = budget.free_fen + budget.receivable_fen + money_fen[budget.key]
                carried = money // budget.smallest_waiting_fen
            # One more than can move: a head that stays tells a queue at rest from one that was cut off.
            all_of_it = budget.lane in whole or held_back.get(budget.key)
            lengths[budget.key] = MOVE_MAX if all_of_it else min(carried + 1, MOVE_MAX)
    return lengths


_MAY_COME_UNNAMED: Final = ("committed", "held_back", *_CALLED_FROM)
"""States from which loaded awards may come into a queue though no fact names them."""


def asked_places(
    book: Book, facts: Facts, again: Sequence[Again], lengths: Mapping[BudgetKey, int], state: Waits
) -> list[Asked]:
    """Places that awards may come back to in queues of which not all is loaded, `lengths`: to be counted by one query.

    So what is said of a place does not depend on how much of its queue a batch has loaded.
    """
    long = [key for key, length in lengths.items() if _waiting(book, key, state) > length == MOVE_MAX]
    if not long:
        return []
    named = set(award_nos(book, facts, again))
    enrolled = {fact.data.enrollment_no for _, fact in facts if fact.type == provinces.WORKER_ENROLLED}
    places: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for award in book.awards.values():
        if award.enrollment_no in named or award.state in _MAY_COME_UNNAMED:
            places[award.lane].add(award.place)
        if award.enrollment_no in enrolled:  # it may come again in parts
            places[award.lane].update((award.rank, part) for part in range(1, PARTS_MAX + 1))
    return [(key, place) for key in long for place in sorted(places[key[0]])]


def _waiting(book: Book, key: BudgetKey, state: Waits) -> int:
    budget = book.budget(key)
    return budget.waiting if state == "waitlisted" else budget.held_back


def held_back_lengths(rules: Rules, book: Book, facts: Facts) -> dict[BudgetKey, int]:
    """How many of those that are held back to load, by budget: as many as the cap could have room for."""
    some = [budget for budget in book.budgets.values() if budget.held_back]
    if not some:
        return {}
    money_fen, whole = _money_that_may_come(book, facts), _whole(rules, book, facts)
    freed_fen: dict[BudgetKey, int] = defaultdict(int)
    for award in book.awards.values():
        if award.outside and not award.confirmed:
            freed_fen[award.budget_key] += award.asked_fen
    lengths = {}
    for budget in some:
        allocated_fen = budget.allocated_fen + money_fen[budget.key]
        cap = cap_fen(allocated_fen, book.outside_percent)
        room_fen = cap - budget.outside_fen + freed_fen[budget.key]
        fitting = room_fen // budget.smallest_held_back_fen if room_fen > 0 else 0
        # One more than fit, for the same reason as in a queue.
        lengths[budget.key] = MOVE_MAX if budget.lane in whole else min(fitting + bool(fitting), MOVE_MAX)
    return lengths


def _whole(rules: Rules, book: Book, facts: Facts) -> set[str]:
    """Lanes of whose queues all is loaded, as far as one batch goes."""
    whole = _lanes_of_old_ranks(book, facts) | _lanes_of_long_times(rules, book, facts)
    return whole | {award.lane for award in _called(book)}


def _money_that_may_come(book: Book, facts: Facts) -> dict[BudgetKey, int]:
    """How much the facts may free in each budget.

    An award that leaves its queue, or shrinks in it, counts as money too: those behind it come into reach. What is owed
    may come back as well, by a payment or off an award of another year.
    """
    money_fen: dict[BudgetKey, int] = defaultdict(int)
    for lane, fact in facts:
        data = fact.data
        if fact.type in (provinces.BUDGET_ALLOCATED, provinces.BUDGET_ADJUSTED):
            money_fen[lane, data.fiscal_year, data.fund_source] += data.amount_fen
        elif fact.type == provinces.BUDGET_CARRIED_OVER:
            money_fen[lane, data.to_fiscal_year, data.fund_source] += data.amount_fen
        elif fact.type in _FREEING:
            for award in book.parts(_enrollment_no(fact) or ""):
                money_fen[award.budget_key] += award.amount_fen
    for booked in book.booked.values():
        for key, booked_fen in booked:
            money_fen[key] += booked_fen
    for award in book.due_awards():
        money_fen[award.budget_key] += award.amount_fen
    for award in _stepping_back(book):
        money_fen[award.budget_key] += award.amount_fen
    return money_fen


def _lanes_of_old_ranks(book: Book, facts: Facts) -> set[str]:
    """Lanes on which an award may come back to a place within its queue."""
    due = {award.enrollment_no for award in book.due_awards()}
    found = {award.lane for award in book.due_commitments()}
    for lane, fact in facts:
        parts = book.parts(_enrollment_no(fact) or "")
        late = fact.type in _LATE and any(
            a.state in ("expired", "held_back") or a.enrollment_no in due for a in parts
        )
        again = fact.type == provinces.WORKER_ENROLLED and bool(parts)
        uncovered = fact.type == provinces.SCHOLARSHIP_AWARDED and any(map(may_come_back, parts))
        # What is voided may have come in this very batch.
        if late or again or uncovered or fact.type == provinces.EVENT_VOIDED:
            found.add(lane)
    return found


def _lanes_of_long_times(rules: Rules, book: Book, facts: Facts) -> set[str]:
    """Lanes on which so many days begin at once that what is reserved or committed in the batch may fall due in it."""
    first = {lane: page.day for lane, page in book.lanes.items() if page.day}
    found = set()
    for lane, fact in facts:
        if fact.type == enrollment.DAY_BEGAN:
            here, day = rules_of(rules, book, lane), fact.data.day
            begun = first.setdefault(lane, day)
            long_enough = day - begun >= timedelta(days=here.shortest_days)
            if long_enough or (here.commits and day.year > begun.year):
                found.add(lane)
    return found
