"""Promises of what counts as what: pure, one fact after another."""

import itertools
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.consumers import FACT_MODELS
from services.reporting.domain import persons
from services.reporting.domain.counting import READS, count
from services.reporting.domain.cubes import CUBES
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.tally import FACT_COLUMNS, Counted
from shared.contracts import enrollment, provinces, subsidy
from tests.reporting.facts import (
    E,
    Programme,
    Publisher,
    S,
    about_enrollment,
    award,
    clawed_back,
    enrolled,
    paid_out,
    registered,
    repaid,
    worker,
)

WHO = {"subject": worker(1)}
BOTH = ("industrial", "migrant")


def counted(*published: tuple[str, str, dict[str, Any]], lane: str = "32") -> Counted:
    publisher = Publisher()
    for stream, type_, data in published:
        publisher.publish(stream, lane, type_, data, **WHO)
    return count_all(publisher)


def count_all(publisher: Publisher) -> Counted:
    return count((taken.stream, taken.event) for taken in publisher.taken())


def flat(sums: dict[Any, Any]) -> dict[Any, int]:
    """Sums within sums as one level."""
    found: dict[Any, int] = {}
    for key, value in sums.items():
        found |= (
            {(key, *inner): change for inner, change in value.items()}
            if isinstance(value, dict)
            else {key: value}
        )
    return found


def cells(found: Counted, measure: str, cube: str | None = None) -> dict[tuple[str, str, str], int]:
    """(period, first facet, second facet) → sum, in the measure's own cube or another."""
    cube = cube or MEASURES[measure].cube
    return {key[2:5]: delta for key, delta in found.cells.items() if key[5] == measure and key[0] == cube}


def gained(found: Counted) -> dict[str, list[tuple[str, int]]]:
    """worker_ref → (kind, change) of each entry."""
    return {
        ref: [(one.kind, one.change) for one in map(persons.parse, entries)]
        for ref, entries in found.persons.items()
    }


def column(found: Counted, name: str) -> Any:
    return found.rows[0][FACT_COLUMNS.index(name)]


def test_every_fact_of_both_publishers_is_counted() -> None:
    assert set(FACT_MODELS) == READS


def test_every_measure_that_is_counted_has_a_definition() -> None:
    found = count_all(Programme(1, ("32", "33")).play(3_000))
    assert {key[5] for key in found.cells} | {measure for _, measure in found.standing} <= set(MEASURES)


def test_there_are_at_most_a_dozen_cubes_of_at_most_four_dimensions() -> None:
    assert len(CUBES) <= 12
    assert all(len(cube.dimensions) <= 4 for cube in CUBES.values())
    assert {measure for cube in CUBES.values() for measure in cube.measures} <= set(MEASURES)
    assert all(
        measure.code in CUBES[measure.cube].measures
        for measure in MEASURES.values()
        if measure.code not in ("funded_migrant", "projects_since_2025")
    )


def test_every_cell_lies_in_a_cube_that_says_so() -> None:
    found = count_all(Programme(1, ("32", "33")).play(3_000))
    persons.add_changes(found, [(None, entries) for entries in found.persons.values()], "32")
    assert {(key[0], key[5]) for key in found.cells} <= {
        (cube.code, measure) for cube in CUBES.values() for measure in cube.measures
    }
    for key in found.cells:
        assert len(key[2]) == {"month": 7, "year": 4, "fiscal_year": 4, "day": 10}[CUBES[key[0]].period]


def test_a_history_that_is_loaded_says_nothing_of_how_timely_its_province_is() -> None:
    def told(*, history: bool) -> list[tuple[str, str, dict[str, Any]]]:
        began = enrolled("32", "32-1", BOTH) | {"history": history}
        step = {
            "enrollment_no": "32-1",
            "reported_by": "32",
            "enrollment": about_enrollment("32", BOTH) | {"history": history},
        }
        voided = {"event_id": "x", "reason": "登记有误", "reported_by": "32"}
        voided |= {"voided_type": provinces.WORKER_ENROLLED, "voided_time": "2023-03-01T08:00:00+08:00"}
        return [
            (E, provinces.WORKER_REGISTERED, registered("32", BOTH) | {"history": history}),
            (E, provinces.WORKER_ENROLLED, began),
            (E, provinces.ENROLLMENT_CONFIRMED, step | {"confirmed_on": "2023-03-08"}),
            (E, provinces.DEGREE_COMPLETED, step | {"level": "associate", "completed_on": "2025-12-01"}),
            (E, provinces.EVENT_VOIDED, voided | {"voided": began}),
        ]

    assert sum(cells(counted(*told(history=False)), "arrived").values()) == 5
    assert cells(counted(*told(history=True)), "arrived") == {}


