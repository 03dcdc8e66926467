"""What tests of plumbing share: a namespace for the relay, in which each test of a file uses lanes of its own."""

from collections.abc import AsyncIterator

import pytest

from console.stack.infrastructure import Infrastructure
from tests.plumbing import processes, relay
from tests.plumbing.processes import Nursery
from tests.plumbing.world import World, make_world


@pytest.fixture(scope="module")
async def world(infrastructure: Infrastructure) -> AsyncIterator[World]:
    """The relay's namespace."""
    async with make_world(infrastructure, relay.USER, lanes=("32",)) as made:
        async with made.owner.acquire() as owner:
            await relay.make_table(owner)
        yield made


@pytest.fixture(scope="package")
async def nursery_of_all(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nursery]:
    """One nursery: it takes seconds to start."""
    async with processes.nursery(tmp_path_factory.mktemp("processes")) as made:
        yield made


@pytest.fixture
async def nursery(nursery_of_all: Nursery) -> AsyncIterator[Nursery]:
    """Starts relay processes, which end with the test: idle ones would slow down all that follow."""
    yield nursery_of_all
    nursery_of_all.end_all()
