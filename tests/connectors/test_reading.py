"""Rows to items: order, doubles, blanks, kinds, statuses, defaults, own and broken cells."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from contract import ZONE

from duban.connectors.base import Column, Page, Row, Schema
from duban.connectors.columns import map_columns
from duban.connectors.reading import Reader, Reading
from duban.connectors.settings import AirtableTable
from duban.connectors.statuses import Statuses
from duban.errors import SchemaChanged, Unavailable
from duban.item import Item, Person, Ref

HOLDS = {"column": "类型", "values": {"突发事件": "issue", "部门分歧": "dispute"}}


def reader(columns: Sequence[Column | str], *, holds: Any = "task", **table: Any) -> Reader:
    made = tuple(Column(column, column, "text") if isinstance(column, str) else column for column in columns)
    settings = AirtableTable(table="t", holds=holds, **table)
    mapping = map_columns(settings, Schema(made))
    return Reader("src", "t", mapping, zone=ZONE, aliases={"sales": "销售部"}, statuses=Statuses(settings.statuses))


def read(columns: Sequence[Column | str], *rows: Row | dict[str, Any], **table: Any) -> Reading:
    made = [row if isinstance(row, Row) else Row(f"r{place}", row) for place, row in enumerate(rows, start=1)]
    return reader(columns, **table).read([Page(made)])


TASK = ("任务编号", "任务名称", "状态", "截止日期", "负责部门", "预警级别", "滞后天数", "预警时间")


def test_a_row_becomes_an_item() -> None:
    (item,) = read(TASK, Row("rec1", {
        "任务编号": " T-1 ", "任务名称": "海报", "状态": "✅ Blocked", "截止日期": "2024-07-20",
        "负责部门": "Sales、市场部",
        "预警级别": "红", "滞后天数": "3", "预警时间": "2024-07-26 10:00",
    }, "https://example.com/rec1")).items  # fmt: skip
    assert item.ref == Ref("src", "t", "rec1")
    assert (item.kind, item.code, item.title, item.url) == ("task", "T-1", "海报", "https://example.com/rec1")
    assert (item.get("status"), item.get("status_text"), item.get("status_flag")) == ("进行中", "✅ Blocked", "blocked")
    assert item.get("due") == date(2024, 7, 20)
    assert item.get("responsible_dept") == ("销售部", "市场部")
    assert dict(item.own) == {
        "alert_level": "红", "lag_days": 3.0, "alert_at": datetime(2024, 7, 26, 10, tzinfo=ZONE),
    }  # fmt: skip
    assert item.bad == ()


def test_rows_come_in_first_seen_order_and_the_last_one_counts() -> None:
    pages = [
        Page([Row("a", {"任务名称": "一"}), Row("b", {"任务名称": "二"})], 3),
        Page([Row("a", {"任务名称": "新一"}), Row("c", {"任务名称": "三"})], 3),
    ]
    reading = reader(TASK).read(pages)
    assert [(item.ref.record, item.title) for item in reading.items] == [("a", "新一"), ("b", "二"), ("c", "三")]
    assert (reading.pages, reading.rows, reading.total) == (2, 4, 3)


def test_a_row_that_became_blank_between_two_pages_is_gone() -> None:
    reading = reader(TASK).read([Page([Row("a", {"任务名称": "一"})]), Page([Row("a", {})])])
    assert reading.items == []
    assert reading.blank == 1


@pytest.mark.parametrize("cells", [
    {}, {"任务名称": "  "}, {"预警级别": "红", "滞后天数": "1"}, {"auto": "7",
    "changed": datetime(2024, 7, 1, tzinfo=UTC)},
    {"box": False},
])  # fmt: skip
def test_rows_without_any_human_cell_are_no_items(cells: dict[str, Any]) -> None:
    columns = (
        *TASK[1:], Column("auto", "任务编号", "text", computed=True), Column("changed", "最近更新", "modified"),
        Column("box", "是否通过", "checkbox"),
    )  # fmt: skip
    reading = read(columns, cells)
    assert (reading.items, reading.blank, reading.rows) == ([], 1, 1)
    assert len(read(columns, {**cells, "任务名称": "有"}).items) == 1


def test_cells_that_do_not_parse_stay_with_their_item() -> None:
    columns = ("任务编号", "截止日期", "完成进度", Column("x", "负责人", "person"))
    (item,) = read(columns, Row("r", {"截止日期": "下周五", "完成进度": "一半"}, None, {"x": "<broken>"})).items
    assert dict(item.bad) == {"due": "下周五", "progress": "一半", "owner": "<broken>"}
    assert item.get("due") is None


def test_a_broken_own_cell_is_not_what_we_wrote() -> None:
    (item,) = read(TASK, Row("r", {"任务名称": "x"}, None, {"预警级别": "#REF!"})).items
    assert item.own == (("alert_level", "#REF!"),)
    assert item.bad == ()


@pytest.mark.parametrize(("text", "status"), [("开发完了", None), ("", None), ("已关闭", None), ("待验收", "待审核")])
def test_statuses(text: str, status: str | None) -> None:
    (item,) = read(TASK, {"任务名称": "x", "状态": text}).items
    assert item.get("status") == status
    assert item.get("status_text") == (text or None)


def test_the_admins_statuses_and_the_tools_own_done() -> None:
    done = Column("isDone", "是否完成", "checkbox", field="is_done", writable=False)
    rows = [
        {"任务名称": "x", "状态": text, "isDone": ready}
        for text, ready in [("封版", True), ("封版", False), ("进行中", True)]
    ]
    assert [item.get("status") for item in read((*TASK, done), *rows).items] == ["已完成", None, "进行中"]
    assert read(TASK, rows[1], statuses={"待审核": ["封版"]}).items[0].get("status") == "待审核"


def test_defaults_fill_only_fields_without_a_column() -> None:
    reading = read(
        ("任务名称", "所属环节"), {"任务名称": "x"},
        defaults={"project": "新品", "stage": "设计", "status": "doing", "due": "2024-07-20", "accountable": ["sales",
        "法务部"], "progress": "很多"},
    )  # fmt: skip
    (item,) = reading.items
    assert (item.get("project"), item.get("stage"), item.get("status")) == ("新品", None, "进行中")
    assert (item.get("due"), item.get("accountable")) == (date(2024, 7, 20), ("销售部", "法务部"))
    assert reading.problems == ("defaults gives progress the value '很多', which is no percent",)


class TestMixedTables:
    COLUMNS = ("编号", "类型", "描述", "解决方案", "涉及部门")

    def test_kinds_by_configuration_and_by_the_guides_words(self) -> None:
        rows = [{"编号": text, "类型": text} for text in ("突发事件", "突发问题", "ISSUE", "部门分歧", "争议")]
        reading = read(self.COLUMNS, *rows, holds=HOLDS)
        assert [item.kind for item in reading.items] == ["issue", "issue", "issue", "dispute", "dispute"]

    def test_each_row_has_the_fields_of_its_kind(self) -> None:
        rows = [{"类型": text, "描述": "x", "解决方案": "y", "涉及部门": "甲、乙"} for text in ("突发问题", "部门分歧")]
        issue, dispute = read(self.COLUMNS, *rows, holds=HOLDS).items
        assert (issue.get("solution"), issue.get("parties"), issue.get("point")) == ("y", None, "x")
        assert (dispute.get("solution"), dispute.get("parties"), dispute.get("point")) == (None, ("甲", "乙"), "x")

    def test_unknown_kinds_are_counted_and_left_out(self) -> None:
        rows = [{"编号": "1", "类型": "吐槽"}, {"编号": "2", "类型": "吐槽"}, {"编号": "3"}, {}, {"类型": "部门分歧"}]
        reading = read(self.COLUMNS, *rows, holds=HOLDS)
        assert dict(reading.strange) == {"吐槽": 2, "": 1}
        assert reading.blank == 1
        assert [item.kind for item in reading.items] == ["dispute"]

    def test_without_the_kind_column_nothing_is_read(self) -> None:
        with pytest.raises(SchemaChanged, match="'类型'"):
            reader(("编号", "描述"), holds=HOLDS)


def test_a_read_that_breaks_off_keeps_what_it_has() -> None:
    def pages() -> Iterator[Page]:
        yield Page([Row("a", {"任务名称": "一"})])
        raise Unavailable("gone")

    halfway = reader(TASK)
    with pytest.raises(Unavailable):
        halfway.read(pages())
    assert [item.title for item in halfway.result().items] == ["一"]


def test_many_rows_stay_small() -> None:
    """Equal values are shared: an item costs its own tuple, not its departments, people and dates again."""
    columns = (
        "任务编号", "任务名称", "状态", Column("d", "负责部门", "multi_select"), Column("p", "负责人",
        "person"), Column("t", "截止日期", "datetime"),
    )  # fmt: skip
    start = datetime(2024, 7, 1, tzinfo=UTC)

    def page(number: int) -> Page:
        return Page([
            Row(f"r{number}-{row}", {
                "任务编号": "同一", "任务名称": "同样的任务", "状态": "进行中", "d": ("市场部",
                "销售部"), "p": (Person("ou_1", "张三"),),
                "t": start + timedelta(days=row % 30),
            }) for row in range(500)
        ])  # fmt: skip

    made = reader(columns)
    made.add(page(0))
    tracemalloc.start()
    for number in range(1, 11):
        made.add(page(number))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    items: list[Item] = made.result().items
    assert len(items) == 5_500
    assert grown / 5_000 < 1_000
    assert len({id(item.get("responsible_dept")) for item in items}) == 1
    assert len({id(item.get("owner")) for item in items}) == 1
