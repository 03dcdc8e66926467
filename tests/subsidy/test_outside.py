"""What other provinces report takes a share of a budget only, until the funding province has confirmed it."""

from dataclasses import replace

import orjson
import pytest

from services.subsidy.config import SCHEMES, load_schemes
from services.subsidy.domain import loading
from services.subsidy.domain.explaining import Standing, StoredDecision, explain
from services.subsidy.domain.rederiving import rederive
from services.subsidy.domain.schemes import Rules
from shared.contracts import subsidy as said_by
from tests.subsidy.facts import NOON, POT, YUAN_1000_FEN, Province, Service, read
from tests.subsidy.histories import FROM_OUTSIDE, history_from_outside, scheme_in_parts
from tests.subsidy.shelf import Shelf
from tests.subsidy.test_rederiving import kept


def states(shelf: Shelf) -> dict[str, str]:
    return {key.removeprefix("32-0000"): award.state for key, award in sorted(shelf.awards.items())}


def after(js: Province, rules: Rules = FROM_OUTSIDE) -> Shelf:
    """What comes of all that was told, which is the same when it is told fact by fact."""
    shelf, slowly = Shelf(rules), Shelf(rules)
    shelf.take([read(fact) for fact in js.facts])
    shelf.come_to_rest()
    for fact in js.facts:
        slowly.take([read(fact)])
        slowly.come_to_rest()
    assert shelf.journal() == slowly.journal()
    return shelf


def five_enrolled(allocated_fen: int = 5 * YUAN_1000_FEN) -> Province:
    """1, 2, 3 and 5 are reported by other provinces, 4 by the one that pays."""
    js = Province()
    js.day("2026-03-01")
    js.allocated(allocated_fen)
    for n, lane in enumerate(("34", "34", "33", "32", "34"), 1):
        js.enrolled(n, reported_by=lane)
    return js


def test_what_others_report_takes_no_more_than_its_share_and_holds_up_nobody_else() -> None:
    shelf = after(five_enrolled())
    assert states(shelf) == {
        "1": "reserved",
        "2": "reserved",
        "3": "held_back",
        "4": "reserved",
        "5": "held_back",
    }
    (budget,) = shelf.budgets.values()
    assert (budget.outside_fen, budget.held_back, budget.free_fen) == (200_000, 2, 200_000)


def test_a_smaller_amount_passes_nobody_who_is_held_back() -> None:
    js = five_enrolled(int(2.9 * YUAN_1000_FEN))  # the share is 1.16 awards
    js.enrolled(6, reported_by="34", tuition_fen=1)
    assert [states(after(js))[n] for n in "126"] == ["reserved", "held_back", "held_back"]


def test_a_confirmation_grants_at_once_what_was_held_back() -> None:
    js = five_enrolled()
    js.confirmed(5)
    shelf = after(js)
    assert states(shelf)["5"] == "granted"
    assert states(shelf)["3"] == "held_back"


def test_a_confirmation_leads_into_the_queue_at_the_old_rank_where_there_is_no_money() -> None:
    js = five_enrolled(
        3 * YUAN_1000_FEN
    )  # the share is 1.2 awards: 1 has it, and 4; 2, 3 and 5 are held back
    js.enrolled(6)
    js.enrolled(7)
    js.confirmed(3)
    shelf = after(js)
    assert states(shelf) == dict(
        zip(
            "1234567",
            ("reserved", "held_back", "waitlisted", "reserved", "held_back", "reserved", "waitlisted"),
            strict=True,
        )
    )
    (admitted,) = [entry for entry in shelf.entries if entry.type == said_by.SUBSIDY_ADMITTED]
    assert (admitted.enrollment_no, admitted.data["position"]) == ("32-00003", 1)


@pytest.mark.parametrize("how", ["confirmed", "withdrawn", "expired", "voided", "allocated", "increased"])
def test_whatever_frees_the_share_lets_in_who_was_held_back_first(how: str) -> None:
    js = five_enrolled()
    match how:
        case "confirmed":
            js.confirmed(1)
        case "withdrawn":
            js.withdrawn(2)
        case "voided":
            js.voided(next(f for f in js.facts if f["data"].get("enrollment_no") == js.number(1)))
        case "expired":
            js.day("2027-03-01")
        case "allocated":
            js.allocated(250_000)
        case _:  # increased
            js.adjusted(250_000)
    found = states(after(js))
    assert (found["3"], found["5"]) == ("reserved", "reserved" if how == "expired" else "held_back")


