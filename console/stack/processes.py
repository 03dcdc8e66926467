"""Child processes that never outlive the program that started them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from console.stack.private_files import make_private_folder, write_private

LAUNCHER = Path(__file__).with_name("launch.py")
POLL_S = 0.02
KILL_WAIT_S = 5.0
LOG_KEPT_BYTES = 20 * 1024 * 1024
TAIL_BYTES = 4096
START_TOLERANCE_S = 2.0

User = Literal["same", "namespace"] | int


@dataclass(frozen=True)
class Identity:
    """A process as its pid file names it; the start time tells it from a later one with the same number."""

    pid: int
    started_s: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Read the identity of a living process."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def read(cls, path: Path) -> "Identity | None":
        """Read a pid file; None if there is none or it is unreadable."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Write a pid file."""
        write_private(path, json.dumps({"pid": self.pid, "started_s": self.started_s}))

    def alive(self) -> bool:
        """Tell whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_s) < START_TOLERANCE_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@dataclass
class Process:
    """One child process with its log; usable from any event loop."""

    name: str
    log: Path
    pid_file: Path
    stop_signal: signal.Signals
    child: "subprocess.Popen[bytes]" = field(repr=False)
    _log_start: int = field(repr=False)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.child.pid

    @property
    def running(self) -> bool:
        """Tell whether it has not ended yet."""
        return self.child.poll() is None

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self.child.poll()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP in a crash test; nothing happens to an ended process."""
        self.child.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a power failure would, and collect it."""
        self.child.kill()
        self.child.wait(KILL_WAIT_S)
        self._forget()

    async def stop(self, grace_s: float = 10.0) -> bool:
        """Ask it to end and wait; returns False if it had to be killed after `grace_s`."""
        if self.running:
            self.child.send_signal(self.stop_signal)
            self.child.send_signal(signal.SIGCONT)  # one that was frozen could not hear
        in_time = await self.wait(grace_s)
        if not in_time:
            self.child.kill()
            await self.wait(KILL_WAIT_S)
        self._forget()
        return in_time

    async def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended; False if it still runs after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self.running:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_S)
        return True

    def tail(self) -> str:
        """The end of what it has logged itself, for a failure message."""
        return tail(self.log, self._log_start)

    def _forget(self) -> None:
        """Leave its successor's pid file alone, if it has one by now."""
        known = Identity.read(self.pid_file)
        if known is not None and known.pid == self.pid:
            self.pid_file.unlink(missing_ok=True)


class Spawner:
    """Starts children from one thread that lives as long as the program.

    The kernel sends the parent-death signal when the *thread* that started the child ends, so a worker thread
    of the moment must not start any.
    """

    def __init__(self, logs: Path, pids: Path) -> None:
        """Keep logs and pid files in these folders."""
        self.logs = make_private_folder(logs)
        self.pids = make_private_folder(pids)
        self._started: list[Process] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGKILL,
        user: User = "same",
    ) -> Process:
        """Start `command` in a session of its own, output appended to its log.

        `orphan_signal` is what it gets if this program dies, `stop_signal` what it gets to end cleanly.
        """
        log = self.logs / f"{name}.log"
        _set_aside_if_large(log)
        launch = [sys.executable, "-I", "-S", str(LAUNCHER)]
        launch += [str(os.getpid()), str(int(orphan_signal)), str(user)]
        log_start = log.stat().st_size if log.exists() else 0
        child = self._thread.submit(_start, [*launch, *command], log, environment).result()
        pid_file = self.pids / f"{name}.pid"
        Identity.of(child.pid).write(pid_file)
        process = Process(name, log, pid_file, stop_signal, child, log_start)
        self._started.append(process)
        return process

    async def run(self, name: str, command: Sequence[str], limit_s: float, *, user: User = "same") -> Process:
        """Run `command` to its end; after `limit_s`, or if the caller is cancelled, it is ended."""
        process = self.start(name, command, user=user)
        try:
            await process.wait(limit_s)
        finally:
            await process.stop()
        return process

    async def stop_all(self) -> None:
        """End what still runs, the latest first."""
        for process in reversed(self._started):
            await process.stop()


def end_leftovers(pids: Path) -> list[str]:
    """End what a killed supervisor left behind, where the kernel has not done so; returns their names."""
    ended = []
    for path in sorted(pids.glob("*.pid")):
        identity = Identity.read(path)
        if identity is not None and identity.alive():
            ended.append(path.stem)
            _end(psutil.Process(identity.pid))
        path.unlink(missing_ok=True)
    return ended


def tail(log: Path, start: int = 0) -> str:
    """The end of a log file from the byte `start` on, at most 4 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _start(command: list[str], log: Path, environment: Mapping[str, str] | None) -> "subprocess.Popen[bytes]":
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends its children in order
        )
    finally:
        os.close(descriptor)


def _set_aside_if_large(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _end(process: psutil.Process) -> None:
    try:
        process.terminate()
        process.wait(KILL_WAIT_S)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(KILL_WAIT_S)
    except psutil.NoSuchProcess:
        return
