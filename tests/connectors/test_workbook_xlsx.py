"""Writing into an xlsx file leaves everything else of it alone; reading takes cells as Excel shows them."""

from __future__ import annotations

import random
import zipfile
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from contract import ZONE
from foreign_workbook import foreign_book
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from workbook_benches import connector

from duban.connectors.base import Write
from duban.connectors.workbook import WorkbookConnector
from duban.errors import Rejected

HEAD = ("任务编号", "任务名称", "截止日期", "进度", "预警级别", "预警内容", "预警时间", "滞后天数")
NOW = datetime(2024, 7, 24, 10, 0, tzinfo=ZONE)


def local(*parts: int) -> datetime:
    """A time as spreadsheets keep it: without a zone."""
    return datetime(*parts, tzinfo=ZONE).replace(tzinfo=None)


def rich_book(path: Path) -> None:
    """A workbook with all that people like: formats, widths, rules, validation, comments, a chart, foreign parts."""
    book = Workbook()
    sheet = book.active
    sheet.title = "任务表"
    sheet.append(HEAD)
    for number in range(1, 6):
        sheet.append([f"T-{number}", f"任务{number}", local(2024, 7, number), number / 10, None, None, None, None])
        sheet.cell(number + 1, 4).number_format = "0%"
        sheet.cell(number + 1, 7).fill = PatternFill("solid", fgColor="FFFF00")
    sheet.column_dimensions["B"].width = 44
    sheet.freeze_panes = "C2"
    sheet["B2"].comment = Comment("看这里", "张三")
    sheet.conditional_formatting.add("E2:E9", CellIsRule(operator="equal", formula=['"红"'], fill=PatternFill("solid")))
    validation = DataValidation(type="list", formula1='"绿,黄,红"')
    sheet.add_data_validation(validation)
    validation.add("E2:E9")
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=4, min_row=1, max_row=6))
    sheet.add_chart(chart, "K2")
    book.create_sheet("别的").append(["不动", "=1+1"])
    book.save(path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("xl/vbaProject.bin", b"\x00macro\xff" * 50)
        file.writestr("xl/media/image1.png", b"\x89PNG" + bytes(range(256)))
        file.writestr("xl/pivotTables/pivotTable1.xml", "<pivotTableDefinition/>")


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def push(tool: WorkbookConnector, *writes: Write) -> list[tuple[str, str | None]]:
    schema = tool.describe("tasks")
    return [(receipt.outcome, receipt.error) for receipt in tool.push("tasks", schema, writes)]


def rows(tool: WorkbookConnector) -> dict[str, Any]:
    schema = tool.describe("tasks")
    columns = [column.id for column in schema.columns]
    return {row.record: row for page in tool.pull("tasks", schema, columns) for row in page.rows}


class TestWriting:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        rich_book(tmp_path / "plan.xlsx")
        return tmp_path / "plan.xlsx"

    def test_every_other_part_keeps_its_bytes(self, path: Path) -> None:
        before = parts(path)
        cells = {"预警级别": "红", "预警内容": "请说明", "预警时间": NOW, "滞后天数": 3.0}
        assert push(connector(path), Write("T-3", cells)) == [("written", None)]
        after = parts(path)
        assert list(after) == list(before)
        touched = {name for name in before if before[name] != after[name]}
        assert touched == {"xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"}
        assert after["xl/workbook.xml"].count(b"fullCalcOnLoad") == 1

    def test_the_sheet_changes_in_the_written_row_only(self, path: Path) -> None:
        before = parts(path)["xl/worksheets/sheet1.xml"]
        push(connector(path), Write("T-3", {"预警内容": "请说明", "滞后天数": 3.0}))
        after = parts(path)["xl/worksheets/sheet1.xml"]
        start = before.index(b'<row r="4"')
        end = before.index(b'<row r="5"')
        assert after[:start] == before[:start]
        assert after.endswith(before[end:])
        assert after.count(b"<c ") == before.count(b"<c ") + 2

    def test_values_have_their_types(self, path: Path) -> None:
        cells = {"预警级别": "红", "预警内容": "=HYPERLINK(1)", "预警时间": NOW, "滞后天数": 3.0}
        push(connector(path), Write("T-3", cells))
        sheet = load_workbook(path)["任务表"]
        assert [sheet.cell(4, column).value for column in (5, 6, 7, 8)] == [
            "红",
            "=HYPERLINK(1)",
            NOW.replace(tzinfo=None),
            3,
        ]
        assert sheet["F4"].data_type == "s"
        assert sheet["G4"].number_format == "yyyy-mm-dd hh:mm"
        assert sheet["G4"].fill.fgColor.rgb == "00FFFF00"
        assert sheet["G5"].number_format == "General"
        assert sheet["C4"].value == local(2024, 7, 3)

    def test_a_second_date_uses_the_same_style(self, path: Path) -> None:
        push(connector(path), Write("T-3", {"预警时间": NOW}))
        styles = parts(path)["xl/styles.xml"]
        assert (
            push(connector(path), Write("T-3", {"预警时间": NOW}), Write("T-4", {"预警时间": NOW}))[1][0] == "written"
        )
        assert parts(path)["xl/styles.xml"].count(b"yyyy-mm-dd hh:mm") == styles.count(b"yyyy-mm-dd hh:mm") == 1
        sheet = load_workbook(path)["任务表"]
        assert sheet["G4"].value == sheet["G5"].value == local(2024, 7, 24, 10)

    def test_texts_of_all_kinds(self, path: Path) -> None:
        texts = ["+1", "-1", "@x", "<b>&amp;</b>", "多\n行", "  空格 ", "'引'", "\x01控制\x0b", "😀", "_x0041_", "]]>"]
        for text in texts:
            push(connector(path), Write("T-1", {"预警内容": text}))
            expected = text.replace("\x01", "").replace("\x0b", "")
            assert rows(connector(path))["T-1"].cells["预警内容"] == expected

    def test_a_formula_in_an_own_cell_fails_alone(self, path: Path) -> None:
        book = load_workbook(path)
        book["任务表"]["F3"] = "=B3"
        book.save(path)
        first, second = push(connector(path), Write("T-2", {"预警内容": "x"}), Write("T-3", {"预警内容": "y"}))
        assert first[0] == "failed"
        assert "formula" in (first[1] or "")
        assert second == ("written", None)

    def test_a_text_that_is_too_long_fails_alone(self, path: Path) -> None:
        outcomes = push(connector(path), Write("T-2", {"预警内容": "长" * 40_000}), Write("T-3", {"预警内容": "y"}))
        assert [outcome for outcome, _ in outcomes] == ["failed", "written"]

    def test_nothing_is_saved_when_every_row_fails(self, path: Path) -> None:
        before = path.read_bytes()
        assert push(connector(path), Write("T-99", {"预警内容": "x"}))[0][0] == "failed"
        assert path.read_bytes() == before

    def test_a_signed_file_is_not_written(self, path: Path) -> None:
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("_xmlsignatures/sig1.xml", "<Signature/>")
        with pytest.raises(Rejected, match="digitally signed"):
            push(connector(path), Write("T-1", {"预警内容": "x"}))

    def test_random_writes_change_nothing_else(self, path: Path) -> None:
        chance = random.Random(7)
        wanted = {code: dict(row.cells) for code, row in rows(connector(path)).items()}
        for _ in range(30):
            code = chance.choice(list(wanted))
            cells = {
                "预警内容": chance.choice([None, "甲", "=乙", "丙 & 丁"]),
                "滞后天数": chance.choice([None, 0.0, 3.0, 12.5]),
                "预警时间": chance.choice([None, NOW]),
            }
            picked = {name: cells[name] for name in chance.sample(list(cells), chance.randint(1, 3))}
            push(connector(path), Write(code, picked))
            wanted[code].update(picked)
            wanted[code] = {name: cell for name, cell in wanted[code].items() if cell is not None}
            assert {record: dict(row.cells) for record, row in rows(connector(path)).items()} == wanted


class TestForeignPrograms:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        foreign_book(tmp_path / "plan.xlsx")
        return tmp_path / "plan.xlsx"

    def test_results_of_formulas_are_read_as_last_computed(self, path: Path) -> None:
        read = rows(connector(path))
        assert set(read) == {"A", "B"}
        assert read["A"].cells == {"任务编号": "A", "截止日期": datetime(2024, 7, 24, tzinfo=ZONE)}
        assert read["A"].bad == {}  # computed to an empty text: empty
        assert read["B"].bad == {"截止日期": "=B2+1", "交付标准": "#DIV/0!"}

    def test_writing_keeps_results_and_fits_the_file(self, path: Path) -> None:
        before = parts(path)["xl/ws/s.xml"]
        outcomes = push(
            connector(path),
            Write("A", {"预警内容": "新 & 旧", "预警时间": NOW}), Write("B", {"预警内容": "b", "预警时间": NOW}),
        )  # fmt: skip
        assert outcomes == [("written", None)] * 2
        read = rows(connector(path))
        assert read["A"].cells == {
            "任务编号": "A", "截止日期": datetime(2024, 7, 24, tzinfo=ZONE), "预警内容": "新 & 旧", "预警时间": NOW,
        }  # fmt: skip
        assert read["B"].cells["预警时间"] == NOW
        after = parts(path)["xl/ws/s.xml"]
        assert after.count(b"<x:f>") == before.count(b"<x:f>")
        assert b'xmlns:unused="urn:x"' in after
        assert after.count(b"spans=") == before.count(b"spans=") - 1
        sheet = load_workbook(BytesIO(path.read_bytes()))["S"]
        assert sheet["D2"].number_format == "mm-dd-yy"  # from the column's style
        assert b'fullCalcOnLoad="1"' in parts(path)["xl/w.xml"]

    def test_the_calendar_of_1904(self, tmp_path: Path) -> None:
        path = tmp_path / "mac.xlsx"
        foreign_book(path, date1904="1")
        push(connector(path), Write("A", {"预警时间": NOW}))
        assert rows(connector(path))["A"].cells["预警时间"] == NOW

    def test_a_document_type_is_refused(self, path: Path) -> None:
        content = parts(path)
        with zipfile.ZipFile(path, "w") as file:
            for name, data in content.items():
                bomb = b'<!DOCTYPE x [<!ENTITY a "b">]>' if name == "xl/w.xml" else b""
                file.writestr(name, bomb + data)
        with pytest.raises(Rejected, match="document type"):
            connector(path).describe("tasks")


class TestReading:
    def save(self, path: Path, *lines: Any, title: str = "任务表") -> Path:
        book = Workbook()
        book.active.title = title
        for line in lines:
            book.active.append(line)
        book.save(path)
        return path

    def test_cells_keep_their_types(self, tmp_path: Path) -> None:
        path = tmp_path / "plan.xlsx"
        rich_book(path)
        read = rows(connector(path))["T-3"].cells
        assert read == {
            "任务编号": "T-3",
            "任务名称": "任务3",
            "截止日期": datetime(2024, 7, 3, tzinfo=ZONE),
            "进度": 30.0,
        }

    def test_percent_follows_the_number_format(self, tmp_path: Path) -> None:
        path = self.save(tmp_path / "p.xlsx", ["任务编号", "进度"], ["a", 0.07], ["b", 0.07], ["c", 0.5])
        book = load_workbook(path)
        book.active["B2"].number_format = "0%"
        book.active["B3"].number_format = "0.00"
        book.active["B4"].number_format = '0"%"'  # a sign that is only printed
        book.save(path)
        assert [row.cells["进度"] for row in rows(connector(path)).values()] == [7.0, 0.07, 0.5]

    def test_other_python_types(self, tmp_path: Path) -> None:
        when = local(2024, 7, 1, 9, 30)
        path = self.save(
            tmp_path / "p.xlsx", ["任务编号", "甲", "乙", "丙"], [1001, True, when.time(), date(2024, 7, 1)]
        )
        (row,) = rows(connector(path)).values()
        assert row.record == "1001"
        assert row.cells == {"任务编号": 1001.0, "甲": True, "乙": "09:30", "丙": datetime(2024, 7, 1, tzinfo=ZONE)}

    def test_headings_below_a_title_and_twice(self, tmp_path: Path) -> None:
        path = self.save(
            tmp_path / "p.xlsx", ["跨部门任务分工表"], [], ["任务\n编号", "备注", None, "备注"], ["a", "x", "y", "z"]
        )
        tool = connector(path, sheet="任务表", header=3)
        assert [column.id for column in tool.describe("tasks").columns] == ["任务 编号", "备注", "备注 (D)"]
        assert rows(tool)["a"].cells == {"任务 编号": "a", "备注": "x", "备注 (D)": "z"}

    def test_own_columns_have_the_types_of_the_guide(self, tmp_path: Path) -> None:
        path = self.save(tmp_path / "p.xlsx", ["任务编号", "预警时间", "Lag", "滞后天数", "预警级别"])
        tool = connector(path, writes={"notice_count": "Lag"})
        types = {column.name: column.type for column in tool.describe("tasks").columns}
        assert types == {
            "任务编号": "text",
            "预警时间": "datetime",
            "Lag": "number",
            "滞后天数": "number",
            "预警级别": "text",
        }

    @pytest.mark.parametrize(("name", "content", "sentence"), [
        ("none.xlsx", None, "no file"),
        ("old.xls", b"x", "save it as xlsx"),
        ("locked.xlsx", b"\xd0\xcf\x11\xe0 encrypted", "no xlsx workbook"),
    ])  # fmt: skip
    def test_what_is_no_workbook_is_said(self, tmp_path: Path, name: str, content: bytes | None, sentence: str) -> None:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(Rejected, match=sentence):
            connector(tmp_path / name).describe("tasks")

    def test_unknown_sheet_key_and_empty_heading_row(self, tmp_path: Path) -> None:
        path = self.save(tmp_path / "p.xlsx", ["任务编号"], ["a"])
        with pytest.raises(Rejected, match="did you mean '任务表'"):
            connector(path, sheet="任务标").describe("tasks")
        with pytest.raises(Rejected, match="key of tasks names '工号'"):
            connector(path, key="工号").describe("tasks")
        with pytest.raises(Rejected, match="no headings"):
            connector(path, header=9).describe("tasks")
