"""What of a table of counts may leave the service: small ones are hidden, others for their sake, the rest is rounded.

- **Primary**: a count below k is hidden, zero among them, since a zero that is shown tells when it becomes a one.
- **Complementary**: further cells are hidden until no hidden one can be narrowed to fewer than k values by all that is
  known: what is shown, how it was rounded, and the totals of nation and provinces, which everybody may read exactly.
  Where those totals alone leave fewer values (a province with three enrollments in all), the table takes away no more.
- **Rounding** of all else to the nearest multiple of k, so that no two editions tell that fewer than k were added.
- **Pattern**: what an edition of a period has hidden, every later edition of it hides too.

A table with its margins is a network: each count flows from its row to its column. What can be found out about one cell
is how much could flow round it, both ways; in a network that is exact in whole numbers (L. H. Cox, "Network models for
complementary cell suppression", JASA 90, 1995; Hundepool et al., "Statistical Disclosure Control", Wiley 2012, ch. 4).
Eurostat treats its tables of farm structure alike: a threshold, `:c`, rounding to the closest 10, and one pattern for
all reference periods.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

TOTAL: Final = "total"
"""As a row or a column: the margin."""
UNBOUNDED: Final = 2**60

Place = tuple[str, str]
"""Row and column; `total` for a margin."""


class Rule(NamedTuple):
    """The two numbers of the method; both are published."""

    k: int = 10
    """Counts below it are small, and a hidden one keeps so many possible values."""
    base: int = 10
    """What is shown is rounded to a multiple of it; not below k, or editions tell of small changes."""


RULE: Final = Rule()


@dataclass(frozen=True, slots=True)
class Counts:
    """A table as it is: every count by its place."""

    cells: Mapping[Place, int]
    """Also the margins that are to be shown; what is not there can hold nothing, or is not shown."""
    known: frozenset[Place] = frozenset()
    """Margins that everybody may read exactly elsewhere."""
    overlapping: bool = False
    """Columns overlap (flags of workers): a row's total counts each once, and is at most their sum."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A table as it leaves the service."""

    values: Mapping[Place, int | None]
    """None where it is hidden."""

    @property
    def hidden(self) -> frozenset[Place]:
        """Where nothing is shown."""
        return frozenset(place for place, value in self.values.items() if value is None)


class Arc(NamedTuple):
    """One count on its way from row to column, and between what it can lie as far as is known."""

    tail: Place
    head: Place
    flow: int
    low: int
    high: int


Network = Mapping[Place, Arc]
_SOURCE: Final = ("", "from")
_SINK: Final = ("", "to")


def protect(counts: Counts, hidden_before: Collection[Place] = (), rule: Rule = RULE) -> Shown:
    """The table as it may be shown; `hidden_before` is what earlier editions of it have hidden."""
    hideable = frozenset(counts.cells) - counts.known
    hidden = {place for place in hideable if counts.cells[place] < rule.k} | (hideable & set(hidden_before))
    at_best = network(counts, hideable, rule)
    waiting = deque(sorted(hidden))
    while waiting:
        place = waiting.popleft()
        needed = possible_values(at_best, place, rule.k)
        while possible_values(network(counts, hidden, rule), place, rule.k) < needed:
            further = _complement(counts, hidden, place, needed, rule)
            hidden.add(further)
            waiting.append(further)
    return Shown({place: _shown(counts, hidden, place, rule) for place in counts.cells})


