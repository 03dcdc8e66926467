"""Facts of a whole country, as enrollment and subsidy publish them: day by day, with a history that was loaded."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

import orjson

from benchmarks.country_lives import Lives
from benchmarks.country_offices import Offices
from shared.contracts.envelope import SHANGHAI
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS

BEGAN: Final = date(2025, 1, 1)
"""The first day of the stream."""
DAYS: Final = 696
"""To 27 November 2026."""
HISTORY_DAYS: Final = 60
"""In its first days provinces load what happened since 2016."""
HISTORY_SHARE: Final = 0.3
"""So many of all facts are of that history."""
FACTS_PER_LIFE: Final = 6.6
FACTS_PER_HISTORY: Final = 3.9
_SOURCES: Final = {
    ENROLLMENT_EVENTS.pattern: b"//enrollment/00000000e000",
    SUBSIDY_EVENTS.pattern: b"//subsidy/00000000500d",
}


class Said(NamedTuple):
    """One fact that waits for its number: `raw` lacks `seq` and the closing brace."""

    stream: str
    lane: str
    raw: bytes

    def numbered(self, seq: int) -> bytes:
        """The whole fact."""
        return b'%b,"seq":%d}' % (self.raw, seq)


class Country:
    """Draws facts, the same for the same seed; their days are as full as there are facts."""

    def __init__(self, facts: int, seed: int = 7) -> None:
        self._wanted = facts
        self._seed = seed
        self._history = facts * HISTORY_SHARE
        draw = random.Random(seed)
        self.lives = Lives(draw, self, seed)
        self._offices = Offices(draw, self, facts)
        self._due: dict[date, list[tuple[Callable[[Any], None], Any]]] = defaultdict(list)
        self._today: list[tuple[str, str, bytes, bytes]] = []
        self._told = 0
        self.today = BEGAN
        self.types: Counter[str] = Counter()

    def facts(self) -> Iterator[Said]:
        """At least as many facts as asked for, in the order in which they are recorded."""
        told, day = 0, 0
        while told < self._wanted:
            self.today = BEGAN + timedelta(days=day)
            self._live_through(day)
            told += len(self._today)
            yield from self._recorded()
            day += 1

    def later(self, days: int, step: Callable[[Any], None], about: Any) -> None:
        """Do `step` so many days from today."""
        self._due[self.today + timedelta(days=max(1, days))].append((step, about))

    def tell(
        self,
        stream: str,
        lane: str,
        type_: str,
        data: Any,
        happened: date,
        who: str | None = None,
        cause: str | None = None,
    ) -> None:
        """Record a fact today."""
        self.types[type_] += 1
        self._told += 1
        event_id = hashlib.blake2b(b"%d/%d" % (self._seed, self._told), digest_size=16).hexdigest()
        head = (
            b'{"specversion":"1.0","id":"%b","source":"%b","type":"%b","subject":%b,"time":"%bT09:30:00+08:00",'
            b'"datacontenttype":"application/json","lane":"%b","causationid":%b,"correlationid":%b,"recordedtime":"'
        ) % (
            event_id.encode(),
            _SOURCES[stream],
            type_.encode(),
            _quoted(who),
            happened.isoformat().encode(),
            lane.encode(),
            _quoted(cause),
            _quoted(cause),
        )
        self._today.append((stream, lane, head, b'","data":' + orjson.dumps(data)))

    def _live_through(self, day: int) -> None:
        self._offices.open(day)
        for step, about in self._due.pop(self.today, ()):
            step(about)
        if day < HISTORY_DAYS:
            for _ in range(self._share(self._history / FACTS_PER_HISTORY / HISTORY_DAYS)):
                self.lives.load_history()
        live = (self._wanted - self._history) / FACTS_PER_LIFE / DAYS
        for _ in range(self._share(live * (0.7 + 0.6 * min(day, DAYS) / DAYS))):
            self.lives.begin()

    def _share(self, lives: float) -> int:
        """A whole number whose mean is `lives`."""
        return int(lives + self.lives.draw.random())

    def _recorded(self) -> Iterator[Said]:
        """What was recorded today, spread over the day."""
        facts, self._today = self._today, []
        midnight = datetime.combine(self.today, time(), SHANGHAI)
        for place, (stream, lane, head, tail) in enumerate(facts):
            at = midnight + timedelta(seconds=86_400 * place // len(facts))
            yield Said(stream, lane, head + at.isoformat().encode() + tail)


def _quoted(said: str | None) -> bytes:
    return b'"%b"' % said.encode() if said else b"null"
