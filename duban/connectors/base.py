"""The contract that every connector keeps, and its words. The rest of duban knows tools only through this file.

A connector turns one source's pages into rows of typed cells and typed cells back into the tool's own encoding. It
knows nothing of rules or of the common model's fields: headings are mapped to fields in ``columns``, cells to values
in ``reading``.

* **Column** - one column as the tool's metadata describes it; never guessed from the cells of a row.
* **Cell** - the value of one column in one row, typed by ``Column.type`` (table below). ``None`` is an empty cell.
* **Page / Row** - what a read yields. Pages come in order; rows may repeat over pages (no tool has snapshots): the
  reader keeps the last one.
* **Write / Receipt** - what is to be set in one row, and what became of it. One receipt per write, in order.

==============================  ================================================================================
``Column.type``                 cell
==============================  ================================================================================
text, url, select               ``str`` (a url column gives the link)
multi_select                    ``tuple[str, ...]``
number                          ``float``
percent                         ``float``, already 0..100 whatever the tool stores
checkbox                        ``bool``
date                            ``date`` (a tool's bare day)
datetime, modified, created     aware ``datetime``, any zone (an instant); ``modified`` moves by itself on every edit
person                          ``tuple[Person, ...]``
links                           ``tuple[str, ...]``: record ids of the same source, or codes where the tool has text
attachment                      ``tuple[str, ...]``: names or links
unknown                         ``str``: a type this version does not know, read as text
==============================  ================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from duban.item import Person

ColumnType = Literal[
    "text", "url", "select", "multi_select", "number", "percent", "checkbox", "date", "datetime", "modified", "created",
    "person", "links", "attachment", "unknown",
]  # fmt: skip
Cell: TypeAlias = "str | float | bool | date | datetime | tuple[str, ...] | tuple[Person, ...] | None"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``id`` is the tool's stable id where it has one, else the heading; reads and writes are keyed by it. ``field`` is
    set for built-in properties with a fixed meaning (Teambition), which are mapped by it and not by their heading; a
    ``fallback`` built-in yields to a custom column that maps to the same field. ``writable`` is false for computed
    and system columns: they are never mapped for writing. ``computed`` marks formulas, rollups and auto numbers.
    ``raw`` is the vendor's own description, for the connector alone.
    """

    id: str
    name: str
    type: ColumnType
    writable: bool = True
    computed: bool = False
    options: tuple[str, ...] | None = None
    field: str | None = None
    fallback: bool = False
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Schema:
    """What a table looks like now. ``title`` is the table's name in the tool, ``raw`` for the connector alone."""

    columns: tuple[Column, ...]
    title: str = ""
    raw: Any = None

    def column(self, id: str) -> Column:  # noqa: A002 - the tool's word
        """Return the column with this id; ``KeyError`` if there is none."""
        for column in self.columns:
            if column.id == id:
                return column
        raise KeyError(id)


class Row(NamedTuple):
    """One row: its record id, its non-empty cells by column id, cells that do not decode as (column id -> text)."""

    record: str
    cells: Mapping[str, Cell]
    url: str | None = None
    bad: Mapping[str, str] = {}


class Page(NamedTuple):
    """One page of a read. ``total`` is how many rows the tool says there are, where it says so."""

    rows: Sequence[Row]
    total: int | None = None


class Write(NamedTuple):
    """Cells to set in one row, by column id, each in its column's own type; ``None`` clears a cell."""

    record: str
    cells: Mapping[str, Cell]


class Receipt(NamedTuple):
    """What became of one write. ``unknown``: sent, but the answer was lost even after reading back."""

    record: str
    outcome: Literal["written", "failed", "unknown"]
    error: str | None = None


@dataclass(slots=True)
class Traffic:
    """How many requests a source has cost so far; ``retried`` counts repeats, which are in read or write too."""

    read: int = 0
    write: int = 0
    retried: int = 0
    refused: int = field(default=0)  # answers that said "too fast": must stay 0


class Connector(Protocol):
    """One source. ``table`` is always the table's name from the configuration.

    Every method may raise :class:`duban.errors.ConnectorError`; after ``AuthError`` the source is done for this cycle.
    """

    name: str
    tool: str
    traffic: Traffic

    def describe(self, table: str) -> Schema:
        """Return the table's columns from the tool's metadata, asked afresh."""
        ...

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        """Yield every row of the table, asking only for the given column ids, in the largest pages.

        Ending without an exception means that the last page was seen. A read that must start over (a page iterator
        that expired) does so inside and yields the rows again.
        """
        ...

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        """Set cells and yield one receipt per write, in order, each as soon as it is known.

        Only the named cells change. Batches, limits, one writer per base, splitting on a bad row and reading back
        after an unknown outcome are the connector's business. No option, column or row is ever created.
        """
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...
