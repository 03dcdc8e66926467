"""Many tasks tell four processes of the same few workers at once, over several lanes: afterwards there is one truth."""

import asyncio
import string
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack
from shared.contracts import provinces
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_EVENTS, PROVINCE_RECEIPTS
from tests.chain.drained import database, until_drained
from tests.chain.logs import said_by
from tests.chain.topics import administrators_producer, events_by_lane, once
from tests.enrollment.events import certified, enrolled, registered, voided

NAMESPACE: Final = "races."
PROCESSES: Final = 4
LANES: Final = ("11", "12", "13", "14", "32", "33", "34", "50")
TASKS: Final = 64
WORKERS: Final = 20
CERTIFICATES: Final = 100
CLAIMS_EACH: Final = 12
WITHIN_S: Final = 120.0
SEED: Final = 64

Event = dict[str, Any]


def worker(n: int) -> str:
    """The n-th worker's pseudonym; behind the shared ones each lane has one of its own."""
    return f"k1.{(string.ascii_uppercase + '234567')[n] * 52}"


def lane_of(task: int) -> str:
    """The lane on which a task tells."""
    return LANES[task % len(LANES)]


def a_registration(n: int, lane: str, task: int) -> Event:
    """Once a worker and lane."""
    return registered(worker(n), lane=lane)


def an_enrollment(n: int, lane: str, task: int) -> Event:
    """Once a worker in the nation: under another number each time, in the same course, funded by the next lane."""
    number, funding = f"{lane}-race-{task}-{n}", lane_of(LANES.index(lane) + 1)
    event = enrolled(worker(n), number, lane=lane, funding=funding)
    return event | {"data": event["data"] | {"programme": "机电一体化"}}


BUILDERS: Final[tuple[Callable[[int, str, int], Event], ...]] = (a_registration, an_enrollment)
"""What each task says of each shared worker, in an order of its own: whoever is faster locks the worker's row."""


def tales(task: int) -> list[Event]:
    """What a task tells of the shared workers; the first task of each lane registers the lane's own worker besides."""
    lane = lane_of(task)
    events = [build(n, lane, task) for build in BUILDERS for n in range(WORKERS)]
    if task < len(LANES):
        events.append(registered(worker(WORKERS + task), lane=lane))
    Random(SEED + task).shuffle(events)
    return events


def claims(task: int) -> list[Event]:
    """Certificates that all lanes say their own worker has earned: no row is shared, only the natural key is."""
    lane, numbers = lane_of(task), Random(SEED - task).sample(range(CERTIFICATES), CLAIMS_EACH)
    return [certified(worker(WORKERS + task % len(LANES)), f"c-{number}", lane=lane) for number in numbers]


TRUTHS: Final = (len(LANES) + 1) * WORKERS + len(LANES) + CERTIFICATES
"""Registrations, enrollments and certificates that can be accepted, whatever the order."""


@dataclass(frozen=True)
class Aftermath:
    """The drained system, each event's place, and what lies on its topics."""

    stack: Stack
    sent: dict[str, tuple[str, int]]
    """Lane and offset by id."""
    receipts: dict[str, list[Event]]
    facts: dict[str, list[Event]]


@pytest.fixture(scope="module")
async def aftermath(infrastructure: Infrastructure) -> AsyncIterator[Aftermath]:
    """All that the tasks sent, judged by four processes."""
    try:
        async with await Stack.over(infrastructure, NAMESPACE, services=("enrollment",)) as stack:
            await asyncio.gather(*(stack.start_service("enrollment", n) for n in range(1, PROCESSES)))
            sent: dict[str, tuple[str, int]] = {}
            async with administrators_producer(stack) as producer:
                for wave in (tales, claims):
                    await asyncio.gather(*(_tell(stack, producer, n, wave(n), sent) for n in range(TASKS)))
                    await until_drained(stack, len(sent), WITHIN_S)
            receipts = await events_by_lane(stack, PROVINCE_RECEIPTS)
            facts = await events_by_lane(stack, ENROLLMENT_EVENTS)
            yield Aftermath(stack, sent, receipts, facts)
    finally:
        await infrastructure.drop_namespace(NAMESPACE)


