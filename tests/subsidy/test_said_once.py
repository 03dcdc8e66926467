"""What one event leads to over several batches is said once, when it has come to its end."""

from collections import Counter

import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import YUAN_1000_FEN, Province, Service, read, worker_ref
from tests.subsidy.shelf import Shelf

RULES = Rules(load_schemes(SCHEMES))
SMALL_FEN = (30_000, 30_000, 20_000, 20_000, 30_000, 30_000)
"""Two of them at a time leave 6 % of the money free, then let one more award in, then leave 6 % again."""
MONEY_FEN = 10 * YUAN_1000_FEN
ALERTS = sorted(said_by.ALERTS)


@pytest.fixture(autouse=True)
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most two awards move in a batch."""
    monkeypatch.setattr(loading, "MOVE_MAX", 2)


def used_up() -> Province:
    """A budget of which everything is held: small reservations that may expire, the rest granted; two more wait."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(MONEY_FEN)
    for n, tuition_fen in enumerate(SMALL_FEN):
        js.enrolled(n, tuition_fen=tuition_fen)
    for n in range(10, 20):
        js.enrolled(n, tuition_fen=40_000 if n == 18 else YUAN_1000_FEN)  # the last one waits
    js.enrolled(20)
    return js


def reservations_expire() -> Province:
    """All the small ones at once, on the next day."""
    js = used_up()
    for n in range(10, 21):
        js.confirmed(n)
    js.day("2027-03-01")
    return js


def debts_are_taken_off() -> Province:
    """The small ones were paid and left; their workers come again next year, wait for money together and owe it."""
    js = used_up()
    for n, paid_fen in enumerate(SMALL_FEN):
        js.confirmed(n)
        js.paid(n, paid_fen)
        js.withdrawn(n)
    for n, tuition_fen in enumerate(SMALL_FEN):
        for fact in (
            js.enrolled(30 + n, tuition_fen=tuition_fen, start="2027-03-01"),
            js.confirmed(30 + n),
        ):
            fact["subject"] = worker_ref(n)
    js.allocated(MONEY_FEN, year=2027)
    return js


@pytest.mark.parametrize("cause", [reservations_expire, debts_are_taken_off])
def test_a_threshold_is_compared_when_all_has_come_to_its_end(cause: object) -> None:
    assert callable(cause)
    js: Province = cause()
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in js.facts[:-1]])
    shelf.take([read(js.facts[-1])])
    shelf.come_to_rest()
    last = js.facts[-1]["id"]
    said = [
        (e.type, e.data.get("percent"))
        for e in shelf.entries
        if e.type in ALERTS and e.cause.id == last and e.data["fiscal_year"] == 2026
    ]
    assert said == [(said_by.BUDGET_THRESHOLD_CLEARED, 100)], (
        "94 % are used in the end: nothing else has come of it"
    )
    ids = Counter((entry.cause.id, entry.type, entry.about) for entry in shelf.entries)
    assert set(ids.values()) == {1}


def test_a_queue_that_ends_in_an_earlier_batch_than_its_cause_is_said_to_have_recovered() -> None:
    js = Province()
    js.day("2026-03-01")
    js.allocated(6 * YUAN_1000_FEN)
    for n in range(7):
        js.enrolled(n)
    js.day("2027-03-01")
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in js.facts[:-1]])
    shelf.take([read(js.facts[-1])])
    shelf.come_to_rest()
    said = [e.type for e in shelf.entries if e.cause.id == js.facts[-1]["id"]]
    assert Counter(said)[said_by.BUDGET_RECOVERED] == 1
    assert said[-4:] == [said_by.BUDGET_RECOVERED, *[said_by.BUDGET_THRESHOLD_CLEARED] * 3]


async def test_what_the_real_ledger_says_of_a_long_day_has_ids_of_its_own(subsidy: Service) -> None:
    js = reservations_expire()
    await subsidy.take(*js.facts[:-1])
    await subsidy.take(js.facts[-1])
    for _ in SMALL_FEN:
        await subsidy.tick("32")
    facts = await subsidy.published(alerts=True)
    assert Counter(fact["id"] for fact in facts).most_common(1)[0][1] == 1
    assert [f["type"] for f in facts if f["causationid"] == js.facts[-1]["id"]][
        -1
    ] == said_by.BUDGET_THRESHOLD_CLEARED
    assert await subsidy.faults() == {}
