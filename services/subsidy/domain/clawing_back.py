"""What was paid for an award that stands no more is owed: claimed, taken off later awards, followed until settled."""

from typing import Any, Literal

from services.subsidy.domain.book import Award, Book, Budget, Cause, Claim, Posting, move
from services.subsidy.domain.noting import cause_of, note, note_of
from services.subsidy.domain.sentences import CLAWED_BACK, NOT_OWED
from shared.contracts import enrollment, subsidy
from shared.contracts.envelope import Fact

Repaid = Literal["returned", "netted", "restored"]


def claw_back(book: Book, award: Award, cause: Cause, why: str) -> None:
    """Claim what was paid for an award that has just been let go."""
    paid_fen = award.disbursed_fen
    if not paid_fen:
        return
    budget, claim = book.budgets[award.budget_key], book.claim(award)
    inputs = {"disbursed_fen": paid_fen, "open_fen": claim.open_fen, "why": why}
    postings = move(budget, "disbursed", "receivable", paid_fen)
    award.disbursed_fen, award.changed = 0, True
    claim.open_fen += paid_fen
    claim.changed = True
    zh, en = CLAWED_BACK["corrected" if why == "corrected" else "ended"]
    said = {
        "clawed_back_fen": paid_fen,
        "open_fen": claim.open_fen,
        "why": why,
        "message_zh": zh,
        "message_en": en,
    }
    steps = [{"step": "clawed_back", "amount_fen": paid_fen}]
    note(book, award, cause, subsidy.SUBSIDY_CLAWED_BACK, inputs, steps, said, postings)


def net(book: Book, budget: Budget, award: Award, cause: Cause) -> None:
    """Take what the worker owes to the same pot off an award that was just granted; nobody need pay it twice."""
    for claim in book.claims_against(award):
        amount_fen = min(claim.open_fen, award.unpaid_fen)
        if not amount_fen:
            return
        inputs = {"unpaid_fen": award.unpaid_fen, "open_fen": claim.open_fen, "owed_for": claim.enrollment_no}
        postings = move(budget, "granted", "disbursed", amount_fen)
        award.disbursed_fen += amount_fen
        award.changed = True
        steps = [{"step": "netted", "amount_fen": amount_fen}]
        said = {"paid_fen": amount_fen, "disbursed_fen": award.disbursed_fen, "how": "netted"}
        said |= {"owed_for": claim.enrollment_no, "owed_for_year": claim.fiscal_year}
        note(book, award, cause, subsidy.SUBSIDY_DISBURSED, inputs, steps, said, postings)
        repay(book, claim, amount_fen, cause, "netted", inputs, netted_against=award)


def restore(book: Book, budget: Budget, award: Award, claim: Claim, paid_fen: int, cause: Cause) -> None:
    """An award stands again, whose money was paid already: the claim shrinks, and what was paid is paid."""
    inputs = {"open_fen": claim.open_fen, "amount_fen": award.amount_fen}
    steps = [{"step": "restored", "amount_fen": paid_fen}]
    claim.open_fen -= paid_fen
    claim.changed = True
    note_of(
        book,
        claim,
        cause,
        subsidy.CLAWBACK_REPAID,
        inputs,
        steps,
        _said(claim, paid_fen, "restored") | _part(award),
    )
    postings = move(budget, "reserved", "disbursed", paid_fen)
    award.disbursed_fen += paid_fen
    award.changed = True
    said = {"paid_fen": paid_fen, "disbursed_fen": award.disbursed_fen, "how": "restored"}
    note(book, award, cause, subsidy.SUBSIDY_DISBURSED, inputs, steps, said, postings)


def repay(
    book: Book,
    claim: Claim,
    amount_fen: int,
    cause: Cause,
    how: Repaid,
    inputs: dict[str, Any],
    netted_against: Award | None = None,
) -> None:
    """Money that was owed is there again: it is free, and goes to those who wait once all else is decided."""
    budget = book.budgets[claim.budget_key]
    postings = move(budget, "receivable", "available", amount_fen)
    claim.open_fen -= amount_fen
    claim.changed = True
    book.freed.add(budget.key)
    steps = [{"step": how, "amount_fen": amount_fen}]
    said = _said(claim, amount_fen, how)
    if netted_against is not None:
        said |= {"netted_against": netted_against.enrollment_no, **_part(netted_against)}
    note_of(book, claim, cause, subsidy.CLAWBACK_REPAID, inputs, steps, said, postings)


def write_off(book: Book, lane: str, fact: Fact[enrollment.DebtWrittenOffFact]) -> None:
    """What is owed will not come back: it stays spent. What is not owed goes back to the province as a decision."""
    data = fact.data
    if data.enrollment.history:
        return
    claim = book.claims.get((data.enrollment_no, data.fiscal_year, data.fund_source))
    if claim is None:
        claim = Claim(lane, data.enrollment_no, data.fiscal_year, data.fund_source, fact.subject or "", 0)
    inputs = {"asked_fen": data.amount_fen, "open_fen": claim.open_fen}
    amount_fen = min(data.amount_fen, claim.open_fen)
    postings: tuple[Posting, ...] = ()
    if amount_fen:
        postings = move(book.budgets[claim.budget_key], "receivable", "written_off", amount_fen)
        claim.open_fen -= amount_fen
        claim.changed = True
    refused_fen = data.amount_fen - amount_fen
    words = dict(zip(("message_zh", "message_en"), NOT_OWED, strict=True)) if refused_fen else {}
    said = {
        "enrollment_no": claim.enrollment_no,
        "fiscal_year": claim.fiscal_year,
        "fund_source": claim.fund_source,
        "document_no": data.document_no,
        "asked_fen": data.amount_fen,
        "amount_fen": amount_fen,
        "open_fen": claim.open_fen,
        "refused_fen": refused_fen,
        **words,
    }
    steps = [{"step": "written_off", "amount_fen": amount_fen}]
    note_of(book, claim, cause_of(fact), subsidy.CLAWBACK_WRITTEN_OFF, inputs, steps, said, postings)


def _part(award: Award) -> dict[str, int]:
    """Which part of an award it is about, where that has several."""
    return {"part": award.part} if award.parts > 1 else {}


def _said(claim: Claim, amount_fen: int, how: Repaid) -> dict[str, Any]:
    return {
        "enrollment_no": claim.enrollment_no,
        "fiscal_year": claim.fiscal_year,
        "fund_source": claim.fund_source,
        "amount_fen": amount_fen,
        "open_fen": claim.open_fen,
        "how": how,
        "netted_against": None,
    }
