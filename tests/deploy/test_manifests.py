"""Manifests are checked where their schemas look away: settings of Kafka and PostgreSQL are those that exist."""

from typing import Any

import asyncpg
import yaml
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stub does not re-export them
    ConfigResource,
    ResourceType,
)

from console.stack.infrastructure import Infrastructure
from scripts.validate_manifests import BASE, faults


def test_a_misspelt_field_is_a_fault_and_the_operators_resources_are_passed_by() -> None:
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "enrollment"},
        "spec": {"ports": [{"port": 80}]},
    }
    topic = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic", "metadata": {"name": "x"}, "spek": {}}
    assert faults([service, topic]) == []
    service["spec"]["sellector"] = {}
    (fault,) = faults([service])
    assert "enrollment" in fault
    assert "sellector" in fault


async def test_every_setting_of_the_broker_exists(infrastructure: Infrastructure) -> None:
    kafka = next(iter(yaml.safe_load_all((BASE / "kafka" / "kafka.yaml").read_text())))
    admin = infrastructure.kafka.access.client
    (future,) = admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    assert set(kafka["spec"]["kafka"]["config"]) <= set(future.result(30))


async def test_every_setting_of_the_databases_exists_and_takes_its_value(
    infrastructure: Infrastructure,
) -> None:
    cluster = yaml.safe_load((BASE / "patches" / "database.yaml").read_text())
    parameters = cluster["spec"]["postgresql"]["parameters"]
    connection = await asyncpg.connect(infrastructure.postgres.admin_dsn)
    try:
        for name, value in parameters.items():
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            await connection.execute(f"ALTER SYSTEM RESET {name}")
    finally:
        await connection.close()
    synchronous = cluster["spec"]["postgresql"]["synchronous"]
    assert synchronous["dataDurability"] == "required"
