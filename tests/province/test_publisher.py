"""The publisher kit on the real door: nothing lost and nothing counted twice, whatever ends it and whenever."""

import asyncio
import json
import os
import re
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from console.province.drafting import Ready
from console.province.identity import WorkerKey, check_character, worker_ref
from console.province.outbox import Outbox, OutboxError
from console.province.producer import Broker
from console.province.publisher import (
    BusyEventError,
    ForeignOutboxError,
    InvalidEventError,
    ProvincePublisher,
)
from console.stack.stack import Stack
from shared.contracts.enrollment import ReceiptIssued
from tests.plumbing.proxies import Proxy
from tests.province.crashing import registration
from tests.province.topics import receipts_of, records_of

KEY = WorkerKey(1, b"\x5a" * 32)
AT = "2026-02-01T09:00:00+08:00"
NUMBER = "99990119900101102" + check_character("99990119900101102")
WITHIN_S = 60.0


def _broker(stack: Stack, port: int | None = None) -> Broker:
    bootstrap = stack.kafka.bootstrap if port is None else f"127.0.0.1:{port}"
    return Broker(bootstrap, stack.namespace, stack.kafka.credentials)


def _ready(id_: str, value: bytes) -> Ready:
    return Ready(1, id_, "//provinces/32/x", "t", value)


def _receipt(id_: str, status: Any, offset: int = 0) -> ReceiptIssued:
    return ReceiptIssued(
        status=status, event_id=id_, event_source="//provinces/32/x", event_type="t", offset=offset
    )


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.db", "32")


def _key(id_: str) -> tuple[str, str]:
    return "//provinces/32/x", id_


def test_what_was_handed_out_and_not_answered_is_sent_again_after_a_crash(
    outbox: Outbox, tmp_path: Path
) -> None:
    assert outbox.put([_ready("a", b"1"), _ready("b", b"2"), _ready("c", b"3")]) == ["queued"] * 3
    assert [one.value for one in outbox.hand_out(2)] == [b"1", b"2"]
    outbox.take([_receipt("a", "accepted")], 7)
    outbox.close()
    again = Outbox(tmp_path / "outbox.db", "32")
    assert again.next_receipt == 7
    again.send_again()
    assert [one.value for one in again.hand_out(9)] == [b"2", b"3"]


def test_the_first_final_receipt_counts_and_a_second_sending_of_what_waits_is_no_answer(
    outbox: Outbox,
) -> None:
    outbox.put([_ready("a", b"1"), _ready("p", b"2")])
    outbox.hand_out(2)
    outbox.take([_receipt("a", "accepted"), _receipt("p", "parked"), _receipt("other", "rejected")], 1)
    outbox.take([_receipt("a", "duplicate"), _receipt("p", "duplicate")], 2)
    found = outbox.receipts([_key("a"), _key("p")])
    assert [receipt and receipt.status for receipt in found.values()] == ["accepted", "parked"]
    outbox.take([_receipt("p", "accepted")], 3)
    assert outbox.counts() == {"settled": 2}


def test_an_event_that_is_taken_never_leaves_again_and_one_that_is_refused_may(outbox: Outbox) -> None:
    both = [_ready("a", b"1"), _ready("r", b"2")]
    outbox.put(both)
    outbox.hand_out(2)
    outbox.take([_receipt("a", "accepted"), _receipt("r", "rejected")], 1)
    assert outbox.put(both) == ["known", "queued"]
    assert [one.value for one in outbox.hand_out(9)] == [b"2"]


