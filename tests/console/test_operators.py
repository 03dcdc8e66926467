"""Operators look at and act on a real system from the command line, through the services' APIs only."""

import asyncio
import csv
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from typer.testing import CliRunner

from console.api_client import Api, Deployment, RefusedError
from console.commands_ledger import INVARIANTS
from console.demo.numbers import outstanding
from console.demo.observing import observe, until_led
from console.main import app
from console.province.producer import Broker, ProvinceSender
from console.province.simulator import Expected, SimulatedRecord, generate
from console.stack.infrastructure import Infrastructure
from console.stack.private_files import write_private
from console.stack.stack import Stack
from shared.contracts import provinces
from shared.contracts.envelope import shanghai_day
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import SERVICES
from tests.chain.drained import database

NAMESPACE = "operators."
EVENTS = 400
LIMIT_S = 60.0
LANE = "44"


@dataclass
class System:
    """A drained system and what was sent to it."""

    stack: Stack
    records: list[SimulatedRecord]
    sent: Expected
    environment: dict[str, str]

    async def dreams(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Run the command; exit status, standard output and standard error."""
        result = await asyncio.to_thread(
            CliRunner().invoke, app, list(words), env=self.environment | {"COLUMNS": "120"} | environment
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, result.stdout, result.stderr

    def deployment(self) -> Deployment:
        addresses = {name: self.stack.address(name) for name in SERVICES}
        return Deployment(addresses, self.stack.token("operator"))

    def accepted_id(self, type_: str) -> str:
        """The id of an event of this type that was sent well and is no history: it leads to a decision."""
        return str(self.accepted(type_)["id"])

    def accepted(self, type_: str) -> dict[str, Any]:
        """That event."""
        for record in self.records:
            if record.kind == "plain" and record.value is not None and record.lane not in ("44", "61"):
                event = orjson.loads(record.value)
                if event["type"] == type_ and not event["data"].get("history"):
                    return dict(event)
        raise LookupError(type_)


@pytest.fixture(scope="module")
async def system(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A stack in a namespace of its own, to which some hundred events were sent."""
    async with await Stack.over(infrastructure, NAMESPACE) as stack:
        environment = {f"DREAMS_API_{name.upper()}": stack.address(name) for name in SERVICES}
        token = tmp_path_factory.mktemp("token") / "operator"
        environment["DREAMS_API_TOKEN_FILE"] = str(write_private(token, stack.token("operator")))
        records = list(generate(3, EVENTS, today=shanghai_day(datetime.now(UTC))))
        sent = Expected()
        for record in records:
            sent.count(record)
        running = System(stack, records, sent, environment)
        broker = Broker(stack.kafka.bootstrap, NAMESPACE, stack.kafka.credentials)
        await until_led(stack.kafka.access)
        async with ProvinceSender(broker, LANE_CODES) as sender:
            await sender.send(records)
        async with Api(running.deployment()) as api:

            async def drained() -> bool:
                return not outstanding(await observe(api), sent)

            await until(drained)
        yield running
    await infrastructure.drop_namespace(NAMESPACE)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not await holds():
        assert time.monotonic() < deadline, f"not within {LIMIT_S:.0f} s"
        await asyncio.sleep(0.1)


async def test_status_counts_every_lane_of_every_service(system: System) -> None:
    status, out, _ = await system.dreams("lanes", "status", "--json")
    described = json.loads(out)
    assert status == 0
    assert {name: counts["lanes"] for name, counts in described["services"].items()} == dict.fromkeys(
        SERVICES, len(LANE_CODES)
    )
    assert all(counts["lag"] == counts["unpublished"] == 0 for counts in described["services"].values())
    status, out, _ = await system.dreams("lanes", "status", "--all", "--service", "subsidy")
    assert status == 0
    assert "← enrollment.events" in out
    assert "32 江苏" in out


async def test_a_lane_is_stopped_shown_and_resumed_in_one_service_while_others_go_on(system: System) -> None:
    stop = ("lanes", "stop", LANE, "--service", "subsidy", "--reason", "inspection")
    assert (await system.dreams(*stop))[1] == "subsidy: lane 44 广东 Guangdong stopped.\n"
    assert "was stopped already" in (await system.dreams(*stop))[1]
    status, out, _ = await system.dreams("lanes", "status")
    assert status == 1
    assert "operator: inspection" in out
    assert out.count("stopped") == 2  # the column's head and the one lane
    status, out, _ = await system.dreams("lanes", "resume", LANE, "--reason", "inspected")
    assert status == 0
    assert "subsidy: lane 44 广东 Guangdong goes on." in out
    assert "enrollment: lane 44 广东 Guangdong was not stopped." in out
    assert (await system.dreams("lanes", "status"))[0] == 0


async def test_a_lane_published_again_changes_no_number(system: System) -> None:
    async with Api(system.deployment()) as api:
        before = await observe(api)
        again = ("lanes", "republish", LANE, "--stream", "enrollment.events", "--from-seq", "1")
        status, out, _ = await system.dreams(*again, "--reason", "repair")
        assert (status, "again from 1" in out) == (0, True)

        async def taken() -> bool:
            rows = (await api.get("enrollment", "/v1/lanes"))["outbound"]
            return all(row["republish_from"] is None for row in rows)

        await until(taken)
        after = await observe(api)
    assert (after.place, after.money, after.nation) == (before.place, before.money, before.nation)


async def test_a_wish_that_cannot_be_met_is_refused_with_a_sentence(system: System) -> None:
    words = ("lanes", "republish", LANE, "--reason", "repair", "--from-seq")
    status, _, said = await system.dreams(*words, "999999", "--stream", "receipts")
    assert (status, "Nothing was published" in said) == (1, True)
    status, _, said = await system.dreams(*words, "1", "--stream", "unheard.of")
    assert (status, "No service publishes unheard.of" in said) == (1, True)
    status, _, said = await system.dreams("lanes", "stop", "99", "--reason", "inspection")
    assert (status, "There is no lane 99" in said) == (2, True)
    status, _, said = await system.dreams("lanes", "stop", LANE, "--reason", "inspection", "--service", "x")
    assert (status, "There is no service x" in said) == (2, True)
    status, _, said = await system.dreams("lanes", "stop", LANE, "--reason", "x")
    assert (status, "reason" in said) == (1, True)


async def test_quarantine_lists_what_nobody_could_read_and_never_its_bytes(system: System) -> None:
    status, out, _ = await system.dreams("quarantine", "list", "--json")
    kept = json.loads(out)
    assert status == 0
    assert len(kept) == system.sent.unreadable > 0
    assert all(row["service"] == "enrollment" and "sealed" not in row for row in kept)
    assert "unreadable" in (await system.dreams("quarantine", "list"))[1]


async def test_a_record_in_quarantine_is_opened_to_the_bytes_that_were_sent_and_a_wrong_one_is_named(
    system: System,
) -> None:
    kept = json.loads((await system.dreams("quarantine", "list", "--json"))[1])[0]
    words = ("quarantine", "show", kept["lane"], "--reason", "the province asks")
    status, out, _ = await system.dreams(*words, str(kept["record_offset"]))
    sent = {record.value.decode(errors="replace") for record in system.records if record.value is not None}
    assert status == 0
    assert out.removesuffix("\n") in sent | {""}
    status, _, said = await system.dreams(*words, "999999")
    assert (status, "Nothing lies in quarantine of lane" in said) == (1, True)


async def test_a_way_out_is_taken_only_where_a_lane_stands_for_its_reason(system: System) -> None:
    for act in ("adopt", "resync", "set-aside"):
        status, _, said = await system.dreams("lanes", act, LANE, "--reason", "repair")
        assert (status, "No such lane stands" in said) == (1, True)
    await system.dreams("lanes", "stop", LANE, "--service", "subsidy", "--reason", "inspection")
    status, _, said = await system.dreams("lanes", "adopt", LANE, "--reason", "repair")
    assert (status, "subsidy refused: Lane 44 stands for another reason" in said) == (1, True)
    status, _, said = await system.dreams("lanes", "resync", "--reason", "repair")
    assert (status, "No such lane stands" in said) == (1, True)
    assert (await system.dreams("lanes", "resume", LANE, "--reason", "inspected"))[0] == 0


async def test_receipts_tell_how_an_event_was_judged(system: System) -> None:
    event_id = system.accepted_id(provinces.WORKER_ENROLLED)
    status, out, _ = await system.dreams("receipts", event_id, "--json")
    assert (status, [row["status"] for row in json.loads(out)]) == (0, ["accepted"])
    assert "accepted" in (await system.dreams("receipts", event_id))[1]
    status, _, said = await system.dreams("receipts", "never sent?")
    assert (status, said) == (1, "Nothing came under the id never sent?.\n")


async def test_a_provinces_receipts_of_the_day_are_listed_and_written_as_a_table(
    system: System, tmp_path: Path
) -> None:
    mine, listed = ["receipts", "--province", ""], list[dict[str, Any]]()
    for mine[2] in LANE_CODES:
        status, out, _ = await system.dreams(*mine, "--json")
        listed = json.loads(out)
        assert status == 0
        if {"accepted", "rejected"} <= {one["status"] for one in listed}:
            break
    refused = [one for one in listed if one["status"] == "rejected"]
    status, out, _ = await system.dreams(*mine, "--status", "rejected")
    assert status == 0
    assert f"receipts: {mine[2]} " in out
    assert out.count("未采用 rejected") == len(refused) > 0

    path = tmp_path / "回执.csv"
    status, out, _ = await system.dreams(*mine, "--csv", str(path))
    assert (status, "is written" in out) == (0, True)
    lines = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert [line["位置 offset"] for line in lines] == [str(one["offset"]) for one in listed]
    assert all(line["现在怎么办"] for line in lines if line["result"] == "rejected")
    status, _, said = await system.dreams(*mine, "--csv", str(path))
    assert (status, "was left as it is" in said) == (2, True)
    assert {one.name for one in await asyncio.to_thread(lambda: [*tmp_path.iterdir()])} == {"回执.csv"}


async def test_receipts_that_cannot_be_listed_are_told_why(system: System) -> None:
    event_id = system.accepted_id(provinces.WORKER_ENROLLED)
    assert (await system.dreams("receipts", "--id", event_id))[0] == 0
    status, _, said = await system.dreams("receipts", "--province", "32", "--day", "yesterday")
    assert (status, "The parameter 'day' is not valid" in said) == (1, True)
    status, out, _ = await system.dreams("receipts", "--province", "32", "--day", "2020-01-01")
    assert (status, "There are no such receipts" in out) == (0, True)
    for words in (("receipts",), ("receipts", "--province", "99"), ("receipts", "-p", "32", "--status", "x")):
        assert (await system.dreams(*words))[0] == 2


async def test_a_trace_shows_receipt_fact_decision_and_national_number(system: System) -> None:
    event_id = system.accepted_id(provinces.WORKER_ENROLLED)
    status, out, _ = await system.dreams("trace", event_id, "--json")
    assert status == 0
    way = json.loads(out)
    steps = {step["what"]: step for step in way["steps"]}
    assert steps["receipt"]["outcome"]["status"] == "accepted"
    below = {(step["service"], step["what"]) for step in steps[provinces.WORKER_ENROLLED]["children"]}
    assert ("reporting", "in the national numbers") in below
    assert any(service == "subsidy" for service, _ in below)

    decided = next(s for s in steps[provinces.WORKER_ENROLLED]["children"] if s["service"] == "subsidy")
    status, out, _ = await system.dreams("trace", decided["id"])  # by a fact's own id: the same way
    assert (status, event_id in out) == (0, True)
    assert "worker.enrolled.v1" in out


async def test_a_journey_is_shown_in_the_order_of_its_days(system: System) -> None:
    event_id = system.accepted_id(provinces.WORKER_ENROLLED)
    (ref,) = {
        event["subject"]
        for event in (orjson.loads(one.value) for one in system.records if one.kind == "plain" and one.value)
        if event.get("id") == event_id
    }
    status, out, _ = await system.dreams("journey", ref, "--json")
    stages = json.loads(out)["stages"]
    assert status == 0
    assert event_id in [stage["event_id"] for stage in stages]
    assert [stage["day"] for stage in stages] == sorted(stage["day"] for stage in stages)
    status, out, _ = await system.dreams("journey", ref)
    assert (status, "worker.registered" in out, "worker.enrolled" in out) == (0, True, True)
    status, _, said = await system.dreams("journey", ref, "--as-known-on", "2020-01-01")
    assert (status, "There is no such worker" in said, ref in said) == (1, True, False)
    status, _, said = await system.dreams("journey", ref, "--as-known-on", "yesterday")
    assert (status, "2026-03-01" in said) == (2, True)


async def test_a_trace_of_an_unknown_event_is_a_sentence_and_fails(system: System) -> None:
    status, _, said = await system.dreams("trace", "sim-nobody")
    assert (status, said) == (1, "No service knows the event sim-nobody.\n")


async def test_a_service_that_does_not_answer_is_named_and_the_rest_is_shown(system: System) -> None:
    event_id = system.accepted_id(provinces.WORKER_ENROLLED)
    closed = {"DREAMS_API_REPORTING": "http://127.0.0.1:9"}
    status, out, said = await system.dreams("trace", event_id, **closed)
    assert (status, "subsidy" in out) == (0, True)
    assert "reporting does not answer at http://127.0.0.1:9" in said
    status, out, said = await system.dreams("lanes", "status", "--json", **closed)
    assert (status, json.loads(out)["not_answering"]) == (1, ["reporting"])


async def test_without_a_stack_the_commands_say_how_to_start_one(tmp_path: Path) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, app, ["lanes", "status", "--data", str(tmp_path)])
    assert (result.exit_code, "`dreams up -d` starts the stack" in result.stderr) == (1, True)


