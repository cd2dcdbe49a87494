"""What the Teambition tests share: a seeded simulator, a connector to it, and a pace that does not wait long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from duban.connectors.limits import MemorySlots, Pace
from duban.connectors.settings import Secret, TeambitionSource, TeambitionTable
from duban.connectors.teambition import TeambitionConnector
from duban.sandbox.teambition import SeededProject, TeambitionService

ZONE = ZoneInfo("Asia/Shanghai")
APP, SECRET = "sim-app", "sim-secret-sim-secret-sim-secret"
SPEED = 50.0  # how much faster than the machine's the paces and the service's wire clock run


class QuickPace(Pace):
    """A pace whose time runs SPEED times faster; ``waited`` is how many of its seconds were slept."""

    def __init__(self, speed: float = SPEED, stop: threading.Event | None = None) -> None:
        super().__init__(MemorySlots(lambda: time.monotonic() * speed), stop)
        self.speed, self.waited = speed, 0.0

    def sleep(self, seconds: float) -> None:
        self.waited += seconds
        super().sleep(seconds / self.speed)


class Double:
    """One simulator with one organization, an operator and one project; everything is open to the test."""

    def __init__(self) -> None:
        self.service = TeambitionService()
        self.organization = self.service.add_organization()
        self.service.add_app(APP, SECRET)
        self.operator = self.service.add_member("督办机器人")
        self.people = {name: self.service.add_member(name) for name in ("张磊", "李娜", "吴迪")}
        self.project: SeededProject = self.service.add_project("产品研发", prefix="RD")
        self.service.meter.limit = 1_000_000  # its own test brings the limit back
        self.connectors: list[TeambitionConnector] = []

    def connector(self, pace: Pace | None = None, **changes: object) -> TeambitionConnector:
        settings = {
            "name": "rd", "tool": "teambition", "base_url": f"{self.service.url}/api", "app_id": Secret(APP),
            "app_secret": Secret(SECRET), "organization": self.organization, "operator": self.operator,
            "tables": (TeambitionTable(name="tasks", project=self.project.id, holds="task"),),
        }  # fmt: skip
        source = TeambitionSource(**{**settings, **changes})
        made = TeambitionConnector(source, zone=ZONE, pace=pace or QuickPace())
        self.connectors.append(made)
        return made


@contextmanager
def double() -> Iterator[Double]:
    made = Double()
    with made.service:
        yield made
        for connector in made.connectors:
            connector.close()


def pulled(connector: TeambitionConnector, *headings: str) -> dict[str, dict[str, object]]:
    """Return the whole table as {title: {heading: cell}}; without headings every column is asked for."""
    schema = connector.describe("tasks")
    names = {column.id: column.name for column in schema.columns}
    wanted = [id_ for id_, name in names.items() if not headings or name in {"标题", *headings}]
    rows = [row for page in connector.pull("tasks", schema, wanted) for row in page.rows]
    return {str(row.cells["content"]): {names[id_]: cell for id_, cell in row.cells.items()} for row in rows}
