"""Clocks of a team's own: pauses, cycles, hours of departments, as a rules file writes them and from run to run."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import cache

from rules_world import ZONE, Timeline, at, clocks, overlay

from duban.rules.calendar import load_calendar
from duban.rules.clock import Clock
from duban.rules.evaluate import judge
from duban.rules.explain import explain_item
from duban.rules.givens import snapshot
from duban.rules.selftest import DIRECTORY

REPAIR = """
params:
  repair_time: {hours: 8, mode: wall}
clocks:
  repair:
    of: issue
    start: raised_at
    stop: resolved_at
    stop_when: not reopened
    running_when: not closed
    within: repair_time
    pause_when: 状态 == "暂停"
    reopens: true
rules:
  - id: FIX-01
    name: 修复超时
    of: issue
    clock: repair
    test: breached
    level: warn
    text: "第{cycle}轮，应于{deadline}前修复"
  - id: FIX-02
    name: 等待中
    of: issue
    clock: repair
    test: paused and running
    level: info
    text: "剩余{remaining}"
"""
REPAIR = REPAIR.replace("    stop_when: not reopened\n", '    stop_when: 状态 != "进行中"\n')


@cache
def book(text: str = REPAIR):
    return overlay(text)


def issue(**cells):
    return Timeline.of({"of": "issue", "编号": "Q1", "提出时间": "2024-07-15 09:00", "责任人": "张三", "响应时间": "2024-07-15 09:05",
                        "解决方案": "重启", "状态": "进行中", **cells}, book=book())  # fmt: skip


def own(verdict) -> list[str]:
    return [finding.rule for finding in verdict.findings if finding.rule.startswith("FIX")]


def reading(line: Timeline, name: str = "repair"):
    return line.judging.world.contexts[0].clock(name)


def deadline(line: Timeline) -> str:
    return f"{reading(line).deadline:%d %H:%M}"


# --- pauses


def test_a_pause_moves_the_deadline():
    line = issue()
    assert own(line.run("2024-07-15 10:00")) == []
    assert deadline(line) == "15 17:00"
    assert own(line.run("2024-07-15 11:00", status="暂停")) == ["FIX-02"]
    assert (reading(line).paused, deadline(line)) == (True, "15 17:00")
    assert own(line.run("2024-07-15 13:00")) == ["FIX-02"]
    assert deadline(line) == "15 19:00"
    assert own(line.run("2024-07-15 14:00", status="进行中")) == []
    assert deadline(line) == "15 20:00"
    assert own(line.run("2024-07-15 20:00")) == []
    assert own(line.run("2024-07-15 20:01")) == ["FIX-01"]


def test_a_clock_that_stands_still_cannot_be_breached_nor_near():
    line = issue()
    line.run("2024-07-15 16:30", status="暂停")
    assert own(line.run("2024-07-18 09:00")) == ["FIX-02"]
    assert reading(line).state == "计时中"
    assert reading(line).remaining == timedelta(minutes=30)
    line.run("2024-07-18 09:00", status="进行中")
    assert reading(line).state == "即将超时"


def test_a_breach_stays_one_when_the_clock_is_paused_afterwards():
    line = issue()
    line.run("2024-07-15 18:00")
    assert own(line.run("2024-07-15 19:00", status="暂停")) == ["FIX-01"]


def test_the_same_moment_twice_says_the_same():
    line = issue()
    line.run("2024-07-15 11:00", status="暂停")
    once = line.items["Q1"].memory
    line.run("2024-07-15 11:00")
    assert line.items["Q1"].memory == once
    line.run("2024-07-15 11:00", status="进行中")  # seen paused at one moment only: that was none
    assert line.items["Q1"].memory.clocks[0].pauses == ()


def test_what_a_clock_counted_is_explained_exactly():
    line = issue()
    for moment, status in (("11:00", "暂停"), ("12:30", "进行中"), ("15:00", "暂停"), ("15:45", "进行中")):
        line.run(f"2024-07-15 {moment}", status=status)
    line.run("2024-07-15 18:00")
    life = next(each for each in explain_item(line.judging, line.judging.world.contexts[0]).clocks if each.name == "repair")
    assert [(part.kind, part.length) for part in life.segments] == [
        ("running", timedelta(hours=2)), ("paused", timedelta(hours=1, minutes=30)), ("running", timedelta(hours=2, minutes=30)),
        ("paused", timedelta(minutes=45)), ("running", timedelta(hours=2, minutes=15)),
    ]  # fmt: skip
    assert life.counted == timedelta(hours=6, minutes=45) == sum((part.counted for part in life.segments), timedelta())
    assert life.wall == timedelta(hours=9)


# --- cycles


def test_a_reopened_item_starts_a_new_cycle():
    line = issue()
    line.run("2024-07-15 12:30", status="已完成", resolved_at="2024-07-15 12:00")
    assert (reading(line).state, reading(line).cycle) == ("按时完成", 1)
    line.run("2024-07-16 14:00", status="进行中", resolved_at=None)
    assert (reading(line).cycle, deadline(line), reading(line).started_now) == (2, "16 22:00", True)
    line.run("2024-07-16 14:00")
    assert (reading(line).cycle, deadline(line)) == (2, "16 22:00")
    verdict = line.run("2024-07-16 22:01")
    assert [f.text for f in verdict.findings if f.rule == "FIX-01"] == ["第2轮，应于2024-07-16 22:00 (周二)前修复"]
    line.run("2024-07-16 23:30", status="已完成", resolved_at="2024-07-16 23:00")
    assert reading(line).state == "超时完成"
    line.run("2024-07-17 08:00", status="进行中", resolved_at=None)
    assert (reading(line).cycle, deadline(line)) == (3, "17 16:00")


def test_a_new_cycle_has_its_own_pauses():
    line = issue()
    line.run("2024-07-15 10:00", status="暂停")
    line.run("2024-07-15 12:00", status="已完成", resolved_at="2024-07-15 12:00")
    line.run("2024-07-15 14:00", status="进行中", resolved_at=None)
    assert (deadline(line), reading(line).pauses) == ("15 22:00", ())


def test_a_start_that_was_written_anew_is_the_start_of_the_cycle():
    line = issue()
    line.run("2024-07-15 12:30", status="已完成", resolved_at="2024-07-15 12:00")
    line.run("2024-07-16 14:00", status="进行中", resolved_at=None, raised_at="2024-07-16 13:30")
    assert (reading(line).cycle, deadline(line)) == (2, "16 21:30")


def test_without_reopens_the_clock_runs_on_from_its_start():
    text = REPAIR.replace("    reopens: true\n", "")
    line = Timeline.of({"of": "issue", "编号": "Q1", "提出时间": "2024-07-15 09:00", "状态": "进行中"}, book=book(text))
    line.run("2024-07-15 10:00", status="暂停")
    line.run("2024-07-15 11:00", status="进行中")
    line.run("2024-07-15 12:30", status="已完成", resolved_at="2024-07-15 12:00")
    line.run("2024-07-15 14:00", status="进行中", resolved_at=None)
    assert (reading(line).cycle, deadline(line)) == (1, "15 18:00")  # one hour of pause


def test_a_stop_of_an_earlier_cycle_does_not_stop_the_next():
    text = REPAIR.replace("    running_when: not closed\n", "").replace('状态 != "进行中"', '状态 in ["已完成", "取消"]')
    line = Timeline.of({"of": "issue", "编号": "Q1", "提出时间": "2024-07-15 09:00", "状态": "进行中"}, book=book(text))
    line.run("2024-07-15 12:30", status="已完成", resolved_at="2024-07-15 12:00")
    line.run("2024-07-15 14:00", status="进行中")
    assert (reading(line).cycle, reading(line).state) == (2, "计时中")
    line.run("2024-07-15 15:00", status="已完成")  # the cell still shows the first stop
    assert (reading(line).cycle, reading(line).state) == (2, "计时中")
    line.run("2024-07-15 15:30", resolved_at="2024-07-15 15:00")
    assert (reading(line).cycle, reading(line).state) == (2, "按时完成")


def test_a_clock_of_the_present_status_needs_no_memory_of_its_own():
    text = """
