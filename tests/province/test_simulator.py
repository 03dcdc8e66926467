"""The simulated provinces: repeatable, exact, valid, and nobody's identity number in any byte."""

import json
import re
from collections import Counter
from datetime import date
from itertools import product
from random import Random
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from console.province.identity import UNASSIGNED_PREFIX, check_character
from console.province.people import People
from console.province.simulator import Expected, Rates, SimulatedRecord, generate
from shared.contracts import provinces
from shared.contracts.envelope import ProvinceEvent
from shared.contracts.lanes import LANE_CODES
from shared.contracts.submission import read

TODAY = date(2026, 11, 24)
ADAPTERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(ProvinceEvent[model])  # type: ignore[valid-type]
    for name, model in provinces.DATA_MODELS.items()
}


def _run(events: int, seed: int = 7, rates: Rates | None = None, **more: Any) -> list[SimulatedRecord]:
    return list(generate(seed, events, rates, today=TODAY, **more))


@pytest.fixture(scope="module")
def many() -> list[SimulatedRecord]:
    return _run(12_000)


def _structured(record: SimulatedRecord) -> bytes:
    """The record as one structured event, whichever mode it was sent in."""
    attributes = {name[3:]: value.decode() for name, value in record.headers if name.startswith("ce_")}
    value = record.value or b""
    return orjson.dumps({**attributes, "data": orjson.loads(value)}) if attributes else value


def _good(records: list[SimulatedRecord]) -> list[SimulatedRecord]:
    return [record for record in records if record.kind not in {"broken", "contact"}]


def test_same_seed_gives_the_same_bytes(many: list[SimulatedRecord]) -> None:
    assert _run(12_000) == many
    assert _run(500, seed=8) != _run(500)


@pytest.mark.parametrize("events", [0, 1, 2, 3, 7, 40, 333, 5_000])
def test_exactly_as_many_records_as_asked_for(events: int) -> None:
    for rates in (None, Rates(0, 0, 0, 0), Rates(0.3, 0.3, 0.9, 0.3)):
        expected = Expected()
        for record in _run(events, rates=rates):
            expected.count(record)
        assert expected.events == events


def test_mishaps_come_at_the_rates_asked_for() -> None:
    kinds = Counter(record.kind for record in _run(20_000, rates=Rates(0.05, 0.02, 0.05, 0.01)))
    assert (kinds["duplicate"], kinds["conflict"], kinds["broken"]) == (1_000, 400, 200)
    assert 800 < kinds["late"] <= 1_000


def test_rates_that_leave_nothing_to_repeat_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.9"):
        Rates(duplicate=0.5, broken=0.5)


def test_every_good_event_is_valid_with_no_field_unknown(many: list[SimulatedRecord]) -> None:
    seen: Counter[str] = Counter()
    for record in _good(many):
        event = _structured(record)
        type_ = orjson.loads(event)["type"]
        ADAPTERS[type_].validate_json(event, extra="forbid")
        seen[type_] += 1
    assert seen.keys() == provinces.DATA_MODELS.keys() - provinces.OF_THE_NATION


def test_every_contact_is_valid_and_keyed_by_its_worker(many: list[SimulatedRecord]) -> None:
    contacts = [record for record in many if record.kind == "contact"]
    assert len(contacts) > 1_000
    for record in contacts:
        assert record.value is not None
        assert record.key is not None
        contact = provinces.Contact.model_validate_json(record.value)
        assert contact.email.endswith("@example.invalid")
        assert re.fullmatch(rb"k0\.[A-Z2-7]{52}", record.key)


def test_the_door_reads_good_events_and_refuses_broken_ones_with_the_code_foretold() -> None:
    for offset, record in enumerate(_run(6_000, rates=Rates(broken=0.2))):
        if record.kind == "contact" or record.code == "already_recorded":
            continue
        refusal = read(record.value, record.headers, record.lane, offset).refusal
        assert (refusal.code if refusal else None) == record.code


def test_ids_are_used_once_but_for_duplicates_conflicts_and_mended_events(
    many: list[SimulatedRecord],
) -> None:
    ids = Counter(
        (record.lane, json.loads(_structured(record))["id"])
        for record in many
        if record.kind in {"plain", "late"}
    )
    assert max(ids.values()) == 1


def test_duplicates_repeat_and_conflicts_contradict_what_their_lane_has_sent(
    many: list[SimulatedRecord],
) -> None:
    sent: dict[tuple[str, str], Any] = {}
    for record in _good(many):
        event = orjson.loads(_structured(record))
        key = (record.lane, event["id"])
        if record.kind == "duplicate":
            assert sent[key] == event
        elif record.kind == "conflict":
            assert sent[key] != event
        else:
            sent[key] = event


def test_only_late_events_come_before_what_they_build_on(many: list[SimulatedRecord]) -> None:
    there: set[Any] = set()
    late = 0
    for record in _good(many):
        if record.kind not in {"plain", "late"}:
            continue
        event = orjson.loads(_structured(record))
        needs, brings = _needs_and_brings(record.lane, event)
        early = not needs <= there
        assert early == (record.kind == "late"), event
        late += early
        there |= brings
    assert late > 200
    assert sum(isinstance(one, str) and one[2] == "-" for one in there) > 2_000


