"""From facts to what is kept of them: each type is counted by its subject, and a void takes away what was counted."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Final

from services.reporting.domain.subjects import (
    awards,
    bodies,
    budgets,
    careers,
    days,
    learners,
    payments,
    requests,
)
from services.reporting.domain.tally import NONE, Columns, Counted, Counts, Head, Tally, as_json
from shared.contracts import enrollment, provinces
from shared.contracts.envelope import Fact, shanghai_day
from shared.contracts.lanes import NATION

_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)
DELAYS_DAYS: Final = (0, 1, 2, 3, 5, 7, 14, 30, 60, 90, 180, 365)
"""Upper ends, in whole days, of the classes from happened to recorded; the last class is open."""
_DELAY_CLASSES: Final = tuple(f"{end:03d}" for end in DELAYS_DAYS)
LATER: Final = "later"
_CLASS_OF: Final = tuple(
    next(name for name, end in zip(_DELAY_CLASSES, DELAYS_DAYS, strict=True) if delay <= end)
    for delay in range(DELAYS_DAYS[-1] + 1)
)


def count(facts: Iterable[tuple[str, Fact[Any]]]) -> Counted:
    """Count (stream, fact) pairs. Results add up: however facts are split over batches, sums are the same."""
    counted = Counted()
    recorded = _NEVER
    recorded_day, sums = recorded.date(), counted.standing
    for stream, fact in facts:
        if fact.recordedtime != recorded:
            recorded = fact.recordedtime
            recorded_day = shanghai_day(recorded)
            sums = counted.tempo[recorded.replace(second=0, microsecond=0)]
        columns = _COUNTS[fact.type](Tally(counted, fact, recorded_day, sums), fact.data)
        if fact.type in provinces.DATA_MODELS:
            _taken_in(counted, fact, recorded_day, columns.reported_by or fact.lane)
        if columns.reported_by is not None and not columns.history:
            _arrived(counted, fact, recorded_day, columns.reported_by)
        head = Head(
            fact.lane,
            stream,
            fact.seq,
            fact.id,
            fact.type,
            fact.causationid,
            fact.correlationid,
            fact.time,
            recorded,
            recorded_day,
            fact.subject,
        )
        counted.rows.append(head + columns)
    for sums in counted.tempo.values():
        for key, change in sums.items():
            counted.standing[key] += change
    return counted


def _arrived(counted: Counted, fact: Fact[Any], recorded_day: date, reported_by: str) -> None:
    """How long after it happened a province's event was recorded; a history that is loaded says nothing about that."""
    delay_days = (fact.recordedtime - fact.time).days
    delay = _CLASS_OF[max(0, delay_days)] if delay_days <= DELAYS_DAYS[-1] else LATER
    key = ("records", fact.lane, recorded_day.isoformat(), reported_by, delay, "arrived", recorded_day)
    counted.cells[key] += 1


def _taken_in(counted: Counted, fact: Fact[Any], recorded_day: date, reported_by: str) -> None:
    """One for each event that a province had accepted, to be compared with how many it had by its receipts.

    A correction is one event and two facts; what the nation decides stands on every lane.
    """
    if fact.type == provinces.EVENT_VOIDED and fact.data.superseded_by is not None:
        return
    if fact.type in provinces.OF_THE_NATION and fact.lane != NATION:
        return
    key = ("records", fact.lane, recorded_day.isoformat(), reported_by, NONE, "taken_in", recorded_day)
    counted.cells[key] += 1


def _voided(tally: Tally, data: enrollment.EventVoidedFact) -> Columns:
    """What was counted is taken away as of the day on which it was voided: what was known before stays known."""
    said = {"event_id": data.event_id, "voided_type": data.voided_type, "superseded_by": data.superseded_by}
    tally.verdict("voided", 1, tally.day(), data.reported_by)
    model = enrollment.FACT_MODELS.get(data.voided_type)
    if data.voided is None or data.voided_type not in READS or model is None:
        return Columns(tally.day(), reported_by=data.reported_by, details=as_json(**said))
    was = tally.fact.model_copy(
        update={
            "type": data.voided_type,
            "time": data.voided_time,
            "data": model.model_validate(data.voided, strict=False),
        }
    )
    columns = _COUNTS[was.type](tally.taking_away(was), was.data)
    return columns._replace(details=as_json(**said, taken_away=True))


_COUNTS: Final[Counts] = {
    **learners.COUNTS,
    **careers.COUNTS,
    **awards.COUNTS,
    **payments.COUNTS,
    **budgets.COUNTS,
    **bodies.COUNTS,
    **days.COUNTS,
    **requests.COUNTS,
    provinces.EVENT_VOIDED: _voided,
}
READS: Final = frozenset(_COUNTS)
"""Types of facts that are counted."""
