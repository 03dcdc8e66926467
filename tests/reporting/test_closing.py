"""Promises of closing, without a service: what each check finds, what a year is, and that bytes are canonical."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.reporting.api.gathering import Gathered
from services.reporting.api.making import make
from services.reporting.config import TARGETS, load_targets
from services.reporting.domain import closing, editions
from services.reporting.domain.closing import Declared, Recounted, Seen
from services.reporting.domain.editions import LaterFact, Name
from services.reporting.domain.nation import Past, TakenIn, nation
from services.reporting.edition_store import Kept
from shared.contracts import provinces, subsidy
from shared.plumbing.signing import Signed, Signer, sealed, unsealed

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)
CELLS = {
    ("study", "32", "2026-06", "any", "academic", "enrolled"): 30,
    ("study", "32", "2026-06", "migrant", "academic", "enrolled"): 20,
    ("flows", "32", "2026-06", "2026", "专项资金", "granted_fen"): 500,
    **{("records", "32", f"2026-06-{day:02d}", "32", "none", "accepted"): 5 for day in range(1, 31)},
}
SEEN = Seen(
    first=FIRST,
    last=LAST,
    cells=CELLS,
    declared=[Declared("32", FIRST, LAST, 30, 30, 0)],
    recounted=[
        Recounted("32", provinces.WORKER_ENROLLED, None, 31, 0),
        Recounted("32", provinces.EVENT_VOIDED, provinces.WORKER_ENROLLED, 1, 0),
        Recounted("32", subsidy.SUBSIDY_GRANTED, None, 0, 700),
        Recounted("32", subsidy.SUBSIDY_GRANT_REVERSED, None, 0, 200),
    ],
    history={
        ("enrolled", "32"): {f"2025-{month:02d}": 28 + month % 3 for month in range(1, 13)} | {"2026-06": 30},
        ("accepted", "32"): {"2026-06": 150},
        ("opened_fen", "32"): {"2026-01": 900, "2026-05": 100},
        ("allocated_fen", "32"): {"2026-01": 900},
        ("adjusted_fen", "32"): {"2026-05": 100},
    },
    still=[],
)


def outcomes(**changes: Any) -> dict[str, str]:
    return {
        check.code: check.outcome
        for check in closing.checks(replace(SEEN, **changes))
        if check.outcome != "passed"
    }


def without_days(first: int, last: int) -> dict[tuple[str, str, str, str, str, str], int]:
    gone = {f"2026-06-{day:02d}" for day in range(first, last + 1)}
    return {key: total for key, total in CELLS.items() if key[2] not in gone}


def test_a_month_in_order_passes_every_check() -> None:
    assert outcomes(history={**SEEN.history, ("enrolled", "32"): months(*[30] * 17, 31)}) == {}


def months(*values: int) -> dict[str, int]:
    """The months up to June 2026, the last value being June's."""
    named = [f"{year}-{month:02d}" for year in (2024, 2025, 2026) for month in range(1, 13)]
    named = named[: named.index("2026-06") + 1]
    return dict(zip(named[-len(values) :], values, strict=True))


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"declared": [Declared("33", FIRST, LAST, 30, 29, -1)]}, "control_totals"),
        ({"cells": without_days(3, 9)}, "silent_days"),
        ({"history": {**SEEN.history, ("adjusted_fen", "32"): {"2026-05": 99}}}, "ledger_budgets"),
        ({"recounted": SEEN.recounted[:1]}, "ledger_events"),
        ({"still": [("50", True)]}, "lanes"),
        ({"history": {**SEEN.history, ("enrolled", "32"): months(*[30] * 17, 300)}}, "outliers"),
    ],
)
def test_each_check_fails_for_its_own_reason_and_says_where(changes: dict[str, Any], failed: str) -> None:
    calm = {"history": {**SEEN.history, ("enrolled", "32"): months(*[30] * 17, 31)}}
    found = closing.checks(replace(SEEN, **(calm | changes)))
    assert [check.code for check in closing.failing(found)] == [failed]
    (check,) = closing.failing(found)
    assert check.en.endswith(".")
    assert check.zh.endswith("。")
    assert any(name in check.en for name in ("Jiangsu", "Zhejiang", "Chongqing"))


def test_six_silent_days_and_a_province_that_never_sends_are_no_alarm() -> None:
    calm = {**SEEN.history, ("enrolled", "32"): months(*[30] * 17, 31)}
    assert outcomes(cells=without_days(3, 8), history=calm) == {}
    assert outcomes(declared=[], history=calm) == {"control_totals": "noted"}


def test_a_month_is_compared_with_the_provinces_own_spread() -> None:
    steady, wild = [100, 101, 99, 100, 102, 98], [10, 300, 40, 500, 90, 250]
    assert closing.is_outlier(160, steady)
    assert not closing.is_outlier(140, steady), "chance alone moves a hundred by ten"
    assert not closing.is_outlier(600, wild)
    assert closing.is_outlier(6, [0] * 12)
    assert not closing.is_outlier(5, [0] * 12)


def test_with_fewer_than_six_months_nothing_is_compared_and_missing_months_count_as_none() -> None:
    few = {("enrolled", "32"): months(30, 30, 30, 30, 30, 3_000)}
    assert outcomes(history={**SEEN.history, **few})["outliers"] == "noted"
    gap = {("enrolled", "32"): {"2025-06": 30, "2026-06": 30}}
    assert outcomes(history={**SEEN.history, **gap})["outliers"] == "failed"


def test_a_year_waits_for_its_months() -> None:
    found = closing.checks_of_year([], ["2026-03"])
    assert [(check.code, check.outcome) for check in found] == [("months", "failed"), ("lanes", "passed")]
    assert "2026-03" in found[0].en
    assert closing.failing(closing.checks_of_year([], [])) == []


