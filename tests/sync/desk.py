"""A small company in memory: one source, one task table, a ledger, and a clock that tests move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from duban.assembly import load_rules
from duban.connectors.base import Cell, Column
from duban.connectors.memory import MemoryConnector
from duban.connectors.settings import Mode, Table
from duban.item import Person
from duban.notify.channels import Channel
from duban.people import Department, Directory
from duban.rules.compiled import CompiledBook
from duban.sync.cycle import Looked, Means, Result, look, run_cycle
from duban.sync.ledger import Ledger
from duban.sync.pulling import Watch
from duban.sync.setup import HoldLimits, Setup, Source, working_calendar

ZONE = ZoneInfo("Asia/Shanghai")
HUMAN: Mapping[str, Any] = {
    "任务编号": "text", "任务名称": "text", "所属项目": "text", "负责部门(R)": "multi_select", "负责人": "person",
    "审批(A)": "multi_select", "咨询(C)": "multi_select", "知会(I)": "multi_select", "状态": "select", "计划开始": "date",
    "截止日期": "date", "输入要求": "text", "输出物": "text", "交付标准": "text", "成果物链接": "url", "上游任务": "links",
    "最近更新": "datetime", "滞后原因": "text", "调整计划": "text", "调整后完成日期": "date", "说明提交时间": "datetime",
    "私人备注": "text",
}  # fmt: skip
OWN = (
    "预警级别",
    "预警状态",
    "触发规则",
    "预警内容",
    "预警时间",
    "说明截止时间",
    "SLA状态",
    "滞后天数",
    "上报对象",
    "上报时间",
    "预警次数",
    "规范状态",
    "上游状态",
)


def at(text: str) -> datetime:
    """Return a local time as an aware one."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def row(code: str, **cells: Cell) -> dict[str, Cell]:
    """Return a task that no rule objects to, but for what ``cells`` say."""
    plain: dict[str, Cell] = {
        "任务编号": code, "任务名称": f"任务{code}", "所属项目": "新品上市", "负责部门(R)": ("研发部",), "负责人": (Person("", "张磊"),),
        "审批(A)": ("市场部",), "咨询(C)": ("法务部",), "知会(I)": ("客服部",), "状态": "进行中", "计划开始": date(2024, 7, 1),
        "截止日期": date(2024, 8, 30), "输入要求": "说明书", "输出物": "成果", "交付标准": "不少于3项", "最近更新": at("2024-07-24 08:00"),
        "私人备注": "不许动",
    }  # fmt: skip
    return {key: value for key, value in {**plain, **cells}.items() if value is not None}


@cache
def guide() -> CompiledBook:
    """Return the shipped pack, compiled once for all tests."""
    return load_rules(["guide"])


DIRECTORY = Directory(
    {
        "研发部": Department("研发部", "陈志远", "高明", "张磊", ("张磊", "李娜")),
        "市场部": Department("市场部", "林晓雯", "周启航", "徐洋", ("徐洋",), ("Marketing",)),
    }
)


@dataclass
class Desk:
    """One source ``rd`` with the table ``tasks``. ``rows`` by record id."""

    path: Path
    rows: dict[str, dict[str, Cell]]
    mode: Mode = "live"
    own: Sequence[str] = OWN
    limits: HoldLimits = field(default_factory=HoldLimits)
    channels: Sequence[Channel] = ()
    accept_missing: bool = False
    connector: MemoryConnector | None = None
    holds: str = "task"
    runs: int = 0

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        columns = [Column(name, name, kind) for name, kind in HUMAN.items()]
        columns += [Column(name, name, "text") for name in self.own]
        self.connector = MemoryConnector("rd", {"tasks": (columns, self.rows)}, page_size=10)

    @property
    def tool(self) -> MemoryConnector:
        assert self.connector is not None
        return self.connector

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path / 'ledger.db'}"

    def setup(self) -> Setup:
        table = Table(name="tasks", holds=self.holds)  # type: ignore[arg-type]
        source = Source("rd", "memory", self.tool, (table,), {"tasks": self.mode})
        calendar = working_calendar(["CN"], ZONE, guide().params)
        return Setup(
            (source,), ZONE, "zh", guide(), calendar, DIRECTORY, self.limits, "f" * 64, (), self.accept_missing
        )

    def look(self, now: str) -> Looked:
        with Ledger.peek(self.url, zone=ZONE) as ledger:
            return look(self.setup(), ledger, now=at(now))

    def sync(
        self, now: str, *, release: bool = False, stop: threading.Event | None = None, ledger: Ledger | None = None
    ) -> Result:
        self.runs += 1
        means = Means(self.channels, watch=Watch(None, stop or threading.Event()))
        with ledger or Ledger.open(self.url, zone=ZONE) as book:
            return run_cycle(
                self.setup(), book, now=at(now), run=f"run{self.runs}", clock=_clock, means=means, release=release
            )

    def cells(self, record: str) -> dict[str, Cell]:
        return self.tool.cells("tasks", record)

    def human(self) -> dict[str, dict[str, Cell]]:
        """Return every row's cells that people own."""
        return {record: {k: v for k, v in self.cells(record).items() if k in HUMAN} for record in self.rows}

    def edit(self, record: str, **cells: Cell) -> None:
        self.tool.edit("tasks", record, cells)


def _clock() -> datetime:
    return datetime(2024, 7, 24, 2, 0, tzinfo=UTC)


Clock = Callable[[], datetime]
