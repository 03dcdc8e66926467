"""Starts relay or subsidy processes quickly, by fork, to die or freeze at a named point; runs as a program.

Reads one order a line on standard input and answers with the child's process id. All children end with it, and it
ends when its standard input does. The points are patched into the child: the services know nothing of them.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from services.subsidy import main as subsidy
from services.subsidy.config import Settings as SubsidySettings
from shared.plumbing import service, store
from shared.plumbing.batch import Carrier
from shared.plumbing.decoding import Taken
from shared.plumbing.lane_watch import LaneWatch
from shared.plumbing.publisher import Publisher
from shared.plumbing.settings import ServiceSettings
from tests.plumbing import relay

PR_SET_PDEATHSIG: Final = 1
REACHED: Final = "reached the point "


class Point:
    """A place in the way of a batch with records, where this process dies or freezes, once."""

    def __init__(self, name: str, act: Callable[[], None]) -> None:
        self.name = name
        self.act = act
        self.has_records = False

    def reached(self) -> None:
        """Do it, if a batch with records has come so far."""
        if self.has_records:
            self.has_records = False
            os.write(1, f"{REACHED}{self.name}\n".encode())
            self.act()


def main() -> None:
    """Take orders until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they vanish when they end
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def run(order: dict[str, Any]) -> None:
    """Be such a process until told to end."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        if order["point"]:
            patch(order["point"], Point(order["point"], freeze if order["freezes"] else die))
        if order["service"] == "subsidy":
            settings = SubsidySettings.model_validate(order["settings"])
            service.run(subsidy.definition(settings), settings)
        else:
            service.run(
                relay.definition(relay.Relay(), order["group"]),
                ServiceSettings.model_validate(order["settings"]),
            )
        status = 0
    finally:
        os._exit(status)


def die() -> None:
    """As by a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


def freeze() -> None:
    """Until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


POINTS: Final = (
    "before the transaction",
    "after the locks",
    "in the middle of COPY",
    "before COMMIT",
    "after COMMIT",
    "before sending",
    "after the acknowledgement",
    "before the offsets are committed",
)


def patch(point: str, at: Point) -> None:
    """Put the point where its name says."""
    carry_once = Carrier._carry_once

    async def arm(carrier: Carrier, taken: list[Taken], lanes: Sequence[str]) -> None:
        at.has_records = at.has_records or bool(taken)
        if point == "before the transaction":
            at.reached()
        await carry_once(carrier, taken, lanes)

    setattr(Carrier, "_carry_once", arm)  # noqa: B010 - a patch
    match point:
        case "after the locks":
            _before(Carrier, "_gate", at)
        case "in the middle of COPY":
            store.append_log = _in_copy(at)
        case "before COMMIT":
            _around_async(store, "move_on", at, after=True)
        case "after COMMIT":
            _before(Carrier, "_queue", at)
        case "before sending":
            _around_async(Publisher, "_send_row", at, after=False)
        case "after the acknowledgement":
            _around_async(Publisher, "_send_row", at, after=True)
        case "before the offsets are committed":
            _around_async(LaneWatch, "_measure", at, after=False)
        case _:
            assert point == "before the transaction"


def _before(owner: Any, name: str, at: Point) -> None:
    original = getattr(owner, name)

    def patched(*arguments: Any) -> Any:
        at.reached()
        return original(*arguments)

    setattr(owner, name, patched)


def _around_async(owner: Any, name: str, at: Point, *, after: bool) -> None:
    original = getattr(owner, name)

    async def patched(*arguments: Any) -> Any:
        if not after:
            at.reached()
        done = await original(*arguments)
        if after:
            at.reached()
        return done

    setattr(owner, name, patched)


def _in_copy(at: Point) -> Callable[..., Any]:
    """`store.append_log` that stands still between two rows of its COPY, the first of them sent."""

    async def append_log(db: store.Db, rows: Sequence[store.LogRow]) -> None:
        async def some() -> Any:
            for row in rows:
                yield tuple(getattr(row, column) for column in store._LOG_COLUMNS)
                at.reached()

        await db.copy_records_to_table("log", records=some(), columns=store._LOG_COLUMNS)

    return append_log


if __name__ == "__main__":
    main()
