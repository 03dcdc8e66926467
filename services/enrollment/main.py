"""Compose and run enrollment."""

from services.enrollment import api, consumers
from services.enrollment.config import Settings
from shared.contracts.catalogue import batch_of
from shared.contracts.topics import PROVINCE_EVENTS
from shared.plumbing.service import Definition, run


def definition(settings: Settings) -> Definition:
    """What makes this service enrollment."""
    return Definition(
        name="enrollment",
        groups=lambda metrics: [consumers.door(settings.clock_offset_s, metrics)],
        payloads={"enrollment": batch_of(PROVINCE_EVENTS)},
        routers=(api.router,),
        at_the_door=True,
    )


def main() -> None:
    """Run until told to stop."""
    settings = Settings()
    run(definition(settings), settings)


if __name__ == "__main__":
    main()
