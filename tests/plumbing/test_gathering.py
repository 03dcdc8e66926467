"""How much Kafka gathers: where records come many at a time, where none do the first is told at once."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher

from shared.plumbing.batch import LaneGroup
from shared.plumbing.gathering import GATHER_BYTES, IDLE_WAIT_MS
from tests.plumbing.world import World, until

IDLE = (IDLE_WAIT_MS, 1)
BUSY = (LaneGroup.__dataclass_fields__["gather_ms"].default, GATHER_BYTES)


async def test_an_idle_group_waits_long_for_the_first_record_and_a_busy_one_a_moment_for_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    request = fetcher.FetchRequest

    def noted(max_wait_ms: int, min_bytes: int, *others: Any, **more: Any) -> Any:
        asked.append((max_wait_ms, min_bytes))
        return request(max_wait_ms, min_bytes, *others, **more)

    monkeypatch.setattr(fetcher, "FetchRequest", noted)
    (lane,) = world.some_lanes(1)
    async with world.relay():

        async def is_idle() -> bool:
            return asked[-1:] == [IDLE]

        await until(is_idle)
        asked.clear()
        await world.notes(lane, 1, 2, 3)
        await world.until_relayed(lane, 1, 2, 3)

        async def is_busy() -> bool:
            return BUSY in asked

        await until(is_busy)
        await until(is_idle)
