"""Which person's entitlement an enrollment needs under its scheme, and what becomes of it when that is decided."""

from typing import Any

from services.subsidy.domain.book import Award, Book
from services.subsidy.domain.lifetime import EntitlementKey, inputs_of, level_of
from services.subsidy.domain.schemes import Rules, Scheme
from shared.contracts import enrollment
from shared.contracts.envelope import Fact

HistoryPayment = Fact[enrollment.PaymentSettledFact] | Fact[enrollment.PaymentReturnedFact]


def key_for(scheme: Scheme | None, worker_ref: str | None, course: Any) -> EntitlementKey | None:
    """The entitlement that a course under a scheme needs; none where the scheme has no limit."""
    if scheme is None or scheme.lifetime_awards_per_level is None or worker_ref is None:
        return None
    return worker_ref, scheme.name, level_of(course)


def asked_by(book: Book, scheme: Scheme | None, fact: Fact[enrollment.WorkerEnrolledFact]) -> dict[str, Any]:
    """What the limit adds to the inputs of an enrollment's decision; nothing where there is none."""
    key = key_for(scheme, fact.subject, fact.data)
    return inputs_of(book.entitlement(key), fact.data.enrollment_no) if key else {}


def keep(rules: Rules, book: Book, award: Award, before: Award | None) -> None:
    """Write down that an award has been judged: it holds the entitlement, or waits for it; what it had before ends."""
    if before is not None and before.level and before.entitlement_key != award.entitlement_key:
        book.leave(before)
    if not award.level:
        return
    if award.withdrawn:
        book.leave(award)
        return
    entitlement = book.entitlement(award.entitlement_key)
    limit = limit_of(rules, award) or 1
    entitlement.put(award.lane, award.enrollment_no, limit, holds=award.state != "refused")


def limit_of(rules: Rules, award: Award) -> int | None:
    """How many awards the version that judged an award gives one person at its level."""
    scheme = rules.scheme_of(award.scheme, award.scheme_version) if award.level else None
    return scheme.lifetime_awards_per_level if scheme else None


def asked_again(rules: Rules, book: Book, award: Award) -> dict[str, Any]:
    """What the limit adds to the inputs of an award that comes back; nothing where there is none.

    An enrollment of which a part stands has the entitlement: it need not ask for the others.
    """
    limit = limit_of(rules, award)
    if limit is None or book.stands(award.enrollment_no):
        return {}
    return {"limit": limit, **inputs_of(book.entitlement(award.entitlement_key), award.enrollment_no)}


def is_waiting(book: Book, award: Award) -> bool:
    """Whether an award was refused for the limit, and waits to be called."""
    if not award.level or (award.parts == 1 and award.state != "refused"):
        return False
    asker = book.entitlement(award.entitlement_key).asker(award.enrollment_no)
    return asker is not None and not asker.holds


def count_history(rules: Rules, book: Book, lane: str, fact: HistoryPayment, amount_fen: int) -> None:
    """What was paid before an enrollment was kept here was an award: it counts, though no money moves."""
    course = fact.data.enrollment
    scheme = rules.scheme_for(lane, course.start, course.track)
    key = key_for(scheme, fact.subject, course)
    if key is None or scheme is None or scheme.lifetime_awards_per_level is None:
        return
    entitlement = book.entitlement(key)
    asker = entitlement.asker(fact.data.enrollment_no)
    if amount_fen > 0 or (asker is not None and asker.history_fen):
        limit = scheme.lifetime_awards_per_level
        entitlement.add_history(lane, fact.data.enrollment_no, limit, amount_fen)
        book.unsettled.add(key)
