"""Make an edition of what was gathered: its content, its bytes, its signature."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from services.reporting.api.gathering import Gathered
from services.reporting.domain import closing, editions, public_tables
from services.reporting.domain.disclosure import RULE, Shown, revealed
from services.reporting.domain.editions import Content, LaterFact
from services.reporting.domain.measures import MEASURES
from services.reporting.edition_store import Kept
from shared.plumbing.signing import Signer

SALT_BYTES: Final = 32
_PERSONS: Final = tuple(code for code, measure in MEASURES.items() if measure.cube == "persons")


def make(seen: Gathered, reason: str | None, signer: Signer, operator: str, *, simulated: bool) -> Kept:
    """The edition, signed: a function of what was gathered, the reason, and a salt for its cells."""
    content = content_of(seen)
    cells = editions.cells_text(secrets.token_bytes(SALT_BYTES), seen.name, seen.cells)
    changed: list[dict[str, Any]] = []
    if seen.last is not None:
        before = editions.read(seen.last.document)
        changed = totals_changed_of(before, content, seen.later)
        changed += editions.tables_changed(before.tables, content.tables)
    head = {
        "period": seen.period,
        "number": seen.name.number,
        "known_on": seen.known_on,
        "closed_at": seen.at,
        "simulated": simulated,
        "facts": seen.facts,
        "positions": seen.positions,
        "checks": [asdict(check) for check in seen.checks],
        "overridden": bool(closing.failing(seen.checks)),
        "reason": reason,
        "restates": {"edition": str(seen.last.name), "sha256": seen.last.sha256} if seen.last else None,
        "months": [{"edition": str(month.name), "sha256": month.sha256} for month in seen.months],
        "cells": {"lines": len(seen.cells), "sha256": editions.sha256(cells)},
        "rule": RULE._asdict(),
    }
    document = editions.document(
        head, Content(content.totals, content.as_of, content.targets, content.tables, changed)
    )
    return Kept(
        name=seen.name,
        closed_at=seen.at,
        closed_by=operator,
        reason=reason,
        document=document,
        sha256=editions.sha256(document),
        signature=signer.sign(document),
        public_key=signer.public_key,
        cells=cells,
    )


def differs(seen: Gathered, last: Kept) -> bool:
    """Whether a restatement would say anything else than the last edition."""
    content = content_of(seen)
    before = editions.read(last.document)
    return (
        editions.cells_from(last.cells) != seen.cells
        or (before.totals, before.as_of) != (content.totals, content.as_of)
        or before.tables.keys() != content.tables.keys()
    )


def content_of(seen: Gathered) -> Content:
    """What the document says of the period, beside its head."""
    nation = {(code, editions.NATION): seen.picture.measures.get(code, 0) for code in _PERSONS}
    lanes = {
        (code, lane.code): lane.measures[code]
        for lane in seen.picture.lanes
        for code in _PERSONS
        if lane.measures.get(code)
    }
    targets = [target.model_dump(mode="json") for target in seen.picture.targets]
    if not seen.months:
        return Content(editions.totals_of(seen.cells), nation | lanes, targets, _tables(seen))
    months = [editions.read(month.document) for month in seen.months]
    totals: dict[tuple[str, str], int] = {}
    for month in months:
        for key, total in month.totals.items():
            totals[key] = totals.get(key, 0) + total
    common = set.intersection(*(set(month.tables) for month in months))
    tables = {code: public_tables.of_year([month.tables[code] for month in months]) for code in common}
    return Content(totals, nation | lanes, targets, tables)


def totals_changed_of(
    before: editions.Edition, content: Content, later: Sequence[LaterFact]
) -> list[dict[str, Any]]:
    """Totals that differ from an edition's, with the number of events behind each."""
    keys = before.totals.keys() | content.totals.keys()
    events = editions.events_of_totals(keys, later)
    return editions.totals_changed(before.totals, content.totals, events) + editions.totals_changed(
        before.as_of, content.as_of, {}
    )


def _tables(seen: Gathered) -> dict[str, Shown]:
    """The public tables; one that would tell, beside an earlier edition, what neither may, is left out."""
    earlier = [editions.read(document).tables for document in seen.earlier]
    found = {}
    for code, table in public_tables.TABLES.items():
        before = [tables[code] for tables in earlier if code in tables]
        hidden = {place for shown in before for place in shown.hidden}
        made = public_tables.shown(table, seen.cells, hidden)
        known = public_tables.known_of(table)
        if table.open or not any(revealed(one, made, known) for one in before):
            found[code] = made
    return found
