"""The workbook that is shipped as an example reads as the guide means it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from contract import ZONE

from duban.connectors.columns import map_columns, wanted_columns
from duban.connectors.reading import Reader
from duban.connectors.settings import WorkbookSource
from duban.connectors.statuses import Statuses
from duban.connectors.workbook import WorkbookConnector
from duban.item import Item

FOLDER = Path(__file__).parents[2] / "examples" / "workbook"


@pytest.fixture(scope="module")
def items() -> dict[str, Item]:
    settings = yaml.safe_load((FOLDER / "duban.yaml").read_text(encoding="utf-8"))["sources"][0]
    source = WorkbookSource.model_validate(settings | {"path": str(FOLDER / settings["path"])})
    tool = WorkbookConnector(source, zone=ZONE)
    found: dict[str, Item] = {}
    for table in source.tables:
        schema = tool.describe(table.label)
        mapping = map_columns(table, schema)
        assert (mapping.questions, mapping.problems, mapping.missing_own) == ((), (), ())
        reader = Reader("plan", table.label, mapping, zone=ZONE, aliases={}, statuses=Statuses())
        reading = reader.read(tool.pull(table.label, schema, wanted_columns(mapping)))
        assert (reading.blank, reading.strange, reading.problems) == (0, {}, ())
        found |= {item.ref.record: item for item in reading.items}
    return found


def test_all_rows_are_read_by_their_codes(items: dict[str, Item]) -> None:
    assert list(items) == [*(f"T-{number:02}" for number in range(1, 12)), "R-01", "R-02", "R-03"]
    assert all(item.bad == () for item in items.values())


def test_values_have_the_types_of_the_model(items: dict[str, Item]) -> None:
    task = items["T-02"]
    assert (task.get("due"), task.get("progress"), task.get("upstream")) == (date(2024, 7, 20), 60.0, ("T-01",))
    assert (task.get("project"), task.get("initiator_dept")) == ("2024年Q3新品上市推广", "市场部")
    assert items["T-11"].get("status") == "暂停"
    assert items["R-02"].get("quantity") == 50000.0
    assert items["R-02"].get("res_status") == "待确认"
