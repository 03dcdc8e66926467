"""Any history of facts, corrections and voids, in any split over batches, gives the cells of a ten-line recount."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from services.reporting import store, sums_store
from services.reporting.domain import persons
from services.reporting.domain.counting import count
from services.reporting.domain.selecting import as_of, of_lanes, of_nation
from services.reporting.domain.tally import CellKey
from shared.contracts import provinces, subsidy
from shared.contracts.envelope import shanghai_day
from tests.reporting.conftest import Counter as Carried
from tests.reporting.facts import E, Publisher, S, about_enrollment, award, enrolled, take, worker

LANES = ("32", "50", "51")
FLAGS = (("industrial",), ("migrant",), ("migrant", "front_line"))
MONTHS = ("2025-10", "2025-11", "2026-03")
MEASURES = (
    "enrolled",
    "completed",
    "awards_granted",
    "granted_fen",
    "learners",
    "returning",
    "funded",
    "educated",
)
KINDS = {"enroll": ("enrolled",), "complete": ("educated",), "grant": ("funded",), "release": ("funded",)}


class Did(NamedTuple):
    """One thing that a worker did or was given, or the void of an earlier one."""

    kind: str
    who: int
    lane: str
    flags: tuple[str, ...]
    month: str
    later_days: int
    voids: int | None


THINGS = st.builds(
    Did,
    st.sampled_from(("enroll", "enroll", "complete", "grant", "release")),
    st.integers(0, 2),
    st.sampled_from(LANES),
    st.sampled_from(FLAGS),
    st.sampled_from(MONTHS),
    st.integers(0, 2),
    st.none() | st.integers(0, 30),
)
HISTORIES = st.lists(THINGS, min_size=1, max_size=25)


@dataclass(frozen=True)
class Added:
    """What a reader of the facts would write down for each: who gained or lost what, when, known since when."""

    did: Did
    sign: int
    known: date


def told(history: Iterable[Did]) -> tuple[Publisher, list[Added]]:
    """The facts of a history; a void is published for an earlier thing of the provinces that stands."""
    publisher, added = Publisher(), []
    published: dict[int, dict[str, Any]] = {}
    for n, did in enumerate(history):
        publisher.clock += timedelta(days=did.later_days)
        if did.voids is not None and published:
            was = published.pop(sorted(published)[did.voids % len(published)])
            _void(publisher, was)
            added.append(Added(was["did"], -1, shanghai_day(publisher.clock)))
            continue
        fact = _publish(publisher, n, did)
        added.append(Added(did, 1, shanghai_day(publisher.clock)))
        if did.kind in ("enroll", "complete"):
            published[n] = {"did": did, "fact": fact}
    return publisher, added


def _publish(publisher: Publisher, n: int, did: Did) -> dict[str, Any]:
    day, no = f"{did.month}-05", f"{did.lane}-{n}"
    said: dict[str, Any] = {"subject": worker(did.who), "time": f"{day}T08:00:00+08:00"}
    about = about_enrollment(did.lane, did.flags)
    match did.kind:
        case "enroll":
            data = enrolled(did.lane, no, did.flags, start=day)
            return publisher.publish(E, did.lane, provinces.WORKER_ENROLLED, data, **said)
        case "complete":
            data = {"enrollment_no": no, "level": "associate", "completed_on": day, "reported_by": did.lane}
            return publisher.publish(
                E, did.lane, provinces.DEGREE_COMPLETED, {**data, "enrollment": about}, **said
            )
        case "grant":
            return publisher.publish(S, did.lane, subsidy.SUBSIDY_GRANTED, award(no, did.flags, 7), **said)
        case _:
            data = award(no, did.flags, 7, was="granted")
            return publisher.publish(S, did.lane, subsidy.SUBSIDY_RELEASED, data, **said)


def _void(publisher: Publisher, was: dict[str, Any]) -> None:
    fact = was["fact"]
    data = {
        "event_id": "wrong",
        "reason": "录入有误",
        "reported_by": fact["lane"],
        "voided_type": fact["type"],
        "voided_fact_id": fact["id"],
        "voided_time": fact["time"],
        "voided": fact["data"],
    }
    publisher.publish(E, fact["lane"], provinces.EVENT_VOIDED, data, subject=fact["subject"])


def recounted(added: list[Added], measure: str, lane: str | None, until: str, known: date) -> int:
    """The reference: look at every fact, forget what came later or was known later, and count."""
    seen = [a for a in added if a.did.month <= until and a.known <= known and lane in (None, a.did.lane)]
    plain = {"enrolled": "enroll", "completed": "complete", "awards_granted": "grant", "granted_fen": "grant"}
    if measure in plain:
        return sum(a.sign for a in seen if a.did.kind == plain[measure]) * (
            7 if measure == "granted_fen" else 1
        )
    kind = {"learners": "enroll", "returning": "enroll", "educated": "complete", "funded": "grant"}[measure]
    have: Counter[int] = Counter()
    for a in seen:
        have[a.did.who] += a.sign if a.did.kind == kind else -(kind == "grant" and a.did.kind == "release")
    return sum(1 for held in have.values() if held > (measure == "returning"))


def cells_of(publisher: Publisher, splits: random.Random) -> dict[CellKey, int]:
    """Cells of all facts, lanes and streams interleaved at random, cut into batches of any size."""
    waiting = defaultdict(list)
    for stream, raw in publisher.published:
        one = take(stream, raw)
        waiting[stream, one.lane].append((stream, one.event))
    held: dict[str, list[str]] = {}
    cells: dict[CellKey, int] = defaultdict(int)
    while waiting:
        batch = []
        for _ in range(splits.randrange(1, 9)):
            if waiting:
                key = splits.choice(sorted(waiting))
                batch.append(waiting[key].pop(0))
                if not waiting[key]:
                    del waiting[key]
        counted = count(batch)
        changed = []
        for ref, entries in counted.persons.items():
            before = held.get(ref)
            held[ref] = [*(before or ()), *entries]
            changed.append((before, held[ref]))
        persons.add_changes(counted, changed, batch[0][1].lane)
        for cell, change in counted.cells.items():
            cells[cell] += change
    return {cell: total for cell, total in cells.items() if total}


def asked(cells: dict[CellKey, int], measure: str, lane: str | None, until: str, known: date) -> int:
    """What the store's statement answers, over cells in memory."""
    which = as_of(of_lanes(measure) if lane else of_nation(measure), until)
    return sum(
        total
        for (cube, at, period, facet_1, facet_2, of, day), total in cells.items()
        if (cube, of) == (which.cube, which.measure)
        and (lane is None or at == lane)
        and which.facet_1 in (None, facet_1)
        and which.facet_2 in (None, facet_2)
        and which.since <= period <= which.until
        and day <= known
    )


