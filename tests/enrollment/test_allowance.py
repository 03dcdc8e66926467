"""An allowance holds at every moment and in the long run, and what it tells to wait is enough."""

from hypothesis import given
from hypothesis import strategies as st

from services.enrollment.domain.allowance import Allowance

RATES = st.floats(0.5, 1_000)
AT_ONCE = st.integers(10, 500)
WISHES = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), min_size=1, max_size=40)
"""Seconds since the wish before, and events."""


@given(RATES, AT_ONCE, WISHES)
def test_no_stretch_of_time_sees_more_than_the_burst_and_its_share(
    rate: float, at_once: int, wishes: list[tuple[float, int]]
) -> None:
    allowance, now_s = Allowance(rate, at_once, at_once, 0.0), 0.0
    taken: list[tuple[float, int]] = []
    for pause_s, events in wishes:
        now_s += pause_s
        if allowance.take(events, now_s) == 0:
            taken.append((now_s, events))
    for first, (began_s, _) in enumerate(taken):
        for last in range(first, len(taken)):
            passed = sum(events for _, events in taken[first : last + 1])
            assert passed <= at_once + rate * (taken[last][0] - began_s) + 1e-6


@given(RATES, AT_ONCE, WISHES)
def test_who_waits_as_told_is_let_through_and_who_is_refused_has_lost_nothing(
    rate: float, at_once: int, wishes: list[tuple[float, int]]
) -> None:
    allowance, now_s = Allowance(rate, at_once, 0.0, 0.0), 0.0
    for pause_s, events in wishes:
        now_s += pause_s
        wait_s = allowance.take(events, now_s)
        if wait_s:
            assert allowance.take(events, now_s) == wait_s
            now_s += wait_s * (1 + 1e-9) + 1e-9
            assert allowance.take(events, now_s) == 0


def test_a_clock_that_stands_or_goes_back_gives_nothing_away() -> None:
    allowance = Allowance(100.0, 10, 10, 5.0)
    assert allowance.take(10, 5.0) == 0
    assert allowance.take(1, 4.0) > 0
    assert allowance.take(1, 5.0) > 0
