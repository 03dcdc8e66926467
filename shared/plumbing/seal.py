"""Seal bytes that may hold personal data (AES-GCM) before they are kept."""

import base64
import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


class Seal:
    """Seals and opens with a key of 32 bytes out of a file (base64)."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path) -> "Seal":
        """The seal whose key lies in `path`; ValueError when it is not 32 bytes in base64."""
        return cls(base64.b64decode(path.read_text().strip(), validate=True))

    def close(self, plain: bytes) -> bytes:
        """Sealed bytes: nonce first."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, None)

    def open(self, sealed: bytes) -> bytes:
        """The plain bytes; cryptography.exceptions.InvalidTag when they were tampered with or the key differs."""
        return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
