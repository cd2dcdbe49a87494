"""A simulated Feishu with virtual time, and connectors that wait in that time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Receipt, Row, Schema, Write
from duban.connectors.feishu import FeishuConnector
from duban.connectors.limits import MemorySlots, Pace
from duban.connectors.settings import FeishuSource, Secret
from duban.sandbox.feishu import Base, FeishuService, Table

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2024, 7, 24, 2, 0, tzinfo=UTC).timestamp()
APP_ID, SECRET = "cli_rig_0123456789", "S3cretS3cretS3cret"
OPTIONS = ["绿", "黄", "红"]


class VirtualPace(Pace):
    """Waiting moves the service's clock instead of taking time."""

    def __init__(self, service: FeishuService) -> None:
        super().__init__(MemorySlots(service.clock.now))
        self.service, self.waited = service, 0.0

    def sleep(self, seconds: float) -> None:
        self.waited += max(0.0, seconds)
        self.service.clock.advance(max(0.0, seconds))


@dataclass
class Rig:
    """One service, one base, one table with human and own columns."""

    service: FeishuService
    base: Base
    table: Table
    pace: VirtualPace  # one for all connectors of the rig: they are one application
    connectors: list[FeishuConnector] = field(default_factory=list)

    def connector(self, *tables: dict[str, Any], zone: ZoneInfo = ZONE, **source: Any) -> FeishuConnector:
        entries = tables or ({"name": "tasks", "app": self.base.token, "table": self.table.id},)
        settings = FeishuSource(
            name="market", tool="feishu", base_url=source.pop("base_url", self.service.url),
            app_id=Secret(source.pop("app_id", APP_ID)), app_secret=Secret(source.pop("app_secret", SECRET)),
            tables=tuple({"holds": "task", **entry} for entry in entries),
        )  # fmt: skip
        pace = source.pop("pace", self.pace)
        made = FeishuConnector(settings, zone=zone, pace=pace, clock=self.service.clock.now)
        self.connectors.append(made)
        return made

    def column(self, heading: str) -> str:
        return self.table.named(heading).id

    def cells(self, **by_heading: Cell) -> dict[str, Cell]:
        return {self.column(heading): cell for heading, cell in by_heading.items()}

    def count(self, match: str) -> int:
        return len(self.service.requests(match))


def make_rig() -> Rig:
    service = FeishuService()
    service.clock.set(NOW)
    service.start()
    service.add_app(APP_ID, SECRET)
    base = service.add_base("2024Q3新品上市推广")
    table = base.add_table("任务表")
    table.add_field("任务名称", 1)
    table.add_field("截止日期", 5, property={"date_formatter": "yyyy/MM/dd"})
    table.add_field("负责人", 11)
    table.add_field("预警级别", 3, property={"options": OPTIONS})
    table.add_field("预警内容", 1)
    table.add_field("预警时间", 5, property={"date_formatter": "yyyy-MM-dd HH:mm"})
    table.add_field("滞后天数", 2, property={"formatter": "0"})
    return Rig(service, base, table, VirtualPace(service))


def close_rig(rig: Rig) -> None:
    for connector in rig.connectors:
        connector.close()
    rig.service.stop()


def read(connector: FeishuConnector, table: str = "tasks", schema: Schema | None = None) -> dict[str, Row]:
    """Read everything; of a row that came twice the last one stays."""
    schema = schema or connector.describe(table)
    pages = connector.pull(table, schema, [column.id for column in schema.columns])
    return {row.record: row for page in pages for row in page.rows}


def push(connector: FeishuConnector, writes: Iterable[Write], schema: Schema | None = None) -> list[Receipt]:
    return list(connector.push("tasks", schema or connector.describe("tasks"), list(writes)))
