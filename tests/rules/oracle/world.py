"""What the oracle looks at: tables, rows and parameters at one moment, as plain values (local times, no zone)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tests.rules.oracle.days import Calendar

ACTIVE = ("未开始", "进行中")
TERMINAL = ("已完成", "取消")

DEFAULTS: Mapping[str, Any] = {
    "work_windows": ("09:00-12:00", "13:00-18:00"),
    "lag_unit": "workday",
    "lag_minor_days": 1,
    "lag_notice_days": 3,
    "start_lag_days": 1,
    "progress_lag_days": 3,
    "progress_lag_counts_as_notice": False,
    "due_soon_workdays": 2,
    "due_on_nonworkday": "as_is",
    "review_stops_lag": True,
    "explain": {"hours": 48, "mode": "workday24"},
    "escalate_after_explain": {"hours": 24, "mode": "workday24"},
    "issue_response": {"hours": 2, "mode": "wall", "requires_solution": True},
    "dispute_submit": {"hours": 24, "mode": "workday24"},
    "dispute_decide": {"hours": 48, "mode": "workday24"},
    "risk_meeting": {"hours": 24, "mode": "wall"},
    "risk_plan": {"hours": 24, "mode": "workday24"},
    "minutes": {"hours": 24, "mode": "workday24"},
    "sla_soon_fraction": 0.25,
    "stale_workdays": 5,
    "review_workdays": 3,
    "weekly_meeting_minutes": (30, 60),
    "weekly_lookback_weeks": 1,
    "retro_workdays": 5,
    "retro_report_workdays": 3,
    "archive_workdays": 5,
    "issue_unresolved": {"hours": 24, "mode": "workday24"},
}


@dataclass(frozen=True)
class Table:
    """One table: which tool it lives in, and for each kind of row that it holds the fields that have a column."""

    name: str
    tool: str
    mapped: Mapping[str, frozenset[str]]
    headings: tuple[str, ...] = ()
    moves_updates: bool = False  # the tool itself keeps 最近更新, and moves it when the engine writes (C17)


@dataclass(frozen=True)
class Row:
    """One row. ``cells`` holds what is not empty; ``bad`` names the cells whose text could not be read."""

    uid: str
    table: Table
    kind: str
    cells: Mapping[str, Any]
    bad: frozenset[str] = frozenset()

    def mapped(self, key: str) -> bool:
        return key in self.table.mapped[self.kind]

    def get(self, key: str) -> Any:
        return self.cells.get(key) if self.mapped(key) else None

    def filled(self, key: str) -> bool:
        return self.get(key) is not None or (self.mapped(key) and key in self.bad)

    def empty(self, key: str) -> bool:
        """Mapped but empty. A column that is not there is never empty: "no column" is no finding of a row (C10)."""
        return self.mapped(key) and not self.filled(key)

    def items(self, key: str) -> tuple[str, ...]:
        """The entries of a list cell, none of an empty one."""
        return self.get(key) or ()

    @property
    def status(self) -> str | None:
        """The canonical status; None when it is empty, unmapped or unknown (STA-01)."""
        return self.get("status")

    @property
    def status_text(self) -> str | None:
        return self.cells.get("status_text") if self.mapped("status") else None

    @property
    def human_update(self) -> datetime | None:
        """When a person last changed the row. The oracle is told; the engine must find out (C17)."""
        return self.get("last_update") and self.cells.get("changed_by_hand_at", self.get("last_update"))

    @property
    def open(self) -> bool:
        """C11: 未开始, 进行中, 待审核 or unknown."""
        return self.status not in (*TERMINAL, "暂停")


@dataclass(frozen=True)
class Department:
    head: str = ""
    superior: str = ""
    liaison: str = ""
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """Everything at one moment."""

    now: datetime
    tables: tuple[Table, ...]
    rows: tuple[Row, ...]
    calendar: Calendar
    params: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    departments: Mapping[str, Department] = field(default_factory=dict)
    switched_on: frozenset[str] = frozenset()
    clocked: set[int] = field(default_factory=set)  # the years that clocks have used so far

    @property
    def today(self) -> date:
        return self.now.date()

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row.kind == kind]

    def project_of(self, row: Row) -> Row | None:
        name = row.get("project")
        return next((project for project in self.of("project") if name and project.get("name") == name), None)

    def belonging(self, project: Row, kind: str) -> list[Row]:
        """The rows of a kind whose project column names this project."""
        name = project.get("name")
        return [row for row in self.of(kind) if name and row.get("project") == name]

    def upstream(self, code: str) -> list[Row]:
        """The tasks of any tool that an upstream code means (C25: several rows mean any of them)."""
        return [row for row in self.of("task") if row.get("code") == code]

    def upstreams(self, row: Row) -> list[Row]:
        return [task for code in row.items("upstream") for task in self.upstream(code)]
