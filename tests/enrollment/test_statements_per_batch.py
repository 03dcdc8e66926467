"""A batch takes the same number of statements however many events it holds: PostgreSQL is asked by the batch."""

import string
from collections.abc import AsyncIterator

import orjson
import pytest

from console.stack.infrastructure import Infrastructure
from services.enrollment.handlers import SHARE_MIN_SUBMISSIONS
from tests.enrollment.desk import open_desk
from tests.enrollment.events import allocated, enrolled, registered
from tests.plumbing.world import World, make_world

LANES = ("32", "34")
EACH_KIND = 5
"""Of each five records one is of each kind that is written another way."""


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A namespace for the door of two provinces."""
    async with make_world(infrastructure, "enrollment", LANES) as made:
        yield made


def worker(n: int) -> str:
    """The n-th worker's pseudonym."""
    return f"k1.{string.ascii_uppercase[n // 26]}{string.ascii_uppercase[n % 26]}{'A' * 50}"


def batches(records: int, lanes: tuple[str, ...], first_worker: int) -> list[list[tuple[str, bytes]]]:
    """What a batch of `records` builds on, and that batch: released, accepted, judged afresh, unreadable, parked."""
    before, batch = [], []
    for n in range(records // EACH_KIND):
        lane = lanes[n % len(lanes)]
        who, name = worker(first_worker + n), f"{lane}-{first_worker}-{n}"
        again = allocated(f"again-{name}", lane=lane)
        before += [
            (lane, orjson.dumps(enrolled(who, name, lane=lane))),
            (lane, orjson.dumps(allocated("-", amount_fen=0, lane=lane, id=again["id"]))),
        ]
        batch += [
            (lane, orjson.dumps(registered(who, lane=lane))),
            (lane, orjson.dumps(allocated(f"new-{name}", lane=lane))),
            (lane, orjson.dumps(again)),
            (lane, b"{"),
            (lane, orjson.dumps(enrolled(worker(first_worker + 100 + n), f"{name}-waits", lane=lane))),
        ]
    return [before, batch]


async def test_a_batch_of_two_hundred_takes_as_many_statements_as_one_of_ten(world: World) -> None:
    async with open_desk(world, LANES) as desk:
        before_few, few = batches(10, LANES[:1], 0)
        before_many, many = batches(SHARE_MIN_SUBMISSIONS, LANES, 300)
        await desk.carry(before_few + before_many)
        statements = [await desk.carry(few), await desk.carry(many)]
        rows = await desk.pool.fetch("SELECT status, count(*) FROM inbox GROUP BY status")
        verdicts = {row[0]: row[1] for row in rows}
        sealed = await desk.pool.fetchval("SELECT count(*) FROM quarantine")
    assert (verdicts, sealed) == ({"accepted": 4 * 42, "parked": 42}, 42)
    assert statements[0] == statements[1]
