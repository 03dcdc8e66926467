"""Wait until a system is drained: no lag, no handover, nothing unpublished, on all lanes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import asyncpg

from console.stack.stack import Stack

POLL_S = 0.1


@contextlib.asynccontextmanager
async def database(stack: Stack, service: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to a service's database, as its owner."""
    connection = await asyncpg.connect(stack.infrastructure.database(service, stack.namespace).owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def until_drained(stack: Stack, events: int, within_s: float) -> None:
    """Return when the services of the stack have taken in all that `events` records of provinces led to."""
    deadline = time.monotonic() + within_s
    async with contextlib.AsyncExitStack() as open_ones:
        dbs = {
            name: await open_ones.enter_async_context(database(stack, name))
            for name in dict.fromkeys(name for name, _ in stack.services)
        }
        while (left := await _left(dbs, events)) != {}:
            assert time.monotonic() < deadline, f"not drained within {within_s:.0f} s: {left}"
            await asyncio.sleep(POLL_S)


async def _left(dbs: dict[str, "asyncpg.Connection[asyncpg.Record]"], events: int) -> dict[str, int]:
    """What is still to be done, by name; empty when drained."""
    left = {
        "records at the door": events
        - await dbs["enrollment"].fetchval("SELECT coalesce(sum(next_offset), 0)::bigint FROM cursor"),
    }
    for name in [name for name in ("enrollment", "subsidy") if name in dbs]:
        left[f"{name} handover"] = await dbs[name].fetchval("SELECT count(*) FROM handover")
        left[f"{name} unpublished"] = await dbs[name].fetchval(
            "SELECT coalesce(sum(seq - published_seq), 0)::bigint FROM outbound"
        )
        stamped = await dbs[name].fetchval(
            "SELECT coalesce(sum(seq), 0)::bigint FROM outbound WHERE stream = $1", f"{name}.events"
        )
        for reader in [name for name in ("subsidy", "reporting", "notification") if name in dbs]:
            taken = await dbs[reader].fetchval(
                "SELECT sum(last_seq)::bigint FROM cursor WHERE stream = $1", f"{name}.events"
            )
            if taken is not None or reader != name:
                left[f"{reader} behind {name}"] = stamped - (taken or 0) if reader != name else 0
    return {name: count for name, count in left.items() if count}
