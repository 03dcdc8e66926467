"""PostgreSQL: the pool, what may be tried again, and how to get past a holder that is frozen."""

import asyncio
import traceback
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import asyncpg
import structlog
from aiokafka.errors import KafkaError
from asyncpg import Connection, Pool
from asyncpg.transaction import Transaction

from shared.plumbing import store
from shared.plumbing.metrics import Metrics
from shared.plumbing.store import Db

CURSOR_WAIT_S: Final = 5.0
"""Who waits for a cursor longer ends the backend that holds it."""
CONNECT_TIMEOUT_S: Final = 5.0
_ROLL_BACK_S: Final = 2.0
_SESSION: Final = {
    "statement_timeout": "30000",
    "lock_timeout": "20000",
    "idle_in_transaction_session_timeout": "15000",
    "jit": "off",
    # A batch names its rows by key. Until its statistics have caught up the planner takes a table for small and
    # reads it whole for each batch: what costs nothing on the first day grows with history.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


class ChangedMeanwhileError(Exception):
    """What a batch has read without a lock is no longer so: another transaction was faster."""


CONFLICTS: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, ChangedMeanwhileError)
"""The transaction may simply be run again."""
PASSING: Final = (
    *CONFLICTS,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,
    # A release before its migration, or a right that is missing: our statements are the same for every event.
    asyncpg.SyntaxOrAccessError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    KafkaError,
    OSError,
    TimeoutError,
)
"""Failures of the world around us: wait and try again, never blame an event."""

UNSTORABLE: Final = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""A text that was given holds what no text of the database can hold: U+0000."""

log = structlog.get_logger()
T = TypeVar("T")


class PassingError(Exception):
    """Something around us fails; the same work is to be tried again later."""


async def open_pool(dsn: str, application: str, max_size: int) -> Pool:
    """A pool whose sessions have limits; RuntimeError where the server's settings would lose commits."""
    pool = await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        reset=_nothing_to_reset,
        server_settings={"application_name": application, **_SESSION},
    )
    async with pool.acquire() as db:
        settings = await store.assert_durable(db)
    off = [name for name, value in settings.items() if value == "off"]
    if off:
        await pool.close()
        raise RuntimeError(f"PostgreSQL would lose commits: {', '.join(off)} is off. Turn it on.")
    return pool


async def insist(pool: Pool, db: Db, locking: Coroutine[Any, Any, T], metrics: Metrics) -> T:
    """Await a statement that locks cursors; whoever holds them longer than `CURSOR_WAIT_S` is ended.

    A process frozen in the middle of COPY or with its socket full holds its locks whatever the timeouts say.
    """
    waiting = asyncio.ensure_future(locking)
    try:
        while not (await asyncio.wait({waiting}, timeout=CURSOR_WAIT_S))[0]:
            for pid in await store.blockers(pool, db.get_server_pid()):
                # A holder of another role, such as a migration, is waited for: it is not ours to end.
                with suppress(asyncpg.InsufficientPrivilegeError):
                    if await store.end_backend(pool, pid):
                        metrics.ended_backend()
                        log.warning("ended_backend_that_held_a_cursor", pid=pid, after_s=CURSOR_WAIT_S)
        return waiting.result()
    finally:
        waiting.cancel()


async def roll_back(db: Db, transaction: Transaction) -> None:
    """Roll back where that is still possible; a broken connection has done so by itself."""
    if db.is_closed():
        return
    try:
        async with asyncio.timeout(_ROLL_BACK_S):
            await transaction.rollback()
    except (*PASSING, TimeoutError):
        db.terminate()


async def _nothing_to_reset(db: Connection) -> None:
    """No statement of ours outlives its transaction, so none is sent to clean up; an open one asyncpg rolls back."""


def where(error: BaseException) -> str:
    """File and line where `error` was raised, without any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "unknown"


def utc_now() -> datetime:
    """The process's clock, for alarms and displays only: never for a decision."""
    return datetime.now(UTC)
