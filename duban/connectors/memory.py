"""A tool that lives in memory: a full connector for tests, benchmarks and people who write rules.

It keeps the contract of ``base`` to the letter, and offers beside it what a person does in a tool: add, edit and delete
rows, add and drop columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column, Page, Receipt, Row, Schema, Traffic, Write
from duban.connectors.limits import Pace
from duban.connectors.settings import MemorySource
from duban.errors import Rejected
from duban.item import Person

Rows = Mapping[str, Mapping[str, Cell]]

_PYTHON: Mapping[str, tuple[type, ...]] = {
    "text": (str,), "url": (str,), "select": (str,), "unknown": (str,), "multi_select": (tuple,), "person": (tuple,),
    "links": (tuple,), "attachment": (tuple,), "number": (float, int), "percent": (float, int), "checkbox": (bool,),
    "date": (date,), "datetime": (datetime,), "modified": (datetime,), "created": (datetime,),
}  # fmt: skip


class MemoryConnector:
    """One source in memory.

    ``tables``: label -> (columns, rows by record id, each row its non-empty cells by column id). ``page_size`` rows
    make a page. ``zone`` and ``pace`` are taken for the sake of the registry; nothing here waits or knows local time.
    """

    tool = "memory"

    def __init__(
        self, settings: MemorySource | str, tables: Mapping[str, tuple[Sequence[Column], Rows]] | None = None, *,
        zone: ZoneInfo | None = None, pace: Pace | None = None, page_size: int = 500,
    ) -> None:  # fmt: skip
        self.name = settings if isinstance(settings, str) else settings.name
        self.zone, self.pace, self.page_size = zone, pace, page_size
        self.traffic = Traffic()
        labels = () if isinstance(settings, str) else tuple(table.label for table in settings.tables if table.name)
        self._columns: dict[str, list[Column]] = {label: [] for label in labels}
        self._rows: dict[str, dict[str, dict[str, Cell]]] = {label: {} for label in labels}
        for label, (columns, rows) in (tables or {}).items():
            self._columns[label] = list(columns)
            self._rows[label] = {record: _filled(cells) for record, cells in rows.items()}

    # --- the contract

    def describe(self, table: str) -> Schema:
        """Return the table's columns as they are now."""
        self._known(table)
        self.traffic.read += 1
        return Schema(tuple(self._columns[table]), title=table)

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:  # noqa: ARG002 - the contract
        """Yield all rows in the order in which they were added, the named columns only."""
        self._known(table)
        wanted = [self._column(table, id_) for id_ in dict.fromkeys(columns)]
        rows = self._rows[table]
        left, total, pages = iter(list(rows.items())), len(rows), 0
        while page := list(islice(left, self.page_size)):
            pages += 1
            self.traffic.read += 1
            yield Page([Row(record, _pick(cells, wanted)) for record, cells in page], total)
        if not pages:
            self.traffic.read += 1
            yield Page([], total)

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:  # noqa: ARG002 - the contract
        """Set cells; a write that does not fit fails alone and changes nothing of its row."""
        self._known(table)
        for place, write in enumerate(writes):
            if place % self.page_size == 0:
                self.traffic.write += 1
            error = self._refusal(table, write)
            if error is None:
                row = self._rows[table][write.record]
                row.update(write.cells)
                for id_ in [id_ for id_, cell in write.cells.items() if cell is None]:
                    row.pop(id_, None)
            yield Receipt(write.record, "written" if error is None else "failed", error)

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    # --- what people do in a tool

    def cells(self, table: str, record: str) -> dict[str, Cell]:
        """Return a row's non-empty cells by column id; ``KeyError`` for an unknown row."""
        return dict(self._rows[table][record])

    def edit(self, table: str, record: str, cells: Mapping[str, Cell]) -> None:
        """Set cells as a person would; a row that is not there yet is added at the end."""
        self._rows[table][record] = _filled({**self._rows[table].get(record, {}), **cells})

    def delete(self, table: str, record: str) -> None:
        """Delete a row; ``KeyError`` for an unknown one."""
        del self._rows[table][record]

    def add_column(self, table: str, column: Column) -> None:
        """Add a column at the right end."""
        self._columns[table].append(column)

    def drop_column(self, table: str, column: str) -> None:
        """Drop a column with all its cells."""
        self._columns[table] = [known for known in self._columns[table] if known.id != column]
        for row in self._rows[table].values():
            row.pop(column, None)

    # --- inside

    def _known(self, table: str) -> None:
        if table not in self._columns:
            known = ", ".join(self._columns) or "none"
            raise Rejected(f"{self.name} has no table {table!r}; its tables: {known}")

    def _column(self, table: str, wanted: str) -> Column:
        for column in self._columns[table]:
            if column.id == wanted:
                return column
        raise Rejected(f"the table {table} of {self.name} has no column {wanted!r}; describe it again")

    def _refusal(self, table: str, write: Write) -> str | None:
        if write.record not in self._rows[table]:
            return f"the table {table} of {self.name} has no row {write.record!r}; it was deleted"
        try:
            troubles = [_trouble(self._column(table, id_), cell) for id_, cell in write.cells.items()]
        except Rejected as error:
            return str(error)
        return next((trouble for trouble in troubles if trouble), None)


def _filled(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    return {id_: cell for id_, cell in cells.items() if cell is not None}


def _pick(cells: Mapping[str, Cell], wanted: Sequence[Column]) -> dict[str, Cell]:
    return {
        column.id: _as_text(cell) if column.type == "unknown" else cell
        for column in wanted
        if (cell := cells.get(column.id)) is not None
    }


def _as_text(cell: Cell) -> str:
    if isinstance(cell, tuple):
        return "、".join(entry.name if isinstance(entry, Person) else str(entry) for entry in cell)
    return str(cell)


def _trouble(column: Column, cell: Cell) -> str | None:
    if not column.writable or column.computed:
        return f"the column {column.name} is computed by the tool and cannot be written"
    if cell is None:
        return None
    fits = isinstance(cell, _PYTHON[column.type]) and (column.type == "checkbox" or not isinstance(cell, bool))
    if not fits or (column.type == "date" and isinstance(cell, datetime)):
        return f"the column {column.name} ({column.type}) cannot hold {cell!r}"
    chosen = cell if isinstance(cell, tuple) else (cell,)
    if column.options is not None and column.type in {"select", "multi_select"}:
        lacking = [str(option) for option in chosen if option not in column.options]
        return f"the column {column.name} has no option {lacking[0]}" if lacking else None
    return None