def test_an_enrollment_counts_once_for_any_and_once_for_each_flag() -> None:
    found = counted((E, provinces.WORKER_ENROLLED, enrolled("32", "32-1", BOTH, "skills", "2026-09-01")))
    month = "2026-09"
    assert cells(found, "enrolled") == {
        (month, "any", "skills"): 1,
        (month, "industrial", "skills"): 1,
        (month, "migrant", "skills"): 1,
    }
    assert found.standing["32", "enrolled"] == 1


def test_a_second_registration_of_the_same_worker_is_no_new_worker() -> None:
    found = counted((E, provinces.WORKER_REGISTERED, registered("32", BOTH, first=False)))
    assert not cells(found, "registered")
    assert column(found, "details") == '{"first":false}'


@pytest.mark.parametrize(
    ("level", "upgrades"), [("associate", 1), ("senior_high", 0), ("secondary_vocational", 0)]
)
def test_a_completion_is_an_upgrade_only_when_the_level_is_higher(level: str, upgrades: int) -> None:
    data = {
        "enrollment_no": "32-1",
        "level": level,
        "completed_on": "2026-07-01",
        "reported_by": "32",
        "enrollment": about_enrollment("32", ("migrant",)),
    }
    found = counted((E, provinces.DEGREE_COMPLETED, data))
    assert found.standing["32", "completed"] == 1
    assert found.standing.get(("32", "education_upgrades"), 0) == upgrades
    assert column(found, "level_after") == level


def test_an_award_is_money_of_its_fiscal_year_and_fund_source() -> None:
    found = counted((S, subsidy.SUBSIDY_GRANTED, award("32-1", BOTH, 120_000, 2025)))
    assert cells(found, "granted_fen") == {("2025", "专项资金", "none"): 120_000}
    (entry,) = found.persons[worker(1)]
    assert persons.parse(entry) == ("funded", "32", 2025, BOTH, "2026-03", date(2026, 3, 2), 1)


def test_a_grant_of_an_earlier_year_does_not_count_towards_the_targets() -> None:
    found = counted((S, subsidy.SUBSIDY_GRANTED, award("32-1", BOTH, 120_000, 2024)))
    assert found.standing["32", "awards_granted"] == 1
    persons.add_changes(found, [(None, found.persons[worker(1)])], "32")
    assert ("32", "funded") not in found.standing
    windows = {key[4] for key in found.cells if key[0] == "persons"}
    assert windows == {"2024"}


def test_a_release_takes_a_grant_away_but_not_a_reservation() -> None:
    granted = counted((S, subsidy.SUBSIDY_RELEASED, award("32-1", ("migrant",), was="granted")))
    reserved = counted((S, subsidy.SUBSIDY_RELEASED, award("32-1", ("migrant",), was="reserved")))
    assert gained(granted) == {worker(1): [("funded", -1)]}
    assert granted.standing["32", "released_granted_fen"] == 100_000
    assert not reserved.persons
    assert reserved.standing["32", "released_reserved_fen"] == 100_000


def test_who_waits_is_counted_until_the_turn_or_the_end() -> None:
    waits = (S, subsidy.SUBSIDY_WAITLISTED, award("32-1", ("migrant",), position=3))
    turn = (S, subsidy.SUBSIDY_RESERVED, award("32-1", ("migrant",), was_waitlisted=True))
    gone = (S, subsidy.SUBSIDY_RELEASED, award("32-1", ("migrant",), was="waitlisted"))
    assert counted(waits).standing["32", "awards_waiting"] == 1
    assert counted(waits, turn).standing["32", "awards_waiting"] == 0
    found = counted(waits, gone)
    assert found.standing["32", "awards_waiting"] == 0
    assert "released_waitlisted_fen" not in {key[5] for key in found.cells}


def test_a_scholarship_counts_when_it_is_booked_and_only_if_something_is() -> None:
    booked = {
        "scholarship_no": "s1",
        "enrollment_no": "32-1",
        "fiscal_year": 2026,
        "fund_source": "奖学金",
        "funder_level": "city",
        "amount_fen": 50_000,
        "awarded_fen": 60_000,
        "categories": ("migrant",),
        "track": "academic",
    }
    awarded = {
        "scholarship_no": "s1",
        "enrollment_no": "32-1",
        "funder": {"name": "无锡市总工会", "level": "city"},
        "fund_source": "奖学金",
        "amount_fen": 60_000,
        "awarded_on": "2026-05-01",
        "reported_by": "32",
        "enrollment": about_enrollment("32", ("migrant",)),
    }
    assert {key[0] for key in counted((E, provinces.SCHOLARSHIP_AWARDED, awarded)).cells} == {"records"}
    found = counted((S, subsidy.SCHOLARSHIP_BOOKED, booked))
    assert cells(found, "scholarship_fen") == {("2026", "奖学金", "city"): 50_000}
    assert gained(found) == {worker(1): [("funded", 1)]}
    assert not counted((S, subsidy.SCHOLARSHIP_BOOKED, {**booked, "amount_fen": 0})).persons


