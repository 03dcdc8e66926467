"""PostgreSQL or the broker is away for a while: the service stays in its group and recovers by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.contracts.access import Principal
from shared.contracts.lanes import LANE_CODES
from shared.plumbing import health, lane_consumer, lane_watch, postgres, publisher, store
from tests.plumbing import relay
from tests.plumbing.proxies import KafkaProxy, PostgresProxy
from tests.plumbing.relay import OUTPUT
from tests.plumbing.world import World, until

POLL_INTERVAL_MS = 2_000
NOT_ENOUGH_REPLICAS = 19


async def test_a_database_outage_longer_than_the_poll_interval_costs_no_membership_and_no_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "POLL_INTERVAL_MAX_MS", POLL_INTERVAL_MS)
    monkeypatch.setattr(lane_consumer, "BACKOFF_MAX_S", 0.5)
    lane, other = world.some_lanes(2)
    async with (
        PostgresProxy(world.infrastructure.ports["postgres"]).running() as proxy,
        world.relay(database_dsn_file=world.dsn_through(proxy.port)) as running,
    ):
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        member = running.consumer.consumer._coordinator.member_id
        rebalances = await running.metric("dreams_takeovers_total")
        proxy.go_down()
        await world.notes(lane, 2)
        await world.notes(other, 1)
        await asyncio.sleep(2 * POLL_INTERVAL_MS / 1000)  # the outage itself
        assert await running.alive()
        assert not await running.ready()
        proxy.down = False
        await world.until_relayed(lane, 1, 2)
        await world.until_relayed(other, 1)
        assert running.consumer.consumer._coordinator.member_id == member
        assert await running.metric("dreams_takeovers_total") == rebalances
        assert await running.metric("dreams_retries_total") > 1
        assert await running.ready()


@pytest.mark.campaign
async def test_a_rebalance_while_a_member_cannot_reach_its_database_leaves_no_lane_behind(
    world: World,
) -> None:
    some = world.some_lanes(4)
    group = "subsidy-cut-off"
    async with (
        PostgresProxy(world.infrastructure.ports["postgres"]).running() as proxy,
        world.relay(group=group, database_dsn_file=world.dsn_through(proxy.port)) as cut_off,
    ):
        await world.notes(some[0], 1)
        await world.until_relayed(some[0], 1)
        proxy.go_down()
        async with world.relay(group=group) as other:

            async def has_them_all() -> bool:
                return len(other.consumer.lanes) == len(LANE_CODES)

            await until(has_them_all)  # the one that is cut off is given up
            for lane in some[1:]:
                await world.notes(lane, 1)
                await world.until_relayed(lane, 1)
            proxy.down = False

            async def shared_again() -> bool:
                lanes = cut_off.consumer.lanes + other.consumer.lanes
                return sorted(lanes) == sorted(LANE_CODES) and bool(cut_off.consumer.lanes)

            await until(shared_again)
            await world.notes(some[0], 2)
            await world.until_relayed(some[0], 1, 2)


async def test_a_lock_of_another_role_is_waited_for_and_stops_no_lane(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CURSOR_WAIT_S", 0.3)
    looked: list[int] = []
    end_backend = store.end_backend

    async def note(pool: Any, pid: int) -> bool:
        looked.append(pid)
        return await end_backend(pool, pid)

    monkeypatch.setattr(store, "end_backend", note)
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        async with world.owner.acquire() as migration, migration.transaction():
            await migration.execute("SELECT 1 FROM cursor WHERE lane = $1 FOR UPDATE", lane)
            await world.notes(lane, 2)

            async def tried_to_end_it() -> bool:
                return len(looked) > 3

            await until(tried_to_end_it)
        await world.until_relayed(lane, 1, 2)
        assert await running.metric("dreams_ended_backends_total") == 0
        assert (await world.cursor(lane))["stopped"] is None


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("REVOKE INSERT ON log FROM {role}", "GRANT INSERT ON log TO {role}"),
        (
            "ALTER TABLE outbound RENAME republish_from TO later",
            "ALTER TABLE outbound RENAME later TO republish_from",
        ),
    ],
    ids=["a right", "a column"],
)
async def test_a_schema_that_does_not_fit_for_a_while_stops_no_lane(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: str, mended: str
) -> None:
    monkeypatch.setattr(lane_consumer, "BACKOFF_MAX_S", 0.5)
    lane, other = world.some_lanes(2)
    role = await world.pool.fetchval("SELECT quote_ident(current_user)")
    async with world.relay() as running:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        await world.owner.execute(broken.format(role=role))
        try:
            await world.notes(lane, 2)
            await world.notes(other, 1)

            async def tried_again() -> bool:
                return await running.metric("dreams_retries_total") > 3

            await until(tried_again)
            assert await world.pool.fetchval("SELECT count(*) FROM cursor WHERE stopped IS NOT NULL") == 0
            assert await running.alive()
        finally:
            await world.owner.execute(mended.format(role=role))
        await world.until_relayed(lane, 1, 2)
        await world.until_relayed(other, 1)


async def test_a_broker_that_refuses_writes_lets_the_outbox_grow_and_gets_all_of_it_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "SEND_TIMEOUT_S", 1.0)
    monkeypatch.setattr(publisher, "_PRODUCER_CLOSE_S", 0.3)
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        async with no_right_to_write(world):
            for n in (2, 3, 4):
                await world.notes(lane, n)

            async def waits_in_the_outbox() -> bool:
                row = await world.outbound(lane)
                return (
                    row["seq"] == 4 and row["published_seq"] < 4 and running.consumer._publisher.failures > 1
                )

            await until(waits_in_the_outbox)
            assert await running.metric("dreams_unpublished_events") > 0
            assert await running.alive()
            assert await running.ready()
        await world.until_relayed(lane, 1, 2, 3, 4)

        async def acknowledged() -> bool:
            return bool((await world.outbound(lane))["published_seq"] == 4)

        await until(acknowledged)


async def test_a_broker_that_is_away_for_a_while_is_no_reason_to_restart_and_gets_everything_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "SEND_TIMEOUT_S", 1.0)
    monkeypatch.setattr(publisher, "_PRODUCER_CLOSE_S", 0.3)
    monkeypatch.setattr(lane_watch, "OFFSET_COMMIT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(lane_consumer, "BACKOFF_MAX_S", 0.5)
    monkeypatch.setattr(health, "STUCK_AFTER_S", 3.0)
    lane, other = world.some_lanes(2)
    async with (
        KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy,
        world.relay(kafka_bootstrap=f"127.0.0.1:{proxy.port}") as running,
    ):
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        proxy.go_down()
        await world.notes(lane, 2, 3)
        await world.pool.execute(
            "INSERT INTO handover (to_lane, kind, payload) VALUES ($1, 'parked', '7')", other
        )

        async def given_up() -> bool:
            assert await running.alive()
            return (
                running.consumer._publisher.failures > 0 and await running.metric("dreams_retries_total") > 3
            )

        await until(given_up)
        proxy.down = False
        await world.until_relayed(lane, 1, 2, 3)
        await world.until_relayed(other, 7)
        assert await running.alive()


async def test_a_lane_whose_partition_is_not_available_holds_no_other_lane_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "SEND_TIMEOUT_S", 1.0)
    monkeypatch.setattr(publisher, "_PRODUCER_CLOSE_S", 12.0)
    sick, well = world.some_lanes(2)
    async with (
        KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy,
        world.relay(kafka_bootstrap=f"127.0.0.1:{proxy.port}") as running,
    ):
        await world.notes(well, 1)
        await world.until_relayed(well, 1)
        sender = running.consumer._publisher
        stuck = sender._producer
        proxy.refuse_partition, proxy.refuse_with = OUTPUT.partition(sick), NOT_ENOUGH_REPLICAS
        await world.notes(sick, 1)

        async def replaced() -> bool:
            return sender._producer is not stuck

        await until(replaced, within_s=10)
        assert sender._closing is not None
        for n in (2, 3, 4):
            await world.notes(well, n)
            await world.until_relayed(well, *range(1, n + 1), within_s=5)
        assert not sender._closing.done(), "the old one is still being closed"
        assert await running.alive()
        proxy.refuse_with = None
        await world.until_relayed(sick, 1)


async def test_a_producer_that_is_given_up_sends_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "SEND_TIMEOUT_S", 1.0)
    monkeypatch.setattr(publisher, "_PRODUCER_CLOSE_S", 0.3)
    (lane,) = world.some_lanes(1)
    async with (
        KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy,
        world.relay(kafka_bootstrap=f"127.0.0.1:{proxy.port}") as running,
    ):
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        stuck = running.consumer._publisher._producer
        proxy.refuse_with = NOT_ENOUGH_REPLICAS
        await world.notes(lane, 2)

        async def replaced() -> bool:
            return running.consumer._publisher._producer not in (stuck, None)

        await until(replaced)
        assert stuck

        async def ended() -> bool:
            return bool(stuck._sender.sender_task.done())

        await until(ended)
        proxy.refuse_with = None
        await world.until_relayed(lane, 1, 2)


async def test_with_too_much_unacknowledged_no_further_batch_is_taken_until_the_broker_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "PENDING_BYTES_MAX", 1_000)
    monkeypatch.setattr(publisher, "SEND_TIMEOUT_S", 60.0)
    (lane,) = world.some_lanes(1)
    async with (
        KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy,
        world.relay(kafka_bootstrap=f"127.0.0.1:{proxy.port}") as running,
    ):
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)

        async def nothing_unacknowledged() -> bool:
            return running.consumer._publisher._pending_bytes == 0

        await until(nothing_unacknowledged)  # nor of what lanes of other tests have left
        proxy.refuse_with = NOT_ENOUGH_REPLICAS
        await world.notes(lane, *range(2, 12))

        async def refused_again_and_again() -> None:
            refused = proxy.lost

            async def more() -> bool:
                return proxy.lost > refused + 5

            await until(more)

        async def taken_when_full() -> int:
            """What is stamped once it stays the same: the batch that filled the publisher commits only afterwards."""
            before = await world.stamped(lane)
            await refused_again_and_again()
            full = not running.consumer._publisher._room.is_set()
            return before if full and 1 < before == await world.stamped(lane) else 0

        taken = await until(taken_when_full)
        await world.notes(lane, 12)
        await refused_again_and_again()
        assert await world.stamped(lane) == taken
        assert await running.metric("dreams_unpublished_events") > 0
        assert await running.alive()
        proxy.refuse_with = None
        await world.until_relayed(lane, *range(1, 13))


async def test_a_pool_whose_connections_are_all_in_use_is_waited_for_and_stops_no_lane(world: World) -> None:
    lane, other = world.some_lanes(2)
    async with world.relay(database_connections_max=2) as running:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        async with contextlib.AsyncExitStack() as slow_requests:
            for _ in range(2):
                await slow_requests.enter_async_context(running.app.state.pool.acquire())
            await world.notes(lane, 2)
            await world.notes(other, 1)
            assert not await running.ready()  # it waits a moment for a connection
            assert await running.alive()
            assert await world.stamped(lane) == 1
        await world.until_relayed(lane, 1, 2)
        await world.until_relayed(other, 1)
        assert (await world.cursor(lane))["stopped"] is None
        assert await running.ready()


@contextlib.asynccontextmanager
async def no_right_to_write(world: World) -> AsyncIterator[None]:
    """The relay may not write its output for a while."""
    right = Principal(relay.USER, (OUTPUT.topic(world.namespace, "32"),), (), ())
    await world.infrastructure.kafka.access.delete([], [right])
    try:
        yield
    finally:
        await world.infrastructure.kafka.access.declare([right], [])
