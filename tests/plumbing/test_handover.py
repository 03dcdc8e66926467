"""Work that one lane causes on another is done there, once, cause before effect."""

import asyncio
from typing import Any

import pytest

from shared.contracts.envelope import derived_id
from shared.plumbing import batch, store
from tests.plumbing.relay import Relay
from tests.plumbing.world import World, until


async def test_a_fact_for_another_lane_is_published_there_by_its_owner(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.relay():
        await world.notes(lane, 1, to=other)
        await world.notes(lane, 2)
        await world.until_relayed(other, 1)
        await world.until_relayed(lane, 2)
        assert await world.pool.fetchval("SELECT count(*) FROM handover") == 0


async def test_what_another_lane_decided_is_stamped_before_the_batchs_own(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.a_process() as owner:
        await owner.open(lane, other)
        await owner.take(lane, 1, to=other)
        await owner.take(other, 1)
        facts = await until_published(world, other, 2)
        assert [fact["id"] for fact in facts] == [relayed_id(lane, 1), relayed_id(other, 1)]


@pytest.mark.parametrize("behind", [False, True])
async def test_what_another_lane_leaves_before_a_batch_has_read_is_stamped_before_the_batchs_own(
    world: World, behind: bool
) -> None:
    lane, other = world.some_lanes(2)
    slow = Relay(held=True, behind=behind)
    async with world.a_process(slow) as owner, world.a_process() as elsewhere:
        await owner.open(lane, other)
        under_way = asyncio.create_task(owner.take(other, 1))
        await slow.entered.wait()
        await elsewhere.take(lane, 1, to=other)
        slow.gate.set()
        await under_way
        facts = await until_published(world, other, 2)
        assert [fact["id"] for fact in facts] == [relayed_id(lane, 1), relayed_id(other, 1)]
        assert await world.pool.fetchval("SELECT count(*) FROM note WHERE lane = $1", other) == 1


async def test_parked_work_is_judged_on_its_own_lane_before_new_records(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.a_process() as owner:
        await owner.open(lane, other)
        await owner.take(lane, 1, to=other, park=True, n=71)
        await owner.take(other, 1)
        facts = await until_published(world, other, 2)
        assert [(fact["data"]["n"], fact["data"]["came"]) for fact in facts] == [(71, "handed"), (1, "read")]
        assert await world.relayed(lane) == []


async def test_a_lane_to_which_much_was_handed_over_drains_in_bounded_rows_before_it_takes_records(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HANDED_FACTS_MAX", 3)
    monkeypatch.setattr(batch, "DRAIN_MAX_FACTS", 4)
    monkeypatch.setattr(batch, "LOG_ROW_MAX_FACTS", 2)
    lane, busy, other = world.some_lanes(3)
    async with world.a_process() as owner:
        await owner.open(lane, busy, other)
        await owner.take(lane, *range(1, 10), to=busy)
        records = owner.records(busy, 1, above=100) + owner.records(other, 1, above=200)
        for left in (5, 1):
            await owner.carry(records)
            assert await waiting(world, busy) == left
            cursor = await world.cursor(busy)
            assert (cursor["draining"], cursor["last_seq"], cursor["next_offset"]) == (True, 0, 0)
            assert owner.carrier.draining == owner.carrier.unfinished == {busy}
        await owner.carry(records)
        assert await waiting(world, busy) == 0
        assert not (await world.cursor(busy))["draining"]
        assert owner.carrier.draining == set()
        await world.until_relayed(busy, *range(1, 10), 101)
        await world.until_relayed(other, 201)
    rows = await world.pool.fetch("SELECT last_seq - first_seq + 1 AS n FROM log WHERE lane = $1", busy)
    assert [row["n"] for row in rows] == [2] * 5


async def test_records_of_a_lane_that_drains_are_taken_afterwards_without_a_gap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HANDED_FACTS_MAX", 2)
    monkeypatch.setattr(batch, "DRAIN_MAX_FACTS", 3)
    lane, other = world.some_lanes(2)
    async with world.a_process() as elsewhere:
        await elsewhere.open(lane, other)
        await elsewhere.take(other, *range(1, 31), to=lane)
    assert await waiting(world, lane) == 30
    await world.notes(lane, *range(101, 104))
    async with world.relay() as running:
        await world.until_relayed(lane, *range(1, 31), 101, 102, 103)
        await world.notes(lane, 104)
        await world.until_relayed(lane, *range(1, 31), 101, 102, 103, 104)
        assert await running.metric("dreams_gaps_total") == 0
        assert await waiting(world, lane) == 0


async def test_handed_work_reaches_an_idle_lane_of_another_process(world: World) -> None:
    group = "subsidy-handover"
    async with world.relay(group=group) as first, world.relay(group=group) as second:

        async def shared() -> bool:
            return bool(first.consumer.lanes) and bool(second.consumer.lanes)

        await until(shared)
        (lane,) = world.some_lanes(1, first.consumer.lanes)
        (other,) = world.some_lanes(1, second.consumer.lanes)
        await world.notes(lane, 1, to=other)
        await world.notes(lane, 2, to=other, park=True)
        await world.until_relayed(other, 1, 2)


async def test_a_batch_that_fails_hands_nothing_over(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.a_process(Relay(poison={2})) as owner:
        await owner.open(lane, other)
        await owner.take(lane, 1, to=other, n=2)
        assert await world.pool.fetchval("SELECT count(*) FROM handover") == 0
        assert (await world.cursor(lane))["stopped"]


async def until_published(world: World, lane: str, count: int) -> list[dict[str, Any]]:
    """All facts of a lane once there are so many."""

    async def enough() -> list[dict[str, Any]]:
        facts = await world.published(lane)
        return facts if len(facts) >= count else []

    return await until(enough)


async def waiting(world: World, lane: str) -> int:
    """How much work waits in handover for a lane."""
    return int(await world.pool.fetchval("SELECT count(*) FROM handover WHERE to_lane = $1", lane))


def relayed_id(lane: str, n: int) -> str:
    """The id of what the relay publishes for a note."""
    return derived_id("relay", lane, n)