def test_other_content_waits_until_the_first_is_answered_and_its_late_receipts_are_not_taken_for_it(
    outbox: Outbox,
) -> None:
    outbox.put([_ready("a", b"1")])
    assert outbox.put([_ready("a", b"never left")]) == ["queued"]
    (first,) = outbox.hand_out(9)
    outbox.placed([first.number], [3])
    assert outbox.put([_ready("a", b"2")]) == ["busy"]
    outbox.take([_receipt("a", "rejected", 3)], 1)
    assert outbox.put([_ready("a", b"2")]) == ["queued"]
    (second,) = outbox.hand_out(9)
    outbox.take(
        [_receipt("a", "rejected", 4)], 2
    )  # of a second sending of the first, before the place is known
    outbox.placed([second.number], [9])
    outbox.take([_receipt("a", "rejected", 5), _receipt("a", "accepted", 9)], 3)
    assert outbox.receipts([_key("a")])[_key("a")] == _receipt("a", "accepted", 9)


def test_only_so_many_settled_events_are_remembered_and_none_before_it_was_told(outbox: Outbox) -> None:
    outbox.put([_ready(str(n), b"1") for n in range(10)])
    outbox.hand_out(10)
    outbox.take([_receipt(str(n), "accepted") for n in range(10)], 1)
    outbox.told([number for number, _ in outbox.untold(5)], settled_max=3)
    assert outbox.counts() == {"settled": 5}
    outbox.told([number for number, _ in outbox.untold(9)], settled_max=3)
    assert outbox.counts() == {"settled": 3}


def test_a_second_publisher_over_the_same_outbox_is_turned_away(outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="in use"):
        Outbox(tmp_path / "outbox.db", "32")
    with pytest.raises(OutboxError, match="cannot be used"):
        Outbox(tmp_path / "nowhere" / "outbox.db", "32")


async def test_each_event_gets_its_receipt_and_the_callback_hears_all(door: Stack, tmp_path: Path) -> None:
    heard: list[ReceiptIssued] = []
    enrollment = {
        "enrollment_no": "32-K1",
        "funding_province": "32",
        "work_province": "32",
        "institution": {"code": "JS-1", "name": "示例学院", "kind": "vocational_college"},
        "programme": "焊接",
        "level_before": "senior_high",
        "level_after": "associate",
        "track": "academic",
        "mode": "blended",
        "start": date(2026, 3, 1),
        "tuition_yuan": 7800.5,
    }
    person = {**registration(0), "identity_number": NUMBER}
    del person["worker_ref"]
    async with (
        ProvincePublisher(
            _broker(door), "32", tmp_path / "o.db", key=KEY, on_receipt=heard.append
        ) as publisher,
        asyncio.timeout(WITHIN_S),
    ):
        enrolled = await publisher.send("worker.enrolled", enrollment, identity_number=NUMBER)
        while [receipt.status for receipt in heard] != ["parked"]:
            await publisher.heard(0.1)
        registered = await publisher.send("worker.registered", person, time=AT, id="r1")
        assert (await registered.receipt()).status == "accepted"
        assert (await enrolled.receipt()).status == "accepted"
        assert (
            await (await publisher.send("worker.registered", person, time=AT, id="r1")).receipt()
        ).event_id == "r1"
        right = person | {"categories": ["industrial"]}
        better = await publisher.send("worker.registered", right, time=AT, id="r2", supersedes="r1")
        assert (await better.receipt()).status == "accepted"
        await publisher.drained()
    assert [receipt.status for receipt in heard] == ["parked", *["accepted"] * 3]
    sent = [json.loads(record.value) for record in await records_of(door, "32")]
    mine = [event for event in sent if event["source"] == "//provinces/32/kit"]
    assert [event["subject"] for event in mine] == [
        worker_ref(NUMBER, KEY)
    ] * 3  # and the known one did not leave
    assert NUMBER not in json.dumps(sent)


