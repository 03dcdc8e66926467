"""The same persons on several lanes, decided by several processes at once: one award each, and everybody is told."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson
import pytest
import yaml

from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack
from services.subsidy import store
from services.subsidy.config import SCHEMES
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_DECISIONS
from tests.chain.drained import POLL_S, database
from tests.chain.logs import said_by
from tests.chain.topics import administrators_producer, events_by_lane, once
from tests.subsidy.facts import YUAN_1000_FEN, Province, worker_ref

NAMESPACE: Final = "lifetime."
PROCESSES: Final = 3
LANES: Final = ("11", "12", "32", "33", "34", "50")
PERSONS: Final = 40
WITHIN_S: Final = 120.0
SEED: Final = 5
LIVE: Final = ("reserved", "granted", "waitlisted")
COUNTED: Final = ("budgets", "entries", "postings")


@dataclass
class Race:
    """Subsidy in several processes, and what its lanes were told."""

    stack: Stack
    provinces: dict[str, Province] = field(default_factory=lambda: {lane: Province(lane) for lane in LANES})
    sent: dict[str, int] = field(default_factory=Counter)
    random: Random = field(default_factory=lambda: Random(SEED))

    async def tell(self) -> None:
        """Publish what is new on all lanes at once, and wait until it is decided and what was left is taken up."""
        async with administrators_producer(self.stack) as producer:
            await asyncio.gather(*(self._tell(producer, lane) for lane in LANES))
        deadline = time.monotonic() + WITHIN_S
        async with database(self.stack, "subsidy") as db:
            while not await self._is_drained(db):
                assert time.monotonic() < deadline, "not drained in time"
                await asyncio.sleep(POLL_S)

    async def _tell(self, producer: Any, lane: str) -> None:
        topic, partition = (
            ENROLLMENT_EVENTS.topic(self.stack.namespace, lane),
            ENROLLMENT_EVENTS.partition(lane),
        )
        for fact in self.provinces[lane].facts[self.sent[lane] :]:
            await producer.send_and_wait(topic, orjson.dumps(fact), partition=partition)
        self.sent[lane] = len(self.provinces[lane].facts)

    async def _is_drained(self, db: Any) -> bool:
        taken, handed, unpublished = await db.fetchrow(
            """SELECT (SELECT coalesce(sum(last_seq), 0) FROM cursor), (SELECT count(*) FROM handover),
                      (SELECT coalesce(sum(seq - published_seq), 0) FROM outbound)"""
        )
        return bool(taken == sum(self.sent.values()) and not handed and not unpublished)

    async def awards(self) -> dict[int, list[tuple[str, str, str]]]:
        """Person → awards that have money or wait for it: (lane, number, state)."""
        persons = {worker_ref(person): person for person in range(PERSONS)}
        found = defaultdict(list)
        async with database(self.stack, "subsidy") as db:
            for ref, *award in await db.fetch(
                "SELECT worker_ref, lane, enrollment_no, state FROM award WHERE state = ANY($1)", LIVE
            ):
                found[persons[ref]].append(tuple(award))
        return found

    async def decisions(self) -> dict[str, list[str]]:
        """Enrollment → kinds of the decisions that its province has read, in their order."""
        found = defaultdict(list)
        for events in (await events_by_lane(self.stack, PROVINCE_DECISIONS)).values():
            for event in once(events):
                kind = event["type"].removeprefix("dreams.subsidy.").removesuffix(".v1")
                found[event["data"]["enrollment_no"]].append(event["data"].get("code") or kind)
        return found


@pytest.fixture(scope="module")
async def race(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Race]:
    """All persons enroll on all lanes at once, each lane in its own order; half of the lanes have little money."""
    schemes = tmp_path_factory.mktemp("schemes")
    for path in SCHEMES.glob("*.yaml"):
        limited = yaml.safe_load(path.read_text(encoding="utf-8")) | {"lifetime_awards_per_level": 1}
        (schemes / path.name).write_text(yaml.safe_dump(limited, allow_unicode=True), encoding="utf-8")
    settings = {"DREAMS_SCHEMES_FOLDER": str(schemes)}
    try:
        async with await Stack.over(
            infrastructure, NAMESPACE, services=("subsidy",), settings=settings
        ) as stack:
            await asyncio.gather(*(stack.start_service("subsidy", n) for n in range(1, PROCESSES)))
            made = Race(stack)
            for place, lane in enumerate(LANES):
                province = made.provinces[lane]
                province.day("2026-03-01")
                province.allocated((PERSONS if place % 2 else 3) * YUAN_1000_FEN)
                for person in made.random.sample(range(PERSONS), PERSONS):
                    province.enrolled(person)
            await made.tell()
            yield made
    finally:
        await infrastructure.drop_namespace(NAMESPACE)


async def test_each_person_has_one_award_and_every_other_enrollment_is_told_why(race: Race) -> None:
    awards = await race.awards()
    assert {person: len(found) for person, found in awards.items()} == dict.fromkeys(range(PERSONS), 1)
    won = {number for found in awards.values() for _, number, _ in found}
    decisions = await race.decisions()
    assert len(decisions) == PERSONS * len(LANES)
    for number, said in decisions.items():
        assert said[0] in (("reserved", "waitlisted") if number in won else ("lifetime_limit",))
        assert len(said) == 1
    lanes = {lane for found in awards.values() for lane, _, _ in found}
    assert len(lanes) > 1, "one lane won all: it was no race"


async def test_where_winners_leave_while_others_enroll_the_earliest_loser_follows_and_nobody_else(
    race: Race,
) -> None:
    before = await race.awards()
    async with database(race.stack, "subsidy") as db:
        rows = await db.fetch("SELECT worker_ref, askers FROM entitlement")
    asked = {ref: [(lane, number) for lane, number, *_ in orjson.loads(askers)] for ref, askers in rows}
    for person, ((lane, number, _),) in before.items():
        race.provinces[lane].withdrawn(person)["data"]["enrollment_no"] = number
    for lane in LANES:
        for person in race.random.sample(range(PERSONS), PERSONS // 4):
            race.provinces[lane].enrolled(1000 + person)["subject"] = worker_ref(person)
    await race.tell()

    awards = await race.awards()
    decisions = await race.decisions()
    for person in range(PERSONS):
        ((winner, _, _),) = before[person]
        earliest = next((lane, number) for lane, number in asked[worker_ref(person)] if lane != winner)
        (stands,) = awards[person]
        assert stands[:2] == earliest
        first, *_, last = decisions[stands[1]]
        assert (first, last) == ("lifetime_limit", stands[2])


async def test_afterwards_the_books_are_right_and_no_lane_stands(race: Race) -> None:
    async with database(race.stack, "subsidy") as db:
        found = await store.check(db)
        assert await db.fetchval("SELECT count(*) FROM cursor WHERE stopped IS NOT NULL") == 0
    assert {name: count for name, count in found.items() if count and name not in COUNTED} == {}
    said = said_by(race.stack)
    owners = {str(line["instance"]) for line in said if line["event"] == "lanes_assigned" and line["lanes"]}
    assert owners == {str(n) for n in range(PROCESSES)}
    assert [line for line in said if "Deadlock" in str(line.get("error"))] == []
