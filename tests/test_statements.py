"""Every statement of every store fits the migrated schema, also those that no test happens to run."""

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest

from console.stack.infrastructure import Infrastructure

ROOT = Path(__file__).resolve().parent.parent
PREPARABLE = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ")
COMMAND_TAG = re.compile(r"[A-Z]+ \d+")
"""What PostgreSQL answers to a statement, as in `UPDATE 1`."""
OPEN_TABLE = "cursor"
"""Stands where one statement serves two tables."""
# Plumbing's tables stand in every service's database.
STORES = {f"services.{name}.store": name for name in ("enrollment", "notification", "reporting", "subsidy")}
STORES["services.reporting.edition_store"] = "reporting"
STORES["services.reporting.quality_store"] = "reporting"
STORES["shared.plumbing.store"] = "enrollment"


@pytest.mark.parametrize("store", STORES)
async def test_every_statement_of_a_store_fits_the_migrated_schema(
    store: str, infrastructure: Infrastructure, namespace: str
) -> None:
    service = STORES[store]
    await infrastructure.create_databases(namespace, (service,), template=True)
    connection = await asyncpg.connect(infrastructure.database(service, namespace).runtime_dsn)
    statements = _statements(store)
    assert len(statements) >= 9, "statements are no longer found where they were"
    faults = []
    try:
        for line, statement in statements:
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                faults.append(f"{store}:{line}: {error}")
    finally:
        await connection.close()
    assert not faults, "\n".join(faults)


def _statements(store: str) -> list[tuple[int, str]]:
    """The SQL of a module with its lines; names in an f-string are the module's own constants."""
    module = importlib.import_module(store)
    tree = ast.parse((ROOT / f"{store.replace('.', '/')}.py").read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = [
        (node.lineno, _text(module, node))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inside
    ]
    return [
        (line, text.replace("{}", OPEN_TABLE))
        for line, text in texts
        if text.startswith(PREPARABLE) and not COMMAND_TAG.fullmatch(text)
    ]


def _text(module: ModuleType, node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(
        str(getattr(module, part.value.id))
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name)
        else str(getattr(part, "value", ""))
        for part in node.values
    )
