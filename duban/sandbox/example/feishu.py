"""Tables of the example as Bitable tables: every column with its own type, selects with their options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duban.item import OwnColumn
from duban.sandbox.example.scenario import Scenario, Sheet, check_headings, plain_cell
from duban.sandbox.feishu import Base, Table

_TYPES = {
    "text": 1, "codes": 1, "number": 2, "number_0_100": 2, "percent_fraction": 2, "single_select": 3, "status": 3,
    "multi_select": 4, "date": 5, "datetime": 5, "person": 11, "url": 15, "formula": 20,
}  # fmt: skip
_OWN_TYPES = {"text": 1, "number": 2, "single_select": 3, "datetime": 5}
# What a column offers besides what stands in its cells.
_MORE = {
    "进展": ("待开始", "进行中", "待审核", "已完成", "已暂停", "已取消"), "状态": ("待处理", "已解决"),
    "验收结果": ("通过", "不通过"), "风险等级": ("重大", "较大", "一般"),
    "到位情况": ("待确认", "已确认", "已到位", "无需求"),
}  # fmt: skip


def _late(row: Mapping[str, Any]) -> str:
    """Feishu's stock template shows its own idea of delay in a formula, which duban must know to ignore."""
    return "✅ 正常" if row.get("实际完成日期") or not row.get("预计完成日期") else "⏳ 进行中"


class FeishuPlace:
    """One table of the example in the simulated Feishu."""

    def __init__(self, scenario: Scenario, sheet: Sheet, base: Base) -> None:
        self.sheet, self._zone = sheet, scenario.zone
        self.records: dict[str, str] = {}
        self.table: Table = base.add_table(sheet.container.rpartition("/")[2].strip())
        self.base = base
        for heading, form in sheet.columns.items():
            self._add_column(heading, form, scenario.options(sheet, heading))
        for heading, own in sheet.own.items():
            self._add_own(heading, own)
        for line in scenario.of(sheet):
            self.records[line.name] = self.table.add_row(self._cells(line.cells))

    def _add_column(self, heading: str, form: str, options: list[str]) -> None:
        if form in {"single_select", "status", "multi_select"}:
            names = list(dict.fromkeys((*_MORE.get(heading, ()), *options)))
            self.table.add_field(heading, _TYPES[form], property={"options": names})
        elif form in {"date", "datetime"}:
            shown = "yyyy/MM/dd" if form == "date" else "yyyy/MM/dd HH:mm"
            self.table.add_field(heading, _TYPES[form], property={"date_formatter": shown, "auto_fill": False})
        elif form == "percent_fraction":
            about = {"formatter": "0%", "min": 0, "max": 1, "range_customize": False}
            self.table.add_field(heading, _TYPES[form], "Progress", property=about)
        elif form == "formula":
            self.table.add_field(heading, _TYPES[form], property={"formatter": ""}, formula=_late)
        else:
            self.table.add_field(heading, _TYPES[form], property={"formatter": "0.##"} if _TYPES[form] == 2 else None)

    def _add_own(self, heading: str, own: OwnColumn) -> None:
        about: Mapping[str, Mapping[str, Any]] = {
            "single_select": {"options": list(own.values)}, "datetime": {"date_formatter": "yyyy/MM/dd HH:mm"},
            "number": {"formatter": "0"},
        }  # fmt: skip
        self.table.add_field(heading, _OWN_TYPES[own.type], property=about.get(own.type))

    def _cells(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        check_headings(self.sheet, cells, self.table.name)
        forms = self.sheet.columns
        return {heading: plain_cell(forms.get(heading, "own"), cell, self._zone) for heading, cell in cells.items()}

    @property
    def address(self) -> Mapping[str, str]:
        """What the configuration says of this table."""
        return {"app": self.base.token, "table": self.table.id}

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        """Change cells as a person does; values as in the file of rows."""
        self.table.edit(record, self._cells(cells), by="林晓雯")

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the non-empty cells by record id and heading."""
        return self.table.dump()
