"""Reporting's settings, and the targets: read from a reviewed YAML file, refused with file, line and reason."""

from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import Field, ValidationError

from services.reporting.domain.targets import Book
from shared.plumbing.settings import ServiceSettings

TARGETS: Final = Path(__file__).parent / "targets" / "2030.yaml"


class Settings(ServiceSettings):
    """The common settings, the limits of the live page, and where the targets stand."""

    live_readers_max: Annotated[int, Field(ge=1)] = 1_000
    """Open live pages of one process; further ones are asked to come again."""
    publish_changes: bool = True
    """Whether changes of numbers go to `reporting.changes`, and what they come to, to `reporting.statistics`."""
    reconcile_every_s: Annotated[float, Field(gt=0)] = 60.0
    """So often numbers are compared with what their publishers say; each time the cells of one more lane."""
    targets_file: Path = TARGETS
    """Targets and baselines."""
    signing_key_file: Path | None = None
    """32 random bytes in base64: signs closed editions (Ed25519). Without it no period can be closed."""


class TargetError(Exception):
    """The file of targets is not valid; the message says where and why."""


def load_targets(path: Path) -> Book:
    """All targets and baselines; TargetError names the file, the line and the field."""
    text = path.read_text(encoding="utf-8")
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TargetError(f"{path.name} is not YAML: {error}") from error
    _once(root, path)
    try:
        return Book.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "targets"
        line = _line(root, first["loc"])
        raise TargetError(f"{path.name}, line {line}: {field}: {first['msg']}") from error


def _once(node: Any, path: Path) -> None:
    """YAML itself would let a second field of the same name win."""
    parts = node.value if isinstance(node, yaml.CollectionNode) else ()
    seen: set[str] = set()
    for part in parts:
        key, below = part if isinstance(node, yaml.MappingNode) else (None, part)
        if key is not None and key.value in seen:
            raise TargetError(f"{path.name}, line {key.start_mark.line + 1}: {key.value} stands twice.")
        if key is not None:
            seen.add(key.value)
        _once(below, path)


def _line(node: Any, loc: tuple[int | str, ...]) -> int:
    """The line of what an error is about, or of the last thing around it that is there."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                return int(line)
            key, node = found
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return int(line)
