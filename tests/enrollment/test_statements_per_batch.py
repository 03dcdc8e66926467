"""A batch takes the same number of statements however many events it holds: PostgreSQL is asked by the batch."""

import string
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from console.stack.infrastructure import Infrastructure
from services.enrollment.handlers import SHARE_MIN_SUBMISSIONS
from tests.enrollment.desk import open_desk
from tests.enrollment.events import (
    allocated,
    changed,
    correcting,
    enrolled,
    established,
    registered,
    suspended,
    voided,
)
from tests.plumbing.world import World, make_world

LANES = ("32", "34")
CORRECTING = ("33", "35")
"""Lanes of the batches that correct: each desk counts offsets from the start."""
EACH_KIND = 9
"""Of each nine records one is of each kind that is written another way."""


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A namespace for the door of two provinces."""
    async with make_world(infrastructure, "enrollment", LANES + CORRECTING) as made:
        yield made


def worker(n: int) -> str:
    """The n-th worker's pseudonym."""
    return f"k1.{string.ascii_uppercase[n // 26]}{string.ascii_uppercase[n % 26]}{'A' * 50}"


def batches(records: int, lanes: tuple[str, ...], first_worker: int) -> list[list[tuple[str, bytes]]]:
    """What a batch of `records` builds on, and that batch: released, accepted, judged afresh, unreadable, parked.

    Then a change, a step, a project that frees an enrollment, and one that waits for a project.
    """
    before, batch = [], []
    for n in range(records // EACH_KIND):
        lane = lanes[n % len(lanes)]
        who, name = worker(first_worker + n), f"{lane}-{first_worker}-{n}"
        again = allocated(f"again-{name}", lane=lane)
        other = worker(first_worker + 50 + n)
        before += [
            (lane, orjson.dumps(enrolled(who, name, lane=lane))),
            (lane, orjson.dumps(allocated("-", amount_fen=0, lane=lane, id=again["id"]))),
            (lane, orjson.dumps(registered(other, lane=lane))),
            (lane, orjson.dumps(enrolled(other, f"{name}-o", lane=lane))),
            (lane, orjson.dumps(in_project(other, f"{name}-p", f"new-{name}", lane))),
        ]
        batch += [
            (lane, orjson.dumps(registered(who, lane=lane))),
            (lane, orjson.dumps(allocated(f"new-{name}", lane=lane))),
            (lane, orjson.dumps(again)),
            (lane, b"{"),
            (lane, orjson.dumps(enrolled(worker(first_worker + 100 + n), f"{name}-waits", lane=lane))),
            (lane, orjson.dumps(changed(other, "2026-10-01", lane=lane))),
            (lane, orjson.dumps(suspended(other, f"{name}-o", lane=lane))),
            (lane, orjson.dumps(established(f"new-{name}", lane=lane))),
            (lane, orjson.dumps(in_project(other, f"{name}-q", f"never-{name}", lane))),
        ]
    return [before, batch]


def in_project(who: str, number: str, project_no: str, lane: str) -> dict[str, Any]:
    """An enrollment in a project."""
    event = enrolled(who, number, lane=lane)
    return event | {"data": event["data"] | {"project_no": project_no}}


async def test_a_batch_of_hundreds_takes_as_many_statements_as_one_of_a_few(world: World) -> None:
    async with open_desk(world, LANES) as desk:
        before_first, first = batches(2 * EACH_KIND, LANES[:1], 510)  # frees what the next one takes up
        before_few, few = batches(2 * EACH_KIND, LANES[:1], 0)
        before_many, many = batches(SHARE_MIN_SUBMISSIONS // EACH_KIND * EACH_KIND, LANES, 300)
        await desk.carry(before_first + before_few + before_many)
        await desk.carry(first)
        statements = [await desk.carry(few), await desk.carry(many)]
        handed = await desk.pool.fetchval("SELECT count(*) FROM handover WHERE kind = 'parked'")
        rows = await desk.pool.fetch("SELECT status, count(*) FROM inbox GROUP BY status")
        verdicts = {row[0]: row[1] for row in rows}
        sealed = await desk.pool.fetchval("SELECT count(*) FROM quarantine")
    told = 2 + 2 + SHARE_MIN_SUBMISSIONS // EACH_KIND
    taken_up = 2 + 2  # what a batch has freed is handed over, and judged in the next one
    assert verdicts == {"accepted": 9 * told + taken_up, "parked": 3 * told - taken_up}
    assert (sealed, handed) == (told, told - taken_up)
    assert statements[0] == statements[1]


def corrections(records: int, first_worker: int) -> list[list[tuple[str, bytes]]]:
    """What is wrong, and a batch that corrects it."""
    wrong, right = [], []
    for n in range(records // 4):
        who, lane = worker(first_worker + n), CORRECTING[n % len(CORRECTING)]
        registration, course = (
            registered(who, lane=lane),
            enrolled(who, f"{lane}-{first_worker}-v{n}", lane=lane),
        )
        project, change = (
            established(f"v-{first_worker}-{n}", lane=lane),
            changed(who, "2026-09-02", lane=lane),
        )
        better = {**registration, "id": f"better-{first_worker}-{n}"}
        wrong += [(lane, orjson.dumps(one)) for one in (registration, course, project, change)]
        right += [
            (lane, orjson.dumps(one))
            for one in (
                voided(course, lane=lane),
                voided(project, lane=lane),
                voided(change, lane=lane),
                correcting(registration, better),
            )
        ]
    return [wrong, right]


async def test_a_batch_of_many_corrections_takes_as_many_statements_as_one_of_a_few(world: World) -> None:
    async with open_desk(world, CORRECTING) as desk:
        (few_wrong, few), (many_wrong, many) = corrections(8, 400), corrections(120, 440)
        await desk.carry(few_wrong + many_wrong)
        statements = [await desk.carry(few), await desk.carry(many)]
        voids = await desk.pool.fetchval("SELECT count(*) FROM inbox WHERE voided_by IS NOT NULL")
    assert voids == 128
    assert statements[0] == statements[1]
