"""Promises of reporting's streams: all changes in order add up to the numbers, each cell's newest state is right."""

import asyncio
import json
import runpy
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from console.stack.infrastructure import Infrastructure
from services.reporting import quality_store, store, sums_store
from services.reporting.api import stating
from services.reporting.domain import changes
from services.reporting.domain.changes import CELLS_MAX
from services.reporting.domain.counting import count
from services.reporting.domain.tally import Counted
from shared.contracts import provinces
from shared.contracts.lanes import LANE_CODES
from shared.contracts.reporting import FACT_MODELS, STATISTICS_CHANGED, Statistic, key_of
from shared.plumbing import store as plumbing_store
from tests.reporting.conftest import DEADLINE_S, Running, running
from tests.reporting.facts import E, Programme, Publisher, enrolled, worker

READER = Path(__file__).parents[2] / "docs" / "examples" / "statistics_reader.py"
LANES = ("32", "33", "50")
D = date(2026, 3, 2)


# ---------------------------------------------------------------- what is told


def test_what_is_told_of_all_lanes_is_what_was_counted() -> None:
    counted = count((one.stream, one.event) for one in Programme(51, LANES).play(300).taken())
    told = changes.told(counted, {lane: [] for lane in LANES}, "32")
    assert [one.lane for one in told] == list(LANES)
    cells = {
        (one.lane, of_a_day["known_on"], key): change
        for one in told
        for of_a_day in one.data["cells"]
        for key, change in of_a_day["changes"].items()
    }
    assert cells == {
        (key[1], key[6], changes.key(changes.of_the_nation(key[:6]))): change
        for key, change in counted.cells.items()
        if change
    }
    totals = {(one.lane, measure): change for one in told for measure, change in one.data["totals"].items()}
    assert totals == {key: change for key, change in counted.standing.items() if change}


def test_many_cells_are_told_in_several_records_and_their_sums_once() -> None:
    counted = Counted()
    for n in range(2 * CELLS_MAX + 1):
        counted.cells["bodies", "32", "2026", "employer", str(n), "enrolled", D] = 1
    counted.standing["32", "enrolled"] = 7
    counted.nation["learners"] = 5
    told = changes.told(counted, {"32": [{"stream": E, "first_seq": 1, "last_seq": 9}]}, "32")
    assert [[len(of["changes"]) for of in one.data["cells"]] for one in told] == [
        [CELLS_MAX],
        [CELLS_MAX],
        [1],
    ]
    assert [one.data["totals"] for one in told] == [{"enrolled": 7}, {}, {}]
    assert [one.data["nation"] for one in told] == [{"learners": 5}, {}, {}]
    assert {json.dumps(one.data["facts"]) for one in told} == {json.dumps(told[0].data["facts"])}
    model = FACT_MODELS[STATISTICS_CHANGED]
    for one in told:
        model.model_validate(json.loads(json.dumps(one.data, default=str)), strict=False)


def test_nothing_is_told_where_nothing_has_changed() -> None:
    counted = Counted()
    counted.cells["study", "32", "2026-03", "any", "academic", "enrolled", D] = 0
    counted.standing["32", "enrolled"] = 0
    assert changes.told(counted, {"32": []}, "32") == []


def test_a_key_names_one_cell_whatever_stands_in_its_names() -> None:
    cells: list[changes.CellId] = [
        ("money", "32", "2026", a, b, "granted_fen")
        for a, b in (("x/y", "z"), ("x", "y/z"), ("x%2Fy", "z"), ("x%y", "z"), ("专项资金", "none"))
    ]
    keys = [changes.key(cell) for cell in cells]
    assert len(set(keys)) == len(cells)
    assert [changes.named(key) for key in keys] == cells
    assert (
        key_of("study", "32", "2026-03", "any", "academic", "enrolled")
        == "study/32/2026-03/any/academic/enrolled"
    )


def test_the_nations_own_cells_stand_under_the_nations_lane() -> None:
    counted = Counted()
    for cube in ("persons_nation", "persons"):
        counted.cells[cube, "32", "2026-03", "any", "2026", "funded", D] = 1
    (told,) = changes.told(counted, {"32": []}, "32")
    assert [changes.named(key)[:2] for key in changes.touched(told.data)] == [
        ("persons_nation", "00"),
        ("persons", "32"),
    ]


# ---------------------------------------------------------------- as the example reads them


def record(seq: int, first_seq: int, last_seq: int, enrolled_more: int = 1) -> dict[str, Any]:
    """A record of changes of one lane."""
    facts = [{"stream": E, "first_seq": first_seq, "last_seq": last_seq}]
    data = {"facts": facts, "totals": {"enrolled": enrolled_more}, "nation": {}, "cells": []}
    return {"lane": "32", "seq": seq, "type": STATISTICS_CHANGED, "data": data}


