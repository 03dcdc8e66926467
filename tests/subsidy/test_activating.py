"""Schemes put in force by an event: from that fact on, lane by lane, and what was decided before stays."""

from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.subsidy.config import SCHEMES, load_scheme, load_schemes
from services.subsidy.domain.activating import InTheWay, in_force_before, put_in_force, scheme_of
from services.subsidy.domain.rederiving import rederive
from services.subsidy.domain.rehearsing import Rehearsal
from services.subsidy.domain.schemes import Rules, Scheme
from services.subsidy.scheme_file import activation
from shared.contracts.provinces import SCHEME_ACTIVATED, SchemeActivated
from shared.contracts.subsidy import SCHEME_ADOPTED, SchemeRefused
from tests.subsidy.facts import YUAN_1000_FEN, Province, Service, read
from tests.subsidy.shelf import Shelf
from tests.subsidy.test_rederiving import kept

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLE = EXAMPLES / "one-award-per-level.yaml"
FIRST, SECOND = load_schemes(SCHEMES)
IN_PARTS = load_scheme(EXAMPLES / "scheme-in-parts.yaml")
ELSEWHERE = SECOND.model_copy(
    update={"valid_from": date(2015, 1, 1), "valid_until": date(2015, 12, 31), "name": "pilot"}
)
"""What a system began with in which everything else comes by event."""


def told(scheme: Scheme, **changes: Any) -> dict[str, Any]:
    """What an event says of a scheme."""
    return activation(scheme).model_dump(mode="json") | changes


def shelf_of(*provinces: Province, schemes: tuple[Scheme, ...] = (FIRST, SECOND)) -> Shelf:
    shelf = Shelf(Rules(schemes))
    for province in provinces:
        shelf.take([read(fact) for fact in province.facts])
    return shelf


def states(shelf: Shelf) -> dict[str, tuple[str, int]]:
    """Enrollment → state and version of the scheme that decided."""
    return {number: (award.state, award.scheme_version) for number, award in sorted(shelf.awards.items())}


def test_a_version_decides_from_its_fact_on_and_not_before() -> None:
    js = Province()
    js.day("2026-03-01")
    js.allocated(10 * YUAN_1000_FEN)
    js.enrolled(1)
    js.activated(3, valid_from="2026-01-01", amount_base_fen=70_000)
    js.enrolled(2)
    js.enrolled(3, start="2025-12-31")
    shelf = shelf_of(js)

    amounts = {number: award.amount_fen for number, award in shelf.awards.items()}
    assert amounts == {"32-00001": 100_000, "32-00002": 70_000, "32-00003": 100_000}
    assert [v for _, v in states(shelf).values()] == [2, 3, 2]


def test_the_transition_of_2025_by_two_events() -> None:
    """Migrant workers first, then all industrial workers, as the shipped files have it."""
    js = Province()
    js.day("2024-12-01")
    js.allocated(10 * YUAN_1000_FEN, year=2024)
    js.allocated(10 * YUAN_1000_FEN, year=2025)
    js.enrolled(1, start="2024-11-01", categories=["migrant"])
    js.activated(1, **told(FIRST))
    js.enrolled(2, start="2024-11-01", categories=["migrant"])
    js.enrolled(3, start="2024-11-01", categories=["industrial"])
    js.activated(2, **told(SECOND))
    js.day("2025-01-01")
    js.enrolled(4, start="2025-03-01", categories=["industrial"])
    js.enrolled(5, start="2024-12-31", categories=["industrial"])
    js.enrolled(6, start="2025-03-01", categories=["industrial"], track="skills")
    js.enrolled(7, start="2024-12-31", categories=["migrant"], track="skills")
    shelf = shelf_of(js, schemes=(ELSEWHERE,))

    assert states(shelf) == {
        "32-00001": ("refused", 0),
        "32-00002": ("reserved", 1),
        "32-00003": ("refused", 1),
        "32-00004": ("reserved", 2),
        "32-00005": ("refused", 1),
        "32-00006": ("reserved", 2),
        "32-00007": ("refused", 0),
    }


def test_a_later_version_ends_the_one_before_on_the_day_before_its_own_first() -> None:
    js = Province("00")
    js.activated(3, valid_from="2027-01-01")
    shelf = shelf_of(js)
    (entry,) = shelf.entries
    assert entry.type == "dreams.scheme.adopted.v1"
    assert entry.data["ended"] == [{"scheme_version": 2, "valid_until": "2026-12-31"}]
    rules = shelf.lanes["00"].rules
    assert rules is not None
    days = {scheme.version: (scheme.valid_from, scheme.valid_until) for scheme in rules.schemes}
    assert days == {
        1: (date(2016, 1, 1), date(2024, 12, 31)),
        2: (date(2025, 1, 1), date(2026, 12, 31)),
        3: (date(2027, 1, 1), None),
    }


