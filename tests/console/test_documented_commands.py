"""Every command line that our documents and alarms give is one that the `dreams` command takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from console.main import app

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "deploy/observability/alerts.yml")),
    *sorted((ROOT / "docs").glob("*.md")),
]
IN_A_SENTENCE = re.compile(r"`(dreams\s[^`]+)`")
ON_A_LINE = re.compile(r"^\s*(dreams .+?)(?:\s+#.*)?$", re.MULTILINE)


def _given(text: str) -> Iterator[str]:
    """Command lines, one space between words, with everything that is optional (in brackets) given."""
    for found in (*IN_A_SENTENCE.findall(text), *ON_A_LINE.findall(text)):
        yield from _alternatives(" ".join(re.sub(r"[\[\]]", "", found).split()))


def _alternatives(line: str) -> list[str]:
    """`lanes status|stop` stands for two; in a table a backslash stands before the bar."""
    head, bar, _ = line.replace("\\|", "|").partition("|")
    if not bar:
        return [line]
    stem, _, _ = head.rpartition(" ")
    words = line.replace("\\|", "|").removeprefix(stem).strip()
    return [f"{stem} {word}" for word in words.split("|")]


COMMANDS = sorted({(page.name, line) for page in PAGES for line in _given(page.read_text(encoding="utf-8"))})


def _parse(line: str) -> None:
    """As Click parses it, without running it; a command that is only named must exist."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and hasattr(command, "get_command") and not words[0].startswith("-"):
        command, words = command.get_command(None, words[0]), words[1:]
        assert command is not None, f"there is no such command: {line}"
    if words:
        command.make_context(line, words)  # raises where it does not take these words


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_line_that_is_documented_is_taken(page: str, line: str) -> None:
    _parse(line)


def test_the_documents_give_command_lines() -> None:
    assert {"README.md", "operating.md", "publishing.md", "alerts.yml"} <= {page for page, _ in COMMANDS}
    assert len(COMMANDS) > 25


@pytest.mark.parametrize(
    "line",
    [
        "dreams lanes resume --service S --lane L --reason x",
        "dreams lanes republish --service enrollment --lane 32 --stream enrollment.events --from-seq 1 --reason x",
        "dreams lanes mend",
        "dreams nothing",
    ],
)
def test_a_command_line_that_is_not_taken_is_noticed(line: str) -> None:
    with pytest.raises(Exception, match=r"[Nn]o such"):
        _parse(line)
