"""The jobs that run once before the services: databases with roles and tables, and Kafka's users, rights, topics."""

from pathlib import Path

from console.stack.failures import StackError
from console.stack.kafka import ADMIN as KAFKA_ADMIN
from console.stack.kafka_access import KafkaAccess
from console.stack.migrations import migrate
from console.stack.postgres import ADMIN as POSTGRES_ADMIN
from console.stack.postgres import create_service_database, database_name, grant_least_rights
from shared.contracts.access import principals
from shared.contracts.topics import SERVICES, topics


async def make_databases(server: str, secrets: Path, namespace: str = "") -> None:
    """Create what is missing of all services' databases and roles on one server, and migrate them.

    `server` is host and port; `secrets` holds one file per role. May be repeated. Raises StackError.
    """
    roles = [f"{database_name(name, namespace)}_{kind}" for name in SERVICES for kind in ("owner", "runtime")]
    _require(secrets, [POSTGRES_ADMIN, *roles])
    password = (secrets / POSTGRES_ADMIN).read_text().strip()
    admin_dsn = f"postgresql://{POSTGRES_ADMIN}:{password}@{server}/postgres"
    for service in SERVICES:
        owner_dsn, _ = await create_service_database(admin_dsn, service, namespace, secrets)
        await migrate(owner_dsn, service)


async def migrate_database(service: str, owner_dsn: str, ca_file: Path | None) -> None:
    """Give the runtime role its rights and migrate one service's database, as its owner.

    For servers whose databases and roles an operator makes. With `ca_file` the server must prove who it is.
    """
    if ca_file is not None:
        owner_dsn += f"?sslmode=verify-full&sslrootcert={ca_file}"
    await grant_least_rights(owner_dsn, f"{database_name(service, '')}_runtime")
    await migrate(owner_dsn, service)


async def make_topics(bootstrap: str, secrets: Path, namespace: str = "") -> None:
    """Create what is missing of Kafka's users, rights and topics, all from the contracts' own list.

    `secrets` holds one password per user. May be repeated. Raises StackError.
    """
    wanted = principals(namespace)
    _require(secrets, [KAFKA_ADMIN, *(principal.name for principal in wanted)])
    access = KafkaAccess(bootstrap, KAFKA_ADMIN, secrets)
    access.until_login_works()
    await access.declare(wanted, topics(namespace))


def _require(secrets: Path, names: list[str]) -> None:
    """A job makes no passwords: nobody else would know them."""
    missing = [name for name in names if not (secrets / name).is_file()]
    if missing:
        raise StackError(
            f"{len(missing)} of {len(names)} passwords are missing in {secrets} (first: {missing[0]}). "
            "Run `make compose-secrets` and mount its folder."
        )
