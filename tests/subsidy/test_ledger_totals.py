"""The promise that a day begins with what the ledger holds at that place of the log, and that others can follow it."""

import random
from collections import Counter
from typing import Any

import orjson

from services.reporting.domain import reconciliation
from services.reporting.domain.counting import count
from shared.contracts.subsidy import LEDGER_TOTALLED, BudgetTotal
from tests.reporting.facts import S, take
from tests.subsidy.facts import Service
from tests.subsidy.histories import busy

ACCOUNTS = [name for name in BudgetTotal.model_fields if name.endswith("_fen")]


async def test_what_is_said_is_what_was_announced_before_by_the_ledger_and_by_reporting(
    subsidy: Service,
) -> None:
    facts, draw = busy(5).facts, random.Random(6)
    while facts:
        size = draw.randint(1, 40)
        await subsidy.take(*facts[:size])
        facts = facts[size:]
    postings = await subsidy.pool.fetch(
        """SELECT event_id, fiscal_year, fund_source, purpose, amount_fen
           FROM posting JOIN journal USING (lane, entry_no)"""
    )
    held: Counter[str] = Counter()
    said, published = [], await subsidy.published(alerts=True)
    for n, fact in enumerate(published):
        if fact["type"] == LEDGER_TOTALLED:
            said.append(fact["data"]["day"])
            told = reconciliation.stated(fact["data"])
            assert told == Counter({name: fen for name, fen in held.items() if fen})
            assert told == reconciliation.balances(moved(published[:n]))
        for event_id, year, source, purpose, amount_fen in postings:
            if event_id == fact["id"] and purpose != "available":
                held[f"{year} {source} {purpose}_fen"] += (
                    -amount_fen if purpose == "allocated" else amount_fen
                )
    assert said == sorted(set(said))
    assert len(said) > 2
    touched = {name.rpartition(" ")[2] for name, fen in held.items() if fen}
    assert touched >= {"allocated_fen", "granted_fen", "disbursed_fen", "scholarship_fen"}
    assert touched <= set(ACCOUNTS)
    assert reconciliation.balances(moved(published)) == Counter(
        {name: fen for name, fen in held.items() if fen}
    )


def moved(published: list[dict[str, Any]]) -> Counter[tuple[int, str, str]]:
    """What reporting's cube of money makes of these facts."""
    taken = [take(S, orjson.dumps(fact)) for fact in published]
    counted = count((one.stream, one.event) for one in taken if one.event is not None)
    money: Counter[tuple[int, str, str]] = Counter()
    for (cube, _, year, source, _, measure, _), change in counted.cells.items():
        if cube == "money" and measure in reconciliation.LEDGER_MEASURES:
            money[int(year), source, measure] += change
    return money
