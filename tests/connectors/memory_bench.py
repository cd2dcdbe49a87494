"""The contract's table in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contract import Headings

from duban.connectors.base import Column, Connector
from duban.connectors.memory import MemoryConnector

HEADINGS = Headings(strange="奇怪", computed="公式")
COLUMNS = (
    Column("c1", HEADINGS.title, "text"),
    Column("c2", HEADINGS.note, "text"),
    Column("c3", HEADINGS.empty, "person"),
    Column("c4", HEADINGS.level, "select", options=("绿", "黄", "红")),
    Column("c5", HEADINGS.text, "text"),
    Column("c6", HEADINGS.count, "number"),
    Column("c7", HEADINGS.time, "datetime"),
    Column("c8", "奇怪", "unknown", writable=False),
    Column("c9", "公式", "text", writable=False, computed=True),
)
_IDS = {column.name: column.id for column in COLUMNS}


class MemoryBench:
    """A bench on any kind of memory connector; the connector is the tool itself."""

    label, page, headings = "tasks", 3, HEADINGS

    def __init__(self, kind: type[MemoryConnector] = MemoryConnector) -> None:
        self._tool = kind("mem", {self.label: (COLUMNS, {})}, page_size=self.page)
        self._count = 0

    def connect(self) -> Connector:
        return self._tool

    def seed(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        records = []
        for row in rows:
            self._count += 1
            records.append(f"rec{self._count}")
            self.edit(records[-1], row)
        return records

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        self._tool.edit(self.label, record, {_IDS[name]: cell for name, cell in cells.items()})

    def delete(self, record: str) -> None:
        self._tool.delete(self.label, record)

    def cells(self, record: str) -> Mapping[str, Any]:
        names = {id_: name for name, id_ in _IDS.items()}
        return {names.get(id_, id_): cell for id_, cell in self._tool.cells(self.label, record).items()}