async def test_a_token_that_is_missing_is_said(system: System) -> None:
    status, _, said = await system.dreams("lanes", "status", DREAMS_API_TOKEN_FILE="")
    assert (status, "DREAMS_API_TOKEN_FILE" in said) == (1, True)
    status, _, said = await system.dreams("lanes", "status", DREAMS_API_TOKEN_FILE="/nowhere/token")
    assert (status, "cannot be read" in said) == (1, True)


async def test_a_recreated_topic_is_shown_adopted_and_its_lane_goes_on(
    system: System, infrastructure: Infrastructure
) -> None:
    door = await asyncpg.connect(infrastructure.database("enrollment", NAMESPACE).runtime_dsn)
    await door.execute("UPDATE cursor SET topic_id = 'before' WHERE lane = $1", LANE)
    await door.close()

    async def goes_on() -> bool:
        return (await system.dreams("lanes", "status"))[0] == 0

    async def stands() -> bool:
        return not await goes_on()

    await until(stands)
    status, out, _ = await system.dreams("lanes", "status", "--json")
    (why,) = {one["reads"][0]["why"] for one in json.loads(out)["lanes"] if one["state"] == "stopped"}
    assert why.startswith("recreated topic: its id was before, now ")
    status, out, _ = await system.dreams("lanes", "adopt", LANE, "--reason", "the province made it anew")
    assert status == 0
    assert out.startswith("enrollment: lane 44 广东 Guangdong: The topic is read from its beginning: ")
    await until(goes_on)


