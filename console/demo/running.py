"""Runs the demonstration: a fresh stack, provinces that send, a watch until all is drained, a clean end."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from console.api_client import Api, ApiError, Deployment
from console.demo.numbers import Reconciled, Snapshot, outstanding, reconcile
from console.demo.observing import observe, read_receipts, until_led
from console.province.producer import Broker, ProvinceSender, SendError, send_all
from console.province.simulator import Expected, SimulatedRecord, generate
from console.stack.failures import StackError
from console.stack.jaeger import find_jaeger
from console.stack.stack import Stack
from console.stack.state import FILE, StackState, read_state
from console.stack.supervisor import describe
from shared.contracts.envelope import shanghai_day
from shared.contracts.lanes import LANE_CODES

LOOK_S: Final = 1.0
DRAIN_LOOK_S: Final = 0.25
STALLED_S: Final = 60.0
"""If nothing at all moves on for this long, the run has failed."""
ENDLESS_EVENTS: Final = 10_000_000
SETTINGS: Final = {"DREAMS_SIMULATED": "1", "DREAMS_TRACE_RATIO": "1.0"}


class Screen(Protocol):
    """Where a run shows itself."""

    def step(self, sentence: str) -> None:
        """A step of the set-up or of the end begins."""

    def up(self, state: StackState) -> None:
        """The system is up."""

    def sending(self) -> None:
        """The provinces begin to send."""

    def show(self, now: Snapshot, sent: Expected) -> None:
        """The latest numbers."""


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    once: bool
    events: int
    seed: int
    rate_per_s: float | None
    tracing: bool | None = None
    """None: if there is a Jaeger."""


@dataclass
class Folder:
    """The data folder of one run: deleted at its end, unless it is asked for or something went wrong."""

    keep: bool
    path: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="dreams-demo-")))

    def clear(self) -> None:
        """Delete it, if that is meant."""
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)


class Outcome(NamedTuple):
    """What a run that ends by itself has come to."""

    sent: Expected
    last: Snapshot
    reconciled: Reconciled
    lanes: int
    duration_s: float
    """From the first send until all lanes were drained."""


async def run(plan: Plan, folder: Folder, screen: Screen) -> Outcome:
    """Run it; without `once` only a cancellation ends it. Whatever ends it, nothing is left running.

    Raises StackError with a sentence if the system does not come up, breaks, or does not drain.
    """
    stack = await _start(plan, folder, screen)
    try:
        await until_led(stack.kafka.access)
        describe(stack, "running")
        state = read_state(folder.path)
        assert state is not None
        screen.up(state)
        async with Api(Deployment.of_stack(state)) as api:
            try:
                return await _drive(plan, stack, api, screen)
            except SendError as error:
                raise StackError(str(error)) from error
    finally:
        await stack.stop()
        (folder.path / FILE).unlink(missing_ok=True)


async def _start(plan: Plan, folder: Folder, screen: Screen) -> Stack:
    tracing = plan.tracing
    if tracing is None:
        tracing = _has_jaeger()
    return await Stack.start(folder.path, tracing=tracing, progress=screen.step, settings=SETTINGS)


def _has_jaeger() -> bool:
    try:
        find_jaeger()
    except StackError:
        return False
    return True


async def _drive(plan: Plan, stack: Stack, api: Api, screen: Screen) -> Outcome:
    """Let the provinces send while the numbers are shown, until all is drained; then reconcile."""
    sent = Expected()
    screen.step(f"Logging in {len(LANE_CODES)} provinces")
    broker = Broker(stack.kafka.bootstrap, stack.namespace, stack.kafka.credentials)
    async with ProvinceSender(broker, LANE_CODES, 1.0, stack.otlp_endpoint) as sender:
        screen.sending()
        began_s = time.monotonic()
        sending = asyncio.create_task(send_all(sender, _simulation(plan, sent), plan.rate_per_s))
        try:
            last = await _watch(_Watch(stack, api, screen, sent), sending, endless=not plan.once)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, SendError):
                await sending
    screen.step("Reconciling records, receipts, ledger and national numbers")
    return await _reconciled(stack, api, sent, last, last.at_s - began_s)


def _simulation(plan: Plan, sent: Expected) -> Iterator[SimulatedRecord]:
    """The records to send, noted in `sent` as they are taken."""
    events = plan.events if plan.once else ENDLESS_EVENTS
    today = shanghai_day(datetime.now(UTC))
    for record in generate(plan.seed, events, today=today, as_it_happens=True):
        sent.count(record)
        yield record


@dataclass
class _Watch:
    """Looks at the running system again and again."""

    stack: Stack
    api: Api
    screen: Screen
    sent: Expected
    _last: Snapshot | None = None
    _moved_s: float = field(default_factory=time.monotonic)
    _trouble: str = ""

    async def look(self) -> Snapshot | None:
        """The numbers as they stand; None where a service did not answer. StackError if it cannot go on."""
        self._check_processes()
        try:
            now = await observe(self.api)
        except ApiError as error:
            self._trouble = str(error)
            self._check_stalled(self._moved_s)
            return None
        stopped = next(iter(now.stopped), None)
        if stopped is not None:
            why = next(reading.why for reading in stopped.reads if reading.why)
            raise StackError(f"Lane {stopped.lane} of {stopped.service} stands still ({why}): see its log.")
        if self._last is None or now.place != self._last.place or not outstanding(now, self.sent):
            self._moved_s = now.at_s
        self._last, self._trouble = now, ""
        self._check_stalled(self._moved_s)
        self.screen.show(now, self.sent)
        return now

    def _check_processes(self) -> None:
        services = self.stack.services.values()
        for process in (*self.stack.infrastructure.processes, *services):
            if not process.running:
                raise StackError(
                    f"{process.name} ended by itself (exit status {process.returncode}). "
                    f"Its log says why: {process.log}"
                )

    def _check_stalled(self, since_s: float) -> None:
        if time.monotonic() - since_s < STALLED_S:
            return
        missing = outstanding(self._last, self.sent) if self._last else []
        why = "; ".join([*missing, self._trouble]).strip("; ")
        raise StackError(f"Nothing has moved on for {STALLED_S:.0f} s: {why}.")


async def _watch(watch: _Watch, sending: "asyncio.Task[None]", *, endless: bool) -> Snapshot:
    """Show the numbers until all that was sent is drained, and return the first ones that say so.

    Seen twice with nothing moved in between: what one service said may be older than what another did.
    """
    first: Snapshot | None = None
    while True:
        over = sending.done()
        if over:
            sending.result()  # it may have failed
        now = await watch.look()
        drained = over and not endless and now is not None and not outstanding(now, watch.sent)
        if drained and first is not None and now is not None and first.place == now.place:
            return first
        first = now if drained else None
        await asyncio.wait([sending], timeout=LOOK_S)
        if over:
            await asyncio.sleep(DRAIN_LOOK_S)


async def _reconciled(stack: Stack, api: Api, sent: Expected, last: Snapshot, duration_s: float) -> Outcome:
    on_topics, receipts = await read_receipts(stack.kafka.bootstrap, stack.namespace, stack.kafka.credentials)
    ledger = await api.get("subsidy", "/v1/ledger/check")
    lanes = len({one.lane for one in last.lanes})
    return Outcome(sent, last, reconcile(sent, on_topics, receipts, last, ledger), lanes, duration_s)
