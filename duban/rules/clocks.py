"""The pack's named clocks, read for one item: start, deadline, stop, and the SLA state that a row shows.

Judged by the stop event's own time, not by the run's; when the stop event is removed again the clock resumes from its
original start, because nothing but the cells decides (catalogue section 7, generic clock; C5, C23).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from duban.rules.clock import Mode
from duban.rules.context import Context
from duban.rules.world import World

NOT_APPLICABLE, RUNNING, SOON, BREACHED, IN_TIME, LATE = (
    "不适用",
    "计时中",
    "即将超时",
    "已超时",
    "按时完成",
    "超时完成",
)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How a clock stands for one item at one moment. Times are aware; ``remaining`` and ``duration`` are clock time.

    ``state`` is what SLA状态 shows. A clock that does not apply has no start and no deadline.
    """

    state: str
    mode: Mode
    duration: timedelta
    start: datetime | None = None
    deadline: datetime | None = None
    stopped_at: datetime | None = None
    remaining: timedelta | None = None
    started_now: bool = False

    @property
    def running(self) -> bool:
        """Started, not stopped, not past the deadline."""
        return self.state in {RUNNING, SOON}

    @property
    def breached(self) -> bool:
        """Not stopped and past the deadline."""
        return self.state == BREACHED

    @property
    def stopped(self) -> bool:
        """The stop event was seen."""
        return self.stopped_at is not None

    @property
    def stopped_late(self) -> bool:
        """Stopped after the deadline."""
        return self.state == LATE


@cache
def _absent(hours: float, mode: Mode) -> ClockReading:
    """The reading of a clock that does not apply: one for the nine rows in ten that have none."""
    return ClockReading(NOT_APPLICABLE, mode, timedelta(hours=hours))


Part = Callable[[Context, World], Any]


@dataclass(frozen=True, slots=True)
class ClockRule:
    """A clock of the pack with its expressions compiled. Called with an item it gives the reading."""

    name: str
    within: str
    start: Part
    stop: Part | None
    stop_when: Part | None
    when: Part | None
    running_when: Part | None
    shown: bool
    engine: bool

    def __call__(self, context: Context, world: World) -> ClockReading:
        """Return how the clock stands for an item at the world's moment."""
        parameter = world.params[self.within]
        absent = _absent(parameter["hours"], parameter["mode"])
        duration, mode = absent.duration, absent.mode
        start = self.start(context, world) if self.when is None or self.when(context, world) else None
        if start is None:
            return absent
        deadline = world.deadline(start, parameter, context.department)
        stopped_at = self.stop(context, world) if self.stop is not None else None
        if stopped_at is not None and (self.stop_when is None or self.stop_when(context, world)):
            state = LATE if stopped_at > deadline else IN_TIME
            return ClockReading(state, mode, duration, start, deadline, stopped_at)
        if self.running_when is not None and not self.running_when(context, world):
            return absent
        return self._running(context, world, ClockReading(RUNNING, mode, duration, start, deadline))

    def _running(self, context: Context, world: World, reading: ClockReading) -> ClockReading:
        assert reading.deadline is not None
        started_now = self.engine and reading.start == world.now
        if world.now > reading.deadline:
            return ClockReading(
                BREACHED,
                reading.mode,
                reading.duration,
                reading.start,
                reading.deadline,
                None,
                timedelta(0),
                started_now,
            )
        remaining = world.clocks.remaining(world.now, reading.deadline, reading.mode, context.department)
        near = remaining <= reading.duration * float(world.params.get("sla_soon_fraction", 0.25)) and not started_now
        state = SOON if near else RUNNING
        return ClockReading(
            state, reading.mode, reading.duration, reading.start, reading.deadline, None, remaining, started_now
        )