def test_money_reaches_who_was_held_back_in_recorded_order_with_those_in_the_queue() -> None:
    js = Province()
    js.day("2026-03-01")
    for n, lane in enumerate(("34", "32", "34"), 1):
        js.enrolled(n, reported_by=lane)
    js.allocated(int(2.5 * YUAN_1000_FEN))  # nothing was allocated before: a share of nothing
    assert states(after(js)) == {"1": "reserved", "2": "reserved", "3": "held_back"}


def test_a_part_above_the_share_of_its_pot_waits_and_asks_nobody_else() -> None:
    rules = Rules(
        [
            scheme_in_parts(
                {
                    "fund_source": "national",
                    "share_percent": 50,
                    "share_of": "base",
                    "when_exhausted": "next",
                },
                {"fund_source": POT, "share_percent": 50, "share_of": "base"},
            )
        ],
        outside_percent=40,
    )
    js = Province()
    js.day("2026-03-01")
    js.allocated(100_000, pot="national", level="national")
    js.allocated(YUAN_1000_FEN * 9)
    js.enrolled(1, reported_by="34")
    shelf = after(js, rules)
    assert states(shelf) == {"1": "held_back", "1/2": "reserved"}
    assert shelf.awards["32-00001/2"].amount_fen == YUAN_1000_FEN // 2
    js.confirmed(1)
    assert states(after(js, rules)) == {"1": "granted", "1/2": "granted"}


def test_without_a_cap_nothing_is_asked_and_nothing_is_kept_of_it() -> None:
    shelf = after(five_enrolled(), Rules(load_schemes(SCHEMES)))
    assert set(states(shelf).values()) == {"reserved"}
    assert not any("outside_cap_fen" in entry.inputs for entry in shelf.entries)


def test_each_decision_derives_again_from_the_cap_that_it_kept_whatever_the_setting_is_now() -> None:
    entries = history_from_outside().entries
    rows = [kept(entry) for entry in entries]
    other = Rules(FROM_OUTSIDE.schemes, outside_percent=1)
    assert {rederive(other, row) for row in rows} == {None, ()}
    held = next(row for row in rows if "waits_for" in next(e.data for e in entries if e.no == row.entry_no))
    inputs = orjson.loads(held.inputs) | {"outside_cap_fen": 10**9}
    changed = orjson.dumps(inputs).decode()
    assert rederive(other, replace(held, inputs=changed)) == ("outcome", "amount", "steps")


def test_the_province_and_the_clerk_read_in_both_languages_that_it_waits_for_the_funding_province() -> None:
    entry = next(e for e in history_from_outside().entries if e.data.get("waits_for") == "confirmation")
    assert "出资省份确认" in entry.data["message_zh"]
    assert "until the funding one confirms" in entry.data["message_en"]
    decision = StoredDecision(
        "32",
        entry.no,
        "",
        entry.type,
        "",
        entry.scheme,
        entry.scheme_version,
        entry.inputs,
        entry.steps,
        NOON,
    )
    standing = Standing(str(entry.enrollment_no), "32", "held_back", 2026, POT, YUAN_1000_FEN, 500_000, 0)
    page = explain(FROM_OUTSIDE, standing, None, [decision])
    assert "待出资省份确认" in page.zh
    assert "funding province" in page.en
    (step,) = [one for one in page.decisions[0].steps if one.step == "outside"]
    assert "最多 2,000.00 元，已占用 2,000.00 元" in step.zh
    assert "may take 2,000.00 yuan of the budget and take 2,000.00 yuan" in step.en