async def test_a_months_completeness_is_shown_by_type(system: System) -> None:
    month = shanghai_day(datetime.now(UTC)).isoformat()[:7]
    status, out, _ = await system.dreams("completeness", month, "--province", "32", "--json")
    found = json.loads(out)
    assert found["received"][provinces.PLAN_DECLARED] == 1
    status, out, _ = await system.dreams("completeness", month, "--province", "32")
    assert status == 0
    assert "发布资金计划 dreams.plan.declared.v1" in out


async def test_registers_are_listed_and_each_look_up_is_found_again(system: System) -> None:
    status, out, _ = await system.dreams("registers", "projects", "--json")
    assert (status, isinstance(json.loads(out), list)) == (0, True)
    status, out, _ = await system.dreams("registers", "institutions", "--search", "nothing like it")
    assert (status, "登记册 institutions" in out) == (0, True)
    status, out, _ = await system.dreams("look-ups", "--json")
    assert [one["found"]["register"] for one in json.loads(out) if one["what"] == "register_looked_up"] == [
        "project",
        "institution",
    ]
    status, out, _ = await system.dreams("look-ups", "--about", "nobody")
    assert (status, "访问记录 look-ups" in out) == (0, True)


async def test_an_award_is_explained_as_a_page_for_the_file(system: System) -> None:
    number = system.accepted(provinces.WORKER_ENROLLED)["data"]["enrollment_no"]
    status, out, _ = await system.dreams("explain", number, "--json")
    told = json.loads(out)["explanation"]
    assert (status, told["enrollment_no"]) == (0, number)
    assert told["decisions"][0]["steps"]
    status, out, _ = await system.dreams("explain", number, "--lang", "zh")
    assert status == 0
    assert all(word in out for word in ("补助决定说明", number, "逐步理由", "现在怎么办"))
    assert "Explanation" not in out
    status, out, _ = await system.dreams("explain", number, "--lang", "en")
    assert ("step by step" in out, "逐步理由" in out) == (True, False)
    status, _, said = await system.dreams("explain", "32-no-such-enrollment")
    assert (status, "No award is kept for this enrollment" in said) == (1, True)
    status, out, _ = await system.dreams("look-ups", "--about", number)
    assert (status, out.count("award_looked_up")) == (0, 3)


