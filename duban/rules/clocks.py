"""The pack's named clocks, read for one item: start, deadline, stop, and the SLA state that a row shows.

Judged by the stop event's own time, not by the run's; when the stop event is removed again the clock resumes from its
original start, because nothing but the cells decides (catalogue section 7, generic clock; C5, C23).

Two things no cell can say, so they are remembered as the runs see them (:class:`duban.rules.memory.ClockPast`): since
when a clock stands still (``pause_when``), and that an item was opened again after its clock was over (``reopens``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from duban.rules.clock import Mode, Pauses
from duban.rules.context import Context
from duban.rules.instants import is_after, later_of, same_instant
from duban.rules.memory import ClockPast, Memory
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

    ``state`` is what SLA状态 shows. A clock that does not apply has no start and no deadline. ``cycle`` counts from 1;
    ``paused`` tells that it stands still now, ``pauses`` when it did in this cycle.
    """

    state: str
    mode: Mode
    duration: timedelta
    start: datetime | None = None
    deadline: datetime | None = None
    stopped_at: datetime | None = None
    remaining: timedelta | None = None
    started_now: bool = False
    cycle: int = 1
    paused: bool = False
    pauses: Pauses = ()

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
_LIVE = frozenset({RUNNING, SOON, BREACHED})


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
    pause_when: Part | None = None
    reopens: bool = False

    @property
    def remembers(self) -> bool:
        """Whether something of the clock must be remembered from run to run."""
        return self.reopens or self.pause_when is not None

    def __call__(self, context: Context, world: World) -> ClockReading:
        """Return how the clock stands for an item at the world's moment."""
        return self._read(context, world, self._past(context.renewed) or ClockPast(self.name))

    def renewed(self, context: Context, world: World) -> ClockPast | None:
        """Return what to remember of the clock after this moment; ``None`` while it never ran."""
        past, now = self._past(context.renewed), world.now
        reading = self._read(context, world, past or ClockPast(self.name))
        if reading.state not in _LIVE:
            if past is None and reading.start is None:
                return None
            past = past or ClockPast(self.name)
            return _resumed(past if past.ended_at else replace(past, ended_at=now), now)
        if past is None:
            past = ClockPast(self.name)
        elif past.ended_at is not None and self.reopens:
            assert reading.start is not None
            fresh = reading.start if is_after(reading.start, past.ended_at) else now
            past = ClockPast(self.name, past.cycle + 1, fresh)
        elif past.ended_at is not None:  # opened again, the clock runs on from its start
            past = replace(past, ended_at=None)
        if self.pause_when is None or not self.pause_when(context, world):
            return _resumed(past, now)
        return past if past.paused_since is not None else replace(past, paused_since=now)

    def _past(self, memory: Memory) -> ClockPast | None:
        return next((past for past in memory.clocks if past.name == self.name), None) if self.remembers else None

    def _read(self, context: Context, world: World, past: ClockPast) -> ClockReading:
        parameter = world.params[self.within]
        absent = _absent(parameter["hours"], parameter["mode"])
        duration, mode = absent.duration, absent.mode
        start = self.start(context, world) if self.when is None or self.when(context, world) else None
        if start is None:
            return absent
        start = start if past.since is None else later_of(start, past.since)
        pauses = past.pauses if past.paused_since is None else (*past.pauses, (past.paused_since, world.now))
        deadline = world.deadline(start, parameter, context.department, pauses)
        stopped_at = self._stopped(context, world, past)
        if stopped_at is not None:
            state = LATE if is_after(stopped_at, deadline) else IN_TIME
            return ClockReading(
                state, mode, duration, start, deadline, stopped_at, cycle=past.cycle, pauses=pauses
            )
        if self.running_when is not None and not self.running_when(context, world):
            return absent
        started_now = same_instant(start, world.now) and (self.engine or same_instant(start, past.since))
        reading = ClockReading(
            RUNNING, mode, duration, start, deadline, None, timedelta(0), started_now, past.cycle,
            past.paused_since is not None, pauses,
        )  # fmt: skip
        return self._running(context, world, reading)

    def _stopped(self, context: Context, world: World, past: ClockPast) -> datetime | None:
        """The stop event of this cycle: one that is older than the cycle ended another."""
        found: datetime | None = self.stop(context, world) if self.stop is not None else None
        if found is None or (past.since is not None and is_after(past.since, found)):
            return None
        return found if self.stop_when is None or self.stop_when(context, world) else None

    def _running(self, context: Context, world: World, reading: ClockReading) -> ClockReading:
        assert reading.deadline is not None
        if is_after(world.now, reading.deadline):
            return replace(reading, state=BREACHED)
        remaining = world.clocks.remaining(world.now, reading.deadline, reading.mode, context.department)
        near = remaining <= reading.duration * float(world.params.get("sla_soon_fraction", 0.25))
        state = SOON if near and not reading.started_now and not reading.paused else RUNNING
        return replace(reading, state=state, remaining=remaining)


def _resumed(past: ClockPast, now: datetime) -> ClockPast:
    """End a pause that goes on; one that was seen only at this moment never was."""
    if past.paused_since is None:
        return past
    pause = () if not is_after(now, past.paused_since) else ((past.paused_since, now),)
    return replace(past, paused_since=None, pauses=(*past.pauses, *pause))


def remember_clocks(rules: Sequence[ClockRule], context: Context, world: World) -> None:
    """Keep of an item's clocks what no cell can say, before its rules read them."""
    found = tuple(past for rule in rules if (past := rule.renewed(context, world)) is not None)
    if found != context.renewed.clocks:
        context.renewed = replace(context.renewed, clocks=found)
    context.forget_clocks()