async def _tell(
    stack: Stack, producer: AIOKafkaProducer, task: int, events: list[Event], sent: dict[str, tuple[str, int]]
) -> None:
    topic = PROVINCE_EVENTS.topic(stack.namespace, lane_of(task))
    for event in events:
        record = await producer.send_and_wait(topic, orjson.dumps(event), partition=0)
        sent[event["id"]] = (lane_of(task), int(record.offset))


def final_receipts(aftermath: Aftermath) -> Counter[str]:
    """How many final receipts each id has."""
    return Counter(
        event["data"]["event_id"]
        for events in aftermath.receipts.values()
        for event in once(events)
        if event["data"]["status"] != "parked"
    )


async def test_each_id_has_exactly_one_final_receipt(aftermath: Aftermath) -> None:
    finals = final_receipts(aftermath)
    assert finals.keys() == aftermath.sent.keys()
    assert set(finals.values()) == {1}


async def test_what_is_true_once_is_accepted_once_and_all_else_names_it(aftermath: Aftermath) -> None:
    receipts = [e["data"] for events in aftermath.receipts.values() for e in once(events)]
    accepted = {receipt["event_id"] for receipt in receipts if receipt["status"] == "accepted"}
    assert len(accepted) == TRUTHS
    refused = [receipt for receipt in receipts if receipt["status"] not in {"accepted", "parked"}]
    assert {receipt["code"] for receipt in refused} == {"already_recorded"}
    assert {receipt["first_event_id"] for receipt in refused} <= accepted


async def test_the_register_says_what_was_accepted(aftermath: Aftermath) -> None:
    async with database(aftermath.stack, "enrollment") as db:
        workers = await db.fetch("SELECT ref, registered_by FROM worker")
        begun = await db.fetch("SELECT worker_ref FROM enrollment WHERE state IS NOT NULL")
        claims = await db.fetch(
            "SELECT kind, count(*), count(DISTINCT event_id) FROM natural_key GROUP BY kind"
        )
        waiting = await db.fetchval("SELECT count(*) FROM parked")
    registered_by = {row[0]: set(orjson.loads(row[1])) for row in workers}
    shared = {worker(n): set(LANES) for n in range(WORKERS)}
    assert registered_by == shared | {worker(WORKERS + n): {lane} for n, lane in enumerate(LANES)}
    assert sorted(row[0] for row in begun) == sorted(worker(n) for n in range(WORKERS))
    assert {row[0]: tuple(row[1:]) for row in claims} == {
        "worker.enrolled": (WORKERS, WORKERS),
        "certificate.earned": (CERTIFICATES, CERTIFICATES),
    }
    assert waiting == 0


async def test_each_fact_is_published_once_and_without_a_gap(aftermath: Aftermath) -> None:
    causes = Counter(
        fact["causationid"]
        for events in aftermath.facts.values()
        for fact in once(events)
        if "causationid" in fact
    )
    accepted = {
        event["data"]["event_id"]
        for events in aftermath.receipts.values()
        for event in once(events)
        if event["data"]["status"] == "accepted"
    }
    assert causes.keys() == accepted
    assert set(causes.values()) == {1}
    async with database(aftermath.stack, "enrollment") as db:
        rows = await db.fetch("SELECT stream, lane, seq FROM outbound WHERE seq > 0")
    on_topics = {
        (ENROLLMENT_EVENTS.pattern, lane): len(once(events)) for lane, events in aftermath.facts.items()
    }
    on_topics |= {(PROVINCE_RECEIPTS.pattern, lane): len(once(e)) for lane, e in aftermath.receipts.items()}
    assert on_topics == {(row[0], row[1]): row[2] for row in rows}


async def test_four_processes_shared_the_lanes_and_none_stopped_one_or_met_a_deadlock(
    aftermath: Aftermath,
) -> None:
    said = said_by(aftermath.stack)
    owners = [line for line in said if line["event"] == "lanes_assigned" and line["lanes"]]
    assert {str(line["instance"]) for line in owners} == {str(n) for n in range(PROCESSES)}
    assert [line for line in said if line["level"] not in {"debug", "info", "warning"}] == []
    assert [line for line in said if "Deadlock" in str(line.get("error"))] == []
    async with database(aftermath.stack, "enrollment") as db:
        assert await db.fetchval("SELECT count(*) FROM cursor WHERE stopped IS NOT NULL") == 0


