"""The same history of lanes decides the same to the byte, through one process, through four, and through deaths."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any, Final

import pytest

from console.stack.infrastructure import Infrastructure
from tests.plumbing import processes
from tests.plumbing.processes import Nursery
from tests.subsidy.facts import Province, kept
from tests.subsidy.histories import busy
from tests.subsidy.swarm import Swarm, a_swarm

LANES: Final = ("11", "23", "37", "50")
FATAL: Final = ("after the locks", "in the middle of COPY", "before COMMIT", "after COMMIT")
"""Each of the four processes dies at one of these; a second one at the next, and so on."""
WITHIN_S: Final = 100.0
BATCH_MAX_RECORDS: Final = 20
"""Many batches, so that deaths and changes of hands find something to cut."""
SEED: Final = 5

Kept = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
async def nursery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nursery]:
    """Starts the processes."""
    async with processes.nursery(tmp_path_factory.mktemp("processes")) as made:
        yield made


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(120, id="short"),
        pytest.param(1_500, id="long", marks=[pytest.mark.campaign, pytest.mark.timeout(3_600)]),
    ],
)
async def by_one(
    infrastructure: Infrastructure, nursery: Nursery, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[list[Province], Kept]]:
    """Histories with so many enrollments a lane, and what one process keeps of them, all records in large batches."""
    histories = [busy(SEED + n, lane, enrollments=request.param) for n, lane in enumerate(LANES)]
    async with a_swarm(infrastructure, nursery) as swarm:
        await _tell(swarm, histories, parts=1)
        await swarm.start(1)
        await swarm.until_at_rest(WITHIN_S + request.param / 10)
        assert await swarm.stopped() == []
        yield histories, await kept(swarm.world.owner)


async def _tell(swarm: Swarm, histories: list[Province], parts: int) -> None:
    """Tell all lanes their histories in parts; between them lanes change hands."""
    for part in range(parts):
        for province in histories:
            size = -(-len(province.facts) // parts)
            await swarm.tell(province, province.facts[part * size : (part + 1) * size])
        if part < parts - 1:
            await swarm.rebalance()


async def test_four_processes_among_which_lanes_change_hands_decide_as_one(
    infrastructure: Infrastructure, nursery: Nursery, by_one: tuple[list[Province], Kept]
) -> None:
    histories, wanted = by_one
    async with a_swarm(infrastructure, nursery) as swarm:
        await swarm.start(4, batch_max_records=BATCH_MAX_RECORDS)
        await _tell(swarm, histories, parts=3)
        await swarm.until_at_rest(WITHIN_S + len(histories[0].facts) / 10)
        assert {line["instance"] for line in swarm.said("lanes_assigned") if line["lanes"]} == set("0123")
        _same(await kept(swarm.world.owner), wanted)


async def test_processes_that_die_at_any_point_of_a_batch_decide_as_one_that_lives(
    infrastructure: Infrastructure, nursery: Nursery, by_one: tuple[list[Province], Kept]
) -> None:
    histories, wanted = by_one
    random = Random(SEED)
    async with a_swarm(infrastructure, nursery) as swarm:
        await _tell(swarm, histories, parts=1)
        for point in FATAL:
            (doomed,) = await swarm.start(1, ready=False, dies=point, batch_max_records=BATCH_MAX_RECORDS)
            await doomed.until_ended()
            assert doomed.reached == point
        await swarm.start(2, batch_max_records=BATCH_MAX_RECORDS)
        for _ in range(2 if len(histories[0].facts) < 1_000 else 20):  # and whenever it happens to be
            await swarm.until_moved(random.randrange(1, 60), WITHIN_S)
            await swarm.kill(random.choice([p for p in swarm.running if p.running]))
            await swarm.start(1, ready=False, batch_max_records=BATCH_MAX_RECORDS)
        await swarm.until_at_rest(WITHIN_S + len(histories[0].facts) / 10)
        _same(await kept(swarm.world.owner), wanted)


def _same(found: Kept, wanted: Kept) -> None:
    for table, rows in wanted.items():
        assert len(rows) > 0 or table == "claim", (
            f"nothing is kept in {table}: this run proves nothing about it"
        )
        assert found[table] == rows, table
