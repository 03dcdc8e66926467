"""Services are killed and frozen at random while provinces publish: every id is accounted for exactly once."""

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from console.api_client import Api, Deployment
from console.demo.numbers import reconcile
from console.demo.observing import observe, read_receipts
from console.log_verification import verify_lane
from console.province.simulator import Expected, Rates, SimulatedRecord, generate
from console.stack.infrastructure import Infrastructure
from console.stack.processes import Process
from console.stack.stack import Stack
from services.reporting import store as reporting
from shared.contracts.envelope import shanghai_day
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import (
    ENROLLMENT_EVENTS,
    PROVINCE_CONTACTS,
    PROVINCE_DECISIONS,
    PROVINCE_EVENTS,
    PROVINCE_RECEIPTS,
    SERVICES,
    SUBSIDY_EVENTS,
    Stream,
)
from tests.chain.drained import database, until_drained
from tests.chain.topics import administrators_producer, events_by_lane, once
from tests.measuring import UNMEASURED

EVENTS = 20_000
RATE_PER_S = 800
SESSION_S = 6.0
FROZEN_S = 9.0
"""Longer than the session: the group gives the lanes away while the process still believes that it owns them."""
MOVED_ON = 500
"""A frozen process wakes up when its heir has taken in so many more: what it had in hand is carried by then."""
TAKE_OVER_LIMIT_S = 60.0
CALM_S = 1.0
LOOK_S = 0.05
STILL_S = 1.0
"""A COMMIT that was on its way when its sender froze is carried out by then."""
DRAIN_LIMIT_S = 300.0
RATES = Rates(duplicate=0.05, conflict=0.02, late=0.05, broken=0.01)
KILLED = [("enrollment", 1), ("subsidy", 1), ("reporting", 0), ("notification", 0)]
VICTIMS = [*KILLED, ("enrollment", 0), ("subsidy", 0)]

pytestmark = pytest.mark.timeout(900)


@dataclass
class Havoc:
    """What was done to the services, and what was seen of it, by service."""

    killed: Counter[str] = field(default_factory=Counter)
    taken_over: Counter[str] = field(default_factory=Counter)
    """How often one process came to own all lanes while the other stood still."""
    fenced: Counter[str] = field(default_factory=Counter)
    """How often the transaction in which a process stood still was ended before it woke up."""


FACTS = {"enrollment": ENROLLMENT_EVENTS, "subsidy": SUBSIDY_EVENTS}
PUBLISHED = {
    "enrollment": (ENROLLMENT_EVENTS, PROVINCE_RECEIPTS),
    "subsidy": (SUBSIDY_EVENTS, PROVINCE_DECISIONS),
}


@dataclass(frozen=True)
class Aftermath:
    """The drained system, what was sent to it and what was done to it."""

    stack: Stack
    expected: Expected
    havoc: Havoc
    published: dict[str, dict[str, list[dict[str, Any]]]]
    """All that lies on the topics, by stream and lane, what came twice too."""
    numbered: dict[str, dict[str, int]]
    """The last number that a service has given, by stream and lane."""

    @property
    def receipts(self) -> dict[str, list[dict[str, Any]]]:
        """By lane."""
        return self.published[PROVINCE_RECEIPTS.pattern]


@pytest.fixture(scope="module")
async def aftermath(infrastructure: Infrastructure) -> AsyncIterator[Aftermath]:
    """20,000 events through services that are killed and frozen all the while, then drained."""
    namespace = "crash."
    settings = {"DREAMS_SESSION_TIMEOUT_S": str(SESSION_S), "DREAMS_SIMULATED": "1"} | UNMEASURED
    expected, records = Expected(), []
    for record in generate(7, EVENTS, RATES, today=shanghai_day(datetime.now(UTC))):
        expected.count(record)
        records.append(record)
    try:
        async with await Stack.over(infrastructure, namespace, settings=settings) as stack:
            await asyncio.gather(*(stack.start_service(name, 1) for name in ("enrollment", "subsidy")))
            havoc = Havoc()
            planned = asyncio.create_task(_torment(stack, havoc))
            more = asyncio.create_task(_torment_at_random(stack, havoc, Random(7), planned))
            await _send(stack, records)
            await planned
            more.cancel()
            await asyncio.gather(more, return_exceptions=True)
            await _revive(stack)
            await until_drained(stack, EVENTS, DRAIN_LIMIT_S)
            streams = [stream for streams in PUBLISHED.values() for stream in streams]
            published = {stream.pattern: await events_by_lane(stack, stream) for stream in streams}
            yield Aftermath(stack, expected, havoc, published, await _numbered(stack))
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


async def _torment(stack: Stack, havoc: Havoc) -> None:
    """What every run must see: a zombie of each service that owns lanes, and a sudden death of each service."""
    await asyncio.gather(*(_make_zombie(stack, havoc, name) for name in ("enrollment", "subsidy")))
    for name, instance in KILLED:
        await _kill(stack, havoc, name, instance)


