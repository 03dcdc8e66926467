"""Certification: what counts as shown, and a whole trial beside a running stack with a system built on the kit."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from console.main import app
from console.province.certification import Observed, as_json, scenarios
from console.province.drafting import Ready
from console.province.producer import Broker
from console.province.publisher import ProvincePublisher
from console.stack.infrastructure import Infrastructure
from console.stack.processes import Identity
from console.stack.state import StackState
from shared.contracts.enrollment import ReceiptIssued
from shared.contracts.provinces import WORKER_ENROLLED, WORKER_REGISTERED
from shared.contracts.submission import read
from tests.measuring import MEASURED
from tests.province.crashing import registration

TYPES = (WORKER_REGISTERED, WORKER_ENROLLED)
COURSE = {
    "funding_province": "32",
    "work_province": "32",
    "institution": {"code": "JS-1", "name": "示例学院", "kind": "vocational_college"},
    "programme": "焊接",
    "level_before": "senior_high",
    "level_after": "associate",
    "track": "academic",
    "mode": "blended",
    "start": "2026-03-01",
    "tuition_fen": 780_050,
}


def _event(serial: int, **changed: Any) -> dict[str, Any]:
    data = registration(serial)
    event = {
        "specversion": "1.0",
        "id": f"e{serial}",
        "source": "//provinces/32/hr",
        "type": WORKER_REGISTERED,
        "subject": data.pop("worker_ref"),
        "time": "2026-02-01T09:00:00+08:00",
        "data": data,
    }
    return event | changed


class _Seen:
    """What certification sees, told in few words."""

    def __init__(self) -> None:
        self.observed = Observed()
        self._offset = 0

    def sent(self, event: dict[str, Any], *statuses: Any, field: str | None = None) -> "_Seen":
        offset, self._offset = self._offset, self._offset + 1
        for status in statuses:
            self.observed.take_receipt(
                ReceiptIssued(
                    status=status,
                    event_id=event["id"],
                    event_source=event["source"],
                    event_type=event["type"],
                    offset=offset,
                    field=field,
                )
            )
        self.observed.take_record(read(orjson.dumps(event), (), "32", offset))
        return self

    def shown(self, events: int = 3) -> set[str]:
        wanted = scenarios(TYPES, events)
        return {scenario.code for scenario in wanted if scenario.judge(self.observed).fulfilled}


def test_nothing_is_shown_by_nothing_and_each_scenario_says_what_to_do_in_both_languages() -> None:
    assert not _Seen().shown()
    wanted = scenarios(TYPES)
    said = as_json({scenario: scenario.judge(Observed()) for scenario in wanted})
    assert len({one["scenario"] for one in said}) == len(wanted)
    for one in said:
        for what in ("", "found_", "todo_"):
            assert one[f"{what}zh"] != one[f"{what}en"]


@pytest.mark.parametrize(
    ("seen", "code", "shown"),
    [
        (_Seen().sent(_event(1), "accepted"), "accepted:worker.registered", True),
        (_Seen().sent(_event(1), "rejected"), "accepted:worker.registered", False),
        (_Seen().sent(_event(1)), "accepted:worker.registered", False),
        (_Seen().sent(_event(1), "parked", "accepted"), "parked_then_accepted", True),
        (_Seen().sent(_event(1), "parked"), "parked_then_accepted", False),
        (_Seen().sent(_event(1), "accepted"), "parked_then_accepted", False),
        (_Seen().sent(_event(1), "parked", "rejected"), "parked_then_accepted", False),
        (_Seen().sent(_event(1), "accepted").sent(_event(1), "duplicate"), "duplicate", True),
        (_Seen().sent(_event(1), "rejected").sent(_event(1), "accepted"), "corrected", True),
        (_Seen().sent(_event(1), "rejected").sent(_event(2), "accepted"), "corrected", False),
        (_Seen().sent(_event(1), "conflict").sent(_event(1, id="n"), "accepted"), "conflict_noticed", True),
        (_Seen().sent(_event(1), "conflict").sent(_event(2, id="n"), "accepted"), "conflict_noticed", False),
        (_Seen().sent(_event(1, id="n"), "accepted").sent(_event(1), "conflict"), "conflict_noticed", False),
    ],
)
def test_a_scenario_is_shown_by_what_it_asks_for_and_by_nothing_less(
    seen: _Seen, code: str, shown: bool
) -> None:
    assert (code in seen.shown()) == shown


def test_a_fault_among_them_begins_the_count_of_faultless_events_anew() -> None:
    seen = _Seen().sent(_event(1), "accepted").sent(_event(2), "accepted").sent(_event(3), "duplicate")
    seen.sent(_event(4), "accepted").sent(_event(5), "accepted")
    assert "faultless" not in seen.shown()
    assert "faultless" in seen.sent(_event(6), "accepted").shown()


def test_times_and_pseudonyms_must_be_right_lately_and_of_one_key() -> None:
    seen = _Seen().sent(_event(1), "rejected", field="time")
    seen.sent(_event(2, subject=_event(2)["subject"].replace("k1", "k2")), "accepted").sent(
        _event(3), "accepted"
    )
    assert not {"times_with_zone", "worker_ref"} & seen.shown()
    assert {"times_with_zone", "worker_ref"} <= seen.sent(_event(4), "accepted").sent(
        _event(5), "accepted"
    ).shown()
    assert "worker_ref" not in seen.sent(_event(6, subject="k1.X"), "rejected", field="subject").shown()


async def _province(connection: dict[str, str], folder: Path) -> None:
    """A province's system shows all that is asked, through the kit."""
    password = await asyncio.to_thread(Path(connection["DREAMS_KAFKA_PASSWORD_FILE"]).read_text)
    login = (connection["DREAMS_KAFKA_USERNAME"], password)
    broker = Broker(connection["DREAMS_KAFKA_BOOTSTRAP"], connection["DREAMS_NAMESPACE"], lambda _: login)
    at = "2026-02-01T09:00:00+08:00"
    async with ProvincePublisher(broker, "32", folder / "o.db", system="hr") as publisher:

        async def register(serial: int, **changed: Any) -> Any:
            return await publisher.send("worker.registered", registration(serial), **({"time": at} | changed))

        async def put(event: dict[str, Any]) -> None:
            """Past the kit's own checks: what a faulty system would do."""
            await publisher.put([Ready(1, event["id"], event["source"], event["type"], orjson.dumps(event))])
            await publisher.drained()

        enrolled = await publisher.send(
            "worker.enrolled",
            COURSE | {"enrollment_no": "32-C1", "worker_ref": registration(900)["worker_ref"]},
        )
        while not (await publisher.counts()).get("parked"):
            await publisher.heard(0.1)
        await (await register(900)).receipt()
        assert (await enrolled.receipt()).status == "accepted"
        await put(_event(901) | {"time": "2026-02-01T09:00:00"})  # no zone: rejected
        await put(_event(901))
        await put(_event(902) | {"id": "e901"})
        await put(_event(902))
        sent = [await register(serial) for serial in range(903, 913)]
        for one in sent:
            await one.receipt()
    async with ProvincePublisher(broker, "32", folder / "lost.db", system="hr") as forgetful:
        await (await forgetful.send("worker.registered", registration(900), time=at)).receipt()


