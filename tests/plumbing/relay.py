"""A tiny service on the plumbing, to test it by: it writes down each note that it takes and passes it on."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from shared.contracts.envelope import Value, derived_id
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS, Stream
from shared.plumbing.batch import Batch, LaneGroup
from shared.plumbing.decoding import FactDecoder
from shared.plumbing.outgoing import Outgoing
from shared.plumbing.service import Definition
from shared.plumbing.store import Db

USER: Final = "subsidy"
"""It runs with this service's rights and in its database: it reads what subsidy reads, writes what it writes."""
NOTE: Final = "dreams.note.written.v1"
RELAYED: Final = "dreams.note.relayed.v1"
INPUT: Final = ENROLLMENT_EVENTS
OUTPUT: Final = SUBSIDY_EVENTS


class Note(Value):
    """What the relay takes: a number to write down and pass on."""

    n: int
    to: str | None = None
    """Another lane on which it is published."""
    park: bool = False
    """Handed to `to` unjudged, instead of decided here."""


async def make_table(owner: Db) -> None:
    """Where notes are written down; a second time is an error, as everywhere in our services."""
    await owner.execute("CREATE TABLE note (lane text, n int, came text, PRIMARY KEY (lane, n))")


@dataclass
class Relay:
    """The handler; in-process tests turn its knobs."""

    poison: set[int] = field(default_factory=set)
    """Numbers on which our own code fails."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """A batch with records waits for it in the middle of its transaction, if `held`."""
    held: bool = False
    behind: bool = False
    """It writes behind, as the door does, and waits before it says that it has read."""
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    given: list[int] = field(default_factory=list)
    """The numbers of all notes that it was ever given to decide."""

    async def __call__(self, batch: Batch, db: Db) -> None:
        """Write down and pass on; what is for another lane is handed over."""
        rows: list[tuple[str, int, str]] = []
        for lane, payload in batch.handed:
            self._take(batch, lane, int(payload), "handed", rows)
        for taken in batch.taken:
            if taken.event is None:
                continue
            note: Note = taken.event.data
            self.given.append(note.n)
            if note.park and note.to:
                batch.hand_over(note.to, str(note.n).encode())
            else:
                self._take(batch, taken.lane, note.n, "read", rows, note.to)
        if self.behind:
            await self._wait(batch)
            await batch.all_is_read()
            batch.writes.behind(partial(_write_down, db, rows))
        else:
            await _write_down(db, rows)
            await self._wait(batch)

    async def _wait(self, batch: Batch) -> None:
        if batch.taken:
            self.entered.set()
            if self.held:
                await self.gate.wait()

    def _take(
        self,
        batch: Batch,
        lane: str,
        n: int,
        came: str,
        rows: list[tuple[str, int, str]],
        to: str | None = None,
    ) -> None:
        if n in self.poison:
            raise RuntimeError("our own code fails on this note")
        rows.append((lane, n, came))
        batch.publish(
            OUTPUT,
            to or lane,
            Outgoing(
                id=derived_id("relay", lane, n),
                type=RELAYED,
                subject=None,
                time=batch.recorded_at,
                data={"n": n, "came": came},
                causationid=None,
                correlationid=None,
                traceparent=None,
            ),
        )


async def _write_down(db: Db, rows: list[tuple[str, int, str]]) -> None:
    await db.copy_records_to_table("note", records=rows, columns=("lane", "n", "came"))


def lane_group(handle: Relay, group: str = USER) -> LaneGroup:
    """The relay's lane group."""
    return LaneGroup(group, (INPUT,), (OUTPUT,), "seq", FactDecoder({NOTE: Note}), handle)


def definition(handle: Relay, group: str = USER) -> Definition:
    """The relay as a service; its `group` starts with the user's name, for which it has rights."""
    lanes = lane_group(handle, group)
    return Definition(name="relay", groups=lambda _: [lanes], payloads={group: list[Note]})


def reader(seen: dict[str, list[int]], group: str, reads: tuple[Stream, ...] = (OUTPUT,)) -> Definition:
    """A service that only reads and remembers the `seq` of all that it took in, by lane."""

    async def read(batch: Batch, _: Db) -> None:
        for taken in batch.taken:
            seen.setdefault(taken.lane, []).append(taken.seq)

    lanes = LaneGroup(group, reads, (), "seq", FactDecoder({}), read)
    return Definition(name="reader", groups=lambda _: [lanes], payloads={group: list[Note]})
