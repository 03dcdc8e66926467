"""Let facts in: one lane group over what enrollment and subsidy publish."""

from services.reporting.handlers import TakeIn
from shared.contracts import enrollment, subsidy
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS
from shared.plumbing.batch import LaneGroup
from shared.plumbing.decoding import FactDecoder
from shared.plumbing.metrics import Metrics

FACT_MODELS = {**enrollment.FACT_MODELS, **subsidy.FACT_MODELS}
"""What each fact carries, whoever published it."""


def facts(metrics: Metrics) -> LaneGroup:
    """All facts of all lanes; nothing is written to Kafka."""
    return LaneGroup(
        name="reporting",
        reads=(ENROLLMENT_EVENTS, SUBSIDY_EVENTS),
        writes=(),
        gate="seq",
        decode=FactDecoder(FACT_MODELS),
        handle=TakeIn(metrics.registry),
    )