def rounded(value: int, base: int) -> int:
    """The nearest multiple; halves upwards."""
    return (value + base // 2) // base * base


def could_be(shown: int, rule: Rule) -> tuple[int, int]:
    """Between what a count lies that is shown as `shown`: at least k, or it would be hidden."""
    low = shown - rule.base // 2
    return max(rule.k, low), low + rule.base - 1


def network(counts: Counts, hidden: Collection[Place], rule: Rule = RULE) -> Network:
    """What is known of each count while some are hidden: as a flow that could be another one."""
    arcs = {}
    rows: dict[str, int] = {}
    columns: dict[str, int] = {}
    for (row, column), value in counts.cells.items():
        if TOTAL in (row, column):
            continue
        low, high = _bounds(counts, hidden, (row, column), rule)
        if counts.overlapping:
            high = min(high, max(value, counts.cells[row, TOTAL]))
        arcs[row, column] = Arc((row, ""), ("", column), value, min(low, value), high)
        rows[row] = rows.get(row, 0) + value
        columns[column] = columns.get(column, 0) + value
    width = len(columns)
    for row, flow in rows.items():
        low, high = _bounds(counts, hidden, (row, TOTAL), rule)
        if counts.overlapping:
            total = counts.cells[row, TOTAL]
            low, high = min(flow, total), max(flow, width * total)
        arcs[row, TOTAL] = Arc(_SOURCE, (row, ""), flow, low, high)
    for column, flow in columns.items():
        arcs[TOTAL, column] = Arc(("", column), _SINK, flow, *_bounds(counts, hidden, (TOTAL, column), rule))
    all_low, all_high = (
        (0, UNBOUNDED) if counts.overlapping else _bounds(counts, hidden, (TOTAL, TOTAL), rule)
    )
    arcs[TOTAL, TOTAL] = Arc(_SINK, _SOURCE, sum(rows.values()), all_low, all_high)
    return arcs


def possible_values(arcs: Network, place: Place, most: int) -> int:
    """How many values the count at `place` could have by all that is known; looked for up to `most`."""
    above = _movable(arcs, place, most - 1, up=True)
    below = _movable(arcs, place, most - 1 - above, up=False)
    return 1 + above + below


def revealed(before: Shown, after: Shown, known: Collection[Place] = (), rule: Rule = RULE) -> list[Place]:
    """Places where two editions together tell what neither may: a hidden count, or a change of fewer than k.

    A change is told where what both show leaves nothing but changes of 1 to k - 1, up or down. `known` are the totals
    that everybody may read exactly, for every day, elsewhere.
    """
    told = []
    for place, value in after.values.items():
        earlier = before.values.get(place)
        if place in known or value is None:
            continue
        if earlier is None:
            told.append(place)
            continue
        (low, high), (low_before, high_before) = could_be(value, rule), could_be(earlier, rule)
        least, most = low - high_before, high - low_before
        if 0 < least <= most < rule.k or -rule.k < least <= most < 0:
            told.append(place)
    return told


def _bounds(counts: Counts, hidden: Collection[Place], place: Place, rule: Rule) -> tuple[int, int]:
    if place not in counts.cells or place in hidden:
        return 0, UNBOUNDED
    value = counts.cells[place]
    return (value, value) if place in counts.known else could_be(rounded(value, rule.base), rule)


def _shown(counts: Counts, hidden: Collection[Place], place: Place, rule: Rule) -> int | None:
    if place in hidden:
        return None
    value = counts.cells[place]
    return value if place in counts.known else rounded(value, rule.base)


def _complement(counts: Counts, hidden: set[Place], place: Place, needed: int, rule: Rule) -> Place:
    """What else is hidden for the sake of `place`: the least count that suffices, its row and column first.

    Where none suffices by itself, the first one; there is always one left, since to hide everything suffices.
    """
    row, column = place
    candidates = sorted(
        (other for other in counts.cells if other not in hidden and other not in counts.known),
        key=lambda other: (other[0] != row and other[1] != column, counts.cells[other], other),
    )
    for other in candidates:
        if possible_values(network(counts, hidden | {other}, rule), place, rule.k) >= needed:
            return other
    return candidates[0]


def _movable(arcs: Network, place: Place, most: int, *, up: bool) -> int:
    """By how many the count could be larger, or smaller, with others moving along, at most `most`."""
    own = arcs[place]
    wanted = min(most, own.high - own.flow if up else own.flow - own.low)
    start, end = (own.head, own.tail) if up else (own.tail, own.head)
    flows = {one: arc.flow for one, arc in arcs.items() if one != place}
    ways = _ways(arcs, place)
    moved = 0
    while moved < wanted:
        path = _path(arcs, flows, ways, start, end)
        if not path:
            break
        step = min(wanted - moved, *(_room(arcs[one], flows[one], forward) for one, forward in path))
        for one, forward in path:
            flows[one] += step if forward else -step
        moved += step
    return moved


def _ways(arcs: Network, without: Place) -> Mapping[Place, list[tuple[Place, bool]]]:
    """From each node: the counts that touch it, and whether one goes along them or against."""
    ways: dict[Place, list[tuple[Place, bool]]] = {}
    for one, arc in arcs.items():
        if one != without:
            ways.setdefault(arc.tail, []).append((one, True))
            ways.setdefault(arc.head, []).append((one, False))
    return ways


def _path(
    arcs: Network,
    flows: Mapping[Place, int],
    ways: Mapping[Place, list[tuple[Place, bool]]],
    start: Place,
    end: Place,
) -> list[tuple[Place, bool]]:
    """The shortest way from `start` to `end` along which something can still move; empty where there is none."""
    came: dict[Place, tuple[Place, Place, bool]] = {}
    waiting = deque([start])
    while waiting and end not in came:
        node = waiting.popleft()
        for one, forward in ways.get(node, ()):
            there = arcs[one].head if forward else arcs[one].tail
            if there not in came and there != start and _room(arcs[one], flows[one], forward) > 0:
                came[there] = (node, one, forward)
                waiting.append(there)
    path = []
    node = end
    while node in came:
        node, one, forward = came[node]
        path.append((one, forward))
    return path


def _room(arc: Arc, flow: int, forward: bool) -> int:
    """How much more can move along the count, or against it."""
    return arc.high - flow if forward else flow - arc.low
