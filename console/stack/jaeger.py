"""Finds and starts a Jaeger, the viewer of traces, where there is one."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from console.stack.failures import StackError
from console.stack.ports import LOOPBACK
from console.stack.private_files import make_private_folder
from console.stack.processes import Process, Spawner

PAGE, OTLP = PORT_NAMES = ("jaeger", "otlp")
PROGRAMS = ("jaeger-all-in-one", "all-in-one", "jaeger")
# Every address it would otherwise open to the world; port 0 takes any free one.
CLOSED = (
    "--admin.http.host-port",
    "--collector.grpc-server.host-port",
    "--collector.http-server.host-port",
    "--collector.otlp.grpc.host-port",
    "--query.grpc-server.host-port",
)


def find_jaeger() -> str:
    """Return the path of a Jaeger 1.x all-in-one program, from JAEGER_BIN or PATH."""
    named = os.environ.get("JAEGER_BIN")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        looked = f"{named} (JAEGER_BIN)" if named else " or ".join(PROGRAMS)
        raise StackError(
            f"--tracing needs a Jaeger all-in-one 1.x program, and {looked} was not found. Download one from "
            "https://www.jaegertracing.io/download/, or build it (go mod download -json "
            "github.com/jaegertracing/jaeger@v1.76.0, then in its folder go build ./cmd/all-in-one), and set "
            "JAEGER_BIN. Or send traces elsewhere: set OTEL_EXPORTER_OTLP_ENDPOINT and leave --tracing out."
        )
    return found


def start_jaeger(folder: Path, spawner: Spawner, ports: Mapping[str, int]) -> Process:
    """Start Jaeger on loopback ports, its spans kept in `folder`."""
    command = [find_jaeger(), "--collector.otlp.enabled=true"]
    command += [f"--collector.otlp.http.host-port={LOOPBACK}:{ports[OTLP]}"]
    command += [f"--query.http-server.host-port={LOOPBACK}:{ports[PAGE]}"]
    command += [f"{flag}={LOOPBACK}:0" for flag in CLOSED]
    page = os.environ.get("JAEGER_UI")
    if page:
        command.append(f"--query.static-files={page}")
    environment = {
        **os.environ,
        "SPAN_STORAGE_TYPE": "badger",
        "BADGER_EPHEMERAL": "false",
        "BADGER_DIRECTORY_KEY": str(make_private_folder(folder / "keys")),
        "BADGER_DIRECTORY_VALUE": str(make_private_folder(folder / "values")),
        "OTEL_TRACES_SAMPLER": "always_off",  # of itself
    }
    return spawner.start("jaeger", command, environment=environment)
