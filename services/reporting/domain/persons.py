"""Who counts once: distinct persons by lane, nation and alliance, exact for every day and every day of knowledge.

A person holds entries, each saying that something was gained or lost: granted, enrolled, upgraded. From all entries of
one person follows, for each scope, flag and window of years, since when the person counts: as deltas on the grid of
effective month and recorded day, so that a sum over both is 1 where the person counts and 0 where not. What changes is
the difference between the ledgers before and after a batch; it does not matter in which order lanes come.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from services.reporting.domain.cubes import ANY
from services.reporting.domain.tally import Counted
from services.reporting.domain.targets import (
    ALLIANCES,
    COUNTED_SINCE,
    OPENING_ENDS,
    SINCE_2025,
    SINCE_JULY_2024,
)

PERSONS: Final = ("funded", "funded_migrant", "learners", "returning", "educated", "skilled")
"""Sums of persons: counted once in the whole country, so the nation is not the sum of its lanes."""
EITHER_FLAG: Final = "migrant_or_front_line"
EITHER: Final = frozenset({"migrant", "front_line"})
"""Whom a province's plan names together: flags overlap, so their sum would count some twice."""
ENTRIES_CACHED: Final = 65_536

Have = Mapping[str, int]


class Rule(NamedTuple):
    """When a person counts in a measure: by what was gained, and of which kinds."""

    kinds: frozenset[str]
    counts: Callable[[Have], bool]


RULES: Final[Mapping[str, Rule]] = {
    "learners": Rule(frozenset({"enrolled"}), lambda have: have["enrolled"] > 0),
    "returning": Rule(frozenset({"enrolled"}), lambda have: have["enrolled"] > 1),
    "funded": Rule(frozenset({"funded"}), lambda have: have["funded"] > 0),
    "educated": Rule(frozenset({"educated"}), lambda have: have["educated"] > 0),
    "skilled": Rule(frozenset({"skilled"}), lambda have: have["skilled"] > 0),
    "skilled_others": Rule(
        frozenset({"skilled", "educated"}), lambda have: have["skilled"] > 0 and have["educated"] <= 0
    ),
}
_LOOKING: Final = {
    kind: tuple(measure for measure, rule in RULES.items() if kind in rule.kinds)
    for kind in ("enrolled", "funded", "educated", "skilled")
}
"""Kind → the measures that look at it."""
_STANDING: Final = {(ANY, measure): measure for measure in PERSONS} | {
    ("migrant", "funded"): "funded_migrant"
}
"""(flag, measure) in the window since 2025 → the sum over all time that pages read."""


class Entry(NamedTuple):
    """One thing that a person has gained or lost."""

    kind: str
    lane: str
    year: int
    flags: tuple[str, ...]
    month: str
    day: date
    change: int


class Group(NamedTuple):
    """Where a person may count once: `lane` is empty where the cube is not kept by lane."""

    cube: str
    lane: str
    flag: str
    window: str


Place = tuple[Group, str, str, date]
"""Group, effective month, measure, recorded day."""
Ledger = dict[Place, int]


def add_changes(counted: Counted, changed: Iterable[Sequence[Sequence[str] | None]], signed: str) -> None:
    """Add what follows from each person's (entries before, entries after); `signed` is a lane of the batch.

    Cubes that are not kept by lane are written under it: no two batches wait for each other, and only the sum over all
    lanes has a meaning there.
    """
    changes: Ledger = defaultdict(int)
    firsts: Counter[tuple[str, str]] = Counter()
    for before, after in changed:
        _compare(before or (), after or (), changes, firsts)
    for (measure, entry), persons in firsts.items():
        one = parse(entry)
        if RULES[measure].counts(Counter({one.kind: one.change})):
            for group in groups(entry):
                _write(counted, (group, one.month, measure, one.day), persons, signed)
    for place, change in changes.items():
        if change:
            _write(counted, place, change, signed)


def _compare(
    old: Sequence[str], new: Sequence[str], changes: Ledger, firsts: Counter[tuple[str, str]]
) -> None:
    """Of the measures that look at what one person has gained: most have this one entry and had none before."""
    for measure in {measure for entry in new[len(old) :] for measure in _LOOKING[parse(entry).kind]}:
        kinds = RULES[measure].kinds
        have = [entry for entry in new if parse(entry).kind in kinds]
        if len(have) == 1:
            firsts[measure, have[0]] += 1
            continue
        had = [entry for entry in old if parse(entry).kind in kinds]
        for entries, sign in ((have, 1), (had, -1)):
            for place, delta in ledger(measure, entries).items():
                changes[place] += sign * delta


