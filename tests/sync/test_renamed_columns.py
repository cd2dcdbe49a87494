"""A column that somebody renames in the tool goes on being read, cycle after cycle (spec section 5)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from desk import HUMAN, OWN, Desk, row

from duban.connectors.base import Cell, Column
from duban.connectors.memory import MemoryConnector
from duban.sync.cycle import Result

NOW = "2024-07-24 10:00"
IDS = {name: f"fld{place}" for place, name in enumerate((*HUMAN, *OWN))}


def tool(rows: dict[str, dict[str, Cell]], **renamed: str) -> MemoryConnector:
    """Return the desk's table with ids of columns that are not their headings."""
    columns = [Column(IDS[name], renamed.get(name, name), HUMAN.get(name, "text")) for name in IDS]
    cells = {record: {IDS[name]: cell for name, cell in held.items()} for record, held in rows.items()}
    return MemoryConnector("rd", {"tasks": (columns, cells)}, page_size=10)


def found(result: Result) -> set[str]:
    (verdict,) = result.looked.judgement.verdicts
    return {finding.rule for finding in verdict.findings}


def test_a_renamed_column_keeps_its_field_and_nothing_is_resolved(tmp_path: Path) -> None:
    rows = {"a": row("RD-01", 截止日期=date(2024, 7, 17))}
    desk = Desk(tmp_path, rows)
    desk.connector = tool(rows)
    assert "LAG-02" in found(desk.sync(NOW))
    held = desk.tool.cells("tasks", "a")
    desk.connector = tool(rows, 截止日期="老板要的日子")
    for key, cell in held.items():
        desk.connector.edit("tasks", "a", {key: cell})
    for _ in range(2):  # what was found by its id once is still known in the cycle after
        result = desk.sync(NOW)
        assert "LAG-02" in found(result)
        assert result.written == []
        assert any("still read as due" in note for note in result.looked.pulled[0].notes)
