"""Thousands of damaged events of all types: each is answered exactly once, and nothing stops, fails or is mixed up."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

import httpx
import orjson
import pytest

from console.stack.infrastructure import Infrastructure
from shared.contracts import provinces
from shared.contracts.enrollment import FACT_MODELS
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_EVENTS, PROVINCE_RECEIPTS
from shared.plumbing.decoding import FactDecoder
from shared.plumbing.store import QUARANTINE_LANE_MAX
from tests.chain.drained import database, until_drained
from tests.chain.logs import said_by
from tests.chain.topics import events_by_lane, once
from tests.enrollment.conftest import LANES, Door, open_door
from tests.enrollment.mutations import Mutated, mutated

SEED: Final = 20_261_126
EVENTS: Final = 5_000
EVENTS_IN_CAMPAIGN: Final = 100_000
BATCH_MAX_BYTES: Final = 1_000_000
BATCH_MAX_RECORDS: Final = 200
SLOWEST_EVENTS_PER_S: Final = 100
OF_FORM: Final = {
    "unreadable", "empty", "too_large", "invalid", "missing_field", "unknown_field", "unknown_type", "unknown_version",
    "foreign_province",
}  # fmt: skip
Place = tuple[str, int]


@dataclass
class Aftermath:
    """What was sent, by lane and offset, and what has come of it."""

    door: Door
    sent: dict[Place, Mutated] = field(default_factory=dict)
    receipts: dict[Place, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    facts: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module", params=[EVENTS, pytest.param(EVENTS_IN_CAMPAIGN, marks=pytest.mark.campaign)])
async def aftermath(
    request: pytest.FixtureRequest, infrastructure: Infrastructure
) -> AsyncIterator[Aftermath]:
    """Damaged events through a running enrollment, all of them judged and answered."""
    async with open_door(infrastructure, "mutated.") as door:
        yield await _send_all(door, request.param)


async def _send_all(door: Door, count: int) -> Aftermath:
    made = Aftermath(door)
    batches = list(_batches(mutated(SEED, count, LANES)))
    raw = [(lane, [(m.value, m.key, m.headers) for m in batch]) for lane, batch in batches]
    for (lane, batch), first in zip(batches, await door.send_batches(raw), strict=True):
        made.sent |= {(lane, first + n): one for n, one in enumerate(batch)}
    await _until_answered(made)
    for lane, events in (await events_by_lane(door.stack, PROVINCE_RECEIPTS)).items():
        for event in once(events):
            made.receipts[lane, event["data"]["offset"]].append(event["data"])
    for events in (await events_by_lane(door.stack, ENROLLMENT_EVENTS)).values():
        made.facts += once(events)
    return made


def _batches(records: Iterable[Mutated]) -> Iterator[tuple[str, list[Mutated]]]:
    """What one request of a producer may hold, lane by lane in the order of the records."""
    open_ones: dict[str, list[Mutated]] = {lane: [] for lane in LANES}
    bytes_of: Counter[str] = Counter()
    for record in records:
        batch = open_ones[record.lane]
        batch.append(record)
        bytes_of[record.lane] += len(record.value or b"") + sum(
            len(n) + len(v or b"") for n, v in record.headers
        )
        if bytes_of[record.lane] > BATCH_MAX_BYTES or len(batch) == BATCH_MAX_RECORDS:
            yield record.lane, batch
            open_ones[record.lane], bytes_of[record.lane] = [], 0
    yield from ((lane, batch) for lane, batch in open_ones.items() if batch)


async def _until_answered(made: Aftermath) -> None:
    """Wait until all was taken in, nothing is handed over any more, and all that was decided is published."""
    await until_drained(made.door.stack, len(made.sent), 30 + len(made.sent) / SLOWEST_EVENTS_PER_S)
    async with database(made.door.stack, "enrollment") as db:
        rows = await db.fetch("SELECT lane, next_offset, stopped FROM cursor WHERE lane = ANY($1)", LANES)
    assert not any(row["stopped"] for row in rows), [tuple(row) for row in rows]


async def test_every_record_has_exactly_one_final_receipt_or_waits(aftermath: Aftermath) -> None:
    async with database(aftermath.door.stack, "enrollment") as db:
        rows = await db.fetch("SELECT lane, record_offset FROM parked")
    waiting = {(row[0], row[1]) for row in rows}
    for place, record in aftermath.sent.items():
        statuses = [receipt["status"] for receipt in aftermath.receipts[place]]
        assert statuses.count("parked") <= 1, (record, statuses)
        finals = len(statuses) - statuses.count("parked")
        assert finals == (0 if place in waiting else 1), (record, statuses)
    assert aftermath.receipts.keys() == aftermath.sent.keys()


async def test_the_process_lives_and_no_batch_has_failed(aftermath: Aftermath) -> None:
    stack = aftermath.door.stack
    process = stack.services["enrollment", 0]
    assert process.running
    said = said_by(stack)
    assert said
    assert [line for line in said if line["level"] not in {"debug", "info", "warning"}] == []
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{stack.address('enrollment')}/health/live")).status_code == httpx.codes.OK


async def test_an_event_among_damaged_ones_is_read_as_it_was_sent(aftermath: Aftermath) -> None:
    types = Counter[str]()
    for place, record in aftermath.sent.items():
        if record.intact_id is not None:
            for receipt in aftermath.receipts[place]:
                assert receipt["event_id"] == record.intact_id
                assert receipt["code"] not in OF_FORM, receipt
                types[receipt["event_type"]] += 1
    assert types.keys() == provinces.DATA_MODELS.keys()


async def test_what_was_accepted_can_be_read_by_those_who_come_after(aftermath: Aftermath) -> None:
    decode = FactDecoder(FACT_MODELS)
    accepted = {
        receipt["event_id"]
        for receipts in aftermath.receipts.values()
        for receipt in receipts
        if receipt["status"] == "accepted"
    }
    for fact in aftermath.facts:
        decode(SimpleNamespace(value=orjson.dumps(fact)))
    assert accepted == {
        fact["causationid"] for fact in aftermath.facts if fact["type"] in provinces.DATA_MODELS
    }


async def test_unreadable_bytes_are_kept_as_many_as_a_lane_may_have(aftermath: Aftermath) -> None:
    unreadable: dict[str, set[int]] = defaultdict(set)
    for (lane, offset), receipts in aftermath.receipts.items():
        if any(receipt["event_id"] is None for receipt in receipts):
            unreadable[lane].add(offset)
    kept: dict[str, set[int]] = defaultdict(set)
    async with database(aftermath.door.stack, "enrollment") as db:
        for lane, offset in await db.fetch(
            "SELECT lane, record_offset FROM quarantine WHERE stream = $1", PROVINCE_EVENTS.pattern
        ):
            kept[lane].add(offset)
    for lane, offsets in unreadable.items():
        assert kept[lane] <= offsets
        assert len(kept[lane]) == min(len(offsets), QUARANTINE_LANE_MAX)
