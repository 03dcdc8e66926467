"""`dreams publish` on the real door: receipts followed to the end, refusals written, nothing sent twice or in clear."""

import asyncio
import csv
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner

from console.main import app
from console.province import publication
from console.province.connection import ConnectionMissingError, find_connection, find_key
from console.province.identity import check_character
from console.stack.stack import Stack
from shared.contracts.topics import PROVINCE_EVENTS
from tests.chain.topics import admin
from tests.province.crashing import registration
from tests.province.topics import receipts_of, records_of

NUMBERS = [f"9999011990010{serial:04d}" for serial in range(1000, 1010)]
NUMBERS = [number + check_character(number) for number in NUMBERS]
COURSE = {
    "资助省份": "江苏",
    "工作省份": "江苏",
    "院校代码": "JS-1",
    "院校名称": "示例学院",
    "院校类型": "职业院校",
    "专业": "焊接",
    "入学前学历": "高中",
    "毕业学历": "高中",
    "培养类型": "技能",
    "学习形式": "脱产短训",
    "入学日期": "2026-03-01",
    "学费（元）": "1800",
}


@dataclass
class Clerk:
    """Somebody in Jiangsu with files, a key and the command."""

    folder: Path
    environment: Mapping[str, str]
    stack: Stack

    def write(self, name: str, *rows: Mapping[str, str]) -> Path:
        path = self.folder / name
        with path.open("w", encoding="gb18030", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    async def run(self, *arguments: str | Path, **changed: str) -> tuple[int, str]:
        """In a thread: the command has an event loop of its own."""
        call = ["publish", *map(str, arguments)]
        result = await asyncio.to_thread(CliRunner().invoke, app, call, env={**self.environment, **changed})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    async def sent(self) -> list[Any]:
        return await records_of(self.stack, "32")

    async def end(self) -> int:
        """Number of records on the topic."""
        place = TopicPartition(PROVINCE_EVENTS.topic(self.stack.namespace, "32"), 0)
        async with AIOKafkaConsumer(**admin(self.stack)) as consumer:
            return int((await consumer.end_offsets([place]))[place])


@pytest.fixture
def clerk(door: Stack, tmp_path: Path) -> Clerk:
    infrastructure = door.infrastructure
    user, password = infrastructure.kafka.access.credentials("province-32")
    (tmp_path / "password").write_text(password)
    (tmp_path / "key").write_text("k1." + "5a" * 32)
    environment = {
        "DREAMS_KAFKA_BOOTSTRAP": infrastructure.kafka.bootstrap,
        "DREAMS_KAFKA_USERNAME": user,
        "DREAMS_KAFKA_PASSWORD_FILE": str(tmp_path / "password"),
        "DREAMS_NAMESPACE": door.namespace,
        "DREAMS_WORKER_KEY_FILE": str(tmp_path / "key"),
        "COLUMNS": "200",
    }
    return Clerk(tmp_path, environment, door)


def _registration(number: str, **changed: str) -> dict[str, str]:
    row = {
        "身份证号": number,
        "发生时间": "2026-02-01 09:00",
        "工人类别": "农民工、一线职工",
        "现有学历": "高中",
        "户籍省份": "安徽",
        "工作省份": "江苏",
        "统一社会信用代码": "",
    }
    return row | changed


def _beside(path: Path, what: str = "refused.csv") -> bool:
    return Path(f"{path}.{what}").exists()


def _refusals(path: Path) -> list[list[str]]:
    with Path(f"{path}.refused.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))[1:]


async def test_a_file_is_accepted_whole_and_known_when_it_is_sent_again(clerk: Clerk) -> None:
    path = clerk.write("登记.csv", *(_registration(number) for number in NUMBERS[:3]))
    arguments = ("--province", "32", "--type", "worker.registered", path)
    code, output = await clerk.run(*arguments)
    assert (code, "已采用 accepted 3" in output) == (0, True), output
    code, output = await clerk.run(*arguments)
    assert (code, "重复 duplicate 3" in output) == (0, True), output
    assert not _beside(path)


@pytest.mark.timeout(240)
async def test_a_command_that_is_killed_goes_on_in_the_next_run_and_every_row_counts_once(
    clerk: Clerk,
) -> None:
    before = len(await clerk.sent())
    refs = [registration(serial)["worker_ref"] for serial in range(5_000, 7_500)]
    rows = [_registration("") | {"工人代号": str(ref)} for ref in refs]
    path = clerk.write("登记.csv", *rows)
    arguments = ("publish", "--province", "32", str(path))
    command = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from console.main import app; app()",
        *arguments,
        env=os.environ | clerk.environment,
    )
    async with asyncio.timeout(60):
        while await clerk.end() <= before:
            assert command.returncode is None
    command.kill()
    await command.wait()
    assert _beside(path, "progress")
    code, output = await clerk.run(*arguments[1:])
    assert (code, "2500 行 rows: 已采用 accepted 2500\n" in output) == (0, True), output
    assert not _beside(path, "progress")
    receipts = await receipts_of(clerk.stack, "32")
    accepted = [receipt.event_id for receipt in receipts if receipt.status == "accepted"]
    assert len(accepted) == len(set(accepted))


async def test_a_row_mended_after_an_interruption_is_sent_as_it_is_now(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "PATIENCE_S", 0.5)
    row = _registration("") | {"工人代号": str(registration(7_600)["worker_ref"])}
    path = clerk.write("登记.csv", row | {"现有学历": "小学"})
    code, output = await clerk.run("-p", "32", path, DREAMS_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert (code, "地址" in output) == (2, True), output
    clerk.write("登记.csv", row | {"现有学历": "本科"})
    assert (await clerk.run("-p", "32", path))[0] == 0
    mine = [
        json.loads(record.value) for record in await clerk.sent() if row["工人代号"].encode() in record.value
    ]
    assert [event["data"]["education_level"] for event in mine] == ["bachelor"]


async def test_what_is_refused_is_written_beside_the_file_with_its_reason_and_line(clerk: Clerk) -> None:
    path = clerk.write(
        "登记.csv",
        _registration(NUMBERS[3]),
        _registration(NUMBERS[4], 统一社会信用代码="91320299MA0000001X"),
        _registration("123"),
    )
    code, output = await clerk.run("--province", "32", "--type", "worker.registered", path)
    assert code == 1, output
    half, mistyped = _refusals(path)
    assert (half[0], half[2], half[3]) == ("3", "未采用 rejected", "missing_field")
    assert half[4] == "单位名称 (data.employer.name)"
    assert "缺少字段" in half[5]
    assert "missing" in half[6]
    assert (mistyped[0], mistyped[2], mistyped[4]) == ("4", "未发送 not sent", "身份证号 (identity_number)")
    assert "单位名称" in output


async def test_an_enrollment_before_its_registration_is_said_to_wait(clerk: Clerk) -> None:
    row = {"身份证号": NUMBERS[5], "注册编号": "32-W1", **COURSE}
    path = clerk.write("注册.csv", row)
    code, output = await clerk.run("-p", "32", "-t", "worker.enrolled", path)
    assert code == 1, output
    ((line, _, result, reason, *_),) = _refusals(path)
    assert (line, result, reason) == ("2", "等待中 waiting", "waits_for")
    registration = clerk.write("登记.csv", _registration(NUMBERS[5]))
    assert (await clerk.run("-p", "32", "-t", "worker.registered", registration))[0] == 0
    code, output = await clerk.run("-p", "32", "-t", "worker.enrolled", path)
    assert (code, "已采用 accepted 1" in output) == (0, True), output
    assert not _beside(path)


async def test_the_same_content_under_a_known_id_is_a_conflict_when_it_differs(clerk: Clerk) -> None:
    money = {
        "事件编号": "m1",
        "发生时间": "2026-01-05",
        "拨款文号": "苏1",
        "财政年度": "2026",
        "资金来源": "p",
    }
    money |= {"出资方": "江苏省总工会", "出资方级别": "省级", "金额（元）": "10"}
    path = clerk.write("拨款.csv", money)
    arguments = ("-p", "32", "-t", "budget.allocated", path)
    assert (await clerk.run(*arguments))[0] == 0
    clerk.write("拨款.csv", money | {"金额（元）": "11"})
    code, output = await clerk.run(*arguments)
    assert (code, "内容冲突 conflict 1" in output) == (1, True), output


async def test_a_dry_run_checks_everything_and_sends_nothing(clerk: Clerk) -> None:
    before = len(await clerk.sent())
    rows = [_registration(NUMBERS[6]), _registration(NUMBERS[7], 统一社会信用代码="91320299MA0000001X")]
    path = clerk.write("登记.csv", *rows)
    code, output = await clerk.run("-p", "32", "-t", "worker.registered", "--dry-run", path)
    assert (code, "可以发送 fit to send 1" in output) == (1, True), output
    assert _refusals(path)[0][3] == "missing_field"
    assert len(await clerk.sent()) == before


def test_a_field_named_like_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"type": "project.established", "[/b]": 1}')
    result = CliRunner().invoke(
        app, ["publish", "-p", "32", "--dry-run", str(path), "--data", str(tmp_path / "none")]
    )
    assert (result.exit_code, "[/b]" in result.output) == (1, True), result.output


async def test_no_identity_number_leaves(clerk: Clerk) -> None:
    path = clerk.write("登记.csv", _registration(NUMBERS[8]))
    code, output = await clerk.run("-p", "32", "-t", "worker.registered", path)
    assert code == 0, output
    assert NUMBERS[8] not in output
    records = await clerk.sent()
    assert records
    for record in records:
        everything = repr((record.key, record.value, record.headers))
        assert not any(number in everything for number in NUMBERS)


async def test_a_call_that_cannot_work_ends_with_2_and_says_why_in_both_languages(clerk: Clerk) -> None:
    path = clerk.write("登记.csv", _registration(NUMBERS[9]))
    shapeless = clerk.write("通讯录.csv", {"姓名": "-", "电话": "-"})
    for arguments, words in (
        (("-p", "99", "-t", "worker.registered", path), ("没有省份", "no province")),
        (("-p", "32", "-t", "worker.promoted", path), ("不认识事件类型", "no event type")),
        (("-p", "32", "-t", "worker.registered"), ("请给出", "Name the file")),
        (("-p", "32", shapeless), ("没有认识的表头", "No headers")),
        (("-p", "32", "-t", "plan.declared", path), ("缺少列", "are missing")),
        (("-p", "34", "-t", "worker.registered", path), ("其他省份", "another province")),
    ):
        code, output = await clerk.run(*arguments)
        assert code == 2, output
        assert words[0] in output
        assert words[1] in output


async def test_a_template_is_written_and_its_example_is_left_out(clerk: Clerk) -> None:
    code, output = await clerk.run("--template", "worker.enrolled", path := clerk.folder / "模板.csv")
    assert code == 0, output
    code, output = await clerk.run("-p", "32", "-t", "worker.enrolled", path)
    assert code == 2
    assert "示例行未发送" in output


def test_without_a_stack_or_settings_the_way_to_connect_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConnectionMissingError, match="dreams up"):
        find_connection("32", tmp_path, {})
    with pytest.raises(ConnectionMissingError, match="DREAMS_KAFKA_PASSWORD_FILE"):
        find_connection("32", tmp_path, {"DREAMS_KAFKA_BOOTSTRAP": "127.0.0.1:1"})
    with pytest.raises(ConnectionMissingError, match="cannot be read"):
        find_connection(
            "32",
            tmp_path,
            {"DREAMS_KAFKA_BOOTSTRAP": "127.0.0.1:1", "DREAMS_KAFKA_PASSWORD_FILE": str(tmp_path / "none")},
        )


def test_the_environment_says_how_to_connect_to_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    environment = {
        "DREAMS_KAFKA_BOOTSTRAP": "kafka.example:9093",
        "DREAMS_KAFKA_PASSWORD_FILE": str(tmp_path / "password"),
        "DREAMS_KAFKA_TLS": "true",
        "DREAMS_NAMESPACE": "cert.",
    }
    broker = find_connection("32", tmp_path, environment).broker
    settings = broker.settings("32")
    assert (settings["security_protocol"], settings["sasl_plain_username"]) == ("SASL_SSL", "province-32")
    assert (broker.namespace, settings["sasl_plain_password"]) == ("cert.", "secret")


def test_a_laptop_makes_a_key_of_its_own_once(tmp_path: Path) -> None:
    assert find_key(None, tmp_path / "none") is None
    assert find_key(None, tmp_path) == find_key(None, tmp_path)
