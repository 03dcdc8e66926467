"""What tests of subsidy stand on: its real database and a real producer, facts made by hand."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from console.stack.infrastructure import Infrastructure
from services.subsidy import consumers
from services.subsidy.config import SCHEMES, Settings, load_rules, load_schemes
from services.subsidy.domain.schemes import Rules
from shared.plumbing import kafka, postgres, store
from shared.plumbing.batch import Carrier
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher
from shared.plumbing.seal import Seal
from shared.plumbing.telemetry import Telemetry
from tests.subsidy.facts import Service
from tests.subsidy.histories import IN_PARTS

LANES = ("32", "33")


@pytest.fixture
def rules() -> Rules:
    """The schemes that ship with the service."""
    return Rules(load_schemes(SCHEMES))


@pytest.fixture(scope="session")
async def topics(infrastructure: Infrastructure) -> AsyncIterator[str]:
    """A namespace with the topics of the lanes 32 and 33; the tests share it, since they read the log."""
    made = f"t{secrets.token_hex(3)}."
    await infrastructure.create_topics(made, LANES)
    yield made
    await infrastructure.drop_namespace(made)


@pytest.fixture
def settings(infrastructure: Infrastructure, topics: str, tmp_path: Path) -> Settings:
    """Settings that reach the broker as the service, with tokens of three roles."""
    tokens = [
        {"name": role, "role": role, "sha256": hashlib.sha256(role.encode()).hexdigest()}
        for role in ("operator", "auditor", "official")
    ]
    tokens += [
        {
            "name": name,
            "role": name[:-3],
            "province": "32",
            "sha256": hashlib.sha256(name.encode()).hexdigest(),
        }
        for name in ("province-32", "official-32")
    ]
    (tmp_path / "tokens.yaml").write_text(yaml.safe_dump(tokens))
    return Settings(
        namespace=topics,
        kafka_bootstrap=infrastructure.kafka.bootstrap,
        kafka_username="subsidy",
        kafka_password_file=infrastructure.data / "secrets" / "kafka" / "subsidy",
        database_dsn_file=tmp_path / "unused",
        http_port=1,
        tokens_file=tmp_path / "tokens.yaml",
        seal_key_file=tmp_path / "unused",
    )


@pytest.fixture
async def subsidy(
    infrastructure: Infrastructure, namespace: str, settings: Settings
) -> AsyncIterator[Service]:
    """A fresh service that holds the lanes 32 and 33."""
    async with _service(infrastructure, namespace, settings) as made:
        yield made


@pytest.fixture
async def another_subsidy(
    infrastructure: Infrastructure, namespace: str, settings: Settings, deletions: Callable[[str], None]
) -> AsyncIterator[Service]:
    """A second one with a database of its own."""
    other = f"o{namespace}"
    async with _service(infrastructure, other, settings) as made:
        yield made
    deletions(other)


@pytest.fixture
async def subsidy_in_parts(
    infrastructure: Infrastructure, namespace: str, settings: Settings, deletions: Callable[[str], None]
) -> AsyncIterator[Service]:
    """One that gives all awards in five parts, with a database of its own."""
    other = f"p{namespace}"
    async with _service(infrastructure, other, settings, IN_PARTS) as made:
        yield made
    deletions(other)


@asynccontextmanager
async def _service(
    infrastructure: Infrastructure, databases: str, settings: Settings, rules: Rules | None = None
) -> AsyncIterator[Service]:
    made = await infrastructure.create_databases(databases, ["subsidy"], template=True)
    pool = await postgres.open_pool(made["subsidy"].runtime_dsn, "test", 4)
    metrics = Metrics()
    (group,) = consumers.groups(rules or load_rules(settings))(metrics)
    publisher = Publisher(group.writes, settings.namespace, lambda: kafka.make_producer(settings))
    await publisher.start()
    telemetry = Telemetry("subsidy", None, 0.0, at_the_door=False)
    carrier = Carrier(group, "", pool, publisher, "//subsidy/log2", Seal(b"0" * 32), telemetry, metrics)
    async with pool.acquire() as db:
        reads = [stream.pattern for stream in group.reads]
        await store.open_lanes(db, reads, [stream.pattern for stream in group.writes], LANES)
    yield Service(pool, carrier, publisher, metrics, made["subsidy"].owner_dsn)
    await publisher.stop(5)
    await pool.close()
