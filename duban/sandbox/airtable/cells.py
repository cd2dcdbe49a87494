"""Reading rows of the simulated Airtable: editable cells as they are, computed ones worked out on the spot.

Formulas, lookups, rollups and counts are derived on every read, so an edit in a linked row shows at once and never
moves a modified time (facts/airtable section 14, 24 and 26). A value put into ``Row.raw`` by hand wins: that is how
tests show ``{"specialValue": "NaN"}``, aiText or a field type of the future.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from duban.sandbox.airtable.fieldtypes import is_empty, is_writable, shown, utc_text
from duban.sandbox.airtable.formula import CellError, Compiled, Value, compile_formula, moment, number, text_of
from duban.sandbox.airtable.functions import CALLS
from duban.sandbox.airtable.model import Base, Field, Row, State, Table, stamp
from duban.sandbox.airtable.refusal import Refusal

_FOLDS: dict[str, Callable[[list[float]], float]] = {"SUM": sum, "MIN": min, "MAX": max}
_DEPTH = 20  # formulas of formulas; a circle ends here


class Sight:
    """One request's view of a base."""

    def __init__(self, state: State, base: Base) -> None:
        self.state, self.base = state, base
        self.now = datetime.fromtimestamp(state.clock.now(), UTC)
        self._compiled: dict[str, Compiled | None] = {}
        self._depth = 0

    def record(
        self, table: Table, row: Row, wanted: Sequence[Field] | None = None, *, by_id: bool = False, text: bool = False
    ) -> dict[str, Any]:
        """Return a record as answers show it: empty cells are absent. ``text`` renders cells as strings."""
        fields = {}
        for field in table.fields.values() if wanted is None else wanted:
            cell = self.json(table, row, field)
            if text and cell is not None:
                cell = text_of(self.value(table, row, field))
            if not is_empty(cell):
                fields[field.id if by_id else field.name] = cell
        return {"id": row.id, "createdTime": stamp(row.created), "fields": fields}

    def json(self, table: Table, row: Row, field: Field) -> Any:
        """Return one cell in its read form, ``None`` when it is absent."""
        if field.id in row.raw:
            return row.raw[field.id]
        if is_writable(field):
            return shown(self.state, field, row.cells.get(field.id))
        match field.type:
            case "formula":
                return self._formula_json(table, row, field)
            case "rollup":
                return self._rollup(row, field, table)
            case "multipleLookupValues":
                return self._looked_up(table, row, field) or None
            case "count":
                return len(row.cells.get(str(field.option("recordLinkFieldId")), ()))
            case "autoNumber":
                return row.number
            case _:
                return self._system(row, field)

    def _system(self, row: Row, field: Field) -> Any:
        match field.type:
            case "createdTime":
                return _stamp(field, row.created)
            case "lastModifiedTime":
                at, _ = self._modified(row, field)
                return None if at is None else _stamp(field, at)
            case "createdBy":
                return self._person(row.created_by)
            case "lastModifiedBy":
                return self._person(self._modified(row, field)[1])
            case _:
                return None

    def _person(self, user: str) -> dict[str, str]:
        known = self.state.users.get(user)
        return known.json() if known else {"id": user}

    def _modified(self, row: Row, field: Field) -> tuple[float | None, str]:
        watched = field.option("referencedFieldIds")
        return last_touch(row, watched) if watched else (row.modified, row.modified_by)

    # --- computed fields

    def value(self, table: Table, row: Row, field: Field) -> Value:
        """Return one cell as formulas see it: a link as texts, a person as the name, a date as an instant."""
        if field.type == "formula" and field.id not in row.raw:
            return self._formula(table, row, field)
        cell = self.json(table, row, field)
        if field.type == "multipleRecordLinks":
            linked = self.base.tables.get(str(field.option("linkedTableId")))
            return [] if linked is None else [self._title(linked, record) for record in cell or ()]
        if field.type in {"date", "dateTime", "createdTime", "lastModifiedTime"}:
            return moment(cell)
        return _plain(cell)

    def _title(self, table: Table, record: str) -> str:
        row = table.rows.get(record)
        return "" if row is None else text_of(self.value(table, row, table.fields[table.primary]))

    def _formula(self, table: Table, row: Row, field: Field) -> Value:
        if field.id not in self._compiled:
            try:
                self._compiled[field.id] = self.compile(table, str(field.option("formula") or ""))
            except Refusal:
                self._compiled[field.id] = None  # the formula names a field that was deleted
        compiled = self._compiled[field.id]
        if compiled is None or self._depth >= _DEPTH:
            raise CellError
        self._depth += 1
        try:
            return compiled(RowScope(self, table, row))
        finally:
            self._depth -= 1

    def compile(self, table: Table, text: str) -> Compiled:
        """Compile a formula over a table's fields. Raises ``Refusal``."""

        def field_id(name: str) -> str | None:
            found = table.field(name)
            return None if found is None else found.id

        return compile_formula(text, field_id, CALLS)

    def _formula_json(self, table: Table, row: Row, field: Field) -> Any:
        try:
            return _json(self._formula(table, row, field))
        except CellError:
            return {"error": "#ERROR!"}

    def _linked(self, table: Table, row: Row, field: Field) -> tuple[Table, list[Row], Field] | None:
        link = table.fields.get(str(field.option("recordLinkFieldId")))
        linked = None if link is None else self.base.tables.get(str(link.option("linkedTableId")))
        if link is None or linked is None:
            return None
        target = linked.fields.get(str(field.option("fieldIdInLinkedTable")))
        rows = [linked.rows[record] for record in row.cells.get(link.id, ()) if record in linked.rows]
        return None if target is None else (linked, rows, target)

    def _looked_up(self, table: Table, row: Row, field: Field) -> list[Any]:
        found = self._linked(table, row, field)
        if found is None or self._depth >= _DEPTH:
            return []
        linked, rows, target = found
        self._depth += 1
        try:
            cells = [self.json(linked, other, target) for other in rows]
        finally:
            self._depth -= 1
        flat = [part for cell in cells for part in (cell if isinstance(cell, list) else [cell])]
        return [part for part in flat if part is not None]

    def _rollup(self, row: Row, field: Field, table: Table) -> Any:
        parts = [_plain(part) for part in self._looked_up(table, row, field)]
        if field.aggregate == "ARRAYJOIN":
            return ", ".join(text_of(part) for part in parts)
        if field.aggregate == "COUNT":
            return len(parts)
        try:
            numbers = [number(part) for part in parts]
        except CellError:
            return {"error": "#ERROR!"}
        if not numbers:
            return {"specialValue": "NaN"}  # recorded so for an empty numeric rollup
        return _json(_FOLDS[field.aggregate](numbers))


