"""`dreams demo` as its users start it: it reconciles, it ends cleanly, it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.measuring import MEASURED, UNMEASURED

EVENTS = 2_000
SEED = 7
SET_UP_LIMIT_S = 150.0
END_LIMIT_S = 60.0
DREAMS = Path(sys.executable).with_name("dreams")

pytestmark = pytest.mark.timeout(400)


class Demo:
    """A demonstration in a process of its own, with its own folder for temporary files."""

    def __init__(self, folder: Path, *options: str, measured: bool) -> None:
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if name != "JAEGER_BIN"}
        with (folder / "said").open("wb") as said, (folder / "result").open("wb") as result:
            self.process = subprocess.Popen(
                [DREAMS, "demo", "--no-tracing", *options],
                stdout=result,
                stderr=said,
                env=environment | {"TMPDIR": str(folder)} | (MEASURED if measured else UNMEASURED),
            )

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    @property
    def result(self) -> str:
        return (self.folder / "result").read_text()

    def until(self, text: str) -> list[psutil.Process]:
        """Wait until it has shown `text`; returns all processes that it runs then."""
        deadline = time.monotonic() + SET_UP_LIMIT_S
        while text not in self.said + self.result:
            assert self.process.poll() is None, self.said + self.result
            assert time.monotonic() < deadline, self.said + self.result
            time.sleep(0.05)
        return psutil.Process(self.process.pid).children(recursive=True)

    def left(self) -> list[str]:
        """What is still in its folder."""
        return [path.name for path in self.folder.iterdir() if path.name.startswith("dreams-demo-")]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def start_one(*options: str, measured: bool = False) -> Demo:
        started.append(Demo(tmp_path, *options, measured=measured))
        return started[-1]

    yield start_one
    for one in started:
        one.process.kill()
        one.process.wait()


def test_demo_once_reconciles(start: Callable[..., Demo]) -> None:
    demo = start("--once", "--events", str(EVENTS), "--seed", str(SEED), "--json", measured=True)
    children = demo.until("live page")
    assert demo.process.wait(SET_UP_LIMIT_S) == 0, demo.said
    outcome = json.loads(demo.result)
    assert demo.result.count("\n") == 1
    assert outcome["events"] == EVENTS
    assert sum(outcome["receipts"].values()) + outcome["parked_open"] == EVENTS
    assert set(outcome["receipts"]) == {"accepted", "duplicate", "conflict", "rejected"}
    assert 0 < outcome["quarantined"] <= outcome["receipts"]["rejected"]
    assert 0 < outcome["disbursed_fen"] <= outcome["granted_fen"] <= outcome["allocated_fen"]
    assert (outcome["seq_gaps"], outcome["lanes"], outcome["reconciled"]) == (0, 33, True)
    assert outcome["duration_s"] > 0
    assert outcome["simulated"] is True
    assert len(outcome) == 12
    assert not any(child.is_running() for child in children)
    assert demo.left() == []


def test_ctrl_c_ends_a_demo_without_end_cleanly(start: Callable[..., Demo]) -> None:
    demo = start("--rate", "50")
    children = demo.until("judged")
    assert len(children) >= 7
    demo.process.send_signal(signal.SIGINT)
    demo.process.send_signal(signal.SIGINT)  # whoever is impatient disturbs nothing
    assert demo.process.wait(END_LIMIT_S) == 0
    assert "nothing is left running" in demo.result
    assert not any(child.is_running() for child in children)
    assert demo.left() == []


def test_ctrl_c_while_it_starts_leaves_nothing(start: Callable[..., Demo]) -> None:
    demo = start("--once", "--json")
    children = demo.until("Starting PostgreSQL")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(END_LIMIT_S) == 130
    assert demo.result == ""
    assert not any(child.is_running() for child in children)
    assert demo.left() == []


def test_json_is_for_runs_that_end(start: Callable[..., Demo]) -> None:
    demo = start("--json")
    assert demo.process.wait(END_LIMIT_S) == 2
    assert "--json goes with --once" in demo.said
