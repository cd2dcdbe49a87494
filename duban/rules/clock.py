"""Clocks: how much time of a mode passed, when a duration has passed, and what the hand did in between.

Three modes (convention C4): ``wall`` is elapsed time; ``workday24`` counts workdays with all their hours, from local
midnight to local midnight; ``workhours`` counts the working hours of workdays, a department's own where it has them.

Working time is read from tables (:mod:`shifts`): by local day and minute where both times carry the calendar's own
zone, else by one binary search in the shifts as UTC instants, whatever the distance (facts/rules-and-state section 2).
An instant is worked if and only if its local date is a workday and its local time of day lies in a window: a window
inside an hour that the zone skips or repeats shrinks or counts twice, as the clock on the wall does. The tables reach
from 2000 to 2100; outside, a working clock stands still.

All times given must be aware; all times returned are in the calendar's zone. Durations count to the microsecond.
Whether a deadline is passed is safely asked with :meth:`Clock.remaining`: Python compares two times of one zone by what
the clock on the wall shows, which is wrong in the hour that a zone repeats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from duban.rules.calendar import Calendar, Window
from duban.rules.shifts import EPOCH, MICROSECOND, WHOLE_DAY, LocalDays, Shifts, instant, lay

Mode = Literal["wall", "workday24", "workhours"]
MODES: tuple[Mode, ...] = ("wall", "workday24", "workhours")
Pauses = Sequence[tuple[datetime, datetime]]  # times during which a clock stands; in any order, they may overlap
SegmentKind = Literal["running", "paused", "rest_day", "off_hours"]

_EARLIEST = (datetime(1, 1, 2, tzinfo=UTC) - EPOCH) // MICROSECOND  # a day from what datetime can hold, so that
_LATEST = (datetime(9999, 12, 30, tzinfo=UTC) - EPOCH) // MICROSECOND  # a mistyped year overflows in no zone
_NOTHING = timedelta()


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
    _tables: dict[tuple[Window, ...], tuple[Shifts, LocalDays]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _local: dict[tuple[Mode, str | None], LocalDays] = field(default_factory=dict, repr=False, compare=False)

    def elapsed(
        self, a: datetime, b: datetime, mode: Mode, department: str | None = None, pauses: Pauses = ()
    ) -> timedelta:
        """Return how much a clock of this mode moves from ``a`` to ``b``; negative when ``b`` is the earlier."""
        if a.tzinfo is b.tzinfo is self.calendar.zone and mode != "wall" and not pauses:
            days = self._local.get((mode, department)) or self._local_days(mode, department)
            begun, ended = days.before(a), days.before(b)
            if begun is not None and ended is not None:
                return ended - begun
        return self._measured(instant(a), instant(b), mode, department, pauses)

    def _measured(self, start: int, end: int, mode: Mode, department: str | None, pauses: Pauses) -> timedelta:
        if start > end:
            return -self._measured(end, start, mode, department, pauses)
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
        if duration < _NOTHING:
            raise ValueError(f"a clock cannot run for {duration}: the duration is negative")
        if start.tzinfo is self.calendar.zone and duration and mode != "wall" and not pauses:
            days = self._local.get((mode, department)) or self._local_days(mode, department)
            begun = days.before(start)
            found = None if begun is None else days.at(begun + duration)
            if found is not None:
                return found
        left = duration // MICROSECOND
        time, position = self._time(mode, department), instant(start)
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
        lo, hi = instant(start), instant(end)
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
        days, hours = self._table(WHOLE_DAY)[0], self._time(mode, department)
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

    def _time(self, mode: Mode, department: str | None) -> Shifts | _Wall:
        return _WALL if mode == "wall" else self._table(self._windows(mode, department))[0]

    def _local_days(self, mode: Mode, department: str | None) -> LocalDays:
        found = self._local[mode, department] = self._table(self._windows(mode, department))[1]
        return found

    def _windows(self, mode: Mode, department: str | None) -> tuple[Window, ...]:
        if mode == "workday24":
            return WHOLE_DAY
        if mode == "workhours":
            return self.calendar.windows(department)
        raise ValueError(f"there is no clock mode {mode!r}; known are {', '.join(MODES)}")

    def _table(self, windows: tuple[Window, ...]) -> tuple[Shifts, LocalDays]:
        found = self._tables.get(windows)
        if found is None:  # two threads may both build it; both tables are equal
            shifts = lay(self.calendar, windows)
            found = self._tables[windows] = shifts, LocalDays(self.calendar, windows, shifts)
        return found

    def _moment(self, number: int) -> datetime:
        bounded = min(max(number, _EARLIEST), _LATEST)
        return (EPOCH + timedelta(microseconds=bounded)).astimezone(self.calendar.zone)


class _Wall:
    """Time that always runs."""

    def before(self, instant: int) -> int:
        return instant

    def at(self, amount: int) -> int:
        return amount

    def overlapping(self, lo: int, hi: int) -> Iterator[tuple[int, int]]:
        yield lo, hi


_WALL = _Wall()


# --- intervals of instants


def _merged(pauses: Pauses) -> list[tuple[int, int]]:
    """Return pauses in order, joined where they touch, without empty ones."""
    merged: list[tuple[int, int]] = []
    for lo, hi in sorted((instant(a), instant(b)) for a, b in pauses):
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