class RowScope:
    """One row for a formula."""

    def __init__(self, sight: Sight, table: Table, row: Row) -> None:
        self._sight, self._table, self._row = sight, table, row
        self.now = sight.now

    def cell(self, field: str) -> Value:
        """See :class:`formula.Scope`."""
        return self._sight.value(self._table, self._row, self._table.fields[field])

    def record_id(self) -> str:
        """See :class:`formula.Scope`."""
        return self._row.id

    def created(self) -> datetime:
        """See :class:`formula.Scope`."""
        return datetime.fromtimestamp(int(self._row.created), UTC)

    def modified(self, fields: Sequence[str]) -> datetime | None:
        """Whole seconds, as the visible stamps; a finer precision inside is unknown."""
        at = last_touch(self._row, fields)[0] if fields else self._row.modified
        return None if at is None else datetime.fromtimestamp(int(at), UTC)


def last_touch(row: Row, fields: Sequence[str]) -> tuple[float | None, str]:
    """Return when and by whom one of these cells was last changed."""
    touches = [row.touched[field] for field in fields if field in row.touched]
    return max(touches) if touches else (None, row.modified_by)


def _stamp(field: Field, at: float) -> str:
    result = field.option("result")
    date_only = isinstance(result, dict) and result.get("type") == "date"
    return stamp(at)[:10] if date_only else stamp(at)


def _plain(cell: Any) -> Value:
    if isinstance(cell, dict):
        if "error" in cell:
            raise CellError
        if "specialValue" in cell:
            return math.nan
        return cell.get("name") or cell.get("text") or cell.get("value") or cell.get("filename") or ""
    if isinstance(cell, list):
        return [_plain(part) for part in cell]
    if isinstance(cell, int) and not isinstance(cell, bool):
        return float(cell)
    return cell


def _json(value: Value) -> Any:
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return {"specialValue": "NaN" if math.isnan(value) else "Infinity"}
        return int(value) if value.is_integer() else value
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, list):
        return [_json(part) for part in value]
    return value
