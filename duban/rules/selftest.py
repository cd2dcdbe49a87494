"""The tests that are written in rules files: items, moments on a simulated clock, what must hold at each.

    tests:
      - name: 周五傍晚的突发问题
        now: 2024-07-19T17:30:00+08:00
        given: [{of: issue, 编号: Q1, 提出时间: 2024-07-19 15:00, 责任人: 张三}]
        expect: {Q1: [ISS-02]}                       # exactly these, of the rules compared
        sends: {Q1: [突发问题超时]}                   # exactly these templates; 规范提醒 is not listed
        steps:
          - now: 2024-07-19 18:00
            set: {Q1: {响应时间: 2024-07-19 17:50, 解决方案: 启用备用产线}}
            expect: {Q1: {rules: [ISS-03], sla: 超时完成}}

Compared are the rules that ``rules:`` names (``LAG-*`` for any ending), else those that the file itself defines or
changes, else all. What an item is (``given``) is told in :mod:`givens`, what may be expected in :mod:`expectations`,
how it is compared in :mod:`comparing`. What is remembered goes from one moment to the next as it does between two
cycles, so a second moment without changes sends nothing again.

Unless the caller says otherwise, tests run in China's calendar with a small directory (:data:`DIRECTORY`): six
departments, each with its head (市场部负责人), superior (市场部上级), liaison (市场部联络人) and one member.
``params`` of a test override the book's, ``enable`` switches rules on for it. A test that names what does not exist,
or that asserts nothing, fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from duban.errors import ConfigError, Problem
from duban.item import KINDS
from duban.people import Department, Directory
from duban.rules.book import Place, Rule
from duban.rules.calendar import Calendar, load_calendar
from duban.rules.clock import Clock
from duban.rules.comparing import Comparison, Seen
from duban.rules.compiled import CompiledBook
from duban.rules.entries import Expectation, TestEntry
from duban.rules.evaluate import Snapshot, judge
from duban.rules.expectations import Words
from duban.rules.givens import Given, headings, moment, read_cells, read_given, snapshot
from duban.rules.testreport import TestReport, TestResult
from duban.rules.waiverfile import WaiverReading
from duban.rules.waivers import Waivers
from duban.yamlfile import nearest

ZONE = ZoneInfo("Asia/Shanghai")
_MEMBERS = {"市场部": "李四", "研发部": "张三", "销售部": "王五", "客服部": "赵六", "物流部": "钱七", "法务部": "孙八"}
DIRECTORY = Directory(
    {
        name: Department(name, f"{name}负责人", f"{name}上级", f"{name}联络人", (f"{name}联络人", member))
        for name, member in _MEMBERS.items()
    }
)


def run_tests(
    book: CompiledBook,
    *,
    zone: ZoneInfo = ZONE,
    calendar: Calendar | None = None,
    directory: Directory = DIRECTORY,
) -> TestReport:
    """Run the tests of all files of a book. Tests write nothing and send nothing; mistakes in them are results."""
    clocks = Clock(calendar or load_calendar(["CN"], zone))
    return report(book, list(each_result(book, zone=zone, clocks=clocks, directory=directory)))


def each_result(
    book: CompiledBook,
    order: Sequence[int] | None = None,
    *,
    clocks: Clock,
    zone: ZoneInfo = ZONE,
    directory: Directory = DIRECTORY,
) -> Iterator[TestResult]:
    """Yield the results of a book's tests one by one, as each is run; ``order`` picks some by their index."""
    tests = book.book.tests
    world = _Fixture(book, zone, clocks, directory)
    for index in range(len(tests)) if order is None else order:
        entry, place = tests[index]
        yield _Run(world, entry, place).result()


def report(book: CompiledBook, results: Sequence[TestResult]) -> TestReport:
    """Return the results with the rules that no test made fire, and those that no test kept silent."""
    fired = {rule for result in results for rule in result.fired}
    silent = {rule for result in results for rule in result.silent}
    counted = sorted(rule.id for rule in _counted(book, results))
    return TestReport(
        tuple(results),
        tuple(rule for rule in counted if rule not in fired),
        tuple(rule for rule in counted if rule not in silent),
        len(counted),
    )


def _counted(book: CompiledBook, results: Sequence[TestResult]) -> Iterator[Rule]:
    """The rules that tests should cover: those that some test compares. One that a later file switched off needs no
    test any more; one that is off where it was written does (``enable``)."""
    named = {rule for result in results for rule in result.compared | result.enabled}
    for rule in book.book.rules.values():
        if rule.id in named and (rule.entry.enabled or rule.place("enabled").document is rule.place("test").document):
            yield rule


