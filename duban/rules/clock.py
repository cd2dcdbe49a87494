"""Clocks: how much time of a mode passed, when a duration has passed, and what the hand did in between.

Three modes (convention C4): ``wall`` is elapsed time; ``workday24`` counts workdays with all their hours, from local
midnight to local midnight; ``workhours`` counts the working hours of workdays, a department's own where it has them.

Working time is a table of shifts as UTC instants with the working time before each of them, so every question is one
binary search whatever the distance (facts/rules-and-state section 2). An instant is worked if and only if its local
date is a workday and its local time of day lies in a window: a window inside an hour that the zone skips or repeats
shrinks or counts twice, as the clock on the wall does. The tables reach from 2000 to 2100; outside, a working clock
stands still.

All times given must be aware; all times returned are in the calendar's zone. Durations count to the microsecond.
Whether a deadline is passed is safely asked with :meth:`Clock.remaining`: Python compares two times of one zone by what
the clock on the wall shows, which is wrong in the hour that a zone repeats.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from duban.rules.calendar import FIRST_YEAR, LAST_YEAR, Calendar, Window

Mode = Literal["wall", "workday24", "workhours"]
MODES: tuple[Mode, ...] = ("wall", "workday24", "workhours")
Pauses = Sequence[tuple[datetime, datetime]]  # times during which a clock stands; in any order, they may overlap
SegmentKind = Literal["running", "paused", "rest_day", "off_hours"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
_DAY = 24 * 60 * _MINUTE
_WHOLE_DAY = (Window(0, 24 * 60),)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EARLIEST = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) // _MICROSECOND  # a day from what datetime can hold, so that
_LATEST = (datetime(9999, 12, 30, tzinfo=UTC) - _EPOCH) // _MICROSECOND  # a mistyped year overflows in no zone
# No zone of the tz database is on an offset for fewer than six days (Noronha, Recife and Boa Vista, October 2000).
_PROBE = 3 * _DAY


class Segment(NamedTuple):
    """A stretch of a clock's life in which its hand does one thing.

    ``length`` is the wall time, ``counted`` what the clock counts of it: all while running, else nothing.
    """

    kind: SegmentKind
    start: datetime
    end: datetime
    length: timedelta
    counted: timedelta


@dataclass(frozen=True)
class Clock:
    """The clocks of one calendar. Tables are built when a mode is first used (about 0.1 s) and kept."""

    calendar: Calendar
    _tables: dict[tuple[Window, ...], _Shifts] = field(default_factory=dict, repr=False, compare=False)

    def elapsed(
        self, a: datetime, b: datetime, mode: Mode, department: str | None = None, pauses: Pauses = ()
    ) -> timedelta:
        """Return how much a clock of this mode moves from ``a`` to ``b``; negative when ``b`` is the earlier."""
        start, end = _number(a), _number(b)
        if start > end:
            return -self.elapsed(b, a, mode, department, pauses)
        time = self._time(mode, department)
        if not pauses:
            return timedelta(microseconds=time.before(end) - time.before(start))
        pieces = _open(start, end, _merged(pauses))
        return timedelta(microseconds=sum(time.before(hi) - time.before(lo) for lo, hi in pieces))

    def remaining(
        self, now: datetime, deadline: datetime, mode: Mode, department: str | None = None, pauses: Pauses = ()
    ) -> timedelta:
        """Return how much the clock still has to move until the deadline; negative once it is passed."""
        return self.elapsed(now, deadline, mode, department, pauses)

    def deadline(
        self, start: datetime, duration: timedelta, mode: Mode, department: str | None = None, pauses: Pauses = ()
    ) -> datetime:
        """Return the first instant at which the clock, started at ``start``, shows ``duration`` (C5).

        A start on a rest day counts from 00:00 of the next workday (C4). A deadline that falls on the end of a
        workday or window is that instant, not the start of the next one (C23). A duration of nothing ends at the
        start. Raises ``ValueError`` for a negative one. A clock that would run past 2100 ends there, and one started
        later ends at once.
        """
        left = duration // _MICROSECOND
        if left < 0:
            raise ValueError(f"a clock cannot run for {duration}: the duration is negative")
        time, position = self._time(mode, department), _number(start)
        if not left:
            return self._moment(position)
        for lo, hi in _merged(pauses):
            if hi <= position:
                continue
            gain = max(0, time.before(lo) - time.before(position))
            if gain >= left:
                break
            position, left = hi, left - gain
        return self._moment(max(position, time.at(time.before(position) + left)))

    def segments(
        self, start: datetime, end: datetime, mode: Mode, department: str | None = None, pauses: Pauses = ()
    ) -> list[Segment]:
        """Return what the clock does from ``start`` to ``end``, in order and without a gap; ``[]`` when ``end`` is
        not later. The lengths add up exactly to the wall time, the counted times to :meth:`elapsed`.

        A stretch in which the clock would stand anyway is ``paused`` while somebody paused it, ``rest_day`` for whole
        rest days, ``off_hours`` for the hours around the windows of a workday.
        """
        lo, hi = _number(start), _number(end)
        pieces: list[tuple[SegmentKind, int, int]] = []
        for kind, a, b in self._pieces(lo, hi, mode, department, _merged(pauses)):
            if pieces and pieces[-1][0] == kind:
                pieces[-1] = (kind, pieces[-1][1], b)
            else:
                pieces.append((kind, a, b))
        return [self._segment(*piece) for piece in pieces]

    # --- the parts of a segment list

    def _pieces(
        self, lo: int, hi: int, mode: Mode, department: str | None, pauses: list[tuple[int, int]]
    ) -> Iterator[tuple[SegmentKind, int, int]]:
        position = lo
        for a, b in _open(lo, hi, pauses):
            if position < a:
                yield "paused", position, a
            yield from self._unpaused(a, b, mode, department)
            position = b
        if position < hi:
            yield "paused", position, hi

    def _unpaused(self, lo: int, hi: int, mode: Mode, department: str | None) -> Iterator[tuple[SegmentKind, int, int]]:
        if mode == "wall":
            yield "running", lo, hi
            return
        days, hours = self._shifts(_WHOLE_DAY), self._time(mode, department)
        for (a, b), worked_day in _cut(lo, hi, days.overlapping(lo, hi)):
            if not worked_day:
                yield "rest_day", a, b
                continue
            for (c, d), worked in _cut(a, b, hours.overlapping(a, b)):
                yield ("running" if worked else "off_hours"), c, d

    def _segment(self, kind: SegmentKind, lo: int, hi: int) -> Segment:
        length = timedelta(microseconds=hi - lo)
        return Segment(kind, self._moment(lo), self._moment(hi), length, length if kind == "running" else timedelta())

    # --- tables

    def _time(self, mode: Mode, department: str | None) -> _Shifts | _Wall:
        if mode == "wall":
            return _WALL
        if mode == "workday24":
            return self._shifts(_WHOLE_DAY)
        if mode == "workhours":
            return self._shifts(self.calendar.windows(department))
        raise ValueError(f"there is no clock mode {mode!r}; known are {', '.join(MODES)}")

    def _shifts(self, windows: tuple[Window, ...]) -> _Shifts:
        found = self._tables.get(windows)
        if found is None:  # two threads may both build it; both tables are equal
            found = self._tables[windows] = _shifts(self.calendar, windows)
        return found

    def _moment(self, number: int) -> datetime:
        bounded = min(max(number, _EARLIEST), _LATEST)
        return (_EPOCH + timedelta(microseconds=bounded)).astimezone(self.calendar.zone)


class _Wall:
    """Time that always runs."""

    def before(self, instant: int) -> int:
        return instant

    def at(self, amount: int) -> int:
        return amount

    def overlapping(self, lo: int, hi: int) -> Iterator[tuple[int, int]]:
        yield lo, hi


_WALL = _Wall()


class _Shifts:
    """Disjoint stretches of work in order; instants are microseconds since 1970 UTC."""

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


def _shifts(calendar: Calendar, windows: tuple[Window, ...]) -> _Shifts:
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
    return _Shifts(starts, ends)


def _offsets(zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Yield (from, to, offset from UTC) in microseconds: the stretches in which a zone keeps one offset."""

    def offset(instant: int) -> int:
        shift = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
        return 0 if shift is None else shift // _MICROSECOND

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


# --- intervals of instants


def _number(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; a clock needs to know which instant is meant")
    return (moment - _EPOCH) // _MICROSECOND


def _merged(pauses: Pauses) -> list[tuple[int, int]]:
    """Return pauses in order, joined where they touch, without empty ones."""
    merged: list[tuple[int, int]] = []
    for lo, hi in sorted((_number(a), _number(b)) for a, b in pauses):
        if lo >= hi:
            continue
        if merged and lo <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(hi, merged[-1][1]))
        else:
            merged.append((lo, hi))
    return merged


def _open(lo: int, hi: int, pauses: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what pauses leave of an interval."""
    for a, b in pauses:
        if lo < min(a, hi):
            yield lo, min(a, hi)
        lo = max(lo, b)
    if lo < hi:
        yield lo, hi


def _cut(lo: int, hi: int, stretches: Iterator[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield the parts of an interval that lie inside (True) and outside (False) of stretches that overlap it."""
    for a, b in stretches:
        a, b = max(a, lo), min(b, hi)  # noqa: PLW2901 - the part of the same stretch
        if lo < a:
            yield (lo, a), False
        if a < b:
            yield (a, b), True
        lo = max(lo, b)
    if lo < hi:
        yield (lo, hi), False
