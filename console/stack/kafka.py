"""Runs a real Apache Kafka broker as a child process, with passwords and access rights switched on."""

import asyncio
import base64
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from console.stack.failures import StackError
from console.stack.kafka_access import OFFSETS_PARTITIONS, KafkaAccess
from console.stack.kafka_jars import cache_folder, find_java, kafka_jars
from console.stack.ports import LOOPBACK, answers
from console.stack.private_files import kept_secret, make_private_folder, write_private
from console.stack.processes import Process, Spawner

ADMIN = "admin"
INTERNAL, CONTROLLER = "INTERNAL", "CONTROLLER"
LISTENERS = ("CLIENT", INTERNAL, CONTROLLER)
PORT_NAMES = ("kafka", "kafka-internal", "kafka-controller")
START_LIMIT_S = 60.0
FORMAT_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
POLL_S = 0.05
HEAP_LIMIT_MIB = 512


@dataclass
class Kafka:
    """A running broker."""

    _process: Process | None
    bootstrap: str
    access: KafkaAccess
    _new_archive: Path | None

    @classmethod
    async def start(
        cls,
        folder: Path,
        secrets: Path,
        spawner: Spawner,
        ports: Mapping[str, int],
        progress: Callable[[str], None],
    ) -> "Kafka":
        """Start the broker over the data in `folder`, which may be empty; wait until the admin can log in."""
        java = await asyncio.to_thread(find_java)
        jars = await kafka_jars(spawner, progress)
        progress("Starting Kafka")
        make_private_folder(folder)
        password = kept_secret(secrets / ADMIN)
        properties = _write_properties(folder, ports, password)
        runtime = _Runtime(java, ":".join(str(jar) for jar in jars), folder)
        archive, new_archive = _archive(java)
        if not (folder / "data" / "meta.properties").exists():
            await _format(runtime, archive, properties, password, spawner)
        command = runtime.command(archive, new_archive, "kafka.Kafka", str(properties))
        process = spawner.start("kafka", command)
        bootstrap = f"{LOOPBACK}:{ports['kafka']}"
        kafka = cls(process, bootstrap, KafkaAccess(bootstrap, ADMIN, secrets), new_archive)
        await kafka._until_ready(ports["kafka"])
        return kafka

    @classmethod
    def attached(cls, bootstrap: str, secrets: Path) -> "Kafka":
        """A broker that another program has started."""
        return cls(None, bootstrap, KafkaAccess(bootstrap, ADMIN, secrets), None)

    @property
    def process(self) -> Process:
        """The broker's process; only who started it has it."""
        assert self._process is not None
        return self._process

    async def stop(self) -> None:
        """End the broker cleanly; on a first run this keeps the archive that makes later starts faster."""
        await asyncio.to_thread(self.access.close)
        await self.process.stop(STOP_LIMIT_S)
        if self._new_archive is not None and self._new_archive.exists():
            self._new_archive.replace(self._new_archive.with_suffix(".jsa"))

    def credentials(self, principal: str) -> tuple[str, str]:
        """Return user name and password of a principal."""
        return self.access.credentials(principal)

    async def _until_ready(self, port: int) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while not answers(port):
            if not self.process.running:
                reason = _reason(self.process.tail())
                raise StackError(f"Kafka ended while starting. {reason} Log: {self.process.log}")
            if time.monotonic() > deadline:
                limit = f"{START_LIMIT_S:.0f} s"
                raise StackError(f"Kafka did not open its port within {limit}. Log: {self.process.log}")
            await asyncio.sleep(POLL_S)
        await asyncio.to_thread(self.access.until_login_works)
        await asyncio.to_thread(self.access.wake_groups)


@dataclass(frozen=True)
class _Runtime:
    java: str
    class_path: str
    folder: Path

    def command(self, archive: Path | None, new_archive: Path | None, *main: str) -> list[str]:
        """The command line of one of Kafka's programs."""
        # Not -XX:+ExitOnOutOfMemoryError: one compressed bomb would end the broker for all; without it
        # only that append fails, and the sender is told.
        options = [f"-Xmx{HEAP_LIMIT_MIB}m", "-Xms128m", "-Djava.awt.headless=true"]
        # Only the quick compiler: a local broker lives for minutes, and the thorough one takes half of what it uses.
        options += ["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr"]
        options += [f"-Dlog4j2.configurationFile={self._logging()}"]
        if archive is not None:
            options.append(f"-XX:SharedArchiveFile={archive}")
        if new_archive is not None:
            options.append(f"-XX:ArchiveClassesAtExit={new_archive}")
        return [self.java, *options, "-cp", self.class_path, *main]

    def _logging(self) -> Path:
        path = self.folder / "log4j2.properties"
        path.write_text(LOGGING)
        return path


LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.started.name = kafka.server.KafkaRaftServer
logger.started.level = info
logger.access.name = kafka.authorizer.logger
logger.access.level = info
"""


def broker_settings(
    listeners: Mapping[str, str], advertised: Mapping[str, str], data: str, password: str
) -> dict[str, str]:
    """The settings of a single broker whose clients log in with SCRAM and may do what an ACL allows.

    `listeners` and `advertised` are addresses by name; INTERNAL and CONTROLLER are the broker's own, all others
    are for clients. `password` is the administrator's.
    """
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    admin_login = f'username="{ADMIN}" password="{password}"'
    controller_login = f'{plain} {admin_login} user_{ADMIN}="{password}";'
    for_clients = [name for name in listeners if name not in {INTERNAL, CONTROLLER}]
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{advertised.get(CONTROLLER, listeners[CONTROLLER])}",
        "listeners": ",".join(f"{name}://{address}" for name, address in listeners.items()),
        "advertised.listeners": ",".join(
            f"{name}://{address}" for name, address in advertised.items() if name != CONTROLLER
        ),
        "listener.security.protocol.map": ",".join(f"{name}:SASL_PLAINTEXT" for name in listeners),
        "controller.listener.names": CONTROLLER,
        "inter.broker.listener.name": INTERNAL,
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        **{
            f"listener.name.{name.lower()}.scram-sha-512.sasl.jaas.config": f"{scram};"
            for name in for_clients
        },
        "listener.name.internal.scram-sha-512.sasl.jaas.config": f"{scram} {admin_login};",
        # It cannot look up SCRAM users before it runs; without any password anyone could write ACLs.
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": controller_login,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "offsets.topic.num.partitions": str(OFFSETS_PARTITIONS),
        "group.initial.rebalance.delay.ms": "0",
        # After SIGKILL the broker is back in 5 to 8 s instead of 14 s.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The 10 MB default makes first appends to many partitions up to ten times slower.
        "log.index.size.max.bytes": "1048576",
        "log.cleaner.dedupe.buffer.size": "16777216",
    }


def _write_properties(folder: Path, ports: Mapping[str, int], password: str) -> Path:
    own = {name: f"{LOOPBACK}:{ports[port]}" for name, port in zip(LISTENERS, PORT_NAMES, strict=True)}
    settings = broker_settings(own, own, str(folder / "data"), password)
    return write_private(folder / "server.properties", as_properties(settings))


def as_properties(settings: Mapping[str, str]) -> str:
    """Settings as the lines of a properties file."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


async def _format(
    runtime: _Runtime, archive: Path | None, properties: Path, password: str, spawner: Spawner
) -> None:
    """Prepare an empty data folder; the password goes through a private file, the output to a private log."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x")
    command = runtime.command(archive, None, "kafka.tools.StorageTool", "format", "-t", cluster)
    command += ["-c", str(properties), "--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={password}]"]
    quoted = "".join(f'"{part}"\n' for part in command[1:])
    arguments = write_private(properties.with_name("format.args"), quoted)
    try:
        done = await spawner.run("kafka-format", [runtime.java, f"@{arguments}"], FORMAT_LIMIT_S)
    finally:
        arguments.unlink()
    if done.returncode != 0:
        raise StackError(f"Kafka's data folder could not be prepared. {_reason(done.tail())} Log: {done.log}")


def _archive(java: str) -> tuple[Path | None, Path | None]:
    """Return (archive of loaded classes to use, or None; archive to write at the end, or None)."""
    stamp = f"{os.path.realpath(java)} {Path(java).stat().st_mtime_ns} {HEAP_LIMIT_MIB}"
    name = f"classes-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    folder = cache_folder()
    archive = folder / f"{name}.jsa"
    if archive.exists():
        return archive, None
    return None, folder / f"{name}.{os.getpid()}"


def _reason(log_tail: str) -> str:
    for mark, sentence in (
        ("No space left on device", "The disk is full: free some space and try again."),
        ("Address already in use", "One of its ports was just taken by another program: try again."),
        ("OutOfMemoryError", "It ran out of memory."),
    ):
        if mark in log_tail:
            return sentence
    return "The end of its log says why."
