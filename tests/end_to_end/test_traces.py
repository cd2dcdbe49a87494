"""The guide's life-cycle traces, step by step: a person edits cells in Feishu, and duban is run at the step's time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from played import KEY, World, only, world

from duban.sandbox.example.scenario import Line, Scenario, read_scenario

FURTHER = yaml.safe_load((Path(__file__).parent.parent / "data" / "traces.yaml").read_text(encoding="utf-8"))
TRACES = KEY["lifecycle_traces"] | FURTHER
COMPARED = ("DUE-", "LAG-", "EXP-", "ESC-01", "SLA-01", "ACC-", "STA-06")
GENERIC = "规范提醒"
ROW = "TR"
# What the key calls the template row: 进行中, started, no progress, no upstream, every other required field filled.
TEMPLATE = {
    "任务编号": ROW, "任务描述": "线下活动场地签约", "所属项目": "2024年Q3新品上市推广", "所属环节": "推广执行",
    "负责部门(R)": ["市场部"], "任务执行人": "何雨", "审批A": ["销售部"], "咨询I": ["法务部"], "知会C": ["客服部"],
    "进展": "进行中", "重要紧急程度": "重要紧急", "开始日期": "2024-07-01", "输入要求": "产品卖点清单",
    "输出物": "场地合同", "交付标准": "签约场地不少于3处", "验收人": "林晓雯",
}  # fmt: skip


def traced(start: dict[str, Any]) -> Scenario:
    """Return the task table with the trace's row alone, and the project, whose initiator is told."""
    scenario = only(read_scenario(), "fs_task", "fs_project", rows={"PJ-01"})
    return replace(scenario, lines=(*scenario.lines, Line(ROW, "fs_task", {**TEMPLATE, **start}, {})))


@pytest.fixture(params=[name for name in TRACES if name.startswith("TR-")])
def trace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, list[dict[str, Any]]]]:
    wanted = TRACES[request.param]
    with world(tmp_path / "trace", traced(wanted["start"])) as played:
        yield played, wanted["steps"]


def iso(text: str) -> str:
    return f"{text.replace(' ', 'T')}:00+08:00"


def step_of(played: World, step: dict[str, Any]) -> dict[str, Any]:
    """Do one step: the day's update and the step's edits as a person makes them, then a sync. Return what came of it."""
    now = datetime.fromisoformat(iso(step["now"]))
    played.seeded.feishu.clock.set(now.timestamp(), running=True)
    played.seeded.edit(ROW, {"最近更新": f"{now:%Y-%m-%d} 08:00", **step.get("set", {})})
    human = played.human()
    done = played.sync(now=now.isoformat())
    assert done.code == 0, done.err
    assert played.human() == human
    item = played.item(done.json, ROW)
    sent = [m for m in done.json["messages"] if m["code"] == ROW and m["template"] != GENERIC]
    assert {message["status"] for message in sent} <= {"sent"}
    return item | {"sends": [message["template"] for message in sent]}


def wanted_of(step: dict[str, Any]) -> dict[str, Any]:
    wanted = {"state": step["state"], "rules": sorted(step["rules"]), "sends": sorted(step["sends"])}
    wanted |= {"lag_days": step["lag_days"]} if "lag_days" in step else {}
    return wanted | ({"explain_deadline": iso(step["explain_deadline"])} if "explain_deadline" in step else {})


def test_a_trace_goes_as_the_key_says(trace: tuple[World, list[dict[str, Any]]]) -> None:
    played, steps = trace
    lag: int | None = None
    for step in steps:
        wanted, found = wanted_of(step), step_of(played, step)
        found["rules"] = [rule for rule in found["rules"] if rule.startswith(COMPARED)]
        found["sends"] = sorted(found["sends"])
        assert {key: found[key] for key in wanted} == wanted, step["now"]
        cells = played.own()[ROW]
        assert cells["预警状态"] == step["state"], step["now"]
        lag = lag if found["lag_days"] is None else found["lag_days"]  # of a cancelled task the cell stays as it is
        assert cells.get("滞后天数") == lag, step["now"]


def test_every_step_is_quiet_when_it_is_run_again(tmp_path: Path) -> None:
    wanted = TRACES["TR-6"]
    with world(tmp_path / "trace", traced(wanted["start"])) as played:
        for step in wanted["steps"]:
            step_of(played, step)
            again = played.sync(now=iso(step["now"])).json
            assert (again["changes"]["planned"], again["messages"]) == (0, []), step["now"]
