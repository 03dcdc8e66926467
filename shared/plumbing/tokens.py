"""Who may ask what of a service: tokens from a file (hashed), with roles; a changed file counts at once."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import structlog
import yaml
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from shared.contracts.envelope import LaneCode

Role = Literal["operator", "official", "auditor", "province"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: name and role; the lane of a province's token, or of an official who works for one."""

    name: str
    role: Role
    province: str | None


class _Entry(BaseModel):
    """One token in the file. Several of one name may be valid at once: the old and the new one while it is changed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str
    role: Role
    province: LaneCode | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    not_after: AwareDatetime | None = None

    @model_validator(mode="after")
    def _provinces_have_a_lane(self) -> "_Entry":
        may_have = self.role in ("province", "official")
        if (self.role == "province" and self.province is None) or (self.province and not may_have):
            raise ValueError("a province's token names its lane, an official's may, and no other does")
        return self


class Tokens:
    """The tokens of a service; only their SHA-256 is kept. Who is taken out of the file is refused from then on."""

    def __init__(self, path: Path) -> None:
        """Read a list of {name, role, province, sha256, not_after}; ValueError for anything else.

        `not_after` is an instant with its offset, after which the token is no longer taken; none: for ever.
        """
        self._path = path
        self._version = _version(path)
        self._entries = _entries(path)

    def caller(self, token: str, now: datetime) -> Caller | None:
        """Who holds `token` at this instant; compared with all there are, each in constant time."""
        self._read_again()
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = None
        for entry in self._entries:
            valid = entry.not_after is None or now <= entry.not_after
            if hmac.compare_digest(entry.sha256, digest) and valid:
                found = Caller(entry.name, entry.role, entry.province)
        return found

    def _read_again(self) -> None:
        """Read the file where it has changed; while it is away or wrong, the tokens that were read last hold."""
        version = _version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            self._entries = _entries(self._path)
        except (OSError, ValueError, yaml.YAMLError) as error:
            log.error("tokens_not_read", error=type(error).__name__)


def _version(path: Path) -> tuple[int, int, int] | None:
    """What differs once a file was written or replaced; none where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _entries(path: Path) -> Sequence[_Entry]:
    return TypeAdapter(list[_Entry]).validate_python(yaml.safe_load(path.read_text()))


_bearer: Final = HTTPBearer(auto_error=False)


def allow(*roles: Role) -> Callable[..., Caller]:
    """A FastAPI dependency: the caller, whose role must be one of `roles`; otherwise 401 or 403 with a sentence."""

    def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        tokens: Tokens = request.app.state.tokens
        caller = tokens.caller(credentials.credentials, datetime.now(UTC)) if credentials else None
        if caller is None:
            raise HTTPException(
                401,
                "This needs a valid token: send it as 'Authorization: Bearer …'. / 需要有效令牌。",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if caller.role not in roles:
            raise HTTPException(403, f"The role '{caller.role}' may not do this. / 当前角色无权进行此操作。")
        return caller

    return check
