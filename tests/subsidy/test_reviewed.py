"""What comes of a history in which everything happens was read by people once: it stays so unless somebody says why."""

from pathlib import Path

import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain.book import Award
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import read
from tests.subsidy.histories import (
    busy,
    history_from_outside,
    history_in_parts,
    history_of_limits,
    reviewed,
    reviewed_journal,
)
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
JOURNAL = Path(__file__).with_name("reviewed.jsonl")
"""Written anew by `python -m tests.subsidy.histories > tests/subsidy/reviewed.jsonl`: read what differs."""


def shelf_of_reviewed() -> Shelf:
    """The reviewed history, decided."""
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in reviewed().facts])
    return shelf


def test_a_reviewed_history_is_decided_as_it_was_reviewed_to_the_byte() -> None:
    found, wanted = reviewed_journal(RULES), JOURNAL.read_text().splitlines()
    differs = next(
        (at for at, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), None
    )
    assert differs is None, f"entry {differs + 1}:\n{found[differs]}\ninstead of\n{wanted[differs]}"
    assert len(found) == len(wanted)


def test_the_reviewed_history_is_the_same_in_one_batch() -> None:
    one = Shelf(RULES)
    for fact in reviewed().facts:
        one.take([read(fact)])
    assert shelf_of_reviewed().journal() == one.journal()


def test_of_an_enrollment_that_is_not_known_its_tuition_and_scholarships_are_kept() -> None:
    fact = next(f for f in reviewed().facts if f["data"].get("enrollment_no") == "32-00099")
    kept = shelf_of_reviewed().awards["32-00099"]
    assert kept == Award(
        "32-00099",
        "32",
        fact["subject"],
        "refused",
        2026,
        "",
        0,
        500_000,
        1_000,
        fact["seq"],
        confirmed=False,
        scheme="",
        scheme_version=0,
        categories=("migrant",),
        track="academic",
    )


def test_everything_that_subsidy_can_say_is_in_the_reviewed_history() -> None:
    entries = [
        entry
        for shelf in (shelf_of_reviewed(), history_in_parts(), history_of_limits(), history_from_outside())
        for entry in shelf.entries
    ]
    decided = set(said_by.FACT_MODELS) - {said_by.LEDGER_TOTALLED}  # that one is a sum, made by PostgreSQL
    assert {entry.type for entry in entries} == decided


@pytest.mark.parametrize("seed", range(3))
def test_what_is_said_of_any_history_follows_its_contract(seed: int) -> None:
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in busy(seed).facts])
    for entry in (*shelf.entries, *shelf_of_reviewed().entries):
        model = said_by.FACT_MODELS[entry.type]
        assert set(entry.data) <= set(model.model_fields)
        model.model_validate(entry.data, strict=False)
