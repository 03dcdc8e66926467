"""Secrets and state in files that only their owner may read."""

import base64
import os
import secrets
from pathlib import Path

PASSWORD_BYTES = 24
KEY_BYTES = 32


def write_private(path: Path, text: str) -> Path:
    """Replace `path` by `text` in one step, mode 0600; a reader sees the old text or the new, never half."""
    make_private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return path


def kept_secret(path: Path) -> str:
    """Return the secret in `path`, random on first use; letters and digits only, so it needs no quoting."""
    if path.exists():
        return path.read_text().strip()
    secret = secrets.token_hex(PASSWORD_BYTES)
    write_private(path, secret)
    return secret


def kept_key(path: Path) -> Path:
    """The file of a key for sealing, 32 bytes in base64, made on first use."""
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
    return path


def make_private_folder(path: Path) -> Path:
    """Make `path` and what is missing above it, mode 0700 for what is new."""
    if not path.is_dir():
        make_private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path