async def test_the_service_keeps_the_share_and_its_ledger_is_sound(subsidy: Service) -> None:
    """Its setting is a fifth."""
    js = five_enrolled(10 * YUAN_1000_FEN)
    await subsidy.take(*js.facts)
    row = await subsidy.budget()
    assert (row["outside_fen"], row["held_back"], row["waiting"]) == (200_000, 2, 0)
    assert await subsidy.faults() == {}
    await subsidy.take(js.confirmed(5), js.withdrawn(1))
    assert await subsidy.said() == [
        "budget.opened 2026",
        *(
            f"subsidy.{how} 32-0000{n}"
            for how, n in (
                ("reserved", 1),
                ("reserved", 2),
                ("waitlisted", 3),
                ("reserved", 4),
                ("waitlisted", 5),
            )
        ),
        "subsidy.reserved 32-00005",
        "subsidy.granted 32-00005",
        "subsidy.released 32-00001",
        "subsidy.reserved 32-00003",
    ]
    assert await subsidy.faults() == {}
    await subsidy.pool.execute("UPDATE budget SET outside_fen = outside_fen + 1")
    assert (await subsidy.faults()) == {"budgets_unlike_outside": 1}


def test_who_was_held_back_behind_a_larger_award_comes_in_once_that_is_confirmed() -> None:
    """The cap of two fifths has room for 40,000 beside one award, not for 100,000."""
    js, shelf = Province(), Shelf(Rules(load_schemes(SCHEMES), outside_percent=40))
    js.day("2026-03-01")
    js.allocated(350_000)
    for number, tuition_fen in ((1, 100_000), (2, 100_000), (3, 40_000)):
        js.enrolled(number, reported_by="34", tuition_fen=tuition_fen)
    for fact in js.facts:
        shelf.take([read(fact)])
    assert [shelf.awards[js.number(n)].state for n in (1, 2, 3)] == ["reserved", "held_back", "held_back"]
    shelf.take([read(js.confirmed(2, reported_by="34", tuition_fen=100_000))])
    assert [shelf.awards[js.number(n)].state for n in (1, 2, 3)] == ["reserved", "granted", "reserved"]


def test_money_waits_until_all_whom_the_cap_lets_in_are_there_though_they_are_too_many_for_one_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "MOVE_MAX", 1)
    js, shelf = Province(), Shelf(FROM_OUTSIDE)
    js.allocated(2 * YUAN_1000_FEN)
    for n in (1, 2):
        js.enrolled(n)
    for n in (3, 4):
        js.enrolled(n, reported_by="34", tuition_fen=90_000)
    js.enrolled(5, tuition_fen=90_000)
    shelf.take([read(fact) for fact in js.facts])
    assert [states(shelf)[n] for n in "345"] == ["held_back", "held_back", "waitlisted"]
    shelf.take([read(js.allocated(250_000))])
    shelf.come_to_rest()
    assert [states(shelf)[n] for n in "345"] == ["reserved", "reserved", "waitlisted"]


def test_a_share_of_the_whole_budget_is_none_so_all_who_were_held_back_come_in() -> None:
    js, shelf = Province(), Shelf(FROM_OUTSIDE)
    js.allocated(YUAN_1000_FEN)
    for n in (1, 2, 3):
        js.enrolled(n, reported_by="34")
    shelf.take([read(fact) for fact in js.facts])
    assert set(states(shelf).values()) == {"held_back"}
    shelf.rules = replace(FROM_OUTSIDE, outside_percent=100)
    shelf.take([read(js.adjusted(1))])
    assert states(shelf) == {"1": "reserved", "2": "waitlisted", "3": "waitlisted"}


def test_no_budget_is_said_to_be_exhausted_while_its_money_reaches_all_who_wait() -> None:
    """Who was held back comes into the queue behind another before both have their money."""
    js = Province()
    js.allocated(YUAN_1000_FEN)
    js.enrolled(1)
    js.enrolled(2)
    js.enrolled(3, reported_by="34")
    js.allocated(4 * YUAN_1000_FEN)
    shelf = after(js)
    assert set(states(shelf).values()) == {"reserved"}
    causes = [entry.cause.id for entry in shelf.entries if entry.type == said_by.BUDGET_EXHAUSTED]
    assert causes == [js.facts[2]["id"]]
