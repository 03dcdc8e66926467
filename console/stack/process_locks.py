"""Locks between processes that vanish with their holder, however it ends."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

from console.stack.failures import StackError

POLL_S = 0.1


def try_lock(path: Path) -> TextIO | None:
    """Take the lock and return the open file that holds it until closed; None if another process has it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def holder_of(path: Path) -> int | None:
    """The process id that its holder wrote into a lock that is taken; None if nobody holds it."""
    if not path.exists():
        return None
    file = try_lock(path)
    if file is not None:
        file.close()
        return None
    text = path.read_text().strip()
    return int(text) if text.isdigit() else None


def sign(lock: TextIO) -> None:
    """Write our process id into a lock that we hold."""
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


@asynccontextmanager
async def locked(path: Path, limit_s: float) -> AsyncIterator[None]:
    """Hold the lock, having waited for it at most `limit_s`."""
    deadline = time.monotonic() + limit_s
    while (file := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise StackError(f"Another process has held {path} for {limit_s:.0f} s: wait for it or end it.")
        await asyncio.sleep(POLL_S)
    with file:
        yield
