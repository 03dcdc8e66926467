"""How soon the next picture may follow: open pages get a share of the process's time, saved up while little happens."""

from typing import Final

INTERVAL_S: Final = 0.25
"""At most four pictures a second."""
INTERVAL_MAX_S: Final = 2.0
SHARE: Final = 0.03
"""So much of the process's time may go to open pages."""
SAVED_MAX_S: Final = 0.2
"""Time that is saved up: so that a single change is shown at once, however many pages are open."""


class Pace:
    """Earns time as it passes and spends it on pictures; while it is in debt, pictures come more seldom."""

    def __init__(self, now_s: float) -> None:
        self._saved_s = SAVED_MAX_S
        self._earned_until_s = now_s

    def spent(self, took_s: float, now_s: float) -> float:
        """A picture has taken `took_s` of processor time: how long to wait before the next one, in seconds."""
        earned_s = (now_s - self._earned_until_s) * SHARE
        self._earned_until_s = now_s
        saved_s = min(self._saved_s + earned_s, SAVED_MAX_S) - took_s
        self._saved_s = max(saved_s, -INTERVAL_MAX_S * SHARE)  # what two seconds cannot earn is forgiven
        return max(INTERVAL_S, -self._saved_s / SHARE)
