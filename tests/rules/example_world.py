"""The guide's worked example (62 rows of three tools) as a snapshot of the common model, read as a connector reads it."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from duban.connectors.base import Column, Page, Row, Schema
from duban.connectors.columns import map_columns
from duban.connectors.reading import Reader
from duban.connectors.settings import HoldsByColumn, Table
from duban.connectors.statuses import Statuses
from duban.item import Person, Ref
from duban.people import Department, Directory
from duban.rules.context import TableView
from duban.rules.evaluate import Snapshot
from duban.rules.memory import Alert, Memory

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime.fromisoformat("2024-07-24T10:00:00+08:00")
_TYPES = {
    "text": "text", "person": "person", "status": "select", "date": "date", "number_0_100": "percent", "url": "url",
    "codes": "links", "datetime": "datetime", "single_select": "select", "multi_select": "multi_select",
    "percent_fraction": "percent", "formula": "text", "number": "number",
}  # fmt: skip
_BUILT_IN = {
    "标题": "title", "执行者": "owner", "开始时间": "planned_start", "截止时间": "due", "任务状态": "status",
    "完成时间": "actual_finish", "更新时间": "last_update", "可见性": "visibility", "备注": "latest_note", "进度": "progress",
}  # fmt: skip
_ISSUES = HoldsByColumn(column="类型", values={"突发问题": "issue", "部门分歧": "dispute"})


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def scenario() -> Any:
    return _yaml(files("duban").joinpath("sandbox", "example", "scenario.yaml").read_text(encoding="utf-8"))


@cache
def key() -> Any:
    return _yaml((Path(__file__).parent.parent / "data" / "key.yaml").read_text(encoding="utf-8"))


@cache
def further_traces() -> Any:
    """Life cycles that the answer key does not have, written like its own."""
    return _yaml((Path(__file__).parent.parent / "data" / "traces.yaml").read_text(encoding="utf-8"))


@cache
def directory() -> Directory:
    plain = scenario()["directory"]
    aliases: dict[str, list[str]] = {}
    for alias, name in plain["department_aliases"].items():
        aliases.setdefault(name, []).append(alias)
    return Directory({
        name: Department(
            name, entry["head"], entry["superior"], entry["liaison"], tuple(entry["members"]), tuple(aliases.get(name, ()))
        )
        for name, entry in plain["departments"].items()
    })  # fmt: skip


def local(text: Any) -> datetime:
    return datetime.fromisoformat(str(text)).replace(tzinfo=ZONE)


def _cell(kind: str, value: Any) -> Any:
    match kind:
        case "person":
            return (Person("", value),)
        case "date":
            return date.fromisoformat(str(value)[:10])
        case "datetime":
            return local(value)
        case "percent_fraction":
            return value * 100.0
        case "number_0_100" | "number":
            return float(value)
        case "codes" | "multi_select":
            return tuple(value)
    return value


def snapshot() -> Snapshot:
    tables, items, memories = {}, [], {}
    for name, table in scenario()["tables"].items():
        settings = Table(
            name=name, holds=_ISSUES if name == "fs_issue" else table["item_type"], defaults=table.get("fixed", {})
        )
        columns = [
            Column(
                heading, heading, _TYPES[kind], writable=kind != "formula", computed=kind == "formula",
                field=_BUILT_IN.get(heading) if name == "tb_rd" else None,
            )
            for heading, kind in table["columns"].items()
        ]  # fmt: skip
        columns += [Column(heading, heading, "text") for heading in table["writeback"]]
        mapping = map_columns(settings, Schema(tuple(columns)))
        rows = [row for row in scenario()["rows"] if row["table"] == name]
        read = Reader(
            table["tool"], name, mapping, zone=ZONE, aliases=directory().aliases, statuses=Statuses()
        ).read([Page([
            Row(row["row"], {heading: _cell(table["columns"][heading], value) for heading, value in row["fields"].items()})
            for row in rows
        ])])  # fmt: skip
        items += read.items
        mapped = {kind: mapping.mapped(kind) for kind in mapping.kinds}
        tables[table["tool"], name] = TableView(
            table["tool"], name, table["tool"], mapped, swapped_headings=mapping.raci_slips
        )
        for row in rows:
            if row.get("engine_state"):
                memories[Ref(table["tool"], name, row["row"])] = _memory(row["engine_state"])
    return Snapshot(tables, items, memories)


def _memory(state: dict[str, Any]) -> Memory:
    alert = Alert(
        state=state.get("alert_state", "正常"),
        at=local(state["alert_at"]) if "alert_at" in state else None,
        explain_deadline=local(state["explain_deadline"]) if "explain_deadline" in state else None,
        notices=state.get("notice_count", 0),
        baseline_due=date.fromisoformat(state["baseline_due"]) if "baseline_due" in state else None,
    )
    return Memory(status=state.get("previous_status"), alert=alert, imported=True)
