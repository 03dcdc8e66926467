"""A province's outbox: events on disk until each has its final receipt, so that a crash repeats and loses none.

An event is `unsent` until it is handed to Kafka for the first time, `handed` from just before that, `again` where
nobody knows whether Kafka has it, `parked` while it waits for others, and `settled` by its final receipt.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Protocol

from console.province.said_error import SaidError
from shared.contracts.enrollment import ReceiptIssued

LOCKED_LIMIT_S: Final = 2.0
_SOUGHT_AT_ONCE: Final = 400
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  content BLOB NOT NULL,
  value BLOB,
  state TEXT NOT NULL,
  corrected INTEGER NOT NULL DEFAULT 0,
  "offset" INTEGER,
  receipt TEXT,
  untold INTEGER NOT NULL DEFAULT 0,
  UNIQUE (source, id)
);
CREATE INDEX IF NOT EXISTS event_to_send ON event (number) WHERE state IN ('unsent', 'again');
CREATE INDEX IF NOT EXISTS event_handed ON event (number) WHERE state = 'handed';
CREATE INDEX IF NOT EXISTS event_untold ON event (number) WHERE untold;
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

Key = tuple[str, str]
"""Source and id of an event."""
Put = Literal["queued", "known", "busy"]
"""It will be sent; it was put before and goes on as it stands; another content of this id has no receipt yet."""


class OutboxError(SaidError):
    """The outbox cannot be used, or is in use."""


class Event(Protocol):
    """What the outbox needs of an event."""

    @property
    def source(self) -> str: ...  # noqa: D102  # as its CloudEvent says
    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> bytes: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ToSend:
    """An event on its way out; `number` is its place in the outbox."""

    number: int
    lane: str
    value: bytes
    topic_kind: Literal["events"] = "events"
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = (
        ("content-type", b"application/cloudevents+json; charset=UTF-8"),
    )


class Outbox:
    """The file; one process at a time. Its methods write to disk before they return, and may be called in threads."""

    def __init__(self, path: Path, lane: str) -> None:
        self.path = path
        self._lane = lane
        self._lock = threading.Lock()
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(
                path, timeout=LOCKED_LIMIT_S, isolation_level=None, check_same_thread=False
            )
            # Exclusive: no second publisher, and no shared memory, which network drives do not have.
            for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
                self._db.execute(f"PRAGMA {setting}")
            with self._write():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error

    def close(self) -> None:
        """Give the file free; everything is on disk already."""
        with self._lock:
            self._db.close()

    def remove(self) -> None:
        """Close it and delete the file."""
        self.close()
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def belongs_to(self, deployment: str) -> bool:
        """Whether it was used with this deployment; a new one belongs to the first that asks."""
        with self._write():
            self._db.execute("INSERT OR IGNORE INTO about VALUES ('deployment', ?)", (deployment,))
            return self._about("deployment") == deployment

    @property
    def next_receipt(self) -> int | None:
        """Offset of the receipt to read next; None before the first."""
        with self._lock:
            found = self._about("next_receipt")
        return None if found is None else int(found)

    def put(self, events: Iterable[Event]) -> list[Put]:
        """Keep events to be sent in this order; what became of each."""
        with self._write():
            return [self._put(event) for event in events]

    def keep_only(self, keys: Iterable[Key]) -> None:
        """Forget what is neither among `keys` nor settled."""
        with self._write():
            self._db.execute("CREATE TEMP TABLE kept (source TEXT, id TEXT, PRIMARY KEY (source, id))")
            self._db.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?)", keys)
            self._db.execute(
                "DELETE FROM event WHERE state <> 'settled' AND (source, id) NOT IN (SELECT source, id FROM kept)"
            )
            self._db.execute("DROP TABLE kept")

    def hand_out(self, limit: int) -> list[ToSend]:
        """The next events to send, from now on `handed`."""
        with self._write():
            found = self._db.execute(
                "SELECT number, value FROM event WHERE state IN ('unsent', 'again') ORDER BY number LIMIT ?",
                (limit,),
            ).fetchall()
            self._db.executemany(
                "UPDATE event SET state = 'handed' WHERE number = ?", ((number,) for number, _ in found)
            )
        return [ToSend(number, self._lane, value) for number, value in found]

    def placed(self, numbers: Sequence[int], offsets: Sequence[int]) -> None:
        """Note where Kafka has put events, each at its first place since it got its present content."""
        with self._write():
            self._db.executemany(
                'UPDATE event SET "offset" = ? WHERE number = ? AND corrected AND "offset" IS NULL',
                zip(offsets, numbers, strict=True),
            )

    def send_again(self) -> int:
        """Send once more what was handed out and has no receipt; how many these are."""
        with self._write():
            return self._db.execute("UPDATE event SET state = 'again' WHERE state = 'handed'").rowcount

    def take(self, receipts: Iterable[ReceiptIssued], next_receipt: int) -> None:
        """Take receipts in and note where to read on, both or neither; others' receipts are passed over."""
        with self._write():
            for receipt in receipts:
                if receipt.event_id is not None and receipt.event_source is not None:
                    self._take((receipt.event_source, receipt.event_id), receipt)
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('next_receipt', ?)", (str(next_receipt),))

    def untold(self, limit: int) -> list[tuple[int, ReceiptIssued]]:
        """Receipts that `told` was not called for yet, in the order of their events."""
        with self._lock:
            found = self._db.execute(
                "SELECT number, receipt FROM event WHERE untold ORDER BY number LIMIT ?", (limit,)
            ).fetchall()
        return [(number, _receipt(text)) for number, text in found]

    def told(self, numbers: Iterable[int], settled_max: int | None = None) -> None:
        """Whoever follows the receipts knows these; of settled events the last `settled_max` are kept."""
        with self._write():
            self._db.executemany(
                "UPDATE event SET untold = 0 WHERE number = ?", ((number,) for number in numbers)
            )
            if settled_max is not None:
                self._db.execute(
                    "DELETE FROM event WHERE state = 'settled' AND NOT untold AND number <= "
                    "(SELECT max(number) FROM event) - ?",
                    (settled_max,),
                )

    def receipts(self, keys: Sequence[Key]) -> dict[Key, ReceiptIssued | None]:
        """The last receipt of each event that is here; None where there is none yet."""
        found: dict[Key, ReceiptIssued | None] = {}
        with self._lock:
            for start in range(0, len(keys), _SOUGHT_AT_ONCE):
                some = keys[start : start + _SOUGHT_AT_ONCE]
                places = ", ".join(["(?, ?)"] * len(some))
                rows = self._db.execute(
                    f"SELECT source, id, receipt FROM event WHERE (source, id) IN (VALUES {places})",  # noqa: S608  # only places
                    [part for key in some for part in key],
                )
                found |= {(source, id_): text and _receipt(text) for source, id_, text in rows}
        return found

    def counts(self) -> MappingProxyType[str, int]:
        """How many events are in each state."""
        with self._lock:
            found = self._db.execute("SELECT state, count(*) FROM event GROUP BY state").fetchall()
        return MappingProxyType(dict(found))

    def unsent(self) -> int:
        """How many events wait to be sent."""
        with self._lock:
            found = self._db.execute("SELECT count(*) FROM event WHERE state IN ('unsent', 'again')")
            return int(found.fetchone()[0])

    def _put(self, event: Event) -> Put:
        content = hashlib.sha256(event.value).digest()
        known = self._db.execute(
            "SELECT number, state, content, receipt FROM event WHERE source = ? AND id = ?",
            (event.source, event.id),
        ).fetchone()
        if known is None:
            return self._queue(event, content, corrected=False)
        number, state, before, receipt = known
        if state not in {"settled", "unsent"}:
            return "known" if before == content else "busy"
        taken = state == "unsent" or _receipt(receipt).status in {"accepted", "duplicate"}
        if before == content and taken:
            return "known"
        self._db.execute("DELETE FROM event WHERE number = ?", (number,))
        return self._queue(event, content, corrected=state == "settled")

    def _queue(self, event: Event, content: bytes, *, corrected: bool) -> Put:
        self._db.execute(
            "INSERT INTO event (source, id, content, value, state, corrected) VALUES (?, ?, ?, ?, 'unsent', ?)",
            (event.source, event.id, content, event.value, corrected),
        )
        return "queued"

    def _take(self, key: Key, receipt: ReceiptIssued) -> None:
        found = self._db.execute(
            'SELECT number, state, corrected, "offset" FROM event WHERE source = ? AND id = ?', key
        ).fetchone()
        if found is None:
            return
        number, state, corrected, offset = found
        if state in {"unsent", "settled"}:
            return  # somebody else's sending of this id, or a second one of ours: the first final receipt counts
        if corrected and (offset is None or receipt.offset < offset):
            return  # of the content that stood here before
        if state == "parked" and receipt.status in {"parked", "duplicate"}:
            return  # our second sending of what waits
        settled = receipt.status != "parked"
        self._db.execute(
            "UPDATE event SET state = ?, receipt = ?, untold = 1, value = CASE WHEN ? THEN NULL ELSE value END "
            "WHERE number = ?",
            ("settled" if settled else "parked", receipt.model_dump_json(), settled, number),
        )

    def _about(self, name: str) -> str | None:
        found = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    @contextmanager
    def _write(self) -> Iterator[None]:
        """One transaction: on disk when it ends, or as if it had not been."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise _unusable(self.path, error) from error
                raise


def _receipt(text: str) -> ReceiptIssued:
    return ReceiptIssued.model_validate_json(text)


def _unusable(path: Path, error: Exception) -> OutboxError:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return OutboxError(
            f"另一个程序正在使用 {path}。请等它结束后再试。",
            f"{path} is in use by another program: try again when it has ended.",
        )
    return OutboxError(
        f"无法使用 {path}（{error}）。请检查文件夹权限和磁盘空间。",
        f"{path} cannot be used ({error}). Check the folder's rights and the disk.",
    )
