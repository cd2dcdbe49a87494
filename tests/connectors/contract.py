"""The contract of ``duban.connectors.base``, as tests that every connector passes.

To test a connector, write a :class:`Bench` for it (how to make a table in its simulator, how a person edits it) and

    class TestMine(ConnectorContract):
        @pytest.fixture
        def bench(self, tmp_path): return MyBench(...)

Every clause has a connector in ``bad_connectors`` that breaks it, and ``test_contract`` shows that it is caught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest

from duban.connectors.base import Cell, Column, Connector, Receipt, Row, Schema, Write
from duban.connectors.owncells import own_cell, own_value, same
from duban.errors import ConnectorError

ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Headings:
    """How the columns of the bench's table are called. ``None``: this tool has no such column."""

    title: str = "任务名称"  # text, filled by people
    note: str = "个人备注"  # text, filled by people, never asked for and never written
    empty: str = "空列"  # any type, without a single filled cell
    level: str = "预警级别"  # own: a select with 绿, 黄, 红 where the tool has selects, else text
    text: str = "预警内容"  # own: text
    count: str = "滞后天数"  # own: number, or text
    time: str = "预警时间"  # own: datetime, or text
    strange: str | None = None  # a column of a type that duban does not know
    computed: str | None = None  # a column that cannot be written


