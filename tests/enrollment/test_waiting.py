"""What waits is kept as small as its content and judged as it was sent."""

import orjson
import pytest

from services.enrollment.domain.intake import reread
from shared.contracts.submission import content_hash, read
from tests.enrollment.events import enrolled, registered, worker_ref
from tests.enrollment.memory import Books

KEPT_MAX_BYTES = 16 * 1024
BLANKS, DIGITS = b" " * 1_000_000, b"0" * 1_000_000
ESCAPED = b"".join(b"\\u%04x" % letter for letter in b"blended")
SENT = enrolled(worker_ref("A"), "32-padded", id="padded")
RAW = orjson.dumps(SENT)
PADDED = {
    "blanks around it": BLANKS + RAW,
    "blanks within its data": RAW.replace(b'"data":{', b'"data":{' + BLANKS),
    "digits of its second": RAW.replace(b"08:00:00+08:00", b"08:00:00." + DIGITS + b"+08:00"),
    "escaped letters": RAW.replace(b"blended", ESCAPED),
}


@pytest.mark.parametrize("name", PADDED)
def test_a_padded_event_waits_in_a_few_kilobytes_and_is_judged_as_it_was_sent(name: str) -> None:
    books = Books()
    sent = read(PADDED[name], (), "32", 7)
    assert books.take(sent) == ("parked", "waits_for")
    [kept] = books.register.parked.values()
    assert len(kept.raw) <= KEPT_MAX_BYTES
    assert content_hash(reread(kept)) == content_hash(sent) == content_hash(read(RAW, (), "32", 7))
    assert books.ask(registered(worker_ref("A"))) == ("accepted", None)
    assert books.status_at(7) == ["parked", "accepted"]
    [fact] = [fact for fact in books.results.facts if fact.cause.id == "padded"]
    assert fact.data.items() >= SENT["data"].items()
    assert books.ask(SENT) == ("duplicate", "duplicate")


def test_an_event_in_the_longest_words_still_waits_in_a_few_kilobytes() -> None:
    longest = "\x01" * 200
    sent = enrolled(worker_ref("A"), "32-long", id="i" * 128)
    sent["data"] |= {
        "programme": longest,
        "cohort": longest,
        "employer": {"name": longest, "code": "91320200MA00000000", "sector": "C"},
        "institution": {"code": "10285", "name": longest, "kind": "university"},
    }
    books = Books()
    assert books.ask(sent) == ("parked", "waits_for")
    [kept] = books.register.parked.values()
    assert len(kept.raw) <= KEPT_MAX_BYTES
