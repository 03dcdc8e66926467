"""Makes the passwords, keys and tokens of a deployment in containers, once, in one private folder."""

import base64
import uuid
from pathlib import Path
from typing import Any, Final

import yaml

from console.stack.kafka import ADMIN as KAFKA_ADMIN
from console.stack.kafka import CONTROLLER, INTERNAL, as_properties, broker_settings
from console.stack.postgres import ADMIN as POSTGRES_ADMIN
from console.stack.postgres import database_name
from console.stack.private_files import kept_key, kept_secret, make_private_folder, write_private
from console.stack.tokens import make_tokens
from shared.contracts.access import principals
from shared.contracts.topics import SERVICES

# Inside the broker's container; what is only the broker's own never leaves it.
LISTENERS: Final = {
    "CLIENT": ":9092",
    "HOST": ":9094",
    INTERNAL: "127.0.0.1:9095",
    CONTROLLER: "127.0.0.1:9093",
}
ADVERTISED: Final = {**LISTENERS, "CLIENT": "kafka:9092", "HOST": "127.0.0.1:9094"}
KAFKA_DATA: Final = "/var/lib/kafka/data"
KAFKA_JARS: Final = "/opt/kafka/libs/*"
POSTGRES: Final = "postgres:5432/{database}?sslmode=disable"
CLOUD_NATIVE_PG: Final = (
    "{database}-database-rw:5432/{database}"
    "?sslmode=verify-full&sslrootcert=/run/secrets/dreams/database-ca.crt"
)
FILE_MODE, FOLDER_MODE = 0o444, 0o755
SIGNS: Final = "reporting"
"""The service that signs closed editions."""


def make_compose_secrets(folder: Path) -> None:
    """Make what docker-compose.yml mounts; what is there already stays as it is.

    Containers run as users that this machine does not know, and Compose mounts files with the rights they have:
    so the files are readable, and the folder above them lets nobody but its owner in.
    """
    _make(folder, POSTGRES)
    for principal in principals():
        kept_secret(folder / "kafka" / principal.name)
    for service in SERVICES:
        kept_secret(folder / "postgres" / f"{service}_owner")
    kept_secret(folder / "grafana")
    kept_secret(folder / "postgres" / POSTGRES_ADMIN)
    password = kept_secret(folder / "kafka" / KAFKA_ADMIN)
    settings = broker_settings(LISTENERS, ADVERTISED, KAFKA_DATA, password)
    write_private(folder / "kafka-server.properties", as_properties(settings))
    write_private(folder / "kafka-format.args", _format_arguments(_kept_cluster_id(folder), password))
    for path in folder.rglob("*"):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
    folder.chmod(0o700)


def make_kubernetes_secrets(folder: Path, namespace: str) -> Path:
    """Make a manifest of the secrets that no operator makes, to be applied and then kept in a safe."""
    _make(folder, CLOUD_NATIVE_PG)
    tokens = (folder / "tokens.json").read_text()
    manifests = [_secret("dreams-tokens", namespace, {"tokens.json": tokens})]
    for service in SERVICES:
        role = f"{service}_runtime"
        login = {
            "username": role,
            "password": (folder / "postgres" / role).read_text(),
            "dsn": (folder / "databases" / service).read_text(),
        }
        manifests.append(
            _secret(f"{service}-database-runtime", namespace, login, kind="kubernetes.io/basic-auth")
        )
        manifests.append(
            _secret(f"{service}-seal", namespace, {"seal.key": (folder / "seal" / service).read_text()})
        )
    signing = (folder / "signing" / SIGNS).read_text()
    manifests.append(_secret(f"{SIGNS}-signing", namespace, {"signing.key": signing}))
    return write_private(folder / "secrets.yaml", yaml.safe_dump_all(manifests, sort_keys=False))


def _make(folder: Path, server: str) -> None:
    make_private_folder(folder)
    make_tokens(folder)
    kept_key(folder / "signing" / SIGNS)
    for service in SERVICES:
        kept_key(folder / "seal" / service)
        role = f"{service}_runtime"
        password = kept_secret(folder / "postgres" / role)
        place = server.format(database=database_name(service, ""))
        write_private(folder / "databases" / service, f"postgresql://{role}:{password}@{place}")


def _kept_cluster_id(folder: Path) -> str:
    path = folder / "kafka-cluster-id"
    if not path.exists():
        write_private(
            path, base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x")
        )
    return path.read_text()


def _format_arguments(cluster: str, password: str) -> str:
    """Java's own file of arguments: a password on a command line would show in the list of processes."""
    parts = ["-Xmx128m", "-cp", KAFKA_JARS, "kafka.tools.StorageTool", "format", "-t", cluster]
    parts += ["-c", "/run/secrets/kafka-server.properties"]
    parts += ["--add-scram", f"SCRAM-SHA-512=[name={KAFKA_ADMIN},password={password}]"]
    return "".join(f'"{part}"\n' for part in parts)


def _secret(name: str, namespace: str, values: dict[str, str], kind: str = "Opaque") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": kind,
        "stringData": values,
    }
