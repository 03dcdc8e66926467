"""Who may ask what of a service: tokens from a file (hashed), with roles."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

Role = Literal["operator", "official", "auditor", "province"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: name and role; a province's token names its lane."""

    name: str
    role: Role
    province: str | None


class Tokens:
    """The tokens of a service; only their SHA-256 is kept."""

    def __init__(self, callers: dict[str, Caller]) -> None:
        self._callers = callers

    @classmethod
    def from_file(cls, path: Path) -> "Tokens":
        """Read a list of {name, role, province, sha256}; ValueError for anything else."""
        entries = yaml.safe_load(path.read_text())
        return cls({e["sha256"]: Caller(e["name"], e["role"], e.get("province")) for e in entries})

    def caller(self, token: str) -> Caller | None:
        """Who holds `token`; compared in constant time."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


_bearer: Final = HTTPBearer(auto_error=False)


def allow(*roles: Role) -> Callable[..., Caller]:
    """A FastAPI dependency: the caller, whose role must be one of `roles`; otherwise 401 or 403 with a sentence."""

    def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        tokens: Tokens = request.app.state.tokens
        caller = tokens.caller(credentials.credentials) if credentials else None
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
