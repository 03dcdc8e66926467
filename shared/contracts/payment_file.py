"""The payment file: what a province's finance office is to pay, and sends back as `payment.settled` once it has."""

from typing import Final

from shared.contracts.provinces import PaymentSettled

TOTAL_LINE: Final = "#合计 total"
"""The first cell of the last line of a table: the control sums. Nobody sends it."""


def _title(field: str) -> str:
    return str(PaymentSettled.model_fields[field].title)


HEADERS: Final = (
    _title("batch_no"),
    _title("line_no"),
    _title("enrollment_no"),
    "工人代号",
    _title("fiscal_year"),
    _title("fund_source"),
    _title("amount_fen").replace("（分）", "（元）"),
    _title("paid_on"),
    "核对金额（分）",
    "补助方案",
)
"""Headers of the table: those of a file of `payment.settled`, which reads all but the last two."""