@pytest.mark.parametrize(
    ("changes", "code", "other"),
    [
        ({"version": 2, "amount_base_fen": 7}, "scheme_differs", ("study-for-dreams", 2)),
        ({"version": 1, "scheme": "other"}, "scheme_overlaps", ("study-for-dreams", 2)),
        ({"version": 3, "valid_from": "2025-01-01"}, "scheme_overlaps", ("study-for-dreams", 2)),
        ({"version": 3, "valid_from": "2020-01-01"}, "scheme_overlaps", ("study-for-dreams", 2)),
    ],
)
def test_what_stands_in_the_way_is_told_by_lane_00_for_all(
    changes: dict[str, Any], code: str, other: tuple[str, int]
) -> None:
    nation, js = Province("00"), Province()
    for province in (nation, js):
        province.activated(**changes)
    shelf = shelf_of(nation, js)
    (entry,) = shelf.entries
    SchemeRefused.model_validate(entry.data, extra="forbid")
    assert (entry.lane, entry.type, entry.data["code"]) == ("00", "dreams.scheme.refused.v1", code)
    assert (entry.data["other_scheme"], entry.data["other_scheme_version"]) == other
    assert f"{other[0]} 第 {other[1]} 版" in entry.data["message_zh"]
    assert {page.rules for page in shelf.lanes.values()} == {None}


def test_other_tracks_provinces_or_days_stand_beside_each_other() -> None:
    nation = Province("00")
    nation.activated(1, scheme="a", tracks=["skills"])
    nation.activated(1, scheme="b", tracks=["academic"], provinces=["32", "33"])
    nation.activated(1, scheme="c", tracks=["academic"], provinces=["34"], valid_until="2029-12-31")
    nation.activated(1, scheme="d", tracks=["academic"], provinces=["34"], valid_from="2030-01-01")
    shelf = shelf_of(nation, schemes=(ELSEWHERE,))
    assert [(entry.data["scheme"], entry.data["ended"]) for entry in shelf.entries] == [
        (name, []) for name in "abcd"
    ]


def test_an_earlier_version_ends_no_later_one() -> None:
    nation = Province("00")
    nation.activated(4, valid_from="2030-01-01")
    shelf = shelf_of(nation, schemes=(SECOND.model_copy(update={"version": 5}),))
    assert [entry.data["code"] for entry in shelf.entries] == ["scheme_overlaps"]


def test_a_version_with_the_same_content_changes_nothing() -> None:
    js = Province()
    js.activated(2, **told(SECOND))
    shelf = shelf_of(js)
    assert [entry.type for entry in shelf.entries] == ["dreams.scheme.adopted.v1"]
    assert shelf.lanes["32"].rules is None


def test_however_batches_are_cut_each_enrollment_is_decided_by_what_was_in_force() -> None:
    js = Province()
    js.day("2026-03-01")
    js.allocated(10 * YUAN_1000_FEN)
    js.allocated(10 * YUAN_1000_FEN, pot="p")
    for version in (3, 4, 5):
        js.enrolled(version)
        js.activated(
            version, valid_from=f"2026-0{version - 2}-01", amount_base_fen=version * 10_000, fund_source="p"
        )
    js.enrolled(9)
    facts = [read(fact) for fact in js.facts]
    whole, cut = Shelf(Rules((FIRST, SECOND))), Shelf(Rules((FIRST, SECOND)))
    whole.take(facts[:3])  # what the new rules ask for lies in the tables
    whole.take(facts[3:])
    for fact in facts:
        cut.take([fact])
    assert cut.journal() == whole.journal()
    assert len({award.fund_source for award in whole.awards.values()}) > 1


def test_each_decision_is_derived_by_what_was_in_force_when_it_was_made() -> None:
    js = Province()
    js.allocated(10 * YUAN_1000_FEN)
    js.enrolled(1)
    js.activated(3, valid_from="2026-01-01", amount_base_fen=70_000)
    js.enrolled(2)
    shelf = shelf_of(js)
    adopted = [
        (e.no, scheme_of(read(js.facts[2]).data)) for e in shelf.entries if e.type.startswith("dreams.scheme")
    ]
    assert len(adopted) == 1
    found = [
        rederive(in_force_before(shelf.rules, adopted, entry.no), kept(entry)) for entry in shelf.entries
    ]
    assert [one for one in found if one is not None] == [(), ()]
    assert rederive(shelf.rules, kept(shelf.entries[-1])) == ("amount", "scheme", "steps")


