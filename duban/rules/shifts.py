"""Working time as tables: the stretches of work of a calendar as instants, and the same work by local day and minute.

:class:`Shifts` answers for every instant with one binary search; an instant is worked if and only if its local date is
a workday and its local time of day lies in a window. :class:`LocalDays` answers faster, without a search, for readings
of the zone's own clock (two list entries and a few sums of durations), except on the days in which the zone changes its
offset. The tables reach from 2000 to 2100. Instants are whole microseconds since 1970 UTC.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from duban.rules.calendar import FIRST_YEAR, LAST_YEAR, Calendar, Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
WHOLE_DAY = (Window(0, 24 * 60),)
_MINUTE = 60_000_000
_DAY = 24 * 60 * _MINUTE
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FIRST_DAY = date(FIRST_YEAR, 1, 1).toordinal()
# No zone of the tz database is on an offset for fewer than six days (Noronha, Recife and Boa Vista, October 2000).
_PROBE = 3 * _DAY
_REST, _WORK, _CHANGED = 0, 1, 2
_MINUTES = timedelta(), timedelta(minutes=1)


def instant(moment: datetime) -> int:
    """Return an aware time as an instant; raises ``ValueError`` for one without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; a clock needs to know which instant is meant")
    return (moment - EPOCH) // MICROSECOND


class Shifts:
    """Disjoint stretches of work in order."""

    __slots__ = ("_ends", "_starts", "_sums")

    def __init__(self, starts: array[int], ends: array[int]) -> None:
        self._starts, self._ends = starts, ends
        lengths = (end - start for start, end in zip(starts, ends, strict=True))
        self._sums = array("q", accumulate(lengths, initial=0))  # the work before each shift, and in the end all of it

    def before(self, instant: int) -> int:
        """The work from the table's start up to an instant."""
        place = bisect_right(self._starts, instant) - 1
        if place < 0:
            return 0
        return self._sums[place] + min(instant, self._ends[place]) - self._starts[place]

    def at(self, amount: int) -> int:
        """The first instant at which so much work (more than none) is done; the table's end for more than it holds."""
        place = bisect_left(self._sums, amount) - 1
        if place >= len(self._starts):
            return self._ends[-1]
        return self._starts[place] + amount - self._sums[place]

    def overlapping(self, lo: int, hi: int) -> Iterator[tuple[int, int]]:
        """The shifts between two instants, in order."""
        for place in range(bisect_right(self._ends, lo), bisect_left(self._starts, hi)):
            yield self._starts[place], self._ends[place]


class LocalDays:
    """The work before every reading of a zone's clock, as durations: that before the day's midnight and that of the
    day's minutes. In a day that changes the offset a reading may be two instants or none; :class:`Shifts` knows them.
    """

    __slots__ = ("_before", "_kinds", "_lags", "_minutes", "_origin", "_windows")

    def __init__(self, calendar: Calendar, windows: Sequence[Window], shifts: Shifts) -> None:
        self._origin = datetime(FIRST_YEAR, 1, 1, tzinfo=calendar.zone)
        self._kinds = bytearray((date(LAST_YEAR, 12, 31).toordinal() + 1) - _FIRST_DAY)
        for number in calendar.workday_numbers():
            self._kinds[number - _FIRST_DAY] = _WORK
        inside = bytearray(24 * 60)
        for window in windows:
            inside[window.start : window.end] = b"\1" * (window.end - window.start)
        self._minutes = list(accumulate((_MINUTES[worked] for worked in inside), initial=_MINUTES[0]))
        self._windows = [(timedelta(minutes=w.start), timedelta(minutes=w.end - w.start)) for w in windows]
        lengths = [self._minutes[-1] if kind else _MINUTES[0] for kind in self._kinds]
        for first, after in _changed_days(calendar.zone):
            edges = (instant(self._origin + timedelta(days=day)) for day in (first, after))
            start, end = map(shifts.before, edges)
            lengths[first:after] = [_MINUTES[0]] * (after - first - 1) + [timedelta(microseconds=end - start)]
            self._kinds[first:after] = bytes([_CHANGED]) * (after - first)
        self._before = list(accumulate(lengths, initial=_MINUTES[0]))
        # Inside a window work passes as time does: what it lags behind the time since 2000 is one amount a day.
        idle = [before - timedelta(day) for day, before in enumerate(self._before)]
        self._lags: list[list[timedelta] | None] = [None] * (24 * 60)
        for window, (start_of, _) in zip(windows, self._windows, strict=True):
            lag = self._minutes[window.start] - start_of
            self._lags[window.start : window.end] = [[day + lag for day in idle]] * (window.end - window.start)

    def before(self, moment: datetime) -> timedelta | None:
        """The work from the table's start up to a moment that carries the zone itself; ``None``: ask the shifts."""
        passed = moment - self._origin  # of one zone: what the clock on the wall shows
        day = passed.days
        try:
            kind = self._kinds[day]
        except IndexError:
            return None
        if kind == _CHANGED or day < 0:
            return None
        if kind == _REST:
            return self._before[day]
        minute = passed.seconds // 60
        lag = self._lags[minute]
        return self._before[day] + self._minutes[minute] if lag is None else passed + lag[day]

    def at(self, amount: timedelta) -> datetime | None:
        """The first reading at which so much work (more than none) is done; ``None``: ask the shifts."""
        day = bisect_left(self._before, amount) - 1
        if day >= len(self._kinds) or self._kinds[day] != _WORK:
            return None
        left = amount - self._before[day]
        for start, length in self._windows:
            if left <= length:
                return self._origin + timedelta(day) + (start + left)
            left -= length
        return None


