"""How an award divides into parts: exact to the fen, in the order of the funders, each within its cap and budget."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.subsidy.config import SCHEMES, SchemeError, load_scheme, load_schemes
from services.subsidy.domain.schemes import Part, Scheme
from services.subsidy.domain.stacking import PartOutcome, PotInputs, split, stack
from shared.contracts.provinces.nation import PARTS_MAX

SHIPPED = load_schemes(SCHEMES)[1]
EXAMPLE = Path(__file__).parents[2] / "docs/examples/scheme-in-parts.yaml"
PLENTY_FEN = 10**9


def scheme(*parts: dict[str, Any], base_fen: int = 100_000) -> Scheme:
    """The shipped scheme with these parts, each from a pot of its own unless it names one."""
    named = [{"fund_source": f"pot-{n}"} | part for n, part in enumerate(parts, 1)]
    values = SHIPPED.model_dump(mode="json") | {"amount_base_fen": base_fen, "parts": named}
    return Scheme.model_validate(values | {"fund_source": named[0]["fund_source"]})


def base(percent: int, **more: Any) -> dict[str, Any]:
    """A share of the base amount."""
    return {"share_percent": percent, "share_of": "base", **more}


def tuition(percent: int, **more: Any) -> dict[str, Any]:
    """A share of the tuition."""
    return {"share_percent": percent, "share_of": "tuition", **more}


def stacked(
    made: Scheme, free_fen: list[int] | None = None, tuition_fen: int = PLENTY_FEN, **more: Any
) -> list[PartOutcome]:
    """The parts, where budgets have so much free and nobody waits."""
    frees = free_fen or [PLENTY_FEN] * len(made.parts)
    waiting = more.get("waiting", [0] * len(frees))
    pots = [
        PotInputs(
            fiscal_year=2026 + part.year_of_study - 1,
            fund_source=part.fund_source,
            free_fen=free,
            waiting=waits,
            later=part.year_of_study > 1,
        )
        for part, free, waits in zip(made.parts, frees, waiting, strict=True)
    ]
    return stack(made, tuition_fen, more.get("room_fen", tuition_fen), pots, [])


def told(parts: list[PartOutcome]) -> list[tuple[str, int]]:
    """Each part's state and amount."""
    return [(part.state, part.amount_fen) for part in parts]


@pytest.mark.parametrize(
    ("base_fen", "percents", "wanted"),
    [
        (100, (50, 50), [50, 50]),
        (101, (50, 50), [51, 50]),  # equal remainders: the first part has the fen that is left
        (100, (33, 33, 34), [33, 33, 34]),
        (10, (33, 33, 34), [3, 3, 4]),
        (1, (33, 33, 34), [0, 0, 1]),
        (7, (10, 20, 70), [1, 1, 5]),  # 0.7, 1.4, 4.9: one fen is left for the largest remainder of all, 0.9
        (10, (25, 25), [3, 2]),  # shares of half of it sum to half of it
        (2**53 - 1, (1, 99), [90071992547410, 8917127262193581]),
    ],
)
def test_shares_sum_exactly_and_fen_that_are_left_go_to_the_largest_remainders(
    base_fen: int, percents: tuple[int, ...], wanted: list[int]
) -> None:
    made = scheme(*map(base, percents), base_fen=base_fen)
    assert split(made, 0) == wanted
    assert sum(wanted) == base_fen * sum(percents) // 100


@given(
    percents=st.lists(st.integers(1, 100), min_size=1, max_size=PARTS_MAX).filter(lambda p: sum(p) <= 100),
    whole_fen=st.integers(1, 2**53 - 1),
)
def test_no_split_loses_or_makes_a_fen(percents: list[int], whole_fen: int) -> None:
    for made in (scheme(*map(base, percents), base_fen=whole_fen), scheme(*map(tuition, percents))):
        shares = split(made, whole_fen)
        assert sum(shares) == whole_fen * sum(percents) // 100
        assert all(abs(share * 100 - whole_fen * p) < 100 for share, p in zip(shares, percents, strict=True))


def test_shares_of_base_and_of_tuition_and_amounts_stand_beside_each_other() -> None:
    made = scheme(base(50), tuition(20), {"amount_fen": 7})
    assert split(made, 1_000_000) == [50_000, 200_000, 7]


def test_parts_draw_on_tuition_in_their_order_and_never_above_it() -> None:
    made = scheme({"amount_fen": 60}, {"amount_fen": 60}, {"amount_fen": 60})
    parts = stacked(made, tuition_fen=100)
    assert told(parts) == [("reserved", 60), ("reserved", 40), ("forgone", 0)]
    assert told(stacked(made, tuition_fen=200, room_fen=50)) == [
        ("reserved", 50),
        ("forgone", 0),
        ("forgone", 0),
    ]