async def _torment_at_random(stack: Stack, havoc: Havoc, random: Random, after: "asyncio.Task[None]") -> None:
    await asyncio.wait([after])
    while True:
        name, instance = random.choice(VICTIMS)
        if random.random() < 0.4:
            process = stack.services[name, instance]
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_S)
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(CALM_S)
        else:
            await _kill(stack, havoc, name, instance)


async def _kill(stack: Stack, havoc: Havoc, name: str, instance: int) -> None:
    stack.services[name, instance].kill()
    havoc.killed[name] += 1
    await stack.start_service(name, instance, ready=False)
    await asyncio.sleep(CALM_S)


async def _make_zombie(stack: Stack, havoc: Havoc, name: str) -> None:
    """Freeze a process in the middle of a transaction until another has gone on with its lanes, then wake it."""
    zombie, heir = stack.services[name, 0], stack.services[name, 1]
    admin: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(stack.postgres.admin_dsn)
    try:
        async with database(stack, name) as db:
            sessions = await _freeze_in_a_transaction(
                admin, await db.fetchval("SELECT current_database()"), zombie
            )

        async def ended() -> bool:
            return not await admin.fetchval(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY($1))", sessions
            )

        havoc.taken_over[name] += await _taken_over(heir)
        havoc.fenced[name] += await _in_time(ended)
        await _moved_on(stack, name)
    finally:
        zombie.send_signal(signal.SIGCONT)
        await admin.close()


async def _freeze_in_a_transaction(
    admin: "asyncpg.Connection[asyncpg.Record]", name: str, zombie: Process
) -> list[int]:
    """Freeze a process at a moment when it has written in a transaction; the server's pids of its sessions."""
    deadline = time.monotonic() + TAKE_OVER_LIMIT_S

    async def in_a_transaction() -> set[int]:
        rows = await admin.fetch(
            """SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE '%-0'
               AND state = 'idle in transaction' AND backend_xid IS NOT NULL""",
            name,
        )
        return {row["pid"] for row in rows}

    while True:
        zombie.send_signal(signal.SIGSTOP)
        if before := await in_a_transaction():
            await asyncio.sleep(STILL_S)
            if stuck := before & await in_a_transaction():
                return sorted(stuck)
        zombie.send_signal(signal.SIGCONT)
        assert time.monotonic() < deadline, f"{zombie.name} is never in a transaction"
        await asyncio.sleep(LOOK_S)


async def _taken_over(heir: Process) -> bool:
    """Whether the other process comes to own all lanes."""
    before = len(_lanes_assigned(heir))

    async def owns_all() -> bool:
        return len(LANE_CODES) in _lanes_assigned(heir)[before:]

    return await _in_time(owns_all)


async def _moved_on(stack: Stack, name: str) -> bool:
    """Whether the service takes in `MOVED_ON` records more."""
    count = "SELECT coalesce(sum(next_offset), 0)::bigint FROM cursor"
    async with database(stack, name) as db:
        wanted: int = await db.fetchval(count) + MOVED_ON

        async def taken_in() -> bool:
            return bool(await db.fetchval(count) >= wanted)

        return await _in_time(taken_in)


async def _in_time(holds: Callable[[], Awaitable[bool]]) -> bool:
    deadline = time.monotonic() + TAKE_OVER_LIMIT_S
    while not await holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_S)
    return True


def _lanes_assigned(process: Process) -> list[int]:
    """How many lanes a process was given, each time."""
    lines = process.log.read_text().splitlines()
    return [orjson.loads(line)["lanes"] for line in lines if '"lanes_assigned"' in line]


async def _revive(stack: Stack) -> None:
    for (name, instance), process in list(stack.services.items()):
        process.send_signal(signal.SIGCONT)
        if not process.running:
            await stack.start_service(name, instance, ready=False)
    for name, instance in stack.services:
        await stack.until_ready(name, instance)


async def _numbered(stack: Stack) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for service in PUBLISHED:
        async with database(stack, service) as db:
            for stream, lane, seq in await db.fetch("SELECT stream, lane, seq FROM outbound WHERE seq > 0"):
                found[stream][lane] = seq
    return found


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


async def test_receipts_register_ledger_and_national_numbers_reconcile(aftermath: Aftermath) -> None:
    stack = aftermath.stack
    addresses = {name: stack.address(name) for name in SERVICES}
    async with Api(Deployment(addresses, stack.token("operator"))) as api:
        now = await observe(api)
        ledger = await api.get("subsidy", "/v1/ledger/check")
    on_topics, receipts = await read_receipts(stack.kafka.bootstrap, stack.namespace, stack.kafka.credentials)
    outcome = reconcile(aftermath.expected, on_topics, receipts, now, ledger)
    assert outcome.holds, [str(check) for check in outcome.checks if not check.holds]


