"""The provinces as a stream of records: the same for the same seed, with mishaps at given rates."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Final, Literal, NamedTuple

import orjson

from console.province.identity import WorkerKey, simulation_key
from console.province.mishaps import altered, broken, resent
from console.province.stories import RECORDS_PER_STORY, Chronicle, Draft, Event
from shared.contracts import provinces
from shared.contracts.lanes import LANE_CODES

TopicKind = Literal["events", "contacts"]
Kind = Literal["plain", "late", "duplicate", "conflict", "broken", "contact"]
Headers = tuple[tuple[str, bytes], ...]

SEASON_STORIES: Final = 18_000
"""Stories between two rounds of money, about 60,000 records."""
RATES_MAX: Final = 0.9
HISTORY_RECORDS: Final = 4_096
"""How far back a duplicate or a conflict may reach."""
OPEN_RECORDS_MAX: Final = 3_000
"""Events of begun stories that wait for their turn."""
_PROLOGUE_SHARE: Final = 4
"""At most one record in four opens the year, so that few events still tell stories."""
_PROJECT_EVERY: Final = 120
"""Stories between two projects."""
_OCCASION_EVERY: Final = 60
"""Stories between two things that a province says as a body."""
_RESENT_AS_NEW: Final = 0.1
"""Of the broken: a known matter under a fresh id, as after a restore of the province's system."""
_STRUCTURED: Final[Headers] = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
_BINARY_LANES: Final = frozenset({"44", "61"})
"""Their software sends CloudEvents in binary mode: attributes in headers."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of all records, each from 0, together at most 0.9."""

    duplicate: float = 0.02
    conflict: float = 0.005
    late: float = 0.03
    broken: float = 0.01

    def __post_init__(self) -> None:
        if min(self.duplicate, self.conflict, self.late, self.broken) < 0:
            raise ValueError("a rate is less than 0")
        if self.duplicate + self.conflict + self.broken > RATES_MAX or self.late > RATES_MAX:
            raise ValueError(f"the rates come to more than {RATES_MAX}: too few events remain to be repeated")


class SimulatedRecord(NamedTuple):
    """One Kafka record of a province."""

    lane: str
    topic_kind: TopicKind
    key: bytes | None
    """The worker_ref for contacts, none for events: their topic has one partition."""
    value: bytes | None
    headers: Headers
    kind: Kind
    code: str | None
    """Of a broken one: the code that its receipt will carry."""


