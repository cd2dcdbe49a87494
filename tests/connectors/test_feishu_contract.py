"""Feishu Bitable keeps the contract of every connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from contract import Bench, ConnectorContract, Headings
from feishu_rig import OPTIONS, Rig, close_rig, make_rig

from duban.connectors.base import Connector
from duban.sandbox.feishu import Table

HEADINGS = Headings(strange="奇怪", computed="公式")
COLUMN_OF_THE_FUTURE = 4242


def _table(rig: Rig) -> Table:
    table, names = rig.base.add_table("契约"), HEADINGS
    table.add_field(names.title, 1)
    table.add_field(names.note, 1)
    table.add_field(names.empty, 11)
    table.add_field(names.level, 3, property={"options": OPTIONS})
    table.add_field(names.text, 1)
    table.add_field(names.count, 2, property={"formatter": "0"})
    table.add_field(names.time, 5, property={"date_formatter": "yyyy-MM-dd HH:mm"})
    table.add_field("奇怪", COLUMN_OF_THE_FUTURE, "Hologram")
    table.add_field("公式", 20, formula=lambda _row: 2)
    return table


class FeishuBench:
    """One table in the simulated Feishu."""

    label, page, headings = "tasks", 500, HEADINGS

    def __init__(self, rig: Rig) -> None:
        self._rig, self._table = rig, _table(rig)

    def connect(self) -> Connector:
        return self._rig.connector({"name": self.label, "app": self._rig.base.token, "table": self._table.id})

    def seed(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [self._table.add_row(row) for row in rows]

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        self._table.edit(record, cells)

    def delete(self, record: str) -> None:
        self._table.delete_row(record)

    def cells(self, record: str) -> Mapping[str, Any]:
        return self._table.dump()[record]


class TestFeishu(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        rig = make_rig()
        yield FeishuBench(rig)
        close_rig(rig)
