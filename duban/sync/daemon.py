"""The daemon: a cycle per source at its interval, day and night.

``schedule`` is the trigger only. Its faults were measured (facts/scale-and-reliability section 4): a job that raises
starves the jobs after it, a slow one delays all, the clock going back silences it. So triggers here never raise and
never block: they hand a cycle to a pool, one per source at a time. When each source is due is kept in the ledger; after
a stop, what was missed runs once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from zlib import crc32

import schedule

from duban.errors import DubanError, Interrupted
from duban.sync.ledger import Due

_LOG = logging.getLogger("duban.daemon")
_LONGEST_BACKOFF = timedelta(hours=1)
_TICK = 0.25  # seconds between two looks at the schedule
_SPREAD = 5.0  # seconds over which the sources' first cycles are spread


@dataclass(frozen=True, slots=True)
class Beat:
    """One source of the daemon: its name, and the seconds between two cycles."""

    source: str
    interval: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one cycle went, for its log line. ``good`` is false when nothing of the source could be read: then it is
    asked less often. One bad row or table does not make the others wait."""

    good: bool
    result: str
    counts: Mapping[str, Any]


class Times(Protocol):
    """Where the daemon keeps when each source is due; the ledger has it."""

    def schedule(self) -> dict[str, Due]:
        """Return what is kept, by source."""
        ...

    def set_schedule(self, source: str, due: Due) -> None:
        """Keep when a source is due next."""
        ...


class Daemon:
    """Runs cycles until ``stop`` is set. ``cycle`` does one for a source; ``clock`` gives the aware present."""

    def __init__(
        self, beats: Sequence[Beat], cycle: Callable[[str, datetime], Outcome], times: Times, *,
        clock: Callable[[], datetime], stop: threading.Event, tick: float = _TICK, spread: float = _SPREAD,
    ) -> None:  # fmt: skip
        self._beats = {beat.source: beat for beat in beats}
        self._cycle, self._times, self._clock, self._stop, self._tick = cycle, times, clock, stop, tick
        self._spread = spread
        self._busy = {beat.source: threading.Lock() for beat in beats}
        self._due = times.schedule()
        self._scheduler = schedule.Scheduler()
        self._noted: dict[str, datetime] = {}  # until when a late source was spoken of
        self.skipped = 0

    def run(self) -> None:
        """Trigger cycles until stopped; returns when the running ones have come to a safe place."""
        with ThreadPoolExecutor(max(1, min(8, len(self._beats))), thread_name_prefix="cycle") as pool:
            self._pool = pool
            for beat in self._beats.values():
                self._first(beat)
                self._scheduler.every(max(1, round(min(beat.interval, 60)))).seconds.do(self._trigger, beat.source)
            while not self._stop.wait(self._tick):
                self._guard()
                self._scheduler.run_pending()
                self._look()

    # --- triggers: they never block and never raise

    def _first(self, beat: Beat) -> None:
        """A source that is overdue, or was never read, runs once soon; the sources' starts are spread."""
        known, now = self._due.get(beat.source), self._clock()
        wait = timedelta(seconds=min(self._spread, beat.interval) * (crc32(beat.source.encode()) % 1000) / 1000)
        if known is None or known.next_due <= now:
            last = known or Due(now)
            self._due[beat.source] = Due(now + wait, last.last_ok, last.consecutive_failures)

    def _look(self) -> None:
        for source in self._beats:
            self._trigger(source)

    def _trigger(self, source: str) -> None:
        now = self._clock()
        if now < self._due[source].next_due or self._stop.is_set():
            return
        if not self._busy[source].acquire(blocking=False):
            self._skip(source, now)
            return
        self._noted.pop(source, None)
        self._pool.submit(self._run, source, now)

    def _skip(self, source: str, now: datetime) -> None:
        """Say once per interval that a source is late. When it is due next is the running cycle's word alone: it may
        end at this very moment."""
        if now < self._noted.get(source, now):
            return
        self._noted[source] = now + self._interval(source)
        self.skipped += 1
        extra = {"action": "cycle_skipped", "source": source}
        _LOG.warning("cycle_skipped source=%s: the last cycle still runs", source, extra=extra)

    def _guard(self) -> None:
        """A clock that was set back must not silence a source: nothing is due later than one interval from now."""
        now = self._clock()
        for source, due in self._due.items():
            longest = max(self._interval(source), _LONGEST_BACKOFF if due.consecutive_failures else timedelta(0))
            if source in self._beats and due.next_due - now > longest * 1.5:
                self._set(source, Due(now, due.last_ok, due.consecutive_failures))

    # --- one cycle

    def _run(self, source: str, now: datetime) -> None:
        try:
            self._set(
                source,
                Due(now + self._interval(source), self._due[source].last_ok, self._due[source].consecutive_failures),
            )
            outcome = self._one(source, now)
            if outcome is not None:
                self._after(source, now, outcome)
        except Exception:  # noqa: BLE001 - the loop must live: whatever one cycle does, the others go on
            _LOG.exception("cycle_failed source=%s: a bug", source, extra={"action": "cycle_failed", "source": source})
        finally:
            self._busy[source].release()

    def _one(self, source: str, now: datetime) -> Outcome | None:
        try:
            return self._cycle(source, now)
        except Interrupted:
            _LOG.info("cycle_interrupted source=%s", source, extra={"action": "cycle_interrupted", "source": source})
            return None
        except DubanError as error:
            return Outcome(False, "failed", {"error": str(error)})

    def _after(self, source: str, now: datetime, outcome: Outcome) -> None:
        known = self._due[source]
        failures = 0 if outcome.good else known.consecutive_failures + 1
        pause = self._interval(source) if outcome.good else self._backed_off(source, failures)
        shown = " ".join(f"{name}={value}" for name, value in outcome.counts.items())
        level = logging.INFO if outcome.good and outcome.result != "incomplete" else logging.WARNING
        extra = {"action": "cycle", "source": source, "result": outcome.result, **outcome.counts}
        _LOG.log(level, "cycle source=%s result=%s %s", source, outcome.result, shown, extra=extra)
        self._set(source, Due(now + pause, now if outcome.good else known.last_ok, failures))

    def _backed_off(self, source: str, failures: int) -> timedelta:
        interval = self._interval(source)
        doubled = interval * float(1 << min(failures - 1, 10))
        return max(interval, min(_LONGEST_BACKOFF, doubled))

    def _interval(self, source: str) -> timedelta:
        return timedelta(seconds=self._beats[source].interval) if source in self._beats else timedelta(0)

    def _set(self, source: str, due: Due) -> None:
        self._due[source] = due
        try:
            self._times.set_schedule(source, due)
        except Exception as error:  # noqa: BLE001 - kept for after a restart only: no reason to end, or to miss a cycle
            extra = {"action": "schedule_not_kept", "source": source}
            _LOG.warning("schedule_not_kept source=%s: %s", source, error, extra=extra)