@dataclass(slots=True)
class Expected:
    """What must come back for the records that were counted, once all is drained."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    contacts: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    by_code: Counter[str] = field(default_factory=Counter)
    by_lane: Counter[str] = field(default_factory=Counter)

    def count(self, record: SimulatedRecord) -> None:
        """Count one record that was sent."""
        self.by_kind[record.kind] += 1
        if record.kind == "contact":
            self.contacts += 1
            return
        self.by_lane[record.lane] += 1
        if record.code is not None:
            self.rejected += 1
            self.by_code[record.code] += 1
        elif record.kind == "duplicate":
            self.duplicate += 1
        elif record.kind == "conflict":
            self.conflict += 1
        else:
            self.accepted += 1

    @property
    def events(self) -> int:
        """Records on events topics."""
        return self.accepted + self.duplicate + self.conflict + self.rejected

    @property
    def unreadable(self) -> int:
        """Rejected ones that name neither id nor source: their bytes are kept."""
        return self.by_code["unreadable"] + self.by_code["empty"]


def generate(
    seed: int,
    events: int,
    rates: Rates | None = None,
    *,
    today: date,
    lanes: Sequence[str] = LANE_CODES,
    key: WorkerKey | None = None,
    as_it_happens: bool = False,
) -> Iterator[SimulatedRecord]:
    """Exactly `events` records for events topics in the order of sending, some for contacts in between.

    `today` is the Shanghai day on which it all plays: the year so far is told at once; or, `as_it_happens`, what
    happens these days, most of it within a week, and the past as history. Persons are pseudonymised with `key`, or
    one made of the seed. With the same arguments the records are the same, to the byte; sent again they are all
    duplicates.
    """
    chronicle = Chronicle(seed, today, lanes, key or simulation_key(seed), as_it_happens=as_it_happens)
    return _Simulation(seed, events, rates or Rates(), chronicle).records()


class _Simulation:
    """Opens stories so that some are always under way, and lets mishaps happen between them."""

    def __init__(self, seed: int, events: int, rates: Rates, chronicle: Chronicle) -> None:
        self._rng = Random(f"mishaps {seed}")
        self._chronicle = chronicle
        self._seed = seed
        self._events = events
        self._late_rate = rates.late
        self._mishaps: dict[Kind, int] = {
            "duplicate": int(rates.duplicate * events),
            "conflict": int(rates.conflict * events),
            "broken": int(rates.broken * events),
        }
        self._to_tell = events - sum(self._mishaps.values())
        """Records of stories that have not been opened yet."""
        self._told = 0
        self._late = 0
        self._open: list[tuple[float, int, Draft, bool]] = []
        self._opened = 0
        self._stories = 0
        self._contacts: list[SimulatedRecord] = []
        self._recent: list[Draft] = []
        self._open_max = max(8, min(OPEN_RECORDS_MAX, events // 8))

    def records(self) -> Iterator[SimulatedRecord]:
        mishaps_left = sum(self._mishaps.values())
        random = self._rng.random
        self._open_year()
        for left in range(self._events, 0, -1):
            if mishaps_left and self._recent and random() * left < mishaps_left:
                kind = self._next_mishap(mishaps_left)
                mishaps_left -= 1
                yield self._mishap(kind)
                continue
            while self._to_tell and len(self._open) < self._open_max:
                self._open_story()
            if self._contacts:
                yield from self._contacts
                self._contacts.clear()
            yield self._tell()

    def _open_year(self) -> None:
        openings = self._chronicle.season(0, self._season_stories()) + self._chronicle.openings()
        for draft in openings[: self._to_tell // _PROLOGUE_SHARE]:
            self._schedule(draft, 0.0)

    def _open_story(self) -> None:
        number = self._stories
        self._stories += 1
        season, place = divmod(number, SEASON_STORIES)
        now = float(self._told)
        if season and place == 0:
            for draft in self._chronicle.season(season, self._season_stories()):
                self._schedule(draft, now)
        if place == self._season_stories() * 6 // 10 and place:
            for draft in self._chronicle.top_ups(season, self._season_stories()):
                self._schedule(draft, now)
        if number % _PROJECT_EVERY == _PROJECT_EVERY - 1:
            self._schedule(self._chronicle.project(), now)
        if number % _OCCASION_EVERY == _OCCASION_EVERY // 2:
            self._schedule(self._chronicle.occasion(), now)
        story = self._chronicle.story()
        drafts = story.drafts[: self._to_tell]
        if not drafts:
            return
        if story.contact is not None:
            ref, contact = story.contact
            self._contacts.append(
                SimulatedRecord(
                    drafts[0].lane, "contacts", ref.encode(), orjson.dumps(contact), (), "contact", None
                )
            )
        late = self._make_late(drafts)
        random = self._rng.random
        for draft in drafts:
            now += random() * self._open_max
            self._schedule(draft, now, draft is late)

    def _make_late(self, drafts: list[Draft]) -> Draft | None:
        """Let one event come before what it builds on, if the rate asks for it; it is the one returned."""
        places = [at for at in (0, 1) if _builds_on(drafts[at + 1 :], drafts[at : at + 1])]
        if not places or self._late >= self._late_rate * self._opened:
            return None
        place = self._rng.choice(places)
        drafts[place], drafts[place + 1] = drafts[place + 1], drafts[place]
        self._late += 1
        return drafts[place]

    def _schedule(self, draft: Draft, due: float, late: bool = False) -> None:
        if not self._to_tell:
            return
        self._to_tell -= 1
        self._opened += 1
        heapq.heappush(self._open, (due, self._opened, draft, late))

    def _tell(self) -> SimulatedRecord:
        _, _, draft, late = heapq.heappop(self._open)
        self._told += 1
        if len(self._recent) < HISTORY_RECORDS:
            self._recent.append(draft)
        else:
            self._recent[self._told % HISTORY_RECORDS] = draft
        return _record(draft.lane, draft.event, "late" if late else "plain")

    def _next_mishap(self, left: int) -> Kind:
        place = int(self._rng.random() * left)
        for kind, remaining in self._mishaps.items():
            if place < remaining:
                self._mishaps[kind] -= 1
                return kind
            place -= remaining
        raise AssertionError("more mishaps than planned")

    def _mishap(self, kind: Kind) -> SimulatedRecord:
        if kind == "broken":
            return self._broken()
        lane, event = self._rng.choice(self._recent)
        return _record(lane, resent(event, self._rng) if kind == "duplicate" else altered(event), kind)

    def _broken(self) -> SimulatedRecord:
        """Damage the event that comes next, whose mended form then follows; or resend a matter as new."""
        fresh_id = f"sim-S{self._seed}-broken-{self._told}-{self._mishaps['broken']}"
        if self._rng.random() < _RESENT_AS_NEW:
            lane, event = self._rng.choice(self._recent)
            if event["type"] == provinces.WORKER_REGISTERED and event["id"] not in self._chronicle.corrected:
                return _record(lane, {**event, "id": fresh_id}, "broken", "already_recorded")
        lane, event = self._open[0][2] if self._open else self._rng.choice(self._recent)
        if not self._open:
            event = {**event, "id": fresh_id}
        value, code = broken(event, fresh_id, self._rng)
        return SimulatedRecord(lane, "events", None, value, _STRUCTURED, "broken", code)

    def _season_stories(self) -> int:
        return max(1, min(SEASON_STORIES, int(self._events / RECORDS_PER_STORY)))


_BUILD_ON_NO_REGISTRATION: Final = frozenset(
    {provinces.TUTORS_PAIRED, provinces.WORKER_REGISTERED, provinces.EVENT_VOIDED}
)
"""The latter two correct one, and would be refused before it."""


def _builds_on(later: Sequence[Draft], earlier: Sequence[Draft]) -> bool:
    """Whether the first of `later` waits for what `earlier` brings."""
    if not later or not earlier or "supersedes" in earlier[0].event:
        return False
    if earlier[0].event["type"] == provinces.WORKER_REGISTERED:
        return later[0].event["type"] not in _BUILD_ON_NO_REGISTRATION
    return earlier[0].event["type"] == provinces.WORKER_ENROLLED and "enrollment_no" in later[0].event["data"]


def _record(lane: str, event: Event, kind: Kind, code: str | None = None) -> SimulatedRecord:
    if lane in _BINARY_LANES:
        headers = tuple([(f"ce_{name}", value.encode()) for name, value in event.items() if name != "data"])
        value = orjson.dumps(event["data"])
        return SimulatedRecord(lane, "events", None, value, (*headers, *_JSON), kind, code)
    return SimulatedRecord(lane, "events", None, orjson.dumps(event), _STRUCTURED, kind, code)


_JSON: Final[Headers] = (("content-type", b"application/json"),)
