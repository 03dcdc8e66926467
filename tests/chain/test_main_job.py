"""The main job: a file made by hand in a spreadsheet goes out by `dreams publish` and shows in the nation's numbers.

And the money that follows: what is due goes to the finance office as a file, and the same file says that it is paid.
"""

import asyncio
import csv
import io
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner

from console.main import app
from console.stack.infrastructure import Infrastructure
from console.stack.private_files import write_private
from console.stack.stack import Stack
from shared.contracts import subsidy
from shared.contracts.topics import PROVINCE_DECISIONS
from tests.chain.topics import as_user

FILES = Path(__file__).parent / "made_by_hand"
SHEETS = (
    ("拨款.csv", "budget.allocated"),
    ("登记.csv", "worker.registered"),
    ("注册.csv", "worker.enrolled"),
    ("确认.csv", "enrollment.confirmed"),
)
"""What one clerk sends, in the order of the work; tables in GB18030 with Chinese headers and a spreadsheet's habits."""
DAY_OF_THE_FILES = datetime(2026, 9, 15, 4, tzinfo=UTC)
"""The services live on a day when the files' fiscal year is open, whenever this test runs."""
WANTED = {
    "allocated_fen": 200_000,
    "registered": 3,
    "enrolled": 3,
    "confirmed": 2,
    "awards_reserved": 2,
    "awards_granted": 2,
    "awards_waiting": 1,
    "granted_fen": 200_000,
    "funded": 2,
    "funded_migrant": 1,
}
DECISIONS = {
    (subsidy.SUBSIDY_RESERVED, "32-2026-001"),
    (subsidy.SUBSIDY_RESERVED, "32-2026-002"),
    (subsidy.SUBSIDY_WAITLISTED, "32-2026-003"),
    (subsidy.SUBSIDY_GRANTED, "32-2026-001"),
    (subsidy.SUBSIDY_GRANTED, "32-2026-002"),
}
WITHIN_S = 60.0

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Sent:
    """A system to which the files were sent, and how each of the commands ended."""

    stack: Stack
    endings: dict[str, tuple[int, str]]
    folder: Path
    environment: dict[str, str]

    async def dreams(self, *words: str) -> tuple[int, str]:
        """Run the command; exit status and output."""
        ended = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=self.environment)
        return ended.exit_code, ended.output


@pytest.fixture(scope="module")
async def sent(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sent]:
    """All files sent, each followed to its last receipt."""
    offset_s = int((DAY_OF_THE_FILES - datetime.now(UTC)).total_seconds())
    settings = {"DREAMS_CLOCK_OFFSET_S": str(offset_s)}
    try:
        async with await Stack.over(infrastructure, "job.", settings=settings) as stack:
            folder = tmp_path_factory.mktemp("clerk")
            environment = _environment(stack, folder)
            endings = {}
            for name, kind in SHEETS:
                call = ["publish", "--province", "32", "--type", kind, str(shutil.copy(FILES / name, folder))]
                ended = await asyncio.to_thread(CliRunner().invoke, app, call, env=environment)
                endings[name] = (ended.exit_code, ended.output)
            yield Sent(stack, endings, folder, environment)
    finally:
        await infrastructure.drop_namespace("job.")


def _environment(stack: Stack, folder: Path) -> dict[str, str]:
    user, password = stack.kafka.credentials("province-32")
    (folder / "password").write_text(password)
    (folder / "key").write_text("k1." + "5a" * 32)
    return {
        "DREAMS_KAFKA_BOOTSTRAP": stack.kafka.bootstrap,
        "DREAMS_KAFKA_USERNAME": user,
        "DREAMS_KAFKA_PASSWORD_FILE": str(folder / "password"),
        "DREAMS_NAMESPACE": stack.namespace,
        "DREAMS_WORKER_KEY_FILE": str(folder / "key"),
        "DREAMS_API_SUBSIDY": stack.address("subsidy"),
        "DREAMS_API_TOKEN_FILE": str(write_private(folder / "token", stack.token("operator"))),
    }