def test_what_exceeds_a_budget_is_kept_and_is_no_grant() -> None:
    data = {
        "scholarship_no": "s1",
        "enrollment_no": "32-1",
        "fiscal_year": 2026,
        "fund_source": "奖学金",
        "awarded_fen": 60_000,
        "exceeding_fen": 10_000,
        "message_zh": "超出预算",
        "message_en": "exceeds",
    }
    found = counted((S, subsidy.SCHOLARSHIP_EXCEEDS_BUDGET, data))
    assert cells(found, "exceeding_fen") == {("2026", "奖学金", "none"): 10_000}
    assert not found.persons


def test_refusals_and_exhausted_budgets_are_facts() -> None:
    refused = {"enrollment_no": "32-1", "code": "no_scheme", "message_zh": "无", "message_en": "none"}
    exhausted = {"fiscal_year": 2026, "fund_source": "x", "allocated_fen": 10, "free_fen": 1}
    found = counted((S, subsidy.SUBSIDY_REFUSED, refused), (S, subsidy.BUDGET_EXHAUSTED, exhausted))
    assert found.standing["32", "awards_refused"] == 1
    assert len(found.rows) == 2


def test_only_projects_since_2025_count_towards_the_target() -> None:
    def project(day: str) -> tuple[str, str, dict[str, Any]]:
        data = {"project_no": day, "name": "项目", "lead": "总工会", "established_on": day}
        return E, provinces.PROJECT_ESTABLISHED, data

    found = counted(project("2024-12-31"), project("2025-01-01"))
    assert found.standing["32", "projects"] == 2
    assert found.standing["32", "projects_since_2025"] == 1


def test_verdicts_lie_on_the_day_they_tell_of() -> None:
    data = {"day": "2026-03-01", "accepted": 5, "duplicate": 1, "conflict": 0, "rejected": 2, "parked": 0}
    found = counted((E, enrollment.VERDICTS_TALLIED, data))
    assert cells(found, "accepted") == {("2026-03-01", "32", "none"): 5}
    assert cells(found, "conflict") == {}


def test_days_are_shanghai_days() -> None:
    publisher = Publisher()
    late = {"time": "2025-12-31T16:30:00+00:00", "recordedtime": "2025-12-31T16:30:00+00:00"}
    publisher.publish(E, "32", provinces.WORKER_REGISTERED, registered("32", ("migrant",)), **WHO, **late)
    found = count_all(publisher)
    assert cells(found, "registered")["2026-01", "any", "none"] == 1
    assert column(found, "recorded_day") == date(2026, 1, 1)


_PAIRS = [(one.stream, one.event) for one in Programme(3, ("32", "33", "50")).play(250).taken()]


@given(st.lists(st.integers(0, 250), max_size=12))
def test_however_facts_are_split_the_sums_are_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(_PAIRS)]
    parts = [count(_PAIRS[start:end]) for start, end in itertools.pairwise(edges)]
    whole = count(_PAIRS)
    for name in ("cells", "standing", "tempo"):
        summed: dict[Any, int] = {}
        for part in parts:
            for key, delta in flat(getattr(part, name)).items():
                summed[key] = summed.get(key, 0) + delta
        assert summed == flat(getattr(whole, name))
    assert [row for part in parts for row in part.rows] == whole.rows
    held = {ref: [e for part in parts for e in part.persons.get(ref, ())] for ref in whole.persons}
    assert held == whole.persons


def with_voids(events: list[dict[str, Any]]) -> Publisher:
    """The facts of one day, and on the next a void of each."""
    publisher = Publisher()
    published = [publisher.publish(E, e["lane"], e["type"], e["data"], subject=e["subject"]) for e in events]
    publisher.clock += timedelta(days=1)
    for was in published:
        data = {
            "event_id": "wrong",
            "reason": "录入有误",
            "reported_by": was["lane"],
            "voided_type": was["type"],
            "voided_fact_id": was["id"],
            "voided_time": was["time"],
            "voided": was["data"],
        }
        publisher.publish(E, was["lane"], provinces.EVENT_VOIDED, data, subject=was["subject"])
    return publisher


