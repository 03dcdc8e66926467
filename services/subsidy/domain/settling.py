"""What provinces have paid and what has come back: booked against its grant, or told as unmatched."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from services.subsidy.domain.book import HELD, TO_COME, Award, Book, BudgetKey, Cause, Payment, move
from services.subsidy.domain.clawing_back import repay
from services.subsidy.domain.noting import cause_of, note, note_of
from services.subsidy.domain.sentences import UNMATCHED
from shared.contracts import enrollment, subsidy
from shared.contracts.envelope import Fact

Settled = Fact[enrollment.PaymentSettledFact]
Returned = Fact[enrollment.PaymentReturnedFact]
Unmatched = Literal[
    "not_granted", "not_granted_yet", "other_pot", "exceeds_grant", "exceeds_payment", "not_owed"
]


class PaymentInputs(TypedDict):
    """All that decides how much of a payment is booked."""

    paid_fen: int
    state: str | None
    """State of the award; none where the enrollment has none."""
    same_pot: bool
    """Whether the payment names the budget from which the award was granted, or one of its parts."""
    unpaid_fen: int
    """What is granted and not paid yet, by all parts from that budget."""
    to_come: NotRequired[bool]
    """Whether something from that budget is still to be granted; only where it is."""


def settle(book: Book, lane: str, fact: Settled) -> None:
    """A payment disburses what is granted; what is paid beyond that goes back to the province as a decision."""
    data, cause = fact.data, cause_of(fact)
    if data.enrollment.history:
        return
    pot = (lane, data.fiscal_year, data.fund_source)
    all_parts = book.parts(data.enrollment_no)
    parts = _meant(all_parts, pot)
    inputs = PaymentInputs(
        paid_fen=data.amount_fen,
        state=parts[0].state if parts else None,
        same_pot=bool(parts) and parts[0].budget_key == pot,
        unpaid_fen=sum(award.unpaid_fen for award in parts),
    )
    if inputs["state"] != "granted" and any(a.state in TO_COME and a.budget_key == pot for a in all_parts):
        inputs["to_come"] = True
    booked_fen, code = judge_payment(inputs)
    payment = Payment(
        lane,
        data.batch_no,
        data.line_no,
        data.enrollment_no,
        fact.subject or "",
        data.fiscal_year,
        data.fund_source,
        booked_fen,
        data.amount_fen - booked_fen,
        waits=code == "not_granted_yet",
        new=True,
    )
    if payment.waits:
        for award in all_parts:
            award.paid_early = award.changed = True
    book.payments[payment.key] = payment
    for award in parts:
        part_fen = min(booked_fen, award.unpaid_fen)
        if part_fen:
            _disburse(book, award, payment, part_fen, inputs, [_paid(data.amount_fen)], cause)
        booked_fen -= part_fen
    if code is not None:
        _say_unmatched(book, payment, cause, data.amount_fen, code, payment.unmatched_fen, inputs)


def book_early(book: Book, award: Award, cause: Cause) -> None:
    """An award is granted: what was paid for it before from the same budget is booked now."""
    if not award.paid_early:
        return
    for payment in book.early_payments(award.enrollment_no):
        amount_fen = min(payment.unmatched_fen, award.unpaid_fen)
        if (payment.lane, payment.fiscal_year, payment.fund_source) != award.budget_key or not amount_fen:
            continue
        inputs = {"paid_fen": payment.unmatched_fen, "state": award.state, "unpaid_fen": award.unpaid_fen}
        payment.unmatched_fen -= amount_fen
        payment.booked_fen += amount_fen
        payment.waits, payment.changed = payment.unmatched_fen > 0, True
        steps = [{"step": "paid_early", "amount_fen": inputs["paid_fen"]}]
        _disburse(book, award, payment, amount_fen, inputs, steps, cause)
    give_up_early(book, award, cause)


def give_up_early(book: Book, award: Award, cause: Cause) -> None:
    """Say which payments wait in vain: nothing from their budget is to be granted to the enrollment any more."""
    if not award.paid_early:
        return
    parts = book.parts(award.enrollment_no)
    for payment in book.early_payments(award.enrollment_no):
        pot = (payment.lane, payment.fiscal_year, payment.fund_source)
        states = {part.state for part in parts if part.budget_key == pot}
        if states.intersection(TO_COME):
            continue
        payment.waits, payment.changed = False, True
        if payment.unmatched_fen:
            code: Unmatched = "exceeds_grant" if "granted" in states else "not_granted"
            moved_fen = payment.booked_fen + payment.unmatched_fen
            inputs = {"paid_fen": moved_fen, "state": award.state}
            _say_unmatched(book, payment, cause, moved_fen, code, payment.unmatched_fen, inputs)


def _meant(parts: Sequence[Award], pot: BudgetKey) -> Sequence[Award]:
    """The parts that a payment from `pot` may be for: those granted from it, otherwise one that says why it is not."""
    granted = [award for award in parts if award.state == "granted"]
    of_the_pot = [award for award in parts if award.budget_key == pot]
    return [award for award in of_the_pot if award in granted] or (of_the_pot or granted or parts)[:1]


def judge_payment(inputs: PaymentInputs) -> tuple[int, Unmatched | None]:
    """How much of a payment is booked, and why the rest is not."""
    if inputs["state"] != "granted":
        return 0, "not_granted_yet" if inputs.get("to_come") else "not_granted"
    if not inputs["same_pot"]:
        return 0, "other_pot"
    booked_fen = min(inputs["paid_fen"], inputs["unpaid_fen"])
    return booked_fen, None if booked_fen == inputs["paid_fen"] else "exceeds_grant"


def take_back(book: Book, lane: str, fact: Returned) -> None:
    """A payment has come back: first what was never matched, then what is granted, then what is owed."""
    data, cause = fact.data, cause_of(fact)
    payment = book.payments.get((lane, data.batch_no, data.line_no))
    if payment is None:
        return  # of what was paid before an enrollment was kept here nothing was booked either
    left_fen = data.amount_fen - _take(payment, "unmatched_fen", data.amount_fen)
    payment.waits = payment.waits and payment.unmatched_fen > 0
    back_fen = _take(payment, "booked_fen", left_fen)
    # Batch and line name the payment, whatever else is said of it.
    parts = _paid_parts(book.parts(payment.enrollment_no), payment)
    inputs = {
        "returned_fen": data.amount_fen,
        "booked_fen": back_fen,
        "state": parts[0].state if parts else None,
        "disbursed_fen": sum(award.disbursed_fen for award in parts),
    }
    owed_fen = back_fen
    for award in parts:
        owed_fen -= _give_back(book, award, payment, owed_fen, inputs, cause)
    claim = book.claims.get((payment.enrollment_no, payment.fiscal_year, payment.fund_source))
    settled_fen = min(owed_fen, claim.open_fen) if claim else 0
    if claim is not None and settled_fen:
        repay(book, claim, settled_fen, cause, "returned", inputs)
    for code, over_fen in (("not_owed", owed_fen - settled_fen), ("exceeds_payment", left_fen - back_fen)):
        if over_fen:
            _say_unmatched(book, payment, cause, data.amount_fen, code, over_fen, inputs)


def _paid_parts(parts: Sequence[Award], payment: Payment) -> Sequence[Award]:
    """The parts that a payment may have reached: those of its own budget first, the last one before the others."""
    if len(parts) <= 1:
        return parts
    same = [award for award in reversed(parts) if award.fund_source == payment.fund_source]
    return sorted(same, key=lambda award: award.fiscal_year != payment.fiscal_year)


def _take(payment: Payment, part: Literal["unmatched_fen", "booked_fen"], at_most_fen: int) -> int:
    taken_fen: int = min(getattr(payment, part), at_most_fen)
    setattr(payment, part, getattr(payment, part) - taken_fen)
    payment.changed = payment.changed or taken_fen > 0
    return taken_fen


def _disburse(
    book: Book,
    award: Award,
    payment: Payment,
    amount_fen: int,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    cause: Cause,
) -> None:
    budget = book.budgets[award.budget_key]
    postings = move(budget, "granted", "disbursed", amount_fen)
    award.disbursed_fen += amount_fen
    award.changed = True
    steps.append({"step": "granted", "amount_fen": amount_fen})
    said = {
        "paid_fen": amount_fen,
        "disbursed_fen": award.disbursed_fen,
        "how": "paid",
        **_line(payment),
    }
    note(book, award, cause, subsidy.SUBSIDY_DISBURSED, inputs, steps, said, postings)


def _paid(amount_fen: int) -> dict[str, Any]:
    return {"step": "paid", "amount_fen": amount_fen}


def _give_back(
    book: Book, award: Award, payment: Payment, back_fen: int, inputs: dict[str, Any], cause: Cause
) -> int:
    """Of an award that stands what came back is granted again, to be paid anew; how much that is."""
    amount_fen = min(back_fen, award.disbursed_fen)
    if award.state not in HELD or not amount_fen:
        return 0
    budget = book.budgets[award.budget_key]
    postings = move(budget, "disbursed", award.state, amount_fen)
    award.disbursed_fen -= amount_fen
    award.changed = True
    steps = [{"step": "returned", "amount_fen": amount_fen}]
    said = {"returned_fen": amount_fen, "disbursed_fen": award.disbursed_fen, **_line(payment)}
    note(book, award, cause, subsidy.SUBSIDY_RETURNED, inputs, steps, said, postings)
    return amount_fen


def _say_unmatched(
    book: Book,
    payment: Payment,
    cause: Cause,
    moved_fen: int,
    code: Any,
    amount_fen: int,
    inputs: Any,
) -> None:
    zh, en = UNMATCHED[code]
    said = {
        "enrollment_no": payment.enrollment_no,
        "fiscal_year": payment.fiscal_year,
        "fund_source": payment.fund_source,
        **_line(payment),
        "moved_fen": moved_fen,
        "amount_fen": amount_fen,
        "code": code,
        "message_zh": zh,
        "message_en": en,
    }
    steps = [{"step": code, "amount_fen": amount_fen}]
    note_of(book, payment, cause, subsidy.PAYMENT_UNMATCHED, inputs, steps, said)


def _line(payment: Payment) -> dict[str, Any]:
    return {"batch_no": payment.batch_no, "line_no": payment.line_no}
