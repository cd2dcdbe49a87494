"""The two countings of workdays that rules ask for most, as functions of a judgement: ``wd`` and ``workdays``.

They read the calendar's day index directly: a rule that counts workdays is judged for every task in every cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from duban.rules.calendar import Calendar

Count = Callable[["date | datetime | None", "date | datetime | None"], "int | None"]


def day_counts(calendar: Calendar, zone: ZoneInfo) -> tuple[Count, Count]:
    """Return ``wd`` (workdays after the first day, up to the second) and ``workdays`` (both days included).

    Times are taken as local days of ``zone``; ``None`` gives ``None``.
    """
    counts, first = calendar.day_index()
    many = len(counts)

    def wd(start: date | datetime | None, end: date | datetime | None) -> int | None:
        if start is None or end is None:
            return None
        if isinstance(start, datetime) and start.tzinfo is not zone:
            start = start.astimezone(zone)
        if isinstance(end, datetime) and end.tzinfo is not zone:
            end = end.astimezone(zone)
        after, upto = start.toordinal() - first, end.toordinal() - first
        return counts[upto] - counts[after] if 0 <= after <= upto < many else calendar.wd(start, end)

    def workdays(start: date | datetime | None, end: date | datetime | None) -> int | None:
        if start is None or end is None:
            return None
        if isinstance(start, datetime) and start.tzinfo is not zone:
            start = start.astimezone(zone)
        if isinstance(end, datetime) and end.tzinfo is not zone:
            end = end.astimezone(zone)
        before, upto = start.toordinal() - first - 1, end.toordinal() - first
        return counts[upto] - counts[before] if 0 <= before < upto < many else calendar.workdays_between(start, end)

    return wd, workdays
