"""The local stack ends cleanly in every way it can end, says why in a sentence, and leaves no orphans."""

import asyncio
import errno
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import pytest
from typer.testing import CliRunner, Result

from console.main import app
from console.stack import control, supervisor
from console.stack import infrastructure as infrastructure_module
from console.stack.failures import StackError
from console.stack.infrastructure import Infrastructure
from console.stack.processes import Identity
from console.stack.stack import Stack
from console.stack.state import StackState, read_state, running_stack
from console.stack.supervisor import Restarts, Wanted

DUMMY = "tests.stack.dummy_service"
LIMIT_S = 60.0

pytestmark = [pytest.mark.usefixtures("measured_processes"), pytest.mark.timeout(400)]


class Supervisor:
    """A supervisor process and what it says."""

    def __init__(self, data: Path, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "console.stack.supervisor",
            "--data",
            str(data),
            "--module",
            DUMMY,
            *options,
        ]
        self.data = data
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def until_up(self) -> StackState:
        until(lambda: read_state(self.data) is not None or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()[0]
        return running_stack(self.data)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; returns the exit status and all that was said."""
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def start_one(*options: str) -> Supervisor:
        started.append(Supervisor(tmp_path / "data", *options))
        return started[-1]

    yield start_one
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture(scope="module")
def detached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a stack that was started as `dreams up -d` does."""
    data = tmp_path_factory.mktemp("detached") / "data"
    said: list[str] = []
    control.up_detached(Wanted(data, module=DUMMY), said.append)
    assert "Starting Kafka" in said
    yield data
    control.down(data, said.append)
    control.reset(data)
    assert not data.exists()


def test_up_detached_returns_when_all_is_up_and_others_find_it(detached: Path) -> None:
    state = running_stack(detached)
    assert set(state.services) == {"enrollment", "subsidy", "notification", "reporting"}
    assert all(asyncio.run(control.readiness(state)).values())
    assert len(state.token("operator")) == len(state.kafka_credentials("province-32")[1])
    assert any("kafka" in line for line in control.log_lines(detached, "kafka", follow=False))


def test_a_second_up_says_so_and_leaves_the_first_alone(detached: Path) -> None:
    pid = running_stack(detached).pid
    with pytest.raises(StackError, match=f"is already running \\(process {pid}\\)"):
        control.up_detached(Wanted(detached, module=DUMMY), _ignore)
    with pytest.raises(StackError, match="is running"):
        control.reset(detached)
    assert all(asyncio.run(control.readiness(running_stack(detached))).values())


def test_the_commands_show_a_running_stack(detached: Path) -> None:
    shown = _dreams("status", detached, "--json")
    assert shown.exit_code == 0
    described = json.loads(shown.stdout)
    assert described["state"] == "running"
    assert all(service["ready"] for service in described["services"].values())
    assert "PostgreSQL" in _dreams("status", detached).stdout
    assert "kafka  " in _dreams("logs", detached, "kafka").stdout
    nothing = _dreams("logs", detached, "nothing")
    assert (nothing.exit_code, "There is no log of nothing" in nothing.stderr) == (1, True)
    again = _dreams("up", detached, "-d")
    assert (again.exit_code, "is already running" in again.stderr) == (1, True)
    refused = _dreams("reset", detached, "--yes")
    assert (refused.exit_code, "Nothing was deleted" in refused.stderr) == (1, True)


def test_the_commands_say_so_where_nothing_runs(tmp_path: Path) -> None:
    assert json.loads(_dreams("status", tmp_path, "--json").stdout) == {"state": "down"}
    assert "Nothing is running" in _dreams("down", tmp_path).stdout
    assert "is no folder of a stack" in _dreams("reset", tmp_path, "--yes").stderr


def test_logs_are_followed_as_lines_come(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "enrollment.log"
    log.parent.mkdir()
    log.write_text("first\n")
    lines = control.log_lines(tmp_path, None, follow=True)
    assert next(lines) == "enrollment  first"
    with log.open("a") as file:
        file.write("second\nhalf of the th")
    assert next(lines) == "enrollment  second"
    with log.open("a") as file:
        file.write("ird\n")
    assert next(lines) == "enrollment  half of the third"


def test_a_service_that_dies_is_started_again(detached: Path) -> None:
    before = running_stack(detached).services["subsidy"].pid
    psutil.Process(before).kill()
    until(lambda: running_stack(detached).services["subsidy"].pid != before)


@dataclass(frozen=True)
class End:
    """How a life of a stack ended in which `children` ran."""

    status: int | None
    """Of the supervisor's process; None where it was detached."""
    said: str
    children: list[psutil.Process]
    marks: int
    """How many marks of earlier lives were found in it."""

    @property
    def last_words(self) -> str:
        return self.said.splitlines()[-1]

    @property
    def orphans(self) -> list[psutil.Process]:
        return [child for child in self.children if child.is_running()]


@pytest.fixture(scope="module")
def lives(detached: Path) -> dict[str, End]:
    """Four lives over one data folder, each ended in another way; the first is the stack that was detached."""
    found: dict[str, End] = {}
    said: list[str] = []
    state = running_stack(detached)
    children, marks = psutil.Process(state.pid).children(recursive=True), asyncio.run(_mark(state))
    control.down(detached, said.append)
    assert said[-1] == "Stopped. Data are kept."
    found["down"] = End(None, (detached / "logs" / "supervisor.log").read_text(), children, marks)
    for way, end in (("told", _told), ("killed", _killed), ("bereft", _bereft)):
        one = Supervisor(detached)
        try:
            state = one.until_up()
            children, marks = one.children(), asyncio.run(_mark(state))
            found[way] = End(*end(one), children, marks)
        finally:
            one.process.kill()
            one.process.wait()
    return found


def _told(one: Supervisor) -> tuple[int, str]:
    return one.end(signal.SIGINT)


def _killed(one: Supervisor) -> tuple[int, str]:
    children = one.children()
    ended = one.end(signal.SIGKILL)
    until(lambda: not any(child.is_running() for child in children))
    assert read_state(one.data) is None
    return ended


def _bereft(one: Supervisor) -> tuple[int, str]:
    broker = Identity.read(one.data / "run" / "kafka.pid")
    assert broker is not None
    psutil.Process(broker.pid).kill()
    said, _ = one.process.communicate(timeout=LIMIT_S)
    return one.process.returncode, said


def test_down_ends_everything_and_says_so(lives: dict[str, End], detached: Path) -> None:
    assert len(lives["down"].children) >= 7
    assert (lives["down"].last_words, lives["down"].orphans) == ("Stopped. Data are kept.", [])
    said: list[str] = []
    control.down(detached, said.append)
    assert said[-1].startswith("Nothing is running over")


def test_an_interrupt_ends_everything_in_order(lives: dict[str, End]) -> None:
    told = lives["told"]
    assert (told.status, told.last_words, told.orphans) == (0, "Stopped. Data are kept.", [])
    assert len(told.children) >= 7


def test_a_killed_supervisor_takes_its_children_along(lives: dict[str, End]) -> None:
    assert lives["killed"].status == -signal.SIGKILL
    assert lives["killed"].orphans == []


def test_a_broker_that_dies_ends_the_stack_with_a_sentence(lives: dict[str, End]) -> None:
    bereft = lives["bereft"]
    assert (bereft.status, bereft.orphans) == (1, [])
    assert "because kafka ended by itself" in bereft.last_words


def test_data_survive_each_of_these_ends_and_the_next_start_is_not_disturbed(lives: dict[str, End]) -> None:
    assert [life.marks for life in lives.values()] == [0, 1, 2, 3]


def test_an_interrupted_start_leaves_nothing_running(start: Callable[..., Supervisor]) -> None:
    first = start()
    until((first.data / "run" / "kafka.pid").exists)
    children = first.children()
    status, said = first.end(signal.SIGINT)
    assert (status, said.splitlines()[-1]) == (130, "Stopped before it was up.")
    assert not any(child.is_running() for child in children)
    assert control.holder(first.data) is None


def test_a_taken_port_is_named(start: Callable[..., Supervisor]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said, _ = start("--port-base", str(port - 1)).process.communicate(timeout=LIMIT_S)
    assert f"Port {port}, meant for subsidy, is taken by another program" in said


async def test_a_service_that_ends_at_once_fails_the_start_and_nothing_is_left(
    infrastructure: Infrastructure, namespace: str
) -> None:
    with pytest.raises(StackError, match="ended while starting \\(exit status 3\\)"):
        await Stack.over(infrastructure, namespace, lanes=("32",), module=DUMMY, settings={"DUMMY_ENDS": "1"})
    assert not list((infrastructure.data / "run").glob(f"{namespace}*"))


async def test_a_namespace_without_its_dot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="a dot at the end"):
        await Stack.start(tmp_path, "trial")


async def test_too_little_space_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infrastructure_module, "NEEDED_BYTES", 2**62)
    with pytest.raises(StackError, match=r"Only \d+ MiB are free at"):
        await Stack.start(tmp_path, module=DUMMY)


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(infrastructure_module, "write_private", no_space)
    said: list[str] = []
    assert supervisor.run(Wanted(tmp_path, module=DUMMY), said.append, lambda _: None) == 1
    assert said[-1].startswith("The disk is full at")


async def test_a_disk_that_fills_stops_the_stack_before_anything_breaks(
    infrastructure: Infrastructure, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOW_DISK_BYTES", 2**62)
    async with await Stack.over(infrastructure, namespace, (), lanes=("32",), module=DUMMY) as stack:
        trouble = await supervisor._watch(stack, asyncio.Event(), _ignore)
    assert trouble.startswith("Stopped, because the disk is full")


def test_a_stale_pid_is_not_taken_for_a_running_process(tmp_path: Path) -> None:
    me = Identity.of(psutil.Process().pid)
    assert me.alive()
    assert not Identity(me.pid, me.started_s - 3600).alive()
    StackState(state="running", pid=me.pid, started_s=me.started_s - 3600, data=tmp_path).write()
    assert read_state(tmp_path) is None


def test_a_service_that_keeps_ending_is_left_down() -> None:
    restarts = Restarts()
    allowed = [now for now in range(300) if restarts.allowed(("subsidy", 0), float(now))]
    assert len(allowed) == supervisor.RESTARTS_MAX


async def _mark(state: StackState) -> int:
    """Leave a mark in enrollment's database; how many there were."""
    connection = await asyncpg.connect(state.services["enrollment"].dsn_file.read_text())
    before: int = await connection.fetchval("SELECT count(*) FROM cursor WHERE stream LIKE 'mark %'")
    await connection.execute("INSERT INTO cursor (stream, lane) VALUES ($1, '32')", f"mark {before}")
    await connection.close()
    return before


def _dreams(command: str, data: Path, *options: str) -> Result:
    return CliRunner().invoke(app, [command, "--data", str(data), *options], env={"COLUMNS": "200"})


def _ignore(_: str) -> None:
    """Take a sentence nobody asked for."""


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
