"""Kafka and PostgreSQL together, without services: what tests start once a run and the stack builds on."""

import asyncio
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TextIO

from console.stack.failures import StackError
from console.stack.kafka import PORT_NAMES as KAFKA_PORT_NAMES
from console.stack.kafka import Kafka
from console.stack.migrations import migrate
from console.stack.ports import choose_ports
from console.stack.postgres import PORT_NAME as POSTGRES_PORT_NAME
from console.stack.postgres import Postgres, create_service_database, drop_databases
from console.stack.private_files import make_private_folder, write_private
from console.stack.process_locks import holder_of, sign, try_lock
from console.stack.processes import Process, Spawner, end_leftovers
from console.stack.state import StackState
from shared.contracts.access import Principal, principals
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import SERVICES, STREAMS, TopicSpec, topics

PORT_NAMES = (*KAFKA_PORT_NAMES, POSTGRES_PORT_NAME)
TEMPLATE = "template."
LOCK = ".lock"
MIB = 1024 * 1024
NEEDED_BYTES = 512 * MIB
Progress = Callable[[str], None]


@dataclass(frozen=True)
class ServiceDatabase:
    """Where a service's database is, for its owner (migrations) and for the service itself."""

    service: str
    owner_dsn: str = field(repr=False)
    runtime_dsn: str = field(repr=False)


@dataclass
class Infrastructure:
    """A running broker and a running database server over one data folder."""

    data: Path
    spawner: Spawner
    ports: dict[str, int]
    kafka: Kafka
    postgres: Postgres
    _lock: TextIO | None
    _databases: dict[str, dict[str, ServiceDatabase]] = field(default_factory=dict)
    _template: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def start(
        cls,
        data: Path,
        *,
        port_base: int | None = None,
        port_names: Sequence[str] = PORT_NAMES,
        progress: Progress = lambda _: None,
    ) -> "Infrastructure":
        """Start both over what is in `data`, which may be empty; if either fails, neither is left running."""
        data = make_private_folder(data.resolve())
        _check_space(data)
        lock = _lock(data)
        try:
            end_leftovers(data / "run")
            ports = choose_ports(port_names, port_base, _last_ports(data))
            write_private(data / "ports.json", json.dumps(ports))
            return await cls._start(data, lock, ports, progress)
        except BaseException:
            lock.close()
            raise

    @classmethod
    async def _start(
        cls, data: Path, lock: TextIO, ports: dict[str, int], progress: Progress
    ) -> "Infrastructure":
        spawner = Spawner(data / "logs", data / "run")
        secrets = data / "secrets"
        try:
            async with asyncio.TaskGroup() as both:
                kafka = both.create_task(
                    Kafka.start(data / "kafka", secrets / "kafka", spawner, ports, progress)
                )
                port = ports[POSTGRES_PORT_NAME]
                postgres = both.create_task(
                    Postgres.start(data / "postgres", secrets / "postgres", spawner, port, progress)
                )
        except BaseExceptionGroup as failures:
            await spawner.stop_all()
            raise failures.exceptions[0] from None
        except BaseException:
            await spawner.stop_all()
            raise
        return cls(data, spawner, ports, kafka.result(), postgres.result(), lock)

    @classmethod
    def attached(cls, state: StackState) -> "Infrastructure":
        """That of a stack which another program runs: for a namespace of one's own beside it; never `stop` it."""
        secrets = state.data / "secrets"
        return cls(
            state.data,
            Spawner(state.data / "logs", state.data / "run"),
            {},
            Kafka.attached(state.kafka_bootstrap, secrets / "kafka"),
            Postgres.attached(state.postgres_port, secrets / "postgres"),
            None,
        )

    async def stop(self) -> None:
        """Stop both cleanly; data stay."""
        try:
            await asyncio.gather(self.kafka.stop(), self.postgres.stop())
        finally:
            await self.spawner.stop_all()
            if self._lock is not None:
                self._lock.close()

    async def __aenter__(self) -> "Infrastructure":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def processes(self) -> tuple[Process, ...]:
        """The two processes."""
        return self.kafka.process, self.postgres.process

    async def create_topics(self, namespace: str, lanes: Collection[str] | None = None) -> None:
        """Create a namespace's topics, users and rights, in force on return; with `lanes` only of these."""
        wanted_topics, wanted_principals = _of_lanes(namespace, lanes)
        await self.kafka.access.declare(wanted_principals, wanted_topics)

    async def create_databases(
        self, namespace: str, services: Sequence[str] = SERVICES, *, template: bool = False
    ) -> dict[str, ServiceDatabase]:
        """Create and migrate the databases of a namespace, by service.

        With `template` they are copies of databases migrated once a start, and share their roles: for tests.
        """
        made = await asyncio.gather(*(self._create_database(namespace, one, template) for one in services))
        databases = {database.service: database for database in made}
        self._databases.setdefault(namespace, {}).update(databases)
        return databases

    def database(self, service: str, namespace: str = "") -> ServiceDatabase:
        """The database of a service that `create_databases` has made."""
        return self._databases[namespace][service]

    async def drop_namespace(self, namespace: str) -> None:
        """Delete a namespace's topics, rights and databases; users and roles stay."""
        if not namespace:
            raise StackError("The data of the main deployment are only deleted by `dreams reset`.")
        self._databases.pop(namespace, None)
        await drop_databases(self.postgres.admin_dsn, namespace)
        found = await asyncio.to_thread(self.kafka.access.client.list_topics, timeout=10)
        mine = [name for name in found.topics if name.startswith(namespace)]
        if mine:
            await self.kafka.access.delete(mine, principals(namespace))

    async def _create_database(self, namespace: str, service: str, template: bool) -> ServiceDatabase:
        if not template:
            return await self._create_migrated(namespace, service)
        async with self._template:
            if service not in self._databases.get(TEMPLATE, {}):
                made = await self._create_migrated(TEMPLATE, service)
                self._databases.setdefault(TEMPLATE, {})[service] = made
        dsns = await create_service_database(
            self.postgres.admin_dsn, service, namespace, self.postgres.secrets, f"template_{service}"
        )
        return ServiceDatabase(service, *dsns)

    async def _create_migrated(self, namespace: str, service: str) -> ServiceDatabase:
        dsns = await self.postgres.create_service_database(service, namespace)
        await migrate(dsns[0], service)
        return ServiceDatabase(service, *dsns)


