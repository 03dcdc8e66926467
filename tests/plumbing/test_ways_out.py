"""The ways out of a stopped lane: a topic or a log is adopted, one record is set aside; nothing is lost on the way."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # its stub does not re-export it

from console.stack.infrastructure import Infrastructure
from services.enrollment import consumers
from services.enrollment.config import Settings
from services.enrollment.domain import intake, judging
from services.enrollment.main import definition
from shared.contracts import submission
from shared.contracts.topics import PROVINCE_EVENTS, PROVINCE_RECEIPTS, topics
from shared.plumbing import store
from shared.plumbing.seal import Seal
from tests.enrollment.events import registered
from tests.plumbing.relay import INPUT, Relay
from tests.plumbing.test_door import delete_before
from tests.plumbing.test_operators import bearer
from tests.plumbing.test_stopped_lane import stands
from tests.plumbing.world import Running, World, fact, make_world, until

ANEW = 250
RECREATED = "recreated topic: "
"""What follows depends on which is seen first: another record at the cursor, or the topic's new id."""


@pytest.fixture(scope="module")
async def door(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """Enrollment's namespace, with every province's topics."""
    async with make_world(infrastructure, "enrollment", lanes=None) as made:
        yield made


# ------------------------------------------------------------ adopt


async def test_a_recreated_topic_stops_its_lane_and_adopted_none_of_its_events_is_dropped(
    door: World,
) -> None:
    lane, other = "32", "33"
    async with enrollment(door):
        await send(door, lane, "A", "B", "C")
        await answered(door, lane, 3)
    await recreate(door, lane)
    await send(door, lane, *(f"N{n}" for n in range(ANEW)))
    async with enrollment(door) as running:
        assert (await stopped(door, lane)).startswith(RECREATED)
        await send(door, other, "A")
        await answered(door, other, 1)
        assert len(await door.published(lane, PROVINCE_RECEIPTS)) == 3, "nothing of the new topic was taken"
        await running.order("resume", lane)
        assert (await stopped(door, lane)).startswith(RECREATED), "to resume it is no way out"
        said = (await running.order("adopt", lane))["said"]
        assert f"{ANEW} records from offset 0 on" in said
        taken = await answered(door, lane, 3 + ANEW)
        assert [one["status"] for one in taken[3:]] == ["accepted"] * ANEW
        assert [one["offset"] for one in taken[3:]] == list(range(ANEW))
        acts = await door.pool.fetch("SELECT act, reason FROM operator_act WHERE lane = $1 ORDER BY id", lane)
        assert tuple(acts[-1]) == (f"adopt {PROVINCE_EVENTS.pattern}", "a test")


async def test_a_topic_recreated_while_it_is_read_stops_its_lane_and_none_of_its_events_is_dropped(
    door: World,
) -> None:
    lane = "34"
    async with enrollment(door) as running:
        await send(door, lane, "D")
        await answered(door, lane, 1)

        async def id_is_known() -> bool:
            return (await door.cursor(lane, PROVINCE_EVENTS))["topic_id"] is not None

        await until(id_is_known)
        await recreate(door, lane)
        await send(door, lane, "EE", "FF", "GG")
        await running.consumer.consumer._client.force_metadata_update()  # as it does every five minutes
        seen = ("recreated topic: ", "records missing: the cursor wants 1, the topic holds 0 to ")
        assert (await stopped(door, lane)).startswith(seen), "whichever is met first"
        before = len(await door.published(lane, PROVINCE_RECEIPTS))
        await running.order("adopt", lane)
        taken = await answered(door, lane, before + 3)
        accepted = [one["event_id"] for one in taken if one["status"] == "accepted"]
        assert sorted(accepted) == ["event-D", "event-EE", "event-FF", "event-GG"], (
            "each once, none was dropped"
        )


async def test_a_topic_with_another_id_than_was_seen_first_stops_its_lane(door: World) -> None:
    lane, before = "43", "00000000-0000-0000-0000-000000000001"
    async with enrollment(door) as running:
        await send(door, lane, "Q")
        await answered(door, lane, 1)
        await door.pool.execute(
            "UPDATE cursor SET topic_id = $3 WHERE stream = $1 AND lane = $2",
            PROVINCE_EVENTS.pattern,
            lane,
            before,
        )
        assert (await stopped(door, lane)).startswith(f"recreated topic: its id was {before}, now ")
        await running.order("adopt", lane)
        assert (await answered(door, lane, 2))[1]["status"] == "duplicate"


async def test_a_topic_whose_beginning_was_deleted_is_adopted_from_what_is_left(door: World) -> None:
    lane = "35"
    await send(door, lane, "H", "I", "J")
    await delete_before(door, lane, 2)
    async with enrollment(door) as running:
        assert await stopped(door, lane) == "records missing: the cursor wants 0, the topic holds 2 to 3"
        assert "1 records from offset 2 on" in (await running.order("adopt", lane))["said"]
        assert [one["event_id"] for one in await answered(door, lane, 1)] == ["event-J"]


@pytest.mark.parametrize(("seqs", "said"), [((3, 4), "goes on with number 3"), ((1, 2), "does not follow")])
async def test_an_adopted_log_is_read_from_the_number_that_was_met(
    world: World, seqs: tuple[int, int], said: str
) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        await world.notes(lane, 1, 2)
        await world.until_relayed(lane, 1, 2)
        await world.write(INPUT, lane, *(fact(lane, seq, {"n": 10 + seq}, "restored0000") for seq in seqs))
        assert (await stands(world, lane))["stopped"] == "foreign log: restored0000"
        assert said in (await running.order("adopt", lane))["said"]
        await world.until_relayed(lane, 1, 2, 10 + seqs[0], 10 + seqs[1])
        cursor = await world.cursor(lane)
        assert (cursor["log_id"], cursor["last_seq"]) == ("restored0000", seqs[1])


# ------------------------------------------------------------ set aside


async def test_a_fact_that_is_set_aside_is_kept_sealed_and_what_follows_it_is_taken(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay(Relay(poison={3})) as running:
        await world.notes(lane, 1, 2, 3, 4)
        offset = (await stands(world, lane))["stopped_offset"]
        said = (await running.order("set-aside", lane))["said"]
        assert (
            said
            == f"The record at offset {offset} of {INPUT.pattern} is kept in quarantine; the lane goes on."
        )
        await world.until_relayed(lane, 1, 2, 4)
        cursor = await world.cursor(lane)
        assert (cursor["last_seq"], cursor["stopped"], cursor["set_aside_offset"]) == (4, None, None)
        kept = await world.pool.fetchrow("SELECT * FROM quarantine WHERE lane = $1", lane)
        assert kept
        assert kept["code"] == "set_aside"
        assert kept["reason"].startswith("poison: RuntimeError at relay.py:")
        assert kept["reason"].endswith("; operator: a test")
        plain = Seal.from_file(world.settings().seal_key_file).open(kept["sealed"])
        assert orjson.loads(plain)["data"]["n"] == 3
        assert await running.metric("dreams_set_aside_total") == 1
        await world.notes(lane, 5)
        await world.until_relayed(lane, 1, 2, 4, 5)
        assert await running.metric("dreams_gaps_total", lane=lane) == 0


async def test_a_fact_that_cannot_even_be_decoded_is_set_aside_by_its_number(world: World) -> None:
    lane, blank = world.some_lanes(2)
    async with world.relay() as running:
        await world.write(INPUT, lane, fact(lane, 1, {"n": 1}), fact(lane, 2, {}), fact(lane, 3, {"n": 3}))
        await world.write(INPUT, blank, fact(blank, 1, {"n": 1}), b"{", fact(blank, 2, {"n": 2}))
        for one in (lane, blank):
            await stands(world, one)
            await running.order("set-aside", one)
        await world.until_relayed(lane, 1, 3)
        await world.until_relayed(blank, 1, 2)
        await world.write(INPUT, lane, fact(lane, 2, {}), fact(lane, 4, {"n": 4}))
        await world.until_relayed(lane, 1, 3, 4)  # published again it is a repetition like any other


async def test_a_provinces_event_that_is_set_aside_is_answered_and_may_be_sent_again(
    door: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane, judge = "36", judging.judge

    def fails(register: Any, sent: Any) -> Any:
        if sent.refusal is None and sent.id == "event-L":
            raise RuntimeError("our own code fails on this event")
        return judge(register, sent)

    monkeypatch.setattr(intake, "judge", fails)
    async with enrollment(door) as running:
        await send(door, lane, "K", "L", "M")
        assert (await stopped(door, lane)).startswith("poison: RuntimeError at test_ways_out.py:")
        await running.order("set-aside", lane)
        first = await answered(door, lane, 3)
        assert [one["status"] for one in first] == ["accepted", "rejected", "accepted"]
        assert (first[1]["event_id"], first[1]["code"]) == ("event-L", "set_aside")
        assert "same id" in first[1]["message_en"]
        monkeypatch.undo()
        await send(door, lane, "L")
        assert (await answered(door, lane, 4))[3]["status"] == "accepted"


# ------------------------------------------------------------ quarantine


async def test_a_lane_of_nothing_but_unreadable_records_is_answered_and_fills_no_more_than_its_share(
    door: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "QUARANTINE_LANE_MAX", 5)
    poisoned, other = "41", "42"
    await door.write(PROVINCE_EVENTS, other, b"{ of another province")
    await door.write(PROVINCE_EVENTS, poisoned, *(b"{" * n for n in range(1, 21)))
    async with enrollment(door) as running:
        assert {one["code"] for one in await answered(door, poisoned, 20)} == {"unreadable"}
        await answered(door, other, 1)
        kept = await door.pool.fetch(
            "SELECT lane, count(*) FROM quarantine WHERE lane IN ($1, $2) GROUP BY 1 ORDER BY 1",
            poisoned,
            other,
        )
        assert [tuple(row) for row in kept] == [(poisoned, 5), (other, 1)]
        assert await running.metric("dreams_quarantine_full_total") == 15
        await send(door, poisoned, "P")
        assert (await answered(door, poisoned, 21))[20]["status"] == "accepted"


async def test_a_lanes_share_is_bounded_in_bytes_too_and_what_an_operator_sets_aside_always_fits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lane,) = world.some_lanes(1)
    monkeypatch.setattr(store, "QUARANTINE_LANE_MAX_BYTES", 250)

    def some(*offsets: int, reason: str | None = None) -> list[Any]:
        return [(INPUT.pattern, lane, offset, "unreadable", bytes(100), reason) for offset in offsets]

    async with world.pool.acquire() as db:
        assert await store.keep_sealed(db, some(1)) == 1
        assert await store.keep_sealed(db, some(2, 3)) == 1
        assert await store.keep_sealed(db, some(4, reason="a test")) == 1


async def test_what_has_lain_in_quarantine_too_long_is_forgotten_and_nothing_else(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.pool.acquire() as db:
        rows = [(INPUT.pattern, lane, offset, "unreadable", b"sealed", None) for offset in (1, 2)]
        await store.keep_sealed(db, rows)
        await db.execute(
            """UPDATE quarantine SET kept_at = kept_at - make_interval(days => $2, hours => 1)
               WHERE lane = $1 AND record_offset = 1""",
            lane,
            store.QUARANTINE_KEPT_DAYS,
        )
        async with world.relay():

            async def forgotten() -> bool:
                left = await db.fetch("SELECT record_offset FROM quarantine WHERE lane = $1", lane)
                return [row["record_offset"] for row in left] == [2]

            await until(forgotten)


# ------------------------------------------------------------ refusals


async def test_a_record_that_was_set_aside_does_not_stop_its_lane_again_when_it_is_met_after_a_restart(
    door: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = "44"

    def fails(value: bytes, *more: Any) -> Any:
        if b"event-S" in value:
            raise RuntimeError("our own code fails on this event")
        return submission.read(value, *more)

    monkeypatch.setattr(consumers, "read", fails)
    async with enrollment(door) as running:
        await send(door, lane, "R", "S")
        assert (await stopped(door, lane)).startswith("poison: RuntimeError at test_ways_out.py:")
        await running.order("set-aside", lane)
        second = (await answered(door, lane, 2))[1]
        assert (second["status"], second["code"], second["event_id"]) == ("rejected", "set_aside", None)
    async with enrollment(door):
        await send(door, lane, "T")
        assert (await answered(door, lane, 3))[2]["status"] == "accepted"
        assert (await door.cursor(lane, PROVINCE_EVENTS))["stopped"] is None


async def test_a_way_that_does_not_fit_the_reason_is_refused_with_a_sentence_and_changes_nothing(
    world: World,
) -> None:
    going, held = world.some_lanes(2)
    async with world.relay() as running:
        await running.order("stop", held)
        for act in ("adopt", "resync", "set-aside"):
            assert await refused(running, act, going) == f"Lane {going} does not stand here."
            assert "stands for another reason (operator: a test)" in await refused(running, act, held)
        acts = await world.pool.fetch("SELECT act FROM operator_act WHERE lane = ANY($1)", [going, held])
        assert [act["act"] for act in acts] == ["stop"]


async def test_only_an_operator_may_take_a_way_out(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        for act in ("adopt", "resync", "set-aside"):
            answer = await running.http.post(
                f"/v1/lanes/{lane}/{act}", json={"reason": "a test"}, headers=bearer(running, "auditor")
            )
            assert answer.status_code == httpx.codes.FORBIDDEN


async def refused(running: Running, act: str, lane: str) -> str:
    """Why an order is refused."""
    answer = await running.http.post(
        f"/v1/lanes/{lane}/{act}", json={"reason": "a test"}, headers=bearer(running, "operator")
    )
    assert answer.status_code == httpx.codes.CONFLICT
    return str(answer.json()["detail"])


@contextlib.asynccontextmanager
async def enrollment(world: World) -> AsyncIterator[Running]:
    """Enrollment, run in this process."""
    settings = world.settings_of(
        Settings, door_password_file=world.infrastructure.data / "secrets" / "kafka" / "http-door"
    )
    async with world.run(definition(settings), settings) as running:
        yield running


async def send(world: World, lane: str, *names: str) -> None:
    """A worker's registration for each name, under an id of that name."""
    events = []
    for name in names:
        letters = "".join(chr(ord("A") + int(c)) if c.isdigit() else c for c in name + lane)
        worker = f"k1.{letters:A<52}"
        events.append(registered(worker, lane=lane) | {"id": f"event-{name}"})
    await world.write(PROVINCE_EVENTS, lane, *(orjson.dumps(event) for event in events))


async def answered(world: World, lane: str, count: int) -> list[dict[str, Any]]:
    """The receipts of a lane in order, once there are so many."""

    async def enough() -> list[dict[str, Any]]:
        facts = await world.published(lane, PROVINCE_RECEIPTS)
        return [fact["data"] for fact in facts] if len(facts) >= count else []

    return await until(enough)


async def stopped(world: World, lane: str) -> str:
    """Why the door's lane stands, once it does."""

    async def stands() -> str | None:
        reason: str | None = (await world.cursor(lane, PROVINCE_EVENTS))["stopped"]
        return reason

    return await until(stands)


async def recreate(world: World, lane: str) -> None:
    """Delete a province's topic and make it anew; Kafka takes a moment to forget the old one."""
    name = PROVINCE_EVENTS.topic(world.namespace, lane)
    (spec,) = (one for one in topics(world.namespace) if one.name == name)
    await world.infrastructure.kafka.access.delete([name])
    client = world.infrastructure.kafka.access.client

    async def made() -> bool:
        future = client.create_topics([NewTopic(name, 1, 1, config=dict(spec.config))])[name]
        try:
            future.result(10)
        except KafkaException:
            return False
        return True

    await until(made)
    await world.producer.client.force_metadata_update()
