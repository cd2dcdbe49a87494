"""Airtable keeps the contract of every connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from airtable_world import World
from contract import Bench, ConnectorContract, Headings, _titles

from duban.connectors.base import Connector

HEADINGS = Headings(strange="奇怪", computed="公式")


class AirtableBench:
    """One table in the simulated Airtable."""

    label, page, headings = "channel", 100, HEADINGS

    def __init__(self, world: World) -> None:
        self._world, names = world, HEADINGS
        self._table = world.base.add_table("任务", [
            (names.title, "singleLineText"), (names.note, "multilineText"), (names.empty, "singleCollaborator"),
            (names.level, "singleSelect", ["绿", "黄", "红"]), (names.text, "multilineText"), (names.count, "number"),
            (names.time, "dateTime"), ("奇怪", "fieldOfTheFuture"), ("公式", "formula", {"formula": "1 + 1"}),
        ])  # fmt: skip
        world.tasks = self._table

    def connect(self) -> Connector:
        return self._world.connect()

    def seed(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [self._table.add_row(row) for row in rows]

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        self._table.edit(record, cells)

    def delete(self, record: str) -> None:
        self._table.delete_row(record)

    def cells(self, record: str) -> Mapping[str, Any]:
        return self._table.cells(record)


class TestAirtable(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        world = World()
        with world.service:
            yield AirtableBench(world)
            world.close()

    def test_rows_keep_their_order(self, bench: Bench) -> None:
        """Airtable promises no order without a view: the connector adds none, and loses none that is there."""
        records = _titles(bench, 102)
        connector = bench.connect()
        schema = connector.describe(bench.label)
        reads = [
            [row.record for page in connector.pull(bench.label, schema, [schema.columns[0].id]) for row in page.rows]
            for _ in range(2)
        ]
        assert reads[0] == reads[1] == sorted(records)
