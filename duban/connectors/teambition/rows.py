"""Tasks as the service sends them -> rows. Odd types are taken as they come: one strange value must not lose a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column, Row, Schema
from duban.connectors.teambition.catalogues import Catalogues
from duban.connectors.teambition.cells import Undecoded, decode, read_date, read_number
from duban.connectors.teambition.properties import VISIBLE

TASK_PAGE = "https://www.teambition.com/task/"
DONE = "已完成"
_PEOPLE = ("executorId", "involveMembers")

Task = Mapping[str, Any]


class RowMaker:
    """Makes the rows of one read: only the wanted columns, and only the catalogues that these need."""

    def __init__(self, schema: Schema, wanted: Sequence[str], catalogues: Catalogues, zone: ZoneInfo) -> None:
        columns = [schema.column(id_) for id_ in dict.fromkeys(wanted)]
        self._custom = {column.id: column for column in columns if column.field is None}
        self._built_in = [(column.id, self._reader(column)) for column in columns if column.field is not None]
        self._people = [column.id for column in columns if column.id in _PEOPLE]
        self._catalogues, self._zone = catalogues, zone
        self._prefix = str((schema.raw or {}).get("uniqueIdPrefix") or "")

    def rows(self, tasks: Iterable[Task]) -> list[Row]:
        """Return the rows of one page; names of people are fetched for the page at once."""
        tasks = [task for task in tasks if task.get("id") or task.get("taskId")]
        if self._people:
            self._catalogues.people(user for task in tasks for id_ in self._people for user in _ids(task.get(id_)))
        return [self._row(task) for task in tasks]

    def _row(self, task: Task) -> Row:
        record = str(task.get("id") or task.get("taskId"))
        cells: dict[str, Cell] = {}
        bad: dict[str, str] = {}
        found = [(id_, read(task)) for id_, read in self._built_in]
        found += [(column.id, decode(column, value, self._zone)) for column, value in self._customs(task)]
        for id_, cell in found:
            if isinstance(cell, Undecoded):
                bad[id_] = cell.text
            elif cell is not None:
                cells[id_] = cell
        return Row(record, cells, TASK_PAGE + record, bad)

    def _customs(self, task: Task) -> Iterable[tuple[Column, object]]:
        """Yield the wanted custom fields of a task that have a value: an empty one is missing, or an empty list."""
        wanted = self._custom
        for entry in task.get("customfields") or ():
            if isinstance(entry, dict) and (value := entry.get("value")):
                column = wanted.get(str(entry.get("cfId") or entry.get("customfieldId") or ""))
                if column is not None:
                    yield column, value

    # --- built-in properties

    def _reader(self, column: Column) -> Callable[[Task], Cell | Undecoded]:
        special: Mapping[str, Callable[[Task], Cell | Undecoded]] = {
            "tfsId": self._status, "priority": self._priority, "stageId": self._stage, "uniqueId": self._number,
            "progress": lambda task: read_number(task.get("progress")),
            "isDone": lambda task: task.get("isDone") is True,
            "visible": lambda task: VISIBLE.get(str(task.get("visible")), str(task.get("visible") or "")) or None,
            # the older API calls it accomplishDate
            "accomplishTime": lambda task: self._date(task.get("accomplishTime") or task.get("accomplishDate")),
        }  # fmt: skip
        if column.id in special:
            return special[column.id]
        if column.type in {"datetime", "modified"}:
            return lambda task: self._date(task.get(column.id))
        if column.type == "person":
            return lambda task: tuple(self._catalogues.person(user) for user in _ids(task.get(column.id))) or None
        return lambda task: str(task.get(column.id) or "") or None

    def _date(self, value: object) -> Cell | Undecoded:
        return read_date(value, self._zone)

    def _status(self, task: Task) -> Cell | Undecoded:
        """The name of the workflow's state; a done task whose state has no name is 已完成 (statuses.yaml)."""
        id_ = str(task.get("tfsId") or task.get("taskflowstatusId") or "")
        name = self._catalogues.statuses.name(id_) if id_ else None
        if name:
            return name
        if task.get("isDone") is True:
            return DONE
        return Undecoded(id_) if id_ else None

    def _priority(self, task: Task) -> Cell | Undecoded:
        """What a priority's number means is the organization's own setting: the name tells."""
        number = task.get("priority")
        if number is None or number == "":
            return None
        return self._catalogues.priorities.name(f"{number}".removesuffix(".0")) or Undecoded(f"{number}")

    def _stage(self, task: Task) -> Cell | Undecoded:
        id_ = str(task.get("stageId") or "")
        return (self._catalogues.stages.name(id_) or Undecoded(id_)) if id_ else None

    def _number(self, task: Task) -> Cell | Undecoded:
        """The number that people see, with the project's prefix; it comes as a number or as text."""
        number = f"{task.get('uniqueId') or ''}".removesuffix(".0")
        return (f"{self._prefix}-{number}" if self._prefix else number) if number else None


def _ids(value: object) -> list[str]:
    """Return one id or a list of ids as a list."""
    if isinstance(value, list):
        return [str(user) for user in value if user]
    return [str(value)] if value else []
