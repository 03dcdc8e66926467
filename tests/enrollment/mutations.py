"""Valid events of every type, damaged at random as no province should send them: the same for the same seed."""

import gzip
import string
from collections import deque
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson

from shared.contracts.catalogue import CONTACT, MESSAGES
from shared.contracts.envelope import EVENT_MAX_BYTES
from shared.contracts.examples import example
from shared.contracts.provinces import EVENT_VOIDED

Json = dict[str, Any]
RawHeaders = list[tuple[bytes, bytes | None]]

EXAMPLES: Final = [example(m) for m in MESSAGES if m.publisher == "provinces" and m.name != CONTACT]
LEFT_AS_IT_IS: Final = 0.2
SENT_AGAIN: Final = 0.05
CORRECTABLE: Final = 200
"""So many of the last events of a lane may be voided or corrected."""
CORRECTED: Final = 0.1
CORRECTED_RIGHTLY: Final = 0.7
POOL: Final = 30
NEW_EACH: Final = 100
"""Workers and numbers are drawn from so many at a time, one of them new for each so many events: events build on each
other and get in each other's way."""
HUGE_RARELY: Final = 0.002
_DIGITS: Final = str.maketrans(string.digits, string.ascii_uppercase[:10])
_RAW: Final = "@raw@"
"""Stands in a value for JSON that no writer writes."""


@dataclass(slots=True)
class Mutated:
    """One record, and the id of its event where that was left as it is."""

    lane: str
    value: bytes | None
    headers: RawHeaders
    key: bytes | None
    intact_id: str | None


