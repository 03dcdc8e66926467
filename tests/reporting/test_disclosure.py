"""Promises of disclosure control, attacked: what is shown narrows no hidden count, and no two editions tell a change.

The attacker knows the rule, all that is shown, how it was rounded, that counts are not negative, and the exact totals
that are public live. He reckons otherwise than what protects the table, and is himself compared with whole tables.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.disclosure import RULE, TOTAL, Counts, Place, Rule, Shown, protect, revealed
from services.reporting.domain.public_tables import TABLES, counts_of, known_of, of_year, shown

MUCH = 10_000
ROWS, COLUMNS = ("a", "b", "c"), ("x", "y", "z")
Interval = tuple[int, int]
SMALL = st.one_of(st.integers(0, 12), st.integers(0, 60))


def with_margins(
    inner: Mapping[Place, int], *, known_rows: bool = True, total_of: Mapping[str, int] | None = None
) -> Counts:
    """A table with all its margins; `total_of` gives rows' totals where columns overlap."""
    rows = list(dict.fromkeys(row for row, _ in inner))
    columns = list(dict.fromkeys(column for _, column in inner))
    cells = dict(inner)
    for row in rows:
        cells[row, TOTAL] = (
            total_of[row] if total_of else sum(inner.get((row, column), 0) for column in columns)
        )
    for column in columns:
        cells[TOTAL, column] = sum(inner.get((row, column), 0) for row in rows)
    known = {(row, TOTAL) for row in rows} if known_rows or total_of else set()
    if total_of is None:
        cells[TOTAL, TOTAL] = sum(inner.values())
        known.add((TOTAL, TOTAL))
    return Counts(cells, frozenset(known), overlapping=total_of is not None)


class Attacker:
    """Knows what is shown, and reckons between what each count must lie.

    Hoffman's theorem: a table fits all that is known if, however rows and columns are put on two sides, no more must
    leave one than may enter it. So he looks at every split; that is exact in whole numbers.
    """

    def __init__(self, counts: Counts, table: Shown, rule: Rule = RULE) -> None:
        self._may = {
            place: _heard(value, rule, exact=place in counts.known) for place, value in table.values.items()
        }
        inner = [place for place in table.values if TOTAL not in place]
        self.rows = list(dict.fromkeys(row for row, _ in inner))
        self.columns = list(dict.fromkeys(column for _, column in inner))
        self._ends = {(row, column): (f"row {row}", f"column {column}") for row, column in inner}
        self._ends |= {(row, TOTAL): ("all rows", f"row {row}") for row in self.rows}
        self._ends |= {(TOTAL, column): (f"column {column}", "all columns") for column in self.columns}
        self._ends[TOTAL, TOTAL] = ("all columns", "all rows")
        for place in self._ends:
            self._may.setdefault(place, (0, MUCH))
        if counts.overlapping:
            self._overlap(inner)

    def _overlap(self, inner: list[Place]) -> None:
        """A row's total holds each once: no flag is more than it, and all flags together are not less."""
        for row, column in inner:
            low, high = self._may[row, column]
            self._may[row, column] = low, min(high, self._may[row, TOTAL][1])
        for row in self.rows:
            total, _ = self._may[row, TOTAL]
            self._may[row, TOTAL] = total, total * len(self.columns)
        self._may[TOTAL, TOTAL] = 0, MUCH

    def possible(self) -> dict[Place, Interval]:
        """Between what each count must lie."""
        found = dict(self._may)
        nodes = sorted({node for ends in self._ends.values() for node in ends})
        for number in range(1, 2 ** len(nodes) - 1):
            side = {node for n, node in enumerate(nodes) if number >> n & 1}
            leaving = [place for place, (a, b) in self._ends.items() if a in side and b not in side]
            entering = [place for place, (a, b) in self._ends.items() if b in side and a not in side]
            must = sum(self._may[place][0] for place in leaving)
            can = sum(self._may[place][1] for place in entering)
            for place in leaving:
                low, high = found[place]
                found[place] = low, min(high, can - must + self._may[place][0])
            for place in entering:
                low, high = found[place]
                found[place] = max(low, must - can + self._may[place][1]), high
        return found


