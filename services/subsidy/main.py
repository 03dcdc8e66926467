"""Runs subsidy: budgets, awards and the ledger."""

from services.subsidy import consumers
from services.subsidy.api import awards, checks, lists, money, payments, schemes
from services.subsidy.config import Settings, load_rules
from services.subsidy.domain import deciding
from shared.contracts.catalogue import batch_of
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS
from shared.plumbing import look_ups, replay, service
from shared.plumbing.service import Definition


def definition(settings: Settings) -> Definition:
    """The service, put together; SchemeError where a scheme file is not valid."""
    rules = load_rules(settings)
    replays = replay.Replay(SUBSIDY_EVENTS)
    return Definition(
        name="subsidy",
        groups=consumers.groups(rules),
        payloads={consumers.GROUP: batch_of(ENROLLMENT_EVENTS, only=deciding.READ)},
        routers=(
            money.router,
            lists.router,
            payments.router,
            awards.router(rules),
            checks.router(rules),
            schemes.router(rules),
            look_ups.router,
            replay.router(replays),
        ),
        background=(money.watch_ledger, replays.run),
    )


def main() -> None:
    """Run the service until it is told to stop."""
    settings = Settings()
    service.run(definition(settings), settings)


if __name__ == "__main__":
    main()
