"""What a finance system can rely on in a payment file: its lines, its sums, and that it comes back as it went out."""

import csv
import hashlib
import io
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from pydantic import TypeAdapter

from console.province.columns import columns, recognised
from services.subsidy.domain.payment_file import (
    LINES_MAX,
    Batch,
    ControlSums,
    Due,
    csv_head,
    csv_lines,
    csv_tail,
    xml_head,
    xml_lines,
    xml_tail,
)
from shared.contracts import provinces
from shared.contracts.envelope import DocumentNo
from shared.contracts.payment_file import HEADERS, TOTAL_LINE
from tests.subsidy.facts import worker_ref

BATCH = Batch("32", 2026, date(2026, 9, 15), 4_812)
PAYMENTS = [
    Due("32-2026-001", worker_ref(1), "provincial-federation", 100_000, "study-for-dreams", 2),
    Due("32-2026-002", worker_ref(2), "锡工奖（2026）", 1, "study-for-dreams", 2),
    Due("32-2026-003", worker_ref(3), "-1", 2**53 - 1, "study-for-dreams", 2),
]
SENT_AS = (
    "batch_no",
    "line_no",
    "enrollment_no",
    "worker_ref",
    "fiscal_year",
    "fund_source",
    "amount_yuan",
    "paid_on",
)


def _table() -> tuple[list[list[str]], list[str]]:
    sums = ControlSums(BATCH)
    text = csv_head() + csv_lines(sums, PAYMENTS[:2]) + csv_lines(sums, PAYMENTS[2:]) + csv_tail(sums)
    head, *lines, total = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert tuple(head) == HEADERS
    return lines, total


def _xml() -> ET.Element:
    sums, again = ControlSums(BATCH), ControlSums(BATCH)
    for due in PAYMENTS:
        sums.added(due)
    return ET.fromstring(xml_head(sums) + xml_lines(again, PAYMENTS) + xml_tail())  # noqa: S314 - our own file


def test_the_headers_are_those_of_a_file_of_payment_settled() -> None:
    found = recognised(HEADERS, provinces.PAYMENT_SETTLED)
    assert [column.en if column else None for column in found] == [*SENT_AS, None, None]
    needed = {column.path for column in columns(provinces.PAYMENT_SETTLED) if column.required}
    assert needed <= {column.path for column in found if column}


def test_the_sums_of_a_table_can_be_checked_from_its_own_cells() -> None:
    lines, total = _table()
    summed = [[line[place] for place in (0, 1, 2, 3, 4, 5, 8)] for line in lines]
    text = "".join("|".join(cell.removeprefix("'") for cell in line) + "\n" for line in summed)
    assert total[:3] == [TOTAL_LINE, "3", f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"]
    assert total[8] == str(sum(int(line[8]) for line in lines))
    assert [line[6] for line in (*lines, total)] == [
        "1000.00",
        "0.01",
        "90071992547409.91",
        "90071992548409.92",
    ]


def test_the_root_of_the_xml_holds_the_sums_of_its_elements() -> None:
    root = _xml()
    names = ("line_no", "enrollment_no", "worker_ref", "fund_source", "amount_fen")
    text = ""
    for one in root:
        line_no, enrollment_no, ref, fund_source, amount_fen = (one.attrib[name] for name in names)
        values = (
            root.attrib["batch_no"],
            line_no,
            enrollment_no,
            ref,
            root.attrib["fiscal_year"],
            fund_source,
        )
        text += "|".join((*values, amount_fen)) + "\n"
    assert root.attrib["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert root.attrib["amount_fen"] == str(sum(int(one.attrib["amount_fen"]) for one in root))
    assert (root.attrib["lines"], len(root)) == ("3", 3)
    in_yuan = [one.attrib["amount_yuan"] for one in (*root, root)]
    assert in_yuan == ["1000.00", "0.01", "90071992547409.91", "90071992548409.92"]


def test_both_forms_of_a_file_have_the_same_sums() -> None:
    _, total = _table()
    root = _xml()
    assert (total[1], total[2], total[8]) == (
        root.attrib["lines"],
        f"sha256:{root.attrib['sha256']}",
        root.attrib["amount_fen"],
    )


def test_no_value_can_break_out_of_its_attribute() -> None:
    sums = ControlSums(BATCH)
    text = xml_head(sums) + xml_lines(sums, [Due("32-1", "k1.A", "\"'<&>", 1, "s", 1)]) + xml_tail()
    (one,) = ET.fromstring(text)  # noqa: S314 - our own file
    assert one.attrib["fund_source"] == "\"'<&>"


@pytest.mark.parametrize("simulated", [False, True])
def test_a_batch_is_numbered_as_a_document_and_a_simulated_one_says_so(simulated: bool) -> None:
    batch = Batch("32", 2026, date(2026, 9, 15), 4_812, simulated)
    assert TypeAdapter(DocumentNo).validate_python(batch.number) == batch.number
    assert batch.number.startswith("SIMULATED-") is simulated
    assert batch.number.endswith("32-2026-20260915-4812")


def test_a_batch_has_no_more_lines_than_a_settlement_may_number() -> None:
    line_no = TypeAdapter(provinces.PaymentSettled.__annotations__["line_no"])
    assert line_no.validate_python(LINES_MAX) == LINES_MAX
    with pytest.raises(ValueError, match="less than or equal"):
        line_no.validate_python(LINES_MAX + 1)
