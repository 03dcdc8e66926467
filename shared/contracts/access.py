"""Who may write and who may read which topic: the one list that users and rights are made from."""

from dataclasses import dataclass
from typing import Final

from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import (
    ENROLLMENT_EVENTS,
    PROVINCE_CONTACTS,
    PROVINCE_DECISIONS,
    PROVINCE_EVENTS,
    PROVINCE_RECEIPTS,
    REPLAYED,
    REPORTING_CHANGES,
    REPORTING_STATISTICS,
    STREAMS,
    SUBSIDY_EVENTS,
    Stream,
    replays_of,
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A user of the broker: topics it may write, topics it may read, prefixes of the groups it may join."""

    name: str
    write: tuple[str, ...]
    read: tuple[str, ...]
    group_prefixes: tuple[str, ...]
    made_prefixes: tuple[str, ...] = ()
    """Topics that begin so it makes, writes and deletes itself: replays of its own log."""
    read_prefixes: tuple[str, ...] = ()
    """Topics that begin so it may read: replays that others make."""


def principals(namespace: str = "") -> tuple[Principal, ...]:
    """All users of a deployment's broker with least rights: services, provinces and the operator."""
    return (
        *_services(namespace),
        _http_door(namespace),
        *(_province(namespace, code) for code in LANE_CODES),
        _operator(namespace),
    )


HTTP_DOOR: Final = "http-door"
"""The user that writes what provinces send by HTTP; enrollment's own user may not write there."""


def province_principal(code: str) -> str:
    """The name of the user that publishes for lane `code`."""
    return f"province-{code}"


def _services(namespace: str) -> tuple[Principal, ...]:
    def all_of(*streams: Stream) -> tuple[str, ...]:
        return tuple(name for stream in streams for name in stream.topics(namespace))

    return (
        Principal(
            "enrollment",
            all_of(ENROLLMENT_EVENTS, PROVINCE_RECEIPTS),
            all_of(PROVINCE_EVENTS, ENROLLMENT_EVENTS, PROVINCE_RECEIPTS),
            (f"{namespace}enrollment",),
            (replays_of(ENROLLMENT_EVENTS, namespace),),
        ),
        Principal(
            "subsidy",
            all_of(SUBSIDY_EVENTS, PROVINCE_DECISIONS),
            all_of(ENROLLMENT_EVENTS, SUBSIDY_EVENTS, PROVINCE_DECISIONS),
            (f"{namespace}subsidy",),
            (replays_of(SUBSIDY_EVENTS, namespace),),
        ),
        Principal(
            "notification",
            (),
            all_of(ENROLLMENT_EVENTS, SUBSIDY_EVENTS, PROVINCE_CONTACTS),
            (f"{namespace}notification",),
        ),
        Principal(
            "reporting",
            all_of(REPORTING_CHANGES, REPORTING_STATISTICS),
            all_of(ENROLLMENT_EVENTS, SUBSIDY_EVENTS, REPORTING_CHANGES),
            (f"{namespace}reporting",),
            read_prefixes=tuple(replays_of(stream, namespace) for stream in REPLAYED),
        ),
    )


def _http_door(namespace: str) -> Principal:
    """Writes to the provinces' topics and reads nothing: which province may, its token has said."""
    return Principal(HTTP_DOOR, PROVINCE_EVENTS.topics(namespace), (), ())


def _province(namespace: str, code: str) -> Principal:
    return Principal(
        province_principal(code),
        (PROVINCE_EVENTS.topic(namespace, code), PROVINCE_CONTACTS.topic(namespace, code)),
        (PROVINCE_RECEIPTS.topic(namespace, code), PROVINCE_DECISIONS.topic(namespace, code)),
        (f"{namespace}province-{code}.",),
    )


def _operator(namespace: str) -> Principal:
    """Reads everything but contacts, writes nothing: operators act through the services' APIs."""
    read = tuple(
        name for stream in STREAMS if stream is not PROVINCE_CONTACTS for name in stream.topics(namespace)
    )
    return Principal("operator", (), read, (f"{namespace}operator",))
