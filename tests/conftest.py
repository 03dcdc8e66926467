"""What every test may ask for: the real Kafka and PostgreSQL, a namespace, sizes of generated tests."""

import os
import secrets
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from console.stack.infrastructure import Infrastructure

# Services and brokers are started a hundred times here and live for seconds. So they keep compiled modules, whatever
# the environment says, and Java does without the second compiler and the collector that pay off only later.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# What waits most for others comes beside what only computes; short files come last, so that all end together.
LONGEST_FIRST = (
    "chain",
    "stack",
    "model",
    "console",
    "contracts",
    "subsidy",
    "enrollment",
    "province",
    "plumbing",
    "reporting",
)

# Repeatable in every run, so that a red build is red again when it is looked into; the campaign searches on.
settings.register_profile(
    "suite",
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "campaign",
    max_examples=10_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# A changed rule is tried by thousands of runs: each generated test is a short one.
settings.register_profile(
    "mutation",
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile("suite")


@pytest.fixture(scope="session")
async def infrastructure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Infrastructure]:
    """A running Kafka and PostgreSQL in a temporary folder, stopped when the run ends, however it ends."""
    async with await Infrastructure.start(tmp_path_factory.mktemp("infrastructure")) as running:
        yield running


@pytest.fixture
async def namespace(infrastructure: Infrastructure) -> AsyncIterator[str]:
    """A prefix of topics, groups and databases that no other test uses; all made under it is deleted."""
    fresh = f"t{secrets.token_hex(3)}."
    yield fresh
    await infrastructure.drop_namespace(fresh)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first: the processes of `make test` take one file after another in this order.

    What stands on the real Kafka or PostgreSQL is marked, so that pure tests can be run alone: `-m 'not real'`.
    """
    items.sort(key=_turn)
    for item in items:
        if isinstance(item, pytest.Function) and "infrastructure" in item.fixturenames:
            item.add_marker(pytest.mark.real)


def _turn(item: pytest.Item) -> int:
    package = item.path.parent.name
    return LONGEST_FIRST.index(package) if package in LONGEST_FIRST else len(LONGEST_FIRST)
