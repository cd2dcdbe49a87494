"""The three simulated services for the benchmarks, each in a process of its own: it must not share our interpreter.

One table of tasks per service: 18 human columns as the guide names them and seven of duban's own. Limits are on, the
clock runs, and every request takes ``ROUND_TRIP`` seconds on the way.
"""

from __future__ import annotations

import gc
import multiprocessing
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.airtable import AirtableConnector
from duban.connectors.base import Connector
from duban.connectors.feishu import FeishuConnector
from duban.connectors.limits import Pace
from duban.connectors.settings import (
    AirtableSource,
    AirtableTable,
    FeishuSource,
    FeishuTable,
    Secret,
    TeambitionSource,
    TeambitionTable,
)
from duban.connectors.teambition import TeambitionConnector
from duban.item import guide_table
from duban.sandbox.airtable import AirtableService
from duban.sandbox.feishu import FeishuService
from duban.sandbox.server import Entry, Reply, Request, Service
from duban.sandbox.teambition import TeambitionService

ZONE = ZoneInfo("Asia/Shanghai")
ROUND_TRIP = 0.020
APP, SECRET, LABEL = "cli_bench_0123456789", "bench-secret-bench-secret", "tasks"
START = datetime(2024, 7, 1, 9, tzinfo=ZONE)
STATUSES = ("未开始", "进行中", "待审核", "已完成")
PRIORITIES = ("较低", "普通", "紧急", "非常紧急")
DEPARTMENTS = ("市场部", "产品研发部", "销售部", "客服部")
PEOPLE = tuple(f"成员{number:02}" for number in range(40))
OWN = ("预警级别", "预警状态", "触发规则", "预警内容", "滞后天数", "SLA状态", "规范状态")
OPTIONS = {entry["zh"]: [str(value) for value in entry.get("values", ())] for entry in guide_table("writeback")}
TOO_FAST = {99991400, 1254290, 1254291, 1254607}  # Feishu says it in the body

# heading -> what kind of column; built-in properties of Teambition are marked, it has them anyway
HUMAN = {
    "任务编号": "text", "任务名称": "title", "所属项目": "text", "所属环节": "text", "负责部门(R)": "departments",
    "负责人": "person", "审批(A)": "departments", "状态": "status", "优先级": "priority", "计划开始": "day",
    "截止日期": "day", "进度%": "percent", "输出物": "text", "交付标准": "text", "上游任务": "text",
    "最新进展": "text", "滞后原因": "text", "调整计划": "text",
}  # fmt: skip
CHOICES = {"departments": DEPARTMENTS, "status": STATUSES, "priority": PRIORITIES}


def row(number: int) -> dict[str, Any]:
    """One task, by heading, as a person would have filled it in."""
    due = START + timedelta(days=number % 60)
    return {
        "任务编号": f"T-{number:06}",
        "任务名称": f"第{number}项任务：新品上市推广物料准备与确认",
        "所属项目": "2024年Q3新品上市推广",
        "所属环节": f"环节{number % 7}",
        "负责部门(R)": DEPARTMENTS[number % 4],
        "负责人": PEOPLE[number % 40],
        "审批(A)": DEPARTMENTS[number % 3],
        "状态": STATUSES[number % 4],
        "优先级": PRIORITIES[number % 4],
        "计划开始": due - timedelta(days=10),
        "截止日期": due,
        "进度%": number % 101,
        "输出物": f"推广方案第{number % 9}版与配套物料清单",
        "交付标准": "经市场部与产品研发部书面确认，缺陷数不多于三个",
        "上游任务": f"T-{number - 1:06}" if number % 5 == 1 else None,
        "最新进展": "已完成初稿，等待评审意见" if number % 3 else None,
        "滞后原因": "供应商交付延迟" if number % 20 == 0 else None,
        "调整计划": None,
        "预警级别": "绿",
        "预警状态": "正常",
        "SLA状态": "不适用",
        "规范状态": STATUSES[number % 4],
    }


