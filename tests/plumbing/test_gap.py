"""A gap in `seq` is seen, waited for and repaired; a duplicate has no effect."""

import asyncio

import pytest
from confluent_kafka import TopicPartition

from tests.plumbing.relay import INPUT, OUTPUT
from tests.plumbing.world import World, fact, until


async def test_a_fact_delivered_twice_has_one_effect(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (1, 1, 2, 1, 2, 3)))
        await world.until_relayed(lane, 1, 2, 3)
        assert await running.metric("dreams_dropped_total") == 3


async def test_a_gap_is_an_alarm_and_closes_when_the_missing_fact_comes_by(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.relay() as running:
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (1, 2, 4, 5)))

        async def waits() -> bool:
            return (await world.cursor(lane))["waiting_since"] is not None

        await until(waits)
        assert await running.metric("dreams_gaps_total", lane=lane) == 1
        await world.notes(other, 1)
        await world.until_relayed(other, 1)
        assert await world.relayed(lane) == [1, 2]
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (3, 4, 5)))
        await world.until_relayed(lane, 1, 2, 3, 4, 5)
        assert not await waits()
        assert await running.alive()


async def test_an_open_gap_outlives_the_process_that_met_it(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay():
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": seq}) for seq in (1, 3)))

        async def waits() -> bool:
            return (await world.cursor(lane))["waiting_since"] is not None

        await until(waits)
    async with world.relay():
        await world.write(INPUT, lane, fact(lane, 2, {"n": 2}), fact(lane, 3, {"n": 3}))
        await world.until_relayed(lane, 1, 2, 3)
        assert not await waits()


async def test_republish_closes_a_gap_that_deleted_records_have_left_behind(world: World) -> None:
    (lane,) = world.some_lanes(1)
    seen: dict[str, list[int]] = {}
    async with world.relay() as relay:
        for n in range(1, 6):  # a batch each
            await world.notes(lane, n)
            await world.until_relayed(lane, *range(1, n + 1))
        await delete_before(world, lane, 3)
        async with world.reader(seen) as reader:

            async def waits() -> bool:
                return (await world.cursor(lane, OUTPUT))["waiting_since"] is not None

            await until(waits)
            assert lane not in seen
            await relay.order("republish", lane, stream=OUTPUT.pattern, from_seq=1)

            async def whole() -> bool:
                return seen.get(lane) == [1, 2, 3, 4, 5]

            await until(whole)
            await world.notes(lane, 6)

            async def goes_on() -> bool:
                return seen[lane] == [1, 2, 3, 4, 5, 6]

            await until(goes_on)
            assert not await waits()
            assert await reader.alive()


async def test_republish_of_what_was_never_published_is_refused(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as relay:
        with pytest.raises(AssertionError, match="Nothing was published"):
            await relay.order("republish", lane, stream=OUTPUT.pattern, from_seq=1)


async def delete_before(world: World, lane: str, offset: int) -> None:
    """Delete the records of a lane that lie before `offset`."""
    place = TopicPartition(OUTPUT.topic(world.namespace, lane), OUTPUT.partition(lane), offset)
    deleted = world.infrastructure.kafka.access.client.delete_records([place])
    await asyncio.to_thread(lambda: [one.result(10) for one in deleted.values()])
