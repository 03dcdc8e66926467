"""Checks a scheme's file and writes what `scheme.activated` says of it; `dreams schemes` runs it."""

import sys
from pathlib import Path
from typing import Final

import orjson

from services.subsidy.config import SchemeError, load_scheme
from services.subsidy.domain.schemes import Scheme
from shared.contracts.provinces import SchemeActivated
from shared.contracts.provinces.nation import COMPLETION_DAYS

WRONG: Final = 2


def activation(scheme: Scheme) -> SchemeActivated:
    """The event's data for a scheme; what only schemes in parts say is left out of others."""
    values = scheme.model_dump(mode="json")
    if not scheme.parts:
        del values["parts"]
    if scheme.completion_days == COMPLETION_DAYS:
        del values["completion_days"]
    values |= {name: sorted(values[name]) for name in ("eligible_categories", "tracks")}
    values["scheme"], values["scheme_version"] = values.pop("name"), values.pop("version")
    values["provinces"] = None if values["provinces"] == "all" else sorted(values["provinces"])
    return SchemeActivated.model_validate_json(orjson.dumps(values), extra="forbid")


def main() -> int:
    """Write the data as JSON; where the file is not valid, say in which line and why."""
    try:
        said = activation(load_scheme(Path(sys.argv[1])))
    except (SchemeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    sys.stdout.write(said.model_dump_json(exclude_none=True, exclude_unset=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
