"""Bars on standard error for what lasts; one is shown only once it has taken longer than two seconds."""

import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SHOWN_AFTER_S: Final = 2.0


def bar(console: Console, *, transient: bool = False) -> Progress:
    """What is done of how much, and the time that it took; `transient`: it disappears at its end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=transient,
    )


class LateProgress:
    """Counts what is done of `total`; use it as a context."""

    def __init__(self, what: str, total: int | None, console: Console | None = None) -> None:
        self._began_s = time.monotonic()
        self._bar = bar(console or Console(stderr=True), transient=True)
        self._task = self._bar.add_task(what, total=total)
        self.shown = False

    def advance(self, done: int = 1, what: str | None = None) -> None:
        """So much more is done; `what` names the part that comes next."""
        if not self.shown and time.monotonic() - self._began_s > SHOWN_AFTER_S:
            self.shown = True
            self._bar.start()
        changed = {} if what is None else {"description": what}
        self._bar.update(self._task, advance=done, **changed)  # type: ignore[arg-type]

    def __enter__(self) -> "LateProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.shown:
            self._bar.stop()
