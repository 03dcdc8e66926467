"""Compose and run reporting."""

from services.reporting import consumers
from services.reporting.api import live, numbers, officials, site
from services.reporting.config import Settings
from shared.contracts.catalogue import batch_of
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS
from shared.plumbing.service import Definition, run


def definition(settings: Settings) -> Definition:
    """What makes this service reporting."""
    picture = live.Live(settings.live_readers_max)
    return Definition(
        name="reporting",
        groups=lambda metrics: [consumers.facts(metrics)],
        payloads={"reporting": batch_of(ENROLLMENT_EVENTS, SUBSIDY_EVENTS, only=consumers.FACT_MODELS)},
        routers=(live.router(picture), numbers.router, officials.router, site.router(picture)),
        background=(picture.run,),
    )


def main() -> None:
    """Run until told to stop."""
    settings = Settings()
    run(definition(settings), settings)


if __name__ == "__main__":
    main()
