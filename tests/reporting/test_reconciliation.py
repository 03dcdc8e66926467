"""Promises of reconciliation: an honest history never differs, whenever one looks; what is broken is named."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from console.main import app
from console.stack.infrastructure import Infrastructure
from console.stack.tokens import plain_token
from services.reporting import quality_store, sums_store
from services.reporting.api.reconciling import SAID, Reconciling
from services.reporting.domain import reconciliation
from services.reporting.domain.counting import READS
from services.reporting.domain.reconciliation import KINDS, Found, Records, Stands
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.envelope import shanghai_day
from shared.contracts.lanes import LANE_CODES
from tests.reporting.conftest import DEADLINE_S, Running, running
from tests.reporting.conftest import Counter as Carried
from tests.reporting.facts import E, Programme, Publisher, S, enrolled, take, worker
from tests.reporting.test_same_facts_same_tables import batches

LANES = ("32", "33", "50")
D = date(2026, 3, 2)
ALARM = 'dreams_reconciliation_differences{kind="ledger"} 2.0'
GOING = Stands(stopped=False, waits=False)


class Ledger:
    """A ledger of accounts that follows what subsidy says, as subsidy itself keeps it."""

    def __init__(self) -> None:
        self.accounts: dict[tuple[str, int, str], Counter[str]] = defaultdict(Counter)
        self._paid: Counter[str] = Counter()

    def follow(self, fact: dict[str, Any]) -> None:
        """Move money as the fact says."""
        data, moved = fact["data"], fact["data"].get("amount_fen", 0)
        if "fiscal_year" not in data:
            return
        page = self.accounts[fact["lane"], data["fiscal_year"], data["fund_source"]]
        match fact["type"]:
            case subsidy.BUDGET_OPENED:
                page["allocated_fen"] += moved
            case subsidy.SUBSIDY_RESERVED:
                page["reserved_fen"] += moved
            case subsidy.SUBSIDY_GRANTED:
                page["reserved_fen"] -= moved
                page["granted_fen"] += moved
            case subsidy.SUBSIDY_DISBURSED:
                page["granted_fen"] -= data["paid_fen"]
                page["disbursed_fen"] += data["paid_fen"]
                self._paid[data["award_id"]] += data["paid_fen"]
            case subsidy.SUBSIDY_RELEASED:
                page["granted_fen"] -= moved - self._paid[data["award_id"]]
            case subsidy.SUBSIDY_CLAWED_BACK:
                page["disbursed_fen"] -= data["clawed_back_fen"]
                page["receivable_fen"] += data["clawed_back_fen"]
            case subsidy.CLAWBACK_REPAID:
                page["receivable_fen"] -= moved
            case subsidy.SCHOLARSHIP_BOOKED:
                page["scholarship_fen"] += moved
            case _:
                pass

    def says(self, lane: str, day: date) -> dict[str, Any]:
        """Data of the fact with which a day begins."""
        names = ("allocated", "reserved", "granted", "disbursed", "receivable", "scholarship", "written_off")
        budgets = [
            {"fiscal_year": year, "fund_source": source}
            | {f"{name}_fen": page[f"{name}_fen"] for name in names}
            for (of, year, source), page in sorted(self.accounts.items())
            if of == lane
        ]
        return {"day": day.isoformat(), "budgets": budgets}


class Honest:
    """Publishes a plausible history over several days as the services would: days begin, receipts are tallied."""

    def __init__(self, seed: int = 41, lanes: Iterable[str] = LANES) -> None:
        self.programme = Programme(seed, lanes)
        self.publisher = self.programme.publisher
        self.ledger = Ledger()
        self.lanes = tuple(lanes)
        self._followed = 0
        self._accepted: Counter[str] = Counter()

    def play(self, days: int, facts: int) -> Publisher:
        """So many days, each with at least so many facts more."""
        for _ in range(days):
            self.programme.play(len(self.publisher.published) + facts)
            self._void()
            self._follow()
            self.publisher.clock += timedelta(days=1)
            for lane in self.lanes:
                self._begin(lane)
        return self.publisher

    def _follow(self) -> None:
        for place in range(self._followed, len(self.publisher.published)):
            stream, raw = self.publisher.published[place]
            fact = orjson.loads(raw)
            if fact["type"] == enrollment.VERDICTS_TALLIED and fact["data"]["day"] == "2026-03-01":
                fact["data"]["accepted"] = (
                    0  # what the history says of the day before it: nothing of it is told
                )
                self.publisher.published[place] = stream, orjson.dumps(fact)
            if stream == S:
                self.ledger.follow(fact)
            elif fact["type"] in provinces.DATA_MODELS and not fact["data"].get("superseded_by"):
                self._accepted[fact["data"].get("reported_by", fact["lane"])] += 1
        self._followed = len(self.publisher.published)

    def _begin(self, lane: str) -> None:
        today = shanghai_day(self.publisher.clock)
        tally = {
            "duplicate": 0,
            "conflict": 0,
            "rejected": 0,
            "parked": 0,
            "accepted": self._accepted.pop(lane, 0),
        }
        yesterday = (today - timedelta(days=1)).isoformat()
        publish = self.publisher.publish
        publish(E, lane, enrollment.VERDICTS_TALLIED, {"day": yesterday, **tally})
        publish(E, lane, enrollment.DAY_BEGAN, {"day": today.isoformat(), "log_head": "0" * 64})
        publish(S, lane, subsidy.LEDGER_TOTALLED, self.ledger.says(lane, today))

    def _void(self) -> None:
        """One enrollment of each lane is corrected: a void with a successor, and the successor."""
        for lane in self.lanes:
            was = next(
                (
                    fact
                    for _, raw in reversed(self.publisher.published)
                    if (fact := orjson.loads(raw))["type"] == provinces.WORKER_ENROLLED
                    and fact["lane"] == lane
                ),
                None,
            )
            if was is None:
                continue
            said = {
                "event_id": was["causationid"],
                "reason": "录入有误",
                "reported_by": lane,
                "voided_type": was["type"],
                "voided_fact_id": was["id"],
                "voided_time": was["time"],
                "voided": was["data"],
                "superseded_by": f"{lane}-again",
            }
            self.publisher.publish(E, lane, provinces.EVENT_VOIDED, said, subject=was["subject"])
            again = {**was["data"], "start": "2026-05-01"}
            self.publisher.publish(E, lane, provinces.WORKER_ENROLLED, again, subject=was["subject"])


async def look(carried: Carried, *lanes: str) -> dict[tuple[str, str], Any]:
    """Compare all lanes, count these again; (lane, kind) → how it came out."""
    reconciling, rows = Reconciling(1), []
    for lane in lanes:
        reconciling._turn = LANE_CODES.index(lane)
        rows = await reconciling.once(carried.pool)
    return {(row["lane"], row["kind"]): row for row in rows}


def differing(found: dict[tuple[str, str], Any]) -> dict[tuple[str, str], str]:
    return {key: row["about"] for key, row in found.items() if row["state"] == "differs"}


# ---------------------------------------------------------------- what is compared


def test_each_kind_is_said_in_both_languages() -> None:
    assert set(SAID) == set(KINDS)


def test_numbers_are_compared_one_by_one_and_the_first_difference_is_named() -> None:
    assert reconciliation.compared("32", "cells", {"a": 1, "b": 0}, {"a": 1}).state == "agrees"
    found = reconciliation.compared("32", "cells", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 2})
    assert found == Found("32", "cells", "differs", 6, 6, 3, "b")


@pytest.mark.parametrize(
    ("own", "ledger", "state"),
    [
        (D, D, "agrees"),
        (D - timedelta(days=1), D - timedelta(days=1), "waits"),
        (D - timedelta(days=2), D - timedelta(days=2), "differs"),
        (D, D - timedelta(days=1), "waits"),
        (D, D - timedelta(days=2), "differs"),
        (D, None, "waits"),
        (None, None, "waits"),
    ],
)
def test_a_lane_may_be_one_day_behind_and_not_two(own: date | None, ledger: date | None, state: str) -> None:
    newest = {"33": D} | ({"32": own} if own else {})
    assert reconciliation.days("32", newest, ledger, [GOING]).state == state


def test_a_lane_that_stands_or_misses_facts_differs() -> None:
    for stands in (Stands(stopped=True, waits=False), Stands(stopped=False, waits=True)):
        assert reconciliation.days("32", {"32": D}, D, [GOING, stands]).state == "differs"


@pytest.mark.parametrize(
    ("accepted", "taken_in", "begun", "state"),
    [
        ({0: 10}, {0: 10}, 1, "agrees"),
        ({0: 10}, {0: 10, 1: 5}, 1, "agrees"),  # the day that goes on is not tallied yet
        ({0: 10}, {0: 9, 1: 1}, 1, "agrees"),  # stamped by another lane's owner after midnight
        ({0: 10}, {0: 11}, 1, "differs"),  # one too many
        ({0: 10}, {0: 9}, 1, "waits"),  # one may still be on its way
        ({0: 10}, {0: 9}, 2, "differs"),  # two days later it is not
        ({0: 10, 1: 3}, {0: 10, 1: 2}, 2, "waits"),
        ({}, {}, 5, "agrees"),
    ],
)
def test_what_receipts_accepted_is_counted_neither_twice_nor_never(
    accepted: dict[int, int], taken_in: dict[int, int], begun: int, state: str
) -> None:
    of = Records(
        {D + timedelta(days=n): count for n, count in accepted.items()},
        {D + timedelta(days=n): count for n, count in taken_in.items()},
    )
    newest = {"32": D + timedelta(days=begun), "33": D + timedelta(days=begun)}
    assert reconciliation.records("32", of, newest, newest["32"]).state == state


def test_a_clock_that_is_shifted_ahead_is_no_difference() -> None:
    of = Records({D + timedelta(days=30): 10}, {D: 10, D + timedelta(days=1): 4})
    newest = {"32": D + timedelta(days=31)}
    assert reconciliation.records("32", of, newest, D + timedelta(days=1)).state == "agrees"


def test_every_type_of_fact_is_kept_since_one_that_is_not_would_be_told_as_missing() -> None:
    assert {*enrollment.FACT_MODELS, *subsidy.FACT_MODELS} == READS


def test_every_type_that_is_counted_again_is_read() -> None:
    assert {*reconciliation.COUNTED_AGAIN, *reconciliation.MOVES_MONEY} <= READS


# ---------------------------------------------------------------- as it is kept


@pytest.mark.parametrize("seed", [41, 42])
async def test_an_honest_history_never_differs_whenever_one_looks(counter: Carried, seed: int) -> None:
    taken = Honest(seed).play(4, 120).taken()
    for n, batch in enumerate(batches(taken, seed)):
        await counter.carry(batch)
        if n % 7 == 0:
            found = await look(counter, LANES[n % len(LANES)])
            assert {kind for _, kind in differing(found)} <= {"days"}, differing(found)
    async with counter.pool.acquire() as db:
        await sums_store.sum_up(db)
    found = await look(counter, *LANES)
    assert differing(found) == {}
    for lane in LANES:
        for kind in KINDS:
            assert found[lane, kind]["state"] == "agrees", (lane, kind)
        for kind in ("records", "ledger", "cells", "facts"):
            assert found[lane, kind]["expected"] == found[lane, kind]["found"] > 0, (lane, kind)


async def test_what_is_broken_by_hand_is_found_and_named(counter: Carried) -> None:
    for batch in batches(Honest(43).play(3, 100).taken(), 3):
        await counter.carry(batch)
    async with counter.pool.acquire() as db:
        await sums_store.sum_up(db)
    assert differing(await look(counter, *LANES)) == {}
    broken = {
        "UPDATE cell SET delta = delta + 1 WHERE cube = 'study' AND measure = 'enrolled' AND facet_1 = 'migrant' "
        "AND lane = '33' AND period = '2026-05' AND facet_2 = 'academic'": (
            ("33", "cells"),
            "study 2026-05 migrant academic enrolled",
        ),
        "UPDATE cell SET delta = delta - 5 WHERE cube = 'money' AND lane = '50' AND measure = 'granted_fen'": (
            ("50", "ledger"),
            "2026 专项资金 granted_fen",
        ),
        "UPDATE standing SET total = total + 1 WHERE lane = '32' AND measure = 'completed'": (
            ("32", "cells"),
            "total completed",
        ),
        "DELETE FROM fact WHERE lane = '32' AND type = 'dreams.worker.registered.v1'": (("32", "facts"), E),
        "UPDATE cell SET delta = delta + 1 WHERE cube = 'records' AND measure = 'taken_in' AND facet_1 = '33'": (
            ("33", "records"),
            "more counted than accepted",
        ),
        "UPDATE cell SET delta = 0 WHERE cube = 'records' AND measure = 'taken_in' AND facet_1 = '33' "
        "AND lane = '33'": (("33", "records"), "fewer counted than accepted"),
    }
    for statement, (place, name) in broken.items():
        async with counter.pool.acquire() as db:
            done = await db.execute(statement)
            assert not done.endswith(" 0"), statement
        found = differing(await look(counter, *LANES))
        assert found.get(place) == name, (statement, found)


async def test_a_ledger_that_says_otherwise_is_found_also_when_money_has_moved_since(
    counter: Carried,
) -> None:
    honest = Honest(44, ("32",))
    taken = honest.play(2, 60).taken()
    said = next(one for one in reversed(taken) if one.event and one.event.type == subsidy.LEDGER_TOTALLED)
    budget = said.event.data.budgets[0]
    wrong = budget.model_copy(update={"reserved_fen": budget.reserved_fen + 1})
    said.event = said.event.model_copy(
        update={"data": said.event.data.model_copy(update={"budgets": (wrong,)})}
    )
    honest.programme.play(len(honest.publisher.published) + 60)
    taken += [take(*one) for one in honest.publisher.published[len(taken) :]]
    await counter.carry(taken)
    assert differing(await look(counter, "32")) == {("32", "ledger"): "2026 专项资金 reserved_fen"}


async def test_a_fact_of_a_type_that_is_not_known_is_told_as_not_kept(counter: Carried) -> None:
    publisher = Publisher()
    publisher.publish(E, "32", "dreams.worker.retired.v1", {"name": "later"})
    publisher.publish(
        E, "32", provinces.WORKER_ENROLLED, enrolled("32", "32-1", ("migrant",)), subject=worker(1)
    )
    await counter.carry(publisher.taken())
    found = await look(counter, "32")
    assert (found["32", "facts"]["expected"], found["32", "facts"]["found"]) == (2, 1)
    assert differing(found) == {("32", "facts"): E}


async def test_one_process_at_a_time_compares(counter: Carried) -> None:
    await counter.carry(Honest(45, ("32",)).play(1, 30).taken())
    async with counter.pool.acquire() as db, db.transaction():
        assert await quality_store.try_to_be_the_one(db)
        assert await look(counter, "32") == {}
    assert await look(counter, "32")


async def test_the_service_compares_by_itself_and_tells_it(
    infrastructure: Infrastructure,
    namespace: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published = Honest(46, LANE_CODES).play(2, 150).published
    folder = tmp_path_factory.mktemp("reconciling")
    async with running(infrastructure, namespace, folder, reconcile_every_s=0.02) as service:
        await service.feed(published)
        await service.until(len(published))
        told = await _until(service, "agrees")
        assert (told["differences"], told["simulated"]) == (0, True)
        assert {check["kind"] for check in told["checks"]} == set(KINDS)
        await service.db.execute(
            "INSERT INTO delta VALUES ('money', '32', '2026', '专项资金', 'none', 'granted_fen', '2026-03-02', 3)"
        )
        told = await _until(service, "differs")
        wrong = next(
            check for check in told["checks"] if check["state"] == "differs" and check["kind"] == "ledger"
        )
        assert (wrong["lane"], wrong["differences"], wrong["about"]) == ("32", 2, "2026 专项资金 granted_fen")
        only = (await service.get("/v1/reconciliation", lane="33")).json()
        assert {check["lane"] for check in only["checks"]} == {"33"}
        async with asyncio.timeout(DEADLINE_S):
            while ALARM not in (await service.get("/metrics")).text:
                await _look_again()
        token = folder / "console-token"
        token.write_text(plain_token(service.secrets, "auditor"))
        monkeypatch.setenv("DREAMS_API_REPORTING", service.url)
        monkeypatch.setenv("DREAMS_API_TOKEN_FILE", str(token))
        monkeypatch.setenv("COLUMNS", "200")
        shown = await asyncio.to_thread(CliRunner().invoke, app, ["reconciliation"])
        assert shown.exit_code == 1
        assert "Jiangsu" in shown.output
        assert "granted_fen" in shown.output


async def _look_again() -> None:
    await asyncio.sleep(0.05)


async def _until(service: Running, state: str) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            told: dict[str, Any] = (await service.get("/v1/reconciliation")).json()
            if told["state"] == state:
                return told
            await asyncio.sleep(0.05)
