"""What a record's headers may hand on, and how much of what was sent an answer may repeat."""

import pytest

from shared.plumbing.decoding import traceparent_of

TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
GOOD = b"00-" + TRACE + b"-" + SPAN + b"-01"


def test_a_trace_context_is_found_among_other_headers() -> None:
    assert traceparent_of([("x", None), ("traceparent", GOOD)]) == GOOD.decode()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        GOOD[:-1] + b"\x00",
        GOOD[:-1] + b"\n",
        GOOD + b"\n",
        GOOD.upper(),
        GOOD.replace(b"-", b"\n"),
        b"ff" + GOOD[2:],
        GOOD.replace(TRACE, b"0" * 32),
        GOOD.replace(SPAN, b"0" * 16),
        b"\xff" * 55,
    ],
)
def test_what_is_no_trace_context_is_passed_over(value: bytes | None) -> None:
    assert traceparent_of([("traceparent", value)]) is None
