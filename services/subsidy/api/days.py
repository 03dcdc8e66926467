"""Days of the calendar as instants: what was recorded by the end of a day in Shanghai."""

from datetime import date, datetime, time, timedelta

from shared.contracts.envelope import SHANGHAI


def end_of(day: date) -> datetime:
    """The instant at which the next day begins."""
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)
