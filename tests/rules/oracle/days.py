"""Workdays one by one, weeks, and clocks that count minute by minute (C2 to C5, C12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

DAY = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Calendar:
    """The days that differ from Monday to Friday, and the years for which they are known."""

    holidays: frozenset[date]
    makeups: frozenset[date]
    years: frozenset[int]

    def workday(self, day: date) -> bool:
        if day in self.makeups:
            return True
        return day.weekday() < 5 and day not in self.holidays


def wd(calendar: Calendar, after: date, until: date) -> int:
    """C3: the number of workdays d with after < d <= until."""
    count = 0
    day = after + DAY
    while day <= until:
        count += calendar.workday(day)
        day += DAY
    return count


def workdays_between(calendar: Calendar, first: date, before: date) -> int:
    """The number of workdays in [first, before)."""
    count = 0
    day = first
    while day < before:
        count += calendar.workday(day)
        day += DAY
    return count


def next_workday(calendar: Calendar, day: date) -> date:
    """The day itself when it is a workday, else the first workday after it."""
    while not calendar.workday(day):
        day += DAY
    return day


@dataclass(frozen=True)
class Clock:
    """A way to count time: ``wall``, ``workday24`` or ``workhours`` with windows (C4)."""

    calendar: Calendar
    mode: str
    windows: tuple[str, ...]

    def runs(self, moment: datetime) -> bool:
        """Does the minute that begins here (or holds this moment) count?"""
        if self.mode == "wall":
            return True
        if not self.calendar.workday(moment.date()):
            return False
        if self.mode == "workday24":
            return True
        clock = moment.strftime("%H:%M")
        return any(start <= clock < end for start, end in (window.split("-") for window in self.windows))


def _next_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


@lru_cache(maxsize=200_000)
def deadline(clock: Clock, start: datetime, hours: float) -> datetime:
    """C5: the instant at which ``hours`` have been counted since ``start``."""
    left = timedelta(hours=hours)
    moment = start
    while True:
        step = _next_minute(moment) - moment
        if clock.runs(moment):
            if left <= step:
                return moment + left
            left -= step
        moment += step


@lru_cache(maxsize=200_000)
def counted(clock: Clock, start: datetime, until: datetime) -> timedelta:
    """How much time was counted between two instants."""
    total = timedelta(0)
    moment = start
    while moment < until:
        step = min(_next_minute(moment), until) - moment
        if clock.runs(moment):
            total += step
        moment += step
    return total


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def workdays_of_week(calendar: Calendar, monday: date) -> list[date]:
    return [day for day in (monday + timedelta(days=n) for n in range(7)) if calendar.workday(day)]


def last_completed_week(calendar: Calendar, now: datetime) -> date:
    """C12: Monday of W, the current week once its last workday has reached 18:00, else the week before."""
    monday = monday_of(now.date())
    days = workdays_of_week(calendar, monday)
    if days and now >= datetime.combine(days[-1], time(18)):
        return monday
    return monday - timedelta(days=7)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(0))
