"""Processes of their own, of the relay or of subsidy, to be killed, frozen and woken."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import psutil

from console.stack.ports import free_port
from tests.measuring import UNMEASURED
from tests.plumbing import relay
from tests.plumbing.nursery import REACHED
from tests.plumbing.world import World, metric, until

ENDS_WITHIN_S: Final = 20.0


@dataclass
class RelayProcess:
    """One relay process."""

    pid: int
    port: int
    log: Path

    async def get(self, path: str) -> httpx.Response | None:
        """What it answers, if it does."""
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
                return await client.get(f"http://127.0.0.1:{self.port}{path}")
        except httpx.HTTPError:
            return None

    async def ready(self) -> bool:
        """Whether it says that it is ready; an AssertionError when it has ended."""
        assert self.running, f"it has ended: {self.log.read_text()[-2000:]}"
        answer = await self.get("/health/ready")
        return answer is not None and answer.status_code == httpx.codes.OK

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of one metric."""
        answer = await self.get("/metrics")
        assert answer is not None
        return metric(answer.text, name, **labels)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens to one that has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return psutil.pid_exists(self.pid)

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self.running and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    @property
    def reached(self) -> str | None:
        """The point at which it died or froze."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return next((line.removeprefix(REACHED) for line in lines if line.startswith(REACHED)), None)

    async def until_ended(self) -> None:
        """Wait until it has ended."""

        async def ended() -> bool:
            return not self.running

        await until(ended, ENDS_WITHIN_S)

    async def until_frozen(self) -> None:
        """Wait until it stands still."""

        async def stands() -> bool:
            return self.frozen

        await until(stands)


@dataclass
class Nursery:
    """Starts relay processes."""

    process: asyncio.subprocess.Process
    folder: Path
    started: list[RelayProcess] = field(default_factory=list)

    async def start(
        self,
        world: World,
        group: str,
        *,
        dies: str | None = None,
        freezes: str | None = None,
        service: Literal["relay", "subsidy"] = "relay",
        **changes: Any,
    ) -> RelayProcess:
        """Start one; it dies or freezes at the point that is named. Subsidy is in its own group always."""
        port = free_port()
        log = self.folder / f"{group}-{secrets.token_hex(3)}.log"
        settings = world.settings(http_port=port, **changes)
        order = {
            "settings": json.loads(settings.model_dump_json()),
            "service": service,
            "group": f"{relay.USER}-{group}",
            "log": str(log),
            "point": dies or freezes,
            "freezes": freezes is not None,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        pid = int(await asyncio.wait_for(self.process.stdout.readline(), ENDS_WITHIN_S))
        started = RelayProcess(pid, port, log)
        self.started.append(started)
        return started

    def end_all(self) -> None:
        """End every process that it has started."""
        for child in self.started:
            child.send(signal.SIGKILL)
        self.started.clear()


@contextlib.asynccontextmanager
async def nursery(folder: Path) -> AsyncIterator[Nursery]:
    """A nursery whose children end with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.plumbing.nursery",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | UNMEASURED,
    )
    made = Nursery(process, folder)
    try:
        yield made
    finally:
        made.end_all()
        assert process.stdin
        process.stdin.close()
        await asyncio.wait_for(process.wait(), ENDS_WITHIN_S)
