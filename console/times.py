"""How instants are shown in the terminal: on the clock that all offices of the country use."""

from datetime import datetime

from shared.contracts.envelope import SHANGHAI


def shanghai(instant: datetime | str, *, seconds_only: bool = False) -> str:
    """`2026-11-24 10:30:31.749`: Shanghai time; a text is an instant out of JSON."""
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    shown = instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S.%f")
    return shown[:19] if seconds_only else shown[:23]
