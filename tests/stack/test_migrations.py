"""Migrations apply once, in order, under a lock, and an edited one is refused in one clear sentence."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from console.stack import migrations
from console.stack.failures import StackError
from console.stack.infrastructure import Infrastructure


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of migrations as the project has them, plumbing's and one service's."""
    monkeypatch.setattr(migrations, "PLUMBING", tmp_path / "plumbing")
    monkeypatch.setattr(migrations, "ROOT", tmp_path)
    _write(tmp_path / "plumbing" / "20260101000001_first.sql", "CREATE TABLE first (x int);")
    service = tmp_path / "services" / "enrollment" / "migrations"
    _write(service / "20260101000001_second.sql", "CREATE TABLE second AS SELECT * FROM first;")
    for folder in migrations.all_folders():
        migrations.seal(folder)
    return service


async def test_plumbing_comes_first_and_two_at_once_apply_everything_once(
    infrastructure: Infrastructure, namespace: str, folders: Path
) -> None:
    owner, runtime = await infrastructure.postgres.create_service_database("enrollment", namespace)
    await asyncio.gather(*(migrations.migrate(owner, "enrollment") for _ in range(3)))
    connection = await asyncpg.connect(runtime)
    assert await connection.fetchval("SELECT count(*) FROM second") == 0
    assert await connection.fetchval("SELECT count(*) FROM plumbing_migrations") == 1
    assert await connection.fetchval("SELECT count(*) FROM schema_migrations") == 1
    await connection.close()


async def test_a_failed_migration_is_named_and_leaves_nothing_behind(
    infrastructure: Infrastructure, namespace: str, folders: Path
) -> None:
    _write(folders / "20260101000002_wrong.sql", "CREATE TABLE third (x int); SELECT 1 / 0;")
    migrations.seal(folders)
    owner, _ = await infrastructure.postgres.create_service_database("enrollment", namespace)
    with pytest.raises(StackError, match=r"(?s)enrollment's database failed .*division by zero"):
        await migrations.migrate(owner, "enrollment")
    connection = await asyncpg.connect(owner)
    assert await connection.fetchval("SELECT to_regclass('third')") is None
    assert await connection.fetchval("SELECT to_regclass('second')") == "second"
    await connection.close()


def test_an_edited_a_missing_and_an_unlisted_migration_are_refused(folders: Path) -> None:
    second = folders / "20260101000001_second.sql"
    text = second.read_text()
    second.write_text(text + " ")
    with pytest.raises(StackError, match="write a new one instead"):
        migrations.seal(folders)
    with pytest.raises(StackError, match="was edited after it was sealed"):
        migrations.check_manifest(folders)
    second.unlink()
    with pytest.raises(StackError, match="is gone"):
        migrations.check_manifest(folders)
    second.write_text(text)
    _write(folders / "20260101000002_third.sql", "SELECT 1;")
    with pytest.raises(StackError, match="is not listed in SHA256SUMS"):
        migrations.check_manifest(folders)


async def test_the_command_seals_and_applies_with_the_address_from_the_environment(
    infrastructure: Infrastructure, namespace: str, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = await infrastructure.postgres.create_service_database("enrollment", namespace)
    monkeypatch.setenv("DATABASE_URL", owner)
    assert await asyncio.to_thread(migrations.main, ["seal"]) == 0
    assert await asyncio.to_thread(migrations.main, ["apply", "enrollment"]) == 0
    (folders / "20260101000001_second.sql").write_text("-- migrate:up\n")
    assert await asyncio.to_thread(migrations.main, ["apply", "enrollment"]) == 1
    assert await asyncio.to_thread(migrations.main, ["seal", "--anew"]) == 0
    assert await asyncio.to_thread(migrations.main, []) == 2


def test_every_migration_of_the_project_is_sealed() -> None:
    for folder in migrations.all_folders():
        assert (folder / migrations.MANIFEST).exists(), f"{folder} is not sealed"
        migrations.check_manifest(folder)


async def test_a_namespaces_database_is_a_copy_of_a_migrated_one(
    infrastructure: Infrastructure, namespace: str
) -> None:
    databases = await infrastructure.create_databases(namespace, ("enrollment",), template=True)
    connection = await asyncpg.connect(databases["enrollment"].runtime_dsn)
    assert await connection.fetchval("SELECT count(*) FROM cursor") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DROP TABLE cursor")
    await connection.close()


def _write(path: Path, up: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"-- migrate:up\n{up}\n\n-- migrate:down\n")
