"""A province without Kafka posts its events: written whole or not at all, judged as if they had come by Kafka."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from console.stack.private_files import write_private
from services.enrollment.api.events import HEARD_MAX_BYTES
from shared.contracts.door_codes import DOOR_CODES
from shared.contracts.topics import PROVINCE_EVENTS
from tests.chain.topics import admin
from tests.enrollment.conftest import WITHIN_S, Door
from tests.enrollment.events import allocated, enrolled, registered, worker_ref

pytestmark = pytest.mark.usefixtures("measured_processes")

ONE, SEVERAL, BARE = "application/cloudevents+json", "application/cloudevents-batch+json", "application/json"
EVENTS = "/v1/provinces/32/events"
WAIT = {"wait": "10s"}
PUBLISHING = Path(__file__).parents[2] / "docs" / "publishing.md"


@pytest.fixture
async def http(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """Jiangsu's own client."""
    token = {"Authorization": f"Bearer {door.stack.token('province-32')}"}
    async with httpx.AsyncClient(
        base_url=door.stack.address("enrollment"), headers=token, timeout=WITHIN_S, trust_env=False
    ) as client:
        yield client


async def post(http: httpx.AsyncClient, sent: Any, kind: str = ONE, **more: Any) -> httpx.Response:
    body = sent if isinstance(sent, bytes) else orjson.dumps(sent)
    headers = {"content-type": kind} | more.pop("headers", {})
    return await http.post(EVENTS, content=body, headers=headers, **more)


async def judged(http: httpx.AsyncClient, sent: Any, kind: str = ONE, **more: Any) -> list[dict[str, Any]]:
    """The receipts of what is posted, all of them final."""
    answer = await post(http, sent, kind, params=WAIT, **more)
    assert answer.status_code == 202, answer.text
    receipts: list[dict[str, Any]] = answer.json()["receipts"]
    assert len(receipts) == len(answer.json()["events"])
    return receipts


async def test_an_event_is_accepted_and_its_link_leads_to_its_receipt(
    door: Door, http: httpx.AsyncClient
) -> None:
    sent = registered(worker_ref("A"))
    answer = await post(http, sent)
    assert answer.status_code == 202, answer.text
    (written,) = answer.json()["events"]
    assert (written["id"], written["source"]) == (sent["id"], sent["source"])
    assert (await door.answer(written["offset"]))["status"] == "accepted"
    (receipt,) = (await http.get(written["receipt"])).json()["receipts"]
    assert (receipt["event_id"], receipt["status"], receipt["code"]) == (sent["id"], "accepted", None)


async def test_a_batch_gets_a_receipt_for_each_in_its_order(http: httpx.AsyncClient) -> None:
    worker = worker_ref("B")
    good, early = registered(worker), enrolled(worker, "32-http-1")
    bad = allocated("http-1", amount_fen=-1)
    receipts = await judged(http, [early, bad, good], SEVERAL)
    assert [one["event_id"] for one in receipts] == [early["id"], bad["id"], good["id"]]
    assert [one["status"] for one in receipts] == ["accepted", "rejected", "accepted"]
    refused = receipts[1]
    assert (refused["code"], refused["field"]) == ("invalid", "data.amount_fen")
    assert refused["message_zh"].endswith(refused["what_to_do_zh"])


async def test_binary_mode_is_taken_with_attributes_that_are_percent_encoded(http: httpx.AsyncClient) -> None:
    sent = registered(worker_ref("C"), id="二进制 1")
    data = sent.pop("data")
    headers = {f"ce-{name}": quote(value) for name, value in sent.items()}
    (receipt,) = await judged(http, data, BARE, headers=headers)
    assert (receipt["event_id"], receipt["status"]) == ("二进制 1", "accepted")


async def test_the_same_event_again_is_a_duplicate_and_each_record_has_its_own_receipt(
    http: httpx.AsyncClient,
) -> None:
    sent = allocated("http-2")
    first = (await post(http, sent, params=WAIT)).json()["events"][0]["receipt"]
    again = await post(http, sent, params=WAIT)
    other = await post(http, allocated("http-2", amount_fen=7, id=sent["id"]), params=WAIT)
    statuses = [answer.json()["receipts"][0]["status"] for answer in (again, other)]
    assert statuses == ["duplicate", "conflict"]
    links = [first, *(answer.json()["events"][0]["receipt"] for answer in (again, other))]
    found = [(await http.get(link)).json()["receipts"] for link in links]
    assert [one[0]["status"] for one in found] == ["accepted", "duplicate", "conflict"]
    (under_the_id,) = (await http.get(links[2].partition("?")[0])).json()["receipts"]
    assert under_the_id["status"] == "accepted"


async def test_what_waits_is_shown_as_waiting_and_later_as_accepted_under_the_same_link(
    http: httpx.AsyncClient,
) -> None:
    worker = worker_ref("D")
    answer = await post(http, enrolled(worker, "32-http-3"), params={"wait": "0s"})
    link = answer.json()["events"][0]["receipt"]
    await judged(http, allocated("http-3"))  # behind it on the same lane: so it is judged by now
    (waiting,) = (await http.get(link)).json()["receipts"]
    assert (waiting["status"], waiting["code"]) == ("parked", "waits_for")
    await judged(http, registered(worker))
    (final,) = (await http.get(link)).json()["receipts"]
    assert final["status"] == "accepted"


