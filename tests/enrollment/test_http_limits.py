"""Limits and outages at the HTTP door: who sends too much waits, and nobody is left in doubt about what was written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from fastapi import FastAPI

from console.stack.infrastructure import Infrastructure
from console.stack.tokens import plain_token
from services.enrollment import gateway
from services.enrollment.api import events
from services.enrollment.api.http_request import REQUEST_MAX_BYTES
from services.enrollment.gateway import ProvinceTopics
from shared.contracts.access import HTTP_DOOR
from shared.contracts.topics import DOOR_BATCH_MAX_BYTES, PROVINCE_EVENTS
from shared.plumbing.kafka import make_producer
from shared.plumbing.tokens import Tokens
from tests.enrollment.events import allocated
from tests.plumbing.proxies import KafkaProxy
from tests.plumbing.world import World, make_world, until

LANES = ("32", "33")
SEVERAL = {"content-type": "application/cloudevents-batch+json"}
AT_ONCE = 1_000
SLOWLY = 0.001
"""Events a second: so few that none is added while a test runs."""


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """Topics of two provinces, which nobody reads."""
    async with make_world(infrastructure, "enrollment", LANES) as made:
        yield made


class Open:
    """A door in this process, and the clients of provinces."""

    def __init__(self, world: World, app: FastAPI, door: events.HttpDoor) -> None:
        self._world, self._app, self.door = world, app, door

    async def post(self, sent: Any, lane: str = "32", wait: str = "0s") -> httpx.Response:
        secrets = self._world.infrastructure.data / "secrets"
        token = {"Authorization": f"Bearer {plain_token(secrets, f'province-{lane}')}"}
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://door", headers=token) as http:
            return await http.post(
                f"/v1/provinces/{lane}/events",
                content=orjson.dumps(sent),
                headers=SEVERAL,
                params={"wait": wait},
            )

    async def written(self, lane: str = "32") -> list[str]:
        """The ids on the province's topic."""
        return [orjson.loads(r.value)["id"] for r in await self._world.records(lane, PROVINCE_EVENTS)]


@asynccontextmanager
async def opened(world: World, **changes: Any) -> AsyncIterator[Open]:
    secrets = world.infrastructure.data / "secrets"
    settings = world.settings(
        kafka_username=HTTP_DOOR, kafka_password_file=secrets / "kafka" / HTTP_DOOR, **changes
    )
    topics = ProvinceTopics(world.namespace, lambda: make_producer(settings, DOOR_BATCH_MAX_BYTES))
    door = events.HttpDoor(topics, SLOWLY, AT_ONCE)
    app = FastAPI()
    app.include_router(events.router(door))
    app.state.pool, app.state.tokens = world.pool, Tokens(settings.tokens_file)
    try:
        yield Open(world, app, door)
    finally:
        await topics.close()


async def test_who_sends_too_much_waits_and_others_do_not(world: World) -> None:
    async with opened(world) as door:
        batch = [allocated(f"much-{n}") for n in range(AT_ONCE)]
        assert (await door.post(batch)).status_code == 202
        refused = await door.post([allocated("one-more")])
        assert (refused.status_code, refused.json()["code"]) == (429, "too_often")
        assert (
            0.5 / SLOWLY < int(refused.headers["retry-after"]) <= 1 / SLOWLY
        )  # the place of one event comes back
        assert (await door.post([allocated("other", lane="33")], "33")).status_code == 202
        assert await door.written() == [one["id"] for one in batch]


async def test_too_many_requests_at_once_are_told_to_come_again(world: World) -> None:
    async with opened(world) as door:
        waiting = [
            asyncio.create_task(door.post([allocated(f"wait-{n}")], wait="10s"))
            for n in range(events.REQUESTS_AT_ONCE)
        ]

        async def all_wait() -> bool:
            return door.door._under_way["32"] == events.REQUESTS_AT_ONCE

        await until(all_wait)
        refused = await door.post([allocated("wait-too")])
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_at_once")
        assert refused.headers["retry-after"] == "1"
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await door.post([allocated("wait-after")])).status_code == 202


async def test_while_kafka_is_away_nothing_is_written_and_that_is_said_of_each_event(world: World) -> None:
    async with opened(world, kafka_bootstrap="127.0.0.1:9") as door:
        sent = [allocated("away-1"), allocated("away-2")]
        answer = await door.post(sent)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "not_written")
    assert answer.headers["retry-after"] == "5"
    assert [(one["id"], one["written"]) for one in problem["events"]] == [(one["id"], "no") for one in sent]


async def test_where_kafkas_answer_is_lost_the_sender_is_told_and_may_send_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        KafkaProxy(world.infrastructure.ports["kafka"]).running() as proxy,
        opened(world, kafka_bootstrap=f"127.0.0.1:{proxy.port}") as door,
    ):
        assert (await door.post([allocated("lost-0")])).status_code == 202
        proxy.lose_produced = True
        with monkeypatch.context() as hurried:
            hurried.setattr(gateway, "WRITE_TIMEOUT_S", 1.0)
            sent = [allocated("lost-1"), allocated("lost-2")]
            answer = await door.post(sent)
        assert (answer.status_code, proxy.lost > 0) == (503, True)
        assert [one["written"] for one in answer.json()["events"]] == ["unknown", "unknown"]
        proxy.lose_produced = False
        again = await door.post(sent)
        assert again.status_code == 202, again.text
        ids = [one["id"] for one in sent]
        written = await door.written()
        assert written[-2:] == ids
        assert [one for one in written if one in ids] in (ids, ids * 2)  # whole, both times


async def test_the_largest_request_is_one_record_batch(world: World) -> None:
    room = REQUEST_MAX_BYTES // AT_ONCE - 400
    async with opened(world) as door:
        sent = [allocated(f"large-{n}", filling="x" * room) for n in range(AT_ONCE)]
        answer = await door.post(sent)
        assert answer.status_code == 202, answer.text
        offsets = [one["offset"] for one in answer.json()["events"]]
        assert offsets == list(range(offsets[0], offsets[0] + AT_ONCE))


async def test_writing_needs_no_database(world: World) -> None:
    async with opened(world) as door:
        pool = await asyncpg.create_pool(world.runtime_dsn, min_size=1, max_size=1)
        await pool.close()
        door._app.state.pool = pool
        answer = await door.post([allocated("no-database")], wait="1s")
        assert (answer.status_code, answer.json()["receipts"]) == (202, [])
        assert "after=" not in answer.json()["events"][0]["receipt"]
