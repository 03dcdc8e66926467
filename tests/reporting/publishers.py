"""Enrollment and subsidy as far as a rebuild needs them: their users, their logs, and the door for operators."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import orjson
import uvicorn

from console.stack.infrastructure import Infrastructure
from console.stack.tokens import make_tokens
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS, Stream
from shared.plumbing import outgoing, replay
from shared.plumbing import store as plumbing_store
from shared.plumbing.chain import GENESIS
from shared.plumbing.service import Definition, api
from shared.plumbing.settings import ServiceSettings
from shared.plumbing.store import LaneRow
from tests.reporting.conftest import DEADLINE_S, Server, until_ready

STREAMS: Final = {"enrollment": ENROLLMENT_EVENTS, "subsidy": SUBSIDY_EVENTS}
ROW_FACTS: Final = 7
"""So many facts stand in a row of a log, so that rows and parts end at different places."""


@dataclass
class Publisher:
    """One publisher: where it answers, its database as its owner, and its log."""

    service: str
    stream: Stream
    url: str
    owner: "asyncpg.Connection[asyncpg.Record]"
    replay: replay.Replay
    rows: dict[str, LaneRow] = field(default_factory=dict)

    async def log(self, published: Sequence[tuple[str, bytes]]) -> None:
        """Append what it has published, lane by lane, as its batches would have."""
        lanes: dict[str, list[tuple[str, bytes, None]]] = {}
        for stream, raw in published:
            if stream == self.stream.pattern:
                event = orjson.loads(raw)
                lanes.setdefault(event["lane"], []).append((event["recordedtime"], raw, None))
        for lane, lines in lanes.items():
            row = self.rows.setdefault(lane, LaneRow(self.stream.pattern, lane, 0, 0, GENESIS, None, None))
            parts = [lines[at : at + ROW_FACTS] for at in range(0, len(lines), ROW_FACTS)]
            await plumbing_store.append_log(self.owner, [outgoing.stamped(row, part) for part in parts])
            row.published_seq = row.seq
        await plumbing_store.open_lanes(self.owner, [], [self.stream.pattern], sorted(lanes))
        await plumbing_store.move_on(self.owner, [], [self.rows[lane] for lane in lanes])


@asynccontextmanager
async def publishers(
    infrastructure: Infrastructure, namespace: str, folder: Path
) -> AsyncIterator[dict[str, Publisher]]:
    """Both of them, with empty logs; the topics of the namespace must be there."""
    async with AsyncExitStack() as stack:
        made = {
            service: await stack.enter_async_context(_publisher(infrastructure, namespace, folder, service))
            for service in STREAMS
        }
        yield made


@asynccontextmanager
async def _publisher(
    infrastructure: Infrastructure, namespace: str, folder: Path, service: str
) -> AsyncIterator[Publisher]:
    database = (await infrastructure.create_databases(namespace, (service,), template=True))[service]
    user, secret = infrastructure.kafka.credentials(service)
    files = {name: folder / f"{service}-{name}" for name in ("dsn", "seal", "password")}
    files["dsn"].write_text(database.runtime_dsn)
    files["seal"].write_text(base64.b64encode(bytes(32)).decode())
    files["password"].write_text(secret)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = ServiceSettings(
        namespace=namespace,
        kafka_bootstrap=infrastructure.kafka.bootstrap,
        kafka_username=user,
        kafka_password_file=files["password"],
        database_dsn_file=files["dsn"],
        http_port=port,
        tokens_file=make_tokens(folder),
        seal_key_file=files["seal"],
    )
    stream = STREAMS[service]
    replays = replay.Replay(stream)
    definition = Definition(
        name=service,
        groups=lambda _: [],
        payloads={},
        routers=(replay.router(replays),),
        background=(replays.run,),
    )
    config = uvicorn.Config(
        api(definition, settings), port=port, log_config=None, timeout_graceful_shutdown=1
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await until_ready(serving, server)
        owner = await asyncpg.connect(database.owner_dsn)
        yield Publisher(service, stream, f"http://127.0.0.1:{port}", owner, replays)
        await owner.close()
    finally:
        server.should_exit = True
        await serving
