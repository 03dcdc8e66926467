"""No subscriber and no producer relies on a library's default, and PostgreSQL must be durable."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic.fields import FieldInfo

from services.enrollment import config as enrollment_config
from services.enrollment import main as enrollment
from services.notification import config as notification_config
from services.notification import main as notification
from services.reporting import config as reporting_config
from services.reporting import main as reporting
from services.subsidy import config as subsidy_config
from services.subsidy import main as subsidy
from shared.plumbing import postgres, service
from tests.plumbing.world import World

SERVICES = {
    "enrollment": (enrollment, enrollment_config),
    "subsidy": (subsidy, subsidy_config),
    "notification": (notification, notification_config),
    "reporting": (reporting, reporting_config),
}
ONE_PARTITION_EACH = {"enrollment", "notification-contacts"}
AT_THE_DOOR = {"enrollment"}


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each subscriber is declared with, word for word."""
    said: list[dict[str, Any]] = []
    subscriber = KafkaBroker.subscriber

    def note(broker: KafkaBroker, *topics: str, **options: Any) -> Any:
        said.append(options)
        return subscriber(broker, *topics, **options)

    monkeypatch.setattr(KafkaBroker, "subscriber", note)
    return said


@pytest.mark.parametrize("name", SERVICES)
def test_every_subscriber_says_what_it_wants_and_relies_on_no_default(
    name: str, declared: list[dict[str, Any]], tmp_path: Path
) -> None:
    main, config = SERVICES[name]
    settings = config.Settings(**_settings(tmp_path, config.Settings.model_fields))
    service.asyncapi(main.definition(settings), settings, "")
    assert declared
    for options in declared:
        group = options["group_id"]
        assert options["ack_policy"] is AckPolicy.MANUAL
        assert options["no_reply"] is True
        assert options["auto_offset_reset"] == ("none" if group in AT_THE_DOOR else "earliest")
        wanted = RoundRobinPartitionAssignor if group in ONE_PARTITION_EACH else RangePartitionAssignor
        assert options["partition_assignment_strategy"] == [wanted]
        assert options["batch"] is True
        assert options["parser"] is not None
        for limit in ("session_timeout_ms", "rebalance_timeout_ms", "max_poll_interval_ms", "max_records"):
            assert options[limit] > 0


async def test_a_running_service_neither_commits_by_itself_nor_publishes_without_all_acks(
    world: World,
) -> None:
    async with world.relay() as running:
        consumer = running.consumer.consumer
        assert consumer._enable_auto_commit is False
        assert consumer._auto_offset_reset == "earliest"
        assert consumer._coordinator._enable_auto_commit is False
        assert running.consumer.subscriber._no_reply is True
        producer = running.consumer._publisher._producer
        assert producer
        sender = producer._sender
        assert sender._acks == -1
        assert sender._txn_manager is not None, "idempotent"


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "full_page_writes"])
async def test_a_database_that_would_lose_commits_is_refused_at_start(world: World, name: str) -> None:
    admin = await asyncpg.connect(world.infrastructure.postgres.admin_dsn)
    try:
        await admin.execute(f"ALTER SYSTEM SET {name} = off")
        await admin.execute("SELECT pg_reload_conf()")
        with pytest.raises(RuntimeError, match=f"would lose commits: {name} is off"):
            await postgres.open_pool(await until_off(world, name), "test", 1)
    finally:
        await admin.execute(f"ALTER SYSTEM RESET {name}")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()


async def until_off(world: World, name: str) -> str:
    """The service's dsn, once new sessions see the setting."""
    while True:
        session = await asyncpg.connect(world.runtime_dsn)
        try:
            if await session.fetchval("SELECT current_setting($1)", name) == "off":
                return world.runtime_dsn
        finally:
            await session.close()


def _settings(folder: Path, wanted: Mapping[str, FieldInfo]) -> dict[str, Any]:
    secret = folder / "secret"
    secret.write_text("x")
    files = [name for name, field in wanted.items() if name.endswith("_file") and field.is_required()]
    some: dict[str, Any] = {
        "kafka_bootstrap": "127.0.0.1:1",
        "kafka_username": "x",
        "http_port": 1,
        "smtp_host": "127.0.0.1",
        "smtp_port": 1,
        **dict.fromkeys(files, secret),
    }
    return {name: value for name, value in some.items() if name in wanted}
