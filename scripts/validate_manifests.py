"""Builds the manifests of deploy/k8s and checks every resource of Kubernetes itself against its published schema."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
BASE: Final = ROOT / "deploy" / "k8s"
KUBERNETES: Final = "1.37"
BUILD_TIMEOUT_S: Final = 60.0
OPERATORS: Final = frozenset({"kafka.strimzi.io/v1", "postgresql.cnpg.io/v1"})
"""Their resources are checked by the operators; docs/decisions says how they were checked by hand."""


def main() -> int:
    """Check all; return how many resources are wrong."""
    if shutil.which("kubectl") is None:
        print("skipped: no kubectl on this machine, so deploy/k8s was neither built nor checked.")
        return 0
    wrong = faults(yaml.safe_load_all(build(BASE)))
    print("\n".join(wrong))
    return len(wrong)


def build(folder: Path) -> str:
    """All manifests of a kustomization as one text."""
    command = ("kubectl", "kustomize", str(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S)
    if done.returncode != 0:
        raise SystemExit(f"{folder} cannot be built: {done.stderr.strip()}")
    return done.stdout


def faults(resources: Iterable[dict[str, Any]]) -> list[str]:
    """What is wrong, one sentence a resource; resources of the two operators are passed by."""
    found = []
    for resource in resources:
        if resource["apiVersion"] in OPERATORS:
            continue
        try:
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as fault:
            found.append(f"{resource['kind']} {resource['metadata']['name']}: {fault}")
    return found


if __name__ == "__main__":
    sys.exit(main())
