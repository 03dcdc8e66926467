"""The trail of look-ups: who looked at what."""

import hashlib
from typing import Any, Final

import structlog

from shared.plumbing.tokens import Caller

HASH_CHARS: Final = 16

log = structlog.get_logger()


def note(what: str, caller: Caller, lane: str | None, **found: Any) -> None:
    """A line of the log, which grows nowhere in the database and is kept as logs are kept."""
    log.info(what, caller=caller.name, role=caller.role, lane=lane, **found)


def hashed(name: str) -> str:
    """What stands in the trail for an id, which may hold anything, or a worker: a known one can be compared."""
    return hashlib.sha256(name.encode()).hexdigest()[:HASH_CHARS]