def mutated(seed: int, count: int, lanes: tuple[str, ...]) -> Iterator[Mutated]:
    """`count` records, of all types in turn."""
    random = Random(seed)
    sent: dict[str, deque[Json]] = {lane: deque(maxlen=CORRECTABLE) for lane in lanes}
    for n in range(count):
        lane = random.choice(lanes)
        event = _fresh(EXAMPLES[n % len(EXAMPLES)], f"m-{seed}-{n}", lane, random, n // NEW_EACH)
        _correct(event, sent[lane], random)
        if random.random() < LEFT_AS_IT_IS:
            sent[lane].append(event)
            yield Mutated(lane, orjson.dumps(event), [], None, event["id"])
            continue
        if random.random() < SENT_AGAIN:
            event["id"] = f"m-{seed}-{random.randrange(n + 1)}"
        record = Mutated(lane, orjson.dumps(event), [], None, None)
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            random.choice(_WAYS)(record, random)
        yield record


def _fresh(example: Json, event_id: str, lane: str, random: Random, first: int) -> Json:
    """The example as another event: of another worker, under other numbers, from `first` on."""
    event = deepcopy(example) | {"id": event_id, "source": f"//provinces/{lane}/wuxi"}
    if "subject" in event:
        digits = str(first + random.randrange(POOL)).translate(_DIGITS)
        event["subject"] = f"k1.M{digits:Z>51}"
    for name, value in event["data"].items():
        if name.endswith("_no"):
            number = first + random.randrange(1, POOL)
            event["data"][name] = number if isinstance(value, int) else f"{lane}-{number}"
    return event


def _correct(event: Json, sent: deque[Json], random: Random) -> None:
    """Let a void name an event that was sent, and let some other events correct one of their type."""
    if event["type"] == EVENT_VOIDED and sent:
        wrong = random.choice(sent)
        event["data"]["event_id"] = wrong["id"]
        event.pop("subject", None)
        if "subject" in wrong:
            event["subject"] = wrong["subject"]
        return
    alike = [one for one in sent if one["type"] == event["type"]]
    if alike and random.random() < CORRECTED:
        wrong = random.choice(alike)
        event["supersedes"] = wrong["id"]
        if random.random() < CORRECTED_RIGHTLY:
            event |= {name: deepcopy(wrong[name]) for name in ("subject", "data") if name in wrong}


# ---------------------------------------------------------------- what stands in an event

NUMBERS: Final = [
    "0", "-0", "-0.0", "-1", "1.5", "1e2", "1E+2", "1e-400", "1e308", "1e400", "-1e400", "NaN", "Infinity",
    "-Infinity", "01", "+1", "1.", ".5", "0x10", "1_000", str(2**31), str(2**53 - 1), str(2**53),
    str(2**63 - 1), str(2**63), str(2**64), str(2**70), "9" * 5_000, "0." + "3" * 5_000,
    "1e99999999999999999999", '"1"', '"１２"', '" 1"', "true",
]  # fmt: skip
DATES: Final = [
    "1899-12-31", "1949-12-31", "1950-01-01", "2099-12-31", "2100-01-01", "2999-01-01", "0000-00-00",
    "0001-01-01", "9999-12-31", "10000-01-01", "-0001-01-01", "2027-02-29", "2028-02-29", "2027-13-01",
    "2027-06-31", "20270302", "2027-W09-2", "2027-061", "2027-3-2", "１９９９-０１-０１", "02/03/2027",
    "2027-03-02T00:00:00", "2027-06-30T23:59:60Z", "2016-12-31T23:59:60+00:00", "2027-03-02T24:00:00Z",
    "2027-03-02T09:30:00+23:59", "2027-03-02T09:30:00+24:00", "2027-03-02T09:30:00-00:00",
    "2027-03-02T09:30:00+08", "2027-03-02T09:30:00+08:00:30", "2027-03-02 09:30:00Z", "2027-03-02T09:30Z",
    "2027-03-02t09:30:00z", "2027-03-02T09:30:00.123456789123Z", "2099-12-31T23:59:59.999999-12:00",
    "1950-01-01T00:00:00+14:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1772415000",
    "1772415000000",
]  # fmt: skip
TEXTS: Final = [
    r'""', r'" "', r'"\u0000"', r'"a\u0000b"', r'"\\u0000"', r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"',
    r'"\u001b[31m"', r'"\u202eabc"', r'"\u200b"', r'"\ufeff"', r'"\uffff"', r'"\u2028"', r'"\u007f"',
    r'"\u0085"', r'"é"', r'"e\u0301"', r'"ﬁ"', r'"İ"', r'"𠮷𩸽"', r'"👷🏽‍♀️"', r'"\u200f\u200e"',
    r'"{field}{0}{"', r'"%s%n"', r'"=1+1"', r'"\n"', r'"\t"', r'" / "', r'"a\\"', '"' + "a" * 201 + '"',
    '"' + "长" * 200 + '"', '"' + "ﷺ" * 70 + '"', '"' + "Z\u0301" * 300 + '"', '"' + "x" * 70_000 + '"',
    """"'; DROP TABLE inbox; --\"""",
]  # fmt: skip
OTHERS: Final = [
    "null", "[]", "{}", "[[]]", "[null]", "false", '{"a":null}', '{"a":1,"a":2}', '{"":{"":{}}}', "[1,]", "{,}",
    "'x'", "[" * 10 + "]" * 10, "[" * 200 + "]" * 200, "[" * 252 + "]" * 252, "[" * 255 + "]" * 255,
    "[" * 1_025 + "]" * 1_025, '{"a":' * 250 + "1" + "}" * 250, '{"a":' * 2_000 + "1" + "}" * 2_000,
    "[" * 100_000, "[" + "0," * 30_000 + "0]",
]  # fmt: skip
_DATES_AS_JSON: Final = [f'"{day}"' for day in DATES]
ODD: Final = (NUMBERS, _DATES_AS_JSON, TEXTS, OTHERS)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an event, as the keys that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from _places(one, (*path, key))


def _in_event(record: Mutated, random: Random, change: Callable[[Any, Any, Random], str | None]) -> None:
    """Change one place of the event, if it can still be read; what `change` returns is put in raw."""
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return
    places = list(_places(event))
    if not places:
        return
    *way, last = random.choice(places)
    inside = event
    for key in way:
        inside = inside[key]
    raw = change(inside, last, random)
    try:
        value = orjson.dumps(event)
    except TypeError:  # deeper than it writes
        return
    record.value = value if raw is None else value.replace(f'"{_RAW}"'.encode(), raw.encode(), 1)


def _replace(inside: Any, key: Any, random: Random) -> str:
    """Most often by something of another kind, sometimes by what is almost right."""
    alike = NUMBERS if isinstance(inside[key], int) else _DATES_AS_JSON if _is_day(inside[key]) else TEXTS
    inside[key] = _RAW
    return random.choice(alike if random.random() < 0.5 else random.choice(ODD))


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and value[:2] in {"19", "20"} and value[4:5] == "-"


def _take_out(inside: Any, key: Any, _: Random) -> None:
    del inside[key]


def _put_beside(inside: Any, key: Any, random: Random) -> str | None:
    if not isinstance(inside, dict):
        return None
    name = random.choice(["colour", "", "history", "ID", "ｉｄ", "data", "x" * 70_000, "\u202e", key.upper()])
    inside[name] = _RAW
    return random.choice(random.choice(ODD))


def _twice(inside: Any, key: Any, _: Random) -> str | None:
    """The same key twice: the first time escaped, so that only a reader of keys sees it."""
    if not isinstance(inside, dict):
        return None
    name = "".join(f"\\u{ord(c):04x}" for c in key if ord(c) < 2**16)
    value = inside[key]
    if not isinstance(value, str | int):
        return None
    inside[key] = _RAW
    return f'{orjson.dumps(value).decode()},"{name}":1'


def _swap(inside: Any, key: Any, random: Random) -> None:
    keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
    other = random.choice(keys)
    inside[key], inside[other] = inside[other], inside[key]


# ---------------------------------------------------------------- the bytes of a record


def _bytes_of(record: Mutated, random: Random) -> None:
    raw = record.value or b""
    at, to = sorted((random.randrange(len(raw) + 1), random.randrange(len(raw) + 1)))
    record.value = random.choice(_BYTES)(raw, at, to, random)


_BYTES: Final[list[Callable[[bytes, int, int, Random], bytes | None]]] = [
    lambda raw, at, to, random: raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :],
    lambda raw, at, to, random: raw[:at] + bytes(b ^ 1 << random.randrange(8) for b in raw[at:to]) + raw[to:],
    lambda raw, at, to, random: raw[:at],
    lambda raw, at, to, random: raw[at:],
    lambda raw, at, to, random: raw[:at] + raw[to:],
    lambda raw, at, to, random: raw[:to] + raw[at:],
    lambda raw, at, to, random: raw + raw,
    lambda raw, at, to, random: raw + b"," + raw,
    lambda raw, at, to, random: b"[" + raw + b"," + raw + b"]",
    lambda raw, at, to, random: raw[:at] + random.randbytes(random.randrange(1, 20)) + raw[at:],
    lambda raw, at, to, random: random.randbytes(random.randrange(200)),
    lambda raw, at, to, random: b"\xef\xbb\xbf" + raw,
    lambda raw, at, to, random: raw.decode(errors="replace").encode("utf-16"),
    lambda raw, at, to, random: raw.decode(errors="replace").encode("gb18030"),
    lambda raw, at, to, random: gzip.compress(raw, mtime=0),
    lambda raw, at, to, random: raw.replace(b":", b": \n\t", 20),
    lambda raw, at, to, random: b" " * 3_000 + raw + b"\n" * 3_000,
    lambda raw, at, to, random: raw.replace(b'"', b"'"),
    lambda raw, at, to, random: b"",
    lambda raw, at, to, random: None,
]  # fmt: skip


