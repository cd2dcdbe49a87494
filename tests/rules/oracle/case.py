"""One row to be judged: the row, the world around it, and what was found out before the rules are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tests.rules.oracle.days import Calendar, last_completed_week, midnight, wd, workdays_of_week
from tests.rules.oracle.ladder import Ladder, Past
from tests.rules.oracle.world import Row, World


@dataclass
class Case:
    """A row before the rules. ``ladders`` holds the finished ladder of every task by uid."""

    world: World
    row: Row
    past: Past
    ladders: Mapping[str, Ladder]

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def today(self) -> date:
        return self.world.today

    @property
    def params(self) -> Mapping[str, Any]:
        return self.world.params

    @property
    def calendar(self) -> Calendar:
        return self.world.calendar

    @property
    def ladder(self) -> Ladder:
        return self.ladders[self.row.uid]

    def workdays_since(self, day: date) -> int:
        return wd(self.calendar, day, self.today)

    # Weeks (C12).

    @property
    def monday(self) -> date:
        """Monday of W."""
        return last_completed_week(self.calendar, self.now)

    @property
    def week(self) -> list[date]:
        """The workdays of W."""
        return workdays_of_week(self.calendar, self.monday)

    def recent(self, event: datetime) -> bool:
        """Is a record of lateness still listed?"""
        back = timedelta(days=7 * (self.params["weekly_lookback_weeks"] - 1))
        return event >= midnight(self.monday - back)

    # ---- the project around the row

    @property
    def project(self) -> Row | None:
        return self.row if self.row.kind == "project" else self.world.project_of(self.row)

    def missing(self, key: str) -> tuple[str, ...]:
        """The participating departments of the project that a list of this row does not hold."""
        if not self.row.mapped(key):
            return ()
        participating = self.project.items("participating_depts") if self.project else ()
        return tuple(name for name in participating if name not in self.row.items(key))

    def held(self, kind_of_meeting: str) -> list[datetime]:
        """When meetings of this kind were held in the row's project (C22)."""
        meetings = self.world.belonging(self.project, "meeting") if self.project else []
        starts = [m.get("start_at") for m in meetings if m.get("meeting_type") == kind_of_meeting]
        return [start for start in starts if start is not None and start <= self.now]
