"""What tests of notification stand on: its real database, and a mail relay on loopback."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator

import pytest
from aiosmtpd.smtp import SMTP
from asyncpg import Pool

from console.stack.infrastructure import Infrastructure
from services.notification import consumers
from services.notification.handlers import Counts
from shared.plumbing import postgres, store
from shared.plumbing.batch import Carrier
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.telemetry import Telemetry
from tests.notification.world import Relay, World


@pytest.fixture(scope="session")
async def pool(infrastructure: Infrastructure) -> AsyncIterator[Pool]:
    """The service's own rights on a migrated database; made once, since each test can empty it."""
    namespace = f"t{secrets.token_hex(3)}."
    made = await infrastructure.create_databases(namespace, ["notification"], template=True)
    opened = await postgres.open_pool(made["notification"].runtime_dsn, "test", 4)
    yield opened
    await opened.close()
    await infrastructure.drop_namespace(namespace)


@pytest.fixture
async def world(pool: Pool) -> World:
    """An empty database with the lanes 32 and 33 open."""
    for table in ("message", "contact", "quarantine", "cursor", "operator_act"):
        await pool.execute(f"DELETE FROM {table}")  # noqa: S608 - one of the names above
    counts, metrics, seal = Counts(), Metrics(), Seal(os.urandom(32))
    publisher = Publisher((), "", lambda: None)
    telemetry = Telemetry("notification", None, 0.0, at_the_door=False)
    causes, contacts = [
        Carrier(group, "", pool, publisher, "//notification/x", seal, telemetry, metrics)
        for group in consumers.lane_groups(metrics, counts, lambda: seal)
    ]
    async with pool.acquire() as db:
        for carrier in (causes, contacts):
            await store.open_lanes(db, [s.pattern for s in carrier.group.reads], [], ["32", "33"])
    return World(pool, seal, causes, contacts, counts)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay on a free port of the loopback address."""
    made = Relay()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(made, enable_SMTPUTF8=made.knows_utf8, loop=loop), "127.0.0.1", 0
    )
    made.port = server.sockets[0].getsockname()[1]
    yield made
    if made.frozen:
        made.frozen.set()
    server.close()
