"""What goes wrong on the way from a province: events sent twice, changed under the same id, or broken."""

from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

import orjson

from console.province.stories import Event
from shared.contracts.lanes import LANE_CODES


class Broken(NamedTuple):
    """A record that is refused, with the code that its receipt will carry."""

    value: bytes | None
    code: str


def resent(event: Event, rng: Random) -> Event:
    """The same event again: every other time with its fields in another order, which changes nothing."""
    if rng.getrandbits(1):
        return event
    data = dict(reversed(event["data"].items()))
    return {**dict(reversed(event.items())), "data": data}


def altered(event: Event) -> Event:
    """The same id with other content: its time is another."""
    return {**event, "time": _other_time(event["time"])}


def broken(event: Event, fresh_id: str, rng: Random) -> Broken:
    """`event` damaged in one of many ways, under its own id (a mended one follows) or another."""
    if rng.getrandbits(1):
        event = {**event, "id": fresh_id}
    return rng.choice(_DAMAGES)(event)


def _other_time(time: str) -> str:
    return time[:17] + ("30" if time[17:19] != "30" else "31") + time[19:]


def _with(event: Event, **attributes: Any) -> bytes:
    return orjson.dumps({**event, **attributes})


def _with_data(event: Event, **fields: Any) -> bytes:
    return orjson.dumps({**event, "data": {**event["data"], **fields}})


def _not_json(event: Event) -> Broken:
    return Broken(b"\xff\xfe" + event["id"].encode(), "unreadable")


def _cut_off(event: Event) -> Broken:
    return Broken(orjson.dumps(event)[:-7], "unreadable")


def _not_a_number(event: Event) -> Broken:
    return Broken(orjson.dumps(event)[:-1] + b',"extra":NaN}', "unreadable")


def _key_twice(event: Event) -> Broken:
    return Broken(orjson.dumps(event)[:-1] + b',"id":"another"}', "unreadable")


def _two_in_one(event: Event) -> Broken:
    return Broken(orjson.dumps(event) + b"\n" + orjson.dumps(event), "unreadable")


def _listed(event: Event) -> Broken:
    return Broken(orjson.dumps([event]), "unreadable")


def _nameless(event: Event) -> Broken:
    return Broken(orjson.dumps({name: value for name, value in event.items() if name != "id"}), "unreadable")


def _empty(_: Event) -> Broken:
    return Broken(None, "empty")


def _unknown_type(event: Event) -> Broken:
    return Broken(_with(event, type="dreams.worker.celebrated.v1"), "unknown_type")


def _unknown_version(event: Event) -> Broken:
    return Broken(_with(event, type=event["type"][:-1] + "9"), "unknown_version")


def _foreign(event: Event) -> Broken:
    own = event["source"].split("/")[3]
    other = LANE_CODES[(LANE_CODES.index(own) + 1) % len(LANE_CODES)]
    return Broken(_with(event, source=f"//provinces/{other}/simulator"), "foreign_province")


def _unknown_field(event: Event) -> Broken:
    return Broken(_with_data(event, remark="备注"), "unknown_field")


def _field_missing(event: Event) -> Broken:
    data = dict(event["data"])
    del data[next(iter(data))]
    return Broken(_with(event, data=data), "missing_field")


def _year_1899(event: Event) -> Broken:
    return Broken(_with(event, time="1899-12-31T08:00:00+08:00"), "invalid")


def _year_2999(event: Event) -> Broken:
    return Broken(_with(event, time="2999-01-01T08:00:00+08:00"), "invalid")


def _without_zone(event: Event) -> Broken:
    return Broken(_with(event, time=event["time"][:19]), "invalid")


def _negative(event: Event) -> Broken:
    name = next((name for name in event["data"] if name.endswith("_fen")), None)
    return Broken(_with_data(event, **{name: -1}), "invalid") if name else _without_zone(event)


def _no_reference(event: Event) -> Broken:
    return Broken(_with(event, subject="worker 1"), "invalid") if "subject" in event else _year_1899(event)


_DAMAGES: Final[tuple[Callable[[Event], Broken], ...]] = (
    _not_json,
    _cut_off,
    _not_a_number,
    _key_twice,
    _two_in_one,
    _listed,
    _nameless,
    _empty,
    _unknown_type,
    _unknown_version,
    _foreign,
    _unknown_field,
    _field_missing,
    _year_1899,
    _year_2999,
    _without_zone,
    _negative,
    _no_reference,
)
