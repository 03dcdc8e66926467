"""One person, one record: what each province has said of a worker, and which of it counts on a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from shared.contracts.envelope import shanghai_day

ATTRIBUTES: Final = (
    "categories",
    "education_level",
    "origin_province",
    "work_province",
    "work_city",
    "employer",
)
"""What provinces say of a worker."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one event of one province says of a worker, and when that holds."""

    lane: str
    event_id: str
    said_at: datetime
    """When it happened, in UTC: the event's `time`."""
    since: date
    until: date | None
    """Last day; None: until something later is said."""
    attributes: Mapping[str, Any]
    """As sent."""


def what_counts(statements: Iterable[Statement], day: date) -> dict[str, Any]:
    """Each attribute as it counts on `day`, whoever said it and in whatever order it came.

    The rule: of what holds on that day the statement that begins last counts; of those that begin on one day the one
    said last; of those said at one moment the one of the higher lane, then the higher event id, so that there is
    always one. Where nothing holds yet, what begins first counts. What has run out does not count any more.
    """
    counting: dict[str, Any] = {}
    in_order = sorted(statements, key=lambda s: (s.since, s.said_at, s.lane, s.event_id))
    for statement in in_order:
        if statement.since <= day and (statement.until is None or day <= statement.until):
            counting |= statement.attributes
    for statement in in_order:
        if statement.since > day:
            counting = {**statement.attributes, **counting}
    return counting


def known_of(
    statements: Iterable[Statement], day: date, names: tuple[str, ...] = ATTRIBUTES
) -> dict[str, Any]:
    """What counts on `day` as `shared.contracts.enrollment.WorkerFacts`, of it what is asked for."""
    counting = what_counts(statements, day)
    return {"categories": [], **{name: counting[name] for name in names if name in counting}}


def statements_of(lane: str, event_id: str, at: datetime, data: Mapping[str, Any]) -> list[Statement]:
    """What a registration or a change says; the flags of a registration may have days of their own."""
    attributes = {name: data[name] for name in ATTRIBUTES if data.get(name) is not None}
    said_at = at.astimezone(UTC)
    if "since" in data:
        return [Statement(lane, event_id, said_at, _day(data["since"]), _last(data.get("until")), attributes)]
    day = shanghai_day(at)
    flags = {"categories": attributes.pop("categories")}
    since, until = data.get("categories_since"), data.get("categories_until")
    return [
        Statement(lane, event_id, said_at, day, None, attributes),
        Statement(lane, event_id, said_at, _day(since) if since else day, _last(until), flags),
    ]


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _last(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
