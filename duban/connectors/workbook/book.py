"""What an xlsx and a csv file have in common: headings, rows of cells by position, and a way to set cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from duban.connectors.base import Cell
from duban.connectors.settings import WorkbookTable


class Heading(NamedTuple):
    """One heading: its column's position, from 0, and its text."""

    position: int
    text: str


class BookRow(NamedTuple):
    """One row: its number in the file (from 1), its non-empty cells by position, cells that are errors."""

    number: int
    cells: Mapping[int, Cell]
    bad: Mapping[int, str] = {}


class Edited(NamedTuple):
    """A file's new content, and the rows (by number) that could not be set, each with its reason."""

    data: bytes
    refused: Mapping[int, str]


class Book(Protocol):
    """One file's content at one moment. All methods may raise ``ConnectorError``."""

    typed: bool
    """Whether cells have types of their own (xlsx) or are all text (csv)."""

    def headings(self, table: WorkbookTable) -> Sequence[Heading]:
        """Return the non-empty cells of the heading row."""
        ...

    def rows(self, table: WorkbookTable) -> Iterator[BookRow]:
        """Yield the rows below the headings that have any cell, from top to bottom."""
        ...

    def edited(self, table: WorkbookTable, changes: Mapping[int, Mapping[int, Cell]]) -> Edited:
        """Return the file with cells set: row number -> position -> cell (``None`` clears). The book itself stays."""
        ...
