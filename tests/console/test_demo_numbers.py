"""The demonstration notices every count that does not agree, and waits for everything that is under way."""

import time
from collections import Counter
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from console.demo.numbers import Receipt, Snapshot, outstanding, reconcile
from console.demo.running import Outcome
from console.demo.screen import LINE_EVERY_S, SIMULATED, TerminalScreen, as_json, summary
from console.lane_states import LaneState, Publishing, Reading
from console.province.simulator import Expected

ENROLLED = "dreams.worker.enrolled.v1"
MEASURES = (
    "enrolled", "confirmed", "withdrawn", "completed", "projects", "allocated_fen", "adjusted_fen", "opened_fen",
    "granted_fen", "reserved_fen", "disbursed_fen", "receivable_fen", "written_off_fen",
    "released_granted_fen", "released_reserved_fen", "scholarship_fen",
)  # fmt: skip
LEDGER: dict[str, Any] = {"ok": True, "checked": {"postings": 4}, "sum_fen": 0, "budgets_exceeded": 0}


def sent() -> Expected:
    return Expected(accepted=2, duplicate=1, rejected=1, contacts=1, by_lane=Counter({"32": 3, "11": 1}))


def receipts() -> list[Receipt]:
    return [
        Receipt("32", 0, "accepted", ENROLLED, True),
        Receipt("32", 1, "duplicate", ENROLLED, True),
        Receipt("32", 2, "parked", ENROLLED, True),
        Receipt("32", 2, "accepted", ENROLLED, True),
        Receipt("11", 0, "rejected", ENROLLED, True),
    ]


def drained() -> Snapshot:
    lanes = [
        LaneState(
            "enrollment",
            "32",
            (Reading("provinces.{lane}.events", "going", 4, None, None, None),),
            (Publishing("enrollment.events", 2, 2, None),),
        ),
        LaneState(
            "notification",
            "32",
            (
                Reading("enrollment.events", "going", 2, 0, None, None),
                Reading("provinces.{lane}.contacts", "going", 1, None, None, None),
            ),
            (),
        ),
    ]
    verdicts = {
        "accepted": 2,
        "duplicate": 1,
        "conflict": 0,
        "rejected": 1,
        "parked_open": 0,
        "quarantined": 0,
    }
    money = {
        "allocated_fen": 9,
        "granted_fen": 2,
        "disbursed_fen": 1,
        "receivable_fen": 4,
        "written_off_fen": 0,
        "reserved_fen": 1,
        "scholarship_fen": 0,
        "waitlisted": 0,
    }
    nation = dict.fromkeys(MEASURES, 0) | {
        "enrolled": 2,
        "allocated_fen": 8,
        "adjusted_fen": 1,
        "opened_fen": 9,
    }
    nation |= {
        "reserved_fen": 6,
        "granted_fen": 5,
        "released_granted_fen": 2,
        "disbursed_fen": 1,
        "receivable_fen": 4,
    }
    return Snapshot(1.0, lanes, {"enrollment": 0, "notification": 0}, verdicts, money, nation, facts=2)


def failing(**changed: Any) -> list[str]:
    given: dict[str, Any] = {
        "sent": sent(), "on_topics": 4, "receipts": receipts(), "now": drained(), "ledger": LEDGER,
    }  # fmt: skip
    reconciled = reconcile(**(given | changed))
    assert reconciled.holds == all(check.holds for check in reconciled.checks)
    return [check.what for check in reconciled.checks if not check.holds]


def test_a_run_in_which_all_agrees_is_reconciled_and_drained() -> None:
    assert failing() == []
    assert outstanding(drained(), sent()) == []


def test_a_record_without_a_receipt_is_noticed() -> None:
    assert "records without a receipt" in failing(receipts=receipts()[1:])


def test_a_record_with_two_final_receipts_is_noticed() -> None:
    assert "records with more than one final receipt" in failing(receipts=[*receipts(), receipts()[0]])


def test_a_receipt_for_a_record_that_was_never_sent_is_noticed() -> None:
    stray = Receipt("31", 5, "accepted", ENROLLED, True)
    assert "receipts for records that were never sent" in failing(receipts=[*receipts(), stray])


def test_a_record_that_still_waits_counts_as_parked_and_nowhere_else() -> None:
    left = [receipt for receipt in receipts() if (receipt.offset, receipt.status) != (2, "accepted")]
    now = drained()
    now = replace(now, verdicts={**now.verdicts, "accepted": 1, "parked_open": 1})
    assert failing(receipts=left, now=now) == ["receipts sent: accepted", "nation: enrolled"]


@pytest.mark.parametrize("fault", [{"sum_fen": 1}, {"budgets_exceeded": 1}, {"ok": False}])
def test_a_ledger_out_of_order_is_noticed(fault: dict[str, Any]) -> None:
    assert len(failing(ledger=LEDGER | fault)) == 1


@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "released_reserved_fen"])
def test_a_national_number_unlike_ledger_and_register_is_noticed(measure: str) -> None:
    now = drained()
    assert failing(now=replace(now, nation={**now.nation, measure: now.nation[measure] + 1}))


def test_an_enrollment_total_unlike_the_receipts_is_noticed_and_said_with_the_difference() -> None:
    now = drained()
    changed = replace(now, verdicts={**now.verdicts, "conflict": 2})
    reconciled = reconcile(sent(), 4, receipts(), changed, LEDGER)
    (check,) = [check for check in reconciled.checks if not check.holds]
    assert str(check) == "enrollment's total: conflict: 0 expected, 2 found (+2)"


def test_nothing_is_drained_while_anything_is_under_way() -> None:
    now = drained()
    door, reader = now.lanes
    behind = replace(reader, reads=(replace(reader.reads[0], lag=3), reader.reads[1]))
    unheard = replace(reader, reads=(reader.reads[0], replace(reader.reads[1], at=0)))
    unpublished = replace(door, publishes=(replace(door.publishes[0], published_seq=1),))
    waiting = replace(reader, reads=(replace(reader.reads[0], state="waiting"), reader.reads[1]))
    for lanes in ([door, behind], [door, unheard], [unpublished, reader], [door, waiting]):
        assert outstanding(replace(now, lanes=lanes), sent())
    assert outstanding(replace(now, handover={"enrollment": 1, "notification": 0}), sent())
    assert outstanding(replace(now, verdicts={**now.verdicts, "accepted": 1}), sent())


def test_lines_summary_and_json_say_that_the_numbers_are_simulated() -> None:
    console = Console(file=StringIO(), width=100)
    with TerminalScreen(console, transient=False) as screen:
        now = replace(drained(), at_s=time.monotonic() + 2 * LINE_EVERY_S)
        screen.show(now, sent())
    assert isinstance(console.file, StringIO)
    line = console.file.getvalue()
    assert "simulated: 4 sent" in line
    outcome = Outcome(sent(), now, reconcile(sent(), 4, receipts(), now, LEDGER), 33, 1.0)
    console.print(summary(outcome))
    assert SIMULATED in console.file.getvalue().removeprefix(line)
    assert as_json(outcome)["simulated"] is True
