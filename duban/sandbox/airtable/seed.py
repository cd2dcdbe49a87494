"""What people do in the simulated Airtable's own pages: make tables and fields, type cells, rename, delete.

Tests, ``duban demo`` and ``duban sandbox`` seed and edit through these handles, in plain Python and by heading.
Everything happens under the service's lock, so it may be done while clients are at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from duban.sandbox.airtable import schema
from duban.sandbox.airtable.cells import Sight
from duban.sandbox.airtable.fieldtypes import is_writable
from duban.sandbox.airtable.model import Base, Field, Row, State, Table, User, View
from duban.sandbox.airtable.writing import Writer

FieldSpec = tuple[str, str] | tuple[str, str, Any]


class SeededBase:
    """One base, as a person with all rights sees it."""

    def __init__(self, state: State, base: Base, owner: User) -> None:
        self._state, self.data, self._owner = state, base, owner

    @property
    def id(self) -> str:
        """The base's id, ``app…``."""
        return self.data.id

    def add_table(self, name: str, fields: Iterable[FieldSpec] = (("Name", "singleLineText"),)) -> SeededTable:
        """Add a table; each field is (name, type) or (name, type, options), the first one is the primary field."""
        with self._state.lock:
            table = SeededTable(self._state, self.data, schema.new_table(self._state, self.data, name), self._owner)
            for spec in fields:
                table.add_field(*spec)
        return table

    def table(self, name: str) -> SeededTable:
        """Return a table by name or id; ``LookupError`` if there is none."""
        found = self.data.table(name)
        if found is None:
            raise LookupError(f"the base {self.data.name} has no table {name}")
        return SeededTable(self._state, self.data, found, self._owner)

    def delete_table(self, name: str) -> None:
        """Delete a table with its rows."""
        with self._state.lock:
            del self.data.tables[self.table(name).id]


class SeededTable:
    """One table, as a person sees it. Rows are named by record id, cells by heading."""

    def __init__(self, state: State, base: Base, table: Table, owner: User) -> None:
        self._state, self._base, self.data, self._owner = state, base, table, owner

    @property
    def id(self) -> str:
        """The table's id, ``tbl…``."""
        return self.data.id

    def rename(self, name: str) -> None:
        """Rename the table."""
        with self._state.lock:
            self.data.name = name

    # --- fields

    def add_field(self, name: str, kind: str, options: Any = None) -> str:
        """Add a field of any type, known to Airtable or not, and return its id. ``options``: as in the metadata; for a
        select also a list of names; fields and tables may be named."""
        with self._state.lock:
            return schema.new_field(self._state, self._base, self.data, name, kind, options=options).id

    def field(self, name: str) -> Field:
        """Return a field by heading or id; ``LookupError`` if there is none."""
        found = self.data.field(name)
        if found is None:
            raise LookupError(f"the table {self.data.name} has no field {name}")
        return found

    def rename_field(self, name: str, new: str) -> None:
        """Rename a field; its id stays."""
        with self._state.lock:
            field = self.field(name)
            schema.free_name(self.data, new, but=field)
            field.name = new

    def delete_field(self, name: str) -> None:
        """Delete a field with its cells."""
        with self._state.lock:
            schema.drop_field(self._base, self.data, self.field(name))

    def add_choice(self, name: str, choice: str) -> None:
        """Add a choice to a select."""
        with self._state.lock:
            schema.add_choice(self._state, self.field(name), choice)

    def rename_choice(self, name: str, choice: str, new: str) -> None:
        """Rename a choice: its id and every cell that holds it stay."""
        with self._state.lock:
            next(known for known in self.field(name).choices() if known["name"] == choice)["name"] = new

    def add_view(self, name: str, formula: str | None = None, sort: Iterable[tuple[str, str]] = ()) -> str:
        """Add a view with a filter and an order (field, "asc" or "desc"), and return its id."""
        with self._state.lock:
            view = View(self._state.ids.new("viw"), name, formula, tuple(sort))
            self.data.views.append(view)
        return view.id

    # --- rows

    def add_row(self, cells: Mapping[str, Any], by: str | None = None) -> str:
        """Add a row and return its record id. Cells are in the write form; a computed or future field keeps the given
        value as its answer. ``by``: a user's id, e-mail or name; default the owner."""
        with self._state.lock:
            row = self._set(None, cells, by)
        return row.id

    def edit(self, record: str, cells: Mapping[str, Any], by: str | None = None) -> None:
        """Change cells of a row as a person does: ``None`` clears."""
        with self._state.lock:
            self._set(self._row(record), cells, by)

    def _set(self, row: Row | None, cells: Mapping[str, Any], by: str | None) -> Row:
        author = self._state.user(by) if by else self._owner
        if author is None:
            raise LookupError(f"there is no user {by}")
        writer = Writer(self._state, self._base, self.data, author.id)
        raw = {self.field(name).id: value for name, value in cells.items() if not is_writable(self.field(name))}
        editable = {name: value for name, value in cells.items() if is_writable(self.field(name))}
        done = writer.commit([writer.check(row, editable)])[0]
        done.raw.update(raw)
        return done

    def delete_row(self, record: str) -> None:
        """Delete a row."""
        with self._state.lock:
            Writer(self._state, self._base, self.data, self._owner.id).delete(self._row(record))

    def _row(self, record: str) -> Row:
        if record not in self.data.rows:
            raise LookupError(f"the table {self.data.name} has no row {record}")
        return self.data.rows[record]

    def cells(self, record: str) -> dict[str, Any]:
        """Return one row's non-empty cells by heading, in the read form."""
        with self._state.lock:
            found = Sight(self._state, self._base).record(self.data, self._row(record))["fields"]
        return dict(found)

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return all rows, oldest first: record id -> non-empty cells by heading."""
        with self._state.lock:
            sight = Sight(self._state, self._base)
            return {row.id: sight.record(self.data, row)["fields"] for row in self.data.rows.values()}