async def test_what_the_door_would_refuse_is_refused_before_it_is_kept(door: Stack, tmp_path: Path) -> None:
    async with ProvincePublisher(_broker(door, 1), "32", tmp_path / "o.db", key=KEY) as publisher:
        for wrong, code in (
            ({"origin_province": "99"}, "invalid"),
            ({"colour": 1}, "unknown_field"),
            ({"categories": []}, "invalid"),
            ({"worker_ref": "k1.x"}, "invalid"),
            ({"education_level": None}, "missing_field"),
        ):
            with pytest.raises(InvalidEventError) as refused:
                await publisher.send("worker.registered", registration(1) | wrong, time=AT)
            assert refused.value.refused.code == code
            assert refused.value.zh != refused.value.en
        assert not await publisher.counts()
        await publisher.send("worker.registered", registration(1), time=AT, id="x")
        publisher._store.hand_out(1)
        with pytest.raises(BusyEventError):
            await publisher.send("worker.registered", registration(2), time=AT, id="x")


async def test_an_outbox_of_another_deployment_is_not_mixed_up(door: Stack, tmp_path: Path) -> None:
    for lane in ("32", "34"):
        async with ProvincePublisher(_broker(door), lane, tmp_path / "o.db") as publisher:
            if lane == "34":
                with pytest.raises(ForeignOutboxError):
                    async with asyncio.timeout(WITHIN_S):
                        await publisher.caught_up()
            else:
                async with asyncio.timeout(WITHIN_S):
                    await publisher.caught_up()


async def test_the_example_in_the_documents_runs(door: Stack, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    _, password = door.kafka.credentials("province-32")
    (tmp_path / "password").write_text(password)
    (tmp_path / "key").write_text("k1." + "5a" * 32)
    named = {
        "DREAMS_KAFKA_BOOTSTRAP": door.kafka.bootstrap,
        "DREAMS_KAFKA_PASSWORD_FILE": str(tmp_path / "password"),
        "DREAMS_NAMESPACE": door.namespace,
        "DREAMS_WORKER_KEY_FILE": str(tmp_path / "key"),
        "PYTHONPATH": str(Path.cwd()),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", example, cwd=tmp_path, env=os.environ | named, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(WITHIN_S):
        said, _ = await process.communicate()
    assert process.returncode == 0
    assert re.fullmatch(r"row-[a-z2-7]{26} accepted\s*", said.decode()), said


class _Program:
    """The program in `crashing.py` as a process."""

    def __init__(self, folder: Path, stack: Stack, port: int | None = None) -> None:
        broker = _broker(stack, port)
        user, password = broker.credentials("province-32")
        settings = {
            "bootstrap": broker.bootstrap,
            "namespace": broker.namespace,
            "user": user,
            "password": password,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        self._folder = folder

    async def run(self, number: int, until: str) -> str:
        """Until it says so; then it is killed. What it said last."""
        command = [sys.executable, "-m", "tests.province.crashing", str(self._folder), str(number)]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (line := (await process.stdout.readline()).decode()).startswith(until):
                    assert line, "it ended before"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        return line


async def _verdicts(stack: Stack) -> Counter[tuple[str, str]]:
    """How often each status was given to each event of the program."""
    return Counter(
        (receipt.event_id or "", receipt.status)
        for receipt in await receipts_of(stack, "32")
        if receipt.event_source == "//provinces/32/payroll"
    )


@pytest.mark.timeout(240)
async def test_a_program_that_is_killed_before_and_while_it_reaches_the_broker_loses_and_doubles_nothing(
    door: Stack, tmp_path: Path
) -> None:
    async with Proxy(int(door.kafka.bootstrap.rpartition(":")[2])).running() as proxy:
        proxy.go_down()
        await _Program(tmp_path, door, proxy.port).run(40, "kept 40")
    assert not await _verdicts(door)  # on disk, and nowhere else
    program = _Program(tmp_path, door)
    for reached in (41, 120, 200):  # killed somewhere between disk, broker and receipt
        await program.run(300, f"kept {reached}")
    said = await program.run(300, "settled")
    assert "{'settled': 300}" in said
    verdicts = await _verdicts(door)
    accepted = [event for event, status in verdicts if status == "accepted"]
    assert len(accepted) == 300
    assert {verdicts[event, "accepted"] for event in accepted} == {1}
    assert {status for _, status in verdicts} <= {"accepted", "duplicate"}
