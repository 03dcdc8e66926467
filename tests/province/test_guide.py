"""The page that provinces read agrees with what the command understands."""

from pathlib import Path

from console.province.guide import guide


def test_the_page_about_publishing_is_fresh() -> None:
    page = Path(__file__).parents[2] / "docs" / "publishing.md"
    assert page.read_text(encoding="utf-8") == guide(), (
        "run: python -m console.province.guide > docs/publishing.md"
    )
