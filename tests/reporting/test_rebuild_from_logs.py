"""Promises of a rebuild from the publishers' logs: what Kafka has lost comes back to the byte, and no topic is left."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from confluent_kafka import OFFSET_END, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # its stub does not re-export it
from typer.testing import CliRunner

from console.api_client import Api, Deployment
from console.commands_rebuild import rebuilt_from_logs
from console.main import app
from console.stack.infrastructure import Infrastructure
from console.stack.tokens import plain_token
from services.reporting import store
from services.reporting.api import rereading
from shared.contracts.lanes import partition_of
from shared.plumbing import replay
from tests.reporting.conftest import DEADLINE_S, Running, counting, running
from tests.reporting.facts import E, Programme, S, take
from tests.reporting.publishers import Publisher, publishers

LANES = ("32", "33", "50")
WHY = {"reason": "the topics have lost their beginning"}
PLAY = 600


@dataclass
class System:
    """Reporting and its two publishers."""

    reporting: Running
    publishers: dict[str, Publisher]
    infrastructure: Infrastructure
    environment: dict[str, str]

    async def publish(self, published: list[tuple[str, bytes]]) -> None:
        """Log and publish, as both would."""
        for publisher in self.publishers.values():
            await publisher.log(published)
        await self.reporting.feed(published)

    async def lose(self, stream: str, records: int) -> None:
        """Kafka forgets the first records of every lane, as after its retention."""
        topic = f"{self.reporting.namespace}{stream}"
        client = self.infrastructure.kafka.access.client
        places = [TopicPartition(topic, partition_of(lane), records) for lane in LANES]
        for done in client.delete_records(places).values():
            await asyncio.to_thread(done.result, DEADLINE_S)

    async def dreams(self, *words: str) -> tuple[int, str]:
        """Run the command; its exit status and what it said."""
        asked = ["rebuild", "reporting", "--reason", WHY["reason"], *words]
        done = await asyncio.to_thread(CliRunner().invoke, app, asked, env=self.environment)
        return done.exit_code, done.output

    async def replays(self) -> list[str]:
        """Topics of replays that Kafka holds."""
        found = await asyncio.to_thread(self.infrastructure.kafka.access.client.list_topics, timeout=10)
        mine = self.reporting.namespace
        return [name for name in found.topics if name.startswith(mine) and ".replay." in name]

    async def until_no_replay_is_left(self) -> None:
        """Wait until the broker no longer names any: it hears of a deletion a little later than who asked for it."""

        async def none_is_left() -> bool:
            return not await self.replays()

        await until(none_is_left)

    async def ask(self, service: str, method: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Ask a publisher about its replay, as the operator."""
        headers = self.reporting.token("operator")
        address = f"{self.publishers[service].url}/v1/log/replay"
        return await self.reporting.client.request(method, address, json=body, headers=headers)

    async def until(self, service: str, *states: str) -> dict[str, Any]:
        """Wait until a publisher's replay is in one of these states."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                shown: dict[str, Any] = (await self.ask(service, "GET")).json()
                if shown["state"] in states:
                    return shown
                await asyncio.sleep(0.05)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
async def system(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """One system; each test publishes on lanes of its own."""
    namespace, folder = f"t{secrets.token_hex(3)}.", tmp_path_factory.mktemp("replays")
    async with (
        running(infrastructure, namespace, folder) as service,
        publishers(infrastructure, namespace, folder) as both,
    ):
        token = folder / "operator"
        token.write_text(plain_token(service.secrets, "operator"))
        environment = {"DREAMS_API_REPORTING": service.url, "DREAMS_API_TOKEN_FILE": str(token)}
        environment |= {f"DREAMS_API_{name.upper()}": one.url for name, one in both.items()}
        yield System(service, both, infrastructure, environment)
    await infrastructure.drop_namespace(namespace)


async def test_what_kafka_has_lost_comes_back_from_the_logs_to_the_byte_while_facts_come(
    system: System,
) -> None:
    published, db = Programme(41, LANES).play(PLAY).published, system.reporting.db
    await system.publish(published[:500])
    await system.reporting.until(500)
    right = await store.canonical_dump(db)
    await system.lose(E, 20)
    await system.lose(S, OFFSET_END)
    await db.execute("DELETE FROM person")
    await db.execute("UPDATE standing SET total = total + 1 WHERE measure = 'enrolled' AND lane = '32'")
    wrong = await store.canonical_dump(db)

    status, said = await system.dreams()
    assert status == 1
    assert "enrollment.events begins with number 21 on lane 32, and number 1 is needed" in said
    assert "dreams rebuild reporting --from-logs" in said
    assert "不再保存全部事实" in said
    assert await store.canonical_dump(db) == wrong, "what is read stays as it was"

    status, said = await system.dreams("--from-logs")
    assert status == 0, said
    assert "500 facts were counted anew; 1 sums differ" in said
    await system.until_no_replay_is_left()
    assert await store.canonical_dump(db) == right

    later = asyncio.create_task(system.publish(published[500:]))
    status, said = await system.dreams("--from-logs")
    await later
    assert (status, "0 sums differ" in said) == (0, True), said
    await system.reporting.until(len(published))
    async with counting(system.infrastructure, f"r{system.reporting.namespace}") as counted:
        await counted.carry([take(stream, raw) for stream, raw in published])
        assert await store.canonical_dump(db) == await counted.dump()
    await system.infrastructure.drop_namespace(f"r{system.reporting.namespace}")


def test_behind_a_replay_the_live_topic_is_read_from_where_the_tables_stood_less_what_they_were_ahead() -> (
    None
):
    assert rereading.goes_on_at(next_offset=120, last_seq=100, end=100) == 120
    assert rereading.goes_on_at(next_offset=120, last_seq=107, end=100) == 113
    assert rereading.goes_on_at(next_offset=120, last_seq=93, end=100) == 120
    assert rereading.goes_on_at(next_offset=3, last_seq=107, end=100) == 0


async def test_a_log_that_was_changed_is_not_counted_and_leaves_no_topic(system: System) -> None:
    published, db = Programme(42, ("41",)).play(60).published, system.reporting.db
    known = await db.fetchval("SELECT count(*) FROM fact")
    await system.publish(published)
    await system.reporting.until(known + len(published))
    owner = system.publishers["enrollment"].owner
    await owner.execute("UPDATE log SET events = events || ' ' WHERE lane = '41' AND first_seq > 1")
    before = await store.canonical_dump(db)
    status, said = await system.dreams("--from-logs")
    await owner.execute("UPDATE log SET events = rtrim(events, ' ') WHERE lane = '41' AND first_seq > 1")
    assert status == 1
    assert "The log does not hold on lane 41 at number 8" in said
    assert "dreams log verify" in said
    await system.until_no_replay_is_left()

    async def has_ended() -> bool:
        return bool((await system.reporting.get("/v1/rebuild", "auditor")).json()["state"] != "reading")

    await until(has_ended)
    assert await store.canonical_dump(db) == before


async def test_the_topic_of_a_replay_goes_whoever_began_it_is_gone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.publish(Programme(43, ("42",)).play(60).published)
    asked = {**WHY, "replay": "abandone"}
    assert (await system.ask("subsidy", "POST", asked)).status_code == 202
    assert (await system.until("subsidy", "sent"))["facts"] > 0
    again = await system.ask("subsidy", "POST", asked)
    assert (again.status_code, again.json()["code"]) == (409, "replaying")
    assert len(await system.replays()) == 1
    assert (await system.ask("subsidy", "DELETE")).json()["state"] == "deleted"
    await system.until_no_replay_is_left()

    monkeypatch.setattr(replay, "WANTED_FOR_S", 0.0)
    monkeypatch.setattr(replay, "LOOK_EVERY_S", 0.01)
    assert (await system.ask("subsidy", "POST", asked)).status_code == 202
    shown = await system.until("subsidy", "failed")
    assert "Nobody has asked about the replay" in shown["why"]
    await system.until_no_replay_is_left()


async def test_a_command_that_is_interrupted_leaves_neither_a_topic_nor_a_rebuild(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_level(_: object) -> None:
        return None

    async def reads() -> bool:
        return bool((await system.reporting.get("/v1/rebuild", "auditor")).json()["state"] == "reading")

    async def is_given_up() -> bool:
        shown = (await system.reporting.get("/v1/rebuild", "auditor")).json()
        return shown["state"] == "failed" and "given it up" in shown["why"]

    monkeypatch.setattr(store, "switch_if_level", never_level)
    await system.publish(Programme(46, ("45",)).play(30).published)
    addresses = {name: one.url for name, one in system.publishers.items()} | {
        "reporting": system.reporting.url
    }
    async with Api(Deployment(addresses, plain_token(system.reporting.secrets, "operator"))) as api:
        command = asyncio.create_task(rebuilt_from_logs(api, "a drill"))
        await until(reads)
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command
    await system.until_no_replay_is_left()
    await until(is_given_up)


async def test_what_a_process_that_is_gone_has_left_is_deleted_at_the_next_start(
    infrastructure: Infrastructure, namespace: str, tmp_path: Path
) -> None:
    await infrastructure.create_topics(namespace, lanes=())
    client = infrastructure.kafka.access.client
    left = [f"{namespace}{stream}.replay.leftover" for stream in (E, S)]
    for made in client.create_topics([NewTopic(name, 1, 1) for name in left]).values():
        await asyncio.to_thread(made.result, DEADLINE_S)
    async with asyncio.timeout(DEADLINE_S):
        for name in left:  # the broker learns of topics and rights a moment after it has made them
            owner = infrastructure.kafka.access.client_of(name.removeprefix(namespace).split(".")[0])
            await until(lambda: asyncio.to_thread(lambda: name in owner.list_topics(timeout=10).topics))  # noqa: B023
    async with publishers(infrastructure, namespace, tmp_path), asyncio.timeout(DEADLINE_S):
        await until(
            lambda: asyncio.to_thread(lambda: not set(left) & set(client.list_topics(timeout=10).topics))
        )


async def test_only_a_publisher_makes_a_replay_of_its_own_and_only_reporting_reads_it(
    system: System,
) -> None:
    name = f"{system.reporting.namespace}{E}.replay.foreign1"
    for user in ("subsidy", "reporting", "notification", "operator"):
        client = system.infrastructure.kafka.access.client_of(user)
        (made,) = client.create_topics([NewTopic(name, 1, 1)]).values()
        with pytest.raises(KafkaException) as refused:
            await asyncio.to_thread(made.result, DEADLINE_S)
        assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    await system.publish(Programme(44, ("43",)).play(30).published)
    assert (await system.ask("enrollment", "POST", {**WHY, "replay": "rights01"})).status_code == 202
    await system.until("enrollment", "sent")
    seen = {
        user: name.replace("foreign1", "rights01")
        in (
            await asyncio.to_thread(
                system.infrastructure.kafka.access.client_of(user).list_topics, timeout=10
            )
        ).topics
        for user in ("enrollment", "reporting", "subsidy", "notification")
    }
    assert seen == {"enrollment": True, "reporting": True, "subsidy": False, "notification": False}
    await system.ask("enrollment", "DELETE")


async def test_who_may_ask_for_a_replay(system: System) -> None:
    asked = {**WHY, "replay": "whomay01"}
    url = f"{system.publishers['enrollment'].url}/v1/log/replay"
    for office, method, status in (
        (None, "GET", 401),
        ("official", "GET", 403),
        ("auditor", "GET", 200),
        ("auditor", "POST", 403),
        ("auditor", "DELETE", 403),
        ("province-32", "POST", 403),
    ):
        headers = system.reporting.token(office) if office else {}
        body = asked if method == "POST" else None
        answer = await system.reporting.client.request(method, url, json=body, headers=headers)
        assert answer.status_code == status, (office, method)
    assert (await system.ask("enrollment", "POST", {"replay": "whomay01"})).status_code == 422
    assert (await system.ask("enrollment", "POST", {**WHY, "replay": "../escape"})).status_code == 422


async def test_a_replay_that_is_not_whole_or_brings_nothing_is_never_switched_to(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Programme(45, ("44",)).play(40).published
    await system.publish(published)
    assert (await system.ask("enrollment", "POST", {**WHY, "replay": "holes001"})).status_code == 202
    ends = (await system.until("enrollment", "sent"))["ends"]

    async def rebuilt(name: str, end: int) -> dict[str, Any]:
        body = {**WHY, "replay": {"name": name, "ends": {E: {"44": end}}}}
        headers = system.reporting.token("operator")
        begun = await system.reporting.client.post("/v1/rebuild", json=body, headers=headers)
        assert begun.status_code == 202, begun.text
        async with asyncio.timeout(DEADLINE_S):
            while True:
                shown: dict[str, Any] = (await system.reporting.get("/v1/rebuild", "auditor")).json()
                if shown["state"] != "reading":
                    return shown
                await asyncio.sleep(0.05)

    topic = f"{system.reporting.namespace}{E}.replay.holes001"
    beyond = orjson.loads(next(raw for stream, raw in published if stream == E)) | {"seq": ends["44"] + 2}
    sent = system.reporting.producers[E].send(topic, orjson.dumps(beyond), partition=partition_of("44"))
    await (await sent)
    shown = await rebuilt("holes001", ends["44"] + 1)
    assert shown["state"] == "failed"
    assert (
        f"it goes to {ends['44'] + 1}, but its numbers follow each other to {ends['44']} only" in shown["why"]
    )

    monkeypatch.setattr(rereading, "REPLAY_SILENT_S", 0.0)
    shown = await rebuilt("holes001", ends["44"] + 9)
    assert (shown["state"], "has brought nothing" in shown["why"]) == ("failed", True)

    monkeypatch.setattr(rereading, "REPLAY_SILENT_S", 3_600.0)
    waits = asyncio.create_task(rebuilt("holes001", ends["44"] + 9))

    async def is_reading() -> bool:
        return bool((await system.reporting.get("/v1/rebuild", "auditor")).json()["facts"])

    await until(is_reading)
    await system.reporting.client.delete("/v1/rebuild", headers=system.reporting.token("operator"))
    assert "given it up" in (await waits)["why"]
    await system.ask("enrollment", "DELETE")
