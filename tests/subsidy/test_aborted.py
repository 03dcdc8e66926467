"""A connection that breaks off after any statement of a batch: what is delivered again decides the same."""

from collections.abc import Callable
from typing import Any, Final

import asyncpg
import pytest

from services.subsidy import store
from shared.plumbing import postgres
from shared.plumbing import store as plumbing
from tests.subsidy.facts import Service
from tests.subsidy.histories import busy, everything

POINTS: Final = (
    (plumbing, "lock_cursors"),
    (plumbing, "lock_lane_rows"),
    (store, "load_lanes"),
    (store, "load_payments"),
    (store, "load_awards"),
    (store, "load_due"),
    (store, "load_booked"),
    (store, "load_budgets"),
    (store, "load_queues"),
    (store, "load_claims"),
    (store, "_save_lanes"),
    (store, "_save_budgets"),
    (store, "_add_awards"),
    (store, "_save_awards"),
    (store, "_save_claims"),
    (store, "_add_payments"),
    (store, "_save_payments"),
    (store, "_add_entries"),
    (plumbing, "append_log"),
    (plumbing, "move_on"),
)
"""Statements in the way of a batch, in their order."""
SIZE: Final = 7
"""Facts in a batch."""
AGAIN: Final = 3
"""So many of the batch before are delivered again with it."""


class Breaking:
    """Ends the connection on the server, once after each statement when it was carried out on it."""

    def __init__(self, admin_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = [name for _, name in POINTS]
        self._admin_dsn = admin_dsn
        for module, name in POINTS:
            monkeypatch.setattr(module, name, self._after(name, getattr(module, name)))

    def _after(self, name: str, carried_out: Callable[..., Any]) -> Callable[..., Any]:
        async def statement(db: Any, *arguments: Any) -> Any:
            found = await carried_out(db, *arguments)
            if name in self.left and (name[0] != "_" or arguments[0]):  # what has no rows sends nothing
                self.left.remove(name)
                await self._end(db.get_server_pid())
            return found

        return statement

    async def _end(self, pid: int) -> None:
        admin = await asyncpg.connect(self._admin_dsn)
        try:
            assert await admin.fetchval("SELECT pg_terminate_backend($1, 10000)", pid)
        finally:
            await admin.close()


async def test_a_connection_that_breaks_off_after_any_statement_changes_nothing_that_is_decided(
    subsidy: Service, another_subsidy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = [*everything().facts, *busy(3, "33").facts]
    await subsidy.take(*facts)
    breaking = Breaking(another_subsidy.owner_dsn, monkeypatch)
    for at in range(0, len(facts), SIZE):
        while True:
            try:
                await another_subsidy.take(*facts[max(0, at - AGAIN) : at + SIZE])
            except postgres.PassingError:
                continue
            break
    assert breaking.left == [], "these statements were never broken off"
    assert await another_subsidy.tables() == await subsidy.tables()
    assert another_subsidy.carrier.stopped == set()
