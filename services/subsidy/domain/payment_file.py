"""Payment files: what is granted and not paid yet as lines of a table or of XML, with sums to check them by."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from xml.sax.saxutils import quoteattr  # it writes only; nothing is parsed

from services.subsidy.domain.wording import FEN_IN_YUAN
from shared.contracts.payment_file import HEADERS, TOTAL_LINE
from shared.contracts.spreadsheet import safe

Format = Literal["csv", "xml"]
LINES_MAX: Final = 1_000_000
"""`payment.settled` numbers no more lines of one batch: what is left stands in the next one."""
BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it spreadsheets take UTF-8 for something else."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Which payments a file holds, as of which moment of the lane."""

    lane: str
    fiscal_year: int
    day: date
    """The day that began last on the lane."""
    last_entry: int
    """Number of its last journal entry: nothing about an award changes without one."""
    simulated: bool = False

    @property
    def number(self) -> str:
        """The same for the same content on the same day, and for no other."""
        simulated = "SIMULATED-" if self.simulated else ""
        return f"{simulated}{self.lane}-{self.fiscal_year}-{self.day:%Y%m%d}-{self.last_entry}"


@dataclass(frozen=True, slots=True)
class Due:
    """One award, or part of one, of which something is granted and not paid yet."""

    enrollment_no: str
    worker_ref: str
    fund_source: str
    amount_fen: int
    scheme: str
    scheme_version: int


class ControlSums:
    """Count, sum in fen and SHA-256 of the lines of a batch."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.lines = 0
        self.amount_fen = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Over each line's values with | between and a line feed behind, in UTF-8; see `added`."""
        return self._hash.hexdigest()

    def added(self, due: Due) -> int:
        """Count a payment; the number of its line."""
        self.lines += 1
        self.amount_fen += due.amount_fen
        batch = self.batch
        values = (batch.number, self.lines, due.enrollment_no, due.worker_ref, batch.fiscal_year, due.fund_source,
                  due.amount_fen)  # fmt: skip
        self._hash.update(("|".join(map(str, values)) + "\n").encode())
        return self.lines


def csv_head() -> str:
    """The headers, behind the mark by which a spreadsheet knows UTF-8."""
    return BYTE_ORDER_MARK + _csv([HEADERS])


def csv_lines(sums: ControlSums, payments: Iterable[Due]) -> str:
    """Lines of payments, which are added to the sums; the day of payment is the clerk's to fill in."""
    batch = sums.batch
    return _csv(
        (
            batch.number,
            str(sums.added(due)),
            safe(due.enrollment_no),
            safe(due.worker_ref),
            str(batch.fiscal_year),
            safe(due.fund_source),
            _yuan(due.amount_fen),
            "",
            str(due.amount_fen),
            safe(_scheme(due)),
        )
        for due in payments
    )


def csv_tail(sums: ControlSums) -> str:
    """The control sums, each below the column that it sums; the hash below the enrollments."""
    year, yuan, fen = str(sums.batch.fiscal_year), _yuan(sums.amount_fen), str(sums.amount_fen)
    return _csv([(TOTAL_LINE, str(sums.lines), f"sha256:{sums.sha256}", "", year, "", yuan, "", fen, "")])


def xml_head(sums: ControlSums) -> str:
    """The root's start, with the control sums of all lines that follow."""
    batch = sums.batch
    attributes = {
        "version": "1",
        "batch_no": batch.number,
        "lane": batch.lane,
        "fiscal_year": batch.fiscal_year,
        "day": batch.day.isoformat(),
        "lines": sums.lines,
        "amount_fen": sums.amount_fen,
        "amount_yuan": _yuan(sums.amount_fen),
        "sha256": sums.sha256,
    }
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<payments{_attributes(attributes)}>\n'


def xml_lines(sums: ControlSums, payments: Iterable[Due]) -> str:
    """An element for each payment; they are added to the sums."""
    return "".join(f"  <payment{_attributes(_element(sums.added(due), due))}/>\n" for due in payments)


def xml_tail() -> str:
    """The root's end."""
    return "</payments>\n"


def _element(line_no: int, due: Due) -> dict[str, object]:
    return {
        "line_no": line_no,
        "enrollment_no": due.enrollment_no,
        "worker_ref": due.worker_ref,
        "fund_source": due.fund_source,
        "amount_fen": due.amount_fen,
        "amount_yuan": _yuan(due.amount_fen),
        "scheme": _scheme(due),
    }


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(f" {name}={quoteattr(str(value))}" for name, value in values.items())


def _csv(lines: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue()


def _scheme(due: Due) -> str:
    return f"{due.scheme} {due.scheme_version}"


def _yuan(amount_fen: int) -> str:
    """`1000.00`: without commas, for a program to read."""
    return f"{amount_fen // FEN_IN_YUAN}.{amount_fen % FEN_IN_YUAN:02d}"
