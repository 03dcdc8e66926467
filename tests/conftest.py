"""What every test may ask for: the real Kafka and PostgreSQL, a namespace, sizes of generated tests."""

import asyncio
import gc
import os
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from console.stack.infrastructure import Infrastructure
from tests.measuring import CONFIG, GO_WHERE_OTHERS_GO, MEASURED, UNMEASURED, unmeasured

# Services and brokers are started a hundred times here and live for seconds. So they keep compiled modules, whatever
# the environment says, and Java does without the second compiler and the collector that pay off only later.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# Of the processes that tests start only those are measured that are asked for: see `measured_processes`. The processes
# of `make test` itself are started with this setting.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= UNMEASURED

# What waits most for others comes beside what only computes; short files come last, so that all end together.
TESTS = Path(__file__).parent
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


@pytest.fixture(scope="session")
def deletions(infrastructure: Infrastructure) -> Iterator[Callable[[str], None]]:
    """Deletes namespaces while the next tests run: for a database the server first waits until all is on the disk."""
    begun: list[Future[None]] = []
    with ThreadPoolExecutor(1, "deletions") as one_after_another:
        yield lambda namespace: begun.append(
            one_after_another.submit(lambda: asyncio.run(infrastructure.drop_namespace(namespace)))
        )
    for done in begun:
        done.result()


@pytest.fixture
def namespace(deletions: Callable[[str], None]) -> Iterator[str]:
    """A prefix of topics, groups and databases that no other test uses; all made under it is deleted."""
    fresh = f"t{secrets.token_hex(3)}."
    yield fresh
    deletions(fresh)


@pytest.fixture(scope="module")
def measured_processes() -> Iterator[None]:
    """Measure the processes too that a module's tests start: all that is measured of how services start and end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIG, MEASURED[CONFIG])
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Measure nothing in the process that only hands out the tests to others."""
    if config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.settrace(None)
        threading.settrace(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Leave out of the measuring what goes where others go."""
    if item.path.relative_to(TESTS).as_posix() not in GO_WHERE_OTHERS_GO:
        return (yield)
    with unmeasured():
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first: the processes of `make test` take one file after another in this order.

    What stands on the real Kafka or PostgreSQL is marked, so that pure tests can be run alone: `-m 'not real'`.
    """
    items.sort(key=_turn)
    for item in items:
        if isinstance(item, pytest.Function) and "infrastructure" in item.fixturenames:
            item.add_marker(pytest.mark.real)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what is there before the first test: thousands of tests, and it stays."""
    gc.collect()
    gc.freeze()


def _turn(item: pytest.Item) -> int:
    package = item.path.parent.name
    return LONGEST_FIRST.index(package) if package in LONGEST_FIRST else len(LONGEST_FIRST)