class _Fixture:
    """What all tests of a book share; a book per set of parameters and rules that are switched on."""

    def __init__(self, book: CompiledBook, zone: ZoneInfo, clocks: Clock, directory: Directory) -> None:
        self.book, self.zone, self.directory = book, zone, directory
        self._clocks = clocks
        self._books: dict[str, CompiledBook] = {"[{}, []]": book}
        self._clock_of: dict[str, Clock] = {}

    def changed(self, params: Mapping[str, Any], enabled: frozenset[str], place: Place) -> CompiledBook:
        """Return the book with a test's parameters and rules. Raises ``ConfigError``, pointing into the test."""
        key = json.dumps([params, sorted(enabled)], sort_keys=True, default=str)
        if key not in self._books:
            before = self.book.book
            here = {name: Place(place.document, (*place.location, "params", name)) for name in params}
            merged = {
                name: {**before.params[name], **value}
                if isinstance(value, Mapping) and isinstance(before.params.get(name), Mapping)
                else value
                for name, value in params.items()
            }
            on = {
                name: replace(before.rules[name], entry=before.rules[name].entry.model_copy(update={"enabled": True}))
                for name in enabled
            }
            book = replace(
                before,
                rules={**before.rules, **on},
                params={**before.params, **merged},
                param_places={**before.param_places, **here},
            )
            self._books[key] = CompiledBook(book)
        return self._books[key]

    def clocks(self, book: CompiledBook) -> Clock:
        """Return clocks with the working hours of a book."""
        windows = [str(window) for window in book.params.get("work_windows", ())]
        key = ",".join(windows)
        if key not in self._clock_of:
            calendar = self._clocks.calendar.with_default_hours(windows) if windows else self._clocks.calendar
            same = calendar.hours == self._clocks.calendar.hours
            self._clock_of[key] = self._clocks if same else Clock(calendar)
        return self._clock_of[key]


