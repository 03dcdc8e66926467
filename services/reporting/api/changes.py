"""What differs between editions, as officials see it: cell by cell and event by event, each look written down."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from services.reporting import edition_store
from services.reporting.domain import editions, public_tables
from services.reporting.domain.cubes import CUBES
from services.reporting.domain.editions import LaterFact
from shared.plumbing import look_ups
from shared.plumbing.tokens import Caller


class CellChanged(BaseModel):
    """One cell that differs."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    cube: str
    dimensions: dict[str, str]
    measure: str
    before: int
    after: int
    events: int | None
    """How many events were recorded later that moved it; none where the measure is not kept event by event."""


class EventLater(BaseModel):
    """One event that was recorded after an edition and is about its period: never the worker."""

    lane: str
    stream: str
    seq: int
    event_id: str
    type: str
    voided_type: str | None
    effective_day: date
    recorded_at: datetime
    reported_by: str | None


class Changes(BaseModel):
    """What differs from an edition, cell by cell and event by event."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    edition: str
    """The edition that is compared with."""
    known_on: date
    simulated: bool
    totals: list[dict[str, Any]]
    """Totals of nation and lanes that differ, those of persons as of the period's end."""
    cells: list[CellChanged]
    events: list[EventLater]
    whole: bool
    """False where there are more events than are told one by one."""


def told(before: bytes, after: public_tables.CellsOf, later: Sequence[LaterFact]) -> dict[str, Any]:
    """Cells that differ, each with the number of events behind it, and the events."""
    cells = []
    for key, earlier, value in editions.changes(editions.cells_from(before), after):
        behind = editions.events_behind(key, later)
        cells.append(
            CellChanged(
                cube=key[0],
                dimensions=dict(zip(CUBES[key[0]].dimensions, key[1:5], strict=False)),
                measure=key[5],
                before=earlier,
                after=value,
                events=None if behind is None else len(behind),
            )
        )
    events = [EventLater(**{name: getattr(fact, name) for name in EventLater.model_fields}) for fact in later]
    return {"cells": cells, "events": events, "whole": len(events) < edition_store.LATER_MAX}


async def shown_to(request: Request, caller: Caller, period: str, found: Changes) -> Changes:
    """What of it this caller may see, after it was written down that he or she looked."""
    own = caller.province
    if own is not None:
        found = found.model_copy(
            update={
                "totals": [one for one in found.totals if one["lane"] == own],
                "cells": [one for one in found.cells if one.dimensions.get("lane") == own],
                "events": [one for one in found.events if one.lane == own],
            }
        )
    await look_ups.note(
        request, "events_behind_a_restatement", caller, own, period=period, events=len(found.events)
    )
    return found
