"""Brings a service's database up to date: plumbing's migrations first, then the service's own.

python -m console.stack.migrations seal         adds new files to the SHA256SUMS beside them
python -m console.stack.migrations seal --anew  also takes edited ones: only while no database has them
python -m console.stack.migrations apply NAME   applies them to the database in $DATABASE_URL, as its owner
"""

import asyncio
import hashlib
import os
import shutil
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from console.stack.failures import StackError

ROOT = Path(__file__).parents[2]
PLUMBING = ROOT / "shared" / "plumbing" / "migrations"
PLUMBING_TABLE, SERVICE_TABLE = "plumbing_migrations", "schema_migrations"
MANIFEST = "SHA256SUMS"
LOCK_WAIT_S = 120.0
MIGRATE_LIMIT_S = 300.0
LOCK_KEY = zlib.crc32(b"dreams migrations")


async def migrate(owner_dsn: str, service: str) -> None:
    """Apply what is missing to the database behind `owner_dsn`; two callers at once wait for each other.

    Raises StackError if an applied file was edited or a migration fails.
    """
    folders = ((PLUMBING, PLUMBING_TABLE), (service_migrations(service), SERVICE_TABLE))
    for folder, _ in folders:
        check_manifest(folder)
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with asyncio.timeout(LOCK_WAIT_S):
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        for folder, table in folders:
            if any(folder.glob("*.sql")):
                await _apply(owner_dsn, service, folder, table)
    except TimeoutError as error:
        raise StackError(
            f"Another migration of {service}'s database has not ended for {LOCK_WAIT_S:.0f} s."
        ) from error
    finally:
        await connection.close()


def service_migrations(service: str) -> Path:
    """The folder of a service's migrations."""
    return ROOT / "services" / service / "migrations"


def check_manifest(folder: Path) -> None:
    """Raise StackError unless the folder holds exactly the files, unchanged, that its manifest lists."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        return
    listed = _read_manifest(manifest)
    for name in sorted({path.name for path in folder.glob("*.sql")} | set(listed)):
        path = folder / name
        if not path.exists():
            raise StackError(f"The migration {path} is gone, but {MANIFEST} lists it: put it back.")
        if name not in listed:
            raise StackError(
                f"The migration {path} is not listed in {MANIFEST}: "
                "run `python -m console.stack.migrations seal`."
            )
        if listed[name] != _digest(path):
            raise StackError(
                f"The migration {path} was edited after it was sealed; databases that have applied it would "
                "differ from new ones. Put it back and write a new migration instead."
            )


def seal(folder: Path, *, anew: bool = False) -> None:
    """Write the manifest of a folder; a StackError if a listed file was edited, unless sealed `anew`."""
    listed = {} if anew else _read_manifest(folder / MANIFEST)
    for name, digest in listed.items():
        if _digest(folder / name) != digest:
            raise StackError(
                f"The migration {folder / name} was edited: write a new one instead. Only if no database has "
                "applied it yet: seal --anew."
            )
    lines = [f"{_digest(path)}  {path.name}\n" for path in sorted(folder.glob("*.sql"))]
    (folder / MANIFEST).write_text("".join(lines))


def all_folders() -> list[Path]:
    """Every folder of migrations in the project."""
    return sorted(path for path in (PLUMBING, *ROOT.glob("services/*/migrations")) if any(path.glob("*.sql")))


async def _apply(owner_dsn: str, service: str, folder: Path, table: str) -> None:
    """Run dbmate; the address with its password goes through the environment, where `ps` does not show it."""
    command = [
        _dbmate(),
        "--no-dump-schema",
        f"--migrations-dir={folder}",
        f"--migrations-table={table}",
        "migrate",
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ.get("PATH", ""), "DATABASE_URL": _for_dbmate(owner_dsn)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(MIGRATE_LIMIT_S):
            output, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        raise StackError(f"The migrations in {folder} did not end within {MIGRATE_LIMIT_S:.0f} s.") from error
    if process.returncode != 0:
        said = output.decode(errors="replace").strip()
        raise StackError(f"A migration of {service}'s database failed ({folder}): {said}")


def _for_dbmate(owner_dsn: str) -> str:
    """The same address; dbmate would insist on TLS where the address says nothing about it."""
    parts = urlsplit(owner_dsn)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, parts.query or "sslmode=disable", ""))


def _dbmate() -> str:
    beside_python = str(Path(sys.executable).parent)
    found = shutil.which("dbmate", path=beside_python) or shutil.which("dbmate")
    if found is None:
        raise StackError("The program dbmate is missing from this environment: run `make setup`.")
    return found


def _read_manifest(manifest: Path) -> dict[str, str]:
    if not manifest.exists():
        return {}
    lines = (line.split() for line in manifest.read_text().splitlines())
    return {name: digest for digest, name in lines}


def _digest(path: Path) -> str:
    if not path.exists():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Run as a program; returns the exit status."""
    try:
        return _run(arguments)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(arguments: Sequence[str]) -> int:
    match list(arguments):
        case ["seal", *anew] if anew in ([], ["--anew"]):
            for folder in all_folders():
                seal(folder, anew=bool(anew))
        case ["apply", service]:
            asyncio.run(migrate(os.environ["DATABASE_URL"], service))
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