@pytest.mark.parametrize(
    ("policy", "first", "second"),
    [
        ("next", ("reserved", 30), ("reserved", 110)),
        ("partial", ("reserved", 30), ("reserved", 40)),
        ("waitlist", ("waitlisted", 100), ("reserved", 40)),
    ],
)
def test_a_budget_that_does_not_carry_a_part_does_what_the_scheme_says(
    policy: str, first: tuple[str, int], second: tuple[str, int]
) -> None:
    made = scheme({"amount_fen": 100, "when_exhausted": policy}, {"amount_fen": 40})
    assert told(stacked(made, [30, PLENTY_FEN])) == [first, second]


def test_what_a_funders_own_cap_leaves_is_asked_of_nobody() -> None:
    made = scheme({"amount_fen": 100, "at_most_fen": 40, "when_exhausted": "next"}, {"amount_fen": 1})
    assert told(stacked(made)) == [("reserved", 40), ("reserved", 1)]


def test_what_a_funder_lacks_is_asked_of_the_next_within_its_cap_and_what_that_cap_leaves_is_forgone() -> (
    None
):
    made = scheme({"amount_fen": 100, "when_exhausted": "next"}, {"amount_fen": 40, "at_most_fen": 90})
    first, second = stacked(made, [30, PLENTY_FEN])
    assert (first.amount_fen, first.lacking_fen) == (30, 70)
    assert (second.amount_fen, second.lacking_fen) == (90, 20)
    assert second.steps[-1] == {"step": "forgone", "amount_fen": 20}


def test_the_steps_of_a_part_tell_what_was_passed_on_to_it_and_where_its_own_cap_cut_it() -> None:
    made = scheme({"amount_fen": 100, "when_exhausted": "next"}, {"amount_fen": 40, "at_most_fen": 90})
    _, second = stacked(made, [30, PLENTY_FEN])
    assert second.steps[1:4] == [
        {"step": "passed_on", "amount_fen": 70},
        {"step": "cap", "amount_fen": 90},
        {"step": "room", "amount_fen": 90},
    ]


def test_a_part_for_which_tuition_leaves_nothing_may_not_come_to_anything_later() -> None:
    _, second = stacked(scheme({"amount_fen": 60}, {"amount_fen": 60}), tuition_fen=60)
    assert (second.state, second.asked_fen) == ("forgone", 0)


def test_what_a_funder_lacks_goes_on_through_several_that_pass_it_on() -> None:
    on = {"when_exhausted": "next"}
    made = scheme({"amount_fen": 100, **on}, {"amount_fen": 50, "at_most_fen": 60, **on}, {"amount_fen": 1})
    assert told(stacked(made, [0, 20, PLENTY_FEN])) == [("forgone", 0), ("reserved", 20), ("reserved", 131)]


def test_who_waits_already_is_not_passed_by_a_part_that_takes_what_is_free() -> None:
    for policy, state in (("next", "forgone"), ("partial", "forgone"), ("waitlist", "waitlisted")):
        made = scheme({"amount_fen": 10, "when_exhausted": policy}, {"amount_fen": 10})
        assert stacked(made, [PLENTY_FEN] * 2, waiting=[1, 0])[0].state == state


def test_parts_from_one_pot_share_its_money_and_its_queue() -> None:
    one = {"fund_source": "pot", "amount_fen": 60}
    assert told(stacked(scheme(one, one), [100, 100])) == [("reserved", 60), ("waitlisted", 60)]
    assert told(stacked(scheme(one, {**one, "amount_fen": 1}), [50, 50])) == [
        ("waitlisted", 60),
        ("waitlisted", 1),
    ]


def test_each_part_of_one_pot_counts_those_before_it_that_wait_or_are_held_back() -> None:
    one = {"fund_source": "pot", "amount_fen": 60}
    waiting = stacked(scheme(one, one, one), [0] * 3, waiting=[2] * 3)
    assert [part.steps[-1]["waiting"] for part in waiting] == [2, 3, 4]
    capped = PotInputs(
        fiscal_year=2026,
        fund_source="pot",
        free_fen=PLENTY_FEN,
        waiting=0,
        later=False,
        outside_cap_fen=59,
        outside_fen=0,
        held_back=1,
    )
    held = stack(scheme(one, one, one), PLENTY_FEN, PLENTY_FEN, [capped] * 3, [])
    assert [part.state for part in held] == ["held_back"] * 3
    assert [part.steps[-1]["held_back"] for part in held] == [1, 2, 3]