async def test_the_numbers_of_all_that_services_publish_have_no_gap(aftermath: Aftermath) -> None:
    assert aftermath.numbered.keys() == aftermath.published.keys()
    for stream, lanes in aftermath.published.items():
        assert {lane: len(once(events)) for lane, events in lanes.items()} == aftermath.numbered[stream]


async def test_no_budget_is_exceeded(aftermath: Aftermath) -> None:
    stack = aftermath.stack
    headers = {"Authorization": f"Bearer {stack.token('operator')}"}
    async with httpx.AsyncClient(trust_env=False) as client:
        money = (await client.get(f"{stack.address('subsidy')}/v1/totals", headers=headers)).json()
    spent_fen = sum(
        money[f"{account}_fen"]
        for account in ("reserved", "granted", "disbursed", "receivable", "scholarship", "written_off")
    )
    assert 0 < spent_fen <= money["allocated_fen"]


async def test_every_decision_derives_again_from_its_stored_inputs_to_the_byte(aftermath: Aftermath) -> None:
    stack = aftermath.stack
    addresses = {name: stack.address(name) for name in SERVICES}
    derived, differing = 0, []
    async with Api(Deployment(addresses, stack.token("auditor"))) as api:
        for lane in LANE_CODES:
            after: int | None = 0
            while after is not None:
                page = await api.get("subsidy", "/v1/ledger/check/decisions", {"lane": lane, "after": after})
                derived += page["derived"]
                differing += page["differing"]
                after = page["next"]
    assert differing == []
    assert derived >= aftermath.expected.accepted // 20, "hardly anything was judged: this run proves nothing"


async def test_the_chain_of_every_log_holds_up_to_the_heads_that_were_published(aftermath: Aftermath) -> None:
    stack = aftermath.stack
    addresses = {name: stack.address(name) for name in SERVICES}
    async with Api(Deployment(addresses, stack.token("auditor"))) as api:
        for service in PUBLISHED:
            for row in (await api.get(service, "/v1/lanes"))["outbound"]:
                found = await verify_lane(api, service, row["stream"], row["lane"], lambda _: None)
                assert (found.facts, found.broken) == (row["seq"], None)


async def test_reporting_rebuilt_from_the_services_logs_equals_reporting_live(aftermath: Aftermath) -> None:
    """From the table `log` of each service that publishes facts: Kafka's topics may be lost."""
    stack, namespace = aftermath.stack, "rebuilt."
    try:
        async with await Stack.over(stack.infrastructure, namespace, ["reporting"], lanes=["32"]) as fresh:
            facts = sum([await _publish_log(stack, fresh, name, s) for name, s in FACTS.items()])
            async with database(stack, "reporting") as live, database(fresh, "reporting") as rebuilt:
                assert facts == await live.fetchval("SELECT sum(last_seq) FROM cursor")
                await _until_taken_in(rebuilt, facts)
                assert await reporting.canonical_dump(rebuilt) == await reporting.canonical_dump(live)
    finally:
        await stack.infrastructure.drop_namespace(namespace)


async def _publish_log(stack: Stack, fresh: Stack, service: str, stream: Stream) -> int:
    """Put what stands in a service's log on the topic of another namespace; how many facts it was."""
    async with database(stack, service) as db, administrators_producer(fresh) as producer:
        rows = await db.fetch(
            "SELECT lane, events FROM log WHERE stream = $1 ORDER BY lane, first_seq", stream.pattern
        )
        facts = [(row["lane"], fact) for row in rows for fact in row["events"].split(b"\n")]
        for lane, fact in facts:
            await producer.send(stream.topic(fresh.namespace, lane), fact, partition=stream.partition(lane))
        await producer.flush()
    return len(facts)


async def _until_taken_in(db: Any, wanted: int) -> None:
    deadline = time.monotonic() + DRAIN_LIMIT_S
    while await db.fetchval("SELECT coalesce(sum(last_seq), 0) FROM cursor") < wanted:
        assert time.monotonic() < deadline, "the rebuild did not get to the end"
        await asyncio.sleep(0.1)


async def test_the_run_saw_sudden_deaths_and_facts_that_were_published_twice(aftermath: Aftermath) -> None:
    assert {name for name, _ in KILLED} <= aftermath.havoc.killed.keys()
    for stream in FACTS.values():
        lanes = aftermath.published[stream.pattern]
        again = sum(len(events) - len(once(events)) for events in lanes.values())
        assert again > 0, f"nothing on {stream.pattern} came twice: this run proves nothing about it"


@pytest.mark.parametrize("service", ["enrollment", "subsidy"])
def test_the_run_saw_lanes_taken_over_from_a_frozen_process_that_woke_up_and_was_fenced(
    aftermath: Aftermath, service: str
) -> None:
    assert aftermath.havoc.taken_over[service], "the other process never came to own all lanes"
    assert aftermath.havoc.fenced[service], "the frozen process still held its transaction when it woke up"
