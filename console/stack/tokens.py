"""Tokens of the services' APIs: hashes for the services, plain ones in private files for who uses them."""

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from console.stack.failures import StackError
from console.stack.private_files import kept_secret, write_private
from shared.contracts.lanes import LANE_CODES

Role = Literal["operator", "official", "auditor", "province"]
FILE = "tokens.json"
OFFICES: tuple[Role, ...] = ("operator", "official", "auditor")


def make_tokens(secrets: Path) -> Path:
    """Make one token for each office and each province, once; returns the file of hashes for the services."""
    entries = _entries(secrets)
    known = {entry["name"] for entry in entries}
    wanted: list[tuple[str, Role, str | None]] = [(office, office, None) for office in OFFICES]
    wanted += [(f"province-{lane}", "province", lane) for lane in LANE_CODES]
    entries += [_entry(secrets, *one) for one in wanted if one[0] not in known]
    return _write(secrets, entries)


def renew_token(secrets: Path, name: str, now: datetime, valid_days: int, overlap_days: int) -> Path:
    """Make a new token beside the old one, which is taken for some days more; returns the file of the new one.

    Raises StackError for a name that has no token.
    """
    before = [entry for entry in _entries(secrets) if entry["name"] == name]
    if not before:
        raise StackError(
            f"There is no token {name} in {secrets}: it may be operator, auditor or province-32."
        )
    last_day = (now + timedelta(days=overlap_days)).isoformat()
    path = secrets / "tokens" / name
    path.unlink(missing_ok=True)
    role: Role = before[0]["role"]
    fresh = _entry(secrets, name, role, before[0]["province"])
    fresh["not_after"] = (now + timedelta(days=valid_days)).isoformat()
    entries = [entry for entry in _entries(secrets) if entry["name"] != name]
    for entry in before:
        until = entry.get("not_after")
        if until is None or datetime.fromisoformat(until) >= now:
            entries.append(
                entry | {"not_after": min(until or last_day, last_day, key=datetime.fromisoformat)}
            )
    _write(secrets, [*entries, fresh])
    return path


def plain_token(secrets: Path, name: str) -> str:
    """Return a token made by `make_tokens`."""
    return (secrets / "tokens" / name).read_text().strip()


def _entries(secrets: Path) -> list[dict[str, Any]]:
    path = secrets / FILE
    entries: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return entries


def _write(secrets: Path, entries: list[dict[str, Any]]) -> Path:
    return write_private(secrets / FILE, json.dumps(entries, indent=1))


def _entry(secrets: Path, name: str, role: Role, province: str | None) -> dict[str, Any]:
    token = kept_secret(secrets / "tokens" / name)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return {"name": name, "role": role, "province": province, "sha256": digest}
