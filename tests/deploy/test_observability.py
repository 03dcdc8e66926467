"""Alarms and dashboards ask for metrics that exist, and an operator can read what each of them means."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
ALERTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "grafana" / "dashboards" / "lanes.json").read_text())
MEASURED = {
    name
    for folder in ("services", "shared")
    for path in (ROOT / folder).rglob("*.py")
    for name in re.findall(r'"(dreams_[a-z_]+)"', path.read_text(encoding="utf-8"))
}
EXPRESSIONS = [rule["expr"] for rule in ALERTS]
EXPRESSIONS += [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_asked_for_is_measured(expression: str) -> None:
    asked = {re.sub(r"_(sum|count|bucket)$", "", name) for name in re.findall(r"dreams_[a-z_]+", expression)}
    assert asked <= MEASURED


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alarm_says_what_happened_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["action"].rstrip().endswith(".")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert f"`{rule['alert']}`" in (ROOT / "docs" / "operating.md").read_text()


@pytest.mark.parametrize("metric", sorted(MEASURED))
def test_every_metric_is_explained_to_operators(metric: str) -> None:
    assert f"`{metric}`" in (ROOT / "docs" / "operating.md").read_text()
