"""One door for all tests of what a province sends: the enrollment service, on the real broker and database."""

import secrets
from collections.abc import AsyncIterator

import pytest

from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack


@pytest.fixture(scope="package")
async def door(infrastructure: Infrastructure) -> AsyncIterator[Stack]:
    """Enrollment in a namespace of these tests; each test uses workers and numbers of its own."""
    namespace = f"t{secrets.token_hex(3)}."
    stack = await Stack.over(infrastructure, namespace, ["enrollment"])
    yield stack
    await stack.stop()
    await infrastructure.drop_namespace(namespace)
