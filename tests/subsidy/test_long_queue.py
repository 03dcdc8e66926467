"""Money for which thousands wait is handed down in steps of a limited size, in rank order, while other lanes go on."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles
from typing import Any, Final

import pytest

from console.stack.infrastructure import Infrastructure
from services.subsidy.domain.loading import MOVE_MAX
from shared.contracts import subsidy as said_by
from tests.plumbing import processes
from tests.plumbing.processes import Nursery
from tests.plumbing.world import until
from tests.subsidy.facts import YUAN_1000_FEN, Province, worker_ref
from tests.subsidy.swarm import Swarm, a_swarm

LANE: Final = "32"
LIVE: Final = ("33", "37", "50")
PAUSE_S: Final = 0.02
"""Between two live facts: their pace, not a thing to be waited for."""
QUIET: Final = 150
"""Live facts before the top-up, to compare with."""


@dataclass(frozen=True)
class Size:
    """How many wait."""

    waiting: int
    within_s: float


@dataclass
class Drained:
    """What has happened, after it."""

    swarm: Swarm
    size: Size
    top_up: dict[str, Any]
    latencies_s: dict[str, list[float]]
    """From sending to being recorded, of live facts: before the top-up and beside it."""


@pytest.fixture(scope="module")
async def nursery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nursery]:
    """Starts the process."""
    async with processes.nursery(tmp_path_factory.mktemp("processes")) as made:
        yield made


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Size(3 * MOVE_MAX + 1, 60.0), id="three steps"),
        pytest.param(
            Size(60_000, 600.0), id="60,000", marks=[pytest.mark.campaign, pytest.mark.timeout(1_800)]
        ),
    ],
)
async def drained(
    infrastructure: Infrastructure, nursery: Nursery, request: pytest.FixtureRequest
) -> AsyncIterator[Drained]:
    """A lane on which so many wait is given the money for all, while the others go on."""
    size: Size = request.param
    async with a_swarm(infrastructure, nursery) as swarm:
        province = Province(LANE)
        for n in range(size.waiting):
            province.enrolled(n)["subject"] = worker_ref(n)
        await swarm.tell(province, province.facts)
        live = {lane: Province(lane) for lane in LIVE}
        for other in live.values():
            await swarm.tell(other, [other.allocated(10_000 * YUAN_1000_FEN)])
        await swarm.start(1)
        await swarm.until_at_rest(size.within_s)
        sent = {"before": await _go_on(swarm, live, lambda told: told >= QUIET)}
        top_up = province.allocated(size.waiting * YUAN_1000_FEN)
        resting = asyncio.create_task(_top_up(swarm, province, top_up, size))
        sent["beside"] = await _go_on(swarm, live, lambda _: resting.done())
        await resting
        await swarm.until_at_rest(size.within_s)
        recorded = await _recorded(swarm)
        yield Drained(
            swarm,
            size,
            top_up,
            {when: [recorded[one] - at for one, at in some.items()] for when, some in sent.items()},
        )


async def _top_up(swarm: Swarm, province: Province, fact: dict[str, Any], size: Size) -> None:

    await swarm.tell(province, [fact])

    async def handed_down() -> bool:
        return not await swarm.world.owner.fetchval(
            "SELECT waiting FROM budget WHERE lane = $1", province.lane
        )

    await until(handed_down, size.within_s)


async def _go_on(swarm: Swarm, live: dict[str, Province], enough: Any) -> dict[str, float]:
    """Tell the live lanes one enrollment after another; when each was sent, by its fact."""
    sent: dict[str, float] = {}
    while not enough(len(sent)):
        for province in live.values():
            fact = province.enrolled(len(province.facts))
            sent[fact["id"]] = time.time()
            await swarm.tell(province, [fact])
            await asyncio.sleep(PAUSE_S)
    return sent


async def _recorded(swarm: Swarm) -> dict[str, float]:
    """When each fact of the live lanes was decided."""
    return {
        fact["causationid"]: datetime.fromisoformat(fact["recordedtime"]).timestamp()
        for lane in LIVE
        for fact in await swarm.world.published(lane)
    }


async def test_all_have_their_turn_in_rank_order(drained: Drained) -> None:
    rows = await drained.swarm.world.owner.fetch(
        """SELECT a.rank FROM journal j JOIN award a USING (enrollment_no)
           WHERE j.lane = $1 AND j.event_type = $2 ORDER BY j.entry_no""",
        LANE,
        said_by.SUBSIDY_RESERVED,
    )
    assert [row["rank"] for row in rows] == list(range(1, drained.size.waiting + 1))
    assert await drained.swarm.faults() == {}


async def test_no_transaction_moves_more_than_the_limit(drained: Drained) -> None:
    rows = await drained.swarm.world.owner.fetch(
        "SELECT recorded_at, count(*) FROM journal WHERE cause_id = $1 AND event_type = $2 GROUP BY recorded_at",
        drained.top_up["id"],
        said_by.SUBSIDY_RESERVED,
    )
    steps = Counter(row["count"] for row in rows)
    assert steps[MOVE_MAX] == drained.size.waiting // MOVE_MAX
    assert max(steps) == MOVE_MAX


async def test_other_lanes_go_on_between_the_steps(drained: Drained) -> None:
    between = await drained.swarm.world.owner.fetchval(
        """SELECT count(*) FROM journal WHERE lane <> $1
           AND recorded_at > (SELECT min(recorded_at) FROM journal WHERE cause_id = $2)
           AND recorded_at < (SELECT max(recorded_at) FROM journal WHERE cause_id = $2)""",
        LANE,
        drained.top_up["id"],
    )
    figures = {when: _p50_p99_ms(some) for when, some in drained.latencies_s.items()}
    print(json.dumps({"waiting": drained.size.waiting, **figures}))  # noqa: T201 - the campaign's figures
    assert between > 0
    assert await drained.swarm.stopped() == []


def _p50_p99_ms(latencies_s: list[float]) -> tuple[int, int, int]:
    """Median, 99th of 100, and how many there were."""
    parts = quantiles(latencies_s, n=100)
    return round(parts[49] * 1000), round(parts[98] * 1000), len(latencies_s)
