"""Who a row is, and what happens when people and duban meet at one file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from contract import ZONE
from openpyxl import Workbook
from workbook_benches import connector

from duban.connectors.base import Write
from duban.connectors.settings import WorkbookSource, WorkbookTable
from duban.connectors.workbook import WorkbookConnector
from duban.errors import SchemaChanged, Unavailable


def save(path: Path, *lines: Any) -> Path:
    if path.suffix == ".csv":
        path.write_text("\n".join(",".join(map(str, line)) for line in lines) + "\n", encoding="utf-8")
        return path
    book = Workbook()
    for line in lines:
        book.active.append(line)
    book.save(path)
    return path


def records(tool: WorkbookConnector, *columns: str) -> list[str]:
    return [row.record for page in tool.pull("tasks", tool.describe("tasks"), columns) for row in page.rows]


@pytest.fixture(params=["plan.xlsx", "plan.csv"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


HEAD = ["任务编号", "任务名称", "预警内容"]


class TestIdentity:
    def test_a_code_names_its_row_wherever_it_stands(self, path: Path) -> None:
        save(path, HEAD, ["a", "甲", ""], ["b", "乙", ""])
        assert records(connector(path), "任务名称") == ["a", "b"]
        save(path, HEAD, ["b", "乙", ""], ["新", "丙", ""], ["a", "甲", ""])
        tool = connector(path)
        assert records(tool, "任务名称") == ["b", "新", "a"]
        list(tool.push("tasks", tool.describe("tasks"), [Write("a", {"预警内容": "给甲"})]))
        schema = tool.describe("tasks")
        (page,) = tool.pull("tasks", schema, ["任务名称", "预警内容"])
        assert {row.cells["任务名称"]: row.cells.get("预警内容") for row in page.rows} == {
            "乙": None,
            "丙": None,
            "甲": "给甲",
        }

    def test_without_a_code_the_place_names_it(self, path: Path) -> None:
        save(path, ["任务名称", "预警内容"], ["甲", ""], ["乙", ""])
        assert records(connector(path), "任务名称") == ["row 2", "row 3"]

    def test_an_empty_or_repeated_code_falls_back_to_the_place(self, path: Path) -> None:
        save(path, HEAD, ["a", "甲", ""], ["", "乙", ""], ["a", "丙", ""])
        assert records(connector(path), "任务名称") == ["a", "row 3", "row 4"]

    def test_the_configuration_may_name_the_key(self, path: Path) -> None:
        save(path, ["任务编号", "工单"], ["a", "W1"], ["b", "W2"])
        assert records(connector(path, key="工单"), "任务编号") == ["W1", "W2"]
        assert records(connector(path, columns={"code": "工单"}), "任务编号") == ["W1", "W2"]

    def test_blank_lines_are_no_rows(self, path: Path) -> None:
        save(path, HEAD, ["a", "甲", ""], ["", "", ""], ["b", "乙", ""])
        assert records(connector(path), "任务名称") == ["a", "b"]


class TestMeetingPeople:
    @pytest.mark.parametrize("lock", ["~${}", ".~lock.{}#"])
    def test_an_open_file_is_read_and_not_written(self, path: Path, lock: str) -> None:
        save(path, HEAD, ["a", "甲", ""])
        path.with_name(lock.format(path.name)).write_text("张三")
        tool, before = connector(path), path.read_bytes()
        assert records(tool, "任务名称") == ["a"]
        with pytest.raises(Unavailable, match="open in another program"):
            list(tool.push("tasks", tool.describe("tasks"), [Write("a", {"预警内容": "x"})]))
        assert path.read_bytes() == before

    def test_a_file_saved_since_it_was_read_is_not_written(self, path: Path) -> None:
        save(path, HEAD, ["a", "甲", ""])
        tool = connector(path)
        records(tool, "任务名称")
        save(path, HEAD, ["a", "改了", ""])
        before = path.read_bytes()
        with pytest.raises(SchemaChanged, match="changed since it was read"):
            list(tool.push("tasks", tool.describe("tasks"), [Write("a", {"预警内容": "x"})]))
        assert path.read_bytes() == before
        assert records(tool, "任务名称") == ["a"]
        (receipt,) = tool.push("tasks", tool.describe("tasks"), [Write("a", {"预警内容": "x"})])
        assert receipt.outcome == "written"

    def test_our_own_write_is_no_change(self, path: Path) -> None:
        save(path, HEAD, ["a", "甲", ""])
        tool = connector(path)
        records(tool, "任务名称")
        for text in ("一", "二"):
            (receipt,) = tool.push("tasks", tool.describe("tasks"), [Write("a", {"预警内容": text})])
            assert receipt.outcome == "written"

    def test_two_sheets_of_one_file(self, tmp_path: Path) -> None:
        book = Workbook()
        book.active.title = "甲"
        for sheet in (book.active, book.create_sheet("乙")):
            sheet.append(HEAD)
            sheet.append(["a", sheet.title, None])
        book.save(tmp_path / "two.xlsx")
        tables = tuple(WorkbookTable(holds="task", sheet=name) for name in ("甲", "乙"))
        source = WorkbookSource(name="plan", tool="workbook", path=str(tmp_path / "two.xlsx"), tables=tables)
        tool = WorkbookConnector(source, zone=ZONE)
        schemas = {name: tool.describe(name) for name in ("甲", "乙")}
        for name, schema in schemas.items():
            list(tool.pull(name, schema, ["任务名称"]))
        for name, schema in schemas.items():
            (receipt,) = tool.push(name, schema, [Write("a", {"预警内容": f"给{name}"})])
            assert receipt.outcome == "written"
        for name, schema in schemas.items():
            (page,) = tool.pull(name, schema, ["预警内容"])
            assert page.rows[0].cells == {"预警内容": f"给{name}"}

    def test_permissions_and_links_stay_and_nothing_is_left_behind(self, path: Path) -> None:
        save(path, HEAD, ["a", "甲", ""])
        path.chmod(0o640)
        link = path.with_name(f"link{path.suffix}")
        link.symlink_to(path)
        tool = connector(link)
        list(tool.push("tasks", tool.describe("tasks"), [Write("a", {"预警内容": "x"})]))
        assert link.is_symlink()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert sorted(entry.name for entry in path.parent.iterdir()) == sorted([path.name, link.name])
        assert records(connector(path), "预警内容") == ["a"]
