"""Prepares a deployment in containers.

python -m console.deployment compose-secrets deploy/secrets             passwords, keys, tokens for docker-compose.yml
python -m console.deployment kubernetes-secrets deploy/secrets-k8s      the same as a manifest for deploy/k8s
python -m console.deployment renew-token FOLDER NAME    a new token beside the old one, such as province-32's
python -m console.deployment databases            roles, databases, tables: $DREAMS_POSTGRES, $DREAMS_SECRETS
python -m console.deployment migrate SERVICE      tables only: $DREAMS_OWNER_DSN_FILE, $DREAMS_DATABASE_CA_FILE
python -m console.deployment topics               users, rights, topics: $DREAMS_KAFKA_BOOTSTRAP, $DREAMS_SECRETS
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from console.deployment import container_secrets, jobs
from console.stack import tokens
from console.stack.failures import StackError
from shared.contracts.topics import SERVICES

KUBERNETES_NAMESPACE = "dreams"
TOKEN_VALID_DAYS = 400
TOKEN_OVERLAP_DAYS = 30
"""So long both the old and the new token are taken."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one of the jobs; returns the exit status."""
    try:
        return _run(arguments, environment)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    namespace = environment.get("DREAMS_NAMESPACE", "")
    match list(arguments):
        case ["compose-secrets", folder]:
            container_secrets.make_compose_secrets(Path(folder))
            print("Passwords, keys and tokens are made: keep their folder, and keep it private.")
        case ["kubernetes-secrets", folder]:
            made = container_secrets.make_kubernetes_secrets(Path(folder), KUBERNETES_NAMESPACE)
            print(f"Now: kubectl apply -f {made}. Then keep {folder} in a safe: it is the only copy.")
        case ["renew-token", folder, name]:
            made = tokens.renew_token(
                Path(folder), name, datetime.now(UTC), TOKEN_VALID_DAYS, TOKEN_OVERLAP_DAYS
            )
            print(
                f"{made} holds the new token of {name}. The old one is taken {TOKEN_OVERLAP_DAYS} days more."
            )
            print(
                "Now, on Kubernetes: make the secrets again with this folder. In compose: restart the services."
            )
        case ["databases"]:
            secrets = Path(_needed(environment, "DREAMS_SECRETS"))
            asyncio.run(jobs.make_databases(_needed(environment, "DREAMS_POSTGRES"), secrets, namespace))
            print("All databases are up to date.")
        case ["migrate", service] if service in SERVICES:
            ca = environment.get("DREAMS_DATABASE_CA_FILE")
            owner_dsn = Path(_needed(environment, "DREAMS_OWNER_DSN_FILE")).read_text().strip()
            asyncio.run(jobs.migrate_database(service, owner_dsn, Path(ca) if ca else None))
            print(f"The database of {service} is up to date.")
        case ["topics"]:
            secrets = Path(_needed(environment, "DREAMS_SECRETS"))
            asyncio.run(jobs.make_topics(_needed(environment, "DREAMS_KAFKA_BOOTSTRAP"), secrets, namespace))
            print("All users, rights and topics are in force.")
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


def _needed(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise StackError(
            f"The environment variable {name} is missing; `python -m console.deployment` lists all."
        )
    return environment[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
