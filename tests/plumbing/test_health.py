"""Liveness is progress: a service that no longer takes anything says so, one that merely waits does not."""

import time
from typing import Any

import pytest

from shared.plumbing import health, store
from tests.plumbing import relay
from tests.plumbing.relay import Relay
from tests.plumbing.world import World, until


async def test_a_service_whose_consume_task_is_dead_is_not_alive_within_30_seconds(world: World) -> None:
    async with world.relay() as running:
        assert await running.alive()
        killed_s = time.monotonic()
        for task in running.consumer.subscriber.tasks:
            task.cancel()

        async def dead() -> bool:
            return not await running.alive()

        await until(dead, 30)
        assert time.monotonic() - killed_s < 30
        answer = await running.http.get("/health/live")
        assert "consume task is dead" in answer.json()["why"]


async def test_a_service_whose_group_coordination_is_dead_is_not_alive(world: World) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("a bug of aiokafka's")

    async with world.relay() as running:
        coordinator = running.consumer.consumer._coordinator
        coordinator.ensure_active_group = fail
        coordinator.request_rejoin()

        async def dead() -> bool:
            return not await running.alive()

        await until(dead, 20)
        assert not running.consumer.subscriber.tasks[0].done(), "nobody else notices"


async def test_a_service_that_cannot_take_its_lanes_over_is_not_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(store, "positions", fail)
    definition = relay.definition(Relay(), f"{relay.USER}-broken")
    async with world.run(definition, world.settings(), ready=False) as running:

        async def dead() -> bool:
            return not await running.alive()

        await until(dead, 20)


async def test_a_service_stuck_in_a_batch_is_not_alive_and_is_again_when_it_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STUCK_AFTER_S", 2.0)
    (lane,) = world.some_lanes(1)
    handle = Relay(held=True)
    async with world.relay(handle) as running:
        await world.notes(lane, 1)

        async def dead() -> bool:
            return not await running.alive()

        await until(dead)
        handle.gate.set()
        await until(running.alive)
        await world.until_relayed(lane, 1)


async def test_an_idle_service_is_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STUCK_AFTER_S", 4.0)
    async with world.relay() as running:
        ticked_at = running.consumer.beat_at

        async def ticked_twice() -> bool:
            return running.consumer.beat_at > ticked_at + 1.5

        await until(ticked_twice)
        assert await running.alive()
