"""What waits for something that never comes is refused on the day on which its time is up, and may come again."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from console.stack.infrastructure import Infrastructure
from services.enrollment import handlers, store
from services.enrollment.domain.intake import end_waiting
from services.enrollment.domain.judging import Keys
from services.enrollment.domain.register import Parked
from shared.contracts.envelope import SHANGHAI
from shared.contracts.receipt_codes import PARKED_MAX_DAYS
from shared.contracts.topics import PROVINCE_RECEIPTS
from shared.plumbing import store as handover
from tests.enrollment.desk import Desk, open_desk
from tests.enrollment.events import confirmed, enrolled, established, registered, worker_ref
from tests.enrollment.memory import TODAY, Books
from tests.plumbing.world import World, make_world

LANES = ("32", "34")
MANY, STEP = 1_200, 500
NOON = datetime.now(SHANGHAI).replace(hour=12, minute=0, second=0, microsecond=0)
"""No midnight falls into a test that begins at this hour."""


def test_the_refusal_names_what_was_missing_and_the_id_is_judged_afresh() -> None:
    books = Books()
    worker = worker_ref("A")
    sent = enrolled(worker, "32-late", id="late")
    assert books.ask(sent) == ("parked", "waits_for")
    overdue = list(books.register.parked.values())
    end_waiting(books.register, overdue, TODAY, books.results)
    receipt = books.results.receipts[-1].receipt
    assert (receipt["status"], receipt["code"]) == ("rejected", "prerequisite_missing")
    for told in (f"工人 {worker}已达 {PARKED_MAX_DAYS} 天", "同一编号"):
        assert told in receipt["message_zh"]
    for told in (f"waited {PARKED_MAX_DAYS} days for worker {worker}", "under the same id"):
        assert told in receipt["message_en"]
    assert books.register.lanes["32"].parked == 0
    assert books.ask(registered(worker)) == ("accepted", None)
    assert [fact.cause.id for fact in books.results.facts if fact.cause.id == "late"] == []
    assert books.ask(sent) == ("accepted", None)


@pytest.fixture
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """A namespace for the door of two provinces."""
    async with make_world(infrastructure, "enrollment", LANES) as made:
        yield made


def live_on(desk: Desk, days: int) -> None:
    """Let the door take it for noon, so many days from today."""
    desk.set_clock(NOON + timedelta(days=days) - datetime.now(UTC))


async def receipts(desk: Desk, lane: str = "32") -> list[dict[str, Any]]:
    """All receipts of a lane, as they stand in its log."""
    rows = await desk.pool.fetch(
        "SELECT events FROM log WHERE stream = $1 AND lane = $2 ORDER BY first_seq",
        PROVINCE_RECEIPTS.pattern,
        lane,
    )
    return [orjson.loads(line)["data"] for row in rows for line in row[0].split(b"\n")]


async def verdicts(desk: Desk, event_id: str) -> list[str]:
    """What an event's receipts say, in order."""
    return [one["code"] or one["status"] for one in await receipts(desk) if one["event_id"] == event_id]


async def assert_consistent(desk: Desk, waiting: int) -> None:
    """So many events of lane 32 wait, by every count there is, and its tallies are the sums of its receipts."""
    [counted] = await desk.pool.fetch(
        """SELECT (SELECT count(*) FROM parked WHERE lane = '32'), (SELECT parked FROM lane_state WHERE lane = '32'),
                  (SELECT count(*) FROM inbox WHERE lane = '32' AND status = 'parked')"""
    )
    assert tuple(counted) == (waiting,) * 3
    [tallied] = await desk.pool.fetch(
        """SELECT sum(accepted)::int AS accepted, sum(rejected)::int AS rejected, sum(parked)::int AS parked
           FROM tally WHERE lane = '32'"""
    )
    assert dict(tallied) == {
        status: Counter(one["status"] for one in await receipts(desk))[status] for status in dict(tallied)
    }


def raw(*events: dict[str, Any], lane: str = "32") -> list[tuple[str, bytes]]:
    """Events as records of a lane."""
    return [(lane, orjson.dumps(event)) for event in events]


