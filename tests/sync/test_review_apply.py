"""A saved plan in the hands of people: edited, damaged, held, or overtaken by what happened in the table."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duban.connectors.base import Column
from duban.errors import PlanError
from duban.sync.apply import NoIntents, Writer, Written
from duban.sync.cycle import plan_of
from duban.sync.ledger import Ledger
from duban.sync.planfile import apply_plan, read_plan
from duban.sync.report import applied_document, plan_document
from duban.sync.setup import HoldLimits
from tests.sync.desk import ZONE, Desk, at
from tests.sync.test_cycle import NOW, desk

Edit = Callable[[dict[str, Any]], object]


def saved(d: Desk, edit: Edit = lambda _: None) -> Path:
    """Save the desk's plan, after somebody edited it."""
    with Ledger.peek(d.url, zone=ZONE) as ledger:
        plan = plan_of(d.look(NOW), d.setup(), ledger)
    document = plan_document(plan, d.setup().fingerprint, ZONE)
    edit(document)
    path = d.path / "plan.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def applied(d: Desk, path: Path) -> dict[str, Written]:
    setup = d.setup()
    writer = Writer({s.name: s for s in setup.sources}, {}, NoIntents(), {}, at(NOW), threading.Event(), None)
    with Ledger.peek(d.url, zone=ZONE) as ledger:
        done = apply_plan(read_plan(path), setup, ledger, writer, run="a", now=at(NOW))
    return {written.ref.record: written for written in done}


def cells_of(document: dict[str, Any], record: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c["cells"] for c in document["changes"] if c["record"] == record)
    return found


@pytest.mark.parametrize("key", ["title", "alert_level", "私人备注", "owner"])
def test_a_human_column_in_an_edited_plan_is_refused(tmp_path: Path, key: str) -> None:
    def human(document: dict[str, Any]) -> None:
        cells = cells_of(document, "r1")
        cells["任务名称"] = {"field": key, "before": None, "after": "黄", "column": "任务名称"}
        del cells["预警级别"]

    d = desk(tmp_path)
    before = d.human()
    done = applied(d, saved(d, human))
    assert done["r1"].outcome == "failed"
    assert "make a new plan" in str(done["r1"].error)
    assert (d.human(), "预警级别" in d.cells("r1")) == (before, False)
    assert done["r3"].outcome == "written", "the other rows are as they were planned"


DAMAGE: list[Edit] = [
    lambda p: p.update(now="2024-07-24T10:00:00"),
    lambda p: p.update(now=7),
    lambda p: p.update(config=None),
    lambda p: p.update(changes={}),
    lambda p: p.update(messages="x"),
    lambda p: p.update(held=[{"source": "rd"}]),
    lambda p: p["changes"].append(p["changes"][0]),
    lambda p: p["changes"][0].update(source=["rd"]),
    lambda p: p["changes"][0].update(record=None),
    lambda p: p["changes"][0].update(rules="LAG-02"),
    lambda p: p["changes"][0].update(cells=[]),
    lambda p: cells_of(p, "r0")["预警级别"].update(after=["红"]),
    lambda p: cells_of(p, "r0")["预警级别"].update(before={"a": 1}),
    lambda p: cells_of(p, "r0")["预警级别"].update(after=True),
    lambda p: cells_of(p, "r0")["预警级别"].update(after=float("nan")),
    lambda p: cells_of(p, "r0")["预警级别"].pop("field"),
]


@pytest.mark.parametrize("edit", DAMAGE)
def test_a_damaged_plan_is_one_sentence(tmp_path: Path, edit: Edit) -> None:
    d = desk(tmp_path)
    with pytest.raises(PlanError, match=r"is damaged .*; make it again with 'duban plan -o"):
        applied(d, saved(d, edit))
    assert d.tool.traffic.write == 0


def test_what_happened_since_the_plan_is_stale_and_the_rest_is_written(tmp_path: Path) -> None:
    d = desk(tmp_path)
    path = saved(d)
    d.edit("r1", 预警级别="黄")
    d.tool.delete("tasks", "r3")
    d.edit("r4", 任务名称="改名")  # a human cell: no reason to refuse
    done = applied(d, path)
    assert {record for record, each in done.items() if each.outcome == "stale"} == {"r1", "r3"}
    assert (d.cells("r1")["预警级别"], d.cells("r4")["预警级别"], d.cells("r4")["任务名称"]) == ("黄", "绿", "改名")


def test_a_renamed_own_column_is_refused_and_named(tmp_path: Path) -> None:
    d = desk(tmp_path)
    path = saved(d)
    columns = d.tool._columns["tasks"]
    columns[[column.name for column in columns].index("预警级别")] = Column("预警级别", "Alert level", "text")
    done = applied(d, path)
    assert {each.outcome for each in done.values()} == {"failed"}
    assert "'Alert level'" in str(done["r1"].error)


def test_held_and_shadow_rows_wait_and_say_for_what(tmp_path: Path) -> None:
    d = desk(tmp_path, limits=HoldLimits(records=5))
    held = applied(d, saved(d))
    assert {each.outcome for each in held.values()} == {"held"}
    assert "duban sync --yes" in str(held["r1"].error)
    counts = applied_document(list(held.values()), "a")["changes"]
    assert counts == {"planned": 12, "written": 0, "stale": 0, "held": 12, "failed": 0}
    d.mode = "shadow"
    assert "set mode: live" in str(applied(d, saved(d))["r1"].error)
    assert d.tool.traffic.write == 0
