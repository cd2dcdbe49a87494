"""Nothing of the answer key is left out: its vectors are read from the file itself, and every section has its test."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from duban.connectors.airtable import cells as airtable
from duban.connectors.base import Column, Schema
from duban.connectors.columns import map_columns
from duban.connectors.feishu.decode import Zones, decoder
from duban.connectors.settings import AirtableTable
from duban.connectors.statuses import Statuses
from duban.connectors.teambition.cells import read_date
from duban.rules.calendar import load_calendar
from duban.rules.clock import MODES, Clock

HERE = Path(__file__).parent
KEY = yaml.safe_load((HERE / "data" / "key.yaml").read_text(encoding="utf-8"))
ZONE = ZoneInfo("Asia/Shanghai")
CN = load_calendar(["CN"], ZONE)
CLOCK = Clock(CN)
ISSUES = {"column": "类型", "values": {"突发问题": "issue", "部门分歧": "dispute"}}
# Where each section is executed: from the file, so that no line of it can be forgotten.
EXECUTED = {
    "findings": "end_to_end/test_whole_example.py", "state_changes": "rules/test_scenario.py",
    "notices_to_send": "rules/test_scenario.py", "escalations_to_send": "rules/test_scenario.py",
    "second_run_same_now": "end_to_end/test_whole_example.py", "recipients": "rules/test_scenario.py",
    "writeback_examples": "end_to_end/test_whole_example.py", "what_if": "rules/test_scenario.py",
    "lifecycle_traces": "end_to_end/test_traces.py", "workday_vectors": "test_answer_key.py",
    "clock_vectors": "test_answer_key.py", "last_completed_week_vectors": "test_answer_key.py",
    "wire_date_vectors": "test_answer_key.py", "status_vectors": "test_answer_key.py",
    "heading_vectors": "test_answer_key.py", "expected_mapping": "test_answer_key.py",
}  # fmt: skip


def local(text: Any) -> datetime:
    return datetime.fromisoformat(str(text)).replace(tzinfo=ZONE)


def test_every_section_is_executed_by_a_test() -> None:
    assert set(EXECUTED) == set(KEY)
    for section, file in EXECUTED.items():
        tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
        assert any(isinstance(node, ast.Constant) and node.value == section for node in ast.walk(tree)), section


@pytest.mark.parametrize(("a", "b", "expected"), KEY["workday_vectors"], ids=str)
def test_workdays(a: date, b: date, expected: int) -> None:
    assert CN.wd(a, b) == expected


@pytest.mark.parametrize("vector", KEY["clock_vectors"], ids=lambda vector: vector["start"])
@pytest.mark.parametrize("mode", MODES)
def test_clocks(vector: Any, mode: Any) -> None:
    length = timedelta(hours=vector["hours"])
    deadline = CLOCK.deadline(local(vector["start"]), length, mode)
    assert deadline == local(vector[mode])
    segments = CLOCK.segments(local(vector["start"]), deadline, mode)
    assert sum((part.counted for part in segments), timedelta()) == length
    assert sum((part.length for part in segments), timedelta()) == deadline - local(vector["start"])


@pytest.mark.parametrize(("now", "week"), KEY["last_completed_week_vectors"])
def test_weeks(now: str, week: str) -> None:
    assert str(CN.completed_week(local(now))) == week


def _feishu(wire: Any) -> Any:
    return decoder(Column("截止日期", "截止日期", "datetime", raw={"type": 5}), Zones(ZONE, ZONE))(wire)


def _airtable(wire: Any) -> Any:
    return airtable.decode(Column("Due", "Due", "date" if len(wire) == 10 else "datetime"), wire, ZONE)


WIRES: dict[str, Callable[[Any], Any]] = {
    "feishu_bitable": _feishu, "teambition": lambda wire: read_date(wire, ZONE), "airtable": _airtable,
}  # fmt: skip


@pytest.mark.parametrize("vector", KEY["wire_date_vectors"], ids=lambda vector: str(vector["wire"]))
def test_dates_on_the_wire(vector: Any) -> None:
    cell = WIRES[vector["tool"]](vector["wire"])
    moment = cell.astimezone(ZONE) if isinstance(cell, datetime) else None
    if "local_date" in vector:
        assert (moment.date() if moment else cell) == vector["local_date"]
    else:
        assert moment == local(vector["local"])


@pytest.mark.parametrize(("text", "canonical", "flag"), KEY["status_vectors"])
def test_statuses(text: str, canonical: str | None, flag: str | None) -> None:
    assert Statuses().read(text) == (canonical, flag)


def _mapped(*headings: str, holds: Any = "task") -> Any:
    columns = tuple(Column(heading, heading, "text") for heading in headings)
    return map_columns(AirtableTable(table="t", holds=holds), Schema(columns))


@pytest.mark.parametrize(("heading", "field"), KEY["heading_vectors"])
def test_headings(heading: str, field: str | None) -> None:
    assert list(_mapped(heading).fields["task"]) == ([field] if field else [])


@pytest.mark.parametrize("table", KEY["expected_mapping"])
def test_whole_tables(table: str) -> None:
    wanted = KEY["expected_mapping"][table]
    mapping = _mapped(*wanted, holds=ISSUES if table == "fs_issue" else "task")
    assert {found.column.name: found.field for found in mapping.how if found.field} == wanted
