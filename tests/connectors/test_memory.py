"""The connector in memory keeps the contract, and each clause of the contract can fail."""

from __future__ import annotations

import pytest
from bad_connectors import BREAKS
from contract import CLAUSES, ZONE, ConnectorContract
from memory_bench import MemoryBench

from duban.connectors import connect
from duban.connectors.base import Column, Write
from duban.connectors.limits import Pace
from duban.connectors.memory import MemoryConnector
from duban.connectors.settings import MemorySource, Table
from duban.errors import Rejected
from duban.item import Person


class TestMemory(ConnectorContract):
    @pytest.fixture
    def bench(self) -> MemoryBench:
        return MemoryBench()


@pytest.mark.parametrize(("clause", "bad"), BREAKS)
def test_the_clause_catches_a_connector_that_breaks_it(clause: str, bad: type[MemoryConnector]) -> None:
    check = getattr(ConnectorContract(), clause)
    check(MemoryBench())
    with pytest.raises(AssertionError):
        check(MemoryBench(bad))


def test_every_clause_has_a_connector_that_breaks_it() -> None:
    assert {clause for clause, _ in BREAKS} == set(CLAUSES)


def test_cells_of_the_wrong_type_fail() -> None:
    tool = MemoryConnector("m", {"t": ([Column("n", "数", "number"), Column("d", "日", "date")], {"r": {}})})
    schema = tool.describe("t")
    for cells in ({"n": "three"}, {"n": True}, {"d": "2024-07-01"}, {"d": 3.0}):
        (receipt,) = tool.push("t", schema, [Write("r", cells)])
        assert receipt.outcome == "failed"
        assert "cannot hold" in (receipt.error or "")
    assert tool.cells("t", "r") == {}


def test_a_failed_write_changes_nothing_of_its_row() -> None:
    tool = MemoryConnector("m", {"t": ([Column("a", "甲", "text"), Column("b", "乙", "number")], {"r": {"a": "x"}})})
    (receipt,) = tool.push("t", tool.describe("t"), [Write("r", {"a": "y", "b": "no number"})])
    assert receipt.outcome == "failed"
    assert tool.cells("t", "r") == {"a": "x"}


def test_people_edit_rows_and_columns() -> None:
    tool = MemoryConnector("m", {"t": ([Column("a", "甲", "text")], {"r": {"a": "x"}})})
    tool.add_column("t", Column("p", "人", "person"))
    tool.edit("t", "r", {"p": (Person("1", "张三"),), "a": None})
    assert tool.cells("t", "r") == {"p": (Person("1", "张三"),)}
    tool.drop_column("t", "p")
    assert [column.id for column in tool.describe("t").columns] == ["a"]
    assert tool.cells("t", "r") == {}


def test_an_unknown_table_or_column_is_named() -> None:
    tool = MemoryConnector("m", {"t": ([Column("a", "甲", "text")], {})})
    with pytest.raises(Rejected, match="its tables: t"):
        tool.describe("x")
    with pytest.raises(Rejected, match="no column 'b'"):
        list(tool.pull("t", tool.describe("t"), ["b"]))


def test_the_registry_makes_one() -> None:
    source = MemorySource(name="mem", tool="memory", tables=(Table(name="t", holds="task"),))
    tool = connect(source, zone=ZONE, pace=Pace())
    assert tool.name == "mem"
    assert tool.describe("t").columns == ()
