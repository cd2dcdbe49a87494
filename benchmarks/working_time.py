"""Working time between two instants: duban's clock against businesstimedelta and business-duration.

    python benchmarks/working_time.py [--rounds 7] [--seconds 0.02]

Office hours 09:00-12:00 and 13:00-18:00 in Asia/Shanghai with the public holidays of 2023-2026, but without the make-up
workdays, which neither package knows; so that every result must be equal, to the second: if one differs, the exit code
is 1. Intervals of about 3, 30 and 180 days begin and end at any second of three years.

What is timed is the question alone, in the same loop for everybody. Each package gets its times in the form that it
takes (pytz and naive times; ours are aware, in the calendar's zone, as items hold them), its rules and hours ready
made. business-duration knows one window a day, so the morning and the afternoon are two calls. Rounds are interleaved;
a measurement repeats the same intervals until ``--seconds`` have passed (and at least once), medians are printed.
"""

from __future__ import annotations

import argparse
import importlib
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from datetime import time as hour
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from duban.rules.calendar import Calendar, load_calendar
from duban.rules.clock import Clock

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = (3, 30, 180)
Pair = tuple[datetime, datetime]


class Counter(NamedTuple):
    """One way to count: how it wants its times, and the question that is timed; its answer in seconds."""

    prepare: Callable[[datetime], Any]
    ask: Callable[[Any, Any], Any]
    seconds: Callable[[Any], float]
    intervals: int  # so many of one length, because some are slow


def ours(calendar: Calendar) -> Counter:
    clock = Clock(calendar)
    clock.elapsed(datetime(2024, 1, 1, tzinfo=ZONE), datetime(2024, 1, 2, tzinfo=ZONE), "workhours")  # builds the table
    return Counter(lambda moment: moment, lambda a, b: clock.elapsed(a, b, "workhours"), timedelta.total_seconds, 0)


def business_timedelta(calendar: Calendar) -> Counter:
    package = importlib.import_module("businesstimedelta")
    local = importlib.import_module("pytz").timezone(ZONE.key)
    # a far last holiday: the package fails after the last one it knows
    off = dict.fromkeys((*calendar.holidays, date(2029, 1, 1)), "off")
    week = list(range(5))
    rules = package.Rules([
        package.WorkDayRule(start_time=hour(9), end_time=hour(18), working_days=week, tz=local),
        package.LunchTimeRule(start_time=hour(12), end_time=hour(13), working_days=week, tz=local),
        package.HolidayRule(off, tz=local),
    ])  # fmt: skip
    return Counter(
        lambda moment: local.localize(moment.replace(tzinfo=None)), rules.difference,
        lambda found: found.hours * 3600 + found.seconds, 30,
    )  # fmt: skip


def business_duration(calendar: Calendar) -> Counter:
    count = importlib.import_module("business_duration").businessDuration
    holidays = dict.fromkeys(sorted(calendar.holidays), "off")
    morning, afternoon = (hour(9), hour(12)), (hour(13), hour(18))

    def ask(a: datetime, b: datetime) -> float:
        return sum(  # type: ignore[no-any-return]
            count(a, b, opens, closes, weekendlist=[5, 6], holidaylist=holidays, unit="sec")
            for opens, closes in (morning, afternoon)
        )

    return Counter(lambda moment: moment.replace(tzinfo=None), ask, float, 200)


PACKAGES: dict[str, tuple[str, Callable[[Calendar], Counter]]] = {
    "businesstimedelta": ("businesstimedelta", business_timedelta),
    "business-duration": ("business_duration", business_duration),
}


def office() -> Calendar:
    """Return the calendar that all of them can count with."""
    return Calendar(ZONE, holidays=load_calendar(["CN"], ZONE).holidays)


def intervals(days: int, count: int) -> list[Pair]:
    dice = random.Random(days)
    found = []
    for _ in range(count):
        start = datetime(2023, 1, 1, tzinfo=ZONE) + timedelta(seconds=dice.randrange(3 * 365 * 86_400))
        found.append((start, start + timedelta(seconds=round(days * 86_400 * dice.uniform(0.7, 1.3)))))
    return found


def seconds_a_call(ask: Callable[[Any, Any], Any], pairs: Sequence[tuple[Any, Any]], least: float) -> float:
    calls, begin = 0, time.perf_counter()
    while True:
        for a, b in pairs:
            ask(a, b)
        calls += len(pairs)
        passed = time.perf_counter() - begin
        if passed >= least:
            return passed / calls


def differing(mine: Counter, other: Counter, pairs: Sequence[Pair]) -> int:
    """Return for how many intervals two of them disagree."""
    answers = ([c.seconds(c.ask(c.prepare(a), c.prepare(b))) for a, b in pairs] for c in (mine, other))
    return sum(left != right for left, right in zip(*answers, strict=True))


def compare(name: str, mine: Counter, other: Counter, rounds: int, least: float) -> bool:
    """Print a line for each length; tell whether every result is equal."""
    same = True
    for days in DAYS:
        pairs = intervals(days, other.intervals)
        fast, slow = ([(c.prepare(a), c.prepare(b)) for a, b in pairs] for c in (mine, other))
        took: tuple[list[float], list[float]] = [], []
        for _ in range(rounds):  # interleaved, so that a slow minute of the machine hits both
            took[0].append(seconds_a_call(mine.ask, fast, least))
            took[1].append(seconds_a_call(other.ask, slow, least))
        us, theirs = (statistics.median(times) * 1e6 for times in took)
        wrong = differing(mine, other, pairs)
        same = same and not wrong
        print(f"| {name} | {days} days | {us:.2f} | {theirs:,.1f} | {theirs / us:,.0f} | {wrong} of {len(pairs)} |")
    return same


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=0.02, help="least length of one measurement")
    chosen = options.parse_args()
    calendar = office()
    mine, same = ours(calendar), True
    print("| package | interval | ours us | theirs us | ratio | different results |\n|---|---|---|---|---|---|")
    for name, (module, make) in PACKAGES.items():
        try:
            other = make(calendar)
        except ModuleNotFoundError as error:
            if error.name not in {module, "pytz"}:
                raise
            print(f"| {name} | is not installed here: not compared; requirements-dev.lock has it | | | | |")
            continue
        same = compare(name, mine, other, chosen.rounds, chosen.seconds) and same
    if not same:
        print("results differ", file=sys.stderr)
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
