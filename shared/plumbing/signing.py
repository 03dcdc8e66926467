"""Sign what others must be able to prove: Ed25519 (RFC 8032), with a key out of a file, verified by anybody."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_ID_CHARS: Final = 16


class Signer:
    """Signs with a key whose seed of 32 bytes lies in a file (base64)."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @classmethod
    def from_file(cls, path: Path) -> "Signer":
        """The signer whose seed lies in `path`; ValueError when it is not 32 bytes in base64."""
        return cls(base64.b64decode(path.read_text().strip(), validate=True))

    @property
    def public_key(self) -> bytes:
        """What signatures are verified with, 32 bytes: no secret."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, what: bytes) -> bytes:
        """The signature, 64 bytes; the same for the same bytes."""
        return self._key.sign(what)


def is_signed(what: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether the holder of the key signed exactly these bytes; ValueError for what is no key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, what)
    except InvalidSignature:
        return False
    return True


def as_pem(public_key: bytes) -> str:
    """The same key as other software reads it (SubjectPublicKeyInfo, RFC 8410)."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(public_key: bytes) -> str:
    """A short name of a key: how its SHA-256 begins, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()[:KEY_ID_CHARS]


@dataclass(frozen=True, slots=True)
class Signed:
    """A text with the signature that came with it; nothing of it is proven yet."""

    text: bytes
    signature: bytes
    public_key: bytes
    """Which key it claims; only one that is trusted proves anything."""

    def is_genuine(self, trusted_key: bytes) -> bool:
        """Whether the holder of `trusted_key` signed exactly this text."""
        return is_signed(self.text, self.signature, trusted_key)


def sealed(signed: Signed) -> bytes:
    """The text with a last line that holds hash, signature and public key: a file that can be verified by itself."""
    seal = {
        "sha256": hashlib.sha256(signed.text).hexdigest(),
        "signature": base64.b64encode(signed.signature).decode(),
        "public_key": base64.b64encode(signed.public_key).decode(),
    }
    return signed.text + orjson.dumps({"seal": seal}, option=orjson.OPT_APPEND_NEWLINE)


def unsealed(file: bytes) -> Signed:
    """The text and its signature again; ValueError where the last line is no seal."""
    text, newline, last = file.rstrip(b"\n").rpartition(b"\n")
    try:
        seal = orjson.loads(last)["seal"]
        signature = base64.b64decode(seal["signature"], validate=True)
        public_key = base64.b64decode(seal["public_key"], validate=True)
    except (KeyError, TypeError, orjson.JSONDecodeError, binascii.Error) as error:
        raise ValueError("the last line is no seal") from error
    return Signed(text + newline, signature, public_key)
