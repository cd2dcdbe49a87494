"""Creating, changing and deleting rows of the simulated Airtable: everything is checked, then all or nothing is done.

PATCH merges; PUT clears every editable cell that is not named. The modified time moves only on a real change of an
editable cell (switch ``always_bump``), per field, with its author. The other end of a link follows and is bumped too.
Numbers of autoNumber fields are used up only by creates that succeed (recorded so).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from duban.sandbox.airtable.fieldtypes import Intake, is_empty, is_writable, put
from duban.sandbox.airtable.model import Base, Field, Row, State, Table
from duban.sandbox.airtable.refusal import Refusal, unacceptable, unknown_field

BATCH = 10
_MERGEABLE = {"number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"}


class Checked(NamedTuple):
    """One row's cells, accepted: ``row`` is None for a new one."""

    row: Row | None
    cells: dict[str, Any]


class Writer:
    """The writes of one request. ``user`` is the author's id."""

    def __init__(
        self, state: State, base: Base, table: Table, user: str, *, typecast: bool = False, always_bump: bool = False
    ) -> None:
        self._state, self._base, self._table, self._user = state, base, table, user
        self._always_bump = always_bump
        self._intake = Intake(state, base, typecast=typecast)
        self._now = state.clock.now()

    # --- first: check

    def check(self, row: Row | None, fields: Any, *, replace: bool = False) -> Checked:
        """Accept the cells of one row. Raises ``Refusal``; nothing has happened then."""
        if not isinstance(fields, Mapping):
            raise Refusal(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')
        cells: dict[str, Any] = {}
        for name, value in fields.items():
            field = self._table.field(name)
            if field is None:
                raise unknown_field(name)
            if field.closed:
                raise Refusal(403, "INVALID_PERMISSIONS", f"You are not permitted to edit the field {field.name}")
            cells[field.id] = self._intake.accept(field, value)
        if replace:
            for field in self._table.fields.values():
                if is_writable(field):
                    cells.setdefault(field.id, None)
        return Checked(row, cells)

    # --- then: do

    def commit(self, writes: Sequence[Checked]) -> list[Row]:
        """Do what was checked, and what typecast planned; return the rows in order."""
        for field, choice in self._intake.choices:
            field.choices().append(choice)
        for table, record, text in self._intake.rows:
            other = Writer(self._state, self._base, table, self._user)
            row = other.new_row(record)
            other.apply(row, {table.primary: text})
        done = []
        for row_or_none, cells in writes:
            row = row_or_none or self.new_row(self._state.ids.new("rec"))
            self.apply(row, cells)
            done.append(row)
        return done

    def new_row(self, record: str) -> Row:
        """Add an empty row."""
        table = self._table
        row = Row(record, table.next_number, self._now, self._user, self._now, self._user)
        table.next_number += 1
        table.rows[record] = row
        table.version += 1
        table.shape += 1
        return row

    def apply(self, row: Row, cells: Mapping[str, Any]) -> None:
        """Set accepted cells of one row."""
        for field_id, stored in cells.items():
            field = self._table.fields[field_id]
            before = row.cells.get(field_id)
            if put(row, field, stored) or self._always_bump:
                self._bump(self._table, row, field_id)
            if field.type == "multipleRecordLinks":
                self._follow(row, field, before or [], stored or [])

    def _bump(self, table: Table, row: Row, field_id: str) -> None:
        row.modified, row.modified_by = self._now, self._user
        row.touched[field_id] = (self._now, self._user)
        table.version += 1

    def _follow(self, row: Row, field: Field, before: Sequence[str], after: Sequence[str]) -> None:
        """Keep the other end of a link in step."""
        linked = self._base.tables.get(str(field.option("linkedTableId")))
        inverse = field.option("inverseLinkFieldId")
        if linked is None or inverse not in linked.fields:
            return
        for record in set(before) ^ set(after):
            other = linked.rows.get(record)
            if other is None:
                continue
            ends = [end for end in other.cells.get(inverse, []) if end != row.id]
            if record in after:
                ends.append(row.id)
            put(other, linked.fields[inverse], ends or None)
            self._bump(linked, other, inverse)

    def delete(self, row: Row) -> None:
        """Delete a row, and its id from every link cell that holds it."""
        table = self._table
        for other in self._base.tables.values():
            links = [
                field for field in other.fields.values()
                if field.type == "multipleRecordLinks" and field.option("linkedTableId") == table.id
            ]  # fmt: skip
            for field in links:
                for holder in other.rows.values():
                    if holder is not row and row.id in holder.cells.get(field.id, ()):
                        put(holder, field, [end for end in holder.cells[field.id] if end != row.id] or None)
                        self._bump(other, holder, field.id)
        del table.rows[row.id]
        table.version += 1
        table.shape += 1

    # --- upsert

    def merge_fields(self, names: Any) -> list[Field]:
        """Return the fields to merge on: one to three, of the types that may be."""
        if not isinstance(names, list) or not 1 <= len(names) <= 3:
            raise Refusal(422, "INVALID_REQUEST_UNKNOWN", "fieldsToMergeOn takes one to three fields")
        found = []
        for name in names:
            field = self._table.field(str(name))
            if field is None:
                raise unknown_field(str(name))
            if field.type not in _MERGEABLE:
                raise unacceptable(field.name)
            found.append(field)
        return found

    def match(self, keys: Sequence[Field], checked: Checked) -> Row | None:
        """Find the row that an upsert means, in the state before the request. A null key always creates."""
        if any(field.id not in checked.cells for field in keys):
            raise Refusal(422, "INVALID_RECORDS", "every record needs all the fields to merge on")
        wanted = [checked.cells[field.id] for field in keys]
        if any(is_empty(value) for value in wanted):
            return None
        found = [
            row for row in self._table.rows.values() if [row.cells.get(field.id) for field in keys] == wanted
        ]  # fmt: skip
        if len(found) > 1:  # the error's type is a third party's claim
            raise Refusal(422, "INVALID_RECORDS", "more than one record matches the fields to merge on")
        return found[0] if found else None
