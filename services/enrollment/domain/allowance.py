"""How much one province may send by HTTP: a bucket of events that fills at a steady rate."""

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """What a province may send now: at most `events_at_once`, and `events_per_s` in the long run."""

    events_per_s: float
    events_at_once: int
    left: float
    """Events that could be taken at `at_s`."""
    at_s: float
    """Any clock that only goes forwards, in seconds."""

    def take(self, events: int, now_s: float) -> float:
        """Take room for `events`, at most `events_at_once`; 0 if taken, otherwise the seconds until there is room."""
        passed_s = max(0.0, now_s - self.at_s)
        self.left = min(float(self.events_at_once), self.left + passed_s * self.events_per_s)
        self.at_s = max(self.at_s, now_s)
        if events > self.left:
            return (events - self.left) / self.events_per_s
        self.left -= events
        return 0.0
