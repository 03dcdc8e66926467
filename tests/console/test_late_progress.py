"""A bar is shown for what lasts, and for nothing else."""

import io

import pytest
from rich.console import Console

from console import late_progress
from console.late_progress import LateProgress


def bar(screen: io.StringIO) -> LateProgress:
    return LateProgress("verifying", 10, Console(file=screen, force_terminal=True, width=80))


def test_what_is_done_at_once_shows_nothing() -> None:
    screen = io.StringIO()
    with bar(screen) as progress:
        for _ in range(10):
            progress.advance()
    assert (progress.shown, screen.getvalue()) == (False, "")


def test_what_lasts_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_progress, "SHOWN_AFTER_S", -1.0)
    screen = io.StringIO()
    with bar(screen) as progress:
        progress.advance(4, "lane 32")
    assert progress.shown
    assert "lane 32" in screen.getvalue()
    assert "4/10" in screen.getvalue()
