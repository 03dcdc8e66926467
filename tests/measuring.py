"""What is left out of the measuring of branches, which makes a process take half as long again."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

CONFIG: Final = "COVERAGE_PROCESS_CONFIG"
MEASURED: Final = {CONFIG: os.environ.get(CONFIG, "")}
"""For the environment of processes that are to be measured."""
UNMEASURED: Final = {CONFIG: ""}
"""For the environment of all others. Those that are killed are always among them: they would leave no measurement."""

GO_WHERE_OTHERS_GO: Final = frozenset(
    {
        "chain/test_crash.py",
        "contracts/test_compatibility.py",
        "enrollment/test_lifecycle.py",
        "enrollment/test_mutated_events.py",
        "enrollment/test_openapi.py",
        "enrollment/test_races.py",
        "model/test_publisher_model.py",
        "plumbing/test_crashes.py",
        "plumbing/test_zombies.py",
        "province/test_verdicts.py",
        "reporting/test_nation_benchmark.py",
        "reporting/test_page.py",
        "reporting/test_reference.py",
        "subsidy/test_lifetime_machine.py",
        "subsidy/test_lifetime_races.py",
        "subsidy/test_long_queue.py",
        "subsidy/test_money.py",
        "subsidy/test_races.py",
        "subsidy/test_same_decisions.py",
    }
)
"""Tests that take ways through the product which others take too, and take them thousands of times: not measured."""


@contextlib.contextmanager
def unmeasured() -> Iterator[None]:
    """Leave out what this thread does meanwhile; others, and those that it starts, may serve other tests as well."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
