"""Money that has reached workers, came back, or must come back."""

from typing import Any, Final

from services.reporting.domain.subjects.awards import award_columns
from services.reporting.domain.tally import Columns, Counts, Tally, as_json
from shared.contracts import subsidy


def _disbursed(tally: Tally, data: subsidy.SubsidyDisbursed) -> Columns:
    day = tally.day()
    tally.money("disbursed_fen", data.paid_fen, day, data.fiscal_year, data.fund_source)
    details = as_json(how=data.how, paid_fen=data.paid_fen, disbursed_fen=data.disbursed_fen, **_line(data))
    return Columns(day, details=details, **award_columns(data))


def _payment_returned(tally: Tally, data: subsidy.SubsidyReturned) -> Columns:
    day = tally.day()
    tally.money("disbursed_fen", -data.returned_fen, day, data.fiscal_year, data.fund_source)
    details = as_json(returned_fen=data.returned_fen, disbursed_fen=data.disbursed_fen, **_line(data))
    return Columns(day, details=details, **award_columns(data))


def _clawed_back(tally: Tally, data: subsidy.SubsidyClawedBack) -> Columns:
    """What was paid is owed: it counts as disbursed no more, and as owed until it has come back."""
    day = tally.day()
    tally.money("disbursed_fen", -data.clawed_back_fen, day, data.fiscal_year, data.fund_source)
    tally.money("clawed_back_fen", data.clawed_back_fen, day, data.fiscal_year, data.fund_source)
    tally.money("receivable_fen", data.clawed_back_fen, day, data.fiscal_year, data.fund_source)
    details = as_json(why=data.why, clawed_back_fen=data.clawed_back_fen, open_fen=data.open_fen)
    return Columns(day, details=details, **award_columns(data))


def _repaid(tally: Tally, data: subsidy.ClawbackRepaid) -> Columns:
    day = tally.day()
    tally.money("repaid_fen", data.amount_fen, day, data.fiscal_year, data.fund_source)
    tally.money("receivable_fen", -data.amount_fen, day, data.fiscal_year, data.fund_source)
    return Columns(
        day,
        enrollment_no=data.enrollment_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.amount_fen,
        details=as_json(how=data.how, open_fen=data.open_fen),
    )


def _written_off(tally: Tally, data: subsidy.ClawbackWrittenOff) -> Columns:
    day = tally.day()
    tally.money("written_off_fen", data.amount_fen, day, data.fiscal_year, data.fund_source)
    tally.money("receivable_fen", -data.amount_fen, day, data.fiscal_year, data.fund_source)
    return Columns(
        day,
        enrollment_no=data.enrollment_no,
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.amount_fen,
        details=as_json(open_fen=data.open_fen, refused_fen=data.refused_fen),
    )


def _unmatched(tally: Tally, data: subsidy.PaymentUnmatched) -> Columns:
    """A question to the province: no money of the ledger has moved."""
    day = tally.day()
    return Columns(
        day,
        enrollment_no=data.enrollment_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.amount_fen,
        details=as_json(code=data.code, **_line(data)),
    )


def _line(
    data: subsidy.SubsidyDisbursed | subsidy.SubsidyReturned | subsidy.PaymentUnmatched,
) -> dict[str, Any]:
    return {"batch_no": data.batch_no, "line_no": data.line_no}


COUNTS: Final[Counts] = {
    subsidy.SUBSIDY_DISBURSED: _disbursed,
    subsidy.SUBSIDY_RETURNED: _payment_returned,
    subsidy.SUBSIDY_CLAWED_BACK: _clawed_back,
    subsidy.CLAWBACK_REPAID: _repaid,
    subsidy.CLAWBACK_WRITTEN_OFF: _written_off,
    subsidy.PAYMENT_UNMATCHED: _unmatched,
}
