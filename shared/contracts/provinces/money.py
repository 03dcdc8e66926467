"""What provinces say of money: intended, there, moved, awarded, paid and brought forward; integer fen."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.envelope import AmountFen, Day, DocumentNo, Text, Value
from shared.contracts.provinces.terms import (
    Comparator,
    EnrollmentNo,
    Figure,
    FiscalYear,
    Funder,
    OpeningMeasure,
)

LineNo = Annotated[int, Field(ge=1, le=1_000_000)]
"""Place of a payment within its batch."""


class PlanDeclared(Value):
    """An intention to fund: money and heads. Never spendable."""

    plan_no: DocumentNo = Field(title="计划文号")
    """Number of the document; (lane, fiscal year, fund source, number) is the natural key."""
    fiscal_year: FiscalYear = Field(title="财政年度")
    """Year of the plan."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot that is meant to pay."""
    funder: Funder = Field(title="出资单位")
    """Who plans."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Planned money in fen."""
    heads: Annotated[int, Field(ge=1, le=10_000_000)] = Field(title="计划人数")
    """Planned number of workers."""


class BudgetAllocated(Value):
    """Money is there: opens a budget, or adds to it, for (lane, fiscal year, fund source)."""

    document_no: DocumentNo = Field(title="拨款文号")
    """Number of the document; (lane, fiscal year, fund source, number) is the natural key."""
    fiscal_year: FiscalYear = Field(title="财政年度")
    """Year in which it may be spent."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot: awards and scholarships name it."""
    funder: Funder = Field(title="出资单位")
    """Who owns the money."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Amount in fen."""


class BudgetAdjusted(Value):
    """Money of an open budget is increased or cut."""

    document_no: DocumentNo = Field(title="调整文号")
    """Number of the document; (lane, fiscal year, fund source, number) is the natural key."""
    fiscal_year: FiscalYear = Field(title="财政年度")
    """Year of the budget."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot, as its allocation names it."""
    funder: Funder = Field(title="出资单位")
    """Who decided."""
    direction: Literal["increase", "decrease"] = Field(title="调整方向")
    """Whether money comes or goes."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """By how much, in fen."""


class BudgetCarriedOver(Value):
    """Money of a year that ends is carried over into a later one."""

    document_no: DocumentNo = Field(title="结转文号")
    """Number of the document; (lane, year from, fund source, number) is the natural key."""
    from_fiscal_year: FiscalYear = Field(title="结转自年度")
    """Year that loses the money."""
    to_fiscal_year: FiscalYear = Field(title="结转至年度")
    """Later year that gains it."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot, the same in both years."""
    funder: Funder = Field(title="出资单位")
    """Who owns the money."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Amount in fen."""


class PaymentSettled(Value):
    """A payment has reached the worker or the institution; only the funding province may send it. Disburses."""

    batch_no: DocumentNo = Field(title="支付批次号")
    """The settlement; (lane, batch, line) is the natural key."""
    line_no: LineNo = Field(title="批次行号")
    """Place within the settlement."""
    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """For which enrollment."""
    fiscal_year: FiscalYear = Field(title="财政年度")
    """Year of the budget that pays."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot that pays."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Amount in fen."""
    paid_on: Day = Field(title="支付日期")
    """Day of the payment."""


class PaymentReturned(Value):
    """A settled payment has come back; waits for that payment. Only the funding province may send it."""

    batch_no: DocumentNo = Field(title="支付批次号")
    """The settlement; (lane, batch, line) names the payment, which comes back once."""
    line_no: LineNo = Field(title="批次行号")
    """Place within the settlement."""
    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """For which enrollment."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """What came back, in fen."""
    returned_on: Day = Field(title="退回日期")
    """Day on which it came back."""
    reason: Literal["account", "refused", "withdrawn", "other"] = Field(title="退回原因")
    """Why: wrong account, not accepted, the worker has left, other."""


class DebtWrittenOff(Value):
    """What is owed for an award that stands no more will not come back; only the funding province may send it.

    The money stays spent: it is never given to anybody else.
    """

    document_no: DocumentNo = Field(title="核销文号")
    """Number of the document; (lane, number, enrollment, year, fund source) is the natural key."""
    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """For which enrollment."""
    fiscal_year: FiscalYear = Field(title="财政年度")
    """Year of the budget to which it is owed, as its claim names it."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot to which it is owed."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """What is written off, in fen."""
    written_off_on: Day = Field(title="核销日期")
    """Day of the decision."""
    reason: Literal["deceased", "insolvent", "not_found", "other"] = Field(title="核销原因")
    """Why: the worker has died, cannot pay, is not found; other."""


class BalanceOpened(Value):
    """What stands from before the stream: shown beside its own counts, never added to back-loaded history."""

    measure: OpeningMeasure = Field(title="指标")
    """What is counted; (lane, measure, day) is the natural key."""
    comparator: Comparator = Field(title="比较关系")
    """How the figure is meant: at least, more than, exactly, or as stated."""
    value: Figure = Field(title="数值")
    """The figure, in the measure's unit: fen for money, otherwise heads."""
    as_of: Day = Field(title="截至日期")
    """Up to and with this day."""
    basis: Literal["actual", "planned"] = Field(default="actual", title="实际或计划")
    """Whether it has happened."""
    authority: Text | None = Field(default=None, title="数据来源")
    """Who says so: a report, a bulletin."""


class ScholarshipAwarded(Value):
    """A funder has awarded a scholarship: booked against its budget and counted towards tuition."""

    scholarship_no: DocumentNo = Field(title="奖学金编号")
    """The funder's number; (funder, number) is the natural key."""
    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """For which enrollment."""
    funder: Funder = Field(title="出资单位")
    """Who decided and pays."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot it is paid from, as the allocation names it."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Amount in fen."""
    awarded_on: Day = Field(title="授予日期")
    """Day of the award."""
