"""Runs every gate beside the tests, each once, and with one line for each; `make lint` and CI use it."""

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
GATE_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Gate:
    """One check: what it proves, in a few words, and the command that proves it with exit code 0."""

    promise: str
    command: tuple[str, ...]


GATES = (
    Gate("code is free of known mistakes", ("ruff", "check")),
    Gate("code has one format", ("ruff", "format", "--check")),
    Gate("types are sound", ("mypy",)),
    Gate("imports point downwards", ("lint-imports",)),
    Gate("dependencies are declared and used", ("deptry", ".")),
    Gate(
        "docs say what the contracts say",
        ("python", "-m", "scripts.contract_documents", "--check"),
    ),
    Gate("AsyncAPI documents are valid", ("python", "-m", "scripts.validate_asyncapi")),
    Gate(
        "the compose file is valid",
        ("check-jsonschema", "--quiet", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
    ),
    Gate("Kafka's manifests fit the contracts", ("python", "-m", "scripts.kafka_manifests", "--check")),
    Gate("manifests are valid Kubernetes", ("python", "-m", "scripts.validate_manifests")),
    Gate("the lock file fits pyproject.toml", ("uv", "lock", "--check", "--offline")),
)


def main() -> int:
    """Run all gates, also after a failure; return the number of those that failed."""
    verdicts = Counter(_verdict(gate) for gate in GATES)
    print(f"gates: {verdicts['ok']} hold, {verdicts['skip']} skipped, {verdicts['FAIL']} failed")
    return verdicts["FAIL"]


def _verdict(gate: Gate) -> str:
    """`ok`, `FAIL`, or `skip` where the gate itself says that this machine lacks what it needs."""
    started = time.monotonic()
    try:
        run = subprocess.run(
            (BIN / gate.command[0], *gate.command[1:]),
            cwd=ROOT,
            env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},  # kubectl is in there
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=GATE_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        print(f"FAIL  {gate.promise}: no answer within {GATE_TIMEOUT_S:.0f} s from {' '.join(gate.command)}")
        return "FAIL"
    skipped = run.stdout.startswith("skipped:")
    verdict = "FAIL" if run.returncode else "skip" if skipped else "ok"
    took_s = time.monotonic() - started
    print(f"{verdict:<4}  {gate.promise} ({' '.join(gate.command)}, {took_s:.1f} s)", flush=True)
    if verdict != "ok":
        print(run.stdout)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
