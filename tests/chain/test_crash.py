"""Services are killed and frozen at random while provinces publish: every id is accounted for exactly once."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import orjson
import pytest

from console.province.simulator import Expected, Rates, SimulatedRecord, generate
from console.stack.infrastructure import Infrastructure
from console.stack.private_files import write_private
from console.stack.stack import Stack
from services.reporting import store as reporting
from shared.contracts.envelope import shanghai_day
from shared.contracts.topics import (
    ENROLLMENT_EVENTS,
    PROVINCE_CONTACTS,
    PROVINCE_EVENTS,
    PROVINCE_RECEIPTS,
    SUBSIDY_EVENTS,
)
from tests.chain.drained import database, until_drained
from tests.chain.topics import administrators_producer, events_by_lane, once

EVENTS = 20_000
RATE_PER_S = 800
SESSION_S = 6.0
FROZEN_S = 9.0
"""Longer than the session: the group gives the lanes away while the process still believes that it owns them."""
CALM_S = 1.0
DRAIN_LIMIT_S = 120.0
RATES = Rates(duplicate=0.05, conflict=0.02, late=0.05, broken=0.01)
VICTIMS = [
    ("enrollment", 0),
    ("enrollment", 1),
    ("subsidy", 0),
    ("subsidy", 1),
    ("reporting", 0),
    ("notification", 0),
]


@dataclass
class Havoc:
    """What was done to the services."""

    killed: Counter[str] = field(default_factory=Counter)
    frozen: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Aftermath:
    """The drained system, what was sent to it and what was done to it."""

    stack: Stack
    expected: Expected
    havoc: Havoc
    receipts: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
async def aftermath(infrastructure: Infrastructure) -> AsyncIterator[Aftermath]:
    """20,000 events through services that are killed and frozen all the while, then drained."""
    namespace = "crash."
    settings = {"DREAMS_SESSION_TIMEOUT_S": str(SESSION_S), "DREAMS_SIMULATED": "1"}
    expected, records = Expected(), []
    for record in generate(7, EVENTS, RATES, today=shanghai_day(datetime.now(UTC))):
        expected.count(record)
        records.append(record)
    try:
        async with await Stack.over(infrastructure, namespace, settings=settings) as stack:
            await asyncio.gather(*(stack.start_service(name, 1) for name in ("enrollment", "subsidy")))
            havoc = Havoc()
            tormenting = asyncio.create_task(_torment(stack, havoc, Random(7)))
            await _send(stack, records)
            tormenting.cancel()
            await asyncio.gather(tormenting, return_exceptions=True)
            await _revive(stack)
            await until_drained(stack, EVENTS, DRAIN_LIMIT_S)
            receipts = await events_by_lane(stack, PROVINCE_RECEIPTS)
            yield Aftermath(stack, expected, havoc, receipts)
    finally:
        await infrastructure.drop_namespace(namespace)


async def _send(stack: Stack, records: list[SimulatedRecord]) -> None:
    began = time.monotonic()
    async with administrators_producer(stack) as producer:
        for place, record in enumerate(records):
            if (ahead_s := began + place / RATE_PER_S - time.monotonic()) > 0:
                await asyncio.sleep(ahead_s)
            stream = PROVINCE_CONTACTS if record.topic_kind == "contacts" else PROVINCE_EVENTS
            key = record.key if record.key or record.value else b"-"
            topic = stream.topic(stack.namespace, record.lane)
            await producer.send(topic, record.value, key=key, headers=list(record.headers), partition=0)
        await producer.flush()


async def _torment(stack: Stack, havoc: Havoc, random: Random) -> None:
    """Kill or freeze one process after another; the first two are an enrollment and a subsidy frozen too long."""
    plan = [("enrollment", 0, True), ("subsidy", 0, True)]
    while True:
        name, instance, freeze = plan.pop(0) if plan else (*random.choice(VICTIMS), random.random() < 0.4)
        process = stack.services[name, instance]
        if freeze:
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_S)
            process.send_signal(signal.SIGCONT)
            havoc.frozen[name] += 1
        else:
            process.kill()
            havoc.killed[name] += 1
            await stack.start_service(name, instance, ready=False)
        await asyncio.sleep(CALM_S)


async def _revive(stack: Stack) -> None:
    for (name, instance), process in list(stack.services.items()):
        process.send_signal(signal.SIGCONT)
        if not process.running:
            await stack.start_service(name, instance, ready=False)
    for name, instance in stack.services:
        await stack.until_ready(name, instance)


@pytest.mark.timeout(600)
async def test_every_record_has_exactly_one_final_receipt_or_is_parked(aftermath: Aftermath) -> None:
    finals: Counter[tuple[str, int]] = Counter()
    parked: set[tuple[str, int]] = set()
    for lane, events in aftermath.receipts.items():
        for event in once(events):
            place = (lane, event["data"]["offset"])
            if event["data"]["status"] == "parked":
                parked.add(place)
            else:
                finals[place] += 1
    assert set(finals.values()) == {1}
    assert len(finals.keys() | parked) == EVENTS


async def test_no_id_is_accepted_twice(aftermath: Aftermath) -> None:
    accepted = Counter(
        (event["data"]["event_source"], event["data"]["event_id"])
        for events in aftermath.receipts.values()
        for event in once(events)
        if event["data"]["status"] == "accepted"
    )
    assert max(accepted.values()) == 1


async def test_each_verdict_comes_as_often_as_the_provinces_gave_cause(aftermath: Aftermath) -> None:
    statuses = Counter(
        event["data"]["status"] for events in aftermath.receipts.values() for event in once(events)
    )
    expected = aftermath.expected
    async with database(aftermath.stack, "enrollment") as db:
        parked_open = await db.fetchval("SELECT count(*) FROM parked")
    assert statuses["accepted"] + parked_open == expected.accepted
    assert statuses["duplicate"] == expected.duplicate
    assert statuses["conflict"] == expected.conflict
    assert statuses["rejected"] == expected.rejected


async def test_the_numbers_of_facts_and_decisions_have_no_gap(aftermath: Aftermath) -> None:
    for stream, service in ((ENROLLMENT_EVENTS, "enrollment"), (SUBSIDY_EVENTS, "subsidy")):
        lanes = await events_by_lane(aftermath.stack, stream)
        async with database(aftermath.stack, service) as db:
            rows = await db.fetch(
                "SELECT lane, seq FROM outbound WHERE stream = $1 AND seq > 0", stream.pattern
            )
        assert {lane: len(once(events)) for lane, events in lanes.items()} == {
            r["lane"]: r["seq"] for r in rows
        }


async def test_the_ledger_balances_and_no_budget_is_exceeded(aftermath: Aftermath) -> None:
    stack = aftermath.stack
    headers = {"Authorization": f"Bearer {stack.token('operator')}"}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{stack.address('subsidy')}/v1/ledger/check", headers=headers)
        totals = await client.get(f"{stack.address('subsidy')}/v1/totals", headers=headers)
    assert answer.json()["ok"], answer.json()
    money = totals.json()
    assert (
        0 < money["granted_fen"] + money["reserved_fen"] + money["scholarship_fen"] <= money["allocated_fen"]
    )


@pytest.mark.timeout(180)
async def test_reporting_rebuilt_from_the_log_equals_reporting_live(aftermath: Aftermath) -> None:
    stack = aftermath.stack
    async with database(stack, "reporting") as live:
        wanted = await live.fetchval("SELECT sum(last_seq) FROM cursor")
        fresh = (await stack.infrastructure.create_databases("rebuilt.", ["reporting"], template=True))[
            "reporting"
        ]
        dsn_file = stack.secrets / "databases" / "rebuilt.reporting"
        write_private(dsn_file, fresh.runtime_dsn)
        await asyncio.gather(*(p.stop() for (name, _), p in stack.services.items() if name == "reporting"))
        again = Stack(
            stack.infrastructure, stack.namespace, settings={"DREAMS_DATABASE_DSN_FILE": str(dsn_file)}
        )
        process = await again.start_service("reporting", 9)
        try:
            async with database(Stack(stack.infrastructure, "rebuilt."), "reporting") as rebuilt:
                await _until_taken_in(rebuilt, wanted)
                assert await reporting.canonical_dump(rebuilt) == await reporting.canonical_dump(live)
        finally:
            await process.stop()
            await stack.infrastructure.drop_namespace("rebuilt.")


async def _until_taken_in(db: Any, wanted: int) -> None:
    deadline = time.monotonic() + DRAIN_LIMIT_S
    while await db.fetchval("SELECT coalesce(sum(last_seq), 0) FROM cursor") < wanted:
        assert time.monotonic() < deadline, "the rebuild did not get to the end"
        await asyncio.sleep(0.1)


async def test_the_run_saw_redeliveries_take_overs_and_zombies(aftermath: Aftermath) -> None:
    stack, havoc = aftermath.stack, aftermath.havoc
    assert havoc.frozen["enrollment"]
    assert havoc.frozen["subsidy"]
    assert havoc.killed.total()
    assigned: Counter[str] = Counter()
    for (name, _), process in stack.services.items():
        for line in process.log.read_text().splitlines():
            if '"lanes_assigned"' in line and orjson.loads(line)["lanes"]:
                assigned[name] += 1
    # Two processes get their lanes once each when they start; all further assignments are take-overs.
    assert assigned["enrollment"] > 3
    assert assigned["subsidy"] > 3
    lanes = await events_by_lane(stack, ENROLLMENT_EVENTS)
    again = sum(len(events) - len(once(events)) for events in lanes.values())
    fenced = await _zombies(stack)
    assert again + fenced > 0, "nothing came twice: this run proves nothing"
    assert fenced > 0, "no frozen process woke up to lanes that it had lost"


async def _zombies(stack: Stack) -> int:
    """How many records were dropped behind a cursor: a zombie's batch, or a redelivery."""
    dropped = 0.0
    async with httpx.AsyncClient(trust_env=False) as client:
        for name, instance in stack.services:
            if not await stack.is_ready(name, instance):
                continue
            text = (await client.get(f"{stack.address(name, instance)}/metrics")).text
            dropped += sum(
                float(line.rpartition(" ")[2])
                for line in text.splitlines()
                if line.startswith("dreams_dropped_total{")
            )
    return int(dropped)
