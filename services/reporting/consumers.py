"""Let facts in: one lane group over what enrollment and subsidy publish."""

from services.reporting.domain.counting import READS
from services.reporting.handlers import TakeIn
from shared.contracts import enrollment, subsidy
from shared.contracts.topics import ENROLLMENT_EVENTS, REPORTING_CHANGES, SUBSIDY_EVENTS
from shared.plumbing.batch import LaneGroup
from shared.plumbing.decoding import FactDecoder
from shared.plumbing.metrics import Metrics

FACT_MODELS = {
    name: model for name, model in {**enrollment.FACT_MODELS, **subsidy.FACT_MODELS}.items() if name in READS
}
"""What each fact that is counted carries, whoever published it; all others are passed over by their seq."""


def facts(metrics: Metrics, *, publishes: bool = False, keeps_up: bool = True) -> LaneGroup:
    """All facts of all lanes; unless it `publishes` how numbers change, nothing is written to Kafka.

    Where it `keeps_up`, batches sum up what has become too much for readers.
    """
    return LaneGroup(
        name="reporting",
        reads=(ENROLLMENT_EVENTS, SUBSIDY_EVENTS),
        writes=(REPORTING_CHANGES,) if publishes else (),
        gate="seq",
        decode=FactDecoder(FACT_MODELS),
        handle=TakeIn(metrics.registry, publishes=publishes, keeps_up=keeps_up),
    )
