"""Lets enrollment's facts in: one group over all lanes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from services.subsidy import handlers
from services.subsidy.domain import deciding
from services.subsidy.domain.schemes import Rules
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_DECISIONS, SUBSIDY_EVENTS
from shared.plumbing.batch import LaneGroup
from shared.plumbing.decoding import FactDecoder
from shared.plumbing.metrics import Metrics

GROUP: Final = "subsidy"


def groups(rules: Rules) -> Callable[[Metrics], Sequence[LaneGroup]]:
    """The lane groups of the service, deciding by `rules`."""

    def make(_metrics: Metrics) -> Sequence[LaneGroup]:
        return (
            LaneGroup(
                name=GROUP,
                gather_ms=100,
                reads=(ENROLLMENT_EVENTS,),
                writes=(SUBSIDY_EVENTS, PROVINCE_DECISIONS),
                gate="seq",
                decode=FactDecoder(deciding.READ),
                handle=partial(handlers.decide_awards, rules),
                ticks=True,  # a queue too long for one batch goes on while the lane is idle
            ),
        )

    return make
