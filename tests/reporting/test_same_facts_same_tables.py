"""The promise that the tables are a function of the set of facts: splits, order of lanes and repeats do not matter."""

import random
from collections import defaultdict
from datetime import timedelta

import pytest

from console.stack.infrastructure import Infrastructure
from services.reporting import handlers, store, sums_store
from shared.contracts import subsidy
from shared.plumbing.decoding import Taken
from tests.reporting.conftest import Counter, counting
from tests.reporting.facts import E, Programme, Publisher, S, award, take, worker

LANES = ("32", "33", "34", "50", "00")


def batches(taken: list[Taken], seed: int) -> list[list[Taken]]:
    """The same facts, lanes and streams interleaved at random, each in its own order, in batches of any size."""
    draw = random.Random(seed)
    waiting: dict[tuple[str, str], list[Taken]] = defaultdict(list)
    for one in taken:
        waiting[one.stream, one.lane].append(one)
    shuffled = []
    while waiting:
        key = draw.choice(sorted(waiting))
        run = waiting[key][: draw.randrange(1, 9)]
        del waiting[key][: len(run)]
        shuffled += run
        if not waiting[key]:
            del waiting[key]
    found = []
    while shuffled:
        size = draw.choice((1, 2, 7, 60, 300))
        found.append(shuffled[:size])
        del shuffled[:size]
    return found


async def test_splits_and_interleavings_of_lanes_do_not_matter(
    infrastructure: Infrastructure, namespace: str
) -> None:
    taken = Programme(11, LANES).play(900).taken()
    dumps = []
    for variant in range(3):
        name = f"{namespace[:-1]}{variant}."
        async with counting(infrastructure, name) as counter:
            for n, batch in enumerate([taken] if variant == 0 else batches(taken, variant)):
                await counter.carry(batch)
                if n % 3 == variant:  # summed up now and then, or never
                    async with counter.pool.acquire() as db:
                        await sums_store.sum_up(db)
            dumps.append(await counter.dump())
        await infrastructure.drop_namespace(name)
    assert dumps[0].count("\n") > 1_000
    assert dumps[1] == dumps[0]
    assert dumps[2] == dumps[0]


async def test_facts_that_come_again_change_nothing(counter: Counter) -> None:
    taken = Programme(12, LANES).play(300).taken()
    await counter.carry(taken[:200])
    before = await counter.dump()
    await counter.carry(taken[:200])
    assert await counter.dump() == before
    await counter.carry(taken[150:])
    after = await counter.dump()
    assert after.count("\nfact ") + after.startswith("fact ") == len(taken)


async def test_sums_agree_with_a_plain_recount_of_the_facts(counter: Counter) -> None:
    for batch in batches(Programme(13, LANES).play(800).taken(), 5):
        await counter.carry(batch)
    async with counter.pool.acquire() as db:
        sums = {(r["scope"], r["lane"], r["measure"]): r["total"] for r in await store.standing(db)}
        facts = await db.fetch("SELECT * FROM fact")
    held: dict[str, int] = defaultdict(int)
    for fact in facts:
        if fact["type"] in (subsidy.SUBSIDY_GRANTED, subsidy.SCHOLARSHIP_BOOKED):
            held[fact["worker_ref"]] += 1
        if fact["type"] == subsidy.SUBSIDY_RELEASED and fact["state_before"] == "granted":
            held[fact["worker_ref"]] -= 1
    national = sum(
        total for (scope, _, measure), total in sums.items() if (scope, measure) == ("nation", "funded")
    )
    assert national == sum(1 for grants in held.values() if grants > 0)
    for lane in LANES:
        granted = [
            f["amount_fen"] for f in facts if f["lane"] == lane and f["type"] == subsidy.SUBSIDY_GRANTED
        ]
        assert sums.get(("lane", lane, "granted_fen"), 0) == sum(granted)
    async with counter.pool.acquire() as db:
        cells = await db.fetch(
            """SELECT measure, sum(delta) s FROM cells
               WHERE (cube = 'study' AND facet_1 = 'any')
                  OR cube IN ('money', 'records') AND measure NOT IN ('arrived', 'taken_in')
               GROUP BY 1"""
        )
        flows = await db.fetch(
            "SELECT measure, sum(delta) s FROM cells WHERE cube = 'flows' GROUP BY 1 ORDER BY 1"
        )
        money = await db.fetch(
            "SELECT measure, sum(delta) s FROM cells WHERE cube = 'money' GROUP BY 1 ORDER BY 1"
        )
    assert flows == money
    assert cells
    for measure, total in cells:
        assert total == sum(t for (scope, _, m), t in sums.items() if scope == "lane" and m == measure)


async def test_a_person_funded_by_two_provinces_is_one_person_in_the_nation(counter: Counter) -> None:
    publisher = Publisher()
    who = {"subject": worker(5)}
    publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-1", ("industrial",)), **who)
    publisher.publish(S, "33", subsidy.SUBSIDY_GRANTED, award("33-1", ("migrant",)), **who)
    publisher.publish(S, "32", subsidy.SUBSIDY_RELEASED, award("32-1", ("industrial",), was="granted"), **who)
    publisher.publish(S, "33", subsidy.SUBSIDY_RELEASED, award("33-1", ("migrant",), was="granted"), **who)
    seen = []
    for one in publisher.taken():
        await counter.carry([one])
        async with counter.pool.acquire() as db:
            rows = await store.standing(db)
        national = {"funded": 0, "funded_migrant": 0}
        for row in rows:
            if row["scope"] == "nation":
                national[row["measure"]] += row["total"]
        seen.append((national["funded"], national["funded_migrant"]))
    assert seen == [(1, 0), (1, 1), (1, 1), (0, 0)]


