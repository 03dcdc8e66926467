"""Promises of the whole service on the real broker: one letter for one cause, whatever is killed when."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from console.commands_messages import messages
from console.stack.infrastructure import Infrastructure
from console.stack.processes import Identity
from console.stack.stack import Stack
from console.stack.state import ServiceState, StackState
from services.notification.config import Settings
from services.notification.main import definition
from services.notification.store import Messages
from shared.contracts.lanes import partition_of
from shared.contracts.topics import PROVINCE_CONTACTS, SUBSIDY_EVENTS
from shared.plumbing import postgres, service
from tests.notification.world import ADDRESS, NAME, WORKER, Relay, award

DEADLINE_S = 30


@pytest.fixture
async def stack(infrastructure: Infrastructure, namespace: str, relay: Relay) -> AsyncIterator[Stack]:
    settings = {"DREAMS_SMTP_PORT": str(relay.port), "DREAMS_SIMULATED": "true"}
    async with await Stack.over(infrastructure, namespace, ["notification"], settings=settings) as running:
        yield running


class Publisher:
    """Writes what subsidy and a province would."""

    def __init__(self, infrastructure: Infrastructure, namespace: str) -> None:
        self._infrastructure = infrastructure
        self._namespace = namespace
        self._seq = 0

    async def grant(self, *, times: int = 1) -> str:
        """One granted award, sent so many times; its event id."""
        self._seq += 1
        now = datetime.now(UTC).isoformat()
        fact = {
            "id": f"grant-{self._seq}",
            "source": "//subsidy/abc",
            "type": "dreams.subsidy.granted.v1",
            "subject": WORKER,
            "time": now,
            "recordedtime": now,
            "lane": "32",
            "seq": self._seq,
            "data": award(),
        }
        for _ in range(times):
            await self._send("subsidy", SUBSIDY_EVENTS.topic(self._namespace, "32"), partition_of("32"), fact)
        return f"grant-{self._seq}"

    async def contact(self, value: dict[str, Any] | None) -> None:
        """A record on Jiangsu's contacts."""
        await self._send(
            "province-32", PROVINCE_CONTACTS.topic(self._namespace, "32"), 0, value, WORKER.encode()
        )

    async def _send(
        self, principal: str, topic: str, partition: int, value: object, key: bytes | None = None
    ) -> None:
        user, password = self._infrastructure.kafka.credentials(principal)
        async with AIOKafkaProducer(
            bootstrap_servers=self._infrastructure.kafka.bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=user,
            sasl_plain_password=password,
        ) as producer:
            raw = None if value is None else json.dumps(value).encode()
            await producer.send_and_wait(topic, raw, key=key, partition=partition)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110 - what is waited for lies in another process
            await asyncio.sleep(0.05)


async def _shown(stack: Stack, **query: Any) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(
            f"{stack.address('notification')}/v1/messages",
            params=query,
            headers={"Authorization": f"Bearer {stack.token('operator')}"},
        )
    found: list[dict[str, Any]] = answer.raise_for_status().json()["messages"]
    return found


