"""The documents under docs/contracts say what the services do, and nothing that does not hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from scripts import contract_documents
from scripts.contract_asyncapi import SERVICES, _settings
from scripts.contract_documents import FOLDER, documents, path_of
from scripts.contract_schemas import PROVINCE_SOURCE_PATTERN, schema_of
from shared.contracts import submission
from shared.contracts.catalogue import MESSAGES, Message, on_stream
from shared.contracts.examples import example
from shared.contracts.receipt_codes import CODES
from shared.contracts.topics import STREAMS
from shared.plumbing.decoding import FactDecoder
from shared.plumbing.metrics import Metrics
from tests.contracts.naming import message_name

Json = dict[str, Any]
each = pytest.mark.parametrize("message", MESSAGES, ids=message_name)
each_service = pytest.mark.parametrize("service", SERVICES)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """All documents, made once."""
    return documents()


def _document(made: dict[str, str], service: str) -> Json:
    whole: Json = json.loads(made[f"asyncapi/{service}.json"])
    return whole


def _reads(service: str, secret: Path) -> dict[str, set[str]]:
    """What each group of a service that reads facts decodes, asked from its decoder."""
    secret.write_text("none")
    definition = SERVICES[service].definition(_settings(SERVICES[service], service, secret))
    return {
        group.name: set(group.decode._adapters)
        for group in definition.groups(Metrics())
        if isinstance(group.decode, FactDecoder)
    }


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from _references(part)
    if isinstance(value, list):
        for part in value:
            yield from _references(part)


def test_what_is_committed_is_what_the_contracts_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert contract_documents.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_a_missing_and_a_left_over_document_are_each_named(
    tmp_path: Path, made: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contract_documents, "documents", lambda: made)
    assert contract_documents.main([], tmp_path) == 0
    (tmp_path / "publishing.md").write_text("old")
    (tmp_path / "contracts" / "codes.md").write_text("old")
    (tmp_path / "contracts" / "topics.md").unlink()
    (tmp_path / "contracts" / "provinces" / "dreams.left.over.v1.json").write_text("{}")
    assert contract_documents.main(["--check"], tmp_path) == 1
    said = capsys.readouterr().out
    assert "publishing.md is not what the contracts say now" in said
    assert "codes.md is not what the contracts say now" in said
    assert "topics.md is missing" in said
    assert "dreams.left.over.v1.json belongs to no contract" in said


def test_documents_are_the_same_to_the_byte_each_time(made: dict[str, str]) -> None:
    assert documents() == made


@each
def test_an_example_is_valid_for_anyone_who_reads_the_schema(message: Message) -> None:
    schema = json.loads((FOLDER / path_of(message)).read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    assert schema["examples"] == [example(message)]
    assert [error.message for error in validator.iter_errors(schema["examples"][0])] == []


@each
def test_the_schema_refuses_unknown_fields_of_provinces_and_allows_those_of_services(
    message: Message,
) -> None:
    validator = jsonschema_rs.validator_for(schema_of(message))
    record = example(message)
    for holder in [record] + ([record["data"]] if "data" in record else []):
        holder["of_the_future"] = 1
        assert validator.is_valid(record) is message.open
        del holder["of_the_future"]


def test_the_schema_and_the_door_agree_on_what_a_source_is() -> None:
    assert submission._SOURCE.pattern.replace("(", "").replace(")", "") == PROVINCE_SOURCE_PATTERN


@each
def test_the_schema_knows_its_own_type_only(message: Message) -> None:
    record = example(message)
    if "type" in record:
        record["type"] = "dreams.something.else.v1"
        assert not jsonschema_rs.validator_for(schema_of(message)).is_valid(record)


@each_service
def test_every_reference_in_a_service_document_leads_somewhere(service: str, made: dict[str, str]) -> None:
    whole = _document(made, service)
    for reference in set(_references(whole)):
        found: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


@each_service
def test_a_service_document_lists_what_its_decoder_reads(
    service: str, made: dict[str, str], tmp_path: Path
) -> None:
    operations = _document(made, service)["operations"]
    for group, types in _reads(service, tmp_path / "none").items():
        mine = [one for key, one in operations.items() if key.startswith(f"{group}.reads.")]
        listed = {reference["$ref"].rpartition("/")[2] for one in mine for reference in one["messages"]}
        assert listed == types


@each_service
def test_a_service_document_holds_no_secret_and_no_place(service: str, made: dict[str, str]) -> None:
    text = made[f"asyncapi/{service}.json"]
    assert "broker.invalid" in text
    assert "/tmp" not in text
    assert "password" not in text.lower()


def test_every_stream_carries_something_and_every_message_travels() -> None:
    assert all(on_stream(stream) for stream in STREAMS)
    assert all(message.streams for message in MESSAGES)


@pytest.mark.parametrize("code", CODES)
def test_a_code_says_what_happened_and_what_to_do_now_in_both_languages(code: str) -> None:
    entry = CODES[code]
    for zh in (entry.zh, entry.do_zh):
        assert not zh.isascii()
        assert zh.endswith("。")
    for en in (entry.en, entry.do_en):
        assert en.endswith(".")
    assert "{" not in entry.do_zh + entry.do_en
    assert f"| `{code}` |" in (FOLDER / "codes.md").read_text(encoding="utf-8")
    for placeholder in ("{field}", "{detail}"):
        assert (placeholder in entry.zh) is (placeholder in entry.en)
