"""A province loads its history since 2016 beside live events: nobody is told, no money moves, all is counted."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from benchmarks.back_load import back_load
from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack

EVENTS: Final = 100_000
LIVE: Final = 4_000
RATE_PER_S: Final = 100
NAMESPACE: Final = "backload."

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3_600)]


@pytest.fixture(scope="module")
async def seen(infrastructure: Infrastructure) -> AsyncIterator[dict[str, Any]]:
    """What a back-load beside live events has led to; its figures are printed."""
    try:
        async with await Stack.over(infrastructure, NAMESPACE) as stack:
            found = await back_load(stack, EVENTS, LIVE, RATE_PER_S)
            print(json.dumps(found))  # noqa: T201 - the campaign's figure
            yield found
    finally:
        await infrastructure.drop_namespace(NAMESPACE)


async def test_history_moves_no_money_and_notifies_nobody(seen: dict[str, Any]) -> None:
    assert set(seen["touched"].values()) == {0}, seen["touched"]


async def test_each_event_of_the_history_is_counted(seen: dict[str, Any]) -> None:
    assert seen["history"]["facts"] == EVENTS


async def test_live_events_went_on_beside_it(seen: dict[str, Any]) -> None:
    assert seen["beside"]["events"] > 0