class Bench(Protocol):
    """One empty table in one tool, with the columns of ``headings``; ``page`` is how many rows one page holds."""

    label: str
    page: int
    headings: Headings

    def connect(self) -> Connector:
        """Return a fresh connector to the tool."""
        ...

    def seed(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Add rows (heading -> plain value) at the end; return their record ids in order."""
        ...

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        """Change cells as a person would."""
        ...

    def delete(self, record: str) -> None:
        """Delete a row as a person would."""
        ...

    def cells(self, record: str) -> Mapping[str, Any]:
        """Return all cells of a row as the tool stores them, by heading; only for comparing before and after."""
        ...


class _Table:
    """One connector on the bench's table, asked by headings."""

    def __init__(self, bench: Bench) -> None:
        self.connector, self.label, self.headings = bench.connect(), bench.label, bench.headings
        self.schema: Schema = self.connector.describe(bench.label)

    def column(self, heading: str) -> Column:
        found = [column for column in self.schema.columns if column.name == heading]
        assert len(found) == 1, f"{heading} is described {len(found)} times"
        return found[0]

    def pull(self, *headings: str) -> list[Row]:
        return [row for page in self.pages(*headings) for row in page.rows]

    def pages(self, *headings: str) -> list[Any]:
        return list(self.connector.pull(self.label, self.schema, [self.column(name).id for name in headings]))

    def row(self, record: str, *headings: str) -> dict[str, Cell]:
        rows = {row.record: row for row in self.pull(*headings)}
        return {name: rows[record].cells.get(self.column(name).id) for name in headings}

    def write(self, record: str, cells: Mapping[str, Any]) -> Write:
        made = {name: own_cell(value, self.column(name), ZONE) for name, value in cells.items()}
        assert all(cell.problem is None for cell in made.values()), made
        return Write(record, {self.column(name).id: cell.cell for name, cell in made.items()})

    def push(self, *writes: Write) -> list[Receipt]:
        return list(self.connector.push(self.label, self.schema, writes))


def _titles(bench: Bench, count: int) -> list[str]:
    return bench.seed([{bench.headings.title: f"任务{number}"} for number in range(count)])


class ConnectorContract:
    """One test per clause; every one gets a bench with an empty table."""

    # --- reading

    def test_every_row_is_read_once_over_several_pages(self, bench: Bench) -> None:
        records = _titles(bench, 2 * bench.page + 1)
        table = _Table(bench)
        pages = table.pages(bench.headings.title)
        read = [row.record for page in pages for row in page.rows]
        assert sum(bool(page.rows) for page in pages) >= 2
        assert len(read) == len(set(read)), "a row came twice although nobody touched the table"
        assert set(read) == set(records)

    def test_rows_keep_their_order(self, bench: Bench) -> None:
        records = _titles(bench, bench.page + 2)
        table = _Table(bench)
        first = [row.record for row in table.pull(bench.headings.title)]
        assert first == records
        assert [row.record for row in table.pull(bench.headings.title)] == first

    def test_absent_cells_are_absent(self, bench: Bench) -> None:
        names = bench.headings
        _titles(bench, 1)
        table = _Table(bench)
        (row,) = table.pull(names.title, names.text, names.count, names.empty)
        assert set(row.cells) == {table.column(names.title).id}

    def test_only_asked_columns_come_back(self, bench: Bench) -> None:
        names = bench.headings
        bench.seed([{names.title: "一", names.note: "私人"}])
        table = _Table(bench)
        (row,) = table.pull(names.title)
        assert set(row.cells) == {table.column(names.title).id}

    def test_columns_come_from_metadata(self, bench: Bench) -> None:
        table = _Table(bench)  # not a single row
        names = {column.name for column in table.schema.columns}
        wanted = bench.headings
        assert {wanted.title, wanted.note, wanted.empty, wanted.level, wanted.text, wanted.count, wanted.time} <= names
        assert table.pull(wanted.title, wanted.empty) == []

    def test_unknown_types_are_read_as_text(self, bench: Bench) -> None:
        names = bench.headings
        if names.strange is None:
            pytest.skip("this tool has no column types")
        bench.seed([{names.title: "一", names.strange: {"some": ["thing"]}}])
        table = _Table(bench)
        assert table.column(names.strange).type == "unknown"
        (row,) = table.pull(names.strange)
        assert isinstance(row.cells[table.column(names.strange).id], str)

    def test_a_read_sees_the_table_as_it_is_now(self, bench: Bench) -> None:
        names = bench.headings
        first, second = _titles(bench, 2)
        table = _Table(bench)
        table.pull(names.title)
        bench.edit(first, {names.title: "改了"})
        bench.delete(second)
        (third,) = bench.seed([{names.title: "新的"}])
        rows = {row.record: row.cells[table.column(names.title).id] for row in table.pull(names.title)}
        assert rows == {first: "改了", third: "新的"}

    # --- writing

    def test_written_values_read_back_the_same(self, bench: Bench) -> None:
        names = bench.headings
        (record,) = _titles(bench, 1)
        table = _Table(bench)
        moment = datetime(2024, 7, 26, 10, 0, tzinfo=ZONE)
        text = "=LAG-02: 滞后3天\n\"请\" 说明, '谢'"
        wanted = {names.level: "红", names.text: text, names.count: 3.0, names.time: moment}
        (receipt,) = table.push(table.write(record, wanted))
        assert receipt == Receipt(record, "written")
        types = {names.level: "single_select", names.text: "text", names.count: "number", names.time: "datetime"}
        for name, cell in table.row(record, *wanted).items():
            read = own_value(cell, types[name], ZONE)  # type: ignore[arg-type]
            assert same(read, wanted[name]), f"{name}: wrote {wanted[name]!r}, read {cell!r}"

    def test_a_write_changes_exactly_the_named_cells(self, bench: Bench) -> None:
        names = bench.headings
        row = {names.title: "任务", names.note: "私人", names.level: "绿", names.text: "旧", names.count: 1}
        records = bench.seed([row, row, row])
        before = [dict(bench.cells(record)) for record in records]
        table = _Table(bench)
        table.push(table.write(records[1], {names.text: "新"}))
        after = [dict(bench.cells(record)) for record in records]
        assert after[0] == before[0]
        assert after[2] == before[2]
        changed = {key for key in before[1].keys() | after[1].keys() if before[1].get(key) != after[1].get(key)}
        assert changed == {names.text}

    def test_human_edits_between_reading_and_writing_survive(self, bench: Bench) -> None:
        names = bench.headings
        (record,) = bench.seed([{names.title: "任务", names.note: "旧", names.text: "旧"}])
        table = _Table(bench)
        table.pull(names.title, names.note, names.text)
        bench.edit(record, {names.title: "改名", names.note: "新"})
        edited = {name: bench.cells(record)[name] for name in (names.title, names.note)}
        with suppress(ConnectorError):  # a tool that cannot merge says so and writes nothing
            table.push(table.write(record, {names.text: "新"}))
        assert {name: bench.cells(record)[name] for name in (names.title, names.note)} == edited

    def test_none_clears_a_cell(self, bench: Bench) -> None:
        names = bench.headings
        (record,) = bench.seed([{names.title: "任务", names.text: "旧", names.count: 2, names.level: "黄"}])
        table = _Table(bench)
        (receipt,) = table.push(table.write(record, {names.text: None, names.count: None, names.level: None}))
        assert receipt.outcome == "written"
        assert set(table.row(record, names.text, names.count, names.level).values()) == {None}
        assert table.row(record, names.title) == {names.title: "任务"}

    def test_repeating_a_write_is_harmless(self, bench: Bench) -> None:
        (record,) = _titles(bench, 1)
        table = _Table(bench)
        write = table.write(record, {bench.headings.text: "同样"})
        table.push(write)
        once = dict(bench.cells(record))
        (receipt,) = table.push(write)
        assert receipt.outcome == "written"
        assert dict(bench.cells(record)) == once

    def test_one_receipt_per_write_in_order(self, bench: Bench) -> None:
        records = _titles(bench, 5)
        bench.delete(records[3])
        table = _Table(bench)
        order = [records[place] for place in (4, 0, 3, 2, 1)]
        receipts = table.push(*(table.write(record, {bench.headings.text: record}) for record in order))
        assert [receipt.record for receipt in receipts] == order

    def test_one_bad_row_fails_alone(self, bench: Bench) -> None:
        records = _titles(bench, 3)
        bench.delete(records[1])
        table = _Table(bench)
        receipts = table.push(*(table.write(record, {bench.headings.text: "x"}) for record in records))
        assert [receipt.outcome for receipt in receipts] == ["written", "failed", "written"]
        assert receipts[1].error
        assert table.row(records[0], bench.headings.text) == {bench.headings.text: "x"}
        assert table.row(records[2], bench.headings.text) == {bench.headings.text: "x"}

    def test_an_unknown_column_is_refused(self, bench: Bench) -> None:
        (record,) = _titles(bench, 1)
        table = _Table(bench)
        before = dict(bench.cells(record))
        try:
            outcomes = [receipt.outcome for receipt in table.push(Write(record, {"no-such-column": "x"}))]
        except ConnectorError:
            outcomes = ["failed"]
        assert outcomes == ["failed"]
        assert dict(bench.cells(record)) == before

    def test_options_are_never_created(self, bench: Bench) -> None:
        (record,) = _titles(bench, 1)
        table = _Table(bench)
        level = table.column(bench.headings.level)
        if level.type != "select":
            pytest.skip("this tool has no selects")
        (receipt,) = table.push(Write(record, {level.id: "紫"}))
        assert receipt.outcome == "failed"
        assert "紫" in (receipt.error or "")
        assert "紫" not in (_Table(bench).column(bench.headings.level).options or ())

    def test_computed_columns_are_not_written(self, bench: Bench) -> None:
        name = bench.headings.computed
        if name is None:
            pytest.skip("this tool has no computed columns")
        (record,) = _titles(bench, 1)
        table = _Table(bench)
        assert not table.column(name).writable
        before = dict(bench.cells(record))
        (receipt,) = table.push(Write(record, {table.column(name).id: "x"}))
        assert receipt.outcome == "failed"
        assert dict(bench.cells(record)) == before

    # --- housekeeping

    def test_traffic_is_counted(self, bench: Bench) -> None:
        (record,) = _titles(bench, 1)
        table = _Table(bench)
        table.pull(bench.headings.title)
        read = table.connector.traffic.read
        assert read > 0
        assert table.connector.traffic.write == 0
        table.push(table.write(record, {bench.headings.text: "x"}))
        assert table.connector.traffic.write > 0

    def test_close_may_be_called_twice(self, bench: Bench) -> None:
        connector = bench.connect()
        connector.describe(bench.label)
        connector.close()
        connector.close()


CLAUSES = tuple(name for name in vars(ConnectorContract) if name.startswith("test_"))
