"""What provinces ask of the ledger, what it answers, and what it holds: kept to be compared, nothing is added up."""

from typing import Final

from services.reporting.domain.tally import Columns, Counts, Tally, as_json, columns_of
from shared.contracts import enrollment, provinces, subsidy


def _adjusted(tally: Tally, data: provinces.BudgetAdjusted) -> Columns:
    """Counted when the ledger has booked it."""
    return Columns(
        tally.day(),
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
        details=as_json(direction=data.direction),
    )


def _carried_over(tally: Tally, data: provinces.BudgetCarriedOver) -> Columns:
    """Counted when the ledger has booked it."""
    return Columns(
        tally.day(),
        document_no=data.document_no,
        fiscal_year=data.to_fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
        details=as_json(from_fiscal_year=data.from_fiscal_year),
    )


def _settled(_: Tally, data: enrollment.PaymentSettledFact) -> Columns:
    """Counted when the ledger has booked it."""
    return Columns(
        data.paid_on,
        enrollment_no=data.enrollment_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.amount_fen,
        details=as_json(batch_no=data.batch_no, line_no=data.line_no),
        **columns_of(data.enrollment, data.reported_by),
    )


def _returned(_: Tally, data: enrollment.PaymentReturnedFact) -> Columns:
    return Columns(
        data.returned_on,
        enrollment_no=data.enrollment_no,
        amount_fen=data.amount_fen,
        details=as_json(batch_no=data.batch_no, line_no=data.line_no, reason=data.reason),
        **columns_of(data.enrollment, data.reported_by),
    )


def _written_off(_: Tally, data: enrollment.DebtWrittenOffFact) -> Columns:
    return Columns(
        data.written_off_on,
        enrollment_no=data.enrollment_no,
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.amount_fen,
        details=as_json(reason=data.reason),
        **columns_of(data.enrollment, data.reported_by),
    )


def _declared(_: Tally, data: provinces.ControlTotalsDeclared) -> Columns:
    """What is compared with it comes as a fact of its own."""
    return Columns(data.until, details=data.model_dump_json())


def _scheme(
    tally: Tally, data: provinces.SchemeActivated | subsidy.SchemeAdopted | subsidy.SchemeRefused
) -> Columns:
    return Columns(tally.day(), scheme=f"{data.scheme}/{data.scheme_version}")


def _target(tally: Tally, data: provinces.TargetSet) -> Columns:
    """Read again by whoever asks for the targets; it stands on every lane, that of lane 00 counts."""
    return Columns(tally.day(), document_no=data.document_no, details=data.model_dump_json())


def _change_refused(tally: Tally, data: subsidy.BudgetChangeRefused) -> Columns:
    return Columns(
        tally.day(),
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        details=as_json(change=data.change, asked_fen=data.asked_fen, code=data.code),
    )


def _totalled(_: Tally, data: subsidy.LedgerTotalled) -> Columns:
    return Columns(data.day, details=data.model_dump_json())


COUNTS: Final[Counts] = {
    provinces.BUDGET_ADJUSTED: _adjusted,
    provinces.BUDGET_CARRIED_OVER: _carried_over,
    provinces.PAYMENT_SETTLED: _settled,
    provinces.PAYMENT_RETURNED: _returned,
    provinces.DEBT_WRITTEN_OFF: _written_off,
    provinces.CONTROL_TOTALS_DECLARED: _declared,
    provinces.SCHEME_ACTIVATED: _scheme,
    provinces.TARGET_SET: _target,
    subsidy.SCHEME_ADOPTED: _scheme,
    subsidy.SCHEME_REFUSED: _scheme,
    subsidy.BUDGET_CHANGE_REFUSED: _change_refused,
    subsidy.LEDGER_TOTALLED: _totalled,
}