def test_a_part_that_tuition_cut_may_still_come_to_all_that_was_asked_and_one_that_its_budget_cut_may_not() -> (
    None
):
    made = scheme({"amount_fen": 60, "when_exhausted": "partial"})
    assert [part.asked_fen for part in stacked(made, tuition_fen=40)] == [60]
    assert [part.asked_fen for part in stacked(made, [50])] == [50]


def test_a_part_of_a_later_year_is_committed_and_counts_towards_tuition() -> None:
    made = scheme({"amount_fen": 60, "year_of_study": 2}, {"amount_fen": 60})
    assert told(stacked(made, [0, PLENTY_FEN], tuition_fen=100)) == [("committed", 60), ("reserved", 40)]


@given(
    parts=st.lists(
        st.tuples(
            st.integers(1, 300),
            st.none() | st.integers(1, 300),
            st.sampled_from(["next", "partial", "waitlist"]),
            st.integers(0, 300),
            st.integers(0, 1),
        ),
        min_size=1,
        max_size=5,
    ),
    room_fen=st.integers(1, 800),
)
def test_no_stack_is_above_tuition_budget_or_cap_and_every_fen_asked_for_is_accounted_for(
    parts: list[tuple[int, int | None, str, int, int]], room_fen: int
) -> None:
    last = len(parts) - 1
    made = scheme(
        *(
            {
                "amount_fen": amount,
                "at_most_fen": cap,
                "when_exhausted": "waitlist" if n == last and policy == "next" else policy,
            }
            for n, (amount, cap, policy, _, _) in enumerate(parts)
        )
    )
    found = stacked(made, [p[3] for p in parts], room_fen, waiting=[p[4] for p in parts])
    assert sum(one.amount_fen for one in found) <= room_fen
    passed_on_fen = 0
    for one, part, (amount, cap, _, free, waits) in zip(found, made.parts, parts, strict=True):
        assert cap is None or one.amount_fen <= cap
        if one.state == "reserved":
            assert one.amount_fen <= free
            assert not waits
        own_fen = min(amount, cap or amount) + passed_on_fen
        assert one.amount_fen + one.lacking_fen <= own_fen
        assert one.asked_fen >= one.amount_fen
        passed_on_fen = one.lacking_fen if part.when_exhausted == "next" else 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("    share_of: base\n", ""), r"parts.0: .*share_percent and share_of belong together"),
        (("    amount_fen: 80000\n", ""), r"line \d+: parts.3: .*either amount_fen or share_percent"),
        (("share_percent: 20", "share_percent: 101"), r"line \d+: parts.2.share_percent: "),
        (("share_percent: 50", "share_percent: 51"), r"shares of base are more than 100 percent"),
        (("when_exhausted: partial", "when_exhausted: next"), r"same year and due at the same time"),
        (("year_of_study: 2", "year_of_study: 2\n    when_exhausted: partial"), r"parts.4: .*waits"),
        (("due: completion", "dew: completion"), r"parts.3.dew: Extra"),
        (("\nparts:", "\nfund_source: other\nparts:"), r"fund_source is that of the first part"),
        (("share_of: tuition", "share_of: tuition\n    share_of: base"), r"share_of stands twice"),
    ],
)
def test_faulty_parts_are_refused_with_line_and_reason(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert change[0] in text
    path = tmp_path / "scheme.yaml"
    path.write_text(text.replace(change[0], change[1], 1), encoding="utf-8")
    with pytest.raises(SchemeError, match=message):
        load_scheme(path)


@pytest.mark.parametrize(
    ("tuition_fen", "wanted"),
    [
        (900_000, [150_000, 150_000, 180_000, 80_000, 100_000]),
        (400_000, [150_000, 150_000, 80_000, 20_000, 0]),
    ],
)
def test_the_example_decides_as_its_comments_say(tuition_fen: int, wanted: list[int]) -> None:
    made = load_scheme(EXAMPLE)
    assert [part.amount_fen for part in stacked(made, tuition_fen=tuition_fen)] == wanted
    short = stacked(made, [50_000, PLENTY_FEN, 10_000, PLENTY_FEN, 0], tuition_fen=900_000)
    assert [part.amount_fen for part in short] == [50_000, 250_000, 10_000, 80_000, 100_000]
    assert [part.state for part in short][-1] == "committed"


def test_a_scheme_in_parts_survives_the_way_through_json() -> None:
    made = load_scheme(EXAMPLE)
    assert made.fund_source == made.parts[0].fund_source
    assert Scheme.model_validate(made.model_dump(mode="json")) == made
    assert isinstance(made.parts[0], Part)