@dataclass(frozen=True)
class World:
    """One service in its process, as the client sees it."""

    tool: str
    address: dict[str, Any]
    pipe: Connection

    def tally(self) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
        """Return what was asked since the last tally (method, path, query, headers, body, status, refused), and by path
        how long the service took over each answer, the 20 ms included."""
        self.pipe.send("tally")
        found: tuple[list[dict[str, Any]], dict[str, list[float]]] = self.pipe.recv()
        return found

    def connect(self) -> Connector:
        """Return a fresh connector with a fresh pace."""
        return _CONNECT[self.tool](self.address, Pace())


@contextmanager
def serving(tool: str, rows: int) -> Iterator[World]:
    """Start a service with so many rows in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(tool, rows, theirs), daemon=True)
    process.start()
    try:
        yield World(tool, ours.recv(), ours)
    finally:
        ours.send("stop")
        process.join(10)


def _serve(tool: str, rows: int, pipe: Connection) -> None:
    service, address = _MAKE[tool](rows)
    service.round_trip = ROUND_TRIP
    served = _stopwatch(service)
    gc.disable()  # or the service stops for 0.2 s now and then to look for garbage among its rows
    with service:
        pipe.send(address | {"url": service.url})
        while pipe.recv() == "tally":
            with service.lock:
                entries, service.journal = service.journal, []
                took = {path: served.pop(path) for path in list(served)}
            pipe.send(([_told(entry) for entry in entries], took))


def _stopwatch(service: Service) -> defaultdict[str, list[float]]:
    """Return where the service will note, by path, how long each answer took until it could be sent."""
    served: defaultdict[str, list[float]] = defaultdict(list)
    local = threading.local()
    answer, encoded = service.answer, Reply.encoded

    def timed_answer(request: Request) -> Any:
        local.path, local.begin = request.path, time.perf_counter()
        return answer(request)

    def timed_encoded(reply: Reply) -> bytes:
        content = encoded(reply)
        served[local.path].append(time.perf_counter() - local.begin)
        return content

    service.answer = timed_answer  # type: ignore[method-assign]
    Reply.encoded = timed_encoded  # type: ignore[method-assign]
    return served


def _told(entry: Entry) -> dict[str, Any]:
    code = entry.answer.get("code") if isinstance(entry.answer, dict) else None
    return {
        "method": entry.method, "path": entry.path, "query": entry.query, "headers": dict(entry.headers),
        "body": entry.body, "status": entry.status, "at": entry.at, "refused": entry.status == 429 or code in TOO_FAST,
    }  # fmt: skip


# --- the services, seeded


def _airtable(rows: int) -> tuple[Service, dict[str, Any]]:
    service = AirtableService()
    base = service.add_base("Works")
    kinds = {
        "title": "singleLineText", "text": "multilineText", "person": "singleLineText", "percent": "percent",
        "day": "date", "departments": "singleSelect", "status": "singleSelect", "priority": "singleSelect",
    }  # fmt: skip
    table = base.add_table("任务", [])
    for name, kind in HUMAN.items():
        table.add_field(name, kinds[kind], list(CHOICES[kind]) if kind in CHOICES else None)
    for name in OWN:
        table.add_field(name, _own(name, "singleSelect", "number", "multilineText"), OPTIONS[name] or None)
    for number in range(rows):
        cells = {name: value for name, value in row(number).items() if value is not None}
        days = {name: f"{cells[name]:%Y-%m-%d}" for name in ("计划开始", "截止日期")}
        table.add_row({**cells, **days, "进度%": cells["进度%"] / 100})
    return service, {"token": service.add_token(), "base": base.id, "table": table.id}


def _own(name: str, select: Any, number: Any, text: Any) -> Any:
    return select if OPTIONS[name] else number if name == "滞后天数" else text


def _feishu(rows: int) -> tuple[Service, dict[str, Any]]:
    service = FeishuService()
    service.add_app(APP, SECRET)
    base = service.add_base("2024Q3新品上市推广")
    table = base.add_table("任务")
    types = {"title": 1, "text": 1, "person": 11, "percent": 2, "day": 5, "departments": 3, "status": 3, "priority": 3}
    for name, kind in HUMAN.items():
        shape: dict[str, Any] = {"options": list(CHOICES[kind])} if kind in CHOICES else {}
        shape |= {"date_formatter": "yyyy-MM-dd"} if kind == "day" else {}
        table.add_field(name, types[kind], property=shape or None)
    for name in OWN:
        options = {"options": OPTIONS[name]} if OPTIONS[name] else None
        table.add_field(name, _own(name, 3, 2, 1), property=options)
    for number in range(rows):
        table.add_row(row(number))
    return service, {"base": base.token, "table": table.id}


# What a Teambition project has without being asked.
BUILT_IN = {
    "任务名称": "标题", "负责人": "执行者", "状态": "任务状态", "优先级": "优先级", "计划开始": "开始时间",
    "截止日期": "截止时间", "进度%": "进度", "最新进展": "备注",
}  # fmt: skip


def _teambition(rows: int) -> tuple[Service, dict[str, Any]]:
    service = TeambitionService()
    organization = service.add_organization()
    service.add_app(APP, SECRET)
    operator = service.add_member("督办机器人")
    for person in PEOPLE:
        service.add_member(person)
    project = service.add_project("2024年Q3新品上市推广", prefix="T", statuses=[(name, "unset") for name in STATUSES])
    for name, kind in HUMAN.items():
        if name not in BUILT_IN:
            project.add_field(name, "dropDown" if kind in CHOICES else "text", CHOICES.get(kind, ()))
    for name in OWN:
        project.add_field(name, _own(name, "dropDown", "number", "text"), OPTIONS[name])
    for number in range(rows):
        project.add_task({BUILT_IN.get(name, name): value for name, value in row(number).items() if value is not None})
    return service, {"organization": organization, "operator": operator, "project": project.id}


_MAKE: dict[str, Callable[[int], tuple[Service, dict[str, Any]]]] = {
    "airtable": _airtable, "feishu": _feishu, "teambition": _teambition,
}  # fmt: skip


# --- the clients


def _connect_airtable(at: dict[str, Any], pace: Pace) -> Connector:
    table = AirtableTable(name=LABEL, table=at["table"], holds="task")
    source = AirtableSource(
        name="bench", tool="airtable", base_url=at["url"], token=Secret(at["token"]), base=at["base"], tables=(table,)
    )
    return AirtableConnector(source, zone=ZONE, pace=pace)


def _connect_feishu(at: dict[str, Any], pace: Pace) -> Connector:
    table = FeishuTable(name=LABEL, app=at["base"], table=at["table"], holds="task")
    source = FeishuSource(
        name="bench", tool="feishu", base_url=at["url"], app_id=Secret(APP), app_secret=Secret(SECRET), tables=(table,)
    )
    return FeishuConnector(source, zone=ZONE, pace=pace)


def _connect_teambition(at: dict[str, Any], pace: Pace) -> Connector:
    table = TeambitionTable(name=LABEL, project=at["project"], holds="task")
    source = TeambitionSource(
        name="bench", tool="teambition", base_url=f"{at['url']}/api", app_id=Secret(APP), app_secret=Secret(SECRET),
        organization=at["organization"], operator=at["operator"], tables=(table,),
    )  # fmt: skip
    return TeambitionConnector(source, zone=ZONE, pace=pace)


_CONNECT: dict[str, Callable[[dict[str, Any], Pace], Connector]] = {
    "airtable": _connect_airtable, "feishu": _connect_feishu, "teambition": _connect_teambition,
}  # fmt: skip
SETTINGS = {
    "airtable": AirtableTable(name=LABEL, table="x", holds="task"),
    "feishu": FeishuTable(name=LABEL, app="x", table="x", holds="task"),
    "teambition": TeambitionTable(name=LABEL, project="x", holds="task"),
}