params: {look_at_it: {hours: 4, mode: workhours}}
clocks: {looked: {of: task, start: 现状态起始, when: 状态 == "待审核", within: look_at_it}}
rules: [{id: FIX-03, name: 审核慢, of: task, clock: looked, test: breached, level: warn, text: "{deadline}"}]
"""
    line = Timeline.of({"of": "task", "编号": "T1", "状态": "进行中"}, book=book(text))
    line.run("2024-07-15 09:00")
    assert own(line.run("2024-07-15 10:00", status="待审核")) == []
    assert deadline_of(line, "looked") == "15 15:00"  # noon is no working time
    assert own(line.run("2024-07-15 15:01")) == ["FIX-03"]
    assert own(line.run("2024-07-16 09:00", status="进行中")) == []
    assert own(line.run("2024-07-17 17:00", status="待审核")) == []
    assert deadline_of(line, "looked") == "18 12:00"


def deadline_of(line: Timeline, name: str) -> str:
    return f"{reading(line, name).deadline:%d %H:%M}"


# --- hours of departments


def test_a_clock_runs_by_the_hours_of_the_department(tmp_path):
    path = tmp_path / "ours.yaml"
    path.write_text('hours: ["09:00-12:00", "13:00-18:00"]\ndepartments: {客服部: {hours: ["08:00-22:00"]}}\n', encoding="utf-8")
    text = REPAIR.replace("mode: wall", "mode: workhours")
    rows = [{"of": "issue", "编号": name, "提出时间": "2024-07-15 09:00", "状态": "进行中", "责任人": who}
            for name, who in (("Q1", "张三"), ("Q2", "赵六"))]  # fmt: skip
    line = Timeline.of(*rows, book=book(text))
    shot = snapshot(line.items, {}, DIRECTORY, ZONE, None)
    judging = judge(line.book, shot, now=at("2024-07-15 10:00"), zone=ZONE, clocks=Clock(load_calendar(["CN", path], ZONE)),
                    directory=DIRECTORY)  # fmt: skip
    assert [f"{context.clock('repair').deadline:%H:%M}" for context in judging.world.contexts] == ["18:00", "17:00"]


# --- against counting by hand


def test_pauses_and_cycles_agree_with_a_count_minute_by_minute():
    chance = random.Random(20240724)
    seen = {"breached": 0, "cycles": 0, "paused": 0}
    for _ in range(60):
        mode, hours = chance.choice(["wall", "workday24", "workhours"]), chance.choice([3, 8, 20])
        text = REPAIR.replace("{hours: 8, mode: wall}", f"{{hours: {hours}, mode: {mode}}}")
        line = Timeline.of({"of": "issue", "编号": "Q1", "提出时间": "2024-07-19 10:00", "状态": "进行中"}, book=book(text))
        hand, moment = _Hand(mode, hours), datetime(2024, 7, 19, 10, tzinfo=ZONE)
        for _ in range(9):
            moment += timedelta(minutes=chance.choice([1, 60, 177, 400, 1440]))
            status = chance.choice(["进行中", "进行中", "暂停", "已完成"])
            cells = {"status": status, "resolved_at": moment if status == "已完成" else None}
            line.items["Q1"].cells.update(cells)
            line.again(moment)
            hand.see(moment, status)
            found = reading(line)
            if status != "已完成":
                assert (found.state == "已超时", found.cycle, found.paused) == (hand.breached, hand.cycle, status == "暂停")
                assert found.state == "已超时" or found.remaining == hand.left
                seen["breached"] += hand.breached
                seen["cycles"] += hand.cycle > 1
                seen["paused"] += bool(found.pauses)
    assert min(seen.values()) > 20, seen


class _Hand:
    """Counts minutes of a mode one by one while the item is open and not paused."""

    def __init__(self, mode: str, hours: int) -> None:
        self.mode, self.limit, self.minutes, self.cycle = mode, hours * 60, 0, 1
        self.last, self.status = at("2024-07-19 10:00"), "进行中"

    def see(self, moment: datetime, status: str) -> None:
        if self.status == "进行中":
            while self.last < moment:
                self.minutes += self._counts(self.last)
                self.last += timedelta(minutes=1)
        if self.status == "已完成" and status != "已完成":
            self.cycle, self.minutes = self.cycle + 1, 0
        self.last, self.status = moment, status

    def _counts(self, minute: datetime) -> bool:
        if self.mode == "wall":
            return True
        working = clocks().calendar.is_workday(minute.date())
        hour = minute.hour
        return working and (self.mode == "workday24" or 9 <= hour < 12 or 13 <= hour < 18)

    @property
    def breached(self) -> bool:
        return self.minutes > self.limit

    @property
    def left(self) -> timedelta:
        return timedelta(minutes=self.limit - self.minutes)