async def test_a_file_made_by_hand_is_accepted_row_by_row(sent: Sent) -> None:
    for name, (code, output) in sent.endings.items():
        assert code == 0, f"{name}: {output}"
        assert "已采用 accepted" in output


async def test_the_nation_and_the_province_count_what_was_in_the_file(sent: Sent) -> None:
    deadline = time.monotonic() + WITHIN_S
    async with httpx.AsyncClient(trust_env=False, base_url=sent.stack.address("reporting")) as client:
        while (found := await _numbers(client)) != (WANTED, WANTED):
            assert time.monotonic() < deadline, f"within {WITHIN_S:.0f} s of the last receipt: {found}"
            await asyncio.sleep(0.1)
        others = [one for one in (await client.get("/v1/provinces")).json() if one["code"] != "32"]
    assert not any(one["measures"].get(name) for one in others for name in WANTED)


async def test_the_province_reads_its_decisions_as_its_own_user(sent: Sent) -> None:
    deadline = time.monotonic() + WITHIN_S
    place = TopicPartition(PROVINCE_DECISIONS.topic(sent.stack.namespace, "32"), 0)
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **as_user(sent.stack, "province-32"))
    found: list[dict[str, Any]] = []
    async with consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        while len(found) < len(DECISIONS):
            assert time.monotonic() < deadline, f"only {found}"
            batches = await consumer.getmany(timeout_ms=500)
            found += [orjson.loads(record.value) for records in batches.values() for record in records]
    assert [event["seq"] for event in found] == list(range(1, len(DECISIONS) + 1))
    assert {(event["type"], event["data"]["enrollment_no"]) for event in found} == DECISIONS


async def test_the_finance_offices_file_comes_back_with_the_day_of_payment_only_and_nothing_is_due(
    sent: Sent,
) -> None:
    file = sent.folder / "待支付.csv"
    due = ("payments", "due", "--province", "32")
    code, said = await sent.dreams(*due, "--out", str(file))
    assert (code, "已写入" in said) == (0, True), said
    head, *lines, total = csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline=""))
    assert [line[2] for line in lines] == ["32-2026-001", "32-2026-002"]
    assert (total[1], total[6]) == ("2", "2000.00")
    for line in lines:
        line[head.index("支付日期")] = "2026/9/14"
    with file.open("w", encoding="gb18030", newline="") as saved:  # as a spreadsheet saves it
        csv.writer(saved).writerows([head, *lines, total])
    code, said = await sent.dreams("publish", "--province", "32", str(file))
    assert (code, "已采用 accepted 2" in said) == (0, True), said
    deadline = time.monotonic() + WITHIN_S
    while (budgets := await _budgets(sent))[0]["disbursed_fen"] != WANTED["granted_fen"]:
        assert time.monotonic() < deadline, budgets
        await asyncio.sleep(0.1)
    assert [one["granted_fen"] for one in budgets] == [0]
    code, said = await sent.dreams(*due, "--year", "2026", "--format", "xml")
    assert (code, 'lines="0"' in said, "<payment " in said) == (0, True, False), said
    code, said = await sent.dreams(*due, "--out", str(file))
    assert (code, "未覆盖" in said) == (2, True), said


async def _budgets(sent: Sent) -> list[dict[str, Any]]:
    code, said = await sent.dreams("budgets", "--lane", "32", "--year", "2026", "--json")
    assert code == 0, said
    return list(orjson.loads(said))


async def _numbers(client: httpx.AsyncClient) -> tuple[dict[str, int], dict[str, int]]:
    """The measures of interest, of the nation and of Jiangsu."""
    nation = (await client.get("/v1/nation")).json()["measures"]
    lanes = {one["code"]: one["measures"] for one in (await client.get("/v1/provinces")).json()}
    return {name: nation[name] for name in WANTED}, {name: lanes["32"].get(name, 0) for name in WANTED}