def lay(calendar: Calendar, windows: Sequence[Window]) -> Shifts:
    """Lay the windows over all workdays, as local readings, and cut them where the zone changes its offset."""
    edges = [(window.start * _MINUTE, window.end * _MINUTE) for window in windows]
    midnights = [(number - _EPOCH_DAY) * _DAY for number in calendar.workday_numbers()]
    local_starts = array("q", [midnight + start for midnight in midnights for start, _ in edges])
    local_ends = array("q", [midnight + end for midnight in midnights for _, end in edges])
    starts, ends = array("q"), array("q")
    for lo, hi, offset in _offsets(calendar.zone):
        first, last = bisect_right(local_ends, lo + offset), bisect_left(local_starts, hi + offset)
        if first >= last:
            continue
        cut = len(starts)
        starts.extend([instant - offset for instant in local_starts[first:last]])
        ends.extend([instant - offset for instant in local_ends[first:last]])
        starts[cut], ends[-1] = max(starts[cut], lo), min(ends[-1], hi)
    return Shifts(starts, ends)


def _changed_days(zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Yield (first, after) as numbers of days since 2000, apart from each other: the days with readings that a change
    of offset skips or repeats."""
    runs: list[tuple[int, int]] = []
    for (_, moment, before), (_, _, after) in pairwise(_offsets(zone)):
        first, last = (
            (moment + offset) // _DAY + _EPOCH_DAY - _FIRST_DAY
            for offset in (min(before, after), max(before, after))
        )
        if runs and first <= runs[-1][1]:
            first = runs.pop()[0]
        runs.append((first, last + 1))
    end = date(LAST_YEAR, 12, 31).toordinal() + 1 - _FIRST_DAY
    for first, after_last in runs:
        if after_last > 0 and first < end:
            yield max(first, 0), min(after_last, end)


def _offsets(zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Yield (from, to, offset from UTC) in microseconds: the stretches in which a zone keeps one offset."""

    def offset(instant: int) -> int:
        shift = (EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
        return 0 if shift is None else shift // MICROSECOND

    begin = ((date(FIRST_YEAR, 1, 1).toordinal() - _EPOCH_DAY) - 1) * _DAY
    end = ((date(LAST_YEAR, 12, 31).toordinal() - _EPOCH_DAY) + 2) * _DAY
    start, current = begin, offset(begin)
    for low, probe in pairwise([*range(begin, end, _PROBE), end]):
        if (ahead := offset(probe)) == current:
            continue
        high = probe  # becomes the first instant with the new offset
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == current else (low, middle)  # noqa: PLW2901 - a bisection
        yield start, high, current
        start, current = high, ahead
    yield start, end, current