# ---------------------------------------------------------------- and then they take back what they have said


def second_thoughts(task: int, accepted: list[Event]) -> list[Event]:
    """Voids of what its lane has had accepted, and the same workers registered and enrolled once more meanwhile."""
    lane, n = lane_of(task), task % WORKERS
    mine = accepted[task // len(LANES) :: TASKS // len(LANES)]
    events = [voided(event, lane=lane) for event in mine]
    events += [build(n, lane, TASKS + task) for build in BUILDERS]
    Random(SEED * 2 + task).shuffle(events)
    return events


@pytest.fixture(scope="module")
async def taken_back(aftermath: Aftermath) -> Aftermath:
    """The same system after a second wave, in which events are voided while others build on them."""
    stack, sent = aftermath.stack, dict(aftermath.sent)
    accepted: dict[str, list[Event]] = {lane: [] for lane in LANES}
    for fact in (fact for facts in aftermath.facts.values() for fact in once(facts)):
        if fact["type"] in (provinces.WORKER_REGISTERED, provinces.WORKER_ENROLLED):
            event = {"id": fact["causationid"], "subject": fact["subject"]}
            accepted[fact["data"]["reported_by"]].append(event)
    async with administrators_producer(stack) as producer:
        waves = (second_thoughts(task, accepted[lane_of(task)]) for task in range(TASKS))
        await asyncio.gather(*(_tell(stack, producer, n, wave, sent) for n, wave in enumerate(waves)))
        await until_drained(stack, len(sent), WITHIN_S)
    receipts = await events_by_lane(stack, PROVINCE_RECEIPTS)
    return Aftermath(stack, sent, receipts, await events_by_lane(stack, ENROLLMENT_EVENTS))


async def test_voids_that_race_with_what_builds_on_them_end_in_one_truth(taken_back: Aftermath) -> None:
    finals = final_receipts(taken_back)
    async with database(taken_back.stack, "enrollment") as db:
        waiting = {row[0] for row in await db.fetch("SELECT id FROM parked")}
    assert set(finals.values()) == {1}
    assert not finals.keys() & waiting
    assert finals.keys() | waiting == taken_back.sent.keys(), (
        "an enrollment waits whose worker nobody registers now"
    )
    facts = [fact for facts in taken_back.facts.values() for fact in once(facts)]
    voids = [fact["data"] for fact in facts if fact["type"] == provinces.EVENT_VOIDED]
    gone = [void["voided_fact_id"] for void in voids]
    assert len(gone) == len(set(gone)) > WORKERS
    assert {provinces.WORKER_REGISTERED, provinces.WORKER_ENROLLED} == {void["voided_type"] for void in voids}
    counting = [fact for fact in facts if fact["id"] not in set(gone)]
    registered_by: dict[str, set[str]] = {}
    for fact in counting:
        if fact["type"] == provinces.WORKER_REGISTERED:
            registered_by.setdefault(fact["subject"], set()).add(fact["lane"])
    studies = [fact for fact in counting if fact["type"] == provinces.WORKER_ENROLLED]
    assert {fact["subject"] for fact in studies} <= registered_by.keys()
    async with database(taken_back.stack, "enrollment") as db:
        workers = await db.fetch("SELECT ref, registered_by FROM worker WHERE registered_by <> '{}'")
        begun = await db.fetch("SELECT number FROM enrollment WHERE state IS NOT NULL")
        claimed = await db.fetch("SELECT event_id FROM natural_key WHERE kind = 'worker.enrolled'")
        assert await db.fetchval("SELECT count(*) FROM cursor WHERE stopped IS NOT NULL") == 0
    assert {row[0]: set(orjson.loads(row[1])) for row in workers} == registered_by
    assert sorted(row[0] for row in begun) == sorted(fact["data"]["enrollment_no"] for fact in studies)
    assert sorted(row[0] for row in claimed) == sorted(fact["causationid"] for fact in studies)


async def test_refused_voids_say_what_builds_on_the_event(taken_back: Aftermath) -> None:
    refused = Counter(
        event["data"]["code"]
        for events in taken_back.receipts.values()
        for event in once(events)
        if event["data"]["event_type"] == provinces.EVENT_VOIDED and event["data"]["status"] == "rejected"
    )
    assert refused.keys() <= {"has_dependants"}