def test_the_example_passes_over_what_came_before_and_stops_at_what_is_missing() -> None:
    changes_read = runpy.run_path(str(READER))["Changes"]()
    for one in (record(1, 1, 3), record(2, 4, 4), record(2, 4, 4), record(3, 5, 9), record(4, 5, 9, 2)):
        changes_read.add(one)  # the last two tell one batch
    assert changes_read.totals["32"]["enrolled"] == 5
    assert not changes_read.begin_anew
    with pytest.raises(LookupError, match="5 is missing before 6"):
        changes_read.add(record(6, 10, 10))


def test_the_example_begins_anew_where_facts_are_counted_a_second_time() -> None:
    changes_read = runpy.run_path(str(READER))["Changes"]()
    for one in (record(1, 1, 3), record(2, 4, 6), record(3, 4, 9)):
        changes_read.add(one)
    assert changes_read.begin_anew == {"32"}


# ---------------------------------------------------------------- as they are published


@dataclass
class Reader:
    """The example of the documentation, run as its user would."""

    infrastructure: Infrastructure
    service: Running
    folder: Path

    async def read(self, *more: str) -> str:
        """What it prints."""
        user, password = self.infrastructure.kafka.credentials("operator")
        kept = self.folder / "operator-password"
        kept.write_text(password)
        options = {
            "--bootstrap": self.infrastructure.kafka.bootstrap,
            "--user": user,
            "--password-file": str(kept),
            "--protocol": "SASL_PLAINTEXT",
            "--namespace": self.service.namespace,
        }
        flat = [part for pair in options.items() for part in pair]
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(READER),
            *flat,
            *more,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await child.communicate()
        assert child.returncode == 0, errors.decode()
        return out.decode()

    async def until_level(self) -> dict[str, Any]:
        """All that it has read, once each cell stands on the topic as it does in the service."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                told: dict[str, Any] = json.loads(await self.read("--json"))
                if {name: one["total"] for name, one in told["cells"].items()} == await cells_of(
                    self.service.db
                ):
                    return told
                await asyncio.sleep(0.5)

    async def until_told_to_begin_anew(self) -> None:
        """Wait until each lane has said that its numbers were counted anew."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if set(json.loads(await self.read("--json"))["begin_anew"]) == set(LANE_CODES):
                    return
                await asyncio.sleep(0.5)