async def test_budgets_and_queues_are_shown_in_tables(system: System) -> None:
    status, out, _ = await system.dreams("budgets", "--json")
    budgets = json.loads(out)
    assert (status, bool(budgets)) == (0, True)
    lane = next(one["lane"] for one in budgets if one["waiting"])
    status, out, _ = await system.dreams("budgets", "--lane", lane, COLUMNS="160")
    assert (status, f"{lane} " in out, "provincial-federation" in out) == (0, True, True)
    today = shanghai_day(datetime.now(UTC)).isoformat()
    status, out, _ = await system.dreams("budgets", "--lane", lane, "--as-of", today, "--json")
    held = ("lane", "fiscal_year", "fund_source", "free_fen")
    assert [[one[name] for name in held] for one in json.loads(out) if one["allocated_fen"]] == [
        [one[name] for name in held] for one in budgets if one["lane"] == lane and one["allocated_fen"]
    ]
    status, out, _ = await system.dreams("waitlist", "--lane", lane, "--json")
    queues = json.loads(out)
    assert [one["waiting"] for one in queues] == [len(one["queue"]) for one in queues]
    status, out, _ = await system.dreams("waitlist", "--lane", lane)
    assert (status, queues[0]["queue"][0]["enrollment_no"] in out) == (0, True)
    status, out, _ = await system.dreams("waitlist", "--lane", lane, "--fund", "nobody-s")
    assert (status, "Nobody waits" in out) == (0, True)