def test_what_is_voided_is_taken_away_and_what_was_known_before_stays_known() -> None:
    played = [orjson.loads(raw) for _, raw in Programme(3, ("32", "33")).play(600).published]
    sent = [fact for fact in played if fact["type"] in provinces.DATA_MODELS]
    assert {fact["type"] for fact in sent} >= {provinces.WORKER_ENROLLED, provinces.PROJECT_ESTABLISHED}
    publisher = with_voids(sent)
    alone = count((one.stream, one.event) for one in publisher.taken()[: len(sent)])
    both = count_all(publisher)
    assert {key[1] for key, total in both.standing.items() if total} == {"voided"}
    known = {key: change for key, change in both.cells.items() if key[6] == date(2026, 3, 2)}
    assert known == alone.cells
    later = {key[:6]: change for key, change in both.cells.items() if key[6] == date(2026, 3, 3)}
    said = {key: change for key, change in later.items() if key[0] == "records"}
    counted_then = {key[:6]: -change for key, change in alone.cells.items() if key[0] != "records"}
    assert {key: change for key, change in later.items() if key not in said} == counted_then
    for entries in both.persons.values():
        assert sum(persons.parse(entry).change for entry in entries) == 0


def test_a_registration_that_became_first_counts_in_its_own_month() -> None:
    data = {"event_id": "e", "reported_by": "34", "registered_on": "2026-01-31", "categories": BOTH}
    found = counted((E, enrollment.REGISTRATION_BECAME_FIRST, data), lane="34")
    assert cells(found, "registered")[("2026-01", "any", "none")] == 1


def test_a_grant_that_is_reversed_is_granted_to_nobody() -> None:
    found = counted(
        (S, subsidy.SUBSIDY_RESERVED, award("1", BOTH)),
        (S, subsidy.SUBSIDY_GRANTED, award("1", BOTH)),
        (S, subsidy.SUBSIDY_GRANT_REVERSED, award("1", BOTH)),
    )
    assert gained(found) == {worker(1): [("funded", 1), ("funded", -1)]}
    assert (found.standing["32", "granted_fen"], found.standing["32", "reserved_fen"]) == (0, 100_000)


def test_what_is_paid_counts_as_disbursed_until_it_comes_back_or_is_clawed_back() -> None:
    paid = (S, subsidy.SUBSIDY_DISBURSED, award("32-1", ("migrant",), **paid_out(60_000)))
    line: dict[str, Any] = {"batch_no": "b", "line_no": 1, "returned_fen": 10_000, "disbursed_fen": 50_000}
    back = (S, subsidy.SUBSIDY_RETURNED, award("32-1", ("migrant",), **line))
    owed = (S, subsidy.SUBSIDY_CLAWED_BACK, award("32-1", ("migrant",), **clawed_back(50_000)))
    come = (S, subsidy.CLAWBACK_REPAID, repaid("32-1", 20_000, open_fen=30_000))
    sums = [counted(*facts).standing for facts in ((paid,), (paid, back), (paid, back, owed, come))]
    assert [one["32", "disbursed_fen"] for one in sums] == [60_000, 50_000, 0]
    assert sums[-1]["32", "receivable_fen"] == 30_000


def test_a_payment_that_matches_no_grant_adds_nothing_up() -> None:
    data = {
        "enrollment_no": "32-1", "fiscal_year": 2026, "fund_source": "专项资金", "batch_no": "b", "line_no": 1,
        "moved_fen": 5, "amount_fen": 5, "code": "not_granted", "message_zh": "未入账", "message_en": "not booked",
    }  # fmt: skip
    found = counted((S, subsidy.PAYMENT_UNMATCHED, data))
    assert not found.cells
    assert column(found, "details") == '{"code":"not_granted","batch_no":"b","line_no":1}'


def test_adjustments_change_what_is_opened_and_a_carry_over_leaves_the_sum_of_all_years() -> None:
    change = {
        "document_no": "d",
        "fiscal_year": 2026,
        "fund_source": "专项资金",
        "funder_level": "provincial",
    }
    more = {**change, "asked_fen": 500, "amount_fen": 500, "allocated_fen": 1_500}
    less = {**change, "asked_fen": 300, "amount_fen": 200, "refused_fen": 100, "allocated_fen": 1_300}
    carried = {
        "document_no": "d", "from_fiscal_year": 2026, "to_fiscal_year": 2027, "fund_source": "专项资金",
        "funder_level": "provincial", "asked_fen": 50, "amount_fen": 50, "refused_fen": 0,
        "from_allocated_fen": 1_250, "to_allocated_fen": 50,
    }  # fmt: skip
    found = counted(
        (S, subsidy.BUDGET_INCREASED, more),
        (S, subsidy.BUDGET_REDUCED, less),
        (S, subsidy.CARRYOVER_BOOKED, carried),
    )
    for measure in ("opened_fen", "adjusted_fen"):
        assert found.standing["32", measure] == 300
        assert cells(found, measure) == {
            ("2026", "专项资金", "provincial"): 250,
            ("2027", "专项资金", "provincial"): 50,
        }