def _needs_and_brings(lane: str, event: Any) -> tuple[set[Any], set[Any]]:
    """What must have come before an event, and what others build on."""
    type_, subject, data = event["type"], event.get("subject"), event["data"]
    number = data.get("enrollment_no")
    if type_ == provinces.WORKER_REGISTERED:
        return set(), {subject}
    if type_ == provinces.WORKER_ENROLLED:
        project = {(lane, data["project_no"])} if "project_no" in data else set()
        return {subject, *project}, {number}
    if type_ in _BROUGHT:
        return {number} - {None}, {_named(lane, data, _BROUGHT[type_])}
    if type_ in _NAMES:
        return {_named(lane, data, _NAMES[type_])}, set()
    return ({number} if number else {subject} - {None}), set()


def _named(lane: str, data: Any, names: tuple[str, ...]) -> Any:
    flat = {
        **data,
        "institution_code": data.get("institution_code") or data.get("institution", {}).get("code"),
    }
    return (lane, *(flat[name] for name in names))


_BROUGHT = {
    provinces.PROJECT_ESTABLISHED: ("project_no",),
    provinces.INSTITUTION_JOINED: ("institution_code",),
    provinces.ALLIANCE_FORMED: ("alliance_no",),
    provinces.PAYMENT_SETTLED: ("batch_no", "line_no"),
    provinces.ENROLLMENT_SUSPENDED: ("enrollment_no",),
}
_NAMES = {
    provinces.TUTORS_PAIRED: ("institution_code",),
    provinces.PAYMENT_RETURNED: ("batch_no", "line_no"),
    provinces.ENROLLMENT_RESUMED: ("enrollment_no",),
}


def test_events_of_one_worker_come_from_several_provinces(many: list[SimulatedRecord]) -> None:
    events = [(r.lane, orjson.loads(_structured(r))) for r in _good(many)]
    assert any(e["data"].get("funding_province", lane) != lane for lane, e in events)
    registered = {e["subject"]: lane for lane, e in events if e["type"] == provinces.WORKER_REGISTERED}
    assert any(e.get("subject") in registered and registered[e["subject"]] != lane for lane, e in events)


def test_money_comes_first_and_jiangsu_plans_60_million_yuan_for_60_000(many: list[SimulatedRecord]) -> None:
    events = [orjson.loads(_structured(record)) for record in _good(many)]
    first = next(place for place, event in enumerate(events) if event["type"] == provinces.WORKER_ENROLLED)
    allocated = {e["source"] for e in events[:first] if e["type"] == provinces.BUDGET_ALLOCATED}
    assert allocated == {f"//provinces/{lane}/simulator" for lane in LANE_CODES if lane != "00"}
    plan = next(e["data"] for e in events if e["type"] == provinces.PLAN_DECLARED and "/32/" in e["source"])
    assert (plan["amount_fen"], plan["heads"]) == (6_000_000_000, 60_000)


def test_nothing_happens_after_today_and_awards_belong_to_this_year() -> None:
    days = (date(2026, 1, 1), date(2026, 12, 31), date(2028, 2, 29))
    for today, as_it_happens in product(days, (False, True)):
        for record in _good(list(generate(3, 2_000, today=today, as_it_happens=as_it_happens))):
            event = orjson.loads(_structured(record))
            assert event["time"][:10] <= today.isoformat()
            if event["type"] == provinces.WORKER_ENROLLED and not event["data"].get("history"):
                assert event["data"]["start"][:4] == str(today.year)


def test_as_it_happens_most_is_told_within_a_week_and_what_is_older_is_history() -> None:
    events = [
        (record.lane, orjson.loads(_structured(record))) for record in _good(_run(12_000, as_it_happens=True))
    ]
    past = {event["id"] for _, event in events if event["data"].get("history")}
    past |= {event["data"].get("enrollment_no") for _, event in events if event["id"] in past} - {None}
    told, late = Counter[str](), Counter[str]()
    for lane, event in events:
        data = event["data"]
        ADAPTERS[event["type"]].validate_json(orjson.dumps(event), extra="forbid")
        if past & {event["id"], data.get("enrollment_no"), data.get("event_id")}:
            continue
        age_days = (TODAY - date.fromisoformat(event["time"][:10])).days
        assert age_days < 70, event
        told[lane] += 1
        late[lane] += age_days > 7
    assert len(past) > 1_000
    assert late.total() < told.total() / 10
    shares = [late[lane] / told[lane] for lane in told]
    assert sum(share < 0.1 for share in shares) > 20, "most provinces are in time"
    assert max(shares) > 0.3, "and some are not"


def test_some_lanes_alone_take_part_where_only_they_are_asked_for() -> None:
    lanes = {record.lane for record in _run(800, lanes=("32", "34"))}
    assert lanes == {"32", "34"}


def test_nobodys_identity_number_is_in_any_byte(many: list[SimulatedRecord]) -> None:
    number = re.compile(rb"[0-9]{17}[0-9X]")
    for record in many:
        everything = b" ".join(
            (
                record.value or b"",
                record.key or b"",
                *(name.encode() + value for name, value in record.headers),
            )
        )
        for found in number.findall(everything):
            assert not found.startswith(UNASSIGNED_PREFIX.encode())


def test_simulated_persons_have_well_formed_numbers_in_an_area_that_does_not_exist() -> None:
    people = People(7, Random(1))
    numbers = [people.identity_number() for _ in range(20_000)]
    assert len(set(numbers)) == len(numbers)
    for number in numbers[:500]:
        assert number.startswith(UNASSIGNED_PREFIX)
        assert number[17] == check_character(number[:17])
        date.fromisoformat(f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    assert all(2 <= len(people.name()) <= 3 for _ in range(100))
