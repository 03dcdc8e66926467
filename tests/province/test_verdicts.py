"""What the simulator foretells is what the door's own rules decide, whichever lane is judged first."""

from collections import defaultdict
from datetime import date
from random import Random
from typing import Any

import pytest

from console.province.simulator import Expected, Rates, SimulatedRecord, generate
from shared.contracts.lanes import LANE_CODES
from shared.contracts.submission import read
from tests.enrollment.memory import Books, register_of

TODAY = date(2026, 11, 24)


def _judge(by_lane: dict[str, list[SimulatedRecord]], rng: Random, ahead_max: int) -> list[dict[str, Any]]:
    """Judge all lanes' records, each lane's in order, lanes in portions of any size."""
    books = Books(register_of(LANE_CODES))
    places = dict.fromkeys(by_lane, 0)
    while places:
        lane = rng.choice(list(places))
        start = places[lane]
        end = start + rng.randint(1, ahead_max)
        for offset, record in enumerate(by_lane[lane][start:end], start):
            books.take(read(record.value, record.headers, lane, offset))
        places[lane] = end
        if end >= len(by_lane[lane]):
            del places[lane]
    assert not any(books.register.waiting.values())
    return [out.receipt for out in books.results.receipts if out.receipt["status"] != "parked"]


@pytest.mark.parametrize(
    ("ahead_max", "as_it_happens"), [(1, False), (40, False), (10_000, False), (40, True)]
)
def test_every_record_gets_the_receipt_foretold_however_lanes_race(
    ahead_max: int, as_it_happens: bool
) -> None:
    expected = Expected()
    by_lane: dict[str, list[SimulatedRecord]] = defaultdict(list)
    rates = Rates(0.05, 0.02, 0.05, 0.03)
    for record in generate(11, 6_000, rates, today=TODAY, as_it_happens=as_it_happens):
        expected.count(record)
        if record.topic_kind == "events":
            by_lane[record.lane].append(record)
    receipts = _judge(by_lane, Random(ahead_max), ahead_max)
    assert len(receipts) == expected.events
    found: defaultdict[str, int] = defaultdict(int)
    codes: defaultdict[str, int] = defaultdict(int)
    for receipt in receipts:
        found[receipt["status"]] += 1
        if receipt["status"] == "rejected":
            codes[receipt["code"]] += 1
    wanted = {
        "accepted": expected.accepted,
        "duplicate": expected.duplicate,
        "conflict": expected.conflict,
        "rejected": expected.rejected,
    }
    assert (dict(found), dict(codes)) == (wanted, dict(expected.by_code))
