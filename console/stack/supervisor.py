"""Keeps a stack running until it is told to stop, and says in a sentence why if it cannot.

python -m console.stack.supervisor --data FOLDER [--tracing] [--port-base N]
"""

import argparse
import asyncio
import contextlib
import errno
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from console.stack.failures import StackError
from console.stack.infrastructure import MIB, Progress
from console.stack.processes import Identity
from console.stack.stack import SERVICE_MODULE, Instance, Stack
from console.stack.state import FILE, ServiceState, StackState

WATCH_S = 0.5
LOW_DISK_BYTES = 128 * MIB
# A service that keeps ending is left down after so many starts within the window.
RESTARTS_MAX = 5
RESTART_WINDOW_S = 300.0
RESTART_DELAY_S = 1.0
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Wanted:
    """What the operator asked for."""

    data: Path
    namespace: str = ""
    tracing: bool = False
    port_base: int | None = None
    module: str = SERVICE_MODULE


def run(wanted: Wanted, progress: Progress, on_up: Callable[[Stack], None]) -> int:
    """Start the stack, keep it until a signal, stop it; returns the exit status."""

    def say(sentence: str) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more; what is to be stopped still is
            progress(sentence)

    try:
        return asyncio.run(_run(wanted, say, on_up))
    except StackError as error:
        say(str(error))
    except OSError as error:
        say(_sentence(error, wanted.data))
    return 1


async def _run(wanted: Wanted, progress: Progress, on_up: Callable[[Stack], None]) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, ended.set)
    stack = await _start_unless(ended, wanted, progress)
    if stack is None:
        progress("Stopped before it was up.")
        return 130
    trouble = ""
    try:
        describe(stack, "running")
        on_up(stack)
        trouble = await _watch(stack, ended, progress)
        describe(stack, "stopping")
    finally:
        await stack.stop()
        (stack.infrastructure.data / FILE).unlink(missing_ok=True)
    progress(trouble or "Stopped. Data are kept.")
    return 1 if trouble else 0


async def _start_unless(ended: asyncio.Event, wanted: Wanted, progress: Progress) -> Stack | None:
    """Start the stack; None if the operator changed his mind meanwhile, and then nothing is left running."""
    starting = asyncio.create_task(
        Stack.start(
            wanted.data,
            wanted.namespace,
            tracing=wanted.tracing,
            progress=progress,
            port_base=wanted.port_base,
            module=wanted.module,
        )
    )
    told = asyncio.create_task(ended.wait())
    await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if starting.done():
        return starting.result()
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await (await starting).stop()  # it was up at the very moment
    return None


async def _watch(stack: Stack, ended: asyncio.Event, progress: Progress) -> str:
    """Return when told to end (an empty text) or when the stack cannot go on (why)."""
    restarts = Restarts()
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCH_S):
                await ended.wait()
        if ended.is_set():
            return ""
        free_bytes = shutil.disk_usage(stack.infrastructure.data).free
        if free_bytes < LOW_DISK_BYTES:
            return (
                f"Stopped, because the disk is full: {free_bytes // MIB} MiB are left at "
                f"{stack.infrastructure.data}. Nothing recorded is lost; free some space and start again."
            )
        for process in stack.infrastructure.processes:
            if not process.running:
                return (
                    f"Stopped, because {process.name} ended by itself (exit status {process.returncode}). "
                    f"Its log says why: {process.log}"
                )
        await _restart_ended(stack, restarts, progress)


@dataclass
class Restarts:
    """When services were started anew, so that one that always ends is not started for ever."""

    times_s: dict[Instance, list[float]] = field(default_factory=dict)

    def allowed(self, service: Instance, now_s: float) -> bool:
        """Note a restart unless there were too many, or the last is too fresh."""
        recent = [time_s for time_s in self.times_s.get(service, []) if now_s - time_s < RESTART_WINDOW_S]
        self.times_s[service] = recent
        if len(recent) >= RESTARTS_MAX or (
            recent and now_s - recent[-1] < RESTART_DELAY_S * 2 ** len(recent)
        ):
            return False
        recent.append(now_s)
        return True


async def _restart_ended(stack: Stack, restarts: Restarts, progress: Progress) -> None:
    for (name, instance), process in list(stack.services.items()):
        if process.running or not restarts.allowed((name, instance), time.monotonic()):
            continue
        progress(
            f"{name} ended by itself (exit status {process.returncode}) and is started again: {process.log}"
        )
        await stack.start_service(name, instance, ready=False)
        describe(stack, "running")


def describe(stack: Stack, state: str) -> None:
    """Write the state file."""
    infrastructure, me = stack.infrastructure, Identity.of(os.getpid())
    StackState(
        state=state,  # type: ignore[arg-type]
        pid=me.pid,
        started_s=me.started_s,
        data=infrastructure.data,
        namespace=stack.namespace,
        kafka_bootstrap=stack.kafka.bootstrap,
        postgres_port=infrastructure.ports["postgres"],
        smtp_port=infrastructure.ports["smtp"],
        mail_file=stack.mail_file,
        jaeger=f"http://127.0.0.1:{infrastructure.ports['jaeger']}" if stack.jaeger else "",
        otlp_endpoint=stack.otlp_endpoint,
        services={
            name if instance == 0 else f"{name}-{instance}": ServiceState(
                address=stack.address(name, instance),
                pid=process.pid,
                log=process.log,
                dsn_file=Path(stack.service_env(name, instance)["DREAMS_DATABASE_DSN_FILE"]),
            )
            for (name, instance), process in stack.services.items()
        },
    ).write()


def _sentence(error: OSError, data: Path) -> str:
    if isinstance(error, TimeoutError):
        return f"Something did not answer in time; is the machine overloaded? Logs: {data.resolve()}/logs"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full at {data.resolve()}: free some space and start again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename or data} may not be written by this user: choose another folder with --data."
    return f"The system refused: {error}."


def main() -> int:
    """Run as a program, detached from the terminal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--namespace", default="")
    parser.add_argument("--tracing", action="store_true")
    parser.add_argument("--port-base", type=int)
    parser.add_argument("--module", default=SERVICE_MODULE, help=argparse.SUPPRESS)  # tests start others
    chosen = parser.parse_args()
    wanted = Wanted(chosen.data, chosen.namespace, chosen.tracing, chosen.port_base, chosen.module)

    def say(sentence: str) -> None:
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()

    return run(wanted, say, lambda _: None)


if __name__ == "__main__":
    sys.exit(main())