def test_a_rehearsal_takes_what_the_lane_has_activated_and_keeps_what_is_supposed() -> None:
    js = Province()
    js.day("2026-03-01")
    js.allocated(10 * YUAN_1000_FEN)
    js.activated(3, valid_from="2026-01-01", amount_base_fen=70_000)
    js.enrolled(1)
    js.enrolled(2, start="2026-06-01")
    supposed = SECOND.model_copy(
        update={"version": 4, "valid_from": date(2026, 5, 1), "amount_base_fen": 50_000}
    )
    real = Rehearsal(Rules((FIRST, SECOND)), "32", 2026)
    tried = Rehearsal(Rules((FIRST, SECOND)), "32", 2026, supposed=supposed)
    for fact in js.facts:
        for run in (real, tried):
            run.take(read(fact))
    assert real.held_fen() == {"32-00001": 70_000, "32-00002": 70_000}
    assert tried.held_fen() == {"32-00001": 70_000, "32-00002": 50_000}
    assert sorted(one.version for one in tried.schemes()) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "scheme", [FIRST, SECOND, ELSEWHERE, IN_PARTS], ids=lambda one: f"{one.name}-{one.version}"
)
def test_a_file_and_its_event_say_the_same(scheme: Scheme) -> None:
    said = activation(scheme).model_dump_json(exclude_none=True, exclude_unset=True)
    assert scheme_of(SchemeActivated.model_validate_json(said, extra="forbid")) == scheme
    assert ('"parts"' in said, '"completion_days"' in said) == (scheme is IN_PARTS, scheme is IN_PARTS)


def test_a_scheme_in_parts_gives_in_parts_from_its_event_on_and_each_decision_derives_again() -> None:
    js = Province()
    js.day("2026-03-01")
    for part in IN_PARTS.parts[:4]:
        js.allocated(10 * YUAN_1000_FEN, pot=part.fund_source)
    js.enrolled(1, start="2026-05-01", tuition_fen=900_000)
    js.activated(3, **told(IN_PARTS, valid_from="2026-05-01", lifetime_awards_per_level=1))
    js.enrolled(2, start="2026-05-01", tuition_fen=900_000)
    js.enrolled(3, start="2026-05-01", tuition_fen=900_000)["subject"] = js.facts[-1]["subject"]
    whole, cut = shelf_of(js), Shelf(Rules((FIRST, SECOND)))
    for fact in js.facts:
        cut.take([read(fact)])

    assert cut.journal() == whole.journal()
    assert [
        (a.part, a.state, a.amount_fen) for a in whole.awards.values() if a.enrollment_no == "32-00002"
    ] == [
        (1, "reserved", 150_000),
        (2, "reserved", 150_000),
        (3, "reserved", 180_000),
        (4, "reserved", 80_000),
        (5, "committed", 100_000),
    ]
    assert states(whole)["32-00001"] == ("reserved", 2)
    assert {whole.awards[key].state for key in ("32-00003", "32-00003/5")} == {"refused"}
    adopted = [(entry.no, scheme_of_event(js)) for entry in whole.entries if entry.type == SCHEME_ADOPTED]
    for entry in whole.entries:
        assert not rederive(in_force_before(whole.rules, adopted, entry.no), kept(entry))


def scheme_of_event(js: Province) -> Scheme:
    """The scheme that the lane's only activation says."""
    (fact,) = [fact for fact in js.facts if fact["type"] == SCHEME_ACTIVATED]
    return scheme_of(SchemeActivated.model_validate(fact["data"], strict=False))


def test_the_example_with_a_limit_follows_the_shipped_files() -> None:
    found = put_in_force((FIRST, SECOND), load_scheme(EXAMPLE))
    assert not isinstance(found, InTheWay)
    assert [(one.version, one.valid_until, one.lifetime_awards_per_level) for one in found] == [
        (1, date(2024, 12, 31), None),
        (2, date(2027, 12, 31), None),
        (3, None, 1),
    ]


async def test_what_was_activated_is_kept_for_ever_and_decides_after_a_restart(subsidy: Service) -> None:
    js, zj = Province("32"), Province("33")
    js.day("2026-03-01")
    for province in (js, zj):
        province.allocated(10 * YUAN_1000_FEN)
        province.activated(3, valid_from="2026-01-01", amount_base_fen=70_000)
        province.enrolled(1)
    facts = [*js.facts, *zj.facts]
    await subsidy.take(*facts)
    await subsidy.take(js.enrolled(2))
    before = await subsidy.tables()
    await subsidy.take(*facts)

    assert await subsidy.tables() == before
    amounts = await subsidy.pool.fetch("SELECT amount_fen, scheme_version FROM award")
    assert {tuple(row) for row in amounts} == {(70_000, 3)}
    assert await subsidy.pool.fetchval("SELECT count(*) FROM scheme") == 1
    for table in ("scheme", "lane_scheme"):
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET version = 9"):  # noqa: S608 - our own names
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await subsidy.pool.execute(change)


def test_the_shipped_files_can_be_activated_one_after_the_other() -> None:
    schemes: tuple[Scheme, ...] = (ELSEWHERE,)
    for path in sorted(SCHEMES.glob("*.yaml")):
        found = put_in_force(schemes, load_scheme(path))
        assert not isinstance(found, InTheWay)
        schemes = found
    assert schemes == (ELSEWHERE, FIRST, SECOND)