async def test_the_ledger_is_checked_whole_and_every_decision_derived_again(system: System) -> None:
    status, out, _ = await system.dreams("ledger", "check", "--json")
    found = json.loads(out)
    assert (status, found["ok"], found["differing"]) == (0, True, [])
    assert found["wrong"].keys() == INVARIANTS.keys(), "each thing that is checked has a sentence"
    assert found["checked"]["decisions"] > 0
    async with database(system.stack, "subsidy") as db:
        await db.execute("UPDATE budget SET waiting = waiting + 1 WHERE waiting > 0")
        try:
            status, out, _ = await system.dreams("ledger", "check")
        finally:
            await db.execute("UPDATE budget SET waiting = waiting - 1 WHERE waiting > 0")
    assert (status, "wrong" in out, "budgets are what awards hold" in out) == (1, True, True)
    assert (await system.dreams("ledger", "check"))[0] == 0


async def test_the_logs_chains_are_verified_and_a_changed_fact_is_named_by_lane_and_number(
    system: System,
) -> None:
    status, out, _ = await system.dreams("log", "verify", "--json")
    lanes = json.loads(out)["lanes"]
    assert (status, [one for one in lanes if one["broken"]]) == (0, [])
    announced = {one["lane"] for one in lanes if one["heads"]}
    assert announced == {one["lane"] for one in lanes if one["stream"] == "enrollment.events"}
    async with database(system.stack, "subsidy") as db:
        row = await db.fetchrow(
            """SELECT * FROM log WHERE stream = 'subsidy.events' AND position('fen'::bytea IN events) > 0
               ORDER BY lane DESC, first_seq LIMIT 1"""
        )
        assert row is not None
        change = "UPDATE log SET events = $1 WHERE stream = $2 AND lane = $3 AND first_seq = $4"
        place = (row["stream"], row["lane"], row["first_seq"])
        await db.execute(change, row["events"].replace(b"fen", b"fan"), *place)
        try:
            status, out, _ = await system.dreams("log", "verify", "--service", "subsidy")
        finally:
            await db.execute(change, row["events"], *place)
    assert status == 1
    assert f"subsidy: subsidy.events {row['lane']} " in out
    assert f"seq {row['first_seq']}" in out
    assert "they were changed" in out
    status, out, _ = await system.dreams("log", "verify", "--lane", row["lane"])
    assert (status, "holds" in out) == (0, True)


