"""Progress bars for long reads and writes: on standard error, and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Bars:
    """One bar per table. Off, its methods do nothing. Thread-safe: rich locks."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._bars: dict[tuple[str, str, str], TaskID] = {}

    def reading(self, source: str, table: str, rows: int, total: int | None) -> None:
        """Show how many rows of a table were read."""
        self._show("↓", source, table, rows, total)

    def writing(self, source: str, table: str, rows: int, total: int) -> None:
        """Show how many rows of a table were written."""
        self._show("↑", source, table, rows, total)

    def _show(self, mark: str, source: str, table: str, rows: int, total: int | None) -> None:
        if self._progress is None:
            return
        key = (mark, source, table)
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(f"{mark} {source}/{table}", total=total)
        self._progress.update(self._bars[key], completed=rows, total=total)

    def close(self) -> None:
        """Take the bars away, before the result is printed."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


@contextmanager
def progress(off: bool) -> Iterator[Bars]:
    """Yield the bars of one command; ``off`` for output that a program reads."""
    if off or not sys.stderr.isatty():
        yield Bars(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Bars(Progress(*columns, console=Console(stderr=True), transient=True))
    assert bars._progress is not None  # noqa: SLF001
    bars._progress.start()  # noqa: SLF001
    try:
        yield bars
    finally:
        bars.close()
