"""Where every service stands on every lane, put together from what the services say of themselves: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["going", "draining", "waiting", "stopped"]
Answers = Mapping[str, Mapping[str, Any]]
"""By service: what its `GET /v1/lanes` said."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a service has read one stream on one lane."""

    stream: str
    state: State
    at: int
    """Last `seq` taken in; on a province's own topics, which have none, the offset read next."""
    lag: int | None
    """How much its publisher has logged beyond that; None where the publisher is no service of ours."""
    why: str | None
    """Why it is stopped."""
    since: str | None
    """When it stopped, or met the gap that it waits for."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """How far a service has published one stream on one lane."""

    stream: str
    seq: int
    published_seq: int
    republish_from: int | None

    @property
    def unpublished(self) -> int:
        """Logged and not yet acknowledged by the broker."""
        return self.seq - self.published_seq


@dataclass(frozen=True, slots=True)
class LaneState:
    """One lane of one service."""

    service: str
    lane: str
    reads: tuple[Reading, ...]
    publishes: tuple[Publishing, ...]

    @property
    def state(self) -> State:
        """The worst of what it reads."""
        order: tuple[State, ...] = ("stopped", "waiting", "draining", "going")
        return min((reading.state for reading in self.reads), key=order.index, default="going")

    @property
    def lag(self) -> int | None:
        """Facts of our services not yet taken in; None where it reads only what provinces send."""
        known = [reading.lag for reading in self.reads if reading.lag is not None]
        return sum(known) if known else None

    @property
    def unpublished(self) -> int:
        """Logged and not yet acknowledged by the broker."""
        return sum(one.unpublished for one in self.publishes)

    @property
    def used(self) -> bool:
        """Whether anything was ever read or published here."""
        return any(reading.at for reading in self.reads) or any(one.seq for one in self.publishes)

    @property
    def at_rest(self) -> bool:
        """Going, and nothing known of is outstanding."""
        return self.state == "going" and not self.lag and not self.unpublished

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            **asdict(self),
            "state": self.state,
            "lag": self.lag,
            "unpublished": self.unpublished,
        }


def lane_states(answers: Answers) -> list[LaneState]:
    """Every lane of every service, by service, then lane; lag is measured against publishers."""
    logged = {
        (row["stream"], row["lane"]): row["seq"] for answer in answers.values() for row in answer["outbound"]
    }
    return [
        LaneState(
            service,
            lane,
            tuple(_reading(row, logged) for row in answer["cursors"] if row["lane"] == lane),
            tuple(_publishing(row) for row in answer["outbound"] if row["lane"] == lane),
        )
        for service, answer in answers.items()
        for lane in sorted({row["lane"] for row in (*answer["cursors"], *answer["outbound"])})
    ]


def publisher_of(stream: str, answers: Answers) -> tuple[str, str] | None:
    """Service and full name of the stream that is meant: `receipts` is `provinces.{lane}.receipts`."""
    for service, answer in answers.items():
        for name in sorted({row["stream"] for row in answer["outbound"]}):
            if stream in (name, name.rpartition(".")[2]) or _is_topic_of(name, stream):
                return service, name
    return None


def streams_published(answers: Answers) -> list[str]:
    """All streams that services publish."""
    return sorted({row["stream"] for answer in answers.values() for row in answer["outbound"]})


def summed(states: Sequence[LaneState], service: str) -> dict[str, int]:
    """How many lanes of a service are in which state, and what is outstanding on all of them."""
    own = [one for one in states if one.service == service]
    counts = {
        state: sum(one.state == state for one in own) for state in ("going", "draining", "waiting", "stopped")
    }
    return {
        "lanes": len(own),
        **counts,
        "lag": sum(one.lag or 0 for one in own),
        "unpublished": sum(one.unpublished for one in own),
        "published": sum(p.published_seq for one in own for p in one.publishes),
    }


def _reading(row: Mapping[str, Any], logged: Mapping[tuple[str, str], int]) -> Reading:
    seq = logged.get((row["stream"], row["lane"]))
    counted = bool(row["last_seq"]) or seq is not None
    at = row["last_seq"] if counted else row["next_offset"]
    lag = None if seq is None else max(0, seq - row["last_seq"])
    state: State = "going"
    if row["stopped"]:
        state = "stopped"
    elif row["waiting_since"]:
        state = "waiting"
    elif row["draining"]:
        state = "draining"
    return Reading(row["stream"], state, at, lag, row["stopped"], row["stopped_at"] or row["waiting_since"])


def _publishing(row: Mapping[str, Any]) -> Publishing:
    return Publishing(row["stream"], row["seq"], row["published_seq"], row["republish_from"])


def _is_topic_of(pattern: str, topic: str) -> bool:
    head, placeholder, tail = pattern.partition("{lane}")
    return bool(placeholder) and topic.startswith(head) and topic.endswith(tail)