def _check_space(data: Path) -> None:
    free_bytes = shutil.disk_usage(data).free
    if free_bytes < NEEDED_BYTES:
        raise StackError(
            f"Only {free_bytes // MIB} MiB are free at {data}, and a start needs {NEEDED_BYTES // MIB} MiB: "
            "free some space, or choose another folder with --data."
        )


def _lock(data: Path) -> TextIO:
    lock = try_lock(data / LOCK)
    if lock is None:
        raise StackError(
            f"The stack over {data} is already running (process {holder_of(data / LOCK)}). `dreams status` "
            "shows it, `dreams down` stops it, and --data names another folder for a second one."
        )
    sign(lock)
    return lock


def _of_lanes(namespace: str, lanes: Collection[str] | None) -> tuple[list[TopicSpec], list[Principal]]:
    """All topics and principals, or those of a few lanes, with rights only to what exists."""
    if lanes is None:
        return list(topics(namespace)), list(principals(namespace))
    left_out = {
        name
        for stream in STREAMS
        if stream.per_lane
        for lane, name in zip(LANE_CODES, stream.topics(namespace), strict=True)
        if lane not in lanes
    }

    def kept(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in left_out)

    limited = [replace(p, write=kept(p.write), read=kept(p.read)) for p in principals(namespace)]
    return [t for t in topics(namespace) if t.name not in left_out], [p for p in limited if p.write or p.read]


def _last_ports(data: Path) -> dict[str, int]:
    try:
        ports: dict[str, int] = json.loads((data / "ports.json").read_text())
    except (OSError, ValueError):
        return {}
    return ports