async def test_what_waits_for_ninety_days_is_refused_on_that_day_and_accepted_when_it_comes_again(
    world: World,
) -> None:
    worker = worker_ref("A")
    first, step = enrolled(worker, "32-1", id="first"), confirmed(worker, "32-1", id="step")
    young = enrolled(worker_ref("B"), "32-2", id="young")
    async with open_desk(world, LANES) as desk:
        live_on(desk, 0)
        await desk.carry(raw(first, step))
        live_on(desk, 1)
        await desk.carry(raw(young))
        live_on(desk, PARKED_MAX_DAYS - 1)
        await desk.tick()
        await assert_consistent(desk, 3)
        live_on(desk, PARKED_MAX_DAYS)
        # What would have freed it comes in the very batch with which its last day begins, after that day.
        await desk.carry(raw(registered(worker)))
        assert await verdicts(desk, "first") == ["waits_for", "prerequisite_missing"]
        assert await verdicts(desk, "step") == ["waits_for", "prerequisite_missing"]
        assert await verdicts(desk, "young") == ["waits_for"]
        await assert_consistent(desk, 1)
        assert await desk.pool.fetchval("SELECT count(*) FROM handover") == 0
        await desk.carry(raw(first, step))
        assert (await verdicts(desk, "first"))[2:] == (await verdicts(desk, "step"))[2:] == ["accepted"]
        await assert_consistent(desk, 1)
        live_on(desk, PARKED_MAX_DAYS + 1)
        await desk.tick()
        assert await verdicts(desk, "young") == ["waits_for", "prerequisite_missing"]
        await assert_consistent(desk, 0)


async def test_what_goes_on_waiting_for_another_thing_keeps_its_age(world: World) -> None:
    here, elsewhere = worker_ref("C"), worker_ref("D")
    both = [in_project(here, "32-3"), in_project(elsewhere, "32-4")]
    async with open_desk(world, LANES) as desk:
        live_on(desk, 0)
        await desk.carry(raw(*both))
        live_on(desk, 50)
        await desk.carry(raw(registered(here)))
        await desk.carry(raw(registered(elsewhere, lane="34"), lane="34"))
        await desk.tick()
        assert {row[0] for row in await desk.pool.fetch("SELECT missing_kind FROM parked")} == {"project"}
        live_on(desk, PARKED_MAX_DAYS)
        await desk.carry(raw(established("never")))
        refused = [one for one in await receipts(desk) if one["code"] == "prerequisite_missing"]
        assert {one["event_id"] for one in refused} == {one["id"] for one in both}
        assert ["等待项目 " in one["message_zh"] for one in refused] == [True, True]
        assert await desk.pool.fetchval("SELECT count(*) FROM handover") == 0
        await assert_consistent(desk, 0)


def in_project(worker: str, number: str) -> dict[str, Any]:
    """An enrollment in a project that is established too late."""
    sent = enrolled(worker, number)
    return sent | {"data": sent["data"] | {"project_no": "never"}}


async def test_many_whose_time_is_up_at_once_are_refused_in_bounded_steps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "EXPIRE_MAX", STEP)
    left, statements = [], []
    async with open_desk(world, LANES) as desk:
        live_on(desk, 0)
        await desk.carry(raw(*(enrolled(worker_ref("D"), f"32-many-{n}") for n in range(MANY))))
        live_on(desk, PARKED_MAX_DAYS)
        for _ in range(4):
            statements.append(await desk.tick())
            left.append(await desk.pool.fetchval("SELECT count(*) FROM parked"))
            await assert_consistent(desk, left[-1])
            assert desk.carrier.unfinished == (set(LANES) if left[-1] else set())
            desk.carrier.unfinished.clear()
    assert left == [700, 200, 0, 0]
    assert statements[1] == statements[2]


async def test_what_another_lane_frees_meanwhile_is_judged_and_not_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = store.load_overdue
    raced: list[list[Parked]] = []
    worker = worker_ref("E")
    waiting = enrolled(worker, "32-raced", id="raced")
    async with open_desk(world, LANES) as desk:

        async def freed_after_it_was_read(db: handover.Db, *rest: Any) -> list[Parked]:
            found = await load(db, *rest)
            if not raced:
                raced.append(found)
                await free(desk, worker)
            return found

        live_on(desk, 0)
        await desk.carry(raw(waiting))
        monkeypatch.setattr(store, "load_overdue", freed_after_it_was_read)
        live_on(desk, PARKED_MAX_DAYS)
        await desk.tick()
        await desk.tick()
        assert [len(found) for found in raced] == [1]
        assert await verdicts(desk, "raced") == ["waits_for", "accepted"]
        await assert_consistent(desk, 0)


async def free(desk: Desk, worker: str) -> None:
    """Register a worker and hand over what waits for it, as a batch of lane 34 in another process does."""
    async with desk.pool.acquire() as db, db.transaction():
        keys = Keys(workers={worker})
        register = await store.load_register(db, ["34"], [], keys)
        [parked] = register.release(("worker", worker))
        register.workers[worker].registered_by["34"] = "elsewhere"
        register.workers[worker].changed = True
        await store.save_changes(db, register.take_changes())
        await store.save_rest(db, register)
        await handover.hand_over(db, [(parked.lane, "parked", handlers._payload(parked))])