class _Run:
    """One test."""

    def __init__(self, fixture: _Fixture, entry: TestEntry, place: Place) -> None:
        self.fixture, self.entry, self.place = fixture, entry, place
        self.problems: list[Problem] = []
        self.seen = Seen()
        self.compared: frozenset[str] = frozenset()
        self.enabled: frozenset[str] = frozenset()

    def result(self) -> TestResult:
        """Run the test and return how it went."""
        try:
            self._run()
        except ConfigError as error:
            self.problems += error.problems
        spot = self.place.problem("", on_key=False)
        return TestResult(
            self.entry.name, spot.path, spot.line, tuple(self.problems), self.compared, self.enabled,
            frozenset(self.seen.fired), frozenset(self.seen.silent),
        )  # fmt: skip

    def _say(self, part: Sequence[str | int], sentence: str, *, on_key: bool = False) -> None:
        self.problems.append(self.place.problem(sentence, part=part, on_key=on_key))

    def _say_of_given(self, part: Sequence[str | int], sentence: str) -> None:
        of_field = len(part) > 1 and part[-1] != "of"
        self._say(("given", *part), sentence, on_key=of_field)

    def _run(self) -> None:
        entry, zone = self.entry, self.fixture.zone
        self.enabled = self._named("enable", entry.enable)
        book = self.fixture.changed(entry.params, self.enabled, self.place)
        self.compared = self._compared(book)
        given = read_given(entry.given, zone, self._say_of_given)
        unmapped = self._unmapped()
        swapped = {kind: names for kind, names in entry.swapped_headings.items() if self._is_kind(kind, entry)}
        unread = [kind for kind in entry.unread if self._is_kind(kind, entry)]
        waivers = self._waivers(book)
        words = Words(book, self.compared, given, _tables(given), zone, self._say)
        last: datetime | None = None
        for step, part in self._moments():
            now = self._now(step, part, last)
            for name, cells in step.set.items():
                self._set(given, name, cells, (*part, "set", name))
            words.check(step, part)
            if now is None or self.problems:
                continue  # the mistakes of all steps are told at once; nothing is judged with them
            shot = snapshot(given, unmapped, self.fixture.directory, zone, last, swapped=swapped, unread=unread)
            self._judge(words, replace(shot, waivers=waivers), now, step, part)
            last = now
        if not self.problems and not self.seen.asserted:
            self._say((), "this test asserts nothing; say under expect or sends what must hold")

    def _judge(
        self, words: Words, shot: Snapshot, now: datetime, step: Expectation, part: tuple[str | int, ...]
    ) -> None:
        directory, clocks = self.fixture.directory, self.fixture.clocks(words.book)
        judging = judge(words.book, shot, now=now, zone=self.fixture.zone, clocks=clocks, directory=directory)
        Comparison(words, judging, self.seen).run(step, part)

    # --- what the test says

    def _compared(self, book: CompiledBook) -> frozenset[str]:
        rules = book.book.rules
        if self.entry.rules is None:
            path = self.place.document.path
            own = {rule.id for rule in rules.values() if any(at.document.path == path for at in rule.places.values())}
            return frozenset(own or rules)
        return self._named("rules", self.entry.rules)

    def _named(self, key: str, patterns: Sequence[str]) -> frozenset[str]:
        rules = self.fixture.book.book.rules
        for index, pattern in enumerate(patterns):
            if not any(fnmatchcase(rule, pattern) for rule in rules):
                self._say((key, index), f"there is no rule {pattern}" + _or(nearest(pattern, rules)))
        return frozenset(rule for rule in rules if any(fnmatchcase(rule, pattern) for pattern in patterns))

    def _moments(self) -> Iterator[tuple[Expectation, tuple[str | int, ...]]]:
        entry = self.entry
        if entry.expect or entry.sends is not None or not entry.steps:
            yield Expectation(now=entry.now, expect=entry.expect, sends=entry.sends), ()
        for index, step in enumerate(entry.steps):
            now = step.now if step.now is not None or index or entry.expect or entry.sends else entry.now
            yield step.model_copy(update={"now": now}), ("steps", index)

    def _now(self, step: Expectation, part: tuple[str | int, ...], last: datetime | None) -> datetime | None:
        if step.now is None:
            self._say(part, "this moment has no now; write one like 2024-07-22 09:00")
            return None
        now = moment(step.now, self.fixture.zone)
        if now is None:
            self._say((*part, "now"), f"{step.now!r} is no time; write it like 2024-07-22 09:00")
        elif last is not None and now < last:
            self._say((*part, "now"), "the clock of a test never goes back; order its steps by time")
        return now

    def _is_kind(self, kind: str, entry: TestEntry) -> bool:
        if kind in KINDS:
            return True
        key = "unmapped" if kind in entry.unmapped else "unread" if kind in entry.unread else "swapped_headings"
        part = (key, entry.unread.index(kind)) if key == "unread" else (key, kind)
        self._say(part, f"there is no kind {kind!r}" + _or(nearest(kind, KINDS)), on_key=key != "unread")
        return False

    def _waivers(self, book: CompiledBook) -> Waivers:
        entries = self.entry.waivers

        def say(part: Sequence[str | int], sentence: str, on_key: bool) -> None:
            self._say(("waivers", *part), sentence, on_key=on_key)

        reading = WaiverReading(book.book.rules, self.fixture.directory, (), say)
        return reading.read(entries, [f"waivers[{index}]" for index in range(len(entries))])

    def _unmapped(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind, names in self.entry.unmapped.items():
            if not self._is_kind(kind, self.entry):
                continue
            known = headings(kind)
            for index, name in enumerate(names):
                keys = list(known.values()) if name == "*" else [known.get(name.casefold())]
                found.setdefault(kind, []).extend(key for key in keys if key is not None)
                if keys == [None]:
                    sentence = f"a {kind} has no field {name!r}" + _or(nearest(name, known))
                    self._say(("unmapped", kind, index), sentence)
        return found

    def _set(self, given: Mapping[str, Given], name: str, cells: Any, part: tuple[str | int, ...]) -> None:
        if name in given:  # an unknown name is said with the others
            changed = read_cells(given[name].kind, cells, lambda at, text: self._say((*part, *at), text, on_key=True))
            given[name].cells.update(changed)


def _tables(given: Mapping[str, Given]) -> dict[str, str]:
    """Return how a test may call its tables -> their names: by kind and tool, by kind alone where that is one."""
    names = {each.ref.table: each.kind for each in given.values()}
    kinds = list(names.values())
    return {**{name: name for name in names}, **{kind: name for name, kind in names.items() if kinds.count(kind) == 1}}


def _or(near: str | None) -> str:
    return f"; did you mean {near!r}?" if near else ""
