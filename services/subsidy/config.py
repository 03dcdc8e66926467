"""Settings of subsidy, and the schemes: read from reviewed YAML files, refused with file, line and reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import Field, ValidationError

from services.subsidy.domain.fiscal_year import Closing
from services.subsidy.domain.outside import NO_CAP_PERCENT
from services.subsidy.domain.schemes import CutPolicy, Rules, Scheme, overlap
from shared.plumbing.settings import ServiceSettings

SCHEMES: Final = Path(__file__).parent / "schemes"


class Settings(ServiceSettings):
    """Settings of one subsidy process."""

    schemes_folder: Path = SCHEMES
    """Where the schemes' YAML files are."""
    fiscal_year_closes_month: Annotated[int, Field(ge=1, le=12)] = 2
    fiscal_year_closes_day: Annotated[int, Field(ge=1, le=28)] = 1
    """The day of the following year on which a fiscal year closes."""
    budget_cuts: CutPolicy = "clamp"
    """What becomes of a cut or a carry-over that asks for more than is free: take what is free, or nothing."""
    outside_reservations_percent: Annotated[int, Field(ge=0, le=NO_CAP_PERCENT)] = 20
    """Enrollments that other provinces have reported, and the funding one has not confirmed, may take so many percent
    of a budget together; 100 for no cap."""


class SchemeError(Exception):
    """A scheme file is not valid; the message says where and why."""


def load_rules(settings: Settings) -> Rules:
    """The rules to decide by; SchemeError says what is wrong with a file."""
    return Rules(
        load_schemes(settings.schemes_folder),
        Closing(settings.fiscal_year_closes_month, settings.fiscal_year_closes_day),
        settings.budget_cuts,
        settings.outside_reservations_percent,
    )


def load_schemes(folder: Path) -> tuple[Scheme, ...]:
    """All schemes in `folder`, in the order of their files' names."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise SchemeError(f"There is no scheme in {folder}: put at least one YAML file there.")
    schemes = tuple(load_scheme(path) for path in paths)
    both = overlap(schemes)
    if both:
        one, other = (f"{s.name} version {s.version}" for s in both)
        raise SchemeError(
            f"{one} and {other} cover the same enrollments: let one end before the other begins."
        )
    return schemes


def load_scheme(path: Path) -> Scheme:
    """One scheme; SchemeError names the file, the line and the field."""
    text = path.read_text(encoding="utf-8")
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SchemeError(f"{path.name} is not YAML: {error}") from error
    lines = _lines(root, path)
    try:
        return Scheme.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(one) for one in first["loc"]) or "scheme"
        line = next((lines[name] for name in _outwards(field) if name in lines), 1)
        raise SchemeError(f"{path.name}, line {line}: {field}: {first['msg']}") from error


def _outwards(field: str) -> Iterator[str]:
    """The field, then what it stands in: `parts.1.amount_fen`, `parts.1`, `parts`."""
    while field:
        yield field
        field = field.rpartition(".")[0]


def _lines(root: Any, path: Path) -> dict[str, int]:
    """Where each field stands; YAML itself would let a second one of the same name win."""
    if not isinstance(root, yaml.MappingNode):
        raise SchemeError(f"{path.name} does not hold fields of a scheme.")
    lines: dict[str, int] = {}
    for name, line in _fields(root, ""):
        if name in lines:
            short = name.rpartition(".")[2]
            raise SchemeError(f"{path.name}, line {line}: {short} stands twice, first in line {lines[name]}.")
        lines[name] = line
    return lines


def _fields(node: Any, within: str) -> Iterator[tuple[str, int]]:
    """Each field of a mapping and of the lists in it, with its line: `parts.0.fund_source`."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield f"{within}{key.value}", key.start_mark.line + 1
            yield from _fields(value, f"{within}{key.value}.")
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield f"{within}{place}", value.start_mark.line + 1
            yield from _fields(value, f"{within}{place}.")
