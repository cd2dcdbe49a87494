"""Whole lives of clocks - paused, stopped, opened again - as the engine reads them, against a count of every minute.

Many issues live through the same moments, each in its own way; the engine judges them as it would from run to run.
What it says of each clock - cycle, state, deadline, time counted, segments - is worked out a second time from a list of
minutes. ``DUBAN_CASES=100000`` plays as many lives in each mode and zone.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from rules_world import QUIET, given, overlay, with_params
from test_clock import BERLIN, SHANGHAI, SHIFTS, YEARS, World, world

from duban.rules.clock import MODES, Mode
from duban.rules.evaluate import Judging, judge
from duban.rules.explain import explain_item, life_of
from duban.rules.givens import Given, snapshot
from duban.rules.selftest import DIRECTORY

CASES = int(os.environ.get("DUBAN_CASES", "200"))
BATCH, RUNS = 50, 7
MINUTE = timedelta(minutes=1)
SOON = 0.25
PACK = """
params: {repair_time: {hours: HOURS, mode: MODE}}
clocks:
  repair:
    of: issue
    start: raised_at
    stop: resolved_at
    stop_when: 状态 == "已完成"
    running_when: 状态 != "已完成"
    within: repair_time
    pause_when: 状态 == "暂停"
    reopens: true
rules:
  - {id: FIX-01, name: 修复超时, of: issue, clock: repair, test: breached, level: warn, text: "应于{deadline}前修复"}
