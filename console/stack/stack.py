"""The whole system on one machine: infrastructure, mail sink, viewer of traces, and the four services."""

import asyncio
import os
import re
import ssl
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx

from console.stack import jaeger
from console.stack.failures import StackError
from console.stack.infrastructure import PORT_NAMES as INFRASTRUCTURE_PORT_NAMES
from console.stack.infrastructure import Infrastructure, Progress
from console.stack.kafka import Kafka
from console.stack.ports import LOOPBACK, answers, free_port
from console.stack.postgres import Postgres
from console.stack.private_files import kept_key, write_private
from console.stack.processes import Process
from console.stack.tokens import make_tokens, plain_token
from shared.contracts.access import HTTP_DOOR
from shared.contracts.topics import SERVICES

SMTP = "smtp"
PORT_NAMES = (*SERVICES, *INFRASTRUCTURE_PORT_NAMES, SMTP, *jaeger.PORT_NAMES)
READY_LIMIT_S = 90.0
STOP_LIMIT_S = 15.0
PROBE_LIMIT_S = 2.0
POLL_S = 0.1

_NO_AUTHORITY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Services are asked by http: reading all authorities that the machine trusts would cost more than the question."""

NAMESPACE = re.compile(r"([a-z0-9]{1,20}\.)?")
SERVICE_MODULE = "services.{name}.main"

ServiceName = str
Instance = tuple[ServiceName, int]


@dataclass
class Stack:
    """A running system in one namespace."""

    infrastructure: Infrastructure
    namespace: str = ""
    module: str = SERVICE_MODULE
    settings: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = lambda _: None
    services: dict[Instance, Process] = field(default_factory=dict)
    otlp_endpoint: str = ""
    mail_sink: Process | None = None
    jaeger: Process | None = None
    _owns_infrastructure: bool = True
    _ports: dict[Instance, int] = field(default_factory=dict)

    @classmethod
    async def start(
        cls,
        data: Path,
        namespace: str = "",
        services: Sequence[ServiceName] = SERVICES,
        *,
        tracing: bool = False,
        progress: Progress = lambda _: None,
        port_base: int | None = None,
        settings: Mapping[str, str] | None = None,
        module: str = SERVICE_MODULE,
    ) -> "Stack":
        """Start everything over `data`, which may be empty; if anything fails, nothing is left running.

        `settings` are further environment variables for every service; `services` may be empty, to start them
        one by one later. Raises StackError.
        """
        if not NAMESPACE.fullmatch(namespace):
            raise StackError(f"A namespace is letters and digits with a dot at the end, not {namespace!r}.")
        if tracing:
            jaeger.find_jaeger()  # before anything is started
        infrastructure = await Infrastructure.start(
            data, port_base=port_base, port_names=PORT_NAMES, progress=progress
        )
        stack = cls(infrastructure, namespace, module, settings or {}, progress)
        stack._ports = {(name, 0): infrastructure.ports[name] for name in SERVICES}
        try:
            stack._start_tracing(tracing)
            await stack._bring_up(services, SERVICES, lanes=None, template=False)
        except BaseException:
            await stack.stop()
            raise
        return stack

    @classmethod
    async def over(
        cls,
        infrastructure: Infrastructure,
        namespace: str,
        services: Sequence[ServiceName] = SERVICES,
        *,
        lanes: Collection[str] | None = None,
        settings: Mapping[str, str] | None = None,
        module: str = SERVICE_MODULE,
        started: bool = True,
    ) -> "Stack":
        """Start services in a namespace of their own over somebody else's infrastructure: for tests.

        Without `started` all is prepared for them, to start them one by one later.
        """
        stack = cls(infrastructure, namespace, module, settings or {}, _owns_infrastructure=False)
        try:
            await stack._bring_up(services if started else (), services, lanes=lanes, template=True)
        except BaseException:
            await stack.stop()
            raise
        return stack

    async def stop(self) -> None:
        """Stop all cleanly: services first, then what they stand on; data stay."""
        self.progress("Stopping the services")
        await asyncio.gather(*(process.stop(STOP_LIMIT_S) for process in self.services.values()))
        for process in (self.mail_sink, self.jaeger):
            if process is not None:
                await process.stop()
        if self._owns_infrastructure:
            self.progress("Stopping Kafka and PostgreSQL")
            await self.infrastructure.stop()

    async def __aenter__(self) -> "Stack":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def kafka(self) -> Kafka:
        """The broker."""
        return self.infrastructure.kafka

    @property
    def postgres(self) -> Postgres:
        """The database server."""
        return self.infrastructure.postgres

    @property
    def secrets(self) -> Path:
        """The folder of private files."""
        return self.infrastructure.data / "secrets"

    @property
    def mail_file(self) -> Path:
        """Where the mail sink writes, one JSON object a line."""
        return self.infrastructure.data / "mail" / f"{self.namespace}mail.jsonl"

    def address(self, service: ServiceName, instance: int = 0) -> str:
        """The http address of a service."""
        return f"http://{LOOPBACK}:{self._port(service, instance)}"

    def token(self, name: str) -> str:
        """A token for the services' APIs: `operator`, `official`, `auditor` or `province-32`."""
        return plain_token(self.secrets, name)

    async def start_service(self, name: ServiceName, instance: int = 0, *, ready: bool = True) -> Process:
        """Start one service process, or start it anew after it has ended; waits until it is ready."""
        label = f"{self.namespace}{name}" + (f"-{instance}" if instance else "")
        process = self.infrastructure.spawner.start(
            label,
            [sys.executable, "-m", self.module.format(name=name)],
            environment={**os.environ, **self.service_env(name, instance)},
        )
        self.services[name, instance] = process
        if ready:
            await self.until_ready(name, instance)
        return process

    async def until_ready(self, name: ServiceName, instance: int = 0) -> None:
        """Wait until a service answers that it is ready, or raise a StackError."""
        process = self.services[name, instance]
        deadline = time.monotonic() + READY_LIMIT_S
        while not await self.is_ready(name, instance):
            if not process.running:
                raise StackError(
                    f"The service {name} ended while starting (exit status {process.returncode}). "
                    f"Its log says why: {process.log}"
                )
            if time.monotonic() > deadline:
                raise StackError(
                    f"The service {name} was not ready within {READY_LIMIT_S:.0f} s. Log: {process.log}"
                )
            await asyncio.sleep(POLL_S)

    async def is_ready(self, name: ServiceName, instance: int = 0) -> bool:
        """Ask a service whether it is ready."""
        return await is_ready(self.address(name, instance))

    def service_env(self, name: ServiceName, instance: int = 0) -> dict[str, str]:
        """The settings of one service process, as environment variables; secrets by file."""
        user, _ = self.kafka.credentials(name)
        settings = {
            "DREAMS_NAMESPACE": self.namespace,
            "DREAMS_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "DREAMS_KAFKA_USERNAME": user,
            "DREAMS_KAFKA_PASSWORD_FILE": str(self.secrets / "kafka" / user),
            "DREAMS_DATABASE_DSN_FILE": str(self._dsn_file(name)),
            "DREAMS_HTTP_HOST": LOOPBACK,
            "DREAMS_HTTP_PORT": str(self._port(name, instance)),
            "DREAMS_TOKENS_FILE": str(self.secrets / "tokens.json"),
            "DREAMS_SEAL_KEY_FILE": str(kept_key(self.secrets / "seal" / f"{name}.key")),
            "DREAMS_OTLP_ENDPOINT": self.otlp_endpoint,
            "DREAMS_TRACE_RATIO": os.environ.get(
                "DREAMS_TRACE_RATIO", "1.0" if self.otlp_endpoint else "0.01"
            ),
            "DREAMS_LOG_LEVEL": os.environ.get("DREAMS_LOG_LEVEL", "INFO"),
            "DREAMS_INSTANCE": str(instance),
            "PYTHONUNBUFFERED": "1",
        }
        if name == "notification":
            settings |= {
                "DREAMS_SMTP_HOST": LOOPBACK,
                "DREAMS_SMTP_PORT": str(self._port(SMTP, 0)),
            }
        if name == "enrollment":
            settings["DREAMS_CLOCK_OFFSET_S"] = "0"
            door, _ = self.kafka.credentials(HTTP_DOOR)
            settings["DREAMS_DOOR_PASSWORD_FILE"] = str(self.secrets / "kafka" / door)
        if name == "reporting":
            settings["DREAMS_SIGNING_KEY_FILE"] = str(kept_key(self.secrets / "signing" / f"{name}.key"))
        return settings | dict(self.settings)

    async def _bring_up(
        self,
        services: Sequence[ServiceName],
        databases: Sequence[ServiceName],
        *,
        lanes: Collection[str] | None,
        template: bool,
    ) -> None:
        self.progress("Making topics, users, databases")
        make_tokens(self.secrets)
        made, _ = await asyncio.gather(
            self.infrastructure.create_databases(self.namespace, databases, template=template),
            self.infrastructure.create_topics(self.namespace, lanes),
        )
        for name, database in made.items():
            write_private(self._dsn_file(name), database.runtime_dsn)
        self._start_mail_sink()
        if services:
            self.progress(f"Starting {', '.join(services)}")
        for name in services:
            await self.start_service(name, ready=False)
        await asyncio.gather(self._until_helpers_answer(), *(self.until_ready(name) for name in services))

    def _start_mail_sink(self) -> None:
        if self._owns_infrastructure:
            self._ports[SMTP, 0] = self.infrastructure.ports[SMTP]
        command = [sys.executable, "-m", "console.stack.smtp_sink"]
        command += ["--port", str(self._port(SMTP, 0)), "--file", str(self.mail_file)]
        self.mail_sink = self.infrastructure.spawner.start(f"{self.namespace}mail-sink", command)

    async def _until_helpers_answer(self) -> None:
        """Wait until the mail sink and the viewer of traces listen, or raise a StackError."""
        helpers = [(self.mail_sink, self._port(SMTP, 0))]
        if self.jaeger is not None:
            helpers.append((self.jaeger, self.infrastructure.ports[jaeger.OTLP]))
        deadline = time.monotonic() + READY_LIMIT_S
        for process, port in helpers:
            while process is not None and not answers(port):
                if time.monotonic() > deadline or not process.running:
                    raise StackError(f"{process.name} did not start. Its log says why: {process.log}")
                await asyncio.sleep(POLL_S)

    def _start_tracing(self, wanted: bool) -> None:
        self.otlp_endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        if not wanted:
            return
        ports = self.infrastructure.ports
        self.jaeger = jaeger.start_jaeger(
            self.infrastructure.data / "jaeger", self.infrastructure.spawner, ports
        )
        self.otlp_endpoint = f"http://{LOOPBACK}:{ports[jaeger.OTLP]}"

    def _port(self, name: ServiceName, instance: int) -> int:
        return self._ports.setdefault((name, instance), free_port())

    def _dsn_file(self, service: ServiceName) -> Path:
        return self.secrets / "databases" / f"{self.namespace}{service}"


async def is_ready(address: str) -> bool:
    """Ask the service at this address whether it is ready."""
    try:
        async with httpx.AsyncClient(timeout=PROBE_LIMIT_S, trust_env=False, verify=_NO_AUTHORITY) as client:
            return (await client.get(f"{address}/health/ready")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