async def test_a_fact_that_cannot_be_read_stops_its_lane_and_no_other(counter: Counter) -> None:
    good = Publisher()
    good.publish(S, "33", subsidy.SUBSIDY_GRANTED, award("33-1", ("migrant",)), subject=worker(1))
    bad = Publisher()
    bad.publish(S, "32", subsidy.SUBSIDY_GRANTED, {"award_id": 7}, subject=worker(2))
    await counter.carry([*good.taken(), *bad.taken()])
    assert counter.carrier.stopped == {"32"}
    async with counter.pool.acquire() as db:
        assert await db.fetchval("SELECT count(*) FROM fact") == 1
        stopped = await store.standing_still(db)
    assert [(row["lane"], row["stopped"]) for row in stopped] == [("32", True)]


async def test_a_type_that_is_not_known_is_passed_over_by_its_number(counter: Counter) -> None:
    publisher = Publisher()
    publisher.publish(E, "32", "dreams.worker.retired.v1", {"name": "later"})
    publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-1", ("migrant",)), subject=worker(1))
    await counter.carry(publisher.taken())
    async with counter.pool.acquire() as db:
        assert await db.fetchval("SELECT count(*) FROM fact") == 1
        assert await db.fetchval("SELECT sum(last_seq) FROM cursor") == 2


async def test_deltas_are_summed_up_by_one_process_at_a_time_and_change_no_number(counter: Counter) -> None:
    for batch in batches(Programme(15, LANES).play(300).taken(), 3):
        await counter.carry(batch)
    before = await counter.dump()
    async with counter.pool.acquire() as first, counter.pool.acquire() as second:
        async with first.transaction():
            await first.execute("SELECT pg_advisory_xact_lock($1)", sums_store.SUMMING_LOCK)
            assert await sums_store.sum_up(second) == 0
        waiting = await second.fetchval("SELECT count(*) FROM delta")
        assert await sums_store.sum_up(second) == waiting > 0
        assert await second.fetchval("SELECT count(*) FROM delta") == 0
        assert 0 < await second.fetchval("SELECT count(*) FROM cell") < waiting
    assert await counter.dump() == before


async def test_every_table_fills(counter: Counter) -> None:
    await counter.carry([take(*one) for one in Programme(14, ("32",)).play(60).published])
    async with counter.pool.acquire() as db:
        empty = await db.fetch(
            """SELECT 'fact' WHERE NOT EXISTS (SELECT FROM fact) UNION
               SELECT 'delta' WHERE NOT EXISTS (SELECT FROM delta) UNION
               SELECT 'standing' WHERE NOT EXISTS (SELECT FROM standing) UNION
               SELECT 'person' WHERE NOT EXISTS (SELECT FROM person) UNION
               SELECT 'tempo' WHERE NOT EXISTS (SELECT FROM tempo)"""
        )
    assert not empty


async def test_minutes_are_forgotten_after_two_days_and_nothing_else_is(counter: Counter) -> None:
    publisher = Publisher()
    publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-1", ("migrant",)), subject=worker(1))
    publisher.clock += timedelta(days=3)
    publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-2", ("migrant",)), subject=worker(2))
    for one in publisher.taken():
        await counter.carry([one])
    before = await counter.dump()
    async with counter.pool.acquire() as db:
        assert await db.fetchval("SELECT count(DISTINCT minute) FROM tempo") == 2
        await store.forget_tempo(db)
        assert await db.fetchval("SELECT count(DISTINCT minute) FROM tempo") == 1
    assert await counter.dump() == before


async def test_of_a_batch_out_of_the_past_only_the_last_hour_is_kept_by_minute(counter: Counter) -> None:
    publisher = Publisher()
    for n in range(4):
        publisher.clock += timedelta(minutes=40)
        publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award(f"32-{n}", ("migrant",)), subject=worker(n))
    await counter.carry(publisher.taken())
    async with counter.pool.acquire() as db:
        assert await db.fetchval("SELECT count(DISTINCT minute) FROM tempo") == 2
        assert await db.fetchval("SELECT total FROM standing WHERE measure = 'awards_granted'") == 4


async def test_while_more_deltas_wait_than_may_each_batch_sums_some_up_in_its_turn(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "LOOK_AFTER_DELTAS", 1)
    monkeypatch.setattr(handlers, "WAITING_MAX", 200)
    monkeypatch.setattr(sums_store, "SUMMED_AT_ONCE", 400)
    waiting, most = 0, 0
    taken = Programme(16, LANES).play(400).taken()
    for start in range(0, len(taken), 40):
        await counter.carry(taken[start : start + 40])
        async with counter.pool.acquire() as db:
            waiting = await db.fetchval("SELECT count(*) FROM delta")
            most = max(most, waiting)
    assert most < 200 + 400
    async with counter.pool.acquire() as db:
        assert await db.fetchval("SELECT count(*) FROM cell") > most
