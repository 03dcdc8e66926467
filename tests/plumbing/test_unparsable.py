"""A record that nobody can parse stops its own lane with a reason; nothing of any other lane is lost by it."""

from aiokafka import AIOKafkaProducer

from tests.plumbing.proxies import KafkaProxy
from tests.plumbing.relay import INPUT
from tests.plumbing.test_stopped_lane import stands
from tests.plumbing.world import World, client_of, fact


async def test_a_spoilt_record_stops_its_lane_and_the_others_lose_nothing(world: World) -> None:
    sick, *well = world.some_lanes(9)
    for lane in well:
        await world.notes(lane, 1)
    await world.notes(sick, 1)
    offset = await world.notes(sick, 2, mark="spoilt")
    await world.notes(sick, 3)
    async with KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy:
        proxy.spoil = b"spoilt"
        # All are there before it starts: one poll takes the well lanes and fails on the sick one.
        async with world.relay(kafka_bootstrap=f"127.0.0.1:{proxy.port}") as running:
            cursor = await stands(world, sick)
            assert cursor["stopped"] == f"unparsable: CorruptRecordException at {offset}"
            assert cursor["stopped_offset"] == cursor["next_offset"] == offset
            await world.until_relayed(sick, 1)
            for lane in well:
                await world.notes(lane, 2)
                await world.until_relayed(lane, 1, 2)
            assert await running.metric("dreams_gaps_total") == 0
            assert await running.alive()
            proxy.spoil = None
            await running.order("resume", sick)
            await world.until_relayed(sick, 1, 2, 3)


async def test_a_compressed_record_stops_its_lane_before_it_is_unpacked(world: World) -> None:
    bombed, well = world.some_lanes(2)
    topic, partition = INPUT.topic(world.namespace, bombed), INPUT.partition(bombed)
    async with world.relay() as running:
        await world.notes(bombed, 1)
        await world.until_relayed(bombed, 1)
        async with AIOKafkaProducer(**client_of(world.infrastructure), compression_type="gzip") as producer:
            bomb = fact(bombed, 2, {"n": 2, "filling": "0" * 900_000})
            offset = (await producer.send_and_wait(topic, bomb, partition=partition)).offset
        assert (await stands(world, bombed))["stopped"] == f"unparsable: CompressedError at {offset}"
        await world.notes(well, 1)
        await world.until_relayed(well, 1)
        assert await running.alive()
