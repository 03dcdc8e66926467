"""An answer that is lost (COMMIT's, Produce's) loses nothing and doubles nothing."""

import asyncio
from typing import Literal

import pytest

from shared.plumbing import kafka, publisher
from tests.plumbing.proxies import KafkaProxy, PostgresProxy
from tests.plumbing.relay import Relay
from tests.plumbing.world import World, until

OUT_OF_ORDER_SEQUENCE = 45


@pytest.mark.parametrize("lost", ["commit", "answer"])
async def test_a_lost_commit_or_its_lost_answer_loses_nothing_and_doubles_nothing(
    world: World, lost: Literal["commit", "answer"]
) -> None:
    (lane,) = world.some_lanes(1)
    handle = Relay(held=True)
    async with (
        PostgresProxy(world.infrastructure.ports["postgres"]).running() as proxy,
        world.relay(handle, database_dsn_file=world.dsn_through(proxy.port)) as running,
    ):
        await world.notes(lane, 1, 2, 3)
        await asyncio.wait_for(handle.entered.wait(), 20)
        proxy.lose = lost
        handle.gate.set()
        await world.until_relayed(lane, 1, 2, 3)
        assert proxy.lost == 1
        assert await running.metric("dreams_retries_total") >= 1
        await world.notes(lane, 4)
        await world.until_relayed(lane, 1, 2, 3, 4)


async def test_a_batch_whose_commit_answer_was_lost_is_published_by_the_same_owner_before_what_follows(
    world: World,
) -> None:
    (lane,) = world.some_lanes(1)
    handle = Relay(held=True)
    async with (
        PostgresProxy(world.infrastructure.ports["postgres"]).running() as proxy,
        world.relay(handle, database_dsn_file=world.dsn_through(proxy.port)),
    ):
        await world.notes(lane, 1)
        await asyncio.wait_for(handle.entered.wait(), 20)
        await world.notes(lane, 2)
        proxy.lose = "answer"
        handle.gate.set()
        await world.until_relayed(lane, 1, 2)
        seqs = [record.value.partition(b'"seq":')[2][:1] for record in await world.records(lane)]
        assert seqs == sorted(seqs), "no reader sees even a passing gap"


async def test_a_producer_that_is_out_of_sequence_is_replaced_and_all_is_published(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lane,) = world.some_lanes(1)
    async with (
        KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy,
        world.relay(kafka_bootstrap=f"127.0.0.1:{proxy.port}") as running,
    ):
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        broken = running.consumer._publisher._producer
        proxy.refuse_with = OUT_OF_ORDER_SEQUENCE
        await world.notes(lane, 2, 3)

        async def refused() -> bool:
            return proxy.lost > 0

        await until(refused)
        proxy.refuse_with = None
        await world.notes(lane, 4)
        await world.until_relayed(lane, 1, 2, 3, 4)
        assert running.consumer._publisher._producer is not broken


async def test_lost_produce_responses_do_not_hold_a_lane_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "SEND_TIMEOUT_S", 2.0)
    monkeypatch.setattr(publisher, "_PRODUCER_CLOSE_S", 0.5)
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_MS", 1000)
    (lane,) = world.some_lanes(1)
    async with (
        KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy,
        world.relay(kafka_bootstrap=f"127.0.0.1:{proxy.port}") as running,
    ):
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        broken = running.consumer._publisher._producer
        proxy.lose_produced = True
        await world.notes(lane, 2, 3)

        async def given_up() -> bool:
            return running.consumer._publisher.failures > 0

        await until(given_up)
        proxy.lose_produced = False
        await world.notes(lane, 4)
        await world.until_relayed(lane, 1, 2, 3, 4)
        assert proxy.lost > 0
        assert running.consumer._publisher._producer is not broken

        async def all_acknowledged() -> bool:
            return bool((await world.outbound(lane))["published_seq"] == 4)

        await until(all_acknowledged)
