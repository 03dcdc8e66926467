"""Tokens of the services' APIs: hashes for the services, plain ones in private files for who uses them."""

import hashlib
import json
from pathlib import Path
from typing import Literal

from console.stack.private_files import kept_secret, write_private
from shared.contracts.lanes import LANE_CODES

Role = Literal["operator", "official", "auditor", "province"]
OFFICES: tuple[Role, ...] = ("operator", "official", "auditor")


def make_tokens(secrets: Path) -> Path:
    """Make one token for each office and each province, once; returns the file of hashes for the services."""
    entries = [_entry(secrets, office, office, None) for office in OFFICES]
    entries += [_entry(secrets, f"province-{lane}", "province", lane) for lane in LANE_CODES]
    return write_private(secrets / "tokens.json", json.dumps(entries, indent=1))


def plain_token(secrets: Path, name: str) -> str:
    """Return a token made by `make_tokens`."""
    return (secrets / "tokens" / name).read_text().strip()


def _entry(secrets: Path, name: str, role: Role, province: str | None) -> dict[str, str | None]:
    token = kept_secret(secrets / "tokens" / name)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return {"name": name, "role": role, "province": province, "sha256": digest}
