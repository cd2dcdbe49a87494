"""A table of the example as a Teambition project: built-in properties, custom fields, a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duban.item import OwnColumn, statuses
from duban.sandbox.example.scenario import Scenario, Sheet, check_headings, plain_cell, several
from duban.sandbox.teambition import SeededProject, TeambitionService

BUILT_IN = frozenset({
    "标题", "执行者", "参与者", "开始时间", "截止时间", "任务状态", "完成时间", "更新时间", "可见性", "备注", "进度",
})  # fmt: skip
RESTRICTED = "仅参与者可见"
_TYPES = {
    "text": "text", "codes": "text", "url": "text", "status": "text", "number": "number", "number_0_100": "number",
    "percent_fraction": "number", "date": "date", "datetime": "date", "person": "lookup", "single_select": "dropDown",
    "multi_select": "multipleChoice", "formula": "text",
}  # fmt: skip
# Own times are text fields here, as most projects have them: the tool's own date fields show no time of day.
_OWN_TYPES = {"text": "text", "number": "number", "single_select": "dropDown", "datetime": "text"}
_WORKFLOW = ("待处理", "进行中", "待验收", "已暂停", "已取消", "已完成")
_KINDS = {"未开始": "start", "已完成": "end"}


class TeambitionPlace:
    """One table of the example in the simulated Teambition."""

    def __init__(self, scenario: Scenario, sheet: Sheet, service: TeambitionService, operator: str) -> None:
        self.sheet, self._zone, self._operator = sheet, scenario.zone, operator
        self.records: dict[str, str] = {}
        self.project: SeededProject = service.add_project(sheet.container, prefix="RD", statuses=_flow(scenario, sheet))
        for heading, form in sheet.columns.items():
            if heading not in BUILT_IN:
                self._add_column(heading, form, scenario.options(sheet, heading))
        for heading, own in sheet.own.items():
            self._add_own(heading, own)
        for line in scenario.of(sheet):
            self.records[line.name] = self.project.add_task(self._cells(line.cells))

    def _add_column(self, heading: str, form: str, options: list[str]) -> None:
        choices = options if form in {"single_select", "multi_select"} else ()
        self.project.add_field(heading, _TYPES[form], choices)

    def _add_own(self, heading: str, own: OwnColumn) -> None:
        self.project.add_field(heading, _OWN_TYPES[own.type], own.values if own.type == "single_select" else ())

    def _cells(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        check_headings(self.sheet, cells, self.sheet.container)
        forms = self.sheet.columns
        # A status first: entering one that ends a task would set 完成时间 anew.
        ordered = sorted(cells.items(), key=lambda cell: forms.get(cell[0]) != "status")
        values = {heading: plain_cell(forms.get(heading, "own"), cell, self._zone) for heading, cell in ordered}
        if values.get("可见性") == RESTRICTED:  # only its participants may write to such a task, so the operator is one
            values.setdefault("参与者", [self._operator, *several(values.get("执行者"))])
        return values

    @property
    def address(self) -> Mapping[str, str]:
        """What the configuration says of this table."""
        return {"project": self.project.id}

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        """Change cells as a person does; values as in the file of rows."""
        self.project.edit(record, self._cells(cells))

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the non-empty cells by record id and heading."""
        rows = {row.pop("id"): row for row in self.project.rows()}
        return {id_: {name: cell for name, cell in row.items() if cell not in (None, [])} for id_, row in rows.items()}


def _flow(scenario: Scenario, sheet: Sheet) -> list[tuple[str, str]]:
    """Return the workflow: what every team has, and what stands in the rows; (name, kind)."""
    canonical = {word: status for word, status, _ in statuses()}
    heading = next((name for name, form in sheet.columns.items() if form == "status"), "")
    used = (str(line.cells[heading]) for line in scenario.of(sheet) if line.cells.get(heading))
    return [(name, _KINDS.get(canonical.get(name, ""), "unset")) for name in dict.fromkeys((*_WORKFLOW, *used))]
