"""Promises about notification's HTTP: masked, guarded, paged, and a release that leaves a trail."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from services.notification import api
from shared.plumbing.seal import Seal
from shared.plumbing.tokens import Tokens
from tests.notification.world import ADDRESS, NAME, Relay, World, award

REASON = {"reason": "not in the relay's log"}


@pytest.fixture
async def client(world: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    roles = ("operator", "auditor", "official")
    tokens = [{"name": r, "role": r, "sha256": hashlib.sha256(r.encode()).hexdigest()} for r in roles]
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    app = FastAPI()
    app.include_router(api.router)
    app.state.pool = world.pool
    app.state.parts = SimpleNamespace(seal=world.seal)
    app.state.tokens = Tokens(tmp_path / "tokens.json")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers={"Authorization": "Bearer operator"},
    ) as client:
        yield client


async def _three_sent(world: World, relay: Relay) -> None:
    await world.take(world.contact())
    facts = [world.fact("subsidy.granted", award(), lane=lane) for lane in ("32", "33", "33")]
    await world.take(*facts)
    await world.sender(relay.port).round()


async def test_recipients_are_masked(world: World, relay: Relay, client: httpx.AsyncClient) -> None:
    await _three_sent(world, relay)
    answer = await client.get("/v1/messages")
    assert answer.status_code == 200
    assert ADDRESS not in answer.text
    assert NAME not in answer.text
    first = answer.json()["messages"][0]
    assert (first["recipient"], first["state"], first["lane"]) == ("c***@example.cn", "sent", "32")
    assert first["mail_message_key"] in relay.taken[0]["Message-ID"]


async def test_filters_and_pages(world: World, relay: Relay, client: httpx.AsyncClient) -> None:
    await _three_sent(world, relay)
    await world.take(world.fact("subsidy.granted", award()))

    async def ids(**query: str | int | list[str]) -> list[str]:
        answer = await client.get("/v1/messages", params=query)
        return [row["cause_event_id"] for row in answer.json()["messages"]]

    assert await ids(state="pending") == ["subsidy.events-32-2"]
    assert await ids(lane="33") == ["subsidy.events-33-1", "subsidy.events-33-2"]
    assert await ids(cause_event_id=["subsidy.events-33-2", "other"]) == ["subsidy.events-33-2"]
    first = (await client.get("/v1/messages", params={"limit": 3})).json()
    assert len(first["messages"]) == 3
    second = (await client.get("/v1/messages", params={"limit": 3, "after": first["next_after"]})).json()
    assert [row["cause_event_id"] for row in second["messages"]] == ["subsidy.events-32-2"]
    assert second["next_after"] is None
    assert (await client.get("/v1/messages", params={"state": "burnt"})).status_code == 422


async def test_statistics_count_by_cause_and_state(
    world: World, relay: Relay, client: httpx.AsyncClient
) -> None:
    await _three_sent(world, relay)
    assert (await client.get("/v1/messages/stats")).json() == {
        "contacts": 1,
        "messages": [{"cause": "subsidy.granted", "state": "sent", "messages": 3}],
    }


async def test_only_what_is_unknown_is_released_and_it_leaves_a_trail(
    world: World, relay: Relay, client: httpx.AsyncClient
) -> None:
    await _three_sent(world, relay)
    number = (await world.rows())[0]["message_id"]
    refused = await client.post(f"/v1/messages/{number}/release", json=REASON)
    assert refused.status_code == 409
    assert "sent" in refused.json()["detail"]
    await world.pool.execute("UPDATE message SET state = 'unknown' WHERE message_id = $1", number)
    released = await client.post(f"/v1/messages/{number}/release", json=REASON)
    assert released.json() == {"message_id": number, "state": "pending"}
    act = await world.pool.fetchrow("SELECT operator, act, lane, reason FROM operator_act")
    assert act is not None
    assert tuple(act) == ("operator", f"release message {number}", "32", REASON["reason"])
    await world.sender(relay.port).round()
    assert len(relay.taken) == 4
    assert (await client.post("/v1/messages/999999/release", json=REASON)).status_code == 404


async def test_an_auditor_reads_and_changes_nothing_and_others_see_nothing(
    world: World, client: httpx.AsyncClient
) -> None:
    auditor = {"Authorization": "Bearer auditor"}
    assert (await client.get("/v1/messages", headers=auditor)).status_code == 200
    assert (await client.post("/v1/messages/1/release", json=REASON, headers=auditor)).status_code == 403
    assert (await client.get("/v1/messages", headers={"Authorization": "Bearer official"})).status_code == 403
    assert (await client.get("/v1/messages", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_a_recipient_sealed_with_another_key_is_said_to_be_so(
    world: World, relay: Relay, client: httpx.AsyncClient
) -> None:
    await _three_sent(world, relay)
    await world.pool.execute("UPDATE message SET recipient_sealed = $1", Seal(bytes(32)).close(b"x"))
    answer = (await client.get("/v1/messages")).json()
    assert answer["messages"][0]["recipient"] == "sealed with another key"
