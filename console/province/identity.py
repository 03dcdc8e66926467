"""Identity numbers and the pseudonyms made of them; the numbers never leave the provincial side."""

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from console.province.said_error import SaidError
from console.stack.private_files import write_private

KEY_MIN_BYTES: Final = 32
UNASSIGNED_PREFIX: Final = "9999"
"""No area of GB/T 2260 begins so: what starts with it belongs to nobody."""

_NUMBER: Final = re.compile(r"^[0-9]{17}[0-9X]$")
_KEY: Final = re.compile(r"^k([0-9]{1,3})\.([0-9a-f]{64,})$")
_WEIGHTS: Final = tuple(2 ** (17 - place) % 11 for place in range(17))
_CHECK: Final = "10X98765432"


class IdentityError(SaidError):
    """An identity number or the key file cannot be used; the number is not repeated."""


@dataclass(frozen=True, slots=True)
class WorkerKey:
    """The key that all provinces share; who holds it can test whether a number stands behind a pseudonym."""

    version: int
    secret: bytes = field(repr=False)


def worker_ref(number: str, key: WorkerKey) -> str:
    """The pseudonym of the worker with this identity number; IdentityError for what is no such number."""
    return pseudonym(checked(number), key)


def pseudonym(number: str, key: WorkerKey) -> str:
    """The pseudonym of a number that is known to be well-formed: 18 upper-case characters."""
    digest = hmac.digest(key.secret, number.encode("ascii"), "sha256")
    return f"k{key.version}.{base64.b32encode(digest)[:52].decode('ascii')}"


def checked(number: str) -> str:
    """The 18 upper-case characters of an identity number (GB 11643); IdentityError says what is wrong."""
    plain = unicodedata.normalize("NFKC", number).strip().strip("'").upper()
    if re.fullmatch(r"[0-9.]+E\+?[0-9]+", plain):
        raise IdentityError(
            "身份证号已被表格软件改成科学计数，末几位已丢失，请将该列设为文本后重新填写。",
            "The spreadsheet has rounded the identity number: make the column text and fill it in again.",
        )
    if not _NUMBER.match(plain):
        raise IdentityError(
            "身份证号应为18位数字，末位可为X。", "An identity number has 18 digits; the last may be X."
        )
    if check_character(plain[:17]) != plain[17]:
        raise IdentityError(
            "身份证号校验位不符，请核对。", "The identity number's check character does not fit: compare it."
        )
    return plain


def check_character(first17: str) -> str:
    """The 18th character that fits the first 17 (ISO 7064, MOD 11-2)."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True)) % 11]


def read_key(path: Path) -> WorkerKey:
    """The key in a file of one line, `k<version>.<hex of 32 bytes or more>`; IdentityError if not."""
    try:
        match = _KEY.match(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise IdentityError(
            f"无法读取密钥文件 {path}（{error.strerror}）。",
            f"The key file {path} cannot be read ({error.strerror}).",
        ) from error
    except UnicodeDecodeError:
        match = None
    if match is None:
        raise IdentityError(
            f"密钥文件 {path} 应为一行 k<版本>.<至少64位十六进制>。",
            f"The key file {path} must be one line, k<version>.<at least 64 hexadecimal digits>.",
        )
    return WorkerKey(int(match.group(1)), bytes.fromhex(_even(match.group(2))))


def kept_key(path: Path) -> WorkerKey:
    """The key in `path`, a random one of version 1 on first use: for a laptop, not for a nation."""
    if not path.exists():
        write_private(path, f"k1.{secrets.token_hex(KEY_MIN_BYTES)}\n")
    return read_key(path)


def simulation_key(seed: int) -> WorkerKey:
    """A key for simulated persons only: with the same seed they are the same persons again."""
    return WorkerKey(0, hashlib.sha256(f"simulated persons, seed {seed}".encode()).digest())


def _even(digits: str) -> str:
    return digits[: len(digits) // 2 * 2]
