"""A csv file keeps every byte that was not to be written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from contract import ZONE
from hypothesis import given, settings
from hypothesis import strategies as st
from workbook_benches import connector

from duban.connectors.base import Write
from duban.connectors.settings import WorkbookSource, WorkbookTable
from duban.connectors.workbook import WorkbookConnector
from duban.connectors.workbook.csvfile import CsvBook, guarded, unguarded
from duban.errors import Rejected


def push(path: Path, record: str, **cells: str | None) -> None:
    tool = connector(path)
    (receipt,) = tool.push("tasks", tool.describe("tasks"), [Write(record, cells)])
    assert receipt.outcome == "written", receipt.error


@pytest.mark.parametrize(("before", "after"), [
    ("任务编号,预警内容,备注\r\na,旧,x\r\nb,旧,y\r\n", "任务编号,预警内容,备注\r\na,新,x\r\nb,旧,y\r\n"),
    ("任务编号;预警内容\na;旧\nb;旧", "任务编号;预警内容\na;新\nb;旧"),
    ("任务编号\t预警内容\na\t\n", "任务编号\t预警内容\na\t新\n"),
    ('"任务编号","预警内容"\n"a","旧, ""老"""\n', '"任务编号","预警内容"\n"a","新"\n'),
    ('任务编号,预警内容,备注\na,旧,"多\n行, ""引"""\n\n\n', '任务编号,预警内容,备注\na,新,"多\n行, ""引"""\n\n\n'),
    ("任务编号,备注,预警内容\na\nb,y,旧\n", "任务编号,备注,预警内容\na,,新\nb,y,旧\n"),
    ("任务编号,预警内容,\na,旧,", "任务编号,预警内容,\na,新,"),
    ('任务编号,预警内容,备注\na,旧,5"屏\n', '任务编号,预警内容,备注\na,新,5"屏\n'),
    ("任务编号,预警内容\ra,旧\rb,旧\r", "任务编号,预警内容\ra,新\rb,旧\r"),
])  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_only_the_cell_changes(tmp_path: Path, before: str, after: str, encoding: str) -> None:
    path = tmp_path / "plan.csv"
    path.write_bytes(before.encode(encoding))
    push(path, "a", 预警内容="新")
    assert path.read_bytes() == after.encode(encoding)


def test_texts_that_need_quotes_get_them(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text("任务编号,预警内容\na,\n", encoding="utf-8")
    push(path, "a", 预警内容='滞后 3 天, 请"说明"\n谢谢')
    assert path.read_text(encoding="utf-8") == '任务编号,预警内容\na,"滞后 3 天, 请""说明""\n谢谢"\n'
    push(path, "a", 预警内容=None)
    assert path.read_text(encoding="utf-8") == '任务编号,预警内容\na,""\n'


@pytest.mark.parametrize("text", ["=1+1", "+86", "-x", "@SUM(A1)", "\t=1", " =1", "＝1", "'=1"])
def test_no_text_becomes_a_formula_and_it_reads_as_it_was_meant(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.csv"
    path.write_text("任务编号,预警内容\na,\n", encoding="utf-8")
    push(path, "a", 预警内容=text)
    with path.open(encoding="utf-8", newline="") as file:
        stored = list(csv.reader(file))[1][1]
    assert stored.lstrip()[0] not in "=+-@＝\t" or text == "+86"
    tool = connector(path)
    (page,) = tool.pull("tasks", tool.describe("tasks"), ["预警内容"])
    assert page.rows[0].cells["预警内容"] == text


@pytest.mark.parametrize("number", ["-3", "+1.5", "-1,000"])
def test_numbers_stay_numbers(number: str) -> None:
    assert guarded(number) == number


@settings(deadline=None)
@given(st.text())
def test_the_guard_is_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_the_encoding_may_be_named_and_limits_what_fits(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_bytes("任务编号,预警内容\na,\nb,\n".encode("gbk"))
    table = WorkbookTable(holds="task", name="tasks")
    tool = WorkbookConnector(
        WorkbookSource(name="p", tool="workbook", path=str(path), encoding="gbk", tables=(table,)), zone=ZONE
    )
    first, second = tool.push(
        "tasks", tool.describe("tasks"), [Write("a", {"预警内容": "😀"}), Write("b", {"预警内容": "好"})]
    )
    assert (first.outcome, second.outcome) == ("failed", "written")
    assert "gbk" in (first.error or "")
    assert path.read_bytes() == "任务编号,预警内容\na,\nb,好\n".encode("gbk")


@pytest.mark.parametrize(("data", "encoding", "sentence"), [
    (b"\xff\xff\xff,\x81", None, "neither|not UTF-8 or GB18030"),
    ("任务编号".encode(), "utf-99", "no encoding"),
    ("任务编号".encode("gbk"), "utf-8", "not utf-8"),
])  # fmt: skip
def test_what_cannot_be_decoded_is_said(data: bytes, encoding: str | None, sentence: str) -> None:
    with pytest.raises(Rejected, match=sentence):
        CsvBook(data, "plan.csv", ZONE, encoding)


_CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=8)


@settings(deadline=None)
@given(
    grid=st.lists(st.lists(_CELL, min_size=3, max_size=3), min_size=1, max_size=6),
    place=st.integers(0, 5), text=_CELL, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_any_grid_reads_and_keeps_its_other_cells(
    grid: list[list[str]], place: int, text: str, quoting: int, ending: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, lineterminator=ending)  # type: ignore[arg-type]
    writer.writerows([["任务名称", "备注", "预警内容"], *grid])
    data = out.getvalue().encode()
    table = WorkbookTable(holds="task", name="tasks")
    book = CsvBook(data, "p.csv", ZONE)
    wanted = [[unguarded(cell) for cell in line] for line in grid]
    filled = {number: line for number, line in enumerate(wanted, start=2) if any(cell.strip() for cell in line)}
    assert {row.number: [row.cells.get(i, "") for i in range(3)] for row in book.rows(table)} == {
        number: [cell if cell.strip() else "" for cell in line] for number, line in filled.items()
    }
    number = place % len(grid) + 2
    edited = book.edited(table, {number: {2: text}})
    assert not edited.refused
    lines = list(csv.reader(io.StringIO(edited.data.decode(), newline="")))
    expected = list(grid)
    expected[number - 2] = [*grid[number - 2][:2], guarded(text)]
    assert lines[1:] == expected
