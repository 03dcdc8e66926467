"""Composes notification: causes and contacts in, letters out."""

from functools import cache

from fastapi import FastAPI

from services.notification import api, consumers, domain
from services.notification.config import Settings
from services.notification.gateway import Mailer
from services.notification.handlers import Counts, Sender
from services.notification.store import Messages
from shared.contracts.catalogue import batch_of
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_CONTACTS, SUBSIDY_EVENTS
from shared.plumbing import service
from shared.plumbing.seal import Seal
from shared.plumbing.service import Definition, Parts


def main() -> None:
    """Run the service until it is told to stop."""
    settings = Settings()
    service.run(definition(settings), settings)


def definition(settings: Settings) -> Definition:
    """What makes notification differ from the other services."""
    counts = Counts()
    seal = cache(lambda: Seal.from_file(settings.seal_key_file))
    mailer = Mailer(
        settings.smtp_host, settings.smtp_port, settings.sender_address, simulated=settings.simulated
    )

    async def send(parts: Parts, _app: FastAPI) -> None:
        await Sender(Messages(parts.pool), parts.seal, mailer, counts).run()

    return Definition(
        name="notification",
        groups=lambda metrics: consumers.lane_groups(metrics, counts, seal),
        payloads={
            consumers.CAUSES: batch_of(ENROLLMENT_EVENTS, SUBSIDY_EVENTS, only=domain.FACTS_READ),
            consumers.CONTACTS: batch_of(PROVINCE_CONTACTS),
        },
        routers=(api.router,),
        background=(send,),
    )


if __name__ == "__main__":
    main()