@lru_cache(maxsize=ENTRIES_CACHED)
def parse(entry: str) -> Entry:
    """An entry out of its text, `kind/lane/year/flags/month/day/change`."""
    kind, lane, year, flags, month, day, change = entry.split("/")
    found = tuple(flags.split("+")) if flags else ()
    return Entry(kind, lane, int(year), found, month, date.fromisoformat(day), int(change))


def ledger(measure: str, held: Sequence[str]) -> Ledger:
    """Where one person counts in a measure, as deltas; `held` are all entries of its kinds, in any order."""
    by_group: dict[Group, list[Entry]] = defaultdict(list)
    for entry in held:
        for group in groups(entry):
            by_group[group].append(parse(entry))
    return {
        (group, month, measure, day): delta
        for group, some in by_group.items()
        for month, day, delta in _steps(some, RULES[measure].counts)
    }


def _write(counted: Counted, place: Place, change: int, signed: str) -> None:
    group, month, measure, day = place
    key = (group.cube, group.lane or signed, month, group.flag, group.window, measure, day)
    counted.cells[key] += change
    if group.window != SINCE_2025 or (group.flag, measure) not in _STANDING:
        return
    total = _STANDING[group.flag, measure]
    if group.lane:
        counted.standing[group.lane, total] += change
    else:
        counted.nation[total] += change


@lru_cache(maxsize=ENTRIES_CACHED)
def groups(entry: str) -> tuple[Group, ...]:
    """All that the entry may make its person count in."""
    return tuple(_groups(parse(entry)))


def _groups(entry: Entry) -> Iterable[Group]:
    """By year all workers; since 2025 who is funded by flag too; plans, alliances and what follows June 2024 beside."""
    counts = entry.year >= COUNTED_SINCE.year
    flags = (ANY, *entry.flags) if entry.kind == "funded" else (ANY,)
    for cube, lane in (("persons", entry.lane), ("persons_nation", "")):
        yield Group(cube, lane, ANY, str(entry.year))
        for flag in flags if counts else ():
            yield Group(cube, lane, flag, SINCE_2025)
    for alliance in ALLIANCES:
        if entry.lane in alliance.lanes and alliance.since <= entry.month <= alliance.until:
            yield Group("persons_nation", "", ANY, alliance.code)
    if entry.kind != "funded":
        return
    if not EITHER.isdisjoint(entry.flags):
        yield Group("persons", entry.lane, EITHER_FLAG, str(entry.year))
    if _follows_the_opening(entry):
        for flag in (ANY, *(one for one in entry.flags if one == "migrant")):
            yield Group("persons_nation", "", flag, SINCE_JULY_2024)


def _follows_the_opening(entry: Entry) -> bool:
    """Whether it comes after June 2024; an award belongs to its fiscal year, whenever it was decided."""
    opened = int(OPENING_ENDS[:4])
    return entry.year > opened or (entry.year == opened and entry.month > OPENING_ENDS)


def _steps(entries: Sequence[Entry], counts: Callable[[Have], bool]) -> Iterable[tuple[str, date, int]]:
    """Deltas whose sum up to (month, day) is 1 where `counts` holds of what was gained by then, else 0."""
    days = sorted({entry.day for entry in entries})
    place = {day: at for at, day in enumerate(days)}
    gained: list[Counter[str]] = [Counter() for _ in days]
    before = [0] * (len(days) + 1)
    for month, of_month in groupby(sorted(entries, key=_month), key=_month):
        for entry in of_month:
            gained[place[entry.day]][entry.kind] += entry.change
        have: Counter[str] = Counter()
        row = [0]
        for more in gained:
            for kind, change in more.items():
                have[kind] += change
            row.append(int(counts(have)))
        for at, day in enumerate(days, 1):
            delta = row[at] - row[at - 1] - before[at] + before[at - 1]
            if delta:
                yield month, day, delta
        before = row


def _month(entry: Entry) -> str:
    return entry.month
