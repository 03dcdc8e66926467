"""Writes the manifests of Kafka's topics and users from the contracts' list; --check says whether they are fresh."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.access import Principal, principals
from shared.contracts.topics import TopicSpec, topics

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "k8s" / "kafka"
HEAD = "# Generated from shared/contracts/topics.py by `python -m scripts.kafka_manifests`: do not edit.\n"
LABELS = {"strimzi.io/cluster": "dreams"}
REPLICAS = 3

Manifest = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Write the files, or with --check compare them; return how many are not fresh."""
    wanted = {FOLDER / name: text for name, text in manifests().items()}
    if "--check" not in arguments:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(
            f"{path.name} does not fit shared/contracts/topics.py: run `python -m scripts.kafka_manifests`."
        )
    return len(stale)


def manifests() -> Mapping[str, str]:
    """Texts by file name."""
    return {
        "topics.yaml": _text(topic(one) for one in topics()),
        "users.yaml": _text(user(one) for one in principals()),
    }


def topic(spec: TopicSpec) -> Manifest:
    """A topic, on three brokers."""
    configuration = {
        name: int(value) if value.lstrip("-").isdigit() else value for name, value in spec.config.items()
    }
    return _resource(
        "KafkaTopic",
        spec.name,
        {"partitions": spec.partitions, "replicas": REPLICAS, "config": configuration},
    )


def user(principal: Principal) -> Manifest:
    """A user with a password and least rights."""
    rights: dict[str, list[str]] = {}
    for names, operation in ((principal.read, "Read"), (principal.write, "Write")):
        for name in names:
            rights.setdefault(name, []).append(operation)
    acls = [_right("topic", name, "literal", operations) for name, operations in rights.items()]
    acls += [
        _right("topic", name, "prefix", ["Create", "Write", "Delete"]) for name in principal.made_prefixes
    ]
    acls += [_right("topic", prefix, "prefix", ["Read"]) for prefix in principal.read_prefixes]
    acls += [_right("group", prefix, "prefix", ["Read"]) for prefix in principal.group_prefixes]
    return _resource(
        "KafkaUser",
        principal.name,
        {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls}},
    )


def _right(kind: str, name: str, pattern: str, operations: list[str]) -> Manifest:
    """Reading, writing and deleting each include describing."""
    return {"resource": {"type": kind, "name": name, "patternType": pattern}, "operations": operations}


def _resource(kind: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": dict(LABELS)},
        "spec": spec,
    }


def _text(resources: Iterable[Manifest]) -> str:
    return HEAD + yaml.safe_dump_all(
        resources, sort_keys=False, default_flow_style=None, width=110, explicit_start=True
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
