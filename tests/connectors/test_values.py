"""Cells to values, values to own cells: every pair of types that tools produce, and nothing ever raises."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, get_args

import pytest
from contract import ZONE
from hypothesis import given, settings
from hypothesis import strategies as st

from duban.connectors.base import Column, ColumnType
from duban.connectors.dates import parse_moment
from duban.connectors.owncells import own_cell, own_value, same, shown
from duban.connectors.values import Bad, converter, parse_number, split_text
from duban.item import Field, FieldType, Person, own_columns

ALIASES = {"sales": "销售部", "销售部": "销售部", "r&d": "研发部"}
LEVELS = (("重大", ("重大", "高", "P0", "Critical")), ("一般", ("一般", "低")))


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZONE)


NAIVE = at(2024, 7, 20, 18).replace(tzinfo=None)  # as spreadsheets keep times


def read(cell: Any, field: str, column: str = "text", **more: Any) -> Any:
    entry = Field("f", field, "字段", "Field", **more)  # type: ignore[arg-type]
    return converter(entry, Column("c", "列", column), ZONE, ALIASES)(cell)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "expected"), [
    ("2024-07-15", date(2024, 7, 15)), ("2024/7/5", date(2024, 7, 5)), ("2024年7月15日", date(2024, 7, 15)),
    ("2024.07.15", date(2024, 7, 15)), ("20240715", date(2024, 7, 15)), (" 2024 年 7 月 15 日 ", date(2024, 7, 15)),
    ("２０２４－０７－１５", date(2024, 7, 15)), ("2024-07-15 (周一)", date(2024, 7, 15)),
    ("2024年7月15号 星期一", date(2024, 7, 15)),
    ("Jul 15, 2024", date(2024, 7, 15)), ("15 July 2024", date(2024, 7, 15)), ("15-Jul-2024", date(2024, 7, 15)),
    ("July 1st, 2024", date(2024, 7, 1)), ("2024-02-29", date(2024, 2, 29)),
    ("2024-07-15 9:30", at(2024, 7, 15, 9, 30)), ("2024/07/15 09:30:15", at(2024, 7, 15, 9, 30, 15)),
    ("2024年7月15日14:30", at(2024, 7, 15, 14, 30)), ("2024年7月15日 14时30分", at(2024, 7, 15, 14, 30)),
    ("2024-07-15 下午3点", at(2024, 7, 15, 15)), ("2024-07-15 上午12:05", at(2024, 7, 15, 0, 5)),
    ("2024-07-15 3:00 PM", at(2024, 7, 15, 15)), ("2024-07-26 10:00 (周五)", at(2024, 7, 26, 10)),
    ("2024-07-15T14:30:00+08:00", at(2024, 7, 15, 14, 30)), ("2024-07-19T16:00:00.000Z", at(2024, 7, 20)),
    ("2024-07-15T14:30:00.123456789Z", at(2024, 7, 15, 22, 30, 0, 123456)), ("2024-07-15 00:00", at(2024, 7, 15)),
    ("2024-07-15 14:30 -0500", at(2024, 7, 16, 3, 30)),
    *((bad, None) for bad in (
        "下周五", "7月20日", "7/15/2024", "24-07-15", "2024-13-01", "2023-02-29", "2024-07-15 25:00",
        "2024-07-15 10:60",
        "2024-07-1514:30", "20241301", "2024-07-15Z", "Foo 15, 2024", "1720972800000", "0000-01-01",
        "9999-12-31T23:59-10:00",
        "2024-07-15~2024-07-20", "", "2024-07-15 10:00 10:00",
    )),
])  # fmt: skip
def test_dates_in_text(text: str, expected: date | None) -> None:
    assert parse_moment(text, ZONE) == expected
    assert type(parse_moment(text, ZONE)) is type(expected)


@pytest.mark.parametrize(("text", "percent", "number"), [
    ("3", False, 3.0), ("1,000", False, 1000.0), ("-1.5", False, -1.5), ("３", False, 3.0), ("1e3", False, 1000.0),
    (".5", False, 0.5),
    ("1，000，000", False, 1e6), ("80%", True, 80.0), ("80 ％", True, 80.0), ("80", True, 80.0), ("0.8", True, 0.8),
    ("5万", False, None), ("80%", False, None), ("3 个", False, None), ("1,00", False, None), ("", False, None),
    ("%", True, None),
    ("nan", False, None), ("inf", False, None), ("1e999", False, None), ("--3", False, None), ("١٢", False, None),
    ("-", False, None),
])  # fmt: skip
def test_numbers_in_text(text: str, percent: bool, number: float | None) -> None:
    assert parse_number(text, percent=percent) == number


A, B = Person("u1", "张三"), Person("", "李四")


@pytest.mark.parametrize(("cell", "field", "column", "value"), [
    # text
    (" 甲 ", "text", "text", "甲"), (" \n ", "text", "text", None), (3.0, "text", "number", "3"),
    (2.5, "text", "number", "2.5"),
    (True, "text", "checkbox", "是"), (False, "text", "checkbox", "否"),
    (date(2024, 7, 1), "text", "date", "2024-07-01"),
    (datetime(2024, 7, 1, 1, 30, tzinfo=UTC), "text", "datetime", "2024-07-01 09:30"),
    ((A, B), "text", "person", "张三、李四"),
    (("a", "b"), "url", "attachment", "a、b"), ((), "text", "links", None), (time(9, 30), "text", "text", "09:30:00"),
    # numbers and percents: by type, never by value
    (80.0, "percent", "percent", 80.0), (1.0, "percent", "percent", 1.0), (1.0, "percent", "number", 1.0),
    (0.8, "percent", "number", 0.8),
    ("80%", "percent", "text", 80.0), ("0.8", "percent", "select", 0.8), (3, "number", "text", 3.0),
    ("五", "number", "text", Bad("五")),
    (True, "number", "checkbox", Bad("是")), (float("nan"), "number", "number", Bad("nan")),
    (("7",), "number", "links", 7.0),
    (("7", "8"), "number", "links", Bad("7、8")), (at(2024, 7, 1), "percent", "datetime", Bad("2024-07-01 00:00")),
    # dates: local before the date is taken
    (datetime(2024, 7, 19, 16, tzinfo=UTC), "date", "datetime", date(2024, 7, 20)),
    (date(2024, 7, 20), "date", "date", date(2024, 7, 20)),
    (datetime(2024, 7, 19, 16, 30, tzinfo=UTC), "datetime", "datetime", at(2024, 7, 20, 0, 30)),
    (date(2024, 7, 20), "datetime", "date", at(2024, 7, 20)), ("2024-07-20", "datetime", "text", at(2024, 7, 20)),
    (NAIVE, "date", "text", date(2024, 7, 20)), (NAIVE, "datetime", "text", at(2024, 7, 20, 18)),
    ("2024-07-19T17:00Z", "date", "text", date(2024, 7, 20)), ("下周五", "date", "text", Bad("下周五")),
    ("  ", "date", "text", None),
    (45488.0, "date", "text", Bad("45488")), (("2024-07-20",), "date", "unknown", date(2024, 7, 20)),
    (True, "date", "checkbox", Bad("是")),
    (datetime.max.replace(tzinfo=timezone(timedelta(hours=-10))), "date", "datetime", date(9999, 12, 31)),
    # people
    ((A, B), "person", "person", (A, B)), ((A, A), "person", "person", (A,)),
    ((Person("", ""),), "person", "person", None),
    ("@张三、李四 , 王五；赵六/钱七\n孙八", "person", "text", tuple(Person("", n) for n in ("张三", "李四", "王五",
    "赵六", "钱七", "孙八"))),
    ("张三", "person", "select", (Person("", "张三"),)), (("张三",), "person", "multi_select", (Person("", "张三"),)),
    (date(2024, 7, 1), "person", "date", Bad("2024-07-01")),
    # selects
    ("高", "select", "select", "高"), (("甲",), "select", "multi_select", "甲"),
    (("甲", "乙"), "select", "multi_select", "甲、乙"),
    (True, "select", "checkbox", "是"), ((A,), "select", "person", "张三"),
    ("甲、乙", "multi_select", "text", ("甲", "乙")), ("甲/乙", "multi_select", "select", ("甲/乙",)),
    (("乙", "甲", "乙"), "multi_select", "multi_select", ("乙", "甲")),
    ((A, B), "multi_select", "person", ("张三", "李四")), (3.0, "multi_select", "number", ("3",)),
    (" ", "multi_select", "text", None),
    # links
    ("RD-03, RD-04", "links", "text", ("RD-03", "RD-04")), (("rec1", "rec2"), "links", "links", ("rec1", "rec2")),
    (7.0, "links", "number", ("7",)),
    (False, "links", "checkbox", Bad("否")),
    (None, "text", "text", None), (None, "date", "date", None), (None, "person", "person", None),
    (None, "links", "links", None),
])  # fmt: skip
def test_a_cell_becomes_a_value(cell: Any, field: str, column: str, value: Any) -> None:
    got = read(cell, field, column)
    assert got == value
    assert type(got) is type(value)


def test_departments_go_through_the_aliases() -> None:
    assert read("Sales", "select", "select", departments=True) == "销售部"
    assert read(("SALES", "R&D", "法务部"), "multi_select", "multi_select", departments=True) == (
        "销售部",
        "研发部",
        "法务部",
    )
    assert read("sales、销售部", "multi_select", departments=True) == ("销售部",)
    assert read("Sales、上级领导", "text", departments=True) == "销售部、上级领导"
    assert read("Sales", "select", "select") == "Sales"


def test_options_go_through_their_synonyms() -> None:
    for text, canonical in (
        ("高", "重大"),
        ("p0", "重大"),
        (" CRITICAL ", "重大"),
        ("🔴 高", "重大"),
        ("低", "一般"),
        ("没有", "没有"),
    ):
        assert read(text, "select", "select", values=LEVELS) == canonical
    assert read(("高",), "select", "multi_select", values=LEVELS) == "重大"


def test_equal_cells_share_one_value() -> None:
    entry = Field("f", "person", "人", "P")
    convert = converter(entry, Column("c", "列", "text"), ZONE, {})
    assert convert("张三、李四") is convert("张三、李四")


CELLS = st.one_of(
    st.none(), st.booleans(), st.text(max_size=12), st.integers(-10**20, 10**20), st.floats(),
    st.dates(), st.datetimes(), st.datetimes(timezones=st.timezones()), st.times(),
    st.lists(st.text(max_size=6), max_size=3).map(tuple),
    st.lists(st.builds(Person, st.text(max_size=3), st.text(max_size=3)), max_size=3).map(tuple),
    st.from_regex(r"\A[0-9]{4}[-/年][0-9]{1,2}[-/月][0-9]{1,2}日?( [0-9]{1,2}:[0-9]{2})?(Z|\+[0-9]{2}:[0-9]{2})?\Z"),
)  # fmt: skip
SHAPES = {
    "text": str, "url": str, "select": str, "multi_select": tuple, "person": tuple, "links": tuple,
    "number": float, "percent": float, "date": date, "datetime": datetime,
}  # fmt: skip


@settings(deadline=None)
@given(CELLS, st.sampled_from(list(SHAPES)), st.sampled_from(get_args(ColumnType)), st.booleans())
def test_reading_never_raises_and_keeps_the_types(cell: Any, field: str, column: str, departments: bool) -> None:
    value = read(cell, field, column, departments=departments, values=LEVELS)
    assert value is None or type(value) in {SHAPES[field], Bad}
    assert value not in ("", ())
    if isinstance(value, datetime):
        assert value.tzinfo is ZONE
    if isinstance(value, Bad):
        assert value.text


def test_every_field_type_has_a_reader() -> None:
    assert set(SHAPES) == set(get_args(FieldType)) - {"ignore"}


@settings(deadline=None)
@given(st.text())
def test_a_split_list_has_no_empty_and_no_double_part(text: str) -> None:
    parts = split_text(text)
    assert all(part == part.strip() and part for part in parts)
    assert len(parts) == len(set(parts))


# --- own cells

MOMENT = at(2024, 7, 26, 10, 0)


@pytest.mark.parametrize(("value", "column", "cell"), [
    ("红", "text", "红"), (MOMENT, "text", "2024-07-26 10:00"), (3, "text", "3"), (2.5, "text", "2.5"),
    (None, "text", None), ("", "select", None),
    (datetime(2024, 7, 26, 2, tzinfo=UTC), "text", "2024-07-26 10:00"), ("红", "select", "红"),
    ("红", "multi_select", ("红",)),
    (3, "number", 3.0), ("3", "number", 3.0), (MOMENT, "datetime", MOMENT), (MOMENT, "date", date(2024, 7, 26)),
    (None, "datetime", None),
])  # fmt: skip
def test_own_values_become_cells(value: Any, column: str, cell: Any) -> None:
    options = ("绿", "黄", "红") if "select" in column else None
    made = own_cell(value, Column("c", "列", column, options=options), ZONE)  # type: ignore[arg-type]
    assert made == (cell, None)
    assert type(made.cell) is type(cell)


@pytest.mark.parametrize(("value", "column", "sentence"), [
    ("紫", Column("c", "级别", "select", options=("红",)), "has no option 紫"),
    ("红", Column("c", "数", "number"), "cannot hold '红'"),
    ("红", Column("c", "时", "datetime"), "cannot hold '红'"), (3.0, Column("c", "人", "person"), "make it text"),
    ("红", Column("c", "公式", "text", computed=True), "cannot hold"),
    (MOMENT, Column("c", "数", "number"), "cannot hold '2024-07-26 10:00'"),
])  # fmt: skip
def test_what_a_column_cannot_hold_is_said(value: Any, column: Column, sentence: str) -> None:
    made = own_cell(value, column, ZONE)
    assert made.cell is None
    assert column.name in (made.problem or "")
    assert sentence in (made.problem or "")


WRITABLE = ("text", "select", "multi_select", "number", "datetime", "date")


@settings(deadline=None)
@given(st.data(), st.sampled_from(own_columns("task")), st.sampled_from(WRITABLE))
def test_what_was_written_reads_back_as_the_same(data: st.DataObject, own: Any, column: str) -> None:
    """The heart of idempotence: no type of column makes duban write the same value again."""
    values: dict[str, Any] = {
        "single_select": st.sampled_from(own.values or ("x",)), "number": st.integers(-1000, 1000),
        "text": st.text(max_size=50), "datetime": st.datetimes(timezones=st.just(ZONE)),
    }  # fmt: skip
    wanted = data.draw(st.none() | values[own.type])
    made = own_cell(wanted, Column("c", own.zh, column), ZONE)  # type: ignore[arg-type]
    if made.problem is None:
        assert same(own_value(made.cell, own.type, ZONE), wanted)


@pytest.mark.parametrize(("a", "b", "equal"), [
    ("3", 3.0, True), (3, 3.0, True), ("03.0", 3, True), ("3", "4", False), (None, "", True), (None, "  ", True),
    (None, 0.0, False), ("0", None, False),
    ("a\r\nb ", "a\nb", True), ("a\nb", "a b", False), (MOMENT, MOMENT.replace(second=59), True),
    (MOMENT, MOMENT.replace(minute=1), False),
    (MOMENT, MOMENT.astimezone(UTC), True), (MOMENT, date(2024, 7, 26), True), (date(2024, 7, 25), MOMENT, False),
    (MOMENT, "手改", False),
    ("红", "黄", False), ("红", None, False), ("x", 3.0, False),
])  # fmt: skip
def test_when_two_own_values_are_the_same(a: Any, b: Any, equal: bool) -> None:
    assert same(a, b) is equal
    assert same(b, a) is equal


@pytest.mark.parametrize(("cell", "type_", "value"), [
    ("2024-07-26 10:00", "datetime", MOMENT), (datetime(2024, 7, 26, 2, tzinfo=UTC), "datetime", MOMENT),
    ("手改", "datetime", "手改"),
    ("3", "number", 3.0), (3, "number", 3.0), ("三", "number", "三"), (" 红 ", "single_select", "红"),
    (("红",), "single_select", "红"),
    ("", "text", None), (None, "number", None), (date(2024, 7, 26), "datetime", date(2024, 7, 26)), (3.0, "text", "3"),
])  # fmt: skip
def test_own_cells_are_read(cell: Any, type_: Any, value: Any) -> None:
    got = own_value(cell, type_, ZONE)
    assert got == value
    assert type(got) is type(value)


def test_own_values_are_shown_as_plain_json() -> None:
    assert [shown(value, ZONE) for value in (None, "红", 3.0, 2.5, MOMENT)] == [None, "红", 3, 2.5, "2024-07-26 10:00"]