@pytest.mark.timeout(240)
async def test_a_system_on_the_kit_passes_and_nothing_of_the_trial_stays(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    me = Identity.of(os.getpid())
    StackState(
        state="running",
        pid=me.pid,
        started_s=me.started_s,
        data=infrastructure.data,
        kafka_bootstrap=infrastructure.kafka.bootstrap,
        postgres_port=infrastructure.ports["postgres"],
    ).write()
    command = [
        "certify",
        "-p",
        "32",
        "--json",
        "--events",
        "10",
        "--minutes",
        "2",
        "--data",
        str(infrastructure.data),
    ]
    trial = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from console.main import app; app()",
        *command,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | MEASURED,
    )
    assert trial.stdout is not None
    try:
        connection = json.loads(await trial.stdout.readline())["connection"]
        second = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert (second.exit_code, "Another certification" in second.output) == (2, True), second.output
        async with asyncio.timeout(100):
            await _province(connection, tmp_path)
        found = json.loads(await trial.stdout.readline())
        assert found["fulfilled"], [one for one in found["scenarios"] if not one["fulfilled"]]
        assert await trial.wait() == 0
    finally:
        if trial.returncode is None:
            trial.terminate()
            await trial.wait()
    topics = await asyncio.to_thread(infrastructure.kafka.access.client.list_topics, timeout=10)
    assert not [name for name in topics.topics if name.startswith("cert32.")]


def test_a_call_that_cannot_work_is_said(tmp_path: Path) -> None:
    for arguments, words in (
        (["-p", "99"], "no province"),
        (["-p", "32", "-t", "nonsense"], "no event type"),
        (["-p", "32"], "Nothing is running"),
    ):
        result = CliRunner().invoke(app, ["certify", *arguments, "--data", str(tmp_path)])
        assert (result.exit_code, words in result.output) == (2, True), result.output
