"""Each type's example goes through the domains that decide about it: what a list of types forgets shows here."""

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from services.notification.domain import FACTS_READ
from services.reporting.api.site import words
from services.reporting.consumers import FACT_MODELS
from services.reporting.domain.counting import READS, count
from services.reporting.domain.measures import MEASURES
from services.subsidy.domain import deciding
from shared.contracts import catalogue, provinces
from shared.contracts.catalogue import MESSAGES, Message, on_stream
from shared.contracts.examples import example
from shared.contracts.topics import ENROLLMENT_EVENTS
from shared.plumbing.decoding import FactDecoder
from tests.contracts.naming import message_name
from tests.enrollment.memory import Books

SENT = [m for m in MESSAGES if m.publisher == "provinces" and m.name != catalogue.CONTACT]
COUNTED = [m for m in MESSAGES if m.publisher != "provinces" and m.name in READS]
READERS = {
    "subsidy": deciding.READ,
    "notification": FACTS_READ,
    "reporting": FACT_MODELS,
}
OTHERS_BUILD_ON = (
    provinces.PROJECT_ESTABLISHED,
    provinces.INSTITUTION_JOINED,
    provinces.ALLIANCE_FORMED,
    provinces.WORKER_REGISTERED,
    provinces.WORKER_ENROLLED,
    provinces.ENROLLMENT_SUSPENDED,
    provinces.PAYMENT_SETTLED,
)


def before(message: Message) -> list[dict[str, Any]]:
    """The examples on which this one may build, each building on those before it."""
    by_name = {one.name: one for one in SENT}
    if message.name == provinces.EVENT_VOIDED:
        confirmed = example(by_name[provinces.ENROLLMENT_CONFIRMED])
        builds_on = before(by_name[provinces.ENROLLMENT_CONFIRMED])
        unpaid = [one for one in builds_on if one["type"] != provinces.PAYMENT_SETTLED]
        return [*unpaid, confirmed | {"id": "wx-2027-000399"}]
    names: tuple[str, ...] = OTHERS_BUILD_ON
    names = names[: names.index(message.name)] if message.name in names else names
    return [example(by_name[name]) | {"id": name} for name in names]


@pytest.mark.parametrize("message", SENT, ids=message_name)
def test_each_type_is_judged_with_what_is_loaded_for_it(message: Message) -> None:
    books = Books()
    answer = books.ask(example(message))
    if message.name == provinces.EVENT_VOIDED:
        assert answer == ("rejected", "unknown_event")
    else:
        assert answer[0] in {"accepted", "parked"}


@pytest.mark.parametrize("message", SENT, ids=message_name)
def test_each_type_is_accepted_once_what_it_builds_on_is_there(message: Message) -> None:
    books = Books()
    books.ask_all(*before(message))
    assert books.ask(example(message)) == ("accepted", None)


@pytest.mark.parametrize("message", SENT, ids=message_name)
def test_the_fact_of_each_type_is_what_its_contract_says(message: Message) -> None:
    books = Books()
    books.ask_all(*before(message))
    books.ask_all(example(message))
    fact = next(m for m in MESSAGES if (m.publisher, m.name) == ("enrollment", message.name))
    fact.data.model_validate_json(orjson.dumps(books.results.facts[-1].data), extra="forbid")


@pytest.mark.parametrize("message", COUNTED, ids=message_name)
def test_each_fact_is_counted_in_measures_that_are_defined(message: Message) -> None:
    fact: Any = message.model.model_validate_json(orjson.dumps(example(message)))
    found = count([(message.streams[0].pattern, fact)])
    assert {key[5] for key in found.cells} | {measure for _, measure in found.standing} <= MEASURES.keys()


def test_each_unit_has_a_word_on_the_page() -> None:
    assert {f"unit_{measure.unit}" for measure in MEASURES.values()} <= words().keys()


@pytest.mark.parametrize("message", SENT, ids=message_name)
def test_an_example_names_a_worker_where_its_type_is_about_one(message: Message) -> None:
    assert ("subject" in example(message)) == (message.name in provinces.MAY_BE_ABOUT_A_WORKER)


@dataclass(frozen=True)
class Record:
    """As much of a Kafka record as a decoder looks at."""

    value: bytes


@pytest.mark.parametrize("message", on_stream(ENROLLMENT_EVENTS), ids=message_name)
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_takes_what_it_reads_and_passes_over_all_else_by_its_seq(
    reader: str, message: Message
) -> None:
    fact = example(message)
    record: Any = Record(orjson.dumps(fact))
    event, bad, seq, log_id = FactDecoder(READERS[reader])(record)
    assert (event is not None) == (message.name in READERS[reader])
    assert (bad, seq, log_id) == (None, fact["seq"], fact["source"].rpartition("/")[2])
