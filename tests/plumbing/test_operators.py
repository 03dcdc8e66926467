"""Operators act through tokens with roles, and every act is written down."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from console.stack.tokens import plain_token
from tests.plumbing.relay import OUTPUT
from tests.plumbing.world import Running, World


def bearer(running: Running, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {plain_token(running.secrets, name)}"}


async def test_only_an_operator_may_act_and_only_who_has_a_token_may_look(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        stop = f"/v1/lanes/{lane}/stop"
        for headers, expected in (
            ({}, httpx.codes.UNAUTHORIZED),
            ({"Authorization": "Bearer wrong"}, httpx.codes.UNAUTHORIZED),
            (bearer(running, "official"), httpx.codes.FORBIDDEN),
            (bearer(running, "auditor"), httpx.codes.FORBIDDEN),
            (bearer(running, "province-32"), httpx.codes.FORBIDDEN),
        ):
            answer = await running.http.post(stop, json={"reason": "a test"}, headers=headers)
            assert answer.status_code == expected
        assert (await running.http.get("/v1/lanes")).status_code == httpx.codes.UNAUTHORIZED
        looked = await running.http.get("/v1/lanes", headers=bearer(running, "auditor"))
        assert {row["lane"] for row in looked.json()["cursors"] if row["owned"]} >= {lane}
        assert (await world.cursor(lane))["stopped"] is None


async def test_what_an_operator_does_is_written_down_with_name_and_reason(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        await world.notes(lane, 1)
        await world.until_relayed(lane, 1)
        await running.order("stop", lane)
        assert (await world.cursor(lane))["stopped"] == "operator: a test"
        await running.order("resume", lane)
        await running.order("republish", lane, stream=OUTPUT.pattern, from_seq=1)
        acts = await world.pool.fetch("SELECT * FROM operator_act WHERE lane = $1 ORDER BY id", lane)
        assert [(act["operator"], act["act"], act["reason"]) for act in acts] == [
            ("operator", "stop", "a test"),
            ("operator", "resume", "a test"),
            ("operator", f"republish {OUTPUT.pattern} from 1", "a test"),
        ]


@pytest.mark.parametrize("lane", ["99", "320", "x"])
async def test_a_lane_that_does_not_exist_is_refused(world: World, lane: str) -> None:
    async with world.relay() as running:
        answer = await running.http.post(
            f"/v1/lanes/{lane}/stop", json={"reason": "a test"}, headers=bearer(running, "operator")
        )
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY


async def test_an_event_is_found_in_the_log_by_its_id(world: World) -> None:
    (lane,) = world.some_lanes(1)
    async with world.relay() as running:
        await world.notes(lane, 1, 2)
        await world.until_relayed(lane, 1, 2)
        fact = (await world.published(lane))[1]
        now = datetime.now(UTC)
        span = {
            "since": (now - timedelta(hours=1)).isoformat(),
            "until": (now + timedelta(hours=1)).isoformat(),
        }
        found = await running.http.get(
            "/v1/log/search", params={"event_id": fact["id"], **span}, headers=bearer(running, "auditor")
        )
        assert [one["event"] for one in found.json()] == [fact]
