"""Many tasks ask for the same money at once, processes come and go, transactions fail: not a fen more, none less."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest

from console.stack.infrastructure import Infrastructure
from shared.contracts import subsidy as said_by
from tests.plumbing import processes
from tests.plumbing.processes import Nursery
from tests.subsidy.facts import YUAN_1000_FEN, Province, worker_ref
from tests.subsidy.swarm import INJECT, Swarm, a_swarm

LANES: Final = ("11", "23", "37", "50", "64")
"""Spread over the list, so that each of four processes has some."""
YEARS: Final = (2026, 2027)
PROCESSES: Final = 4
TASKS: Final = 64
SHARE: Final = 3
"""They ask for so many times the money."""
REST_FEN: Final = YUAN_1000_FEN - 1
"""Left in each budget: one fen less than one more award needs."""
SEED: Final = 64


@dataclass(frozen=True)
class Size:
    """How much is asked for, and how long that may take."""

    requests: int
    rounds: int
    """In each of them lanes change hands twice."""
    within_s: float

    @property
    def each(self) -> int:
        """Requests for one budget."""
        return self.requests // (len(LANES) * len(YEARS))

    @property
    def awards(self) -> int:
        """Whole awards that one budget pays."""
        return self.each // SHARE


@dataclass
class Race:
    """The system after all that, and what the tasks have said."""

    swarm: Swarm
    size: Size
    asked: dict[tuple[str, int], int] = field(default_factory=dict)
    took_s: float = 0.0


SIZES: Final = [
    Size(3_000, 3, 100.0),
    pytest.param(Size(50_000, 20, 600.0), marks=[pytest.mark.campaign, pytest.mark.timeout(3_600)]),
]


@pytest.fixture(scope="module")
async def nursery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nursery]:
    """Starts the processes."""
    async with processes.nursery(tmp_path_factory.mktemp("processes")) as made:
        yield made


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size.requests} requests")
async def race(
    infrastructure: Infrastructure, nursery: Nursery, request: pytest.FixtureRequest
) -> AsyncIterator[Race]:
    """All that the tasks asked for, decided by four processes, in whose transactions one of twenty fails."""
    async with a_swarm(infrastructure, nursery) as swarm:
        await swarm.world.owner.execute(INJECT)
        await swarm.start(PROCESSES)
        found = Race(swarm, request.param)
        began_s = time.monotonic()
        provinces = {lane: Province(lane) for lane in LANES}
        for province in provinces.values():
            await swarm.tell(province, [province.day("2026-12-20")])
        orders = _orders(found.size)
        for part in (orders[n :: found.size.rounds] for n in range(found.size.rounds)):
            asking = (_ask(swarm, provinces, part[n::TASKS]) for n in range(TASKS))
            await asyncio.gather(swarm.rebalance(), *asking)
        await swarm.until_at_rest(found.size.within_s)
        found.took_s = time.monotonic() - began_s
        yield found


Order = tuple[str, str, int, int]
"""What to say, lane, year, and which enrollment or how much money."""


def _orders(size: Size) -> list[Order]:
    """Each budget's money comes in parts among the requests for it, and half of the requests are confirmed at once."""
    orders: list[Order] = []
    for lane in LANES:
        for year in YEARS:
            first = (year - YEARS[0]) * size.each
            orders += [("ask", lane, year, first + n) for n in range(size.each)]
            whole = size.awards * YUAN_1000_FEN + REST_FEN
            parts = [whole // 7] * 6
            orders += [("money", lane, year, part) for part in [*parts, whole - sum(parts)]]
    Random(SEED).shuffle(orders)
    return orders


async def _ask(swarm: Swarm, provinces: dict[str, Province], orders: list[Order]) -> None:
    """One task: it says one thing after another, in turn with the other tasks of a lane."""
    waiting: list[Order] = []
    for kind, lane, year, n in orders:
        province = provinces[lane]
        async with swarm.turn(province):
            facts = [province.allocated(n, year=year)] if kind == "money" else [_enrolled(province, year, n)]
            if kind == "ask" and n % 2:
                facts.append(province.confirmed(n, start=f"{year}-12-21"))
            await swarm.tell(province, facts)
        if kind == "ask" and not n % 2:
            waiting.append((kind, lane, year, n))
    for _, lane, year, n in waiting:
        async with swarm.turn(provinces[lane]):
            await swarm.tell(provinces[lane], [provinces[lane].confirmed(n, start=f"{year}-12-21")])


def _enrolled(province: Province, year: int, n: int) -> dict[str, Any]:
    return province.enrolled(n, start=f"{year}-12-21") | {"subject": worker_ref(n)}


async def test_each_budget_grants_what_it_holds_and_not_a_fen_more(race: Race) -> None:
    rows = await race.swarm.world.owner.fetch("SELECT * FROM budget ORDER BY lane, fiscal_year")
    size, granted_fen = race.size, race.size.awards * YUAN_1000_FEN
    assert [(row["lane"], row["fiscal_year"]) for row in rows] == [(lane, y) for lane in LANES for y in YEARS]
    for row in rows:
        assert (row["granted_fen"], row["reserved_fen"]) == (granted_fen, 0)
        assert row["allocated_fen"] - granted_fen == REST_FEN
        assert row["waiting"] == size.each - size.awards
    assert await race.swarm.faults() == {}


async def test_nobody_is_passed_over(race: Race) -> None:
    passed = await race.swarm.world.owner.fetchval(
        """SELECT count(*) FROM (
               SELECT max(rank) FILTER (WHERE state = 'granted') AS last_granted,
                      min(rank) FILTER (WHERE state = 'waitlisted') AS first_waiting
               FROM award GROUP BY lane, fiscal_year) a
           WHERE last_granted > first_waiting"""
    )
    assert passed == 0
    states = await race.swarm.world.owner.fetch("SELECT state, count(*) FROM award GROUP BY state")
    wanted = race.size.awards * len(LANES) * len(YEARS)
    assert dict(map(tuple, states)) == {
        "granted": wanted,
        "waitlisted": race.size.each * len(LANES) * len(YEARS) - wanted,
    }


async def test_each_award_is_announced_once_and_without_a_gap(race: Race) -> None:
    granted: Counter[str] = Counter()
    for lane in LANES:
        for fact in await race.swarm.world.published(lane):
            if fact["type"] == said_by.SUBSIDY_GRANTED:
                granted[fact["data"]["enrollment_no"]] += 1
    assert len(granted) == race.size.awards * len(LANES) * len(YEARS)
    assert set(granted.values()) == {1}


async def test_the_run_saw_lanes_change_hands_and_transactions_fail_at_both_points(race: Race) -> None:
    db = race.swarm.world.owner
    passed, failed = {}, {}
    for point in ("journal", "log"):
        passed[point] = await db.fetchval(f"SELECT last_value FROM passed_{point}")  # noqa: S608 - our own
    for state in ("40001", "40p01"):
        failed[state] = await db.fetchval(f"SELECT last_value FROM failed_{state} WHERE is_called")  # noqa: S608
    again = Counter(line["error"] for line in race.swarm.said("transaction_again"))
    assigned = [line for line in race.swarm.said("lanes_assigned") if line["lanes"]]
    print(  # noqa: T201 - the campaign's figures
        json.dumps(
            {
                "requests": race.size.requests,
                "took_s": round(race.took_s, 1),
                "passed": passed,
                "failed": failed,
                "lanes_assigned": len(assigned),
            }
        )
    )
    assert all(failed.values()), failed
    assert again["SerializationError"] == failed["40001"]
    assert again["DeadlockDetectedError"] == failed["40p01"]
    assert sum(failed.values()) >= 0.05 * passed["journal"] - 2, "each point fails at the end of its turn"
    owners = {str(line["instance"]) for line in assigned}
    assert len(assigned) > race.size.rounds * PROCESSES, (
        "hardly any lane changed hands: this run proves nothing"
    )
    assert owners == {str(n) for n in range(PROCESSES)}
    assert await race.swarm.stopped() == []


async def test_of_two_hundred_who_ask_for_the_last_award_one_has_it_and_the_rest_wait_in_rank_order(
    race: Race,
) -> None:
    province, swarm = Province("43"), race.swarm
    await swarm.tell(
        province, [province.allocated(3 * YUAN_1000_FEN), province.enrolled(1), province.enrolled(2)]
    )

    async def ask(n: int) -> None:
        async with swarm.turn(province):
            await swarm.tell(province, [province.enrolled(n)])

    await asyncio.gather(*(ask(n) for n in range(100, 300)))
    await swarm.until_at_rest(race.size.within_s)
    rows = await swarm.world.owner.fetch(
        "SELECT enrollment_no, state, rank FROM award WHERE lane = '43' AND enrollment_no > $1 ORDER BY rank",
        province.number(99),
    )
    assert [row["state"] for row in rows] == ["reserved"] + ["waitlisted"] * 199
    said = [fact for fact in await swarm.world.published("43") if fact["type"] == said_by.SUBSIDY_WAITLISTED]
    assert [fact["data"]["enrollment_no"] for fact in said] == [row["enrollment_no"] for row in rows[1:]]
    assert [fact["data"]["position"] for fact in said] == list(range(1, 200))
    assert await swarm.faults() == {}