def _fill_up(record: Mutated, random: Random) -> None:
    """To just under, at and over the limit, most often by a little."""
    if record.value is None or random.random() > HUGE_RARELY * len(_WAYS):
        return
    blanks = EVENT_MAX_BYTES - len(record.value) + random.choice((-1, 0, 1, 1_000_000))
    record.value = b" " * max(0, blanks) + record.value


# ---------------------------------------------------------------- headers and keys

_TRACE: Final = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
HEADERS: Final[list[tuple[bytes, bytes | None]]] = [
    (b"", b""), (b"x", None), (b"x", b"\xff\xfe"), (b"\xff\xfe", b"x"), ("地址".encode("gbk"), b"x"),
    (b"x", b"y" * 50_000), (b"y" * 5_000, b""), (b"traceparent", None), (b"traceparent", _TRACE),
    (b"traceparent", _TRACE.upper()), (b"traceparent", _TRACE[:-1]), (b"traceparent", _TRACE + b"\n"),
    (b"traceparent", b"\xff" * 55), (b"traceparent", b""),
    (b"traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00"), (b"tracestate", b"\x00=\xff"),
    (b"baggage", b"a=" + b"b" * 9_000), (b"content-type", b"application/cloudevents-batch+json"),
    (b"content-type", b"application/cloudevents+json; charset=gbk"), (b"content-type", b"\xff"),
    (b"content-type", None), (b"Content-Type", b"application/json"), (b"reply_to", b"door.enrollment.events"),
    (b"correlation_id", b"\xc3\x28"), (b"message_id", b""), (b"ce_specversion", b"1.0"),
    (b"ce_specversion", b"0.3"), (b"ce_specversion", None), (b"ce_id", b"\xff"), (b"ce_id", b"a\x00b"),
    (b"ce_id", b""), (b"ce_id", b"i" * 129), (b"ce_source", b"//provinces/33/hr"), (b"ce_source", None),
    (b"ce_type", b"dreams.worker.registered.v2"), (b"ce_type", b"t" * 70_000),
    (b"ce_time", b"2027-06-30T23:59:60Z"), (b"ce_subject", b"320102199001011234"),
    (b"ce_subject", "０".encode() * 30_000), (b"ce_data", b"{}"), (b"ce_", b"x"), (b"ce_colour", b"red"),
    (b"ce_datacontenttype", b"text/xml"), (b"ce_dataschema", b"\n" * 257), (b"ce_\xff", b"x"), (b"CE_ID", b"x"),
]  # fmt: skip


