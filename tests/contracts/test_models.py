"""Every model is immutable, explained field by field, and holds money and days within their limits."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.subsidy.domain import deciding
from shared.contracts.catalogue import MESSAGES, NAMES_ZH, Message
from shared.contracts.envelope import MAX_AMOUNT_FEN, AmountFen, Day, Fact, ProvinceEvent, Time, TotalFen
from shared.contracts.examples import example
from shared.contracts.provinces import DATA_MODELS, Contact
from shared.contracts.subsidy import DECISIONS
from tests.contracts.naming import message_name


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            yield from _models(part)


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


ALL: list[type[BaseModel]] = sorted(
    {part for message in MESSAGES for part in _models(message.data)}, key=lambda one: one.__name__
)
FILLED_IN: list[type[BaseModel]] = [*DATA_MODELS.values(), Contact]
SENT = sorted({part for model in FILLED_IN for part in _models(model)}, key=lambda one: one.__name__)
ENVELOPES: list[type[BaseModel]] = [ProvinceEvent, Fact]
by_name = pytest.mark.parametrize("model", [*ALL, *ENVELOPES], ids=lambda model: model.__name__)
each = pytest.mark.parametrize("message", MESSAGES, ids=message_name)


@by_name
def test_a_model_cannot_be_changed_once_made(model: type[BaseModel]) -> None:
    assert model.model_config.get("frozen") is True


@by_name
def test_a_model_is_strict_about_types(model: type[BaseModel]) -> None:
    assert model.model_config.get("strict") is True


@by_name
def test_a_model_and_each_of_its_fields_say_what_they_mean(model: type[BaseModel]) -> None:
    assert model.__doc__, f"{model.__name__} has no docstring"
    silent = [name for name, field in model.model_fields.items() if not field.description]
    assert not silent, f"{model.__name__} does not say what these mean: {silent}"


@pytest.mark.parametrize("model", [*SENT, ProvinceEvent], ids=lambda model: model.__name__)
def test_what_provinces_fill_in_has_a_chinese_title(model: type[BaseModel]) -> None:
    untitled = [name for name, field in model.model_fields.items() if (field.title or "a").isascii()]
    assert not untitled, f"{model.__name__} has no Chinese title for {untitled}"


@by_name
def test_money_is_named_in_fen_and_is_whole(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if name.endswith("_fen"):
            (plain,) = {part for part in _plain(field.annotation) if part is not type(None)}
            assert plain is int, name


def _plain(annotation: Any) -> set[Any]:
    """The types that may stand there, without what restricts them."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    inner = get_args(annotation)
    return set().union(*map(_plain, inner)) if inner else {annotation}


@each
def test_every_kind_of_message_has_a_chinese_name(message: Message) -> None:
    assert not message.name_zh.isascii()


def test_the_catalogue_names_nothing_that_is_not_published() -> None:
    assert {message.name for message in MESSAGES} == set(NAMES_ZH)
    assert len({(message.publisher, message.name) for message in MESSAGES}) == len(MESSAGES)


def test_decisions_that_subsidy_sends_to_provinces_are_those_of_the_contract() -> None:
    assert deciding.TO_PROVINCE == DECISIONS


@each
def test_an_example_is_valid_in_full_and_names_no_unknown_field(message: Message) -> None:
    message.model.model_validate_json(json.dumps(example(message)), extra="forbid")


@each
def test_a_field_that_nobody_knows_is_refused_at_the_door_and_passed_over_inside(message: Message) -> None:
    sent = example(message)
    for holder in [sent] + ([sent["data"]] if "data" in sent else []):
        holder["of_the_future"] = 1
        raw = json.dumps(sent)
        with pytest.raises(ValidationError, match="extra_forbidden"):
            message.model.model_validate_json(raw, extra="forbid")
        assert "of_the_future" not in message.model.model_validate_json(raw).model_dump_json()
        del holder["of_the_future"]


@each
def test_a_missing_envelope_field_is_refused(message: Message) -> None:
    sent = example(message)
    for name in {"id", "source", "type", "time", "data"} & sent.keys():
        with pytest.raises(ValidationError, match="missing"):
            message.model.model_validate_json(json.dumps({k: v for k, v in sent.items() if k != name}))


@pytest.mark.parametrize(
    ("kind", "value", "valid"),
    [
        (AmountFen, 0, False),
        (AmountFen, 1, True),
        (AmountFen, -1, False),
        (AmountFen, 2**53 - 1, True),
        (AmountFen, 2**53, False),
        (AmountFen, 1.0, False),
        (AmountFen, "1", False),
        (AmountFen, True, False),
        (TotalFen, 0, True),
        (TotalFen, -1, False),
        (TotalFen, 2**53 - 1, True),
        (TotalFen, 2**53, False),
        (Day, "1899-12-31", False),
        (Day, "1949-12-31", False),
        (Day, "1950-01-01", True),
        (Day, "2099-12-31", True),
        (Day, "2100-01-01", False),
        (Day, "2999-01-01", False),
        (Day, "2027-02-29", False),
        (Day, "2028-02-29", True),
        (Day, 20270301, False),
        (Time, "1899-12-31T00:00:00Z", False),
        (Time, "2999-01-01T00:00:00Z", False),
        (Time, "2027-03-01T08:00:00", False),
        (Time, "2027-03-01T08:00:00+08:00", True),
        (Time, "2027-03-01T00:00:00Z", True),
    ],
)
def test_money_and_days_hold_their_limits(kind: Any, value: object, valid: bool) -> None:
    adapter = TypeAdapter(kind)
    if valid:
        adapter.validate_json(json.dumps(value), strict=True)
        return
    with pytest.raises(ValidationError):
        adapter.validate_json(json.dumps(value), strict=True)


def test_the_largest_amount_is_what_every_json_reader_holds_exactly() -> None:
    assert MAX_AMOUNT_FEN == 2**53 - 1
    assert int(float(MAX_AMOUNT_FEN)) == MAX_AMOUNT_FEN


def test_document_numbers_may_be_chinese() -> None:
    plan = {**example(next(m for m in MESSAGES if m.name == "dreams.plan.declared.v1"))["data"]}
    for number, valid in {
        "苏工发〔2027〕1号": True,
        "A/2027.1_(b)-3": True,
        "a b": False,
        "": False,
        "=1+1": False,
    }.items():
        raw = json.dumps({**plan, "plan_no": number})
        if valid:
            DATA_MODELS["dreams.plan.declared.v1"].model_validate_json(raw)
        else:
            with pytest.raises(ValidationError):
                DATA_MODELS["dreams.plan.declared.v1"].model_validate_json(raw)