@pytest.mark.parametrize("what", ["verify", "published-heads", "facts"])
async def test_a_log_is_read_by_auditors_only_and_only_of_the_service_that_writes_it(
    system: System, what: str
) -> None:
    asking = {"stream": "enrollment.events", "lane": LANE}
    addresses = {name: system.stack.address(name) for name in SERVICES}
    async with Api(Deployment(addresses, system.stack.token("auditor"))) as api:
        assert await api.get("enrollment", f"/v1/log/{what}", asking)
        with pytest.raises(RefusedError, match="does not publish that stream"):
            await api.get("subsidy", f"/v1/log/{what}", asking)
    async with Api(Deployment(addresses, system.stack.token("province-44"))) as api:
        with pytest.raises(RefusedError, match="may not do this"):
            await api.get("enrollment", f"/v1/log/{what}", asking)


THREE = """name: study-for-dreams
version: 3
valid_from: 2026-01-01
issuers: [Ministry of Education]
eligible_categories: [industrial, migrant, front_line, new_employment]
tracks: [academic, skills, combined]
provinces: all
amount_base_fen: 50000
fund_source: provincial-federation
"""


async def test_a_lanes_history_is_run_under_another_scheme_and_comes_to_the_books_under_its_own(
    system: System, tmp_path: Path
) -> None:
    file = tmp_path / "three.yaml"
    file.write_text(THREE)
    budgets = json.loads((await system.dreams("budgets", "--json"))[1])
    budget = next(one for one in budgets if one["waiting"] and one["allocated_fen"])
    words = ("what-if", "--lane", budget["lane"], "--year", str(budget["fiscal_year"]))
    status, out, said = await system.dreams(*words, "--scheme", str(file), "--json")
    assert status == 0, said
    found = json.loads(out)
    assert found["like_the_books"] is True
    assert found["facts"] > 0
    assert found["difference"]["gained"] + found["difference"]["less"] > 0
    more = f"{budget['fund_source']}={budget['allocated_fen'] * 100}"
    status, out, _ = await system.dreams(*words, "--budget", more)
    assert (status, "新获补助 newly funded" in out, "Nothing was written" in out) == (0, True, True)
    assert json.loads((await system.dreams("budgets", "--json"))[1]) == budgets
    file.write_text(THREE.replace("50000", "-1"))
    status, _, said = await system.dreams(*words, "--scheme", str(file))
    assert (status, "three.yaml, line 8: amount_base_fen" in said) == (1, True)
    assert (await system.dreams(*words))[0] == 2
    assert (await system.dreams(*words, "--budget", "much"))[0] == 2


async def test_a_scheme_is_checked_activated_by_an_event_of_the_nation_and_listed(
    system: System, tmp_path: Path
) -> None:
    file = tmp_path / "later.yaml"
    file.write_text(THREE.replace("version: 3", "version: 4").replace("2026-01-01", "2031-01-01"))
    status, out, _ = await system.dreams("schemes", "check", str(file))
    assert (status, "study-for-dreams 第 4 版" in out) == (0, True)
    user, password = system.stack.kafka.credentials("province-00")
    there = {
        "DREAMS_KAFKA_BOOTSTRAP": system.stack.kafka.bootstrap,
        "DREAMS_KAFKA_USERNAME": user,
        "DREAMS_KAFKA_PASSWORD_FILE": str(write_private(tmp_path / "password", password)),
        "DREAMS_NAMESPACE": NAMESPACE,
    }
    for _ in range(2):  # the same file again is the same event
        status, out, said = await system.dreams("schemes", "activate", str(file), **there)
        assert status == 0, (out, said)

    async def in_force() -> bool:
        found = [
            json.loads((await system.dreams("schemes", "--lane", lane, "--json"))[1])["adopted"]
            for lane in ("00", LANE)
        ]
        return all([one["version"] for one in adopted] == [4] for adopted in found)

    await until(in_force)
    status, out, _ = await system.dreams("schemes")
    assert (status, "事件 event" in out, "2031-01-01" in out) == (0, True, True)

    file.write_text(file.read_text().replace("50000", "60000"))
    status, out, _ = await system.dreams("schemes", "activate", str(file), **there)
    assert (status, "rejected" in out, "scheme-study-for-dreams-4" in out) == (1, True, True)
    file.write_text(file.read_text().replace("60000", "-1"))
    status, _, said = await system.dreams("schemes", "activate", str(file), **there)
    assert (status, "later.yaml, line 8: amount_base_fen" in said) == (2, True)


async def test_numbers_are_counted_anew_from_the_logs_of_enrollment_and_subsidy(system: System) -> None:
    status, out, errors = await system.dreams("rebuild", "reporting", "--from-logs", "--reason", "a drill")
    assert status == 0, errors
    assert "; 0 sums differ from before" in out
