"""Metrics of every service, with enumerated labels only: never a worker, an event or an offset."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_RECORDS: Final = (1, 10, 50, 100, 250, 500, 1000, 2000, 4000)


class Metrics:
    """What plumbing measures; a service adds its own to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self._seconds = Histogram(
            "dreams_batch_seconds", "Time of a batch", ["group"], buckets=_SECONDS, registry=r
        )
        self._records = Histogram(
            "dreams_batch_records", "Records of a batch", ["group"], buckets=_RECORDS, registry=r
        )
        self._dropped = Counter("dreams_dropped_total", "Records behind the cursor", ["group"], registry=r)
        self._set_aside = Counter(
            "dreams_set_aside_total", "Records that operators have set aside", ["group"], registry=r
        )
        self._not_kept = Counter(
            "dreams_quarantine_full_total", "Unreadable records beyond a lane's share", ["group"], registry=r
        )
        self._gaps = Counter("dreams_gaps_total", "Gaps in seq that were seen", ["group", "lane"], registry=r)
        self._ended = Counter("dreams_ended_backends_total", "Backends ended that held a cursor", registry=r)
        self._takeovers = Counter("dreams_takeovers_total", "Lanes taken over", ["group"], registry=r)
        self._retries = Counter(
            "dreams_retries_total", "Batches put back after a passing failure", ["group"], registry=r
        )
        self._spans = Counter("dreams_spans_total", "Spans by what became of them", ["outcome"], registry=r)
        self.lag = Gauge("dreams_lag_records", "Records not yet taken in", ["group", "lane"], registry=r)
        self.stopped = Gauge("dreams_stopped_lanes", "Lanes that stand", ["group"], registry=r)
        self.waiting = Gauge("dreams_waiting_lanes", "Lanes with an open gap", ["group"], registry=r)
        self.quarantine = Gauge("dreams_quarantine_records", "Records in quarantine", registry=r)
        self.unpublished = Gauge(
            "dreams_unpublished_events", "Events logged and not yet published", registry=r
        )

    def batch(self, group: str, records: int, seconds: float) -> None:
        """A batch was carried; ticks count no records."""
        if records:
            self._seconds.labels(group).observe(seconds)
            self._records.labels(group).observe(records)

    def spans(self, outcome: str, spans: int) -> None:
        """Spans have ended, were exported, or could not be; what is missing was dropped by a full queue."""
        self._spans.labels(outcome).inc(spans)

    def dropped(self, group: str) -> None:
        """A record lay behind the cursor: a redelivery."""
        self._dropped.labels(group).inc()

    def set_aside(self, group: str) -> None:
        """A record that an operator has set aside was passed over."""
        self._set_aside.labels(group).inc()

    def not_kept(self, group: str, records: int) -> None:
        """Unreadable records were answered, but their lane's share of the quarantine is full."""
        self._not_kept.labels(group).inc(records)

    def gap(self, group: str, lane: str) -> None:
        """A gap was met."""
        self._gaps.labels(group, lane).inc()

    def ended_backend(self) -> None:
        """A backend that held a cursor too long was ended."""
        self._ended.inc()

    def forget_lag(self, group: str, lanes: Iterable[str]) -> None:
        """Lanes were given up: their new owners measure them."""
        for lane in lanes:
            self.lag.remove(group, lane)

    def took_over(self, group: str, lanes: int) -> None:
        """Lanes were assigned to this process."""
        self._takeovers.labels(group).inc(lanes)

    def retried(self, group: str) -> None:
        """A batch was put back."""
        self._retries.labels(group).inc()