BOOK = load_targets(TARGETS)
SIGNER = Signer(bytes(range(32)))


def gathered(period: str, cells: dict[Any, int], **more: Any) -> Gathered:
    at = datetime(2027, 1, 5, tzinfo=UTC)
    picture = nation(
        [("nation", "nation", "funded", 12)],
        [],
        [],
        TakenIn(9, date(2025, 1, 2), at, at),
        BOOK,
        simulated=True,
        past=Past(period, None, LAST),
    )
    standing: dict[str, Any] = {"earlier": [], "last": None, "later": []}
    return Gathered(
        period,
        at,
        date(2027, 1, 4),
        9,
        {"enrollment.events": {"32": 9}},
        cells,
        [],
        picture,
        **(standing | more),
    )


def closed(seen: Gathered) -> Kept:
    return make(seen, None, SIGNER, "operator", simulated=True)


def month_cells(period: str, people: int) -> dict[Any, int]:
    return {
        ("study", "32", period, "any", track, "enrolled"): people + n
        for n, track in enumerate(("academic", "skills", "combined"))
    }


def test_a_year_is_the_sum_of_what_its_months_say_and_show() -> None:
    named = editions.months_of("2026")
    made = [closed(gathered(month, month_cells(month, 60))) for month in named]
    year = editions.read(closed(gathered("2026", {}, months=made)).document)
    assert year.totals["enrolled", "32"] == 12 * 183
    assert year.tables["enrolled_by_track"].values["32", "academic"] == 12 * 60
    assert year.tables["enrolled_by_track"].values["32", "total"] == 12 * 183
    assert [one["edition"] for one in year.head["months"]] == [f"{month}.1" for month in named]
    small = closed(gathered(named[0], month_cells(named[0], 4)))
    year = editions.read(closed(gathered("2026", {}, months=[small, *made[1:]])).document)
    assert year.tables["enrolled_by_track"].values["32", "academic"] is None


def test_a_document_is_the_same_to_the_byte_whatever_the_order_and_reads_as_it_was_written() -> None:
    cells = month_cells("2026-06", 60) | CELLS
    shuffled = list(cells.items())
    random.Random(3).shuffle(shuffled)
    one, other = closed(gathered("2026-06", cells)), closed(gathered("2026-06", dict(shuffled)))
    salted = editions.cells_text(b"salt", Name("2026-06", 1), cells)
    assert salted == editions.cells_text(b"salt", Name("2026-06", 1), dict(shuffled))
    assert editions.cells_from(salted) == cells
    assert one.cells != other.cells, "each has a salt of its own"
    said, again = editions.read(one.document), editions.read(other.document)
    assert (said.totals, said.tables, said.as_of) == (again.totals, again.tables, again.as_of)
    assert {**said.head, "cells": None} == {**again.head, "cells": None}


def test_a_seal_holds_for_the_very_text_and_key_only() -> None:
    text = closed(gathered("2026-06", CELLS)).document
    signed = Signed(text, SIGNER.sign(text), SIGNER.public_key)
    assert unsealed(sealed(signed)) == signed
    assert signed.is_genuine(SIGNER.public_key)
    assert not replace(signed, text=text.replace(b"30", b"31")).is_genuine(SIGNER.public_key)
    assert not signed.is_genuine(Signer(bytes(32)).public_key)
    for wrong in (b"", b"{}", b'x\n{"seal": 1}', b'x\n{"seal": {"signature": "?", "public_key": "?"}}'):
        with pytest.raises(ValueError, match="no seal"):
            unsealed(wrong)


def fact(type_: str, lane: str = "32", voided: str | None = None, **facets: Any) -> LaterFact:
    at = datetime(2026, 7, 2, tzinfo=UTC) + timedelta(seconds=1)
    return LaterFact(lane, "enrollment.events", 1, "x", type_, voided, FIRST, at, lane, facets)


def test_the_events_behind_a_changed_cell_are_those_that_stand_where_it_stands() -> None:
    migrant = fact(provinces.WORKER_ENROLLED, track="academic", categories=["migrant"])
    voided = fact(
        provinces.EVENT_VOIDED, voided=provinces.WORKER_ENROLLED, track="academic", categories=["migrant"]
    )
    skills = fact(provinces.WORKER_ENROLLED, track="skills", categories=["migrant"])
    elsewhere = fact(provinces.WORKER_ENROLLED, lane="33", track="academic", categories=["migrant"])
    later = [migrant, voided, skills, elsewhere, fact(provinces.ENROLLMENT_CONFIRMED, track="academic")]
    of = ("study", "32", "2026-06")
    assert editions.events_behind((*of, "migrant", "academic", "enrolled"), later) == [migrant, voided]
    assert editions.events_behind((*of, "any", "skills", "enrolled"), later) == [skills]
    assert editions.events_behind((*of, "industrial", "academic", "enrolled"), later) == []
    assert editions.events_behind((*of, "any", "academic", "awards_waiting"), later) is None
    assert editions.events_of_totals([("enrolled", "32"), ("enrolled", "nation")], later) == {
        ("enrolled", "32"): 3,
        ("enrolled", "nation"): 4,
    }


@pytest.mark.parametrize(
    "text", ["2026-6", "2026-13", "2026-06.0", "2026.", "26-06", "2026-06.1.2", "2026-06.x"]
)
def test_what_names_no_edition_is_none(text: str) -> None:
    assert editions.named(text) is None


def test_an_edition_has_one_name() -> None:
    assert editions.named("2026-06.2") == Name("2026-06", 2)
    assert str(Name("2026", None)) == "2026"
    assert editions.days("2026-02") == (date(2026, 2, 1), date(2026, 2, 28))