@given(HISTORIES, st.randoms(use_true_random=False))
def test_cells_equal_a_recount_for_every_day_and_every_day_of_knowledge(
    history: list[Did], splits: random.Random
) -> None:
    publisher, added = told(history)
    cells = cells_of(publisher, splits)
    for measure, lane, until in product(MEASURES, (None, *LANES), ("2025-09", *MONTHS)):
        for known in {one.known for one in added} | {date(2026, 3, 1)}:
            expected = recounted(added, measure, lane, until, known)
            assert asked(cells, measure, lane, until, known) == expected, (measure, lane, until, known)


@given(HISTORIES, st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_any_split_gives_the_same_cells_once_national_ones_are_added_up(
    history: list[Did], one: random.Random, other: random.Random
) -> None:
    publisher, _ = told(history)

    def national(cells: dict[CellKey, int]) -> dict[CellKey, int]:
        found: Counter[CellKey] = Counter()
        for (cube, lane, *rest), total in cells.items():
            found[(cube, "" if cube == "persons_nation" else lane, *rest)] += total  # type: ignore[index]
        return {cell: total for cell, total in found.items() if total}

    assert national(cells_of(publisher, one)) == national(cells_of(publisher, other))


async def test_the_stores_statements_equal_the_recount_too(counter: Carried) -> None:
    draw = random.Random(5)
    history = [
        Did(
            draw.choice(("enroll", "enroll", "complete", "grant", "release")),
            draw.randrange(40),
            draw.choice(LANES),
            draw.choice(FLAGS),
            draw.choice(MONTHS),
            int(draw.random() < 0.02),
            draw.randrange(99) if draw.random() < 0.2 else None,
        )
        for _ in range(600)
    ]
    publisher, added = told(history)
    taken = publisher.taken()
    for start in range(0, len(taken), 150):
        await counter.carry(taken[start : start + 150])
    days = sorted({one.known for one in added})
    async with counter.pool.acquire() as db:
        for known, until in product((days[0], days[len(days) // 2], days[-1]), MONTHS):
            selections = [as_of(of_nation(measure), until) for measure in MEASURES]
            recount = {measure: recounted(added, measure, None, until, known) for measure in MEASURES}
            for whole in (False, True):
                found: Counter[str] = Counter()
                for place, _, _, total in await store.selected(db, selections, known, whole=whole):
                    found[MEASURES[place - 1]] += total
                assert found == Counter(recount)
            await sums_store.sum_up(db)
