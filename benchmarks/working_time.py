"""Working time between two instants: duban's clock against businesstimedelta and business-duration.

    python benchmarks/working_time.py [--intervals 60] [--rounds 5] [--install]

Office hours 09:00-12:00 and 13:00-18:00 in Asia/Shanghai with the public holidays of 2023-2026. Prints the median time
of a call for intervals of about 3, 30 and 180 days, the ratio to ours, and how many results differ: over all intervals,
and over those without a make-up workday, which neither package knows. A package that cannot be imported is named and
left out; ``--install`` fetches the missing ones into a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from datetime import time as hour
from zoneinfo import ZoneInfo

from duban.rules.calendar import Calendar, load_calendar
from duban.rules.clock import Clock

ZONE = ZoneInfo("Asia/Shanghai")
PACKAGES = {"businesstimedelta": "businesstimedelta", "business-duration": "business_duration"}
Measure = Callable[[datetime, datetime], timedelta]


def ours(calendar: Calendar) -> Measure:
    clock = Clock(calendar)
    clock.elapsed(datetime(2024, 1, 1, tzinfo=ZONE), datetime(2024, 1, 2, tzinfo=ZONE), "workhours")  # builds the table
    return lambda a, b: clock.elapsed(a, b, "workhours")


def business_timedelta(calendar: Calendar) -> Measure:
    package = importlib.import_module("businesstimedelta")
    pytz = importlib.import_module("pytz")
    week = list(range(5))
    # a far last holiday: the package fails after the last one it knows
    off = dict.fromkeys((*calendar.holidays, date(2029, 1, 1)), "off")
    rules = package.Rules([
        package.WorkDayRule(start_time=hour(9), end_time=hour(18), working_days=week, tz=pytz.timezone(ZONE.key)),
        package.LunchTimeRule(start_time=hour(12), end_time=hour(13), working_days=week, tz=pytz.timezone(ZONE.key)),
        package.HolidayRule(off, tz=pytz.timezone(ZONE.key)),
    ])  # fmt: skip
    local = pytz.timezone(ZONE.key)

    def measure(a: datetime, b: datetime) -> timedelta:
        found = rules.difference(local.localize(a.replace(tzinfo=None)), local.localize(b.replace(tzinfo=None)))
        return timedelta(hours=found.hours, seconds=found.seconds)

    return measure


def business_duration(calendar: Calendar) -> Measure:
    package = importlib.import_module("business_duration")
    holidays = dict.fromkeys(sorted(calendar.holidays), "off")

    def measure(a: datetime, b: datetime) -> timedelta:
        shifts = ((window.start, window.end) for window in calendar.windows())
        hours = [(hour(start // 60), hour(end // 60)) for start, end in shifts]
        minutes = sum(
            package.businessDuration(a.replace(tzinfo=None), b.replace(tzinfo=None), opens, closes,
                                     weekendlist=[5, 6], holidaylist=holidays, unit="min")
            for opens, closes in hours
        )  # fmt: skip
        return timedelta(minutes=round(minutes))

    return measure


def intervals(days: int, count: int) -> list[tuple[datetime, datetime]]:
    dice = random.Random(days)
    found = []
    for _ in range(count):
        start = datetime(2023, 1, 1, tzinfo=ZONE) + timedelta(minutes=dice.randrange(3 * 365 * 1440))
        found.append((start, start + timedelta(minutes=round(days * 1440 * dice.uniform(0.7, 1.3)))))
    return found


def seconds_a_call(measure: Measure, pairs: list[tuple[datetime, datetime]]) -> float:
    begin = time.perf_counter()
    for a, b in pairs:
        measure(a, b)
    return (time.perf_counter() - begin) / len(pairs)


def differing(mine: Measure, other: Measure, pairs: list[tuple[datetime, datetime]]) -> int:
    return sum(abs(mine(a, b) - other(a, b)) > timedelta(seconds=1) for a, b in pairs)


def compare(name: str, mine: Measure, other: Measure, calendar: Calendar, count: int, rounds: int) -> None:
    for days in (3, 30, 180):
        pairs = intervals(days, count)
        fast, slow = [], []
        for _ in range(rounds):  # interleaved, so that a slow minute of the machine hits both
            fast.append(seconds_a_call(mine, pairs))
            slow.append(seconds_a_call(other, pairs))
        ours_us, theirs_us = statistics.median(fast) * 1e6, statistics.median(slow) * 1e6
        plain = [(a, b) for a, b in pairs if not any(a.date() <= day <= b.date() for day in calendar.workdays)]
        print(f"{name:18} {days:4} d   ours {ours_us:6.1f} us   theirs {theirs_us:9.1f} us"
              f"   ratio {theirs_us / ours_us:7.0f}   differ {differing(mine, other, pairs)} of {len(pairs)},"
              f" without make-up workdays {differing(mine, other, plain)} of {len(plain)}")  # fmt: skip


@contextlib.contextmanager
def fetched(wanted: bool) -> Iterator[None]:
    """Make the missing packages importable for the time of the run."""
    missing = [name for name, module in PACKAGES.items() if not importable(module)]
    if not wanted or not missing:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="working-time-") as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, *missing, "pytz"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"could not install {', '.join(missing)}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        yield


def importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--intervals", type=int, default=60)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--install", action="store_true")
    chosen = options.parse_args()
    calendar = load_calendar(["CN"], ZONE)
    mine = ours(calendar)
    makers = {"businesstimedelta": business_timedelta, "business-duration": business_duration}
    with fetched(chosen.install):
        for name, maker in makers.items():
            if importable(PACKAGES[name]):
                compare(name, mine, maker(calendar), calendar, chosen.intervals, chosen.rounds)
            else:
                print(f"{name:18} is not installed here: not compared (--install fetches it for the run)")


if __name__ == "__main__":
    main()
