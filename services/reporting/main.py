"""Compose and run reporting."""

from functools import partial

from services.reporting import consumers, handlers
from services.reporting.api import (
    bulletin,
    cells,
    closing,
    editions,
    files,
    live,
    numbers,
    officials,
    public,
    quality,
    rebuilding,
    reconciling,
    site,
    stating,
    targets,
    trends,
)
from services.reporting.config import Settings, load_targets
from shared.contracts.catalogue import batch_of
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS
from shared.plumbing import look_ups
from shared.plumbing.service import Definition, run
from shared.plumbing.signing import Signer


def definition(settings: Settings) -> Definition:
    """What makes this service reporting."""
    book = load_targets(settings.targets_file)
    picture = live.Live(settings.live_readers_max, book)
    rebuild = rebuilding.Rebuild(partial(consumers.facts, keeps_up=False), publishes=settings.publish_changes)
    reconciliation = reconciling.Reconciling(settings.reconcile_every_s)
    signer = Signer.from_file(settings.signing_key_file) if settings.signing_key_file else None
    return Definition(
        name="reporting",
        groups=lambda metrics: [consumers.facts(metrics, publishes=settings.publish_changes)],
        payloads={"reporting": batch_of(ENROLLMENT_EVENTS, SUBSIDY_EVENTS, only=consumers.FACT_MODELS)},
        routers=(
            live.router(picture),
            numbers.router,
            targets.router(book),
            trends.router,
            quality.router,
            reconciling.router,
            cells.router,
            files.router,
            closing.router(book, signer),
            editions.router(signer),
            public.router,
            bulletin.router(book),
            officials.router,
            rebuilding.router(rebuild),
            look_ups.router,
            site.router(picture),
        ),
        background=(
            picture.run,
            handlers.sum_up,
            rebuild.run,
            reconciliation.run,
            *((stating.Stating().run,) if settings.publish_changes else ()),
        ),
    )


def main() -> None:
    """Run until told to stop."""
    settings = Settings()
    run(definition(settings), settings)


if __name__ == "__main__":
    main()
