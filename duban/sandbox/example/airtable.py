"""A table of the example as an Airtable table: typed fields, single selects with their choices, collaborators.

``Blocked by`` is text with task ids: a linked record cannot point into another tool, and that is what the example
shows. ``Last modified`` watches the human columns only, as C17 advises, so duban's own writes do not move it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from duban.item import OwnColumn
from duban.sandbox.airtable import AirtableService, SeededBase, SeededTable
from duban.sandbox.airtable.refusal import Refusal
from duban.sandbox.example.scenario import Scenario, Sheet, check_headings, moment, plain_cell, several

MODIFIED = "Last modified"
_TYPES = {
    "text": "singleLineText", "codes": "singleLineText", "url": "url", "status": "singleSelect", "number": "number",
    "number_0_100": "number", "percent_fraction": "percent", "date": "date", "datetime": "dateTime",
    "person": "singleCollaborator", "single_select": "singleSelect", "multi_select": "multipleSelects",
    "formula": "singleLineText",
}  # fmt: skip
_OWN_TYPES = {
    "text": "multilineText", "number": "number", "single_select": "singleSelect", "datetime": "dateTime",
}  # fmt: skip
_MORE = {"Status": ("Todo", "In progress", "Blocked", "In review", "Done", "On hold", "Cancelled")}


class AirtablePlace:
    """One table of the example in the simulated Airtable."""

    def __init__(self, scenario: Scenario, sheet: Sheet, service: AirtableService, base: SeededBase) -> None:
        self.sheet, self._zone, self._service = sheet, scenario.zone, service
        self.records: dict[str, str] = {}
        self.base = base
        self.table: SeededTable = base.add_table(sheet.container.rpartition("/")[2].strip(), [])
        for heading, form in sheet.columns.items():
            if heading != MODIFIED:
                self._add_column(heading, form, scenario.options(sheet, heading))
        if MODIFIED in sheet.columns:
            self.table.add_field(MODIFIED, "lastModifiedTime", {"referencedFieldIds": list(sheet.columns)})
        for heading, own in sheet.own.items():
            self._add_own(heading, own)
        at = service.clock.now()
        for line in scenario.of(sheet):
            last = line.cells.get(MODIFIED)
            service.clock.set(moment(last, self._zone).timestamp() if last else at)
            self.records[line.name] = self.table.add_row(self._cells(line.cells))
        service.clock.set(at, running=True)

    def _add_column(self, heading: str, form: str, options: list[str]) -> None:
        about: Any = None
        if form in {"single_select", "status", "multi_select"}:
            about = list(dict.fromkeys((*_MORE.get(heading, ()), *options)))
        self.table.add_field(heading, _TYPES[form], about)

    def _add_own(self, heading: str, own: OwnColumn) -> None:
        about: Any = {"single_select": list(own.values), "number": {"precision": 0}}.get(own.type)
        self.table.add_field(heading, _OWN_TYPES[own.type], about)

    def _cells(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        check_headings(self.sheet, cells, self.table.data.name)
        return {heading: self._cell(heading, cell) for heading, cell in cells.items() if heading != MODIFIED}

    def _cell(self, heading: str, cell: Any) -> Any:
        form = self.sheet.columns.get(heading, "own")
        if form == "person":
            return next((self._user(name) for name in several(cell)), None)
        value = plain_cell(form, cell, self._zone)
        if isinstance(value, datetime) or form == "date":
            return None if value is None else value.isoformat()
        return value

    def _user(self, name: str) -> str:
        known = self._service.state.user(name)
        return known.id if known else name

    @property
    def address(self) -> Mapping[str, str]:
        """What the configuration says of this table."""
        return {"table": self.table.id}

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        """Change cells as a person does; values as in the file of rows. Raises ``ValueError`` for what does not fit."""
        try:
            self.table.edit(record, self._cells(cells))
        except Refusal as refusal:
            raise ValueError(str(refusal.reply.body)) from None

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the non-empty cells by record id and heading."""
        return self.table.dump()
