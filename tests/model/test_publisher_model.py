"""The publisher's rule loses nothing and leaves no gap, whatever two owners, crashes and the network do.

`pytest tests/model --log-cli-level=INFO` shows how many states were visited, and how each wrong rule breaks.
"""

import logging
import sys
from collections.abc import Iterator

import pytest

from tests.model.publisher_model import Bounds, Fault, Finding, Rule, search

log = logging.getLogger(__name__)

ANYTHING = frozenset(Finding)
HARM = frozenset({Finding.LOSS, Finding.WAITING, Finding.INVENTED})
BUT_PASSING_GAPS = HARM | {Finding.OVERCLAIMED}
NO_OPERATOR = frozenset(Fault) - {Fault.REPUBLISH, Fault.FORGETTING}
WISHES = frozenset(Fault) - {Fault.FORGETTING}
FORGETFUL = frozenset(Fault) - {Fault.REPUBLISH}

SUITE = (
    (Rule.STATED, Bounds(events=3, fifo_runs=1, faults=NO_OPERATOR)),
    (Rule.BUILT, Bounds(events=2, fifo_runs=2, faults=NO_OPERATOR)),
    (Rule.BUILT, Bounds(events=1, fifo_runs=1, faults=WISHES)),
    (Rule.BUILT, Bounds(events=2, fifo_runs=1, faults=WISHES - {Fault.REASSIGNMENT})),
)
CAMPAIGN = (
    (Rule.STATED, Bounds(events=2, fifo_runs=4, faults=NO_OPERATOR)),
    (Rule.STATED, Bounds(events=3, fifo_runs=2, faults=NO_OPERATOR)),
    (Rule.BUILT, Bounds(events=2, fifo_runs=1, faults=WISHES)),
    (Rule.BUILT, Bounds(events=3, fifo_runs=1, faults=NO_OPERATOR)),
)


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """No line of the product runs here: measuring coverage would only make the search twice as long."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


def _named(case: tuple[Rule, Bounds]) -> str:
    rule, bounds = case
    return f"{rule.name}-{bounds.events}-events-{bounds.fifo_runs}-runs-{len(bounds.faults)}-faults"


@pytest.mark.parametrize(
    "case", [*SUITE, *(pytest.param(case, marks=pytest.mark.campaign) for case in CAMPAIGN)], ids=_named
)
def test_the_rule_loses_nothing_and_leaves_not_even_a_passing_gap(case: tuple[Rule, Bounds]) -> None:
    verdict = search(*case, against=ANYTHING)
    log.info("%s: %d states", _named(case), verdict.states)
    assert verdict.finding is None, "\n".join(verdict.trace)
    assert verdict.calm_states > case[1].events, "a search that never comes to rest has shown nothing"


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(Bounds(events=1, fifo_runs=1, faults=FORGETFUL), id="one-event"),
        pytest.param(Bounds(2, 1, FORGETFUL - {Fault.REASSIGNMENT}), id="one-owner"),
        pytest.param(Bounds(2, 1, FORGETFUL), id="two-of-both", marks=pytest.mark.campaign),
    ],
)
def test_what_a_consumer_has_lost_comes_again_when_an_operator_asks_for_it(bounds: Bounds) -> None:
    verdict = search(Rule.BUILT, bounds, against=BUT_PASSING_GAPS)
    log.info("forgetful, %d events: %d states", bounds.events, verdict.states)
    assert verdict.finding is None, "\n".join(verdict.trace)
    assert verdict.calm_states


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (Rule.AT_ASSIGNMENT, Fault.REASSIGNMENT),
        (Rule.IN_FIRST_BATCH, Fault.REASSIGNMENT),
        (Rule.FROM_MEMORY, Fault.LOST_ANSWER),
        (Rule.CARRIES_ON, Fault.LOST_ANSWER),
        (Rule.PUBLISHED_WHEN_QUEUED, Fault.FAILED_SEND),
        (Rule.NO_SECOND_LOOK, Fault.FAILED_SEND),
    ],
    ids=lambda case: case.name.lower(),
)
def test_a_wrong_rule_is_caught_with_a_single_kind_of_fault(rule: Rule, fault: Fault) -> None:
    bounds = Bounds(events=3, fifo_runs=2, faults=frozenset({fault}))
    verdict = search(rule, bounds, against=HARM)
    log.info("%s (%s)\n  %s", rule.value, verdict.finding, "\n  ".join(verdict.trace))
    assert verdict.finding in HARM
    assert verdict.trace


def test_an_operators_republish_that_skips_what_was_never_queued_is_caught() -> None:
    bounds = Bounds(events=2, fifo_runs=1, faults=frozenset({Fault.REASSIGNMENT, Fault.REPUBLISH}))
    verdict = search(Rule.REPUBLISHES_ANYWHERE, bounds, against=HARM)
    log.info("%s (%s)\n  %s", Rule.REPUBLISHES_ANYWHERE.value, verdict.finding, "\n  ".join(verdict.trace))
    assert verdict.finding is Finding.WAITING


def test_a_wish_that_is_met_once_it_is_queued_is_caught() -> None:
    bounds = Bounds(events=2, fifo_runs=1, faults=frozenset({Fault.FAILED_SEND, Fault.FORGETTING}))
    verdict = search(Rule.DROPS_THE_WISH, bounds, against=HARM)
    log.info("%s (%s)\n  %s", Rule.DROPS_THE_WISH.value, verdict.finding, "\n  ".join(verdict.trace))
    assert verdict.finding is Finding.LOSS


def test_a_trace_tells_who_did_what() -> None:
    bounds = Bounds(events=1, fifo_runs=1, faults=frozenset({Fault.LOST_ANSWER}))
    assert search(Rule.CARRIES_ON, bounds, against=HARM).trace == (
        "A commits 1, having read 0",
        "A never gets COMMIT's answer",
    )
