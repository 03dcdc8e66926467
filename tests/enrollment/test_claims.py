"""What may be recorded once only is claimed by one of two lanes, also when both come at once."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from console.stack.infrastructure import Infrastructure
from services.enrollment.domain.natural_keys import natural_key
from services.enrollment.domain.submission import read
from tests.enrollment.desk import Desk, open_desk
from tests.enrollment.events import enrolled, registered, worker_ref
from tests.plumbing.world import World, make_world, until

WORKER = worker_ref("B")


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A namespace for the door of two provinces."""
    async with make_world(infrastructure, "enrollment", ("32", "34")) as made:
        yield made


async def somebody_waits(world: World) -> bool:
    """Whether some transaction waits for another."""
    return bool(await world.owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def test_an_event_whose_natural_key_another_lane_claims_meanwhile_is_already_recorded(
    world: World,
) -> None:
    event = enrolled(WORKER, "34-1", lane="34")
    kind, key = natural_key(read(orjson.dumps(event), (), "34", 0)) or ("", "")
    async with open_desk(world, ("32", "34")) as desk, desk.pool.acquire() as other:
        await desk.carry([("32", orjson.dumps(registered(WORKER)))])
        transaction = other.transaction()
        await transaction.start()
        await other.execute("INSERT INTO natural_key VALUES ($1, $2, 'the-faster-one')", kind, key)
        batch = asyncio.create_task(desk.carry([("34", orjson.dumps(event))]))
        await until(lambda: somebody_waits(world))
        await transaction.commit()
        await batch
        assert await verdict(desk, event["id"]) == ("rejected", "already_recorded", "the-faster-one")
        assert await other.fetchval("SELECT count(*) FROM enrollment WHERE event_id IS NOT NULL") == 0


async def verdict(desk: Desk, event_id: str) -> tuple[str, str | None, str | None]:
    """Status, code and first event of an id's inbox row."""
    row = await desk.pool.fetchrow("SELECT status, code, first_event_id FROM inbox WHERE id = $1", event_id)
    assert row is not None
    return row[0], row[1], row[2]
