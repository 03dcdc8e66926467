"""A token is taken until its day is over, several of one name beside each other; a file that is wrong is refused."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from console.deployment.__main__ import main
from console.stack.failures import StackError
from console.stack.tokens import make_tokens, plain_token, renew_token
from shared.plumbing.tokens import Caller, Tokens

NOW = datetime(2026, 9, 1, tzinfo=UTC)
JIANGSU = Caller("province-32", "province", "32")


def tokens_of(folder: Path, *entries: dict[str, Any]) -> Tokens:
    path = folder / "tokens.json"
    path.write_text(json.dumps(entries))
    return Tokens(path)


def entry(token: str, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return {"name": "province-32", "role": "province", "province": "32", "sha256": digest, **changes}


def test_old_and_new_are_taken_beside_each_other_each_until_its_end(tmp_path: Path) -> None:
    ends = NOW + timedelta(days=30)
    tokens = tokens_of(tmp_path, entry("old", not_after=ends.isoformat()), entry("new"))
    assert tokens.caller("old", NOW) == tokens.caller("new", NOW) == JIANGSU
    assert tokens.caller("old", ends) == JIANGSU
    assert tokens.caller("old", ends + timedelta(seconds=1)) is None
    assert tokens.caller("new", ends + timedelta(days=10_000)) == JIANGSU
    assert tokens.caller("", NOW) is None


def test_an_official_works_for_the_nation_or_for_one_province(tmp_path: Path) -> None:
    nation, jiangsu = (
        entry(who, name=who, role="official", province=lane) for who, lane in (("n", None), ("j", "32"))
    )
    tokens = tokens_of(tmp_path, nation, jiangsu)
    assert tokens.caller("n", NOW) == Caller("n", "official", None)
    assert tokens.caller("j", NOW) == Caller("j", "official", "32")


@pytest.mark.parametrize(
    "changes",
    [
        {"province": None},
        {"role": "operator"},
        {"role": "king"},
        {"province": "99"},
        {"sha256": "plain"},
        {"not_after": "2026-09-01T00:00:00"},
        {"plain": "x"},
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        tokens_of(tmp_path, entry("x", **changes))


def test_a_renewed_token_overlaps_with_the_one_before_and_expired_ones_leave_the_file(tmp_path: Path) -> None:
    file = make_tokens(tmp_path)
    first = plain_token(tmp_path, "province-32")
    renew_token(tmp_path, "province-32", NOW, 400, 30)
    second = plain_token(tmp_path, "province-32")
    assert first != second
    make_tokens(tmp_path)  # the stack starts again
    tokens = Tokens(file)
    assert tokens.caller(first, NOW + timedelta(days=30)) == tokens.caller(second, NOW) == JIANGSU
    assert tokens.caller(first, NOW + timedelta(days=31)) is None
    assert tokens.caller(second, NOW + timedelta(days=401)) is None
    renew_token(tmp_path, "province-32", NOW + timedelta(days=60), 400, 30)
    assert (
        len(json.loads(file.read_text())) == len(json.loads(make_tokens(tmp_path / "other").read_text())) + 1
    )


def test_a_token_is_renewed_by_command_and_an_unknown_name_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tokens(tmp_path)
    before = plain_token(tmp_path, "auditor")
    assert main(["renew-token", str(tmp_path), "auditor"], {}) == 0
    assert "holds the new token of auditor" in capsys.readouterr().out
    assert plain_token(tmp_path, "auditor") != before
    assert main(["renew-token", str(tmp_path), "nobody"], {}) == 1
    with pytest.raises(StackError, match="There is no token nobody"):
        renew_token(tmp_path, "nobody", NOW, 1, 1)


def test_a_file_that_changes_counts_at_once_and_one_that_is_wrong_changes_nothing(tmp_path: Path) -> None:
    tokens = tokens_of(tmp_path, entry("lost"), entry("kept"))
    assert tokens.caller("lost", NOW) == JIANGSU
    tokens_of(tmp_path, entry("kept"), entry("found"))
    assert tokens.caller("lost", NOW) is None
    assert tokens.caller("found", NOW) == tokens.caller("kept", NOW) == JIANGSU
    for wrong in ('[{"name": "half a fi', '[{"name": "province-32"}]'):
        (tmp_path / "tokens.json").write_text(wrong)
        assert tokens.caller("kept", NOW) == JIANGSU
    (tmp_path / "tokens.json").unlink()
    with structlog.testing.capture_logs() as said:
        assert tokens.caller("kept", NOW) == tokens.caller("kept", NOW) == JIANGSU
    assert [one["event"] for one in said] == ["tokens_not_read"], "once, not with each request"
    tokens_of(tmp_path, entry("new"))
    assert tokens.caller("kept", NOW) is None
