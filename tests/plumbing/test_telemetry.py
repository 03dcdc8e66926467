"""What is sampled is decided at the door and holds behind it."""

import pytest

from shared.plumbing.decoding import Taken
from shared.plumbing.telemetry import Telemetry

PLACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
NOBODY_LISTENS = "http://127.0.0.1:1"


def taken(flags: str) -> Taken:
    """A record with a trace context."""
    return Taken("32", "enrollment.events", 0, object(), None, 1, None, PLACE + flags, None)


@pytest.mark.parametrize("endpoint", [None, NOBODY_LISTENS])
@pytest.mark.parametrize("flags", ["00", "01", "ff"])
def test_what_the_door_does_not_sample_goes_on_unsampled_whatever_the_sender_said(
    endpoint: str | None, flags: str
) -> None:
    telemetry, one = Telemetry("enrollment", endpoint, 0.0, at_the_door=True), taken(flags)
    with telemetry.batch("enrollment", [one]):
        assert one.traceparent == PLACE + "00"
    telemetry.close()


def test_behind_the_door_a_context_that_is_not_sampled_is_handed_on_as_it_came() -> None:
    telemetry, one = Telemetry("subsidy", NOBODY_LISTENS, 1.0, at_the_door=False), taken("00")
    with telemetry.batch("subsidy", [one]):
        assert one.traceparent == PLACE + "00"
    telemetry.close()
