"""Pseudonyms: the same everywhere, made only of well-formed numbers, and no number in any error."""

import base64
import hashlib
import hmac
import re
from pathlib import Path

import pytest

from console.province.identity import (
    IdentityError,
    WorkerKey,
    check_character,
    checked,
    kept_key,
    read_key,
    worker_ref,
)
from shared.contracts.envelope import WORKER_REF_PATTERN

KEY = WorkerKey(3, b"k" * 32)


def _valid(first17: str) -> str:
    return first17 + check_character(first17)


def test_a_pseudonym_is_the_keyed_hash_of_the_18_upper_case_characters() -> None:
    number = _valid("99990119900101001")
    digest = hmac.new(KEY.secret, number.encode(), hashlib.sha256).digest()
    expected = "k3." + base64.b32encode(digest).decode().rstrip("=")
    assert worker_ref(number, KEY) == expected
    assert re.fullmatch(WORKER_REF_PATTERN, expected)


def test_case_blanks_full_width_and_a_spreadsheets_quote_change_nothing() -> None:
    number = next(n for serial in range(1000) if (n := _valid(f"99990119900101{serial:03d}"))[17] == "X")
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in number)
    assert {
        worker_ref(text, KEY) for text in (number, number.lower(), f" {number} ", wide, f"'{number}")
    } == {worker_ref(number, KEY)}


@pytest.mark.parametrize(
    "number",
    ["", "123", "9.99901E+17", "99990119900101001A", "99990119900101001 99990119900101001", "x" * 18],
)
def test_what_is_no_number_is_refused_without_being_repeated(number: str) -> None:
    with pytest.raises(IdentityError) as refused:
        checked(number)
    assert not number or number not in str(refused.value)


def test_a_wrong_check_character_is_refused_without_being_repeated() -> None:
    number = _valid("99990119900101001")
    wrong = number[:17] + ("0" if number[17] != "0" else "1")
    with pytest.raises(IdentityError, match="check character") as refused:
        checked(wrong)
    assert wrong not in str(refused.value)


def test_a_key_is_kept_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    key = kept_key(path)
    assert kept_key(path) == read_key(path) == key
    assert len(key.secret) == 32
    assert path.stat().st_mode & 0o077 == 0
    assert key.secret.hex() not in repr(key)


@pytest.mark.parametrize("text", ["", "secret", "k1.abcd", "1." + "ab" * 32, "k1.密" + "ab" * 32])
def test_a_key_file_of_another_form_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(IdentityError, match=r"一行.*one line") as refused:
        read_key(path)
    assert not text or text not in str(refused.value)
    with pytest.raises(IdentityError, match="cannot be read"):
        read_key(tmp_path / "none")
