"""Compose and run enrollment."""

from services.enrollment import consumers
from services.enrollment.api import completeness, events, journeys, receipts, registers, totals
from services.enrollment.config import Settings
from services.enrollment.gateway import ProvinceTopics
from shared.contracts.access import HTTP_DOOR
from shared.contracts.catalogue import batch_of
from shared.contracts.topics import DOOR_BATCH_MAX_BYTES, ENROLLMENT_EVENTS, PROVINCE_EVENTS
from shared.plumbing import look_ups, replay
from shared.plumbing.kafka import make_producer
from shared.plumbing.service import Definition, run


def definition(settings: Settings) -> Definition:
    """What makes this service enrollment."""
    topics = ProvinceTopics(
        settings.namespace, lambda: make_producer(_as_http_door(settings), DOOR_BATCH_MAX_BYTES)
    )
    replays = replay.Replay(ENROLLMENT_EVENTS)
    return Definition(
        name="enrollment",
        groups=lambda metrics: [consumers.door(settings.clock_offset_s, metrics)],
        payloads={"enrollment": batch_of(PROVINCE_EVENTS)},
        routers=(
            events.router(_door(topics, settings)),
            receipts.router,
            totals.router,
            journeys.router,
            registers.router,
            completeness.router,
            look_ups.router,
            replay.router(replays),
        ),
        background=(topics.run, replays.run),
        at_the_door=True,
    )


def _door(topics: ProvinceTopics, settings: Settings) -> events.HttpDoor:
    return events.HttpDoor(topics, settings.door_events_per_s, settings.door_events_at_once)


def _as_http_door(settings: Settings) -> Settings:
    """The same broker, reached as the user that writes what provinces send by HTTP."""
    login = {"kafka_username": HTTP_DOOR, "kafka_password_file": settings.door_password_file}
    return settings.model_copy(update=login)


def main() -> None:
    """Run until told to stop."""
    settings = Settings()
    run(definition(settings), settings)


if __name__ == "__main__":
    main()
