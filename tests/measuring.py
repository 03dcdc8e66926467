"""Which processes are left out of the measuring of branches."""

from typing import Final

UNMEASURED: Final = {"COVERAGE_PROCESS_CONFIG": ""}
"""For the environment of a process that will be killed: it would leave no measurement, and being measured is slow."""
