"""Before anything is set up, whoever lacks something is told in a sentence what it is and how to get it."""

import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_prerequisites.sh"


def _check(path: str, python: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": path, "PYTHON": python, "LC_ALL": "C"}
    return subprocess.run(
        ["/bin/sh", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_on_a_bare_machine_each_missing_program_and_the_way_by_containers_are_said(tmp_path: Path) -> None:
    for tool in ("sed", "head"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    said = _check(str(tmp_path), "python3")
    python, java, maven, containers = said.stderr.splitlines()
    assert (said.returncode, said.stdout) == (1, "")
    assert python.startswith("Python 3.11 or later is missing")
    assert java.startswith("Java 17 or later is missing (found: none)")
    assert maven.startswith("Maven is missing")
    assert containers.endswith("make compose-secrets, then docker compose up")


def test_where_all_is_there_nothing_is_said(tmp_path: Path) -> None:
    """With stand-ins for Java and Maven: that the real ones work is what all other tests show."""
    for tool in ("sed", "head"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    for name, says in (("java", 'openjdk version "17.0.15" 2025-04-15'), ("mvn", "")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
        program.chmod(0o755)
    said = _check(str(tmp_path), sys.executable)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
