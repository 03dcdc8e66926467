"""Thresholds of a budget's use are said once each when they are reached, and again only after they were cleared."""

import pytest

from services.subsidy import store
from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.expecting import runs_out
from services.subsidy.domain.rederiving import rederive
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import YUAN_1000_FEN, Province, Service, read
from tests.subsidy.shelf import Shelf
from tests.subsidy.test_rederiving import kept

RULES = Rules(load_schemes(SCHEMES))
WORDS = {
    said_by.BUDGET_THRESHOLD_REACHED: "reached",
    said_by.BUDGET_THRESHOLD_CLEARED: "cleared",
    said_by.BUDGET_RECOVERED: "recovered",
    said_by.BUDGET_EXHAUSTED: "exhausted",
}


def alerts(province: Province) -> list[str]:
    """What is said of the budget, all facts taken in one batch: `reached 80`."""
    shelf = Shelf(RULES)
    shelf.take([read(fact) for fact in province.facts])
    said = [(WORDS[e.type], e.data.get("percent", "")) for e in shelf.entries if e.type in WORDS]
    return [f"{word} {percent}".strip() for word, percent in said]


def filled(awards: int, of: int = 20) -> Province:
    """A budget for so many awards, and some enrollments."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(of * YUAN_1000_FEN)
    for n in range(awards):
        js.enrolled(n)
    return js


@pytest.mark.parametrize(
    ("awards", "said"),
    [
        (15, []),
        (16, ["reached 80"]),
        (18, ["reached 80"]),
        (19, ["reached 80", "reached 95"]),
        (20, ["reached 80", "reached 95", "reached 100"]),
        (22, ["reached 80", "reached 95", "reached 100", "exhausted"]),
    ],
)
def test_each_threshold_is_said_once_when_it_is_reached(awards: int, said: list[str]) -> None:
    assert alerts(filled(awards)) == said


def test_one_step_over_several_thresholds_says_each() -> None:
    assert alerts(filled(1, of=1)) == ["reached 80", "reached 95", "reached 100"]


def test_one_award_that_goes_and_one_that_comes_say_nothing_again() -> None:
    js = filled(16)
    for n in range(16, 20):
        js.withdrawn(n - 1)
        js.enrolled(n)
    assert alerts(js) == ["reached 80"]


def test_a_threshold_is_cleared_well_below_it_and_then_said_again() -> None:
    js = filled(16)
    js.withdrawn(0)
    assert alerts(js) == ["reached 80"]
    js.withdrawn(1)
    assert alerts(js) == ["reached 80", "cleared 80"]
    js.enrolled(20)
    js.enrolled(21)
    assert alerts(js) == ["reached 80", "cleared 80", "reached 80"]


def test_more_money_clears_and_a_cut_reaches() -> None:
    js = filled(16)
    js.adjusted(20 * YUAN_1000_FEN)
    js.adjusted(-24 * YUAN_1000_FEN)
    assert alerts(js) == ["reached 80", "cleared 80", "reached 80", "reached 95", "reached 100"]


def test_what_is_paid_owed_or_booked_is_used_as_well() -> None:
    js = filled(16)
    js.confirmed(0)
    js.paid(0, YUAN_1000_FEN)
    js.withdrawn(0)
    js.scholarship(1, 2 * YUAN_1000_FEN, pot="provincial-federation")
    assert alerts(js) == ["reached 80"]


def test_an_exhausted_budget_recovers_when_nobody_waits_any_more() -> None:
    js = filled(21)
    js.withdrawn(0)
    full = ["reached 80", "reached 95", "reached 100"]
    assert alerts(js) == [*full, "exhausted", "recovered"]
    js.enrolled(30)
    js.withdrawn(30)
    assert alerts(js) == [*full, "exhausted", "recovered", "exhausted", "recovered"]


def test_while_a_long_queue_moves_nothing_is_said_until_it_is_known_where_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 2)
    shelf, js = Shelf(RULES), Province()
    for n in range(6):
        js.enrolled(n)
    shelf.take([read(fact) for fact in js.facts])
    before = len(shelf.entries)
    shelf.take([read(js.allocated(5 * YUAN_1000_FEN))])
    for _ in range(3):
        shelf.take([])
    said = [WORDS[e.type] for e in shelf.entries[before:] if e.type in WORDS]
    assert said == ["exhausted", "reached", "reached", "reached"]


async def test_thresholds_are_kept_in_the_real_ledger_and_go_to_no_province(subsidy: Service) -> None:
    js = filled(4, of=5)
    await subsidy.take(*js.facts)
    await subsidy.take(js.withdrawn(0), js.enrolled(8), js.withdrawn(1), js.withdrawn(2))
    said = [fact["type"] for fact in await subsidy.published(alerts=True) if fact["type"] in WORDS]
    assert [WORDS[one] for one in said] == ["reached", "cleared"] * 2
    told = {fact["type"] for fact in await subsidy.published("provinces.{lane}.decisions", alerts=True)}
    assert not told & set(WORDS)
    assert await subsidy.faults() == {}


# ---------------------------------------------------------------- when it runs out


def over_days() -> Province:
    """A budget for ten awards, used on days months apart, emptied, and given money again."""
    js = Province()
    js.enrolled(0)  # before any day has begun
    js.day("2026-03-01")
    js.allocated(10 * YUAN_1000_FEN)
    for n, day in ((4, "2026-03-13"), (5, "2026-06-11"), (9, "2026-06-12")):
        js.day(day)
        for number in range(n * 10, n * 10 + 4):
            js.enrolled(number)
    js.withdrawn(40)
    js.day("2026-06-20")
    js.allocated(20 * YUAN_1000_FEN)
    js.day("2026-06-21")
    for number in range(200, 212):
        js.enrolled(number)
    return js


def ends(shelf: Shelf) -> list[tuple[str, str | None]]:
    """When the budget runs out, by what was said of it."""
    return [(WORDS[e.type], e.data["runs_out_on"]) for e in shelf.entries if "runs_out_on" in e.data]


def test_what_is_said_of_a_budget_says_when_it_runs_out_at_the_pace_of_the_last_ninety_days() -> None:
    shelf = Shelf(RULES)
    for fact in over_days().facts:
        shelf.take([read(fact)])
    assert ends(shelf) == [
        ("exhausted", None),  # no day has begun
        (
            "reached",
            "2026-08-10",
        ),  # 200,000 free; of the last 90 days it is 300,000, what lies before counts no more
        ("reached", "2026-06-12"),
        ("reached", "2026-06-12"),
        ("exhausted", "2026-06-12"),
        ("cleared", "2027-02-06"),
        ("cleared", "2027-02-06"),
        ("cleared", "2027-02-06"),
        ("reached", "2026-07-19"),
    ]
    for entry in shelf.entries:
        said_by.FACT_MODELS[entry.type].model_validate(entry.data, strict=False, extra="forbid")


def test_when_a_budget_runs_out_is_decided_the_same_however_batches_are_cut_and_derives_again() -> None:
    facts = [read(fact) for fact in over_days().facts]
    whole = Shelf(RULES)
    whole.take(facts)
    for size in (1, 2, 3, 5, 7):
        cut = Shelf(RULES)
        for at in range(0, len(facts), size):
            cut.take(facts[at : at + size])
        assert cut.journal() == whole.journal(), size
    said = [entry for entry in whole.entries if "runs_out_on" in entry.data]
    assert [rederive(RULES, kept(entry)) for entry in said] == [()] * len(said)
    later = kept(said[1])
    changed = later.inputs.replace('"free_fen":', '"free_fen":9')
    wrong = type(later)(**{name: getattr(later, name) for name in later.__slots__} | {"inputs": changed})
    assert rederive(RULES, wrong) == ("steps",)


@pytest.mark.parametrize("move_max", [2, 2_000])
def test_a_queue_that_moves_in_steps_is_said_to_run_out_on_the_same_day(
    monkeypatch: pytest.MonkeyPatch, move_max: int
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", move_max)
    shelf, js = Shelf(RULES), Province()
    js.day("2026-03-01")
    for n in range(6):
        js.enrolled(n)
    js.allocated(5 * YUAN_1000_FEN + 90_000)
    for fact in js.facts:
        shelf.take([read(fact)])
    shelf.come_to_rest()
    assert ends(shelf)[:2] == [("exhausted", "2026-03-01"), ("exhausted", "2026-03-01")]
    (_, said) = [entry.inputs for entry in shelf.entries if entry.type == said_by.BUDGET_EXHAUSTED]
    assert (said["free_fen"], said["run_fen"]) == (90_000, 5 * YUAN_1000_FEN)


async def test_an_alert_and_a_question_name_the_same_day_in_the_real_ledger(subsidy: Service) -> None:
    js = Province()
    js.day("2026-03-01")
    js.allocated(10 * YUAN_1000_FEN)
    js.enrolled(1)
    await subsidy.take(*js.facts)
    await subsidy.take(js.day("2026-03-20"), *[js.enrolled(n) for n in range(2, 8)])
    await subsidy.take(js.day("2026-03-21"), js.enrolled(8))
    (said,) = [fact for fact in await subsidy.published(alerts=True) if fact["type"] in WORDS]
    async with subsidy.pool.acquire() as db:
        (row,) = await store.budgets(db, "32", 2026, None, 10)
    asked = runs_out(row["free_fen"], row["today"], row["first_moved"], row["run_fen"])
    assert asked.on is not None
    assert said["data"]["runs_out_on"] == asked.on.isoformat() == "2026-03-26"
    assert await subsidy.faults() == {}