def _heard(value: int | None, rule: Rule, *, exact: bool) -> Interval:
    """What a value that is shown, or is not, tells by itself."""
    if value is None:
        return 0, MUCH
    if exact:
        return value, value
    fits = [
        n for n in range(max(rule.k, value - rule.base), value + rule.base + 1) if _nearest(n, rule) == value
    ]
    return fits[0], fits[-1]


def _nearest(value: int, rule: Rule) -> int:
    return (value + rule.base // 2) // rule.base * rule.base


def narrowed_too_far(counts: Counts, table: Shown, rule: Rule = RULE) -> list[Place]:
    """Hidden counts that the attacker narrows to fewer than k values, and below what public totals alone leave."""
    only_public = {place: value if place in counts.known else None for place, value in table.values.items()}
    knowing = Attacker(counts, table, rule).possible()
    ignorant = Attacker(counts, Shown(only_public), rule).possible()
    return [
        place
        for place in sorted(table.hidden)
        if _values(knowing[place]) < min(rule.k, _values(ignorant[place]))
    ]


def _values(interval: Interval) -> int:
    return interval[1] - interval[0] + 1


def grid(values: list[int]) -> dict[Place, int]:
    return dict(zip(product(ROWS, COLUMNS), values, strict=True))


@given(st.lists(st.integers(0, 6), min_size=4, max_size=4), st.sets(st.sampled_from(range(9))))
def test_the_attacker_finds_exactly_what_whole_tables_leave_open(values: list[int], hidden: set[int]) -> None:
    rule = Rule(1, 1)
    inner = dict(zip(product("ab", "xy"), values, strict=True))
    counts = with_margins(inner, known_rows=False)
    places = sorted(counts.cells)
    shown = {
        p: None if n in hidden and p not in counts.known else counts.cells[p] for n, p in enumerate(places)
    }
    total = counts.cells[TOTAL, TOTAL]
    fits = []
    for tried in product(range(total + 1), repeat=4):
        if sum(tried) == total:
            table = with_margins(dict(zip(product("ab", "xy"), tried, strict=True))).cells
            if all(
                value is None or _heard(value, rule, exact=True)[0] == table[p] for p, value in shown.items()
            ):
                fits.append(table)
    found = Attacker(Counts(counts.cells, frozenset(places)), Shown(shown), rule).possible()
    for place in inner:
        assert found[place] == (min(one[place] for one in fits), max(one[place] for one in fits))


@given(st.lists(SMALL, min_size=9, max_size=9), st.booleans())
def test_no_hidden_count_can_be_narrowed_below_k_values(values: list[int], known_rows: bool) -> None:
    counts = with_margins(grid(values), known_rows=known_rows)
    table = protect(counts)
    assert narrowed_too_far(counts, table) == []
    small = {place for place, value in counts.cells.items() if value < RULE.k and place not in counts.known}
    assert small <= table.hidden


@given(st.lists(SMALL, min_size=9, max_size=9), st.data())
def test_nor_where_columns_overlap(values: list[int], data: st.DataObject) -> None:
    inner = grid(values)
    totals = {}
    for row in ROWS:
        flags = [inner[row, column] for column in COLUMNS]
        totals[row] = data.draw(st.integers(max(flags), sum(flags)))
    counts = with_margins(inner, total_of=totals)
    assert narrowed_too_far(counts, protect(counts)) == []


def test_without_complementary_suppression_the_attacker_finds_what_was_hidden() -> None:
    counts = with_margins(grid([3, 40, 52, 30, 31, 33, 64, 71, 82]))
    primary = Shown(
        {place: None if place == ("a", "x") else value for place, value in protect(counts).values.items()}
    )
    exact = Rule(10, 1)
    only = Shown({place: None if place == ("a", "x") else value for place, value in counts.cells.items()})
    assert narrowed_too_far(counts, only, exact) == [("a", "x")]
    assert primary.hidden < protect(counts, rule=exact).hidden
    assert narrowed_too_far(counts, protect(counts, rule=exact), exact) == []


def test_two_small_counts_alone_in_a_row_do_not_protect_each_other() -> None:
    counts = with_margins(grid([1, 2, 500, 300, 310, 330, 640, 710, 820]))
    table = protect(counts, rule=Rule(10, 1))
    assert ("a", "z") in table.hidden


def test_what_is_shown_is_rounded_but_for_totals_that_are_public_anyway() -> None:
    counts = with_margins(grid([34, 40, 55, 30, 31, 33, 64, 71, 82]))
    table = protect(counts)
    assert table.hidden == frozenset()
    assert [table.values[place] for place in (("a", "x"), ("a", "z"), ("a", TOTAL), (TOTAL, "x"))] == [
        30,
        60,
        129,
        130,
    ]


@given(st.lists(st.lists(SMALL, min_size=9, max_size=9), min_size=2, max_size=4))
def test_no_two_editions_tell_what_neither_may(editions: list[list[int]]) -> None:
    hidden: frozenset[Place] = frozenset()
    made = []
    for values in editions:
        counts = with_margins(grid(values))
        table = protect(counts, hidden)
        assert narrowed_too_far(counts, table) == []
        hidden |= table.hidden
        made.append((table, counts.known))
    for (before, known), (after, _) in pairwise(made):
        assert before.hidden <= after.hidden
        assert revealed(before, after, known) == []


def test_an_edition_that_shows_what_an_earlier_one_hid_is_noticed() -> None:
    before, after = with_margins(grid([8] + [40] * 8)), with_margins(grid([11] + [40] * 8))
    kept = protect(after, protect(before).hidden)
    assert kept.values["a", "x"] is None
    assert ("a", "x") in revealed(protect(before), protect(after), after.known)
    assert revealed(protect(before), kept, after.known) == []


def test_rounding_to_less_than_k_would_tell_of_a_small_change() -> None:
    fine = Rule(10, 5)
    before, after = with_margins(grid([42] + [40] * 8)), with_margins(grid([43] + [40] * 8))
    told = revealed(protect(before, rule=fine), protect(after, rule=fine), after.known, fine)
    assert ("a", "x") in told
    assert revealed(protect(before), protect(after), after.known) == []


@given(st.lists(st.lists(SMALL, min_size=9, max_size=9), min_size=3, max_size=3))
def test_a_year_tells_nothing_that_its_months_do_not(months: list[list[int]]) -> None:
    tables = [protect(with_margins(grid(values))) for values in months]
    year = of_year(tables)
    for place, value in year.values.items():
        parts = [table.values[place] for table in tables]
        assert value == (None if None in parts else sum(part or 0 for part in parts))


LANES = ("32", "33", "50")


@st.composite
def cells(draw: st.DrawFn) -> dict[tuple[str, str, str, str, str, str], int]:
    """Cells of a month for the tables by track and category, of a few lanes."""
    found = {}
    for lane in LANES:
        for track in ("academic", "skills", "combined"):
            any_ = draw(SMALL)
            found["study", lane, "2026-06", "any", track, "enrolled"] = any_
            for flag in ("migrant", "industrial"):
                count = draw(st.integers(0, any_))
                found["study", lane, "2026-06", flag, track, "enrolled"] = count
    return found


@given(cells())
def test_tables_that_share_their_totals_narrow_nothing_together(
    made: dict[tuple[str, str, str, str, str, str], int],
) -> None:
    """What the one tells of the other is its rows' totals: the attacker knows them, exactly, of both."""
    totals = []
    for code in ("enrolled_by_track", "enrolled_by_category"):
        table = replace(TABLES[code], rows=LANES)
        made_of, public = counts_of(table, made), shown(table, made)
        totals.append({lane: public.values[lane, TOTAL] for lane in LANES})
        assert narrowed_too_far(made_of, public) == []
    assert totals[0] == totals[1]


def test_there_are_at_most_eight_tables_and_their_totals_are_those_that_are_public_live() -> None:
    assert len(TABLES) <= 8
    for table in TABLES.values():
        assert len(table.rows) * len(table.columns) <= 33 * 7
        assert all(TOTAL in place for place in known_of(table))
        assert not table.open or table.row == "lane"


@pytest.mark.parametrize("code", sorted(TABLES))
def test_an_empty_month_shows_no_count_that_is_not_public_anyway(code: str) -> None:
    table = shown(TABLES[code], {})
    known = known_of(TABLES[code])
    assert TABLES[code].open or {place for place, value in table.values.items() if value is not None} == known
