"""Money of an open budget is increased, cut or carried into a later year; what is committed is never taken."""

from typing import Any, Literal

from services.subsidy.domain.awarding import move_queue
from services.subsidy.domain.book import Book, Budget, Cause, Posting, move
from services.subsidy.domain.noting import cause_of, note_budget
from services.subsidy.domain.schemes import CutPolicy
from services.subsidy.domain.sentences import CHANGE_REFUSED, NOT_CARRIED, NOT_CUT
from shared.contracts import provinces, subsidy
from shared.contracts.envelope import MAX_AMOUNT_FEN, Fact

Change = Literal["allocation", "increase", "decrease", "carry_over"]
RefusedChange = Literal["not_open", "committed", "too_large"]


def adjust(policy: CutPolicy, book: Book, lane: str, fact: Fact[provinces.BudgetAdjusted]) -> None:
    """Add to an open budget, or take from it what nothing holds."""
    data, cause = fact.data, cause_of(fact)
    budget = book.budget((lane, data.fiscal_year, data.fund_source))
    if data.direction == "increase":
        _increase(book, budget, cause, data)
        return
    inputs = _asked(budget, policy, data)
    taken_fen = takeable_fen(budget, policy, data.amount_fen)
    if not taken_fen:
        refuse(book, budget, cause, data, "decrease", inputs, _why(budget))
        return
    postings = move(budget, "available", "allocated", taken_fen)
    refused_fen = data.amount_fen - taken_fen
    said = {**_change(budget, data, taken_fen), "refused_fen": refused_fen, **_said_if(refused_fen, NOT_CUT)}
    note_budget(book, budget, cause, subsidy.BUDGET_REDUCED, inputs, said, postings)


def _increase(book: Book, budget: Budget, cause: Cause, data: provinces.BudgetAdjusted) -> None:
    inputs = {"document_no": data.document_no, "amount_fen": data.amount_fen, "open": budget.opened}
    if not budget.opened:
        refuse(book, budget, cause, data, "increase", inputs, "not_open")
        return
    inputs["before_fen"] = budget.allocated_fen
    if too_large(budget, data.amount_fen):
        refuse(book, budget, cause, data, "increase", inputs, "too_large")
        return
    postings = move(budget, "allocated", "available", data.amount_fen)
    budget.exhausted = False
    said = _change(budget, data, data.amount_fen)
    note_budget(book, budget, cause, subsidy.BUDGET_INCREASED, inputs, said, postings)
    move_queue(book, budget, cause)


def carry_over(policy: CutPolicy, book: Book, lane: str, fact: Fact[provinces.BudgetCarriedOver]) -> None:
    """Move free money of one year into a later one of the same pot; that may open the later budget."""
    data, cause = fact.data, cause_of(fact)
    source = book.budget((lane, data.from_fiscal_year, data.fund_source))
    target = book.budget((lane, data.to_fiscal_year, data.fund_source))
    inputs = {**_asked(source, policy, data), "to_fiscal_year": data.to_fiscal_year}
    carried_fen = takeable_fen(source, policy, data.amount_fen)
    if not carried_fen:
        refuse(book, source, cause, data, "carry_over", inputs, _why(source))
        return
    if too_large(target, carried_fen):
        refuse(book, source, cause, data, "carry_over", inputs, "too_large")
        return
    if not target.opened:
        target.funder_level = data.funder.level
    postings: tuple[Posting, ...] = move(source, "available", "allocated", carried_fen)
    postings += move(target, "allocated", "available", carried_fen)
    target.exhausted = False
    refused_fen = data.amount_fen - carried_fen
    said = {
        "document_no": data.document_no,
        "from_fiscal_year": data.from_fiscal_year,
        "to_fiscal_year": data.to_fiscal_year,
        "fund_source": data.fund_source,
        "funder_level": target.funder_level,
        "asked_fen": data.amount_fen,
        "amount_fen": carried_fen,
        "refused_fen": refused_fen,
        "from_allocated_fen": source.allocated_fen,
        "to_allocated_fen": target.allocated_fen,
        **_said_if(refused_fen, NOT_CARRIED),
    }
    note_budget(book, source, cause, subsidy.CARRYOVER_BOOKED, inputs, said, postings)
    move_queue(book, target, cause)


def too_large(budget: Budget, more_fen: int) -> bool:
    """Whether a budget would exceed what every reader of JSON, and every sum of ours, holds exactly."""
    return budget.allocated_fen + more_fen > MAX_AMOUNT_FEN


def takeable_fen(budget: Budget, policy: CutPolicy, asked_fen: int) -> int:
    """How much of what is asked for a budget gives: never what is reserved, granted, paid or owed."""
    if policy == "refuse" and budget.free_fen < asked_fen:
        return 0
    return min(budget.free_fen, asked_fen)


def _asked(
    budget: Budget, policy: CutPolicy, data: provinces.BudgetAdjusted | provinces.BudgetCarriedOver
) -> dict[str, Any]:
    return {
        "document_no": data.document_no,
        "amount_fen": data.amount_fen,
        "open": budget.opened,
        "before_fen": budget.allocated_fen,
        "free_fen": budget.free_fen,
        "policy": policy,
    }


def _change(budget: Budget, data: provinces.BudgetAdjusted, amount_fen: int) -> dict[str, Any]:
    return {
        "document_no": data.document_no,
        "fiscal_year": budget.fiscal_year,
        "fund_source": budget.fund_source,
        "funder_level": budget.funder_level,
        "asked_fen": data.amount_fen,
        "amount_fen": amount_fen,
        "allocated_fen": budget.allocated_fen,
    }


def _said_if(refused_fen: int, sentences: tuple[str, str]) -> dict[str, str]:
    """What the province reads where not all was done that it asked for."""
    return dict(zip(("message_zh", "message_en"), sentences, strict=True)) if refused_fen else {}


def _why(budget: Budget) -> RefusedChange:
    return "committed" if budget.opened else "not_open"


def refuse(
    book: Book,
    budget: Budget,
    cause: Cause,
    data: provinces.BudgetAllocated | provinces.BudgetAdjusted | provinces.BudgetCarriedOver,
    change: Change,
    inputs: dict[str, Any],
    code: RefusedChange,
) -> None:
    """Say that nothing was changed, and why."""
    zh, en = CHANGE_REFUSED[code]
    said = {
        "document_no": data.document_no,
        "change": change,
        "fiscal_year": budget.fiscal_year,
        "fund_source": budget.fund_source,
        "asked_fen": data.amount_fen,
        "code": code,
        "message_zh": zh,
        "message_en": en,
    }
    note_budget(book, budget, cause, subsidy.BUDGET_CHANGE_REFUSED, inputs, said)
