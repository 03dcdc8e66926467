"""Promises about the tree itself: a reader finds things where the layout says they are."""

import ast
import re
from pathlib import Path

import pytest

from tests.measuring import GO_WHERE_OTHERS_GO

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("benchmarks", "console", "services", "shared")
SERVICES = ("enrollment", "notification", "reporting", "subsidy")
MODULES = sorted(
    path for package in (*PACKAGES, "scripts", "tests") for path in (ROOT / package).rglob("*.py")
)
NAMES_THAT_SAY_NOTHING = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

# A statement, not the English word at the start of a sentence: capitals, or both of its parts.
SQL = re.compile(
    r"^\s*((?-i:SELECT|NOTIFY|LISTEN|LOCK|COPY)\s|select\b.+\bfrom\b|insert\s+into\b|update\s+\S+\s+set\b|delete\s+from\b|with\s+\w+\s+as\s*\(|"
    r"(create|alter|drop)\s+(table|index|role|database|schema|type|function|trigger|view)\b|truncate\s+\w|"
    r"copy\s+\w+\s*[(\s]\s*(from|to)\b|lock\s+table\b|(grant|revoke)\b.+\bon\b)",
    re.IGNORECASE | re.DOTALL,
)
MAY_HOLD_SQL = (
    "services/reporting/api/tables.py",  # DuckDB's, from one file into another
    "benchmarks/",  # the floor is what one writes without a store
    "console/province/outbox.py",  # the store of a province's own side, a file beside its system
    "console/stack/",  # roles and databases are made before any store exists
    "tests/",  # tests look behind the stores
)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_module_opens_with_one_sentence_that_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, f"{_name(path)} does not say what it is for"
    first = docstring.splitlines()[0]
    assert first.endswith((".", "。", "?", "!")), f"{_name(path)} opens with half a sentence: {first!r}"


def test_what_is_not_measured_is_there() -> None:
    assert [name for name in sorted(GO_WHERE_OTHERS_GO) if not (ROOT / "tests" / name).exists()] == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.split("_")}
    assert not words & NAMES_THAT_SAY_NOTHING, f"{_name(path)}: name it after what it does"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_sql_lives_in_stores_only(path: Path) -> None:
    name = _name(path)
    is_store = path.stem == "store" or path.stem.endswith("_store") or path.parent.name == "store"
    if is_store or name.startswith(MAY_HOLD_SQL):
        return
    found = [f"{name}:{line}" for line, text in _strings(path) if SQL.match(text)]
    assert not found, f"SQL outside store.py: {', '.join(found)}"


def _strings(path: Path) -> list[tuple[int, str]]:
    """String literals with their lines, f-strings joined; docstrings are prose and left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            prose.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            prose.update(id(part) for part in node.values)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            found.append((node.lineno, node.value))
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "_" for part in node.values]
            found.append((node.lineno, "".join(parts)))
    return found


def test_the_services_are_the_four_of_the_layout() -> None:
    assert tuple(sorted(path.parent.name for path in ROOT.glob("services/*/__init__.py"))) == SERVICES


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        ("SELECT seq FROM cursor WHERE lane = $1", True),
        ("SELECT pg_notify($1, $2)", True),
        ("select 1 from x", True),
        ("INSERT INTO log VALUES ($1)", True),
        ("\n  UPDATE lane SET seq = 1", True),
        ("WITH taken AS (DELETE", True),
        ("Select a province", False),
        ("Update the file and send it again", False),
        ("with a word from you", False),
    ],
)
def test_sql_is_told_from_prose(text: str, is_sql: bool) -> None:
    assert bool(SQL.match(text)) is is_sql