@pytest.mark.timeout(240)
async def test_a_kill_in_the_middle_of_a_letter_never_makes_two_of_it(
    infrastructure: Infrastructure, namespace: str, stack: Stack, relay: Relay
) -> None:
    publisher = Publisher(infrastructure, namespace)

    async def letters(wanted: int) -> None:
        async def there() -> bool:
            return len(relay.taken) >= wanted

        await _until(there)

    async def stands(cause: str, state: str) -> None:
        async def so() -> bool:
            return [row["state"] for row in await _shown(stack, cause_event_id=cause)] == [state]

        await _until(so)

    await publisher.contact({"name": NAME, "email": "not an address"})
    await publisher.contact({"name": NAME, "email": ADDRESS})
    first = await publisher.grant(times=3)
    await letters(1)
    await stands(first, "sent")
    assert relay.taken[0]["Subject"] == "【模拟】您的学费补助已批准"

    relay.arrived.clear()
    relay.frozen = asyncio.Event()
    second = await publisher.grant()
    await asyncio.wait_for(relay.arrived.wait(), DEADLINE_S)
    stack.services["notification", 0].send_signal(signal.SIGKILL)
    await stack.services["notification", 0].wait(DEADLINE_S)
    relay.frozen.set()
    relay.frozen = None
    await stack.start_service("notification")
    await stands(second, "sending")
    third = await publisher.grant()
    await stands(third, "sent")
    assert len(relay.taken) == 3

    # Its lease is over: nobody knows, so nobody sends it, until an operator has looked and says so.
    pool = await postgres.open_pool(infrastructure.database("notification", namespace).runtime_dsn, "test", 1)
    await Messages(pool).expire(timedelta(0))
    await pool.close()
    await stands(await publisher.grant(), "sent")
    await stands(second, "unknown")
    assert len(relay.taken) == 4
    _note_state(stack)
    unknown = (await _shown(stack, state="unknown"))[0]["message_id"]
    told = await _run("release", str(unknown), "--reason", "not in the relay's log", data=stack)
    assert "waits to be sent again" in told
    await stands(second, "sent")
    assert len(relay.taken) == 5

    await publisher.contact(None)
    await stands(await publisher.grant(), "no_contact")
    await _look_at_it_by_command(stack)
    async with httpx.AsyncClient(trust_env=False) as client:
        metrics = (await client.get(f"{stack.address('notification')}/metrics")).text
    assert 'dreams_messages_total{cause="subsidy.granted",state="no_contact"} 1.0' in metrics
    for text in (metrics, stack.services["notification", 0].log.read_text()):
        assert ADDRESS not in text
        assert NAME not in text
        assert "canary" not in text


def _note_state(stack: Stack) -> None:
    """What the supervisor would write for other commands."""
    me = Identity.of(stack.services["notification", 0].pid)
    service = ServiceState(
        address=stack.address("notification"),
        pid=me.pid,
        log=stack.services["notification", 0].log,
        dsn_file=stack.secrets,
    )
    StackState(
        state="running",
        pid=me.pid,
        started_s=me.started_s,
        data=stack.infrastructure.data,
        mail_file=stack.mail_file,
        services={"notification": service},
    ).write()


async def _run(*arguments: str, data: Stack, status: int = 0) -> str:
    result = await asyncio.to_thread(
        CliRunner().invoke,
        messages,
        [*arguments, "--data", str(data.infrastructure.data)],
        env={"COLUMNS": "200"},
    )
    assert result.exit_code == status, result.output
    return result.output


async def _look_at_it_by_command(stack: Stack) -> None:
    shown = await _run("--limit", "2", data=stack)
    assert "subsidy.granted" in shown
    assert "There are more: --after" in shown
    found = json.loads(await _run("--state", "no_contact", "--json", data=stack))
    assert [row["cause"] for row in found["messages"]] == ["subsidy.granted"]
    assert "only an unknown one" in await _run(
        "release", str(found["messages"][0]["message_id"]), "--reason", "wrong", data=stack, status=1
    )
    assert "No letter has been sent yet" in await _run("letters", data=stack)
    letter = {"received": "2026-11-24T00:00:00", "to": ["x@example.cn"], "subject": "s", "text": "[b]t"}
    stack.mail_file.write_text(json.dumps(letter) + "\n")
    assert "[b]t" in await _run("letters", data=stack)
    assert json.loads(await _run("letters", "--json", data=stack)) == [letter]
    stack.mail_file.unlink()
    assert "no mail sink" in await _run("letters", data=stack, status=1)


def test_its_contract_is_written_without_a_broker_or_a_secret(tmp_path: Path) -> None:
    settings = Settings(
        kafka_bootstrap="nowhere:1",
        kafka_username="notification",
        kafka_password_file=_file(tmp_path),
        database_dsn_file=tmp_path / "absent",
        http_port=1,
        tokens_file=tmp_path / "absent",
        seal_key_file=tmp_path / "absent",
        smtp_host="nowhere",
        smtp_port=25,
    )
    document = json.loads(service.asyncapi(definition(settings), settings, "What notification reads."))
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert {"subsidy.events", "enrollment.events", "provinces.32.contacts"} <= addresses


def _file(folder: Path) -> Path:
    path = folder / "password"
    path.write_text("x")
    return path
