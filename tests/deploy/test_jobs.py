"""The jobs of a deployment make databases, users, rights and topics on given servers, as often as they are run."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from console.deployment.__main__ import main
from console.stack.infrastructure import Infrastructure
from console.stack.postgres import ADMIN, create_service_database, database_name, dsn_for
from console.stack.private_files import kept_secret
from shared.contracts.access import principals
from shared.contracts.topics import SERVICES, topics


async def test_the_jobs_make_all_that_the_services_stand_on_and_may_be_repeated(
    infrastructure: Infrastructure, namespace: str
) -> None:
    kafka, postgres = infrastructure.kafka.access, infrastructure.postgres
    for principal in principals(namespace):
        kept_secret(kafka.secrets / principal.name)
    for service in SERVICES:
        for kind in ("owner", "runtime"):
            kept_secret(postgres.secrets / f"{database_name(service, namespace)}_{kind}")
    for job, environment in (
        ("databases", {"DREAMS_POSTGRES": _server(infrastructure), "DREAMS_SECRETS": str(postgres.secrets)}),
        ("topics", {"DREAMS_KAFKA_BOOTSTRAP": kafka.bootstrap, "DREAMS_SECRETS": str(kafka.secrets)}),
    ):
        for _ in range(2):
            assert await _run(job, environment={**environment, "DREAMS_NAMESPACE": namespace}) == 0
    for service in SERVICES:
        runtime = f"{database_name(service, namespace)}_runtime"
        password = kept_secret(postgres.secrets / runtime)
        dsn = dsn_for(postgres.admin_dsn, database_name(service, namespace), runtime, password)
        await _reads_rows_but_makes_no_tables(dsn)
    for service in SERVICES:
        found = await asyncio.to_thread(kafka.client_of(service).list_topics, timeout=10)
        read = next(one.read for one in principals(namespace) if one.name == service)
        assert set(read) <= set(found.topics)
    assert {one.name for one in topics(namespace)} <= set(
        (await asyncio.to_thread(kafka.client.list_topics, timeout=10)).topics
    )


async def test_a_database_that_an_operator_made_gets_tables_and_least_rights(
    infrastructure: Infrastructure, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = infrastructure.postgres
    monkeypatch.setattr(
        "console.deployment.jobs.database_name", lambda name, _: database_name(name, namespace)
    )
    owner_dsn, runtime_dsn = await create_service_database(
        postgres.admin_dsn, "subsidy", namespace, postgres.secrets
    )
    (tmp_path / "uri").write_text(owner_dsn.partition("?")[0] + "\n")
    assert await _run("migrate", "subsidy", environment={"DREAMS_OWNER_DSN_FILE": f"{tmp_path}/uri"}) == 0
    await _reads_rows_but_makes_no_tables(runtime_dsn)


async def test_a_job_makes_no_passwords_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"DREAMS_SECRETS": str(tmp_path), "DREAMS_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    assert await _run("topics", environment=environment) == 1
    assert "make compose-secrets" in capsys.readouterr().err
    assert not (tmp_path / "admin").exists()
    assert await _run("databases", environment=environment) == 1
    assert "DREAMS_POSTGRES is missing" in capsys.readouterr().err
    assert await _run("nothing", environment=environment) == 2


async def _run(*arguments: str, environment: dict[str, str]) -> int:
    return await asyncio.to_thread(main, arguments, environment)


async def _reads_rows_but_makes_no_tables(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval("SELECT count(*) FROM cursor") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine (x int)")
    finally:
        await connection.close()


def _server(infrastructure: Infrastructure) -> str:
    assert ADMIN in infrastructure.postgres.admin_dsn
    return f"127.0.0.1:{infrastructure.ports['postgres']}"