def _some_headers(record: Mutated, random: Random) -> None:
    record.headers += random.choices(HEADERS, k=random.choice((1, 1, 2, 5, 20)))
    random.shuffle(record.headers)


def _as_binary(record: Mutated, random: Random) -> None:
    """Binary mode, whole or in part: attributes in headers, the data or still the whole event in the value."""
    try:
        event = orjson.loads(record.value or b"")
        attributes = {
            name: str(value).encode(errors="replace") for name, value in event.items() if name != "data"
        }
        names = [(b"ce_" + name.encode(), value) for name, value in attributes.items()]
        data = orjson.dumps(event["data"])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return
    keep = 1.0 if random.random() < 0.5 else random.random()
    record.headers += [one for one in names if random.random() < keep]
    if random.random() < 0.8:
        record.value = data


def _odd_key(record: Mutated, random: Random) -> None:
    record.key = random.choice((None, b"", b"\x00", b"\xff" * 100, b"k" * 20_000, b"32"))


_WAYS: Final[list[Callable[[Mutated, Random], None]]] = [
    *[lambda record, random: _in_event(record, random, _replace)] * 6,
    lambda record, random: _in_event(record, random, _take_out),
    lambda record, random: _in_event(record, random, _put_beside),
    lambda record, random: _in_event(record, random, _twice),
    lambda record, random: _in_event(record, random, _swap),
    *[_bytes_of] * 3,
    _some_headers,
    _some_headers,
    _as_binary,
    _odd_key,
    _fill_up,
]
