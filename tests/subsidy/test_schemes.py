"""Promises about schemes: files are refused with file, line and reason; versions do not overlap."""

from datetime import date
from pathlib import Path

import pytest

from services.subsidy.config import SCHEMES, SchemeError, load_scheme, load_schemes
from services.subsidy.domain.schemes import Rules

GOOD = (SCHEMES / "2025-industrial-workers.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("amount_base_fen: 100000", "amount_base_fen: -1"),
            r"scheme.yaml, line 13: amount_base_fen: .*greater",
        ),
        (("amount_base_fen: 100000", "amount_base_fen: 1.5"), r"line 13: amount_base_fen"),
        (("tracks: [academic, skills, combined]", "tracks: [academics]"), r"line 11: tracks"),
        (("provinces: all", "provinces: [99]"), r"line 12: provinces"),
        (("fund_source:", "fund_sauce:"), r"fund_source: Field required"),
        (("version: 2", "version: 2\nversion: 3"), r"line 4: version stands twice, first in line 3"),
        (("valid_from: 2025-01-01", "valid_from: 2025-01-01\nvalid_until: 2024-01-01"), r"before valid_from"),
        (("name: study", "name: [study"), r"is not YAML"),
        (("issuers:", "- issuers:"), r"is not YAML"),
    ],
)
def test_a_faulty_scheme_is_refused_with_file_line_and_reason(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "scheme.yaml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(SchemeError, match=message):
        load_scheme(path)


@pytest.mark.parametrize("text", ["", "[1, 2]", "just words"])
def test_a_file_that_holds_no_fields_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scheme.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemeError, match="does not hold fields"):
        load_scheme(path)


def test_a_folder_without_schemes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match="no scheme"):
        load_schemes(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        ("version: 2", "version: 3"),
        ("provinces: all", 'provinces: ["32", "33"]'),
        ("valid_from: 2025-01-01", "valid_from: 2025-01-01\nvalid_until: 2025-12-31"),
        ("tracks: [academic, skills, combined]", "tracks: [skills]"),
    ],
)
def test_two_versions_that_cover_the_same_enrollments_are_refused(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(SchemeError, match="cover the same enrollments"):
        load_schemes(tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("provinces: all", 'provinces: ["32"]'), ("provinces: all", 'provinces: ["33"]')),
        (("tracks: [academic, skills, combined]", "tracks: [skills]"), ("[academic, skills,", "[academic,")),
        (
            ("valid_from: 2025", "valid_until: 2025-12-31\nvalid_from: 2025"),
            ("valid_from: 2025", "valid_from: 2026"),
        ),
    ],
)
def test_versions_for_other_provinces_tracks_or_days_stand_beside_each_other(
    tmp_path: Path, one: tuple[str, str], other: tuple[str, str]
) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace(*one), encoding="utf-8")
    (tmp_path / "b.yaml").write_text(GOOD.replace(*other), encoding="utf-8")
    rules = Rules(load_schemes(tmp_path))
    assert len(rules.schemes) == 2
    assert rules.scheme_for("32", date(2025, 3, 1), "skills") is rules.schemes[0]


def test_the_scope_was_widened_in_2025() -> None:
    first, second = load_schemes(SCHEMES)
    assert set(first.eligible_categories) == {"migrant"}
    assert set(first.tracks) == {"academic", "combined"}
    assert second.eligible_categories > first.eligible_categories
    assert (len(first.issuers), len(second.issuers)) == (2, 4)
