"""Validates docs/contracts/asyncapi against the specification's own schema, which npm carries."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

DOCUMENTS: Final = Path(__file__).resolve().parent.parent / "docs" / "contracts" / "asyncapi"
SPECS: Final = "@asyncapi/specs@6.11.1"
"""Its schema is 300 KB of other people's work: fetched once into the virtual environment, never committed."""
CACHE: Final = Path(sys.prefix) / "asyncapi-specs-6.11.1"
FETCH_TIMEOUT_S: Final = 60


def main() -> int:
    """1 where a document is not valid; 0 where all are, or where the schema cannot be had (in one line)."""
    found = _schema()
    if isinstance(found, str):
        print(f"skipped: {found}; AsyncAPI documents were not validated")
        return 0
    wrong = [line for path in sorted(DOCUMENTS.glob("*.json")) for line in _errors(path, found)]
    print("\n".join(wrong) or f"{len(list(DOCUMENTS.glob('*.json')))} AsyncAPI documents are valid")
    return 1 if wrong else 0


def _schema() -> dict[str, Any] | str:
    """The schema of AsyncAPI 3.0.0, or why there is none."""
    file = CACHE / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    if not file.exists():
        npm = shutil.which("npm")
        if npm is None:
            return "npm is not installed"
        command = (
            npm,
            "install",
            "--prefix",
            str(CACHE),
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            SPECS,
        )
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=FETCH_TIMEOUT_S)
        except (OSError, subprocess.SubprocessError) as error:
            return f"npm could not fetch {SPECS} ({type(error).__name__})"
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def _errors(path: Path, schema: dict[str, Any]) -> list[str]:
    document = json.loads(path.read_text(encoding="utf-8"))
    errors = jsonschema_rs.validator_for(schema).iter_errors(document)
    return [
        f"{path.name}: /{'/'.join(map(str, error.instance_path))}: {error.message[:200]}" for error in errors
    ]


if __name__ == "__main__":
    sys.exit(main())
