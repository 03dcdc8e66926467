"""Several real processes of subsidy over the real broker: what they are told, and how they are disturbed."""

import asyncio
import contextlib
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from console.stack.infrastructure import Infrastructure
from services.subsidy import store
from services.subsidy.consumers import GROUP
from shared.contracts.topics import ENROLLMENT_EVENTS
from tests.plumbing.processes import Nursery, RelayProcess
from tests.plumbing.world import World, client_of, make_world, until
from tests.subsidy.facts import Province

USER: Final = "subsidy"
FAILS_ONE_OF: Final = 39
"""Each transaction that decides something passes two points: one of so many at each makes one of twenty fail."""
INJECT: Final = f"""
CREATE SEQUENCE passed_journal; CREATE SEQUENCE passed_log; CREATE SEQUENCE failed_40001; CREATE SEQUENCE failed_40p01;
CREATE FUNCTION fail_sometimes() RETURNS trigger SECURITY DEFINER SET search_path FROM CURRENT LANGUAGE plpgsql AS $$
DECLARE n bigint := nextval('passed_' || TG_TABLE_NAME);
BEGIN
    IF n % {FAILS_ONE_OF} = 0 THEN
        IF n / {FAILS_ONE_OF} % 2 = 0 THEN
            PERFORM nextval('failed_40001');
            RAISE EXCEPTION 'injected' USING ERRCODE = '40001';
        END IF;
        PERFORM nextval('failed_40p01');
        RAISE EXCEPTION 'injected' USING ERRCODE = '40P01';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fail_sometimes AFTER INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION fail_sometimes();
CREATE TRIGGER fail_sometimes AFTER INSERT ON log FOR EACH STATEMENT EXECUTE FUNCTION fail_sometimes();
"""
"""Numbers of a sequence outlive a transaction that is rolled back."""


@dataclass
class Swarm:
    """Processes of subsidy in a namespace of their own."""

    world: World
    nursery: Nursery
    running: list[RelayProcess] = field(default_factory=list)
    _locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    told: int = 0
    """Facts, over all lanes."""

    async def start(self, count: int, *, ready: bool = True, **changes: Any) -> list[RelayProcess]:
        """Start processes; `dies` among the changes names the point at which they do."""
        first = len(self.running)
        started = [
            await self.nursery.start(
                self.world, GROUP, service="subsidy", **({"instance": str(first + n)} | changes)
            )
            for n in range(count)
        ]
        self.running += started
        if ready:
            for process in started:
                await until(process.ready)
        return started

    async def tell(self, province: Province, facts: Sequence[dict[str, Any]]) -> None:
        """Put facts of a lane on the broker, after all that it was told before."""
        topic = ENROLLMENT_EVENTS.topic(self.world.namespace, province.lane)
        partition = ENROLLMENT_EVENTS.partition(province.lane)
        sent = [
            await self.world.producer.send(topic, orjson.dumps(one), partition=partition) for one in facts
        ]
        self.told += len(sent)
        await asyncio.gather(*sent)

    async def kill(self, process: RelayProcess) -> None:
        """End one as a power cut would."""
        process.send(signal.SIGKILL)
        await process.until_ended()

    def turn(self, province: Province) -> asyncio.Lock:
        """Held by who makes and tells the next facts of a lane: their numbers have no gap."""
        return self._locks[province.lane]

    async def until_at_rest(self, within_s: float) -> None:
        """Wait until all that was told is decided and published, and nothing goes on."""

        async def at_rest() -> bool:
            row = await self.world.owner.fetchrow(
                """SELECT (SELECT coalesce(sum(last_seq), 0) FROM cursor) AS taken,
                          (SELECT coalesce(sum(seq - published_seq), 0) FROM outbound) AS unpublished,
                          EXISTS (SELECT FROM budget WHERE drain_cause IS NOT NULL)
                              OR EXISTS (SELECT FROM lane_book WHERE expire_cause IS NOT NULL) AS goes_on"""
            )
            assert row is not None
            return row["taken"] == self.told and not row["unpublished"] and not row["goes_on"]

        await until(at_rest, within_s)

    async def taken(self) -> int:
        """How many facts are decided, over all lanes."""
        return int(await self.world.owner.fetchval("SELECT coalesce(sum(last_seq), 0) FROM cursor"))

    async def until_moved(self, facts: int, within_s: float) -> None:
        """Wait until so many more are decided, or all."""
        wanted = min(await self.taken() + facts, self.told)

        async def moved() -> bool:
            return await self.taken() >= wanted

        await until(moved, within_s)

    async def faults(self) -> dict[str, int]:
        """What the ledger's check finds wrong; nothing, while all is right."""
        async with self.world.owner.acquire() as db:
            found = await store.check(db)
        return {
            name: value
            for name, value in found.items()
            if value and name not in ("budgets", "entries", "postings")
        }

    async def stopped(self) -> list[str]:
        """Why lanes stand."""
        rows = await self.world.owner.fetch("SELECT stopped FROM cursor WHERE stopped IS NOT NULL")
        return [row[0] for row in rows]

    def said(self, event: str) -> list[dict[str, Any]]:
        """Lines of one kind that the processes have logged."""
        lines = (line for process in self.running for line in process.log.read_text().splitlines())
        found = [orjson.loads(line) for line in lines if f'"{event}"' in line]
        return [line for line in found if line["event"] == event]

    async def rebalance(self) -> None:
        """Another member joins the group until it has lanes, and leaves it again: lanes change hands twice."""
        async with AIOKafkaConsumer(
            ENROLLMENT_EVENTS.topic(self.world.namespace, ""),
            group_id=f"{self.world.namespace}{GROUP}",
            enable_auto_commit=False,
            partition_assignment_strategy=[RangePartitionAssignor],
            **client_of(self.world.infrastructure),
        ) as member:

            async def owns_lanes() -> bool:
                return bool(member.assignment())

            await until(owns_lanes)


@contextlib.asynccontextmanager
async def a_swarm(infrastructure: Infrastructure, nursery: Nursery) -> AsyncIterator[Swarm]:
    """A namespace in which no process runs yet; those that are started end with it."""
    async with make_world(infrastructure, USER, lanes=None) as world:
        swarm = Swarm(world, nursery)
        try:
            yield swarm
        finally:
            nursery.end_all()
