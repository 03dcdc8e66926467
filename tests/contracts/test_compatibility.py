"""Within a major version only optional fields are added: anything else fails here, and `make schemas` refuses it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import contract_documents
from scripts.contract_documents import FOLDER, breaking, path_of
from scripts.contract_schemas import incompatibilities, schema_of
from shared.contracts import provinces, subsidy
from shared.contracts.catalogue import MESSAGES, Message
from tests.contracts.naming import message_name

Json = dict[str, Any]
SENT = next(m for m in MESSAGES if m.publisher == "provinces" and m.name == provinces.WORKER_ENROLLED)
PUBLISHED = next(m for m in MESSAGES if m.publisher == "subsidy" and m.name == subsidy.SUBSIDY_RELEASED)


@pytest.mark.parametrize("message", MESSAGES, ids=message_name)
def test_the_contract_breaks_nobody_who_holds_to_the_committed_schema(message: Message) -> None:
    committed = json.loads((FOLDER / path_of(message)).read_text(encoding="utf-8"))
    assert incompatibilities(committed, schema_of(message), is_open=message.open) == []


def _model(schema: Json, message: Message) -> Json:
    model: Json = schema["$defs"][message.data.__name__]
    return model


def _without(name: str) -> Callable[[Json], None]:
    def change(model: Json) -> None:
        del model["properties"][name]
        model["required"] = [one for one in model["required"] if one != name]

    return change


def _with(name: str, part: Json, *, required: bool = False) -> Callable[[Json], None]:
    def change(model: Json) -> None:
        model["properties"][name] = part
        if required:
            model["required"].append(name)

    return change


def _required(name: str) -> Callable[[Json], None]:
    return lambda model: model["required"].append(name)


TEXT: Json = {"type": "string", "description": "Said later."}
MAYBE: Json = {"anyOf": [TEXT, {"type": "null"}], "default": None}

BREAKING: list[tuple[str, Message, Callable[[Json], None]]] = [
    ("a required field is removed", SENT, _without("programme")),
    ("an optional field is removed", SENT, _without("cohort")),
    ("an optional field becomes required", SENT, _required("cohort")),
    ("a required field is added", SENT, _with("room", TEXT, required=True)),
    ("an enumeration is narrowed", SENT, _with("track", {"type": "string", "enum": ["academic", "skills"]})),
    ("a type changes", SENT, _with("tuition_fen", {"type": "string"})),
    (
        "a limit is tightened",
        SENT,
        _with("tuition_fen", {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}),
    ),
    ("a pattern changes", SENT, _with("enrollment_no", {"type": "string", "pattern": "^[0-9]{4}$"})),
    ("a format changes", SENT, _with("start", {"type": "string", "format": "date-time"})),
    (
        "a pattern is added",
        SENT,
        _with("programme", {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "a"}),
    ),
    ("a required field is removed", PUBLISHED, _without("amount_fen")),
    ("an optional field is removed", PUBLISHED, _without("why")),
    ("a required field is added", PUBLISHED, _with("room", TEXT, required=True)),
    ("an optional field becomes required", PUBLISHED, _required("why")),
    (
        "an enumeration is narrowed",
        PUBLISHED,
        _with("was", {"type": "string", "enum": ["reserved", "granted"]}),
    ),
    (
        "an enumeration grows for readers",
        PUBLISHED,
        _with("was", {"type": "string", "enum": ["reserved", "granted", "waitlisted", "paid"]}),
    ),
    ("a type changes", PUBLISHED, _with("fiscal_year", {"type": "string"})),
]


@pytest.mark.parametrize(
    ("what", "message", "change"), BREAKING, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_breaking_change_is_found(what: str, message: Message, change: Callable[[Json], None]) -> None:
    committed = schema_of(message)
    fresh = copy.deepcopy(committed)
    change(_model(fresh, message))
    assert incompatibilities(committed, fresh, is_open=message.open), what


@pytest.mark.parametrize("message", MESSAGES, ids=message_name)
def test_optional_fields_may_be_added(message: Message) -> None:
    committed = schema_of(message)
    fresh = copy.deepcopy(committed)
    model = fresh["$defs"][message.data.__name__] if message.model is not message.data else fresh
    for name, part in (("text", TEXT), ("nullable", MAYBE), ("number", {"type": "integer", "default": 0})):
        model["properties"][f"{name}_of_the_future"] = part
    assert incompatibilities(committed, fresh, is_open=message.open) == []


def test_an_enumeration_that_provinces_send_may_grow() -> None:
    committed = schema_of(SENT)
    fresh = copy.deepcopy(committed)
    _model(fresh, SENT)["properties"]["track"]["enum"].append("dual")
    assert incompatibilities(committed, fresh, is_open=False) == []


def test_words_may_change() -> None:
    committed = schema_of(SENT)
    fresh = copy.deepcopy(committed)
    fresh["description"] = _model(fresh, SENT)["properties"]["programme"]["description"] = "In other words."
    assert incompatibilities(committed, fresh, is_open=False) == []


def test_a_breaking_change_is_not_written_over_the_committed_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed = schema_of(SENT)
    _with("room", TEXT, required=True)(
        _model(committed, SENT)
    )  # as if the contract had lost a required field
    folder = tmp_path / "contracts"
    file = folder / path_of(SENT)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(committed), encoding="utf-8")
    assert breaking(folder)
    assert contract_documents.main([], tmp_path) == 1
    assert json.loads(file.read_text(encoding="utf-8")) == committed
    said = capsys.readouterr().out
    assert "dreams.worker.enrolled.v1" in said
    assert "new major" in said
    assert "delete its files if it was never released" in said
