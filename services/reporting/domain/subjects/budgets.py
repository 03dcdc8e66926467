"""Plans and budgets: what is meant, allocated, opened, changed, carried over, and how full it is."""

from typing import Final

from services.reporting.domain.tally import Columns, Counts, Tally, as_json
from shared.contracts import provinces, subsidy


def _planned(tally: Tally, data: provinces.PlanDeclared) -> Columns:
    day = tally.day()
    tally.money("planned_fen", data.amount_fen, day, data.fiscal_year, data.fund_source, data.funder.level)
    return Columns(
        day,
        document_no=data.plan_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
        heads=data.heads,
    )


def _allocated(tally: Tally, data: provinces.BudgetAllocated) -> Columns:
    day = tally.day()
    tally.money("allocated_fen", data.amount_fen, day, data.fiscal_year, data.fund_source, data.funder.level)
    return Columns(
        day,
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
    )


def _opened(tally: Tally, data: subsidy.BudgetOpened) -> Columns:
    day = tally.day()
    tally.money("opened_fen", data.amount_fen, day, data.fiscal_year, data.fund_source, data.funder_level)
    return Columns(
        day,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder_level,
        amount_fen=data.amount_fen,
        details=as_json(allocated_fen=data.allocated_fen),
    )


def _changed(tally: Tally, data: subsidy.BudgetIncreased, sign: int) -> Columns:
    day = tally.day()
    amount_fen = sign * data.amount_fen
    tally.money("opened_fen", amount_fen, day, data.fiscal_year, data.fund_source, data.funder_level)
    tally.money("adjusted_fen", amount_fen, day, data.fiscal_year, data.fund_source, data.funder_level)
    return Columns(
        day,
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder_level,
        amount_fen=amount_fen,
        details=as_json(asked_fen=data.asked_fen, allocated_fen=data.allocated_fen),
    )


def _carried_over(tally: Tally, data: subsidy.CarryoverBooked) -> Columns:
    """What one year loses another gains: the sum of all years stays."""
    day = tally.day()
    for year, amount_fen in (
        (data.from_fiscal_year, -data.amount_fen),
        (data.to_fiscal_year, data.amount_fen),
    ):
        tally.money("opened_fen", amount_fen, day, year, data.fund_source, data.funder_level)
        tally.money("adjusted_fen", amount_fen, day, year, data.fund_source, data.funder_level)
    return Columns(
        day,
        document_no=data.document_no,
        fiscal_year=data.to_fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder_level,
        amount_fen=data.amount_fen,
        details=as_json(from_fiscal_year=data.from_fiscal_year, asked_fen=data.asked_fen),
    )


def _alerted(
    tally: Tally, data: subsidy.BudgetExhausted | subsidy.BudgetRecovered | subsidy.BudgetThresholdReached
) -> Columns:
    """How full a budget is: nothing to add up."""
    full = as_json(**data.model_dump(exclude={"fiscal_year", "fund_source"}))
    return Columns(tally.day(), fiscal_year=data.fiscal_year, fund_source=data.fund_source, details=full)


COUNTS: Final[Counts] = {
    provinces.PLAN_DECLARED: _planned,
    provinces.BUDGET_ALLOCATED: _allocated,
    subsidy.BUDGET_OPENED: _opened,
    subsidy.BUDGET_INCREASED: lambda tally, data: _changed(tally, data, +1),
    subsidy.BUDGET_REDUCED: lambda tally, data: _changed(tally, data, -1),
    subsidy.CARRYOVER_BOOKED: _carried_over,
    **dict.fromkeys(subsidy.ALERTS, _alerted),
}
