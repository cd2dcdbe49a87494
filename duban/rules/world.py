"""What is the same for every item of a judgement: the moment, the calendar, the directory, the indexes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from duban.item import Item, places_of
from duban.people import Directory
from duban.rules.calendar import Calendar
from duban.rules.clock import Clock, Pauses
from duban.rules.context import Context, TableView
from duban.rules.daycount import day_counts
from duban.rules.memory import Memory
from duban.rules.waivers import NO_WAIVERS, Waivers
from duban.wording import Language

if TYPE_CHECKING:
    from duban.rules.clocks import ClockReading


def _counted_due(context: Context) -> date | None:
    """The due date that some rule still counts workdays to."""
    return context.effective_due if context.open else None


class _Index:
    """Contexts by a key that hardly ever means two of them."""

    __slots__ = ("_one", "_several")

    def __init__(self) -> None:
        self._one: dict[str, Context] = {}
        self._several: dict[str, list[Context]] = {}

    def add(self, key: str, context: Context) -> None:
        first = self._one.setdefault(key, context)
        if first is not context:
            self._several.setdefault(key, [first]).append(context)

    def get(self, key: str) -> Sequence[Context]:
        one = self._one.get(key)
        return () if one is None else self._several.get(key) or (one,)


@dataclass
class World:
    """Everything that is the same for all items of one judgement. Times are aware, in ``zone``."""

    now: datetime
    zone: ZoneInfo
    calendar: Calendar
    clocks: Clock
    directory: Directory
    params: Mapping[str, Any]
    clock_rule: Callable[[str, str, frozenset[str]], Any]
    language: Language = "zh"
    contexts: list[Context] = field(default_factory=list)
    waivers: Waivers = NO_WAIVERS

    def __post_init__(self) -> None:
        self.now = self.now.astimezone(self.zone)
        self.today = self.now.date()
        self.wd, self.workdays = day_counts(self.calendar, self.zone)
        self._by_code, self._no_rows = _Index(), _Index()
        self._by_record: dict[str, _Index] = {}
        self._projects: dict[str, Context] = {}
        self._of_project: dict[tuple[str, str], list[Context]] = {}
        self._signed: dict[Any, bool] = {}
        self._clocked: set[int] = set()
        self._nobody = Context(
            Item(("", "", ""), "project", (None,) * len(places_of("project"))),  # type: ignore[arg-type]
            TableView("", "", "", {"project": frozenset()}), Memory(), self,
        )  # fmt: skip

    def add(self, context: Context) -> None:
        """Take one item into the indexes."""
        self.contexts.append(context)
        item = context.item
        if code := item.code:
            self._by_code.add(code, context)
        ref = item.ref
        if ref.source not in self._by_record:
            self._by_record[ref.source] = _Index()
        self._by_record[ref.source].add(ref.record, context)
        if item.kind == "project":
            self._projects.setdefault(item.title, context)
        else:
            self._of_project.setdefault((str(item.get("project") or ""), item.kind), []).append(context)

    @cached_property
    def uncovered_years(self) -> tuple[str, ...]:
        """Years used by the clocks read so far, by today or by due dates, that have no calendar data (CFG-02)."""
        days = [self.today, *(date(year, 1, 1) for year in self._clocked)]
        days += [day for context in self.contexts for day in (_counted_due(context), context.get("need_by")) if day]
        return tuple(str(year) for year in self.calendar.uncovered(days))

    def is_signed(self, project: Context) -> bool:
        """Whether every department of a project has signed its plan table."""
        key = project.item.ref
        if key not in self._signed:
            asked = frozenset(project.get("participating_depts") or ())
            self._signed[key] = bool(asked) and asked <= frozenset(project.get("signed_plan_depts") or ())
        return self._signed[key]

    def with_code(self, code: str) -> Sequence[Context]:
        """Return the items of all tools that have this code."""
        return self._by_code.get(code)

    def linked(self, context: Context, link: str) -> Sequence[Context]:
        """Return the tasks that a link means: rows with this code, else the row of the same source with this id."""
        found = self._by_code.get(link) or self._by_record.get(context.item.ref.source, self._no_rows).get(link)
        return [other for other in found if other.item.kind == "task"]

    def waiting_for(self, context: Context) -> Sequence[Context]:
        """Return the tasks of the same project whose upstream cell names this one's code."""
        project, code = context.get("project"), context.item.code
        return [other for other in self._waiting.get(code, ()) if other.get("project") == project] if code else []

    @cached_property
    def _waiting(self) -> Mapping[str, Sequence[Context]]:
        waiting: dict[str, list[Context]] = {}
        for context in self.contexts:
            for link in dict.fromkeys(context.get("upstream") or ()):
                waiting.setdefault(link, []).append(context)
        return waiting

    def project_of(self, context: Context) -> Context:
        """Return an item's project, itself for a project."""
        if context.item.kind == "project":
            return context
        return self._projects.get(str(context.get("project") or ""), self._nobody)

    def of_project(self, context: Context, kind: str) -> Sequence[Context]:
        """Return the items of a kind in a project."""
        return self._of_project.get((context.item.title, kind), ())

    def deadline(
        self, start: datetime, parameter: Mapping[str, Any], department: str | None = None, pauses: Pauses = ()
    ) -> datetime:
        """Return start + hours in the parameter's mode, without the pauses."""
        end = self.clocks.deadline(start, timedelta(hours=parameter["hours"]), parameter["mode"], department, pauses)
        self._clocked |= {start.year, end.year}
        return end

    def read_clock(self, name: str, context: Context) -> ClockReading:
        """Return how a clock stands for an item."""
        kind = context.item.kind
        reading: ClockReading = self.clock_rule(name, kind, context.table.mapped[kind])(context, self)
        return reading

    # --- the last completed week (C12)

    @cached_property
    def _week(self) -> date:
        return self.calendar.completed_week(self.now).monday

    @property
    def week_monday(self) -> date:
        """Monday of W."""
        return self._week

    @property
    def week_sunday(self) -> date:
        """Sunday of W."""
        return self._week + timedelta(days=6)

    @cached_property
    def week_last_workday(self) -> date | None:
        """The last workday of W, ``None`` in a week without any."""
        return self.calendar.last_workday(self.calendar.completed_week(self.now))

    @property
    def lookback_start(self) -> date:
        """Monday of the first week whose records of lateness are still listed."""
        return self._week - timedelta(weeks=int(self.params.get("weekly_lookback_weeks", 1)) - 1)