async def test_an_event_that_names_another_province_is_judged_as_by_kafka(http: httpx.AsyncClient) -> None:
    (receipt,) = await judged(http, registered(worker_ref("E"), source="//provinces/33/hr"))
    assert (receipt["status"], receipt["code"]) == ("rejected", "foreign_province")


GOOD = registered(worker_ref("F"), id="http-never-written")
LARGE = b" " * (1024 * 1024) + orjson.dumps(GOOD)
REFUSED: dict[str, tuple[Any, str, dict[str, str], str, int | None]] = {
    "not JSON": (b"{broken", ONE, {}, "unreadable", None),
    "nothing": (b"", ONE, {}, "empty", None),
    "an empty batch": ([], SEVERAL, {}, "empty", None),
    "a batch that is no array": (GOOD, SEVERAL, {}, "unreadable", None),
    "a batch that is sent as one event": ([GOOD, GOOD], ONE, {}, "unreadable", None),
    "a batch with a duplicate key": (b'[{"id":"1","id":"2"}]', SEVERAL, {}, "unreadable", None),
    "a batch nested too deep": (b"[" * 5_000 + b"]" * 5_000, SEVERAL, {}, "unreadable", None),
    "no id in a batch": ([GOOD, {**GOOD, "id": None}], SEVERAL, {}, "unreadable", 1),
    "a NUL in a batch": ([GOOD, GOOD, {**GOOD, "id": "\x00"}], SEVERAL, {}, "unreadable", 2),
    "an event over 1 MiB": (LARGE, ONE, {}, "too_large", None),
    "more than a thousand": ([GOOD] * 1_001, SEVERAL, {}, "too_many_events", None),
    "a request over 4 MiB": (b" " * (4 * 1024 * 1024 + 1), SEVERAL, {}, "request_too_large", None),
    "another content type": (GOOD, "text/plain", {}, "wrong_content_type", None),
    "no content type": (GOOD, "", {}, "wrong_content_type", None),
    "JSON without ce- headers": (GOOD, BARE, {}, "wrong_content_type", None),
    "another encoding": (GOOD, f"{ONE}; charset=gbk", {}, "wrong_content_type", None),
    "a header that is not UTF-8": (
        GOOD["data"], BARE, {"ce-specversion": "1.0", "ce-id": "%FF"}, "unreadable", None
    ),
    "a header without end": (
        GOOD["data"], BARE, {"ce-specversion": "1.0", "ce-id": "x" * 1_025}, "unreadable", None
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_what_could_get_no_receipt_is_refused_whole_before_kafka(
    door: Door, http: httpx.AsyncClient, name: str
) -> None:
    sent, kind, headers, code, place = REFUSED[name]
    before = await written_so_far(door)
    answer = await post(http, sent, kind, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (DOOR_CODES[code].status, code), problem
    assert problem.get("place") == place
    assert "\u4e00" <= problem["message_zh"][0] <= "\u9fff"
    assert problem["message_en"].isascii()
    assert await written_so_far(door) == before


async def test_a_body_without_end_is_cut_off(http: httpx.AsyncClient) -> None:
    sent_bytes = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent_bytes
        while True:
            sent_bytes += 65_536
            yield b" " * 65_536

    try:
        answer = await http.post(EVENTS, content=endless(), headers={"content-type": ONE})
        assert answer.json()["code"] == "request_too_large"
    except httpx.TransportError:  # it was closed on us while we were still sending
        assert sent_bytes > HEARD_MAX_BYTES


async def test_a_token_acts_on_its_own_province_only(door: Door, http: httpx.AsyncClient) -> None:
    before = await written_so_far(door, "33")
    elsewhere = await http.post(EVENTS.replace("32", "33"), json=GOOD, headers={"content-type": ONE})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "another_province")
    for path in ("/v1/provinces/33/receipts", "/v1/provinces/33/receipts/x"):
        assert (await http.get(path)).json()["code"] == "another_province"
    for token in ("operator", "official", "auditor"):
        bearer = {"Authorization": f"Bearer {door.stack.token(token)}", "content-type": ONE}
        assert (await http.post(EVENTS, json=GOOD, headers=bearer)).status_code == 403
    for bearer in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
        assert (await http.post(EVENTS, json=GOOD, headers=bearer)).status_code == 401
    assert await written_so_far(door, "33") == before


async def test_the_documented_curl_example_runs_as_it_stands(door: Door, tmp_path: Path) -> None:
    page = await asyncio.to_thread(PUBLISHING.read_text, encoding="utf-8")
    (example,) = re.findall(r"```sh\n(curl .*?)```", page, re.DOTALL)
    token = write_private(tmp_path / "token", door.stack.token("province-32"))
    environment = {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "*",
        "DREAMS_API_ENROLLMENT": door.stack.address("enrollment"),
        "DREAMS_API_TOKEN_FILE": str(token),
    }
    running = await asyncio.create_subprocess_exec("sh", "-c", example, env=environment, stdout=PIPE)
    said, _ = await asyncio.wait_for(running.communicate(), WITHIN_S)
    assert running.returncode == 0, said
    assert [one["id"] for one in orjson.loads(said)["events"]] == ["wx-2027-000418"]


async def written_so_far(door: Door, lane: str = "32") -> int:
    """How many records the province's topic has taken, as the broker says."""
    place = TopicPartition(PROVINCE_EVENTS.topic(door.stack.namespace, lane), 0)
    async with AIOKafkaConsumer(**admin(door.stack)) as consumer:
        return int((await consumer.end_offsets([place]))[place])