async def cells_of(db: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    """All cells by their keys."""
    rows = await db.fetch(
        """SELECT cube, CASE cube WHEN 'persons_nation' THEN '00' ELSE lane END, period, facet_1, facet_2, measure,
                  sum(delta)::bigint
           FROM cells GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(delta) <> 0"""
    )
    return {key_of(*row[:6]): row[6] for row in rows}


async def totals_of(service: Running) -> dict[str, dict[str, int]]:
    """What everybody may read, by lane."""
    lanes = (await service.get("/v1/provinces")).json()
    return {lane["code"]: lane["measures"] for lane in lanes if lane["measures"]}


def sums(told: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The same as the example has added it up."""
    found = {
        lane: {name: total for name, total in of.items() if total} for lane, of in told["totals"].items()
    }
    return {lane: of for lane, of in found.items() if of}


@pytest.fixture
async def streaming(
    infrastructure: Infrastructure, namespace: str, tmp_path: Path
) -> AsyncIterator[tuple[Running, Reader]]:
    """A service that publishes, and the example that reads it."""
    async with running(infrastructure, namespace, tmp_path) as service:
        yield service, Reader(infrastructure, service, tmp_path)


async def test_the_example_adds_changes_up_to_the_numbers_and_reads_how_each_cell_stands(
    streaming: tuple[Running, Reader],
) -> None:
    service, reader = streaming
    publisher = Programme(52, LANES).play(300)
    await service.feed(publisher.published)
    await service.until(len(publisher.published))
    told = await reader.until_level()
    assert sums(told) == await totals_of(service)
    nation = (await service.get("/v1/nation")).json()["measures"]
    assert {measure: nation[measure] for measure, total in told["nation"].items() if total} == {
        measure: total for measure, total in told["nation"].items() if total
    }
    assert told["begin_anew"] == []
    for one in told["cells"].values():
        Statistic.model_validate(one)
    assert {len(name.split("/")) for name in told["cells"]} == {6}
    assert told["changed"] == {name: one["total"] for name, one in told["cells"].items()}

    # What is voided leaves its cell empty: the record of its key is erased.
    was = next(
        fact
        for _, raw in publisher.published
        if (fact := json.loads(raw))["type"] == provinces.WORKER_ENROLLED
    )
    void = {
        "event_id": was["causationid"],
        "reason": "录入有误",
        "reported_by": was["lane"],
        "voided_type": was["type"],
        "voided_fact_id": was["id"],
        "voided_time": was["time"],
        "voided": was["data"],
    }
    known = len(publisher.published)
    publisher.publish(E, was["lane"], provinces.EVENT_VOIDED, void, subject=was["subject"])
    data = was["data"]
    emptied = key_of("bodies", was["lane"], data["start"][:4], "employer", "nobody", "enrolled")
    assert emptied not in told["cells"]
    await service.feed(publisher.published[known:])
    await service.until(known + 1)
    after = await reader.until_level()
    assert sums(after) == await totals_of(service)
    assert after["seq"][was["lane"]] > told["seq"][was["lane"]]
    assert "cells" in await reader.read()


async def test_a_cell_that_is_zero_again_is_erased(streaming: tuple[Running, Reader]) -> None:
    service, reader = streaming
    publisher = Publisher()
    was = publisher.publish(
        E,
        "32",
        provinces.WORKER_ENROLLED,
        enrolled("32", "32-1", ("migrant",)),
        subject=worker(1),
        causationid="p",
    )
    await service.feed(publisher.published)
    await service.until(1)
    name = key_of("study", "32", "2026-03", "migrant", "academic", "enrolled")
    assert (await reader.until_level())["cells"][name]["total"] == 1
    void = {
        "event_id": "p",
        "reason": "录入有误",
        "reported_by": "32",
        "voided_type": was["type"],
        "voided_fact_id": was["id"],
        "voided_time": was["time"],
        "voided": was["data"],
    }
    publisher.publish(E, "32", provinces.EVENT_VOIDED, void, subject=was["subject"])
    await service.feed(publisher.published[1:])
    await service.until(2)
    assert name not in (await reader.until_level())["cells"]


async def test_numbers_that_a_rebuild_has_changed_are_told_and_stated_anew(
    streaming: tuple[Running, Reader],
) -> None:
    service, reader = streaming
    published = Programme(53, LANES).play(150).published
    await service.feed(published)
    await service.until(len(published))
    right = (await reader.until_level())["cells"]
    await service.db.execute(
        "UPDATE standing SET total = total + 1 WHERE lane = '32' AND measure = 'enrolled'"
    )
    await service.db.execute("DELETE FROM delta")
    await service.db.execute("DELETE FROM cell")
    begun = await service.client.post(
        "/v1/rebuild", json={"reason": "a cell is wrong"}, headers=service.token("operator")
    )
    assert begun.status_code == 202
    await reader.until_told_to_begin_anew()
    told = await reader.until_level()
    assert {name: one["total"] for name, one in told["cells"].items()} == {
        name: one["total"] for name, one in right.items()
    }


async def test_a_pass_follows_no_further_lane_once_its_cells_are_many_and_the_next_ones_do(
    streaming: tuple[Running, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, reader = streaming
    async with asyncio.timeout(DEADLINE_S):
        while not await plumbing_store.hold(service.db, quality_store.STATING_LOCK):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    published = Programme(55, LANES).play(100).published
    await service.feed(published)
    await service.until(len(published))
    async with store.one_moment(service.db):
        whole = await stating._read(service.db)
        monkeypatch.setattr(stating, "CELLS_A_PASS_MAX", 0)
        part = await stating._read(service.db)
    assert len(whole.upto) == len(LANES), "all lanes in one pass, were there no limit"
    assert len(part.upto) == 1
    assert part.more
    assert not whole.more
    await plumbing_store.release(service.db, quality_store.STATING_LOCK)
    told = await reader.until_level()
    assert sums(told) == await totals_of(service)


async def test_states_that_were_forgotten_are_all_stated_again(streaming: tuple[Running, Reader]) -> None:
    service, reader = streaming
    published = Programme(54, LANES).play(100).published
    await service.feed(published)
    await service.until(len(published))
    before = await reader.until_level()
    await sums_store.sum_up(service.db)
    changed = await service.db.execute(
        """INSERT INTO delta SELECT DISTINCT ON (cube) cube, lane, period, facet_1, facet_2, measure, recorded_day, 1000
           FROM cell"""
    )
    assert changed != "INSERT 0 0", "nothing was summed up: this proves nothing of sums that are kept"
    await service.db.execute("DELETE FROM stated")
    told = await reader.until_level()
    assert Counter(one["total"] for one in told["cells"].values()) != Counter(
        one["total"] for one in before["cells"].values()
    )