"""


@cache
def book(hours: int, mode: Mode):
    return overlay(PACK.replace("HOURS", str(hours)).replace("MODE", mode))


@cache
def minutes(zone: ZoneInfo) -> World:
    return world("office", zone, SHIFTS["office"])


@dataclass
class Life:
    """One issue in minutes of ``YEARS``: what a person who wrote down every minute would know of its clock."""

    raised: int
    cycle: int = 1
    start: int = 0
    status: str = "进行中"
    pauses: list[tuple[int, int]] = field(default_factory=list)
    paused_since: int | None = None
    stopped: int | None = None

    def see(self, now: int, status: str, stopped: int | None) -> None:
        """A run at ``now`` sees a status."""
        if self.status == "已完成" and status != "已完成":
            self.cycle, self.start, self.pauses, self.paused_since, self.stopped = self.cycle + 1, now, [], None, None
        if self.paused_since is not None and status != "暂停":
            self.pauses.append((self.paused_since, now))
            self.paused_since = None
        elif status == "暂停" and self.paused_since is None:
            self.paused_since = now
        self.status, self.stopped = status, stopped if status == "已完成" else None

    def standing(self, now: int) -> list[tuple[int, int]]:
        """The minutes in which the clock stood still."""
        return self.pauses if self.paused_since is None else [*self.pauses, (self.paused_since, now)]

    def runs(self, truth: bytes, now: int) -> bytearray:
        """One byte for every minute from the start on: whether the clock ran in it."""
        ticks = bytearray(truth[self.start : self.start + 200_000])
        for lo, hi in self.standing(now):
            ticks[lo - self.start : hi - self.start] = bytes(hi - lo)
        return ticks


def next_status(dice: random.Random, status: str) -> str:
    if status == "已完成":
        return dice.choice(["已完成", "进行中", "进行中"])
    return dice.choice(["进行中", "暂停", "暂停", "已完成", status])


def moments(dice: random.Random) -> list[int]:
    """When the runs of a batch are: near weekends and holidays, and around the night in which Berlin sets its clocks."""
    change = int((datetime(2024, 10, 27, 1, tzinfo=UTC) - YEARS[0]) / MINUTE)
    first = dice.choice([change - dice.randrange(6000), change - 90, dice.randrange(20_000, 300_000)])
    length = dice.choice([40, 700, 4000])
    return sorted({first + dice.randrange(RUNS * length) for _ in range(RUNS)})


@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_every_life_is_as_a_count_of_every_minute_says(mode: Mode, zone: ZoneInfo) -> None:
    dice = random.Random(f"{mode} {zone}")
    where, seen = minutes(zone), dict.fromkeys(["cycles", "paused", "late", "soon", "breached", "stopped"], 0)
    for _ in range(max(1, CASES // BATCH)):
        batch(dice, where, mode, zone, seen)
    assert min(seen.values()) > 0, seen


def batch(dice: random.Random, where: World, mode: Mode, zone: ZoneInfo, seen: dict[str, int]) -> None:
    hours, runs = dice.choice([1, 2, 8, 24]), moments(dice)
    lives = [Life(raised := runs[0] - dice.choice([5, 400, 3000]) + dice.randrange(3), start=raised) for _ in range(BATCH)]
    items = {
        f"Q{n}": Given(f"Q{n}", "issue", "workbook", {"code": f"Q{n}", "raised_at": text(life.raised)})
        for n, life in enumerate(lives)
    }
    for now in runs:
        for life, item in zip(lives, items.values(), strict=True):
            status = next_status(dice, life.status)
            stop = life.stopped or dice.randrange(max(life.start, now - 300), now + 1)
            life.see(now, status, stop)
            item.cells |= {"status": status, "resolved_at": text(stop) if status == "已完成" else None}
        judging = judge(
            book(hours, mode), snapshot(items, {}, DIRECTORY, zone, None), now=instant(now), zone=zone,
            clocks=where.clock, directory=DIRECTORY,
        )  # fmt: skip
        for verdict, item in zip(judging.judgement().verdicts, items.values(), strict=True):
            item.memory = verdict.memory
        for number, life in enumerate(lives):
            check(judging, number, life, where.minutes[mode], now, hours * 60, seen)


def check(judging: Judging, number: int, life: Life, truth: bytes, now: int, wanted: int, seen: dict[str, int]) -> None:
    context = judging.world.contexts[number]
    reading, shown = context.clock("repair"), life_of(judging, context, "repair")
    ticks = life.runs(truth, now)
    end = now if life.stopped is None else life.stopped
    counted = ticks[: max(0, end - life.start)].count(1)
    deadline = nth(ticks, wanted)
    place = (str(context.item.ref), instant(now), life)
    assert (reading.cycle, minute(reading.start), minute(reading.deadline)) == (life.cycle, life.start, life.start + deadline), place
    assert reading.state == state(life, end - life.start > deadline, wanted - counted, wanted, now), place
    assert ("FIX-01" in context.hits) is (reading.state == "已超时"), place
    if reading.state == "计时中" or reading.state == "即将超时":
        assert reading.remaining == (wanted - counted) * MINUTE, place
    assert shown is not None
    assert (shown.counted, shown.state, shown.cycle) == (counted * MINUTE, reading.state, life.cycle), place
    assert shown.wall == max(0, end - life.start) * MINUTE == sum((part.length for part in shown.segments), timedelta()), place
    assert sum((part.counted for part in shown.segments), timedelta()) == shown.counted, place
    at = life.start
    for part in shown.segments:
        lo, hi = minute(part.start), minute(part.end)
        assert lo == at
        at = hi
        assert ticks[lo - life.start : hi - life.start] == (b"\1" if part.kind == "running" else b"\0") * (hi - lo), place
        assert (part.kind == "paused") is any(a <= lo < b for a, b in life.standing(now)), place
    if number % 97 == 0:  # the whole explanation, as people get it
        explanation = explain_item(judging, context)
        assert shown in explanation.clocks
        assert explanation.to_json()["clocks"][0]["counted_seconds"] >= 0
    seen["cycles"] += life.cycle > 1
    seen["paused"] += reading.paused
    for word, name in (("超时完成", "late"), ("即将超时", "soon"), ("已超时", "breached"), ("按时完成", "stopped")):
        seen[name] += reading.state == word


def state(life: Life, over: bool, left: int, wanted: int, now: int) -> str:
    if life.stopped is not None:
        return "超时完成" if over else "按时完成"
    if over:
        return "已超时"
    fresh = life.cycle > 1 and life.start == now  # a clock that starts at this moment is not near its end
    return "即将超时" if left <= SOON * wanted and not fresh and life.paused_since is None else "计时中"


def nth(ticks: bytearray, wanted: int) -> int:
    """The first place with so many minutes counted before it."""
    place = -1
    for _ in range(wanted):
        place = ticks.index(1, place + 1)
    return place + 1


def instant(number: int) -> datetime:
    return YEARS[0] + number * MINUTE


def minute(moment: datetime | None) -> int:
    assert moment is not None
    return (moment.astimezone(UTC) - YEARS[0]) // MINUTE


def text(number: int) -> str:
    return instant(number).isoformat()


# --- the hour that comes twice


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2024-10-27T00:29+00:00", "滞后预警已发"),  # 02:29, the first time
        ("2024-10-27T00:30+00:00", "滞后预警已发"),  # 02:30, the deadline itself
        ("2024-10-27T00:31+00:00", "超时未说明"),
        ("2024-10-27T01:15+00:00", "超时未说明"),  # 02:15 on the wall again, 45 minutes after the deadline
    ],
)
def test_a_notice_is_over_when_its_time_is_over_whatever_the_clock_on_the_wall_shows(now: str, state: str) -> None:
    book = with_params(explain={"hours": 48, "mode": "wall"})
    task = given({**QUIET, "截止日期": "2024-10-18"})
    for moment in ("2024-10-25T00:30+00:00", now):
        judging = judge(
            book, snapshot(task, {}, DIRECTORY, BERLIN, None), now=datetime.fromisoformat(moment), zone=BERLIN,
            clocks=minutes(BERLIN).clock, directory=DIRECTORY,
        )  # fmt: skip
        (verdict,) = judging.judgement().verdicts
        task["T1"].memory = verdict.memory
    assert verdict.alert.explain_deadline.astimezone(UTC) == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert verdict.state == state
    assert ("EXP-01" in verdict.rules) is (state == "超时未说明")
    life = life_of(judging, judging.world.contexts[0], "explain")
    assert (life.wall > life.duration) is (state == "超时未说明")
