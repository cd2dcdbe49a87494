"""Teambition keeps the contract of every connector."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from contract import Bench, ConnectorContract, Headings
from teambition_double import Double, double

from duban.connectors.base import Connector

HEADINGS = Headings(title="标题", strange="奇怪", computed="任务 ID")


class TeambitionBench:
    """One project of the simulated Teambition. It moves 更新时间 by itself, so that is no cell of anybody's."""

    label, page, headings = "tasks", 100, HEADINGS

    def __init__(self, world: Double) -> None:
        self._world, self._project, names = world, world.project, HEADINGS
        world.service.quirks.largest_page, world.service.quirks.over_page = self.page, "refuse"
        self._project.add_field(names.note)
        self._project.add_field(names.empty, "lookup2")
        self._project.add_field(names.level, "dropDown", ("绿", "黄", "红"))
        self._project.add_field(names.text)
        self._project.add_field(names.count, "number")
        self._project.add_field(names.time, "date")
        self._strange = self._project.state.fields[self._project.add_field("奇怪")]
        self._strange.type = "hologram"

    def connect(self) -> Connector:
        return self._world.connector()

    def seed(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [self._seeded(row) for row in rows]

    def _seeded(self, row: Mapping[str, Any]) -> str:
        task = self._project.add_task({name: value for name, value in row.items() if name != "奇怪"})
        if "奇怪" in row:
            entry = {"id": "", "title": json.dumps(row["奇怪"]), "metaString": ""}
            self._project.state.tasks[task].cells[self._strange.id] = [entry]
        return task

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        self._project.edit(record, cells)

    def delete(self, record: str) -> None:
        self._project.delete(record)

    def cells(self, record: str) -> Mapping[str, Any]:
        return {name: value for name, value in self._project.row(record).items() if name != "更新时间"}


class TestTeambition(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with double() as world:
            yield TeambitionBench(world)
