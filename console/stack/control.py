"""Starts, asks and stops a stack from outside: behind `dreams up -d`, `down`, `status`, `logs`, `reset`."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from console.stack.failures import StackError
from console.stack.infrastructure import LOCK, Progress
from console.stack.private_files import make_private_folder
from console.stack.process_locks import holder_of, try_lock
from console.stack.processes import end_leftovers
from console.stack.stack import is_ready
from console.stack.state import FILE, StackState, read_state
from console.stack.supervisor import Wanted

UP_LIMIT_S = 600.0  # a first start may fetch Kafka
DOWN_LIMIT_S = 90.0
POLL_S = 0.1
LINES_SHOWN = 200


def up_detached(wanted: Wanted, progress: Progress) -> StackState:
    """Start a supervisor that outlives this command, and wait until the stack is up; raises StackError."""
    data = make_private_folder(wanted.data.resolve())
    log = make_private_folder(data / "logs") / "supervisor.log"
    command = [sys.executable, "-m", "console.stack.supervisor", "--data", str(data)]
    command += ["--namespace", wanted.namespace, "--module", wanted.module]
    command += ["--tracing"] * wanted.tracing
    command += ["--port-base", str(wanted.port_base)] * (wanted.port_base is not None)
    with log.open("ab") as output:
        said_from = output.tell()
        supervisor = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        return _until_up(supervisor, data, _follow_once(log, said_from), progress)
    except BaseException:
        supervisor.terminate()
        raise


def down(data: Path, progress: Progress) -> None:
    """Stop the stack over `data` and wait until all of it has ended; raises StackError."""
    pid = holder(data)
    if pid is None:
        _clear_leftovers(data, progress)
        return
    progress(f"Stopping the stack over {data.resolve()}")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_LIMIT_S
    while holder(data) == pid:
        if time.monotonic() > deadline:
            raise StackError(
                f"The supervisor (process {pid}) has not ended within {DOWN_LIMIT_S:.0f} s. `kill -9 {pid}` "
                "ends it and all it started; data stay."
            )
        time.sleep(POLL_S)
    progress("Stopped. Data are kept.")


def holder(data: Path) -> int | None:
    """The process that has the stack over `data` in hand, up or still starting; None if none has."""
    return holder_of(data.resolve() / LOCK)


async def readiness(state: StackState) -> dict[str, bool]:
    """Ask every service of a stack whether it is ready."""
    names = list(state.services)
    answers = await asyncio.gather(*(is_ready(state.services[name].address) for name in names))
    return dict(zip(names, answers, strict=True))


def reset(data: Path) -> None:
    """Delete all data of a stopped stack; raises StackError if it runs or is no stack's folder."""
    data = data.resolve()
    if not (data / LOCK).exists():
        raise StackError(f"{data} is no folder of a stack: nothing was deleted.")
    lock = try_lock(data / LOCK)
    if lock is None:
        raise StackError(f"The stack over {data} is running: `dreams down` first. Nothing was deleted.")
    with lock:
        end_leftovers(data / "run")
        shutil.rmtree(data)


def log_lines(data: Path, name: str | None, follow: bool) -> Iterator[str]:
    """The last lines of one log or of all, each with its log's name in front; with `follow`, without end."""
    logs = {path.stem: path for path in sorted((data.resolve() / "logs").glob("*.log"))}
    if name is not None and name not in logs:
        raise StackError(
            f"There is no log of {name} in {data.resolve()}. There are: {', '.join(logs) or 'none'}."
        )
    chosen = {name: logs[name]} if name is not None else logs
    places = {}
    for label, path in chosen.items():
        text = path.read_text(errors="replace")
        places[label] = path.stat().st_size
        yield from (f"{label}  {line}" for line in text.splitlines()[-LINES_SHOWN:])
    while follow:
        time.sleep(POLL_S)
        for label, path in chosen.items():
            places[label], lines = _new_lines(path, places[label])
            yield from (f"{label}  {line}" for line in lines)


def _until_up(
    supervisor: "subprocess.Popen[bytes]", data: Path, said: Iterator[list[str]], progress: Progress
) -> StackState:
    deadline = time.monotonic() + UP_LIMIT_S
    last = ""  # held back until it turns out not to be the sentence that says why there is no stack
    while True:
        ended = supervisor.poll() is not None
        for line in next(said):
            if last:
                progress(last)
            last = line
        if ended:
            raise StackError(last)
        state = read_state(data)
        if state is not None and state.pid == supervisor.pid and state.state == "running":
            progress(last)
            return state
        if time.monotonic() > deadline:
            raise StackError(f"The stack was not up within {UP_LIMIT_S:.0f} s. Logs: {data / 'logs'}")
        time.sleep(POLL_S)


def _follow_once(log: Path, place: int) -> Iterator[list[str]]:
    while True:
        place, lines = _new_lines(log, place)
        yield lines


def _new_lines(path: Path, place: int) -> tuple[int, list[str]]:
    """Whole lines that came after `place`, and the place after them; a log that was set aside starts anew."""
    if not path.exists():
        return place, []
    if path.stat().st_size < place:
        place = 0
    with path.open("rb") as file:
        file.seek(place)
        whole = file.read().rpartition(b"\n")[0]
    return (place + len(whole) + 1, whole.decode(errors="replace").split("\n")) if whole else (place, [])


def _clear_leftovers(data: Path, progress: Progress) -> None:
    data = data.resolve()
    if not (data / LOCK).exists():
        progress(f"Nothing is running over {data}.")
        return
    lock = try_lock(data / LOCK)
    if lock is None:
        raise StackError(f"Another command has just taken {data}: try again.")
    with lock:
        ended = end_leftovers(data / "run")
        (data / FILE).unlink(missing_ok=True)
    progress(
        f"Ended what was left over: {', '.join(ended)}." if ended else f"Nothing is running over {data}."
    )
